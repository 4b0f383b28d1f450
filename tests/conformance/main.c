/* SPDX-License-Identifier: MIT */
/*
 * A suite for each subject, a test for each behaviour of it, and at the end a test that prints what
 * came of them. The processes of the tests write that into memory which they share.
 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/net.h"

#define SUBJECTS_MAX 96
#define HASTE 1000 /* waits between attempts are so many times shorter */

typedef enum weight { CORE, LIGHT, HEAVY } weight;

typedef struct behaviour {
    const char *name;
    weight weight;
    void (*run)(world *w);
} behaviour;

static const behaviour behaviours[] = {
#define BEHAVIOUR_ROW(weight_, name_) {.name = #name_, .weight = (weight_), .run = (name_)},
    BEHAVIOURS(BEHAVIOUR_ROW)
#undef BEHAVIOUR_ROW
};

typedef enum cell_state { NOT_RUN, BEGUN, PASSED } cell_state;

/* A test's argument. */
typedef struct cell {
    const subject *subject;
    const behaviour *behaviour;
    uint8_t *state;
} cell;

static uint8_t (*states)[LENGTH(behaviours)]; /* shared; by subject */
static cell cells[SUBJECTS_MAX][LENGTH(behaviours)];
static harness_test tests[SUBJECTS_MAX][LENGTH(behaviours)];
static harness_suite suites[SUBJECTS_MAX + 1];
static const harness_suite *suite_list[SUBJECTS_MAX + 2];

/* ---- one behaviour ---- */

static void run_cell(void)
{
    const cell *c = harness_arg();
    static _Atomic uint32_t number;
    world w = {.subject = c->subject, .caps = c->subject->caps, .chance = rng_of(harness_seed())};
    *c->state = BEGUN;
    skep__retry_hasten(HASTE);
    (void)snprintf(w.id, sizeof(w.id), "%x-%llx-%x", (unsigned)getpid(),
                   (unsigned long long)harness_now_ns(), ++number);
    w.store = c->subject->open(c->subject, harness_path("store"), w.id);
    c->behaviour->run(&w);
    if (c->subject->flush != NULL)
        c->subject->flush(w.store);
    if (c->subject->wipe != NULL)
        c->subject->wipe(w.store);
    assert_ok(skep_store_close(w.store));
    *c->state = PASSED;
}

void world_reopen(world *w)
{
    assert_ok(skep_store_close(w->store));
    w->store = w->subject->open(w->subject, harness_path("store"), w->id);
}

skep_store *world_another(world *w)
{
    static _Atomic uint32_t number;
    char name[32];
    char id[64];
    (void)snprintf(name, sizeof(name), "another-%u", ++number);
    (void)snprintf(id, sizeof(id), "%s-%u", w->id, number);
    return w->subject->open(w->subject, harness_path(name), id);
}

/* ---- the table ---- */

static void print_head(void)
{
    printf("\n");
    for (size_t b = 0; b < LENGTH(behaviours); b++)
        printf("%2zu %s\n", b + 1, behaviours[b].name);
    printf("\n%-26s", "");
    for (size_t b = 0; b < LENGTH(behaviours); b++)
        printf(" %2zu", b + 1);
    printf("\n");
}

TEST(each_store_does_what_it_promises)
{
    static const char *const marks[] = {[NOT_RUN] = " -", [BEGUN] = " X", [PASSED] = "ok"};
    size_t count = 0;
    size_t ran = 0;
    size_t passed = 0;
    const subject *all = subjects(&count);
    print_head();
    for (size_t s = 0; s < count; s++) {
        printf("%-26s", all[s].name);
        for (size_t b = 0; b < LENGTH(behaviours); b++) {
            printf(" %s", marks[states[s][b]]);
            ran += states[s][b] != NOT_RUN;
            passed += states[s][b] == PASSED;
        }
        printf("\n");
    }
    printf("%zu of %zu behaviours hold; - was not run: larger sizes do, or it was not asked for\n",
           passed, ran);
    ck_assert_uint_eq(passed, ran);
}

/* ---- all of them ---- */

TEST(s3_is_tried_too)
{
    if (getenv("S3_ENDPOINT") == NULL)
        harness_skip_test(SKIP_S3, "S3_ENDPOINT is not set");
    size_t count = 0;
    const subject *all = subjects(&count);
    bool found = false;
    for (size_t s = 0; s < count; s++)
        found = found || strcmp(all[s].name, "s3") == 0;
    ck_assert(found);
}

static bool is_run(const subject *s, const behaviour *b)
{
    if (strcmp(harness_size_name(), "quick") != 0 || b->weight == CORE)
        return true;
    bool slow = (s->traits & TRAIT_SLOW) != 0;
    return s->over == NULL ? b->weight == LIGHT || !slow : b->weight == LIGHT && !slow;
}

static void make_suite(size_t at, const subject *s)
{
    size_t n = 0;
    for (size_t b = 0; b < LENGTH(behaviours); b++) {
        if (!is_run(s, &behaviours[b]))
            continue;
        cells[at][b] = (cell){.subject = s, .behaviour = &behaviours[b], .state = &states[at][b]};
        tests[at][n++] = (harness_test){.name = behaviours[b].name,
                                        .run = run_cell,
                                        .file = __FILE__,
                                        .line = __LINE__,
                                        .arg = &cells[at][b]};
    }
    suites[at] = (harness_suite){.name = s->name, .tests = tests[at], .count = n};
    suite_list[at] = &suites[at];
}

int main(int argc, char **argv)
{
    static const harness_test last[] = {HARNESS_TEST(s3_is_tried_too),
                                        HARNESS_TEST(each_store_does_what_it_promises)};
    static const harness_suite table = HARNESS_SUITE("table", last);
    static const harness_role roles[] = {{"serve", remote_serve}, {NULL, NULL}};
    size_t count = 0;
    const subject *all = subjects(&count);
    states = mmap(NULL, sizeof(*states) * SUBJECTS_MAX, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (states == MAP_FAILED || count > SUBJECTS_MAX) {
        perror("conformance");
        return 2;
    }
    (void)sample(0, 0); /* made once, for all processes and threads */
    for (size_t s = 0; s < count; s++)
        make_suite(s, &all[s]);
    suite_list[count] = &table;
    return harness_main(argc, argv, suite_list, roles);
}
