/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

#include <string.h>

/* Every statement gives the same four columns: text, files, bytes, mtime. */
static const char biggest_directories[] =
    "SELECT CASE instr(path, '/') WHEN 0 THEN '(directly)'"
    "            ELSE substr(path, 1, instr(path, '/') - 1) END AS directory,"
    "       count(*), sum(size) AS bytes, max(mtime)"
    " FROM file GROUP BY directory ORDER BY bytes DESC, directory LIMIT 5";

static const char newest_files[] =
    "SELECT path, 1, size, mtime FROM file ORDER BY mtime DESC, path LIMIT 5";

static const char shares_by_extension[] =
    "SELECT ext, count(*), sum(size) AS bytes, max(mtime)"
    " FROM file GROUP BY ext ORDER BY bytes DESC, ext LIMIT 5";

typedef struct asking {
    const char *sql;
    tour_question *question;
} asking;

static void keep(skep_rows *rows, tour_answer *answer)
{
    skep_slice text = skep_column_text(rows, 0);
    memset(answer, 0, sizeof(*answer));
    /* Of a path that is too long the end tells more. */
    size_t len = text.len < sizeof(answer->text) ? text.len : sizeof(answer->text) - 1;
    if (len > 0)
        memcpy(answer->text, (const char *)text.data + (text.len - len), len);
    answer->files = (uint64_t)skep_column_int(rows, 1);
    answer->bytes = (uint64_t)skep_column_int(rows, 2);
    answer->mtime = skep_column_int(rows, 3);
}

static int ask(skep_tx *tx, void *arg)
{
    asking *a = arg;
    skep_rows *rows = NULL;
    a->question->count = 0;
    int rc = skep_query(tx, &rows, a->sql);
    if (rc < 0)
        return rc;
    while ((rc = skep_next(rows)) > 0 && a->question->count < TOUR_ANSWERS)
        keep(rows, &a->question->answers[a->question->count++]);
    skep_rows_close(rows);
    return rc;
}

cli_exit tour_ask(const cli_ui *ui, skep_db *db, tour_question questions[TOUR_QUESTIONS])
{
    static const struct {
        const char *name;
        const char *text;
        const char *sql;
    } all[TOUR_QUESTIONS] = {
        {"biggest_directories", "Which directories hold the most?", biggest_directories},
        {"newest_files", "What changed last?", newest_files},
        {"shares_by_extension", "What kind of files are they?", shares_by_extension},
    };
    for (size_t i = 0; i < TOUR_QUESTIONS; i++) {
        asking a = {all[i].sql, &questions[i]};
        questions[i].name = all[i].name;
        questions[i].text = all[i].text;
        uint64_t begun = cli_now_ns();
        if (skep_read(db, ask, &a) < 0)
            return cli_fail(ui);
        questions[i].took_ns = cli_now_ns() - begun;
    }
    return CLI_DONE;
}
