/* SPDX-License-Identifier: MIT */
/* From a request to options of libcurl. All that any request sets, each one sets. */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "net/net_private.h"

#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(e, (option), (value)) != CURLE_OK)                                    \
            return skep__oom();                                                                    \
    } while (0)

static bool plain(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

/* HOST[:PORT] of `url`; a URL with a user in it, or of another scheme, is refused. */
static int take_url(skep__net_call *call, const char *url)
{
    call->host[0] = '\0';
    skep_slice host = skep__url_host(url);
    if (host.len == 0 || host.len >= sizeof(call->host))
        return SKEP__FAIL(SKEP_EINVALID, "a URL that is not http://HOST or https://HOST");
    if (memchr(host.data, '@', host.len) != NULL)
        return SKEP__FAIL(SKEP_EINVALID, "a URL with a user in it, where no secret may stand");
    memcpy(call->host, host.data, host.len);
    call->host[host.len] = '\0';
    if (strlen(url) > SKEP__NET_URL_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "a URL at %s of more than %d bytes", call->host,
                          SKEP__NET_URL_MAX);
    return plain(url)
               ? SKEP_OK
               : SKEP__FAIL(SKEP_EINVALID, "a URL at %s with control characters", call->host);
}

static int add_line(skep__net_call *call, const char *line)
{
    struct curl_slist *more = curl_slist_append(call->headers, line);
    if (more == NULL)
        return skep__oom();
    call->headers = more;
    return SKEP_OK;
}

/* "Name:" would tell libcurl to leave the header out; "Name;" says that it is empty. */
static int add_empty(skep__net_call *call, const char *line, size_t name)
{
    char text[SKEP__NET_HEADER_MAX + 1];
    memcpy(text, line, name);
    memcpy(text + name, ";", 2);
    return add_line(call, text);
}

static int add_header(skep__net_call *call, const char *line)
{
    size_t name = strcspn(line, ":");
    if (name == 0 || line[name] == '\0' || !plain(line))
        return SKEP__FAIL(SKEP_EINVALID, "a header for %s that is not NAME: VALUE", call->host);
    if (strlen(line) > SKEP__NET_HEADER_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "a header for %s of more than %d bytes", call->host,
                          SKEP__NET_HEADER_MAX);
    if (call->changes &&
        (strncasecmp(line, "if-match:", 9) == 0 || strncasecmp(line, "if-none-match:", 14) == 0))
        call->repeatable = false;
    if (line[name + 1 + strspn(line + name + 1, " \t")] == '\0')
        return add_empty(call, line, name);
    return add_line(call, line);
}

/* libcurl's own additions that a request which did not ask for them goes without. */
static int add_headers(skep__net_call *call, const skep__net_request *r)
{
    bool typed = false;
    uint32_t n = 0;
    for (const char *const *h = r->headers; h != NULL && *h != NULL; h++) {
        if (++n > SKEP__NET_HEADERS_MAX)
            return SKEP__FAIL(SKEP_ELIMIT, "more than %d headers for %s", SKEP__NET_HEADERS_MAX,
                              call->host);
        typed |= strncasecmp(*h, "content-type:", 13) == 0;
        SKEP__TRY(add_header(call, *h));
    }
    if (!typed)
        SKEP__TRY(add_line(call, "Content-Type:"));
    bool large = r->body.data == NULL && r->body_bytes > SKEP__NET_EXPECT_ABOVE;
    return large ? SKEP_OK : add_line(call, "Expect:");
}

/* In memory it goes as what libcurl calls post fields, whatever the method: in one piece with the
 * head, and from where it lies. */
static int set_body(skep__net_call *call, const skep__net_request *r)
{
    CURL *e = call->easy;
    bool pieces = r->body.data == NULL && r->body_bytes > 0;
    if (pieces) {
        bool sized = r->body_bytes != SKEP__NET_CHUNKED;
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, sized ? (curl_off_t)r->body_bytes : (curl_off_t)-1);
        call->left = r->body_bytes;
    } else {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        SET(CURLOPT_POSTFIELDS, r->body.data == NULL ? "" : r->body.data);
    }
    SET(CURLOPT_CUSTOMREQUEST, r->method);
    return SKEP_OK;
}

static int set_method(skep__net_call *call, const skep__net_request *r)
{
    CURL *e = call->easy;
    SET(CURLOPT_POSTFIELDS, NULL); /* makes it a POST: so before the next */
    SET(CURLOPT_HTTPGET, 1L);      /* also: no upload, a body in the answer */
    SET(CURLOPT_CUSTOMREQUEST, NULL);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)-1);
    if (strcmp(r->method, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    else if (strcmp(r->method, "PUT") == 0 || strcmp(r->method, "POST") == 0)
        SKEP__TRY(set_body(call, r));
    else if (strcmp(r->method, "GET") != 0)
        SET(CURLOPT_CUSTOMREQUEST, r->method);
    return SKEP_OK;
}

int skep__net_prepare(skep__net_call *call, const skep__net_request *r)
{
    CURL *e = call->easy;
    call->cancel = r->cancel;
    call->deadline_ns = r->deadline_ns;
    call->changes = strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0;
    call->repeatable = strcmp(r->method, "POST") != 0;
    SKEP__TRY(take_url(call, r->url));
    SKEP__TRY(set_method(call, r));
    SKEP__TRY(add_headers(call, r));
    SET(CURLOPT_HTTPHEADER, call->headers);
    SET(CURLOPT_URL, r->url);
    /* The proxy of the environment, as all programs have it; but no proxy is asked for this very
     * machine, which it could not reach. */
    SET(CURLOPT_PROXY, skep__url_loopback(r->url) ? "" : NULL);
    return SKEP_OK;
}
