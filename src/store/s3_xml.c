/* SPDX-License-Identifier: MIT */
/* What S3 answers, read by expat in one pass. Elements are known by their path from the root
 * without namespaces, which servers set or do not as they like. */
#include "store/s3_xml.h"

#include <expat.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "store/store_limits.h"

typedef struct reader reader;

struct reader {
    XML_Parser parser;
    const char *what; /* it should be: "a list of objects" */
    int rc;           /* what a callback has ended it with */
    unsigned depth;
    size_t path_len;
    char path[SKEP__XML_PATH_MAX + 1]; /* "ListBucketResult/Contents/Key" */
    bool cut;                          /* more text than there is room for */
    size_t text_len;
    char text[SKEP__XML_TEXT_MAX + 1]; /* since the last tag */
    int (*begin)(reader *r);           /* an element begins; may be NULL */
    int (*end)(reader *r);             /* one ends: `path` and `text` are its own */
    void *ctx;
};

static int unreadable(const reader *r, const char *why)
{
    return SKEP__FAIL(SKEP_ECORRUPT, "the server's answer is not %s: %s", r->what, why);
}

static void stop(reader *r, int rc)
{
    r->rc = rc;
    (void)XML_StopParser(r->parser, XML_FALSE);
}

/* ---- what expat calls ---- */

static void on_doctype(void *ctx, const XML_Char *name, const XML_Char *system, const XML_Char *pub,
                       int internal)
{
    reader *r = ctx;
    (void)name;
    (void)system;
    (void)pub;
    (void)internal;
    /* Entities are declared there: a short text could grow without end, or name files of ours. */
    stop(r, unreadable(r, "it has a document type"));
}

static void on_begin(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    reader *r = ctx;
    const char *colon = strrchr(name, ':');
    const char *local = colon == NULL ? name : colon + 1;
    size_t len = strlen(local);
    (void)attributes;
    if (r->rc < 0)
        return;
    if (r->depth == SKEP__XML_DEPTH_MAX || r->path_len + 1 + len > SKEP__XML_PATH_MAX) {
        stop(r, unreadable(r, "it is nested too deeply"));
        return;
    }
    if (r->depth++ > 0)
        r->path[r->path_len++] = '/';
    memcpy(r->path + r->path_len, local, len + 1);
    r->path_len += len;
    r->text_len = 0;
    r->cut = false;
    int rc = r->begin == NULL ? SKEP_OK : r->begin(r);
    if (rc < 0)
        stop(r, rc);
}

static void on_text(void *ctx, const XML_Char *text, int len)
{
    reader *r = ctx;
    size_t room = SKEP__XML_TEXT_MAX - r->text_len;
    size_t n = (size_t)len < room ? (size_t)len : room;
    memcpy(r->text + r->text_len, text, n);
    r->text_len += n;
    r->cut = r->cut || n < (size_t)len;
}

static void on_end(void *ctx, const XML_Char *name)
{
    reader *r = ctx;
    (void)name;
    if (r->rc < 0)
        return;
    r->text[r->text_len] = '\0';
    int rc = r->end(r);
    char *slash = strrchr(r->path, '/');
    r->path_len = slash == NULL ? 0 : (size_t)(slash - r->path);
    r->path[r->path_len] = '\0';
    r->depth--;
    r->text_len = 0;
    r->cut = false;
    if (rc < 0)
        stop(r, rc);
}

