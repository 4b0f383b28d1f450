/* SPDX-License-Identifier: MIT */
/* Death: of the one who puts, at each step of an upload, and of the server. */
#include "suites.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/crash.h"
#include "harness/points.h"
#include "store/s3_server.h"

#define SIZE ((11u << 20) + 5) /* three parts */

/* ---- who puts ---- */

/* The child: URI, the point at which it dies, and the how manieth time. */
int s3_writer_role(int argc, char **argv)
{
    skep_store *store = NULL;
    void *bytes = s3_bytes(SIZE);
    if (argc != 4 || skep_store_open(argv[1], NULL, &store) < 0)
        return 3;
    point_die(argv[2], strtoull(argv[3], NULL, 10));
    return skep_store_put(store, "k", skep_slice_of(bytes, SIZE), NULL, NULL) < 0 ? 4 : 5;
}

static void die_at(skep_store *store, const char *uri, const char *point, const char *nth)
{
    const skep_io io = {.deadline_ns = 0};
    size_t aborted = 0;
    crash_child child = crash_start("s3-writer", (const char *const[]){uri, point, nth, NULL});
    ck_assert_int_eq(crash_wait(&child), 128 + SIGKILL);
    s3_assert_content(store, "k", "old", 3);
    ck_assert_uint_eq(s3_uploads(store), 1);
    assert_ok(skep__s3_sweep(s3_of(store), -INT64_C(60000000), &io, &aborted));
    ck_assert_uint_eq(aborted, 1);
    ck_assert_uint_eq(s3_uploads(store), 0);
}

TEST(a_kill_in_the_middle_of_an_upload_shows_nothing)
{
    skep_store *store = s3_store(NULL, NULL);
    char *uri = strdup(s3_uri(NULL, "&part_bytes=5MiB&parts_in_flight=1"));
    s3_put(store, "k", "old", 3);
    die_at(store, uri, "store.s3_after_part", "1");
    die_at(store, uri, "store.s3_after_part", "3");
    die_at(store, uri, "store.s3_before_complete", "1");
    free(uri);
    s3_end(store);
}

/* ---- the server ---- */

/* One of our own. Who keeps it ends it as soon as the pipe to him is closed, so also when this
 * process ends in whatever way. */
typedef struct own_server {
    char dir[256];
    char endpoint[64];
    pid_t keeper;
    int pipe;
} own_server;

static pid_t run(const char *script, const char *dir, int in, int out)
{
    char services[512];
    pid_t pid = 0;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    const char *source =
        getenv("SKEP_SOURCE_DIR"); /* NOLINT(concurrency-mt-unsafe): set by nobody */
    ck_assert_ptr_nonnull(source);
    (void)snprintf(services, sizeof(services), "%s/tests/services", source);
    const char *const argv[] = {"sh", "-c", script, services, dir, NULL};
    ck_assert_int_eq(posix_spawn_file_actions_init(&files), 0);
    ck_assert_int_eq(posix_spawnattr_init(&attr), 0);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(&files, in, 0), 0);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(&files, out, 1), 0);
    ck_assert_int_eq(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID), 0);
    ck_assert_int_eq(
        posix_spawn(&pid, "/bin/sh", &files, &attr, (char *const *)(uintptr_t)argv, environ), 0);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&files);
    return pid;
}

static int status_of(pid_t pid)
{
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void start_again(const own_server *s)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(null, 0);
    ck_assert_int_eq(status_of(run("exec \"$0/s3-up\" \"$1\"", s->dir, null, null)), 0);
    (void)close(null);
}

