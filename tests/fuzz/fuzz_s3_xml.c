/* SPDX-License-Identifier: MIT */
/* Whatever a server answers: it is refused, or what comes out has its bounds and is one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_object(void *ctx, const skep_object *object)
{
    (void)ctx;
    if (object->key[0] == '\0' || memchr(object->key, '\0', sizeof(object->key)) == NULL ||
        memchr(object->etag, '\0', sizeof(object->etag)) == NULL)
        abort();
    return SKEP_OK;
}

static int on_undeleted(void *ctx, const char *key, const skep__s3_error *error)
{
    (void)ctx;
    if (strlen(key) > SKEP_STORE_KEY_MAX || strchr(error->message, '\n') != NULL)
        abort();
    return SKEP_OK;
}

static int on_upload(void *ctx, const char *key, const char *id, int64_t initiated_us)
{
    (void)ctx;
    (void)initiated_us;
    if (key[0] == '\0' || id[0] == '\0')
        abort();
    return SKEP_OK;
}

static void expect(int rc)
{
    if (rc < 0 && rc != SKEP_ECORRUPT && rc != SKEP_ELIMIT && rc != SKEP_ENOTFOUND)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    skep_slice xml = skep_slice_of(data, size);
    skep__s3_page page;
    skep__s3_uploads_page uploads;
    skep__s3_error error;
    char text[64];
    expect(skep__s3_xml_list(xml, on_object, NULL, &page));
    expect(skep__s3_xml_deleted(xml, on_undeleted, NULL));
    expect(skep__s3_xml_uploads(xml, on_upload, NULL, &uploads));
    expect(skep__s3_xml_text(xml, "UploadId", text, sizeof(text)));
    skep__s3_xml_error(xml, &error);
    if (strpbrk(error.code, "\r\n") != NULL || strpbrk(error.message, "\r\n") != NULL)
        abort();
    return 0;
}
