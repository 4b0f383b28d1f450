/* SPDX-License-Identifier: MIT */
/* Puts as streams. Up to the size of one part is kept in memory (or, where it lies in memory
 * already, not even that) and sent at the commit, in one PUT. What is larger goes up in parts,
 * several at a time, each in a thread of its own: a slot is filled by the writer and emptied by its
 * thread. So no more than parts_in_flight parts are in memory, and a writer that is faster than the
 * network waits for a slot.
 *
 * Nobody sees anything before the upload is completed. An upload that is never completed costs
 * money and shows nowhere: it is aborted on failure; what a killed process has left is looked for
 * later (s3_sweep.c). */
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "base/time.h"
#include "store/s3_private.h"

/* Parts of one size each up to here; then they grow, so that all 10,000 come to 4 TiB. */
#define EVEN_PARTS 1000u
#define GROWTH_BYTES (UINT64_C(1) << 20)
#define GROWTH_EVERY 9u
/* Telling the server that an upload is given up must not take long: there is the sweep. */
#define ABORT_MS 5000

typedef struct part {
    char *etag;
    char checksum[SKEP__S3_DIGEST_TEXT];
} part;

typedef struct s3_put s3_put;

typedef enum slot_state { SLOT_FREE = 0, SLOT_FULL, SLOT_END } slot_state;

typedef struct slot {
    s3_put *put;
    skep__thread thread;
    slot_state state SKEP__GUARDED_BY(put->mutex);
    uint32_t number; /* of the part, from 1 */
    skep__buf body;
} slot;

struct s3_put {
    skep_put base;
    skep__s3 *s3;
    skep_put_how how; /* its cancel is ours */
    skep_cancel cancel;
    char key[SKEP_STORE_KEY_MAX + 1];
    char if_etag[SKEP_STORE_ETAG_MAX + 1];
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    char upload_id[SKEP__S3_UPLOAD_ID_MAX + 1]; /* "": none was begun */
    char put_id[SKEP__HASH_TEXT];
    uint64_t written;
    uint64_t part_bytes; /* of the one that is being filled */
    uint32_t parts;      /* handed over */
    slot *filling;
    skep__mutex mutex;
    skep__cond changed;
    part *list SKEP__GUARDED_BY(mutex);
    size_t list_room SKEP__GUARDED_BY(mutex);
    skep_err failed SKEP__GUARDED_BY(mutex); /* of the first part that did */
    uint32_t slot_count;
    slot slots[];
};

static s3_put *put_of(skep_put *put)
{
    return (s3_put *)(void *)put;
}

/* ---- one part, in its thread ---- */

static int make_room_locked(s3_put *p, uint32_t number) SKEP__REQUIRES(p->mutex)
{
    size_t room = p->list_room == 0 ? 64 : p->list_room;
    while (room < number)
        room *= 2;
    if (room == p->list_room)
        return SKEP_OK;
    part *list = skep__realloc(p->list, room * sizeof(*list));
    if (list == NULL)
        return skep__oom();
    memset(list + p->list_room, 0, (room - p->list_room) * sizeof(*list));
    p->list = list;
    p->list_room = room;
    return SKEP_OK;
}

static int add_part(s3_put *p, uint32_t number, const char *etag, const char *checksum)
{
    skep__mutex_lock(&p->mutex);
    int rc = make_room_locked(p, number);
    if (rc == SKEP_OK) {
        part *to = &p->list[number - 1];
        to->etag = skep__strdup(etag);
        rc = to->etag == NULL ? skep__oom() : SKEP_OK;
        memcpy(to->checksum, checksum, sizeof(to->checksum));
    }
    skep__mutex_unlock(&p->mutex);
    return rc;
}

