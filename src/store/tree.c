/* SPDX-License-Identifier: MIT */
/* The store `tree:DIR`: opening it, reading and listing it. */
#include "store/tree_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "os/calls.h"
#include "store/walk.h"

typedef struct tree_get {
    skep_get base;
    int fd;
    skep__file_info info; /* as it was in the beginning */
    uint64_t at;
    uint64_t end;
    char key[SKEP_STORE_KEY_MAX + 1];
} tree_get;

typedef struct tree_list {
    skep_list base;
    const skep__tree *tree;
    skep_list_how how;
    skep__walk *walk;
} tree_list;

static void tree_free(skep__tree *tree)
{
    skep__os_drop(&tree->fd);
    skep__free(tree);
}

static void tree_freep(skep__tree **tree)
{
    if (*tree != NULL)
        tree_free(*tree);
}

static int tree_close(skep_store *store)
{
    tree_free((skep__tree *)(void *)store);
    return SKEP_OK;
}

static const char *describe(const skep_store *store)
{
    return ((const skep__tree *)(const void *)store)->name;
}

/* No swap: between a look and a rename any program may write. */
static int caps(skep_store *store, const skep_io *io, uint32_t *out, uint32_t *probe)
{
    (void)store;
    (void)io;
    *out = SKEP_STORE_CAN_CREATE | SKEP_STORE_LISTS_BYTES;
    *probe = 0;
    return SKEP_OK;
}

static int no_copy(skep_store *store, const char *from, const char *to, const skep_put_how *how,
                   skep_object *out)
{
    (void)store, (void)from, (void)to, (void)how, (void)out;
    return SKEP__FAIL(SKEP_EUNSUPPORTED, "a copy in a directory is a get and a put");
}

bool skep__tree_is_temp(const char *name)
{
    size_t len = strlen(SKEP__TREE_TEMP);
    return strncmp(name, SKEP__TREE_TEMP, len) == 0 &&
           strspn(name + len, "0123456789abcdef") == 16 && name[len + 16] == '\0';
}

void skep__tree_object(const skep__file_info *info, const char *key, skep_object *out)
{
    out->bytes = info->size;
    out->modified_us = info->mtime_ns / 1000;
    (void)snprintf(out->etag, sizeof(out->etag), "%llx-%llx-%llx", (unsigned long long)info->inode,
                   (unsigned long long)info->mtime_ns, (unsigned long long)info->size);
    memcpy(out->key, key, strlen(key) + 1);
}

/* What an open that failed says about an object: that it is not there, where something in its place
 * or on the way to it is none. */
static int not_there(const skep__tree *tree, const char *key, int rc)
{
    int err = skep_last_error()->sys_errno;
    if (rc != SKEP_ENOTFOUND && err != ELOOP && err != EXDEV)
        return rc;
    return SKEP__FAIL(SKEP_ENOTFOUND, "there is no '%s' in %s%s", key, tree->name,
                      err == ELOOP ? ": a symbolic link is in its place, and not followed" : "");
}

/* The file of an object. */
static int look(const skep__tree *tree, const char *key, int flags, int *fd, skep__file_info *info)
{
    SKEP__CLEANUP(skep__os_drop) int file = -1;
    int rc = skep__os_open_beneath(tree->fd, key, flags | O_NOFOLLOW, 0, &file);
    if (rc < 0)
        return not_there(tree, key, rc);
    SKEP__TRY(skep__os_info(file, key, info));
    if (info->type != SKEP__FILE_REGULAR)
        return SKEP__FAIL(SKEP_ENOTFOUND, "'%s' in %s is no plain file", key, tree->name);
    *fd = file;
    file = -1;
    return SKEP_OK;
}

static int tree_head(skep_store *store, const char *key, const skep_io *io, skep_object *out)
{
    (void)io; /* nothing in here waits */
    skep__file_info info = {0};
    SKEP__CLEANUP(skep__os_drop) int fd = -1;
    SKEP__TRY(look((const skep__tree *)(const void *)store, key, O_PATH, &fd, &info));
    skep__tree_object(&info, key, out);
    return SKEP_OK;
}

/* ---- get ---- */

static void get_freep(tree_get **get)
{
    if (*get == NULL)
        return;
    skep__os_drop(&(*get)->fd);
    skep__free(*get);
}

static void tree_get_close(skep_get *base)
{
    tree_get *get = (tree_get *)(void *)base;
    get_freep(&get);
}

