#include "cli/cli_output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "json/json.h"

struct cli_cell {
    struct odk_str text;
    enum cli_style style;
};

static const char *const escapes[] = {"",         "\033[1m",  "\033[2m",
                                      "\033[32m", "\033[33m", "\033[31m"};

void
cli_flush(struct cli *cli)
{
    struct odk_str text = odk_buf_str(&cli->out);

    (void)fwrite(text.ptr, 1, text.len, stdout);
    (void)fflush(stdout);
    odk_buf_clear(&cli->out);
}

static void
put_styled(struct cli *cli, enum cli_style style, struct odk_str text)
{
    bool is_styled = cli->is_color && style != CLI_PLAIN;

    odk_buf_put_cstr(&cli->out, is_styled ? escapes[style] : "");
    odk_buf_put_str(&cli->out, text);
    odk_buf_put_cstr(&cli->out, is_styled ? "\033[0m" : "");
}

void
cli_put(struct cli *cli, enum cli_style style, const char *text)
{
    put_styled(cli, style, odk_str(text));
}

static void
buf_vprintf(struct odk_buf *buf, const char *fmt, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, fmt, args) < 0) {
        odk_out_of_memory();
    }
    odk_buf_put_cstr(buf, text);
    free(text);
}

void
cli_printf(struct cli *cli, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    buf_vprintf(&cli->out, fmt, args);
    va_end(args);
}

void
cli_put_json(struct cli *cli, json_t *value)
{
    json_put(&cli->out, value);
    odk_buf_put_char(&cli->out, '\n');
    json_decref(value);
}

/* ---- errors ---- */

enum cli_exit
cli_exit_of(int code)
{
    switch (code) {
    case ODK_ENOTFOUND:
        return CLI_NOT_FOUND;
    case ODK_EINVAL:
    case ODK_ESYNTAX:
    case ODK_ETOOBIG:
    case ODK_ELIMIT:
        return CLI_USAGE;
    case ODK_EEXISTS:
    case ODK_ECONFLICT:
    case ODK_EREFUSED:
        return CLI_REJECTED;
    case ODK_ETIMEOUT:
        return CLI_TIMED_OUT;
    case ODK_EAGAIN:
    case ODK_ECONN:
    case ODK_EIO:
    case ODK_EUNKNOWN_COMMIT:
        return CLI_UNAVAILABLE;
    case ODK_EAUTH:
        return CLI_DENIED;
    default:
        return CLI_FAILED;
    }
}

static const char *
exit_word(enum cli_exit code)
{
    switch (code) {
    case CLI_OK:
        return "ok";
    case CLI_FAILED:
        return "failed";
    case CLI_USAGE:
        return "usage";
    case CLI_NOT_FOUND:
        return "not_found";
    case CLI_REJECTED:
        return "rejected";
    case CLI_TIMED_OUT:
        return "timed_out";
    case CLI_UNAVAILABLE:
        return "unavailable";
    case CLI_DENIED:
        return "denied";
    case CLI_INTERNAL:
        break;
    }
    return "internal";
}

static void
complain(struct cli *cli, enum cli_exit code, struct odk_str message)
{
    struct odk_buf line;

    cli_flush(cli);
    odk_buf_init(&line, 0);
    if (cli->is_json) {
        odk_buf_printf(&line, "{\"error\":\"%s\",\"exit\":%d,\"message\":",
                       exit_word(code), (int)code);
        odk_buf_put_json_str(&line, message);
        odk_buf_put_cstr(&line, "}\n");
    } else {
        odk_buf_put_cstr(&line, "odradek: ");
        odk_buf_put_str(&line, message);
        odk_buf_put_char(&line, '\n');
    }
    (void)fwrite(line.ptr, 1, line.len, stderr);
    odk_buf_release(&line);
}

int
cli_fail(struct cli *cli, enum cli_exit code, const char *fmt, ...)
{
    struct odk_buf message;
    va_list args;

    odk_buf_init(&message, 0);
    va_start(args, fmt);
    buf_vprintf(&message, fmt, args);
    va_end(args);
    complain(cli, code, odk_buf_str(&message));
    odk_buf_release(&message);
    return (int)code;
}

int
cli_fail_err(struct cli *cli, const struct odk_err *err)
{
    enum cli_exit code = cli_exit_of(err->code);

    complain(cli, code, odk_str(err->message));
    return (int)code;
}

void
cli_note(struct cli *cli, const char *fmt, ...)
{
    va_list args;

    cli_flush(cli);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

/* ---- tables ---- */

void
cli_table_init(struct cli_table *table, const char *const *words, size_t n)
{
    odk_assert(n > 0 && n <= CLI_COLUMNS_MAX);
    *table = (struct cli_table){.n_columns = n};
    odk_arena_init(&table->arena, 0);
    for (size_t i = 0; i < n; i++) {
        cli_table_cell(table, CLI_BOLD, odk_str(words[i]));
    }
}

void
cli_table_release(struct cli_table *table)
{
    odk_arena_release(&table->arena);
    free(table->cells);
}

/* A cell is one line, whatever a stored text holds: it must not steer the
 * terminal either. */
static struct odk_str
clean(struct odk_arena *arena, struct odk_str text)
{
    char *copy = odk_arena_alloc(arena, text.len + 1);

    odk_assert(copy);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        copy[i] = c < 0x20 || c == 0x7f ? ' ' : text.ptr[i];
    }
    return odk_str_n(copy, text.len);
}

