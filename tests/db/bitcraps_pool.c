/* SPDX-License-Identifier: MIT */
/* The BitCraps pool: its settings, its transactions, its statistics and its shutdown, on the public
 * API alone, as the game's server would use it. */
#include "suites.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <skep/skep.h>

#define MINUTE_MS INT64_C(60000)

/* What the game's configuration file says. Three of its settings have no counterpart yet, because
 * skep makes no backups yet: the folder for backups, how often one is made, and for how many days
 * the log of changes is kept. They are read here and used by nobody. */
typedef struct pool_config {
    const char *url;
    uint32_t max_connections;
    int64_t connection_timeout_ms;
    int64_t idle_timeout_ms;
    bool enable_wal;
    int64_t checkpoint_interval_ms;
    const char *backup_dir;
    int64_t backup_interval_ms;
    uint32_t log_retention_days;
} pool_config;

static pool_config usual_config(void)
{
    return (pool_config){
        .url = harness_path("bitcraps.db"),
        .max_connections = 5,
        .connection_timeout_ms = 5000,
        .idle_timeout_ms = 300000,
        .enable_wal = true,
        .checkpoint_interval_ms = MINUTE_MS,
        .backup_dir = harness_path("backups"),
        .backup_interval_ms = 60 * MINUTE_MS,
        .log_retention_days = 7,
    };
}

/* One of the connections writes, the others read. Checkpoints come by the length of the WAL and not
 * by the clock, so there is no setting for their interval: a log of 4 MB takes its place, and who
 * wants one at a certain time asks for it. */
static skep_db_opts opts_of(const pool_config *config)
{
    skep_db_opts opts = SKEP_DB_OPTS_INIT;
    opts.readers = config->max_connections - 1;
    opts.read_wait_ms = config->connection_timeout_ms;
    opts.connect_timeout_ms = config->connection_timeout_ms;
    opts.reader_idle_ms = config->idle_timeout_ms;
    opts.checkpoint_pages = 1000;
    opts.synchronous = SKEP_SYNC_NORMAL;
    opts.busy_timeout_ms = 30000;
    opts.cache_bytes = 64 << 20;
    return opts;
}

static skep_db *pool_open(const pool_config *config)
{
    skep_db *pool = NULL;
    skep_db_opts opts = opts_of(config);
    assert_ok(skep_db_open(config->url, &opts, &pool));
    return pool;
}

static skep_db_stats pool_stats(skep_db *pool)
{
    skep_db_stats stats = {.size = sizeof(stats)};
    assert_ok(skep_db_get_stats(pool, &stats));
    return stats;
}

/* ---- what the game does ---- */

enum { INSUFFICIENT_BALANCE = SKEP_EUSER - 1, NO_SUCH_PLAYER = SKEP_EUSER - 2 };

