/* SPDX-License-Identifier: MIT */
/* A program that serves a store for a moment. Usage: serving FILE, beside which it makes its own.
 */
#include <skep/serve.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char uri[1024];
    skep_store *store;
    skep_serve *serve;
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.listen = "127.0.0.1:0";
    if (argc != 2)
        return 2;
    snprintf(uri, sizeof(uri), "file:%s", argv[1]);
    if (skep_store_open(uri, NULL, &store) < 0 || skep_serve_open(store, &opts, &serve) < 0 ||
        skep_serve_close(serve, 1000) < 0 || skep_store_close(store) < 0) {
        fprintf(stderr, "%s\n", skep_last_error()->text);
        return 1;
    }
    return 0;
}
