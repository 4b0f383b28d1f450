/* SPDX-License-Identifier: MIT */
/* The stores that are tried, and the filters over each of them. */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/faulty.h"
#include "store/memory.h"

#define SUBJECTS_MAX 96
#define ALL_CAPS MEMORY_CAPS

/* ---- stores ---- */

static skep_store *open_memory(const subject *s, const char *dir, const char *id)
{
    skep_store *store = NULL;
    (void)dir;
    (void)id;
    assert_ok(memory_store_open(s->caps, &store));
    return store;
}

/* ---- filters ---- */

static skep_store *open_filter(const subject *s, const char *dir, const char *id)
{
    return s->filter(s->over->open(s->over, dir, id));
}

static skep_store *filter_faulty(skep_store *next)
{
    skep_store *store = NULL;
    assert_ok(faulty_store_open(next, &store));
    return store;
}

/* ---- the table ---- */

typedef struct filter {
    const char *name;
    skep_store *(*open)(skep_store *next);
    uint32_t takes; /* capabilities that it takes away */
    uint32_t adds;  /* traits */
} filter;

static const subject stores[] = {
    {.name = "memory", .caps = ALL_CAPS, .key_max = SKEP_STORE_KEY_MAX, .open = open_memory},
    {.name = "memory, plain",
     .caps = SKEP_STORE_LISTS_BYTES,
     .key_max = SKEP_STORE_KEY_MAX,
     .open = open_memory},
};

static const filter filters[] = {
    {.name = "faulty", .open = filter_faulty, .adds = TRAIT_FAULTY},
};

const subject *subjects(size_t *count)
{
    static subject all[SUBJECTS_MAX];
    static size_t n;
    if (n == 0) {
        for (size_t i = 0; i < LENGTH(stores); i++)
            all[n++] = stores[i];
        size_t bases = n;
        for (size_t f = 0; f < LENGTH(filters); f++) {
            for (size_t i = 0; i < bases; i++) {
                subject *s = &all[n++];
                *s = all[i];
                (void)snprintf(s->name, sizeof(s->name), "%.12s(%.24s)", filters[f].name,
                               all[i].name);
                s->over = &all[i];
                s->filter = filters[f].open;
                s->open = open_filter;
                s->caps &= ~filters[f].takes;
                s->traits |= filters[f].adds;
            }
        }
    }
    *count = n;
    return all;
}
