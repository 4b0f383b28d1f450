/* SPDX-License-Identifier: MIT */
/*
 * mirror:FILE. The settings of a section are read by base/settings, which knows one table; so each
 * section is given to it alone, with all other lines left empty: line numbers stay right.
 *
 * The file names secrets, and holds none.
 */
#include "store/mirror_file.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "os/os.h"

static const skep__choice mode_choices[] = {
    {"sync", SKEP_MIRROR_SYNC}, {"async", SKEP_MIRROR_ASYNC}, {NULL, 0}};
static const skep__choice conflict_choices[] = {{"latest", SKEP_CONFLICT_LATEST},
                                                {"primary", SKEP_CONFLICT_PRIMARY},
                                                {"replica", SKEP_CONFLICT_REPLICA},
                                                {NULL, 0}};

enum { ROW_MODE, ROW_CONFLICT, ROW_QUEUE };

static const skep__setting mirror_rows[] = {
    [ROW_MODE] = {.name = "mirror.mode",
                  .type = SKEP__SETTING_ENUM,
                  .choices = mode_choices,
                  .help = "When a put is done: in all stores, or in the primary and a queue."},
    [ROW_CONFLICT] = {.name = "mirror.conflict",
                      .type = SKEP__SETTING_ENUM,
                      .choices = conflict_choices,
                      .help = "Which object counts where two stores differ."},
    [ROW_QUEUE] = {.name = "mirror.queue",
                   .type = SKEP__SETTING_TEXT,
                   SKEP__FIELD(skep_mirror_opts, queue),
                   .min = 1,
                   .max = 3900,
                   .help = "Directory of the queue."},
    {.name = "mirror.queue_objects",
     .type = SKEP__SETTING_INT,
     .unit = "objects",
     SKEP__FIELD(skep_mirror_opts, queue_objects),
     .initial = 1000000,
     .min = 1,
     .max = 100000000,
     .help = "Puts are refused while so many objects wait."},
    {.name = "mirror.queue_bytes",
     .type = SKEP__SETTING_BYTES,
     .unit = "bytes",
     SKEP__FIELD(skep_mirror_opts, queue_bytes),
     .initial = INT64_C(64) << 30,
     .min = 1,
     .max = INT64_C(1) << 60,
     .help = "Puts are refused while so many bytes wait."},
    {.name = "mirror.close_timeout",
     .type = SKEP__SETTING_DURATION,
     .unit = "ms",
     SKEP__FIELD(skep_mirror_opts, close_timeout_ms),
     .min = 0,
     .max = INT64_C(86400000),
     .help = "Closing waits so long for the queue to be empty."},
};
const skep__settings_table skep__mirror_settings =
    SKEP__SETTINGS_TABLE("skep_mirror_opts", skep_mirror_opts, mirror_rows);

#define STORE_ROW(section, key, max_, help_)                                                       \
    {                                                                                              \
        .name = section "." key, .type = SKEP__SETTING_TEXT, .min = 1, .max = (max_),              \
        .help = (help_)                                                                            \
    }
#define STORE_ROWS(section)                                                                        \
    {                                                                                              \
        [SKEP__MIRROR_URI] = STORE_ROW(section, "uri", SKEP_STORE_URI_MAX, "What it is."),         \
        [SKEP__MIRROR_REGION] = STORE_ROW(section, "region", 63, "Region of the bucket."),         \
        [SKEP__MIRROR_ENDPOINT] = STORE_ROW(section, "endpoint", 511, "Where its S3 is."),         \
        [SKEP__MIRROR_PROFILE] = STORE_ROW(section, "profile", 127, "Section of the AWS files."),  \
        [SKEP__MIRROR_KEY_ID] = STORE_ROW(section, "access_key_id", 128, "Who asks S3."),          \
        [SKEP__MIRROR_SECRET_FILE] =                                                               \
            STORE_ROW(section, "secret_access_key_file", 4000, "File with the secret of S3."),     \
        [SKEP__MIRROR_TOKEN_FILE] =                                                                \
            STORE_ROW(section, "session_token_file", 4000, "File with the token of S3."),          \
        [SKEP__MIRROR_API_KEY_FILE] =                                                              \
            STORE_ROW(section, "api_key_file", 4000, "File with the key of a remote store."),      \
        [SKEP__MIRROR_CA_FILE] = STORE_ROW(section, "ca_file", 4000, "Certificates to trust."),    \
    }
