#include "expr/expr_priv.h"

/* Two random words; without a generator in the environment they are always the
 * same, which is deterministic too. */
static void
draw(const struct expr_call *call, uint64_t *hi, uint64_t *lo)
{
    struct odk_rand fallback;
    struct odk_rand *rand = call->run->env->rand;

    if (!rand) {
        odk_rand_init(&fallback, 0);
        rand = &fallback;
    }
    *hi = odk_rand_u64(rand);
    *lo = odk_rand_u64(rand);
}

/* From start (included) to end (excluded). */
int
expr_math_random(const struct expr_call *call, json_t **out)
{
    struct odk_rand seeded;
    int64_t start = 0;
    int64_t end = 0;
    int64_t seed = 0;
    uint64_t hi = 0;
    uint64_t lo = 0;

    if (!expr_want_integer(call, 0, &start) ||
        !expr_want_integer(call, 1, &end)) {
        return ODK_EINVAL;
    }
    if (call->node->n_arguments == 3) {
        if (!expr_want_integer(call, 2, &seed)) {
            return ODK_EINVAL;
        }
        odk_rand_init(&seeded, (uint64_t)seed);
    } else {
        draw(call, &hi, &lo);
        odk_rand_init(&seeded, hi ^ lo);
    }
    if (start >= end) {
        return expr_call_fail(call, "The start must be less than the end");
    }
    uint64_t width = (uint64_t)end - (uint64_t)start;
    uint64_t value = (uint64_t)start + odk_rand_below(&seeded, width);
    *out = json_integer((json_int_t)value);
    return 0;
}

int
expr_math_add(const struct expr_call *call, json_t **out)
{
    int64_t a = 0;
    int64_t b = 0;
    int64_t sum = 0;

    if (!expr_want_integer(call, 0, &a) || !expr_want_integer(call, 1, &b)) {
        return ODK_EINVAL;
    }
    if (__builtin_add_overflow(a, b, &sum)) {
        return expr_call_fail(call, "The sum is out of range");
    }
    *out = json_integer(sum);
    return 0;
}

int
expr_uuid(const struct expr_call *call, json_t **out)
{
    char text[ODK_UUID_TEXT_LEN + 1];
    uint64_t hi = 0;
    uint64_t lo = 0;

    draw(call, &hi, &lo);
    struct odk_uuid id = odk_uuid_v4(hi, lo);
    odk_uuid_format(&id, text);
    *out = json_str_new(odk_str_n(text, ODK_UUID_TEXT_LEN));
    return 0;
}
