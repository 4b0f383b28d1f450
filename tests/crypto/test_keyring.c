/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include <skep/seal.h>

#include "base/codec.h"
#include "crypto/keyring_private.h"
#include "harness/alloc.h"

static skep_key *raw_of(uint8_t byte)
{
    uint8_t bytes[SKEP_KEY_BYTES];
    skep_key *key = NULL;
    memset(bytes, byte, sizeof(bytes));
    assert_ok(skep_key_raw(bytes, sizeof(bytes), &key));
    return key;
}

static skep_key *phrase_of(const char *text)
{
    skep_key *key = NULL;
    assert_ok(skep_key_passphrase(skep_slice_str(text), &key));
    return key;
}

static void assert_opens(const skep__keyring *ring, const skep_key *secret,
                         const skep__data_key *want)
{
    skep__data_key *got = NULL;
    assert_ok(skep__keyring_open(ring, secret, want->id, &got));
    ck_assert_mem_eq(got->bytes, want->bytes, sizeof(want->bytes));
    ck_assert_mem_eq(got->hash_secret, want->hash_secret, sizeof(want->hash_secret));
    skep__data_key_free(got);
}

static void assert_refuses(const skep__keyring *ring, const skep_key *secret,
                           const skep__data_key *key)
{
    skep__data_key *got = NULL;
    assert_fails(skep__keyring_open(ring, secret, key->id, &got), SKEP_EAUTH);
    ck_assert_ptr_null(got);
}

TEST(a_data_key_opens_with_each_secret_that_wraps_it)
{
    skep__keyring ring;
    skep__data_key *key = NULL;
    skep__recipient r;
    skep_key *raw = raw_of(1);
    skep_key *phrase = phrase_of("correct horse");
    skep_key *identity = raw_of(2);
    skep_key *other = raw_of(3);
    skep_key *wrong = phrase_of("correct horsf");
    assert_ok(skep__keyring_init(&ring, NULL));
    assert_ok(skep__data_key_new(ring.lineage, &key));
    assert_ok(skep__keyring_wrap(&ring, key, raw));
    assert_ok(skep__keyring_wrap(&ring, key, phrase));
    assert_ok(skep__recipient_of(identity, &r));
    assert_ok(skep__keyring_wrap_for(&ring, key, &r));
    assert_opens(&ring, raw, key);
    assert_opens(&ring, phrase, key);
    assert_opens(&ring, identity, key);
    assert_refuses(&ring, other, key);
    assert_refuses(&ring, wrong, key);
    skep_key_free(wrong);
    skep_key_free(other);
    skep_key_free(identity);
    skep_key_free(phrase);
    skep_key_free(raw);
    skep__data_key_free(key);
}

TEST(the_newest_data_key_that_a_secret_opens_is_the_one_to_seal_with)
{
    skep__keyring ring;
    skep__data_key *keys[3];
    skep__data_key *got = NULL;
    uint8_t unknown[SKEP__KEY_ID_BYTES] = {9};
    skep_key *a = raw_of(1);
    skep_key *b = raw_of(2);
    assert_ok(skep__keyring_init(&ring, NULL));
    assert_fails(skep__keyring_open(&ring, a, NULL, &got), SKEP_ENOTFOUND);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(skep__data_key_new(ring.lineage, &keys[i]));
        assert_ok(skep__keyring_wrap(&ring, keys[i], i < 2 ? a : b));
    }
    assert_ok(skep__keyring_open(&ring, a, NULL, &got));
    ck_assert_mem_eq(got->id, keys[1]->id, sizeof(got->id));
    skep__data_key_free(got);
    assert_fails(skep__keyring_open(&ring, a, unknown, &got), SKEP_ENOTFOUND);
    for (size_t i = 0; i < 3; i++)
        skep__data_key_free(keys[i]);
    skep_key_free(a);
    skep_key_free(b);
}

static skep__buf encoded(const skep__keyring *ring)
{
    skep__buf buf = SKEP__BUF_INIT(1 << 20);
    assert_ok(skep__keyring_encode(ring, &buf));
    return buf;
}

