/* SPDX-License-Identifier: MIT */
#include "base/line.h"

#include <string.h>

#include "base/queue.h"

void skep__req_push(skep__req_list *list, skep__req *req)
{
    req->next = NULL;
    req->prev = list->tail;
    if (list->tail != NULL)
        list->tail->next = req;
    else
        list->head = req;
    list->tail = req;
    list->count++;
}

static void push_head(skep__req_list *list, skep__req *req)
{
    req->prev = NULL;
    req->next = list->head;
    if (list->head != NULL)
        list->head->prev = req;
    else
        list->tail = req;
    list->head = req;
    list->count++;
}

void skep__req_remove(skep__req_list *list, skep__req *req)
{
    if (req->prev != NULL)
        req->prev->next = req->next;
    else
        list->head = req->next;
    if (req->next != NULL)
        req->next->prev = req->prev;
    else
        list->tail = req->prev;
    list->count--;
}

void skep__line_join(skep__line *line, skep__req *req)
{
    req->arrival = ++line->arrivals;
    skep__req_push(&line->of[req->priority], req);
    line->count++;
}

void skep__line_return(skep__line *line, skep__req *req)
{
    push_head(&line->of[req->priority], req);
    line->count++;
}

void skep__line_leave(skep__line *line, skep__req *req)
{
    skep__req_remove(&line->of[req->priority], req);
    line->count--;
}

/* May be NULL. One that never stood in line and was put back counts as the first of all. */
static bool overdue(const skep__line *line, const skep__req *req)
{
    return req != NULL && req->arrival < line->passed[0];
}

skep__req *skep__line_first(const skep__line *line)
{
    skep__req *high = line->of[SKEP_PRIORITY_HIGH].head;
    skep__req *normal = line->of[SKEP_PRIORITY_NORMAL].head;
    skep__req *low = line->of[SKEP_PRIORITY_LOW].head;
    if (overdue(line, low) && !(overdue(line, normal) && normal->arrival < low->arrival))
        return low;
    if (high != NULL && !overdue(line, normal))
        return high;
    return normal != NULL ? normal : low;
}

skep__req *skep__line_mate(const skep__line *line, int32_t priority)
{
    if (priority == SKEP_PRIORITY_LOW)
        return line->of[SKEP_PRIORITY_LOW].head;
    skep__req *high = line->of[SKEP_PRIORITY_HIGH].head;
    skep__req *normal = line->of[SKEP_PRIORITY_NORMAL].head;
    return high != NULL && !overdue(line, normal) ? high : normal;
}

size_t skep__line_mates(const skep__line *line)
{
    return line->of[SKEP_PRIORITY_HIGH].count + line->of[SKEP_PRIORITY_NORMAL].count;
}

void skep__line_took(skep__line *line, uint64_t latest)
{
    size_t at = 0;
    if (latest <= line->passed[0])
        return;
    while (at + 1 < SKEP__LINE_PASSES && line->passed[at + 1] < latest)
        at++;
    memmove(line->passed, line->passed + 1, at * sizeof(line->passed[0]));
    line->passed[at] = latest;
}
