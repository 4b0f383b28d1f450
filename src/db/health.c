/* SPDX-License-Identifier: MIT */
/*
 * Is the database well? What failed and what was seen is kept where it happens; asking puts it
 * together and waits for nothing. A reason is there as long as its cause: each is one row of a
 * table.
 */
#include <skep/health.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/event.h"
#include "db/db_private.h"
#include "os/os.h"

/* ---- what is noted ---- */

static void failure_set(skep__failure *out, const skep_err *err)
{
    out->at_us = skep_now_us();
    out->at_ns = skep__now_ns();
    out->code = err->code;
    (void)snprintf(out->text, sizeof(out->text), "%.239s", err->text);
}

void skep__noted(skep_db *db, skep__note what, int rc)
{
    skep__maintain *m = &db->maintain;
    skep__mutex_lock(&m->mutex);
    if (rc < 0 && m->notes[what].code == 0)
        failure_set(&m->notes[what], skep_last_error());
    else if (rc >= 0)
        m->notes[what].code = 0;
    skep__mutex_unlock(&m->mutex);
}

void skep__note_corrupt(skep_db *db)
{
    skep__maintain *m = &db->maintain;
    skep__mutex_lock(&m->mutex);
    if (m->corrupt.code == 0)
        failure_set(&m->corrupt, skep_last_error());
    skep__mutex_unlock(&m->mutex);
    atomic_store(&db->corrupted, 1);
}

/* Is it the database's fault, or the device's under it? What poison refuses was counted once, when
 * it struck. */
static bool for_the_sake_of_the_database(const skep_err *err)
{
    switch (err->code) {
    case SKEP_EIO:
    case SKEP_ECORRUPT:
    case SKEP_EFULL:
    case SKEP_ENOMEM:
    case SKEP_EINTERNAL:
        return true;
    case SKEP_EPOISONED:
        return err->outcome == SKEP_OUTCOME_UNKNOWN;
    default:
        return false;
    }
}

static void tell_failed(skep_db *db, const skep_err *err)
{
    uint64_t dropped = 0;
    if (!skep__event_wanted(SKEP_DEBUG) ||
        !skep__event_pass(&db->maintain.failed_limit, SKEP__DB_FAILED_EVENTS, &dropped))
        return;
    SKEP__EVENT(SKEP_DEBUG, "db.call_failed", {"path", skep_text(db->path)},
                {"code", skep_int(err->code)}, {"text", skep_text(err->text)},
                {"outcome", skep_text(skep_outcome_name(err->outcome))},
                {"dropped", skep_int((int64_t)dropped)});
}

void skep__note_call(skep_db *db)
{
    skep__maintain *m = &db->maintain;
    const skep_err *err = skep_last_error();
    if (for_the_sake_of_the_database(err)) {
        atomic_fetch_add_explicit(&m->errors, 1, memory_order_relaxed);
        skep__mutex_lock(&m->mutex);
        failure_set(&m->ring[m->ring_count++ % SKEP__DB_FAILURES], err);
        /* The engine found it, in this database or in one that the function called: only the flag
         * that its connection set tells. */
        if (err->code == SKEP_ECORRUPT && m->corrupt.code == 0 && atomic_load(&db->corrupted) != 0)
            failure_set(&m->corrupt, err);
        skep__mutex_unlock(&m->mutex);
    }
    tell_failed(db, err);
}

/* ---- what the ticks look at ---- */

void skep__corrupt_step(skep_db *db, uint64_t now_ns)
{
    (void)now_ns;
    skep__maintain *m = &db->maintain;
    if (m->corrupt_told != 0 || atomic_load(&db->corrupted) == 0)
        return;
    m->corrupt_told = 1;
    skep__mutex_lock(&m->mutex);
    skep__failure what = m->corrupt;
    skep__mutex_unlock(&m->mutex);
    SKEP__EVENT(SKEP_ERROR, "db.corrupt", {"path", skep_text(db->path)},
                {"cause", skep_text(what.text)});
}

