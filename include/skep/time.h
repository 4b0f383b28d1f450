/* SPDX-License-Identifier: MIT */
#ifndef SKEP_TIME_H
#define SKEP_TIME_H

#include <skep/value.h>

/** Points in time: integer microseconds since 1970, UTC; RFC 3339 where people read them.
 *
 *  Threads: shared.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define SKEP_TIME_TEXT_SIZE 28 /**< "2026-11-21T10:27:18.123456Z" and its NUL */

/** This moment. The system's clock: it may jump. */
SKEP_API int64_t skep_now_us(void);
/** Always in UTC and with six digits: as text these sort as they do in time. Years 0 to 9999, else
 *  SKEP_EINVALID. */
SKEP_API int skep_time_text(int64_t us, char out[SKEP_TIME_TEXT_SIZE]) SKEP_CHECK;
/** RFC 3339: any offset, any number of digits after the second (cut to six), 'T', 't' or one blank
 *  in the middle. A leap second is the second that follows it. All else is SKEP_EINVALID. */
SKEP_API int skep_time_parse(skep_slice text, int64_t *us) SKEP_CHECK;

#ifdef __cplusplus
}
#endif
#endif
