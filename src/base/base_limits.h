/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_LIMITS_H
#define SKEP__BASE_LIMITS_H

/* Every ceiling of this room. Reaching one is SKEP_ELIMIT unless it says otherwise. */

#define SKEP__BUF_CEILING ((size_t)1 << 30) /* bytes: the highest maximum of a buffer */

#define SKEP__ARENA_MAX ((size_t)1 << 30) /* bytes of an arena that names no maximum */
#define SKEP__ARENA_CHUNKS 64             /* each doubles what there is, so more than memory */

#define SKEP__THREAD_NAME_MAX 16 /* with the NUL: the kernel's own limit; longer names are cut */

#define SKEP__SETTINGS_ROWS_MAX 256 /* rows of one settings table; more is a broken table */
#define SKEP__SETTING_NAME_MAX 48   /* bytes of "section.key" in a table */
#define SKEP__SETTING_TEXT_MAX 4096 /* bytes of one value's text */
#define SKEP__SETTINGS_FILE_MAX (1024 * 1024) /* bytes of one INI text */
#define SKEP__SETTINGS_LINE_MAX 197           /* bytes of one INI line: libinih's buffer */

#endif
