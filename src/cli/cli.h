/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_CLI_H
#define SKEP__CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <skep/skep.h>

/* The program `skep`: what all its files share. It is built on the public headers alone, as any
 * application would be; what it needs and they lack is a fault of theirs. */

#define CLI_CLEANUP(fn) __attribute__((cleanup(fn)))

typedef enum cli_exit {
    CLI_DONE = 0,  /* what was asked for is done */
    CLI_WRONG = 1, /* it ran, and found something wrong */
    CLI_USAGE = 2, /* the command line makes no sense */
    CLI_FAILED = 3 /* the operation failed */
} cli_exit;

/* Where results and messages go. Made once in main and handed to every command. */
typedef struct cli_ui {
    bool json;    /* --json */
    int loud;     /* -1 with -q, 1 with -v */
    bool out_tty; /* stdout is a terminal: tables are fitted to it */
    bool err_tty; /* stderr is a terminal: progress is drawn there */
    bool out_colour;
    bool err_colour;
    bool utf8;             /* bars and ellipses may leave ASCII */
    const char *own_event; /* what the command tells by itself; NULL: none */
} cli_ui;

void cli_ui_init(cli_ui *ui);
/* Columns of the terminal behind `fd` at this moment, 80 where that is unknown. */
int cli_columns(int fd);

typedef enum cli_style {
    CLI_PLAIN,
    CLI_BOLD,
    CLI_DIM,
    CLI_GOOD,
    CLI_BAD,
    CLI_ACCENT,
    CLI_ACCENT2
} cli_style;

/* The escape sequence that starts a style, or "" where there is no colour. */
const char *cli_sgr(bool colour, cli_style style);

