/* SPDX-License-Identifier: MIT */
/*
 * The disk holds two things for each file: its durable bytes, and the list of changes since the
 * last sync, in order. And two for the directory: the durable names, and the list of changes to
 * names since its last sync. A sync plays the list onto the durable side.
 *
 * A power cut plays the lists too, but damaged:
 *
 *   names    a prefix of the list of each directory. All file systems of Linux keep the order of
 *            changes to one directory; how far they got is chance. A rename from one directory to
 *            another is a change to each. What lies in a directory whose own name is gone is gone.
 *   writes   each sector of each write is kept, dropped or garbled, whatever happened to others, so
 *            that a later write may be there without an earlier one. Garbling fills a sector, or
 * the part of it that was written, with noise: the head was over it when the power went. Without
 * the promise of powersafe overwrite all of the sector may be garbled, also the part that an
 * earlier, synced write put there. sizes    a truncate is kept or dropped. A write that grows the
 * file and is dropped leaves zeros if something beyond it was kept: a hole.
 */
#include "harness/disk_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/harness.h"

typedef struct change {
    struct change *next;
    bool truncate;
    uint64_t offset; /* or the new size */
    size_t size;
    unsigned char data[];
} change;

typedef struct content {
    unsigned char *data;
    uint64_t size;
    uint64_t cap;
} content;

struct disk_node {
    _Atomic unsigned holders; /* names and open files */
    bool directory;
    content durable;
    change *first;
    change **last;
};

typedef struct name {
    struct name *next;
    disk_node *node;
    char text[DISK_NAME_MAX];
} name;

typedef enum name_change_kind { NAME_ADD, NAME_REMOVE, NAME_MOVE } name_change_kind;

typedef struct name_change {
    struct name_change *next;
    name_change_kind kind;
    disk_node *node;         /* NAME_ADD */
    char dir[DISK_NAME_MAX]; /* whose sync makes it durable */
    char text[DISK_NAME_MAX];
    char to[DISK_NAME_MAX]; /* NAME_MOVE */
} name_change;

struct disk_model {
    name *seen; /* by the running system */
    name *durable;
    name_change *first;
    name_change **last;
};

static void *must(void *block)
{
    if (block == NULL)
        ck_abort_msg("the simulated disk is out of memory");
    return block;
}

/* ---- contents ---- */

static void content_resize(content *c, uint64_t size)
{
    if (c->data == NULL || size > c->cap) {
        c->cap = size + size / 2 + 4096;
        c->data = must(realloc(c->data, c->cap));
    }
    if (size > c->size)
        memset(c->data + c->size, 0, size - c->size);
    c->size = size;
}

static void content_put(content *c, uint64_t offset, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (offset + size > c->size)
        content_resize(c, offset + size);
    memcpy(c->data + offset, data, size);
}

static content content_copy(const content *c)
{
    content copy = {0};
    content_resize(&copy, c->size);
    if (c->size > 0)
        memcpy(copy.data, c->data, c->size);
    return copy;
}

/* ---- nodes ---- */

static disk_node *node_new(void)
{
    disk_node *node = must(calloc(1, sizeof(*node)));
    node->last = &node->first;
    return node;
}

static void node_drop_changes(disk_node *node)
{
    while (node->first != NULL) {
        change *next = node->first->next;
        free(node->first);
        node->first = next;
    }
    node->last = &node->first;
}

static disk_node *node_hold(disk_node *node)
{
    node->holders++;
    return node;
}

void model_let_go(disk_node *node)
{
    if (--node->holders > 0)
        return;
    node_drop_changes(node);
    free(node->durable.data);
    free(node);
}

static void node_note(disk_node *node, change *c)
{
    *node->last = c;
    node->last = &c->next;
}

void model_write(disk_node *node, uint64_t offset, const void *data, size_t size)
{
    change *c = must(calloc(1, sizeof(*c) + size));
    c->offset = offset;
    c->size = size;
    memcpy(c->data, data, size);
    node_note(node, c);
}

void model_truncate(disk_node *node, uint64_t size)
{
    change *c = must(calloc(1, sizeof(*c)));
    c->truncate = true;
    c->offset = size;
    node_note(node, c);
}

void model_sync(disk_node *node)
{
    for (const change *c = node->first; c != NULL; c = c->next) {
        if (c->truncate)
            content_resize(&node->durable, c->offset);
        else
            content_put(&node->durable, c->offset, c->data, c->size);
    }
    node_drop_changes(node);
}

/* ---- names ---- */

static name **name_find(name **list, const char *text)
{
    while (*list != NULL && strcmp((*list)->text, text) != 0)
        list = &(*list)->next;
    return list;
}