static const skep__setting primary_rows[] = STORE_ROWS("primary");
static const skep__setting replica_rows[] = STORE_ROWS("replica");
static const skep__settings_table primary_table = {"primary", 0, SKEP__MIRROR_ROWS, primary_rows};
static const skep__settings_table replica_table = {"replica", 0, SKEP__MIRROR_ROWS, replica_rows};

/* ---- sections ---- */

typedef struct section {
    const char *name; /* without brackets; a slice of the text */
    size_t name_len;
    const char *begin; /* of the line behind its own */
    const char *end;
    unsigned line; /* its own */
} section;

static skep_slice trimmed(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (at < end && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return skep_slice_of(at, (size_t)(end - at));
}

/* The next section from `s->end` on; false: there is none. The first call has what comes before
 * any: a section without a name. */
static bool next_section(skep_slice text, section *s)
{
    const char *end = (const char *)text.data + text.len;
    const char *at = s->end;
    if (s->begin != NULL) {
        if (at >= end)
            return false;
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        skep_slice line = trimmed(at, newline != NULL ? newline : end);
        const char *close = memchr(line.data, ']', line.len);
        const char *name = (const char *)line.data + 1;
        skep_slice inside = trimmed(name, close != NULL ? close : name);
        s->name = inside.data;
        s->name_len = inside.len;
        at = newline != NULL ? newline + 1 : end;
    }
    s->begin = at;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        skep_slice line = trimmed(at, newline != NULL ? newline : end);
        if (line.len > 0 && *(const char *)line.data == '[')
            break;
        at = newline != NULL ? newline + 1 : end;
    }
    s->end = at;
    return true;
}

static unsigned line_of(skep_slice text, const char *at)
{
    unsigned line = 1;
    for (const char *c = text.data; c < at; c++)
        line += *c == '\n' ? 1 : 0;
    return line;
}

/* Its lines in their places, below the heading that the table knows. */
static int load_section(skep_slice text, const char *path, const section *s, const char *heading,
                        skep__settings *into)
{
    SKEP__CLEANUP(skep__buf_dispose) skep__buf alone = SKEP__BUF_INIT(2 * SKEP__SETTINGS_FILE_MAX);
    const unsigned lines = line_of(text, s->begin);
    for (unsigned i = 2; i < lines; i++)
        skep__buf_add_byte(&alone, '\n');
    if (heading[0] != '\0')
        skep__buf_printf(&alone, "[%s]\n", heading);
    skep__buf_add(&alone, s->begin, (size_t)(s->end - s->begin));
    SKEP__TRY(skep__buf_status(&alone));
    return skep__settings_load_ini(into, skep__buf_slice(&alone), path);
}

/* ---- the file ---- */

static bool is_named(const section *s, const char *name)
{
    return s->name_len == strlen(name) && memcmp(s->name, name, s->name_len) == 0;
}

static int load_store(skep_slice text, const char *path, const section *s, size_t place,
                      skep__mirror_file *out)
{
    const bool primary = place == 0;
    skep__settings *into = &out->stores[place];
    if (into->table != NULL)
        return SKEP__FAIL(SKEP_EINVALID, "%s:%u: section [%s] is there twice", path, s->line,
                          out->labels[place]);
    SKEP__TRY(skep__settings_init(into, primary ? &primary_table : &replica_table));
    SKEP__TRY(load_section(text, path, s, primary ? "primary" : "replica", into));
    if (skep__settings_text(into, SKEP__MIRROR_URI) == NULL)
        return SKEP__FAIL(SKEP_EINVALID, "%s:%u: section [%s] has no uri", path, s->line,
                          out->labels[place]);
    return SKEP_OK;
}

