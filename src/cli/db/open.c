/* SPDX-License-Identifier: MIT */
#include "cli/db/open.h"

#include <string.h>
#include <sys/stat.h>

#include "cli/key.h"
#include "cli/show/text.h"

#define READING (SKEP_DB_READONLY | SKEP_DB_UNATTENDED)
#define WRITING (SKEP_DB_FOREIGN | SKEP_DB_MUST_EXIST | SKEP_DB_UNATTENDED)

static cli_exit try_with(const cli_call *call, const char *path, uint32_t flags, skep_db **out)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    cli_keys keys;
    cli_exit status = cli_keys_read(call, &keys);
    opts.flags = flags;
    opts.readers = 1;
    opts.profile = SKEP_PROFILE_OFF; /* a long query is what was asked for, no news */
    opts.key = keys.key;
    opts.cipher = keys.cipher;
    if (status == CLI_DONE && skep_db_open(path, &opts, out) < 0)
        *out = NULL;
    cli_keys_dispose(&keys);
    return status;
}

/* Reading would have to write first: to undo a transaction that was cut off, or recover a WAL. */
cli_exit cli_fail_reading(const cli_call *call, const char *path)
{
    skep_err err = *skep_last_error();
    if (err.code != SKEP_EREADONLY)
        return cli_fail_err(call->ui, &err);
    (void)snprintf(
        err.text, sizeof(err.text),
        "%s: a transaction was interrupted, which has to be undone before it can be read", path);
    return cli_fail_advised(call->ui, &err, "skep db query FILE \"SELECT 1\" --write does that");
}

static cli_exit open_with(const cli_call *call, const char *path, uint32_t flags, skep_db **out)
{
    cli_exit status = try_with(call, path, flags, out);
    return status == CLI_DONE && *out == NULL ? cli_fail_reading(call, path) : status;
}

cli_exit cli_try_reading(const cli_call *call, const char *path, skep_db **out)
{
    return try_with(call, path, READING, out);
}

cli_exit cli_open_reading(const cli_call *call, const char *path, skep_db **out)
{
    return open_with(call, path, READING, out);
}

cli_exit cli_open_writing(const cli_call *call, const char *path, skep_db **out)
{
    return open_with(call, path, WRITING, out);
}

cli_exit cli_close(const cli_call *call, skep_db *db, cli_exit status)
{
    int rc = skep_db_close(db);
    return rc < 0 && status == CLI_DONE ? cli_fail(call->ui) : status;
}

bool cli_same_file(const char *one, const char *other)
{
    struct stat a;
    struct stat b;
    if (stat(one, &a) != 0 || stat(other, &b) != 0)
        return strcmp(one, other) == 0;
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool cli_is_of_database(const char *db, const char *path)
{
    static const char *const endings[] = {"",      "-wal",       "-shm",        "-journal",
                                          "-skep", "-skep-lock", "-skep-status"};
    bool is = false;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]) && !is; i++) {
        cli_buf name CLI_CLEANUP(cli_buf_dispose) = {0};
        cli_buf_puts(&name, db);
        cli_buf_add(&name, endings[i], strlen(endings[i]) + 1);
        is = name.failed || cli_same_file(name.data, path);
    }
    return is;
}

int cli_read_number(skep_tx *tx, const char *sql, int64_t *out)
{
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, sql);
    if (rc < 0)
        return rc;
    rc = skep_next(rows);
    if (rc > 0)
        *out = skep_column_int(rows, 0);
    skep_rows_close(rows);
    return rc < 0 ? rc : SKEP_OK;
}
