/* SPDX-License-Identifier: MIT */
/* The speed of sealing beside that of the cipher in it: AES-256-GCM of libcrypto over the same
 * bytes in chunks of the same length, which is the least that sealing can cost. */
#include "store.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include <skep/skep.h>

#include "crypto/sealed.h"

#include "../db/bench.h"

#define CHUNK SKEP__SEALED_CHUNK

typedef struct sealing {
    size_t bytes;
    uint8_t *in;
    uint8_t *out; /* one chunk and its tag */
    skep__data_key *key;
    EVP_CIPHER_CTX *cipher;
} sealing;

static void must(int rc)
{
    if (rc < 0)
        bench_die("%s", skep_last_error()->text);
}

static size_t chunk_at(const sealing *s, size_t at)
{
    return s->bytes - at < CHUNK ? s->bytes - at : CHUNK;
}

/* All that the room does for an object whose content is known: its hash, its head, its chunks. */
static void seal_chunks(sealing *s)
{
    uint8_t hash[SKEP__CONTENT_HASH_BYTES] = {0};
    skep__buf head = SKEP__BUF_INIT(SKEP__SEALED_HEAD_MAX);
    SKEP__CLEANUP(skep__sealed_freep) skep__sealed *sealed = NULL;
    for (size_t at = 0; at < s->bytes; at += CHUNK)
        skep__content_hash_fold(s->key, s->in + at, chunk_at(s, at), hash);
    const skep__sealed_opts opts = {
        .key = s->key, .name = skep_slice_str("bench"), .content_bytes = s->bytes, .hash = hash};
    must(skep__sealed_make(&opts, &head, &sealed));
    for (size_t at = 0; at < s->bytes; at += CHUNK) {
        size_t n = chunk_at(s, at);
        must(skep__sealed_seal(sealed, at / CHUNK, at + n == s->bytes, skep_slice_of(s->in + at, n),
                               s->out));
    }
    skep__buf_dispose(&head);
}

static void seal_cipher(sealing *s)
{
    static const uint8_t key[32] = "0123456789abcdef0123456789abcdef";
    uint8_t nonce[12] = {0};
    if (EVP_EncryptInit_ex(s->cipher, EVP_aes_256_gcm(), NULL, key, nonce) != 1)
        bench_die("libcrypto has no AES-256-GCM");
    for (size_t at = 0; at < s->bytes; at += CHUNK) {
        int n = 0;
        int rest = 0;
        size_t len = chunk_at(s, at);
        uint64_t count = at / CHUNK;
        memcpy(nonce, &count, sizeof(count));
        if (EVP_EncryptInit_ex(s->cipher, NULL, NULL, NULL, nonce) != 1 ||
            EVP_EncryptUpdate(s->cipher, s->out, &n, s->in + at, (int)len) != 1 ||
            EVP_EncryptFinal_ex(s->cipher, s->out + n, &rest) != 1 ||
            EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_GCM_GET_TAG, 16, s->out + len) != 1)
            bench_die("libcrypto does not encrypt");
    }
}

double store_seal(const store_job *job)
{
    sealing s = {.bytes = job->bytes};
    void (*one)(sealing *) = strcmp(job->side, "cipher") == 0 ? seal_cipher : seal_chunks;
    s.in = bench_calloc(1, s.bytes);
    s.out = bench_calloc(1, CHUNK + 64);
    s.cipher = EVP_CIPHER_CTX_new();
    static const uint8_t lineage[SKEP__LINEAGE_BYTES] = {1};
    must(skep__data_key_new(lineage, &s.key));
    one(&s); /* warm */
    uint64_t began = bench_now();
    uint64_t end = began + (uint64_t)(job->seconds * 1e9);
    uint64_t done = 0;
    uint64_t now = began;
    for (; now < end; now = bench_now(), done++)
        one(&s);
    skep__data_key_free(s.key);
    EVP_CIPHER_CTX_free(s.cipher);
    free(s.in);
    free(s.out);
    return (double)done * (double)s.bytes / ((double)(now - began) / 1e9);
}
