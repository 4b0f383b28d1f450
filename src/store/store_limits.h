/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_LIMITS_H
#define SKEP__STORE_LIMITS_H

/* Every ceiling of this room. Reaching one is SKEP_ELIMIT unless it says otherwise. */

#endif
