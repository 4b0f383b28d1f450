/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORE_S3_FAKE_H
#define TESTS_STORE_S3_FAKE_H

#include "store/s3_server.h"

/* A bucket "b" in memory behind a scripted front: objects as front_objects keeps them, lists, and
 * uploads in parts. It looks at no signature. So each test of a fault runs everywhere. */

typedef struct s3_fake {
    front *front;
    front_table *table;
    skep_store *store;
    struct {
        char *at[64];
        size_t len[64];
    } parts;                    /* of the one upload that may be there */
    char upload_headers[512];   /* what it was begun with */
    int uploads;                /* begun and not ended */
    const char *const *listing; /* pages of XML, one after the other; NULL: no lists */
    size_t page;
    char *said[64]; /* bodies of s3_fake_answer() */
    size_t said_count;
} s3_fake;

/* Waits between attempts are a thousandth of what they are. `more` (NULL: nothing) sets options. */
s3_fake *s3_fake_open(void (*more)(skep_store_opts *opts));
void s3_fake_close(s3_fake *fake);

/* From now on `fault` for those requests. */
void s3_fake_rule(s3_fake *fake, const char *method, const char *target, uint64_t count,
                  front_fault fault);
/* An answer as S3 would word it. */
void s3_fake_answer(s3_fake *fake, const char *method, const char *target, uint64_t count,
                    int status, const char *code);
/* The same with more in it. */
void s3_fake_say(s3_fake *fake, const front_rule *rule);

#endif
