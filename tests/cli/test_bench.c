/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "run.h"

static const char *own_dir(void)
{
    const char *dir = harness_path("disk");
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    return dir;
}

static size_t entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

TEST(the_bench_measures_every_row_and_leaves_nothing)
{
    static const char *const names[] = {"fdatasync_4k",
                                        "write_full_1",
                                        "write_full_1_encrypted",
                                        "write_full_16",
                                        "write_normal_1",
                                        "write_normal_16",
                                        "read",
                                        "read_held",
                                        "read_held_encrypted",
                                        "read_encrypted",
                                        "write_full_16_encrypted"};
    const char *dir = own_dir();
    ran r = SKEP("bench", "db", "--dir", dir, "--seconds", "1", "--json");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.err, "");
    ck_assert_uint_eq(entries(dir), 0);
    json_t *bench = parse_json(r.out);
    ck_assert_str_eq(json_string_value(json_object_get(bench, "directory")), dir);
    const json_t *rows = json_object_get(bench, "rows");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t k = 0;
        while (k < json_array_size(rows) &&
               strcmp(json_string_value(json_object_get(json_array_get(rows, k), "name")),
                      names[i]) != 0)
            k++;
        const json_t *row = json_array_get(rows, k);
        ck_assert_msg(row != NULL, "no row %s", names[i]);
        double median = json_number_value(json_object_get(row, "per_second"));
        ck_assert(median > 0);
        ck_assert(json_number_value(json_object_get(row, "min")) <= median);
        ck_assert(json_number_value(json_object_get(row, "max")) >= median);
        ck_assert_int_eq(json_integer_value(json_object_get(row, "rounds")), 5);
    }
    json_decref(bench);
}

TEST(the_bench_tells_a_person_what_it_measured)
{
    static const char *const parts[] = {"Durable writes", "fdatasync of 4 KiB", "16 threads",
                                        "Point reads",    "median of 5 rounds", "file system",
                                        "just now"};
    ran r = SKEP_ON_TERMINAL(80, "bench", "db", "--dir", own_dir(), "--seconds", "1");
    ck_assert_int_eq(r.status, 0);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        ck_assert_msg(contains(r.out, parts[i]), "no `%s` in: %s", parts[i], r.out);
}

TEST(a_bench_that_cannot_be_is_refused)
{
    ran r = SKEP("bench", "db", "--dir", harness_path("missing"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "missing", "SKEP_ENOTFOUND");
    ck_assert_int_eq(SKEP("bench", "db", "--seconds", "0").status, 2);
    ck_assert_int_eq(SKEP("bench", "db", "--seconds", "x").status, 2);
}

TEST(a_stopped_bench_cleans_up)
{
    const char *dir = own_dir();
    running r = run_start((const char *const[]){"skep", "-q", "bench", "db", "--dir", dir,
                                                "--seconds", "3600", NULL});
    while (entries(dir) == 0)
        continue;
    ck_assert_int_eq(kill(r.pid, SIGINT), 0);
    ck_assert_int_eq(run_wait(&r), 128 + SIGINT);
    ck_assert_uint_eq(entries(dir), 0);
}

static const harness_test tests[] = {
    HARNESS_TEST(the_bench_measures_every_row_and_leaves_nothing),
    HARNESS_TEST(the_bench_tells_a_person_what_it_measured),
    HARNESS_TEST(a_bench_that_cannot_be_is_refused),
    HARNESS_TEST(a_stopped_bench_cleans_up),
};
const harness_suite bench_suite = HARNESS_SUITE("bench", tests);
