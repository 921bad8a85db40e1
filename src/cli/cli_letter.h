#ifndef CLI_LETTER_H
#define CLI_LETTER_H

/*
 * Dead letters: records of odradek.deadletter with what their headers say, read
 * page by page. Those that an operator has dealt with are known from the
 * database.
 */

#include "cli/cli_topic.h"

#define CLI_DEADLETTER "odradek.deadletter"

struct cli_letter {
    int32_t partition; /**< of odradek.deadletter */
    int64_t offset;
    odk_time_ms at;
    struct odk_str key;               /**< ptr NULL: none */
    struct odk_str value;             /**< ptr NULL: none */
    const struct bus_header *headers; /**< of the record that failed */
    size_t n_headers;

    struct odk_str origin_topic;
    int64_t origin_partition;
    int64_t origin_offset;
    struct odk_str code;
    struct odk_str text;
    struct odk_str source;   /**< of a binding's, ptr NULL: the lane's */
    bool is_value_elsewhere; /**< too large: it stayed at its origin */

    struct odk_str action; /**< ptr NULL: nobody has dealt with it */
    struct odk_str reason;
};

/** What a walk over the topic brings. */
struct cli_letter_filter {
    struct odk_str code;  /**< ptr NULL: any */
    struct odk_str topic; /**< of the origin; ptr NULL: any */
    odk_time_ms since;    /**< 0: any */
    bool is_with_handled;
};

struct cli_letters {
    struct cli_topic topic;
    struct store_pg_query *query;
    struct cli_letter_filter filter;
    struct odk_arena arena; /**< of the page */
    int32_t partition;
    int64_t log_start; /**< of the partition */
    int64_t next;      /**< offset */
    int64_t end;       /**< as of when the partition was begun */
    struct cli_letter *list;
    size_t n;
};

/** Connects; CLI_OK or the exit code, said (then there is nothing to close). */
int cli_letters_open(struct cli_letters *letters, struct cli *cli) ODK_MUST_USE;
void cli_letters_close(struct cli_letters *letters);

/** The walk goes on behind this place. */
int cli_letters_seek(struct cli_letters *letters, int32_t partition,
                     int64_t after, struct odk_err *err) ODK_MUST_USE;

/** The next page of letters that the filter wants, in order of partition and
 * offset; n is 0 at the end. Borrowed until the next call. Sending through
 * letters->topic in between is fine. */
int cli_letters_next(struct cli_letters *letters,
                     struct odk_err *err) ODK_MUST_USE;

/** The letter at a place, whatever the filter says. ODK_ENOTFOUND. */
int cli_letters_get(struct cli_letters *letters, int32_t partition,
                    int64_t offset, struct cli_letter **out,
                    struct odk_err *err) ODK_MUST_USE;

/** `odradek deadletter list`. */
int cli_deadletter_list(struct cli *cli, const struct cli_args *args);
/** `odradek deadletter show`. */
int cli_deadletter_show(struct cli *cli, const struct cli_args *args);
/** `odradek deadletter retry`. */
int cli_deadletter_retry(struct cli *cli, const struct cli_args *args);
/** `odradek deadletter drop`. */
int cli_deadletter_drop(struct cli *cli, const struct cli_args *args);

/** Reads --code, --topic and --since. CLI_OK, or CLI_USAGE, said. */
int cli_letters_filter(struct cli *cli, const struct cli_args *args,
                       struct cli_letter_filter *out) ODK_MUST_USE;

#endif