static int read_with(reader *r, skep_slice xml)
{
    XML_SetUserData(r->parser, r);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    XML_SetElementHandler(r->parser, on_begin, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    if (XML_Parse(r->parser, xml.data, (int)xml.len, XML_TRUE) == XML_STATUS_OK)
        return r->rc;
    if (r->rc < 0)
        return r->rc;
    enum XML_Error error = XML_GetErrorCode(r->parser);
    return error == XML_ERROR_NO_MEMORY ? skep__oom() : unreadable(r, XML_ErrorString(error));
}

static int read_xml(reader *r, skep_slice xml)
{
    static const XML_Memory_Handling_Suite memory = {skep__alloc, skep__realloc, skep__free};
    if (xml.len > SKEP__XML_BYTES_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "the server's answer has %zu bytes of XML, %d are read",
                          xml.len, SKEP__XML_BYTES_MAX);
    /* S3 sends blanks while it works, so that nobody takes the connection for dead; in front of the
     * declaration they are no XML. */
    const char *text = xml.len == 0 ? "" : xml.data;
    while (xml.len > 0 && strchr(" \t\r\n", *text) != NULL && *text != '\0') {
        text++;
        xml.len--;
    }
    r->parser = XML_ParserCreate_MM(NULL, &memory, NULL);
    if (r->parser == NULL)
        return skep__oom();
    int rc = read_with(r, skep_slice_of(text, xml.len));
    XML_ParserFree(r->parser);
    return rc;
}

/* ---- what the text of an element comes to ---- */

static bool at(const reader *r, const char *path)
{
    return strcmp(r->path, path) == 0;
}

static int take(reader *r, char *out, size_t size)
{
    if (r->cut || r->text_len >= size)
        return SKEP__FAIL(SKEP_ELIMIT, "%s in the server's answer is longer than %zu bytes",
                          r->path, size - 1);
    memcpy(out, r->text, r->text_len + 1);
    return SKEP_OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What encoding-type=url has made of a key, in place. Amazon and MinIO write a blank as `+`, Ceph
 * and others as %20; a plus is %2B with all of them. */
static bool url_decode(reader *r)
{
    size_t len = 0;
    for (size_t i = 0; i < r->text_len; i++) {
        char c = r->text[i];
        if (c == '%') {
            int high = hex_digit(r->text[i + 1]); /* a NUL stands at the end */
            int low = high < 0 ? -1 : hex_digit(r->text[i + 2]);
            if (low < 0 || (high | low) == 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        r->text[len++] = c;
    }
    r->text[len] = '\0';
    r->text_len = len;
    return true;
}

static int take_key(reader *r, bool encoded, char *out, size_t size)
{
    if (r->cut || (encoded && !url_decode(r)))
        return unreadable(r, "a key is not encoded as it was asked for");
    return take(r, out, size);
}

static int take_etag(reader *r, char *out, size_t size)
{
    size_t from = r->text_len >= 2 && memcmp(r->text, "W/", 2) == 0 ? 2 : 0;
    if (r->text_len - from >= 2 && r->text[from] == '"' && r->text[r->text_len - 1] == '"') {
        from++;
        r->text_len--;
    }
    memmove(r->text, r->text + from, r->text_len - from);
    r->text_len -= from;
    r->text[r->text_len] = '\0';
    return take(r, out, size);
}

static int take_number(reader *r, uint64_t *out)
{
    uint64_t n = 0;
    bool good = r->text_len > 0 && !r->cut;
    for (size_t i = 0; i < r->text_len && good; i++) {
        char c = r->text[i];
        good = c >= '0' && c <= '9' && !__builtin_mul_overflow(n, 10u, &n) &&
               !__builtin_add_overflow(n, (unsigned)(c - '0'), &n);
    }
    if (!good)
        return unreadable(r, "a size is no number");
    *out = n;
    return SKEP_OK;
}

static int take_time(reader *r, int64_t *out)
{
    return skep__time_read(skep_slice_of(r->text, r->text_len), out)
               ? SKEP_OK
               : unreadable(r, "a time is none");
}

/* It may stand behind the keys. No key has a `<`, so this is found where it is an element. */
static bool is_encoded(skep_slice xml)
{
    static const char mark[] = "EncodingType>url<";
    return xml.len > 0 && memmem(xml.data, xml.len, mark, sizeof(mark) - 1) != NULL;
}

static int root_is(const reader *r, const char *name)
{
    return r->depth != 1 || at(r, name) ? SKEP_OK : unreadable(r, "it is something else");
}

/* ---- errors ---- */

static int error_end(reader *r)
{
    static const char root[] = "Error/";
    skep__s3_error *e = r->ctx;
    const char *path = r->path;
    if (strncmp(path, "ErrorResponse/", 14) == 0) /* of Amazon's other services, and some proxies */
        path += 14;
    if (strncmp(path, root, sizeof(root) - 1) != 0)
        return SKEP_OK;
    path += sizeof(root) - 1;
    if (strcmp(path, "Code") == 0)
        (void)skep__text_copy(e->code, sizeof(e->code), r->text);
    else if (strcmp(path, "Message") == 0)
        (void)skep__text_copy(e->message, sizeof(e->message), r->text);
    else if (strcmp(path, "Region") == 0)
        (void)skep__text_copy(e->region, sizeof(e->region), r->text);
    else if (strcmp(path, "Endpoint") == 0)
        (void)skep__text_copy(e->endpoint, sizeof(e->endpoint), r->text);
    else if (strcmp(path, "ServerTime") == 0)
        (void)skep__text_copy(e->server_time, sizeof(e->server_time), r->text);
    return SKEP_OK;
}

/* These go into error texts of one line. */
static void one_line(char *text)
{
    for (char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
}

void skep__s3_xml_error(skep_slice xml, skep__s3_error *out)
{
    skep__s3_error e = {.code = ""};
    reader r = {.what = "an error", .end = error_end, .ctx = &e};
    if (read_xml(&r, xml) < 0)
        memset(&e, 0, sizeof(e));
    one_line(e.code);
    one_line(e.message);
    one_line(e.region);
    one_line(e.endpoint);
    one_line(e.server_time);
    *out = e;
}

/* ---- lists of objects ---- */

typedef struct list_reader {
    bool encoded;
    skep_object object;
    skep__s3_object_fn *call;
    void *ctx;
    skep__s3_page page;
} list_reader;

static int list_begin(reader *r)
{
    list_reader *l = r->ctx;
    if (at(r, "ListBucketResult/Contents"))
        l->object = (skep_object)SKEP_OBJECT_INIT;
    return root_is(r, "ListBucketResult");
}

static int list_object(reader *r, list_reader *l)
{
    if (l->object.key[0] == '\0')
        return unreadable(r, "an object has no key");
    return l->call(l->ctx, &l->object);
}

static int list_end(reader *r)
{
    list_reader *l = r->ctx;
    if (at(r, "ListBucketResult/Contents/Key"))
        return take_key(r, l->encoded, l->object.key, sizeof(l->object.key));
    if (at(r, "ListBucketResult/Contents/Size"))
        return take_number(r, &l->object.bytes);
    if (at(r, "ListBucketResult/Contents/LastModified"))
        return take_time(r, &l->object.modified_us);
    if (at(r, "ListBucketResult/Contents/ETag"))
        return take_etag(r, l->object.etag, sizeof(l->object.etag));
    if (at(r, "ListBucketResult/Contents"))
        return list_object(r, l);
    if (at(r, "ListBucketResult/NextContinuationToken"))
        return take(r, l->page.token, sizeof(l->page.token));
    if (at(r, "ListBucketResult/IsTruncated"))
        l->page.more = strcmp(r->text, "true") == 0;
    return SKEP_OK;
}

int skep__s3_xml_list(skep_slice xml, skep__s3_object_fn *object, void *ctx, skep__s3_page *out)
{
    list_reader l = {.encoded = is_encoded(xml), .call = object, .ctx = ctx};
    reader r = {.what = "a list of objects", .begin = list_begin, .end = list_end, .ctx = &l};
    SKEP__TRY(read_xml(&r, xml));
    if (l.page.more && l.page.token[0] == '\0')
        return unreadable(&r, "there is more, but not said where");
    *out = l.page;
    return SKEP_OK;
}

/* ---- what could not be deleted ---- */

typedef struct deleted_reader {
    char key[SKEP_STORE_KEY_MAX + 1];
    skep__s3_error error;
    skep__s3_undeleted_fn *call;
    void *ctx;
} deleted_reader;

static int deleted_begin(reader *r)
{
    deleted_reader *d = r->ctx;
    if (at(r, "DeleteResult/Error")) {
        d->key[0] = '\0';
        memset(&d->error, 0, sizeof(d->error));
    }
    return root_is(r, "DeleteResult");
}

static int deleted_end(reader *r)
{
    deleted_reader *d = r->ctx;
    if (at(r, "DeleteResult/Error/Key"))
        return take(r, d->key, sizeof(d->key));
    if (at(r, "DeleteResult/Error/Code")) {
        (void)skep__text_copy(d->error.code, sizeof(d->error.code), r->text);
        one_line(d->error.code);
    }
    if (at(r, "DeleteResult/Error/Message")) {
        (void)skep__text_copy(d->error.message, sizeof(d->error.message), r->text);
        one_line(d->error.message);
    }
    return at(r, "DeleteResult/Error") ? d->call(d->ctx, d->key, &d->error) : SKEP_OK;
}

int skep__s3_xml_deleted(skep_slice xml, skep__s3_undeleted_fn *undeleted, void *ctx)
{
    deleted_reader d = {.call = undeleted, .ctx = ctx};
    reader r = {
        .what = "a result of deleting", .begin = deleted_begin, .end = deleted_end, .ctx = &d};
    return read_xml(&r, xml);
}

/* ---- uploads that never ended ---- */

typedef struct uploads_reader {
    bool encoded;
    char key[SKEP_STORE_KEY_MAX + 1];
    char id[sizeof(((skep__s3_uploads_page *)0)->upload_id)];
    int64_t initiated_us;
    skep__s3_upload_fn *call;
    void *ctx;
    skep__s3_uploads_page page;
} uploads_reader;

static int uploads_begin(reader *r)
{
    uploads_reader *u = r->ctx;
    if (at(r, "ListMultipartUploadsResult/Upload")) {
        u->key[0] = '\0';
        u->id[0] = '\0';
        u->initiated_us = 0;
    }
    return root_is(r, "ListMultipartUploadsResult");
}

static int uploads_upload(reader *r, uploads_reader *u)
{
    if (u->key[0] == '\0' || u->id[0] == '\0')
        return unreadable(r, "an upload has no key or id");
    return u->call(u->ctx, u->key, u->id, u->initiated_us);
}

static int uploads_end(reader *r)
{
    uploads_reader *u = r->ctx;
    if (at(r, "ListMultipartUploadsResult/Upload/Key"))
        return take_key(r, u->encoded, u->key, sizeof(u->key));
    if (at(r, "ListMultipartUploadsResult/Upload/UploadId"))
        return take(r, u->id, sizeof(u->id));
    if (at(r, "ListMultipartUploadsResult/Upload/Initiated"))
        return take_time(r, &u->initiated_us);
    if (at(r, "ListMultipartUploadsResult/Upload"))
        return uploads_upload(r, u);
    if (at(r, "ListMultipartUploadsResult/NextKeyMarker"))
        return take_key(r, u->encoded, u->page.key, sizeof(u->page.key));
    if (at(r, "ListMultipartUploadsResult/NextUploadIdMarker"))
        return take(r, u->page.upload_id, sizeof(u->page.upload_id));
    if (at(r, "ListMultipartUploadsResult/IsTruncated"))
        u->page.more = strcmp(r->text, "true") == 0;
    return SKEP_OK;
}

int skep__s3_xml_uploads(skep_slice xml, skep__s3_upload_fn *upload, void *ctx,
                         skep__s3_uploads_page *out)
{
    uploads_reader u = {.encoded = is_encoded(xml), .call = upload, .ctx = ctx};
    reader r = {.what = "a list of uploads", .begin = uploads_begin, .end = uploads_end, .ctx = &u};
    SKEP__TRY(read_xml(&r, xml));
    if (u.page.more && u.page.key[0] == '\0')
        return unreadable(&r, "there is more, but not said where");
    *out = u.page;
    return SKEP_OK;
}

/* ---- a single element ---- */

typedef struct text_reader {
    const char *name;
    char *out;
    size_t size;
    bool found;
} text_reader;

static int text_end(reader *r)
{
    text_reader *t = r->ctx;
    const char *slash = strchr(r->path, '/');
    if (r->depth != 2 || slash == NULL || strcmp(slash + 1, t->name) != 0 || t->found)
        return SKEP_OK;
    t->found = true;
    return take(r, t->out, t->size);
}

int skep__s3_xml_text(skep_slice xml, const char *name, char *out, size_t size)
{
    text_reader t = {.name = name, .out = out, .size = size};
    reader r = {.what = "XML", .end = text_end, .ctx = &t};
    SKEP__TRY(read_xml(&r, xml));
    return t.found ? SKEP_OK : SKEP__FAIL(SKEP_ENOTFOUND, "the server's answer has no %s", name);
}

void skep__xml_escape(skep__buf *out, skep_slice text)
{
    const char *p = text.data;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c < ' ' || strchr("&<>\"'", (int)c) != NULL)
            (void)skep__buf_printf(out, "&#%u;", c);
        else
            (void)skep__buf_add_byte(out, c);
    }
}
