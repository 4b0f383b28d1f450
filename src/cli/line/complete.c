/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <string.h>

/* Completion scripts for three shells, written from the table of commands, so that they cannot know
 * less than the parser does. What the table does not show (help is NULL) they do not offer. */

typedef void each_option_fn(cli_out *out, const cli_option *option, const char *where);

static void each_option(cli_out *out, const cli_option *list, each_option_fn *fn, const char *where)
{
    for (; list->id != 0; list++)
        if (list->help != NULL)
            fn(out, list, where);
}

/* ---- bash ---- */

static void bash_word(cli_out *out, const cli_option *option, const char *where)
{
    (void)where;
    if (option->letter != 0)
        cli_printf(out, "-%c ", option->letter);
    if (option->name != NULL)
        cli_printf(out, "--%s ", option->name);
}

static const char *bash_action(cli_kind kind)
{
    switch (kind) {
    case CLI_FILE:
        return "compgen -f -- \"$cur\"";
    case CLI_DIRECTORY:
        return "compgen -d -- \"$cur\"";
    case CLI_NOTHING:
    case CLI_TEXT:
    case CLI_WORDS:
        break;
    }
    return "true";
}

/* What may follow an option that takes a value. */
static void bash_value(cli_out *out, const cli_option *option, const char *where)
{
    (void)where;
    if (option->value == NULL)
        return;
    cli_puts(out, "        ");
    if (option->letter != 0)
        cli_printf(out, "-%c%s", option->letter, option->name != NULL ? "|" : "");
    if (option->name != NULL)
        cli_printf(out, "--%s", option->name);
    if (option->kind == CLI_WORDS)
        cli_printf(out, ") mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\"); return ;;\n",
                   option->words);
    else
        cli_printf(out, ") mapfile -t COMPREPLY < <(%s); return ;;\n", bash_action(option->kind));
}

static void bash_takes_value(cli_out *out, const cli_option *option, const char *where)
{
    (void)where;
    if (option->value == NULL)
        return;
    if (option->letter != 0)
        cli_printf(out, "|-%c", option->letter);
    if (option->name != NULL)
        cli_printf(out, "|--%s", option->name);
}

static void bash_command(cli_out *out, const cli_command *row)
{
    cli_printf(out, "        '%s %s')\n            options='", row->noun,
               row->verb != NULL ? row->verb : "");
    each_option(out, row->options, bash_word, NULL);
    cli_puts(out, "'\n            case $place in\n");
    int place = 0;
    for (const cli_arg *arg = row->args; arg->name != NULL; arg++, place++) {
        if (arg->times == CLI_ARG_MANY)
            cli_puts(out, "                *) ");
        else
            cli_printf(out, "                %d) ", place);
        if (arg->kind == CLI_WORDS)
            cli_printf(out, "words='%s'", arg->words);
        else
            cli_printf(out, "action='%s'", bash_action(arg->kind));
        cli_puts(out, " ;;\n");
    }
    cli_puts(out, "            esac ;;\n");
}

static void bash_verbs(cli_out *out, const cli_noun *noun)
{
    bool any = false;
    for (const cli_command *row = cli_commands; row->noun != NULL; row++) {
        if (strcmp(row->noun, noun->name) != 0 || row->verb == NULL)
            continue;
        if (any)
            cli_printf(out, " %s", row->verb);
        else
            cli_printf(out, "        '%s ') words='%s", noun->name, row->verb);
        any = true;
    }
    if (any)
        cli_puts(out, "' ;;\n");
}

/* The nouns that are commands by themselves: what follows them is no verb. */
static void bash_whole_nouns(cli_out *out)
{
    for (const cli_command *row = cli_commands; row->noun != NULL; row++)
        if (row->verb == NULL)
            cli_printf(out, "|%s", row->noun);
}

