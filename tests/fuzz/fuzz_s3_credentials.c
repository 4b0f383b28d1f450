/* SPDX-License-Identifier: MIT */
/* Whatever a shared file of Amazon's tools holds: a value is one line of it, without blanks around.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(skep_slice text, const char *section, const char *key)
{
    char out[256];
    int found = skep__s3_profile_value(text, section, key, out, sizeof(out));
    if (found < 0) {
        if (found != SKEP_ELIMIT)
            abort();
        return;
    }
    if (strchr(out, '\n') != NULL)
        abort();
    /* A NUL in the file ends a text early: what is there of it is still the file's. */
    size_t len = strlen(out);
    if (found == 0 ? len != 0 : len > 0 && memmem(text.data, text.len, out, len) == NULL)
        abort();
    if (len > 0 && (out[0] == ' ' || out[0] == '\t'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    skep_slice text = skep_slice_of(data, size);
    check(text, "default", "aws_access_key_id");
    check(text, "default", "aws_session_token");
    check(text, "profile x y", "region");
    return 0;
}
