/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

#define NAME_COLUMNS 16
#define LABEL_MAX 64
#define CHOICE_MAX 256
#define LINE_COLUMNS 80
#define NEXT_COLUMN 11 /* where a command line goes on */

static const char *bold(const cli_out *out)
{
    cli_ui ui;
    cli_ui_init(&ui);
    bool colour = out->file == stdout ? ui.out_colour : ui.err_colour;
    return cli_sgr(colour, CLI_BOLD);
}

static void heading(cli_out *out, const char *text)
{
    const char *on = bold(out);
    cli_printf(out, "\n%s%s%s\n", on, text, on[0] == '\0' ? "" : cli_sgr(true, CLI_PLAIN));
}

static void entry(cli_out *out, int columns, const char *name, const char *text)
{
    cli_printf(out, "  %-*s %s\n", columns, name, text);
}

static int label_of(const cli_option *option, char label[LABEL_MAX])
{
    char letter[3] = {'-', option->letter, '\0'};
    return snprintf(label, LABEL_MAX, "%s%s%s%s%s%s", option->letter != 0 ? letter : "",
                    option->letter != 0 && option->name != NULL ? ", " : "",
                    option->name != NULL ? "--" : "", option->name != NULL ? option->name : "",
                    option->value != NULL ? " " : "", option->value != NULL ? option->value : "");
}

/* As wide as the longest of them. */
static void options(cli_out *out, const cli_option *list)
{
    char label[LABEL_MAX];
    int columns = NAME_COLUMNS;
    for (const cli_option *option = list; option->id != 0; option++) {
        int width = option->help != NULL ? label_of(option, label) : 0;
        columns = width > columns ? width : columns;
    }
    for (const cli_option *option = list; option->id != 0; option++)
        if (option->help != NULL) {
            (void)label_of(option, label);
            entry(out, columns, label, option->help);
        }
}

static void lines(cli_out *out, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        cli_printf(out, len > 0 ? "  %.*s\n" : "%.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

/* Add one word to a line that began at column `*column`; go on below it where it gets too long. */
static void word(cli_out *out, const char *text, int *column)
{
    int width = (int)strlen(text);
    if (*column + 1 + width > LINE_COLUMNS) {
        cli_puts(out, "\n");
        cli_pad(out, NEXT_COLUMN);
        *column = NEXT_COLUMN - 1;
    }
    cli_puts(out, *column < NEXT_COLUMN ? "" : " ");
    cli_puts(out, text);
    *column += 1 + width;
}

/* An option, or those of one choice, as a word: in brackets where it may be left out. Returns the
 * option behind them. */
static const cli_option *choice(cli_out *out, const cli_option *option, int *column)
{
    char text[CHOICE_MAX] = "";
    size_t len = 0;
    const cli_option *end = cli_choice_end(option);
    bool may = option->times != CLI_ONCE && option->times != CLI_ONE_OF;
    if (option->help == NULL)
        return end;
    for (const cli_option *one = option; one < end && len < sizeof(text); one++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s--%s%s%s",
                                one > option ? "|"
                                : may        ? "["
                                             : "",
                                one->name, one->value != NULL ? " " : "",
                                one->value != NULL ? one->value : "");
    if (len < sizeof(text))
        (void)snprintf(text + len, sizeof(text) - len, "%s%s", may ? "]" : "",
                       option->times == CLI_MANY ? "..." : "");
    word(out, text, column);
    return end;
}

static void command_line(cli_out *out, const cli_command *command, int column)
{
    char text[LABEL_MAX];
    int len =
        snprintf(text, sizeof(text), "skep %s%s%s", command->noun, command->verb != NULL ? " " : "",
                 command->verb != NULL ? command->verb : "");
    cli_puts(out, text);
    column += len;
    for (const cli_arg *arg = command->args; arg->name != NULL; arg++) {
        (void)snprintf(text, sizeof(text), "%s%s%s", arg->times == CLI_ARG_MAYBE ? "[" : "",
                       arg->name,
                       arg->times == CLI_ARG_MANY    ? "..."
                       : arg->times == CLI_ARG_MAYBE ? "]"
                                                     : "");
        word(out, text, &column);
    }
    for (const cli_option *option = command->options; option->id != 0;)
        option = choice(out, option, &column);
    word(out, "[--json]", &column);
    cli_puts(out, "\n");
}

static void endings(cli_out *out)
{
    heading(out, "Exit status");
    cli_puts(out, "  0 done  1 found something wrong  2 usage  3 the operation failed\n");
}

static void nouns(cli_out *out)
{
    for (const cli_noun *noun = cli_nouns; noun->name != NULL; noun++)
        entry(out, NAME_COLUMNS, noun->name, noun->summary);
}

static void verbs(cli_out *out, const char *noun)
{
    for (const cli_command *row = cli_commands; row->noun != NULL; row++)
        if (strcmp(row->noun, noun) == 0 && row->verb != NULL)
            entry(out, NAME_COLUMNS, row->verb, row->summary);
}

static void everywhere(cli_out *out)
{
    heading(out, "Everywhere");
    options(out, cli_globals);
}

void cli_help_short(FILE *to)
{
    cli_out out = {to, 0};
    cli_puts(&out, "skep: an embedded data layer for applications\n\n"
                   "Usage: skep [-C DIR] [--json] [-q|-v] NOUN VERB [ARGS]\n\n");
    nouns(&out);
    cli_puts(&out, "\nBegin with: skep tour    All about it: skep --help, man skep\n");
}

void cli_help_program(cli_out *out)
{
    cli_puts(out, "skep: an embedded data layer for applications\n\n"
                  "Usage: skep [-C DIR] [--json] [-q|-v] NOUN VERB [ARGS]\n");
    for (const cli_noun *noun = cli_nouns; noun->name != NULL; noun++) {
        heading(out, noun->name);
        cli_printf(out, "  %s\n", noun->summary);
        for (const cli_command *row = cli_commands; row->noun != NULL; row++) {
            if (strcmp(row->noun, noun->name) != 0)
                continue;
            cli_puts(out, "    ");
            command_line(out, row, 4);
        }
    }
    everywhere(out);
    endings(out);
    cli_puts(out, "\nskep NOUN VERB --help tells more of each; so do man skep, man skep-db.\n"
                  "Tab completion for bash, zsh and fish: skep --completion SHELL\n");
}

void cli_help_noun(cli_out *out, const cli_noun *noun)
{
    cli_printf(out, "Usage: skep %s VERB [ARGS]\n\n%s\n", noun->name, noun->summary);
    heading(out, "Verbs");
    verbs(out, noun->name);
    cli_printf(out, "\nskep %s VERB --help tells more of each.\n", noun->name);
}

void cli_help_command(cli_out *out, const cli_command *command)
{
    cli_puts(out, "Usage: ");
    command_line(out, command, 7);
    cli_printf(out, "\n%s.\n", command->summary);
    if (command->about != NULL)
        cli_printf(out, "\n%s\n", command->about);
    if (command->options->id != 0) {
        heading(out, "Options");
        options(out, command->options);
    }
    everywhere(out);
    heading(out, "Examples");
    lines(out, command->examples);
    endings(out);
    cli_printf(out, "\nManual: %s\n", command->manual);
}
