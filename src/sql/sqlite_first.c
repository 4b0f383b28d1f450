/* SPDX-License-Identifier: MIT */
/*
 * The first page of a database file, looked at before SQLite does anything with the file.
 *
 * SQLite rolls a journal back that a crash has left, and deletes it, before it finds out that it
 * cannot read the pages: with no key, the checksums in an encrypted journal do not fit, which it
 * takes for the journal's end. So what is to be known is known before: whether the file is plain,
 * its salt, and (once a key is set) whether that key reads it. Where a journal is to be rolled back
 * the page that counts is the one in the journal: the one in the file may be torn, or encrypted
 * with the key that an interrupted rekey was changing to.
 */
#include <string.h>

#include "base/codec.h"
#include "base/mem.h"
#include "sql/sqlite_private.h"

#define JOURNAL_HEAD 28 /* bytes of a journal's header that mean something */
#define FRAME 8         /* page number before, checksum after a page in the journal */

static const uint8_t journal_magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};

static sqlite3_file *main_file(const sqlite_conn *conn)
{
    sqlite3_file *file = NULL;
    (void)sqlite3_file_control(conn->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    ASSERT(file != NULL);
    ASSERT(file->pMethods != NULL);
    return file;
}

static sqlite3_vfs *main_vfs(const sqlite_conn *conn)
{
    sqlite3_vfs *vfs = NULL;
    (void)sqlite3_file_control(conn->handle, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
    ASSERT(vfs != NULL);
    return vfs;
}

/* Somebody who writes the file now would show us half a page. */
static int lock_shared(sqlite_conn *conn, sqlite3_file *file)
{
    int rc = SQLITE_OK;
    for (int times = 0; (rc = file->pMethods->xLock(file, SQLITE_LOCK_SHARED)) == SQLITE_BUSY;
         times++)
        if (skep__sqlite_on_busy(conn, times) == 0)
            break;
    return rc == SQLITE_OK ? SKEP_OK : skep__sqlite_fail(conn, rc, "waiting for the file", NULL);
}

static int exists(sqlite_conn *conn, const char *path, bool *out)
{
    sqlite3_vfs *vfs = main_vfs(conn);
    int there = 0;
    int rc = vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &there);
    *out = there != 0;
    return rc == SQLITE_OK ? SKEP_OK : skep__sqlite_fail(conn, rc, "looking for the journal", NULL);
}

int skep__sqlite_has_journal(sqlite_conn *conn, bool *out)
{
    return exists(conn, sqlite3_filename_journal(sqlite3_db_filename(conn->handle, "main")), out);
}

int skep__sqlite_has_wal(sqlite_conn *conn, bool *out)
{
    return exists(conn, sqlite3_filename_wal(sqlite3_db_filename(conn->handle, "main")), out);
}

/* ---- the journal ---- */

static int open_journal(sqlite_conn *conn, sqlite3_file **out)
{
    sqlite3_vfs *vfs = main_vfs(conn);
    const char *path = sqlite3_filename_journal(sqlite3_db_filename(conn->handle, "main"));
    sqlite3_file *file = skep__calloc(1, (size_t)vfs->szOsFile);
    if (file == NULL)
        return skep__oom();
    int rc = vfs->xOpen(vfs, path, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_JOURNAL, NULL);
    if (rc != SQLITE_OK) {
        if (file->pMethods != NULL)
            (void)file->pMethods->xClose(file);
        skep__free(file);
        return skep__sqlite_fail(conn, rc, "opening the journal", NULL);
    }
    *out = file;
    return SKEP_OK;
}

static void close_journal(sqlite3_file **file)
{
    if (*file != NULL)
        (void)(*file)->pMethods->xClose(*file);
    skep__free(*file);
}

static int read_at(sqlite_conn *conn, sqlite3_file *file, void *out, size_t len, int64_t at)
{
    ASSERT(file != NULL);
    int rc = file->pMethods->xRead(file, out, (int)len, at);
    return rc == SQLITE_OK ? SKEP_OK : skep__sqlite_fail(conn, rc, "reading the journal", NULL);
}

static bool is_size(uint32_t n, uint32_t least)
{
    return n >= least && n <= 65536 && (n & (n - 1)) == 0;
}

/* The records of one header; 1 if the first page is among them. */
static int scan_records(sqlite_conn *conn, sqlite3_file *file, int64_t end, int64_t *at,
                        skep__first *first)
{
    const int64_t step = (int64_t)first->page_size + FRAME;
    for (; *at + step <= end; *at += step) {
        uint8_t number[4];
        SKEP__TRY(read_at(conn, file, number, sizeof(number), *at));
        if (skep__get_be32(number) != 1)
            continue;
        first->record = *at;
        first->len =
            first->page_size < sizeof(first->page) ? first->page_size : sizeof(first->page);
        SKEP__TRY(read_at(conn, file, first->page, first->len, *at + (int64_t)sizeof(number)));
        return 1;
    }
    return 0;
}

static int scan_journal(sqlite_conn *conn, sqlite3_file *file, skep__first *first)
{
    ASSERT(file != NULL);
    sqlite3_int64 size = 0;
    uint32_t sector = 0;
    int rc = file->pMethods->xFileSize(file, &size);
    if (rc != SQLITE_OK)
        return skep__sqlite_fail(conn, rc, "reading the journal", NULL);
    for (int64_t at = 0; at + JOURNAL_HEAD <= size;) {
        uint8_t head[JOURNAL_HEAD];
        SKEP__TRY(read_at(conn, file, head, sizeof(head), at));
        if (memcmp(head, journal_magic, sizeof(journal_magic)) != 0)
            return SKEP_OK;
        if (at == 0) {
            sector = skep__get_be32(head + 20);
            first->page_size = skep__get_be32(head + 24);
            if (!is_size(sector, 32) || !is_size(first->page_size, 512))
                return SKEP_OK; /* SQLite does not take it for a journal either */
            first->emptied = skep__get_be32(head + 16) == 0; /* the file was made by it */
        }
        at += sector;
        int64_t step = (int64_t)first->page_size + FRAME;
        uint32_t count = skep__get_be32(head + 8);
        int64_t end = count == UINT32_MAX || count > (uint64_t)(size / step)
                          ? size
                          : at + (int64_t)count * step;
        int found = scan_records(conn, file, end < size ? end : size, &at, first);
        if (found != 0)
            return found < 0 ? found : SKEP_OK;
        at = (at + sector - 1) / sector * sector;
    }
    return SKEP_OK;
}

/* A journal whose writer lives is not to be rolled back: its pages are still as they were. */
static int look_at_journal(sqlite_conn *conn, sqlite3_file *file, skep__first *first)
{
    bool there = false;
    int reserved = 0;
    SKEP__TRY(skep__sqlite_has_journal(conn, &there));
    if (!there)
        return SKEP_OK;
    int rc = file->pMethods->xCheckReservedLock(file, &reserved);
    if (rc != SQLITE_OK)
        return skep__sqlite_fail(conn, rc, "looking at the file's locks", NULL);
    if (reserved != 0)
        return SKEP_OK;
    SKEP__CLEANUP(close_journal) sqlite3_file *journal = NULL;
    SKEP__TRY(open_journal(conn, &journal));
    return scan_journal(conn, journal, first);
}

/* ---- the page ---- */

static int look_at_file(sqlite_conn *conn, sqlite3_file *file, skep__first *first)
{
    sqlite3_int64 size = 0;
    int rc = file->pMethods->xFileSize(file, &size);
    if (rc == SQLITE_OK && size > 0)
        rc = file->pMethods->xRead(file, first->page, (int)sizeof(first->page), 0);
    if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
        return skep__sqlite_fail(conn, rc, "reading the file", NULL);
    first->len = size < (sqlite3_int64)sizeof(first->page) ? (size_t)size : sizeof(first->page);
    return SKEP_OK;
}

/* No key may be set yet: what is read is what lies there. */
int skep__sqlite_first(sqlite_conn *conn, skep__first *out)
{
    sqlite3_file *file = main_file(conn);
    memset(out, 0, sizeof(*out));
    out->record = -1;
    SKEP__TRY(lock_shared(conn, file));
    int rc = look_at_journal(conn, file, out);
    if (rc >= 0 && out->record < 0 && !out->emptied)
        rc = look_at_file(conn, file, out);
    (void)file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    return rc;
}

bool skep__first_is_plain(const skep__first *first)
{
    return first->len >= 16 && memcmp(first->page, "SQLite format 3", 16) == 0;
}

/* Does the page look like noise? Of n bytes each value should come n/256 times; the sum of the
 * squared distances from that, over what is expected, is 255 on average with a deviation of 23, and
 * in the thousands for anything that has a structure. */
bool skep__first_is_noise(const skep__first *first)
{
    uint32_t seen[256] = {0};
    const size_t plain = 24; /* SQLite3MC leaves some of the first bytes readable */
    if (first->len < 512)
        return false;
    for (size_t i = plain; i < first->len; i++)
        seen[first->page[i]]++;
    double expected = (double)(first->len - plain) / 256.0;
    double sum = 0;
    for (size_t i = 0; i < 256; i++)
        sum += ((double)seen[i] - expected) * ((double)seen[i] - expected) / expected;
    return sum < 450.0;
}

/* ---- the proof ---- */

/* SQLite3MC decrypts and authenticates what is read through its file objects once a key is set. */
static int read_in_journal(sqlite_conn *conn, const skep__first *first)
{
    SKEP__CLEANUP(close_journal) sqlite3_file *journal = NULL;
    SKEP__CLEANUP(skep__freep) uint8_t *page = skep__alloc(first->page_size);
    uint8_t number[4];
    if (page == NULL)
        return skep__oom();
    SKEP__TRY(open_journal(conn, &journal));
    /* In this order: the number of a page tells it how to decrypt what is read next. */
    SKEP__TRY(read_at(conn, journal, number, sizeof(number), first->record));
    int rc = journal->pMethods->xRead(journal, page, (int)first->page_size,
                                      first->record + (int64_t)sizeof(number));
    skep__wipe(page, 512); /* the header; what is in the rest is data of the user's */
    memset(page, 0, first->page_size);
    if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT)
        return 0;
    return rc == SQLITE_OK ? 1 : skep__sqlite_fail(conn, rc, "reading the journal", NULL);
}

