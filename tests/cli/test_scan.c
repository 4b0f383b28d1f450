/* SPDX-License-Identifier: MIT */
/* The scanners of CSV and NDJSON, and numbers, by themselves. */
#include "suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/data/csv.h"
#include "cli/data/ndjson.h"

/* All records of a text, fields in brackets, records ended by a semicolon; "!" and the offset for a
 * bad one. */
static const char *csv_all(const cli_csv *csv, const char *text)
{
    static char out[4096];
    static cli_csv_record record;
    size_t at = 0;
    size_t len = strlen(text);
    int put = 0;
    while (at < len) {
        cli_scan got = cli_csv_scan(csv, text + at, len - at, true, &record);
        ck_assert_int_ne(got, CLI_SCAN_MORE);
        for (size_t i = 0; got == CLI_SCAN_RECORD && i < record.count; i++) {
            char plain[256];
            size_t n = cli_csv_plain(&record.fields[i], plain);
            put += snprintf(out + put, sizeof(out) - (size_t)put, "[%.*s]", (int)n, plain);
        }
        if (got == CLI_SCAN_BAD)
            put += snprintf(out + put, sizeof(out) - (size_t)put, "!%zu", at + record.s.bad_at);
        put += snprintf(out + put, sizeof(out) - (size_t)put, ";");
        at += record.s.used;
    }
    out[put] = '\0';
    return out;
}

/* -0.0 is not 0.0 here. */
static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

