/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

#include <ctype.h>
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EXTENSION_MAX 8

bool tour_files_add(tour_files *files, const tour_file *file)
{
    if (files->count == files->cap) {
        size_t cap = files->cap == 0 ? 1024 : 2 * files->cap;
        tour_file *grown = realloc(files->list, cap * sizeof(*grown));
        if (grown == NULL)
            return false;
        files->list = grown;
        files->cap = cap;
    }
    tour_file copy = *file;
    copy.path = strdup(file->path);
    if (copy.path == NULL)
        return false;
    files->list[files->count++] = copy;
    files->bytes += file->size;
    return true;
}

void tour_files_dispose(tour_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->list[i].path);
    free(files->list);
    memset(files, 0, sizeof(*files));
}

skep_slice tour_extension(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    if (dot == NULL || dot == name || dot[1] == '\0' || strlen(dot + 1) > EXTENSION_MAX)
        return skep_slice_str("");
    for (const char *c = dot + 1; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c))
            return skep_slice_str("");
    return skep_slice_str(dot);
}

/* False: memory ran out. */
static bool see(tour_files *files, const FTSENT *entry, size_t root_len)
{
    if (entry->fts_info != FTS_F)
        return true;
    if (files->count >= TOUR_FILES_MAX) {
        files->uncounted++;
        return true;
    }
    const char *path = entry->fts_path + root_len;
    char below[PATH_MAX];
    (void)snprintf(below, sizeof(below), "%s", path + strspn(path, "/"));
    tour_file file = {
        .path = below,
        .size = (uint64_t)entry->fts_statp->st_size,
        .mtime = (int64_t)entry->fts_statp->st_mtim.tv_sec,
        .mode = (uint32_t)entry->fts_statp->st_mode,
    };
    return tour_files_add(files, &file);
}

static bool sees_directory(const tour *t, cli_exit *status)
{
    struct stat st;
    if (stat(t->source, &st) != 0) {
        *status = cli_fail_errno(t->ui, errno, "read", t->source);
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        *status = cli_fail_errno(t->ui, ENOTDIR, "read", t->source);
        return false;
    }
    return true;
}

cli_exit tour_walk(const tour *t, tour_files *files)
{
    cli_exit status = CLI_DONE;
    if (!sees_directory(t, &status))
        return status;
    char *root = strdup(t->source);
    char *roots[] = {root, NULL};
    FTS *walk = root == NULL
                    ? NULL
                    : fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR | FTS_XDEV, NULL);
    cli_progress progress;
    uint64_t until = cli_now_ns() + TOUR_WALK_NS;
    bool whole = walk != NULL;
    if (walk == NULL)
        status = cli_fail_errno(t->ui, errno, "read", t->source);
    cli_progress_begin(&progress, t->ui, "looking for files", "found", 0);
    for (FTSENT *entry; whole && (entry = fts_read(walk)) != NULL;) {
        cli_progress_at(&progress, files->count);
        if (!see(files, entry, strlen(root))) {
            status = cli_fail_memory(t->ui);
            whole = false;
        }
        if (tour_stopping() || cli_now_ns() > until) {
            files->cut = true;
            whole = false;
        }
    }
    cli_progress_end(&progress);
    if (walk != NULL)
        (void)fts_close(walk);
    free(root);
    return status;
}