static int create(skep_tx *tx, void *arg)
{
    static const char *const tables[] = {
        "CREATE TABLE users (id TEXT PRIMARY KEY, username TEXT UNIQUE NOT NULL)",
        "CREATE TABLE token_balances (user_id TEXT PRIMARY KEY REFERENCES users(id),"
        " balance INTEGER NOT NULL DEFAULT 0)",
        "CREATE TABLE games (id TEXT PRIMARY KEY, pot_size INTEGER NOT NULL DEFAULT 0)",
        "CREATE TABLE bets (id INTEGER PRIMARY KEY, game_id TEXT NOT NULL REFERENCES games(id),"
        " player_id TEXT NOT NULL REFERENCES users(id), amount INTEGER NOT NULL CHECK(amount > 0),"
        " placed INTEGER NOT NULL)",
        "CREATE INDEX idx_bets_game_id ON bets(game_id)",
        "INSERT INTO users VALUES ('alice', 'Alice'), ('bob', 'Bob')",
        "INSERT INTO token_balances VALUES ('alice', 1000), ('bob', 50)",
        "INSERT INTO games(id) VALUES ('table 1')",
    };
    (void)arg;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        int rc = skep_exec(tx, tables[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

typedef struct bet {
    const char *player;
    const char *game;
    int64_t amount;
    int64_t id; /* out */
} bet;

/* The player pays, the bet is placed, the pot grows: all of it or nothing. */
static int place_bet(skep_tx *tx, void *arg)
{
    bet *b = arg;
    int rc = skep_exec(tx, "UPDATE token_balances SET balance = balance - ? WHERE user_id = ?",
                       SKEP_V(b->amount), SKEP_V(b->player));
    if (rc < 0)
        return rc;
    if (skep_tx_changes(tx) != 1)
        return NO_SUCH_PLAYER;
    rc = skep_exec(tx, "INSERT INTO bets(game_id, player_id, amount, placed) VALUES (?, ?, ?, ?)",
                   SKEP_V(b->game), SKEP_V(b->player), SKEP_V(b->amount), skep_time(skep_now_us()));
    if (rc < 0)
        return rc;
    b->id = skep_tx_last_rowid(tx);
    rc = skep_exec(tx, "UPDATE games SET pot_size = pot_size + ? WHERE id = ?", SKEP_V(b->amount),
                   SKEP_V(b->game));
    if (rc < 0)
        return rc;
    skep_rows *rows = NULL;
    rc = skep_query(tx, &rows, "SELECT balance FROM token_balances WHERE user_id = ?",
                    SKEP_V(b->player));
    if (rc >= 0)
        rc = skep_next(rows);
    if (rc < 0)
        return rc;
    return skep_column_int(rows, 0) < 0 ? INSUFFICIENT_BALANCE : 0;
}

typedef struct number {
    const char *sql;
    int64_t value;
} number;

static int ask(skep_tx *tx, void *arg)
{
    number *n = arg;
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, n->sql);
    if (rc >= 0)
        rc = skep_next(rows);
    if (rc > 0)
        n->value = skep_column_int(rows, 0);
    return rc < 0 ? rc : 0;
}

static int64_t pool_number(skep_db *pool, const char *sql)
{
    number n = {.sql = sql};
    assert_ok(skep_read(pool, ask, &n));
    return n.value;
}

static int64_t tokens(skep_db *pool)
{
    return pool_number(pool, "SELECT (SELECT sum(balance) FROM token_balances) +"
                             " (SELECT sum(pot_size) FROM games)");
}

static skep_db *pool_with_game(const pool_config *config)
{
    skep_db *pool = pool_open(config);
    assert_ok(skep_write(pool, create, NULL));
    return pool;
}

/* ---- its settings ---- */

TEST(the_pool_is_made_with_every_setting)
{
    pool_config config = usual_config();
    skep_db *pool = pool_open(&config);
    skep_db_info info = {.size = sizeof(info)};
    assert_ok(skep_db_get_info(pool, &info));
    ck_assert_str_eq(info.path, config.url);
    ck_assert_str_eq(info.journal_mode, config.enable_wal ? "wal" : "delete");
    ck_assert_str_eq(info.synchronous, "normal");
    assert_ok(skep_db_close(pool));
    ck_assert(!harness_exists(config.backup_dir)); /* nobody makes backups yet */
}

TEST(a_pool_without_connections_is_refused)
{
    pool_config config = usual_config();
    skep_db *pool = NULL;
    config.max_connections = 2000;
    skep_db_opts opts = opts_of(&config);
    assert_fails(skep_db_open(config.url, &opts, &pool), SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "readers is 1999"));
}

/* ---- operations and transactions ---- */

TEST(basic_operations_work)
{
    pool_config config = usual_config();
    skep_db *pool = pool_with_game(&config);
    ck_assert_int_eq(pool_number(pool, "SELECT count(*) FROM users"), 2);
    ck_assert_int_eq(tokens(pool), 1050);
    assert_ok(skep_db_close(pool));
}

TEST(a_transaction_is_committed_whole)
{
    pool_config config = usual_config();
    skep_db *pool = pool_with_game(&config);
    bet b = {.player = "alice", .game = "table 1", .amount = 300};
    assert_ok(skep_write(pool, place_bet, &b));
    ck_assert_int_eq(b.id, 1);
    ck_assert_int_eq(pool_number(pool, "SELECT balance FROM token_balances"
                                       " WHERE user_id = 'alice'"),
                     700);
    ck_assert_int_eq(pool_number(pool, "SELECT pot_size FROM games"), 300);
    ck_assert_int_eq(tokens(pool), 1050);
    assert_ok(skep_db_close(pool));
}

TEST(a_transaction_that_fails_is_rolled_back_by_itself)
{
    pool_config config = usual_config();
    skep_db *pool = pool_with_game(&config);
    bet nobody = {.player = "mallory", .game = "table 1", .amount = 10};
    bet too_much = {.player = "bob", .game = "table 1", .amount = 51};
    bet no_game = {.player = "bob", .game = "table 9", .amount = 10};
    bet nothing = {.player = "bob", .game = "table 1", .amount = 0};
    assert_fails_with(skep_write(pool, place_bet, &nobody), NO_SUCH_PLAYER,
                      SKEP_OUTCOME_ROLLED_BACK);
    assert_fails_with(skep_write(pool, place_bet, &too_much), INSUFFICIENT_BALANCE,
                      SKEP_OUTCOME_ROLLED_BACK);
    assert_fails_with(skep_write(pool, place_bet, &no_game), SKEP_ECONSTRAINT,
                      SKEP_OUTCOME_ROLLED_BACK);
    assert_fails_with(skep_write(pool, place_bet, &nothing), SKEP_ECONSTRAINT,
                      SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(pool_number(pool, "SELECT count(*) FROM bets"), 0);
    ck_assert_int_eq(pool_number(pool, "SELECT balance FROM token_balances"
                                       " WHERE user_id = 'bob'"),
                     50);
    ck_assert_int_eq(pool_number(pool, "SELECT pot_size FROM games"), 0);
    assert_ok(skep_db_close(pool));
}

static void play(size_t index, void *arg)
{
    skep_db *pool = arg;
    for (int i = 0; i < 25; i++) {
        bet b = {.player = index % 2 == 0 ? "alice" : "bob", .game = "table 1", .amount = 4};
        int rc = skep_write(pool, place_bet, &b);
        ck_assert(rc == 0 || rc == INSUFFICIENT_BALANCE);
        ck_assert_int_eq(tokens(pool), 1050);
    }
}

TEST(players_at_one_table_lose_no_token)
{
    pool_config config = usual_config();
    skep_db *pool = pool_with_game(&config);
    harness_threads(8, play, pool);
    ck_assert_int_eq(tokens(pool), 1050);
    ck_assert_int_eq(pool_number(pool, "SELECT count(*) FROM bets WHERE player_id = 'alice'"), 100);
    ck_assert_int_eq(pool_number(pool, "SELECT count(*) FROM bets WHERE player_id = 'bob'"), 12);
    assert_ok(skep_db_close(pool));
}

/* ---- connections ---- */

/* Readers who stay until they are let go. */
typedef struct lounge {
    skep_db *pool;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t inside;
    bool open;
} lounge;

static int stay(skep_tx *tx, void *arg)
{
    lounge *l = arg;
    number n = {.sql = "SELECT count(*) FROM users"};
    int rc = ask(tx, &n);
    (void)pthread_mutex_lock(&l->mutex);
    l->inside++;
    (void)pthread_cond_broadcast(&l->changed);
    while (!l->open)
        (void)pthread_cond_wait(&l->changed, &l->mutex);
    (void)pthread_mutex_unlock(&l->mutex);
    return rc;
}

static void *guest(void *arg)
{
    lounge *l = arg;
    assert_ok(skep_read(l->pool, stay, l));
    return NULL;
}

static void lounge_wait(lounge *l, uint32_t count)
{
    (void)pthread_mutex_lock(&l->mutex);
    while (l->inside < count)
        (void)pthread_cond_wait(&l->changed, &l->mutex);
    (void)pthread_mutex_unlock(&l->mutex);
}

static void lounge_fill(lounge *l, skep_db *pool, pthread_t *guests, uint32_t count)
{
    *l = (lounge){
        .pool = pool, .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    for (uint32_t i = 0; i < count; i++)
        ck_assert_int_eq(pthread_create(&guests[i], NULL, guest, l), 0);
    lounge_wait(l, count);
}

static void lounge_empty(lounge *l, const pthread_t *guests, uint32_t count)
{
    (void)pthread_mutex_lock(&l->mutex);
    l->open = true;
    (void)pthread_cond_broadcast(&l->changed);
    (void)pthread_mutex_unlock(&l->mutex);
    for (uint32_t i = 0; i < count; i++)
        ck_assert_int_eq(pthread_join(guests[i], NULL), 0);
}

TEST(a_full_pool_makes_the_next_one_wait_for_the_connection_timeout)
{
    pool_config config = usual_config();
    config.connection_timeout_ms = 30;
    skep_db *pool = pool_with_game(&config);
    lounge l;
    pthread_t guests[4];
    number n = {.sql = "SELECT 1"};
    lounge_fill(&l, pool, guests, 4);
    assert_fails(skep_read(pool, ask, &n), SKEP_ETIMEOUT);
    bet b = {.player = "alice", .game = "table 1", .amount = 1};
    assert_ok(skep_write(pool, place_bet, &b)); /* who writes waits for no reader */
    lounge_empty(&l, guests, 4);
    assert_ok(skep_read(pool, ask, &n));
    assert_ok(skep_db_close(pool));
}

/* ---- statistics ---- */

TEST(statistics_tell_what_the_pool_does)
{
    pool_config config = usual_config();
    skep_db *pool = pool_with_game(&config);
    bet b = {.player = "alice", .game = "table 1", .amount = 1};
    bet bad = {.player = "mallory", .game = "table 1", .amount = 1};
    assert_ok(skep_write(pool, place_bet, &b));
    assert_fails(skep_write(pool, place_bet, &bad), NO_SUCH_PLAYER);
    skep_db_stats stats = pool_stats(pool);
    ck_assert_uint_eq(stats.active_connections, 0);
    ck_assert_uint_ge(stats.total_connections, 1);
    ck_assert_uint_eq(stats.total_transactions, 3); /* one of them failed */
    ck_assert_uint_eq(stats.failed_transactions, 1);
    ck_assert_uint_eq(stats.corrupted, 0);
    ck_assert(stats.utilisation == 0.0);
    ck_assert_uint_eq(stats.writes, 2);
    ck_assert_uint_eq(stats.writes_failed, 1);
    ck_assert_uint_eq(stats.readers_busy, 0);
    ck_assert_uint_eq(stats.poisoned, 0);
    assert_ok(skep_db_close(pool));
}

TEST(statistics_count_the_connections_in_use)
{
    pool_config config = usual_config();
    skep_db *pool = pool_with_game(&config);
    lounge l;
    pthread_t guests[3];
    lounge_fill(&l, pool, guests, 3);
    skep_db_stats stats = pool_stats(pool);
    ck_assert_uint_eq(stats.active_connections, 3);
    ck_assert_uint_ge(stats.total_connections, 4);
    ck_assert_uint_le(stats.total_connections, config.max_connections);
    ck_assert(stats.utilisation == 0.75); /* of the four that may read */
    lounge_empty(&l, guests, 3);
    ck_assert_uint_eq(pool_stats(pool).active_connections, 0);
    assert_ok(skep_db_close(pool));
}

/* ---- health ---- */

static skep_health pool_health(skep_db *pool)
{
    skep_health health = {.size = sizeof(health)};
    assert_ok(skep_db_health(pool, &health));
    return health;
}

TEST(a_healthy_pool_says_so)
{
    pool_config config = usual_config();
    skep_db *pool = pool_with_game(&config);
    assert_ok(skep_db_ping(pool)); /* each connection answers a trivial question */
    ck_assert_int_eq(assert_ok(skep_db_check(pool, NULL)), 0);
    skep_health health = pool_health(pool);
    ck_assert_str_eq(skep_health_name(health.state), "healthy");
    ck_assert_uint_eq(health.reasons_count, 0);
    ck_assert_uint_eq(health.errors, 0);
    ck_assert_int_gt(health.ping_us, 0);
    ck_assert_int_gt(health.quick_check_us, 0);
    assert_ok(skep_db_close(pool));
}

/* Where the players stand, there is nothing but noise. */
static void damage(const char *path, size_t page_size)
{
    size_t size = 0;
    char *bytes = harness_read_file(path, &size);
    size_t at = 0;
    while (at + 5 < size && memcmp(bytes + at, "Alice", 5) != 0)
        at++;
    ck_assert_uint_lt(at + 5, size);
    memset(bytes + at / page_size * page_size, 0xa5, 64);
    harness_write_file(path, bytes, size);
}

TEST(a_corrupted_pool_says_so)
{
    pool_config config = usual_config();
    skep_db *pool = pool_with_game(&config);
    skep_db_info info = {.size = sizeof(info)};
    assert_ok(skep_db_get_info(pool, &info));
    assert_ok(skep_db_close(pool));
    damage(config.url, info.page_size);
    pool = pool_open(&config);
    ck_assert_int_gt(assert_ok(skep_db_check(pool, NULL)), 0);
    skep_health health = pool_health(pool);
    ck_assert_str_eq(skep_health_name(health.state), "corrupted");
    ck_assert_uint_gt(health.reasons_count, 0);
    ck_assert_uint_eq(pool_stats(pool).corrupted, 1);
    assert_ok(skep_db_close(pool));
}

TEST(a_checkpoint_is_made_when_it_is_asked_for)
{
    pool_config config = usual_config();
    skep_db *pool = pool_with_game(&config);
    skep_maintain_opts opts = SKEP_MAINTAIN_OPTS_INIT;
    opts.flags = SKEP_MAINTAIN_TRUNCATE;
    ck_assert_uint_gt(pool_stats(pool).wal_pages, 0);
    assert_ok(skep_db_checkpoint(pool, &opts, NULL));
    skep_db_info info = {.size = sizeof(info)};
    assert_ok(skep_db_get_info(pool, &info));
    ck_assert_uint_eq(info.wal_bytes, 0);
    ck_assert_int_eq(tokens(pool), 1050);
    assert_ok(skep_db_close(pool));
}

/* ---- shutdown ---- */

static int bet_and_stay(skep_tx *tx, void *arg)
{
    bet b = {.player = "alice", .game = "table 1", .amount = 7};
    int rc = place_bet(tx, &b);
    return rc < 0 ? rc : stay(tx, arg);
}

static void *player(void *arg)
{
    lounge *l = arg;
    assert_ok(skep_write(l->pool, bet_and_stay, l));
    return NULL;
}

static void *closer(void *arg)
{
    assert_ok(skep_db_close(arg));
    return NULL;
}

TEST(the_pool_shuts_down_gracefully_while_calls_run)
{
    pool_config config = usual_config();
    skep_db *pool = pool_with_game(&config);
    lounge l;
    pthread_t guests[4];
    pthread_t other[2];
    lounge_fill(&l, pool, guests, 3);
    ck_assert_int_eq(pthread_create(&other[0], NULL, player, &l), 0);
    lounge_wait(&l, 4);
    ck_assert_int_eq(pthread_create(&other[1], NULL, closer, pool), 0);
    lounge_empty(&l, guests, 3); /* each of them is answered, and what was bet is kept */
    ck_assert_int_eq(pthread_join(other[0], NULL), 0);
    ck_assert_int_eq(pthread_join(other[1], NULL), 0);
    ck_assert(!harness_exists(harness_path("bitcraps.db-wal")));

    pool = pool_open(&config);
    ck_assert_int_eq(pool_number(pool, "SELECT sum(amount) FROM bets"), 7);
    ck_assert_int_eq(tokens(pool), 1050);
    assert_ok(skep_db_close(pool));
}

TEST(the_pool_opens_again_where_it_was)
{
    pool_config config = usual_config();
    skep_db *pool = pool_with_game(&config);
    for (int i = 0; i < 3; i++) {
        bet b = {.player = "alice", .game = "table 1", .amount = 5};
        assert_ok(skep_write(pool, place_bet, &b));
        ck_assert_int_eq(b.id, i + 1);
        assert_ok(skep_db_close(pool));
        pool = pool_open(&config);
        ck_assert_uint_eq(pool_stats(pool).writes, 0); /* counted since it was opened */
    }
    ck_assert_int_eq(pool_number(pool, "SELECT pot_size FROM games"), 15);
    assert_ok(skep_db_close(pool));
}

/* ---- all of it, in the order of a server's life ---- */

static int make_table(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "CREATE TABLE test (id INTEGER)");
}

static int insert_one(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "INSERT INTO test VALUES (1)");
}

static int insert_and_fail(skep_tx *tx, void *arg)
{
    int rc = insert_one(tx, arg);
    return rc < 0 ? rc : SKEP_EUSER;
}

TEST(the_whole_life_of_a_pool)
{
    pool_config config = usual_config();
    skep_db *pool = pool_open(&config);
    assert_ok(skep_write(pool, make_table, NULL));
    assert_ok(skep_write(pool, insert_one, NULL));
    assert_fails_with(skep_write(pool, insert_and_fail, NULL), SKEP_EUSER,
                      SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_int_eq(pool_number(pool, "SELECT count(*) FROM test"), 1);
    assert_ok(skep_db_ping(pool));
    skep_db_stats stats = pool_stats(pool);
    ck_assert_uint_gt(stats.total_connections, 0);
    ck_assert_uint_eq(stats.corrupted, 0);
    assert_ok(skep_db_close(pool));
}

static const harness_test tests[] = {
    HARNESS_TEST(the_pool_is_made_with_every_setting),
    HARNESS_TEST(a_pool_without_connections_is_refused),
    HARNESS_TEST(basic_operations_work),
    HARNESS_TEST(a_transaction_is_committed_whole),
    HARNESS_TEST(a_transaction_that_fails_is_rolled_back_by_itself),
    HARNESS_TEST(players_at_one_table_lose_no_token),
    HARNESS_TEST(a_full_pool_makes_the_next_one_wait_for_the_connection_timeout),
    HARNESS_TEST(statistics_tell_what_the_pool_does),
    HARNESS_TEST(statistics_count_the_connections_in_use),
    HARNESS_TEST(a_healthy_pool_says_so),
    HARNESS_TEST(a_corrupted_pool_says_so),
    HARNESS_TEST(a_checkpoint_is_made_when_it_is_asked_for),
    HARNESS_TEST(the_pool_shuts_down_gracefully_while_calls_run),
    HARNESS_TEST(the_pool_opens_again_where_it_was),
    HARNESS_TEST(the_whole_life_of_a_pool),
};
const harness_suite bitcraps_pool_suite = HARNESS_SUITE("bitcraps_pool", tests);
