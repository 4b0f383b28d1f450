/* SPDX-License-Identifier: MIT */
/*
 * A put is a temporary file beside the one it is to be (the directory may be another file system
 * than the one above it), synced, then renamed over it or, to create, linked to its name; then the
 * directory is synced. What a crash leaves has the name of a temporary file: lists tell of it and
 * do not show it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "os/calls.h"
#include "store/tree_private.h"

typedef struct tree_put {
    skep_put base;
    skep__tree *tree;
    skep_put_how how;
    int dir;
    int fd;
    uint64_t done;
    uint64_t look;    /* at the free space, when so many are done */
    const char *name; /* the last part of `key` */
    char temp[sizeof(SKEP__TREE_TEMP) + 16];
    char key[SKEP_STORE_KEY_MAX + 1];
} tree_put;

static void put_free(tree_put *put)
{
    if (put->fd >= 0) {
        skep__os_drop(&put->fd);
        (void)skep__os()->unlinkat(put->dir, put->temp, 0); /* the first failure is reported */
    }
    skep__os_drop(&put->dir);
    skep__free(put);
}

static int space(const skep__tree *tree, uint64_t need)
{
    uint64_t bytes = 0;
    SKEP__TRY(skep__os_free_bytes(tree->root, &bytes));
    if (bytes < tree->keep_free || bytes - tree->keep_free < need)
        return SKEP__FAIL(SKEP_EFULL,
                          "%s has %llu bytes free, of which %llu are to stay so; %llu are needed",
                          tree->name, (unsigned long long)bytes,
                          (unsigned long long)tree->keep_free, (unsigned long long)need);
    return SKEP_OK;
}

/* ---- directories ---- */

/* What else a name on the way may be than a directory. */
static int no_directory(const char *key)
{
    return SKEP__FAIL(SKEP_EUNSUPPORTED,
                      "'%s' cannot be in a directory: a file or link stands where a part of it "
                      "would be a folder",
                      key);
}

static int open_directory(const skep__tree *tree, const char *path, const char *key, int *fd)
{
    int rc = skep__os_open_beneath(tree->fd, path, O_RDONLY | O_DIRECTORY, 0, fd);
    int err = rc < 0 ? skep_last_error()->sys_errno : 0;
    return err == ENOTDIR || err == ELOOP || err == EXDEV ? no_directory(key) : rc;
}

/* Go down to the folder of `key`, making what is missing; each that is not known to be durable is
 * made so by a sync of the one above. */
static int make_folders(skep__tree *tree, const char *key, int *out)
{
    char path[SKEP_STORE_KEY_MAX + 1];
    SKEP__CLEANUP(skep__os_drop) int above = -1;
    SKEP__TRY(skep__os_open_beneath(tree->fd, ".", O_RDONLY | O_DIRECTORY, 0, &above));
    for (const char *slash = strchr(key, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - key);
        SKEP__CLEANUP(skep__os_drop) int next = -1;
        memcpy(path, key, len);
        path[len] = '\0';
        const char *name = strrchr(path, '/');
        name = name != NULL ? name + 1 : path;
        bool made = skep__os()->mkdirat(above, name, 0777) == 0;
        if (!made && errno != EEXIST)
            return SKEP__FAIL_ERRNO(errno, "make directory %s/%s", tree->root, path);
        if (made || !skep__known_has(&tree->known, path, len)) {
            SKEP__TRY(skep__os_sync(above, path));
            skep__known_add(&tree->known, path, len);
        }
        SKEP__TRY(open_directory(tree, path, key, &next));
        skep__os_drop(&above);
        above = next;
        next = -1;
    }
    *out = above;
    above = -1;
    return SKEP_OK;
}

/* A known folder that is still there needs none of that. */
static int take_folder(skep__tree *tree, const char *key, int *out)
{
    char path[SKEP_STORE_KEY_MAX + 1];
    const char *slash = strrchr(key, '/');
    size_t len = slash != NULL ? (size_t)(slash - key) : 0;
    memcpy(path, key, len);
    path[len] = '\0';
    if (len > 0 && !skep__known_has(&tree->known, path, len))
        return make_folders(tree, key, out);
    int rc = open_directory(tree, len > 0 ? path : ".", key, out);
    return rc == SKEP_ENOTFOUND ? make_folders(tree, key, out) : rc;
}

/* ---- put ---- */

/* Only a plain file is replaced; what else has the name is somebody's, and no object. */
static int check_place(const tree_put *put)
{
    struct stat st;
    if (skep__os()->fstatat(put->dir, put->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? SKEP_OK : SKEP__FAIL_ERRNO(errno, "stat %s", put->key);
    if (!S_ISREG(st.st_mode))
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "'%s' cannot be put: %s stands there in %s", put->key,
                          S_ISDIR(st.st_mode) ? "a directory" : "what is no plain file",
                          put->tree->name);
    if (put->how.create != 0)
        return SKEP__FAIL(SKEP_EEXISTS, "'%s' is there already", put->key);
    return SKEP_OK;
}

static int begin(tree_put *put)
{
    uint64_t dice = 0;
    uint64_t bytes = put->how.bytes != SKEP_BYTES_UNKNOWN ? put->how.bytes : 0;
    const char *slash = strrchr(put->key, '/');
    put->name = slash != NULL ? slash + 1 : put->key;
    if (skep__tree_is_temp(put->name))
        return SKEP__FAIL(SKEP_EINVALID, "'%s': names like this are for puts under way", put->key);
    SKEP__TRY(skep__random(&dice, sizeof(dice)));
    SKEP__TRY(space(put->tree, bytes));
    SKEP__TRY(take_folder(put->tree, put->key, &put->dir));
    SKEP__TRY(check_place(put));
    (void)snprintf(put->temp, sizeof(put->temp), SKEP__TREE_TEMP "%016llx",
                   (unsigned long long)dice);
    return skep__os_open_beneath(put->dir, put->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
                                 0666, &put->fd);
}

int skep__tree_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                         skep_put **out)
{
    tree_put *put = skep__calloc(1, sizeof(*put));
    if (put == NULL)
        return skep__oom();
    put->base.engine = store->engine;
    put->tree = (skep__tree *)(void *)store;
    put->how = *how;
    put->dir = -1;
    put->fd = -1;
    put->look = SKEP__DISK_LOOK;
    memcpy(put->key, key, strlen(key) + 1);
    int rc = begin(put);
    if (rc < 0) {
        put_free(put);
        return rc;
    }
    *out = &put->base;
    return SKEP_OK;
}

