#ifndef REGISTRY_HTTP_H
#define REGISTRY_HTTP_H

/*
 * Private to the room: one HTTP request after the other over libcurl, with
 * every bound set, to one of several servers that hold the same.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "registry/registry.h"

struct registry_http;

/** options are filled in. ODK_EINVAL on bad URLs. */
int registry_http_new(const struct registry_options *options,
                      struct registry_http **out,
                      struct odk_err *err) ODK_MUST_USE;

/** http may be NULL. */
void registry_http_free(struct registry_http *http);

/** Escapes a text as one segment of a path and appends it. */
void registry_http_put_segment(struct odk_buf *path, struct odk_str segment);

/** GET path, or POST body if it has a ptr. The first server that answers with
 * anything but 5xx gives *status and *answer, which is borrowed until the next
 * request. ODK_ECONN, ODK_ETIMEOUT, ODK_EAGAIN (5xx), ODK_ETOOBIG, ODK_EIO:
 * what the last server did. */
int registry_http_ask(struct registry_http *http, struct odk_str path,
                      struct odk_str body, long *status, struct odk_str *answer,
                      struct odk_err *err) ODK_MUST_USE;

/** Requests and failures so far. */
void registry_http_count(const struct registry_http *http, uint64_t *requests,
                         uint64_t *failures);

#endif
