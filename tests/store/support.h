/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORE_SUPPORT_H
#define TESTS_STORE_SUPPORT_H

#include <skep/store.h>

#include "harness/harness.h"

/* The store `scheme:PATH` for a path in the test's directory. */
skep_store *support_open(const char *scheme, const char *name, uint32_t flags);
int support_try(const char *scheme, const char *name, uint32_t flags, skep_store **out);
void support_close(skep_store *store);

void put_text(skep_store *store, const char *key, const char *text);
void assert_content(skep_store *store, const char *key, const char *text);
bool is_there(skep_store *store, const char *key);
/* All keys that a list gives, with a blank behind each. Lives until the next call in this thread.
 */
const char *listed(skep_store *store, const char *prefix, const char *after, uint64_t limit);
bool detail_says(const char *text);
/* Plain files below a directory; symbolic links are not followed. */
size_t files_below(const char *path);

#endif
