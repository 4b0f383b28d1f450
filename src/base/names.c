/* SPDX-License-Identifier: MIT */
#include <skep/status.h>

/* Indexed by the negated code. */
static const char *const code_names[] = {
    "SKEP_OK",        "SKEP_ENOMEM",    "SKEP_EINVALID", "SKEP_EMISUSE",       "SKEP_ENOTFOUND",
    "SKEP_EEXISTS",   "SKEP_EBUSY",     "SKEP_ETIMEOUT", "SKEP_ECANCELLED",    "SKEP_ECONFLICT",
    "SKEP_EDENIED",   "SKEP_EREADONLY", "SKEP_ELIMIT",   "SKEP_EFULL",         "SKEP_EIO",
    "SKEP_ENET",      "SKEP_ECORRUPT",  "SKEP_EVERSION", "SKEP_EUNSUPPORTED",  "SKEP_EPOISONED",
    "SKEP_ECLOSED",   "SKEP_EAUTH",     "SKEP_EFENCED",  "SKEP_EUNREPLICATED", "SKEP_ECONSTRAINT",
    "SKEP_EINTERNAL",
};
_Static_assert(sizeof(code_names) / sizeof(code_names[0]) == 1 - SKEP_EINTERNAL,
               "each code has its name");

const char *skep_code_name(int code)
{
    if (code <= SKEP_EUSER)
        return "SKEP_EUSER";
    if (code > 0 || code < SKEP_EINTERNAL)
        return "?";
    return code_names[-code];
}

const char *skep_outcome_name(int outcome)
{
    static const char *const names[] = {"none", "rolled back", "committed", "unknown"};
    if (outcome < SKEP_OUTCOME_NONE || outcome > SKEP_OUTCOME_UNKNOWN)
        return "?";
    return names[outcome];
}
