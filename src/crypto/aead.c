/* SPDX-License-Identifier: MIT */
/*
 * Nonces. Both kinds number their pieces in the same eight bytes: a counter of 56 bits, lowest byte
 * first, then the mark. AES-256-GCM puts four zero bytes before them. XChaCha20-Poly1305 puts
 * sixteen; it hashes those with the key into a subkey (HChaCha20), which therefore serves all
 * pieces, and is then ChaCha20-Poly1305 of RFC 8439 under that subkey. libcrypto has only the
 * latter, and does it three times as fast as libsodium does the whole.
 */
#include "crypto/aead.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "base/codec.h"
#include "base/mem.h"
#include "base/num.h"
#include "crypto/crypto.h"

#define NONCE_BYTES 12

struct skep__aead {
    EVP_CIPHER_CTX *ctx;
};

const char *skep__aead_name(int kind)
{
    switch (kind) {
    case SKEP__AEAD_AES256GCM:
        return "aes256gcm";
    case SKEP__AEAD_XCHACHA20:
        return "xchacha20";
    default:
        return "none";
    }
}

int skep__aead_best(void)
{
    return skep__has_aes() ? SKEP__AEAD_AES256GCM : SKEP__AEAD_XCHACHA20;
}

void skep__aead_free(skep__aead *a)
{
    if (a != NULL)
        EVP_CIPHER_CTX_free(a->ctx); /* wipes; accepts NULL */
    skep__free(a);
}

void skep__aead_freep(skep__aead **a)
{
    skep__aead_free(*a);
}

int skep__aead_new(int kind, const uint8_t key[SKEP__SECRET_BYTES], skep__aead **out)
{
    uint8_t subkey[crypto_core_hchacha20_OUTPUTBYTES];
    const uint8_t zero[crypto_core_hchacha20_INPUTBYTES] = {0};
    if (kind != SKEP__AEAD_AES256GCM && kind != SKEP__AEAD_XCHACHA20)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "a cipher of number %d, which this skep lacks", kind);
    SKEP__CLEANUP(skep__aead_freep) skep__aead *a = skep__calloc(1, sizeof(*a));
    if (a == NULL || (a->ctx = EVP_CIPHER_CTX_new()) == NULL)
        return skep__oom();
    if (kind == SKEP__AEAD_XCHACHA20)
        (void)crypto_core_hchacha20(subkey, zero, key, NULL);
    const EVP_CIPHER *cipher =
        kind == SKEP__AEAD_AES256GCM ? EVP_aes_256_gcm() : EVP_chacha20_poly1305();
    int ok = EVP_CipherInit_ex(a->ctx, cipher, NULL, kind == SKEP__AEAD_XCHACHA20 ? subkey : key,
                               NULL, 1);
    sodium_memzero(subkey, sizeof(subkey));
    if (ok != 1)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "libcrypto refuses %s", skep__aead_name(kind));
    *out = SKEP__TAKE(a);
    return SKEP_OK;
}

/* The next piece: nonce and what is bound to it. False: libcrypto found no memory. */
static bool begin(skep__aead *a, int sealing, uint64_t counter, uint8_t mark, skep_slice bound)
{
    uint8_t nonce[NONCE_BYTES] = {0};
    int len = 0;
    ASSERT(counter <= SKEP__AEAD_COUNTER_MAX);
    skep__put_le64(nonce + 4, counter | (uint64_t)mark << 56);
    return EVP_CipherInit_ex(a->ctx, NULL, NULL, NULL, nonce, sealing) == 1 &&
           (bound.len == 0 ||
            EVP_CipherUpdate(a->ctx, NULL, &len, bound.data, skep__int(bound.len)) == 1);
}

/* libcrypto takes no NULL, and for no bytes there is nothing to do. */
static bool work(skep__aead *a, skep_slice in, uint8_t *out)
{
    int len = 0;
    return in.len == 0 ||
           (EVP_CipherUpdate(a->ctx, out, &len, (const uint8_t *)in.data, skep__int(in.len)) == 1 &&
            (size_t)len == in.len);
}

int skep__aead_seal(skep__aead *a, uint64_t counter, uint8_t mark, skep_slice bound, skep_slice in,
                    uint8_t *out)
{
    int len = 0;
    if (!begin(a, 1, counter, mark, bound) || !work(a, in, out) ||
        EVP_CipherFinal_ex(a->ctx, out + in.len, &len) != 1 ||
        EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_GET_TAG, SKEP__TAG_BYTES, out + in.len) != 1)
        return skep__oom();
    return SKEP_OK;
}

int skep__aead_open(skep__aead *a, uint64_t counter, uint8_t mark, skep_slice bound, skep_slice in,
                    uint8_t *out)
{
    int len = 0;
    uint8_t tag[SKEP__TAG_BYTES];
    uint8_t none[SKEP__TAG_BYTES];
    if (in.len < SKEP__TAG_BYTES)
        return SKEP__FAIL(SKEP_ECORRUPT, "a sealed piece of %zu bytes is cut short", in.len);
    in.len -= SKEP__TAG_BYTES;
    memcpy(tag, (const uint8_t *)in.data + in.len, sizeof(tag));
    if (!begin(a, 0, counter, mark, bound) || !work(a, in, out) ||
        EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, SKEP__TAG_BYTES, tag) != 1)
        return skep__oom();
    if (EVP_CipherFinal_ex(a->ctx, none, &len) != 1) {
        sodium_memzero(out, in.len); /* nobody is to see what is not genuine */
        return SKEP__FAIL(SKEP_ECORRUPT, "a sealed piece is not what was sealed");
    }
    return SKEP_OK;
}