static int upload_part(s3_put *p, const slot *s)
{
    skep__s3_headers headers SKEP__CLEANUP(skep__s3_headers_dispose);
    skep__buf query SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__NET_URL_MAX);
    skep__s3_answer answer;
    char sha256[SKEP__SHA256_HEX];
    char checksum[SKEP__S3_DIGEST_TEXT] = "";
    skep_slice body = skep__buf_slice(&s->body);
    skep__s3_headers_init(&headers);
    skep__sha256_hex(body, sha256);
    if (p->s3->checksum != SKEP_CHECKSUM_DEFAULT) {
        skep__s3_checksum(p->s3->checksum, body, sha256, checksum);
        skep__s3_header(&headers,
                        p->s3->checksum == SKEP_CHECKSUM_CRC32C ? "x-amz-checksum-crc32c"
                                                                : "x-amz-checksum-sha256",
                        checksum);
    }
    (void)skep__buf_printf(&query, "partNumber=%u&uploadId=", s->number);
    skep__url_encode(&query, skep_slice_str(p->upload_id), false);
    SKEP__TRY(skep__buf_status(&query));
    const skep__s3_ask ask = {.method = "PUT",
                              .key = p->key,
                              .query = skep__buf_text(&query),
                              .headers = &headers,
                              .body = body,
                              .sha256 = sha256,
                              .io = &p->how.io};
    SKEP__TRY(skep__s3_do(p->s3, &ask, &answer, NULL));
    if (answer.etag[0] == '\0')
        return SKEP__FAIL(SKEP_ENET, "%s/%s: the server has given part %u no ETag", p->s3->name,
                          p->key, s->number);
    SKEP__POINT("store.s3_after_part");
    return add_part(p, s->number, answer.etag, checksum);
}

static void slot_main(void *arg)
{
    slot *s = arg;
    s3_put *p = s->put;
    skep__mutex_lock(&p->mutex);
    for (;;) {
        while (s->state == SLOT_FREE)
            skep__cond_wait(&p->changed, &p->mutex);
        if (s->state == SLOT_END)
            break;
        bool useless = p->failed.code != SKEP_OK;
        skep__mutex_unlock(&p->mutex);
        int rc = useless ? SKEP_OK : upload_part(p, s);
        skep__buf_clear(&s->body);
        skep__mutex_lock(&p->mutex);
        if (rc < 0 && p->failed.code == SKEP_OK)
            skep__err_save(&p->failed);
        if (s->state == SLOT_FULL)
            s->state = SLOT_FREE;
        skep__cond_broadcast(&p->changed);
    }
    skep__mutex_unlock(&p->mutex);
}

/* ---- the writer's side ---- */

/* Whatever became of a part: nobody sees it, so nothing is unknown. */
static int failed_locked(const s3_put *p) SKEP__REQUIRES(p->mutex)
{
    if (p->failed.code == SKEP_OK)
        return SKEP_OK;
    (void)skep__err_install(&p->failed);
    skep__err_outcome(SKEP_OUTCOME_NONE);
    return p->failed.code;
}

static slot *free_slot_locked(s3_put *p) SKEP__REQUIRES(p->mutex)
{
    for (uint32_t i = 0; i < p->slot_count; i++)
        if (p->slots[i].state == SLOT_FREE)
            return &p->slots[i];
    return NULL;
}

/* Wait for one; a cancel or a deadline ends the parts in flight, and so the wait. */
static int next_slot(s3_put *p, slot **out)
{
    skep__mutex_lock(&p->mutex);
    slot *s = free_slot_locked(p);
    while (s == NULL && p->failed.code == SKEP_OK) {
        skep__cond_wait(&p->changed, &p->mutex);
        s = free_slot_locked(p);
    }
    int rc = failed_locked(p);
    skep__mutex_unlock(&p->mutex);
    if (rc == SKEP_OK)
        *out = s;
    return rc;
}

