/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/show/text.h"

/* Without this, the first file that is opened becomes the standard output of a program that was
 * started without one, and a result is written into a database. The wrong direction on purpose:
 * using it must fail. */
static bool hold_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

/* What the library does in the background, with -v; its warnings always. */
static void show_event(const skep_event *event, void *ctx)
{
    const cli_ui *ui = ctx;
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    if (ui->loud < 1 && event->level < (ui->loud < 0 ? SKEP_ERROR : SKEP_WARNING))
        return;
    if (ui->loud < 1 && ui->own_event != NULL && strcmp(ui->own_event, event->name) == 0)
        return;
    cli_buf_puts(&line, event->name);
    for (size_t i = 0; i < event->field_count; i++) {
        const skep_field *field = &event->fields[i];
        char number[32];
        cli_buf_puts(&line, " ");
        cli_buf_puts(&line, field->key);
        cli_buf_puts(&line, "=");
        switch (field->value.type) {
        case SKEP_TEXT:
            cli_buf_add(&line, field->value.u.s.data, field->value.u.s.len);
            break;
        case SKEP_REAL:
            cli_buf_puts(&line, cli_real(field->value.u.r).s);
            break;
        default:
            (void)snprintf(number, sizeof(number), "%lld", (long long)field->value.u.i);
            cli_buf_puts(&line, number);
        }
    }
    if (!line.failed)
        cli_say(ui, "%s", line.data);
}

int main(int argc, char **argv)
{
    cli_ui ui;
    cli_call call CLI_CLEANUP(cli_call_dispose) = {.ui = &ui};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    cli_exit status = CLI_DONE;
    if (!hold_standard_files() || sigaction(SIGPIPE, &ignore, NULL) != 0)
        return CLI_FAILED;
    cli_ui_init(&ui);
    skep_set_event_sink(show_event, &ui, SKEP_DEBUG);
    if (cli_parse(argc, argv, &call, &status))
        status = call.command->run(&call);
    skep_set_event_sink(NULL, NULL, SKEP_ERROR);
    return (int)status;
}
