/* SPDX-License-Identifier: MIT */
#ifndef SKEP_VERSION_H
#define SKEP_VERSION_H

#include <skep/status.h>

#define SKEP_VERSION_MAJOR 0
#define SKEP_VERSION_MINOR 1
#define SKEP_VERSION_PATCH 0
#define SKEP_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/** Versions of the library that is running, which may be newer than this header. Static storage. */
SKEP_API const char *skep_version(void);
SKEP_API const char *skep_sqlite_version(void);    /**< "3.53.4" */
SKEP_API const char *skep_sqlite_mc_version(void); /**< "SQLite3 Multiple Ciphers 2.4.0" */

#ifdef __cplusplus
}
#endif
#endif
