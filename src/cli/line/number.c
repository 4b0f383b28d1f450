/* SPDX-License-Identifier: MIT */
#include "cli/line/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

static const char *name_of(const cli_call *call, cli_option_id id)
{
    for (const cli_option *option = call->command->options; option->id != 0; option++)
        if (option->id == id)
            return option->name;
    return "";
}

cli_exit cli_number(const cli_call *call, cli_option_id id, uint64_t min, uint64_t max,
                    uint64_t *out)
{
    const char *text = cli_value(call, id);
    char *end = NULL;
    if (text == NULL)
        return CLI_DONE;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    bool whole = isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0;
    if ((!whole || number < min) && max >= SIZE_MAX)
        return cli_usage(call->ui, call->page, "--%s %s: it is a whole number from %llu on",
                         name_of(call, id), text, (unsigned long long)min);
    if (!whole || number < min || number > max)
        return cli_usage(call->ui, call->page, "--%s %s: it is a whole number from %llu to %llu",
                         name_of(call, id), text, (unsigned long long)min, (unsigned long long)max);
    *out = number;
    return CLI_DONE;
}
