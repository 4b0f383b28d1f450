/* SPDX-License-Identifier: MIT */
/* What the front does for every store, seen over the one in memory. */
#include "suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skep/arena.h>
#include <skep/sys/store_engine.h>

#include "base/mem.h"
#include "harness/alloc.h"
#include "net/net.h"
#include "store/faulty.h"
#include "store/front_private.h"
#include "store/memory.h"
#include "support.h"

static skep_store *open_memory(void)
{
    skep_store *store = NULL;
    assert_ok(memory_store_open(MEMORY_CAPS, &store));
    return store;
}

static skep_store *open_faulty(void)
{
    skep_store *store = NULL;
    assert_ok(faulty_store_open(open_memory(), &store));
    return store;
}

TEST(what_is_put_is_got_with_its_hash)
{
    char hash[SKEP__HASH_TEXT];
    uint8_t bytes[SKEP_STORE_HASH_BYTES];
    skep_object object = SKEP_OBJECT_INIT;
    skep_store *store = open_memory();
    assert_ok(skep_store_put(store, "a/b", skep_slice_str(""), NULL, &object));
    ck_assert_str_eq(object.key, "a/b");
    ck_assert_uint_eq(object.bytes, 0);
    skep__hash_text(object.hash, hash);
    ck_assert_str_eq(hash, "99aa06d3014798d86001c324468d497f"); /* XXH3-128 of nothing */
    ck_assert(skep__hash_parse(skep_slice_str(hash), bytes));
    ck_assert_mem_eq(bytes, object.hash, sizeof(bytes));
    ck_assert(!skep__hash_parse(skep_slice_str("99aa06d3014798d86001c324468d497"), bytes));
    ck_assert(!skep__hash_parse(skep_slice_str("99aa06d3014798d86001c324468d497g"), bytes));
    put_text(store, "a/b", "hello");
    assert_content(store, "a/b", "hello");
    support_close(store);
}

/* ---- arguments ---- */

TEST(wrong_keys_are_refused_with_the_reason)
{
    char longest[SKEP_STORE_KEY_MAX + 2];
    static const struct {
        const char *key;
        const char *why;
    } wrong[] = {{"", "empty"},
                 {"/a", "slashes"},
                 {"a/", "slashes"},
                 {"a//b", "slashes"},
                 {".", ". or .."},
                 {"a/../b", ". or .."},
                 {"a\nb", "control"},
                 {"a\x7f", "control"},
                 {"a\xff", "UTF-8"},
                 {"\xed\xa0\x80", "UTF-8"},
                 {"\xc0\xaf", "UTF-8"},
                 {".skep", "skep itself"},
                 {".skep/x", "skep itself"}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_fails(skep__store_key_check(wrong[i].key, false), SKEP_EINVALID);
        ck_assert_msg(detail_says(wrong[i].why), "%s", skep_last_error()->text);
    }
    static const char *const right[] = {"a", ".skepx", "a/.skep", "...", "a b", "\xf0\x9f\x90\x9d"};
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        assert_ok(skep__store_key_check(right[i], false));
    assert_ok(skep__store_key_check(".skep/x", true));
    for (size_t i = 0; i < sizeof(longest) - 1; i++)
        longest[i] = i % 256 == 255 ? '/' : 'k';
    longest[SKEP_STORE_KEY_MAX - 1] = 'k'; /* not a slash, and the part before has 256 now */
    longest[SKEP_STORE_KEY_MAX] = '\0';
    assert_fails(skep__store_key_check(longest, false), SKEP_EINVALID);
    longest[1000] = '/';
    assert_ok(skep__store_key_check(longest, false));
    memcpy(longest + SKEP_STORE_KEY_MAX, "k", 2);
    assert_fails(skep__store_key_check(longest, false), SKEP_EINVALID);
    ck_assert(detail_says("1024"));
}

