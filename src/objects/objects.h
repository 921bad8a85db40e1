#ifndef OBJECTS_OBJECTS_H
#define OBJECTS_OBJECTS_H

/*
 * The port to an object store: what a distributed Map calls Amazon S3. An
 * object is bytes under a key in a bucket; it is replaced as a whole, and an
 * etag tells one content from the next. Calls block; whoever makes them is a
 * worker, never a lane.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

#define OBJECTS_BUCKET_BYTES_MAX 255
/** S3's limit for keys. */
#define OBJECTS_KEY_BYTES_MAX 1024
/** Of one name between slashes: a file's name. */
#define OBJECTS_NAME_BYTES_MAX 255
/** Objects in one answer of objects_list. */
#define OBJECTS_LIST_MAX 1000
/** Bytes of one object that is put. */
#define OBJECTS_PUT_BYTES_MAX ((size_t)64 * 1024 * 1024)

/** Names that begin so are the store's own: no key has one. */
#define OBJECTS_RESERVED ".odradek-"

struct objects_ref {
    struct odk_str bucket;
    struct odk_str key;
    struct odk_str etag; /**< expected; absent: any */
};

struct objects_info {
    struct odk_str key;
    struct odk_str etag;
    uint64_t bytes;
    odk_time_ms modified_at;
};

struct objects_query {
    struct odk_str bucket;
    struct odk_str prefix; /**< of the keys; absent: all */
    struct odk_str after;  /**< keys behind this one; absent: from the first */
    size_t max;            /**< 1 to OBJECTS_LIST_MAX */
};

struct objects_list {
    struct objects_info *list; /**< keys in bytewise order */
    size_t n;
};

struct objects;

struct objects_ops {
    void (*close)(struct objects *objects);
    int (*stat)(struct objects *objects, const struct objects_ref *ref,
                struct odk_arena *arena, struct objects_info *out,
                struct odk_err *err);
    int (*read)(struct objects *objects, const struct objects_ref *ref,
                uint64_t offset, size_t len, struct odk_buf *out,
                struct odk_err *err);
    int (*list)(struct objects *objects, const struct objects_query *query,
                struct odk_arena *arena, struct objects_list *out,
                struct odk_err *err);
    int (*put)(struct objects *objects, const struct objects_ref *ref,
               struct odk_str data, struct odk_err *err);
};

/** A store; filled by the one that opens it. */
struct objects {
    const struct objects_ops *ops;
    void *impl;
};

/** Frees what stands behind it; a store that was never opened may be closed. */
void objects_close(struct objects *objects);

/** What is known of an object; from the arena. ODK_ENOTFOUND: no such bucket or
 * key; ODK_EINVAL: a name that no object has; ODK_ECONFLICT: it has another
 * etag; ODK_EIO. */
int objects_stat(struct objects *objects, const struct objects_ref *ref,
                 struct odk_arena *arena, struct objects_info *out,
                 struct odk_err *err) ODK_MUST_USE;

/** Appends up to len bytes from offset on to out; fewer at the end of the
 * object. As objects_stat. */
int objects_read( // NOLINT(readability-function-size): one range of one object
    struct objects *objects, const struct objects_ref *ref, uint64_t offset,
    size_t len, struct odk_buf *out, struct odk_err *err) ODK_MUST_USE;

/** Objects of a bucket by key, from the arena: fewer than query->max only where
 * there are no more. ODK_ENOTFOUND: no such bucket; ODK_ELIMIT; ODK_EIO. */
int objects_list(struct objects *objects, const struct objects_query *query,
                 struct odk_arena *arena, struct objects_list *out,
                 struct odk_err *err) ODK_MUST_USE;

/** Puts an object, all of it or nothing, in place of an earlier one. The bucket
 * must exist. */
int objects_put(struct objects *objects, const struct objects_ref *ref,
                struct odk_str data, struct odk_err *err) ODK_MUST_USE;

#endif