TEST(a_ring_comes_back_from_its_bytes)
{
    skep__keyring ring;
    skep__keyring again;
    skep__data_key *key = NULL;
    skep_key *raw = raw_of(1);
    skep_key *phrase = phrase_of("p");
    assert_ok(skep__keyring_init(&ring, NULL));
    assert_ok(skep__data_key_new(ring.lineage, &key));
    for (int i = 0; i < 3; i++) {
        skep__buf one = encoded(&ring);
        assert_ok(skep__keyring_decode(skep__buf_slice(&one), &again));
        ck_assert_uint_eq(again.count, ring.count);
        skep__buf two = encoded(&again);
        ck_assert_uint_eq(two.len, one.len);
        ck_assert_mem_eq(two.data, one.data, one.len);
        skep__buf_dispose(&one);
        skep__buf_dispose(&two);
        assert_ok(skep__keyring_wrap(&ring, key, i == 0 ? raw : phrase));
    }
    assert_opens(&again, raw, key);
    assert_opens(&again, phrase, key);
    skep_key_free(phrase);
    skep_key_free(raw);
    skep__data_key_free(key);
}

TEST(a_damaged_ring_is_refused_whole)
{
    skep__keyring ring;
    skep__keyring again;
    skep__data_key *key = NULL;
    skep_key *raw = raw_of(1);
    assert_ok(skep__keyring_init(&ring, NULL));
    assert_ok(skep__data_key_new(ring.lineage, &key));
    assert_ok(skep__keyring_wrap(&ring, key, raw));
    skep__buf buf = encoded(&ring);
    for (size_t len = 0; len < buf.len; len++)
        assert_fails(skep__keyring_decode(skep_slice_of(buf.data, len), &again), SKEP_ECORRUPT);
    for (size_t i = 0; i < buf.len * 8; i++) {
        buf.data[i / 8] = (char)(buf.data[i / 8] ^ (1 << i % 8));
        bool version = i / 8 >= 8 && i / 8 < 12;
        assert_fails(skep__keyring_decode(skep__buf_slice(&buf), &again),
                     version && i != 64 ? SKEP_EVERSION : SKEP_ECORRUPT);
        buf.data[i / 8] = (char)(buf.data[i / 8] ^ (1 << i % 8));
    }
    skep__buf_dispose(&buf);
    skep_key_free(raw);
    skep__data_key_free(key);
}

/* Who forges a ring can put any numbers into it, and the checksum is no secret. */
TEST(a_forged_wrap_asks_for_no_more_than_it_may)
{
    static const struct {
        size_t at;
        uint32_t value;
    } forged[] = {{48, 0}, {48, 65}, {52, 7}, {52, 1024 * 1024 + 1}};
    skep__keyring ring;
    skep__keyring again;
    skep__data_key *key = NULL;
    skep_key *phrase = phrase_of("p");
    assert_ok(skep__keyring_init(&ring, NULL));
    assert_ok(skep__data_key_new(ring.lineage, &key));
    assert_ok(skep__keyring_wrap(&ring, key, phrase));
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        skep__buf buf = encoded(&ring);
        skep__put_le32(buf.data + 32 + forged[i].at, forged[i].value);
        skep__put_le64(buf.data + buf.len - 8, skep__hash64(buf.data, buf.len - 8, 0));
        assert_fails(skep__keyring_decode(skep__buf_slice(&buf), &again), SKEP_ECORRUPT);
        skep__buf_dispose(&buf);
    }
    skep_key_free(phrase);
    skep__data_key_free(key);
}

/* The wrap is bound to its clear part and to the lineage. */
TEST(a_wrap_that_was_moved_or_altered_opens_nothing)
{
    skep__keyring ring;
    skep__keyring other;
    skep__data_key *key = NULL;
    skep__data_key *got = NULL;
    skep__recipient r;
    skep_key *raw = raw_of(1);
    assert_ok(skep__keyring_init(&ring, NULL));
    assert_ok(skep__data_key_new(ring.lineage, &key));
    assert_ok(skep__keyring_wrap(&ring, key, raw));
    other = ring;
    other.lineage[0] ^= 1;
    assert_fails(skep__keyring_open(&other, raw, NULL, &got), SKEP_EAUTH);
    other = ring;
    other.wraps[0].created_us++;
    assert_fails(skep__keyring_open(&other, raw, NULL, &got), SKEP_EAUTH);
    other = ring;
    other.wraps[0].wrapped[30] ^= 1;
    assert_fails(skep__keyring_open(&other, raw, NULL, &got), SKEP_EAUTH);
    assert_ok(skep__recipient_of(raw, &r)); /* a box is bound to nothing, so the id must do it */
    assert_ok(skep__keyring_init(&other, ring.lineage));
    assert_ok(skep__keyring_wrap_for(&other, key, &r));
    other.lineage[0] ^= 1;
    assert_fails(skep__keyring_open(&other, raw, NULL, &got), SKEP_ECORRUPT);
    skep_key_free(raw);
    skep__data_key_free(key);
}