TEST(options_of_another_version_are_told)
{
    skep_object object = SKEP_OBJECT_INIT;
    struct {
        skep_put_opts opts;
        uint64_t unknown;
    } newer = {.opts = SKEP_PUT_OPTS_INIT};
    skep_store *store = open_memory();
    newer.opts.size = sizeof(newer);
    assert_ok(skep_store_put(store, "k", skep_slice_str("x"), &newer.opts, NULL));
    newer.unknown = 1;
    assert_fails(skep_store_put(store, "k", skep_slice_str("x"), &newer.opts, NULL),
                 SKEP_EUNSUPPORTED);
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    io.timeout_ms = -1;
    assert_fails(skep_store_head(store, "k", &io, &object), SKEP_EINVALID);
    /* A structure of an older version is filled in as far as it goes. */
    memset(&object, 0x55, sizeof(object));
    object.size = 24;
    assert_ok(skep_store_head(store, "k", NULL, &object));
    ck_assert_uint_eq(object.bytes, 1);
    ck_assert_int_eq(object.key[0], 0x55);
    ck_assert_uint_eq(object.size, 24);
    support_close(store);
}

TEST(what_is_over_already_is_not_begun)
{
    skep_object object = SKEP_OBJECT_INIT;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    int result = 0;
    const char *key = "k";
    skep_store *store = open_faulty();
    assert_ok(skep_cancel_new(&io.cancel));
    skep_cancel_fire(io.cancel);
    opts.io = io;
    assert_fails(skep_store_put(store, "k", skep_slice_str("x"), &opts, NULL), SKEP_ECANCELLED);
    assert_fails(skep_store_head(store, "k", &io, &object), SKEP_ECANCELLED);
    assert_fails(skep_store_delete_many(store, &key, 1, &io, &result), SKEP_ECANCELLED);
    for (faulty_call call = 0; call < FAULTY_CALLS; call++)
        ck_assert_uint_eq(faulty_count(store, call), 0);
    skep_cancel_free(io.cancel);
    support_close(store);
}

/* ---- puts ---- */

TEST(a_put_has_as_many_bytes_as_it_said)
{
    skep_put *put = NULL;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_store *store = open_memory();
    opts.bytes = 5;
    assert_ok(skep_put_begin(store, "k", &opts, &put));
    assert_ok(skep_put_write(put, "1234", 4));
    assert_fails(skep_put_commit(put, NULL), SKEP_EINVALID);
    assert_ok(skep_put_begin(store, "k", &opts, &put));
    assert_fails(skep_put_write(put, "123456", 6), SKEP_EINVALID);
    assert_fails(skep_put_write(put, "1", 1), SKEP_EINVALID); /* it has failed for good */
    assert_fails(skep_put_commit(put, NULL), SKEP_EINVALID);
    ck_assert(!is_there(store, "k"));
    opts.bytes = SKEP_STORE_BYTES_MAX + 1;
    assert_fails(skep_put_begin(store, "k", &opts, &put), SKEP_ELIMIT);
    support_close(store);
}

TEST(a_condition_on_too_much_is_refused)
{
    skep_put *put = NULL;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    static char piece[1 << 20];
    skep_store *store = open_memory();
    opts.create = 1;
    opts.bytes = SKEP_STORE_SINGLE_MAX + 1;
    assert_fails(skep_put_begin(store, "k", &opts, &put), SKEP_EUNSUPPORTED);
    opts.bytes = SKEP_BYTES_UNKNOWN;
    assert_ok(skep_put_begin(store, "k", &opts, &put));
    for (uint64_t done = 0; done < SKEP_STORE_SINGLE_MAX; done += sizeof(piece))
        assert_ok(skep_put_write(put, piece, sizeof(piece)));
    assert_fails(skep_put_write(put, "x", 1), SKEP_EUNSUPPORTED);
    skep_put_abort(put);
    opts.if_etag = "both";
    assert_fails(skep_put_begin(store, "k", &opts, &put), SKEP_EINVALID);
    support_close(store);
}

