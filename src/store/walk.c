/* SPDX-License-Identifier: MIT */
/*
 * Keys are ordered by their bytes, and a slash is a byte like others: "a", "a.b", "a/b". So within
 * a folder names of folders are compared with the slash at their end, and then walking down into
 * each folder where it stands gives all keys in order.
 *
 * Each level of the walk holds names of one folder. Together they hold SKEP__WALK_NAMES at most (a
 * few more where folders lie very deep in each other): each takes half of what the levels above it
 * left. A scan keeps twice its share, sorts, and drops the larger half when it is full.
 */
#include "store/walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct skep__walk_names {
    char **names;
    size_t count;
    size_t room;
    size_t share;
    size_t next;  /* of `names`, to be handed out */
    bool more;    /* there were names that did not fit */
    bool inside;  /* `floor` lies in a folder, which is not passed yet */
    size_t path;  /* bytes of the walk's path that are this folder's */
    char *floor;  /* names up to this one were passed; NULL: none */
    char *filter; /* names begin with it; NULL: all do */
};

struct skep__walk {
    const skep_store *store;
    const skep_list_how *how;
    skep__walk_scan *scan;
    void *ctx;
    skep__walk_names *levels;
    size_t depth;
    size_t room;
    size_t held;  /* names in all levels */
    bool nothing; /* no key can begin with the prefix */
    char path[SKEP_STORE_KEY_MAX + 1];
};

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void drop_from(skep__walk_names *level, size_t from)
{
    while (level->count > from)
        skep__free(level->names[--level->count]);
}

/* Sort, and keep a share. */
static void settle(skep__walk_names *level)
{
    if (level->count == 0) /* and no array, which qsort() insists on */
        return;
    qsort(level->names, level->count, sizeof(level->names[0]), compare);
    if (level->count > level->share) {
        drop_from(level, level->share);
        level->more = true;
    }
}

static int make_room(skep__walk_names *level)
{
    if (level->count < level->room)
        return SKEP_OK;
    size_t room = level->room == 0 ? 16 : level->room * 2;
    if (room > 2 * level->share)
        room = 2 * level->share;
    char **names = skep__realloc(level->names, room * sizeof(names[0]));
    if (names == NULL)
        return skep__oom();
    level->names = names;
    level->room = room;
    return SKEP_OK;
}

/* Was it handed out already, or does nobody want it? */
static bool passed(const skep__walk_names *level, const char *name, size_t len)
{
    const char *floor = level->floor;
    if (floor != NULL && strcmp(name, floor) <= 0 &&
        !(level->inside && name[len - 1] == '/' && strncmp(floor, name, len) == 0))
        return true;
    /* The prefix may end in this folder, or (name shorter) deeper. */
    return level->filter != NULL && strncmp(name, level->filter, strlen(level->filter)) != 0;
}

int skep__walk_add(skep__walk_names *level, const char *name, bool folder)
{
    char text[SKEP_STORE_PART_MAX + 2];
    size_t len = strnlen(name, SKEP_STORE_PART_MAX + 1);
    ASSERT(len > 0 && len <= SKEP_STORE_PART_MAX); /* as in the kernel's directories */
    memcpy(text, name, len);
    if (folder)
        text[len++] = '/';
    text[len] = '\0';
    if (passed(level, text, len))
        return SKEP_OK;
    if (level->count == 2 * level->share)
        settle(level);
    SKEP__TRY(make_room(level));
    char *copy = skep__strndup(text, len);
    if (copy == NULL)
        return skep__oom();
    level->names[level->count++] = copy;
    return SKEP_OK;
}

static void level_dispose(skep__walk_names *level)
{
    drop_from(level, 0);
    skep__free(level->names);
    skep__free(level->floor);
    skep__free(level->filter);
}

/* Read the folder, whose floor and filter are set. */
static int fill(skep__walk *walk, skep__walk_names *level)
{
    walk->held -= level->count;
    drop_from(level, 0);
    level->more = false;
    level->next = 0;
    size_t left = walk->held < SKEP__WALK_NAMES ? SKEP__WALK_NAMES - walk->held : 0;
    level->share = left / 2 > SKEP__WALK_LEAST ? left / 2 : SKEP__WALK_LEAST;
    if (walk->how->limit != 0 && walk->how->limit < level->share) /* nobody asks for more */
        level->share =
            walk->how->limit > SKEP__WALK_LEAST ? (size_t)walk->how->limit : SKEP__WALK_LEAST;
    int rc = walk->scan(walk->ctx, walk->path, level);
    if (rc >= 0)
        settle(level);
    walk->held += level->count;
    return rc;
}