TEST(rotation_moves_what_a_secret_opened_to_another_one)
{
    skep__keyring ring;
    skep__data_key *a = NULL;
    skep__data_key *b = NULL;
    skep_key *from = raw_of(1);
    skep_key *to = phrase_of("new");
    skep_key *beside = raw_of(3);
    skep_key *stranger = raw_of(4);
    assert_ok(skep__keyring_init(&ring, NULL));
    assert_ok(skep__data_key_new(ring.lineage, &a));
    assert_ok(skep__data_key_new(ring.lineage, &b));
    assert_ok(skep__keyring_wrap(&ring, a, from));
    assert_ok(skep__keyring_wrap(&ring, a, beside));
    assert_ok(skep__keyring_wrap(&ring, b, from));
    assert_fails(skep__keyring_rotate(&ring, stranger, to, NULL), SKEP_EAUTH);
    ck_assert_int_eq(skep__keyring_rotate(&ring, from, to, NULL), 1);
    size_t count = ring.count;
    ck_assert_int_eq(skep__keyring_rotate(&ring, from, to, NULL), 0); /* it is done */
    ck_assert_uint_eq(ring.count, count);
    assert_fails(skep__keyring_rotate(&ring, from, stranger, NULL), SKEP_EAUTH);
    assert_opens(&ring, to, a);
    assert_opens(&ring, to, b);
    assert_opens(&ring, beside, a);
    assert_refuses(&ring, from, a);
    assert_refuses(&ring, from, b);
    skep_key_free(from);
    skep_key_free(to);
    skep_key_free(beside);
    skep_key_free(stranger);
    skep__data_key_free(a);
    skep__data_key_free(b);
}

/* Does this key open a wrap, used as it stands? */
static bool opens_with(const skep__keyring *ring, const uint8_t key[SKEP__SECRET_BYTES])
{
    enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES };
    uint8_t bytes[SKEP__WRAP_BYTES];
    uint8_t bound[SKEP__WRAP_CLEAR + SKEP__LINEAGE_BYTES];
    uint8_t out[SKEP__SECRET_BYTES];
    const uint8_t *sealed = ring->wraps[0].wrapped;
    skep__wrap_encode(&ring->wraps[0], bytes);
    memcpy(bound, bytes, SKEP__WRAP_CLEAR);
    memcpy(bound + SKEP__WRAP_CLEAR, ring->lineage, SKEP__LINEAGE_BYTES);
    return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed + NONCE,
                                                      SKEP__SECRET_BYTES + SKEP__TAG_BYTES, bound,
                                                      sizeof(bound), sealed, key) == 0;
}

/* So a secret may serve both: what a cipher of databases works with opens no wrap. */
TEST(one_secret_gives_a_database_and_a_ring_different_keys)
{
    static const int ciphers[] = {SKEP_CIPHER_AEGIS, SKEP_CIPHER_CHACHA20, SKEP_CIPHER_SQLCIPHER};
    uint8_t raw[SKEP_KEY_BYTES];
    uint8_t wrapping[SKEP__SECRET_BYTES];
    skep__cipher_key of_database;
    skep_key *const secrets[] = {raw_of(1), phrase_of("correct horse")};
    memset(raw, 1, sizeof(raw));
    for (size_t i = 0; i < 2; i++) {
        skep__keyring ring;
        skep__data_key *key = NULL;
        assert_ok(skep__keyring_init(&ring, NULL));
        assert_ok(skep__data_key_new(ring.lineage, &key));
        assert_ok(skep__keyring_wrap(&ring, key, secrets[i]));
        for (size_t c = 0; c < sizeof(ciphers) / sizeof(ciphers[0]); c++) {
            assert_ok(skep__key_stretch(secrets[i], ciphers[c], ring.wraps[0].salt, &of_database));
            ck_assert(!opens_with(&ring, of_database.bytes));
            if (i == 0)
                ck_assert_mem_eq(of_database.bytes, raw, sizeof(raw));
        }
        skep__derive(raw, "skep wrap", skep_slice_of("", 0), wrapping, sizeof(wrapping));
        ck_assert(opens_with(&ring, wrapping) == (i == 0)); /* which is what does open it */
        skep__data_key_free(key);
        skep_key_free(secrets[i]);
    }
}

