/* SPDX-License-Identifier: MIT */
/* `skep bench db`: the rows, the rounds, the command. */
#include <errno.h>
#include <stdlib.h>

#include "cli/bench/bench.h"
#include "cli/line/number.h"
#include "cli/show/progress.h"
#include "cli/show/text.h"
#include "cli/stop.h"

#define SECONDS 20
#define SECONDS_MAX 3600

#define DURABLE "Durable writes (FULL: a power cut loses no answered commit)"
#define NORMAL "Writes at NORMAL (a killed process loses none, a power cut may lose the newest)"
#define READS "Point reads by primary key, from the page cache, one thread"

const bench_row bench_rows[] = {
    {"fdatasync_4k", "fdatasync of 4 KiB, no database", DURABLE, BENCH_SYNC, BENCH_NO_FILE, 1},
    {"write_full_1", "1 thread", DURABLE, BENCH_WRITE, BENCH_FULL, 1},
    {"write_full_1_encrypted", "1 thread, encrypted", DURABLE, BENCH_WRITE, BENCH_FULL_KEY, 1},
    {"write_full_16", "16 threads", DURABLE, BENCH_WRITE, BENCH_FULL, BENCH_THREADS},
    {"write_full_16_encrypted", "16 threads, encrypted", DURABLE, BENCH_WRITE, BENCH_FULL_KEY,
     BENCH_THREADS},
    {"write_normal_1", "1 thread", NORMAL, BENCH_WRITE, BENCH_NORMAL, 1},
    {"write_normal_1_encrypted", "1 thread, encrypted", NORMAL, BENCH_WRITE, BENCH_NORMAL_KEY, 1},
    {"write_normal_16", "16 threads", NORMAL, BENCH_WRITE, BENCH_NORMAL, BENCH_THREADS},
    {"write_normal_16_encrypted", "16 threads, encrypted", NORMAL, BENCH_WRITE, BENCH_NORMAL_KEY,
     BENCH_THREADS},
    {"read", "each a transaction", READS, BENCH_READ, BENCH_NORMAL, 1},
    {"read_encrypted", "each a transaction, encrypted", READS, BENCH_READ, BENCH_NORMAL_KEY, 1},
    {"read_held", "in one transaction", READS, BENCH_READ_HELD, BENCH_NORMAL, 1},
    {"read_held_encrypted", "in one transaction, encrypted", READS, BENCH_READ_HELD,
     BENCH_NORMAL_KEY, 1},
};
const size_t bench_row_count = sizeof(bench_rows) / sizeof(bench_rows[0]);
_Static_assert(sizeof(bench_rows) / sizeof(bench_rows[0]) <= BENCH_ROWS_MAX, "room for all");

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Who is first changes with the round. */
static cli_exit run_rounds(bench *b)
{
    cli_progress progress;
    cli_exit status = CLI_DONE;
    size_t slices = BENCH_ROUNDS * bench_row_count;
    cli_progress_begin(&progress, b->ui, "measuring", "slices", slices);
    for (size_t i = 0; i < slices && status == CLI_DONE && !cli_stopping(); i++) {
        size_t round = i / bench_row_count;
        status = bench_slice(b, (i + round) % bench_row_count);
        cli_progress_at(&progress, i + 1);
    }
    cli_progress_end(&progress);
    for (size_t i = 0; i < bench_row_count; i++)
        qsort(b->figures[i].rate, (size_t)b->figures[i].rounds, sizeof(double), by_value);
    return status;
}

static void note_cipher(bench *b)
{
    char path[CLI_TEMPDIR_MAX + 32];
    skep_seal seal = {.size = (uint32_t)sizeof(seal)};
    (void)snprintf(path, sizeof(path), "%s/full-key.db", b->dir.path);
    bool known = !b->no_key && skep_db_seal(path, &seal) >= 0;
    (void)snprintf(b->cipher, sizeof(b->cipher), "%s",
                   known ? skep_cipher_name(seal.cipher) : "unknown");
}

static cli_exit measure(bench *b)
{
    uint64_t begun = cli_now_ns();
    cli_exit status = bench_open(b);
    if (status == CLI_DONE)
        status = run_rounds(b);
    uint64_t took = cli_now_ns() - begun;
    bench_close(b);
    if (status != CLI_DONE || cli_stopping())
        return status;
    note_cipher(b);
    return bench_show(b, took);
}

cli_exit cli_bench_db(const cli_call *call)
{
    bench *b = calloc(1, sizeof(*b));
    uint64_t seconds = SECONDS;
    if (b == NULL)
        return cli_fail_memory(call->ui);
    b->ui = call->ui;
    b->sync_fd = -1;
    cli_exit status = cli_number(call, CLI_OPT_SECONDS, 1, SECONDS_MAX, &seconds);
    b->slice_ns = seconds * 1000000000u / (BENCH_ROUNDS * bench_row_count);
    if (status == CLI_DONE && !cli_stop_watch())
        status = cli_fail_errno(call->ui, errno, "watch for", "signals");
    if (status == CLI_DONE)
        status = cli_tempdir_make(call->ui, cli_value(call, CLI_OPT_IN), "skep-bench", &b->dir);
    if (status == CLI_DONE) {
        status = measure(b);
        cli_exit removed = cli_tempdir_remove(call->ui, &b->dir);
        status = status == CLI_DONE ? removed : status;
    }
    free(b);
    if (cli_stopping())
        cli_say(call->ui, "stopped; the temporary directory is gone");
    cli_stop_die();
    return status;
}
