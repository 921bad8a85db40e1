#ifndef ITEMS_PRIV_H
#define ITEMS_PRIV_H

#include "items/items.h"
#include "json/json.h"

/** Members of items_next, by format. */
int items_next_csv(const struct items_spec *spec, struct odk_str window,
                   bool is_last, size_t *at, struct items_item *out,
                   struct odk_err *err) ODK_MUST_USE;
int items_next_json(const struct items_spec *spec, struct odk_str window,
                    bool is_last, size_t *at, struct items_item *out,
                    struct odk_err *err) ODK_MUST_USE;

/** ITEMS_MORE, or the error of an item that no window can hold. */
int items_more(struct odk_str window, size_t at, struct odk_err *err);

static inline bool
items_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

#endif
