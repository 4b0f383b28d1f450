/* SPDX-License-Identifier: MIT */
#include "cli/db/running.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/show/text.h"

#define STATUS_SUFFIX "-skep-status"
#define STATUS_MAX ((size_t)64 << 20) /* far more than one can be; others may have put it there */
#define STATUS_FORMAT 1
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

static size_t read_up_to(int fd, char *data, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t got = read(fd, data + len, size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    return len;
}

/* Of a plain file only, and never through a link: it stands in a directory that others may write.
 */
static json_t *load(cli_running *running, const char *path)
{
    struct stat st;
    json_error_t error;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return NULL;
    running->state = CLI_RUNNING_BLIND;
    (void)snprintf(running->why, sizeof(running->why), "its status file cannot be read");
    if (fd < 0)
        return NULL;
    json_t *json = NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
        (uint64_t)st.st_size <= STATUS_MAX) {
        char *data = malloc((size_t)st.st_size + 1);
        size_t len = data != NULL ? read_up_to(fd, data, (size_t)st.st_size) : 0;
        json = data != NULL ? json_loadb(data, len, JSON_REJECT_DUPLICATES, &error) : NULL;
        free(data);
    }
    (void)close(fd);
    return json;
}

static bool same_boot(const char *boot_id)
{
    char now[64] = "";
    int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true; /* no way to know: the pid decides */
    size_t len = read_up_to(fd, now, sizeof(now) - 1);
    (void)close(fd);
    now[len] = '\0';
    now[strcspn(now, "\n")] = '\0';
    return boot_id == NULL || strcmp(now, boot_id) == 0;
}

static bool lives(int64_t pid)
{
    return pid > 0 && pid <= INT_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static int64_t time_of(const json_t *shown, const char *key)
{
    const char *text = json_string_value(json_object_get(shown, key));
    int64_t at_us = 0;
    if (text == NULL || skep_time_parse(skep_slice_str(text), &at_us) < 0)
        return 0;
    return at_us;
}

static void judge(cli_running *running)
{
    const json_t *shown = running->shown;
    int64_t now_us = skep_now_us();
    int64_t written_us = time_of(shown, "written_at");
    running->pid = json_integer_value(json_object_get(shown, "pid"));
    running->opened_us = time_of(shown, "opened_at");
    running->age_us = now_us > written_us ? now_us - written_us : 0;
    running->state = CLI_RUNNING_GONE;
    if (json_integer_value(json_object_get(shown, "format")) > STATUS_FORMAT) {
        running->state = CLI_RUNNING_BLIND;
        (void)snprintf(running->why, sizeof(running->why), "a newer skep wrote its status file");
    } else if (!same_boot(json_string_value(json_object_get(shown, "boot_id")))) {
        (void)snprintf(running->why, sizeof(running->why),
                       "its status file is from before the machine was started");
    } else if (!lives(running->pid)) {
        (void)snprintf(running->why, sizeof(running->why), "pid %lld is gone",
                       (long long)running->pid);
    } else {
        running->state = CLI_RUNNING;
    }
}

void cli_running_read(cli_running *running, const char *path)
{
    char name[PATH_MAX + sizeof(STATUS_SUFFIX)];
    char real[PATH_MAX];
    memset(running, 0, sizeof(*running));
    if (realpath(path, real) == NULL)
        return;
    (void)snprintf(name, sizeof(name), "%s%s", real, STATUS_SUFFIX);
    running->shown = load(running, name);
    if (json_is_object(running->shown))
        judge(running);
}

void cli_running_dispose(cli_running *running)
{
    json_decref(running->shown);
    memset(running, 0, sizeof(*running));
}

void cli_running_text(const cli_running *running, char *out, size_t size)
{
    int64_t open_us = skep_now_us() - running->opened_us;
    if (running->state == CLI_RUNNING)
        (void)snprintf(out, size, "pid %lld for %s, told %s ago", (long long)running->pid,
                       cli_age(open_us).s, cli_age(running->age_us).s);
    else if (running->state == CLI_RUNNING_BLIND)
        (void)snprintf(out, size, "not known: %s", running->why);
    else if (running->why[0] != '\0')
        (void)snprintf(out, size, "not running: %s", running->why);
    else
        (void)snprintf(out, size, "not running");
}
