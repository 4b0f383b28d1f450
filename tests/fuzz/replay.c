/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over a corpus without libFuzzer: each file of the directories (or the files)
 * that are named, then each of their beginnings and each with one bit changed, so that even a small
 * corpus reaches the paths of damaged input. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX 65536
#define VARIANTS_UP_TO 1024 /* bytes: larger inputs are run as they are */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long runs;

/* In a block of its exact size, so that AddressSanitizer sees a read past the end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    runs++;
}

static void run_variants(uint8_t *data, size_t size)
{
    run(data, size);
    if (size > VARIANTS_UP_TO)
        return;
    for (size_t n = 0; n < size; n++)
        run(data, n);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        data[bit / 8] = (uint8_t)(data[bit / 8] ^ (1u << bit % 8));
        run(data, size);
        data[bit / 8] = (uint8_t)(data[bit / 8] ^ (1u << bit % 8));
    }
}

static int run_file(const char *path)
{
    static uint8_t data[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return -1;
    }
    size_t size = fread(data, 1, sizeof(data), f);
    int failed = ferror(f);
    (void)fclose(f);
    if (failed) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        return -1;
    }
    run_variants(data, size);
    return 0;
}

static int run_dir(const char *path)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, alphasort);
    int rc = n < 0 ? -1 : 0;
    if (n < 0)
        perror(path);
    for (int i = 0; i < n; i++) {
        char file[4096];
        (void)snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && run_file(file) != 0)
            rc = -1;
        free(names[i]);
    }
    free(names);
    return rc;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        int rc =
            stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? run_dir(argv[i]) : run_file(argv[i]);
        failed |= rc != 0 ? 1 : 0;
    }
    /* A corpus that is not there must not look like a pass. */
    failed |= runs == 0 ? 1 : 0;
    (void)printf("%lu inputs\nharness: %d passed, %d failed, 0 skipped\n", runs, !failed, failed);
    return failed;
}