/* To and fro, to itself, and to whom had one before: what a key opens is there once. */
TEST(rotating_again_and_again_does_not_fill_a_ring)
{
    skep__keyring ring;
    skep__data_key *key = NULL;
    skep_key *a = raw_of(1);
    skep_key *b = raw_of(2);
    assert_ok(skep__keyring_init(&ring, NULL));
    assert_ok(skep__data_key_new(ring.lineage, &key));
    assert_ok(skep__keyring_wrap(&ring, key, a));
    assert_ok(skep__keyring_wrap(&ring, key, b));
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(skep__keyring_rotate(&ring, a, b, NULL), 1);
        assert_opens(&ring, b, key);
        assert_refuses(&ring, a, key);
        ck_assert_int_eq(skep__keyring_rotate(&ring, b, a, NULL), 1);
        assert_opens(&ring, a, key);
        assert_refuses(&ring, b, key);
    }
    ck_assert_int_eq(skep__keyring_rotate(&ring, a, a, NULL), 1);
    assert_opens(&ring, a, key);
    ck_assert_uint_eq(ring.count, 3); /* the data key and two identities */
    skep_key_free(a);
    skep_key_free(b);
    skep__data_key_free(key);
}

TEST(a_data_key_is_shared_once_with_whom_it_is_for)
{
    skep__keyring ring;
    skep__data_key *key = NULL;
    skep__recipient r;
    skep_key *from = raw_of(1);
    skep_key *to = phrase_of("beside");
    skep_key *far = raw_of(2);
    skep_key *stranger = raw_of(3);
    assert_ok(skep__recipient_of(far, &r));
    assert_ok(skep__keyring_init(&ring, NULL));
    assert_ok(skep__data_key_new(ring.lineage, &key));
    assert_ok(skep__keyring_wrap(&ring, key, from));
    assert_fails(skep__keyring_share(&ring, stranger, to, NULL), SKEP_EAUTH);
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(skep__keyring_share(&ring, from, to, NULL), round == 0);
        ck_assert_int_eq(skep__keyring_share(&ring, from, NULL, &r), round == 0);
        ck_assert_int_eq(skep__keyring_share(&ring, far, from, NULL), 0);
    }
    ck_assert_uint_eq(ring.count, 3);
    assert_opens(&ring, from, key);
    assert_opens(&ring, to, key);
    assert_opens(&ring, far, key);
    /* The private half of what it was a recipient as stays with whom it belongs to. */
    ck_assert_int_eq(skep__keyring_rotate(&ring, from, stranger, NULL), 1);
    ck_assert_int_eq(skep__keyring_share(&ring, stranger, to, NULL), 0);
    for (size_t i = 0; i < ring.count; i++)
        ck_assert(ring.wraps[i].kind == SKEP__WRAP_RAW || ring.wraps[i].use == SKEP__USE_DATA);
    skep_key_free(from);
    skep_key_free(to);
    skep_key_free(far);
    skep_key_free(stranger);
    skep__data_key_free(key);
}

TEST(a_ring_that_is_full_says_so_and_stays)
{
    skep__keyring ring;
    skep__data_key *key = NULL;
    skep_key *raw = raw_of(1);
    skep_key *to = raw_of(2);
    assert_ok(skep__keyring_init(&ring, NULL));
    assert_ok(skep__data_key_new(ring.lineage, &key));
    for (size_t i = 0; i < SKEP__KEYRING_WRAPS_MAX; i++)
        assert_ok(skep__keyring_wrap(&ring, key, raw));
    assert_fails(skep__keyring_wrap(&ring, key, raw), SKEP_ELIMIT);
    ck_assert_uint_eq(ring.count, SKEP__KEYRING_WRAPS_MAX);
    /* One more would be needed, for the identity. */
    assert_fails(skep__keyring_rotate(&ring, raw, to, NULL), SKEP_ELIMIT);
    assert_opens(&ring, raw, key);
    skep_key_free(to);
    skep_key_free(raw);
    skep__data_key_free(key);
}

/* ---- recipients ---- */

