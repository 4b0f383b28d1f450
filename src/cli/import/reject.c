/* SPDX-License-Identifier: MIT */
/* The file that bad records go to. It is rolled back with the transaction that they belong to. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/import/import.h"

int import_reject_open(import_reject *reject, bool force)
{
    reject->fd = -1;
    if (reject->path == NULL)
        return 0;
    struct stat st;
    reject->device = stat(reject->path, &st) == 0 && S_ISCHR(st.st_mode);
    int flags = O_WRONLY | O_CLOEXEC;
    if (!reject->device)
        flags |= O_CREAT | (force ? O_TRUNC : O_EXCL);
    reject->fd = open(reject->path, flags, 0600);
    if (reject->fd < 0)
        return errno;
    if (fstat(reject->fd, &st) != 0)
        return errno;
    if (S_ISREG(st.st_mode) || (reject->device && lseek(reject->fd, 0, SEEK_SET) == 0))
        return 0;
    (void)close(reject->fd); /* a pipe cannot be cut back, and is not ours to remove */
    reject->fd = -1;
    return ESPIPE;
}

static int put(import_reject *reject, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = pwrite(reject->fd, data, len, (off_t)reject->len);
        if (n < 0 && errno != EINTR)
            return errno;
        size_t done = n > 0 ? (size_t)n : 0;
        data += done;
        len -= done;
        reject->len += done;
    }
    return 0;
}

bool import_reject_back(import_reject *reject, uint64_t len)
{
    if (reject->fd < 0 || reject->len == len)
        return true;
    reject->len = len;
    return reject->device || ftruncate(reject->fd, (off_t)len) == 0;
}

static void put_field(cli_buf *line, const cli_csv *csv, const cli_column *column)
{
    if (!cli_csv_needs_quotes(csv, column->name, column->name_len)) {
        cli_buf_add(line, column->name, column->name_len);
        return;
    }
    char *quoted = malloc(2 * column->name_len + 2);
    line->failed |= quoted == NULL;
    if (quoted != NULL)
        cli_buf_add(line, quoted, cli_csv_quote(column->name, column->name_len, quoted));
    free(quoted);
}

/* The header of the data, so that what was corrected can be imported as it stands. */
static int put_header(import *m)
{
    if (m->shape.format == CLI_FORMAT_NDJSON || !m->header || m->reject.len > 0)
        return 0;
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    for (size_t i = 0; i < m->columns.count; i++) {
        cli_buf_add(&line, &m->shape.csv->delimiter, i > 0);
        put_field(&line, m->shape.csv, &m->columns.list[i]);
    }
    cli_buf_puts(&line, "\n");
    return line.failed ? ENOMEM : put(&m->reject, line.data, line.len);
}

bool import_reject_add(import *m, cli_span span, cli_place place, const char *what)
{
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    char where[64];
    const char *raw = m->batch->raw + span.at;
    (void)snprintf(where, sizeof(where), ":%llu:%llu: ", (unsigned long long)place.line,
                   (unsigned long long)place.column);
    cli_buf_puts(&line, "# ");
    (void)cli_show(&line, skep_slice_str(m->source.name), CLI_NO_LIMIT, true);
    cli_buf_puts(&line, where);
    (void)cli_show(&line, skep_slice_str(what), CLI_NO_LIMIT, true);
    cli_buf_puts(&line, "\n");
    int rc = put_header(m);
    if (rc == 0)
        rc = line.failed ? ENOMEM : put(&m->reject, line.data, line.len);
    if (rc == 0)
        rc = put(&m->reject, raw, span.len);
    if (rc == 0 && (span.len == 0 || raw[span.len - 1] != '\n'))
        rc = put(&m->reject, "\n", 1);
    m->sys_errno = rc;
    return rc == 0;
}

int import_reject_close(import_reject *reject, bool keep)
{
    int rc = 0;
    if (reject->fd < 0)
        return 0;
    if (keep && reject->len > 0 && !reject->device && fsync(reject->fd) != 0)
        rc = errno;
    if (close(reject->fd) != 0 && rc == 0)
        rc = errno;
    if ((!keep || reject->len == 0) && !reject->device)
        (void)unlink(reject->path);
    reject->fd = -1;
    return rc;
}
