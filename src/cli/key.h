/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_KEY_H
#define SKEP__CLI_KEY_H

#include "cli/cli.h"

/* The key of the database, or of the seals, that a command works with: from --key-file, else
 * SKEP_KEY, else HIVE_ENCRYPTION_KEY; never from an argument, which every user of the machine could
 * read. */
typedef struct cli_keys {
    skep_key *key;  /* owned; NULL: none was given */
    int32_t cipher; /* --cipher; 0: not given */
} cli_keys;

/* The rows that a command which opens a database has in its table of options. */
/* clang-format off */
#define CLI_CIPHERS "aegis chacha20 sqlcipher"
#define CLI_KEY_FILE_OPTION                                                                        \
    {CLI_OPT_KEY_FILE, 0, "key-file", "F", CLI_FILE, NULL,                                         \
     "Take the database's key from F, else from SKEP_KEY", CLI_MAYBE}
#define CLI_KEY_OPTIONS                                                                            \
    CLI_KEY_FILE_OPTION,                                                                           \
    {CLI_OPT_CIPHER, 0, "cipher", "NAME", CLI_WORDS, CLI_CIPHERS,                                  \
     "How the file is encrypted, where nothing beside it says so", CLI_MAYBE}
/* clang-format on */

/* Read what the command line and the environment give, and clear the environment of it. Where a key
 * was given, this process leaves no core dump from now on. Call it before threads are started. */
cli_exit cli_keys_read(const cli_call *call, cli_keys *keys);
/* The same for the key of sealed stores, whose file SKEP_SEAL_KEY_FILE may name too: so that
 * SKEP_KEY can be another one, of databases. */
cli_exit cli_seal_keys_read(const cli_call *call, cli_keys *keys);
void cli_keys_dispose(cli_keys *keys);

/* This process holds a key, or is about to: it leaves no core dump from now on. */
void cli_key_in_memory(void);

/* One key file (--new-key-file and the like). */
cli_exit cli_key_file(const cli_ui *ui, const char *path, skep_key **out);

#endif