TEST(a_recipient_has_one_text)
{
    static const char *const bad[] = {"", "x25519:", "x25519:AAAA",
                                      "X25519:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=",
                                      /* all zeros: whatever is sent there anybody can read */
                                      "x25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
    char text[SKEP__RECIPIENT_TEXT];
    char longer[SKEP__RECIPIENT_TEXT + 1];
    skep__recipient r;
    skep__recipient again;
    skep_key *key = raw_of(5);
    skep_key *phrase = phrase_of("p");
    assert_ok(skep__recipient_of(key, &r));
    skep__recipient_text(&r, text);
    ck_assert_uint_eq(strlen(text), 7 + 44);
    assert_ok(skep__recipient_parse(text, &again));
    ck_assert_mem_eq(again.bytes, r.bytes, sizeof(r.bytes));
    (void)snprintf(longer, sizeof(longer), "%s\n", text);
    assert_fails(skep__recipient_parse(longer, &again), SKEP_EINVALID);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(skep__recipient_parse(bad[i], &again), SKEP_EINVALID);
    assert_fails(skep__recipient_of(phrase, &r), SKEP_EUNSUPPORTED);
    char public[SKEP_RECIPIENT_TEXT_MAX + 1];
    assert_ok(skep_key_recipient(key, public, sizeof(public)));
    ck_assert_str_eq(public, text);
    assert_fails(skep_key_recipient(key, public, 51), SKEP_ELIMIT);
    assert_fails(skep_key_recipient(phrase, public, sizeof(public)), SKEP_EUNSUPPORTED);
    skep_key_free(phrase);
    skep_key_free(key);
}

typedef struct boxed {
    skep__keyring ring;
    skep__data_key *key;
    skep_key *identity;
    skep__box boxes[2];
} boxed;

/* Boxed for somebody else first, then for `identity`; the ring is empty. */
static boxed boxed_of(void)
{
    boxed w = {.identity = raw_of(7)};
    skep__recipient r;
    skep_key *stranger = raw_of(8);
    assert_ok(skep__keyring_init(&w.ring, NULL));
    assert_ok(skep__data_key_new(w.ring.lineage, &w.key));
    assert_ok(skep__recipient_of(stranger, &r));
    assert_ok(skep__box_make(w.key, &r, &w.boxes[0]));
    assert_ok(skep__recipient_of(w.identity, &r));
    assert_ok(skep__box_make(w.key, &r, &w.boxes[1]));
    skep_key_free(stranger);
    return w;
}

static void boxed_end(boxed *w)
{
    skep_key_free(w->identity);
    skep__data_key_free(w->key);
}

static int unbox(const boxed *w, const skep_key *secret, size_t count, skep__data_key **out)
{
    skep__boxed b = {
        .lineage = w->key->lineage, .id = w->key->id, .boxes = w->boxes, .count = count};
    return skep__keyring_unbox(&w->ring, secret, &b, out);
}

TEST(a_boxed_key_opens_for_its_recipients_only)
{
    boxed w = boxed_of();
    skep__data_key *got = NULL;
    skep_key *other = raw_of(9);
    skep_key *phrase = phrase_of("p");
    assert_ok(unbox(&w, w.identity, 2, &got));
    ck_assert_mem_eq(got->bytes, w.key->bytes, sizeof(got->bytes));
    skep__data_key_free(got);
    got = NULL;
    assert_fails(unbox(&w, w.identity, 1, &got), SKEP_EAUTH);
    assert_fails(unbox(&w, other, 2, &got), SKEP_EAUTH);
    assert_fails(unbox(&w, phrase, 2, &got), SKEP_EAUTH);
    const uint8_t elsewhere[SKEP__LINEAGE_BYTES] = {1};
    skep__boxed b = {.lineage = elsewhere, .id = w.key->id, .boxes = w.boxes, .count = 2};
    assert_fails(skep__keyring_unbox(&w.ring, w.identity, &b, &got), SKEP_ECORRUPT);
    b.lineage = w.key->lineage; /* no ring, or one of another lineage: it says whose it is */
    assert_ok(skep__keyring_unbox(NULL, w.identity, &b, &got));
    skep__data_key_free(got);
    got = NULL;
    w.ring.lineage[3] ^= 1;
    assert_ok(unbox(&w, w.identity, 2, &got));
    ck_assert_mem_eq(got->bytes, w.key->bytes, sizeof(got->bytes));
    skep__data_key_free(got);
    assert_fails(skep__keyring_unbox(NULL, other, &b, &got), SKEP_EAUTH);
    skep_key_free(phrase);
    skep_key_free(other);
    boxed_end(&w);
}

TEST(after_a_rotation_the_new_secret_opens_what_was_boxed_for_the_old_one)
{
    boxed w = boxed_of();
    skep__data_key *lineage_key = NULL;
    skep__data_key *got = NULL;
    skep_key *second = phrase_of("second");
    skep_key *third = raw_of(11);
    assert_ok(skep__data_key_new(w.ring.lineage, &lineage_key));
    assert_ok(skep__keyring_wrap(&w.ring, lineage_key, w.identity));
    assert_ok(skep__keyring_rotate(&w.ring, w.identity, second, NULL));
    assert_ok(unbox(&w, second, 2, &got));
    ck_assert_mem_eq(got->bytes, w.key->bytes, sizeof(got->bytes));
    skep__data_key_free(got);
    assert_ok(skep__keyring_rotate(&w.ring, second, third, NULL)); /* and once more */
    assert_ok(unbox(&w, third, 2, &got));
    skep__data_key_free(got);
    assert_fails(unbox(&w, second, 2, &got), SKEP_EAUTH);
    skep__data_key_free(lineage_key);
    skep_key_free(second);
    skep_key_free(third);
    boxed_end(&w);
}

/* ---- memory ---- */

static int encode_run(void *ctx)
{
    skep__buf buf = SKEP__BUF_INIT(1 << 20);
    int rc = skep__keyring_encode(ctx, &buf);
    skep__buf_dispose(&buf);
    return rc;
}

TEST(no_memory_for_the_bytes_of_a_ring_is_told)
{
    static const int codes[] = {SKEP_ENOMEM, 0};
    skep__keyring ring;
    alloc_install();
    assert_ok(skep__keyring_init(&ring, NULL));
    sweep s = {.run = encode_run, .ctx = &ring, .codes = codes};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
}

typedef struct rotation {
    skep__keyring ring;
    skep__keyring as_it_was;
    skep_key *from;
    skep_key *to;
} rotation;

static void rotation_before(void *ctx)
{
    rotation *r = ctx;
    r->ring = r->as_it_was;
}

static int rotation_run(void *ctx)
{
    rotation *r = ctx;
    int rc = skep__keyring_share(&r->ring, r->from, r->to, NULL);
    return rc < 0 ? rc : skep__keyring_rotate(&r->ring, r->to, r->from, NULL);
}

/* What failed left the ring as it was, but for what had succeeded before. */
static void rotation_after(void *ctx, int rc)
{
    rotation *r = ctx;
    skep__data_key *key = NULL;
    ck_assert(rc < 0 || r->ring.count == 2); /* the data key, and the identity of `to` */
    assert_ok(skep__keyring_open(&r->ring, r->from, NULL, &key));
    skep__data_key_free(key);
}

TEST(no_memory_for_a_rotation_is_told_and_changes_nothing)
{
    static const int codes[] = {SKEP_ENOMEM, 0};
    static rotation r;
    skep__data_key *key = NULL;
    alloc_install();
    r.from = raw_of(1);
    r.to = raw_of(2);
    assert_ok(skep__keyring_init(&r.as_it_was, NULL));
    assert_ok(skep__data_key_new(r.as_it_was.lineage, &key));
    assert_ok(skep__keyring_wrap(&r.as_it_was, key, r.from));
    sweep s = {.before = rotation_before,
               .run = rotation_run,
               .after = rotation_after,
               .ctx = &r,
               .codes = codes};
    ck_assert_uint_gt(alloc_sweep(&s).failed, 0);
    skep__data_key_free(key);
    skep_key_free(r.from);
    skep_key_free(r.to);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_data_key_opens_with_each_secret_that_wraps_it),
    HARNESS_TEST(the_newest_data_key_that_a_secret_opens_is_the_one_to_seal_with),
    HARNESS_TEST(a_ring_comes_back_from_its_bytes),
    HARNESS_TEST(a_damaged_ring_is_refused_whole),
    HARNESS_TEST(a_forged_wrap_asks_for_no_more_than_it_may),
    HARNESS_TEST(a_wrap_that_was_moved_or_altered_opens_nothing),
    HARNESS_TEST(rotation_moves_what_a_secret_opened_to_another_one),
    HARNESS_TEST(one_secret_gives_a_database_and_a_ring_different_keys),
    HARNESS_TEST(rotating_again_and_again_does_not_fill_a_ring),
    HARNESS_TEST(a_data_key_is_shared_once_with_whom_it_is_for),
    HARNESS_TEST(a_ring_that_is_full_says_so_and_stays),
    HARNESS_TEST(a_recipient_has_one_text),
    HARNESS_TEST(a_boxed_key_opens_for_its_recipients_only),
    HARNESS_TEST(after_a_rotation_the_new_secret_opens_what_was_boxed_for_the_old_one),
    HARNESS_TEST(no_memory_for_the_bytes_of_a_ring_is_told),
    HARNESS_TEST(no_memory_for_a_rotation_is_told_and_changes_nothing),
};
const harness_suite keyring_suite = HARNESS_SUITE("keyring", tests);
