/* SPDX-License-Identifier: MIT */
/* Who asks S3, and where: options, AWS_… variables, shared files. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/s3_credentials.h"
#include "store/store_limits.h"

/* A world without any credentials, whose home is the test's directory. */
static void setup(void)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_PROFILE",
                                        "AWS_ENDPOINT_URL_S3",
                                        "AWS_ENDPOINT_URL",
                                        "AWS_SHARED_CREDENTIALS_FILE",
                                        "AWS_CONFIG_FILE",
                                        "AWS_CA_BUNDLE",
                                        "AWS_ROLE_ARN",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unsetenv(names[i]);
    ck_assert_int_eq(setenv("HOME", harness_dir(), 1), 0);
    ck_assert_int_eq(mkdir(harness_path(".aws"), 0700), 0);
}

static void write_credentials(const char *text)
{
    harness_write_file(harness_path(".aws/credentials"), text, strlen(text));
}

static void write_config(const char *text)
{
    harness_write_file(harness_path(".aws/config"), text, strlen(text));
}

static void set_env(const char *name, const char *value)
{
    ck_assert_int_eq(setenv(name, value, 1), 0);
}

static skep__s3_credentials *load(const skep_store_opts *opts)
{
    skep__s3_credentials *c = NULL;
    assert_ok(skep__s3_credentials_load(opts, &c));
    return c;
}

static void check_keys(const skep__s3_credentials *c, const char *id, const char *secret,
                       const char *token)
{
    skep_slice s = skep__s3_secret(c);
    ck_assert_str_eq(skep__s3_access_key_id(c), id);
    ck_assert_uint_eq(s.len, strlen(secret));
    ck_assert_mem_eq(s.data, secret, s.len);
    if (token == NULL)
        ck_assert_ptr_null(skep__s3_session_token(c));
    else
        ck_assert_str_eq(skep__s3_session_token(c), token);
}

/* It fails so, with `text` in what it says, and no secret. */
static void check_refused(const skep_store_opts *opts, int code, const char *text)
{
    skep__s3_credentials *c = NULL;
    assert_fails(skep__s3_credentials_load(opts, &c), code);
    ck_assert_ptr_null(c);
    ck_assert_msg(strstr(skep_last_error()->text, text) != NULL, "%s", skep_last_error()->text);
    ck_assert_ptr_null(strstr(skep_last_error()->text, "HIDDEN"));
}

static const skep_store_opts none = SKEP_STORE_OPTS_INIT;

TEST(options_go_before_all)
{
    setup();
    set_env("AWS_ACCESS_KEY_ID", "ENVID");
    set_env("AWS_SECRET_ACCESS_KEY", "ENVHIDDEN");
    set_env("AWS_SESSION_TOKEN", "ENVTOKEN");
    set_env("AWS_REGION", "env-region");
    set_env("AWS_ENDPOINT_URL_S3", "https://env");
    set_env("AWS_CA_BUNDLE", "/env.pem");
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.access_key_id = "ID";
    opts.secret_access_key = "HIDDEN";
    opts.region = "eu-central-1";
    opts.endpoint = "https://s3.example.org:9000";
    opts.ca_file = "/ca.pem";
    skep__s3_credentials *c = load(&opts);
    check_keys(c, "ID", "HIDDEN", NULL); /* a token belongs to its keys */
    ck_assert_str_eq(skep__s3_region(c), "eu-central-1");
    ck_assert_str_eq(skep__s3_endpoint(c), "https://s3.example.org:9000");
    ck_assert_str_eq(skep__s3_ca_file(c), "/ca.pem");
    ck_assert_str_eq(skep__s3_source(c), "the options");
    skep__s3_credentials_free(c);
    opts.session_token = "TOKEN";
    c = load(&opts);
    check_keys(c, "ID", "HIDDEN", "TOKEN");
    skep__s3_credentials_free(c);
}

TEST(the_environment_goes_before_the_files)
{
    setup();
    write_credentials("[default]\naws_access_key_id=FILEID\naws_secret_access_key=FILEHIDDEN\n"
                      "aws_session_token=FILETOKEN\n");
    set_env("AWS_ACCESS_KEY_ID", "ENVID");
    set_env("AWS_SECRET_ACCESS_KEY", "ENVHIDDEN");
    set_env("AWS_SESSION_TOKEN", "");
    set_env("AWS_DEFAULT_REGION", "a-region");
    set_env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    skep__s3_credentials *c = load(&none);
    check_keys(c, "ENVID", "ENVHIDDEN", NULL);
    ck_assert_str_eq(skep__s3_region(c), "a-region");
    ck_assert_str_eq(skep__s3_endpoint(c), "http://127.0.0.1:1");
    ck_assert_ptr_null(skep__s3_ca_file(c));
    skep__s3_credentials_free(c);

    set_env("AWS_REGION", "b-region");
    set_env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2");
    set_env("AWS_SESSION_TOKEN", "ENVTOKEN");
    c = load(&none);
    check_keys(c, "ENVID", "ENVHIDDEN", "ENVTOKEN");
    ck_assert_str_eq(skep__s3_region(c), "b-region");
    ck_assert_str_eq(skep__s3_endpoint(c), "http://127.0.0.1:2");
    skep__s3_credentials_free(c);
}

