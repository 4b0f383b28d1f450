/* SPDX-License-Identifier: MIT */

#include "bench.h"
#include "json.h"
#include "plain.h"

#include <skep/skep.h>

#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifndef BENCH_BUILD
#define BENCH_BUILD "by hand"
#endif

/* The value of the first line of `file` that starts with `key`, as "model name : AMD EPYC". */
static void line_of(const char *file, const char *key, char *out, size_t size)
{
    char line[512];
    (void)snprintf(out, size, "unknown");
    FILE *f = fopen(file, "re");
    if (f == NULL)
        return;
    while (fgets(line, sizeof(line), f) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) != 0 || colon == NULL)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        (void)snprintf(out, size, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    (void)fclose(f);
}

/* The mount whose directory is the longest prefix of `dir`. */
static void file_system_of(const char *dir, char *out, size_t size)
{
    char real[4096];
    (void)snprintf(out, size, "unknown");
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    if (mounts == NULL || realpath(dir, real) == NULL)
        return;
    size_t best = 0;
    struct mntent m;
    char buffer[4096];
    while (getmntent_r(mounts, &m, buffer, sizeof(buffer)) != NULL) {
        size_t length = strlen(m.mnt_dir);
        bool inside = strncmp(real, m.mnt_dir, length) == 0 &&
                      (length == 1 || real[length] == '/' || real[length] == '\0');
        if (!inside || length < best)
            continue;
        best = length;
        (void)snprintf(out, size, "%s (%s) on %s", m.mnt_type, m.mnt_opts, m.mnt_fsname);
    }
    endmntent(mounts);
}

static json_t *compile_options(void)
{
    json_t *list = json_array();
    const char *option;
    for (int i = 0; (option = sqlite3_compileoption_get(i)) != NULL; i++)
        json_array_append_new(list, json_string(option));
    return list;
}

/* Read back from a connection such as the peers use, so what stands here is what held. */
static json_t *settings(const char *dir)
{
    static const char *const names[] = {
        "page_size", "journal_mode",       "synchronous",  "wal_autocheckpoint", "cache_size",
        "mmap_size", "journal_size_limit", "busy_timeout", "foreign_keys",       "cell_size_check",
    };
    char path[4200];
    (void)snprintf(path, sizeof(path), "%s/settings.db", dir);
    sqlite3 *db = bench_connect(path, "full", 0);
    json_t *all = json_object();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char sql[64];
        (void)snprintf(sql, sizeof(sql), "PRAGMA %s", names[i]);
        sqlite3_stmt *stmt = bench_prepare(db, sql);
        if (sqlite3_step(stmt) == SQLITE_ROW)
            json_object_set_new(all, names[i],
                                json_string((const char *)sqlite3_column_text(stmt, 0)));
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db);
    unlink(path);
    return all;
}

void bench_machine_write(FILE *out, const char *dir, double seconds, int rounds)
{
    char cpu[256];
    char memory[64];
    char file_system[512];
    char date[32] = "";
    struct utsname name;
    double load[3] = {0.0, 0.0, 0.0};
    line_of("/proc/cpuinfo", "model name", cpu, sizeof(cpu));
    line_of("/proc/meminfo", "MemTotal", memory, sizeof(memory));
    file_system_of(dir, file_system, sizeof(file_system));
    memset(&name, 0, sizeof(name));
    uname(&name);
    (void)!getloadavg(load, 3);
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL)
        (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &utc);

    json_t *line = json_object();
    json_object_set_new(line, "type", json_string("machine"));
    json_object_set_new(line, "date", json_string(date));
    json_object_set_new(line, "cpu", json_string(cpu));
    json_object_set_new(line, "cores", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    json_object_set_new(line, "memory", json_string(memory));
    json_object_set_new(line, "kernel", json_string(name.release));
    json_object_set_new(line, "file_system", json_string(file_system));
    json_object_set_new(line, "load", json_real(load[0]));
    json_object_set_new(line, "skep", json_string(skep_version()));
    json_object_set_new(line, "sqlite", json_string(sqlite3_libversion()));
    json_object_set_new(line, "sqlite_source", json_string(sqlite3_sourceid()));
    json_object_set_new(line, "sqlite_options", compile_options());
    json_object_set_new(line, "settings", settings(dir));
    json_object_set_new(line, "compiler", json_string(__VERSION__));
    json_object_set_new(line, "build", json_string(BENCH_BUILD));
    json_object_set_new(line, "rounds", json_integer(rounds));
    json_object_set_new(line, "seconds", json_real(seconds));
    bench_json_line(out, line);
}
