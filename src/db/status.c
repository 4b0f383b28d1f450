/* SPDX-License-Identifier: MIT */
/*
 * What a database tells other processes: a file of JSON beside it, `X-skep-status`, which whoever
 * maintains the file replaces at most once a second and takes away when it closes. There is no
 * socket and no thread for it. docs/format/status.md has its fields.
 *
 * It needs to survive no crash, so nothing is synced. Nothing secret is in it: SQL is masked,
 * values and keys are not known here; it is private to its user all the same.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skep/health.h>
#include <skep/time.h>
#include <skep/version.h>

#include "base/event.h"
#include "base/mem.h"
#include "db/db_private.h"
#include "os/os.h"

#define STATUS_FORMAT 1

void skep__status_init(skep_db *db)
{
    db->status.since_us = skep_now_us();
}

static void status_path(const skep_db *db, char out[SKEP__DB_PATH_MAX + 16])
{
    (void)snprintf(out, SKEP__DB_PATH_MAX + 16, "%s-skep-status", db->path);
}

/* Process ids begin anew after a boot; with this they are unique. Empty where it cannot be had. */
static void read_boot_id(skep_db *db)
{
    if (db->status.boot_id[0] != '\0')
        return;
    skep__buf text = SKEP__BUF_INIT(sizeof(db->status.boot_id));
    if (skep__os_read_file("/proc/sys/kernel/random/boot_id", &text) >= 0)
        (void)snprintf(db->status.boot_id, sizeof(db->status.boot_id), "%.*s",
                       (int)strcspn(skep__buf_text(&text), "\n"), skep__buf_text(&text));
    skep__buf_dispose(&text);
}

/* Null for a time that has not come yet. */
static void put_time(skep__json *out, const char *key, int64_t at_us)
{
    char text[SKEP_TIME_TEXT_SIZE];
    if (at_us == 0 || skep_time_text(at_us, text) < 0)
        skep__json_null(out, key);
    else
        skep__json_text(out, key, text);
}

static int put_health(skep_db *db, skep__json *out)
{
    skep_health h = {.size = (uint32_t)sizeof(h)};
    SKEP__TRY(skep_db_health(db, &h));
    skep__json_object(out, "health");
    skep__json_text(out, "state", skep_health_name(h.state));
    put_time(out, "ping_at", h.ping_us);
    put_time(out, "quick_check_at", h.quick_check_us);
    put_time(out, "full_check_at", h.full_check_us);
    skep__json_uint(out, "errors", h.errors);
    skep__json_array(out, "reasons");
    for (uint32_t i = 0; i < h.reasons_count; i++) {
        skep__json_object(out, NULL);
        skep__json_text(out, "what", h.reasons[i].what);
        skep__json_text(out, "state", skep_health_name(h.reasons[i].state));
        skep__json_text(out, "code", skep_code_name(h.reasons[i].code));
        skep__json_text(out, "text", h.reasons[i].text);
        skep__json_end(out);
    }
    skep__json_end(out);
    skep__json_end(out);
    return SKEP_OK;
}

static void put_connection(const skep_db_connection *c, skep__json *out)
{
    static const char *const roles[] = {"writer", "reader", "lease", "service"};
    skep__json_object(out, NULL);
    skep__json_text(out, "role", roles[c->role]);
    skep__json_bool(out, "in_use", c->in_use != 0);
    skep__json_bool(out, "pins_wal", c->pins_wal != 0);
    put_time(out, "created_at", c->created_us);
    put_time(out, "last_used_at", c->last_used_us);
    skep__json_uint(out, "transactions", c->transactions);
    skep__json_int(out, "held_ms", c->held_ms);
    skep__json_uint(out, "thread", c->thread);
    skep__json_text(out, "sql", c->sql);
    skep__json_end(out);
}

int skep__show_connections(skep_db *db, skep__json *out)
{
    size_t room = (size_t)db->readers.count + 2; /* the writer's and the checkpointer's */
    skep_db_connection *list = skep__calloc(room, sizeof(*list));
    if (list == NULL)
        return skep__oom();
    size_t n = room;
    skep__connections_list(db, list, &n);
    skep__json_array(out, "connections");
    for (size_t i = 0; i < n && i < room; i++)
        put_connection(&list[i], out);
    skep__json_end(out);
    skep__free(list);
    return skep__buf_status(out->out);
}

