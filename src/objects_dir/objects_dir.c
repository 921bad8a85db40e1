#include "objects_dir/objects_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "objects_dir/objects_dir_priv.h"

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define ETAG_BYTES      64

/* A name as the system wants it. */
static void
name_copy(struct odk_str name, char out[OBJECTS_NAME_BYTES_MAX + 1])
{
    odk_assert(name.len <= OBJECTS_NAME_BYTES_MAX);
    memcpy(out, name.ptr, name.len);
    out[name.len] = '\0';
}

int
objects_dir_descend(int fd, struct odk_str name)
{
    char text[OBJECTS_NAME_BYTES_MAX + 1];

    name_copy(name, text);
    return openat(fd, text, DIRECTORY_FLAGS);
}

int
objects_dir_err(struct odk_err *err, const char *doing, struct odk_str what)
{
    int number = errno;
    char text[128];

    if (number == ENOENT || number == ENOTDIR || number == ELOOP) {
        return odk_err_set(err, ODK_ENOTFOUND, "%s '%.*s': it does not exist.",
                           doing, ODK_STR_ARG(what));
    }
    const char *why = strerror_r(number, text, sizeof(text));
    int code = number == EACCES || number == EPERM || number == EROFS
                   ? ODK_EAUTH
                   : ODK_EIO;
    return odk_err_set(err, code, "%s '%.*s': %s.", doing, ODK_STR_ARG(what),
                       why);
}

static void
etag_of(const struct stat *stat, char out[ETAG_BYTES])
{
    (void)snprintf(out, ETAG_BYTES, "%llx-%llx-%llx%09lx",
                   (unsigned long long)stat->st_ino,
                   (unsigned long long)stat->st_size,
                   (unsigned long long)stat->st_mtim.tv_sec,
                   (unsigned long)stat->st_mtim.tv_nsec);
}

int
objects_dir_info(const struct stat *stat, struct odk_str key,
                 struct odk_arena *arena, struct objects_info *out,
                 struct odk_err *err)
{
    char etag[ETAG_BYTES];

    etag_of(stat, etag);
    out->key = odk_arena_str(arena, key);
    out->etag = odk_arena_str(arena, odk_str(etag));
    out->bytes = (uint64_t)stat->st_size;
    out->modified_at = (odk_time_ms)stat->st_mtim.tv_sec * 1000 +
                       stat->st_mtim.tv_nsec / 1000000;
    return out->key.ptr && out->etag.ptr
               ? 0
               : odk_err_set(err, ODK_ELIMIT, "no room for an object's data");
}

/* The directory that holds a key's last name, made where it lacks if is_put;
 * -1 with errno. *name is that last name. */
static int
open_parent(const struct objects_dir *dir, const struct objects_ref *ref,
            bool is_put, struct odk_str *name)
{
    int fd = objects_dir_descend(dir->fd, ref->bucket);
    struct odk_str rest = ref->key;

    while (fd >= 0) {
        char text[OBJECTS_NAME_BYTES_MAX + 1];
        ptrdiff_t slash = odk_str_find(rest, '/');
        if (slash < 0) {
            *name = rest;
            return fd;
        }
        struct odk_str step = odk_str_n(rest.ptr, (size_t)slash);
        name_copy(step, text);
        if (is_put && mkdirat(fd, text, 0777) != 0 && errno != EEXIST) {
            int number = errno;
            (void)close(fd);
            errno = number;
            return -1;
        }
        int below = objects_dir_descend(fd, step);
        int number = errno;
        (void)close(fd);
        errno = number;
        fd = below;
        rest = odk_str_from(rest, (size_t)slash + 1);
    }
    return -1;
}

static int
missing(struct odk_err *err, const struct objects_ref *ref)
{
    return odk_err_set(err, ODK_ENOTFOUND,
                       "The object 's3://%.*s/%.*s' does not exist.",
                       ODK_STR_ARG(ref->bucket), ODK_STR_ARG(ref->key));
}

