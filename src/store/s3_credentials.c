/* SPDX-License-Identifier: MIT */
/* Who asks: options, environment, shared files, in the order in which Amazon's own tools look. A
 * profile that is named in the options goes before the environment, as with theirs. */
#include "store/s3_credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "os/os.h"
#include "store/store_limits.h"

struct skep__s3_credentials { /* in guarded memory as a whole */
    char access_key_id[SKEP__S3_KEY_ID_MAX + 1];
    char secret[SKEP__S3_SECRET_MAX + 1];
    char session_token[SKEP__S3_TOKEN_MAX + 1];
    char region[SKEP__S3_REGION_MAX + 1];
    char endpoint[SKEP__S3_ENDPOINT_MAX + 1];
    char ca_file[SKEP__S3_PATH_MAX + 1];
    char source[SKEP__S3_PROFILE_MAX + SKEP__S3_PATH_MAX + 32];
};

typedef struct shared_file {
    char path[SKEP__S3_PATH_MAX + 1];
    char section[SKEP__S3_PROFILE_MAX + 16]; /* of the profile */
    char *text;                              /* guarded; NULL: it is not there */
    size_t len;
    skep_err error; /* why it could not be read; code SKEP_OK if it could */
} shared_file;

typedef struct places {
    const skep_store_opts *opts;
    const char *profile;
    shared_file credentials;
    shared_file config;
} places;

/* A variable that is empty is none. */
static const char *env(const char *name)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody here changes the environment */
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

static const char *either(const char *first, const char *second)
{
    return first != NULL ? first : second;
}

/* ---- shared files ---- */

static void dispose(places *p)
{
    skep__secret_freep(&p->credentials.text);
    skep__secret_freep(&p->config.text);
}

static int locate(shared_file *f, const char *variable, const char *name)
{
    const char *path = env(variable);
    const char *home = env("HOME");
    bool at_home = path == NULL || strncmp(path, "~/", 2) == 0;
    if (at_home && home == NULL) {
        f->path[0] = '\0';
        return SKEP_OK;
    }
    const char *rest = path == NULL ? name : path + 1;
    int len = at_home ? snprintf(f->path, sizeof(f->path), "%s%s", home, rest)
                      : snprintf(f->path, sizeof(f->path), "%s", path);
    return len >= 0 && (size_t)len < sizeof(f->path)
               ? SKEP_OK
               : SKEP__FAIL(SKEP_ELIMIT, "the path in %s is too long", variable);
}

/* Others may read it: Amazon's tools do not mind, so it is not ours to refuse. */
static int read_text(shared_file *f)
{
    uint32_t mode = 0;
    f->text = skep__secret_new(SKEP__S3_FILE_MAX + 1);
    if (f->text == NULL)
        return SKEP_ENOMEM;
    SKEP__TRY(skep__os_read_secret(f->path, f->text, SKEP__S3_FILE_MAX + 1, &f->len, &mode));
    return f->len <= SKEP__S3_FILE_MAX
               ? SKEP_OK
               : SKEP__FAIL(SKEP_ELIMIT, "%s has more than %d bytes", f->path, SKEP__S3_FILE_MAX);
}

/* One that cannot be read matters only to who needs it. */
static int open_shared(shared_file *f)
{
    int rc = f->path[0] == '\0' ? SKEP_OK : read_text(f);
    if (rc == SKEP_OK)
        return SKEP_OK;
    skep__secret_freep(&f->text);
    f->text = NULL;
    f->len = 0;
    if (rc != SKEP_ENOTFOUND)
        skep__err_save(&f->error);
    return rc == SKEP_ENOMEM ? rc : SKEP_OK;
}

static int value_of(const shared_file *f, const char *key, char *out, size_t size)
{
    out[0] = '\0';
    return f->text == NULL
               ? 0
               : skep__s3_profile_value(skep_slice_of(f->text, f->len), f->section, key, out, size);
}

static int value_of_profile(const places *p, const char *key, char *out, size_t size)
{
    int found = value_of(&p->credentials, key, out, size);
    return found != 0 ? found : value_of(&p->config, key, out, size);
}

