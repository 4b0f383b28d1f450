/* SPDX-License-Identifier: MIT */
/* What libcurl says went wrong, in skep's codes: chosen by what a caller can do about it. */
#include <string.h>

#include "net/net_private.h"

static int with_outcome(const skep__net_call *call, int code)
{
    if (call->changes && call->begun > 0)
        skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    return code;
}

int skep__net_ended(const skep__net_call *call, int code, const char *why)
{
    return with_outcome(call, SKEP__FAIL(code, "a request to %s: %s", call->host, why));
}

static int unreachable(const skep__net_call *call)
{
    long sys = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &sys);
    const char *why = sys == 0 ? NULL : strerrordesc_np((int)sys);
    int rc =
        SKEP__FAIL(SKEP_ENET, "cannot reach %s: %s", call->host, why != NULL ? why : call->error);
    skep__err_errno((int)sys);
    return rc;
}

static int untrusted(const skep__net_call *call)
{
    return SKEP__FAIL(SKEP_EAUTH,
                      "%s is not trusted: %s; if it should be, name the certificate of its "
                      "authority with ca_file",
                      call->host, call->error);
}

static int bad_ca_file(const skep__net_call *call)
{
    const char *file = call->net->ca_file;
    return SKEP__FAIL(SKEP_EINVALID, "cannot read certificates from %s%s%s",
                      file == NULL ? "the system's store" : "'", file == NULL ? "" : file,
                      file == NULL ? "" : "'");
}

/* libcurl gathers a line of a head with a ceiling, and says the same where that is reached. */
static int too_large(const skep__net_call *call)
{
    if (call->begun == 0 || call->head_done)
        return skep__oom();
    return SKEP__FAIL(SKEP_ELIMIT,
                      "%s answers with a head whose lines are longer than libcurl takes, or memory "
                      "ran out",
                      call->host);
}

int skep__net_failure(const skep__net_call *call)
{
    const char *said = call->error[0] != '\0' ? call->error : curl_easy_strerror(call->result);
    if (call->failed < 0) /* a callback's own, which libcurl only passes on */
        return with_outcome(call, call->failed);
    switch (call->result) {
    case CURLE_OK:
        return SKEP_OK;
    case CURLE_OUT_OF_MEMORY:
        return with_outcome(call, too_large(call));
    case CURLE_COULDNT_RESOLVE_HOST:
        return SKEP__FAIL(SKEP_ENET, "cannot reach %s: the name is not known", call->host);
    case CURLE_COULDNT_CONNECT:
        return unreachable(call);
    case CURLE_OPERATION_TIMEDOUT:
        return with_outcome(
            call, SKEP__FAIL(SKEP_ETIMEOUT, "cannot reach %s in time: %s", call->host, said));
    case CURLE_PEER_FAILED_VERIFICATION:
        return untrusted(call);
    case CURLE_SSL_CACERT_BADFILE:
        return bad_ca_file(call);
    case CURLE_ABORTED_BY_CALLBACK:
        return skep__net_ended(call, SKEP_ENET,
                               "the server closed the connection while it was to be used again");
    case CURLE_SEND_FAIL_REWIND:
        return skep__net_ended(call, SKEP_ENET, "the connection was cut while a body was sent");
    default:
        return with_outcome(
            call, SKEP__FAIL(SKEP_ENET, "the connection to %s failed: %s", call->host, said));
    }
}
