/* SPDX-License-Identifier: MIT */
#ifndef SKEP_ARENA_H
#define SKEP_ARENA_H

#include <skep/db.h>

/** Memory that is given back all at once, and results collected into it.
 *
 *  Threads: one at a time.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skep_arena skep_arena;

/** At most `max_bytes` (0: 1 GiB) are ever taken. The caller owns `*out`. */
SKEP_API int skep_arena_new(size_t max_bytes, skep_arena **out) SKEP_CHECK;
/** `bytes` bytes, zeroed, aligned for any type, borrowed until the reset or free. SKEP_ELIMIT
 *  beyond the maximum. */
SKEP_API int skep_arena_alloc(skep_arena *arena, size_t bytes, void **out) SKEP_CHECK;
/** Forget everything that was allocated; the memory is kept for the next round. */
SKEP_API void skep_arena_reset(skep_arena *arena);
/** Accepts NULL. */
SKEP_API void skep_arena_free(skep_arena *arena);

/** The rows of a query, all of them. Everything it points to lies in the arena. */
typedef struct skep_table {
    size_t columns;
    size_t rows;
    const char *const *names; /**< of the columns */
    const skep_value *cells;  /**< row by row */
} skep_table;

/** Take all rows that are still to come, and close `rows`, also when that fails. Text and blobs are
 *  copied, with a NUL behind them: the table outlives the transaction. A transaction function
 *  resets the arena at its start, because it may run again. SKEP_ELIMIT where the arena is full;
 *  allow three times the size of the cells. */
SKEP_API int skep_collect(skep_rows *rows, skep_arena *arena, skep_table *out) SKEP_CHECK;

/** Of the first column of that name; case counts. Borrowed from the arena. NULL where there is no
 *  such row or column. */
SKEP_API const skep_value *skep_table_at(const skep_table *table, size_t row, const char *column);

#ifdef __cplusplus
}
#endif
#endif
