/* SPDX-License-Identifier: MIT */
#include "harness/sizes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t table[SIZE_COUNT][3] = {
#define HARNESS_SIZE_ROW(id, quick, full, nightly) [id] = {(quick), (full), (nightly)},
    HARNESS_SIZES(HARNESS_SIZE_ROW)
#undef HARNESS_SIZE_ROW
};
static const char *const names[3] = {"quick", "full", "nightly"};

static size_t column(void)
{
    const char *text = getenv("SKEP_TEST_SIZE");
    if (text == NULL || *text == '\0')
        return 0;
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0)
            return i;
    }
    (void)fprintf(stderr, "harness: SKEP_TEST_SIZE=%s is not quick, full or nightly\n", text);
    exit(2);
}

uint64_t harness_size(harness_size_id id)
{
    uint64_t count = table[id][column()];
    return count != 0 ? count : UINT64_MAX;
}

const char *harness_size_name(void)
{
    return names[column()];
}
