/* SPDX-License-Identifier: MIT */
/*
 * A folder of keys is a directory with two kinds of things in it: `d`, which has the folders in it
 * under their own names, and the shards `00` to `3f`, which have the objects under theirs. So a
 * name needs no escapes, a key may be an object and a folder, and a list with a prefix reads only
 * what lies under it; while the names of a million objects in one folder are spread over 64
 * directories. Which shard it is follows from the hash of the name.
 *
 * Directories are never removed: somebody may be about to put something into one.
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "store/disk_private.h"

void skep__disk_shard_name(const char *name, size_t len, char out[3])
{
    (void)snprintf(out, 3, "%02x", (unsigned)(skep__hash64(name, len, 0) % SKEP__DISK_SHARDS));
}

static int too_long(const char *key)
{
    return SKEP__FAIL(SKEP_ELIMIT, "the path of '%s' in this store has more than %d bytes", key,
                      SKEP__PATH_MAX - 1);
}

int skep__disk_folder(const skep__disk *disk, const char *folder, char out[SKEP__PATH_MAX])
{
    int n = snprintf(out, SKEP__PATH_MAX, "%s/o", disk->root);
    size_t len = n < 0 ? SKEP__PATH_MAX : (size_t)n;
    for (const char *part = folder; *part != '\0';) {
        size_t part_len = strcspn(part, "/");
        if (len + part_len + 4 > SKEP__PATH_MAX)
            return too_long(folder);
        memcpy(out + len, "/d/", 3);
        memcpy(out + len + 3, part, part_len);
        len += part_len + 3;
        part += part_len + (part[part_len] == '/' ? 1 : 0);
    }
    if (len >= SKEP__PATH_MAX)
        return too_long(folder);
    out[len] = '\0';
    return SKEP_OK;
}

int skep__disk_path(const skep__disk *disk, const char *key, char out[SKEP__PATH_MAX])
{
    char folder[SKEP_STORE_KEY_MAX + 1] = "";
    char shard[3];
    const char *slash = strrchr(key, '/');
    const char *name = slash != NULL ? slash + 1 : key;
    memcpy(folder, key, (size_t)(name - key));
    SKEP__TRY(skep__disk_folder(disk, folder, out));
    skep__disk_shard_name(name, strlen(name), shard);
    size_t len = strlen(out);
    int n = snprintf(out + len, SKEP__PATH_MAX - len, "/%s/%s", shard, name);
    return n < 0 || (size_t)n >= SKEP__PATH_MAX - len ? too_long(key) : SKEP_OK;
}

/* ---- directories that are durable ---- */

/* Make the directory that is the first `len` bytes of `path`, and sync the one above it, whoever
 * made it: another process may have, and may not have come to its own sync yet. */
static int make_one(skep__disk *disk, char *path, size_t len, size_t above)
{
    if (skep__known_has(&disk->known, path, len))
        return SKEP_OK;
    char next = path[len];
    path[len] = '\0';
    int rc = skep__os_make_directory(path);
    path[above] = '\0';
    if (rc >= 0)
        rc = skep__os_sync_directory(path);
    path[above] = '/';
    path[len] = next;
    if (rc >= 0)
        skep__known_add(&disk->known, path, len);
    return rc < 0 ? rc : SKEP_OK;
}

int skep__disk_make_parents(skep__disk *disk, const char *file)
{
    char path[SKEP__PATH_MAX];
    size_t above = strlen(disk->root);
    size_t end = (size_t)(strrchr(file, '/') - file);
    memcpy(path, file, strlen(file) + 1);
    if (skep__known_has(&disk->known, path, end))
        return SKEP_OK;
    while (above < end) {
        size_t len = above + 1 + strcspn(path + above + 1, "/");
        SKEP__TRY(make_one(disk, path, len, above));
        above = len;
    }
    return SKEP_OK;
}