TEST(a_profile_of_the_options_goes_before_the_environment_and_aws_profile_does_not)
{
    setup();
    write_credentials("[backup]\naws_access_key_id = BID\naws_secret_access_key = BHIDDEN\n");
    set_env("AWS_ACCESS_KEY_ID", "ENVID");
    set_env("AWS_SECRET_ACCESS_KEY", "ENVHIDDEN");
    set_env("AWS_PROFILE", "backup");
    skep__s3_credentials *c = load(&none);
    check_keys(c, "ENVID", "ENVHIDDEN", NULL);
    skep__s3_credentials_free(c);
    (void)unsetenv("AWS_PROFILE");
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.profile = "backup";
    c = load(&opts);
    check_keys(c, "BID", "BHIDDEN", NULL);
    ck_assert_ptr_nonnull(strstr(skep__s3_source(c), "profile backup of "));
    skep__s3_credentials_free(c);
}

TEST(a_profile_is_put_together_from_both_files)
{
    setup();
    write_credentials("[default]\naws_access_key_id=NO\naws_secret_access_key=NO\n[backup]\n"
                      "aws_access_key_id=BID\naws_secret_access_key=BHIDDEN\n");
    write_config("[default]\nregion=no\n[profile backup]\nregion = eu-west-3\n"
                 "endpoint_url = https://files\nca_bundle = /files.pem\n");
    set_env("AWS_PROFILE", "backup");
    skep__s3_credentials *c = load(&none);
    check_keys(c, "BID", "BHIDDEN", NULL);
    ck_assert_str_eq(skep__s3_region(c), "eu-west-3");
    ck_assert_str_eq(skep__s3_endpoint(c), "https://files");
    ck_assert_str_eq(skep__s3_ca_file(c), "/files.pem");
    skep__s3_credentials_free(c);
}

TEST(keys_may_stand_in_the_config_file)
{
    setup();
    write_config("[default]\naws_access_key_id=CID\naws_secret_access_key=CHIDDEN\n");
    skep__s3_credentials *c = load(&none);
    check_keys(c, "CID", "CHIDDEN", NULL);
    ck_assert_str_eq(skep__s3_region(c), "us-east-1");
    ck_assert_ptr_null(skep__s3_endpoint(c));
    skep__s3_credentials_free(c);
}

TEST(the_files_may_lie_elsewhere)
{
    static const char text[] = "[default]\naws_access_key_id=EID\naws_secret_access_key=EHIDDEN\n";
    setup();
    harness_write_file(harness_path("elsewhere"), text, sizeof(text) - 1);
    set_env("AWS_SHARED_CREDENTIALS_FILE", harness_path("elsewhere"));
    set_env("AWS_CONFIG_FILE", harness_path("none"));
    skep__s3_credentials *c = load(&none);
    check_keys(c, "EID", "EHIDDEN", NULL);
    skep__s3_credentials_free(c);
    set_env("AWS_SHARED_CREDENTIALS_FILE", "~/elsewhere");
    c = load(&none);
    check_keys(c, "EID", "EHIDDEN", NULL);
    skep__s3_credentials_free(c);
}

TEST(a_session_token_may_be_long)
{
    static char text[2 * SKEP__S3_TOKEN_MAX];
    static char token[SKEP__S3_TOKEN_MAX + 2];
    static const char head[] = "[default]\naws_access_key_id=ID\naws_secret_access_key=HIDDEN\n"
                               "aws_session_token=";
    setup();
    memset(token, 't', SKEP__S3_TOKEN_MAX);
    (void)snprintf(text, sizeof(text), "%s%s\nregion=r\n", head, token);
    write_credentials(text);
    skep__s3_credentials *c = load(&none);
    check_keys(c, "ID", "HIDDEN", token);
    ck_assert_str_eq(skep__s3_region(c), "r");
    skep__s3_credentials_free(c);
    token[SKEP__S3_TOKEN_MAX] = 't';
    (void)snprintf(text, sizeof(text), "%s%s\n", head, token);
    write_credentials(text);
    check_refused(&none, SKEP_ELIMIT, "aws_session_token of [default] has 8193 bytes");
}

