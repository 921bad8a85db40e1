#ifndef CLI_PROBLEMS_H
#define CLI_PROBLEMS_H

/*
 * A definition's problems for people: each with its place in the file, its JSON
 * pointer and its sentence.
 */

#include "asl/asl.h"
#include "cli/cli.h"

/** Longest file that is read as a definition: the largest quota. */
#define CLI_DEFINITION_BYTES_MAX ((size_t)16 << 20)

/** The quotas of definitions as options of a compilation. */
struct asl_options cli_asl_options(const struct cli *cli);

/** Where a JSON pointer's value begins in a text; line and column count from 1,
 * columns in bytes. False: the text does not lead there. */
bool cli_locate(struct odk_str text, struct odk_str pointer, size_t *line,
                size_t *column);

/** Prints every problem, to standard output: "file:3:7: error: …". */
void cli_put_problems(struct cli *cli, const char *file, struct odk_str text,
                      const struct asl_problems *problems);

/** Prints one finding in the same way. */
void cli_put_problem(struct cli *cli, const char *file, struct odk_str text,
                     const struct asl_problem *problem);

#endif
