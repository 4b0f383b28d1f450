/* SPDX-License-Identifier: MIT */
/* The code of docs/guide/store.md: objects put, got, listed, replaced under a condition, streamed.
 *
 *     store URI
 */
#include <stdio.h>
#include <string.h>

#include <skep/skep.h>

static int failed(void)
{
    (void)fprintf(stderr, "%s\n", skep_last_error()->text);
    return 1;
}

static int put(skep_store *store, const char *key, const char *text)
{
    return skep_store_put(store, key, skep_slice_str(text), NULL, NULL);
}

/* Only the first of many that try this succeeds. */
static int take_turn(skep_store *store, const char *key)
{
    skep_put_opts opts = SKEP_PUT_OPTS_INIT;
    opts.create = 1;
    int rc = skep_store_put(store, key, skep_slice_str("mine"), &opts, NULL);
    printf("%s: %s\n", key, rc < 0 ? skep_code_name(rc) : "taken");
    return rc == SKEP_EEXISTS ? SKEP_OK : rc;
}

/* Replace what was read, and nothing that came after it. */
static int add_line(skep_store *store, skep_arena *arena, const char *key, const char *line)
{
    for (;;) {
        skep_slice text;
        skep_object info = SKEP_OBJECT_INIT;
        int rc = skep_store_get(store, key, NULL, arena, &text, &info);
        if (rc < 0)
            return rc;
        char longer[256];
        int len = snprintf(longer, sizeof(longer), "%.*s%s\n", (int)text.len,
                           (const char *)text.data, line);
        if (len < 0 || (size_t)len >= sizeof(longer))
            return SKEP_ELIMIT;
        skep_put_opts opts = SKEP_PUT_OPTS_INIT;
        opts.if_etag = info.etag;
        rc = skep_store_put(store, key, skep_slice_of(longer, (size_t)len), &opts, NULL);
        if (rc != SKEP_ECONFLICT)
            return rc;
    }
}

/* Content that is made as it goes. Nobody sees any of it before the commit. */
static int put_numbers(skep_store *store, const char *key, unsigned count)
{
    skep_put *to = NULL;
    int rc = skep_put_begin(store, key, NULL, &to);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < count && rc >= 0; i++) {
        char line[16];
        int len = snprintf(line, sizeof(line), "%u\n", i);
        rc = skep_put_write(to, line, (size_t)len);
    }
    if (rc >= 0)
        return skep_put_commit(to, NULL); /* consumes it, also when it fails */
    skep_put_abort(to);
    return rc;
}

static int list(skep_store *store, const char *prefix)
{
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    opts.prefix = prefix;
    skep_list *all = NULL;
    int rc = skep_list_open(store, &opts, &all);
    if (rc < 0)
        return rc;
    skep_object object = SKEP_OBJECT_INIT;
    while ((rc = skep_list_next(all, &object)) > 0)
        printf("%s: %llu bytes\n", object.key, (unsigned long long)object.bytes);
    skep_list_close(all);
    return rc;
}

/* A store that takes a megabyte a second at most, from two calls at a time. */
static int limit(skep_store **store)
{
    skep_limit_opts opts = SKEP_LIMIT_OPTS_INIT;
    opts.bytes_per_second = 1 << 20;
    opts.calls_per_second = 100;
    opts.in_flight = 2;
    return skep_store_limited(*store, &opts, store);
}

int main(int argc, char **argv)
{
    skep_store *store = NULL;
    skep_arena *arena = NULL;
    if (skep_store_open(argc > 1 ? argv[1] : "file:objects", NULL, &store) < 0 ||
        limit(&store) < 0 || skep_arena_new(0, &arena) < 0)
        return failed();
    if (put(store, "notes/today", "first\n") < 0 ||
        add_line(store, arena, "notes/today", "second") < 0 || take_turn(store, "turns/1") < 0 ||
        take_turn(store, "turns/1") < 0 || put_numbers(store, "numbers", 1000) < 0 ||
        list(store, NULL) < 0)
        return failed();
    skep_slice text;
    if (skep_store_get(store, "notes/today", NULL, arena, &text, NULL) < 0)
        return failed();
    printf("%.*s", (int)text.len, (const char *)text.data);
    skep_arena_free(arena);
    return skep_store_close(store) < 0 ? failed() : 0;
}
