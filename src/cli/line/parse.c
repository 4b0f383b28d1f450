/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/show/text.h"

#define OPTIONS_MAX 32
#define NAME_MAX_LEN 64
#define MISSING_MAX 256
#define LONG_BASE 256 /* getopt's value for row i of the list is LONG_BASE + i */

/* The options that are valid at one place of the command line, in the forms that getopt wants. */
typedef struct option_set {
    const cli_option *rows[OPTIONS_MAX];
    int count;
    struct option longs[OPTIONS_MAX + 1];
    char letters[2 * OPTIONS_MAX + 3];
} option_set;

static void set_add(option_set *set, const cli_option *list)
{
    for (; list->id != 0 && set->count < OPTIONS_MAX; list++)
        set->rows[set->count++] = list;
}

/* `mode` is "+:" to stop at the first word that is no option, ":" to look through all of them. */
static void set_finish(option_set *set, const char *mode)
{
    size_t at = strlen(mode);
    int longs = 0;
    memcpy(set->letters, mode, at);
    for (int i = 0; i < set->count; i++) {
        const cli_option *row = set->rows[i];
        if (row->letter != 0) {
            set->letters[at++] = row->letter;
            if (row->value != NULL)
                set->letters[at++] = ':';
        }
        if (row->name != NULL)
            set->longs[longs++] =
                (struct option){row->name, row->value != NULL ? required_argument : no_argument,
                                NULL, LONG_BASE + i};
    }
    set->letters[at] = '\0';
}

static const cli_option *set_find(const option_set *set, int value)
{
    if (value >= LONG_BASE && value < LONG_BASE + set->count)
        return set->rows[value - LONG_BASE];
    for (int i = 0; i < set->count; i++)
        if (value > 0 && set->rows[i]->letter == value)
            return set->rows[i];
    return NULL;
}

/* The closest word, if it is close enough to have been meant. */
typedef struct nearest {
    const char *word;
    unsigned distance;
} nearest;

static void nearest_try(nearest *best, const char *typed, const char *word)
{
    unsigned distance = cli_distance(typed, word);
    size_t reach = strlen(word) < 5 ? 1 : (strlen(word) + 1) / 3;
    if (strncmp(typed, word, strlen(typed)) == 0)
        distance = 1; /* its beginning was typed */
    if (distance <= reach && (best->word == NULL || distance < best->distance)) {
        best->word = word;
        best->distance = distance;
    }
}

static cli_exit unknown(const cli_call *call, const char *what, const char *typed, nearest best)
{
    const char *dashes = strncmp(typed, "--", 2) == 0 ? "--" : "";
    if (best.word == NULL)
        return cli_usage(call->ui, call->page, "unknown %s %s", what, typed);
    return cli_usage(call->ui, call->page, "unknown %s %s; did you mean %s%s?", what, typed, dashes,
                     best.word);
}

static cli_exit bad_option(const cli_call *call, const option_set *set, int c, const char *typed)
{
    const char *page = call->page;
    const cli_option *row = set_find(set, optopt);
    if (row != NULL && row->name == NULL)
        return cli_usage(call->ui, page, "option -%c needs a value: -%c %s", row->letter,
                         row->letter, row->value);
    if (row != NULL && c == ':')
        return cli_usage(call->ui, page, "option --%s needs a value: --%s %s", row->name, row->name,
                         row->value);
    if (row != NULL)
        return cli_usage(call->ui, page, "option --%s takes no value", row->name);
    if (optopt > 0 && optopt < LONG_BASE)
        return cli_usage(call->ui, page, "unknown option -%c", optopt);
    char name[NAME_MAX_LEN];
    nearest best = {0};
    (void)snprintf(name, sizeof(name), "%s", typed + strspn(typed, "-"));
    name[strcspn(name, "=")] = '\0';
    for (int i = 0; i < set->count; i++)
        if (set->rows[i]->help != NULL && set->rows[i]->name != NULL)
            nearest_try(&best, name, set->rows[i]->name);
    return unknown(call, "option", typed, best);
}

