/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skep/key.h>

#include "cli/show/json.h"

/* The same files once more, in an encrypted database: what can be read in its bytes, and what who
 * comes without the key or with another one is told. */

#define NEEDLE_LEAST 8

/* Something that stands in the file as it is: the name of a file that was recorded. */
static const char *choose_needle(const tour_files *files)
{
    const char *longest = "";
    for (size_t i = 0; i < files->count && i < 1000; i++) {
        const char *slash = strrchr(files->list[i].path, '/');
        const char *name = slash != NULL ? slash + 1 : files->list[i].path;
        if (strlen(name) > strlen(longest))
            longest = name;
        if (strlen(longest) >= NEEDLE_LEAST)
            break;
    }
    return longest;
}

static cli_exit count_in_file(const tour *t, const char *path, const char *needle, uint64_t *out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *bytes = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    int why = errno;
    if (fd >= 0)
        (void)close(fd);
    if (bytes == MAP_FAILED)
        return cli_fail_errno(t->ui, why, "read", path);
    size_t len = (size_t)st.st_size;
    const char *at = bytes;
    const char *end = at + len;
    *out = 0;
    while ((at = memmem(at, (size_t)(end - at), needle, strlen(needle))) != NULL) {
        at += strlen(needle);
        (*out)++;
    }
    (void)munmap(bytes, len);
    return CLI_DONE;
}

static int open_with(const char *path, const skep_key *key, uint32_t flags, skep_db **db)
{
    skep_db_opts opts = tour_opts();
    opts.flags = flags;
    opts.key = key;
    return skep_db_open(path, &opts, db);
}

/* Somebody without the right key. Success would be the failure here. */
static void refused(const char *path, const skep_key *key, tour_refusal *out)
{
    skep_db *db = NULL;
    out->code = open_with(path, key, SKEP_DB_MUST_EXIST, &db);
    (void)snprintf(out->text, sizeof(out->text), "%s",
                   out->code < 0 ? skep_last_error()->text : "it opened");
    (void)skep_db_close(db);
}

static int count_rows(skep_tx *tx, void *arg)
{
    uint64_t *rows_out = arg;
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT count(*) FROM file");
    if (rc >= 0)
        rc = skep_next(rows);
    if (rc > 0)
        *rows_out = (uint64_t)skep_column_int(rows, 0);
    skep_rows_close(rows);
    return rc < 0 ? rc : 0;
}

static cli_exit record_sealed(const tour *t, const tour_files *files, const char *path,
                              const skep_key *key, tour_seal *out)
{
    skep_seal seal = {.size = (uint32_t)sizeof(seal)};
    skep_db *db = NULL;
    tour_job job = {
        .dbs = &db,
        .db_count = 1,
        .files = files,
        .limit = files->count < TOUR_SEAL_SAMPLE ? files->count : TOUR_SEAL_SAMPLE,
        .take_ns = TOUR_SEAL_NS,
        .ack_fd = -1,
        .label = "recording, encrypted",
    };
    if (open_with(path, key, 0, &db) < 0)
        return cli_fail(t->ui);
    cli_exit status =
        tour_create_table(db) < 0 ? cli_fail(t->ui) : tour_crew(t->ui, &job, &out->figures);
    if ((skep_db_close(db) < 0 || skep_db_seal(path, &seal) < 0) && status == CLI_DONE)
        status = cli_fail(t->ui);
    (void)snprintf(out->cipher, sizeof(out->cipher), "%s", skep_cipher_name(seal.cipher));
    return status;
}

static int open_again(const char *path, const skep_key *key, const skep_key *wrong, tour_seal *out)
{
    skep_db *db = NULL;
    refused(path, NULL, &out->without_key);
    refused(path, wrong, &out->wrong_key);
    int rc = open_with(path, key, SKEP_DB_MUST_EXIST, &db);
    if (rc >= 0)
        rc = skep_read(db, count_rows, &out->rows);
    int closed = skep_db_close(db);
    return rc < 0 ? rc : closed;
}

static cli_exit seal_all(const tour *t, const tour_files *files, const skep_key *key,
                         const skep_key *wrong, tour_seal *out)
{
    char plain[PATH_MAX];
    char path[PATH_MAX];
    struct stat st;
    (void)snprintf(plain, sizeof(plain), "%s/inventory.db", t->dir);
    (void)snprintf(path, sizeof(path), "%s/sealed.db", t->dir);
    (void)snprintf(out->needle, sizeof(out->needle), "%s", choose_needle(files));
    cli_exit status = record_sealed(t, files, path, key, out);
    if (status == CLI_DONE && !tour_stopping())
        status = open_again(path, key, wrong, out) < 0 ? cli_fail(t->ui) : CLI_DONE;
    if (status == CLI_DONE)
        status = count_in_file(t, plain, out->needle, &out->plain);
    if (status == CLI_DONE)
        status = count_in_file(t, path, out->needle, &out->sealed);
    if (status == CLI_DONE && stat(path, &st) == 0)
        out->bytes = (uint64_t)st.st_size;
    return status;
}

