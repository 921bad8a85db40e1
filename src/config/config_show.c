#include <ctype.h>

#include "config/config_priv.h"

#define MASK "********"

bool
config_passed_is_secret(const char *name)
{
    static const char *const words[] = {"password", "secret", "sslkey",
                                        "ssl.key.pem", "passfile_content"};

    for (size_t i = 0; i < ODK_ARRAY_LEN(words); i++) {
        if (strstr(name, words[i])) {
            return true;
        }
    }
    return false;
}

/* user:password@ of a URI, between "//" and the last "@" before the path. */
static size_t
uri_password(struct odk_str text, size_t at, size_t *end)
{
    size_t stop = at;
    size_t last = 0;
    size_t colon = 0;

    while (stop < text.len && text.ptr[stop] != '/' && text.ptr[stop] != '?') {
        if (text.ptr[stop] == ':' && colon == 0) {
            colon = stop;
        }
        if (text.ptr[stop] == '@') {
            last = stop;
        }
        stop++;
    }
    *end = last;
    return colon != 0 && colon < last ? colon + 1 : 0;
}

/* The end of the value of password=…: quoted to the quote, else to a space or
 * an ampersand. */
static size_t
value_end(struct odk_str text, size_t at)
{
    bool is_quoted = at < text.len && text.ptr[at] == '\'';

    for (size_t i = is_quoted ? at + 1 : at; i < text.len; i++) {
        if (text.ptr[i] == '\\' && is_quoted) {
            i++;
        } else if (is_quoted ? text.ptr[i] == '\''
                             : isspace((unsigned char)text.ptr[i]) ||
                                   text.ptr[i] == '&') {
            return is_quoted ? i + 1 : i;
        }
    }
    return text.len;
}

static size_t
skip_space(struct odk_str text, size_t at)
{
    while (at < text.len && isspace((unsigned char)text.ptr[at])) {
        at++;
    }
    return at;
}

/* At "password = value": the end of the value; 0: it is not there. */
static size_t
password_end(struct odk_str text, size_t at)
{
    static const struct odk_str key = ODK_STR_INIT("password");

    if (!odk_str_starts(odk_str_from(text, at), key)) {
        return 0;
    }
    at = skip_space(text, at + key.len);
    return at < text.len && text.ptr[at] == '='
               ? value_end(text, skip_space(text, at + 1))
               : 0;
}

static void
show_conninfo(struct odk_str text, struct odk_buf *out)
{
    size_t end = 0;

    for (size_t i = 0; i < text.len;) {
        size_t past = password_end(text, i);
        if (past > 0) {
            odk_buf_put_cstr(out, "password=" MASK);
            i = past;
            continue;
        }
        bool is_authority =
            odk_str_starts(odk_str_from(text, i), ODK_STR("//"));
        size_t from = is_authority ? uri_password(text, i + 2, &end) : 0;
        if (from > 0) {
            odk_buf_put(out, text.ptr + i, from - i);
            odk_buf_put_cstr(out, MASK);
            i = end;
        } else {
            odk_buf_put_char(out, text.ptr[i++]);
        }
    }
}

void
config_show(const struct config *config, enum config_key key,
            struct odk_buf *out)
{
    const char *text = config->values[key].text;

    if (config_option(key)->is_secret) {
        odk_buf_put_cstr(out, text[0] != '\0' ? MASK : "");
    } else if (key == CONFIG_POSTGRES_CONNINFO) {
        show_conninfo(odk_str(text), out);
    } else {
        odk_buf_put_cstr(out, text);
    }
}

/* ---- libpq's string ---- */

static void
put_percent(struct odk_buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~/", c)) {
            odk_buf_put_char(out, *text);
        } else {
            odk_buf_printf(out, "%%%02X", c);
        }
    }
}

static void
put_quoted(struct odk_buf *out, const char *text)
{
    odk_buf_put_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') {
            odk_buf_put_char(out, '\\');
        }
        odk_buf_put_char(out, *text);
    }
    odk_buf_put_char(out, '\'');
}

void
config_conninfo(const struct config *config, struct odk_buf *out)
{
    struct odk_str base = odk_str(config_str(config, CONFIG_POSTGRES_CONNINFO));
    bool is_uri = odk_str_starts(base, ODK_STR("postgresql://")) ||
                  odk_str_starts(base, ODK_STR("postgres://"));
    bool has_query = odk_str_find(base, '?') >= 0;

    odk_buf_put_str(out, base);
    for (size_t i = 0; i < config->n_postgres; i++) {
        if (is_uri) {
            odk_buf_put_char(out, has_query ? '&' : '?');
            has_query = true;
        } else {
            odk_buf_put_char(out, ' ');
        }
        odk_buf_put_cstr(out, config->postgres[i].name);
        odk_buf_put_char(out, '=');
        if (is_uri) {
            put_percent(out, config->postgres[i].value);
        } else {
            put_quoted(out, config->postgres[i].value);
        }
    }
}
