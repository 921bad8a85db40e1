#include "contract_store.h"
#include "store/store_mem.h"

static struct store_mem_db *
database(void)
{
    static struct store_mem_db *db; // NOLINT: one for the program

    if (db == NULL) {
        db = store_mem_db_new();
        store_mem_set_time(db, 1790000000000);
    }
    return db;
}

void
contract_connect(struct store *out)
{
    store_mem_connect(database(), out);
}

void
contract_define(struct odk_str namespace_, struct odk_str name,
                struct odk_str text)
{
    (void)store_mem_define(database(), namespace_, name, text);
}

void
contract_cut(struct store *store)
{
    store_mem_disconnect(store);
}

size_t
contract_n_parked(int32_t shard)
{
    size_t n = 0;
    const struct store_parked_write *row = NULL;

    for (size_t i = 0; (row = store_mem_parked(database(), i)) != NULL; i++) {
        n += row->shard == shard;
    }
    return n;
}

size_t
contract_n_histories(int32_t shard, const struct odk_uuid *run_id)
{
    size_t n = 0;
    const struct store_history_write *row = NULL;

    for (size_t i = 0; (row = store_mem_history(database(), i)) != NULL; i++) {
        n += row->shard == shard && odk_uuid_eq(&row->run_id, run_id);
    }
    return n;
}

int
main(void)
{
    int rc = contract_run();

    store_mem_db_free(database());
    return rc;
}