TEST(where_there_are_none_it_says_where_it_has_looked)
{
    setup();
    check_refused(&none, SKEP_EAUTH, "AWS_ACCESS_KEY_ID is not set, and profile default");
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "/.aws/credentials nor in "));
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.profile = "missing";
    write_config("[profile other]\naws_access_key_id=ID\naws_secret_access_key=HIDDEN\n");
    check_refused(&opts, SKEP_EAUTH, "profile missing is neither in ");
    (void)unsetenv("HOME");
    check_refused(&none, SKEP_EAUTH, "profile default");
}

TEST(half_of_a_pair_is_refused)
{
    setup();
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.access_key_id = "ID";
    check_refused(&opts, SKEP_EINVALID, "together");
    opts.access_key_id = NULL;
    opts.secret_access_key = "HIDDEN";
    check_refused(&opts, SKEP_EINVALID, "together");
    set_env("AWS_SECRET_ACCESS_KEY", "HIDDEN");
    check_refused(&none, SKEP_EAUTH, "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID");
    (void)unsetenv("AWS_SECRET_ACCESS_KEY");
    set_env("AWS_ACCESS_KEY_ID", "ID");
    check_refused(&none, SKEP_EAUTH, "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY");
    (void)unsetenv("AWS_ACCESS_KEY_ID");
    write_credentials("[default]\naws_access_key_id=ID\n");
    check_refused(&none, SKEP_EAUTH, "aws_access_key_id without aws_secret_access_key");
    write_credentials("[default]\naws_secret_access_key=HIDDEN\n");
    check_refused(&none, SKEP_EAUTH, "aws_secret_access_key without aws_access_key_id");
}

TEST(keys_that_would_have_to_be_fetched_are_refused_with_what_to_do)
{
    static const char *const settings[] = {
        "role_arn = r\naws_access_key_id=ID\naws_secret_access_key=HIDDEN\n", "sso_session = s\n",
        "sso_start_url = https://x\n", "web_identity_token_file = /t\n",
        "credential_process = /usr/bin/HIDDEN\n"};
    setup();
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "[default]\n%s", settings[i]);
        write_config(text);
        check_refused(&none, SKEP_EUNSUPPORTED, "aws configure export-credentials");
    }
    write_config("");
    set_env("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
    check_refused(&none, SKEP_EUNSUPPORTED, "AWS_ROLE_ARN is set");
}

TEST(a_file_that_cannot_be_read_matters_only_where_it_is_needed)
{
    setup();
    write_credentials("[default]\naws_access_key_id=ID\naws_secret_access_key=HIDDEN\n");
    ck_assert_int_eq(chmod(harness_path(".aws/credentials"), 0), 0);
    harness_drop_root();
    check_refused(&none, SKEP_EDENIED, "/.aws/credentials");
    set_env("AWS_ACCESS_KEY_ID", "ENVID");
    set_env("AWS_SECRET_ACCESS_KEY", "ENVHIDDEN");
    skep__s3_credentials *c = load(&none);
    check_keys(c, "ENVID", "ENVHIDDEN", NULL);
    skep__s3_credentials_free(c);
}

TEST(a_directory_or_an_endless_file_in_its_place_is_named)
{
    setup();
    ck_assert_int_eq(mkdir(harness_path(".aws/config"), 0700), 0);
    check_refused(&none, SKEP_EINVALID, "/.aws/config");
    set_env("AWS_CONFIG_FILE", "/none");
    FILE *f = fopen(harness_path(".aws/credentials"), "w");
    ck_assert_ptr_nonnull(f);
    for (size_t i = 0; i <= SKEP__S3_FILE_MAX; i++)
        ck_assert_int_ne(fputc('#', f), EOF);
    ck_assert_int_eq(fclose(f), 0);
    check_refused(&none, SKEP_ELIMIT, "has more than 262144 bytes");
}

