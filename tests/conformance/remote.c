/* SPDX-License-Identifier: MIT */
/* The server behind a remote store, in a process of its own. */
#include "conformance.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skep/serve.h>

#include "harness/crash.h"

int remote_serve(int argc, char **argv)
{
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    skep_serve *serve = NULL;
    skep_store *store = NULL;
    char uri[SKEP_STORE_URI_MAX];
    char url[REMOTE_URL_BYTES] = "";
    if (argc < 2)
        return 2;
    (void)snprintf(uri, sizeof(uri), "file:%s", argv[1]);
    opts.listen = "127.0.0.1:0";
    if (skep_store_open(uri, NULL, &store) < 0 || skep_serve_open(store, &opts, &serve) < 0) {
        (void)fprintf(stderr, "serve: %s\n", skep_last_error()->text);
        return 1;
    }
    (void)snprintf(url, sizeof(url), "%s", skep_serve_url(serve));
    crash_ack(url, sizeof(url));
    for (;;)
        (void)pause(); /* it is killed with the test */
}
