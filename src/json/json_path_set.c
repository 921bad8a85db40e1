/*
 * Insertion by a reference path: down once to see that it fits, then up, making
 * one shallow copy for each container on the way.
 */

#include "json/json.h"
#include "json/json_path.h"
#include "json/json_path_priv.h"

/* The value one step below, borrowed; NULL: to be made. */
static int
descend(const struct path_step *step, json_t *value, json_t **below,
        struct odk_err *err)
{
    int64_t index = 0;

    *below = NULL;
    if (step->kind == PATH_NAME) {
        struct odk_str name = step->names.list[0];
        if (value && !json_is_object(value)) {
            return odk_err_set(err, ODK_EINVAL,
                               "Unable to apply step \"%.*s\" to a value of "
                               "type %s",
                               ODK_STR_ARG(name), json_type_name(value));
        }
        *below = value ? json_get_str(value, name) : NULL;
        return 0;
    }
    index = step->indices.list[0];
    *below = json_array_get(value, (size_t)index);
    if (!*below) {
        return odk_err_set(err, ODK_EINVAL,
                           "Unable to apply step \"[%lld]\": there is no such "
                           "element",
                           (long long)index);
    }
    return 0;
}

/* A copy of the container in which the step leads to below, which is consumed.
 * The container may be NULL: a new object. */
static json_t *
rebuild(const struct path_step *step, const json_t *container, json_t *below)
{
    json_t *copy = container ? json_share_members(container) : json_object();

    if (step->kind == PATH_NAME) {
        json_set(copy, step->names.list[0], below);
    } else if (json_array_set_new(copy, (size_t)step->indices.list[0], below) !=
               0) {
        odk_out_of_memory();
    }
    return copy;
}

int
json_path_set(const struct json_path *path, json_t *root, json_t *value,
              json_t **out, struct odk_err *err)
{
    const struct path_step *steps[JSON_PATH_STEPS_MAX];
    json_t *containers[JSON_PATH_STEPS_MAX];
    size_t n = 0;
    json_t *at = root;

    *out = NULL;
    odk_assert(path->is_reference);
    for (const struct path_step *step = path->chain.first; step;
         step = step->next) {
        steps[n] = step;
        containers[n] = at;
        int rc = descend(step, at, &at, err);
        if (rc != 0) {
            return rc;
        }
        n++;
    }
    json_t *built = json_incref(value);
    while (n > 0) {
        n--;
        built = rebuild(steps[n], containers[n], built);
    }
    *out = built;
    return 0;
}
