/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_TREE_PRIVATE_H
#define SKEP__STORE_TREE_PRIVATE_H

#include "os/os.h"
#include "store/known.h"
#include "store/store.h"

/* An ordinary directory as a store: its files, as they are. Everything is opened beneath the
 * directory, and no symbolic link is followed: what somebody puts into it cannot lead outside. */

#define SKEP__TREE_TEMP ".skep-put-" /* and 16 digits: a put that is under way */

typedef struct skep__tree {
    skep_store base;
    int fd; /* of the directory */
    uint64_t keep_free;
    skep__known known; /* directories, by the keys of what lies in them */
    char name[SKEP__PATH_MAX + 8];
    char root[SKEP__PATH_MAX];
} skep__tree;

/* Is that the name of a put that is under way, or was broken off? */
bool skep__tree_is_temp(const char *name);
/* The directory of `key` in `*fd`, which the caller drops, and the name in it. */
int skep__tree_parent(const skep__tree *tree, const char *key, int *fd, const char **name)
    SKEP_CHECK;
void skep__tree_object(const skep__file_info *info, const char *key, skep_object *out);

int skep__tree_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                         skep_put **out);
int skep__tree_put_write(skep_put *put, const void *data, size_t len);
int skep__tree_put_commit(skep_put *put, const uint8_t *hash, skep_object *out);
void skep__tree_put_abort(skep_put *put);
int skep__tree_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                      int *results);

#endif
