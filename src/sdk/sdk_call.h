#ifndef SDK_SDK_CALL_H
#define SDK_SDK_CALL_H

/*
 * A command and what was answered: the body of struct odradek_call, its record
 * on the way out and its reply on the way in. No I/O.
 */

#include "base/base.h"
#include "codec/codec.h"
#include "sdk/odradek.h"

/** "<client's uuid>-<number>". */
#define SDK_CORRELATION_MAX (ODK_UUID_TEXT_LEN + 24)

struct odradek_call {
    struct odk_map_node node;  /**< by correlation id, while in flight */
    struct odradek_call *next; /**< in the client's list of finished ones */
    enum codec_kind kind;
    enum odradek_call_state state;
    enum odradek_await await;
    bool is_in_flight;
    bool is_run;      /**< by odradek_client_run: not for odradek_client_poll */
    char *name_space; /**< NULL: the client's */
    char *workflow_id;
    char *name; /**< definition or signal */
    char *request_id;
    char *wanted_run_id;
    char *reason;
    char *content_type;
    char *input;
    size_t input_bytes;
    int32_t version; /**< 0: the newest */
    enum odradek_reuse reuse;
    enum odradek_conflict conflict;
    int64_t execution_timeout_ms; /**< 0: none */
    int64_t entry;                /**< 0: all */
    enum odradek_resolution resolution;
    void *tag;
    char correlation_id[SDK_CORRELATION_MAX];
    /* What was answered; owned. */
    char *run_id;
    char *code;
    char *message;
    const char *status;
    char *output;
    size_t output_bytes;
    char *error;
    char *cause;
    const char *failure; /**< FAILED: why; static */
};

/** Where the reply is to go. */
struct sdk_reply_place {
    const char *topic;
    int32_t partition;
};

/** Appends the command's record. ODK_ETOOBIG. */
int sdk_call_encode(const struct odradek_call *call, const struct codec *codec,
                    const struct sdk_reply_place *place, const char *name_space,
                    struct odk_buf *out, struct odk_err *err) ODK_MUST_USE;

/** Takes over what a reply says. ODK_ELIMIT: out of memory; the call's state
 * stays. */
int sdk_call_answer(struct odradek_call *call,
                    const struct codec_reply *reply) ODK_MUST_USE;

/** Forgets the answers of an earlier submission. */
void sdk_call_renew(struct odradek_call *call);

/** Whether it has come as far as it awaits, or can come no further. */
bool sdk_call_is_done(const struct odradek_call *call);

#endif