static void bash(cli_out *out)
{
    cli_puts(out, "# bash completion for skep; made by: skep --completion bash\n"
                  "_skep() {\n"
                  "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                  "    local noun= verb= options= words= action=true i skip= place=0\n"
                  "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                  "        if [[ $skip ]]; then skip=; continue; fi\n"
                  "        case ${COMP_WORDS[i]} in\n"
                  "            --none");
    each_option(out, cli_globals, bash_takes_value, NULL);
    for (const cli_command *row = cli_commands; row->noun != NULL; row++)
        each_option(out, row->options, bash_takes_value, NULL);
    cli_puts(out, ") skip=1 ;;\n"
                  "            -*) ;;\n"
                  "            *) if [[ ! $noun ]]; then noun=${COMP_WORDS[i]}\n"
                  "               else case $noun in\n"
                  "                    --none");
    bash_whole_nouns(out);
    cli_puts(out, ") place=$((place + 1)) ;;\n"
                  "                    *) if [[ ! $verb ]]; then verb=${COMP_WORDS[i]}\n"
                  "                       else place=$((place + 1)); fi ;;\n"
                  "               esac; fi ;;\n"
                  "        esac\n"
                  "    done\n"
                  "    case $prev in\n");
    each_option(out, cli_globals, bash_value, NULL);
    for (const cli_command *row = cli_commands; row->noun != NULL; row++)
        each_option(out, row->options, bash_value, NULL);
    cli_puts(out, "    esac\n    case \"$noun $verb\" in\n        ' ') words='");
    for (const cli_noun *noun = cli_nouns; noun->name != NULL; noun++)
        cli_printf(out, "%s ", noun->name);
    cli_puts(out, "' ;;\n");
    for (const cli_noun *noun = cli_nouns; noun->name != NULL; noun++)
        bash_verbs(out, noun);
    for (const cli_command *row = cli_commands; row->noun != NULL; row++)
        bash_command(out, row);
    cli_puts(out, "    esac\n    options+='");
    each_option(out, cli_globals, bash_word, NULL);
    cli_puts(out, "'\n"
                  "    if [[ $cur == -* ]]; then\n"
                  "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
                  "    elif [[ $words ]]; then\n"
                  "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                  "    else\n"
                  "        mapfile -t COMPREPLY < <(eval \"$action\")\n"
                  "    fi\n"
                  "}\n"
                  "complete -o filenames -F _skep skep\n");
}

/* ---- zsh ---- */

/* Inside single quotes, and inside the brackets and colons of _arguments. */
static void zsh_text(cli_out *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            cli_puts(out, "'\\''");
            continue;
        }
        if (strchr("[]:\\", *text) != NULL)
            cli_putc(out, '\\');
        cli_putc(out, *text);
    }
}

static void zsh_action(cli_out *out, const char *label, cli_kind kind, const char *words)
{
    cli_printf(out, ":%s:", label);
    switch (kind) {
    case CLI_FILE:
        cli_puts(out, "_files");
        break;
    case CLI_DIRECTORY:
        cli_puts(out, "_files -/");
        break;
    case CLI_WORDS:
        cli_printf(out, "(%s)", words);
        break;
    case CLI_NOTHING:
    case CLI_TEXT:
        break;
    }
}

/* The others of its choice are not offered any more once one of them stands there. */
static void zsh_not_with(cli_out *out, const cli_option *choice, const cli_option *option)
{
    const char *before = "(";
    const cli_option *end = cli_choice_end(choice);
    for (const cli_option *other = choice; other < end; other++) {
        if (other == option)
            continue;
        cli_printf(out, "%s--%s", before, other->name);
        before = " ";
    }
    if (end - choice > 1)
        cli_putc(out, ')');
}

static void zsh_one(cli_out *out, const cli_option *choice, const cli_option *option, bool letter)
{
    cli_puts(out, "        '");
    zsh_not_with(out, choice, option);
    cli_puts(out, option->times == CLI_MANY ? "*" : "");
    if (letter)
        cli_printf(out, "-%c[", option->letter);
    else
        cli_printf(out, "--%s[", option->name);
    zsh_text(out, option->help);
    cli_putc(out, ']');
    if (option->value != NULL)
        zsh_action(out, option->value, option->kind, option->words);
    cli_puts(out, "' \\\n");
}

