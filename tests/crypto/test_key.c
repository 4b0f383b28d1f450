/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skep/key.h>

#include "crypto/crypto.h"
#include "harness/syscalls.h"

#define BASE64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static const uint8_t raw[SKEP_KEY_BYTES] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                            11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                            22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

/* A raw key of these bytes. */
static void assert_is_raw(skep_key *key)
{
    char text[45];
    assert_ok(skep_key_export(key, text, sizeof(text)));
    ck_assert_str_eq(text, BASE64);
    skep_key_free(key);
}

static void assert_is_passphrase(skep_key *key, const char *text)
{
    const uint8_t salt[SKEP__SALT_BYTES] = {1};
    skep__cipher_key a;
    skep__cipher_key b;
    ck_assert(!skep__key_is_raw(key));
    assert_ok(skep__key_stretch(key, SKEP_CIPHER_AEGIS, salt, &a));
    assert_ok(skep__stretch(skep_slice_str(text), SKEP_CIPHER_AEGIS, salt, &b));
    ck_assert_mem_eq(a.bytes, b.bytes, sizeof(a.bytes));
    skep_key_free(key);
}

TEST(a_raw_key_has_32_bytes_and_comes_out_as_base64)
{
    skep_key *key = NULL;
    assert_ok(skep_key_raw(raw, sizeof(raw), &key));
    assert_is_raw(key);
    assert_fails(skep_key_raw(raw, 31, &key), SKEP_EINVALID);
    assert_fails(skep_key_raw(raw, 33, &key), SKEP_EINVALID);
}

TEST(base64_has_44_characters_and_one_form)
{
    skep_key *key = NULL;
    assert_ok(skep_key_base64(BASE64, &key));
    assert_is_raw(key);
    /* Too short, too long, white space, the other alphabet, stray bits in the last character. */
    assert_fails(skep_key_base64("", &key), SKEP_EINVALID);
    assert_fails(skep_key_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", &key),
                 SKEP_EINVALID);
    assert_fails(skep_key_base64(BASE64 "=", &key), SKEP_EINVALID);
    assert_fails(skep_key_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", &key),
                 SKEP_EINVALID);
    assert_fails(skep_key_base64("-_ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", &key),
                 SKEP_EINVALID);
    assert_fails(skep_key_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", &key),
                 SKEP_EINVALID);
}

TEST(a_text_is_a_raw_key_only_if_it_is_one_in_base64)
{
    static const char *const texts[] = {
        "correct horse battery staple",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", /* 44 characters, another form */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 ",
        BASE64 "x",
    };
    skep_key *key = NULL;
    assert_ok(skep_key_text(skep_slice_str(BASE64), &key));
    assert_is_raw(key);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_ok(skep_key_text(skep_slice_str(texts[i]), &key));
        assert_is_passphrase(key, texts[i]);
    }
    assert_fails(skep_key_text(skep_slice_str(""), &key), SKEP_EINVALID);
}

TEST(a_passphrase_has_a_greatest_length)
{
    char text[SKEP_KEY_TEXT_MAX + 1];
    skep_key *key = NULL;
    memset(text, 'p', sizeof(text));
    assert_ok(skep_key_passphrase(skep_slice_of(text, SKEP_KEY_TEXT_MAX), &key));
    skep_key_free(key);
    assert_fails(skep_key_passphrase(skep_slice_of(text, sizeof(text)), &key), SKEP_ELIMIT);
    assert_fails(skep_key_passphrase(skep_slice_str(""), &key), SKEP_EINVALID);
}

TEST(a_passphrase_is_not_exported)
{
    char text[45] = "";
    skep_key *key = NULL;
    assert_ok(skep_key_passphrase(skep_slice_str("secret"), &key));
    assert_fails(skep_key_export(key, text, sizeof(text)), SKEP_EUNSUPPORTED);
    ck_assert(strstr(skep_last_error()->text, "secret") == NULL);
    skep_key_free(key);
    assert_ok(skep_key_generate(&key));
    assert_fails(skep_key_export(key, text, 44), SKEP_ELIMIT);
    ck_assert_str_eq(text, "");
    skep_key_free(key);
}

TEST(generated_keys_differ)
{
    char a[45];
    char b[45];
    skep_key *key = NULL;
    assert_ok(skep_key_generate(&key));
    assert_ok(skep_key_export(key, a, sizeof(a)));
    skep_key_free(key);
    assert_ok(skep_key_generate(&key));
    assert_ok(skep_key_export(key, b, sizeof(b)));
    skep_key_free(key);
    ck_assert_str_ne(a, b);
}

static const char *key_file(const void *bytes, size_t len, mode_t mode)
{
    const char *path = harness_path("key");
    harness_write_file(path, bytes, len);
    ck_assert_int_eq(chmod(path, mode), 0);
    return path;
}

TEST(a_key_file_of_32_bytes_is_raw_and_else_its_text)
{
    skep_key *key = NULL;
    assert_ok(skep_key_file(key_file(raw, sizeof(raw), 0600), &key));
    assert_is_raw(key);
    assert_ok(skep_key_file(key_file(BASE64, 44, 0600), &key));
    assert_is_raw(key);
    assert_ok(skep_key_file(key_file(BASE64 "\n", 45, 0400), &key));
    assert_is_raw(key);
    assert_ok(skep_key_file(key_file("two words\n", 10, 0600), &key));
    assert_is_passphrase(key, "two words");
    assert_ok(skep_key_file(key_file("two words\n\n", 11, 0600), &key));
    assert_is_passphrase(key, "two words\n");
}

