/* SPDX-License-Identifier: MIT */
#include "cli/serve/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/show/json.h"
#include "cli/show/text.h"

cli_exit cli_log_open(const cli_ui *ui, cli_log *log)
{
    int before = log->fd;
    if (log->path == NULL) {
        log->fd = STDERR_FILENO;
        return CLI_DONE;
    }
    int fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return cli_fail_errno(ui, errno, "open the access log", log->path);
    if (before < 0) {
        log->fd = fd;
        return CLI_DONE;
    }
    /* The number stays: other threads may be about to write to it. */
    int moved = dup3(fd, before, O_CLOEXEC);
    int why = errno;
    (void)close(fd);
    return moved >= 0 ? CLI_DONE : cli_fail_errno(ui, why, "open the access log", log->path);
}

void cli_log_close(cli_log *log)
{
    if (log->path != NULL && log->fd >= 0)
        (void)close(log->fd);
    log->fd = -1;
}

/* name="value", where anything but plain letters is in it; what a client sends is not trusted. */
static void add_text(cli_buf *line, const char *name, const char *value)
{
    char escape[8];
    cli_buf_puts(line, " ");
    cli_buf_puts(line, name);
    cli_buf_puts(line, "=\"");
    for (const char *c = value; *c != '\0'; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) {
            (void)snprintf(escape, sizeof(escape), "\\x%02x", (unsigned char)*c);
            cli_buf_puts(line, escape);
        } else
            cli_buf_add(line, c, 1);
    cli_buf_puts(line, "\"");
}

static void add_number(cli_buf *line, const char *name, uint64_t value)
{
    char text[64];
    (void)snprintf(text, sizeof(text), " %s=%llu", name, (unsigned long long)value);
    cli_buf_puts(line, text);
}

static void as_logfmt(const skep_serve_access *a, const char *time, cli_buf *line)
{
    char ms[48];
    cli_buf_puts(line, "time=");
    cli_buf_puts(line, time);
    add_text(line, "addr", a->address);
    if (a->key[0] != '\0')
        add_text(line, "key", a->key);
    add_text(line, "method", a->method);
    add_text(line, "path", a->path);
    add_number(line, "status", (uint64_t)a->status);
    add_number(line, "in", a->bytes_in);
    add_number(line, "out", a->bytes_out);
    (void)snprintf(ms, sizeof(ms), " ms=%.3f", (double)a->took_us / 1000.0);
    cli_buf_puts(line, ms);
    if (a->cut != 0)
        cli_buf_puts(line, " cut=1");
    if (a->why[0] != '\0')
        add_text(line, "why", a->why);
}

static void as_json(const skep_serve_access *a, const char *time, cli_buf *line)
{
    json_t *json = json_pack("{s:s, s:o, s:o, s:o, s:o, s:i, s:I, s:I, s:o, s:b, s:o}", "time",
                             time, "addr", cli_json_text(skep_slice_str(a->address)), "key",
                             cli_json_text(skep_slice_str(a->key)), "method",
                             cli_json_text(skep_slice_str(a->method)), "path",
                             cli_json_text(skep_slice_str(a->path)), "status", (int)a->status, "in",
                             (json_int_t)a->bytes_in, "out", (json_int_t)a->bytes_out, "ms",
                             cli_json_rounded((double)a->took_us / 1000.0, 3), "cut", a->cut != 0,
                             "why", cli_json_text(skep_slice_str(a->why)));
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    if (text != NULL)
        cli_buf_puts(line, text);
    free(text);
    json_decref(json);
}

void cli_log_request(const skep_serve_access *access, void *ctx)
{
    const cli_log *log = ctx;
    char time[SKEP_TIME_TEXT_SIZE];
    cli_buf line CLI_CLEANUP(cli_buf_dispose) = {0};
    if (log->failures_only && access->status < 500)
        return;
    if (skep_time_text(access->at_us, time) < 0)
        return;
    if (log->json)
        as_json(access, time, &line);
    else
        as_logfmt(access, time, &line);
    cli_buf_puts(&line, "\n");
    /* A log that cannot be written must not keep the store from being served. */
    if (!line.failed && write(log->fd, line.data, line.len) < 0)
        return;
}
