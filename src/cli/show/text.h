/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_SHOW_TEXT_H
#define SKEP__CLI_SHOW_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <skep/value.h>

/* Text as a person sees it: width on the screen, and numbers with units. */

/* A growing piece of text. A failed allocation is remembered and empties it. */
typedef struct cli_buf {
    char *data; /* NUL-terminated once something was added */
    size_t len;
    size_t cap;
    bool failed;
} cli_buf;

void cli_buf_add(cli_buf *buf, const void *data, size_t len);
void cli_buf_puts(cli_buf *buf, const char *text);
void cli_buf_dispose(cli_buf *buf);

/* realloc() and a copy of `len` bytes with a NUL, for what is kept in a list of structs: there the
 * compiler's search for leaks loses sight of its owner, and sees one that is none. NULL: no memory;
 * `old` then stands as it was. */
void *cli_resize(void *old, size_t bytes);
char *cli_copy(const void *data, size_t len);

#define CLI_NO_LIMIT (-1)

/* Add `text` as it may be shown: control characters and what reorders a line as escapes, invalid
 * UTF-8 as U+FFFD. At most `columns` wide, the cut marked by an ellipsis. Returns the width. */
int cli_show(cli_buf *buf, skep_slice text, int columns, bool utf8);
/* Like cli_show, but keeps the end of the text: for paths. */
int cli_show_tail(cli_buf *buf, skep_slice text, int columns, bool utf8);
bool cli_is_utf8(skep_slice text);

/* A short text by value, so that it can be an argument of printf: cli_count(n).s */
typedef struct cli_short {
    char s[40];
} cli_short;

cli_short cli_count(uint64_t n);     /* 46,410 */
cli_short cli_bytes(uint64_t n);     /* 312 MB */
cli_short cli_duration(uint64_t ns); /* 1.61 s, 0.51 ms */
cli_short cli_clock(uint64_t ns);    /* 0:07, 1:02:03 */
cli_short cli_age(int64_t us);       /* 0.41 s, 12 min, 3 h, 5 days */
cli_short cli_real(double r);        /* shortest text that reads back as `r` */
cli_short cli_date(int64_t seconds); /* 2026-11-21 09:13, UTC */

/* A bar of `share` (0 to 1) of `columns`, in eighths of a column where `utf8`; padded to full width
 * with blanks if `pad`. */
void cli_bar(cli_buf *buf, double share, int columns, bool utf8, bool pad);

/* How far two words are apart in single edits; for "did you mean". */
unsigned cli_distance(const char *a, const char *b);

uint64_t cli_now_ns(void);

#endif
