/* SPDX-License-Identifier: MIT */
#include "cli/db/seal.h"

const char *cli_seal_word(int32_t state)
{
    switch (state) {
    case SKEP_SEAL_PLAIN:
        return "plain";
    case SKEP_SEAL_ENCRYPTED:
        return "encrypted";
    case SKEP_SEAL_REKEY_OLD:
        return "rekey_old";
    case SKEP_SEAL_REKEY_NEW:
        return "rekey_new";
    default:
        return "unknown";
    }
}

const char *cli_seal_text(int32_t state)
{
    switch (state) {
    case SKEP_SEAL_PLAIN:
        return "not encrypted";
    case SKEP_SEAL_ENCRYPTED:
        return "encrypted";
    case SKEP_SEAL_REKEY_OLD:
        return "a rekey was interrupted: it opens with the old key; skep db rekey, as it was "
               "called then, finishes";
    case SKEP_SEAL_REKEY_NEW:
        return "a rekey was interrupted at its end: it opens with the new key; skep db rekey, as "
               "it was called then, finishes";
    default:
        return "unknown";
    }
}
