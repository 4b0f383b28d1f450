/* SPDX-License-Identifier: MIT */
/* The code of docs/guide/remote-store.md: a directory as a store for other programs of this
 * machine, until standard input ends.
 *
 *     serve DIRECTORY
 */
#include <stdio.h>

#include <skep/serve.h>

static int failed(void)
{
    const skep_err *err = skep_last_error();
    (void)fprintf(stderr, "%s: %s\n", skep_code_name(err->code), err->text);
    return 1;
}

/* Called in the thread of each connection, once a request has ended. */
static void tell(const skep_serve_access *access, void *ctx)
{
    (void)ctx;
    (void)printf("%s %s %d\n", access->method, access->path, access->status);
}

int main(int argc, char **argv)
{
    char uri[SKEP_STORE_URI_MAX];
    skep_store *store = NULL;
    skep_serve *serve = NULL;
    if (argc != 2)
        return 2;
    (void)snprintf(uri, sizeof(uri), "file:%s", argv[1]);
    if (skep_store_open(uri, NULL, &store) < 0)
        return failed();
    skep_serve_opts opts = SKEP_SERVE_OPTS_INIT;
    opts.listen = "127.0.0.1:0";
    opts.access = tell;
    if (skep_serve_open(store, &opts, &serve) < 0)
        return failed();
    (void)printf("%s\n", skep_serve_url(serve));
    (void)fflush(stdout);
    while (getchar() != EOF)
        ;
    if (skep_serve_close(serve, 30000) < 0) /* what runs has so long to end */
        (void)failed();
    return skep_store_close(store) < 0 ? failed() : 0;
}
