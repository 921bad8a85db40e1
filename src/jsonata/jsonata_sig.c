/*
 * Function signatures `<a<n>s-n?:x>`. Each parameter admits kinds of argument
 * and a number of them; together they are a small regular expression over the
 * kinds of the arguments, matched greedily with backtracking. The arguments are
 * few, so the matcher fills a table instead of recursing.
 */

#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_node_priv.h"
#include "jsonata/jsonata_text_priv.h"

#define SIG_PARAMS_MAX 32u

enum sig_kind {
    SIG_ARRAY = 1,
    SIG_STRING = 2,
    SIG_NUMBER = 4,
    SIG_BOOL = 8,
    SIG_NULL = 16,
    SIG_FUNC = 32,
    SIG_OBJECT = 64,
    SIG_MISSING = 128,
    SIG_JSON = 0xdf,
    SIG_ANY = 0xff,
};

struct sig_param {
    uint8_t kinds;
    uint8_t context_kinds; /**< of the context that may stand in */
    bool is_context;
    bool is_optional;
    bool is_many;
    char type;
    struct odk_str subtype; /**< ptr NULL = none */
};

struct jx_sig {
    struct sig_param *params;
    uint32_t n;
};

static uint8_t
kind_of_symbol(char c)
{
    static const char symbols[] = "asnblfomjx";
    static const uint8_t kinds[] = {
        SIG_ARRAY, SIG_STRING, SIG_NUMBER,  SIG_BOOL, SIG_NULL,
        SIG_FUNC,  SIG_OBJECT, SIG_MISSING, 0,        0};
    const char *at = c ? strchr(symbols, c) : NULL;

    return at ? kinds[at - symbols] : 0;
}

static uint8_t
kind_of(struct jv v)
{
    switch ((enum jv_type)v.type) {
    case JV_STRING:
        return SIG_STRING;
    case JV_NUMBER:
        return SIG_NUMBER;
    case JV_BOOL:
        return SIG_BOOL;
    case JV_NULL:
        return SIG_NULL;
    case JV_ARRAY:
        return SIG_ARRAY;
    case JV_OBJECT:
        return SIG_OBJECT;
    case JV_FUNC:
        return SIG_FUNC;
    case JV_UNDEFINED:
    case JV_TUPLE:
        return SIG_MISSING;
    }
    return SIG_MISSING;
}

/* Offset of the bracket that closes the one at `from`, or the end. */
static size_t
closing(struct odk_str s, size_t from, char open, char close)
{
    int depth = 1;
    size_t at = from + 1;

    for (; at < s.len; at++) {
        depth += s.ptr[at] == open ? 1 : s.ptr[at] == close ? -1 : 0;
        if (depth == 0) {
            break;
        }
    }
    return at;
}

static uint8_t
kinds_of_type(char c)
{
    switch (c) {
    case 's':
    case 'n':
    case 'b':
    case 'l':
    case 'o':
        return kind_of_symbol(c) | SIG_MISSING;
    case 'a':
    case 'x':
        return SIG_ANY;
    case 'j':
        return SIG_JSON;
    case 'f':
        return SIG_FUNC;
    default:
        return 0;
    }
}

static struct sig_param *
sig_add(struct jp *jp, struct jx_sig *sig, char type, uint8_t kinds)
{
    if (sig->n == SIG_PARAMS_MAX) {
        jp_fail_limit(jp);
        return NULL;
    }
    struct sig_param *param = &sig->params[sig->n++];
    param->type = type;
    param->kinds = kinds;
    return param;
}

/* `(sf)`; returns the offset of its end. */
static size_t
sig_choice(struct jp *jp, struct jx_sig *sig, struct odk_str s, size_t at)
{
    size_t end = closing(s, at, '(', ')');
    struct odk_str choice = jx_str_slice(s, at + 1, end);
    uint8_t kinds = SIG_MISSING;

    if (odk_str_find(choice, '<') >= 0) {
        (void)jp_fail(jp, "S0402", (uint32_t)at, jv_undefined(),
                      jv_string(choice));
        return end;
    }
    for (size_t i = 0; i < choice.len; i++) {
        kinds |= kind_of_symbol(choice.ptr[i]);
    }
    (void)sig_add(jp, sig, '(', kinds);
    return end;
}

/* `<n>` behind a or f; returns the offset of its end. */
static size_t
sig_subtype(struct jp *jp, struct jx_sig *sig, struct odk_str s, size_t at)
{
    struct sig_param *last = sig->n ? &sig->params[sig->n - 1] : NULL;
    size_t end = closing(s, at, '<', '>');

    if (!last || (last->type != 'a' && last->type != 'f')) {
        (void)jp_fail(jp, "S0401", (uint32_t)at, jv_undefined(),
                      last ? jv_string(odk_str_n(&last->type, 1))
                           : jv_undefined());
        return end;
    }
    last->subtype = jx_str_slice(s, at + 1, end);
    return end;
}

