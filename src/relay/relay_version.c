#include <stdlib.h>

#include "relay/relay_priv.h"

/*
 * An incarnation's versions have the numbers first to newest. Each begins, on
 * each partition, where or behind where the one before it does: so the version
 * of an offset is found by halving, and those that were used last stay loaded.
 */

static void
loaded_release(struct relay_loaded *loaded)
{
    binding_free(loaded->binding);
    free(loaded->starts);
    *loaded = (struct relay_loaded){0};
}

void
relay_versions_release(struct relay *relay)
{
    for (size_t i = 0; i < relay->n_versions; i++) {
        loaded_release(&relay->versions[i]);
    }
    relay->n_versions = 0;
}

static struct relay_loaded *
loaded_find(struct relay *relay, int32_t version)
{
    for (size_t i = 0; i < relay->n_versions; i++) {
        if (relay->versions[i].version == version) {
            return &relay->versions[i];
        }
    }
    return NULL;
}

/* An empty place, at the cost of the version that was not used for longest. */
static struct relay_loaded *
loaded_new(struct relay *relay)
{
    struct relay_loaded *oldest = &relay->versions[0];

    if (relay->n_versions < RELAY_VERSIONS_MAX) {
        return &relay->versions[relay->n_versions++];
    }
    for (size_t i = 1; i < relay->n_versions; i++) {
        if (relay->versions[i].used < oldest->used) {
            oldest = &relay->versions[i];
        }
    }
    loaded_release(oldest);
    return oldest;
}

static int
version_load(struct relay *relay, const struct relay_version *version,
             struct relay_loaded **out, struct odk_err *err)
{
    struct binding_problems problems;
    struct binding *binding = NULL;

    binding_problems_init(&problems);
    int rc = binding_compile(version->rules, &binding, &problems);
    if (rc != 0) {
        rc = odk_err_set(
            err, ODK_ECORRUPT, "version %d no longer compiles: %.*s",
            version->version,
            ODK_STR_ARG(problems.n ? problems.list[0].message : ODK_STR("")));
    }
    binding_problems_release(&problems);
    if (rc != 0) {
        return rc;
    }
    struct relay_loaded *slot = loaded_new(relay);
    *slot = (struct relay_loaded){.binding = binding,
                                  .version = version->version,
                                  .n_starts = version->n_starts};
    slot->starts = calloc(version->n_starts + 1, sizeof(int64_t));
    if (!slot->starts) {
        odk_out_of_memory();
    }
    for (size_t i = 0; i < version->n_starts; i++) {
        slot->starts[i] = version->starts[i];
    }
    *out = slot;
    return 0;
}

static int
version_read(struct relay *relay, int32_t version, struct relay_version *out,
             struct odk_err *err)
{
    const struct relay_registry *registry = &relay->options.registry;

    return registry->read(registry->ctx, relay->options.name,
                          relay->options.topic, version, &relay->arena, out,
                          err);
}

/* Valid until the next call. */
static int
version_get(struct relay *relay, int32_t version,
            const struct relay_loaded **out, struct odk_err *err)
{
    struct relay_loaded *loaded = loaded_find(relay, version);
    struct relay_version read = {0};
    int rc = 0;

    *out = NULL;
    if (!loaded) {
        rc = version_read(relay, version, &read, err);
        rc = rc ? rc : version_load(relay, &read, &loaded, err);
    }
    if (rc == 0) {
        loaded->used = ++relay->n_uses;
        *out = loaded;
    }
    return rc;
}

int
relay_versions_refresh(struct relay *relay, struct odk_err *err)
{
    struct relay_loaded *loaded = NULL;
    struct relay_version newest = {0};
    int rc = version_read(relay, 0, &newest, err);

    if (rc != 0) {
        return rc;
    }
    if (relay->incarnation != 0 && newest.incarnation != relay->incarnation) {
        /* A reset: another life, another source, another beginning. */
        relay->is_superseded = true;
        odk_log(&relay->options.logger, ODK_LOG_INFO, "binding.superseded",
                "binding %s, topic %s: incarnation %d ends, %d begins",
                relay->name, relay->topic, relay->incarnation,
                newest.incarnation);
        return 0;
    }
    relay->is_quarantined = newest.is_quarantined;
    if (relay->is_quarantined) {
        relay_rest(relay, RELAY_QUARANTINE_MS);
    }
    relay->incarnation = newest.incarnation;
    relay->newest = newest.version;
    return loaded_find(relay, newest.version)
               ? 0
               : version_load(relay, &newest, &loaded, err);
}

static int64_t
version_start(const struct relay_loaded *version, int32_t partition)
{
    return (size_t)partition < version->n_starts ? version->starts[partition]
                                                 : 0;
}

/* Finds the first version of the incarnation: incarnations grow with versions.
 */
static int
first_find(struct relay *relay, struct odk_err *err)
{
    int32_t low = 1;
    int32_t high = relay->newest;

    while (relay->first == 0 && low < high) {
        int32_t middle = low + (high - low) / 2;
        struct relay_version read = {0};
        int rc = version_read(relay, middle, &read, err);
        if (rc != 0 && rc != ODK_ENOTFOUND) {
            return rc;
        }
        if (rc == 0 && read.incarnation == relay->incarnation) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    relay->first = relay->first ? relay->first : high;
    return 0;
}

/* Notes the newest version that begins at or below the offset for a partition;
 * 0: none does. */
static int
version_choose(struct relay *relay, struct relay_partition *partition,
               int64_t offset, struct odk_err *err)
{
    int32_t low = relay->first - 1; /* begins at or below the offset, or none */
    int32_t high = relay->newest + 1; /* begins above it */
    int32_t at = relay->newest;       /* most records are the newest one's */

    partition->version = 0;
    partition->version_end = 0;
    while (high - low > 1) {
        const struct relay_loaded *loaded = NULL;
        int rc = version_get(relay, at, &loaded, err);
        if (rc != 0) {
            return rc;
        }
        int64_t start = version_start(loaded, partition->id);
        if (start <= offset) {
            low = at;
        } else {
            high = at;
            partition->version_end = start;
        }
        at = low + (high - low) / 2;
    }
    partition->version = low >= relay->first ? low : 0;
    return 0;
}

int
relay_version_of(struct relay *relay, struct relay_partition *partition,
                 int64_t offset, const struct relay_loaded **out,
                 struct odk_err *err)
{
    bool is_known =
        partition->version != 0 && (partition->version == relay->newest ||
                                    offset < partition->version_end);
    int rc = is_known ? 0 : first_find(relay, err);

    *out = NULL;
    if (rc == 0 && !is_known) {
        rc = version_choose(relay, partition, offset, err);
    }
    if (rc != 0 || partition->version == 0) {
        return rc;
    }
    return version_get(relay, partition->version, out, err);
}

int
relay_first_start(struct relay *relay, int32_t partition, int64_t *out,
                  struct odk_err *err)
{
    const struct relay_loaded *first = NULL;
    int rc = first_find(relay, err);

    rc = rc ? rc : version_get(relay, relay->first, &first, err);
    if (rc == 0) {
        *out = (size_t)partition < first->n_starts
                   ? version_start(first, partition)
                   : -1;
    }
    return rc;
}
