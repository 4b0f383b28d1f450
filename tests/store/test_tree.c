/* SPDX-License-Identifier: MIT */
/* An ordinary directory as a store. */
#include "suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skep/event.h>

#include "support.h"

static skep_store *open_tree(void)
{
    return support_open("tree", "s", 0);
}

static void make_directory(const char *name)
{
    ck_assert_int_eq(mkdir(harness_path(name), 0755), 0);
}

TEST(files_are_objects_and_objects_are_files)
{
    size_t size = 0;
    skep_store *store = open_tree();
    put_text(store, "a/b/c.txt", "hello");
    ck_assert_str_eq(harness_read_file(harness_path("s/a/b/c.txt"), &size), "hello");
    ck_assert_uint_eq(size, 5);
    harness_write_file(harness_path("s/a/other"), "of another program", 18);
    harness_write_file(harness_path("s/a.x"), "", 0);
    assert_content(store, "a/other", "of another program");
    ck_assert_str_eq(listed(store, NULL, NULL, 0), "a.x a/b/c.txt a/other ");
    ck_assert_str_eq(listed(store, "a/", "a/b/c.txt", 0), "a/other ");
    assert_ok(skep_store_delete(store, "a/other", NULL));
    assert_ok(skep_store_delete(store, "a/other", NULL));
    assert_ok(skep_store_delete(store, "no/such/folder", NULL));
    ck_assert(!harness_exists(harness_path("s/a/other")));
    put_text(store, "a/b/c.txt", "replaced");
    assert_content(store, "a/b/c.txt", "replaced");
    ck_assert_uint_eq(files_below(harness_path("s")), 2);
    support_close(store);
}

TEST(a_plain_path_is_a_tree)
{
    skep_store *store = NULL;
    assert_ok(skep_store_open(harness_path("with ? and %"), NULL, &store));
    put_text(store, "k", "x");
    ck_assert(harness_exists(harness_path("with ? and %/k")));
    support_close(store);
}

