#define PCRE2_CODE_UNIT_WIDTH 8

#include <math.h>
#include <string.h>

#include <pcre2.h>

#include "base/base.h"
#include "jsonata/jsonata_node_priv.h"
#include "jsonata/jsonata_regex_priv.h"
#include "jsonata/jsonata_text_priv.h"

#define PATTERN_BYTES_MAX   65536u
#define PATTERN_NEST_MAX    200u
#define ATTEMPT_LIMIT_FIRST 256u
#define ATTEMPT_STEPS       2u
#define ATTEMPT_GROWTH      8u
#define HEAP_KIB_MAX        16384u

static bool
regex_compile(struct jx_regex *regex, struct odk_str pattern, bool is_caseless)
{
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_UNSET_BACKREF |
                       PCRE2_NEVER_BACKSLASH_C |
                       (is_caseless ? PCRE2_CASELESS : 0);
    int error = 0;
    PCRE2_SIZE offset = 0;
    uint32_t first_type = 0;
    uint32_t all = 0;
    uint32_t first = 0;

    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context) {
        odk_out_of_memory();
    }
    (void)pcre2_set_compile_extra_options(context,
                                          PCRE2_EXTRA_ALLOW_SURROGATE_ESCAPES);
    (void)pcre2_set_parens_nest_limit(context, PATTERN_NEST_MAX);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                                     options, &error, &offset, context);
    pcre2_compile_context_free(context);
    if (!code) {
        return false;
    }
    (void)pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &regex->n_groups);
    (void)pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &all);
    (void)pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODETYPE, &first_type);
    (void)pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODEUNIT, &first);
    (void)pcre2_pattern_info(code, PCRE2_INFO_FIRSTBITMAP, &regex->first_bits);
    regex->is_anchored = (all & PCRE2_ANCHORED) != 0;
    /* A caseless first unit has a second spelling, which is not told. */
    regex->first_byte = first_type == 1 && !is_caseless ? (int)first : -1;
    regex->code = code;
    return true;
}

struct jx_regex *
jp_regex(struct jp *jp, struct odk_str pattern, struct odk_str flags,
         uint32_t position)
{
    struct jx_regex *regex =
        odk_arena_alloc(&jp->program->arena, sizeof(*regex));
    struct odk_buf buf;

    if (!regex) {
        jp_fail_limit(jp);
        return NULL;
    }
    odk_buf_init(&buf, PATTERN_BYTES_MAX);
    bool is_good =
        jx_regex_translate(pattern, odk_str_find(flags, 'm') >= 0, &buf) &&
        regex_compile(regex, odk_buf_str(&buf), odk_str_find(flags, 'i') >= 0);
    odk_buf_release(&buf);
    if (!is_good) {
        (void)jp_fail(jp, "S0303", position, jv_undefined(),
                      jv_string(pattern));
        return NULL;
    }
    regex->next = jp->program->regexes;
    jp->program->regexes = regex;
    return regex;
}

void
jx_regex_free_all(struct jx_regex *list)
{
    for (; list; list = list->next) {
        pcre2_code_free(list->code);
    }
}

void
jx_regex_release(struct jx *ctx)
{
    pcre2_match_data_free(ctx->match_data);
    pcre2_match_context_free(ctx->match_context);
    ctx->match_data = NULL;
    ctx->match_context = NULL;
}

static void
prepare(struct jx *ctx)
{
    uint32_t groups = 0;

    if (ctx->match_data) {
        return;
    }
    for (const struct jx_regex *r = ctx->program->regexes; r; r = r->next) {
        groups = r->n_groups > groups ? r->n_groups : groups;
    }
    ctx->match_data = pcre2_match_data_create(groups + 1, NULL);
    ctx->match_context = pcre2_match_context_create(NULL);
    if (!ctx->match_data || !ctx->match_context) {
        odk_out_of_memory();
    }
    (void)pcre2_set_heap_limit(ctx->match_context, HEAP_KIB_MAX);
}