static void zsh_options(cli_out *out, const cli_option *list)
{
    const cli_option *choice = list;
    for (; list->id != 0; list++) {
        if (list == cli_choice_end(choice))
            choice = list;
        if (list->help != NULL && list->letter != 0)
            zsh_one(out, choice, list, true);
        if (list->help != NULL && list->name != NULL)
            zsh_one(out, choice, list, false);
    }
}

static void zsh_command(cli_out *out, const cli_command *row, const char *indent)
{
    cli_printf(out, "%s(%s) _arguments -s -S \\\n", indent,
               row->verb != NULL ? row->verb : row->noun);
    zsh_options(out, row->options);
    zsh_options(out, cli_globals);
    for (const cli_arg *arg = row->args; arg->name != NULL; arg++) {
        cli_printf(out, "        '%s",
                   arg->times == CLI_ARG_MANY    ? "*"
                   : arg->times == CLI_ARG_MAYBE ? ":"
                                                 : "");
        zsh_action(out, arg->name, arg->kind, arg->words);
        cli_puts(out, "' \\\n");
    }
    cli_puts(out, "        && return 0 ;;\n");
}

static void zsh_noun(cli_out *out, const cli_noun *noun)
{
    bool has_verbs = false;
    for (const cli_command *row = cli_commands; row->noun != NULL; row++)
        has_verbs = has_verbs || (strcmp(row->noun, noun->name) == 0 && row->verb != NULL);
    if (!has_verbs)
        return;
    cli_printf(out, "    (%s)\n        if (( CURRENT == 2 )); then\n            local -a verbs=(",
               noun->name);
    for (const cli_command *row = cli_commands; row->noun != NULL; row++) {
        if (strcmp(row->noun, noun->name) != 0 || row->verb == NULL)
            continue;
        cli_printf(out, " '%s:", row->verb);
        zsh_text(out, row->summary);
        cli_putc(out, '\'');
    }
    cli_puts(out, " )\n            _describe verb verbs && return 0\n        fi\n"
                  "        words=(\"${(@)words[2,-1]}\"); (( CURRENT-- ))\n"
                  "        case $words[1] in\n");
    for (const cli_command *row = cli_commands; row->noun != NULL; row++)
        if (strcmp(row->noun, noun->name) == 0 && row->verb != NULL)
            zsh_command(out, row, "        ");
    cli_puts(out, "        esac ;;\n");
}

static void zsh(cli_out *out)
{
    cli_puts(out, "#compdef skep\n"
                  "# zsh completion for skep; made by: skep --completion zsh\n"
                  "_skep() {\n"
                  "    local state\n"
                  "    local -a nouns=(");
    for (const cli_noun *noun = cli_nouns; noun->name != NULL; noun++) {
        cli_printf(out, " '%s:", noun->name);
        zsh_text(out, noun->summary);
        cli_putc(out, '\'');
    }
    cli_puts(out, " )\n    _arguments -C -s -S \\\n");
    zsh_options(out, cli_globals);
    cli_puts(out, "        '1:noun:->noun' '*::argument:->rest' && return 0\n"
                  "    if [[ $state == noun ]]; then\n"
                  "        _describe noun nouns && return 0\n"
                  "        return 1\n"
                  "    fi\n"
                  "    case $words[1] in\n");
    for (const cli_command *row = cli_commands; row->noun != NULL; row++)
        if (row->verb == NULL)
            zsh_command(out, row, "    ");
    for (const cli_noun *noun = cli_nouns; noun->name != NULL; noun++)
        zsh_noun(out, noun);
    cli_puts(out, "    esac\n    return 1\n}\n_skep \"$@\"\n");
}

/* ---- fish ---- */

