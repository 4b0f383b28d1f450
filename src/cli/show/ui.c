/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/show/text.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN 20
#define MESSAGE_MAX 1200

/* A terminal that draws: not the dumb one of an editor's shell window. */
static bool draws(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) == 1 && term != NULL && strcmp(term, "") != 0 && strcmp(term, "dumb") != 0;
}

/* Only a locale that was chosen and is not UTF-8 speaks against bars and ellipses: a bare system
 * sets none, and its terminal shows them. */
static bool speaks_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return true;
}

void cli_ui_init(cli_ui *ui)
{
    const char *no_colour = getenv("NO_COLOR");
    bool colour = no_colour == NULL || no_colour[0] == '\0';
    memset(ui, 0, sizeof(*ui));
    ui->out_tty = isatty(STDOUT_FILENO) == 1;
    ui->err_tty = draws(STDERR_FILENO);
    ui->out_colour = colour && draws(STDOUT_FILENO);
    ui->err_colour = colour && ui->err_tty;
    ui->utf8 = speaks_utf8();
}

int cli_columns(int fd)
{
    struct winsize size = {0};
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_DEFAULT;
    return size.ws_col < COLUMNS_MIN ? COLUMNS_MIN : size.ws_col;
}

const char *cli_sgr(bool colour, cli_style style)
{
    static const char *const codes[] = {
        [CLI_PLAIN] = "\033[0m",    [CLI_BOLD] = "\033[1m",   [CLI_DIM] = "\033[2m",
        [CLI_GOOD] = "\033[32m",    [CLI_BAD] = "\033[1;31m", [CLI_ACCENT] = "\033[33m",
        [CLI_ACCENT2] = "\033[36m",
    };
    return colour ? codes[style] : "";
}

/* One write for the whole line, so that lines of several processes do not mix. */
static void say_line(const cli_ui *ui, cli_style style, const char *text)
{
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    cli_buf_puts(&line, cli_sgr(ui->err_colour, style));
    cli_buf_puts(&line, "skep: ");
    if (style != CLI_PLAIN)
        cli_buf_puts(&line, cli_sgr(ui->err_colour, CLI_PLAIN));
    (void)cli_show(&line, skep_slice_str(text), CLI_NO_LIMIT, ui->utf8);
    cli_buf_puts(&line, "\n");
    if (line.failed)
        (void)fputs("skep: out of memory\n", stderr);
    else
        (void)fwrite(line.data, 1, line.len, stderr);
    (void)fflush(stderr);
}

void cli_say(const cli_ui *ui, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    say_line(ui, CLI_DIM, text);
}

cli_exit cli_usage(const cli_ui *ui, const char *page, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof(text))
        (void)snprintf(text + len, sizeof(text) - (size_t)len, " (see: skep %s%s--help)", page,
                       page[0] == '\0' ? "" : " ");
    say_line(ui, CLI_BAD, text);
    return CLI_USAGE;
}

/* What a person can do about a code. */
static const char *advice(int code)
{
    switch (code) {
    case SKEP_ENOMEM:
        return "free some memory and try again";
    case SKEP_EINVALID:
        return "correct it and try again";
    case SKEP_ENOTFOUND:
        return "check the name";
    case SKEP_EEXISTS:
        return "choose another key, or update what is there";
    case SKEP_EBUSY:
    case SKEP_ETIMEOUT:
        return "another program may be using it: try again later";
    case SKEP_ECONFLICT:
        return "try again";
    case SKEP_EDENIED:
        return "check the permissions of the file and its directory";
    case SKEP_EREADONLY:
        return "use a statement that only reads";
    case SKEP_ELIMIT:
        return "ask for less at once";
    case SKEP_EFULL:
        return "make room on the disk and try again";
    case SKEP_EIO:
        return "check the disk and the kernel's log";
    case SKEP_ECORRUPT:
        return "check that it is an SQLite database; if it was, restore a backup";
    case SKEP_EVERSION:
        return "use a newer skep";
    case SKEP_EUNSUPPORTED:
        return "this build of skep or this file cannot do it";
    case SKEP_EPOISONED:
        return "check the disk, then open the database again";
    case SKEP_EAUTH:
        return "check the key (--key-file F, or SKEP_KEY)";
    case SKEP_ECONSTRAINT:
        return "change the values, or the rule of the table";
    case SKEP_EMISUSE: /* of the SQL that a user gave: the program itself keeps the rules */
        return "use a statement that a transaction can hold";
    case SKEP_EINTERNAL:
        return "please report this: it is a fault of skep";
    default:
        return "try again";
    }
}

cli_exit cli_fail_advised(const cli_ui *ui, const skep_err *err, const char *todo)
{
    char text[MESSAGE_MAX];
    const char *left = "";
    if (err->outcome == SKEP_OUTCOME_UNKNOWN)
        left = "; whether the change survives is unknown";
    else if (err->outcome == SKEP_OUTCOME_COMMITTED)
        left = "; the change was made all the same";
    (void)snprintf(text, sizeof(text), "%s%s; %s (%s)", err->text, left, todo,
                   skep_code_name(err->code));
    say_line(ui, CLI_BAD, text);
    if (ui->loud > 0)
        cli_say(ui, "room %s, engine code %d, errno %d, outcome %s",
                err->room[0] != '\0' ? err->room : "cli", err->engine_code, err->sys_errno,
                skep_outcome_name(err->outcome));
    return CLI_FAILED;
}

cli_exit cli_fail_err(const cli_ui *ui, const skep_err *err)
{
    return cli_fail_advised(ui, err, advice(err->code));
}

cli_exit cli_fail(const cli_ui *ui)
{
    return cli_fail_err(ui, skep_last_error());
}

static int code_of_errno(int sys_errno)
{
    switch (sys_errno) {
    case ENOENT:
    case ENOTDIR:
        return SKEP_ENOTFOUND;
    case EACCES:
    case EPERM:
        return SKEP_EDENIED;
    case ENOSPC:
    case EDQUOT:
        return SKEP_EFULL;
    case EROFS:
        return SKEP_EREADONLY;
    case ENOMEM:
        return SKEP_ENOMEM;
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case EFBIG:
        return SKEP_ELIMIT;
    case EBADF:
    case EISDIR:
    case EINVAL:
    case ELOOP:
    case ENAMETOOLONG:
        return SKEP_EINVALID;
    default:
        return SKEP_EIO;
    }
}

cli_exit cli_fail_errno(const cli_ui *ui, int sys_errno, const char *what, const char *which)
{
    skep_err err = {.code = code_of_errno(sys_errno), .sys_errno = sys_errno};
    char why[128];
    const char *said = strerror_r(sys_errno, why, sizeof(why));
    (void)snprintf(err.text, sizeof(err.text), "%s %s: %s", what, which, said);
    if (err.code == SKEP_EREADONLY) {
        say_line(ui, CLI_BAD, err.text);
        return CLI_FAILED;
    }
    return cli_fail_err(ui, &err);
}

cli_exit cli_fail_memory(const cli_ui *ui)
{
    skep_err err = {.code = SKEP_ENOMEM, .text = "memory ran out"};
    return cli_fail_err(ui, &err);
}