/* Opens an object's file and checks that it is the expected one. */
static int
open_object(const struct objects_dir *dir, const struct objects_ref *ref,
            int *out, struct stat *stat, struct odk_err *err)
{
    char text[OBJECTS_NAME_BYTES_MAX + 1];
    char etag[ETAG_BYTES];
    struct odk_str name = {0};
    int parent = open_parent(dir, ref, false, &name);

    if (parent < 0) {
        return objects_dir_err(err, "Reading", ref->key);
    }
    name_copy(name, text);
    *out = openat(parent, text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    int number = errno;
    (void)close(parent);
    errno = number;
    if (*out < 0) {
        return errno == ENOENT || errno == ELOOP
                   ? missing(err, ref)
                   : objects_dir_err(err, "Reading", ref->key);
    }
    if (fstat(*out, stat) != 0) {
        return objects_dir_err(err, "Reading", ref->key);
    }
    if (!S_ISREG(stat->st_mode)) {
        return missing(err, ref);
    }
    etag_of(stat, etag);
    if (ref->etag.ptr && !odk_str_is(ref->etag, etag)) {
        return odk_err_set(err, ODK_ECONFLICT,
                           "The object 's3://%.*s/%.*s' was changed while it "
                           "was read.",
                           ODK_STR_ARG(ref->bucket), ODK_STR_ARG(ref->key));
    }
    return 0;
}

static void
close_file(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

static int
dir_stat(struct objects *objects, const struct objects_ref *ref,
         struct odk_arena *arena, struct objects_info *out, struct odk_err *err)
{
    struct stat stat = {0};
    int fd = -1;
    int rc = open_object(objects->impl, ref, &fd, &stat, err);

    rc = rc != 0 ? rc : objects_dir_info(&stat, ref->key, arena, out, err);
    close_file(fd);
    return rc;
}

/* Bytes of an open file into room that there is. */
static int
read_file(int fd, uint64_t offset, size_t len, struct odk_buf *out)
{
    char *room = odk_buf_reserve(out, len);
    size_t got = 0;

    if (!room) {
        errno = EFBIG;
        return -1;
    }
    while (got < len) {
        ssize_t n = pread(fd, room + got, len - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        got += (size_t)n;
    }
    odk_buf_commit(out, got);
    return 0;
}

static int
dir_read( // NOLINT(readability-function-size): the port's signature
    struct objects *objects, const struct objects_ref *ref, uint64_t offset,
    size_t len, struct odk_buf *out, struct odk_err *err)
{
    struct stat stat = {0};
    int fd = -1;
    int rc = open_object(objects->impl, ref, &fd, &stat, err);

    if (rc == 0 && offset < (uint64_t)stat.st_size) {
        uint64_t left = (uint64_t)stat.st_size - offset;
        if (read_file(fd, offset, left < len ? (size_t)left : len, out) != 0) {
            rc = objects_dir_err(err, "Reading", ref->key);
        }
    }
    close_file(fd);
    return rc;
}

/* ---- put ---- */

static int
write_file(int fd, struct odk_str data)
{
    size_t done = 0;

    while (done < data.len) {
        ssize_t n = write(fd, data.ptr + done, data.len - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return -1;
        }
        done += (size_t)n;
    }
    return fsync(fd);
}

/* A file of this process's own beside the object; another thread or process
 * that puts the same key has another one. */
static int
make_file(struct objects_dir *dir, int parent, char name[64])
{
    (void)snprintf(name, 64, OBJECTS_RESERVED "%ld-%p-%u", (long)getpid(),
                   (void *)dir, dir->number++);
    return openat(parent, name,
                  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
}

static int
put_in(struct objects_dir *dir, int parent, struct odk_str name,
       struct odk_str data)
{
    char text[OBJECTS_NAME_BYTES_MAX + 1];
    char own[64];
    int fd = make_file(dir, parent, own);

    if (fd < 0) {
        return -1;
    }
    name_copy(name, text);
    int rc = write_file(fd, data);
    rc = close(fd) != 0 ? -1 : rc;
    rc = rc != 0 ? rc : renameat(parent, own, parent, text);
    rc = rc != 0 ? rc : fsync(parent);
    if (rc != 0) {
        int number = errno;
        (void)unlinkat(parent, own, 0);
        errno = number;
    }
    return rc;
}

static int
dir_put(struct objects *objects, const struct objects_ref *ref,
        struct odk_str data, struct odk_err *err)
{
    struct odk_str name = {0};
    int parent = open_parent(objects->impl, ref, true, &name);
    int rc = 0;

    if (parent < 0) {
        return objects_dir_err(err, "Writing", ref->key);
    }
    if (put_in(objects->impl, parent, name, data) != 0) {
        rc = objects_dir_err(err, "Writing", ref->key);
    }
    (void)close(parent);
    return rc;
}

static void
dir_close(struct objects *objects)
{
    struct objects_dir *dir = objects->impl;

    (void)close(dir->fd);
    free(dir);
}

static const struct objects_ops ops = {
    .close = dir_close,
    .stat = dir_stat,
    .read = dir_read,
    .list = objects_dir_list,
    .put = dir_put,
};

int
objects_dir_open(const char *directory, struct objects *out,
                 struct odk_err *err)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct objects_dir *dir = NULL;

    *out = (struct objects){0};
    if (fd < 0) {
        return objects_dir_err(err, "The directory of objects",
                               odk_str(directory));
    }
    dir = calloc(1, sizeof(*dir));
    if (!dir) {
        odk_out_of_memory();
    }
    dir->fd = fd;
    *out = (struct objects){&ops, dir};
    return 0;
}
