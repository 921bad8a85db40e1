/*
 * Whatever the request is, there is an answer, and it is a JSON object.
 */

#include <stddef.h>
#include <stdint.h>

#include "harness/harness_test_state.h"
#include "json/json.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's word */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct odk_buf out;

    odk_buf_init(&out, 0);
    int rc = harness_test_state(odk_str_n(data, size), &out);
    json_t *answer = json_parse(odk_buf_str(&out), NULL);
    odk_assert(rc == 0 || rc == ODK_ESYNTAX || rc == ODK_ELIMIT);
    odk_assert(rc == ODK_ELIMIT || json_is_object(answer));
    json_decref(answer);
    odk_buf_release(&out);
    return 0;
}
