/* SPDX-License-Identifier: MIT */
/* INI text, and single values of every type. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const skep__choice modes[] = {{"full", 1}, {"normal", 2}, {NULL, 0}};
static const skep__setting rows[] = {
    {.name = "db.mode", .type = SKEP__SETTING_ENUM, .choices = modes, .initial = 1},
    {.name = "db.readers", .type = SKEP__SETTING_INT, .initial = 10, .min = 1, .max = 1024},
    {.name = "db.offset", .type = SKEP__SETTING_INT},
    {.name = "db.wait", .type = SKEP__SETTING_DURATION, .unit = "ms"},
    {.name = "db.cache", .type = SKEP__SETTING_BYTES},
    {.name = "db.create", .type = SKEP__SETTING_BOOL},
    {.name = "path", .type = SKEP__SETTING_TEXT, .max = 100},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
static const skep__settings_table table = {"fuzz", 0, ROWS, rows};

/* What a row accepts lies within it, and a refusal has a code and a text. */
static void check_value(const skep__setting *row, skep_slice text)
{
    static const skep__origin from = {.kind = SKEP__FROM_OPTION, .name = "--x"};
    int64_t v = 0;
    if (row->type == SKEP__SETTING_TEXT)
        return;
    int rc = skep__setting_parse(row, text, &from, &v);
    if (rc < 0 && (rc != SKEP_EINVALID || skep_last_error()->text[0] == '\0'))
        abort();
    if (rc >= 0 && skep__setting_check(row, v, &from) != SKEP_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    skep_slice text = skep_slice_of(data, size);
    skep__settings s;
    if (skep__settings_init(&s, &table) < 0)
        return 0;
    int rc = skep__settings_load_ini(&s, text, "fuzz.conf");
    if (rc != SKEP_OK && strncmp(skep_last_error()->text, "fuzz.conf:", 10) != 0)
        abort();
    skep__settings_dispose(&s);
    for (size_t i = 0; i < ROWS; i++)
        check_value(&rows[i], text);
    return 0;
}
