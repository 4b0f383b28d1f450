/* SPDX-License-Identifier: MIT */
/* Keys, and hashes as text. */
#include <string.h>

#include "base/text.h"
#include "store/store.h"

#define OWN ".skep"
#define SHOWN 80 /* bytes of a wrong key that an error text quotes */

static int wrong(const char *key, const char *why)
{
    return SKEP__FAIL(SKEP_EINVALID, "key '%.*s%s': %s", SHOWN, key,
                      strnlen(key, SHOWN + 1) > SHOWN ? "..." : "", why);
}

/* One part, of which `len` bytes stand at `part`. NULL: nothing is wrong with it. */
static const char *check_part(const char *part, size_t len)
{
    if (len == 0)
        return "there is nothing before, between or behind its slashes; each part needs a byte";
    if (len > SKEP_STORE_PART_MAX)
        return "a part between two slashes has more than 255 bytes";
    if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
        return "no part may be . or ..";
    return NULL;
}

static const char *check_text(const char *key, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = skep__utf8_len(key + i, len - i);
        if (n == 0)
            return "it is not UTF-8";
        if (n == 1 && ((unsigned char)key[i] < 0x20 || key[i] == 0x7f))
            return "it has a control character in it";
        i += n;
    }
    return NULL;
}

int skep__store_key_check(const char *key, bool own)
{
    size_t len = strnlen(key, SKEP_STORE_KEY_MAX + 1);
    if (len == 0)
        return SKEP__FAIL(SKEP_EINVALID, "the key is empty");
    if (len > SKEP_STORE_KEY_MAX)
        return wrong(key, "it has more than 1024 bytes");
    const char *why = check_text(key, len);
    for (const char *part = key; why == NULL; part++) {
        size_t n = strcspn(part, "/");
        why = check_part(part, n);
        part += n;
        if (*part == '\0')
            break;
    }
    if (why == NULL && !own && strncmp(key, OWN, strlen(OWN)) == 0 &&
        (key[strlen(OWN)] == '/' || key[strlen(OWN)] == '\0'))
        why = "what begins with .skep/ is for skep itself";
    return why == NULL ? SKEP_OK : wrong(key, why);
}

void skep__hash_text(const uint8_t hash[SKEP_STORE_HASH_BYTES], char out[SKEP__HASH_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SKEP_STORE_HASH_BYTES; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[SKEP__HASH_TEXT - 1] = '\0';
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool skep__hash_parse(skep_slice text, uint8_t hash[SKEP_STORE_HASH_BYTES])
{
    uint8_t bytes[SKEP_STORE_HASH_BYTES];
    const char *at = text.data;
    if (text.len != SKEP__HASH_TEXT - 1)
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        int high = digit_of(at[2 * i]);
        int low = digit_of(at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(hash, bytes, sizeof(bytes));
    return true;
}