static bool give(cli_call *call, const cli_option *row, const char *value)
{
    if (call->given_count >= CLI_GIVEN_MAX)
        return false;
    if ((call->given_count & (call->given_count - 1)) == 0) {
        size_t cap = call->given_count == 0 ? 1 : 2 * call->given_count;
        cli_given *grown = realloc(call->given, cap * sizeof(*grown));
        if (grown == NULL)
            return false;
        call->given = grown;
    }
    call->given[call->given_count++] = (cli_given){row->id, value};
    return true;
}

static bool word_in(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = words; at != NULL && *at != '\0';) {
        size_t here = strcspn(at, " ");
        if (here == len && strncmp(at, word, len) == 0)
            return true;
        at += here + strspn(at + here, " ");
    }
    return false;
}

/* getopt takes the beginning of a long name for the whole of it. That makes scripts which the next
 * option breaks, so it is refused. `typed` is the word, if it was one that names an option. */
static bool is_abbreviated(const cli_option *row, const char *typed)
{
    if (row->name == NULL || strncmp(typed, "--", 2) != 0)
        return false;
    size_t len = strlen(row->name);
    return strncmp(typed + 2, row->name, len) != 0 ||
           (typed[2 + len] != '\0' && typed[2 + len] != '=');
}

/* Read options from argv[0] (a word that is skipped) on. Returns false with `*status` set on a
 * usage error; else `*end` is the index of the first word that is no option. */
static bool read_options(int argc, char **argv, cli_call *call, const option_set *set, int *end,
                         cli_exit *status)
{
    optind = 0; /* glibc: forget everything of the last scan */
    opterr = 0;
    int c;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet */
    while ((c = getopt_long(argc, argv, set->letters, set->longs, NULL)) != -1) {
        if (c == '?' || c == ':') {
            *status = bad_option(call, set, c, argv[optind - 1]);
            return false;
        }
        const cli_option *row = set_find(set, c);
        const char *typed = argv[optind - (optarg == argv[optind - 1] ? 2 : 1)];
        if (c >= LONG_BASE && row != NULL && is_abbreviated(row, typed)) {
            optopt = 0;
            *status = bad_option(call, set, '?', typed);
            return false;
        }
        if (row == NULL || !give(call, row, optarg)) {
            *status = cli_usage(call->ui, call->page, "more than %d options", CLI_GIVEN_MAX);
            return false;
        }
        if (row->words != NULL && !word_in(row->words, optarg)) {
            *status = cli_usage(call->ui, call->page, "--%s %s: it is one of: %s", row->name,
                                optarg, row->words);
            return false;
        }
    }
    *end = optind;
    return true;
}

bool cli_has(const cli_call *call, cli_option_id id)
{
    for (size_t i = 0; i < call->given_count; i++)
        if (call->given[i].id == id)
            return true;
    return false;
}

const char *cli_value(const cli_call *call, cli_option_id id)
{
    const char *value = NULL;
    for (size_t i = 0; i < call->given_count; i++)
        if (call->given[i].id == id)
            value = call->given[i].value;
    return value;
}

const cli_option *cli_choice_end(const cli_option *list)
{
    cli_times times = list->times;
    if (times == CLI_ONE_OF || times == CLI_AT_MOST_ONE_OF)
        while (list[1].id != 0 && list[1].times == times)
            list++;
    return list + 1;
}

void cli_call_dispose(cli_call *call)
{
    free(call->given);
    memset(call, 0, sizeof(*call));
}

static cli_exit page_end(const cli_call *call, cli_out *out)
{
    return cli_out_end(out, call->ui, CLI_DONE);
}

static const cli_noun *find_noun(const char *word)
{
    for (const cli_noun *noun = cli_nouns; noun->name != NULL; noun++)
        if (strcmp(noun->name, word) == 0)
            return noun;
    return NULL;
}

