/*
 * Keys in bytewise order: depth first, where a directory's name sorts as if a
 * slash stood behind it. Each level holds the names of one directory.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "objects_dir/objects_dir_priv.h"

/** Names of one directory. */
#define NAMES_MAX  1000000
#define LEVELS_MAX (OBJECTS_KEY_BYTES_MAX / 2 + 1)

struct level {
    int fd;
    size_t prefix_len; /**< of the walk's path, up to here */
    char **names;      /**< sorted; directories end with a slash */
    size_t n;
    size_t size;
    size_t next;
};

struct walk {
    const struct objects_query *query;
    struct level *levels;
    size_t n_levels;
    char path[OBJECTS_KEY_BYTES_MAX + OBJECTS_NAME_BYTES_MAX + 2];
    size_t path_len;
};

static int
by_bytes(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;

    return strcmp(*left, *right);
}

static void
level_release(struct level *level)
{
    for (size_t i = 0; i < level->n; i++) {
        free(level->names[i]);
    }
    free(level->names);
    (void)close(level->fd);
}

static void
add_name(struct level *level, const char *name, bool is_directory)
{
    size_t len = strlen(name);
    char *copy = malloc(len + 2);

    if (level->n == level->size) {
        level->size = level->size ? level->size * 2 : 64;
        char **grown =
            realloc(level->names, level->size * sizeof(*level->names));
        if (!grown) {
            odk_out_of_memory();
        }
        level->names = grown;
    }
    if (!copy) {
        odk_out_of_memory();
    }
    memcpy(copy, name, len);
    copy[len] = is_directory ? '/' : '\0';
    copy[len + 1] = '\0';
    level->names[level->n++] = copy;
}

/* Whether a name is a directory; files and directories only. */
static bool
kind_of(int fd, const struct dirent *entry, bool *is_directory)
{
    struct stat stat;

    if (entry->d_type == DT_DIR || entry->d_type == DT_REG) {
        *is_directory = entry->d_type == DT_DIR;
        return true;
    }
    if (entry->d_type != DT_UNKNOWN ||
        fstatat(fd, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) {
        return false;
    }
    *is_directory = S_ISDIR(stat.st_mode);
    return *is_directory || S_ISREG(stat.st_mode);
}

/* Whether a key that begins with the path and this name can be in the answer.
 */
static bool
is_wanted(const struct walk *walk, const char *name, bool is_directory)
{
    struct odk_str prefix = walk->query->prefix;
    struct odk_str rest = odk_str_from(prefix, walk->path_len);
    struct odk_str text = odk_str(name);

    if (odk_str_is(text, ".") || odk_str_is(text, "..") ||
        odk_str_starts(text, ODK_STR(OBJECTS_RESERVED)) ||
        !odk_str_is_utf8(text)) {
        return false;
    }
    return odk_str_starts(text, rest) ||
           (is_directory && odk_str_starts(rest, text) &&
            (rest.len == text.len || rest.ptr[text.len] == '/'));
}

static int
read_names(const struct walk *walk, struct level *level, struct odk_err *err)
{
    int copy = dup(level->fd);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry = NULL;
    bool is_directory = false;
    int rc = 0;

    if (!stream) {
        if (copy >= 0) {
            (void)close(copy);
        }
        return objects_dir_err(err, "Listing", walk->query->bucket);
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this call's own */
    while (rc == 0 && (entry = readdir(stream)) != NULL) {
        if (!kind_of(level->fd, entry, &is_directory) ||
            !is_wanted(walk, entry->d_name, is_directory)) {
            continue;
        }
        add_name(level, entry->d_name, is_directory);
        if (level->n > NAMES_MAX) {
            rc = odk_err_set(err, ODK_ELIMIT,
                             "A directory of the bucket '%.*s' has more than "
                             "%d names.",
                             ODK_STR_ARG(walk->query->bucket), NAMES_MAX);
        }
    }
    (void)closedir(stream);
    if (level->n > 0) {
        qsort(level->names, level->n, sizeof(*level->names), by_bytes);
    }
    return rc;
}

/* Takes fd over. */
static int
push(struct walk *walk, int fd, struct odk_err *err)
{
    struct level *level = &walk->levels[walk->n_levels++];

    *level = (struct level){.fd = fd, .prefix_len = walk->path_len};
    return read_names(walk, level, err);
}

/* Whether every key below the path is at or before `after`. */
static bool
is_behind(const struct walk *walk)
{
    struct odk_str after = walk->query->after;
    struct odk_str path = odk_str_n(walk->path, walk->path_len);
    bool is_directory = path.ptr[path.len - 1] == '/';

    return after.ptr && odk_str_cmp(path, after) <= 0 &&
           !(is_directory && odk_str_starts(after, path));
}

static int
enter(struct walk *walk, int parent, const char *name, struct odk_err *err)
{
    int fd = objects_dir_descend(parent, odk_str_n(name, strlen(name) - 1));

    if (walk->n_levels == LEVELS_MAX || fd < 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return 0; /* removed meanwhile, or no key is so long */
    }
    return push(walk, fd, err);
}

static int
take_file(struct walk *walk, int parent, const char *name,
          struct odk_arena *arena, struct objects_list *out,
          struct odk_err *err)
{
    struct stat stat;

    if (fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(stat.st_mode)) {
        return 0; /* removed meanwhile */
    }
    return objects_dir_info(&stat, odk_str_n(walk->path, walk->path_len), arena,
                            &out->list[out->n++], err);
}

/* One name of the deepest level, or back up. */
static int
step(struct walk *walk, struct odk_arena *arena, struct objects_list *out,
     struct odk_err *err)
{
    struct level *level = &walk->levels[walk->n_levels - 1];

    walk->path_len = level->prefix_len;
    if (level->next == level->n) {
        level_release(level);
        walk->n_levels--;
        return 0;
    }
    const char *name = level->names[level->next++];
    size_t len = strlen(name);
    if (walk->path_len + len > OBJECTS_KEY_BYTES_MAX) {
        return 0;
    }
    memcpy(walk->path + walk->path_len, name, len);
    walk->path_len += len;
    if (is_behind(walk)) {
        return 0;
    }
    return name[len - 1] == '/'
               ? enter(walk, level->fd, name, err)
               : take_file(walk, level->fd, name, arena, out, err);
}

int
objects_dir_list(struct objects *objects, const struct objects_query *query,
                 struct odk_arena *arena, struct objects_list *out,
                 struct odk_err *err)
{
    const struct objects_dir *dir = objects->impl;
    int fd = objects_dir_descend(dir->fd, query->bucket);

    if (fd < 0) {
        return objects_dir_err(err, "The bucket", query->bucket);
    }
    struct walk *walk = calloc(1, sizeof(*walk));
    struct level *levels = calloc(LEVELS_MAX, sizeof(*levels));
    if (!walk || !levels) {
        odk_out_of_memory();
    }
    walk->query = query;
    walk->levels = levels;
    out->list = odk_arena_calloc(arena, query->max, sizeof(*out->list));
    int rc = out->list ? push(walk, fd, err)
                       : odk_err_set(err, ODK_ELIMIT,
                                     "no room for a list of objects");
    if (!out->list) {
        (void)close(fd);
    }
    while (rc == 0 && walk->n_levels > 0 && out->n < query->max) {
        rc = step(walk, arena, out, err);
    }
    while (walk->n_levels > 0) {
        level_release(&walk->levels[--walk->n_levels]);
    }
    free(levels);
    free(walk);
    return rc;
}
