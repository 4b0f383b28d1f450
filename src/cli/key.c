/* SPDX-License-Identifier: MIT */
#include "cli/key.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* A core dump would hold pages of the database and SQLite's copy of the key. */
void cli_key_in_memory(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0); /* a handler of core dumps ignores the limit */
}

static int32_t cipher_of(const char *name)
{
    static const int32_t ciphers[] = {SKEP_CIPHER_AEGIS, SKEP_CIPHER_CHACHA20,
                                      SKEP_CIPHER_SQLCIPHER};
    for (size_t i = 0; name != NULL && i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
        if (strcmp(name, skep_cipher_name(ciphers[i])) == 0)
            return ciphers[i];
    return SKEP_CIPHER_DEFAULT;
}

/* The first variable that is set wins; the others are cleared too. */
static int from_environment(skep_key **out)
{
    static const char *const names[] = {"SKEP_KEY", "HIVE_ENCRYPTION_KEY"};
    int failed = SKEP_OK;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        skep_key *key = NULL;
        int rc = skep_key_env(names[i], &key);
        if (rc < 0 && rc != SKEP_ENOTFOUND && failed == SKEP_OK)
            failed = rc;
        if (rc >= 0 && *out == NULL)
            *out = key;
        else if (rc >= 0)
            skep_key_free(key);
    }
    return *out != NULL ? SKEP_OK : failed;
}

cli_exit cli_key_file(const cli_ui *ui, const char *path, skep_key **out)
{
    cli_key_in_memory();
    return skep_key_file(path, out) < 0 ? cli_fail(ui) : CLI_DONE;
}

/* From the file at `path`; NULL: from the environment, which is cleared in any case. */
static cli_exit read_keys(const cli_call *call, const char *path, cli_keys *keys)
{
    skep_key *key = NULL;
    *keys = (cli_keys){.cipher = cipher_of(cli_value(call, CLI_OPT_CIPHER))};
    int rc = from_environment(&key);
    if (key != NULL)
        cli_key_in_memory();
    if (path != NULL) {
        skep_key_free(key);
        return cli_key_file(call->ui, path, &keys->key);
    }
    keys->key = key;
    return rc < 0 ? cli_fail(call->ui) : CLI_DONE;
}

cli_exit cli_keys_read(const cli_call *call, cli_keys *keys)
{
    return read_keys(call, cli_value(call, CLI_OPT_KEY_FILE), keys);
}

cli_exit cli_seal_keys_read(const cli_call *call, cli_keys *keys)
{
    const char *path = cli_value(call, CLI_OPT_KEY_FILE);
    if (path == NULL)
        path = getenv("SKEP_SEAL_KEY_FILE");
    return read_keys(call, path != NULL && path[0] != '\0' ? path : NULL, keys);
}

void cli_keys_dispose(cli_keys *keys)
{
    skep_key_free(keys->key);
    *keys = (cli_keys){0};
}
