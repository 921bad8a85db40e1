#ifndef SIM_MUTANTS_H
#define SIM_MUTANTS_H

/*
 * Mistakes in the code of the product (mutants.table), chosen at run time. Two
 * makers: mutate.py for sim_mutants, mutants_none.c for sim_run.
 */

/** A mistake; the list ends with one without a name. */
struct sim_code_mutant {
    const char *name;
    const char *text;
    int seeds; /**< enough to catch it */
};

extern const struct sim_code_mutant sim_code_mutants[];

/** Index in the list + 1; 0: none. */
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
extern int sim_code_mutant;

#endif
