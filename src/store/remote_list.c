/* SPDX-License-Identifier: MIT */
/* Lists, page by page. A page is read through before anything of it is given out; keys that are not
 * in their order, or not of the prefix, are no list. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/remote_private.h"

typedef struct remote_list {
    skep_list base;
    skep__remote *r;
    skep_io io;
    uint64_t left; /* to be given out; UINT64_MAX: no limit */
    skep__buf page;
    skep__json_in in; /* in its array */
    bool open;        /* there is a page */
    bool more;        /* there are others behind it */
    uint64_t of_page; /* objects of this one */
    char prefix[SKEP_STORE_KEY_MAX + 1];
    char after[SKEP_STORE_KEY_MAX + 1];
} remote_list;

static remote_list *list_of(skep_list *list)
{
    return (remote_list *)(void *)list;
}

static int not_a_page(const remote_list *l, const char *why)
{
    return SKEP__FAIL(SKEP_ENET, "%s: it answers a list with what is none (%s): is it skep serve?",
                      l->r->name, why);
}

/* Find the array, and whether there is more. */
static int look_through(remote_list *l)
{
    char name[16];
    bool found = false;
    skep__json_in in = skep__json_in_of(skep__buf_slice(&l->page));
    skep__json_open(&in, '{');
    while (skep__json_member(&in, name, sizeof(name))) {
        if (strcmp(name, "objects") == 0) {
            l->in = in;
            found = true;
            skep__json_skip(&in);
        } else if (strcmp(name, "more") == 0) {
            l->more = skep__json_read_bool(&in);
        } else {
            skep__json_skip(&in);
        }
    }
    if (!found || !skep__json_over(&in))
        return not_a_page(l, "no page");
    skep__json_open(&l->in, '[');
    return l->in.bad ? not_a_page(l, "no objects") : SKEP_OK;
}

static int fetch(remote_list *l)
{
    skep__remote_answer answer;
    SKEP__CLEANUP(skep__buf_dispose) skep__buf route = SKEP__BUF_INIT(SKEP__NET_URL_MAX);
    uint64_t limit = l->left < SKEP__REMOTE_PAGE ? l->left : SKEP__REMOTE_PAGE;
    (void)skep__buf_printf(&route, "objects?limit=%llu", (unsigned long long)limit);
    if (l->prefix[0] != '\0') {
        (void)skep__buf_add_text(&route, "&prefix=");
        skep__url_encode(&route, skep_slice_str(l->prefix), false);
    }
    if (l->after[0] != '\0') {
        (void)skep__buf_add_text(&route, "&after=");
        skep__url_encode(&route, skep_slice_str(l->after), false);
    }
    SKEP__TRY(skep__buf_status(&route));
    const skep__remote_ask ask = {.method = "GET", .route = skep__buf_text(&route), .io = &l->io};
    SKEP__TRY(skep__remote_do(l->r, &ask, &answer, &l->page));
    l->of_page = 0;
    l->more = false;
    SKEP__TRY(look_through(l));
    l->open = true;
    return SKEP_OK;
}

static void list_free(remote_list *l)
{
    skep__buf_dispose(&l->page);
    skep__free(l);
}

static void list_freep(remote_list **l)
{
    if (*l != NULL)
        list_free(*l);
}

int skep__remote_list_open(skep_store *store, const skep_list_how *how, skep_list **out)
{
    SKEP__CLEANUP(list_freep) remote_list *l = skep__calloc(1, sizeof(*l));
    if (l == NULL)
        return skep__oom();
    l->base.engine = store->engine;
    l->r = skep__remote_of(store);
    l->io = how->io;
    l->left = how->limit == 0 ? UINT64_MAX : how->limit;
    skep__buf_init(&l->page, SKEP__REMOTE_PAGE_MAX);
    (void)skep__text_copy(l->prefix, sizeof(l->prefix), how->prefix);
    (void)skep__text_copy(l->after, sizeof(l->after), how->after);
    SKEP__TRY(fetch(l)); /* so that a store that is not there is told here */
    *out = &SKEP__TAKE(l)->base;
    return SKEP_OK;
}

static int take_object(remote_list *l, skep_object *out)
{
    skep_object object = SKEP_OBJECT_INIT;
    if (!skep__remote_object(&l->in, &object))
        return not_a_page(l, "no object");
    if (strcmp(object.key, l->after) <= 0 || strncmp(object.key, l->prefix, strlen(l->prefix)) != 0)
        return SKEP__FAIL(SKEP_ECORRUPT, "%s: a list goes on with '%.100s' behind '%.100s'",
                          l->r->name, object.key, l->after);
    (void)skep__text_copy(l->after, sizeof(l->after), object.key);
    l->of_page++;
    *out = object;
    return 1;
}

int skep__remote_list_next(skep_list *list, skep_object *out)
{
    remote_list *l = list_of(list);
    while (l->left > 0) {
        if (!l->open)
            SKEP__TRY(fetch(l));
        if (skep__json_element(&l->in)) {
            if (l->left != UINT64_MAX)
                l->left--;
            return take_object(l, out);
        }
        if (l->more && l->of_page == 0)
            return not_a_page(l, "an empty page that is not the last");
        if (!l->more) /* and it stays the end, however often it is asked for */
            l->left = 0;
        l->open = false;
    }
    return 0;
}

void skep__remote_list_close(skep_list *list)
{
    list_free(list_of(list));
}