static void name_remove(name **list, const char *text)
{
    name **at = name_find(list, text);
    name *gone = *at;
    if (gone == NULL)
        return;
    *at = gone->next;
    model_let_go(gone->node);
    free(gone);
}

static void name_add(name **list, const char *text, disk_node *node)
{
    node_hold(node);
    name_remove(list, text);
    name *n = must(calloc(1, sizeof(*n)));
    (void)snprintf(n->text, sizeof(n->text), "%s", text);
    n->node = node;
    n->next = *list;
    *list = n;
}

static void name_move(name **list, const char *from, const char *to)
{
    name *n = *name_find(list, from);
    if (n == NULL)
        return;
    name_add(list, to, n->node);
    name_remove(list, from);
}

static void name_clear(name **list)
{
    while (*list != NULL)
        name_remove(list, (*list)->text);
}

static void name_apply(name **list, const name_change *c)
{
    if (c->kind == NAME_ADD && c->node != NULL)
        name_add(list, c->text, c->node);
    else if (c->kind == NAME_REMOVE)
        name_remove(list, c->text);
    else
        name_move(list, c->text, c->to);
}

/* The directory that a path lies in. */
static void dir_of(const char *path, char dir[DISK_NAME_MAX])
{
    const char *slash = strrchr(path, '/');
    (void)snprintf(dir, DISK_NAME_MAX, "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
}

static void model_note(disk_model *m, name_change_kind kind, const char *text, const char *to,
                       disk_node *node)
{
    name_change *c = must(calloc(1, sizeof(*c)));
    c->kind = kind;
    (void)snprintf(c->text, sizeof(c->text), "%s", text);
    (void)snprintf(c->to, sizeof(c->to), "%s", to);
    dir_of(text, c->dir);
    c->node = node != NULL ? node_hold(node) : NULL;
    *m->last = c;
    m->last = &c->next;
    name_apply(&m->seen, c);
}

/* Those of one directory, or (NULL) all. */
static void model_drop_changes(disk_model *m, const char *dir)
{
    m->last = &m->first;
    while (*m->last != NULL) {
        name_change *c = *m->last;
        if (dir != NULL && strcmp(c->dir, dir) != 0) {
            m->last = &c->next;
            continue;
        }
        *m->last = c->next;
        if (c->node != NULL)
            model_let_go(c->node);
        free(c);
    }
}

/* ---- the model ---- */

disk_model *model_new(void)
{
    disk_model *m = must(calloc(1, sizeof(*m)));
    m->last = &m->first;
    return m;
}

void model_free(disk_model *m)
{
    model_drop_changes(m, NULL);
    name_clear(&m->seen);
    name_clear(&m->durable);
    free(m);
}

void model_add(disk_model *m, const char *text, const void *data, size_t size)
{
    disk_node *node = node_new();
    content_put(&node->durable, 0, data, size);
    name_add(&m->seen, text, node);
    name_add(&m->durable, text, node);
}

disk_node *model_open(disk_model *m, const char *text)
{
    const name *seen = *name_find(&m->seen, text);
    disk_node *node = seen != NULL ? seen->node : NULL;
    if (node == NULL) {
        node = node_new();
        model_note(m, NAME_ADD, text, "", node);
    }
    return node_hold(node);
}

void model_unlink(disk_model *m, const char *text)
{
    model_note(m, NAME_REMOVE, text, "", NULL);
}

void model_rename(disk_model *m, const char *from, const char *to)
{
    char from_dir[DISK_NAME_MAX];
    char to_dir[DISK_NAME_MAX];
    dir_of(from, from_dir);
    dir_of(to, to_dir);
    if (strcmp(from_dir, to_dir) == 0) {
        model_note(m, NAME_MOVE, from, to, NULL);
        return;
    }
    const name *seen = *name_find(&m->seen, from);
    if (seen == NULL)
        return;
    model_note(m, NAME_ADD, to, "", seen->node);
    model_note(m, NAME_REMOVE, from, "", NULL);
}

void model_make_dir(disk_model *m, const char *text)
{
    disk_node *node = node_new();
    node->directory = true;
    model_note(m, NAME_ADD, text, "", node);
}

void model_sync_names(disk_model *m, const char *dir)
{
    for (const name_change *c = m->first; c != NULL; c = c->next)
        if (strcmp(c->dir, dir) == 0)
            name_apply(&m->durable, c);
    model_drop_changes(m, dir);
}

/* ---- the cut ---- */

typedef enum fate { FATE_KEPT, FATE_DROPPED, FATE_GARBLED } fate;

static fate draw(rng *r)
{
    /* Garbling is rarer in life, and hides what dropping finds. */
    uint64_t n = rng_below(r, 10);
    return n < 5 ? FATE_KEPT : n < 9 ? FATE_DROPPED : FATE_GARBLED;
}

/* Noise over what was being written and, without the promise, over the rest of the sector too, as
 * far as the file goes. */
static void garble(content *c, uint64_t from, uint64_t to, const disk_promises *promises, rng *r)
{
    if (!promises->powersafe_overwrite) {
        uint64_t sector_end = from - from % promises->sector + promises->sector;
        uint64_t reach = sector_end < c->size ? sector_end : c->size;
        from -= from % promises->sector;
        to = reach > to ? reach : to;
    }
    if (to > c->size)
        content_resize(c, to);
    rng_fill(r, c->data + from, (size_t)(to - from));
}

static bool is_atomic(const change *c, const disk_promises *promises)
{
    return promises->atomic > 0 && c->size <= promises->atomic &&
           c->offset / promises->atomic == (c->offset + c->size - 1) / promises->atomic;
}

/* One pending write: sector by sector. */
static void play_damaged(content *out, const change *c, const disk_promises *promises, rng *r)
{
    if (c->truncate) {
        if (draw(r) == FATE_KEPT)
            content_resize(out, c->offset);
        return;
    }
    if (c->size == 0)
        return;
    if (is_atomic(c, promises)) {
        if (draw(r) == FATE_KEPT)
            content_put(out, c->offset, c->data, c->size);
        return;
    }
    uint64_t end = c->offset + c->size;
    for (uint64_t at = c->offset; at < end;) {
        uint64_t sector = at - at % promises->sector;
        uint64_t stop = sector + promises->sector < end ? sector + promises->sector : end;
        fate f = draw(r);
        if (f == FATE_KEPT)
            content_put(out, at, c->data + (at - c->offset), (size_t)(stop - at));
        else if (f == FATE_GARBLED)
            garble(out, at, stop, promises, r);
        at = stop;
    }
}

/* Make the directories above a file that survived; false: one of them did not. */
static bool make_above(name **names, const char *text, const char *dir)
{
    char above[DISK_NAME_MAX];
    char path[4096];
    dir_of(text, above);
    if (above[0] == '\0')
        return true;
    if (*name_find(names, above) == NULL || !make_above(names, above, dir))
        return false;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, above);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        ck_abort_msg("mkdir %s: errno %d", path, errno);
    return true;
}

