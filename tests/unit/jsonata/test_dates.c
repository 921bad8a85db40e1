#include "jsonata_check.h"

static void
the_time_comes_from_the_options(void **state)
{
    (void)state;
    check("$millis()", NULL, "1700000000123");
    check("$now()", NULL, "\"2023-11-14T22:13:20.123Z\"");
    check("$now('[H]', '+0200')", NULL, "\"0\"");
}

static void
dates_follow_their_picture(void **state)
{
    (void)state;
    check("$fromMillis(1521801216617, '[D1o] [MNn] [Y]')", NULL,
          "\"23rd March 2018\"");
    check("$fromMillis(1521801216617, '[FNn,*-3] [h]:[m01] [PN]')", NULL,
          "\"Fri 10:33 AM\"");
    check("$fromMillis(1521801216617, '[Y0001]-[d001] W[W01]')", NULL,
          "\"2018-082 W12\"");
    check("$fromMillis(1521801216617, '[X]-W[W]-[F1]')", NULL,
          "\"2018-W12-5\"");
    check("$fromMillis(1104537600000, '[X] [W]')", NULL, "\"2004 53\"");
    check("$fromMillis(0, '[H01]:[m01][Z]', '-0530')", NULL, "\"17:30-06:30\"");
    check("$fromMillis(0, '[[[Y]]]')", NULL, "\"[1970]\"");
    check("$fromMillis(-1)", NULL, "\"1969-12-31T23:59:59.999Z\"");
    check_error("$fromMillis(0, '[Y')", NULL, "D3135");
    check_error("$fromMillis(0, '[q]')", NULL, "D3132");
    check_error("$fromMillis(0, '[YN]')", NULL, "D3133");
}

static void
dates_are_read_back(void **state)
{
    (void)state;
    check("$toMillis('2018-03-23T10:33:36.617Z')", NULL, "1521801216617");
    check("$toMillis('2018-03-23T10:33:36+0100')", NULL, "1521797616000");
    check("$toMillis('2018')", NULL, "1514764800000");
    check("$toMillis('23rd March 2018', '[D1o] [MNn] [Y]')", NULL,
          "1521763200000");
    check("$toMillis('10:33 pm', '[h]:[m] [P]')", NULL, "1700001180000");
    check("$toMillis('2018-082', '[Y]-[d]')", NULL, "1521763200000");
    check("$toMillis('nothing', '[Y]-[M]')", NULL, NULL);
    check_error("$toMillis('today')", NULL, "D3110");
    check_error("$toMillis('2018-12 10', '[Y]-[D] [m]')", NULL, "D3136");
    check_error("$toMillis('2018-W12', '[X]-W[W]')", NULL, "D3136");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_comes_from_the_options),
        cmocka_unit_test(dates_follow_their_picture),
        cmocka_unit_test(dates_are_read_back),
    };

    return cmocka_run_group_tests_name("dates", tests, NULL, NULL);
}