static uint32_t readers_busy(skep_db *db)
{
    uint32_t busy = 0;
    for (uint32_t i = 0; i < db->readers.count; i++)
        busy += atomic_load(&db->readers.slots[i].state) == SKEP__READER_BUSY;
    return busy;
}

void skep__pool_step(skep_db *db, uint64_t now_ns)
{
    skep__maintain *m = &db->maintain;
    bool crowded = readers_busy(db) * 100 >= db->readers.count * SKEP__DB_CROWDED_PERCENT;
    if (!crowded)
        atomic_store(&m->crowded_ns, 0);
    else if (atomic_load(&m->crowded_ns) == 0)
        atomic_store(&m->crowded_ns, now_ns);
}

void skep__disk_step(skep_db *db, uint64_t now_ns)
{
    (void)now_ns;
    uint64_t bytes = 0;
    int rc = skep__os_free_bytes(db->path, &bytes);
    skep__noted(db, SKEP__NOTE_DISK, rc);
    atomic_store(&db->maintain.disk_free, rc < 0 ? 0 : bytes > 0 ? bytes : 1);
}

/* Another process that writes wakes nobody here. The size of the -wal says little, because it is
 * used again from its beginning; but when it changes and not by us, somebody has to look. */
void skep__wal_step(skep_db *db, uint64_t now_ns)
{
    skep__maintain *m = &db->maintain;
    char path[SKEP__DB_PATH_MAX + 8];
    skep__file_info info = {0};
    (void)snprintf(path, sizeof(path), "%s-wal", db->path);
    if (skep__os_stat(path, &info) < 0)
        info = (skep__file_info){0};
    atomic_store(&m->wal_bytes, info.size);
    uint64_t groups = atomic_load(&db->groups);
    bool changed = m->wal_mtime_ns != 0 && info.mtime_ns != m->wal_mtime_ns;
    if (changed && groups == m->wal_groups && atomic_load(&m->holds) != 0 &&
        info.size >= db->opts.checkpoint_pages * SKEP__DB_PAGE_LEAST)
        m->due_ns[SKEP__JOB_WAL] = now_ns;
    m->wal_mtime_ns = info.mtime_ns;
    m->wal_groups = groups;
}

/* ---- reasons ---- */

typedef struct asking {
    skep_db *db;
    skep__maintain *m;
    uint64_t now_ns;
    skep_health *out;
    uint64_t age_ms; /* of the note that is being told */
} asking;

static skep_health_reason *add(asking *a, const char *what, int state, int code)
{
    if (a->out->reasons_count == SKEP_HEALTH_REASONS_MAX)
        return NULL;
    skep_health_reason *r = &a->out->reasons[a->out->reasons_count++];
    r->state = state;
    r->code = code;
    (void)snprintf(r->what, sizeof(r->what), "%s", what);
    if (state > a->out->state)
        a->out->state = state;
    return r;
}