/* A sign behind a parameter. */
static void
sig_modify(struct jx_sig *sig, char c)
{
    struct sig_param *last = sig->n ? &sig->params[sig->n - 1] : NULL;

    if (!last) {
        return;
    }
    if (c == '-') {
        last->is_context = true;
        last->context_kinds = last->kinds;
        last->is_optional = true;
    } else if (c == '?') {
        last->is_optional = true;
    } else {
        last->is_many = true;
    }
}

struct jx_sig *
jp_signature(struct jp *jp, struct odk_str s, uint32_t position)
{
    struct odk_arena *arena = &jp->program->arena;
    struct jx_sig *sig = odk_arena_alloc(arena, sizeof(*sig));
    size_t max = s.len < SIG_PARAMS_MAX ? s.len : SIG_PARAMS_MAX;

    if (sig) {
        sig->params = odk_arena_calloc(arena, max, sizeof(*sig->params));
    }
    if (!sig || !sig->params) {
        jp_fail_limit(jp);
        return NULL;
    }
    for (size_t at = 1; at < s.len && s.ptr[at] != ':' && !jp->is_failed;
         at++) {
        char c = s.ptr[at];
        if (kinds_of_type(c)) {
            (void)sig_add(jp, sig, c, kinds_of_type(c));
        } else if (c == '-' || c == '?' || c == '+') {
            sig_modify(sig, c);
        } else if (c == '(') {
            at = sig_choice(jp, sig, s, at);
        } else if (c == '<') {
            at = sig_subtype(jp, sig, s, at);
        }
    }
    if (jp->is_failed) {
        jp->fault->position += position;
        return NULL;
    }
    return sig;
}

/* can[p][i]: parameters p… can match arguments i… . One row per parameter and
 * one behind them; `is_open`: arguments may be left over. */
struct sig_table {
    bool *can;
    uint32_t width;
};

static bool
sig_fill(struct jx *ctx, const struct jx_sig *sig, uint32_t n_params,
         const struct jx_call *call, bool is_open, struct sig_table *table)
{
    uint32_t width = call->n + 1;

    table->width = width;
    table->can = jx_alloc(ctx, (size_t)(n_params + 1) * width);
    if (!table->can || !jx_charge(ctx, (uint64_t)n_params * width)) {
        return false;
    }
    for (uint32_t i = 0; i < width; i++) {
        table->can[n_params * width + i] = is_open || i == call->n;
    }
    for (uint32_t p = n_params; p-- > 0;) {
        const struct sig_param *param = &sig->params[p];
        bool *row = table->can + (size_t)p * width;
        const bool *below = row + width;
        for (uint32_t i = width; i-- > 0;) {
            bool fits = i < call->n && (param->kinds & kind_of(call->args[i]));
            row[i] = (fits && below[i + 1]) ||
                     (fits && param->is_many && row[i + 1]) ||
                     (param->is_optional && below[i]);
        }
    }
    return table->can[0];
}

/* Arguments that parameter p takes, standing at i of a filled table. */
static uint32_t
sig_take(const struct jx_sig *sig, const struct sig_table *table, uint32_t p,
         const struct jx_call *call, uint32_t i)
{
    const struct sig_param *param = &sig->params[p];
    const bool *row = table->can + (size_t)p * table->width;
    const bool *below = row + table->width;
    uint32_t best = 0;
    uint32_t taken = 0;

    while (i + taken < call->n &&
           (param->kinds & kind_of(call->args[i + taken])) &&
           (taken == 0 || param->is_many)) {
        taken++;
        if (below[i + taken]) {
            best = taken;
        }
    }
    return best;
}

/* The first argument that no parameter takes. */
static void
sig_fail(struct jx *ctx, const struct jx_sig *sig, const struct jx_call *call)
{
    uint32_t good = 0;
    struct sig_table table;

    for (uint32_t n = 1; n <= sig->n; n++) {
        if (!sig_fill(ctx, sig, n, call, true, &table)) {
            break;
        }
        good = 0;
        for (uint32_t p = 0; p < n; p++) {
            good += sig_take(sig, &table, p, call, good);
        }
    }
    struct jv bad = good < call->n ? call->args[good] : jv_undefined();
    (void)jx_fail_value(ctx, "T0410", bad);
    if (ctx->fault.index == 0) {
        ctx->fault.index = good + 1;
    }
}

