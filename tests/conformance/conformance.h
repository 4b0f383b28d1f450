/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFORMANCE_CONFORMANCE_H
#define TESTS_CONFORMANCE_CONFORMANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/mirror.h>
#include <skep/skep.h>
#include <skep/store.h>

#include "harness/harness.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* What skep/store.h promises, tried on all stores and on each filter over each. A subject is one of
 * those; a behaviour is a sentence, and a function that makes it true. */

typedef struct subject subject;
typedef struct world world;

enum {
    TRAIT_TREE = 1u << 0,  /* a key and one below it cannot both be there */
    TRAIT_SLOW = 1u << 1,  /* each call costs milliseconds: fewer of them */
    TRAIT_KEEPS = 1u << 2, /* closed and opened again, it holds the same */
    TRAIT_FAULTY = 1u << 3 /* faulty_odds() may be called on it */
};

struct subject {
    char name[48];
    uint32_t caps;   /* exactly these */
    uint32_t traits; /* TRAIT_… */
    size_t key_max;
    /* Open, or open again, what lies in the directory `dir` or, outside, under the name `id`. */
    skep_store *(*open)(const subject *s, const char *dir, const char *id);
    void (*flush)(skep_store *store); /* at the end of a behaviour: look at it from behind */
    void (*wipe)(skep_store *store);  /* and then take away what would stay; both may be NULL */
    const subject *over;              /* of a filter: what it stands before */
    skep_store *(*filter)(skep_store *next);
};

/* One behaviour of one subject. */
struct world {
    const subject *subject;
    skep_store *store;
    uint32_t caps;
    rng chance;
    char id[48]; /* which nobody else has */
};

void world_reopen(world *w);
/* Another one of the same kind, empty; to be closed by the caller. */
skep_store *world_another(world *w);
static inline bool world_can(const world *w, uint32_t cap)
{
    return (w->caps & cap) == cap;
}
static inline bool world_is(const world *w, uint32_t trait)
{
    return (w->subject->traits & trait) == trait;
}

/* All subjects, made at the first call; some only where a server is known. */
const subject *subjects(size_t *count);

/* The other process of remote stores: it is given a directory, and answers with its URL. */
#define REMOTE_URL_BYTES 64
int remote_serve(int argc, char **argv); /* a role */

/* ---- behaviours. In quick runs CORE ones run on all subjects, LIGHT ones not on filters over what
 * syncs or is slow, HEAVY ones on stores alone, and not on slow ones; in larger sizes all run ----
 */

/* clang-format off */
#define BEHAVIOURS(X)                                                                              \
    X(CORE, it_can_do_what_it_is_said_to)                                                          \
    X(LIGHT, it_has_a_name)                                                                        \
    X(CORE, what_was_put_is_what_is_got)                                                           \
    X(HEAVY, large_objects_come_back_whole)                                                        \
    X(LIGHT, a_stream_of_uneven_pieces_becomes_one_object)                                         \
    X(CORE, a_range_is_what_lies_there)                                                            \
    X(LIGHT, a_read_gives_no_more_than_was_asked_for)                                              \
    X(CORE, head_get_and_list_tell_what_put_told)                                                  \
    X(LIGHT, a_put_replaces_what_was_there)                                                        \
    X(LIGHT, a_get_of_another_etag_is_a_conflict)                                                  \
    X(LIGHT, a_file_is_put_and_got)                                                                \
    X(LIGHT, a_get_that_fails_leaves_the_file_as_it_was)                                           \
    X(LIGHT, what_does_not_fit_the_arena_is_a_limit)                                               \
    X(LIGHT, what_is_not_there_is_not_found)                                                       \
    X(LIGHT, it_is_still_there_when_opened_again)                                                  \
    X(LIGHT, a_delete_is_seen_at_once)                                                             \
    X(HEAVY, many_are_deleted_at_once)                                                             \
    X(LIGHT, a_copy_is_the_same_object)                                                            \
    X(LIGHT, a_copy_keeps_conditions)                                                              \
    X(LIGHT, odd_keys_come_back)                                                                   \
    X(LIGHT, each_printable_character_is_a_key)                                                    \
    X(LIGHT, the_longest_keys_work)                                                                \
    X(HEAVY, a_key_may_be_as_deep_as_it_is_long)                                                   \
    X(LIGHT, a_key_may_lie_below_another)                                                          \
    X(LIGHT, bad_keys_are_refused_by_each_call)                                                    \
    X(LIGHT, own_keys_are_refused_and_not_listed)                                                  \
    X(LIGHT, keys_are_listed_in_the_order_of_their_bytes)                                          \
    X(CORE, a_list_begins_and_ends_where_it_is_told)                                               \
    X(HEAVY, a_list_of_many_pages_has_each_key_once)                                               \
    X(HEAVY, a_list_has_all_that_stay_while_others_come_and_go)                                    \
    X(CORE, create_succeeds_only_where_nothing_is)                                                 \
    X(LIGHT, of_16_that_create_one_wins)                                                           \
    X(LIGHT, a_swap_replaces_just_that_one)                                                        \
    X(CORE, of_16_that_swap_none_is_lost)                                                          \
    X(LIGHT, conditions_have_their_limits)                                                         \
    X(LIGHT, nobody_sees_a_put_before_its_commit)                                                  \
    X(CORE, an_abort_leaves_nothing)                                                               \
    X(LIGHT, a_wrong_number_of_bytes_is_refused)                                                   \
    X(CORE, readers_get_all_of_the_old_or_all_of_the_new)                                          \
    X(LIGHT, a_get_stays_with_the_object_it_began_with)                                            \
    X(LIGHT, threads_do_not_disturb_each_other)                                                    \
    X(LIGHT, a_fired_cancel_ends_each_call)                                                        \
    X(LIGHT, a_cancel_in_the_middle_leaves_nothing)                                                \
    X(LIGHT, a_deadline_ends_streams)                                                              \
    X(LIGHT, progress_is_told_to_the_end)                                                          \
    X(CORE, random_calls_agree_with_the_model)
/* clang-format on */

#define BEHAVIOUR_DECLARE(weight, name) void name(world *w);
BEHAVIOURS(BEHAVIOUR_DECLARE)
#undef BEHAVIOUR_DECLARE

/* ---- contents ---- */

/* Random bytes, the same ones for the same number; different numbers differ in each length. */
#define SAMPLE_MAX (21u << 20)
skep_slice sample(size_t which, size_t len);

void put(world *w, const char *key, skep_slice data);
/* It is there with just that content. */
void assert_holds(skep_store *store, const char *key, skep_slice data);
void assert_none(skep_store *store, const char *key);
/* Read `get` to its end: exactly `data` is still to come. */
void assert_rest(skep_get *get, skep_slice data);
void assert_hash(const skep_object *object, skep_slice data);

/* ---- lists ---- */

typedef struct names {
    char **at;
    size_t count;
} names;
names list_names(skep_store *store, const char *prefix, const char *after, uint64_t limit);
void names_free(names *n);
/* Its keys are these, in this order; the list ends with NULL. */
void assert_listed(skep_store *store, const char *prefix, const char *after, uint64_t limit,
                   const char *const *keys);

#endif
