#include <unistd.h>

#include "cli/cli.h"

int
main(int argc, char **argv)
{
    struct cli cli = {
        .config = config_new(),
        .variables = (const char *const *)environ,
    };

    odk_buf_init(&cli.out, 0);
    int code =
        cli_run(&cli, argc > 0 ? argc - 1 : 0, (const char *const *)argv + 1);
    odk_buf_release(&cli.out);
    config_free(cli.config);
    return code;
}
