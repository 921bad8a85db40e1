#include "objects/objects.h"

/* What every store holds to: names that a directory can have, too. */

static int
check_bucket(struct odk_str bucket, struct odk_err *err)
{
    bool is_good = bucket.len > 0 && bucket.len <= OBJECTS_BUCKET_BYTES_MAX &&
                   bucket.ptr[0] != '.' && odk_str_find(bucket, '/') < 0 &&
                   odk_str_find(bucket, '\0') < 0 && odk_str_is_utf8(bucket);

    return is_good ? 0
                   : odk_err_set(err, ODK_EINVAL,
                                 "The bucket's name '%.*s' is not valid.",
                                 ODK_STR_ARG(bucket));
}

/* A part of a key: between two slashes, or before and behind them. */
static bool
name_is_good(struct odk_str name)
{
    return name.len > 0 && name.len <= OBJECTS_NAME_BYTES_MAX &&
           !odk_str_is(name, ".") && !odk_str_is(name, "..") &&
           !odk_str_starts(name, ODK_STR(OBJECTS_RESERVED));
}

static bool
key_is_good(struct odk_str key)
{
    struct odk_str rest = key;

    if (key.len == 0 || key.len > OBJECTS_KEY_BYTES_MAX ||
        odk_str_find(key, '\0') >= 0 || !odk_str_is_utf8(key)) {
        return false;
    }
    for (;;) {
        ptrdiff_t slash = odk_str_find(rest, '/');
        if (slash < 0) {
            return name_is_good(rest);
        }
        if (!name_is_good(odk_str_n(rest.ptr, (size_t)slash))) {
            return false;
        }
        rest = odk_str_from(rest, (size_t)slash + 1);
    }
}

static int
check_ref(const struct objects_ref *ref, struct odk_err *err)
{
    int rc = check_bucket(ref->bucket, err);

    if (rc == 0 && !key_is_good(ref->key)) {
        rc = odk_err_set(err, ODK_EINVAL,
                         "The key '%.*s' is not valid: keys are names between "
                         "single slashes, none of them '.' or '..', and of at "
                         "most %d bytes.",
                         ODK_STR_ARG(ref->key), OBJECTS_KEY_BYTES_MAX);
    }
    return rc;
}

void
objects_close(struct objects *objects)
{
    if (objects->ops) {
        objects->ops->close(objects);
        *objects = (struct objects){0};
    }
}

int
objects_stat(struct objects *objects, const struct objects_ref *ref,
             struct odk_arena *arena, struct objects_info *out,
             struct odk_err *err)
{
    *out = (struct objects_info){0};
    int rc = check_ref(ref, err);

    rc = rc != 0 ? rc : objects->ops->stat(objects, ref, arena, out, err);
    odk_assert(rc <= 0 && (rc != 0 || out->etag.len > 0));
    return rc;
}

int
objects_read( // NOLINT(readability-function-size): one range of one object
    struct objects *objects, const struct objects_ref *ref, uint64_t offset,
    size_t len, struct odk_buf *out, struct odk_err *err)
{
    size_t before = out->len;
    int rc = check_ref(ref, err);

    rc = rc != 0 ? rc : objects->ops->read(objects, ref, offset, len, out, err);
    odk_assert(rc != 0 || out->len - before <= len);
    return rc;
}

static bool
list_is_sane(const struct objects_query *query, const struct objects_list *out)
{
    for (size_t i = 0; i < out->n; i++) {
        struct odk_str before = i > 0 ? out->list[i - 1].key : query->after;
        if (!odk_str_starts(out->list[i].key, query->prefix) ||
            (before.ptr && odk_str_cmp(before, out->list[i].key) >= 0)) {
            return false;
        }
    }
    return out->n <= query->max;
}

int
objects_list(struct objects *objects, const struct objects_query *query,
             struct odk_arena *arena, struct objects_list *out,
             struct odk_err *err)
{
    odk_assert(query->max > 0 && query->max <= OBJECTS_LIST_MAX);
    *out = (struct objects_list){0};
    int rc = check_bucket(query->bucket, err);

    rc = rc != 0 ? rc : objects->ops->list(objects, query, arena, out, err);
    odk_assert(rc != 0 || list_is_sane(query, out));
    return rc;
}

int
objects_put(struct objects *objects, const struct objects_ref *ref,
            struct odk_str data, struct odk_err *err)
{
    int rc = check_ref(ref, err);

    if (rc == 0 && data.len > OBJECTS_PUT_BYTES_MAX) {
        rc = odk_err_set(err, ODK_ETOOBIG, "An object of %zu bytes is too big.",
                         data.len);
    }
    return rc != 0 ? rc : objects->ops->put(objects, ref, data, err);
}
