/* SPDX-License-Identifier: MIT */
/* The URI of a store, and a key: what is taken is in bounds, and a refusal has a code and a text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int rc)
{
    if (rc < 0 && (skep_last_error()->code != rc || skep_last_error()->text[0] == '\0'))
        abort();
}

static void parse(const char *text)
{
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    skep__store_uri *uri = malloc(sizeof(*uri));
    skep__buf texts = SKEP__BUF_INIT(SKEP__STORE_TEXTS_MAX);
    if (uri == NULL)
        return;
    int rc = skep__store_uri_parse(text, uri, &opts, &texts);
    check(rc);
    if (rc >= 0) {
        if (uri->scheme[0] == '\0' || strlen(uri->path) > SKEP_STORE_URI_MAX)
            abort();
        if (strcmp(uri->scheme, "s3") == 0 && uri->path[0] != '\0' &&
            skep__store_key_check(uri->path, true) < 0)
            abort();
        /* Texts lie in the buffer, each with its end. */
        if (opts.region != NULL && strlen(opts.region) >= texts.len)
            abort();
    }
    skep__buf_dispose(&texts);
    free(uri);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    parse(text);
    check(skep__store_key_check(text, false));
    free(text);
    return 0;
}