void
cli_table_cell(struct cli_table *table, enum cli_style style,
               struct odk_str text)
{
    if (table->n_cells == table->size) {
        table->size = table->size ? table->size * 2 : 64;
        void *grown =
            realloc(table->cells, table->size * sizeof(*table->cells));
        if (!grown) {
            odk_out_of_memory();
        }
        table->cells = grown;
    }
    table->cells[table->n_cells++] =
        (struct cli_cell){clean(&table->arena, text), style};
}

void
cli_table_printf(struct cli_table *table, enum cli_style style, const char *fmt,
                 ...)
{
    struct odk_buf text;
    va_list args;

    odk_buf_init(&text, 0);
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    cli_table_cell(table, style, odk_buf_str(&text));
    odk_buf_release(&text);
}

void
cli_table_time(struct cli_table *table, odk_time_ms at)
{
    struct odk_buf text;

    odk_buf_init(&text, 0);
    cli_time(at, &text);
    cli_table_cell(table, CLI_DIM, odk_buf_str(&text));
    odk_buf_release(&text);
}

/* Characters, not bytes; wide ones count one, which is good enough here. */
static size_t
width(struct odk_str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return n;
}

void
cli_table_print(struct cli *cli, const struct cli_table *table)
{
    size_t widths[CLI_COLUMNS_MAX] = {0};

    odk_assert(table->n_cells % table->n_columns == 0);
    if (table->n_cells <= table->n_columns) {
        return;
    }
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t n = width(table->cells[i].text);
        size_t *widest = &widths[i % table->n_columns];
        *widest = n > *widest ? n : *widest;
    }
    for (size_t i = 0; i < table->n_cells; i++) {
        const struct cli_cell *cell = &table->cells[i];
        size_t column = i % table->n_columns;
        bool is_last = column + 1 == table->n_columns;
        put_styled(cli, i < table->n_columns ? CLI_BOLD : cell->style,
                   cell->text);
        for (size_t n = width(cell->text); !is_last && n < widths[column] + 2;
             n++) {
            odk_buf_put_char(&cli->out, ' ');
        }
        if (is_last) {
            odk_buf_put_char(&cli->out, '\n');
        }
    }
}

/* ---- values ---- */

void
cli_time(odk_time_ms at, struct odk_buf *out)
{
    char text[ODK_TIME_TEXT_MAX];

    if (at == 0) {
        return;
    }
    odk_time_format(at, text);
    odk_buf_printf(out, "%.10s %.8s", text, text + 11);
}

void
cli_duration(odk_dur_ms ms, struct odk_buf *out)
{
    long long s = (long long)(ms / 1000);

    if (ms < 1000) {
        odk_buf_printf(out, "%lld ms", (long long)ms);
    } else if (s < 60) {
        odk_buf_printf(out, "%lld.%lld s", s, (long long)(ms % 1000) / 100);
    } else if (s < 3600) {
        odk_buf_printf(out, "%lld m %lld s", s / 60, s % 60);
    } else if (s < 86400) {
        odk_buf_printf(out, "%lld h %lld m", s / 3600, s % 3600 / 60);
    } else {
        odk_buf_printf(out, "%lld d %lld h", s / 86400, s % 86400 / 3600);
    }
}

odk_time_ms
cli_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (odk_time_ms)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
cli_random_id(char out[ODK_UUID_TEXT_LEN + 1])
{
    uint64_t random[2] = {0};
    ssize_t n = getrandom(random, sizeof(random), 0);

    odk_assert(n == (ssize_t)sizeof(random));
    struct odk_uuid uuid = odk_uuid_v7(cli_now(), random[0], random[1]);
    odk_uuid_format(&uuid, out);
}

void
cli_short_text(struct odk_str text, size_t max, struct odk_buf *out)
{
    if (text.len <= max) {
        odk_buf_put_str(out, text);
        return;
    }
    while (max > 0 && ((unsigned char)text.ptr[max] & 0xc0) == 0x80) {
        max--;
    }
    odk_buf_put(out, text.ptr, max);
    odk_buf_put_cstr(out, "…");
}

void
cli_short_json(const json_t *value, size_t max, struct odk_buf *out)
{
    struct odk_buf text;

    odk_buf_init(&text, 0);
    json_put(&text, value);
    cli_short_text(odk_buf_str(&text), max, out);
    odk_buf_release(&text);
}

json_t *
cli_json_time(odk_time_ms at)
{
    char text[ODK_TIME_TEXT_MAX];

    if (at == 0) {
        return json_null();
    }
    odk_time_format(at, text);
    return json_string(text);
}

json_t *
cli_json_str(struct odk_str s)
{
    return s.ptr && odk_str_is_utf8(s) ? json_str_new(s) : json_null();
}
