#include <stdlib.h>

#include "relay/relay_priv.h"

void
relay_versions_release(struct relay *relay)
{
    for (size_t i = 0; i < relay->n_versions; i++) {
        binding_free(relay->versions[i].binding);
        free(relay->versions[i].starts);
    }
    relay->n_versions = 0;
}

/* Adds a version behind those there are (older ones come later). */
static int
version_add(struct relay *relay, size_t at, const struct relay_version *version,
            struct odk_err *err)
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
    if (relay->n_versions == RELAY_VERSIONS_MAX) {
        relay->n_versions--;
        binding_free(relay->versions[relay->n_versions].binding);
        free(relay->versions[relay->n_versions].starts);
    }
    memmove(&relay->versions[at + 1], &relay->versions[at],
            (relay->n_versions - at) * sizeof(struct relay_loaded));
    struct relay_loaded *slot = &relay->versions[at];
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
    relay->n_versions++;
    return 0;
}

/* Looks whether a newer version was published; called under every poll that
 * brought records. */
int
relay_versions_refresh(struct relay *relay, struct odk_err *err)
{
    const struct relay_registry *registry = &relay->options.registry;
    struct relay_version newest = {0};
    int rc =
        registry->read(registry->ctx, relay->options.name, relay->options.topic,
                       0, &relay->arena, &newest, err);

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
    int32_t known =
        relay->n_versions ? relay->versions[0].version : newest.version - 1;
    for (int32_t version = known + 1; rc == 0 && version < newest.version;
         version++) {
        struct relay_version between = {0};
        rc = registry->read(registry->ctx, relay->options.name,
                            relay->options.topic, version, &relay->arena,
                            &between, err);
        if (rc == 0) {
            rc = version_add(relay, 0, &between, err);
        }
    }
    if (rc == 0 && newest.version > known) {
        rc = version_add(relay, 0, &newest, err);
    }
    return rc;
}

static int64_t
version_start(const struct relay_loaded *version, int32_t partition)
{
    return (size_t)partition < version->n_starts ? version->starts[partition]
                                                 : 0;
}

/* Loads the version before the oldest loaded one. 1: this incarnation has none
 * before. */
static int
version_before(struct relay *relay, struct odk_err *err)
{
    const struct relay_registry *registry = &relay->options.registry;
    const struct relay_loaded *oldest = &relay->versions[relay->n_versions - 1];
    struct relay_version before = {0};

    if (oldest->version <= 1 || relay->n_versions == RELAY_VERSIONS_MAX) {
        return 1;
    }
    int rc =
        registry->read(registry->ctx, relay->options.name, relay->options.topic,
                       oldest->version - 1, &relay->arena, &before, err);
    if (rc == ODK_ENOTFOUND ||
        (rc == 0 && before.incarnation != relay->incarnation)) {
        return 1;
    }
    return rc ? rc : version_add(relay, relay->n_versions, &before, err);
}

/* The version that an offset belongs to; NULL: below the oldest one, not the
 * binding's business. */
int
relay_version_of(struct relay *relay, int32_t partition, int64_t offset,
                 const struct relay_loaded **out, struct odk_err *err)
{
    size_t i = 0;
    int rc = 0;

    *out = NULL;
    while (rc == 0) {
        for (; i < relay->n_versions; i++) {
            if (offset >= version_start(&relay->versions[i], partition)) {
                *out = &relay->versions[i];
                return 0;
            }
        }
        rc = version_before(relay, err);
    }
    return rc < 0 ? rc : 0;
}

/* Where the binding's first version of this incarnation begins. */
int
relay_first_start(struct relay *relay, int32_t partition, int64_t *out,
                  struct odk_err *err)
{
    int rc = 0;

    while (rc == 0) {
        rc = version_before(relay, err);
    }
    *out = version_start(&relay->versions[relay->n_versions - 1], partition);
    return rc < 0 ? rc : 0;
}
