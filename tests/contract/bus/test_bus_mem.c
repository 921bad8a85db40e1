#include <stdio.h>

#include "bus/bus_mem.h"
#include "contract_bus.h"

static int
rig_topic_create(struct contract_rig *rig, const char *name, int32_t partitions)
{
    return bus_mem_topic_create(rig->impl, odk_str(name), partitions, 0, NULL);
}

static int
rig_open(struct contract_rig *rig, const struct contract_open *how,
         struct bus *out, struct odk_err *err)
{
    struct bus_mem_options options = {
        .group_id = how->group,
        .instance_id = how->instance,
        .topics = how->topics,
        .n_topics = how->n_topics,
        .queue_max = how->queue_max,
    };

    return bus_mem_open(rig->impl, &options, out, err);
}

int
main(void)
{
    struct contract_rig rig = {
        .topic_create = rig_topic_create,
        .open = rig_open,
        .impl = bus_mem_broker_new(),
        .prefix = "bus.mem",
    };
    int failed = contract_bus_run(&rig);

    if (failed == 0) {
        bus_mem_broker_free(rig.impl);
    }
    return failed;
}