/* Where in this folder the list begins: behind what of `after` lies in it. */
static int set_floor(const skep__walk *walk, skep__walk_names *level)
{
    const char *after = walk->how->after;
    if (strncmp(after, walk->path, level->path) != 0 || after[level->path] == '\0')
        return SKEP_OK;
    level->floor = skep__strdup(after + level->path);
    level->inside = true;
    return level->floor != NULL ? SKEP_OK : skep__oom();
}

static int push(skep__walk *walk, const char *filter)
{
    if (walk->depth == walk->room) {
        size_t room = walk->room == 0 ? 8 : walk->room * 2;
        skep__walk_names *levels = skep__realloc(walk->levels, room * sizeof(levels[0]));
        if (levels == NULL)
            return skep__oom();
        walk->levels = levels;
        walk->room = room;
    }
    skep__walk_names *level = &walk->levels[walk->depth++];
    *level = (skep__walk_names){.path = strlen(walk->path)};
    if (filter != NULL && filter[0] != '\0') {
        level->filter = skep__strdup(filter);
        if (level->filter == NULL)
            return skep__oom();
    }
    SKEP__TRY(set_floor(walk, level));
    return fill(walk, level);
}

static void pop(skep__walk *walk)
{
    skep__walk_names *level = &walk->levels[--walk->depth];
    walk->held -= level->count;
    level_dispose(level);
}

/* The rest of a folder that did not fit. */
static int refill(skep__walk *walk, skep__walk_names *level)
{
    char *last = level->names[level->count - 1];
    level->names[level->count - 1] = level->floor; /* freed with the names */
    level->floor = last;
    level->inside = false;
    return fill(walk, level);
}

/* The folder that all keys with the prefix lie in, and what their names in it begin with. */
static int start(skep__walk *walk)
{
    const char *prefix = walk->how->prefix;
    const char *slash = strrchr(prefix, '/');
    size_t len = slash != NULL ? (size_t)(slash - prefix) : 0;
    if (slash != NULL) {
        memcpy(walk->path, prefix, len);
        walk->path[len] = '\0';
        /* It is a path on the disk from here on: nothing like `..` may be in it. */
        if (skep__store_key_check(walk->path, true) < 0) {
            walk->nothing = true;
            return SKEP_OK;
        }
        memcpy(walk->path + len, "/", 2);
        walk->nothing = strncmp(walk->how->after, walk->path, len + 1) > 0; /* all lie before it */
    }
    return push(walk, slash != NULL ? slash + 1 : prefix);
}

int skep__walk_new(const skep_store *store, const skep_list_how *how, skep__walk_scan *scan,
                   void *ctx, skep__walk **out)
{
    skep__walk *walk = skep__calloc(1, sizeof(*walk));
    if (walk == NULL)
        return skep__oom();
    walk->store = store;
    walk->how = how;
    walk->scan = scan;
    walk->ctx = ctx;
    int rc = start(walk);
    if (rc < 0) {
        skep__walk_free(walk);
        return rc;
    }
    *out = walk;
    return SKEP_OK;
}

/* The next name of the level that is on top, put behind the path. False: there is none, or its key
 * would be too long to be one. */
static bool take_name(skep__walk *walk, skep__walk_names *level)
{
    const char *name = level->names[level->next++];
    size_t len = strlen(name);
    walk->path[level->path] = '\0';
    if (level->path + len > SKEP_STORE_KEY_MAX) {
        skep__store_skipped(walk->store, name, "with its folder it is longer than a key");
        return false;
    }
    memcpy(walk->path + level->path, name, len + 1);
    return true;
}

int skep__walk_next(skep__walk *walk, char key[SKEP_STORE_KEY_MAX + 1])
{
    while (!walk->nothing && walk->depth > 0) {
        skep__walk_names *level = &walk->levels[walk->depth - 1];
        walk->path[level->path] = '\0';
        if (level->next == level->count && level->more) {
            SKEP__TRY(refill(walk, level));
            continue;
        }
        if (level->next == level->count) {
            pop(walk);
            continue;
        }
        if (!take_name(walk, level))
            continue;
        size_t len = strlen(walk->path);
        if (walk->path[len - 1] == '/') {
            SKEP__TRY(push(walk, NULL));
            continue;
        }
        memcpy(key, walk->path, len + 1);
        return 1;
    }
    return 0;
}

void skep__walk_free(skep__walk *walk)
{
    if (walk == NULL)
        return;
    while (walk->depth > 0)
        pop(walk);
    skep__free(walk->levels);
    skep__free(walk);
}
