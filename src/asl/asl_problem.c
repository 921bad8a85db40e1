#include <stdarg.h>
#include <stdio.h>

#include "asl/asl_priv.h"

/** Definitions are at most 1 MB; a thousand findings are enough to start with.
 */
#define PROBLEMS_MAX     1000u
#define PROBLEM_TEXT_MAX 1024u

void
asl_problems_init(struct asl_problems *problems)
{
    *problems = (struct asl_problems){0};
    odk_arena_init(&problems->arena, 0);
}

void
asl_problems_release(struct asl_problems *problems)
{
    free(problems->list);
    odk_arena_release(&problems->arena);
    *problems = (struct asl_problems){0};
}

static struct asl_problem *
problem_new(struct asl_problems *problems)
{
    if (problems->n >= PROBLEMS_MAX) {
        return NULL;
    }
    if ((problems->n & (problems->n - 1)) == 0) {
        size_t size = problems->n ? problems->n * 2 : 1;
        struct asl_problem *list =
            realloc(problems->list, size * sizeof(*list));
        if (!list) {
            odk_out_of_memory();
        }
        problems->list = list;
    }
    return &problems->list[problems->n++];
}

static void
problem_add(struct asl_problems *problems, const struct json_place *at,
            struct asl_problem head, const char *text)
{
    struct asl_problem *problem = problem_new(problems);
    struct odk_buf pointer;

    problems->n_errors += head.is_warning ? 0 : 1;
    if (!problem) {
        return;
    }
    odk_buf_init(&pointer, 0);
    json_place_put(at, &pointer);
    *problem = head;
    problem->code = odk_arena_str(&problems->arena, head.code);
    problem->pointer = odk_arena_str(&problems->arena, odk_buf_str(&pointer));
    problem->message =
        odk_arena_str(&problems->arena, asl_text_whole(odk_str(text)));
    odk_buf_release(&pointer);
}

void
asl_problem_code(struct asl_compiler *c, const struct json_place *at,
                 const char *code, const char *fmt, ...)
{
    char text[PROBLEM_TEXT_MAX] = "";
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    problem_add(c->problems, at, (struct asl_problem){.code = odk_str(code)},
                text);
}

void
asl_problem(struct asl_compiler *c, const struct json_place *at,
            const char *fmt, ...)
{
    char text[PROBLEM_TEXT_MAX] = "";
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    problem_add(c->problems, at,
                (struct asl_problem){.code = ODK_STR(ASL_CODE_SCHEMA)}, text);
}

void
asl_warn(struct asl_compiler *c, const struct json_place *at, const char *code,
         const char *fmt, ...)
{
    char text[PROBLEM_TEXT_MAX] = "";
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    problem_add(c->problems, at,
                (struct asl_problem){.code = odk_str(code), .is_warning = true},
                text);
}