static const char *
plural(struct odk_str subtype)
{
    static const char symbols[] = "abfnos";
    static const char *const nouns[] = {"arrays",  "booleans", "functions",
                                        "numbers", "objects",  "strings"};
    const char *at = subtype.len == 1 ? strchr(symbols, subtype.ptr[0]) : NULL;

    return at ? nouns[at - symbols] : NULL;
}

/* Whether an argument for `a<n>` holds what it should. */
static bool
subtype_fits(const struct sig_param *param, struct jv arg, uint32_t taken)
{
    uint8_t kind =
        param->subtype.len ? kind_of_symbol(param->subtype.ptr[0]) : 0;

    if (arg.type != JV_ARRAY) {
        return taken == 1 && param->subtype.len == 1 && kind == kind_of(arg);
    }
    uint32_t n = jv_len(arg);
    for (uint32_t i = 0; i < n; i++) {
        if (kind_of(jv_at(arg, i)) != kind) {
            return false;
        }
    }
    return true;
}

/* One argument for a parameter that wants an array. */
static struct jv
array_arg(struct jx *ctx, const struct sig_param *param, struct jv arg,
          uint32_t index, uint32_t taken)
{
    if (jv_is_undefined(arg)) {
        return arg;
    }
    if (param->subtype.ptr && !subtype_fits(param, arg, taken)) {
        (void)jx_fail_value(ctx, "T0412", arg);
        ctx->fault.index = index + 1;
        ctx->fault.noun = plural(param->subtype);
        return jv_undefined();
    }
    return jv_as_array(ctx, arg, 0);
}

/* The validated arguments as they grow. */
struct sig_out {
    struct jv *args;
    uint32_t n;
    /** Next argument given. As in the reference, an absent optional parameter
     * moves it too, so it may run ahead of what was matched. */
    uint32_t at;
};

static struct jv
given(const struct jx_call *call, uint32_t at)
{
    return at < call->n ? call->args[at] : jv_undefined();
}

static void
sig_absent(struct jx *ctx, const struct sig_param *param,
           const struct jx_call *call, struct sig_out *out)
{
    if (!param->is_context) {
        out->args[out->n++] = given(call, out->at);
        out->at++;
        return;
    }
    if (!(param->context_kinds & kind_of(call->input))) {
        (void)jx_fail_value(ctx, "T0411", call->input);
        ctx->fault.index = out->at + 1;
        return;
    }
    out->args[out->n++] = call->input;
}

static void
sig_present(struct jx *ctx, const struct sig_param *param,
            const struct jx_call *call, uint32_t taken, struct sig_out *out)
{
    struct jv first = given(call, out->at);

    for (uint32_t i = 0; i < taken && jx_ok(ctx); i++) {
        struct jv arg = first;
        if (param->type == 'a') {
            arg = array_arg(ctx, param, given(call, out->at), out->at, taken);
        }
        out->args[out->n++] = arg;
        out->at++;
    }
}

/* The common case: as many arguments as parameters, each of a kind that fits
 * and none a kind that needs work. */
static bool
sig_is_trivial(const struct jx_sig *sig, const struct jx_call *call)
{
    if (call->n != sig->n) {
        return false;
    }
    for (uint32_t i = 0; i < sig->n; i++) {
        const struct sig_param *param = &sig->params[i];
        uint8_t kind = kind_of(call->args[i]);
        if (!(param->kinds & kind) || param->is_many ||
            (param->type == 'a' && (kind != SIG_ARRAY || param->subtype.ptr))) {
            return false;
        }
    }
    return true;
}

bool
jx_sig_apply(struct jx *ctx, const struct jx_sig *sig, struct jx_call *call)
{
    struct sig_table table;
    struct sig_out out = {.n = 0};
    uint32_t matched = 0;

    if (!sig || sig_is_trivial(sig, call)) {
        return true;
    }
    if (!sig_fill(ctx, sig, sig->n, call, false, &table)) {
        sig_fail(ctx, sig, call);
        return false;
    }
    out.args = jx_alloc(ctx, ((size_t)call->n + sig->n + JX_ARGS_MIN) *
                                 sizeof(*out.args));
    for (uint32_t p = 0; p < sig->n && jx_ok(ctx); p++) {
        uint32_t taken = sig_take(sig, &table, p, call, matched);
        matched += taken;
        if (taken) {
            sig_present(ctx, &sig->params[p], call, taken, &out);
        } else {
            sig_absent(ctx, &sig->params[p], call, &out);
        }
    }
    call->args = out.args;
    call->n = out.n;
    return jx_ok(ctx);
}
