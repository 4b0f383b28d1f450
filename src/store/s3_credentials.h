/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_S3_CREDENTIALS_H
#define SKEP__STORE_S3_CREDENTIALS_H

#include <stdbool.h>

#include <skep/store.h>

#include "base/buf.h"

/* Who asks, and where: from the options, then AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN, AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_S3,
 * AWS_ENDPOINT_URL, AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE, AWS_CA_BUNDLE, then the files.
 * Key and secret come from the same place. Secrets lie in guarded memory. */

typedef struct skep__s3_credentials skep__s3_credentials;

/* SKEP_EAUTH where there are none, and says where it has looked; SKEP_EUNSUPPORTED where they would
 * have to be fetched with others (roles, single sign-on, programs). */
int skep__s3_credentials_load(const skep_store_opts *opts, skep__s3_credentials **out) SKEP_CHECK;
void skep__s3_credentials_free(skep__s3_credentials *c); /* wipes; accepts NULL */
void skep__s3_credentials_freep(skep__s3_credentials **c);

const char *skep__s3_access_key_id(const skep__s3_credentials *c);
skep_slice skep__s3_secret(const skep__s3_credentials *c);
const char *skep__s3_session_token(const skep__s3_credentials *c); /* NULL: none */
const char *skep__s3_region(const skep__s3_credentials *c);        /* never NULL */
const char *skep__s3_endpoint(const skep__s3_credentials *c);      /* NULL: Amazon's */
const char *skep__s3_ca_file(const skep__s3_credentials *c);       /* NULL: the system's */
const char *skep__s3_source(const skep__s3_credentials *c); /* "profile backup", for people */

/* The value of `key` in section `section` of a shared file's text, as AWS reads it: 1, or 0 and ""
 * where there is none. SKEP_ELIMIT: it does not fit. */
int skep__s3_profile_value(skep_slice text, const char *section, const char *key, char *out,
                           size_t size) SKEP_CHECK;

#endif
