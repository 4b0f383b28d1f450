/* SPDX-License-Identifier: MIT */
/*
 * Random calls, each compared with what a model says: an array with the content that each key has.
 * When one differs, calls are taken out of the sequence as long as some call of the rest still
 * differs, and what is left is printed. Each try runs on an empty store of its own.
 *
 * On a faulty store calls fail by chance. What failed with another outcome than unknown must have
 * changed nothing; what became of the others is looked up behind the faults.
 */
#include "conformance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/faulty.h"

#define KEYS 10
#define NOTHING UINT8_MAX /* content of a key that is not there */
#define SHRINK_TRIES 400
#define FAULT_ONE_IN 6

static const char *const model_keys[KEYS] = {"a!",  "b",     "b b",  "b+%", "d/e/z",
                                             "d/x", "d/x.y", "d0/x", "k",   "\xC3\xA9"};
static const size_t contents[] = {0, 1, 10, 4096, 65535, 65536, 65537, 150000};

typedef enum kind {
    PUT,
    STREAM,
    CREATE,
    SWAP,
    SWAP_WRONG,
    PUT_FILE,
    GET,
    GET_FILE,
    RANGE,
    HEAD,
    DELETE,
    DELETE_MANY,
    COPY,
    LIST,
    ABORT,
    KINDS
} kind;

static const char *const kind_names[KINDS] = {
    "put",   "stream", "create", "swap",        "swap wrong", "file", "get",  "get file",
    "range", "head",   "delete", "delete many", "copy",       "list", "abort"};

typedef struct step {
    uint8_t kind;
    uint8_t key;
    uint8_t other;
    uint8_t content;
    uint32_t number;
} step;

typedef struct model {
    world *world;
    skep_store *store;
    skep_arena *arena;
    bool faulty;
    bool unknown; /* what became of the call that failed last */
    uint8_t holds[KEYS];
    char etags[KEYS][SKEP_STORE_ETAG_MAX + 1];
    char why[512]; /* what differs; "" as long as nothing does */
} model;

