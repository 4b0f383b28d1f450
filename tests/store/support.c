/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <skep/arena.h>

int support_try(const char *scheme, const char *name, uint32_t flags, skep_store **out)
{
    char uri[4096];
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.flags = flags;
    opts.keep_free_bytes = 1;
    (void)snprintf(uri, sizeof(uri), "%s:%s", scheme, harness_path(name));
    return skep_store_open(uri, &opts, out);
}

skep_store *support_open(const char *scheme, const char *name, uint32_t flags)
{
    skep_store *store = NULL;
    assert_ok(support_try(scheme, name, flags, &store));
    return store;
}

void support_close(skep_store *store)
{
    assert_ok(skep_store_close(store));
}

void put_text(skep_store *store, const char *key, const char *text)
{
    assert_ok(skep_store_put(store, key, skep_slice_str(text), NULL, NULL));
}

void assert_content(skep_store *store, const char *key, const char *text)
{
    skep_arena *arena = NULL;
    skep_slice got;
    assert_ok(skep_arena_new(0, &arena));
    assert_ok(skep_store_get(store, key, NULL, arena, &got, NULL));
    ck_assert_uint_eq(got.len, strlen(text));
    ck_assert_mem_eq(got.data, text, got.len + 1);
    skep_arena_free(arena);
}

bool is_there(skep_store *store, const char *key)
{
    skep_object object = SKEP_OBJECT_INIT;
    int rc = skep_store_head(store, key, NULL, &object);
    if (rc < 0)
        assert_fails(rc, SKEP_ENOTFOUND);
    return rc >= 0;
}

const char *listed(skep_store *store, const char *prefix, const char *after, uint64_t limit)
{
    static _Thread_local char text[65536];
    skep_list *list = NULL;
    skep_list_opts opts = SKEP_LIST_OPTS_INIT;
    opts.prefix = prefix;
    opts.after = after;
    opts.limit = limit;
    assert_ok(skep_list_open(store, &opts, &list));
    size_t len = 0;
    for (;;) {
        skep_object object = SKEP_OBJECT_INIT;
        if (assert_ok(skep_list_next(list, &object)) == 0)
            break;
        ck_assert_uint_lt(len + strlen(object.key) + 2, sizeof(text));
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s ", object.key);
    }
    text[len] = '\0';
    skep_list_close(list);
    return text;
}

bool detail_says(const char *text)
{
    return strstr(skep_last_error()->text, text) != NULL;
}

size_t files_below(const char *path)
{
    size_t files = 0;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return 0;
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char below[8192];
        struct stat st;
        (void)snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || lstat(below, &st) != 0)
            continue;
        files += S_ISDIR(st.st_mode) ? files_below(below) : 1;
    }
    (void)closedir(dir);
    return files;
}