__attribute__((format(printf, 5, 6))) static void say(asking *a, const char *what, int state,
                                                      int code, const char *format, ...)
{
    va_list args;
    skep_health_reason *r = add(a, what, state, code);
    if (r == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(r->text, sizeof(r->text), format, args);
    va_end(args);
}

static skep__failure note_of(const asking *a, skep__note what)
{
    skep__mutex_lock(&a->m->mutex);
    skep__failure note = a->m->notes[what];
    skep__mutex_unlock(&a->m->mutex);
    return note;
}

static uint64_t age_s(const asking *a, uint64_t since_ns)
{
    return a->now_ns > since_ns ? (a->now_ns - since_ns) / SKEP__NS_PER_S : 0;
}

static void ask_corrupt(asking *a)
{
    if (atomic_load(&a->db->corrupted) == 0)
        return;
    skep__mutex_lock(&a->m->mutex);
    skep__failure what = a->m->corrupt;
    skep__mutex_unlock(&a->m->mutex);
    say(a, "corrupt", SKEP_CORRUPTED, SKEP_ECORRUPT,
        "stored bytes are damaged; restore a backup (%.150s)",
        what.code != 0 ? what.text : "met by a statement that went on");
}

static void ask_poison(asking *a)
{
    if (atomic_load_explicit(&a->db->poisoned, memory_order_acquire) == 0)
        return;
    skep__mutex_lock(&a->db->poison_mutex);
    skep_err cause = a->db->poison;
    skep__mutex_unlock(&a->db->poison_mutex);
    say(a, "poisoned", SKEP_DEGRADED, SKEP_EPOISONED,
        "writes are refused since a sync failed; look at the device, then reopen (%.140s)",
        cause.text);
}

static void ask_disk(asking *a)
{
    skep__failure note = note_of(a, SKEP__NOTE_DISK);
    uint64_t bytes = atomic_load(&a->m->disk_free);
    if (note.code != 0)
        say(a, "disk", SKEP_DEGRADED, note.code, "how much space is free is not known: %.180s",
            note.text);
    else if (bytes != 0 && bytes < a->db->opts.disk_low_bytes)
        say(a, "disk", SKEP_DEGRADED, SKEP_EFULL,
            "%llu bytes are free, less than disk_low_bytes (%llu): make room",
            (unsigned long long)bytes, (unsigned long long)a->db->opts.disk_low_bytes);
}

static void ask_wal(asking *a)
{
    uint64_t bytes = atomic_load(&a->m->wal_bytes);
    if (bytes > a->db->opts.wal_ceiling_bytes / 2)
        say(a, "wal", SKEP_DEGRADED, SKEP_ELIMIT,
            "the -wal has %llu bytes; at %llu writes wait for it to be written back",
            (unsigned long long)bytes, (unsigned long long)a->db->opts.wal_ceiling_bytes);
}

static void ask_pinned(asking *a)
{
    skep__pin pin;
    char who[SKEP_HEALTH_TEXT_MAX];
    if (!skep__wal_pin(a->db, a->now_ns, &pin) || pin.age_ms < (uint64_t)a->db->opts.read_slow_ms)
        return;
    skep__pin_text(&pin, who, sizeof(who));
    say(a, "pinned", SKEP_DEGRADED, SKEP_EBUSY, "the WAL cannot start anew: %.200s", who);
}

static void ask_slow(asking *a)
{
    uint64_t slow = atomic_load(&a->m->slow_ns);
    if (slow == 0 || slow != atomic_load(&a->m->run_ns))
        return;
    skep_health_reason *r = add(a, "slow", SKEP_DEGRADED, 0);
    if (r == NULL)
        return;
    skep__mutex_lock(&a->m->mutex);
    memcpy(r->text, a->m->slow, sizeof(r->text));
    skep__mutex_unlock(&a->m->mutex);
}

static void ask_note(asking *a, skep__note which, const char *what, const char *format)
{
    skep__failure note = note_of(a, which);
    if (note.code == 0)
        return;
    int state =
        which == SKEP__NOTE_CHECK && note.code == SKEP_ECORRUPT ? SKEP_CORRUPTED : SKEP_DEGRADED;
    say(a, what, state, note.code, "%s, since %llu s: %.180s", format,
        (unsigned long long)age_s(a, note.at_ns), note.text);
}

static void ask_check(asking *a)
{
    ask_note(a, SKEP__NOTE_CHECK, "check", "the last check did not end well");
}

static void ask_ping(asking *a)
{
    ask_note(a, SKEP__NOTE_PING, "ping", "a connection does not answer");
}

static void ask_checkpoint(asking *a)
{
    ask_note(a, SKEP__NOTE_CHECKPOINT, "checkpoint", "checkpoints fail");
}

static void ask_pool(asking *a)
{
    uint32_t waiting = atomic_load(&a->db->readers.waiting);
    uint32_t busy = readers_busy(a->db);
    uint64_t since = atomic_load(&a->m->crowded_ns);
    if (waiting > 0 && busy == a->db->readers.count)
        say(a, "pool", SKEP_DEGRADED, SKEP_EBUSY,
            "all %u readers are in use and %u calls wait: raise `readers`, or shorten reads", busy,
            waiting);
    else if (since != 0 && a->now_ns >= since + SKEP__DB_CROWDED_NS)
        say(a, "pool", SKEP_DEGRADED, SKEP_EBUSY,
            "%u of %u readers are in use, and have been for %llu s", busy, a->db->readers.count,
            (unsigned long long)age_s(a, since));
}

static void ask_maintainer(asking *a)
{
    if (!skep__attended(a->db))
        return;
    ask_note(a, SKEP__NOTE_THREAD, "maintainer", "there is no maintenance thread");
    ask_note(a, SKEP__NOTE_LOCK, "maintainer", "nobody knows who maintains the file");
    uint64_t ticked = atomic_load(&a->m->ticked_ns);
    if (ticked != 0 && a->now_ns > ticked + SKEP__DB_TICK_LATE_NS)
        say(a, "maintainer", SKEP_DEGRADED, SKEP_EBUSY,
            "the maintenance thread was last seen %llu s ago",
            (unsigned long long)age_s(a, ticked));
}

static void ask_errors(asking *a)
{
    skep__mutex_lock(&a->m->mutex);
    uint64_t count = a->m->ring_count;
    skep__failure last = a->m->ring[(count + SKEP__DB_FAILURES - 1) % SKEP__DB_FAILURES];
    uint32_t recent = 0;
    for (int i = 0; i < SKEP__DB_FAILURES; i++)
        recent +=
            a->m->ring[i].code != 0 && a->now_ns < a->m->ring[i].at_ns + SKEP__DB_FAILURE_RECENT_NS;
    skep__mutex_unlock(&a->m->mutex);
    if (recent > 0)
        say(a, "errors", SKEP_DEGRADED, last.code,
            "%u%s calls failed lately, %llu in all; last: %.150s", recent,
            recent == SKEP__DB_FAILURES ? " or more" : "",
            (unsigned long long)atomic_load(&a->m->errors), last.text);
}

/* Worst first. */
static void (*const reasons[])(asking *a) = {
    ask_corrupt, ask_check, ask_poison, ask_disk,       ask_wal,        ask_pinned,
    ask_slow,    ask_ping,  ask_pool,   ask_checkpoint, ask_maintainer, ask_errors,
};

void skep__health_at(skep_db *db, uint64_t now_ns, skep_health *out)
{
    skep__maintain *m = &db->maintain;
    asking a = {.db = db, .m = m, .now_ns = now_ns, .out = out};
    memset(out, 0, sizeof(*out));
    out->size = (uint32_t)sizeof(*out);
    out->at_us = skep_now_us();
    out->ping_us = atomic_load(&m->done_us[SKEP__JOB_PING]);
    out->quick_check_us = atomic_load(&m->done_us[SKEP__JOB_QUICK_CHECK]);
    out->full_check_us = atomic_load(&m->done_us[SKEP__JOB_FULL_CHECK]);
    out->disk_free_bytes = atomic_load(&m->disk_free);
    out->wal_bytes = atomic_load(&m->wal_bytes);
    out->errors = atomic_load(&m->errors);
    out->maintainer = atomic_load(&m->holds);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        reasons[i](&a);
}

int skep_db_health(skep_db *db, skep_health *out)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__REQUIRE(out->size >= sizeof(*out));
    SKEP__TRY(skep__db_here(db));
    if (atomic_load(&db->maintain.ticked_ns) == 0) { /* nobody else looks */
        skep__disk_step(db, 0);
        int64_t wal_bytes = skep__db_file_bytes(db, "-wal");
        atomic_store(&db->maintain.wal_bytes, wal_bytes > 0 ? (uint64_t)wal_bytes : 0);
    }
    skep__health_at(db, skep__now_ns(), out);
    return SKEP_OK;
}

const char *skep_health_name(int state)
{
    static const char *const names[] = {"healthy", "degraded", "corrupted"};
    return state >= SKEP_HEALTHY && state <= SKEP_CORRUPTED ? names[state] : "?";
}
