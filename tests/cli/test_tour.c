/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run.h"
#include "store/s3_server.h"

#define FILES 150
#define BIG_SOURCE "/usr/share"

/* A source with known contents, and a place of its own for the tour's temporary directory. */
static const char *small_source(void)
{
    const char *source = harness_path("source");
    ck_assert_int_eq(mkdir(source, 0700), 0);
    ck_assert_int_eq(mkdir(harness_path("source/deep"), 0700), 0);
    for (int i = 0; i < FILES; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "source/%sfile %d%s", i % 2 == 0 ? "deep/" : "", i,
                       i % 3 == 0 ? ".txt" : "");
        harness_write_file(harness_path(name), "0123456789", (size_t)(i % 10));
    }
    ck_assert_int_eq(symlink(BIG_SOURCE, harness_path("source/link")), 0);
    return source;
}

static const char *use_own_tmp(void)
{
    const char *tmp = harness_path("tmp");
    ck_assert_int_eq(mkdir(tmp, 0700), 0);
    ck_assert_int_eq(setenv("TMPDIR", tmp, 1), 0);
    return tmp;
}

static size_t entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(dir);
    return count;
}

static json_int_t number(const json_t *object, const char *group, const char *key)
{
    const json_t *in = group != NULL ? json_object_get(object, group) : object;
    const json_t *value = json_object_get(in, key);
    ck_assert_msg(json_is_integer(value), "%s is no integer", key);
    return json_integer_value(value);
}

static void check_figures(const json_t *tour)
{
    ck_assert_int_eq(number(tour, NULL, "files"), FILES);
    ck_assert_int_eq(number(tour, NULL, "left_out"), 0);
    ck_assert_int_eq(number(tour, "skep", "transactions"), FILES);
    ck_assert_int_le(number(tour, "skep", "commits"), FILES);
    ck_assert_int_gt(number(tour, "skep", "commits"), 0);
    ck_assert_int_gt(number(tour, "skep", "max_us"), 0);
    ck_assert_int_ge(number(tour, "skep", "max_us"), number(tour, "skep", "p999_us"));
    ck_assert_int_ge(number(tour, "skep", "p999_us"), number(tour, "skep", "p50_us"));
    ck_assert_int_gt(number(tour, "connection_per_thread", "transactions"), 0);
    ck_assert_int_eq(number(tour, "connection_per_thread", "commits"),
                     number(tour, "connection_per_thread", "transactions"));
    ck_assert_int_gt(number(tour, "crash", "acknowledged"), 0);
    ck_assert_int_eq(number(tour, "crash", "missing"), 0);
    ck_assert_int_eq(number(tour, "crash", "different"), 0);
    ck_assert_int_ge(number(tour, "crash", "found"), number(tour, "crash", "acknowledged"));
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(tour, "crash"), "integrity_check")),
        "ok");
}

static const char *word(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    ck_assert_msg(value != NULL, "%s is no text", key);
    return value;
}

static void check_flight(const json_t *tour)
{
    ck_assert_int_eq(number(tour, "in_flight", "transactions"), FILES);
    ck_assert_int_gt(number(tour, "in_flight", "commits"), 0);
    ck_assert_int_lt(number(tour, "in_flight", "commits"), FILES); /* nobody waits: they share */
    ck_assert_int_le(number(tour, "in_flight", "in_flight"), FILES);
    ck_assert_int_lt(number(tour, "in_flight", "threads"), FILES / 2);
}

static void check_health(const json_t *tour)
{
    const json_t *health = json_object_get(tour, "health");
    ck_assert_str_ne(word(health, "state"), "corrupted"); /* degraded, where the disk is full */
    ck_assert_int_eq(number(health, NULL, "findings"), 0);
    ck_assert_int_gt(number(health, NULL, "connections"), 0);
    ck_assert_int_ge(number(health, NULL, "transactions"), 2 * FILES);
    ck_assert_int_eq(number(health, NULL, "failed"), 0);
}

