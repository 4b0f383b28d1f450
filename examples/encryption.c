/* SPDX-License-Identifier: MIT */
/* The code of docs/guide/encryption.md: an encrypted database is made, refused without its key, and
 * given another one.
 *
 *     encryption DATABASE
 */
#include <stdio.h>

#include <skep/skep.h>

static int failed(void)
{
    (void)fprintf(stderr, "%s\n", skep_last_error()->text);
    return 1;
}

static int fill(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "CREATE TABLE IF NOT EXISTS note(text TEXT)");
    return rc < 0 ? rc : skep_exec(tx, "INSERT INTO note VALUES(?)", SKEP_V("nobody's business"));
}

/* Open with `key`, write a note, close. */
static int visit(const char *path, const skep_key *key)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    skep_db *db = NULL;
    opts.key = key; /* copied: it may be freed right after */
    int rc = skep_db_open(path, &opts, &db);
    if (rc < 0)
        return rc;
    rc = skep_write(db, fill, NULL);
    int closed = skep_db_close(db);
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "secret.db";
    skep_key *key = NULL;
    skep_key *next = NULL;
    if (skep_key_passphrase(skep_slice_str("correct horse battery staple"), &key) < 0 ||
        skep_key_generate(&next) < 0)
        return failed();
    if (visit(path, key) < 0)
        return failed();

    if (visit(path, NULL) == SKEP_EAUTH)
        printf("without a key: %s\n", skep_code_name(SKEP_EAUTH));

    skep_rekey_opts change = SKEP_REKEY_OPTS_INIT;
    change.key = key;
    change.to = next;
    if (skep_db_rekey(path, &change) < 0)
        return failed();
    if (visit(path, key) == SKEP_EAUTH && visit(path, next) == SKEP_OK)
        printf("the new key opens it, the old one does not\n");

    skep_key_free(key);
    skep_key_free(next);
    return 0;
}