static int load_replica(skep_slice text, const char *path, const section *s, skep__mirror_file *out)
{
    if (s->name_len >= SKEP__MIRROR_LABEL_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "%s:%u: the name of a section has at most %d bytes", path,
                          s->line, SKEP__MIRROR_LABEL_MAX - 1);
    size_t place = 1;
    while (place < out->n && (strlen(out->labels[place]) != s->name_len ||
                              memcmp(out->labels[place], s->name, s->name_len) != 0))
        place++;
    if (place == SKEP_MIRROR_STORES_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "%s:%u: a mirror has at most %d replicas", path, s->line,
                          SKEP_MIRROR_STORES_MAX - 1);
    if (place == out->n) {
        memcpy(out->labels[place], s->name, s->name_len);
        out->n++;
    }
    return load_store(text, path, s, place, out);
}

static int load_one(skep_slice text, const char *path, const section *s, skep__mirror_file *out,
                    bool *mirror)
{
    static const char replica[] = "replica ";
    if (s->name == NULL) /* nothing may stand above the first section */
        return load_section(text, path, s, "", &out->mirror);
    if (is_named(s, "mirror")) {
        if (*mirror)
            return SKEP__FAIL(SKEP_EINVALID, "%s:%u: section [mirror] is there twice", path,
                              s->line);
        *mirror = true;
        return load_section(text, path, s, "mirror", &out->mirror);
    }
    if (is_named(s, "primary"))
        return load_store(text, path, s, 0, out);
    if (s->name_len > sizeof(replica) - 1 && memcmp(s->name, replica, sizeof(replica) - 1) == 0)
        return load_replica(text, path, s, out);
    return SKEP__FAIL(SKEP_EINVALID,
                      "%s:%u: there is no section [%.*s]; allowed: [mirror], [primary], [replica "
                      "NAME]",
                      path, s->line, (int)(s->name_len < 60 ? s->name_len : 60), s->name);
}

int skep__mirror_file_parse(skep_slice text, const char *path, skep__mirror_file *out)
{
    section s = {.end = text.data};
    bool mirror = false;
    *out = (skep__mirror_file){.n = 1, .labels = {"primary"}};
    SKEP__TRY(skep__settings_init(&out->mirror, &skep__mirror_settings));
    if (text.len > SKEP__SETTINGS_FILE_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "%s: %zu bytes; allowed: at most %d", path, text.len,
                          SKEP__SETTINGS_FILE_MAX);
    if (text.len > 0 && memchr(text.data, 0, text.len) != NULL)
        return SKEP__FAIL(SKEP_EINVALID, "%s: there is a zero byte in it", path);
    while (text.len > 0 && next_section(text, &s)) {
        s.line = s.name != NULL ? line_of(text, s.name) : 1;
        SKEP__TRY(load_one(text, path, &s, out, &mirror));
    }
    if (out->stores[0].table == NULL)
        return SKEP__FAIL(SKEP_EINVALID, "%s: there is no section [primary]", path);
    if (out->n < 2)
        return SKEP__FAIL(SKEP_EINVALID, "%s: there is no section [replica NAME]", path);
    return SKEP_OK;
}

void skep__mirror_file_dispose(skep__mirror_file *file)
{
    skep__settings_dispose(&file->mirror);
    for (size_t i = 0; i < SKEP_MIRROR_STORES_MAX; i++) {
        if (file->stores[i].table != NULL)
            skep__settings_dispose(&file->stores[i]);
    }
}

/* ---- opening ---- */

typedef struct secrets {
    char key[512];
    char token[8192];
    char api_key[1024];
} secrets;

static void secrets_wipe(secrets *s)
{
    sodium_memzero(s, sizeof(*s));
}