TEST(csv_records_are_what_rfc_4180_says)
{
    static const char *const cases[][2] = {
        {"a,b,c\r\n", "[a][b][c];"},
        {"a,b", "[a][b];"},
        {"a,\n,b\n", "[a][];[][b];"},
        {"\"a,b\",\"c\nd\"\n", "[a,b][c\nd];"},
        {"\"say \"\"hi\"\"\",\"\"\n", "[say \"hi\"][];"},
        {"\"\"\"\"\r\nx\r\n", "[\"];[x];"},
        {"\n", "[];"},
        {"a\tb,c\n", "[a\tb][c];"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_str_eq(csv_all(&cli_csv_comma, cases[i][0]), cases[i][1]);
}

TEST(a_bad_csv_record_ends_with_the_line_that_it_is_bad_in)
{
    static const char *const cases[][2] = {
        {"a,b\"c\nd,e\n", "!3;[d][e];"}, {"\"a\"b\nd\n", "!3;[d];"}, {"\"open\nd\n", "!0;[d];"},
        {"\"x\n\"y\nz\n", "!4;[z];"},    {"a\rb\nz\n", "!1;[z];"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_str_eq(csv_all(&cli_csv_comma, cases[i][0]), cases[i][1]);
}

TEST(in_tsv_a_quote_within_a_field_stands_for_itself)
{
    ck_assert_str_eq(csv_all(&cli_csv_tab, "5\" disk\t\"a\tb\"\n"), "[5\" disk][a\tb];");
}

TEST(more_than_2000_fields_are_bad)
{
    static cli_csv_record record;
    char line[CLI_COLUMNS_MAX + 2];
    memset(line, ',', sizeof(line));
    line[CLI_COLUMNS_MAX - 1] = '\n';
    ck_assert_int_eq(cli_csv_scan(&cli_csv_comma, line, CLI_COLUMNS_MAX, true, &record),
                     CLI_SCAN_RECORD);
    ck_assert_uint_eq(record.count, CLI_COLUMNS_MAX);
    line[CLI_COLUMNS_MAX - 1] = ',';
    line[CLI_COLUMNS_MAX] = '\n';
    ck_assert_int_eq(cli_csv_scan(&cli_csv_comma, line, CLI_COLUMNS_MAX + 1, true, &record),
                     CLI_SCAN_BAD);
}

TEST(what_is_cut_off_asks_for_more)
{
    static const char text[] = "\"a\"\"b\",c\r\n";
    static cli_csv_record record;
    for (size_t n = 1; n < sizeof(text) - 1; n++)
        ck_assert_int_eq(cli_csv_scan(&cli_csv_comma, text, n, false, &record), CLI_SCAN_MORE);
    ck_assert_int_eq(cli_csv_scan(&cli_csv_comma, text, sizeof(text) - 1, false, &record),
                     CLI_SCAN_RECORD);
}

static cli_scan json(const char *line, cli_ndjson_record *record)
{
    return cli_ndjson_scan(line, strlen(line), true, record);
}

TEST(a_json_line_is_one_object)
{
    static cli_ndjson_record record;
    ck_assert_int_eq(
        json("{\"a\": -1.5e3, \"b\":[1,{\"c\":null}],\"d\\u00e9\" :\"x\\n\"} \r\n", &record),
        CLI_SCAN_RECORD);
    ck_assert_uint_eq(record.count, 3);
    ck_assert_int_eq(record.members[0].kind, CLI_JSON_NUMBER);
    ck_assert_int_eq(record.members[1].kind, CLI_JSON_NESTED);
    ck_assert_uint_eq(record.members[1].value.len, strlen("[1,{\"c\":null}]"));
    char plain[16];
    size_t len = cli_json_plain(&record.members[2].key, plain);
    ck_assert_uint_eq(len, 3);
    ck_assert_int_eq(memcmp(plain, "d\xc3\xa9", 3), 0);
    ck_assert_int_eq(json("{}", &record), CLI_SCAN_RECORD);
    ck_assert_int_eq(json("  \n", &record), CLI_SCAN_RECORD);
    ck_assert(record.blank);
}

TEST(what_is_no_json_is_bad_where_it_goes_wrong)
{
    static const struct {
        const char *line;
        size_t at;
    } cases[] = {
        {"[1]", 0},           {"{\"a\":01}", 5},
        {"{\"a\":1,}", 7},    {"{\"a\" 1}", 5},
        {"{\"a\":\"x}", 5},   {"{\"a\":\"\\x\"}", 6},
        {"{\"a\":1} 2", 8},   {"{\"a\":[1,]}", 8},
        {"{\"a\":nul}", 5},   {"{\"a\":}", 5},
        {"{\"a\":1", 6},      {"{a:1}", 1},
        {"{\"a\":1e999}", 5}, {"{\"a\":\"\\ud800\"}", 6},
        {"{\"a\":[1}", 7},
    };
    static cli_ndjson_record record;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(json(cases[i].line, &record) == CLI_SCAN_BAD, "%s", cases[i].line);
        ck_assert_msg(record.s.bad_at == cases[i].at, "%s: %zu", cases[i].line, record.s.bad_at);
    }
}

TEST(json_nests_to_a_depth_of_128)
{
    static cli_ndjson_record record;
    char line[2 * CLI_JSON_DEPTH_MAX + 16];
    for (size_t depth = CLI_JSON_DEPTH_MAX; depth <= CLI_JSON_DEPTH_MAX + 1; depth++) {
        size_t at = (size_t)snprintf(line, sizeof(line), "{\"a\":");
        memset(line + at, '[', depth);
        memset(line + at + depth, ']', depth);
        line[at + 2 * depth] = '}';
        line[at + 2 * depth + 1] = '\0';
        ck_assert_int_eq(json(line, &record),
                         depth > CLI_JSON_DEPTH_MAX ? CLI_SCAN_BAD : CLI_SCAN_RECORD);
    }
}

TEST(numbers_are_read_as_strtod_reads_them)
{
    static const char *const texts[] = {
        "0.1",
        "123456789012345.6",
        "1e22",
        "1e23",
        "-2.5e-3",
        "0.3333333333333333",
        "1e-320",
        "179769313486231570814527423731704356798070e266",
        "9007199254740993.0",
        "-0.0",
        "0.000000000000000000000000000000012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cli_parsed n = cli_decimal_parse(texts[i], strlen(texts[i]));
        ck_assert_msg(n.kind == CLI_DECIMAL_REAL, "%s", texts[i]);
        double want = strtod(texts[i], NULL);
        ck_assert_msg(bits_of(n.r) == bits_of(want), "%s: %.17g", texts[i], n.r);
    }
}

TEST(only_json_numbers_are_numbers)
{
    static const char *const texts[] = {"",    "-",   "+1",   "007",   "1.",      ".5",  "0x10",
                                        "1e",  "1e+", " 1",   "1 ",    "nan",     "inf", "1_0",
                                        "1,5", "--1", "1e5x", "1e999", "Infinity"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(cli_decimal_parse(texts[i], strlen(texts[i])).kind == CLI_DECIMAL_NONE, "%s",
                      texts[i]);
}

TEST(integers_are_exact_up_to_64_bits)
{
    ck_assert_int_eq(cli_decimal_parse("9223372036854775807", 19).i, INT64_MAX);
    ck_assert_int_eq(cli_decimal_parse("-9223372036854775808", 20).i, INT64_MIN);
    ck_assert_int_eq(cli_decimal_parse("9223372036854775808", 19).kind, CLI_DECIMAL_BIG);
    ck_assert_int_eq(cli_decimal_parse("-9223372036854775809", 20).kind, CLI_DECIMAL_BIG);
    ck_assert_int_eq(cli_decimal_parse("18446744073709551617", 20).kind, CLI_DECIMAL_BIG);
    ck_assert_int_eq(cli_decimal_parse("100000000000000000000000", 24).kind, CLI_DECIMAL_BIG);
}

TEST(written_numbers_read_back_the_same)
{
    rng r = rng_of(harness_seed());
    char text[CLI_DECIMAL_MAX];
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rng_next(&r);
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (i % 2 == 0)
            value = (double)(int64_t)(bits >> 24) / pow(10, (double)rng_below(&r, 9));
        if (!isfinite(value))
            continue;
        cli_parsed n = cli_decimal_parse(text, cli_real_text(value, text));
        ck_assert_int_eq(n.kind, CLI_DECIMAL_REAL);
        ck_assert_uint_eq(bits_of(n.r), bits_of(value));
        n = cli_decimal_parse(text, cli_int_text((int64_t)bits, text));
        ck_assert_int_eq(n.i, (int64_t)bits);
    }
}

TEST(utf8_is_checked_to_the_letter)
{
    static const struct {
        const char *text;
        size_t bad;
    } cases[] = {{"plain ascii text", 16},
                 {"gr\xc3\xbc\xc3\x9f"
                  "e",
                  7},
                 {"a\xff", 1},
                 {"abcdefgh\xc3", 8},
                 {"\xed\xa0\x80", 0},
                 {"\xc0\xaf", 0},
                 {"\xf4\x90\x80\x80", 0},
                 {"\xf0\x9f\x90\x9d", 4},
                 {"\xe0\x80\x80", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_uint_eq(cli_utf8_bad(cases[i].text, strlen(cases[i].text)), cases[i].bad);
}

TEST(base64_reads_what_it_writes_and_nothing_else)
{
    char text[16];
    char back[16];
    size_t len = 0;
    for (size_t n = 0; n <= 6; n++) {
        size_t written = cli_base64("\x00\xff\x10zY\xfe", n, text);
        ck_assert(cli_base64_read(text, written, back, &len));
        ck_assert_uint_eq(len, n);
        ck_assert_int_eq(memcmp(back, "\x00\xff\x10zY\xfe", n), 0);
    }
    static const char *const wrong[] = {"A", "AB=", "A===", "AB=C", "AP9=", "A b=", "===="};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!cli_base64_read(wrong[i], strlen(wrong[i]), back, &len), "%s", wrong[i]);
}

TEST(places_count_lines_and_characters)
{
    cli_place place = cli_place_of("a\nb\xc3\xbc"
                                   "c,d",
                                   6, 10);
    ck_assert_uint_eq(place.line, 11);
    ck_assert_uint_eq(place.column, 4);
}

static const harness_test tests[] = {
    HARNESS_TEST(csv_records_are_what_rfc_4180_says),
    HARNESS_TEST(a_bad_csv_record_ends_with_the_line_that_it_is_bad_in),
    HARNESS_TEST(in_tsv_a_quote_within_a_field_stands_for_itself),
    HARNESS_TEST(more_than_2000_fields_are_bad),
    HARNESS_TEST(what_is_cut_off_asks_for_more),
    HARNESS_TEST(a_json_line_is_one_object),
    HARNESS_TEST(what_is_no_json_is_bad_where_it_goes_wrong),
    HARNESS_TEST(json_nests_to_a_depth_of_128),
    HARNESS_TEST(numbers_are_read_as_strtod_reads_them),
    HARNESS_TEST(only_json_numbers_are_numbers),
    HARNESS_TEST(integers_are_exact_up_to_64_bits),
    HARNESS_TEST(written_numbers_read_back_the_same),
    HARNESS_TEST(utf8_is_checked_to_the_letter),
    HARNESS_TEST(base64_reads_what_it_writes_and_nothing_else),
    HARNESS_TEST(places_count_lines_and_characters),
};
const harness_suite scan_suite = HARNESS_SUITE("scan", tests);
