/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* ---- in memory ---- */

/* The flags of the mapping that `at` lies in, as /proc/self/smaps tells them. */
static void mapping_flags(const void *at, char out[1024])
{
    char line[1024];
    bool inside = false;
    FILE *maps = fopen("/proc/self/smaps", "re");
    ck_assert_ptr_nonnull(maps);
    out[0] = '\0';
    while (out[0] == '\0' && fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t from = 0;
        uintptr_t to = 0;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
            inside = (uintptr_t)at >= from && (uintptr_t)at < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            (void)snprintf(out, 1024, "%s", line + 8);
    }
    (void)fclose(maps);
}

TEST(F07_a_key_lies_in_locked_memory_that_no_core_dump_has)
{
    char flags[1024];
    struct rlimit lock;
    skep_key *key = NULL;
    skep_key *copy = NULL;
    assert_ok(skep_key_raw(raw, sizeof(raw), &key));
    assert_ok(skep__key_copy(key, &copy));
    mapping_flags(key, flags);
    if (flags[0] == '\0')
        harness_skip_test(SKIP_TOOL, "a kernel that tells the flags of mappings");
    ck_assert_int_eq(getrlimit(RLIMIT_MEMLOCK, &lock), 0);
    const skep_key *const keys[] = {key, copy};
    for (size_t i = 0; i < 2; i++) {
        mapping_flags(keys[i], flags);
        ck_assert_msg(strstr(flags, " dd") != NULL, "it is dumped: %s", flags);
        if (lock.rlim_cur >= 1 << 20 && !SANITIZED) /* sanitizers lock nothing */
            ck_assert_msg(strstr(flags, " lo") != NULL, "it is not locked: %s", flags);
    }
    mapping_flags(flags, flags); /* so that this could fail */
    ck_assert(strstr(flags, " dd") == NULL);
    skep_key_free(key);
    skep_key_free(copy);
}

/* What is in the core of a host, or ought to be if cores are allowed: something of its own, in two
 * halves here, so that this program's constants are no copy of it. */
static void make_canary(char out[64])
{
    (void)snprintf(out, 64, "%s-%s", "canary-7f3a91", "of-a-host-with-a-key");
}

static _Noreturn void die_with_a_core(void)
{
    const struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
    uint8_t bytes[SKEP_KEY_BYTES];
    skep_key *key = NULL;
    char *canary = malloc(64);
    rng r = rng_of(harness_seed());
    rng_fill(&r, bytes, sizeof(bytes));
    if (canary == NULL || chdir(harness_dir()) != 0 || setrlimit(RLIMIT_CORE, &most) != 0 ||
        skep_key_raw(bytes, sizeof(bytes), &key) < 0)
        _exit(1);
    explicit_bzero(bytes, sizeof(bytes));
    make_canary(canary);
    (void)kill(getpid(), SIGQUIT); /* its default action, which nobody here has changed */
    _exit(2);
}

/* Does any file of the test's directory hold these bytes? -1: there is no file. */
static int in_core(const void *bytes, size_t len)
{
    int found = -1;
    const struct dirent *entry;
    DIR *files = opendir(harness_dir());
    ck_assert_ptr_nonnull(files);
    while ((entry = readdir(files)) != NULL) {
        size_t size = 0;
        if (strncmp(entry->d_name, "core", 4) != 0)
            continue;
        const void *data = harness_read_file(harness_path(entry->d_name), &size);
        found = found > 0 || memmem(data, size, bytes, len) != NULL;
    }
    (void)closedir(files);
    return found;
}

TEST(F07_the_core_of_a_host_holds_no_key_that_skep_keeps)
{
    uint8_t bytes[SKEP_KEY_BYTES];
    char canary[64];
    int status = 0;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        die_with_a_core();
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    make_canary(canary);
    int there = WIFSIGNALED(status) && WCOREDUMP(status) ? in_core(canary, strlen(canary)) : -1;
    if (there < 0)
        harness_skip_test(SKIP_TOOL, "a core dump in the working directory (core_pattern)");
    ck_assert_int_eq(there, 1);
    rng r = rng_of(harness_seed());
    rng_fill(&r, bytes, sizeof(bytes));
    ck_assert_int_eq(in_core(bytes, sizeof(bytes)), 0);
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
    HARNESS_TEST(F07_a_key_lies_in_locked_memory_that_no_core_dump_has),
    HARNESS_TEST(F07_the_core_of_a_host_holds_no_key_that_skep_keeps),
};
const harness_suite key_suite = HARNESS_SUITE("key", tests);
