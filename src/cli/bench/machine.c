/* SPDX-License-Identifier: MIT */
/* What is told of the machine that was measured, as far as it tells. */
#include "cli/bench/bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

static void read_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    out[0] = '\0';
    if (file == NULL)
        return;
    if (fgets(out, (int)size, file) == NULL)
        out[0] = '\0';
    (void)fclose(file);
    size_t len = strcspn(out, "\n");
    while (len > 0 && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
}

static void find_cpu(bench_machine *out)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    (void)snprintf(out->cpu, sizeof(out->cpu), "unknown");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        (void)snprintf(out->cpu, sizeof(out->cpu), "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    if (file != NULL)
        (void)fclose(file);
    out->cpus = sysconf(_SC_NPROCESSORS_ONLN);
}

/* The block device that the directory lies on, by the kernel's name and the maker's. */
static void find_device(const char *dir, bench_machine *out)
{
    char path[128];
    char model[64];
    char target[256];
    struct stat st;
    (void)snprintf(out->device, sizeof(out->device), "unknown");
    if (stat(dir, &st) != 0)
        return;
    (void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
    ssize_t len = readlink(path, target, sizeof(target) - 1);
    if (len <= 0)
        return;
    target[len] = '\0';
    const char *name = strrchr(target, '/');
    name = name != NULL ? name + 1 : target;
    char model_path[192];
    (void)snprintf(model_path, sizeof(model_path), "%s/device/model", path);
    read_line(model_path, model, sizeof(model));
    if (model[0] == '\0') { /* a partition */
        (void)snprintf(model_path, sizeof(model_path), "%s/../device/model", path);
        read_line(model_path, model, sizeof(model));
    }
    (void)snprintf(out->device, sizeof(out->device), "%.40s%s%.50s", name,
                   model[0] != '\0' ? ", " : "", model);
}

void bench_look_at_machine(const bench *b, bench_machine *out)
{
    struct utsname system;
    memset(out, 0, sizeof(*out));
    find_cpu(out);
    find_device(b->dir.path, out);
    if (uname(&system) == 0)
        (void)snprintf(out->kernel, sizeof(out->kernel), "%.20s %.60s", system.sysname,
                       system.release);
    (void)snprintf(out->file_system, sizeof(out->file_system), "%s",
                   b->dir.file_system[0] != '\0' ? b->dir.file_system : "unknown");
    const char *end = strrchr(b->dir.path, '/');
    (void)snprintf(out->path, sizeof(out->path), "%.*s",
                   end != NULL && end != b->dir.path ? (int)(end - b->dir.path) : 1, b->dir.path);
}
