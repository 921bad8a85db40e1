/*
 * Any bytes as a configuration file: read or refused with a sentence; what was
 * read can be shown, and no password is in what is shown.
 */

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
show_all(const struct config *config)
{
    struct odk_buf buf;

    odk_buf_init(&buf, 0);
    for (int key = 0; key < CONFIG_KEYS; key++) {
        odk_buf_clear(&buf);
        odk_buf_put_cstr(&buf, "");
        config_show(config, (enum config_key)key, &buf);
        if (config_option((enum config_key)key)->is_secret) {
            odk_assert(buf.len == 0 || strcmp(buf.ptr, "********") == 0);
        }
    }
    odk_buf_clear(&buf);
    odk_buf_put_cstr(&buf, "");
    config_conninfo(config, &buf);
    odk_buf_release(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = config_new();
    struct odk_err err = {0};

    if (config_read_text(config, odk_str_n(data, size), "fuzz", &err) != 0) {
        odk_assert(err.message[0] != '\0');
    }
    show_all(config);
    config_free(config);
    return 0;
}
