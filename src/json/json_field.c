#include "json/json.h"

/* Longest pointer that a message shows; longer ones are cut. */
#define PLACE_DEPTH_MAX JSON_DEPTH_MAX

static void
put_key(struct odk_buf *out, struct odk_str key)
{
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] == '~') {
            odk_buf_put_cstr(out, "~0");
        } else if (key.ptr[i] == '/') {
            odk_buf_put_cstr(out, "~1");
        } else {
            odk_buf_put_char(out, key.ptr[i]);
        }
    }
}

void
json_place_put(const struct json_place *place, struct odk_buf *out)
{
    const struct json_place *chain[PLACE_DEPTH_MAX];
    size_t n = 0;

    for (; place && place->parent && n < PLACE_DEPTH_MAX;
         place = place->parent) {
        chain[n++] = place;
    }
    while (n > 0) {
        const struct json_place *step = chain[--n];
        odk_buf_put_char(out, '/');
        if (step->key.ptr) {
            put_key(out, step->key);
        } else {
            odk_buf_put_u64(out, step->index);
        }
    }
}

static int
refuse(const struct json_field *field, struct odk_err *err, const char *problem)
{
    struct odk_buf pointer;

    odk_buf_init(&pointer, 0);
    json_place_put(field->place, &pointer);
    odk_buf_put_char(&pointer, '/');
    put_key(&pointer, odk_str(field->key));
    (void)odk_err_set(err, ODK_EINVAL, "%.*s: %s",
                      ODK_STR_ARG(odk_buf_str(&pointer)), problem);
    odk_buf_release(&pointer);
    return ODK_EINVAL;
}

/* 0 with *value NULL: absent and allowed to be. */
static int
find(const struct json_field *field, json_t **value, struct odk_err *err)
{
    *value = json_get(field->object, field->key);
    if (!*value && field->is_required) {
        return refuse(field, err, "is missing");
    }
    return 0;
}

int
json_field_str(const struct json_field *field, struct odk_str *out,
               struct odk_err *err)
{
    json_t *value = NULL;
    int rc = find(field, &value, err);

    if (rc == 0 && value) {
        if (!json_is_string(value)) {
            return refuse(field, err, "must be a string");
        }
        *out = json_str(value);
    }
    return rc;
}

int
json_field_i64(const struct json_field *field, int64_t *out,
               struct odk_err *err)
{
    json_t *value = NULL;
    int rc = find(field, &value, err);

    if (rc == 0 && value && !json_to_i64(value, out)) {
        return refuse(field, err, "must be an integer");
    }
    return rc;
}

int
json_field_double(const struct json_field *field, double *out,
                  struct odk_err *err)
{
    json_t *value = NULL;
    int rc = find(field, &value, err);

    if (rc == 0 && value) {
        if (!json_is_number(value)) {
            return refuse(field, err, "must be a number");
        }
        *out = json_number_value(value);
    }
    return rc;
}

int
json_field_bool(const struct json_field *field, bool *out, struct odk_err *err)
{
    json_t *value = NULL;
    int rc = find(field, &value, err);

    if (rc == 0 && value) {
        if (!json_is_boolean(value)) {
            return refuse(field, err, "must be true or false");
        }
        *out = json_is_true(value);
    }
    return rc;
}

int
json_field_object(const struct json_field *field, json_t **out,
                  struct odk_err *err)
{
    json_t *value = NULL;
    int rc = find(field, &value, err);

    if (rc == 0 && value) {
        if (!json_is_object(value)) {
            return refuse(field, err, "must be an object");
        }
        *out = value;
    }
    return rc;
}

int
json_field_array(const struct json_field *field, json_t **out,
                 struct odk_err *err)
{
    json_t *value = NULL;
    int rc = find(field, &value, err);

    if (rc == 0 && value) {
        if (!json_is_array(value)) {
            return refuse(field, err, "must be an array");
        }
        *out = value;
    }
    return rc;
}