static void differs(model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void differs(model *m, const char *format, ...)
{
    va_list args;
    if (m->why[0] != '\0')
        return;
    va_start(args, format);
    (void)vsnprintf(m->why, sizeof(m->why), format, args);
    va_end(args);
}

static skep_slice content_of(uint8_t content)
{
    ck_assert_uint_lt(content, sizeof(contents) / sizeof(contents[0]));
    return sample(content, contents[content]);
}

/* ---- what is there ---- */

static bool same(skep_slice is, uint8_t content)
{
    skep_slice data = content_of(content);
    return is.len == data.len && (is.len == 0 || memcmp(is.data, data.data, is.len) == 0);
}

/* Does the key hold `content` in that store, by a call that no fault meets? */
static bool holds(model *m, skep_store *store, uint8_t key, uint8_t content)
{
    skep_slice is = {0};
    skep_arena_reset(m->arena);
    int rc = skep_store_get(store, model_keys[key], NULL, m->arena, &is, NULL);
    if (rc == SKEP_ENOTFOUND)
        return content == NOTHING;
    assert_ok(rc);
    return content != NOTHING && same(is, content);
}

static void keep(model *m, uint8_t key, uint8_t content, const skep_object *told)
{
    m->holds[key] = content;
    memcpy(m->etags[key], told->etag, sizeof(m->etags[key]));
}

/* A call failed that would have made `key` hold `content`. */
static void after_failure(model *m, uint8_t key, uint8_t content)
{
    skep_store *behind = faulty_next(m->store);
    bool old = holds(m, behind, key, m->holds[key]);
    if (!old && !m->unknown)
        differs(m, "it failed, and %s has changed", model_keys[key]);
    else if (!old && !holds(m, behind, key, content))
        differs(m, "it failed, and %s is neither the old nor the new", model_keys[key]);
    skep_object now = SKEP_OBJECT_INIT;
    if (holds(m, behind, key, content))
        m->holds[key] = content;
    if (m->holds[key] != NOTHING) {
        assert_ok(skep_store_head(behind, model_keys[key], NULL, &now));
        memcpy(m->etags[key], now.etag, sizeof(m->etags[key]));
    }
}

/* Did the call come to what it must, or to a fault? True: go on with what it gave. */
static bool came_to(model *m, int rc, int expected)
{
    if (rc == expected || (rc >= 0 && expected >= 0))
        return rc >= 0;
    if (rc == SKEP_ENET && m->faulty) {
        m->unknown = skep_last_error()->outcome == SKEP_OUTCOME_UNKNOWN;
        return false;
    }
    differs(m, "%s instead of %s: %s", rc < 0 ? skep_code_name(rc) : "success",
            expected < 0 ? skep_code_name(expected) : "success",
            rc < 0 ? skep_last_error()->text : "");
    return false;
}

/* ---- steps ---- */

static int put_by_stream(model *m, const step *s, skep_put_opts *opts, skep_object *told)
{
    skep_slice data = content_of(s->content);
    skep_put *stream = NULL;
    opts->bytes = s->number % 2 == 0 ? SKEP_BYTES_UNKNOWN : data.len;
    int rc = skep_put_begin(m->store, model_keys[s->key], opts, &stream);
    for (size_t at = 0; rc >= 0 && at < data.len;) {
        size_t piece = s->number % 50000 + 1;
        if (piece > data.len - at)
            piece = data.len - at;
        rc = skep_put_write(stream, (const char *)data.data + at, piece);
        at += piece;
    }
    if (rc >= 0 && s->kind != ABORT)
        return skep_put_commit(stream, told);
    skep_put_abort(stream);
    return rc;
}

static void step_put(model *m, const step *s)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    skep_object told = SKEP_OBJECT_INIT;
    const char *key = model_keys[s->key];
    char etag[SKEP_STORE_ETAG_MAX + 1];
    int expected = SKEP_OK;
    if (s->kind == CREATE) {
        opts.create = 1;
        expected = m->holds[s->key] == NOTHING ? SKEP_OK : SKEP_EEXISTS;
    } else if (s->kind == SWAP || s->kind == SWAP_WRONG) {
        bool there = m->holds[s->key] != NOTHING;
        if (there && s->kind == SWAP)
            memcpy(etag, m->etags[s->key], sizeof(etag));
        else
            memcpy(etag, "another", sizeof("another"));
        opts.if_etag = etag;
        expected = there && s->kind == SWAP ? SKEP_OK : SKEP_ECONFLICT;
    }
    int rc = SKEP_OK;
    if (s->kind == STREAM) {
        rc = put_by_stream(m, s, &opts, &told);
    } else if (s->kind == PUT_FILE) {
        skep_slice data = content_of(s->content);
        harness_write_file(harness_path("from"), data.data, data.len);
        rc = skep_store_put_file(m->store, key, harness_path("from"), &opts, &told);
    } else {
        rc = skep_store_put(m->store, key, content_of(s->content), &opts, &told);
    }
    if (came_to(m, rc, expected))
        keep(m, s->key, s->content, &told);
    else if (rc == SKEP_ENET)
        after_failure(m, s->key, s->content);
}

static void step_get(model *m, const step *s)
{
    skep_get_opts opts = SKEP_GET_OPTS_INIT;
    skep_object info = SKEP_OBJECT_INIT;
    skep_slice is = {0};
    uint8_t content = m->holds[s->key];
    skep_slice data = content == NOTHING ? skep_slice_of("", 0) : content_of(content);
    int expected = content == NOTHING ? SKEP_ENOTFOUND : SKEP_OK;
    if (s->kind == RANGE) {
        opts.offset = s->number % (data.len + 2);
        opts.bytes = s->number / 7 % 70000;
        if (opts.offset > data.len && content != NOTHING)
            expected = SKEP_EINVALID;
        data = opts.offset > data.len
                   ? skep_slice_of("", 0)
                   : skep_slice_of((const char *)data.data + opts.offset, data.len - opts.offset);
        if (opts.bytes != 0 && opts.bytes < data.len)
            data.len = opts.bytes;
    }
    skep_arena_reset(m->arena);
    if (!came_to(m, skep_store_get(m->store, model_keys[s->key], &opts, m->arena, &is, &info),
                 expected))
        return;
    if (is.len != data.len || (is.len > 0 && memcmp(is.data, data.data, is.len) != 0))
        differs(m, "%zu other bytes instead of %zu", is.len, data.len);
    if (strcmp(info.etag, m->etags[s->key]) != 0)
        differs(m, "ETag %s instead of %s", info.etag, m->etags[s->key]);
}