static int all_done(s3_put *p)
{
    skep__mutex_lock(&p->mutex);
    for (uint32_t i = 0; i < p->slot_count; i++)
        while (p->slots[i].state == SLOT_FULL)
            skep__cond_wait(&p->changed, &p->mutex);
    int rc = failed_locked(p);
    skep__mutex_unlock(&p->mutex);
    return rc;
}

static int begin_upload(s3_put *p)
{
    skep__s3_headers headers SKEP__CLEANUP(skep__s3_headers_dispose);
    skep__buf body SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__S3_ERROR_MAX);
    skep__s3_answer answer;
    const char *checksum = skep__s3_checksum_name(p->s3->checksum);
    skep__s3_headers_init(&headers);
    SKEP__TRY(skep__s3_put_id(p->put_id));
    skep__s3_object_headers(p->s3, p->how.hash, p->put_id, &headers);
    if (checksum != NULL)
        skep__s3_header(&headers, "x-amz-checksum-algorithm", checksum);
    const skep__s3_ask ask = {.method = "POST",
                              .key = p->key,
                              .query = "uploads=",
                              .headers = &headers,
                              .body = {"", 0},
                              .io = &p->how.io};
    /* One whose answer is lost leaves an upload behind, and nothing that anybody sees. */
    int rc = skep__s3_do(p->s3, &ask, &answer, &body);
    if (rc < 0)
        skep__err_outcome(SKEP_OUTCOME_NONE);
    SKEP__TRY(rc);
    return skep__s3_xml_text(skep__buf_slice(&body), "UploadId", p->upload_id,
                             sizeof(p->upload_id));
}

static uint64_t size_of_part(const s3_put *p, uint32_t number)
{
    uint64_t size = p->s3->part_bytes;
    uint64_t mib = UINT64_C(1) << 20;
    if (p->how.bytes != SKEP_BYTES_UNKNOWN) { /* all of one size: some servers insist */
        uint64_t least = (p->how.bytes + SKEP__S3_PARTS_MAX - 1) / SKEP__S3_PARTS_MAX;
        return size >= least ? size : (least + mib - 1) / mib * mib;
    }
    if (number > EVEN_PARTS)
        size += (number - EVEN_PARTS) / GROWTH_EVERY * GROWTH_BYTES;
    return size < SKEP__S3_PART_MAX ? size : SKEP__S3_PART_MAX;
}

/* Give what was filled to its thread. */
static int hand_over(s3_put *p)
{
    slot *s = p->filling;
    if (p->upload_id[0] == '\0')
        SKEP__TRY(begin_upload(p));
    if (p->parts == SKEP__S3_PARTS_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "%s/%s: %u parts are all that S3 takes", p->s3->name, p->key,
                          SKEP__S3_PARTS_MAX);
    s->number = ++p->parts;
    if (!s->thread.started)
        SKEP__TRY(skep__thread_start(&s->thread, "skep-s3", slot_main, s));
    skep__mutex_lock(&p->mutex);
    s->state = SLOT_FULL;
    skep__cond_broadcast(&p->changed);
    skep__mutex_unlock(&p->mutex);
    p->filling = NULL;
    return SKEP_OK;
}

static bool single(const s3_put *p)
{
    return p->how.create != 0 || p->how.if_etag != NULL;
}

/* Does one PUT do, with the content from where it lies? */
static bool in_place(const s3_put *p)
{
    return p->how.content != NULL && p->parts == 0 && p->how.bytes <= p->part_bytes;
}