int skep__tree_put_write(skep_put *base, const void *data, size_t len)
{
    tree_put *put = (tree_put *)(void *)base;
    SKEP__TRY(skep__os_write(put->fd, put->key, data, len));
    put->done += len;
    if (put->done < put->look)
        return SKEP_OK;
    put->look = put->done + SKEP__DISK_LOOK;
    return space(put->tree, 0);
}

/* Of racing ones that create, one gets the name. */
static int link_it(const tree_put *put)
{
    if (skep__os()->linkat(put->dir, put->temp, put->dir, put->name, 0) == 0)
        return SKEP_OK;
    if (errno == EEXIST)
        return SKEP__FAIL(SKEP_EEXISTS, "'%s' is there already", put->key);
    if (errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK)
        return SKEP__FAIL(SKEP_EUNSUPPORTED,
                          "the file system of %s has no hard links, which `create` needs",
                          put->tree->name);
    return SKEP__FAIL_ERRNO(errno, "link %s", put->key);
}

static int name_it(tree_put *put)
{
    SKEP__TRY(check_place(put));
    if (put->how.create != 0)
        return link_it(put);
    if (skep__os()->renameat(put->dir, put->temp, put->dir, put->name) != 0)
        return SKEP__FAIL_ERRNO(errno, "rename to %s", put->key);
    return SKEP_OK;
}

static int commit(tree_put *put, skep__file_info *info)
{
    SKEP__TRY(skep__os_sync(put->fd, put->key));
    SKEP__TRY(skep__os_info(put->fd, put->key, info));
    SKEP__TRY(name_it(put));
    if (put->how.create != 0)
        (void)skep__os()->unlinkat(put->dir, put->temp, 0); /* one that stays is told by lists */
    int closed = skep__os_close(&put->fd, put->key);
    int rc = skep__os_sync(put->dir, put->key);
    if (rc >= 0)
        rc = closed;
    if (rc < 0)
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

int skep__tree_put_commit(skep_put *base, const uint8_t *hash, skep_object *out)
{
    tree_put *put = (tree_put *)(void *)base;
    skep__file_info info;
    int rc = commit(put, &info);
    if (rc >= 0) {
        skep__tree_object(&info, put->key, out);
        out->flags = SKEP_OBJECT_HASHED; /* known now, and kept nowhere */
        memcpy(out->hash, hash, sizeof(out->hash));
    }
    put_free(put);
    return rc;
}

void skep__tree_put_abort(skep_put *put)
{
    put_free((tree_put *)(void *)put);
}

/* ---- delete ---- */

int skep__tree_parent(const skep__tree *tree, const char *key, int *fd, const char **name)
{
    char path[SKEP_STORE_KEY_MAX + 1];
    const char *slash = strrchr(key, '/');
    size_t len = slash != NULL ? (size_t)(slash - key) : 0;
    memcpy(path, key, len);
    path[len] = '\0';
    *name = slash != NULL ? slash + 1 : key;
    return skep__os_open_beneath(tree->fd, len > 0 ? path : ".", O_RDONLY | O_DIRECTORY, 0, fd);
}

/* What is no object is not there, and stays. */
static int remove_one(const skep__tree *tree, const char *key, const skep_io *io)
{
    struct stat st;
    const char *name = NULL;
    SKEP__CLEANUP(skep__os_drop) int dir = -1;
    SKEP__TRY(skep__io_check(io));
    int rc = skep__tree_parent(tree, key, &dir, &name);
    if (rc < 0) {
        int err = skep_last_error()->sys_errno;
        return err == ENOENT || err == ENOTDIR || err == ELOOP || err == EXDEV ? SKEP_OK : rc;
    }
    if (skep__os()->fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? SKEP_OK : SKEP__FAIL_ERRNO(errno, "stat %s", key);
    if (!S_ISREG(st.st_mode))
        return SKEP_OK;
    if (skep__os()->unlinkat(dir, name, 0) != 0)
        return errno == ENOENT ? SKEP_OK : SKEP__FAIL_ERRNO(errno, "remove %s", key);
    rc = skep__os_sync(dir, key);
    if (rc < 0)
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return rc;
}

int skep__tree_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                      int *results)
{
    const skep__tree *tree = (const skep__tree *)(const void *)store;
    skep_err first = {.code = SKEP_OK};
    for (size_t i = 0; i < n; i++) {
        results[i] = remove_one(tree, keys[i], io);
        if (results[i] < 0 && first.code == SKEP_OK)
            skep__err_save(&first);
    }
    return first.code == SKEP_OK ? SKEP_OK : skep__err_install(&first);
}
