#include "cli/cli_letter.h"

#include <string.h>

#include "cli/cli_output.h"

#define PAGE        200u
#define STEP_MS     250
#define IDLE_MS_MAX 10000

int
cli_letters_open(struct cli_letters *letters, struct cli *cli)
{
    struct odk_err err = {0};

    *letters = (struct cli_letters){.partition = -1};
    int code = cli_query_open(cli, &letters->query);
    if (code != CLI_OK) {
        return code;
    }
    if (cli_topic_open(&letters->topic, cli, CLI_DEADLETTER, &err) != 0) {
        store_pg_query_close(letters->query);
        return cli_fail_err(cli, &err);
    }
    odk_arena_init(&letters->arena, 0);
    return CLI_OK;
}

void
cli_letters_close(struct cli_letters *letters)
{
    cli_topic_close(&letters->topic);
    store_pg_query_close(letters->query);
    odk_arena_release(&letters->arena);
}

int
cli_letters_filter(struct cli *cli, const struct cli_args *args,
                   struct cli_letter_filter *out)
{
    const char *since = cli_flag(args, "since");
    int64_t ms = 0;

    *out =
        (struct cli_letter_filter){.code = odk_str(cli_flag(args, "code")),
                                   .topic = odk_str(cli_flag(args, "topic"))};
    if (!since) {
        return CLI_OK;
    }
    if (config_parse_duration(odk_str(since), &ms)) {
        out->since = cli_now() - ms;
    } else if (!odk_time_parse(odk_str(since), &out->since)) {
        return cli_fail(cli, CLI_USAGE,
                        "--since: give a duration such as 2h or 7d, or a time "
                        "such as 2026-11-25T08:00:00Z");
    }
    return CLI_OK;
}

/* ---- one letter ---- */

static struct odk_str
keep(struct odk_arena *arena, struct odk_str s)
{
    if (!s.ptr) {
        return s;
    }
    struct odk_str kept = odk_arena_str(arena, s);
    odk_assert(kept.ptr);
    return kept;
}

/* Takes a header that says something of the letter; false: it is the failed
 * record's own. */
static bool
take_header(struct cli_letter *letter, const struct bus_header *header)
{
    const struct {
        const char *name;
        struct odk_str *text;
        int64_t *number;
    } known[] = {
        {"odk-origin-topic", &letter->origin_topic, NULL},
        {"odk-origin-partition", NULL, &letter->origin_partition},
        {"odk-origin-offset", NULL, &letter->origin_offset},
        {"odk-error-code", &letter->code, NULL},
        {"odk-error", &letter->text, NULL},
        {"odk-source", &letter->source, NULL},
        {"odk-shard", NULL, NULL},
        {"odk-seq", NULL, NULL},
        {"odk-headers-left-out", NULL, NULL},
        {"odk-value-bytes", NULL, NULL},
    };

    if (odk_str_is(header->name, "odk-value-sha256")) {
        letter->is_value_elsewhere = true;
        return true;
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(known); i++) {
        if (odk_str_is(header->name, known[i].name)) {
            if (known[i].text) {
                *known[i].text = header->value;
            }
            if (known[i].number) {
                (void)odk_str_to_i64(header->value, known[i].number);
            }
            return true;
        }
    }
    return false;
}

/* A record may have carried headers of our names itself: the last one of a name
 * is ours. */
static void
copy(const struct bus_message *message, struct odk_arena *arena,
     struct cli_letter *out)
{
    struct bus_header *headers =
        odk_arena_calloc(arena, message->n_headers, sizeof(*headers));

    odk_assert(headers);
    *out = (struct cli_letter){.partition = message->partition,
                               .offset = message->offset,
                               .at = message->timestamp,
                               .key = keep(arena, message->key),
                               .value = keep(arena, message->value),
                               .headers = headers,
                               .origin_partition = -1,
                               .origin_offset = -1};
    for (size_t i = 0; i < message->n_headers; i++) {
        struct bus_header header = {keep(arena, message->headers[i].name),
                                    keep(arena, message->headers[i].value)};
        if (!take_header(out, &header)) {
            headers[out->n_headers++] = header;
        }
    }
}

static bool
is_wanted(const struct cli_letter_filter *filter,
          const struct cli_letter *letter)
{
    return (!filter->code.ptr || odk_str_eq(filter->code, letter->code)) &&
           (!filter->topic.ptr ||
            odk_str_eq(filter->topic, letter->origin_topic)) &&
           letter->at >= filter->since;
}

/* ---- pages ---- */

