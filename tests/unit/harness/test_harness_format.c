#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/harness_format.h"
#include "json/json.h"

/* The layout of a text, checked: again the same, and the same content. */
static void
assert_layout(const char *text, const char *expected)
{
    struct odk_buf out;
    struct odk_buf again;
    json_t *before = json_parse(odk_str(text), NULL);

    assert_non_null(before);
    odk_buf_init(&out, 0);
    odk_buf_init(&again, 0);
    harness_format(before, &out);
    json_t *after = json_parse(odk_buf_str(&out), NULL);
    assert_true(json_eq(before, after));
    harness_format(after, &again);
    assert_true(odk_str_eq(odk_buf_str(&out), odk_buf_str(&again)));
    odk_buf_put_char(&out, '\0');
    assert_string_equal(out.ptr, expected);
    odk_buf_release(&out);
    odk_buf_release(&again);
    json_decref(before);
    json_decref(after);
}

static void
members_stand_in_one_order(void **state)
{
    (void)state;
    assert_layout(
        "{\"States\":{\"B\":{\"Next\":\"A\",\"Mine\":1,\"Retry\":[{"
        "\"MaxAttempts\":1,\"ErrorEquals\":[\"E\"]}],\"Type\":\"Task\","
        "\"Resource\":\"r\"},\"A\":{\"Type\":\"Succeed\"}},\"StartAt\":\"B\"}",
        "{\n"
        "  \"StartAt\": \"B\",\n"
        "  \"States\": {\n"
        "    \"B\": {\n"
        "      \"Type\": \"Task\",\n"
        "      \"Resource\": \"r\",\n"
        "      \"Mine\": 1,\n"
        "      \"Retry\": [{ \"ErrorEquals\": [\"E\"], \"MaxAttempts\": 1 }],\n"
        "      \"Next\": \"A\"\n"
        "    },\n"
        "    \"A\": { \"Type\": \"Succeed\" }\n"
        "  }\n"
        "}\n");
}

static void
payloads_stay_as_they_are(void **state)
{
    (void)state;
    assert_layout(
        "{\"States\":{\"A\":{\"Parameters\":{\"Type\":1.5,\"Comment\":\"\\u00e9"
        "\",\"States\":{}},\"Type\":\"Pass\"}}}",
        "{\n"
        "  \"States\": {\n"
        "    \"A\": {\n"
        "      \"Type\": \"Pass\",\n"
        "      \"Parameters\": { \"Type\": 1.5, \"Comment\": \"é\", "
        "\"States\": {} }\n"
        "    }\n"
        "  }\n"
        "}\n");
}

static void
what_is_long_is_broken(void **state)
{
    (void)state;
    assert_layout(
        "{\"Comment\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",1]}",
        "{\n"
        "  \"Comment\": [\n"
        "    "
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\n"
        "    1\n"
        "  ]\n"
        "}\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_stand_in_one_order),
        cmocka_unit_test(payloads_stay_as_they_are),
        cmocka_unit_test(what_is_long_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
