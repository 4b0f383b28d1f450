/* SPDX-License-Identifier: MIT */
/* What SRC and DST name. A URI of a store has no `#` (skep/store.h), so what stands behind one can
 * only be a key; a path of this machine has no scheme, and all of it is the path. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/store/store.h"

/* As skep_store_open() finds it. */
static bool has_scheme(const char *text)
{
    size_t n = strcspn(text, ":/?#");
    if (n == 0 || text[n] != ':' || !isalpha((unsigned char)text[0]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && strchr("+-.", text[i]) == NULL)
            return false;
    return true;
}

cli_exit store_place_read(const cli_ui *ui, const char *text, store_place *out)
{
    *out = (store_place){.local = !has_scheme(text), .text = strdup(text)};
    if (out->text == NULL)
        return cli_fail_memory(ui);
    char *mark = out->local ? NULL : strchr(out->text, '#');
    if (mark != NULL) {
        *mark = '\0';
        out->key = mark + 1;
    }
    return CLI_DONE;
}

void store_place_dispose(store_place *place)
{
    free(place->text);
    *place = (store_place){.text = NULL};
}