static void fish_text(cli_out *out, const char *text)
{
    cli_putc(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            cli_putc(out, '\\');
        cli_putc(out, *text);
    }
    cli_putc(out, '\'');
}

static void fish_values(cli_out *out, cli_kind kind, const char *words)
{
    switch (kind) {
    case CLI_FILE:
        cli_puts(out, " -F");
        break;
    case CLI_DIRECTORY:
        cli_puts(out, " -a '(__fish_complete_directories)'");
        break;
    case CLI_WORDS:
        cli_printf(out, " -a '%s'", words);
        break;
    case CLI_NOTHING:
    case CLI_TEXT:
        break;
    }
}

static void fish_option(cli_out *out, const cli_option *option, const char *where)
{
    cli_printf(out, "complete -c skep%s", where);
    if (option->letter != 0)
        cli_printf(out, " -s %c", option->letter);
    if (option->name != NULL)
        cli_printf(out, " -l %s", option->name);
    if (option->value != NULL) {
        cli_puts(out, option->kind == CLI_FILE ? " -r" : " -x");
        fish_values(out, option->kind, option->words);
    }
    cli_puts(out, " -d ");
    fish_text(out, option->help);
    cli_putc(out, '\n');
}

static void fish_command(cli_out *out, const cli_command *row)
{
    char where[128];
    if (row->verb != NULL) {
        cli_printf(out, "complete -c skep -n '__skep_is %s' -a %s -d ", row->noun, row->verb);
        fish_text(out, row->summary);
        cli_putc(out, '\n');
    }
    (void)snprintf(where, sizeof(where), " -n '__skep_begins %s%s%s'", row->noun,
                   row->verb != NULL ? " " : "", row->verb != NULL ? row->verb : "");
    each_option(out, row->options, fish_option, where);
    for (const cli_arg *arg = row->args; arg->name != NULL; arg++) {
        if (arg->kind == CLI_TEXT || arg->kind == CLI_NOTHING)
            continue;
        cli_printf(out, "complete -c skep%s", where);
        fish_values(out, arg->kind, arg->words);
        cli_putc(out, '\n');
    }
}

/* Noun and verb by their places: "db" is a noun, and a verb of another one. */
static const char fish_functions[] =
    "# fish completion for skep; made by: skep --completion fish\n"
    "function __skep_words\n"
    "    set -l value 0\n"
    "    for word in (commandline -opc)[2..-1]\n"
    "        if test $value = 1\n"
    "            set value 0\n"
    "        else if test \"$word\" = -C\n"
    "            set value 1\n"
    "        else if not string match -q -- '-*' $word\n"
    "            echo $word\n"
    "        end\n"
    "    end\n"
    "end\n"
    "function __skep_is\n"
    "    set -l words (__skep_words)\n"
    "    test \"$words\" = \"$argv\"\n"
    "end\n"
    "function __skep_begins\n"
    "    set -l words (__skep_words)\n"
    "    set -l n (count $argv)\n"
    "    test (count $words) -ge $n; and test \"$words[1..$n]\" = \"$argv\"\n"
    "end\n"
    "complete -c skep -f\n";

static void fish(cli_out *out)
{
    cli_puts(out, fish_functions);
    each_option(out, cli_globals, fish_option, "");
    for (const cli_noun *noun = cli_nouns; noun->name != NULL; noun++) {
        cli_printf(out, "complete -c skep -n __fish_use_subcommand -a %s -d ", noun->name);
        fish_text(out, noun->summary);
        cli_putc(out, '\n');
    }
    for (const cli_command *row = cli_commands; row->noun != NULL; row++)
        fish_command(out, row);
}

cli_exit cli_completion(const cli_ui *ui, const char *shell)
{
    cli_out out = {stdout, 0};
    if (strcmp(shell, "bash") == 0)
        bash(&out);
    else if (strcmp(shell, "zsh") == 0)
        zsh(&out);
    else
        fish(&out);
    return cli_out_end(&out, ui, CLI_DONE);
}
