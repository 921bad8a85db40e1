#include "bus/bus_origin.h"

size_t
bus_origin_format(uint64_t value, char out[BUS_ORIGIN_TEXT_MAX])
{
    char reversed[BUS_ORIGIN_TEXT_MAX];
    size_t len = 0;

    do {
        reversed[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < len; i++) {
        out[i] = reversed[len - 1 - i];
    }
    out[len] = '\0';
    return len;
}

bool
bus_origin_parse(const struct bus_header *headers, size_t n_headers,
                 int32_t *shard, uint64_t *seq)
{
    bool has_shard = false;
    bool has_seq = false;

    for (size_t i = 0; i < n_headers; i++) {
        if (odk_str_is(headers[i].name, BUS_ORIGIN_SHARD)) {
            int64_t number = -1;

            has_shard = odk_str_to_i64(headers[i].value, &number) &&
                        number >= 0 && number <= INT32_MAX;
            *shard = has_shard ? (int32_t)number : -1;
        } else if (odk_str_is(headers[i].name, BUS_ORIGIN_SEQ)) {
            has_seq = odk_str_to_u64(headers[i].value, seq);
        }
    }
    return has_shard && has_seq;
}