static void start_server(own_server *s)
{
    static const char script[] = "\"$0/s3-up\" \"$1\" --bluestore </dev/null; exec >&-; "
                                 "cat >&2; exec \"$0/s3-down\" \"$1\" --wipe";
    int in[2];
    int out[2];
    char said[2048];
    size_t len = 0;
    ssize_t n = 1;
    (void)snprintf(s->dir, sizeof(s->dir), "%s/ceph", harness_dir());
    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    s->pipe = in[1];
    s->keeper = run(script, s->dir, in[0], out[1]);
    (void)close(in[0]);
    (void)close(out[1]);
    for (; n > 0 && len < sizeof(said) - 1; len += (size_t)n)
        if ((n = read(out[0], said + len, sizeof(said) - 1 - len)) < 0)
            break;
    (void)close(out[0]);
    said[len] = '\0';
    const char *at = strstr(said, "S3_ENDPOINT=");
    ck_assert_ptr_nonnull(at);
    (void)snprintf(s->endpoint, sizeof(s->endpoint), "%.*s", (int)strcspn(at + 12, "\n"), at + 12);
}

static void end_server(own_server *s)
{
    (void)close(s->pipe);
    ck_assert_int_eq(status_of(s->keeper), 0);
}

static void kill_one(const own_server *s, const char *name)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/%s.pid", s->dir, name);
    long pid = strtol(harness_read_file(path, NULL), NULL, 10);
    ck_assert_int_gt(pid, 1);
    ck_assert_int_eq(kill((pid_t)pid, SIGKILL), 0);
}

static void kill_server(void *ctx)
{
    kill_one(ctx, "rgw");
    kill_one(ctx, "osd");
}

typedef struct scene {
    own_server server;
    skep_store *store;
    char *bytes;
    size_t size;
} scene;

/* One puts; the other starts the server again once it was killed at the second part. */
static void put_or_restart(size_t index, void *ctx)
{
    scene *x = ctx;
    if (index == 0) {
        skep_object out = SKEP_OBJECT_INIT;
        assert_ok(skep_store_put(x->store, "k", skep_slice_of(x->bytes, x->size), NULL, &out));
        ck_assert_uint_eq(out.bytes, x->size);
    } else {
        point_reached("store.s3_after_part", 2);
        start_again(&x->server);
    }
}

static void read_through_death(scene *x)
{
    skep_get *get = NULL;
    size_t n = 1;
    size_t at = 0;
    char *got = malloc(x->size);
    assert_ok(skep_get_open(x->store, "k", NULL, &get, NULL));
    while (n > 0) {
        bool early = at < x->size / 4;
        assert_ok(
            skep_get_read(get, got + at, x->size - at < 65536 ? x->size - at + 1 : 65536, &n));
        at += n;
        if (early && at >= x->size / 4) {
            kill_server(&x->server);
            start_again(&x->server);
        }
    }
    skep_get_close(get);
    ck_assert_uint_eq(at, x->size);
    ck_assert(memcmp(got, x->bytes, at) == 0);
    free(got);
}

TEST(a_server_that_is_killed_and_started_again_is_waited_for)
{
    scene x = {.size = 40u << 20};
    if (strcmp(harness_size_name(), "quick") == 0)
        harness_skip_test(SKIP_SIZE, "it starts a server of its own");
    (void)s3_endpoint();
    start_server(&x.server);
    (void)setenv("S3_ENDPOINT", x.server.endpoint, 1); /* NOLINT(concurrency-mt-unsafe): alone */
    x.store = s3_store(NULL, "&part_bytes=5MiB&parts_in_flight=2");
    x.bytes = s3_bytes(x.size);
    point_run("store.s3_after_part", 2, kill_server, &x.server);
    harness_threads(2, put_or_restart, &x);
    point_clear();
    s3_assert_content(x.store, "k", x.bytes, x.size);
    ck_assert_uint_eq(s3_uploads(x.store), 0);
    read_through_death(&x);
    s3_end(x.store);
    free(x.bytes);
    end_server(&x.server);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_kill_in_the_middle_of_an_upload_shows_nothing),
    HARNESS_TEST(a_server_that_is_killed_and_started_again_is_waited_for),
};
const harness_suite s3_killed_suite = HARNESS_SUITE("s3_killed", tests);
