#include "objects/objects_mem.h"

#include <stdio.h>
#include <stdlib.h>

struct object {
    struct odk_buf bucket;
    struct odk_buf key; /**< empty: the bucket itself */
    struct odk_buf data;
    uint64_t number; /**< of its content */
};

struct mem {
    struct object *list; /**< by bucket and key */
    size_t n;
    size_t size;
    uint64_t number;
    odk_time_ms at;
};

static int
compare(const struct object *object, struct odk_str bucket, struct odk_str key)
{
    int order = odk_str_cmp(odk_buf_str(&object->bucket), bucket);

    return order != 0 ? order : odk_str_cmp(odk_buf_str(&object->key), key);
}

/* The first place that is not before a bucket and key. */
static size_t
place_of(const struct mem *mem, struct odk_str bucket, struct odk_str key)
{
    size_t low = 0;
    size_t high = mem->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&mem->list[middle], bucket, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct object *
find(const struct mem *mem, struct odk_str bucket, struct odk_str key)
{
    size_t at = place_of(mem, bucket, key);

    return at < mem->n && compare(&mem->list[at], bucket, key) == 0
               ? &mem->list[at]
               : NULL;
}

static struct object *
add(struct mem *mem, struct odk_str bucket, struct odk_str key)
{
    size_t at = place_of(mem, bucket, key);

    if (mem->n == mem->size) {
        mem->size = mem->size ? mem->size * 2 : 8;
        struct object *grown =
            realloc(mem->list, mem->size * sizeof(*mem->list));
        if (!grown) {
            odk_out_of_memory();
        }
        mem->list = grown;
    }
    memmove(&mem->list[at + 1], &mem->list[at],
            (mem->n - at) * sizeof(*mem->list));
    mem->n++;
    odk_buf_init(&mem->list[at].bucket, 0);
    odk_buf_init(&mem->list[at].key, 0);
    odk_buf_init(&mem->list[at].data, 0);
    odk_buf_put_str(&mem->list[at].bucket, bucket);
    odk_buf_put_str(&mem->list[at].key, key);
    return &mem->list[at];
}

static void
mem_close(struct objects *objects)
{
    struct mem *mem = objects->impl;

    for (size_t i = 0; i < mem->n; i++) {
        odk_buf_release(&mem->list[i].bucket);
        odk_buf_release(&mem->list[i].key);
        odk_buf_release(&mem->list[i].data);
    }
    free(mem->list);
    free(mem);
}

static void
etag_of(const struct object *object, char out[24])
{
    (void)snprintf(out, 24, "%016llx", (unsigned long long)object->number);
}

/* The object that is meant; NULL with the code. */
static const struct object *
look_up(const struct mem *mem, const struct objects_ref *ref, int *code,
        struct odk_err *err)
{
    const struct object *found = find(mem, ref->bucket, ref->key);
    char etag[24];

    if (!find(mem, ref->bucket, ODK_STR(""))) {
        *code =
            odk_err_set(err, ODK_ENOTFOUND, "The bucket '%.*s' does not exist.",
                        ODK_STR_ARG(ref->bucket));
        return NULL;
    }
    if (!found) {
        *code = odk_err_set(err, ODK_ENOTFOUND,
                            "The object 's3://%.*s/%.*s' does not exist.",
                            ODK_STR_ARG(ref->bucket), ODK_STR_ARG(ref->key));
        return NULL;
    }
    etag_of(found, etag);
    if (ref->etag.ptr && !odk_str_is(ref->etag, etag)) {
        *code = odk_err_set(err, ODK_ECONFLICT,
                            "The object 's3://%.*s/%.*s' was changed while it "
                            "was read.",
                            ODK_STR_ARG(ref->bucket), ODK_STR_ARG(ref->key));
        return NULL;
    }
    return found;
}

static int
fill_info(const struct mem *mem, const struct object *object,
          struct odk_arena *arena, struct objects_info *out)
{
    char etag[24];

    etag_of(object, etag);
    out->key = odk_arena_str(arena, odk_buf_str(&object->key));
    out->etag = odk_arena_str(arena, odk_str(etag));
    out->bytes = object->data.len;
    out->modified_at = mem->at;
    return out->key.ptr && out->etag.ptr ? 0 : ODK_ELIMIT;
}

static int
mem_stat(struct objects *objects, const struct objects_ref *ref,
         struct odk_arena *arena, struct objects_info *out, struct odk_err *err)
{
    int code = 0;
    const struct object *object = look_up(objects->impl, ref, &code, err);

    if (object && fill_info(objects->impl, object, arena, out) != 0) {
        code = odk_err_set(err, ODK_ELIMIT, "no room for an object's data");
    }
    return code;
}

static int
mem_read( // NOLINT(readability-function-size): the port's signature
    struct objects *objects, const struct objects_ref *ref, uint64_t offset,
    size_t len, struct odk_buf *out, struct odk_err *err)
{
    int code = 0;
    const struct object *object = look_up(objects->impl, ref, &code, err);

    if (object && offset < object->data.len) {
        size_t left = object->data.len - (size_t)offset;
        odk_buf_put(out, object->data.ptr + offset, left < len ? left : len);
    }
    return code;
}

static int
mem_list(struct objects *objects, const struct objects_query *query,
         struct odk_arena *arena, struct objects_list *out, struct odk_err *err)
{
    const struct mem *mem = objects->impl;

    if (!find(mem, query->bucket, ODK_STR(""))) {
        return odk_err_set(err, ODK_ENOTFOUND,
                           "The bucket '%.*s' does not exist.",
                           ODK_STR_ARG(query->bucket));
    }
    out->list = odk_arena_calloc(arena, query->max, sizeof(*out->list));
    if (!out->list) {
        return odk_err_set(err, ODK_ELIMIT, "no room for a list of objects");
    }
    for (size_t i = place_of(mem, query->bucket, query->prefix);
         i < mem->n && out->n < query->max; i++) {
        struct odk_str key = odk_buf_str(&mem->list[i].key);
        if (!odk_str_eq(odk_buf_str(&mem->list[i].bucket), query->bucket) ||
            !odk_str_starts(key, query->prefix)) {
            break;
        }
        if (key.len == 0 ||
            (query->after.ptr && odk_str_cmp(key, query->after) <= 0)) {
            continue;
        }
        if (fill_info(mem, &mem->list[i], arena, &out->list[out->n++]) != 0) {
            return odk_err_set(err, ODK_ELIMIT, "no room for an object's data");
        }
    }
    return 0;
}

static int
mem_put(struct objects *objects, const struct objects_ref *ref,
        struct odk_str data, struct odk_err *err)
{
    struct mem *mem = objects->impl;
    struct object *object = find(mem, ref->bucket, ref->key);

    if (!find(mem, ref->bucket, ODK_STR(""))) {
        return odk_err_set(err, ODK_ENOTFOUND,
                           "The bucket '%.*s' does not exist.",
                           ODK_STR_ARG(ref->bucket));
    }
    object = object ? object : add(mem, ref->bucket, ref->key);
    odk_buf_clear(&object->data);
    odk_buf_put_str(&object->data, data);
    object->number = ++mem->number;
    return 0;
}

static const struct objects_ops ops = {
    .close = mem_close,
    .stat = mem_stat,
    .read = mem_read,
    .list = mem_list,
    .put = mem_put,
};

void
objects_mem_open(odk_time_ms at, struct objects *out)
{
    struct mem *mem = calloc(1, sizeof(*mem));

    if (!mem) {
        odk_out_of_memory();
    }
    mem->at = at;
    *out = (struct objects){&ops, mem};
}

void
objects_mem_make_bucket(struct objects *objects, struct odk_str bucket)
{
    struct mem *mem = objects->impl;

    if (!find(mem, bucket, ODK_STR(""))) {
        (void)add(mem, bucket, ODK_STR(""));
    }
}
