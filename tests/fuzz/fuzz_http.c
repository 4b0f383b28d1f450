/* SPDX-License-Identifier: MIT */
/* What a client of the server sends: targets, headers, JSON bodies; and the file of API keys. The
 * first byte says which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/keys.h"
#include "http/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* Decoding ends within its bounds, and what it let through holds no byte that ends texts. */
static void targets(const char *text)
{
    http_target t;
    int rc = http_target_parse(text, &t);
    check(rc == SKEP_OK || rc == SKEP_EINVALID || rc == SKEP_ELIMIT);
    if (rc < 0)
        return;
    check(strlen(t.key) <= SKEP_STORE_KEY_MAX && strlen(t.prefix) <= SKEP_STORE_KEY_MAX);
    check(t.place != HTTP_OBJECT || t.key[0] != '\0');
    check(t.place != HTTP_LIST || (t.limit >= 1 && t.limit <= SKEP__HTTP_PAGE_MAX));
}

static void headers(const char *text)
{
    char etag[SKEP_STORE_ETAG_MAX + 1], hash_text[33];
    uint8_t hash[SKEP_STORE_HASH_BYTES];
    http_range range;
    uint64_t number = 0;
    http_range_parse(text, &range);
    check(range.kind != HTTP_FROM || range.bytes == 0 ||
          range.first + (range.bytes - 1) >= range.first);
    int strong = http_tags_match(text, "etag", false), weak = http_tags_match(text, "etag", true);
    check(strong <= 1 && weak <= 1 && (strong != 1 || weak == 1));
    if (http_tag_parse(text, etag) == SKEP_OK)
        check(http_tags_match(text, etag, false) == 1);
    if (http_hash_parse(text, hash)) {
        http_hash_text(hash, hash_text);
        check(strcmp(hash_text, text) == 0);
    }
    if (http_number(text, &number))
        check(text[0] >= '0' && text[0] <= '9');
    const char *token = http_bearer(text);
    check(token == NULL || strlen(token) >= SKEP__HTTP_TOKEN_MIN);
    (void)http_host_is_local(text);
}

static void bodies(skep_slice text)
{
    http_names names;
    http_copy copy;
    int rc = http_delete_parse(text, &names);
    check(rc < 0 || (names.count >= 1 && names.count <= SKEP__HTTP_PAGE_MAX));
    if (rc >= 0)
        http_names_dispose(&names);
    rc = http_copy_parse(text, &copy);
    check(rc < 0 || !copy.create || copy.if_etag[0] == '\0');
}

static void keys(skep_slice text, const char *token)
{
    http_keys *read = NULL;
    if (http_keys_parse("keys", text, &read) < 0)
        return;
    check(read->count <= SKEP__HTTP_KEYS_MAX);
    for (size_t i = 0; i < read->count; i++)
        check(read->keys[i].name[0] != '\0');
    (void)http_keys_find(read, token);
    http_keys_unref(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = malloc(size);
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    skep_slice slice = skep_slice_of(text, size - 1);
    switch (data[0] & 3) {
    case 0:
        targets(text);
        break;
    case 1:
        headers(text);
        break;
    case 2:
        bodies(slice);
        break;
    default:
        keys(slice, text);
    }
    free(text);
    return 0;
}