static int open_get(const skep__tree *tree, const char *key, const skep_get_how *how, tree_get *get,
                    skep_object *info)
{
    SKEP__TRY(look(tree, key, O_RDONLY | O_NONBLOCK, &get->fd, &get->info));
    skep__tree_object(&get->info, key, info);
    if (how->if_etag != NULL && strcmp(how->if_etag, info->etag) != 0)
        return SKEP__FAIL(SKEP_ECONFLICT, "'%s' was replaced: its ETag is %s, not %s", key,
                          info->etag, how->if_etag);
    if (how->offset > info->bytes)
        return SKEP__FAIL(SKEP_EINVALID, "'%s' has %llu bytes; offset %llu is beyond its end", key,
                          (unsigned long long)info->bytes, (unsigned long long)how->offset);
    get->at = how->offset;
    get->end = info->bytes;
    if (how->bytes != 0 && how->bytes < info->bytes - how->offset)
        get->end = how->offset + how->bytes;
    memcpy(get->key, key, strlen(key) + 1);
    return SKEP_OK;
}

static int tree_get_open(skep_store *store, const char *key, const skep_get_how *how,
                         skep_get **out, skep_object *info)
{
    SKEP__CLEANUP(get_freep) tree_get *get = skep__calloc(1, sizeof(*get));
    if (get == NULL)
        return skep__oom();
    get->base.engine = store->engine;
    get->fd = -1;
    SKEP__TRY(open_get((const skep__tree *)(const void *)store, key, how, get, info));
    *out = &SKEP__TAKE(get)->base;
    return SKEP_OK;
}

/* Other programs write into files that are there. Such a change is found at the end: what was read
 * may be some of the old and some of the new. */
static int check_unchanged(const tree_get *get, size_t got)
{
    skep__file_info now;
    SKEP__TRY(skep__os_info(get->fd, get->key, &now));
    if (got > 0 && now.size == get->info.size && now.mtime_ns == get->info.mtime_ns)
        return SKEP_OK;
    if (got == 0 && get->at == get->end && now.size == get->info.size &&
        now.mtime_ns == get->info.mtime_ns)
        return SKEP_OK;
    return SKEP__FAIL(SKEP_ECONFLICT, "'%s' changed while it was read", get->key);
}

static int tree_get_read(skep_get *base, void *data, size_t len, size_t *got)
{
    tree_get *get = (tree_get *)(void *)base;
    uint64_t left = get->end - get->at;
    size_t most = len < left ? len : (size_t)left;
    size_t n = 0;
    SKEP__TRY(skep__os_pread(get->fd, get->key, data, most, get->at, &n));
    get->at += n;
    if (n < most || get->at == get->end)
        SKEP__TRY(check_unchanged(get, n < most ? 0 : n));
    *got = n;
    return SKEP_OK;
}

/* ---- list ---- */

static const char *type_name(skep__file_type type)
{
    switch (type) {
    case SKEP__FILE_FIFO:
        return "it is a FIFO";
    case SKEP__FILE_SOCKET:
        return "it is a socket";
    case SKEP__FILE_DEVICE:
        return "it is a device";
    case SKEP__FILE_REGULAR:
    case SKEP__FILE_DIRECTORY:
        break;
    }
    return "it is no file";
}

