#include "jsonata_check.h"

static void
numbers_follow_their_picture(void **state)
{
    (void)state;
    check("$formatNumber(12345.6, '#,###.00')", NULL, "\"12,345.60\"");
    check("$formatNumber(0.14, '01%')", NULL, "\"14%\"");
    check("$formatNumber(-6, '000;(000)')", NULL, "\"(006)\"");
    check("$formatNumber(1234.5678, '00.000e0')", NULL, "\"12.346e2\"");
    check("$formatNumber(1234567, '#,##,##0')", NULL, "\"12,34,567\"");
    check("$formatNumber(1.5, '#.##0,00', {'decimal-separator': ',',"
          " 'grouping-separator': '.'})",
          NULL, "\"1,50\"");
    check_error("$formatNumber(1, '0;0;0')", NULL, "D3080");
    check_error("$formatNumber(1, '0.0.0')", NULL, "D3081");
    check_error("$formatNumber(1, 'x')", NULL, "D3085");
    check_error("$formatNumber(1, '0,.0')", NULL, "D3087");
}

static void
integers_become_words_letters_and_romans(void **state)
{
    (void)state;
    check("$formatInteger(1234, 'w')", NULL,
          "\"one thousand, two hundred and thirty-four\"");
    check("$formatInteger(21, 'Ww;o')", NULL, "\"Twenty-First\"");
    check("$formatInteger(1999, 'I')", NULL, "\"MCMXCIX\"");
    check("$formatInteger(28, 'A')", NULL, "\"AB\"");
    check("$formatInteger(1234567, '#,##0')", NULL, "\"1,234,567\"");
    check("$formatInteger(112, '1;o')", NULL, "\"112th\"");
    check("$formatInteger(-5, '000')", NULL, "\"-005\"");
    check("$formatInteger(12, '٠٠٠')", NULL, "\"٠١٢\"");
    check_error("$formatInteger(1, '0٠')", NULL, "D3131");
    check_error("$formatInteger(1, 'x')", NULL, "D3130");
}

static void
integers_are_read_back(void **state)
{
    (void)state;
    check("$parseInteger('one thousand, two hundred and thirty-four', 'w')",
          NULL, "1234");
    check("$parseInteger('MCMXCIX', 'I')", NULL, "1999");
    check("$parseInteger('ab', 'a')", NULL, "28");
    check("$parseInteger('1,234,567', '#,##0')", NULL, "1234567");
    check("$parseInteger('112th', '1;o')", NULL, "112");
    check("$parseInteger('nonsense', 'w')", NULL, "null");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_follow_their_picture),
        cmocka_unit_test(integers_become_words_letters_and_romans),
        cmocka_unit_test(integers_are_read_back),
    };

    return cmocka_run_group_tests_name("pictures", tests, NULL, NULL);
}
