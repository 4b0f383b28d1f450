/* SPDX-License-Identifier: MIT */
/* Full jitter: of many clients that failed together no two come back together, and the server sees
 * half of the load that equal waits would make. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "base/event.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/net.h"

#ifdef SKEP_TEST_BUILD
static _Atomic uint32_t hastened = 1;

void skep__retry_hasten(uint32_t by)
{
    atomic_store(&hastened, by);
}
#define HASTE atomic_load(&hastened)
#else
#define HASTE 1
#endif

void skep__retry_init(skep__retry *retry, int64_t budget_ms, uint64_t deadline_ns,
                      skep_cancel *cancel)
{
    *retry = (skep__retry){.deadline_ns = deadline_ns, .cancel = cancel};
    if (budget_ms >= 0)
        retry->until_ns = skep__deadline_ns(budget_ms);
}

bool skep__retry_status(int status)
{
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/* How long to wait before this attempt; 0 and up. */
static uint64_t draw_ns(uint32_t attempt)
{
    uint32_t most = SKEP__RETRY_MOST_MS;
    if (attempt < 8) /* 100 ms * 2^8 is more than that */
        most = (uint32_t)SKEP__RETRY_FIRST_MS << attempt;
    most = most < SKEP__RETRY_MOST_MS ? most : SKEP__RETRY_MOST_MS;
    return arc4random_uniform(most * 1000) * SKEP__NS_PER_US;
}

/* Sleep until then. False: cancelled. */
static bool sleep_until(skep_cancel *cancel, uint64_t until_ns)
{
    skep__word word = 0;
    bool in_time = true;
    while (in_time && !skep__cancel_fired(cancel))
        in_time = skep__cancel_wait(cancel, &word, atomic_load(&word), until_ns);
    return !skep__cancel_fired(cancel);
}

/* How long it may be; 0: there is no time left. A deadline is not slept up to: what the attempt
 * before failed with says more than that the time is over. */
static uint64_t time_left(const skep__retry *retry, uint64_t now)
{
    uint64_t left = now < retry->until_ns ? retry->until_ns - now : 0;
    if (retry->deadline_ns == 0)
        return left;
    uint64_t half = now < retry->deadline_ns ? (retry->deadline_ns - now) / 2 : 0;
    half = half < SKEP__NS_PER_MS ? 0 : half;
    return half < left ? half : left;
}

int skep__retry_again(skep__retry *retry, int64_t after_ms)
{
    uint64_t now = skep__now_ns();
    uint64_t left = time_left(retry, now);
    uint64_t asked = after_ms <= 0 ? 0 : (uint64_t)after_ms * SKEP__NS_PER_MS / HASTE;
    skep_err before;
    skep__err_save(&before);
    /* What the server asks for is kept or not tried; the last wait of our own is cut short. */
    if (left == 0 || asked >= left)
        return before.code;
    uint64_t wait = draw_ns(retry->attempts++) / HASTE;
    wait = wait < asked ? asked : wait;
    wait = wait < left ? wait : left;
    SKEP__EVENT(SKEP_INFO, "net.retry", {"attempt", skep_int(retry->attempts)},
                {"wait_us", skep_int((int64_t)(wait / SKEP__NS_PER_US))},
                {"why", skep_text(before.text)});
    if (sleep_until(retry->cancel, now + wait))
        return SKEP_OK;
    int rc =
        SKEP__FAIL(SKEP_ECANCELLED, "cancelled before another attempt, after: %s", before.text);
    skep__err_outcome((skep_outcome)before.outcome);
    return rc;
}
