/* SPDX-License-Identifier: MIT */
#include "store_run.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"

#define URIS 8
#define KEYS_MAX 65536

const char *store_uri(const char *name)
{
    static char uris[URIS][4096];
    static size_t next;
    char *uri = uris[next++ % URIS];
    (void)snprintf(uri, sizeof(uris[0]), "file:%s", harness_path(name));
    return uri;
}

const char *store_file(const char *name, const char *text)
{
    const char *path = harness_path(name);
    harness_write_file(path, text, strlen(text));
    return path;
}

void store_put(const char *uri, const char *key, const char *text)
{
    ran r = SKEP("store", "put", uri, key, store_file("store_put.data", text), "-q");
    ck_assert_msg(r.status == 0, "%s", r.err);
}

const char *store_keys(const char *uri)
{
    static char keys[KEYS_MAX];
    size_t len = 0;
    char *rest = NULL;
    ran r = SKEP("store", "ls", uri, "--json");
    ck_assert_msg(r.status == 0, "%s", r.err);
    keys[0] = '\0';
    for (char *line = strtok_r(r.out, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *json = parse_json(line);
        len += (size_t)snprintf(keys + len, sizeof(keys) - len, "%s%s", len > 0 ? " " : "",
                                json_string_value(json_object_get(json, "key")));
        ck_assert_uint_lt(len, sizeof(keys));
        json_decref(json);
    }
    return keys;
}

ran store_sh(const char *script, const char *argument)
{
    char whole[4096];
    (void)snprintf(whole, sizeof(whole), "cd \"$0\" && %s", script);
    return run_program("/bin/sh",
                       (const char *const[]){"sh", "-c", whole, harness_dir(), argument, NULL}, 0);
}

/* ---- looking into files ---- */

static const char *wanted;
static bool flip;
static bool found;

static int look(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    size_t size = 0;
    (void)st;
    (void)ftw;
    if (type != FTW_F || found)
        return 0;
    char *data = harness_read_file(path, &size);
    char *at = memmem(data, size, wanted, strlen(wanted));
    found = at != NULL;
    if (found && flip) {
        int fd = open(path, O_WRONLY);
        char changed = (char)(*at ^ 1);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(pwrite(fd, &changed, 1, at - data), 1);
        ck_assert_int_eq(close(fd), 0);
    }
    return 0;
}

static bool look_for(const char *name, const char *text)
{
    wanted = text;
    found = false;
    ck_assert_int_eq(nftw(harness_path(name), look, 16, FTW_PHYS), 0);
    return found;
}

bool store_contains(const char *name, const char *text)
{
    flip = false;
    return look_for(name, text);
}

void store_flip(const char *name, const char *text)
{
    flip = true;
    ck_assert(look_for(name, text));
}
