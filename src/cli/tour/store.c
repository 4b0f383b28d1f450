/* SPDX-License-Identifier: MIT */
/* Chapter two: files as objects, sealed before they leave this program; in a directory, and on S3
 * where there is one. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skep/skep.h>

#include "cli/show/json.h"
#include "cli/tour/tour.h"

#define OBJECTS_MOST 300
#define OBJECT_BYTES_MOST ((uint64_t)2 << 20)
#define ALL_BYTES_MOST ((uint64_t)32 << 20)
#define PUT_NS (2 * UINT64_C(1000000000)) /* no new object is put after that */

/* What one store did. */
typedef struct side {
    char name[256];
    char reason[SKEP_ERR_TEXT_MAX + 64]; /* why it was left out; "": it was not */
    uint64_t objects;
    uint64_t bytes;
    uint64_t put_ns;
    uint64_t list_ns;
    uint64_t listed;
    uint64_t get_ns;
    uint64_t same; /* what came back is what the file holds */
} side;

typedef struct story {
    tour *t;
    tour_files files;
    skep_key *key;
    side disk;
    side s3;
    tour_refusal without_key;
    tour_refusal flipped;
} story;

/* ---- one store ---- */

static int open_store(const char *uri, const skep_key *key, skep_store **out)
{
    skep_store *store = NULL;
    skep_seal_opts seal = SKEP_SEAL_OPTS_INIT;
    seal.key = key;
    int rc = skep_store_open(uri, NULL, &store);
    if (rc >= 0 && key != NULL && (rc = skep_store_sealed(store, &seal, &store)) < 0)
        (void)skep_store_close(store);
    if (rc >= 0)
        *out = store;
    return rc;
}

static void path_of(const story *st, size_t index, char *out)
{
    (void)snprintf(out, PATH_MAX, "%s/%s", st->t->source, st->files.list[index].path);
}

/* Files that are too large for a tour, may not be read, or have names that are no keys stay. */
static cli_exit put_all(story *st, skep_store *store, side *s, bool *put)
{
    char path[PATH_MAX];
    uint64_t begun = cli_now_ns();
    for (size_t i = 0; i < st->files.count && s->objects < OBJECTS_MOST; i++) {
        const tour_file *file = &st->files.list[i];
        put[i] = false;
        if (tour_stopping() || cli_now_ns() - begun > PUT_NS)
            break;
        if (file->size > OBJECT_BYTES_MOST || s->bytes + file->size > ALL_BYTES_MOST)
            continue;
        path_of(st, i, path);
        int rc = skep_store_put_file(store, file->path, path, NULL, NULL);
        if (rc == SKEP_EDENIED || rc == SKEP_EINVALID || rc == SKEP_ENOTFOUND)
            continue;
        if (rc < 0)
            return cli_fail(st->t->ui);
        put[i] = true;
        s->objects++;
        s->bytes += file->size;
    }
    s->put_ns = cli_now_ns() - begun;
    return CLI_DONE;
}

static cli_exit list_all(story *st, skep_store *store, side *s)
{
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    uint64_t begun = cli_now_ns();
    int rc = skep_list_open(store, NULL, &list);
    while (rc >= 0 && (rc = skep_list_next(list, &object)) > 0)
        s->listed++;
    skep_list_close(list);
    s->list_ns = cli_now_ns() - begun;
    return rc < 0 ? cli_fail(st->t->ui) : CLI_DONE;
}

static bool is_file(const char *path, skep_slice want)
{
    char piece[16384];
    size_t done = 0;
    ssize_t n = 1;
    bool same = true;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && same && (n = read(fd, piece, sizeof(piece))) > 0) {
        same = (size_t)n <= want.len - done &&
               memcmp(piece, (const char *)want.data + done, (size_t)n) == 0;
        done += (size_t)n;
    }
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0 && same && n == 0 && done == want.len;
}

/* Every object, and what its file holds, byte by byte. */
static cli_exit get_all(story *st, skep_store *store, side *s, const bool *put)
{
    char path[PATH_MAX];
    skep_arena *arena = NULL;
    skep_slice data;
    int rc = skep_arena_new(4 * OBJECT_BYTES_MOST, &arena);
    uint64_t took = 0;
    for (size_t i = 0; rc >= 0 && i < st->files.count && !tour_stopping(); i++) {
        if (!put[i])
            continue;
        uint64_t begun = cli_now_ns();
        skep_arena_reset(arena);
        rc = skep_store_get(store, st->files.list[i].path, NULL, arena, &data, NULL);
        took += cli_now_ns() - begun;
        path_of(st, i, path);
        s->same += rc >= 0 && is_file(path, data);
    }
    skep_arena_free(arena);
    s->get_ns = took;
    return rc < 0 ? cli_fail(st->t->ui) : CLI_DONE;
}

