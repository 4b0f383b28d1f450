/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/export/sink.h"
#include "cli/key.h"
#include "cli/show/json.h"

/* A new raw key, as text: in a file that nobody else may read and that was not there before, else
 * on standard output. A key that is lost takes all with it that was sealed with it: so a file is
 * never replaced, and it is durable before its recipient is told. */

#define KEY_TEXT 45 /* 44 characters and NUL */

typedef struct generated {
    const cli_ui *ui;
    const char *path; /* NULL: standard output */
    char text[KEY_TEXT];
    char recipient[SKEP_RECIPIENT_TEXT_MAX + 1];
} generated;

static cli_exit make(generated *g)
{
    skep_key *key = NULL;
    int rc = skep_key_generate(&key);
    if (rc >= 0)
        rc = skep_key_export(key, g->text, sizeof(g->text));
    if (rc >= 0)
        rc = skep_key_recipient(key, g->recipient, sizeof(g->recipient));
    skep_key_free(key);
    return rc < 0 ? cli_fail(g->ui) : CLI_DONE;
}

static int write_text(int fd, const char *text)
{
    size_t len = strlen(text);
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, text + done, len - done);
        if (n < 0 && errno != EINTR)
            return errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static cli_exit keep(const generated *g)
{
    cli_newfile file;
    int rc = cli_newfile_open(&file, g->path, false);
    if (rc == 0)
        rc = write_text(file.fd, g->text);
    if (rc == 0)
        rc = write_text(file.fd, "\n");
    if (rc == 0)
        rc = cli_newfile_commit(&file);
    cli_newfile_dispose(&file);
    if (rc == EEXIST)
        return cli_usage(g->ui, "key generate",
                         "%s is there already, and a key is never replaced: what it opens would "
                         "be lost",
                         g->path);
    return rc != 0 ? cli_fail_errno(g->ui, rc, "write", g->path) : CLI_DONE;
}

static cli_exit tell(const generated *g)
{
    cli_out out = {stdout, 0};
    if (g->ui->json)
        return cli_json_end(
            g->ui,
            g->path != NULL
                ? json_pack("{s:o, s:s}", "path", cli_json_path(g->path), "recipient", g->recipient)
                : json_pack("{s:s, s:s}", "key", g->text, "recipient", g->recipient),
            CLI_DONE);
    cli_printf(&out, "%s\n", g->path != NULL ? g->recipient : g->text);
    if (g->ui->loud >= 0 && g->path == NULL)
        cli_say(g->ui, "its recipient is %s", g->recipient);
    else if (g->ui->loud >= 0)
        cli_say(g->ui, "keep a copy of %s elsewhere: without it nothing sealed with it opens",
                g->path);
    return cli_out_end(&out, g->ui, CLI_DONE);
}

cli_exit cli_key_generate(const cli_call *call)
{
    generated g = {.ui = call->ui, .path = cli_value(call, CLI_OPT_OUT)};
    cli_key_in_memory();
    cli_exit status = make(&g);
    if (status == CLI_DONE && g.path != NULL)
        status = keep(&g);
    if (status == CLI_DONE)
        status = tell(&g);
    explicit_bzero(g.text, sizeof(g.text));
    return status;
}