int skep__s3_put_write(skep_put *put, const void *data, size_t len)
{
    s3_put *p = put_of(put);
    const uint8_t *at = data;
    if (in_place(p)) {
        p->written += len;
        return SKEP_OK;
    }
    while (len > 0) {
        if (p->filling != NULL && p->filling->body.len == p->part_bytes) {
            if (single(p))
                return SKEP__FAIL(SKEP_EUNSUPPORTED,
                                  "%s/%s: with a condition, up to %llu bytes can be put",
                                  p->s3->name, p->key, (unsigned long long)p->part_bytes);
            SKEP__TRY(hand_over(p));
        }
        if (p->filling == NULL) {
            SKEP__TRY(next_slot(p, &p->filling));
            p->part_bytes = size_of_part(p, p->parts + 1);
            p->filling->body.max = (size_t)p->part_bytes;
        }
        uint64_t room = p->part_bytes - p->filling->body.len;
        size_t n = len < room ? len : (size_t)room;
        SKEP__TRY(skep__buf_add(&p->filling->body, at, n));
        p->written += n;
        at += n;
        len -= n;
    }
    return SKEP_OK;
}

/* ---- the end ---- */

static int complete_body(const s3_put *p, skep__buf *out)
{
    const char *checksum = skep__s3_checksum_name(p->s3->checksum);
    (void)skep__buf_add_text(out, "<CompleteMultipartUpload>");
    for (uint32_t i = 0; i < p->parts; i++) {
        (void)skep__buf_printf(out, "<Part><PartNumber>%u</PartNumber><ETag>&quot;", i + 1);
        skep__xml_escape(out, skep_slice_str(p->list[i].etag));
        (void)skep__buf_add_text(out, "&quot;</ETag>");
        if (checksum != NULL)
            (void)skep__buf_printf(out, "<Checksum%s>%s</Checksum%s>", checksum,
                                   p->list[i].checksum, checksum);
        (void)skep__buf_add_text(out, "</Part>");
    }
    (void)skep__buf_add_text(out, "</CompleteMultipartUpload>");
    return skep__buf_status(out);
}

/* The server begins to answer before it is done, with 200: whether that was a success is in the
 * body, perhaps behind blanks that kept the connection alive. */
static int completed(s3_put *p, const skep__s3_ask *ask, skep__s3_answer *answer, skep_slice body)
{
    char etag[SKEP__S3_ETAG_MAX + 1];
    const char *text = body.data;
    while (body.len > 0 && (*text == ' ' || *text == '\n' || *text == '\r')) {
        text++;
        body.len--;
    }
    body.data = text;
    skep__s3_xml_error(body, &answer->error);
    if (answer->error.code[0] != '\0') {
        answer->status = skep__s3_passing(answer->error.code) ? 500 : 400;
        return skep__s3_fail(p->s3, ask, answer);
    }
    if (skep__s3_xml_text(body, "ETag", etag, sizeof(etag)) == SKEP_OK) /* Ceph's is empty */
        skep__s3_answer_header(answer, skep_slice_str("ETag"), skep_slice_str(etag));
    return SKEP_OK;
}

/* 1: the object is there, and by this put; 0: it is not. */
static int is_ours(s3_put *p, skep__s3_answer *answer)
{
    int rc = skep__s3_head_answer(p->s3, p->key, &p->how.io, answer);
    if (rc == SKEP_ENOTFOUND)
        return 0;
    SKEP__TRY(rc);
    if (strcmp(answer->put_id, p->put_id) != 0)
        return 0;
    if (answer->bytes != p->written)
        return SKEP__FAIL(SKEP_ECORRUPT, "%s/%s has %llu bytes, and %llu were put", p->s3->name,
                          p->key, (unsigned long long)answer->bytes,
                          (unsigned long long)p->written);
    return 1;
}

/* May be repeated: an upload that is gone was completed by an attempt whose answer was lost, or
 * aborted by somebody; the object tells which. */