static int open_places(places *p, const skep_store_opts *opts)
{
    p->opts = opts;
    p->profile = either(either(opts->profile, env("AWS_PROFILE")), "default");
    if (strlen(p->profile) > SKEP__S3_PROFILE_MAX)
        return SKEP__FAIL(SKEP_ELIMIT, "a profile's name has at most %d bytes",
                          SKEP__S3_PROFILE_MAX);
    SKEP__TRY(locate(&p->credentials, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"));
    SKEP__TRY(locate(&p->config, "AWS_CONFIG_FILE", "/.aws/config"));
    SKEP__TRY(open_shared(&p->credentials));
    SKEP__TRY(open_shared(&p->config));
    const char *word = strcmp(p->profile, "default") == 0 ? "" : "profile ";
    (void)snprintf(p->credentials.section, sizeof(p->credentials.section), "%s", p->profile);
    (void)snprintf(p->config.section, sizeof(p->config.section), "%s%s", word, p->profile);
    return SKEP_OK;
}

/* ---- key and secret ---- */

/* These go into headers of requests. */
static int check_text(const char *text, const char *what)
{
    for (const char *p = text; *p != '\0'; p++)
        if (*p <= ' ' || *p == 0x7f)
            return SKEP__FAIL(SKEP_EINVALID, "%s holds a character that none has", what);
    return SKEP_OK;
}

static int set_text(char *out, size_t size, const char *text, const char *what)
{
    size_t len = strlen(text);
    if (len >= size)
        return SKEP__FAIL(SKEP_ELIMIT, "%s has %zu bytes, %zu are allowed", what, len, size - 1);
    memcpy(out, text, len + 1);
    return check_text(out, what);
}

static int set_keys(skep__s3_credentials *c, const char *id, const char *secret, const char *token)
{
    SKEP__TRY(set_text(c->access_key_id, sizeof(c->access_key_id), id, "the access key id"));
    SKEP__TRY(set_text(c->secret, sizeof(c->secret), secret, "the secret access key"));
    return set_text(c->session_token, sizeof(c->session_token), either(token, ""),
                    "the session token");
}

static int keys_of_options(const places *p, skep__s3_credentials *c)
{
    const skep_store_opts *o = p->opts;
    if ((o->access_key_id == NULL) != (o->secret_access_key == NULL))
        return SKEP__FAIL(SKEP_EINVALID,
                          "access_key_id and secret_access_key are given together or not at all");
    if (o->access_key_id == NULL)
        return 0;
    (void)skep__text_copy(c->source, sizeof(c->source), "the options");
    SKEP__TRY(set_keys(c, o->access_key_id, o->secret_access_key, o->session_token));
    return 1;
}

static int keys_of_environment(skep__s3_credentials *c)
{
    const char *id = env("AWS_ACCESS_KEY_ID");
    const char *secret = env("AWS_SECRET_ACCESS_KEY");
    if ((id == NULL) != (secret == NULL))
        return SKEP__FAIL(SKEP_EAUTH, "%s is set without %s",
                          id != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                          id != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    if (id == NULL)
        return 0;
    (void)skep__text_copy(c->source, sizeof(c->source), "AWS_ACCESS_KEY_ID");
    SKEP__TRY(set_keys(c, id, secret, env("AWS_SESSION_TOKEN")));
    return 1;
}

static int keys_of_file(const places *p, const shared_file *f, skep__s3_credentials *c)
{
    int id = value_of(f, "aws_access_key_id", c->access_key_id, sizeof(c->access_key_id));
    SKEP__TRY(id);
    int secret = value_of(f, "aws_secret_access_key", c->secret, sizeof(c->secret));
    SKEP__TRY(secret);
    SKEP__TRY(value_of(f, "aws_session_token", c->session_token, sizeof(c->session_token)));
    if (id != secret)
        return SKEP__FAIL(SKEP_EAUTH, "profile %s of %s has %s without %s", p->profile, f->path,
                          id != 0 ? "aws_access_key_id" : "aws_secret_access_key",
                          id != 0 ? "aws_secret_access_key" : "aws_access_key_id");
    (void)snprintf(c->source, sizeof(c->source), "profile %s of %s", p->profile, f->path);
    SKEP__TRY(check_text(c->access_key_id, "the access key id"));
    SKEP__TRY(check_text(c->secret, "the secret access key"));
    SKEP__TRY(check_text(c->session_token, "the session token"));
    return id;
}

/* Keys that are to be fetched with other keys. Where a profile says so, what else it holds is not
 * what it means. */
static int refuse_fetched(const places *p, const char *const *names)
{
    char value[SKEP__S3_PATH_MAX + 1];
    for (size_t i = 0; names[i] != NULL; i++) {
        int found = value_of_profile(p, names[i], value, sizeof(value));
        SKEP__TRY(found);
        if (found != 0)
            return SKEP__FAIL(SKEP_EUNSUPPORTED,
                              "profile %s has %s, which skep does not follow: set what `aws "
                              "configure export-credentials --profile %s --format env` prints",
                              p->profile, names[i], p->profile);
    }
    return SKEP_OK;
}

static int keys_of_files(const places *p, skep__s3_credentials *c)
{
    static const char *const before[] = {"role_arn", "web_identity_token_file", "sso_session",
                                         "sso_start_url", NULL};
    static const char *const after[] = {"credential_process", NULL};
    if (p->credentials.error.code != SKEP_OK)
        return skep__err_install(&p->credentials.error);
    if (p->config.error.code != SKEP_OK)
        return skep__err_install(&p->config.error);
    SKEP__TRY(refuse_fetched(p, before));
    int found = keys_of_file(p, &p->credentials, c);
    if (found == 0)
        found = keys_of_file(p, &p->config, c);
    if (found == 0)
        SKEP__TRY(refuse_fetched(p, after));
    return found;
}

static int no_keys(const places *p)
{
    static const char *const fetched[] = {"AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                          "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
    for (size_t i = 0; i < sizeof(fetched) / sizeof(fetched[0]); i++)
        if (env(fetched[i]) != NULL)
            return SKEP__FAIL(SKEP_EUNSUPPORTED,
                              "%s is set, which skep does not follow: set what `aws configure "
                              "export-credentials --format env` prints",
                              fetched[i]);
    return SKEP__FAIL(SKEP_EAUTH, "no S3 credentials: %sprofile %s is neither in %s nor in %s",
                      p->opts->profile == NULL ? "AWS_ACCESS_KEY_ID is not set, and " : "",
                      p->profile, either(p->credentials.path, "~"), either(p->config.path, "~"));
}

static int find_keys(const places *p, skep__s3_credentials *c)
{
    int found = keys_of_options(p, c);
    if (found == 0 && p->opts->profile == NULL)
        found = keys_of_environment(c);
    if (found == 0)
        found = keys_of_files(p, c);
    return found == 0 ? no_keys(p) : found;
}

/* ---- what goes with them ---- */

/* `given`: by options or environment; NULL: see the files. */
static int find_text(const places *p, const char *given, const char *key, char *out, size_t size)
{
    if (given != NULL)
        return set_text(out, size, given, key);
    SKEP__TRY(value_of_profile(p, key, out, size));
    return SKEP_OK;
}

/* It becomes part of a host's name. */
static int check_region(const char *region)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return region[strspn(region, allowed)] == '\0'
               ? SKEP_OK
               : SKEP__FAIL(SKEP_EINVALID, "region: letters, digits and - _ . make one");
}

static int find_rest(const places *p, skep__s3_credentials *c)
{
    const skep_store_opts *o = p->opts;
    SKEP__TRY(find_text(p, either(either(o->region, env("AWS_REGION")), env("AWS_DEFAULT_REGION")),
                        "region", c->region, sizeof(c->region)));
    if (c->region[0] == '\0')
        (void)skep__text_copy(c->region, sizeof(c->region), "us-east-1");
    SKEP__TRY(check_region(c->region));
    SKEP__TRY(find_text(
        p, either(either(o->endpoint, env("AWS_ENDPOINT_URL_S3")), env("AWS_ENDPOINT_URL")),
        "endpoint_url", c->endpoint, sizeof(c->endpoint)));
    SKEP__TRY(check_text(c->endpoint, "endpoint_url"));
    const char *ca = either(o->ca_file, env("AWS_CA_BUNDLE"));
    if (ca == NULL) {
        SKEP__TRY(value_of_profile(p, "ca_bundle", c->ca_file, sizeof(c->ca_file)));
    } else if (skep__text_copy(c->ca_file, sizeof(c->ca_file), ca) < strlen(ca)) {
        return SKEP__FAIL(SKEP_ELIMIT, "the path of the certificates is too long");
    }
    return SKEP_OK;
}

static int find_all(const skep_store_opts *opts, skep__s3_credentials *c)
{
    SKEP__CLEANUP(dispose) places p = {.credentials = {.text = NULL}, .config = {.text = NULL}};
    SKEP__TRY(open_places(&p, opts));
    SKEP__TRY(find_keys(&p, c));
    return find_rest(&p, c);
}

int skep__s3_credentials_load(const skep_store_opts *opts, skep__s3_credentials **out)
{
    SKEP__CLEANUP(skep__s3_credentials_freep)
    skep__s3_credentials *c = skep__secret_new(sizeof(*c));
    if (c == NULL)
        return SKEP_ENOMEM;
    memset(c, 0, sizeof(*c));
    SKEP__TRY(find_all(opts, c));
    *out = SKEP__TAKE(c);
    return SKEP_OK;
}

void skep__s3_credentials_free(skep__s3_credentials *c)
{
    skep__secret_freep(&c);
}

void skep__s3_credentials_freep(skep__s3_credentials **c)
{
    skep__s3_credentials_free(*c);
}

const char *skep__s3_access_key_id(const skep__s3_credentials *c)
{
    return c->access_key_id;
}

skep_slice skep__s3_secret(const skep__s3_credentials *c)
{
    return skep_slice_str(c->secret);
}

const char *skep__s3_session_token(const skep__s3_credentials *c)
{
    return c->session_token[0] == '\0' ? NULL : c->session_token;
}

const char *skep__s3_region(const skep__s3_credentials *c)
{
    return c->region;
}

const char *skep__s3_endpoint(const skep__s3_credentials *c)
{
    return c->endpoint[0] == '\0' ? NULL : c->endpoint;
}

const char *skep__s3_ca_file(const skep__s3_credentials *c)
{
    return c->ca_file[0] == '\0' ? NULL : c->ca_file;
}

const char *skep__s3_source(const skep__s3_credentials *c)
{
    return c->source;
}