/* The row of `noun` with this verb; with verb NULL, the row that needs none. */
static const cli_command *find_command(const cli_noun *noun, const char *verb)
{
    for (const cli_command *row = cli_commands; row->noun != NULL; row++) {
        if (strcmp(row->noun, noun->name) != 0)
            continue;
        if (verb == NULL ? row->verb == NULL : row->verb != NULL && strcmp(row->verb, verb) == 0)
            return row;
    }
    return NULL;
}

static cli_exit unknown_verb(const cli_call *call, const cli_noun *noun, const char *word)
{
    nearest best = {0};
    for (const cli_command *row = cli_commands; row->noun != NULL; row++)
        if (strcmp(row->noun, noun->name) == 0 && row->verb != NULL)
            nearest_try(&best, word, row->verb);
    char what[NAME_MAX_LEN];
    (void)snprintf(what, sizeof(what), "command %s", noun->name);
    return unknown(call, what, word, best);
}

/* Nothing was named: what the options before it ask for, or the short help. */
static cli_exit without_noun(const cli_call *call)
{
    cli_out out = {stdout, 0};
    call->ui->json = cli_has(call, CLI_OPT_JSON);
    if (cli_has(call, CLI_OPT_COMPLETION))
        return cli_completion(call->ui, cli_value(call, CLI_OPT_COMPLETION));
    if (cli_has(call, CLI_OPT_VERSION))
        return cli_version(call);
    if (cli_has(call, CLI_OPT_HELP)) {
        cli_help_program(&out);
        return page_end(call, &out);
    }
    cli_help_short(stderr);
    return CLI_USAGE;
}

static cli_exit check_args(cli_call *call, int argc, char **argv)
{
    const char *page = call->page;
    const cli_arg *arg = call->command->args;
    bool had = false; /* one of many */
    call->args = argv;
    for (; call->arg_count < argc; arg += had ? 0 : 1) {
        const char *word = argv[call->arg_count];
        if (arg->name == NULL)
            return cli_usage(call->ui, page, "%s: one argument too many: %s", page, word);
        if (arg->words != NULL && !word_in(arg->words, word))
            return cli_usage(call->ui, page, "%s %s: it is one of: %s", arg->name, word,
                             arg->words);
        call->arg_count++;
        had = arg->times == CLI_ARG_MANY;
    }
    if (arg->name != NULL && arg->times != CLI_ARG_MAYBE && !had)
        return cli_usage(call->ui, page, "%s: %s is missing", page, arg->name);
    return CLI_DONE;
}

/* `choice` ends before `end`: how many of its options were given, none of them twice if it takes a
 * value that only one can have. */
static cli_exit check_choice(const cli_call *call, const cli_option *choice, const cli_option *end)
{
    const cli_option *had = NULL;
    const char *page = call->page;
    for (const cli_option *one = choice; one < end; one++) {
        int times = 0;
        for (size_t i = 0; i < call->given_count; i++)
            times += call->given[i].id == one->id;
        if (times > 1 && one->value != NULL && one->times != CLI_MANY)
            return cli_usage(call->ui, page, "--%s was given %d times; give it once", one->name,
                             times);
        if (times > 0 && had != NULL)
            return cli_usage(call->ui, page, "--%s and --%s exclude each other", had->name,
                             one->name);
        had = times > 0 ? one : had;
    }
    if (had != NULL || (choice->times != CLI_ONCE && choice->times != CLI_ONE_OF))
        return CLI_DONE;
    char names[MISSING_MAX] = "";
    size_t len = 0;
    for (const cli_option *one = choice; one < end && len < sizeof(names); one++)
        len += (size_t)snprintf(
            names + len, sizeof(names) - len, "%s--%s%s%s", one > choice ? " or " : "", one->name,
            one->value != NULL ? " " : "", one->value != NULL ? one->value : "");
    return cli_usage(call->ui, page, "%s: %s is missing", page, names);
}

