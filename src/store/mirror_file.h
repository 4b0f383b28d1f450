/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_MIRROR_FILE_H
#define SKEP__STORE_MIRROR_FILE_H

#include <skep/mirror.h>

#include "base/settings.h"
#include "store/store.h"

/* A mirror as an INI file describes it (docs/guide/mirror.md). */

extern const skep__settings_table skep__mirror_settings; /* [mirror] */

#define SKEP__MIRROR_LABEL_MAX 72 /* bytes of the name of a section: "replica NAME" */

typedef enum skep__mirror_row { /* of [primary] and [replica NAME] */
                                SKEP__MIRROR_URI,
                                SKEP__MIRROR_REGION,
                                SKEP__MIRROR_ENDPOINT,
                                SKEP__MIRROR_PROFILE,
                                SKEP__MIRROR_KEY_ID,
                                SKEP__MIRROR_SECRET_FILE,
                                SKEP__MIRROR_TOKEN_FILE,
                                SKEP__MIRROR_API_KEY_FILE,
                                SKEP__MIRROR_CA_FILE,
                                SKEP__MIRROR_ROWS
} skep__mirror_row;

typedef struct skep__mirror_file {
    skep__settings mirror;
    size_t n;
    skep__settings stores[SKEP_MIRROR_STORES_MAX]; /* the primary first */
    char labels[SKEP_MIRROR_STORES_MAX][SKEP__MIRROR_LABEL_MAX];
} skep__mirror_file;

/* `path` is for error texts. Dispose of it also after a failure. */
int skep__mirror_file_parse(skep_slice text, const char *path, skep__mirror_file *out) SKEP_CHECK;
void skep__mirror_file_dispose(skep__mirror_file *file);

/* skep_store_mirror() without the front. `reader`: it will not be written to, and may be opened
 * beside the one that is. */
int skep__mirror_make(skep_store *const *stores, size_t n, const skep_mirror_opts *opts,
                      bool reader, skep_store **out) SKEP_CHECK;

#endif
