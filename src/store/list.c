/* SPDX-License-Identifier: MIT */
/* Lists. What an engine says is checked: an object that comes twice or out of order would make a
 * caller that compares two lists delete the wrong thing. */
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "store/front_private.h"

#define OWN ".skep/"

typedef struct front_list {
    skep_list_how how;
    skep__progress progress;
    bool own;  /* what lies under `.skep/` is listed */
    bool over; /* the engine has said so: it is not asked again */
    uint64_t limit;
    uint64_t done;
    skep_store *store;
    char prefix[SKEP_STORE_KEY_MAX + 1];
    char after[SKEP_STORE_KEY_MAX + 1];
    char last[SKEP_STORE_KEY_MAX + 1];
} front_list;

/* A prefix and an `after` need not be keys; but what no key can have in it has no place there. */
static int take_text(const char *text, const char *what, char out[SKEP_STORE_KEY_MAX + 1])
{
    size_t len = text != NULL ? strnlen(text, SKEP_STORE_KEY_MAX + 1) : 0;
    if (len > SKEP_STORE_KEY_MAX)
        return SKEP__FAIL(SKEP_EINVALID, "%s of a list has more than %d bytes", what,
                          SKEP_STORE_KEY_MAX);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return SKEP__FAIL(SKEP_EINVALID, "%s of a list has a control character in it", what);
    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
    return SKEP_OK;
}

int skep_list_open(skep_store *store, const skep_list_opts *opts, skep_list **out)
{
    skep_list_opts taken = SKEP_LIST_OPTS_INIT;
    skep_list *list = NULL;
    SKEP__REQUIRE(store != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__TRY(skep__front_opts(&taken, sizeof(taken), opts, "skep_list_opts"));
    SKEP__CLEANUP(skep__freep) front_list *f = skep__calloc(1, sizeof(*f));
    if (f == NULL)
        return skep__oom();
    SKEP__TRY(take_text(taken.prefix, "prefix", f->prefix));
    SKEP__TRY(take_text(taken.after, "after", f->after));
    SKEP__TRY(skep__front_io(&taken.io, &f->how.io, &f->progress));
    f->own = atomic_load(&skep__front_of(store)->own) && strncmp(f->prefix, OWN, strlen(OWN)) == 0;
    f->store = store;
    f->limit = taken.limit;
    f->progress.total = SKEP_BYTES_UNKNOWN;
    memcpy(f->last, f->after, sizeof(f->last));
    f->how.prefix = f->prefix;
    f->how.after = f->after;
    f->how.limit = taken.limit;
    SKEP__TRY(store->engine->list_open(store, &f->how, &list));
    list->front = SKEP__TAKE(f);
    *out = list;
    return SKEP_OK;
}

static int check_order(const front_list *f, const char *key)
{
    const char *what = NULL;
    if (strncmp(key, f->prefix, strlen(f->prefix)) != 0)
        what = "which the list did not ask for";
    else if (f->last[0] != '\0' && strcmp(key, f->last) <= 0)
        what = strcmp(key, f->last) == 0 && f->done > 0 ? "twice" : "out of order";
    if (what == NULL)
        return SKEP_OK;
    return SKEP__FAIL(SKEP_ECORRUPT, "the list of %s gives '%s' %s", skep_store_name(f->store), key,
                      what);
}

/* Is it one to show? What others have put under names that are no keys is told, not shown. */
static bool shown(front_list *f, const char *key)
{
    if (!f->own && strncmp(key, OWN, strlen(OWN)) == 0)
        return false;
    if (skep__store_key_check(key, true) < 0) {
        skep__store_skipped(f->store, key, skep_last_error()->text);
        return false;
    }
    return true;
}

void skep__store_skipped(const skep_store *store, const char *name, const char *why)
{
    SKEP__EVENT(SKEP_WARNING, "store.skipped", {"store", skep_text(skep_store_name(store))},
                {"name", skep_text(name)}, {"why", skep_text(why)});
}

int skep_list_next(skep_list *list, skep_object *out)
{
    SKEP__REQUIRE(list != NULL);
    SKEP__REQUIRE(out != NULL);
    SKEP__TRY(skep__front_object_asked(out));
    front_list *f = list->front;
    skep_object object;
    do {
        if (f->over || (f->limit != 0 && f->done == f->limit))
            return 0;
        SKEP__TRY(skep__io_check(&f->how.io));
        object = (skep_object)SKEP_OBJECT_INIT;
        int rc = list->engine->list_next(list, &object);
        f->over = rc == 0;
        if (rc <= 0)
            return rc;
        SKEP__TRY(check_order(f, object.key));
        memcpy(f->last, object.key, sizeof(f->last));
    } while (!shown(f, object.key));
    f->done++;
    skep__front_progress(&f->progress, f->done);
    skep__front_object(&object, out);
    return 1;
}

void skep_list_close(skep_list *list)
{
    if (list == NULL)
        return;
    skep__free(SKEP__TAKE(list->front));
    list->engine->list_close(list);
}
