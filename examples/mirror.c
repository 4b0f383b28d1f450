/* SPDX-License-Identifier: MIT */
/* The code of docs/guide/mirror.md: two directories as one store, how far the second is behind, and
 * making two stores alike.
 *
 *     mirror DIRECTORY
 */
#include <stdio.h>

#include <skep/skep.h>

static int failed(void)
{
    (void)fprintf(stderr, "%s\n", skep_last_error()->text);
    return 1;
}

static int open_dir(const char *dir, const char *name, skep_store **out)
{
    char uri[SKEP_STORE_URI_MAX + 1];
    (void)snprintf(uri, sizeof(uri), "file:%s-%s", dir, name);
    return skep_store_open(uri, NULL, out);
}

static int open_mirror(const char *dir, skep_store **out)
{
    char queue[SKEP_STORE_URI_MAX];
    skep_store *stores[2] = {NULL, NULL};
    (void)snprintf(queue, sizeof(queue), "%s-queue", dir);
    int rc = open_dir(dir, "here", &stores[0]); /* the primary */
    if (rc >= 0)
        rc = open_dir(dir, "there", &stores[1]);
    if (rc >= 0) {
        skep_mirror_opts opts = SKEP_MIRROR_OPTS_INIT;
        opts.mode = SKEP_MIRROR_ASYNC;
        opts.conflict = SKEP_CONFLICT_LATEST;
        opts.queue = queue;
        opts.queue_objects = 100000;
        opts.queue_bytes = UINT64_C(1) << 30;
        opts.close_timeout_ms = 10000;
        rc = skep_store_mirror(stores, 2, &opts, out);
    }
    if (rc < 0) { /* else they belong to *out */
        (void)skep_store_close(stores[0]);
        (void)skep_store_close(stores[1]);
    }
    return rc;
}

static int show_lag(skep_store *mirror)
{
    skep_mirror_lag lag = {.size = sizeof(lag)};
    int rc = skep_mirror_lag_of(mirror, &lag);
    if (rc >= 0)
        (void)printf("behind: %llu objects, %llu bytes, %lld s%s%s\n",
                     (unsigned long long)lag.objects, (unsigned long long)lag.bytes,
                     (long long)lag.seconds, lag.failing != 0 ? ": " : "",
                     lag.failing != 0 ? lag.error.text : "");
    return rc;
}

static int on_step(const skep_sync_step *step, void *ctx)
{
    static const char *const words[] = {"same", "copy", "replace", "delete", "failed"};
    (void)ctx;
    (void)printf("%s %s: %s\n", words[step->what], step->key, step->why);
    return 0;
}

static int sync_away(const char *dir)
{
    skep_store *from = NULL;
    skep_store *to = NULL;
    skep_sync_sum sum = {.size = sizeof(sum)};
    int rc = open_dir(dir, "there", &from);
    if (rc >= 0)
        rc = open_dir(dir, "archive", &to);
    if (rc >= 0) {
        skep_sync_opts opts = SKEP_SYNC_OPTS_INIT;
        opts.from_prefix = "notes/";
        opts.to_prefix = "2026/notes/";
        opts.remove = 1;  /* what is only there goes */
        opts.dry_run = 0; /* 1: only tell */
        opts.step = on_step;
        rc = skep_store_sync(from, to, &opts, &sum);
        (void)printf("%llu copied, %llu failed\n", (unsigned long long)sum.copied,
                     (unsigned long long)sum.failed);
    }
    (void)skep_store_close(to);
    (void)skep_store_close(from);
    return rc;
}

int main(int argc, char **argv)
{
    skep_store *mirror = NULL;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: mirror DIRECTORY\n");
        return 2;
    }
    if (open_mirror(argv[1], &mirror) < 0)
        return failed();
    int rc = skep_store_put(mirror, "notes/1", skep_slice_str("in both"), NULL, NULL);
    if (rc >= 0)
        rc = skep_mirror_flush(mirror, NULL);
    if (rc >= 0)
        rc = show_lag(mirror);
    skep_sync_sum sum = {.size = sizeof(sum)};
    if (rc >= 0)
        rc = skep_mirror_repair(mirror, NULL, &sum);
    if (skep_store_close(mirror) < 0 || rc < 0 || sync_away(argv[1]) < 0)
        return failed();
    return 0;
}
