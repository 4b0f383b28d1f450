/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_WALK_H
#define SKEP__STORE_WALK_H

#include "store/store.h"

/* The keys of folders and objects that lie in directories, in the order of keys, with bounded
 * memory: of a folder with more names than are kept at a time the smallest behind the last one are,
 * and then it is read once more.
 *
 * Threads: one at a time. */

typedef struct skep__walk skep__walk;
typedef struct skep__walk_names skep__walk_names;

/* Tell all that is in a folder, in any order, with skep__walk_add(). `folder` is "" or ends with a
 * slash. One that is not there has nothing in it. */
typedef int skep__walk_scan(void *ctx, const char *folder, skep__walk_names *into);
int skep__walk_add(skep__walk_names *into, const char *name, bool folder) SKEP_CHECK;

/* `how` is borrowed until the walk is freed; `store` is for events. */
int skep__walk_new(const skep_store *store, const skep_list_how *how, skep__walk_scan *scan,
                   void *ctx, skep__walk **out) SKEP_CHECK;
/* 1: `key` is the next object's; 0: the end. */
int skep__walk_next(skep__walk *walk, char key[SKEP_STORE_KEY_MAX + 1]) SKEP_CHECK;
void skep__walk_free(skep__walk *walk); /* accepts NULL */

#endif
