/* SPDX-License-Identifier: MIT */
/* The store that is a directory. */
#include "suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skep/arena.h>

#include "base/hash.h"
#include "store/disk_private.h"
#include "support.h"

static skep_store *open_disk(void)
{
    return support_open("file", "s", 0);
}

/* The file of an object. */
static const char *file_of(skep_store *store, const char *key)
{
    static char path[SKEP__PATH_MAX];
    assert_ok(skep__disk_path((const skep__disk *)(void *)store, key, path));
    return path;
}

static const char odd_keys[][64] = {
    "a",   "a b",   "a%2fb",   "a+b&c?d#e", "a-b",    "a.b",
    "a/b", "a/b/c", "a/b.c/d", "a0",        "b/00/x", "b/d/d/d",
    "d",   "d/d",   "lock",    "o/t/0",     "...",    "\xc3\xa4/ \xe2\x82\xac",
    "~",   "00",    "..a/..",  "t",
};

TEST(objects_come_back_listed_in_the_order_of_their_bytes)
{
    char want[4096] = "";
    skep_store *store = open_disk();
    const char *keys[sizeof(odd_keys) / sizeof(odd_keys[0])];
    size_t n = 0;
    for (size_t i = 0; i < sizeof(odd_keys) / sizeof(odd_keys[0]); i++) {
        if (strcmp(odd_keys[i], "..a/..") == 0) {
            assert_fails(skep_store_put(store, odd_keys[i], skep_slice_str("x"), NULL, NULL),
                         SKEP_EINVALID);
            continue;
        }
        put_text(store, odd_keys[i], odd_keys[i]);
        size_t at = n++;
        for (; at > 0 && strcmp(keys[at - 1], odd_keys[i]) > 0; at--)
            keys[at] = keys[at - 1];
        keys[at] = odd_keys[i];
    }
    for (size_t i = 0; i < n; i++) {
        assert_content(store, keys[i], keys[i]);
        (void)snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s ", keys[i]);
    }
    ck_assert_str_eq(listed(store, NULL, NULL, 0), want);
    ck_assert_str_eq(listed(store, "a/", NULL, 0), "a/b a/b.c/d a/b/c ");
    ck_assert_str_eq(listed(store, "a/b", NULL, 0), "a/b a/b.c/d a/b/c ");
    ck_assert_str_eq(listed(store, "a/b/", NULL, 0), "a/b/c ");
    ck_assert_str_eq(listed(store, "a/", "a/b", 1), "a/b.c/d ");
    ck_assert_str_eq(listed(store, NULL, "b", 2), "b/00/x b/d/d/d ");
    ck_assert_str_eq(listed(store, "a/", "b", 0), "");
    ck_assert_str_eq(listed(store, "a/../", NULL, 0), "");
    ck_assert_str_eq(listed(store, "/", NULL, 0), "");
    support_close(store);
}

TEST(a_list_after_any_key_is_the_rest_of_the_list)
{
    char all[8192];
    rng r = rng_of(harness_seed());
    skep_store *store = open_disk();
    for (size_t i = 0; i < 120; i++) {
        char key[32];
        size_t len = 0;
        for (size_t part = 0; part <= rng_below(&r, 3); part++)
            len += (size_t)snprintf(key + len, sizeof(key) - len, "%s%c", part > 0 ? "/" : "",
                                    "ab-~0"[rng_below(&r, 5)]);
        put_text(store, key, "x");
    }
    (void)snprintf(all, sizeof(all), "%s", listed(store, NULL, NULL, 0));
    for (char *at = all; *at != '\0';) {
        char *end = strchr(at, ' ');
        *end = '\0';
        ck_assert_str_eq(listed(store, NULL, at, 0), end + 1);
        at = end + 1;
    }
    support_close(store);
}