/* One attempt at one position, with a limit that grows as it is paid for. */
static int
attempt(struct jx *ctx, const struct jx_regex *regex, struct odk_str text,
        size_t at)
{
    uint32_t limit = ATTEMPT_LIMIT_FIRST;

    if (!jx_charge(ctx, ATTEMPT_STEPS)) {
        return PCRE2_ERROR_NOMATCH;
    }
    for (;;) {
        (void)pcre2_set_match_limit(ctx->match_context, limit);
        int rc = pcre2_match(regex->code, (PCRE2_SPTR)text.ptr, text.len, at,
                             PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK,
                             ctx->match_data, ctx->match_context);
        if (rc == PCRE2_ERROR_MATCHLIMIT) {
            limit *= ATTEMPT_GROWTH;
            if (!jx_charge(ctx, limit / 8) || limit > UINT32_MAX / 16) {
                (void)jx_fail_limit(ctx, "The regular expression backtracks "
                                         "too much");
                return PCRE2_ERROR_NOMATCH;
            }
            continue;
        }
        if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) {
            (void)jx_fail_limit(ctx,
                                "The regular expression takes too much memory");
        }
        return rc;
    }
}

/* Whether a match may begin with this byte. */
static bool
may_begin(const struct jx_regex *regex, unsigned char c)
{
    if (regex->first_byte >= 0) {
        return regex->first_byte == c;
    }
    return !regex->first_bits || (regex->first_bits[c / 8] & (1u << (c % 8)));
}

/* First match at or after from; the offsets are in the match data. */
static bool
exec(struct jx *ctx, const struct jx_regex *regex, struct odk_str text,
     size_t from)
{
    bool skips = regex->first_byte >= 0 || regex->first_bits;

    prepare(ctx);
    if (!jx_charge_bytes(ctx, text.len - from)) {
        return false;
    }
    for (size_t at = from; at <= text.len && jx_ok(ctx);) {
        bool is_hopeless =
            skips &&
            (at == text.len || !may_begin(regex, (unsigned char)text.ptr[at]));
        if (!is_hopeless && attempt(ctx, regex, text, at) > 0) {
            return jx_ok(ctx);
        }
        if (regex->is_anchored || at == text.len) {
            return false;
        }
        (void)jx_code_next(text, &at);
    }
    return false;
}

static struct odk_str
group_text(struct odk_str text, const PCRE2_SIZE *offsets, uint32_t i)
{
    return jx_str_slice(text, offsets[2 * (size_t)i],
                        offsets[2 * (size_t)i + 1]);
}

static struct jv
groups_of(struct jx *ctx, const struct jx_regex *regex, struct odk_str text)
{
    struct jv_array *out = jv_array_new(ctx, 0);
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(ctx->match_data);

    for (uint32_t i = 1; i <= regex->n_groups && jx_ok(ctx); i++) {
        bool is_set = offsets[2 * (size_t)i] != PCRE2_UNSET;
        jv_array_push(ctx, out,
                      is_set ? jv_string(group_text(text, offsets, i))
                             : jv_undefined());
    }
    return jv_array(out);
}

void
jx_matcher_init(struct jx_matcher *matcher, struct jv func, struct odk_str text)
{
    *matcher = (struct jx_matcher){.func = func, .text = text};
}

static bool
next_of_regex(struct jx *ctx, struct jx_matcher *m, struct jx_found *found)
{
    const struct jn *node = m->func.u.func->node;

    if (m->is_started && m->at >= m->text.len) {
        return false;
    }
    if (!exec(ctx, node->regex, m->text, m->at)) {
        return false;
    }
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(ctx->match_data);
    *found = (struct jx_found){.match = group_text(m->text, offsets, 0),
                               .start = offsets[0],
                               .end = offsets[0]};
    found->end += found->match.len;
    if (m->is_started && found->match.len == 0) {
        /* It would match here for ever. */
        (void)jx_fail_at(ctx, "D1004", node->position, node->value);
        return false;
    }
    found->groups = groups_of(ctx, node->regex, m->text);
    m->is_started = true;
    m->at = found->end;
    return jx_ok(ctx);
}

/* The function's answer must look like a match. */
static bool
is_match_object(struct jv v)
{
    if (v.type != JV_OBJECT) {
        return false;
    }
    return jv_get(v, ODK_STR("start")).type == JV_NUMBER ||
           jv_get(v, ODK_STR("end")).type == JV_NUMBER ||
           jv_get(v, ODK_STR("groups")).type == JV_ARRAY ||
           jv_get(v, ODK_STR("next")).type == JV_FUNC;
}