static int complete(s3_put *p, const skep__s3_ask *ask, skep__s3_answer *answer)
{
    skep__buf body SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__S3_ERROR_MAX);
    skep__retry retry;
    bool unsure = false;
    skep__retry_init(&retry, p->s3->retry_ms, p->how.io.deadline_ns, p->how.io.cancel);
    for (;;) {
        skep_err failed;
        int rc = skep__s3_try(p->s3, ask, answer, &body);
        if (rc == SKEP_OK)
            rc = completed(p, ask, answer, skep__buf_slice(&body));
        if (rc == SKEP_OK)
            return SKEP_OK;
        bool gone = strcmp(answer->error.code, "NoSuchUpload") == 0;
        bool again = answer->again;
        int64_t after_ms = answer->retry_after_ms;
        unsure |= answer->unsure;
        skep__err_save(&failed);
        if (gone || unsure) {
            int ours = is_ours(p, answer);
            if (ours > 0)
                return SKEP_OK;
            if (ours < 0)
                again = false;
            else if (gone)
                unsure = false;
        }
        rc = skep__err_install(&failed);
        if (again)
            rc = skep__retry_again(&retry, after_ms);
        if (rc < 0) {
            skep__err_outcome(unsure ? SKEP_OUTCOME_UNKNOWN : SKEP_OUTCOME_NONE);
            return rc;
        }
    }
}

static int commit_parts(s3_put *p, const uint8_t *hash, skep_object *out)
{
    skep__buf query SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__NET_URL_MAX);
    skep__buf body SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__S3_ANSWER_MAX);
    skep__s3_answer answer;
    if (p->filling != NULL && p->filling->body.len > 0)
        SKEP__TRY(hand_over(p));
    SKEP__TRY(all_done(p));
    SKEP__TRY(complete_body(p, &body));
    (void)skep__buf_add_text(&query, "uploadId=");
    skep__url_encode(&query, skep_slice_str(p->upload_id), false);
    SKEP__TRY(skep__buf_status(&query));
    const skep__s3_ask ask = {.method = "POST",
                              .key = p->key,
                              .query = skep__buf_text(&query),
                              .body = skep__buf_slice(&body),
                              .io = &p->how.io};
    SKEP__POINT("store.s3_before_complete");
    SKEP__TRY(complete(p, &ask, &answer));
    p->upload_id[0] = '\0'; /* there is nothing left to abort */
    if (answer.etag[0] == '\0' && skep__s3_head_answer(p->s3, p->key, &p->how.io, &answer) < 0) {
        skep__err_outcome(SKEP_OUTCOME_COMMITTED);
        return skep_last_error()->code;
    }
    SKEP__TRY(skep__s3_object(p->s3, p->key, &answer, out));
    out->bytes = p->written;
    out->flags = p->how.hash != NULL ? SKEP_OBJECT_HASHED : 0;
    memcpy(out->hash, hash, sizeof(out->hash));
    return SKEP_OK;
}

/* Not what the caller waits for, and no reason to fail: the sweep will find it. */
static void abort_upload(s3_put *p)
{
    skep__buf query SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__NET_URL_MAX);
    skep__s3_answer answer;
    const skep_io io = {.deadline_ns = skep__deadline_ns(ABORT_MS)};
    skep_err detail;
    if (p->upload_id[0] == '\0')
        return;
    skep__err_save(&detail);
    (void)skep__buf_add_text(&query, "uploadId=");
    skep__url_encode(&query, skep_slice_str(p->upload_id), false);
    const skep__s3_ask ask = {
        .method = "DELETE", .key = p->key, .query = skep__buf_text(&query), .io = &io};
    int rc = skep__buf_status(&query);
    if (rc == SKEP_OK)
        rc = skep__s3_do(p->s3, &ask, &answer, NULL);
    if (rc < 0)
        (void)skep__err_install(&detail);
}

static void put_free(s3_put *p)
{
    skep__mutex_lock(&p->mutex);
    for (uint32_t i = 0; i < p->slot_count; i++)
        p->slots[i].state = SLOT_END;
    skep__cond_broadcast(&p->changed);
    skep__mutex_unlock(&p->mutex);
    for (uint32_t i = 0; i < p->slot_count; i++) {
        skep__thread_join(&p->slots[i].thread);
        skep__buf_dispose(&p->slots[i].body);
    }
    for (size_t i = 0; i < p->list_room; i++)
        skep__free(p->list[i].etag);
    skep__free(p->list);
    skep__cond_dispose(&p->changed);
    skep__mutex_dispose(&p->mutex);
    skep__cancel_dispose(&p->cancel);
    skep__free(p);
}

