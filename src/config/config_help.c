#include "config/config_priv.h"

void
config_flag_name(enum config_key key, struct odk_buf *out)
{
    odk_buf_put_cstr(out, "--");
    for (const char *c = config_option(key)->name; *c; c++) {
        odk_buf_put_char(out, *c == '.' ? '-' : *c);
    }
}

static char
variable_char(char c)
{
    if (c == '.' || c == '-') {
        return '_';
    }
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

void
config_variable_name(enum config_key key, struct odk_buf *out)
{
    odk_buf_put_cstr(out, "ODRADEK_");
    for (const char *c = config_option(key)->name; *c; c++) {
        odk_buf_put_char(out, variable_char(*c));
    }
}

static void
put_duration(struct odk_buf *out, int64_t ms)
{
    static const struct {
        int64_t factor;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};

    for (size_t i = 0; i < ODK_ARRAY_LEN(units); i++) {
        if (ms > 0 && ms % units[i].factor == 0) {
            odk_buf_put_i64(out, ms / units[i].factor);
            odk_buf_put_cstr(out, units[i].unit);
            return;
        }
    }
    odk_buf_put_i64(out, ms);
    odk_buf_put_cstr(out, "ms");
}

static void
put_size(struct odk_buf *out, int64_t bytes)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB"};
    size_t unit = 0;

    while (unit + 1 < ODK_ARRAY_LEN(units) && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    odk_buf_put_i64(out, bytes);
    odk_buf_put_cstr(out, units[unit]);
}

static void
put_range(struct odk_buf *out, const struct config_option *option,
          void (*put)(struct odk_buf *out, int64_t value))
{
    odk_buf_put_cstr(out, " from ");
    put(out, option->min);
    odk_buf_put_cstr(out, " to ");
    put(out, option->max);
}

static void
put_choices(struct odk_buf *out, const char *choices)
{
    for (const char *c = choices; *c; c++) {
        if (*c == '|') {
            odk_buf_put_cstr(out, strchr(c + 1, '|') ? ", " : " or ");
        } else {
            odk_buf_put_char(out, *c);
        }
    }
}

void
config_allowed(const struct config_option *option, struct odk_buf *out)
{
    switch (option->type) {
    case CONFIG_TYPE_STR:
        odk_buf_printf(out, "a text of %lld to %lld bytes",
                       (long long)option->min, (long long)option->max);
        break;
    case CONFIG_TYPE_FILE:
        odk_buf_put_cstr(out, "the path of a file");
        break;
    case CONFIG_TYPE_INT:
        odk_buf_put_cstr(out, "a whole number");
        put_range(out, option, odk_buf_put_i64);
        break;
    case CONFIG_TYPE_DURATION:
        odk_buf_put_cstr(out, "a duration such as 250ms, 10s, 5m, 1h");
        put_range(out, option, put_duration);
        break;
    case CONFIG_TYPE_SIZE:
        odk_buf_put_cstr(out, "a size such as 900000, 64KiB, 1MiB");
        put_range(out, option, put_size);
        break;
    case CONFIG_TYPE_BOOL:
        odk_buf_put_cstr(out, "true or false");
        break;
    case CONFIG_TYPE_CHOICE:
        put_choices(out, option->choices);
        break;
    }
}

static void
put_option(struct odk_buf *out, enum config_key key)
{
    const struct config_option *option = config_option(key);

    odk_buf_printf(out, "\n### `%s`\n\n%s\n\n- flag `", option->name,
                   option->help);
    config_flag_name(key, out);
    odk_buf_put_cstr(out, "`, variable `");
    config_variable_name(key, out);
    odk_buf_put_char(out, '`');
    if (option->alias) {
        odk_buf_printf(out, " or `%s`", option->alias);
    }
    odk_buf_put_cstr(out, "\n- allowed: ");
    config_allowed(option, out);
    if (option->fallback[0] != '\0') {
        odk_buf_printf(out, "\n- default: `%s`", option->fallback);
    }
    if (option->is_reloadable) {
        odk_buf_put_cstr(out, "\n- a running server takes a new value of the "
                              "file at SIGHUP");
    }
    if (option->is_secret) {
        odk_buf_put_cstr(out, "\n- secret: never shown nor logged");
    }
    odk_buf_put_char(out, '\n');
}

void
config_markdown(struct odk_buf *out)
{
    odk_buf_put_cstr(
        out,
        "# Configuration\n\n"
        "<!-- Made by `odradek help config --markdown`; a test compares. "
        "-->\n\n"
        "An option has one dotted name and may be set in four places; the "
        "first wins:\n\n"
        "1. on the command line of any command: "
        "`--kafka-bootstrap=host:9092`, `--kafka-bootstrap host:9092`\n"
        "2. in the environment: `ODRADEK_KAFKA_BOOTSTRAP=host:9092`\n"
        "3. in the file named by `--config FILE` (or `ODRADEK_CONFIG`): "
        "`kafka.bootstrap = host:9092`, a line each; `#` begins a comment "
        "line\n"
        "4. its default\n\n"
        "A name that does not exist or a value that is not allowed stops the "
        "start with exit code 2 and a message\n"
        "that says where it was set and what is allowed. `odradek config` "
        "shows what is in effect and where each\n"
        "value comes from; secrets are masked.\n\n"
        "## Settings of librdkafka and libpq\n\n"
        "What begins with `kafka.` and is no option below goes to librdkafka "
        "under the rest of its name, to the consumer\n"
        "or the producer only with `kafka.consumer.` or `kafka.producer.`; "
        "what the protocol rests on is refused. What begins\n"
        "with `postgres.` goes to libpq. In the environment two underscores "
        "do it:\n\n"
        "```\n"
        "kafka.security.protocol = SASL_SSL\n"
        "kafka.sasl.mechanism = SCRAM-SHA-512\n"
        "kafka.sasl-user = odradek\n"
        "kafka.sasl-password-file = /run/secrets/kafka\n"
        "postgres.sslmode = verify-full\n\n"
        "ODRADEK_KAFKA__SSL_CA_LOCATION=/etc/ssl/kafka.pem\n"
        "ODRADEK_POSTGRES__SSLMODE=verify-full\n"
        "```\n\n"
        "## Options\n");
    for (int key = 0; key < CONFIG_KEYS; key++) {
        put_option(out, (enum config_key)key);
    }
}
