/* SPDX-License-Identifier: MIT */
/*
 * Prepared statements of one connection.
 *
 * Nearly all SQL of a program is literals, so the address of the text finds the statement without
 * hashing it. The address alone proves nothing, since a buffer can be filled anew, so the text is
 * always compared: some nanoseconds, against a tenth of a microsecond for a hash.
 */
#include <string.h>

#include "base/hash.h"
#include "sql/sql.h"

static size_t address_bucket(const char *sql)
{
    uintptr_t a = (uintptr_t)sql;
    return (size_t)((a >> 3) ^ (a >> 11)) & (SKEP__SQL_CACHE_BUCKETS - 1);
}

static size_t text_bucket(uint64_t hash)
{
    return (size_t)hash & (SKEP__SQL_CACHE_BUCKETS - 1);
}

static void drop(skep__stmt *stmt)
{
    skep__cost_detach(stmt);
    stmt->conn->driver->finalize(stmt);
}

static int prepare(skep__conn *conn, const char *sql, size_t len, skep__stmt **out)
{
    skep__stmt *stmt = NULL;
    SKEP__TRY(conn->driver->prepare(conn, sql, len, &stmt));
    int rc = skep__cost_attach(stmt);
    if (rc < 0)
        conn->driver->finalize(stmt);
    else
        *out = stmt;
    return rc;
}

static void order_remove(skep__stmt_cache *cache, skep__stmt *stmt)
{
    if (stmt->newer != NULL)
        stmt->newer->older = stmt->older;
    else
        cache->newest = stmt->older;
    if (stmt->older != NULL)
        stmt->older->newer = stmt->newer;
    else
        cache->oldest = stmt->newer;
}

static void order_push(skep__stmt_cache *cache, skep__stmt *stmt)
{
    stmt->newer = NULL;
    stmt->older = cache->newest;
    if (cache->newest != NULL)
        cache->newest->newer = stmt;
    else
        cache->oldest = stmt;
    cache->newest = stmt;
}

static void cache_remove(skep__stmt_cache *cache, skep__stmt *stmt)
{
    skep__stmt **link = &cache->by_text[text_bucket(stmt->hash)];
    while (*link != stmt)
        link = &(*link)->next_text;
    *link = stmt->next_text;
    for (size_t i = 0; i < SKEP__SQL_CACHE_BUCKETS; i++)
        if (cache->by_address[i].stmt == stmt)
            cache->by_address[i].stmt = NULL;
    order_remove(cache, stmt);
    cache->count--;
}

/* Make room by dropping a statement that has gone unused for long. Uses are only marked, because a
 * hit by address must not cost more; whoever is marked gets a second round. When all are lent, the
 * newcomer stays outside. */
static bool cache_make_room(skep__stmt_cache *cache)
{
    if (cache->count < SKEP__SQL_CACHE_STATEMENTS)
        return true;
    for (size_t look = 0; look < 2 * cache->count; look++) {
        skep__stmt *stmt = cache->oldest;
        if (!stmt->busy && !stmt->used) {
            cache_remove(cache, stmt);
            drop(stmt);
            return true;
        }
        stmt->used = false;
        order_remove(cache, stmt);
        order_push(cache, stmt);
    }
    return false;
}

static void cache_add(skep__stmt_cache *cache, skep__stmt *stmt, uint64_t hash)
{
    stmt->hash = hash;
    stmt->cached = true;
    stmt->next_text = cache->by_text[text_bucket(hash)];
    cache->by_text[text_bucket(hash)] = stmt;
    order_push(cache, stmt);
    cache->count++;
}

static skep__stmt *find_by_text(skep__stmt_cache *cache, uint64_t hash, const char *sql, size_t len)
{
    skep__stmt *stmt = cache->by_text[text_bucket(hash)];
    while (stmt != NULL &&
           (stmt->hash != hash || stmt->len != len || memcmp(stmt->sql, sql, len) != 0))
        stmt = stmt->next_text;
    return stmt;
}

/* Of the values their types and sizes are kept, in case this run turns out to be slow. What is no
 * text has a size that nobody looks at; copying it costs less than asking. */
static int bind_all(skep__stmt *stmt, const skep_value *v, size_t n)
{
    const skep__driver *driver = stmt->conn->driver;
    if (stmt->parameters != n)
        return SKEP__FAIL(SKEP_EINVALID,
                          "the statement has %zu parameters, %zu values are given: %.120s",
                          stmt->parameters, n, stmt->sql);
    stmt->cost.values_count = n;
    for (size_t i = 0; i < n; i++) {
        SKEP__TRY(driver->bind(stmt, (int)i + 1, &v[i]));
        if (i < SKEP__SQL_SLOW_VALUES)
            stmt->cost.values[i] = (skep__cost_value){v[i].type, v[i].u.s.len};
    }
    return SKEP_OK;
}

/* NULL: the thread's error detail says why. */
static __attribute__((noinline)) skep__stmt *find_slow(skep__conn *conn, const char *sql)
{
    skep__stmt_cache *cache = &conn->cache;
    size_t len = strnlen(sql, SKEP__SQL_TEXT_MAX + 1);
    if (len > SKEP__SQL_TEXT_MAX) {
        (void)SKEP__FAIL(SKEP_ELIMIT, "the SQL text is longer than %d bytes", SKEP__SQL_TEXT_MAX);
        return NULL;
    }
    uint64_t hash = skep__hash64(sql, len, 0);
    skep__stmt *stmt = find_by_text(cache, hash, sql, len);
    bool known = stmt != NULL && !stmt->busy;
    if (!known) {
        bool twin = stmt != NULL;
        if (prepare(conn, sql, len, &stmt) < 0)
            return NULL;
        if (!twin && cache_make_room(cache))
            cache_add(cache, stmt, hash);
    }
    if (stmt->cached) {
        size_t bucket = address_bucket(sql);
        cache->by_address[bucket].address = sql;
        cache->by_address[bucket].stmt = stmt;
    }
    stmt->used = known; /* what runs only once makes room before what came back */
    return stmt;
}

int skep__stmt_borrow(skep__conn *conn, const char *sql, const skep_value *v, size_t n,
                      skep__stmt **out)
{
    size_t bucket = address_bucket(sql);
    skep__stmt *stmt = conn->cache.by_address[bucket].stmt;
    if (stmt != NULL && conn->cache.by_address[bucket].address == sql && !stmt->busy &&
        strcmp(stmt->sql, sql) == 0)
        stmt->used = true;
    else
        stmt = find_slow(conn, sql);
    if (stmt == NULL)
        return skep_last_error()->code;
    stmt->busy = true;
    int rc = bind_all(stmt, v, n);
    if (rc < 0)
        skep__stmt_return(stmt);
    else
        *out = stmt;
    return rc;
}

void skep__stmt_return(skep__stmt *stmt)
{
    const skep__driver *driver = stmt->conn->driver;
    if (stmt->cost.on)
        skep__cost_end(stmt, SKEP_OK);
    stmt->row_columns = 0;
    stmt->ended = false;
    stmt->asked = false;
    driver->reset(stmt);
    stmt->busy = false;
    if (!stmt->cached)
        drop(stmt);
}

void skep__stmt_cache_clear(skep__conn *conn)
{
    skep__stmt_cache *cache = &conn->cache;
    while (cache->newest != NULL) {
        skep__stmt *stmt = cache->newest;
        ASSERT(!stmt->busy);
        cache_remove(cache, stmt);
        drop(stmt);
    }
}
