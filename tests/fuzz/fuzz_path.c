/* SPDX-License-Identifier: MIT */
/* The path of a database, as far as skep_db_open() looks at it before SQLite does. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "db/db_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken is absolute and short enough for its companions, and a refusal has a code and a
 * text; nothing is opened or made. */
static void look(const char *path, uint32_t flags)
{
    skep_db *db = skep__calloc(1, sizeof(*db));
    if (db == NULL)
        return;
    db->opts.flags = flags;
    int rc = skep__db_find_file(db, path);
    if (rc < 0 && (skep_last_error()->code != rc || skep_last_error()->text[0] == '\0'))
        abort();
    if (rc >= 0 && (db->path == NULL || db->path[0] != '/' ||
                    strlen(db->path) >= SKEP__DB_PATH_MAX || path[0] == '\0'))
        abort();
    skep__free(db->path);
    skep__free(db);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *path = malloc(size + 1);
    if (path == NULL)
        return 0;
    if (size > 0)
        memcpy(path, data, size);
    path[size] = '\0';
    look(path, 0);
    look(path, SKEP_DB_MUST_EXIST);
    free(path);
    return 0;
}
