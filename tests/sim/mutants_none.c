#include "tests/sim/sim_mutants.h"

/* sim_run runs the product as it is. */

const struct sim_code_mutant sim_code_mutants[] = {{0, 0, 0}};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
int sim_code_mutant;
