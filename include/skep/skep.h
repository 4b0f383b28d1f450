/* SPDX-License-Identifier: MIT */
#ifndef SKEP_SKEP_H
#define SKEP_SKEP_H

/** skep: an embedded data layer for applications. This header includes all of the public API. */

#include <skep/alloc.h>
#include <skep/arena.h>
#include <skep/async.h>
#include <skep/cancel.h>
#include <skep/db.h>
#include <skep/event.h>
#include <skep/filter.h>
#include <skep/health.h>
#include <skep/inspect.h>
#include <skep/key.h>
#include <skep/lease.h>
#include <skep/maintain.h>
#include <skep/mirror.h>
#include <skep/seal.h>
#include <skep/status.h>
#include <skep/store.h>
#include <skep/time.h>
#include <skep/value.h>
#include <skep/version.h>

#endif