static void check_encrypted(const json_t *tour)
{
    const json_t *sealed = json_object_get(tour, "encrypted");
    ck_assert_int_gt(number(sealed, NULL, "readable_plain"), 0);
    ck_assert_int_eq(number(sealed, NULL, "readable"), 0);
    ck_assert_int_eq(number(sealed, NULL, "rows"), FILES);
    ck_assert_str_ne(word(sealed, "cipher"), "none");
    static const char *const who[] = {"without_key", "wrong_key"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *refusal = json_object_get(sealed, who[i]);
        ck_assert_str_eq(word(refusal, "code"), "SKEP_EAUTH");
        ck_assert(contains(word(refusal, "text"), "sealed.db"));
    }
}

static const json_t *answer(const json_t *tour, size_t question, size_t place)
{
    const json_t *all = json_object_get(tour, "questions");
    ck_assert_uint_eq(json_array_size(all), 3);
    const json_t *answers = json_object_get(json_array_get(all, question), "answers");
    ck_assert_uint_gt(json_array_size(answers), place);
    return json_array_get(answers, place);
}

TEST(the_tour_gives_its_figures_and_leaves_nothing)
{
    const char *source = small_source();
    const char *tmp = use_own_tmp();
    ran r = SKEP("tour", "inventory", "--source", source, "--json");
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.err, "");
    json_t *tour = parse_json(r.out);
    check_figures(tour);
    check_flight(tour);
    check_health(tour);
    check_encrypted(tour);
    ck_assert_str_eq(json_string_value(json_object_get(answer(tour, 0, 0), "name")), "(directly)");
    ck_assert_int_eq(number(answer(tour, 0, 1), NULL, "files"), FILES / 2);
    ck_assert_str_eq(json_string_value(json_object_get(answer(tour, 2, 1), "name")), ".txt");
    ck_assert_int_eq(number(answer(tour, 2, 1), NULL, "files"), FILES / 3);
    json_decref(tour);
    ck_assert_uint_eq(entries(tmp), 0);
}

TEST(the_tour_tells_its_story_in_80_columns)
{
    const char *source = small_source();
    const char *tmp = use_own_tmp();
    ran r = SKEP("tour", "inventory", "--source", source);
    ck_assert_int_eq(r.status, 0);
    static const char *const parts[] = {"Record",
                                        "In flight",
                                        "Ask",
                                        "Health",
                                        "Kill",
                                        "Encrypt",
                                        "1 thread, no waiting",
                                        "skep_commit_seconds_count",
                                        "SKEP_EAUTH",
                                        "opened with its key: all 150 files are there",
                                        "skep",
                                        "connection per thread",
                                        "deep",
                                        ".txt",
                                        "Try next",
                                        "skep db query",
                                        "integrity_check: ok",
                                        "acknowledged and lost"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        ck_assert_msg(contains(r.out, parts[i]), "no `%s` in: %s", parts[i], r.out);
    for (const char *line = r.out; *line != '\0';) {
        size_t width = 0;
        for (; *line != '\n' && *line != '\0'; line++)
            width += ((unsigned char)*line & 0xc0) != 0x80;
        ck_assert_uint_le(width, 80 + strlen(harness_dir())); /* one line holds its path */
        line += *line == '\n';
    }
    ck_assert_uint_eq(entries(tmp), 0);
}

static void check_side(const json_t *side)
{
    int64_t objects = number(side, NULL, "objects"); /* all, or those of the first two seconds */
    ck_assert_int_gt(objects, 0);
    ck_assert_int_eq(number(side, NULL, "listed"), objects);
    ck_assert_int_eq(number(side, NULL, "same"), objects);
}

TEST(the_chapter_of_stores_names_the_flipped_bit_and_leaves_nothing)
{
    const char *source = small_source();
    const char *tmp = use_own_tmp();
    ck_assert_int_eq(unsetenv("S3_BUCKET"), 0);
    ran r = SKEP("tour", "store", "--source", source, "--json");
    ck_assert_msg(r.status == 0, "%s%s", r.out, r.err);
    json_t *tour = parse_json(r.out);
    check_side(json_object_get(tour, "directory"));
    ck_assert_str_eq(word(json_object_get(tour, "other_key"), "code"), "SKEP_EAUTH");
    ck_assert_str_eq(word(json_object_get(tour, "flipped_bit"), "code"), "SKEP_ECORRUPT");
    ck_assert(contains(word(json_object_get(tour, "s3"), "left_out"), "is not set"));
    json_decref(tour);
    ck_assert_uint_eq(entries(tmp), 0);
    r = SKEP("tour", "store", "--source", source);
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, " came back byte by byte"));
    ck_assert(contains(r.out, "Left out."));
    for (const char *line = r.out; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        ck_assert_msg(len <= 84, "%.*s", (int)len, line); /* a mark has three bytes */
        line += len + (line[len] == '\n');
    }
}