/* One line on stderr, "skep: …". Control characters in it are shown, not sent. */
void cli_say(const cli_ui *ui, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A usage error; names the page that helps. Returns CLI_USAGE. */
cli_exit cli_usage(const cli_ui *ui, const char *page, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Say what the last failed skep call of this thread reports, what to do about it, and its code.
 * Returns CLI_FAILED. */
cli_exit cli_fail(const cli_ui *ui);
cli_exit cli_fail_err(const cli_ui *ui, const skep_err *err);
/* The same where the command knows better than the code what can be done. */
cli_exit cli_fail_advised(const cli_ui *ui, const skep_err *err, const char *todo);
/* The same for a failed system call of the program itself. */
cli_exit cli_fail_errno(const cli_ui *ui, int sys_errno, const char *what, const char *which);
cli_exit cli_fail_memory(const cli_ui *ui);

/* Where results are written: remembers the first failure, so that a writer need not look at each
 * call and a full disk or a closed pipe is never taken for success. */
typedef struct cli_out {
    FILE *file;
    int error; /* errno of the first failed write, 0 while all is well */
} cli_out;

void cli_put(cli_out *out, const void *data, size_t len);
void cli_puts(cli_out *out, const char *text);
void cli_putc(cli_out *out, char c);
void cli_pad(cli_out *out, int columns);
void cli_printf(cli_out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Flush `out` and turn a failed write into CLI_FAILED with one line of why; a reader that went away
 * (`| head`) is no news and stays silent. Otherwise `status`. */
cli_exit cli_out_end(cli_out *out, const cli_ui *ui, cli_exit status);

/* ---- commands ---- */

typedef enum cli_kind { CLI_NOTHING, CLI_FILE, CLI_DIRECTORY, CLI_TEXT, CLI_WORDS } cli_kind;

typedef enum cli_option_id {
    CLI_OPT_DIR = 1,
    CLI_OPT_JSON,
    CLI_OPT_QUIET,
    CLI_OPT_VERBOSE,
    CLI_OPT_HELP,
    CLI_OPT_VERSION,
    CLI_OPT_COMPLETION,
    CLI_OPT_PARAM,
    CLI_OPT_CSV,
    CLI_OPT_WRITE,
    CLI_OPT_SOURCE,
    CLI_OPT_CHILD,
    CLI_OPT_LIMIT,
    CLI_OPT_KEY_FILE,
    CLI_OPT_CIPHER,
    CLI_OPT_YES,
    CLI_OPT_FULL,
    CLI_OPT_MAX,
    CLI_OPT_ANALYZE,
    CLI_OPT_VACUUM,
    CLI_OPT_TRUNCATE,
    CLI_OPT_TABLE,
    CLI_OPT_QUERY,
    CLI_OPT_CREATE,
    CLI_OPT_FORMAT,
    CLI_OPT_REJECT,
    CLI_OPT_NULL,
    CLI_OPT_NO_HEADER,
    CLI_OPT_BATCH,
    CLI_OPT_FORCE,
    CLI_OPT_OUT,
    CLI_OPT_IN,
    CLI_OPT_SECONDS,
    CLI_OPT_METRICS,
    CLI_OPT_STATEMENTS,
    CLI_OPT_SLOW,
    CLI_OPT_NEW_KEY_FILE,
    CLI_OPT_DECRYPT,
    CLI_OPT_STORE,
    CLI_OPT_LISTEN,
    CLI_OPT_API_KEY_FILE,
    CLI_OPT_GENERATE_KEY,
    CLI_OPT_PREFIX,
    CLI_OPT_READ_ONLY,
    CLI_OPT_TLS_CERT,
    CLI_OPT_TLS_KEY,
    CLI_OPT_BEHIND_PROXY,
    CLI_OPT_INSECURE,
    CLI_OPT_ACCESS_LOG,
    CLI_OPT_MAX_OBJECT,
    CLI_OPT_MAX_CONNECTIONS,
    CLI_OPT_MAX_PER_ADDRESS,
    CLI_OPT_MAX_RATE,
    CLI_OPT_MIN_SPEED,
    CLI_OPT_IDLE,
    CLI_OPT_GRACE,
    CLI_OPT_RECIPIENT,
    CLI_OPT_AFTER,
    CLI_OPT_IF_ETAG,
    CLI_OPT_RECURSIVE,
    CLI_OPT_RAW,
    CLI_OPT_PLAIN,
    CLI_OPT_DRY_RUN,
    CLI_OPT_DELETE,
    CLI_OPT_JOBS,
    CLI_OPT_COMPARE,
    CLI_OPT_LIMIT_RATE
} cli_option_id;

/* How often an option is given. Those of one choice stand beside each other in their table. */
typedef enum cli_times {
    CLI_MAYBE,         /* once or not at all */
    CLI_MANY,          /* any number of times */
    CLI_ONCE,          /* it has to be given */
    CLI_ONE_OF,        /* one of its neighbours that say the same has to be given, and no other */
    CLI_AT_MOST_ONE_OF /* the same, or none of them */
} cli_times;

typedef struct cli_option {
    cli_option_id id; /* 0 ends a list */
    char letter;      /* 0: none */
    const char *name;
    const char *value; /* "DIR": it takes a value; NULL: it does not */
    cli_kind kind;     /* of the value, for completion */
    const char *words; /* CLI_WORDS: the values there are, separated by blanks */
    const char *help;  /* NULL: not shown anywhere */
    cli_times times;
} cli_option;

/* How often a positional is given; only the last one may be given many times. */
typedef enum cli_arg_times { CLI_ARG_ONCE, CLI_ARG_MAYBE, CLI_ARG_MANY } cli_arg_times;

typedef struct cli_arg {
    const char *name; /* NULL ends a list */
    cli_kind kind;
    const char *words; /* CLI_WORDS: the values there are, separated by blanks */
    cli_arg_times times;
} cli_arg;

struct cli_call;
typedef cli_exit cli_run_fn(const struct cli_call *call);

typedef struct cli_command {
    const char *noun; /* NULL ends the table */
    const char *verb; /* NULL: the noun is the whole command */
    const char *summary;
    const char *about;
    const char *examples;
    const char *manual; /* the man page */
    const cli_arg *args;
    const cli_option *options;
    cli_run_fn *run;
} cli_command;

typedef struct cli_noun {
    const char *name; /* NULL ends the list */
    const char *summary;
} cli_noun;

/* The one table of what the program can do: the parser, --help and the completions read it. */
extern const cli_command cli_commands[];
extern const cli_noun cli_nouns[];
extern const cli_option cli_globals[];

#define CLI_GIVEN_MAX 4096 /* options given in one call */

typedef struct cli_given {
    cli_option_id id;
    const char *value; /* NULL: it takes none */
} cli_given;

/* A command line, understood. All text is borrowed from argv. */
typedef struct cli_call {
    cli_ui *ui;
    const cli_command *command;
    char page[64]; /* "db query": the command as far as it is read, for messages */
    int arg_count;
    char *const *args; /* positionals */
    size_t given_count;
    cli_given *given;
} cli_call;

/* True: `call->command` is to be run. False: the answer (help, a usage error) has been given and
 * `*status` is the program's. */
bool cli_parse(int argc, char **argv, cli_call *call, cli_exit *status);
void cli_call_dispose(cli_call *call);
bool cli_has(const cli_call *call, cli_option_id id);
/* The first row behind those that are one choice with `list`: for an option that is alone, the
 * next.
 */
const cli_option *cli_choice_end(const cli_option *list);
/* The value given, the last one of a flag of the whole program; or NULL. */
const char *cli_value(const cli_call *call, cli_option_id id);

void cli_help_short(FILE *to);
void cli_help_program(cli_out *out);
void cli_help_noun(cli_out *out, const cli_noun *noun);
void cli_help_command(cli_out *out, const cli_command *command);
cli_exit cli_completion(const cli_ui *ui, const char *shell);

cli_run_fn cli_version, cli_db_status, cli_db_query, cli_tour;
cli_run_fn cli_stats_running, cli_db_rekey, cli_db_stats, cli_db_check, cli_db_optimize,
    cli_db_checkpoint;
cli_run_fn cli_store_status, cli_store_ls, cli_store_get, cli_store_put, cli_store_rm, cli_store_cp,
    cli_store_sync, cli_store_test;
cli_run_fn cli_key_generate, cli_key_show, cli_key_wrap, cli_key_rotate;
cli_run_fn cli_db_import, cli_db_export, cli_bench_db, cli_serve;

#endif