/* How many changes of each directory survive is drawn when the first of them is met. */
static bool survives(const name_change *c, const disk_model *m, rng *r, name **drawn)
{
    name **at = name_find(drawn, c->dir);
    uint64_t *left = NULL;
    if (*at == NULL) {
        uint64_t count = 0;
        for (const name_change *other = m->first; other != NULL; other = other->next)
            count += strcmp(other->dir, c->dir) == 0;
        disk_node *node = node_new();
        content_resize(&node->durable, sizeof(uint64_t));
        name_add(drawn, c->dir, node);
        left = (uint64_t *)(void *)node->durable.data;
        *left = rng_below(r, count + 1);
    } else {
        left = (uint64_t *)(void *)(*at)->node->durable.data;
    }
    if (*left == 0)
        return false;
    --*left;
    return true;
}

static void survivor(const name *n, const disk_promises *promises, rng *r, const char *dir)
{
    char path[4096];
    content image = content_copy(&n->node->durable);
    for (const change *c = n->node->first; c != NULL; c = c->next)
        play_damaged(&image, c, promises, r);
    (void)snprintf(path, sizeof(path), "%s/%s", dir, n->text);
    harness_write_file(path, image.data, image.size);
    free(image.data);
}

void model_survivors(const disk_model *m, const disk_promises *promises, uint64_t seed,
                     const char *dir)
{
    rng r = rng_of(seed);
    name *names = NULL;
    for (const name *n = m->durable; n != NULL; n = n->next)
        name_add(&names, n->text, n->node);
    name *drawn = NULL;
    if (m->first == NULL)
        (void)rng_next(&r); /* so that a seed means the same whether names are pending or not */
    for (const name_change *c = m->first; c != NULL; c = c->next)
        if (survives(c, m, &r, &drawn))
            name_apply(&names, c);
    name_clear(&drawn);
    for (const name *n = names; n != NULL; n = n->next)
        if (!n->node->directory && make_above(&names, n->text, dir))
            survivor(n, promises, &r, dir);
    name_clear(&names);
}