TEST(the_chapter_of_stores_works_on_s3_too)
{
    skep_store *store = s3_store(NULL, NULL); /* makes the bucket */
    s3_end(store);
    (void)use_own_tmp();
    ck_assert_int_eq(setenv("S3_BUCKET", "skep-tests", 1), 0);
    ran r = SKEP("tour", "store", "--source", small_source(), "--json");
    ck_assert_msg(r.status == 0, "%s%s", r.out, r.err);
    json_t *tour = parse_json(r.out);
    check_side(json_object_get(tour, "s3"));
    json_decref(tour);
}

TEST(a_stopped_tour_cleans_up)
{
    const char *tmp = use_own_tmp();
    running r =
        run_start((const char *const[]){"skep", "-q", "tour", "--source", BIG_SOURCE, NULL});
    ck_assert(run_read_until(&r, "Record"));
    ck_assert_uint_eq(entries(tmp), 1);
    ck_assert_int_eq(kill(r.pid, SIGINT), 0);
    ck_assert_int_eq(run_wait(&r), 128 + SIGINT);
    ck_assert_uint_eq(entries(tmp), 0);
}

/* The only child of a process, as a descriptor that tells when it ends; -1 while there is none. */
static int child_of(pid_t pid)
{
    char path[64];
    int child = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    FILE *list = fopen(path, "r");
    ck_assert_ptr_nonnull(list);
    int read = fscanf(list, "%d", &child);
    (void)fclose(list);
    return read == 1 ? (int)syscall(SYS_pidfd_open, child, 0) : -1;
}

TEST(the_child_does_not_outlive_a_killed_tour)
{
    (void)use_own_tmp();
    running r =
        run_start((const char *const[]){"skep", "-q", "tour", "--source", BIG_SOURCE, NULL});
    ck_assert(run_read_until(&r, "killed in the middle"));
    int child = -1;
    while (child < 0)
        child = child_of(r.pid);
    ck_assert_int_eq(kill(r.pid, SIGKILL), 0);
    ck_assert_int_eq(run_wait(&r), 128 + SIGKILL);
    struct pollfd ended = {.fd = child, .events = POLLIN};
    ck_assert_int_eq(poll(&ended, 1, 60000), 1);
    (void)close(child);
}

TEST(a_source_that_is_none_is_refused)
{
    const char *tmp = use_own_tmp();
    ran r = SKEP("tour", "--source", harness_path("missing"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "missing", "SKEP_ENOTFOUND");
    ck_assert_int_eq(mkdir(harness_path("empty"), 0700), 0);
    r = SKEP("tour", "--source", harness_path("empty"));
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "empty", "--source");
    ck_assert_uint_eq(entries(tmp), 0);
}

TEST(no_room_for_the_temporary_directory_is_said)
{
    ck_assert_int_eq(setenv("TMPDIR", harness_path("nowhere"), 1), 0);
    ran r = SKEP("tour");
    ck_assert_int_eq(r.status, 3);
    assert_one_line(r.err, "nowhere", "SKEP_ENOTFOUND");
}

static const harness_test tests[] = {
    HARNESS_TEST(the_tour_gives_its_figures_and_leaves_nothing),
    HARNESS_TEST(the_tour_tells_its_story_in_80_columns),
    HARNESS_TEST(the_chapter_of_stores_names_the_flipped_bit_and_leaves_nothing),
    HARNESS_TEST(the_chapter_of_stores_works_on_s3_too),
    HARNESS_TEST(a_stopped_tour_cleans_up),
    HARNESS_TEST(the_child_does_not_outlive_a_killed_tour),
    HARNESS_TEST(a_source_that_is_none_is_refused),
    HARNESS_TEST(no_room_for_the_temporary_directory_is_said),
};
const harness_suite tour_suite = HARNESS_SUITE("tour", tests);
