/* SPDX-License-Identifier: MIT */
/* The C++ of docs/guide/rows.md: a list of words and where they stand.
 *
 *     rows-cxx DATABASE
 */
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <skep/skep.h>

/* skep_write() and skep_read() with anything that can be called. It must not throw: an exception
 * would pass through C, and through other callers' transactions. */
template <class Work> int write(skep_db *db, Work &work)
{
    static_assert(std::is_nothrow_invocable_r_v<int, Work &, skep_tx *>, "declare it noexcept");
    return skep_write(
        db, [](skep_tx *tx, void *arg) { return (*static_cast<Work *>(arg))(tx); }, &work);
}
template <class Work> int read(skep_db *db, Work &work)
{
    static_assert(std::is_nothrow_invocable_r_v<int, Work &, skep_tx *>, "declare it noexcept");
    return skep_read(
        db, [](skep_tx *tx, void *arg) { return (*static_cast<Work *>(arg))(tx); }, &work);
}

static skep_slice slice(std::string_view text)
{
    return skep_slice_of(text.data(), text.size());
}

static int put_words(skep_db *db, std::string_view text)
{
    auto work = [&](skep_tx *tx) noexcept {
        int rc = skep_exec(tx, "CREATE TABLE IF NOT EXISTS word (at INTEGER, text TEXT, long)");
        size_t at = 0;
        while (rc >= 0 && at < text.size()) {
            size_t end = std::min(text.find(' ', at), text.size());
            std::string_view word = text.substr(at, end - at);
            rc = skep_exec(tx, "INSERT INTO word VALUES (?, ?, ?)", at, slice(word),
                           word.size() > 5);
            at = end + 1;
        }
        return rc;
    };
    return write(db, work);
}

struct found {
    int64_t at;
    std::string text;
};

static int long_words(skep_db *db, std::vector<found> &out)
{
    auto work = [&](skep_tx *tx) noexcept {
        out.clear(); /* start over: this may not be the first run */
        skep_rows *rows = nullptr;
        int rc =
            skep_query(tx, &rows, "SELECT at, text FROM word WHERE long = ? ORDER BY at", true);
        if (rc < 0)
            return rc;
        while ((rc = skep_next(rows)) > 0) {
            skep_slice text = skep_column_text(rows, 1);
            out.push_back({skep_column_int(rows, 0),
                           std::string(static_cast<const char *>(text.data), text.len)});
        }
        return rc;
    };
    return read(db, work);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return std::fprintf(stderr, "Usage: rows-cxx DATABASE\n"), 2;
    skep_db *db = nullptr;
    std::vector<found> words;
    int rc = skep_db_open(argv[1], nullptr, &db);
    if (rc >= 0)
        rc = put_words(db, "what goes in comes out unchanged");
    if (rc >= 0)
        rc = long_words(db, words);
    for (const found &word : words)
        std::printf("%d %s\n", static_cast<int>(word.at), word.text.c_str());
    if (rc < 0)
        std::fprintf(stderr, "rows-cxx: %s\n", skep_last_error()->text);
    return skep_db_close(db) < 0 || rc < 0;
}
