/* SPDX-License-Identifier: MIT */
/* Lists: page by page, each asked for when the one before is used up. The front looks at the order.
 */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/s3_private.h"

typedef struct s3_list {
    skep_list base;
    skep__s3 *s3;
    skep_list_how how;
    skep_object *page;
    size_t room, count, at;
    bool more;
    char token[2048];                  /* of the next page; "": it is the first */
    char last[SKEP_STORE_KEY_MAX + 1]; /* the newest key that was seen, as skep knows it */
} s3_list;

static s3_list *list_of(skep_list *list)
{
    return (s3_list *)(void *)list;
}

/* Names that skep does not take are not objects of this store: folders as consoles make them
 * ("a/"), and what other programs have put there; that is told. */
static int take_object(void *ctx, const skep_object *object)
{
    s3_list *l = ctx;
    size_t skip = strlen(l->s3->prefix);
    const char *key = object->key + skip;
    if (strncmp(object->key, l->s3->prefix, skip) != 0 ||
        strncmp(key, l->how.prefix, strlen(l->how.prefix)) != 0)
        return SKEP__FAIL(SKEP_ECORRUPT, "%s: the server lists a key without the prefix",
                          l->s3->name);
    /* What begins behind a key may be repeated, by servers that do not know start-after, too. */
    int order = strcmp(key, l->last);
    if (order == 0 || (order < 0 && strcmp(key, l->how.after) <= 0) || key[0] == '\0')
        return SKEP_OK;
    if (l->count == l->room)
        return SKEP__FAIL(SKEP_ECORRUPT, "%s: the server lists more than it was asked for",
                          l->s3->name);
    (void)skep__text_copy(l->last, sizeof(l->last), key);
    if (strcmp(key + strlen(key) - 1, "/") == 0)
        return SKEP_OK;
    if (skep__store_key_check(key, true) < 0) {
        skep__store_skipped(&l->s3->base, key, skep_last_error()->text);
        return SKEP_OK;
    }
    skep_object *to = &l->page[l->count++];
    uint32_t size = to->size;
    *to = *object;
    to->size = size;
    (void)skep__text_copy(to->key, sizeof(to->key), l->last);
    return SKEP_OK;
}

static void add_param(skep__buf *query, const char *name, const char *a, const char *b)
{
    (void)skep__buf_printf(query, "&%s=", name);
    skep__url_encode(query, skep_slice_str(a), false);
    skep__url_encode(query, skep_slice_str(b), false);
}

static int next_page(s3_list *l)
{
    skep__buf body SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__S3_ANSWER_MAX);
    skep__buf query SKEP__CLEANUP(skep__buf_dispose) = SKEP__BUF_INIT(SKEP__NET_URL_MAX);
    SKEP__CLEANUP(skep__freep) skep__s3_page *page = skep__calloc(1, sizeof(*page));
    skep__s3_answer answer;
    if (page == NULL)
        return skep__oom();
    (void)skep__buf_printf(&query, "list-type=2&encoding-type=url&max-keys=%zu", l->room);
    if (l->s3->prefix[0] != '\0' || l->how.prefix[0] != '\0')
        add_param(&query, "prefix", l->s3->prefix, l->how.prefix);
    if (l->token[0] != '\0')
        add_param(&query, "continuation-token", l->token, "");
    else if (l->last[0] != '\0')
        add_param(&query, "start-after", l->s3->prefix, l->last);
    SKEP__TRY(skep__buf_status(&query));
    const skep__s3_ask ask = {.method = "GET", .query = skep__buf_text(&query), .io = &l->how.io};
    SKEP__TRY(skep__s3_do(l->s3, &ask, &answer, &body));
    l->at = 0;
    l->count = 0;
    SKEP__TRY(skep__s3_xml_list(skep__buf_slice(&body), take_object, l, page));
    if (page->more && strcmp(page->token, l->token) == 0)
        return SKEP__FAIL(SKEP_ECORRUPT, "%s: the server repeats a page of its list", l->s3->name);
    l->more = page->more;
    (void)skep__text_copy(l->token, sizeof(l->token), page->token);
    return SKEP_OK;
}

int skep__s3_list_open(skep_store *store, const skep_list_how *how, skep_list **out)
{
    SKEP__CLEANUP(skep__freep) s3_list *l = skep__calloc(1, sizeof(*l));
    if (l == NULL)
        return skep__oom();
    l->base.engine = store->engine;
    l->s3 = skep__s3_of(store);
    l->how = *how;
    l->more = true;
    l->room = how->limit > 0 && how->limit < SKEP__S3_PAGE ? (size_t)how->limit : SKEP__S3_PAGE;
    l->page = skep__calloc(l->room, sizeof(*l->page));
    if (l->page == NULL)
        return skep__oom();
    (void)skep__text_copy(l->last, sizeof(l->last), how->after);
    *out = &SKEP__TAKE(l)->base;
    return SKEP_OK;
}

int skep__s3_list_next(skep_list *list, skep_object *out)
{
    s3_list *l = list_of(list);
    while (l->at == l->count) {
        if (!l->more)
            return 0;
        SKEP__TRY(skep__io_check(&l->how.io));
        SKEP__TRY(next_page(l));
    }
    uint32_t size = out->size;
    *out = l->page[l->at++];
    out->size = size;
    return 1;
}

void skep__s3_list_close(skep_list *list)
{
    s3_list *l = list_of(list);
    skep__free(l->page);
    skep__free(l);
}
