/* SPDX-License-Identifier: MIT */
#ifndef SKEP__NET_LIMITS_H
#define SKEP__NET_LIMITS_H

/* Every ceiling of this room. Reaching one is SKEP_ELIMIT unless it says otherwise. */

#define SKEP__NET_URL_MAX 8192          /* bytes of a URL */
#define SKEP__NET_HEADERS_MAX 64        /* of a request */
#define SKEP__NET_HEAD_MAX (256 * 1024) /* bytes of the headers of an answer */
#define SKEP__NET_CONNECTIONS_MAX 1024  /* of one skep__net */

#endif