int
cli_letters_seek(struct cli_letters *letters, int32_t partition, int64_t after,
                 struct odk_err *err)
{
    if (partition < 0 || partition >= letters->topic.partitions) {
        return odk_err_set(err, ODK_ENOTFOUND,
                           "%s has no partition %d: its partitions are 0 to %d",
                           CLI_DEADLETTER, (int)partition,
                           (int)letters->topic.partitions - 1);
    }
    int rc = cli_topic_range(&letters->topic, partition, &letters->log_start,
                             &letters->end, err);
    letters->partition = partition;
    letters->next =
        after + 1 > letters->log_start ? after + 1 : letters->log_start;
    return rc;
}

static void
take(struct cli_letters *letters, const struct bus_batch *batch)
{
    for (size_t i = 0; i < batch->n_messages && letters->n < PAGE; i++) {
        const struct bus_message *message = &batch->messages[i];
        if (message->partition != letters->partition ||
            message->offset < letters->next) {
            continue;
        }
        letters->next = message->offset + 1;
        if (message->offset < letters->end) {
            copy(message, &letters->arena, &letters->list[letters->n++]);
        }
    }
}

/* The next records of the partition, up to a page. */
static int
read_page(struct cli_letters *letters, struct odk_err *err)
{
    odk_dur_ms idle_ms = 0;
    int rc = cli_topic_start(&letters->topic, letters->partition, letters->next,
                             err);

    odk_arena_reset(&letters->arena);
    letters->n = 0;
    letters->list =
        odk_arena_calloc(&letters->arena, PAGE, sizeof(*letters->list));
    odk_assert(letters->list);
    while (rc == 0 && letters->n < PAGE && letters->next < letters->end) {
        struct bus_batch batch = {0};
        rc = cli_topic_read(&letters->topic, STEP_MS, &batch, err);
        idle_ms = batch.n_messages > 0 ? 0 : idle_ms + STEP_MS;
        if (rc == 0 && idle_ms > IDLE_MS_MAX) {
            rc = odk_err_set(err, ODK_ETIMEOUT,
                             "%s/%d was not read to its end: Kafka sends "
                             "nothing",
                             CLI_DEADLETTER, (int)letters->partition);
        }
        take(letters, &batch);
    }
    return rc;
}

static int
note_handled(struct cli_letters *letters, struct odk_err *err)
{
    const struct store_pg_letter *rows = NULL;
    size_t n = 0;

    if (letters->n == 0) {
        return 0;
    }
    struct store_pg_letter_range range = {
        letters->partition, letters->list[0].offset,
        letters->list[letters->n - 1].offset + 1};
    int rc = store_pg_letters_handled(letters->query, &range, &letters->arena,
                                      &rows, &n, err);
    for (size_t i = 0, at = 0; rc == 0 && i < n; i++) {
        while (at < letters->n && letters->list[at].offset < rows[i].offset) {
            at++;
        }
        if (at < letters->n && letters->list[at].offset == rows[i].offset &&
            letters->list[at].at == rows[i].letter_at) {
            letters->list[at].action = rows[i].action;
            letters->list[at].reason = rows[i].reason;
        }
    }
    return rc;
}

static void
keep_wanted(struct cli_letters *letters)
{
    size_t n = 0;

    for (size_t i = 0; i < letters->n; i++) {
        const struct cli_letter *letter = &letters->list[i];
        bool is_open = letters->filter.is_with_handled || !letter->action.ptr;
        if (is_open && is_wanted(&letters->filter, letter)) {
            letters->list[n++] = *letter;
        }
    }
    letters->n = n;
}

int
cli_letters_next(struct cli_letters *letters, struct odk_err *err)
{
    int rc = 0;

    letters->n = 0;
    while (rc == 0 && letters->n == 0) {
        if (letters->partition < 0 || letters->next >= letters->end) {
            if (letters->partition + 1 >= letters->topic.partitions) {
                return 0;
            }
            rc = cli_letters_seek(letters, letters->partition + 1, -1, err);
        }
        if (rc == 0 && letters->next < letters->end) {
            rc = read_page(letters, err);
        }
        rc = rc ? rc : note_handled(letters, err);
        keep_wanted(letters);
    }
    if (rc != 0) {
        letters->n = 0;
    }
    return rc;
}

int
cli_letters_get(struct cli_letters *letters, int32_t partition, int64_t offset,
                struct cli_letter **out, struct odk_err *err)
{
    *out = NULL;
    int rc = cli_letters_seek(letters, partition, offset - 1, err);
    if (rc == 0 && offset >= letters->next && offset < letters->end) {
        letters->end = offset + 1;
        rc = read_page(letters, err);
        rc = rc ? rc : note_handled(letters, err);
    } else {
        letters->n = 0;
    }
    if (rc == 0 && (letters->n == 0 || letters->list[0].offset != offset)) {
        rc = odk_err_set(err, ODK_ENOTFOUND, "%s holds no letter %d/%lld",
                         CLI_DEADLETTER, (int)partition, (long long)offset);
    }
    if (rc == 0) {
        *out = &letters->list[0];
    }
    return rc;
}