static int read_in_file(sqlite_conn *conn, sqlite3_file *file)
{
    uint8_t head[100]; /* less than a page: then it reads the whole page into its own buffer */
    int rc = file->pMethods->xRead(file, head, (int)sizeof(head), 0);
    if (rc == SQLITE_OK)
        return memcmp(head, "SQLite format 3", 16) == 0;
    if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT || rc == SQLITE_IOERR_SHORT_READ)
        return 0;
    return skep__sqlite_fail(conn, rc, "reading the file", NULL);
}

int skep__sqlite_prove(sqlite_conn *conn, const skep__first *first)
{
    sqlite3_file *file = main_file(conn);
    SKEP__TRY(lock_shared(conn, file));
    int rc = first->record >= 0 ? read_in_journal(conn, first) : read_in_file(conn, file);
    (void)file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    return rc;
}

/* ---- what a refused key leaves ---- */

/* Reading through a WAL makes a -shm, and as long as nothing could be read, closing leaves it with
 * the -wal. Who uses a -shm holds a shared lock on the database, so under an exclusive one it is
 * nobody's: SQLite itself removes it so. */
void skep__sqlite_tidy_shm(const skep__conn_opts *opts)
{
    const skep__conn_opts plain = {.path = opts->path};
    sqlite_conn conn = {0};
    char *shm = sqlite3_mprintf("%s-shm", opts->path);
    if (shm != NULL && skep__sqlite_open_handle(&conn, &plain) >= 0) {
        sqlite3_file *file = main_file(&conn);
        if (file->pMethods->xLock(file, SQLITE_LOCK_SHARED) == SQLITE_OK &&
            file->pMethods->xLock(file, SQLITE_LOCK_EXCLUSIVE) == SQLITE_OK)
            (void)main_vfs(&conn)->xDelete(main_vfs(&conn), shm, 0);
        (void)file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    }
    (void)sqlite3_close(conn.handle);
    sqlite3_free(shm);
}