TEST(names_that_do_not_fit_memory_are_read_again)
{
    char key[32];
    char want[32];
    skep_store *store = open_disk();
    for (unsigned i = 0; i < 5 * SKEP__WALK_LEAST; i++) {
        (void)snprintf(key, sizeof(key), "f/%04u", (i * 37) % (5 * SKEP__WALK_LEAST));
        put_text(store, key, "");
    }
    /* Who says a limit and goes on beyond it gets all the same what is there. */
    const skep_list_how how = {.prefix = "", .after = "", .limit = 1};
    skep_list *list = NULL;
    assert_ok(store->engine->list_open(store, &how, &list));
    for (unsigned i = 0; i < 5 * SKEP__WALK_LEAST; i++) {
        skep_object object = SKEP_OBJECT_INIT;
        ck_assert_int_eq(assert_ok(store->engine->list_next(list, &object)), 1);
        (void)snprintf(want, sizeof(want), "f/%04u", i);
        ck_assert_str_eq(object.key, want);
    }
    skep_object object = SKEP_OBJECT_INIT;
    ck_assert_int_eq(assert_ok(store->engine->list_next(list, &object)), 0);
    store->engine->list_close(list);
    support_close(store);
}

TEST(ranges_give_the_bytes_that_are_there)
{
    static char data[200000];
    char piece[1000];
    rng r = rng_of(harness_seed());
    rng_fill(&r, data, sizeof(data));
    skep_store *store = open_disk();
    assert_ok(skep_store_put(store, "k", skep_slice_of(data, sizeof(data)), NULL, NULL));
    for (size_t i = 0; i < 200; i++) {
        skep_get_opts opts = SKEP_GET_OPTS_INIT;
        skep_get *get = NULL;
        size_t done = 0;
        size_t got = 0;
        opts.offset = i == 0 ? sizeof(data) : rng_below(&r, sizeof(data));
        opts.bytes = rng_below(&r, 3000);
        size_t want = sizeof(data) - opts.offset;
        if (opts.bytes != 0 && opts.bytes < want)
            want = opts.bytes;
        assert_ok(skep_get_open(store, "k", &opts, &get, NULL));
        do {
            assert_ok(skep_get_read(get, piece, sizeof(piece), &got));
            ck_assert_mem_eq(piece, data + opts.offset + done, got);
            done += got;
        } while (got > 0);
        ck_assert_uint_eq(done, want);
        skep_get_close(get);
    }
    skep_get *get = NULL;
    skep_get_opts beyond = SKEP_GET_OPTS_INIT;
    beyond.offset = sizeof(data) + 1;
    assert_fails(skep_get_open(store, "k", &beyond, &get, NULL), SKEP_EINVALID);
    support_close(store);
}

TEST(an_aborted_put_leaves_nothing)
{
    skep_put *put = NULL;
    skep_store *store = open_disk();
    assert_ok(skep_put_begin(store, "k", NULL, &put));
    assert_ok(skep_put_write(put, "12345", 5));
    ck_assert_uint_eq(files_below(harness_path("s/t")), 1);
    skep_put_abort(put);
    ck_assert_uint_eq(files_below(harness_path("s/t")), 0);
    ck_assert(!is_there(store, "k"));
    support_close(store);
}

TEST(a_get_that_has_begun_reads_the_old_object_to_its_end)
{
    char data[8];
    size_t got = 0;
    skep_get *get = NULL;
    skep_store *store = open_disk();
    put_text(store, "k", "old");
    assert_ok(skep_get_open(store, "k", NULL, &get, NULL));
    put_text(store, "k", "newer");
    assert_ok(skep_store_delete(store, "k", NULL));
    assert_ok(skep_get_read(get, data, sizeof(data), &got));
    ck_assert_uint_eq(got, 3);
    ck_assert_mem_eq(data, "old", 3);
    assert_ok(skep_get_read(get, data, sizeof(data), &got));
    ck_assert_uint_eq(got, 0);
    skep_get_close(get);
    support_close(store);
}