/* The two words may be of two functions; then the age is of one that has just begun. */
static void put_writer(skep_db *db, skep__json *out)
{
    uint64_t began = atomic_load(&db->maintain.run_ns);
    uint64_t now = skep__coarse_ns();
    if (began == 0) {
        skep__json_null(out, "writer");
        return;
    }
    skep__json_object(out, "writer");
    skep__json_uint(out, "thread", atomic_load(&db->maintain.run_thread));
    skep__json_uint(out, "running_ms", now > began ? (now - began) / SKEP__NS_PER_MS : 0);
    skep__json_end(out);
}

static int put_prometheus(skep_db *db, skep__json *out)
{
    skep__buf text = SKEP__BUF_INIT(SKEP__DB_SHOW_MAX);
    int rc = skep__show_prometheus(db, &text);
    if (rc >= 0)
        skep__json_slice(out, "prometheus", skep__buf_slice(&text));
    skep__buf_dispose(&text);
    return rc;
}

static int put_all(skep_db *db, skep__buf *text)
{
    skep__json json = SKEP__JSON_INIT(text);
    skep__json_object(&json, NULL);
    skep__json_int(&json, "format", STATUS_FORMAT);
    skep__json_int(&json, "pid", getpid());
    skep__json_text(&json, "boot_id", db->status.boot_id);
    put_time(&json, "opened_at", db->status.since_us);
    put_time(&json, "written_at", skep_now_us());
    skep__json_text(&json, "path", db->path);
    skep__json_text(&json, "version", skep_version());
    skep__json_text(&json, "sqlite", skep_sqlite_version());
    SKEP__TRY(put_health(db, &json));
    put_writer(db, &json);
    SKEP__TRY(skep__show_connections(db, &json));
    SKEP__TRY(skep__show_metrics(db, &json));
    SKEP__TRY(skep__show_statements(db, &json, SKEP__DB_SHOW_STATEMENTS));
    SKEP__TRY(skep__show_slow(db, &json, SKEP__DB_SHOW_SLOW));
    SKEP__TRY(put_prometheus(db, &json));
    skep__json_end(&json);
    return skep__buf_add_byte(text, '\n');
}

int skep__status_write(skep_db *db)
{
    char path[SKEP__DB_PATH_MAX + 16];
    skep__buf text = SKEP__BUF_INIT(SKEP__DB_SHOW_MAX);
    read_boot_id(db);
    status_path(db, path);
    int rc = put_all(db, &text);
    if (rc >= 0)
        rc = skep__os_show_file(path, skep__buf_slice(&text));
    skep__buf_dispose(&text);
    db->status.there |= rc >= 0;
    return rc;
}

/* Sums that only grow, so a change of any changes it; what runs has an age, and changes always. */
static uint64_t what_is_shown(skep_db *db, uint64_t now_ns)
{
    skep_db_stats s = {.size = (uint32_t)sizeof(s)};
    skep_health h = {.size = (uint32_t)sizeof(h)};
    if (skep_db_get_stats(db, &s) < 0 || skep_db_health(db, &h) < 0)
        return now_ns;
    bool busy = s.readers_busy + s.leases + s.readers_waiting + s.writes_queued > 0 ||
                atomic_load(&db->maintain.run_ns) != 0;
    return s.total_transactions + s.failed_transactions + s.groups + s.reruns + s.checkpoints +
           s.readers_open + s.wal_bytes + s.poisoned + s.corrupted +
           (uint64_t)(h.ping_us + h.quick_check_us + h.full_check_us) + h.errors +
           ((uint64_t)h.state << 60) + ((uint64_t)h.reasons_count << 56) + (busy ? now_ns : 0);
}

void skep__status_step(skep_db *db, uint64_t now_ns)
{
    if (atomic_load(&db->maintain.holds) == 0) {
        db->status.there = false; /* what stands there is another's */
        return;
    }
    uint64_t seen = what_is_shown(db, now_ns);
    if (db->status.there && seen == db->status.seen)
        return;
    int rc = skep__status_write(db);
    if (rc < 0 && !db->status.failed)
        SKEP__EVENT(SKEP_WARNING, "db.status_failed", {"path", skep_text(db->path)},
                    {"cause", skep_text(skep_last_error()->text)});
    db->status.failed = rc < 0;
    if (rc >= 0)
        db->status.seen = seen;
}

void skep__status_leave(skep_db *db)
{
    char path[SKEP__DB_PATH_MAX + 16];
    if (!db->status.there || atomic_load(&db->maintain.holds) == 0)
        return;
    status_path(db, path);
    (void)skep__os_hide_file(path); /* one that stays tells of a process that is no more */
}