static cli_exit run_side(story *st, skep_store *store, side *s)
{
    bool *put = calloc(st->files.count, sizeof(*put));
    if (put == NULL)
        return cli_fail_memory(st->t->ui);
    (void)snprintf(s->name, sizeof(s->name), "%s", skep_store_name(store));
    cli_exit status = put_all(st, store, s, put);
    if (status == CLI_DONE && !tour_stopping())
        status = list_all(st, store, s);
    if (status == CLI_DONE && !tour_stopping())
        status = get_all(st, store, s, put);
    free(put);
    return status;
}

static bool holds(const side *s)
{
    return s->reason[0] != '\0' ||
           (s->objects > 0 && s->listed == s->objects && s->same == s->objects);
}

static double per_second(uint64_t n, uint64_t ns)
{
    return ns > 0 ? (double)n * 1e9 / (double)ns : 0;
}

static void show_side(tour *t, const side *s)
{
    char text[160];
    char more[160];
    (void)snprintf(text, sizeof(text), "%s/s",
                   cli_count((uint64_t)per_second(s->objects, s->put_ns)).s);
    (void)snprintf(more, sizeof(more), "%s objects, %s", cli_count(s->objects).s,
                   cli_bytes(s->bytes).s);
    tour_fact(t, "put, sealed and durable", text, more);
    (void)snprintf(more, sizeof(more), "in the order of their keys");
    tour_fact(t, "list", cli_duration(s->list_ns).s, more);
    (void)snprintf(text, sizeof(text), "%s/s",
                   cli_count((uint64_t)per_second(s->objects, s->get_ns)).s);
    tour_fact(t, "get, opened and verified", text, "");
    (void)snprintf(text, sizeof(text), "%s of %s came back byte by byte", cli_count(s->same).s,
                   cli_count(s->objects).s);
    tour_print(t, "\n");
    tour_verdict(t, holds(s), text);
    tour_flush(t);
}

/* ---- the directory, and what happens to who meddles with it ---- */

/* The largest file below `dir`. */
static bool find_largest(const char *dir, char path[PATH_MAX], off_t *size)
{
    char *root = strdup(dir);
    char *roots[] = {root, NULL};
    FTS *walk = root == NULL ? NULL : fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    *size = 0;
    for (FTSENT *entry; walk != NULL && (entry = fts_read(walk)) != NULL;) {
        if (entry->fts_info != FTS_F || entry->fts_statp->st_size <= *size ||
            entry->fts_pathlen >= PATH_MAX)
            continue;
        memcpy(path, entry->fts_path, (size_t)entry->fts_pathlen + 1);
        *size = entry->fts_statp->st_size;
    }
    if (walk != NULL)
        (void)fts_close(walk);
    free(root);
    return *size > 0;
}

static cli_exit flip(const story *st, const char *dir)
{
    char path[PATH_MAX];
    off_t size = 0;
    unsigned char byte = 0;
    if (!find_largest(dir, path, &size))
        return cli_fail_errno(st->t->ui, errno, "read", dir);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool done = fd >= 0 && pread(fd, &byte, 1, size / 2) == 1;
    byte ^= 1;
    done = done && pwrite(fd, &byte, 1, size / 2) == 1;
    int why = errno;
    if (fd >= 0)
        (void)close(fd);
    return done ? CLI_DONE : cli_fail_errno(st->t->ui, why, "change", path);
}

static void note_refusal(int rc, tour_refusal *out)
{
    out->code = rc;
    (void)snprintf(out->text, sizeof(out->text), "%s",
                   rc < 0 ? skep_last_error()->text : "nobody noticed");
}

/* Which object does not come back any more? */
static cli_exit find_flipped(story *st, skep_store *store)
{
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    skep_arena *arena = NULL;
    skep_slice data;
    int rc = skep_arena_new(4 * OBJECT_BYTES_MOST, &arena);
    int got = SKEP_OK;
    if (rc >= 0)
        rc = skep_list_open(store, NULL, &list);
    while (rc >= 0 && got >= 0 && (rc = skep_list_next(list, &object)) > 0) {
        skep_arena_reset(arena);
        got = skep_store_get(store, object.key, NULL, arena, &data, NULL);
    }
    note_refusal(got, &st->flipped);
    skep_list_close(list);
    skep_arena_free(arena);
    return rc < 0 ? cli_fail(st->t->ui) : CLI_DONE;
}

