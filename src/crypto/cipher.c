/* SPDX-License-Identifier: MIT */
#include <sodium.h>

#include "crypto/crypto.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

const char *skep_cipher_name(int cipher)
{
    switch (cipher) {
    case SKEP_CIPHER_AEGIS:
        return "aegis";
    case SKEP_CIPHER_CHACHA20:
        return "chacha20";
    case SKEP_CIPHER_SQLCIPHER:
        return "sqlcipher";
    default:
        return "none";
    }
}

bool skep__has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("aes") != 0;
#elif defined(__aarch64__)
    return (getauxval(AT_HWCAP) & HWCAP_AES) != 0;
#else
    return false;
#endif
}

int skep__cipher_best(void)
{
    return skep__has_aes() ? SKEP_CIPHER_AEGIS : SKEP_CIPHER_CHACHA20;
}

int skep__random(void *out, size_t len)
{
    if (sodium_init() < 0)
        return SKEP__FAIL(SKEP_EIO, "the system's generator of random bytes does not answer");
    randombytes_buf(out, len);
    return SKEP_OK;
}
