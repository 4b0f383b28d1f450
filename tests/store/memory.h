/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORE_MEMORY_H
#define TESTS_STORE_MEMORY_H

#include <skep/store.h>

/* A store in memory: the reference that others are compared with, and the proof that an engine can
 * be written from include/skep/sys alone: memory.c includes nothing else of skep.
 *
 * `caps`: SKEP_STORE_… bits that it is to have; others it does not have, and would not keep. */
#define MEMORY_CAPS                                                                                \
    (SKEP_STORE_CAN_CREATE | SKEP_STORE_CAN_SWAP | SKEP_STORE_CAN_COPY | SKEP_STORE_KEEPS_HASH |   \
     SKEP_STORE_LISTS_BYTES)
int memory_store_open(uint32_t caps, skep_store **out) SKEP_CHECK;

#endif
