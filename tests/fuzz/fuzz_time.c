/* SPDX-License-Identifier: MIT */
/* RFC 3339: what is read comes back as the same time from its own text, and every time has one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(int64_t us)
{
    char text[SKEP_TIME_TEXT_SIZE];
    int64_t back = 0;
    if (skep_time_text(us, text) < 0 || strlen(text) != sizeof(text) - 1)
        abort();
    if (skep_time_parse(skep_slice_str(text), &back) < 0 || back != us)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t us = 0;
    if (skep_time_parse(skep_slice_of(data, size), &us) >= 0)
        check_round_trip(us);
    if (size >= sizeof(us)) {
        memcpy(&us, data, sizeof(us));
        if (us >= SKEP__TIME_MIN_US && us <= SKEP__TIME_MAX_US)
            check_round_trip(us);
    }
    return 0;
}