static size_t
unit_offset(struct odk_str text, struct jv number)
{
    if (number.type != JV_NUMBER || !(number.u.number > 0)) {
        return 0;
    }
    return jx_units_offset(text, number.u.number < (double)text.len
                                     ? (size_t)number.u.number
                                     : text.len);
}

static bool
next_of_function(struct jx *ctx, struct jx_matcher *m, struct jx_found *found)
{
    struct jv args[JX_ARGS_MIN] = {jv_string(m->text)};
    struct jv func = m->func;

    if (m->is_started) {
        func = jv_get(m->found, ODK_STR("next"));
    }
    struct jv v =
        jx_apply(ctx, func, args, m->is_started ? 0 : 1, jv_undefined());
    if (!jx_ok(ctx) || jv_is_undefined(v)) {
        return false;
    }
    if (!is_match_object(v)) {
        (void)jx_fail(ctx, "T1010");
        return false;
    }
    m->is_started = true;
    m->found = v;
    struct jv match = jv_get(v, ODK_STR("match"));
    *found = (struct jx_found){
        .match = match.type == JV_STRING ? jv_text(match) : odk_str(""),
        .start = unit_offset(m->text, jv_get(v, ODK_STR("start"))),
        .end = unit_offset(m->text, jv_get(v, ODK_STR("end"))),
        .groups = jv_get(v, ODK_STR("groups")),
        .object = v};
    return jx_charge(ctx, 1);
}

bool
jx_matcher_next(struct jx *ctx, struct jx_matcher *m, struct jx_found *found)
{
    if (m->func.type == JV_FUNC && m->func.u.func->kind == JV_FUNC_REGEX) {
        return next_of_regex(ctx, m, found);
    }
    return next_of_function(ctx, m, found);
}

struct jv
jx_found_object(struct jx *ctx, const struct jx_matcher *m,
                const struct jx_found *found)
{
    struct jv_object *out = jv_object_new(ctx);
    struct jv_func *next = jx_alloc(ctx, sizeof(*next));
    struct jv *args = jx_alloc(ctx, 2 * sizeof(*args));

    if (found->object.type == JV_OBJECT) {
        return found->object;
    }
    if (!jx_ok(ctx) || !jx_charge_bytes(ctx, found->end)) {
        return jv_undefined();
    }
    size_t start = jx_units(jx_str_slice(m->text, 0, found->start));
    args[0] = jv_string(m->text);
    args[1] = jv_number((double)found->end);
    next->kind = JV_FUNC_NEXT;
    next->node = m->func.u.func->node;
    next->input = m->func;
    next->args = args;
    next->n_args = 2;
    jv_object_set(ctx, out, ODK_STR("match"), jv_string(found->match));
    jv_object_set(ctx, out, ODK_STR("start"), jv_number((double)start));
    jv_object_set(ctx, out, ODK_STR("end"),
                  jv_number((double)(start + jx_units(found->match))));
    jv_object_set(ctx, out, ODK_STR("groups"), found->groups);
    jv_object_set(ctx, out, ODK_STR("next"), jv_func(next));
    return jv_object(out);
}

static struct jv
call_matcher(struct jx *ctx, struct jx_matcher *m)
{
    struct jx_found found;

    if (!jx_matcher_next(ctx, m, &found)) {
        return jv_undefined();
    }
    return jx_found_object(ctx, m, &found);
}

struct jv
jx_regex_call(struct jx *ctx, const struct jv_func *func, struct jv text,
              struct jv from)
{
    struct jx_matcher m;

    if (text.type != JV_STRING) {
        return jx_fail_value(ctx, "T0410", text);
    }
    jx_matcher_init(&m, jv_func(func), jv_text(text));
    m.at = unit_offset(m.text, from);
    return call_matcher(ctx, &m);
}

struct jv
jx_regex_call_next(struct jx *ctx, const struct jv_func *func)
{
    struct jx_matcher m;

    jx_matcher_init(&m, func->input, jv_text(func->args[0]));
    m.at = (size_t)func->args[1].u.number;
    m.is_started = true;
    return call_matcher(ctx, &m);
}
