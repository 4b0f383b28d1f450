/* SPDX-License-Identifier: MIT */
#ifndef SKEP__CLI_STORE_SYNC_H
#define SKEP__CLI_STORE_SYNC_H

#include "cli/store/store.h"

/* Everything of one place into another: `sync`, and `cp -r`, which compares nothing. */
cli_exit store_sync_places(store_session *s, const store_place *from, const store_place *to,
                           skep_compare compare);

/* --plain: is that side ("src", "dst") not sealed whatever keys there are? */
bool store_is_plain(const store_session *s, const char *side);
/* --limit-rate, to where stores are opened. */
cli_exit store_rate_read(store_session *s);

#endif
