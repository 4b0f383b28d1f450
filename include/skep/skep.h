/* SPDX-License-Identifier: MIT */
#ifndef SKEP_SKEP_H
#define SKEP_SKEP_H

/** skep: an embedded data layer for applications. This header includes all of the public API. */

#include <skep/alloc.h>
#include <skep/db.h>
#include <skep/event.h>
#include <skep/status.h>
#include <skep/value.h>
#include <skep/version.h>

#endif
