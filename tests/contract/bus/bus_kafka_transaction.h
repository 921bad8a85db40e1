#ifndef BUS_KAFKA_TRANSACTION_H
#define BUS_KAFKA_TRANSACTION_H

#include <stdint.h>

/** A foreign client's transaction of n records (headers odk-shard 1, odk-seq
 * from first on) on partition 0, committed or aborted. Returns 0 on success. */
enum transaction_end {
    TRANSACTION_COMMIT,
    TRANSACTION_ABORT,
};

int transaction_write(const char *bootstrap, const char *topic, uint64_t first,
                      int n, enum transaction_end end);

#endif