static cli_exit meddle(story *st, const char *uri, const char *dir)
{
    skep_store *store = NULL;
    skep_key *other = NULL;
    cli_exit status = CLI_DONE;
    if (skep_key_generate(&other) < 0 || open_store(uri, other, &store) < 0)
        status = cli_fail(st->t->ui);
    if (status == CLI_DONE)
        status = find_flipped(st, store); /* with another key: none opens */
    st->without_key = st->flipped;
    (void)skep_store_close(store);
    skep_key_free(other);
    store = NULL;
    if (status == CLI_DONE)
        status = flip(st, dir);
    if (status == CLI_DONE && open_store(uri, st->key, &store) < 0)
        status = cli_fail(st->t->ui);
    if (status == CLI_DONE)
        status = find_flipped(st, store);
    (void)skep_store_close(store);
    return status;
}

/* Over as many lines as it takes. */
static void show_refusal(tour *t, const char *what, const tour_refusal *r)
{
    size_t room = (size_t)tour_columns(t) - 6;
    tour_fact(t, what, skep_code_name(r->code), "");
    for (const char *at = r->text; *at != '\0';) {
        size_t len = strlen(at);
        size_t cut = len < room ? len : room;
        while (cut < len && cut > room / 2 && at[cut] != ' ')
            cut--;
        char line[SKEP_ERR_TEXT_MAX];
        (void)snprintf(line, sizeof(line), "%.*s", (int)cut, at);
        tour_print(t, "    ");
        tour_style(t, CLI_DIM);
        tour_cell(t, line, CLI_NO_LIMIT, false);
        tour_style(t, CLI_PLAIN);
        tour_print(t, "\n");
        at += cut + (at[cut] == ' ');
    }
}

static cli_exit on_disk(story *st)
{
    tour *t = st->t;
    char dir[PATH_MAX];
    char uri[PATH_MAX + 8];
    skep_store *store = NULL;
    (void)snprintf(dir, sizeof(dir), "%s/objects", t->dir);
    (void)snprintf(uri, sizeof(uri), "file:%s", dir);
    tour_heading(t, "1", "A directory");
    if (open_store(uri, st->key, &store) < 0)
        return cli_fail(t->ui);
    cli_exit status = run_side(st, store, &st->disk);
    if (skep_store_close(store) < 0 && status == CLI_DONE)
        status = cli_fail(t->ui);
    if (status != CLI_DONE || tour_stopping())
        return status;
    show_side(t, &st->disk);
    tour_heading(t, "2", "Meddle");
    tour_print(t, "  Somebody else's key, and one bit that is flipped in the directory:\n\n");
    (void)snprintf(dir, sizeof(dir), "%s/objects/o", t->dir);
    status = meddle(st, uri, dir);
    if (status != CLI_DONE || tour_stopping())
        return status;
    show_refusal(t, "opened with another key", &st->without_key);
    show_refusal(t, "with its key, a bit flipped", &st->flipped);
    tour_flush(t);
    return CLI_DONE;
}

/* ---- S3 ---- */

static void leave_out(side *s, const char *why)
{
    (void)snprintf(s->reason, sizeof(s->reason), "%s", why);
}

static cli_exit empty(story *st, skep_store *store)
{
    skep_list *list = NULL;
    skep_object object = SKEP_OBJECT_INIT;
    int rc = skep_list_open(store, NULL, &list);
    while (rc >= 0 && (rc = skep_list_next(list, &object)) > 0)
        rc = skep_store_delete(store, object.key, NULL);
    skep_list_close(list);
    return rc < 0 ? cli_fail(st->t->ui) : CLI_DONE;
}

/* A place of its own: the key ring of another run would not open with the key of this one. */
static cli_exit on_bucket(story *st, const char *endpoint, const char *bucket)
{
    char uri[SKEP_STORE_URI_MAX];
    skep_store *store = NULL;
    skep_io_opts io = SKEP_IO_OPTS_INIT;
    uint32_t caps = 0;
    const char *own = strrchr(st->t->dir, '/');
    (void)snprintf(uri, sizeof(uri), "s3://%s%s?endpoint=%s&retry=10s", bucket, own, endpoint);
    if (open_store(uri, st->key, &store) < 0) {
        leave_out(&st->s3, skep_last_error()->text);
        return CLI_DONE;
    }
    cli_exit status = CLI_DONE;
    if (skep_store_caps(store, &io, &caps) < 0) {
        leave_out(&st->s3, skep_last_error()->text);
    } else {
        status = run_side(st, store, &st->s3);
        cli_exit emptied = empty(st, store);
        status = status == CLI_DONE ? emptied : status;
    }
    (void)skep_store_close(store);
    return status;
}