TEST(a_file_is_put_and_got_as_it_is)
{
    struct stat st;
    static char content[3000];
    size_t size = 0;
    rng r = rng_of(harness_seed());
    rng_fill(&r, content, 3000);
    harness_write_file(harness_path("in"), content, 3000);
    skep_store *store = open_memory();
    assert_ok(skep_store_put_file(store, "k", harness_path("in"), NULL, NULL));
    assert_ok(skep_store_get_file(store, "k", harness_path("out"), NULL, NULL));
    ck_assert_mem_eq(harness_read_file(harness_path("out"), &size), content, 3000);
    ck_assert_uint_eq(size, 3000);
    ck_assert_int_eq(stat(harness_path("out"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    assert_fails(skep_store_put_file(store, "k", harness_dir(), NULL, NULL), SKEP_EINVALID);
    assert_fails(skep_store_put_file(store, "k", harness_path("no"), NULL, NULL), SKEP_ENOTFOUND);
    ck_assert_int_eq(mkfifo(harness_path("fifo"), 0600), 0);
    assert_fails(skep_store_put_file(store, "k", harness_path("fifo"), NULL, NULL), SKEP_EINVALID);
    support_close(store);
}

static void grow_file(uint64_t done, uint64_t total, void *ctx)
{
    (void)total;
    int fd = open(ctx, O_WRONLY | O_APPEND | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "more", 4), 4);
    (void)close(fd);
    (void)done;
}

static void rewrite_file(uint64_t done, uint64_t total, void *ctx)
{
    (void)done;
    (void)total;
    int fd = open(ctx, O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "other", 5), 5);
    (void)close(fd);
}

TEST(a_file_that_changes_while_it_is_put_is_told_and_not_put)
{
    static void (*const ways[])(uint64_t, uint64_t, void *) = {grow_file, rewrite_file};
    skep_store *store = open_memory();
    for (size_t i = 0; i < 2; i++) {
        char path[4096];
        skep_put_opts opts = SKEP_PUT_OPTS_INIT;
        (void)snprintf(path, sizeof(path), "%s", harness_path("in"));
        harness_write_file(path, "hello", 5);
        opts.io.progress = ways[i];
        opts.io.ctx = path;
        assert_fails(skep_store_put_file(store, "k", path, &opts, NULL), SKEP_ECONFLICT);
        ck_assert(!is_there(store, "k"));
    }
    support_close(store);
}

/* ---- puts that are sent once more ---- */

static void keep_most(uint64_t done, uint64_t total, void *ctx)
{
    uint64_t *most = ctx;
    ck_assert_uint_gt(done, *most); /* what is sent again is not told again */
    ck_assert_uint_le(done, total);
    *most = done;
}

/* The front of a store that was opened by its URI, with the network failing behind it. */
static skep_store *open_retrying(int64_t retry_ms)
{
    skep_store *store = open_faulty();
    skep__front *front = store->front;
    front->retry_ms = retry_ms;
    return store;
}

TEST(a_put_that_the_network_broke_is_sent_once_more)
{
    uint64_t most = 0;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep__retry_hasten(1000000);
    skep_store *store = open_retrying(60000);
    static char big[3 << 20];
    opts.io.progress = keep_most;
    opts.io.ctx = &most;
    faulty_add(store, &(faulty_step){.call = FAULTY_PUT_WRITE, .what = FAULTY_BEFORE, .nth = 2});
    assert_ok(skep_store_put(store, "k", skep_slice_of(big, sizeof(big)), &opts, NULL));
    ck_assert_uint_eq(faulty_count(store, FAULTY_PUT_BEGIN), 2);
    ck_assert_uint_eq(most, sizeof(big));
    harness_write_file(harness_path("in"), big, sizeof(big));
    most = 0;
    faulty_add(store, &(faulty_step){.call = FAULTY_PUT_WRITE, .what = FAULTY_BEFORE, .nth = 2});
    assert_ok(skep_store_put_file(store, "f", harness_path("in"), &opts, NULL));
    ck_assert_uint_eq(most, sizeof(big));
    /* Not where it may have been applied, nor where nobody wants it. */
    faulty_clear(store);
    faulty_add(store, &(faulty_step){.call = FAULTY_PUT_COMMIT, .what = FAULTY_AFTER, .nth = 1});
    assert_fails_with(skep_store_put(store, "k", skep_slice_str("x"), NULL, NULL), SKEP_ENET,
                      SKEP_OUTCOME_UNKNOWN);
    support_close(store);
    store = open_retrying(-1);
    faulty_add(store, &(faulty_step){.call = FAULTY_PUT_WRITE, .what = FAULTY_BEFORE, .nth = 1});
    assert_fails(skep_store_put(store, "k", skep_slice_str("x"), NULL, NULL), SKEP_ENET);
    ck_assert_uint_eq(faulty_count(store, FAULTY_PUT_BEGIN), 1);
    support_close(store);
}

/* ---- gets ---- */

TEST(a_bit_that_flips_on_the_way_is_told_with_key_and_hashes)
{
    skep_arena *arena = NULL;
    skep_slice got = {NULL, 0};
    assert_ok(skep_arena_new(0, &arena));
    harness_write_file(harness_path("out"), "before", 6);
    skep_store *store = open_faulty();
    put_text(store, "a/k", "hello");
    faulty_add(store, &(faulty_step){.call = FAULTY_GET_READ, .what = FAULTY_FLIP, .at = 2});
    assert_fails(skep_store_get(store, "a/k", NULL, arena, &got, NULL), SKEP_ECORRUPT);
    ck_assert(detail_says("'a/k'") && detail_says("was") && detail_says("is"));
    assert_fails(skep_store_get_file(store, "a/k", harness_path("out"), NULL, NULL), SKEP_ECORRUPT);
    ck_assert_str_eq(harness_read_file(harness_path("out"), NULL), "before");
    ck_assert_uint_eq(files_below(harness_dir()), 1);
    faulty_clear(store);
    faulty_add(store, &(faulty_step){.call = FAULTY_GET_READ, .what = FAULTY_CUT, .at = 3});
    assert_fails(skep_store_get_file(store, "a/k", harness_path("out"), NULL, NULL), SKEP_ENET);
    ck_assert_uint_eq(files_below(harness_dir()), 1);
    skep_arena_free(arena);
    support_close(store);
}

TEST(what_does_not_fit_the_arena_is_told)
{
    skep_arena *arena = NULL;
    skep_slice got = {NULL, 0};
    skep_store *store = open_memory();
    static char big[10000];
    assert_ok(skep_arena_new(5000, &arena));
    assert_ok(skep_store_put(store, "k", skep_slice_of(big, sizeof(big)), NULL, NULL));
    assert_fails(skep_store_get(store, "k", NULL, arena, &got, NULL), SKEP_ELIMIT);
    skep_arena_free(arena);
    support_close(store);
}

/* ---- an engine that does not keep its word ---- */

static const skep_store_engine *honest;

/* It answers every condition with success. */
static int ignore_condition(skep_store *store, const char *key, const skep_put_how *how,
                            skep_put **out)
{
    skep_put_how plain = *how;
    plain.create = 0;
    plain.if_etag = NULL;
    return honest->put_begin(store, key, &plain, out);
}

static int claim(skep_store *store, const skep_io *io, uint32_t *caps, uint32_t *probe)
{
    SKEP__TRY(honest->caps(store, io, caps, probe));
    *probe = SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP;
    return SKEP_OK;
}

static int end_early(skep_get *get, void *data, size_t len, size_t *got)
{
    (void)get, (void)data, (void)len;
    *got = 0;
    return SKEP_OK;
}

static int go_on(skep_get *get, void *data, size_t len, size_t *got)
{
    (void)get;
    memset(data, 'x', len);
    *got = len;
    return SKEP_OK;
}

static int same_again(skep_list *list, skep_object *out)
{
    (void)list;
    (void)snprintf(out->key, sizeof(out->key), "b");
    return 1;
}

static int unasked(skep_list *list, skep_object *out)
{
    (void)list;
    (void)snprintf(out->key, sizeof(out->key), "zz");
    return 1;
}

static skep_store *open_liar(skep_store_engine *engine)
{
    skep_store *store = open_memory();
    honest = store->engine;
    *engine = *honest;
    store->engine = engine;
    return store;
}

TEST(conditions_are_tried_before_they_are_believed)
{
    uint32_t caps = 0;
    static skep_store_engine liar;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_store *store = open_liar(&liar);
    liar.caps = claim;
    assert_ok(skep_store_caps(store, NULL, &caps));
    ck_assert_uint_eq(caps, MEMORY_CAPS);
    support_close(store);

    store = open_liar(&liar);
    liar.caps = claim;
    liar.put_begin = ignore_condition;
    opts.create = 1;
    assert_fails(skep_store_put(store, "k", skep_slice_str("x"), &opts, NULL), SKEP_EUNSUPPORTED);
    opts.create = 0;
    opts.if_etag = "1";
    assert_fails(skep_store_put(store, "k", skep_slice_str("x"), &opts, NULL), SKEP_EUNSUPPORTED);
    assert_ok(skep_store_caps(store, NULL, &caps));
    ck_assert_uint_eq(caps & (SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP), 0);
    /* It has cleaned up behind itself. */
    skep__store_allow_own(store);
    ck_assert_str_eq(listed(store, ".skep/", NULL, 0), "");
    support_close(store);
}

static int fails_for_now(skep_store *store, const char *key, const skep_put_how *how,
                         skep_put **out)
{
    (void)store, (void)key, (void)how, (void)out;
    return skep_fail(SKEP_ENET, "test", "no network");
}

TEST(a_probe_that_could_not_be_made_is_made_the_next_time)
{
    uint32_t caps = 0;
    static skep_store_engine liar;
    skep_store *store = open_liar(&liar);
    liar.caps = claim;
    liar.put_begin = fails_for_now;
    assert_fails(skep_store_caps(store, NULL, &caps), SKEP_ENET);
    liar.put_begin = honest->put_begin;
    assert_ok(skep_store_caps(store, NULL, &caps));
    ck_assert_uint_eq(caps, MEMORY_CAPS);
    support_close(store);
}

TEST(A20_what_an_engine_gives_is_checked)
{
    static skep_store_engine liar;
    skep_arena *arena = NULL;
    skep_slice got = {NULL, 0};
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_store *store = open_liar(&liar);
    assert_ok(skep_arena_new(0, &arena));
    put_text(store, "k", "hello");
    liar.get_read = end_early;
    assert_fails(skep_store_get(store, "k", NULL, arena, &got, NULL), SKEP_ECORRUPT);
    ck_assert(detail_says("ended after 0 of 5"));
    liar.get_read = go_on;
    assert_fails(skep_store_get(store, "k", NULL, arena, &got, NULL), SKEP_ECORRUPT);
    ck_assert(detail_says("goes on"));
    liar.list_next = same_again;
    assert_ok(skep_list_open(store, NULL, &list));
    ck_assert_int_eq(assert_ok(skep_list_next(list, &object)), 1);
    assert_fails(skep_list_next(list, &object), SKEP_ECORRUPT);
    ck_assert(detail_says("twice"));
    skep_list_close(list);
    opts.after = "c";
    assert_ok(skep_list_open(store, &opts, &list));
    assert_fails(skep_list_next(list, &object), SKEP_ECORRUPT);
    ck_assert(detail_says("out of order"));
    skep_list_close(list);
    opts.after = NULL;
    opts.prefix = "a/";
    liar.list_next = unasked;
    assert_ok(skep_list_open(store, &opts, &list));
    assert_fails(skep_list_next(list, &object), SKEP_ECORRUPT);
    skep_list_close(list);
    skep_arena_free(arena);
    support_close(store);
}

TEST(an_engine_of_another_interface_is_refused)
{
    static skep_store_engine liar;
    skep_store *store = open_liar(&liar);
    skep__front *front = store->front;
    liar.abi = SKEP_STORE_ENGINE_ABI + 1;
    store->front = NULL;
    assert_fails(skep_store_adopt(store), SKEP_EUNSUPPORTED);
    skep__free(front);
}

/* ---- deletes and copies ---- */

TEST(many_are_deleted_in_batches_and_each_is_answered)
{
    enum { MANY = 2500 };
    static char names[MANY][16];
    static const char *keys[MANY];
    static int results[MANY];
    skep_store *store = open_faulty();
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "k%04zu", i);
        keys[i] = names[i];
        results[i] = 7;
        if (i % 2 == 0)
            put_text(store, keys[i], "x");
    }
    assert_ok(skep_store_delete_many(store, keys, MANY, NULL, results));
    ck_assert_uint_eq(faulty_count(store, FAULTY_REMOVE), 3);
    for (size_t i = 0; i < MANY; i++)
        ck_assert_int_eq(results[i], SKEP_OK);
    ck_assert_str_eq(listed(store, NULL, NULL, 0), "");
    /* One that fails as a whole ends it, and says so of the rest. */
    faulty_add(store, &(faulty_step){.call = FAULTY_REMOVE, .what = FAULTY_BEFORE, .nth = 2});
    assert_fails(skep_store_delete_many(store, keys, MANY, NULL, results), SKEP_ENET);
    ck_assert_int_eq(results[0], SKEP_OK);
    ck_assert_int_eq(results[1000], SKEP_ENET);
    ck_assert_int_eq(results[MANY - 1], SKEP_ENET);
    assert_ok(skep_store_delete_many(store, NULL, 0, NULL, NULL));
    keys[3] = "a//b";
    assert_fails(skep_store_delete_many(store, keys, MANY, NULL, NULL), SKEP_EINVALID);
    support_close(store);
}

