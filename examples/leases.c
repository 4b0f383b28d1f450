/* SPDX-License-Identifier: MIT */
/* The code of docs/guide/leases.md: many reads of one snapshot, and who keeps the WAL.
 *
 *     leases DATABASE
 */
#include <inttypes.h>
#include <stdio.h>

#include <skep/inspect.h>
#include <skep/lease.h>
#include <skep/skep.h>

static int prepare(skep_tx *tx, void *arg)
{
    (void)arg;
    int rc = skep_exec(tx, "CREATE TABLE IF NOT EXISTS page (n INTEGER PRIMARY KEY, text TEXT)");
    if (rc >= 0)
        rc = skep_exec(tx, "DELETE FROM page");
    for (int n = 1; rc >= 0 && n <= 3; n++)
        rc = skep_exec(tx, "INSERT INTO page VALUES (?, 'old')", SKEP_V(n));
    return rc;
}

static int rewrite(skep_tx *tx, void *arg)
{
    (void)arg;
    return skep_exec(tx, "UPDATE page SET text = 'new'");
}

struct page {
    int64_t n;
    char text[8];
};

static int look_up(skep_tx *tx, void *arg)
{
    struct page *page = arg;
    skep_rows *rows = NULL;
    int rc = skep_query(tx, &rows, "SELECT text FROM page WHERE n = ?", SKEP_V(page->n));
    if (rc >= 0)
        rc = skep_next(rows);
    if (rc > 0) {
        skep_slice text = skep_column_text(rows, 0);
        (void)snprintf(page->text, sizeof(page->text), "%.*s", (int)text.len,
                       (const char *)text.data);
    }
    return rc;
}

static int print_book(skep_lease *lease)
{
    for (int64_t n = 1; n <= 3; n++) {
        struct page page = {.n = n};
        int rc = skep_lease_read(lease, look_up, &page);
        if (rc == SKEP_ETIMEOUT || rc == SKEP_ELIMIT) /* the snapshot was given up */
            rc = skep_lease_renew(lease);             /* take a new one, begin the book anew */
        if (rc < 0)
            return rc;
        (void)printf("%s ", page.text);
    }
    (void)printf("\n");
    return 0;
}

static int read_own_write(skep_db *db, skep_lease *lease)
{
    skep_receipt receipt = {.size = sizeof(receipt)};
    skep_call_opts write = SKEP_CALL_OPTS_INIT;
    write.receipt = &receipt;
    int rc = skep_write_with(db, rewrite, NULL, &write);
    if (rc < 0)
        return rc;
    struct page page = {.n = 1};
    skep_call_opts read = SKEP_CALL_OPTS_INIT;
    read.at_least = &receipt; /* renews the lease if its snapshot is older than the write */
    rc = skep_lease_read_with(lease, look_up, &page, &read);
    if (rc >= 0)
        (void)printf("%s\n", page.text);
    return rc;
}

static int who_pins_the_wal(skep_db *db)
{
    skep_db_connection list[16];
    size_t n = 16;
    for (size_t i = 0; i < n; i++)
        list[i].size = sizeof(list[i]);
    int rc = skep_db_connections(db, list, &n);
    for (size_t i = 0; rc >= 0 && i < n && i < 16; i++)
        if (list[i].pins_wal != 0)
            (void)printf("%s: %s\n", list[i].role == SKEP_CONN_LEASE ? "a lease" : "a read",
                         list[i].sql);
    return rc;
}

static int run(skep_db *db)
{
    skep_lease_opts opts = SKEP_LEASE_OPTS_INIT;
    opts.max_age_ms = 10000;
    skep_lease *lease = NULL;
    int rc = skep_write(db, prepare, NULL);
    if (rc >= 0)
        rc = skep_lease_open(db, &opts, &lease);
    if (rc >= 0)
        rc = skep_write(db, rewrite, NULL);
    if (rc >= 0)
        rc = print_book(lease); /* still the old one */
    if (rc >= 0)
        rc = who_pins_the_wal(db);
    if (rc >= 0)
        rc = read_own_write(db, lease);
    skep_lease_close(lease);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "Usage: leases DATABASE\n"), 2;
    skep_db *db = NULL;
    int rc = skep_db_open(argv[1], NULL, &db);
    if (rc >= 0)
        rc = run(db);
    if (rc < 0)
        (void)fprintf(stderr, "leases: %s\n", skep_last_error()->text);
    return skep_db_close(db) < 0 || rc < 0;
}