TEST(modes_are_private_whatever_the_umask)
{
    struct stat st;
    mode_t before = umask(0777);
    skep_store *store = open_disk();
    put_text(store, "a/b", "x");
    (void)umask(before);
    ck_assert_int_eq(stat(file_of(store, "a/b"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    static const char *const dirs[] = {"s", "s/o", "s/o/d", "s/o/d/a", "s/t", "s/t/0"};
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        ck_assert_int_eq(stat(harness_path(dirs[i]), &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0700);
    }
    ck_assert_int_eq(stat(harness_path("s/lock"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    support_close(store);
}

/* ---- conditions ---- */

typedef struct race {
    skep_store *stores[2]; /* two handles on one directory */
    char etag[SKEP_STORE_ETAG_MAX + 1];
    _Atomic unsigned won;
} race;

static void race_create(size_t index, void *ctx)
{
    race *r = ctx;
    char text[32];
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.create = 1;
    (void)snprintf(text, sizeof(text), "%zu", index);
    int rc = skep_store_put(r->stores[index % 2], "k", skep_slice_str(text), &opts, NULL);
    if (rc < 0)
        assert_fails(rc, SKEP_EEXISTS);
    r->won += rc >= 0;
}

static void race_swap(size_t index, void *ctx)
{
    race *r = ctx;
    char text[32];
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.if_etag = r->etag;
    (void)snprintf(text, sizeof(text), "swapped by %zu", index);
    int rc = skep_store_put(r->stores[index % 2], "k", skep_slice_str(text), &opts, NULL);
    if (rc < 0)
        assert_fails(rc, SKEP_ECONFLICT);
    r->won += rc >= 0;
}

TEST(of_racing_conditional_puts_exactly_one_wins)
{
    race r = {.stores = {open_disk(), open_disk()}};
    for (unsigned round = 0; round < 10; round++) {
        skep_object object = SKEP_OBJECT_INIT;
        r.won = 0;
        harness_threads(16, race_create, &r);
        ck_assert_uint_eq(r.won, 1);
        assert_ok(skep_store_head(r.stores[0], "k", NULL, &object));
        memcpy(r.etag, object.etag, sizeof(r.etag));
        r.won = 0;
        harness_threads(16, race_swap, &r);
        ck_assert_uint_eq(r.won, 1);
        assert_ok(skep_store_delete(r.stores[1], "k", NULL));
    }
    support_close(r.stores[0]);
    support_close(r.stores[1]);
}

static void swap_in_turn(size_t index, void *ctx)
{
    race *r = ctx;
    for (unsigned done = 0; done < 5;) {
        char text[32];
        skep_arena *arena = NULL;
        skep_slice got;
        skep_object info = SKEP_OBJECT_INIT;
        skep_put_opts opts = SKEP_PUT_OPTS_INIT;
        assert_ok(skep_arena_new(0, &arena));
        assert_ok(skep_store_get(r->stores[index % 2], "n", NULL, arena, &got, &info));
        (void)snprintf(text, sizeof(text), "%d", (int)strtol(got.data, NULL, 10) + 1);
        skep_arena_free(arena);
        opts.if_etag = info.etag;
        int rc = skep_store_put(r->stores[index % 2], "n", skep_slice_str(text), &opts, NULL);
        if (rc < 0)
            assert_fails(rc, SKEP_ECONFLICT);
        done += rc >= 0;
    }
}

TEST(a_counter_that_many_swap_loses_no_step)
{
    race r = {.stores = {open_disk(), open_disk()}};
    put_text(r.stores[0], "n", "0");
    harness_threads(8, swap_in_turn, &r);
    assert_content(r.stores[0], "n", "40");
    support_close(r.stores[0]);
    support_close(r.stores[1]);
}

static void mixed_work(size_t index, void *ctx)
{
    race *r = ctx;
    skep_store *store = r->stores[index % 2];
    rng dice = rng_of(harness_seed() + index);
    for (unsigned i = 0; i < 12; i++) {
        char key[32];
        skep_object object = SKEP_OBJECT_INIT;
        (void)snprintf(key, sizeof(key), "f%u/k%u", (unsigned)rng_below(&dice, 3),
                       (unsigned)rng_below(&dice, 5));
        switch (rng_below(&dice, 4)) {
        case 0:
            assert_ok(skep_store_delete(store, key, NULL));
            break;
        case 1:
            (void)listed(store, NULL, NULL, 0);
            break;
        case 2:
            if (skep_store_head(store, key, NULL, &object) < 0)
                ck_assert_int_eq(skep_last_error()->code, SKEP_ENOTFOUND);
            break;
        default:
            put_text(store, key, "some text");
            break;
        }
    }
}

TEST(sixty_four_threads_share_two_handles)
{
    race r = {.stores = {open_disk(), open_disk()}};
    harness_threads(64, mixed_work, &r);
    ck_assert_uint_eq(files_below(harness_path("s/t")), 0);
    support_close(r.stores[0]);
    support_close(r.stores[1]);
}

/* A lock that another process holds ends a call at its deadline, and then nothing was changed. */
TEST(a_key_that_is_locked_elsewhere_keeps_to_the_deadline)
{
    skep_store *store = open_disk();
    skep_store *other = open_disk();
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    unsigned lane = 0;
    const skep_io forever = {0};
    put_text(store, "k", "old");
    assert_ok(skep__disk_lock((skep__disk *)(void *)other, "k", &forever, &lane));
    opts.io.timeout_ms = 20;
    assert_fails(skep_store_put(store, "k", skep_slice_str("new"), &opts, NULL), SKEP_ETIMEOUT);
    ck_assert_uint_eq(files_below(harness_path("s/t")), 0);
    skep__disk_unlock((skep__disk *)(void *)other, lane);
    assert_content(store, "k", "old");
    put_text(store, "k", "new");
    support_close(store);
    support_close(other);
}

/* ---- damage ---- */

static void damage_each_bit(skep_store *store, const char *path, size_t size)
{
    unsigned char *bytes = harness_read_file(path, NULL);
    skep_arena *arena = NULL;
    skep_slice got;
    assert_ok(skep_arena_new(0, &arena));
    for (size_t i = 0; i < size * 8; i++) {
        bytes[i / 8] ^= (unsigned char)(1u << i % 8);
        harness_write_file(path, bytes, size);
        int rc = skep_store_get(store, "a/b", NULL, arena, &got, NULL);
        ck_assert_msg(rc == SKEP_ECORRUPT || rc == SKEP_EVERSION, "bit %zu: %d", i, rc);
        ck_assert(detail_says("'a/b'"));
        bytes[i / 8] ^= (unsigned char)(1u << i % 8);
        skep_arena_reset(arena);
    }
    skep_arena_free(arena);
    harness_write_file(path, bytes, size);
}

TEST(A29_a_bit_that_flipped_anywhere_is_told_with_the_key)
{
    skep_store *store = open_disk();
    put_text(store, "a/b", "content");
    const char *path = file_of(store, "a/b");
    size_t size = 0;
    (void)harness_read_file(path, &size);
    ck_assert_uint_eq(size, strlen("content") + strlen("a/b") + SKEP__FOOT_BYTES);
    damage_each_bit(store, path, size);
    assert_content(store, "a/b", "content");
    support_close(store);
}

TEST(A29_a_file_that_was_cut_anywhere_is_told_with_the_key)
{
    skep_object object = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    skep_store *store = open_disk();
    put_text(store, "a/b", "content");
    put_text(store, "a/c", "other");
    const char *path = file_of(store, "a/b");
    size_t size = 0;
    void *bytes = harness_read_file(path, &size);
    for (size_t len = 0; len < size; len++) {
        harness_write_file(path, bytes, len);
        assert_fails(skep_store_head(store, "a/b", NULL, &object), SKEP_ECORRUPT);
        ck_assert(detail_says("'a/b'"));
        ck_assert(len > 0 || detail_says("empty"));
    }
    /* A list tells it and goes on. */
    assert_ok(skep_list_open(store, NULL, &list));
    assert_fails(skep_list_next(list, &object), SKEP_ECORRUPT);
    ck_assert_int_eq(assert_ok(skep_list_next(list, &object)), 1);
    ck_assert_str_eq(object.key, "a/c");
    skep_list_close(list);
    /* What is damaged is there, and can be replaced and deleted. */
    skep_put_opts create = SKEP_PUT_OPTS_INIT;
    create.create = 1;
    assert_fails(skep_store_put(store, "a/b", skep_slice_str("x"), &create, NULL), SKEP_EEXISTS);
    put_text(store, "a/b", "again");
    assert_content(store, "a/b", "again");
    support_close(store);
}

TEST(a_file_under_the_name_of_another_is_told)
{
    skep_object object = SKEP_OBJECT_INIT;
    char from[SKEP__PATH_MAX];
    skep_store *store = open_disk();
    put_text(store, "a", "one");
    put_text(store, "b", "two");
    (void)snprintf(from, sizeof(from), "%s", file_of(store, "a"));
    ck_assert_int_eq(rename(from, file_of(store, "b")), 0);
    assert_fails(skep_store_head(store, "b", NULL, &object), SKEP_ECORRUPT);
    ck_assert(detail_says("'b'") && detail_says("'a'"));
    support_close(store);
}

/* ---- opening ---- */

TEST(a_directory_of_somebody_else_is_refused)
{
    skep_store *store = NULL;
    ck_assert_int_eq(mkdir(harness_path("s"), 0700), 0);
    harness_write_file(harness_path("s/letter.txt"), "dear", 4);
    assert_fails(support_try("file", "s", 0, &store), SKEP_EINVALID);
    ck_assert(detail_says("letter.txt"));
    harness_write_file(harness_path("file"), "", 0);
    assert_fails(support_try("file", "file", 0, &store), SKEP_EINVALID);
    assert_fails(support_try("file", "not/there", 0, &store), SKEP_ENOTFOUND);
    assert_fails(support_try("file", "new", SKEP_STORE_MUST_EXIST, &store), SKEP_ENOTFOUND);
    assert_fails(support_try("file", "new", SKEP_STORE_READONLY, &store), SKEP_ENOTFOUND);
    ck_assert(!harness_exists(harness_path("new")));
}

TEST(a_newer_format_and_a_wrong_marker_are_told)
{
    skep_store *store = NULL;
    support_close(open_disk());
    harness_write_file(harness_path("s/skep-store"), "skep store 2\n", 13);
    assert_fails(support_try("file", "s", 0, &store), SKEP_EVERSION);
    ck_assert(detail_says("format 2") && detail_says("knows 1"));
    static const char *const wrong[] = {
        "", "skep store\n", "skep store 0\n", "skep store 1", "skep store 1 \n", "other"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        harness_write_file(harness_path("s/skep-store"), wrong[i], strlen(wrong[i]));
        assert_fails(support_try("file", "s", 0, &store), SKEP_ECORRUPT);
    }
}

TEST(a_store_that_is_only_read_is_left_as_it_is)
{
    skep_store *store = open_disk();
    put_text(store, "k", "text");
    harness_write_file(harness_path("s/t/0/left"), "x", 1);
    harness_write_file(harness_path("s/t/9"), "x", 1);
    support_close(store);
    size_t files = files_below(harness_path("s"));
    store = support_open("file", "s", SKEP_STORE_READONLY);
    assert_content(store, "k", "text");
    assert_fails(skep_store_put(store, "k", skep_slice_str("x"), NULL, NULL), SKEP_EREADONLY);
    assert_fails(skep_store_delete(store, "k", NULL), SKEP_EREADONLY);
    assert_fails(skep_store_copy(store, "k", "l", NULL, NULL), SKEP_EREADONLY);
    support_close(store);
    ck_assert_uint_eq(files_below(harness_path("s")), files);
}

TEST(leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not)
{
    skep_put *put = NULL;
    skep_store *living = open_disk(); /* slot 0 */
    assert_ok(skep_put_begin(living, "k", NULL, &put));
    assert_ok(skep_put_write(put, "12345", 5));
    ck_assert_int_eq(mkdir(harness_path("s/t/7"), 0700), 0);
    harness_write_file(harness_path("s/t/7/0"), "left", 4);
    ck_assert_int_eq(mkdir(harness_path("s/t/x"), 0700), 0);
    skep_store *other = open_disk();
    ck_assert(!harness_exists(harness_path("s/t/7/0")));
    assert_ok(skep_put_commit(put, NULL));
    assert_content(other, "k", "12345");
    support_close(living);
    support_close(other);
}

TEST(a_disk_that_is_nearly_full_takes_nothing)
{
    char uri[4096];
    skep_store *store = NULL;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_put *put = NULL;
    (void)snprintf(uri, sizeof(uri), "file:%s?keep_free_bytes=1024T", harness_path("s"));
    assert_ok(skep_store_open(uri, NULL, &store));
    assert_fails(skep_store_put(store, "k", skep_slice_str("x"), NULL, NULL), SKEP_EFULL);
    support_close(store);
    store = open_disk();
    opts.bytes = UINT64_C(1) << 42; /* more than is there, as it was announced */
    assert_fails(skep_put_begin(store, "k", &opts, &put), SKEP_EFULL);
    ck_assert_uint_eq(files_below(harness_path("s/t")), 0);
    support_close(store);
}

/* Keys that are as long as they may be, in parts as short and as long as they may be. */
TEST(the_longest_keys_have_a_place)
{
    char key[SKEP_STORE_KEY_MAX + 1];
    skep_store *store = open_disk();
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    for (size_t i = 250; i <= 1000; i += 250)
        key[i] = '/';
    put_text(store, key, "long parts");
    assert_content(store, key, "long parts");
    memset(key, 'k', sizeof(key) - 1);
    for (size_t i = 1; i < sizeof(key) - 2; i += 2)
        key[i] = '/';
    put_text(store, key, "short parts");
    assert_content(store, key, "short parts");
    key[1] = '\0';
    ck_assert_uint_gt(strlen(listed(store, key, NULL, 0)), 2000);
    support_close(store);
}

/* ---- the example of the format's page ---- */

TEST(the_example_of_the_format_opens)
{
    char page[4096];
    uint8_t bytes[512];
    size_t n = 0;
    skep__foot foot;
    (void)snprintf(page, sizeof(page), "%s/docs/format/store-disk.md", getenv("SKEP_SOURCE_DIR"));
    char shard[3];
    char place[64];
    const char *text = harness_read_file(page, NULL);
    skep__disk_shard_name("hello", 5, shard);
    (void)snprintf(place, sizeof(place), "`o/d/greetings/%s/hello`", shard);
    ck_assert_ptr_nonnull(strstr(text, place));
    const char *at = strstr(text, "```\n6");
    ck_assert_ptr_nonnull(at);
    at += 4;
    for (unsigned byte = 0; n < sizeof(bytes) && sscanf(at, " %2x", &byte) == 1; n++) {
        bytes[n] = (uint8_t)byte;
        at += strspn(at, " \n") + 2;
    }
    assert_ok(skep__foot_decode(skep_slice_of(bytes, n), n, "greetings/hello", &foot));
    ck_assert_uint_eq(foot.bytes, 6);
    ck_assert_mem_eq(bytes, "hello\n", 6);
    ck_assert_int_eq(foot.put_us, INT64_C(1767225600000000)); /* 2026-01-01T00:00:00Z */
    uint8_t own[SKEP_STORE_HASH_BYTES];
    skep__hash128_plain("hello\n", 6, own);
    ck_assert_mem_eq(own, foot.hash, sizeof(own));
}

static const harness_test tests[] = {
    HARNESS_TEST(objects_come_back_listed_in_the_order_of_their_bytes),
    HARNESS_TEST(a_list_after_any_key_is_the_rest_of_the_list),
    HARNESS_TEST(names_that_do_not_fit_memory_are_read_again),
    HARNESS_TEST(ranges_give_the_bytes_that_are_there),
    HARNESS_TEST(an_aborted_put_leaves_nothing),
    HARNESS_TEST(a_get_that_has_begun_reads_the_old_object_to_its_end),
    HARNESS_TEST(modes_are_private_whatever_the_umask),
    HARNESS_TEST(of_racing_conditional_puts_exactly_one_wins),
    HARNESS_TEST(a_counter_that_many_swap_loses_no_step),
    HARNESS_TEST(sixty_four_threads_share_two_handles),
    HARNESS_TEST(a_key_that_is_locked_elsewhere_keeps_to_the_deadline),
    HARNESS_TEST(A29_a_bit_that_flipped_anywhere_is_told_with_the_key),
    HARNESS_TEST(A29_a_file_that_was_cut_anywhere_is_told_with_the_key),
    HARNESS_TEST(a_file_under_the_name_of_another_is_told),
    HARNESS_TEST(a_directory_of_somebody_else_is_refused),
    HARNESS_TEST(a_newer_format_and_a_wrong_marker_are_told),
    HARNESS_TEST(a_store_that_is_only_read_is_left_as_it_is),
    HARNESS_TEST(leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not),
    HARNESS_TEST(a_disk_that_is_nearly_full_takes_nothing),
    HARNESS_TEST(the_longest_keys_have_a_place),
    HARNESS_TEST(the_example_of_the_format_opens),
};
const harness_suite disk_suite = HARNESS_SUITE("disk", tests);
