/* SPDX-License-Identifier: MIT */
/* Whatever an object begins with: looking at it stays inside of it, and what is not genuine does
 * not open. */
#include <stdint.h>
#include <stdlib.h>

#include "crypto/sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static skep__data_key *key;
    skep__sealed_head head;
    skep__sealed *s = NULL;
    uint64_t plain = 0;
    skep_slice bytes = skep_slice_of(data, size);
    if (skep__sealed_look(bytes, &head) < 0)
        return 0;
    const char *name = head.name.data;
    if (head.bytes > size || name < (const char *)data ||
        name + head.name.len > (const char *)data + size)
        abort();
    if (skep__sealed_plain_of(size - head.bytes, &plain) >= 0 &&
        skep__sealed_body_bytes(plain) != size - head.bytes)
        abort();
    if (key == NULL && skep__data_key_new(head.lineage, &key) < 0)
        return 0;
    if (skep__sealed_open(bytes, key, skep_slice_of(NULL, 0), &s) >= 0)
        abort(); /* under a key that nobody has sealed with */
    return 0;
}
