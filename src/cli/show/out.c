/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

void cli_put(cli_out *out, const void *data, size_t len)
{
    if (out->error != 0 || len == 0)
        return;
    errno = 0;
    if (fwrite(data, 1, len, out->file) != len)
        out->error = errno != 0 ? errno : EIO;
}

void cli_puts(cli_out *out, const char *text)
{
    cli_put(out, text, strlen(text));
}

void cli_putc(cli_out *out, char c)
{
    cli_put(out, &c, 1);
}

void cli_pad(cli_out *out, int columns)
{
    static const char blanks[] = "                                ";
    for (int left = columns; left > 0;) {
        int now = left < (int)sizeof(blanks) - 1 ? left : (int)sizeof(blanks) - 1;
        cli_put(out, blanks, (size_t)now);
        left -= now;
    }
}

void cli_printf(cli_out *out, const char *fmt, ...)
{
    if (out->error != 0)
        return;
    va_list args;
    va_start(args, fmt);
    errno = 0;
    if (vfprintf(out->file, fmt, args) < 0)
        out->error = errno != 0 ? errno : EIO;
    va_end(args);
}

cli_exit cli_out_end(cli_out *out, const cli_ui *ui, cli_exit status)
{
    errno = 0;
    if (out->error == 0 && fflush(out->file) != 0)
        out->error = errno != 0 ? errno : EIO;
    if (out->error == 0)
        return status;
    if (out->error != EPIPE && status != CLI_FAILED)
        (void)cli_fail_errno(ui, out->error, "write to", "standard output");
    return CLI_FAILED;
}
