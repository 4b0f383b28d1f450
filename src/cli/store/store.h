/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_STORE_STORE_H
#define SKEP__CLI_STORE_STORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cli/cli.h"
#include "cli/key.h"
#include "cli/show/progress.h"
#include "cli/show/text.h"

/* What the verbs of `skep store` share: how a store is opened and sealed, and how Ctrl-C ends what
 * it is doing. */

/* The rows that a verb which opens a store has in its table of options. */
/* clang-format off */
#define CLI_SEAL_KEY_OPTION                                                                        \
    {CLI_OPT_KEY_FILE, 0, "key-file", "F", CLI_FILE, NULL,                                         \
     "Open and seal with the key in F, else in SKEP_KEY", CLI_MAYBE}
#define CLI_SEAL_OPTIONS                                                                           \
    CLI_SEAL_KEY_OPTION,                                                                           \
    {CLI_OPT_RECIPIENT, 0, "recipient", "R", CLI_TEXT, NULL,                                       \
     "Seal for who has the key behind R; once for each", CLI_MANY}
/* clang-format on */

typedef struct store_session {
    const cli_call *call;
    const cli_ui *ui;
    cli_keys keys;
    const char *recipients[SKEP_SEAL_RECIPIENTS_MAX + 1];
    uint64_t rate; /* --limit-rate, bytes a second; 0: none */
    cli_progress progress;
    skep_cancel *cancel; /* fired by Ctrl-C */
    pthread_t watcher;
    bool watching;
    atomic_bool ended;
} store_session;

/* Read keys, then watch for signals. `store_end` returns what the program ends with, and ends it
 * by the signal if there was one. */
cli_exit store_begin(store_session *s, const cli_call *call);
cli_exit store_end(store_session *s, cli_exit status);

typedef enum store_how {
    STORE_LOOK = 1,   /* nothing is changed, nor made */
    STORE_CHANGE = 2, /* it has to be there */
    STORE_MAKE = 3,
} store_how;

/* With the seals that the command line asks for, unless `plain`. `remote:` is what
 * REMOTE_STORAGE_ENDPOINT names. What fails has been said. */
cli_exit store_open(store_session *s, const char *uri, store_how how, bool plain, skep_store **out);
/* A failure is said only if all went well before. */
cli_exit store_close(const store_session *s, skep_store *store, cli_exit status);
bool store_is_sealed(const store_session *s);

/* For calls: ended by Ctrl-C; bytes go to the progress line. */
skep_io_opts store_io(store_session *s);
/* What the last failure was, and what to do about it with a store. */
cli_exit store_fail(const store_session *s);
cli_exit store_fail_err(const store_session *s, const skep_err *err);

/* What an object's first bytes are if it is sealed and nobody has opened it. */
bool store_looks_sealed(const void *data, size_t len);
cli_exit store_refuse_sealed(const store_session *s, const char *key);

/* {"key", "bytes", "modified", "etag"}: the form of every object; NULL: no memory. */
struct json_t;
struct json_t *store_object_json(const skep_object *object);
/* Tell of one that was stored or fetched: `path` is the file that it went to, or NULL. */
cli_exit store_report(const store_session *s, const skep_object *object, const char *path,
                      uint64_t took_ns);

/* ---- between machine and store ---- */

/* SRC or DST of cp and sync: a path of this machine, or URI or URI#KEY. */
typedef struct store_place {
    bool local;
    char *text;      /* path or URI; owned */
    const char *key; /* behind the `#`; NULL: none was given */
} store_place;

cli_exit store_place_read(const cli_ui *ui, const char *text, store_place *out);
void store_place_dispose(store_place *place);

/* An object to a file (NULL: standard output), which appears only when all is there and verified,
 * and from one. */
typedef struct store_transfer {
    skep_store *store;
    const char *key;
    const char *path;
    bool replace; /* the file */
    bool raw;     /* what is sealed, as it is stored */
    skep_object object;
} store_transfer;
cli_exit store_fetch(store_session *s, store_transfer *t);
/* `path` "-": standard input. */
cli_exit store_send(store_session *s, store_transfer *t, skep_put_opts *opts);

#endif
