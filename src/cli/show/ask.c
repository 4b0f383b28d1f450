/* SPDX-License-Identifier: MIT */
#include "cli/show/ask.h"

#include <string.h>
#include <unistd.h>

#include "cli/show/text.h"

#define ANSWER_MAX 16

static bool says_yes(void)
{
    char answer[ANSWER_MAX] = "";
    if (fgets(answer, sizeof(answer), stdin) == NULL)
        return false;
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcmp(answer, "yes") == 0 || strcmp(answer, "y") == 0;
}

cli_exit cli_confirm(const cli_call *call, const char *what)
{
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    if (cli_has(call, CLI_OPT_YES))
        return CLI_DONE;
    if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1)
        return cli_usage(call->ui, call->page, "%s: add --yes, for there is nobody to ask", what);
    (void)cli_show(&line, skep_slice_str(what), CLI_NO_LIMIT, call->ui->utf8);
    (void)fprintf(stderr, "skep: %s. Go on? (yes/no) ", line.data != NULL ? line.data : "");
    (void)fflush(stderr);
    if (says_yes())
        return CLI_DONE;
    cli_say(call->ui, "nothing was changed");
    return CLI_FAILED;
}