TEST(a_store_that_cannot_copy_copies_through_this_process)
{
    skep_store *store = NULL;
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object object = SKEP_OBJECT_INIT;
    assert_ok(memory_store_open(MEMORY_CAPS & ~(uint32_t)SKEP_STORE_CAN_COPY, &store));
    put_text(store, "a", "hello");
    assert_ok(skep_store_copy(store, "a", "b", NULL, &object));
    ck_assert_str_eq(object.key, "b");
    assert_content(store, "b", "hello");
    assert_fails(skep_store_copy(store, "a", "a", NULL, NULL), SKEP_EINVALID);
    assert_fails(skep_store_copy(store, "no", "c", NULL, NULL), SKEP_ENOTFOUND);
    opts.create = 1;
    assert_fails(skep_store_copy(store, "a", "b", &opts, NULL), SKEP_EEXISTS);
    support_close(store);
}

/* ---- lists ---- */

TEST(what_is_skeps_own_is_hidden_and_refused)
{
    skep_store *store = open_memory();
    put_text(store, "a", "x");
    assert_fails(skep_store_put(store, ".skep/k", skep_slice_str("x"), NULL, NULL), SKEP_EINVALID);
    skep__store_allow_own(store);
    put_text(store, ".skep/k", "x");
    put_text(store, ".skep.not", "x");
    ck_assert_str_eq(listed(store, NULL, NULL, 0), ".skep.not a ");
    ck_assert_str_eq(listed(store, NULL, NULL, 1), ".skep.not ");
    ck_assert_str_eq(listed(store, ".skep/", NULL, 0), ".skep/k ");
    support_close(store);
}

