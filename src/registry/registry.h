#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

/*
 * A client of the schema registry's REST API (Confluent's and those that speak
 * it), which fills the table of a codec: ids that arrive on topics, and the ids
 * under which our own schemas are written. Needed with Confluent framing only.
 *
 * Subjects are named <topic>-<full name of the record>,
 * TopicRecordNameStrategy, as one topic holds records of several schemas.
 *
 * Calls block for at most timeout_ms a URL. One thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "codec/codec.h"

/** Longest list of URLs. */
#define REGISTRY_URLS_MAX 8

struct registry_options {
    /** "http://a:8081,https://b/path": asked in turn, from the last that
     * answered, until one does. Copied. */
    const char *urls;
    const char *user;          /**< HTTP basic; NULL = none. Copied. */
    const char *password;      /**< NULL = "". Copied. */
    const char *ca_file;       /**< NULL = the system's. Copied. */
    odk_dur_ms timeout_ms;     /**< of a request; 0 = 5,000 */
    odk_dur_ms connect_ms;     /**< of its connection; 0 = 2,000 */
    odk_dur_ms unknown_ms;     /**< an unknown id is asked for again after
                                  this; 0 = 60,000 */
    size_t response_bytes_max; /**< 0 = 1 MiB */
};

/** What a schema of ours that the registry lacks is. */
enum registry_missing {
    REGISTRY_ADD,    /**< registered under the subject */
    REGISTRY_REFUSE, /**< ODK_ENOTFOUND: an administrator registers schemas */
};

struct registry_stats {
    uint64_t requests; /**< sent, to any URL */
    uint64_t failures; /**< without an answer, or answered 5xx */
    uint64_t spared;   /**< answered from what was unknown lately */
};

struct registry;

/** Does not connect yet. ODK_EINVAL: no URLs, too many, or neither http nor
 * https. */
int registry_new(const struct registry_options *options, struct registry **out,
                 struct odk_err *err) ODK_MUST_USE;

/** registry may be NULL. */
void registry_free(struct registry *registry);

/** Makes an id known to codec that it does not know (a record's, see
 * codec_header_read). ODK_ENOTFOUND: the registry does not have it.
 * ODK_ESCHEMA, ODK_EUNSUPPORTED: its schema is none that we can read. These
 * three are remembered for unknown_ms. ODK_ECONN, ODK_ETIMEOUT, ODK_EAGAIN,
 * ODK_EIO: try again later. ODK_EAUTH. */
int registry_learn_id(struct registry *registry, struct codec *codec,
                      uint32_t id, struct odk_err *err) ODK_MUST_USE;

/** Finds out the id of our current schema of kind under a topic's subject, and
 * makes it known to codec, which then writes the kind. ODK_ESCHEMA: the
 * registry finds it incompatible with what the subject holds. Else as above. */
int registry_learn_kind(struct registry *registry, struct codec *codec,
                        struct odk_str topic, enum codec_kind kind,
                        enum registry_missing missing,
                        struct odk_err *err) ODK_MUST_USE;

/** Appends the subject of a kind on a topic. */
void registry_subject(struct odk_str topic, enum codec_kind kind,
                      struct odk_buf *out);

/** Counts since registry_new. */
struct registry_stats registry_stats(const struct registry *registry);

#endif
