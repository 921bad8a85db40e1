/*
 * The functions that AWS Step Functions adds to the language.
 */

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_text_priv.h"

#define RANGE_ITEMS_MAX 1000.0
/* What a byte of JSON text may become in memory. */
#define PARSE_BYTES_PER_BYTE 32u

struct jv
jx_fn_partition(struct jx *ctx, struct jx_call *call)
{
    struct jv array = call->args[0];
    struct jv_array *out = jv_array_new(ctx, 0);
    struct jv_array *part = NULL;

    if (jv_is_undefined(array)) {
        return array;
    }
    double size =
        call->args[1].type == JV_NUMBER ? floor(call->args[1].u.number) : 0;
    if (!(size >= 1)) {
        return jx_fail_value(ctx, "D3203", call->args[1]);
    }
    uint32_t n = jv_len(array);
    for (uint32_t i = 0; i < n && jx_charge(ctx, 1); i++) {
        if (!part || part->len >= size) {
            part = jv_array_new(ctx, 0);
            jv_array_push(ctx, out, jv_array(part));
        }
        jv_array_push(ctx, part, jv_at(array, i));
    }
    return jv_array(out);
}

/* A sequence: recorded executions show that a single item stands alone. */
struct jv
jx_fn_range(struct jx *ctx, struct jx_call *call)
{
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);

    for (uint32_t i = 0; i < 3; i++) {
        if (call->args[i].type != JV_NUMBER) {
            return jv_undefined();
        }
    }
    double first = call->args[0].u.number;
    double last = call->args[1].u.number;
    double step = call->args[2].u.number;
    double n = floor((last - first) / step) + 1;
    if (step == 0 || !isfinite(n) || n > RANGE_ITEMS_MAX) {
        return jx_fail(ctx, "D3202");
    }
    for (int i = 0; i < n; i++) {
        jv_array_push(ctx, out, jv_number(first + i * step));
    }
    return jv_array(out);
}

struct jv
jx_fn_hash(struct jx *ctx, struct jx_call *call)
{
    static const char *const names[] = {"MD5", "SHA-1", "SHA-256", "SHA-384",
                                        "SHA-512"};
    struct jv v = call->args[0];
    uint8_t digest[ODK_DIGEST_BYTES_MAX];
    char hex[2 * ODK_DIGEST_BYTES_MAX + 1];
    struct jx_text text;

    if (jv_is_undefined(v)) {
        return v;
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(names); i++) {
        if (call->args[1].type == JV_STRING &&
            odk_str_is(jv_text(call->args[1]), names[i])) {
            (void)jx_charge_bytes(ctx, v.len);
            size_t len = odk_digest((enum odk_digest)i, jv_text(v), digest);
            odk_hex(digest, len, hex);
            jx_text_init(&text, ctx);
            jx_text_put_cstr(&text, hex);
            return jx_text_value(&text);
        }
    }
    return jx_fail_value(ctx, "D3201", call->args[1]);
}

struct jv
jx_fn_random_seeded(struct jx *ctx, struct jx_call *call)
{
    struct odk_rand rand;
    uint64_t bits = 0;

    if (call->args[0].type != JV_NUMBER) {
        return jx_fn_random(ctx, call);
    }
    memcpy(&bits, &call->args[0].u.number, sizeof(bits));
    odk_rand_init(&rand, odk_mix64(bits));
    return jv_number(odk_rand_unit(&rand));
}

struct jv
jx_fn_uuid(struct jx *ctx, struct jx_call *call)
{
    uint64_t high = odk_rand_u64(&ctx->rand);
    struct odk_uuid id = odk_uuid_v4(high, odk_rand_u64(&ctx->rand));
    char out[ODK_UUID_TEXT_LEN + 1];
    struct jx_text text;

    (void)call;
    odk_uuid_format(&id, out);
    jx_text_init(&text, ctx);
    jx_text_put_cstr(&text, out);
    return jx_text_value(&text);
}

struct jv
jx_fn_parse(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jx_json *keep = jx_alloc(ctx, sizeof(*keep));

    if (jv_is_undefined(v) || !keep || !jx_charge(ctx, v.len / 16)) {
        return jv_undefined();
    }
    size_t cost = (size_t)v.len * PARSE_BYTES_PER_BYTE;
    if (cost > ctx->json_bytes_left) {
        return jx_fail_limit(ctx, "The parsed value takes too much memory");
    }
    ctx->json_bytes_left -= cost;
    keep->json =
        json_loadb(v.u.text, v.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!keep->json) {
        return jx_fail_value(ctx, "D3200", v);
    }
    keep->next = ctx->parsed;
    ctx->parsed = keep;
    return jv_from_json(keep->json);
}
