/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_LIMITED_H
#define SKEP__STORE_LIMITED_H

#include <stdint.h>

/* A rate: each amount takes its time after the one before it. Who comes after a pause may be ahead
 * of the rate by SKEP__PACE_CREDIT_NS, no more. */
typedef struct skep__pace {
    uint64_t per_second; /* 0: no limit */
    uint64_t free_ns;    /* when all that was let pass has had its time */
} skep__pace;

#define SKEP__PACE_CREDIT_NS (UINT64_C(50) * 1000000)

/* Let `amount` pass at the earliest time from `now_ns` on that the rate allows; returns it. */
uint64_t skep__pace_take(skep__pace *pace, uint64_t amount, uint64_t now_ns);

#endif
