#include "objects/objects_task.h"

#include "objects/objects_priv.h"

int
objects_task(struct objects *objects, struct odk_str type, json_t *input,
             json_t **out, struct odk_err *err)
{
    *out = NULL;
    if (odk_str_is(type, OBJECTS_READ)) {
        return objects_read_items(objects, input, out, err);
    }
    if (odk_str_is(type, OBJECTS_WRITE)) {
        return objects_write_results(objects, input, out, err);
    }
    return odk_err_set(err, ODK_EINVAL, "There is no task '%.*s'.",
                       ODK_STR_ARG(type));
}
