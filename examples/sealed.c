/* SPDX-License-Identifier: MIT */
/* The code of docs/guide/keys.md: a store whose objects are sealed, a host that writes what it
 * cannot read, and another key.
 *
 *     sealed DIRECTORY
 */
#include <stdio.h>

#include <skep/skep.h>

static int failed(void)
{
    (void)fprintf(stderr, "%s\n", skep_last_error()->text);
    return 1;
}

/* The store in `dir`, sealed with `key`. */
static int open_sealed(const char *dir, const skep_key *key, skep_store **out)
{
    char uri[SKEP_STORE_URI_MAX + 1];
    (void)snprintf(uri, sizeof(uri), "file:%s", dir);
    skep_store *plain = NULL;
    int rc = skep_store_open(uri, NULL, &plain);
    if (rc < 0)
        return rc;
    skep_seal_opts opts = SKEP_SEAL_OPTS_INIT;
    opts.key = key; /* copied */
    rc = skep_store_sealed(plain, &opts, out);
    if (rc < 0)
        (void)skep_store_close(plain); /* else it belongs to *out */
    return rc;
}

/* The same for who knows the recipient alone. */
static int open_for_writing(const char *dir, const char *recipient, skep_store **out)
{
    char uri[SKEP_STORE_URI_MAX + 1];
    (void)snprintf(uri, sizeof(uri), "file:%s", dir);
    skep_store *plain = NULL;
    int rc = skep_store_open(uri, NULL, &plain);
    if (rc < 0)
        return rc;
    const char *const recipients[] = {recipient, NULL};
    skep_seal_opts opts = SKEP_SEAL_OPTS_INIT;
    opts.recipients = recipients;
    opts.padded = 1; /* hide how long objects are */
    rc = skep_store_sealed(plain, &opts, out);
    if (rc < 0)
        (void)skep_store_close(plain);
    return rc;
}

static int put(skep_store *store, const char *key, const char *text)
{
    return skep_store_put(store, key, skep_slice_str(text), NULL, NULL);
}

static int show(skep_store *store, const char *key)
{
    skep_arena *arena = NULL;
    skep_slice content;
    int rc = skep_arena_new(0, &arena);
    if (rc >= 0)
        rc = skep_store_get(store, key, NULL, arena, &content, NULL);
    if (rc >= 0)
        printf("%s: %.*s\n", key, (int)content.len, (const char *)content.data);
    else
        printf("%s: %s\n", key, skep_code_name(rc));
    skep_arena_free(arena);
    return rc;
}

static int change_key(const char *dir, const skep_key *key, const skep_key *next)
{
    char uri[SKEP_STORE_URI_MAX + 1];
    (void)snprintf(uri, sizeof(uri), "file:%s", dir);
    skep_store *plain = NULL;
    int rc = skep_store_open(uri, NULL, &plain);
    if (rc < 0)
        return rc;
    skep_rewrap_opts change = SKEP_REWRAP_OPTS_INIT;
    change.key = key;
    change.to = next;
    change.io.timeout_ms = 10000;
    rc = skep_keyring_rotate(plain, &change);
    (void)skep_store_close(plain);
    return rc;
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "sealed-store";
    char recipient[SKEP_RECIPIENT_TEXT_MAX + 1];
    skep_key *key = NULL;
    skep_key *next = NULL;
    skep_store *store = NULL;
    if (skep_key_generate(&key) < 0 ||
        skep_key_passphrase(skep_slice_str("correct horse battery staple"), &next) < 0 ||
        skep_key_recipient(key, recipient, sizeof(recipient)) < 0)
        return failed();

    if (open_sealed(dir, key, &store) < 0 || put(store, "notes/1", "nobody's business") < 0)
        return failed();
    (void)show(store, "notes/1");
    (void)skep_store_close(store);

    if (open_for_writing(dir, recipient, &store) < 0 || put(store, "notes/2", "nor this") < 0)
        return failed();
    (void)show(store, "notes/2");
    (void)skep_store_close(store);

    if (change_key(dir, key, next) < 0 || open_sealed(dir, next, &store) < 0)
        return failed();
    int rc = show(store, "notes/1");
    if (rc >= 0)
        rc = show(store, "notes/2");
    (void)skep_store_close(store);
    skep_key_free(key);
    skep_key_free(next);
    return rc < 0 ? failed() : 0;
}