/* The first line of the file; NULL where none is named. */
static int read_secret(const skep__settings *set, skep__mirror_row row, char *to, size_t size,
                       const char **out)
{
    const char *path = skep__settings_text(set, row);
    size_t len = 0;
    uint32_t mode = 0;
    if (path == NULL)
        return SKEP_OK;
    SKEP__TRY(skep__os_read_secret(path, to, size, &len, &mode));
    if ((mode & 066) != 0)
        return SKEP__FAIL(SKEP_EDENIED, "%s: others may read or write it (mode %03o); chmod 600 it",
                          path, (unsigned)mode);
    if (len == size)
        return SKEP__FAIL(SKEP_ELIMIT, "%s: a secret has at most %zu bytes", path, size - 1);
    to[len] = '\0';
    if (len > 0 && to[len - 1] == '\n')
        to[--len] = '\0';
    if (len == 0 || strlen(to) != len || strchr(to, '\n') != NULL)
        return SKEP__FAIL(SKEP_EINVALID, "%s: there has to be one line in it, the secret", path);
    *out = to;
    return SKEP_OK;
}

static int open_store(const skep__settings *set, const skep_store_opts *base, skep_store **out)
{
    SKEP__CLEANUP(secrets_wipe) secrets s;
    skep_store_opts opts = *base;
    const char *uri = skep__settings_text(set, SKEP__MIRROR_URI);
    if (strncmp(uri, "mirror:", 7) == 0)
        return SKEP__FAIL(SKEP_EINVALID, "%s: a mirror of mirrors", uri);
    opts.access_key_id = skep__settings_text(set, SKEP__MIRROR_KEY_ID);
    opts.region = skep__settings_text(set, SKEP__MIRROR_REGION);
    opts.endpoint = skep__settings_text(set, SKEP__MIRROR_ENDPOINT);
    opts.profile = skep__settings_text(set, SKEP__MIRROR_PROFILE);
    opts.ca_file = skep__settings_text(set, SKEP__MIRROR_CA_FILE);
    opts.secret_access_key = NULL;
    opts.session_token = NULL;
    opts.api_key = NULL;
    SKEP__TRY(
        read_secret(set, SKEP__MIRROR_SECRET_FILE, s.key, sizeof(s.key), &opts.secret_access_key));
    SKEP__TRY(
        read_secret(set, SKEP__MIRROR_TOKEN_FILE, s.token, sizeof(s.token), &opts.session_token));
    SKEP__TRY(
        read_secret(set, SKEP__MIRROR_API_KEY_FILE, s.api_key, sizeof(s.api_key), &opts.api_key));
    return skep_store_open(uri, &opts, out);
}

typedef struct opened {
    size_t n;
    skep_store *stores[SKEP_MIRROR_STORES_MAX];
} opened;

static void opened_close(opened *o)
{
    skep_err err;
    skep__err_save(&err); /* of what led here */
    for (size_t i = 0; i < o->n; i++)
        (void)skep_store_close(o->stores[i]);
    if (o->n > 0 && err.code < 0)
        (void)skep__err_install(&err);
}

int skep__mirror_open(const skep__store_uri *uri, const skep_store_opts *opts, skep_store **out)
{
    SKEP__CLEANUP(skep__mirror_file_dispose) skep__mirror_file file = {.n = 0};
    SKEP__CLEANUP(skep__buf_dispose) skep__buf text = SKEP__BUF_INIT(SKEP__SETTINGS_FILE_MAX);
    SKEP__CLEANUP(opened_close) opened o = {.n = 0};
    skep_mirror_opts mirror;
    SKEP__TRY(skep__os_read_file(uri->path, &text));
    SKEP__TRY(skep__mirror_file_parse(skep__buf_slice(&text), uri->path, &file));
    skep__settings_fill(&file.mirror, &mirror);
    mirror.mode = (uint32_t)skep__settings_number(&file.mirror, ROW_MODE);
    mirror.conflict = (uint32_t)skep__settings_number(&file.mirror, ROW_CONFLICT);
    /* Programs that run one command would else leave to the next one what they have put. */
    if (mirror.close_timeout_ms == 0)
        mirror.close_timeout_ms = SKEP__MIRROR_FILE_CLOSE_MS;
    for (; o.n < file.n; o.n++)
        SKEP__TRY(open_store(&file.stores[o.n], opts, &o.stores[o.n]));
    SKEP__TRY(
        skep__mirror_make(o.stores, o.n, &mirror, (opts->flags & SKEP_STORE_READONLY) != 0, out));
    o.n = 0;
    return SKEP_OK;
}
