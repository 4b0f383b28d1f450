/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CRYPTO_SEALED_PRIVATE_H
#define SKEP__CRYPTO_SEALED_PRIVATE_H

#include "crypto/sealed.h"

/* What of a head is sealed, and ends it: length and hash of the content. */
#define SKEP__SEALED_PART_BYTES (8 + SKEP__CONTENT_HASH_BYTES + SKEP__TAG_BYTES)

/* Append the clear part. */
void skep__sealed_head_encode(const skep__sealed_head *h, skep__buf *out);

#endif
