/* SPDX-License-Identifier: MIT */
#include "cli/stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

/* The signal that asked to stop, 0 while none has. All a handler may do is set it; it is atomic,
 * because threads look at it too. */
static atomic_int stop_signal;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "or a handler may not touch it");

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};
#define STOP_COUNT (sizeof(stop_signals) / sizeof(stop_signals[0]))

static void on_stop(int number)
{
    atomic_store(&stop_signal, number);
}

bool cli_stopping(void)
{
    return atomic_load_explicit(&stop_signal, memory_order_relaxed) != 0;
}

bool cli_stop_watch(void)
{
    struct sigaction action = {.sa_handler = on_stop};
    for (size_t i = 0; i < STOP_COUNT; i++) {
        struct sigaction before;
        if (sigaction(stop_signals[i], NULL, &before) != 0)
            return false;
        /* Ignored means that somebody wants it so: nohup, a shell's background job. */
        if (before.sa_handler != SIG_IGN && sigaction(stop_signals[i], &action, NULL) != 0)
            return false;
    }
    return true;
}

void cli_stop_die(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    int number = atomic_load(&stop_signal);
    if (number == 0)
        return;
    (void)fflush(NULL);
    if (sigaction(number, &action, NULL) == 0)
        (void)raise(number);
}
