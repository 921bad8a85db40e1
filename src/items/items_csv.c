/*
 * Rows by the rules of Step Functions: a field may be in double quotes, which
 * may hold delimiters and line breaks; a doubled quote is one, within quotes
 * and without; a backslash keeps a backslash, a quote or a delimiter behind it
 * and is dropped before anything else. Empty lines are no rows.
 *
 *   BEGIN ──"──▶ QUOTED ──"──▶ BEHIND (a quote: back to QUOTED)
 *     └── other ──▶ PLAIN         └── delimiter or line break: next field
 */

#include "items/items_priv.h"

enum state {
    STATE_BEGIN,
    STATE_PLAIN,
    STATE_QUOTED,
    STATE_BEHIND,
};

struct row {
    const char *text;
    size_t len;
    size_t at;
    bool is_last;
    char delimiter;
    enum state state;
    struct odk_buf field;
    json_t *fields;
};

static int
end_field(struct row *row, struct odk_err *err)
{
    struct odk_str text = odk_buf_str(&row->field);

    if (!odk_str_is_utf8(text)) {
        return odk_err_set(err, ODK_ESYNTAX,
                           "A field of the CSV is not valid UTF-8.");
    }
    json_append(row->fields, json_str_new(text));
    odk_buf_clear(&row->field);
    row->state = STATE_BEGIN;
    return 0;
}

/* The character behind the current one; -1: the window ends here, which
 * matters where more may follow. */
static int
peek(const struct row *row)
{
    return row->at + 1 < row->len ? (unsigned char)row->text[row->at + 1] : -1;
}

static void
take_backslash(struct row *row)
{
    int next = peek(row);

    if (next == '\\' || next == '"' || next == row->delimiter) {
        odk_buf_put_char(&row->field, (char)next);
        row->at++;
    }
}

/* A quote; what follows it is in the window, or there is nothing. */
static void
take_quote(struct row *row)
{
    switch (row->state) {
    case STATE_BEGIN:
        row->state = STATE_QUOTED;
        break;
    case STATE_QUOTED:
        if (peek(row) == '"') {
            odk_buf_put_char(&row->field, '"');
            row->at++;
        } else {
            row->state = STATE_BEHIND;
        }
        break;
    case STATE_PLAIN:
    case STATE_BEHIND:
        odk_buf_put_char(&row->field, '"');
        row->at += peek(row) == '"' ? 1 : 0;
        break;
    }
}

static bool
needs_next(const struct row *row, char c)
{
    return !row->is_last && row->at + 1 == row->len &&
           (c == '"' || c == '\\' || c == '\r');
}

/* One character: ITEMS_ONE ends the row, ITEMS_MORE goes on. */
static int
take(struct row *row, char c, struct odk_err *err)
{
    bool is_quoted = row->state == STATE_QUOTED;

    if (c == '"') {
        take_quote(row);
    } else if (c == '\\') {
        row->state = row->state == STATE_BEGIN ? STATE_PLAIN : row->state;
        take_backslash(row);
    } else if (!is_quoted && c == row->delimiter) {
        return end_field(row, err) == 0 ? ITEMS_MORE : ODK_ESYNTAX;
    } else if (!is_quoted && (c == '\n' || (c == '\r' && peek(row) == '\n'))) {
        row->at += c == '\r' ? 1 : 0;
        return end_field(row, err) == 0 ? ITEMS_ONE : ODK_ESYNTAX;
    } else {
        row->state = row->state == STATE_BEGIN ? STATE_PLAIN : row->state;
        odk_buf_put_char(&row->field, c);
    }
    return ITEMS_MORE;
}

/* The object ends within the row. */
static int
end_row(struct row *row, struct odk_err *err)
{
    if (row->state == STATE_QUOTED) {
        return odk_err_set(err, ODK_ESYNTAX,
                           "The CSV ends within a quoted field.");
    }
    return end_field(row, err) == 0 ? ITEMS_ONE : ODK_ESYNTAX;
}

static size_t
skip_empty_lines(struct odk_str window, size_t at)
{
    while (at < window.len && (window.ptr[at] == '\n' ||
                               (window.ptr[at] == '\r' && at + 1 < window.len &&
                                window.ptr[at + 1] == '\n'))) {
        at += window.ptr[at] == '\r' ? 2 : 1;
    }
    return at;
}

int
items_csv_row(char delimiter, struct odk_str window, bool is_last, size_t *at,
              json_t **out, struct odk_err *err)
{
    size_t begin = skip_empty_lines(window, *at);
    struct row row = {
        .text = window.ptr,
        .len = window.len,
        .at = begin,
        .is_last = is_last,
        .delimiter = delimiter,
    };
    int rc = ITEMS_MORE;

    *out = NULL;
    if (begin == window.len) {
        *at = is_last ? begin : *at;
        return is_last ? (int)ITEMS_END : (int)ITEMS_MORE;
    }
    odk_buf_init(&row.field, 0);
    row.fields = json_array();
    while (rc == ITEMS_MORE && row.at < row.len &&
           !needs_next(&row, row.text[row.at])) {
        rc = take(&row, row.text[row.at], err);
        row.at++;
    }
    if (rc == ITEMS_MORE) {
        rc = is_last ? end_row(&row, err) : items_more(window, begin, err);
    }
    odk_buf_release(&row.field);
    if (rc == ITEMS_ONE) {
        *at = row.at;
        *out = row.fields;
    } else {
        json_decref(row.fields);
    }
    return rc;
}

int
items_next_csv(const struct items_spec *spec, struct odk_str window,
               bool is_last, size_t *at, struct items_item *out,
               struct odk_err *err)
{
    json_t *fields = NULL;
    int rc = items_csv_row(spec->delimiter, window, is_last, at, &fields, err);

    if (rc != ITEMS_ONE) {
        return rc;
    }
    out->value = json_object();
    for (size_t i = 0; i < json_array_size(spec->headers); i++) {
        json_t *field = json_array_get(fields, i);
        json_set(out->value, json_str(json_array_get(spec->headers, i)),
                 field ? json_incref(field) : json_string(""));
    }
    json_decref(fields);
    return ITEMS_ONE;
}

int
items_headers_check(const json_t *headers, struct odk_err *err)
{
    json_t *seen = json_object();
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(headers); i++) {
        struct odk_str name = json_str(json_array_get(headers, i));
        if (!name.ptr) {
            rc = odk_err_set(err, ODK_EINVAL, "CSV headers must be strings.");
        } else if (json_get_str(seen, name)) {
            rc = odk_err_set(err, ODK_EINVAL,
                             "CSV headers cannot contain duplicates.");
        } else {
            json_set(seen, name, json_true());
        }
    }
    json_decref(seen);
    return rc;
}
