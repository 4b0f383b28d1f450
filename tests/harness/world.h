/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_WORLD_H
#define HARNESS_WORLD_H

#include <stdbool.h>

/* The inside of harness.c: directories and what lives as long as a test. */

bool world_open(void);          /* the directory of the whole run */
void world_close(bool passed);  /* remove it */
void world_begin(const char *); /* the directory of one test */
void world_end(void);           /* remove it, free what lived as long as the test */

#endif
