/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_LINE_H
#define SKEP__BASE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skep/db.h>

/* Who goes next: a line for each priority, in order of arrival.
 *
 * HIGH goes before NORMAL, and LOW when nobody else is there. Nobody starves: one that has been
 * passed SKEP__LINE_PASSES times goes next. To be passed is to stay while somebody goes who came
 * later. Of all who ever went, the line keeps the latest arrivals, one for each time that something
 * was taken; whoever came before the least of these has been passed as often as there are of them.
 *
 * Threads: one at a time.
 */

#define SKEP__LINE_CLASSES 3
#define SKEP__LINE_PASSES 8

typedef struct skep__req skep__req;

typedef struct skep__req_list {
    skep__req *head;
    skep__req *tail;
    size_t count;
} skep__req_list;

typedef struct skep__line {
    skep__req_list of[SKEP__LINE_CLASSES]; /* by skep_priority */
    size_t count;
    uint64_t arrivals;
    uint64_t passed[SKEP__LINE_PASSES]; /* arrivals, ascending */
} skep__line;

void skep__req_push(skep__req_list *list, skep__req *req);
void skep__req_remove(skep__req_list *list, skep__req *req);

void skep__line_join(skep__line *line, skep__req *req);
/* It had been taken, and was not served: back to where it stood. */
void skep__line_return(skep__line *line, skep__req *req);
void skep__line_leave(skep__line *line, skep__req *req);
/* Who goes next; NULL: nobody is there. */
skep__req *skep__line_first(const skep__line *line);
/* Who goes with one of class `priority` that was taken; NULL: nobody. */
skep__req *skep__line_mate(const skep__line *line, int32_t priority);
/* Those that could go with one that is not LOW. */
size_t skep__line_mates(const skep__line *line);
/* Something was taken: the latest arrival in it, 0 if it never stood in line. */
void skep__line_took(skep__line *line, uint64_t latest);

#endif
