/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CLI_STORE_RUN_H
#define TESTS_CLI_STORE_RUN_H

#include <skep/skep.h>

#include "run.h"

/* Stores in the test's directory, by way of the program. All text lives until the test ends. */

const char *store_uri(const char *name); /* "file:…/name" */
const char *store_file(const char *name, const char *text);
void store_put(const char *uri, const char *key, const char *text);
/* All keys, in order, with a blank between. */
const char *store_keys(const char *uri);

/* What a shell does in the test's directory; `$1` is `argument`. */
ran store_sh(const char *script, const char *argument);

/* Does any file below the directory `name` hold `text`? */
bool store_contains(const char *name, const char *text);
/* Change one bit of the first such place. */
void store_flip(const char *name, const char *text);

#endif