static cli_exit check_options(const cli_call *call)
{
    const cli_option *option = call->command->options;
    while (option->id != 0) {
        const cli_option *end = cli_choice_end(option);
        cli_exit status = check_choice(call, option, end);
        if (status != CLI_DONE)
            return status;
        option = end;
    }
    return CLI_DONE;
}

/* What holds for every command: how loud, which form, where. */
static cli_exit apply_globals(cli_call *call)
{
    call->ui->json = cli_has(call, CLI_OPT_JSON);
    if (cli_has(call, CLI_OPT_QUIET) && cli_has(call, CLI_OPT_VERBOSE))
        return cli_usage(call->ui, call->page, "-q and -v contradict each other");
    call->ui->loud = cli_has(call, CLI_OPT_QUIET) ? -1 : cli_has(call, CLI_OPT_VERBOSE) ? 1 : 0;
    const char *dir = cli_value(call, CLI_OPT_DIR);
    if (dir != NULL && chdir(dir) != 0)
        return cli_fail_errno(call->ui, errno, "change to directory", dir);
    return CLI_DONE;
}

/* The words after the command: argv[0] is its last word. */
static bool parse_command(int argc, char **argv, cli_call *call, cli_exit *status)
{
    option_set set = {0};
    const cli_command *row = call->command;
    int end = 0;
    (void)snprintf(call->page, sizeof(call->page), "%s%s%s", row->noun,
                   row->verb != NULL ? " " : "", row->verb != NULL ? row->verb : "");
    set_add(&set, row->options);
    set_add(&set, cli_globals);
    set_finish(&set, ":");
    if (!read_options(argc, argv, call, &set, &end, status))
        return false;
    if (cli_has(call, CLI_OPT_HELP)) {
        cli_out out = {stdout, 0};
        cli_help_command(&out, row);
        *status = page_end(call, &out);
        return false;
    }
    *status = check_args(call, argc - end, argv + end);
    if (*status == CLI_DONE)
        *status = check_options(call);
    if (*status == CLI_DONE)
        *status = apply_globals(call);
    return *status == CLI_DONE;
}

/* argv[0] is a noun that has verbs. */
static bool parse_verb(int argc, char **argv, cli_call *call, const option_set *globals,
                       const cli_noun *noun, cli_exit *status)
{
    int at = 0;
    cli_out out = {stdout, 0};
    (void)snprintf(call->page, sizeof(call->page), "%s", noun->name);
    if (!read_options(argc, argv, call, globals, &at, status))
        return false;
    if (at >= argc) {
        bool asked = cli_has(call, CLI_OPT_HELP);
        out.file = asked ? stdout : stderr;
        cli_help_noun(&out, noun);
        *status = asked ? page_end(call, &out) : CLI_USAGE;
        return false;
    }
    call->command = find_command(noun, argv[at]);
    if (call->command == NULL) {
        *status = unknown_verb(call, noun, argv[at]);
        return false;
    }
    return parse_command(argc - at, argv + at, call, status);
}

bool cli_parse(int argc, char **argv, cli_call *call, cli_exit *status)
{
    static const cli_option help_word = {.id = CLI_OPT_HELP};
    option_set globals = {0};
    int at = 0;
    set_add(&globals, cli_globals);
    set_finish(&globals, "+:");
    if (!read_options(argc, argv, call, &globals, &at, status))
        return false;
    if (at < argc && strcmp(argv[at], "help") == 0 && give(call, &help_word, NULL))
        at++; /* `skep help db query` is `skep db query --help` */
    if (at >= argc) {
        *status = without_noun(call);
        return false;
    }
    const cli_noun *noun = find_noun(argv[at]);
    if (noun == NULL) {
        nearest best = {0};
        for (const cli_noun *row = cli_nouns; row->name != NULL; row++)
            nearest_try(&best, argv[at], row->name);
        *status = unknown(call, "command", argv[at], best);
        return false;
    }
    call->command = find_command(noun, NULL);
    if (call->command != NULL)
        return parse_command(argc - at, argv + at, call, status);
    return parse_verb(argc - at, argv + at, call, &globals, noun, status);
}
