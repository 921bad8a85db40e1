#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

/*
 * What people and programs read: aligned columns, colours on a terminal only,
 * JSON lines with --json, and errors with their exit code.
 */

#include <jansson.h>

#include "cli/cli.h"

#define CLI_COLUMNS_MAX 10

enum cli_style {
    CLI_PLAIN,
    CLI_BOLD,
    CLI_DIM,
    CLI_GREEN,
    CLI_YELLOW,
    CLI_RED,
};

/** Writes what stands in cli->out to standard output. */
void cli_flush(struct cli *cli);

/** Appends text, in a style if standard output shows colours. */
void cli_put(struct cli *cli, enum cli_style style, const char *text);
void cli_printf(struct cli *cli, const char *fmt, ...) ODK_PRINTF(2, 3);

/** One JSON value and a line end; consumes it. */
void cli_put_json(struct cli *cli, json_t *value);

/** Says on standard error what went wrong (with --json as an object) and
 * returns code. */
int cli_fail(struct cli *cli, enum cli_exit code, const char *fmt, ...)
    ODK_PRINTF(3, 4);

/** The same for an error of a room; its code gives the exit code. */
int cli_fail_err(struct cli *cli, const struct odk_err *err);
enum cli_exit cli_exit_of(int code);

/** A note on standard error for people. */
void cli_note(struct cli *cli, const char *fmt, ...) ODK_PRINTF(2, 3);

/** A table: cells in rows, printed with columns as wide as their widest cell.
 * The first row is the heading. */
struct cli_table {
    struct odk_arena arena;
    size_t n_columns;
    size_t n_cells;
    size_t size;
    struct cli_cell *cells;
};

/** With a heading of n words, one a column. */
void cli_table_init(struct cli_table *table, const char *const *words,
                    size_t n);
void cli_table_release(struct cli_table *table);
/** Adds a cell; after n_columns of them a new row begins. Control characters
 * are shown as spaces. */
void cli_table_cell(struct cli_table *table, enum cli_style style,
                    struct odk_str text);
void cli_table_printf(struct cli_table *table, enum cli_style style,
                      const char *fmt, ...) ODK_PRINTF(3, 4);
/** A cell with a time as cli_time writes it. */
void cli_table_time(struct cli_table *table, odk_time_ms at);
/** Prints nothing when there is only a heading. */
void cli_table_print(struct cli *cli, const struct cli_table *table);

/** "2026-11-25 01:02:03" in UTC; empty for 0. */
void cli_time(odk_time_ms at, struct odk_buf *out);
/** "350 ms", "2.1 s", "3 m 5 s", "2 h 5 m", "3 d 4 h". */
void cli_duration(odk_dur_ms ms, struct odk_buf *out);
/** Milliseconds since 1970. */
odk_time_ms cli_now(void);

/** A new UUID. */
void cli_random_id(char out[ODK_UUID_TEXT_LEN + 1]);

/** Compact JSON of value, cut after about `max` characters with an ellipsis. */
void cli_short_json(const json_t *value, size_t max, struct odk_buf *out);
void cli_short_text(struct odk_str text, size_t max, struct odk_buf *out);

/** RFC 3339 text of a time as a JSON string; null for 0. */
json_t *cli_json_time(odk_time_ms at);
/** A JSON string; null when absent. */
json_t *cli_json_str(struct odk_str s);

#endif
