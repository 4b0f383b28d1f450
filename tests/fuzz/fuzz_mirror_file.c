/* SPDX-License-Identifier: MIT */
/* Whatever a mirror's INI file says: it is refused, or each of its stores has a URI. */
#include <stdint.h>
#include <stdlib.h>

#include "store/mirror_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    skep__mirror_file file;
    if (skep__mirror_file_parse(skep_slice_of(data, size), "fuzz", &file) >= 0) {
        if (file.n < 2 || file.n > SKEP_MIRROR_STORES_MAX)
            abort();
        for (size_t i = 0; i < file.n; i++) {
            if (skep__settings_text(&file.stores[i], SKEP__MIRROR_URI) == NULL)
                abort();
        }
    }
    skep__mirror_file_dispose(&file);
    return 0;
}
