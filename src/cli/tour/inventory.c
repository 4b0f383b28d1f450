/* SPDX-License-Identifier: MIT */
#include "cli/tour/tour.h"

#include <stdlib.h>
#include <string.h>

#include "cli/show/json.h"

/* Chapter one: record, let fly, ask, look, kill, encrypt. The same in a few lines, for reading:
 * examples/inventory.c. */

static void introduce(tour *t)
{
    tour_style(t, CLI_BOLD);
    tour_print(t, "\nskep %s", skep_version());
    tour_style(t, CLI_PLAIN);
    tour_print(t, "  the tour, chapter one: inventory\n\n"
                  "  Every file below ");
    tour_cell(t, t->source, CLI_NO_LIMIT, false);
    tour_print(t,
               " is recorded as a transaction of its own:\n"
               "  written, synced to the disk, answered. %d threads do so at once.\n",
               TOUR_THREADS);
    tour_style(t, CLI_DIM);
    tour_print(t, "  In %s%s%s%s; nothing else is written.\n", t->dir,
               t->file_system[0] != '\0' ? " (" : "", t->file_system,
               t->file_system[0] != '\0' ? ")" : "");
    if (t->in_memory)
        tour_print(t, "  That is memory, no disk: a sync costs nothing there, and the figures"
                      " flatter.\n  TMPDIR=DIR chooses another place.\n");
    tour_style(t, CLI_PLAIN);
    tour_flush(t);
}

static cli_exit find_files(tour *t, tour_inventory *story)
{
    uint64_t begun = cli_now_ns();
    cli_exit status = tour_walk(t, &story->files);
    story->walk_ns = cli_now_ns() - begun;
    if (status != CLI_DONE || tour_stopping())
        return status;
    if (story->files.count == 0) {
        cli_say(t->ui, "%s holds no files that can be read; name another directory with --source",
                t->source);
        return CLI_FAILED;
    }
    return CLI_DONE;
}

static cli_exit record_all(tour *t, tour_inventory *story, skep_db *db)
{
    const tour_files *files = &story->files;
    tour_job job = {&db, 1, files, files->count, TOUR_TAKE_NS, -1, "recording"};
    if (tour_create_table(db) < 0)
        return cli_fail(t->ui);
    tour_heading(t, "1", "Record");
    cli_exit status = tour_crew(t->ui, &job, &story->skep);
    story->left_out = files->count - story->skep.done + files->uncounted;
    if (status == CLI_DONE && !tour_stopping())
        status = tour_pool(t, files, &story->pool);
    if (status != CLI_DONE || tour_stopping())
        return status;
    tour_show_record(t, story);
    return CLI_DONE;
}

/* What else the first database does before it is closed. */
static cli_exit fly_ask_and_look(tour *t, tour_inventory *story, skep_db *db)
{
    tour_heading(t, "2", "In flight");
    cli_exit status = tour_flight_run(t, db, (size_t)story->skep.done, &story->flight);
    if (status != CLI_DONE || tour_stopping())
        return status;
    tour_show_flight(t, story);
    tour_heading(t, "3", "Ask");
    status = tour_ask(t->ui, db, story->questions);
    if (status != CLI_DONE || tour_stopping())
        return status;
    tour_show_questions(t, story);
    tour_heading(t, "4", "Health");
    status = tour_health_run(t, db, &story->health);
    if (status == CLI_DONE)
        tour_show_health(t, story);
    return status;
}

/* The files that were left out are no part of the second run either. */
static void forget_left_out(tour_inventory *story)
{
    tour_files kept = story->files;
    tour_files rest = {.list = kept.list + story->skep.done,
                       .count = kept.count - (size_t)story->skep.done};
    for (size_t i = 0; i < rest.count; i++) {
        kept.bytes -= rest.list[i].size;
        free(rest.list[i].path);
    }
    kept.count -= rest.count;
    story->files = kept;
}

static cli_exit first_database(tour *t, tour_inventory *story)
{
    char path[PATH_MAX];
    skep_db *db = NULL;
    skep_db_opts opts = tour_opts();
    (void)snprintf(path, sizeof(path), "%s/inventory.db", t->dir);
    if (skep_db_open(path, &opts, &db) < 0)
        return cli_fail(t->ui);
    cli_exit status = record_all(t, story, db);
    if (status == CLI_DONE && !tour_stopping())
        status = fly_ask_and_look(t, story, db);
    if (skep_db_close(db) < 0 && status == CLI_DONE)
        status = cli_fail(t->ui);
    return status;
}

static cli_exit second_database(tour *t, tour_inventory *story)
{
    tour_heading(t, "5", "Kill");
    tour_print(t, "  A second process records the files again, and is killed in the middle.\n\n");
    tour_flush(t);
    cli_exit status = tour_crash_run(t, &story->files, &story->crash);
    if (status != CLI_DONE || tour_stopping())
        return status;
    tour_show_crash(t, story);
    bool whole = story->crash.missing == 0 && story->crash.different == 0 &&
                 strcmp(story->crash.integrity, "ok") == 0;
    return whole ? CLI_DONE : CLI_WRONG;
}

static cli_exit sealed_database(tour *t, tour_inventory *story)
{
    tour_heading(t, "6", "Encrypt");
    cli_exit status = tour_seal_run(t, &story->files, &story->seal);
    if (status != CLI_DONE || tour_stopping())
        return status;
    tour_show_seal(t, story);
    return tour_seal_holds(story) ? CLI_DONE : CLI_WRONG;
}

static cli_exit run_all(tour *t, tour_inventory *story)
{
    introduce(t);
    cli_exit status = find_files(t, story);
    if (status == CLI_DONE && !tour_stopping())
        status = first_database(t, story);
    if (status != CLI_DONE || tour_stopping())
        return status;
    forget_left_out(story);
    status = second_database(t, story);
    if (status == CLI_FAILED || tour_stopping())
        return status;
    cli_exit sealed = sealed_database(t, story);
    status = sealed != CLI_DONE ? sealed : status;
    if (status == CLI_FAILED || tour_stopping())
        return status;
    if (t->ui->json)
        return cli_json_end(t->ui, tour_json(t, story), status);
    tour_show_end(t, story);
    return status;
}

cli_exit tour_chapter_inventory(tour *t)
{
    tour_inventory story = {0};
    cli_exit status = run_all(t, &story);
    tour_files_dispose(&story.files);
    return status;
}
