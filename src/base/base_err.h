#ifndef BASE_ERR_H
#define BASE_ERR_H

/*
 * The one error type. A fallible function returns 0 or a negative ODK_E* and
 * fills `struct odk_err` (the last parameter, may be NULL) with a sentence.
 * What happens inside a workflow (a failed task, a time-out) is data in events,
 * never an error here.
 */

#include <stdarg.h>
#include <stddef.h>

#include "base/base_assert.h"

/** What the caller can do about an error; only the lane and the edges act on
 * it. */
enum odk_err_class {
    ODK_CLASS_RETRY,   /**< the same call may work later */
    ODK_CLASS_REJECT,  /**< this input is refused, others go on */
    ODK_CLASS_FENCE,   /**< we no longer own the shard */
    ODK_CLASS_CORRUPT, /**< stored or received data contradicts itself */
    ODK_CLASS_BUG,     /**< our own mistake, or the machine's */
};

/* X(name, number, class, text) */
#define ODK_ERR_TABLE(X)                                                       \
    X(EINVAL, 1, REJECT, "invalid argument")                                   \
    X(ESYNTAX, 2, REJECT, "malformed input")                                   \
    X(ELIMIT, 3, REJECT, "a limit was reached")                                \
    X(ENOTFOUND, 4, REJECT, "not found")                                       \
    X(EEXISTS, 5, REJECT, "exists already")                                    \
    X(ECONFLICT, 6, REJECT, "conflicts with what is stored")                   \
    X(ESCHEMA, 7, REJECT, "unknown or incompatible schema")                    \
    X(ETOOBIG, 8, REJECT, "too large")                                         \
    X(EREFUSED, 9, REJECT, "value refused by the database")                    \
    X(EAGAIN, 10, RETRY, "temporarily unavailable")                            \
    X(ETIMEOUT, 11, RETRY, "timed out")                                        \
    X(ECONN, 12, RETRY, "connection lost or not possible")                     \
    X(EUNKNOWN_COMMIT, 13, RETRY, "the outcome of a commit is unknown")        \
    X(EAUTH, 14, REJECT, "not authenticated or not allowed")                   \
    X(EFENCED, 15, FENCE, "the shard has another owner")                       \
    X(ECORRUPT, 16, CORRUPT, "stored data is inconsistent")                    \
    X(EQUARANTINE, 17, CORRUPT, "the shard is quarantined")                    \
    X(EFATAL, 18, RETRY, "the producer must be replaced")                      \
    X(EIO, 19, RETRY, "input or output failed")                                \
    X(EUNSUPPORTED, 20, REJECT, "not supported")                               \
    X(EINTERNAL, 21, BUG, "internal error")                                    \
    X(ESKEW, 22, RETRY, "our clock is too far from the database's")

enum {
#define X(name, number, class, text) ODK_##name = -(number),
    ODK_ERR_TABLE(X)
#undef X
};

struct odk_err {
    int code; /**< 0 or ODK_E* */
    const char *file;
    int line;
    char message[512]; /**< a sentence, context first, NUL-terminated */
};

/** Name ("ODK_EINVAL"), text and class of a code; unknown codes read as
 * EINTERNAL. */
const char *odk_err_name(int code);
const char *odk_err_text(int code);
enum odk_err_class odk_err_class(int code);

/** Fills err (may be NULL) and returns code. Use through the macro. */
int odk_err_set_at(struct odk_err *err, const char *file, int line, int code,
                   const char *fmt, ...) ODK_PRINTF(5, 6);

#define odk_err_set(err, code, ...)                                            \
    odk_err_set_at((err), __FILE__, __LINE__, (code), __VA_ARGS__)

/** Puts "context: " before the message of err (may be NULL); returns err's
 * code, or code if err is NULL. */
int odk_err_wrap(struct odk_err *err, int code, const char *fmt, ...)
    ODK_PRINTF(3, 4);

#endif
