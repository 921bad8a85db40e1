#include "cli/cli_record.h"

#include <stdio.h>

#include "json/json.h"

#define DUMP_BYTES 16u
#define KEY_WIDTH  60u

static bool
is_text(struct odk_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f) {
            return false;
        }
    }
    return odk_str_is_utf8(s);
}

static void
put_hex(struct odk_str s, struct odk_buf *out)
{
    char text[2 * DUMP_BYTES + 1];

    for (size_t at = 0; at < s.len; at += DUMP_BYTES) {
        size_t n = s.len - at < DUMP_BYTES ? s.len - at : DUMP_BYTES;
        odk_hex(s.ptr + at, n, text);
        odk_buf_put_cstr(out, text);
    }
}

void
cli_record_key(struct odk_str key, struct odk_buf *out)
{
    odk_buf_put_cstr(out, "");
    if (is_text(key)) {
        cli_short_text(key, KEY_WIDTH, out);
    } else {
        put_hex(key.len > KEY_WIDTH / 2 ? odk_str_n(key.ptr, KEY_WIDTH / 2)
                                        : key,
                out);
    }
}

/* ---- for people ---- */

/* "00000010  c3 01 …  ..text.." */
static void
dump_line(struct cli *cli, struct odk_str s, size_t at)
{
    size_t n = s.len - at < DUMP_BYTES ? s.len - at : DUMP_BYTES;

    cli_printf(cli, "  %08zx ", at);
    for (size_t i = 0; i < DUMP_BYTES; i++) {
        if (i < n) {
            cli_printf(cli, " %02x", (unsigned char)s.ptr[at + i]);
        } else {
            cli_printf(cli, "   ");
        }
    }
    cli_printf(cli, "  ");
    for (size_t i = 0; i < n; i++) {
        char c = s.ptr[at + i];
        odk_buf_put_char(&cli->out, c >= 0x20 && c < 0x7f ? c : '.');
    }
    odk_buf_put_char(&cli->out, '\n');
}

static void
put_bytes(struct cli *cli, const char *what, struct odk_str bytes)
{
    cli_put(cli, CLI_BOLD, what);
    if (!bytes.ptr) {
        cli_printf(cli, " none\n");
        return;
    }
    cli_printf(cli, " %zu bytes\n", bytes.len);
    if (!is_text(bytes)) {
        for (size_t at = 0; at < bytes.len; at += DUMP_BYTES) {
            dump_line(cli, bytes, at);
        }
    } else if (bytes.len > 0) {
        cli_printf(cli, "  ");
        odk_buf_put_str(&cli->out, bytes);
        odk_buf_put_char(&cli->out, '\n');
    }
}

void
cli_record_print(struct cli *cli, const struct bus_record *record)
{
    static const char *const words[] = {"HEADER", "VALUE"};
    struct cli_table table;
    struct odk_buf value;

    cli_table_init(&table, words, ODK_ARRAY_LEN(words));
    for (size_t i = 0; i < record->n_headers; i++) {
        const struct bus_header *header = &record->headers[i];
        odk_buf_init(&value, 0);
        odk_buf_put_cstr(&value, "");
        if (is_text(header->value)) {
            odk_buf_put_str(&value, header->value);
        } else {
            put_hex(header->value, &value);
        }
        cli_table_cell(&table, CLI_PLAIN, header->name);
        cli_table_cell(&table, CLI_PLAIN, odk_buf_str(&value));
        odk_buf_release(&value);
    }
    cli_table_print(cli, &table);
    cli_table_release(&table);
    put_bytes(cli, "key", record->key);
    put_bytes(cli, "value", record->value);
}

/* ---- for programs ---- */

static void
set_bytes(json_t *object, struct odk_str name, struct odk_str bytes)
{
    struct odk_buf text;
    struct odk_buf key;

    if (!bytes.ptr || is_text(bytes)) {
        json_set(object, name, cli_json_str(bytes));
        return;
    }
    odk_buf_init(&key, 0);
    odk_buf_init(&text, 0);
    odk_buf_put_str(&key, name);
    odk_buf_put_cstr(&key, "_hex");
    put_hex(bytes, &text);
    json_set(object, odk_buf_str(&key), cli_json_str(odk_buf_str(&text)));
    odk_buf_release(&key);
    odk_buf_release(&text);
}

void
cli_record_json(json_t *object, const struct bus_record *record)
{
    json_t *headers = json_array();

    for (size_t i = 0; i < record->n_headers; i++) {
        json_t *header = json_object();
        set_bytes(header, ODK_STR("name"), record->headers[i].name);
        set_bytes(header, ODK_STR("value"), record->headers[i].value);
        (void)json_array_append_new(headers, header);
    }
    json_set(object, ODK_STR("headers"), headers);
    set_bytes(object, ODK_STR("key"), record->key);
    set_bytes(object, ODK_STR("value"), record->value);
}

/* ---- places ---- */

bool
cli_place_parse(const char *text, int32_t *partition, int64_t *number)
{
    struct odk_str s = odk_str(text);
    ptrdiff_t slash = odk_str_find(s, '/');
    int64_t first = 0;

    if (slash < 0 || !odk_str_to_i64(odk_str_n(s.ptr, (size_t)slash), &first) ||
        first < 0 || first > INT32_MAX ||
        !odk_str_to_i64(odk_str_from(s, (size_t)slash + 1), number) ||
        *number < 0) {
        return false;
    }
    *partition = (int32_t)first;
    return true;
}
