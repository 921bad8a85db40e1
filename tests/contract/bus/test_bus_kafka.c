#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bus_kafka/bus_kafka_admin.h"
#include "contract_bus.h"

#define SKIPPED   77
#define NAMES_MAX 256

/** Topics made, to be removed at the end. */
struct made {
    const char *bootstrap;
    char names[NAMES_MAX][NAME_MAX_LEN];
    size_t n;
};

static int
rig_topic_create(struct contract_rig *rig, const char *name, int32_t partitions)
{
    struct made *made = rig->impl;
    struct bus_kafka_options options = {.bootstrap = made->bootstrap};
    struct bus_kafka_topic topic = {.name = odk_str(name),
                                    .partitions = partitions};
    struct odk_err err = {0};
    int rc = bus_kafka_topics_create(&options, &topic, 1, &err);

    if (rc < 0) {
        print_message("%s\n", err.message);
        return rc;
    }
    if (made->n < NAMES_MAX) {
        (void)snprintf(made->names[made->n++], NAME_MAX_LEN, "%s", name);
    }
    return 0;
}

static int
rig_open(struct contract_rig *rig, const struct contract_open *how,
         struct bus *out, struct odk_err *err)
{
    const struct made *made = rig->impl;
    struct bus_kafka_options options = {
        .bootstrap = made->bootstrap,
        .group_id = how->group,
        .instance_id = how->instance,
        .topics = how->topics,
        .n_topics = how->n_topics,
        .queue_records_max = how->queue_max,
    };

    return bus_kafka_open(&options, out, err);
}

static void
topics_remove(const struct made *made)
{
    struct bus_kafka_options options = {.bootstrap = made->bootstrap};
    struct odk_str names[NAMES_MAX];
    struct odk_err err = {0};

    for (size_t i = 0; i < made->n; i++) {
        names[i] = odk_str(made->names[i]);
    }
    if (bus_kafka_topics_delete(&options, names, made->n, &err) < 0) {
        print_message("%s\n", err.message);
    }
}

int
main(void)
{
    struct made *made = calloc(1, sizeof(*made));
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    const char *bootstrap = getenv("ODRADEK_KAFKA");
    struct timespec now = {0};

    if (!bootstrap || !bootstrap[0] || !made) {
        (void)fprintf(stderr, "skipped: ODRADEK_KAFKA is not set\n");
        free(made);
        return SKIPPED;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    made->bootstrap = bootstrap;
    struct contract_rig rig = {
        .topic_create = rig_topic_create,
        .open = rig_open,
        .impl = made,
    };

    (void)snprintf(rig.prefix, sizeof(rig.prefix), "odk-%x-%lx",
                   (unsigned)getpid() & 0xffffU, (unsigned long)now.tv_sec);
    int failed = contract_bus_run(&rig);

    topics_remove(made);
    free(made);
    return failed;
}