TEST(modes_are_those_of_any_new_file)
{
    struct stat st;
    mode_t before = umask(027);
    skep_store *store = open_tree();
    put_text(store, "a/b", "x");
    (void)umask(before);
    ck_assert_int_eq(stat(harness_path("s/a/b"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0640);
    ck_assert_int_eq(stat(harness_path("s/a"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0750);
    support_close(store);
}

/* ---- what is no object ---- */

typedef struct told {
    unsigned count;
    char names[256];
} told;

static void tell(const skep_event *event, void *ctx)
{
    told *t = ctx;
    if (strcmp(event->name, "store.skipped") != 0)
        return;
    skep_slice name = event->fields[1].value.u.s;
    size_t len = strlen(t->names);
    t->count++;
    (void)snprintf(t->names + len, sizeof(t->names) - len, "%.*s ", (int)name.len,
                   (const char *)name.data);
}

TEST(what_is_no_object_is_told_and_left_alone)
{
    told t = {0};
    skep_object object = SKEP_OBJECT_INIT;
    skep_store *store = open_tree();
    put_text(store, "file", "x");
    ck_assert_int_eq(mkfifo(harness_path("s/fifo"), 0600), 0);
    ck_assert_int_eq(symlink("file", harness_path("s/link")), 0);
    harness_write_file(harness_path("s/line\nbreak"), "x", 1);
    harness_write_file(harness_path("s/\xff"), "x", 1);
    harness_write_file(harness_path("s/.skep-put-0123456789abcdef"), "x", 1);
    make_directory("s/.skep");
    harness_write_file(harness_path("s/.skep/own"), "x", 1);
    skep_set_event_sink(tell, &t, SKEP_WARNING);
    ck_assert_str_eq(listed(store, NULL, NULL, 0), "file ");
    skep_set_event_sink(NULL, NULL, SKEP_WARNING);
    ck_assert_uint_eq(t.count, 5);
    ck_assert_ptr_nonnull(strstr(t.names, "fifo "));
    ck_assert_ptr_nonnull(strstr(t.names, "link "));
    ck_assert_ptr_nonnull(strstr(t.names, ".skep-put-"));
    static const char *const names[] = {"fifo", "link"};
    for (size_t i = 0; i < 2; i++) {
        assert_fails(skep_store_head(store, names[i], NULL, &object), SKEP_ENOTFOUND);
        assert_fails(skep_store_put(store, names[i], skep_slice_str("y"), NULL, NULL),
                     SKEP_EUNSUPPORTED);
        assert_ok(skep_store_delete(store, names[i], NULL));
        ck_assert_int_eq(faccessat(AT_FDCWD, harness_path("s/link"), F_OK, 0), 0);
    }
    assert_fails(
        skep_store_put(store, ".skep-put-0123456789abcdef", skep_slice_str("y"), NULL, NULL),
        SKEP_EINVALID);
    support_close(store);
}

TEST(a_file_and_a_folder_of_one_name_cannot_both_be)
{
    skep_store *store = open_tree();
    put_text(store, "a/b", "x");
    put_text(store, "f", "x");
    assert_fails(skep_store_put(store, "a", skep_slice_str("y"), NULL, NULL), SKEP_EUNSUPPORTED);
    assert_fails(skep_store_put(store, "f/g", skep_slice_str("y"), NULL, NULL), SKEP_EUNSUPPORTED);
    ck_assert(!is_there(store, "f/g"));
    ck_assert(!is_there(store, "a"));
    assert_ok(skep_store_delete(store, "a", NULL));
    assert_content(store, "a/b", "x");
    support_close(store);
}

/* A link in the tree leads nowhere, whatever is done through it. */
TEST(nothing_outside_is_read_written_or_removed)
{
    skep_object object = SKEP_OBJECT_INIT;
    skep_store *store = open_tree();
    make_directory("outside");
    harness_write_file(harness_path("outside/secret"), "secret", 6);
    ck_assert_int_eq(symlink(harness_path("outside"), harness_path("s/out")), 0);
    ck_assert_int_eq(symlink("../outside/secret", harness_path("s/one")), 0);
    assert_fails(skep_store_head(store, "out/secret", NULL, &object), SKEP_ENOTFOUND);
    assert_fails(skep_store_head(store, "one", NULL, &object), SKEP_ENOTFOUND);
    assert_fails(skep_store_put(store, "out/new", skep_slice_str("x"), NULL, NULL),
                 SKEP_EUNSUPPORTED);
    assert_fails(skep_store_put(store, "one", skep_slice_str("x"), NULL, NULL), SKEP_EUNSUPPORTED);
    assert_ok(skep_store_delete(store, "out/secret", NULL));
    ck_assert_str_eq(listed(store, NULL, NULL, 0), "");
    ck_assert_str_eq(listed(store, "out/", NULL, 0), "");
    ck_assert_str_eq(listed(store, "../outside/", NULL, 0), "");
    ck_assert_uint_eq(files_below(harness_path("outside")), 1);
    ck_assert_str_eq(harness_read_file(harness_path("outside/secret"), NULL), "secret");
    support_close(store);
}

/* ---- others at work ---- */

TEST(a_file_that_changes_while_it_is_read_is_told)
{
    char data[8];
    size_t got = 0;
    skep_get *get = NULL;
    skep_store *store = open_tree();
    put_text(store, "k", "12345678");
    assert_ok(skep_get_open(store, "k", NULL, &get, NULL));
    assert_ok(skep_get_read(get, data, 4, &got));
    int fd = open(harness_path("s/k"), O_WRONLY | O_TRUNC | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    assert_fails(skep_get_read(get, data, 4, &got), SKEP_ECONFLICT);
    skep_get_close(get);
    ck_assert_int_eq(write(fd, "ABCDEFGHIJ", 10), 10);
    assert_ok(skep_get_open(store, "k", NULL, &get, NULL));
    assert_ok(skep_get_read(get, data, 4, &got));
    ck_assert_int_eq(write(fd, "more", 4), 4);
    int rc = SKEP_OK;
    do
        rc = skep_get_read(get, data, 4, &got);
    while (rc >= 0 && got > 0);
    assert_fails(rc, SKEP_ECONFLICT);
    skep_get_close(get);
    (void)close(fd);
    support_close(store);
}

TEST(a_folder_that_was_removed_is_made_again)
{
    skep_store *store = open_tree();
    put_text(store, "a/b/c", "x");
    harness_remove_tree(harness_path("s/a"));
    put_text(store, "a/b/c", "again");
    assert_content(store, "a/b/c", "again");
    support_close(store);
}

static _Atomic unsigned won;

static void race_create(size_t index, void *ctx)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.create = 1;
    (void)index;
    int rc = skep_store_put(ctx, "a/k", skep_slice_str("x"), &opts, NULL);
    if (rc < 0)
        assert_fails(rc, SKEP_EEXISTS);
    won += rc >= 0;
}

TEST(of_racing_creates_exactly_one_wins_and_there_is_no_swap)
{
    skep_store *store = open_tree();
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    harness_threads(16, race_create, store);
    ck_assert_uint_eq(won, 1);
    ck_assert_uint_eq(files_below(harness_path("s")), 1);
    assert_ok(skep_store_head(store, "a/k", NULL, &object));
    opts.if_etag = object.etag;
    assert_fails(skep_store_put(store, "a/k", skep_slice_str("y"), &opts, NULL), SKEP_EUNSUPPORTED);
    support_close(store);
}

static const harness_test tests[] = {
    HARNESS_TEST(files_are_objects_and_objects_are_files),
    HARNESS_TEST(a_plain_path_is_a_tree),
    HARNESS_TEST(modes_are_those_of_any_new_file),
    HARNESS_TEST(what_is_no_object_is_told_and_left_alone),
    HARNESS_TEST(a_file_and_a_folder_of_one_name_cannot_both_be),
    HARNESS_TEST(nothing_outside_is_read_written_or_removed),
    HARNESS_TEST(a_file_that_changes_while_it_is_read_is_told),
    HARNESS_TEST(a_folder_that_was_removed_is_made_again),
    HARNESS_TEST(of_racing_creates_exactly_one_wins_and_there_is_no_swap),
};
const harness_suite tree_suite = HARNESS_SUITE("tree", tests);