/* ---- memory ---- */

static int use(void *ctx)
{
    skep_store *store = ctx;
    skep_object object = SKEP_OBJECT_INIT;
    skep_list *list = NULL;
    int rc = skep_store_put(store, "k", skep_slice_str("hello"), NULL, NULL);
    if (rc >= 0)
        rc = skep_store_get_file(store, "k", harness_path("out"), NULL, NULL);
    if (rc >= 0)
        rc = skep_store_put_file(store, "f", harness_path("out"), NULL, NULL);
    if (rc >= 0)
        rc = skep_store_copy(store, "k", "l", NULL, NULL);
    if (rc >= 0)
        rc = skep_list_open(store, NULL, &list);
    while (rc >= 0 && (rc = skep_list_next(list, &object)) > 0)
        ;
    skep_list_close(list);
    return rc;
}

TEST(memory_may_run_out_in_the_front)
{
    static const int codes[] = {SKEP_ENOMEM, 0};
    skep_store *store = NULL;
    alloc_install();
    assert_ok(memory_store_open(MEMORY_CAPS & ~(uint32_t)SKEP_STORE_CAN_COPY, &store));
    const sweep s = {.run = use, .ctx = store, .codes = codes};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
    support_close(store);
}

static const harness_test tests[] = {
    HARNESS_TEST(what_is_put_is_got_with_its_hash),
    HARNESS_TEST(wrong_keys_are_refused_with_the_reason),
    HARNESS_TEST(options_of_another_version_are_told),
    HARNESS_TEST(what_is_over_already_is_not_begun),
    HARNESS_TEST(a_put_has_as_many_bytes_as_it_said),
    HARNESS_TEST(a_condition_on_too_much_is_refused),
    HARNESS_TEST(a_file_is_put_and_got_as_it_is),
    HARNESS_TEST(a_file_that_changes_while_it_is_put_is_told_and_not_put),
    HARNESS_TEST(a_put_that_the_network_broke_is_sent_once_more),
    HARNESS_TEST(a_bit_that_flips_on_the_way_is_told_with_key_and_hashes),
    HARNESS_TEST(what_does_not_fit_the_arena_is_told),
    HARNESS_TEST(conditions_are_tried_before_they_are_believed),
    HARNESS_TEST(a_probe_that_could_not_be_made_is_made_the_next_time),
    HARNESS_TEST(A20_what_an_engine_gives_is_checked),
    HARNESS_TEST(an_engine_of_another_interface_is_refused),
    HARNESS_TEST(many_are_deleted_in_batches_and_each_is_answered),
    HARNESS_TEST(a_store_that_cannot_copy_copies_through_this_process),
    HARNESS_TEST(what_is_skeps_own_is_hidden_and_refused),
    HARNESS_TEST(memory_may_run_out_in_the_front),
};
const harness_suite front_suite = HARNESS_SUITE("front", tests);
