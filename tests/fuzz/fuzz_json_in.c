/* SPDX-License-Identifier: MIT */
/* JSON: whatever the bytes are, reading ends within them; and what is passed over as a whole can be
 * read as members or elements too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool truth)
{
    if (!truth)
        abort();
}

static void read_members(skep__json_in *in)
{
    char name[8];
    char text[32];
    skep__json_open(in, '{');
    for (unsigned i = 0; skep__json_member(in, name, sizeof(name)); i++) {
        check(strlen(name) < sizeof(name));
        skep__json_in before = *in;
        if (i % 3 == 0)
            check(skep__json_read_text(in, text, sizeof(text)) == strlen(text));
        else if (i % 3 == 1)
            (void)skep__json_read_int(in);
        else
            (void)skep__json_read_bool(in);
        if (in->bad)
            *in = before;
        if (in->at == before.at)
            skep__json_skip(in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    skep__json_in whole = skep__json_in_of(skep_slice_of(data, size));
    skep__json_in parts = whole;
    skep__json_skip(&whole);
    check(whole.at <= whole.end);
    bool good = skep__json_over(&whole);
    read_members(&parts);
    check(parts.at <= parts.end);
    size_t brackets = 0;
    for (size_t i = 0; i < size; i++)
        brackets += data[i] == '{' || data[i] == '[';
    /* An object that is read to its end is JSON, and is passed over unless it is too deep. */
    check(!skep__json_over(&parts) || good || brackets > SKEP__JSON_IN_DEPTH_MAX);
    return 0;
}
