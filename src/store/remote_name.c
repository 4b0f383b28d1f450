/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "store/remote_private.h"

#define HERE ".skep/"
#define THERE ".skep-client/"

bool skep__remote_is_own(const char *name)
{
    return strncmp(name, THERE, sizeof(THERE) - 1) == 0;
}

int skep__remote_prefix_of(const char *prefix, skep__remote_name out)
{
    bool own = strncmp(prefix, HERE, sizeof(HERE) - 1) == 0;
    size_t skip = own ? sizeof(HERE) - 1 : 0;
    int n = snprintf(out, sizeof(skep__remote_name), "%s%s", own ? THERE : "", prefix + skip);
    if (n < 0 || (size_t)n >= sizeof(skep__remote_name))
        return SKEP__FAIL(SKEP_ELIMIT, "'%.64s...' is too long for a remote store", prefix);
    return SKEP_OK;
}

int skep__remote_name_of(const char *key, skep__remote_name out)
{
    if (skep__remote_is_own(key))
        return SKEP__FAIL(SKEP_EINVALID,
                          "key '%.100s': under " THERE " lies what skep keeps on a server", key);
    return skep__remote_prefix_of(key, out);
}

void skep__remote_key_of(skep__remote_name name)
{
    if (!skep__remote_is_own(name))
        return;
    memcpy(name, HERE, sizeof(HERE) - 1);
    memmove(name + sizeof(HERE) - 1, name + sizeof(THERE) - 1,
            strlen(name + sizeof(THERE) - 1) + 1);
}