cli_exit tour_seal_run(const tour *t, const tour_files *files, tour_seal *out)
{
    skep_key *key = NULL;
    skep_key *wrong = NULL;
    cli_exit status = skep_key_generate(&key) < 0 || skep_key_generate(&wrong) < 0
                          ? cli_fail(t->ui)
                          : seal_all(t, files, key, wrong, out);
    skep_key_free(key);
    skep_key_free(wrong);
    return status;
}

bool tour_seal_holds(const tour_inventory *story)
{
    const tour_seal *s = &story->seal;
    return s->sealed == 0 && s->without_key.code == SKEP_EAUTH && s->wrong_key.code == SKEP_EAUTH &&
           s->rows == s->figures.done;
}

/* The library's words, broken into lines, without the way to the temporary directory. */
static void show_text(tour *t, const char *said)
{
    char text[SKEP_ERR_TEXT_MAX];
    size_t columns = (size_t)tour_columns(t) - 4;
    (void)snprintf(text, sizeof(text), "%s", said);
    char *dir = strstr(text, t->dir);
    if (dir != NULL) {
        const char *name = dir + strlen(t->dir) + 1;
        memmove(dir, name, strlen(name) + 1);
    }
    for (char *line = text; *line != '\0';) {
        size_t len = strlen(line);
        for (size_t at = columns; len > columns && at > 0; at--)
            if (line[at] == ' ') {
                len = at;
                break;
            }
        bool last = line[len] == '\0';
        line[len] = '\0';
        tour_print(t, "    ");
        tour_cell(t, line, CLI_NO_LIMIT, false);
        tour_print(t, "\n");
        line += last ? len : len + 1;
    }
}

static void show_refusal(tour *t, const char *who, const tour_refusal *r)
{
    tour_print(t, "  %-24s", who);
    tour_style(t, r->code == SKEP_EAUTH ? CLI_ACCENT2 : CLI_BAD);
    tour_print(t, "%s\n", skep_code_name(r->code));
    tour_style(t, CLI_DIM);
    show_text(t, r->text);
    tour_style(t, CLI_PLAIN);
}

void tour_show_seal(tour *t, const tour_inventory *story)
{
    const tour_seal *s = &story->seal;
    char text[160];
    tour_print(t, "  The files once more, in a database that is encrypted (%s):\n\n", s->cipher);
    (void)snprintf(text, sizeof(text), "%s/s", cli_count((uint64_t)tour_rate(&s->figures)).s);
    tour_fact(t, "durable transactions, 16 threads", text, "");
    (void)snprintf(text, sizeof(text), "%.1f in one sync", tour_group(&s->figures));
    tour_fact(t, "files recorded", cli_count(s->figures.done).s, text);
    (void)snprintf(text, sizeof(text), "%s in the plain one", cli_count(s->plain).s);
    tour_fact(t, "a file name, read in its bytes", cli_count(s->sealed).s, text);
    tour_print(t, "\n");
    show_refusal(t, "opened without a key", &s->without_key);
    show_refusal(t, "opened with another key", &s->wrong_key);
    tour_print(t, "\n");
    (void)snprintf(text, sizeof(text), "opened with its key: all %s files are there",
                   cli_count(s->rows).s);
    tour_verdict(t, tour_seal_holds(story), text);
    tour_flush(t);
}

static json_t *refusal_json(const tour_refusal *r)
{
    return json_pack("{s:s, s:o}", "code", skep_code_name(r->code), "text",
                     cli_json_text(skep_slice_str(r->text)));
}

json_t *tour_seal_json(const tour_seal *s)
{
    return json_pack("{s:s, s:I, s:I, s:o, s:I, s:I, s:o, s:o, s:I}", "cipher", s->cipher, "bytes",
                     (json_int_t)s->bytes, "transactions", (json_int_t)s->figures.done,
                     "per_second", cli_json_rounded(tour_rate(&s->figures), 1), "readable_plain",
                     (json_int_t)s->plain, "readable", (json_int_t)s->sealed, "without_key",
                     refusal_json(&s->without_key), "wrong_key", refusal_json(&s->wrong_key),
                     "rows", (json_int_t)s->rows);
}
