#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "contract_objects.h"
#include "objects_dir/objects_dir.h"

static char directory[64]; // NOLINT: one for the program

static void
make(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

void
contract_open(struct objects *out)
{
    char path[128];
    char outside[128];

    (void)snprintf(directory, sizeof(directory), "/tmp/odradek-objects-XXXXXX");
    assert_non_null(mkdtemp(directory));
    make("data");
    make("outside");
    /* Neither of these may lead anywhere. */
    (void)snprintf(outside, sizeof(outside), "%s/outside", directory);
    (void)snprintf(path, sizeof(path), "%s/data/link", directory);
    assert_int_equal(symlink(outside, path), 0);
    (void)snprintf(path, sizeof(path), "%s/linked", directory);
    assert_int_equal(symlink(outside, path), 0);
    assert_int_equal(objects_dir_open(directory, out, NULL), 0);
}

void
contract_close(struct objects *objects)
{
    char command[128];

    objects_close(objects);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    assert_int_equal(system(command), 0); // NOLINT: a test's own directory
}

int
main(void)
{
    return contract_run();
}