TEST(a_key_file_is_neither_empty_nor_long_nor_a_directory)
{
    char text[SKEP_KEY_TEXT_MAX + 2];
    skep_key *key = NULL;
    memset(text, 'p', sizeof(text));
    assert_fails(skep_key_file(key_file("", 0, 0600), &key), SKEP_EINVALID);
    assert_fails(skep_key_file(key_file("\n", 1, 0600), &key), SKEP_EINVALID);
    text[SKEP_KEY_TEXT_MAX] = '\n';
    assert_ok(skep_key_file(key_file(text, SKEP_KEY_TEXT_MAX + 1, 0600), &key));
    skep_key_free(key);
    text[SKEP_KEY_TEXT_MAX] = 'p';
    assert_fails(skep_key_file(key_file(text, SKEP_KEY_TEXT_MAX + 1, 0600), &key), SKEP_ELIMIT);
    assert_fails(skep_key_file(key_file(text, sizeof(text), 0600), &key), SKEP_ELIMIT);
    assert_fails(skep_key_file(harness_dir(), &key), SKEP_EINVALID);
    assert_fails(skep_key_file(harness_path("none"), &key), SKEP_ENOTFOUND);
    ck_assert_int_eq(mkfifo(harness_path("fifo"), 0600), 0);
    assert_fails(skep_key_file(harness_path("fifo"), &key), SKEP_EINVALID);
}

TEST(a_key_file_that_others_may_read_or_change_is_refused)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0644};
    skep_key *key = NULL;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_fails(skep_key_file(key_file(raw, sizeof(raw), modes[i]), &key), SKEP_EDENIED);
        ck_assert(strstr(skep_last_error()->text, "chmod 600") != NULL);
    }
}

TEST(an_environment_variable_is_overwritten_and_unset)
{
    skep_key *key = NULL;
    assert_fails(skep_key_env("SKEP_TEST_KEY", &key), SKEP_ENOTFOUND);
    ck_assert_int_eq(setenv("SKEP_TEST_KEY", "open sesame", 1), 0);
    const char *value = getenv("SKEP_TEST_KEY");
    ck_assert_ptr_nonnull(value);
    assert_ok(skep_key_env("SKEP_TEST_KEY", &key));
    assert_is_passphrase(key, "open sesame");
    ck_assert_ptr_null(getenv("SKEP_TEST_KEY"));
    ck_assert_mem_eq(value, "\0\0\0\0\0\0\0\0\0\0\0", 11);
    ck_assert_int_eq(setenv("SKEP_TEST_KEY", "", 1), 0);
    assert_fails(skep_key_env("SKEP_TEST_KEY", &key), SKEP_EINVALID);
    ck_assert_ptr_null(getenv("SKEP_TEST_KEY"));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

TEST(a_key_that_was_freed_is_out_of_reach)
{
#if SANITIZED
    harness_skip_test(SKIP_SANITIZER, "it takes the signal for a fault");
#endif
    skep_key *key = NULL;
    assert_ok(skep_key_raw(raw, sizeof(raw), &key));
    skep_key_free(NULL);
    ck_assert(skep__key_is_raw(key));
    skep_key_free(key);
    (void)skep__key_is_raw(key); /* its pages are gone: a signal ends the test */
}

TEST(a_copy_is_its_own_key)
{
    skep_key *key = NULL;
    skep_key *copy = NULL;
    assert_ok(skep_key_raw(raw, sizeof(raw), &key));
    assert_ok(skep__key_copy(key, &copy));
    skep_key_free(key);
    assert_is_raw(copy);
}

TEST(ciphers_have_names)
{
    ck_assert_str_eq(skep_cipher_name(SKEP_CIPHER_AEGIS), "aegis");
    ck_assert_str_eq(skep_cipher_name(SKEP_CIPHER_CHACHA20), "chacha20");
    ck_assert_str_eq(skep_cipher_name(SKEP_CIPHER_SQLCIPHER), "sqlcipher");
    ck_assert_str_eq(skep_cipher_name(SKEP_CIPHER_DEFAULT), "none");
    ck_assert_str_eq(skep_cipher_name(99), "none");
    int best = skep__cipher_best();
    ck_assert(best == SKEP_CIPHER_AEGIS || best == SKEP_CIPHER_CHACHA20);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_raw_key_has_32_bytes_and_comes_out_as_base64),
    HARNESS_TEST(base64_has_44_characters_and_one_form),
    HARNESS_TEST(a_text_is_a_raw_key_only_if_it_is_one_in_base64),
    HARNESS_TEST(a_passphrase_has_a_greatest_length),
    HARNESS_TEST(a_passphrase_is_not_exported),
    HARNESS_TEST(generated_keys_differ),
    HARNESS_TEST(a_key_file_of_32_bytes_is_raw_and_else_its_text),
    HARNESS_TEST(a_key_file_is_neither_empty_nor_long_nor_a_directory),
    HARNESS_TEST(a_key_file_that_others_may_read_or_change_is_refused),
    HARNESS_TEST(an_environment_variable_is_overwritten_and_unset),
#if SANITIZED
    HARNESS_TEST(a_key_that_was_freed_is_out_of_reach),
#else
    HARNESS_TEST_SIGNAL(a_key_that_was_freed_is_out_of_reach, SIGSEGV),
#endif
    HARNESS_TEST(a_copy_is_its_own_key),
    HARNESS_TEST(ciphers_have_names),
};
const harness_suite key_suite = HARNESS_SUITE("key", tests);