static void step_get_file(model *m, const step *s)
{
    uint8_t content = m->holds[s->key];
    skep_slice is = {0};
    int rc = skep_store_get_file(m->store, model_keys[s->key], harness_path("to"), NULL, NULL);
    if (!came_to(m, rc, content == NOTHING ? SKEP_ENOTFOUND : SKEP_OK))
        return;
    is.data = harness_read_file(harness_path("to"), &is.len);
    if (!same(is, content))
        differs(m, "the file has %zu other bytes", is.len);
}

static void step_head(model *m, const step *s)
{
    skep_object info = SKEP_OBJECT_INIT;
    uint8_t content = m->holds[s->key];
    int rc = skep_store_head(m->store, model_keys[s->key], NULL, &info);
    if (!came_to(m, rc, content == NOTHING ? SKEP_ENOTFOUND : SKEP_OK))
        return;
    if (info.bytes != content_of(content).len)
        differs(m, "%llu bytes instead of %zu", (unsigned long long)info.bytes,
                content_of(content).len);
    if (strcmp(info.etag, m->etags[s->key]) != 0)
        differs(m, "ETag %s instead of %s", info.etag, m->etags[s->key]);
}

static void step_delete(model *m, const step *s)
{
    const char *keys[] = {model_keys[s->key], model_keys[s->other]};
    uint8_t which[] = {s->key, s->other};
    int results[2] = {SKEP_OK, SKEP_OK};
    size_t n = s->kind == DELETE_MANY ? 2 : 1;
    int rc = n == 1 ? skep_store_delete(m->store, keys[0], NULL)
                    : skep_store_delete_many(m->store, keys, n, NULL, results);
    (void)came_to(m, rc, SKEP_OK);
    for (size_t i = 0; i < n; i++) {
        if (rc == SKEP_OK || (n == 2 && results[i] == SKEP_OK))
            m->holds[which[i]] = NOTHING;
        else if (rc == SKEP_ENET)
            after_failure(m, which[i], NOTHING);
    }
}

static void step_copy(model *m, const step *s)
{
    skep_object told = SKEP_OBJECT_INIT;
    uint8_t content = m->holds[s->key];
    int expected = s->key == s->other   ? SKEP_EINVALID
                   : content == NOTHING ? SKEP_ENOTFOUND
                                        : SKEP_OK;
    int rc = skep_store_copy(m->store, model_keys[s->key], model_keys[s->other], NULL, &told);
    if (came_to(m, rc, expected))
        keep(m, s->other, content, &told);
    else if (rc == SKEP_ENET)
        after_failure(m, s->other, content);
}

static void list_check(model *m, const step *s, skep_list *list, uint64_t limit)
{
    static const char *const prefixes[] = {"", "b", "d/", "d/x"};
    const char *prefix = prefixes[s->number % LENGTH(prefixes)];
    skep_object object = SKEP_OBJECT_INIT;
    for (uint8_t k = s->other; k < KEYS && limit > 0; k++) {
        if (k == s->other && s->other != 0)
            continue; /* behind it */
        if (m->holds[k] == NOTHING || strncmp(model_keys[k], prefix, strlen(prefix)) != 0)
            continue;
        int rc = skep_list_next(list, &object);
        if (!came_to(m, rc, 1))
            return;
        if (rc == 0 || strcmp(object.key, model_keys[k]) != 0 ||
            strcmp(object.etag, m->etags[k]) != 0) {
            differs(m, "%s %s is listed, not %s %s", rc == 0 ? "nothing" : object.key, object.etag,
                    model_keys[k], m->etags[k]);
            return;
        }
        limit--;
    }
    int rc = skep_list_next(list, &object);
    if (came_to(m, rc, 0) && rc != 0)
        differs(m, "%s is listed too many", object.key);
}

static void step_list(model *m, const step *s)
{
    static const char *const prefixes[] = {"", "b", "d/", "d/x"};
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    skep_list *list = NULL;
    opts.prefix = prefixes[s->number % LENGTH(prefixes)];
    opts.after = s->other == 0 ? NULL : model_keys[s->other];
    opts.limit = s->number / 8 % 6;
    if (!came_to(m, skep_list_open(m->store, &opts, &list), SKEP_OK))
        return;
    list_check(m, s, list, opts.limit == 0 ? UINT64_MAX : opts.limit);
    skep_list_close(list);
}