/* Leftovers of others are looked for once, by whoever makes such uploads. */
static void sweep_once(skep__s3 *s3, const skep_io *io)
{
    size_t aborted;
    if ((atomic_fetch_or(&s3->learned, SKEP__S3_SWEPT) & SKEP__S3_SWEPT) != 0)
        return;
    if (skep__s3_sweep(s3, SKEP__S3_STALE_US, io, &aborted) < 0)
        SKEP__EVENT(SKEP_WARNING, "store.s3_unswept", {"store", skep_text(s3->name)},
                    {"why", skep_text(skep_last_error()->text)});
}

int skep__s3_put_commit(skep_put *put, const uint8_t *hash, skep_object *out)
{
    s3_put *p = put_of(put);
    int rc;
    bool parts = p->parts > 0;
    if (parts) {
        rc = commit_parts(p, hash, out);
    } else {
        skep_slice body = {"", 0};
        if (in_place(p))
            body = skep_slice_of(p->how.content, (size_t)p->how.bytes);
        else if (p->filling != NULL)
            body = skep__buf_slice(&p->filling->body);
        rc = skep__s3_put_whole(p->s3, p->key, &p->how, body, hash, out);
    }
    if (rc < 0 && skep_last_error()->outcome != SKEP_OUTCOME_UNKNOWN)
        abort_upload(p);
    if (rc == SKEP_OK && parts)
        sweep_once(p->s3, &p->how.io);
    put_free(p);
    return rc;
}

void skep__s3_put_abort(skep_put *put)
{
    s3_put *p = put_of(put);
    skep_err detail;
    skep__err_save(&detail);
    skep_cancel_fire(&p->cancel); /* ends what is in flight */
    (void)all_done(p);
    abort_upload(p);
    put_free(p);
    (void)skep__err_install(&detail);
}

static void take_how(s3_put *p, const skep_put_how *how)
{
    p->how = *how;
    p->how.io.cancel = &p->cancel;
    if (how->if_etag != NULL) {
        (void)skep__text_copy(p->if_etag, sizeof(p->if_etag), how->if_etag);
        p->how.if_etag = p->if_etag;
    }
    if (how->hash != NULL) {
        memcpy(p->hash, how->hash, sizeof(p->hash));
        p->how.hash = p->hash;
    }
}

int skep__s3_put_begin(skep_store *store, const char *key, const skep_put_how *how, skep_put **out)
{
    skep__s3 *s3 = skep__s3_of(store);
    s3_put *p = skep__calloc(1, sizeof(*p) + s3->parts_in_flight * sizeof(p->slots[0]));
    if (p == NULL)
        return skep__oom();
    p->base.engine = store->engine;
    p->s3 = s3;
    (void)skep__text_copy(p->key, sizeof(p->key), key);
    take_how(p, how);
    int rc = skep__cancel_init(&p->cancel, how->io.cancel);
    if (rc == SKEP_OK && (rc = skep__mutex_init(&p->mutex)) == SKEP_OK)
        rc = skep__cond_init(&p->changed);
    if (rc < 0) {
        skep__free(p);
        return rc;
    }
    p->slot_count = single(p) ? 1 : s3->parts_in_flight;
    for (uint32_t i = 0; i < p->slot_count; i++) {
        p->slots[i].put = p;
        skep__buf_init(&p->slots[i].body, 1);
    }
    p->filling = &p->slots[0];
    p->part_bytes = single(p) ? SKEP_STORE_SINGLE_MAX : size_of_part(p, 1);
    p->filling->body.max = (size_t)p->part_bytes;
    *out = &p->base;
    return SKEP_OK;
}