TEST(values_that_would_break_a_request_are_refused)
{
    static char long_text[1024];
    setup();
    skep_store_opts opts = SKEP_STORE_OPTS_INIT;
    opts.access_key_id = "ID";
    opts.secret_access_key = "HIDDEN";
    opts.region = "eu-west-1/../x";
    check_refused(&opts, SKEP_EINVALID, "region");
    opts.region = NULL;
    opts.endpoint = "https://h\r\nX: y";
    check_refused(&opts, SKEP_EINVALID, "endpoint_url");
    opts.endpoint = NULL;
    opts.access_key_id = "I\nD";
    check_refused(&opts, SKEP_EINVALID, "access key id");
    opts.access_key_id = "ID";
    opts.session_token = "T\x01";
    check_refused(&opts, SKEP_EINVALID, "session token");
    opts.session_token = NULL;
    opts.secret_access_key = "HIDDEN ";
    check_refused(&opts, SKEP_EINVALID, "secret access key");
    memset(long_text, 'x', 1023);
    opts.secret_access_key = long_text;
    check_refused(&opts, SKEP_ELIMIT, "the secret access key has 1023 bytes");
    opts.secret_access_key = "HIDDEN";
    opts.endpoint = long_text;
    check_refused(&opts, SKEP_ELIMIT, "endpoint_url");
    opts.endpoint = NULL;
    opts.profile = long_text;
    check_refused(&opts, SKEP_ELIMIT, "a profile's name");
}

/* ---- the reader of shared files ---- */

static void check_value(const char *text, const char *section, const char *key, const char *want)
{
    char out[64];
    int found = skep__s3_profile_value(skep_slice_str(text), section, key, out, sizeof(out));
    ck_assert_msg(found == (want != NULL), "%s", text);
    ck_assert_str_eq(out, want == NULL ? "" : want);
}

TEST(shared_files_are_read_as_amazon_reads_them)
{
    check_value("[default]\nkey = value\n", "default", "key", "value");
    check_value("[default]\nkey=value", "default", "key", "value");
    check_value("[default]\r\nKEY\t=\tvalue \r\n", "default", "key", "value");
    check_value("[ default ] # mine\nkey : value\n", "default", "key", "value");
    check_value("[profile x]\nkey = a=b:c/+\n", "profile x", "key", "a=b:c/+");
    check_value("[profile  \"x y\"]\nkey = v\n", "profile x y", "key", "v");
    check_value("[default]\nkey = v # said so\nother = #v\n", "default", "key", "v");
    check_value("[default]\nkey = v#w;x\n", "default", "key", "v#w;x");
    check_value("# [default]\n; key = no\n[default]\n# key = no\nkey = yes\n", "default", "key",
                "yes");
    check_value("[default]\nkey = a\n[other]\nkey = b\n[default]\nkey = c\n", "default", "key",
                "c");
    check_value("[default]\n  key = a\n  other = b\n", "default", "other", "b");
}

TEST(what_is_not_there_is_not_found_in_shared_files)
{
    check_value("", "default", "key", NULL);
    check_value("key = v\n", "default", "key", NULL);
    check_value("[other]\nkey = v\n", "default", "key", NULL);
    check_value("[defaults]\nkey = v\n", "default", "key", NULL);
    check_value("[defaul]\nkey = v\n", "default", "key", NULL);
    check_value("[default\nkey = v\n", "default", "key", NULL);
    check_value("[default]\nkey =\n", "default", "key", NULL);
    check_value("[default]\nkey\n", "default", "key", NULL);
    check_value("[default]\nkeys = v\n", "default", "key", NULL);
    /* a value of its own, of the key s3 */
    check_value("[default]\ns3 =\n  key = v\n  other = w\n", "default", "key", NULL);
}

static const harness_test tests[] = {
    HARNESS_TEST(options_go_before_all),
    HARNESS_TEST(the_environment_goes_before_the_files),
    HARNESS_TEST(a_profile_of_the_options_goes_before_the_environment_and_aws_profile_does_not),
    HARNESS_TEST(a_profile_is_put_together_from_both_files),
    HARNESS_TEST(keys_may_stand_in_the_config_file),
    HARNESS_TEST(the_files_may_lie_elsewhere),
    HARNESS_TEST(a_session_token_may_be_long),
    HARNESS_TEST(where_there_are_none_it_says_where_it_has_looked),
    HARNESS_TEST(half_of_a_pair_is_refused),
    HARNESS_TEST(keys_that_would_have_to_be_fetched_are_refused_with_what_to_do),
    HARNESS_TEST(a_file_that_cannot_be_read_matters_only_where_it_is_needed),
    HARNESS_TEST(a_directory_or_an_endless_file_in_its_place_is_named),
    HARNESS_TEST(values_that_would_break_a_request_are_refused),
    HARNESS_TEST(shared_files_are_read_as_amazon_reads_them),
    HARNESS_TEST(what_is_not_there_is_not_found_in_shared_files),
};
const harness_suite s3_credentials_suite = HARNESS_SUITE("s3_credentials", tests);
