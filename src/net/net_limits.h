/* SPDX-License-Identifier: MIT */
#ifndef SKEP__NET_LIMITS_H
#define SKEP__NET_LIMITS_H

/* Every ceiling of this room. Reaching one is SKEP_ELIMIT unless it says otherwise. */

#define SKEP__NET_URL_MAX 8192          /* bytes of a URL */
#define SKEP__NET_HEADERS_MAX 64        /* of a request */
#define SKEP__NET_HEADER_MAX 4096       /* bytes of one of them */
#define SKEP__NET_HEAD_MAX (256 * 1024) /* bytes of the headers of an answer */
#define SKEP__NET_CONNECTIONS_MAX 1024  /* of one skep__net */

/* Not ceilings: sizes and times. */
#define SKEP__NET_RECEIVE (64 * 1024)        /* bytes asked of the kernel at a time */
#define SKEP__NET_EXPECT_ABOVE (1024 * 1024) /* a larger streamed body waits for a 100 first */
#define SKEP__NET_EXPECT_MS 500              /* a body is sent after so long without a 100 */
#define SKEP__RETRY_FIRST_MS 100  /* the first wait is up to this, each next one up to twice */
#define SKEP__RETRY_MOST_MS 20000 /* and none longer, unless the server asks for it */

#endif