/* What a name in a directory is: 1 a folder, 0 an object, -1 none of the two, and told. */
static int kind_of(const skep__tree *tree, int dir, const char *name)
{
    struct stat st;
    const char *why = NULL;
    if (skep__tree_is_temp(name))
        why = "a put that is under way or was broken off";
    else if (skep__store_key_check(name, true) < 0)
        why = skep_last_error()->text;
    else if (skep__os()->fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return -1; /* removed meanwhile */
    else if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return S_ISDIR(st.st_mode) ? 1 : 0;
    else if (S_ISLNK(st.st_mode))
        why = "it is a symbolic link, and those are not followed";
    else
        why = type_name(S_ISFIFO(st.st_mode)   ? SKEP__FILE_FIFO
                        : S_ISSOCK(st.st_mode) ? SKEP__FILE_SOCKET
                                               : SKEP__FILE_DEVICE);
    skep__store_skipped(&tree->base, name, why);
    return -1;
}

static int scan_directory(const tree_list *list, int fd, const char *folder, skep__walk_names *into)
{
    skep__os_dir *dir = NULL;
    const char *name = NULL;
    unsigned char type = DT_UNKNOWN;
    SKEP__TRY(skep__os_dir_of(fd, folder, &dir));
    int rc = SKEP_OK;
    while ((rc = skep__os_dir_next(dir, &name, &type)) > 0) {
        bool plain = type == DT_REG || type == DT_DIR;
        int kind = plain && !skep__tree_is_temp(name) && skep__store_key_check(name, true) >= 0
                       ? type == DT_DIR
                       : kind_of(list->tree, fd, name);
        rc = kind >= 0 ? skep__walk_add(into, name, kind == 1) : SKEP_OK;
        if (rc >= 0)
            rc = skep__io_check(&list->how.io);
        if (rc < 0)
            break;
    }
    skep__os_dir_close(dir);
    return rc;
}

static int scan(void *ctx, const char *folder, skep__walk_names *into)
{
    const tree_list *list = ctx;
    SKEP__CLEANUP(skep__os_drop) int fd = -1;
    int rc = skep__os_open_beneath(list->tree->fd, folder[0] != '\0' ? folder : ".",
                                   O_RDONLY | O_DIRECTORY, 0, &fd);
    if (rc < 0) {
        rc = not_there(list->tree, folder, rc);
        return rc == SKEP_ENOTFOUND ? SKEP_OK : rc;
    }
    return scan_directory(list, fd, folder, into);
}

static int tree_list_open(skep_store *store, const skep_list_how *how, skep_list **out)
{
    SKEP__CLEANUP(skep__freep) tree_list *list = skep__calloc(1, sizeof(*list));
    if (list == NULL)
        return skep__oom();
    list->base.engine = store->engine;
    list->tree = (const skep__tree *)(const void *)store;
    list->how = *how;
    SKEP__TRY(skep__walk_new(store, &list->how, scan, list, &list->walk));
    *out = &SKEP__TAKE(list)->base;
    return SKEP_OK;
}

static int tree_list_next(skep_list *base, skep_object *out)
{
    tree_list *list = (tree_list *)(void *)base;
    char key[SKEP_STORE_KEY_MAX + 1];
    for (;;) {
        skep__file_info info = {0};
        SKEP__CLEANUP(skep__os_drop) int fd = -1;
        int rc = skep__walk_next(list->walk, key);
        if (rc <= 0)
            return rc;
        rc = look(list->tree, key, O_PATH, &fd, &info);
        if (rc == SKEP_ENOTFOUND) /* removed meanwhile */
            continue;
        SKEP__TRY(rc);
        skep__tree_object(&info, key, out);
        return 1;
    }
}

static void tree_list_close(skep_list *base)
{
    tree_list *list = (tree_list *)(void *)base;
    skep__walk_free(list->walk);
    skep__free(list);
}

static const skep_store_engine engine = {
    .abi = SKEP_STORE_ENGINE_ABI,
    .name = "tree",
    .close = tree_close,
    .describe = describe,
    .caps = caps,
    .head = tree_head,
    .remove = skep__tree_remove,
    .copy = no_copy,
    .put_begin = skep__tree_put_begin,
    .put_write = skep__tree_put_write,
    .put_commit = skep__tree_put_commit,
    .put_abort = skep__tree_put_abort,
    .get_open = tree_get_open,
    .get_read = tree_get_read,
    .get_close = tree_get_close,
    .list_open = tree_list_open,
    .list_next = tree_list_next,
    .list_close = tree_list_close,
};

/* ---- opening ---- */

/* With the modes that the umask leaves, as any program makes a directory. */
static int make_root(const skep__tree *tree)
{
    if (skep__os()->mkdirat(AT_FDCWD, tree->root, 0777) != 0 && errno != EEXIST)
        return SKEP__FAIL_ERRNO(errno, "make directory %s", tree->root);
    return skep__os_sync_directory_of(tree->root);
}

int skep__tree_open(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out)
{
    bool may_make = (opts->flags & (SKEP_STORE_READONLY | SKEP_STORE_MUST_EXIST)) == 0;
    SKEP__CLEANUP(tree_freep) skep__tree *tree = skep__calloc(1, sizeof(*tree));
    if (tree == NULL)
        return skep__oom();
    tree->base.engine = &engine;
    tree->fd = -1;
    tree->keep_free = opts->keep_free_bytes;
    SKEP__TRY(skep__random(&tree->known.seed, sizeof(tree->known.seed)));
    SKEP__TRY(skep__os_full_path(uri->path, tree->root, sizeof(tree->root)));
    (void)snprintf(tree->name, sizeof(tree->name), "tree:%s", tree->root);
    int rc = skep__os_open(tree->root, O_RDONLY | O_DIRECTORY, 0, &tree->fd);
    if (rc == SKEP_ENOTFOUND && skep_last_error()->sys_errno == ENOENT && may_make) {
        SKEP__TRY(make_root(tree));
        rc = skep__os_open(tree->root, O_RDONLY | O_DIRECTORY, 0, &tree->fd);
    }
    SKEP__TRY(rc);
    *out = &SKEP__TAKE(tree)->base;
    return SKEP_OK;
}