static cli_exit on_s3(story *st)
{
    const char *endpoint = getenv("S3_ENDPOINT");
    const char *bucket = getenv("S3_BUCKET");
    cli_exit status = CLI_DONE;
    tour_heading(st->t, "3", "S3");
    if (endpoint == NULL || endpoint[0] == '\0')
        leave_out(&st->s3, "S3_ENDPOINT is not set: eval \"$(tests/services/s3-up DIR)\"");
    else if (bucket == NULL || bucket[0] == '\0')
        leave_out(&st->s3, "S3_BUCKET is not set: it names a bucket that may be written to");
    else
        status = on_bucket(st, endpoint, bucket);
    if (status != CLI_DONE || tour_stopping())
        return status;
    if (st->s3.reason[0] == '\0') {
        tour_print(st->t, "  The same calls, to ");
        tour_cell(st->t, st->s3.name, CLI_NO_LIMIT, false);
        tour_print(st->t, ":\n\n");
        show_side(st->t, &st->s3);
    } else {
        tour_print(st->t, "  Left out. ");
        tour_cell(st->t, st->s3.reason, tour_columns(st->t) - 12, false);
        tour_print(st->t, "\n");
    }
    return CLI_DONE;
}

/* ---- the chapter ---- */

static json_t *side_json(const side *s)
{
    if (s->reason[0] != '\0')
        return json_pack("{s:o}", "left_out", cli_json_text(skep_slice_str(s->reason)));
    return json_pack("{s:o, s:I, s:I, s:o, s:o, s:o, s:I, s:I}", "store",
                     cli_json_text(skep_slice_str(s->name)), "objects", (json_int_t)s->objects,
                     "bytes", (json_int_t)s->bytes, "puts_per_second",
                     cli_json_rounded(per_second(s->objects, s->put_ns), 1), "gets_per_second",
                     cli_json_rounded(per_second(s->objects, s->get_ns), 1), "list_ms",
                     cli_json_rounded((double)s->list_ns / 1e6, 3), "listed", (json_int_t)s->listed,
                     "same", (json_int_t)s->same);
}

static json_t *refusal_json(const tour_refusal *r)
{
    return json_pack("{s:s, s:o}", "code", skep_code_name(r->code), "text",
                     cli_json_text(skep_slice_str(r->text)));
}

static json_t *story_json(const story *st)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "chapter", "store", "source",
                     cli_json_text(skep_slice_str(st->t->source)), "directory",
                     side_json(&st->disk), "s3", side_json(&st->s3), "other_key",
                     refusal_json(&st->without_key), "flipped_bit", refusal_json(&st->flipped));
}

static void introduce(tour *t)
{
    tour_style(t, CLI_BOLD);
    tour_print(t, "\nskep %s", skep_version());
    tour_style(t, CLI_PLAIN);
    tour_print(t, "  the tour, chapter two: store\n\n"
                  "  Files as objects, in a directory and on S3 by the same calls. Each is sealed\n"
                  "  with a key of this run before it leaves the program, and opened and checked\n"
                  "  when it comes back.\n");
    tour_flush(t);
}

static cli_exit tell(story *st)
{
    introduce(st->t);
    cli_exit status = tour_walk(st->t, &st->files);
    if (status != CLI_DONE || tour_stopping())
        return status;
    if (skep_key_generate(&st->key) < 0)
        return cli_fail(st->t->ui);
    status = on_disk(st);
    if (status == CLI_DONE && !tour_stopping())
        status = on_s3(st);
    if (status != CLI_DONE || tour_stopping())
        return status;
    bool good = holds(&st->disk) && holds(&st->s3) && st->flipped.code == SKEP_ECORRUPT &&
                st->without_key.code == SKEP_EAUTH;
    status = good ? CLI_DONE : CLI_WRONG;
    if (st->t->ui->json)
        return cli_json_end(st->t->ui, story_json(st), status);
    tour_print(st->t, "\n  All of it by hand: skep store --help, man skep-store\n\n");
    return status;
}

cli_exit tour_chapter_store(tour *t)
{
    story st = {.t = t};
    cli_exit status = tell(&st);
    tour_files_dispose(&st.files);
    skep_key_free(st.key);
    return status;
}