static void take_step(model *m, const step *s)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    switch ((kind)s->kind) {
    case PUT:
    case STREAM:
    case CREATE:
    case SWAP:
    case SWAP_WRONG:
    case PUT_FILE:
        step_put(m, s);
        break;
    case GET:
    case RANGE:
        step_get(m, s);
        break;
    case GET_FILE:
        step_get_file(m, s);
        break;
    case HEAD:
        step_head(m, s);
        break;
    case DELETE:
    case DELETE_MANY:
        step_delete(m, s);
        break;
    case COPY:
        step_copy(m, s);
        break;
    case LIST:
        step_list(m, s);
        break;
    case ABORT:
        if (put_by_stream(m, s, &opts, NULL) < 0)
            (void)came_to(m, skep_last_error()->code, SKEP_OK);
        break;
    case KINDS:
        break;
    }
}

/* ---- sequences ---- */

/* Which step differs, or -1; `why` (of 512 bytes) then says how. */
static long run_steps(world *w, const step *steps, size_t n, char why[512])
{
    model m = {.world = w, .store = world_another(w), .faulty = world_is(w, TRAIT_FAULTY)};
    long found = -1;
    memset(m.holds, NOTHING, sizeof(m.holds));
    assert_ok(skep_arena_new(0, &m.arena));
    for (size_t i = 0; i < n && found < 0; i++) {
        if (m.faulty) /* a step's faults are its own, whatever was before */
            faulty_odds(m.store, steps[i].number, FAULT_ONE_IN);
        take_step(&m, &steps[i]);
        if (m.why[0] != '\0')
            found = (long)i;
    }
    memcpy(why, m.why, sizeof(m.why));
    skep_arena_free(m.arena);
    assert_ok(skep_store_close(m.store));
    return found;
}

static void print_steps(const step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_lt((unsigned)steps[i].kind, sizeof(kind_names) / sizeof(kind_names[0]));
        printf("    %-11s %-6s %-6s content %d number %u\n", kind_names[steps[i].kind],
               model_keys[steps[i].key], model_keys[steps[i].other], steps[i].content,
               steps[i].number);
    }
}

/* Leave out what is not needed for a difference; returns how many are left. */
static size_t shrink(world *w, step *steps, size_t n, char why[512])
{
    step *without = calloc(n, sizeof(*without));
    ck_assert_ptr_nonnull(without);
    size_t tries = 0;
    for (size_t piece = n / 2; piece > 0; piece /= 2) {
        for (size_t at = 0; at + piece <= n && tries < SHRINK_TRIES; tries++) {
            char other[512];
            memcpy(without, steps, at * sizeof(*steps));
            memcpy(without + at, steps + at + piece, (n - at - piece) * sizeof(*steps));
            long found = run_steps(w, without, n - piece, other);
            if (found < 0) {
                at += piece;
                continue;
            }
            n = (size_t)found + 1;
            memcpy(steps, without, n * sizeof(*steps));
            memcpy(why, other, sizeof(other));
        }
    }
    free(without);
    return n;
}

static step random_step(world *w)
{
    step s = {.kind = (uint8_t)rng_below(&w->chance, KINDS),
              .key = (uint8_t)rng_below(&w->chance, KEYS),
              .other = (uint8_t)rng_below(&w->chance, KEYS),
              .content = (uint8_t)rng_below(&w->chance, LENGTH(contents)),
              .number = (uint32_t)rng_below(&w->chance, 1u << 20)};
    bool creates = s.kind == CREATE && !world_can(w, SKEP_STORE_CAN_CREATE);
    bool swaps = (s.kind == SWAP || s.kind == SWAP_WRONG) && !world_can(w, SKEP_STORE_CAN_SWAP);
    if (creates || swaps)
        s.kind = PUT;
    return s;
}

void random_calls_agree_with_the_model(world *w)
{
    size_t n =
        (size_t)harness_size(world_is(w, TRAIT_SLOW) ? SIZE_STORE_STEPS_SLOW : SIZE_STORE_STEPS);
    char why[512] = "";
    step *steps = calloc(n, sizeof(*steps));
    ck_assert_ptr_nonnull(steps);
    for (size_t i = 0; i < n; i++)
        steps[i] = random_step(w);
    long found = run_steps(w, steps, n, why);
    if (found >= 0) {
        size_t left = shrink(w, steps, (size_t)found + 1, why);
        printf("%s: of %zu calls these are enough:\n", w->subject->name, n);
        print_steps(steps, left);
        (void)fflush(stdout);
        ck_abort_msg("the last one differs from the model: %s", why);
    }
    ck_assert_int_lt(found, 0);
    free(steps);
}
