/* SPDX-License-Identifier: MIT */
#ifndef SKEP_CANCEL_H
#define SKEP_CANCEL_H

#include <skep/status.h>

/** A switch that ends waiting and running calls with SKEP_ECANCELLED.
 *
 *  Threads: shared.
 */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skep_cancel skep_cancel;

/** Fire it from any thread (not from a signal handler); it stays fired. Free it after the last call
 *  that names it returned. One that was given to calls which a fork() found running is not for the
 *  child. */
SKEP_API int skep_cancel_new(skep_cancel **out) SKEP_CHECK;
SKEP_API void skep_cancel_fire(skep_cancel *cancel);
/** 1: it was fired. NULL never is. */
SKEP_API int skep_cancel_fired(const skep_cancel *cancel);
SKEP_API void skep_cancel_free(skep_cancel *cancel);

#ifdef __cplusplus
}
#endif
#endif
