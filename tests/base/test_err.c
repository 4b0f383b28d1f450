/* SPDX-License-Identifier: MIT */
#include "suites.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <skep/version.h>

#include "base/err.h"
#include "base/num.h"

TEST(a_failure_fills_all_of_the_detail)
{
    assert_fails(skep__fail(SKEP_EBUSY, "db", "%s is locked by %d", "x.db", 7), SKEP_EBUSY);
    const skep_err *e = skep_last_error();
    ck_assert_str_eq(e->text, "x.db is locked by 7");
    ck_assert_str_eq(e->room, "db");
    ck_assert_int_eq(e->outcome, SKEP_OUTCOME_NONE);
    ck_assert_int_eq(e->sys_errno, 0);

    skep__err_outcome(SKEP_OUTCOME_UNKNOWN);
    skep__err_engine(266);
    ck_assert_int_eq(e->outcome, SKEP_OUTCOME_UNKNOWN);
    ck_assert_int_eq(e->engine_code, 266);

    assert_fails_with(skep__oom(), SKEP_ENOMEM, SKEP_OUTCOME_NONE);
    ck_assert_int_eq(e->engine_code, 0);
}

TEST(a_system_error_chooses_the_code_and_ends_the_text)
{
    assert_fails(skep__fail_errno(ENOENT, "os", "open %s", "/nowhere"), SKEP_ENOTFOUND);
    ck_assert_str_eq(skep_last_error()->text, "open /nowhere: No such file or directory");
    ck_assert_int_eq(skep_last_error()->sys_errno, ENOENT);
    assert_fails(skep__fail_errno(9999, "os", "open"), SKEP_EIO);
    ck_assert_str_eq(skep_last_error()->text, "open: errno 9999");
}

TEST(errno_becomes_what_a_caller_can_do)
{
    static const struct {
        int sys_errno;
        int code;
    } rows[] = {
        {ENOMEM, SKEP_ENOMEM},   {ENOENT, SKEP_ENOTFOUND},   {ENOTDIR, SKEP_ENOTFOUND},
        {EEXIST, SKEP_EEXISTS},  {EACCES, SKEP_EDENIED},     {EPERM, SKEP_EDENIED},
        {EROFS, SKEP_EREADONLY}, {ENOSPC, SKEP_EFULL},       {EDQUOT, SKEP_EFULL},
        {EAGAIN, SKEP_EBUSY},    {ETIMEDOUT, SKEP_ETIMEOUT}, {EMFILE, SKEP_ELIMIT},
        {EFBIG, SKEP_ELIMIT},    {EISDIR, SKEP_EINVALID},    {ENOSYS, SKEP_EUNSUPPORTED},
        {EIO, SKEP_EIO},         {ENXIO, SKEP_EIO},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_int_eq(skep__code_of_errno(rows[i].sys_errno), rows[i].code);
}

TEST(a_failure_can_quote_the_one_below_it)
{
    assert_fails(skep__fail(SKEP_EIO, "os", "sync x.db"), SKEP_EIO);
    assert_fails(skep__fail(SKEP_EPOISONED, "db", "poisoned by: %s", skep_last_error()->text),
                 SKEP_EPOISONED);
    ck_assert_str_eq(skep_last_error()->text, "poisoned by: sync x.db");
}

TEST(a_text_is_one_line_and_is_cut_between_characters)
{
    assert_fails(skep__fail(SKEP_EINVALID, "db", "a\nb\tc\x1b[31m\x7f"), SKEP_EINVALID);
    ck_assert_str_eq(skep_last_error()->text, "a b c [31m ");

    for (size_t lead = 0; lead < 4; lead++) {
        char long_text[2 * SKEP_ERR_TEXT_MAX];
        memset(long_text, 'x', lead);
        for (size_t i = lead; i + 3 < sizeof(long_text); i += 3)
            memcpy(long_text + i, "\xe2\x82\xac", 4); /* the euro sign */
        assert_fails(skep__fail(SKEP_EINVALID, "db", "%s", long_text), SKEP_EINVALID);
        const char *text = skep_last_error()->text;
        size_t len = strlen(text);
        ck_assert_uint_lt(len, SKEP_ERR_TEXT_MAX);
        ck_assert_uint_gt(len, SKEP_ERR_TEXT_MAX - 8);
        ck_assert_str_eq(text + len - 3, "...");
        ck_assert_uint_eq((len - 3 - lead) % 3, 0);
    }
}

TEST(a_system_error_that_does_not_fit_is_cut_too)
{
    char path[SKEP_ERR_TEXT_MAX - 5];
    memset(path, 'p', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_fails(skep__fail_errno(EIO, "os", "%s", path), SKEP_EIO);
    ck_assert_str_eq(skep_last_error()->text + SKEP_ERR_TEXT_MAX - 4, "...");
}

TEST(a_long_room_name_is_cut)
{
    assert_fails(skep__fail(SKEP_EIO, "a room with a very long name", "x"), SKEP_EIO);
    ck_assert_str_eq(skep_last_error()->room, "a room with a v");
}

static void *fail_elsewhere(void *arg)
{
    (void)skep__fail(SKEP_EFULL, "os", "no space left for x.db");
    skep__err_outcome(SKEP_OUTCOME_ROLLED_BACK);
    skep__err_save(arg);
    return NULL;
}

TEST(each_thread_has_its_own_detail_until_it_is_carried_over)
{
    skep_err carried;
    pthread_t thread;
    (void)skep__fail(SKEP_EBUSY, "db", "mine");
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, &carried), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_str_eq(skep_last_error()->text, "mine");

    assert_fails_with(skep__err_install(&carried), SKEP_EFULL, SKEP_OUTCOME_ROLLED_BACK);
    ck_assert_str_eq(skep_last_error()->text, "no space left for x.db");
    ck_assert_int_eq(skep__err_install(skep_last_error()), SKEP_EFULL);
}

static int needs(const void *handle)
{
    SKEP__REQUIRE(handle != NULL);
    return SKEP_OK;
}

TEST(misuse_ends_a_debug_build)
{
    (void)needs(NULL);
}

TEST(misuse_returns_in_a_release_build)
{
    skep__misuse_aborts(false);
    assert_fails(needs(NULL), SKEP_EMISUSE);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "handle"));
    assert_ok(needs(""));
}

TEST(a_false_assertion_ends_the_process)
{
    ASSERT(needs("") != SKEP_OK);
}

TEST(narrowing_what_does_not_fit_ends_the_process)
{
    ck_assert_uint_eq(skep__u32(UINT32_MAX), UINT32_MAX);
    ck_assert_int_eq(skep__int(INT_MAX), INT_MAX);
    ck_assert_int_eq(skep__i64(INT64_MAX), INT64_MAX);
    (void)skep__u32((uint64_t)UINT32_MAX + 1);
}

TEST(codes_and_outcomes_have_names)
{
    ck_assert_str_eq(skep_code_name(SKEP_OK), "SKEP_OK");
    ck_assert_str_eq(skep_code_name(SKEP_EBUSY), "SKEP_EBUSY");
    ck_assert_str_eq(skep_code_name(SKEP_EUNREPLICATED), "SKEP_EUNREPLICATED");
    ck_assert_str_eq(skep_code_name(SKEP_EINTERNAL), "SKEP_EINTERNAL");
    ck_assert_str_eq(skep_code_name(SKEP_EUSER), "SKEP_EUSER");
    ck_assert_str_eq(skep_code_name(SKEP_EUSER - 5), "SKEP_EUSER");
    ck_assert_str_eq(skep_code_name(1), "?");
    ck_assert_str_eq(skep_code_name(SKEP_EINTERNAL - 1), "?");
    ck_assert_str_eq(skep_code_name(SKEP_EUSER + 1), "?");
    ck_assert_str_eq(skep_outcome_name(SKEP_OUTCOME_NONE), "none");
    ck_assert_str_eq(skep_outcome_name(SKEP_OUTCOME_ROLLED_BACK), "rolled back");
    ck_assert_str_eq(skep_outcome_name(SKEP_OUTCOME_COMMITTED), "committed");
    ck_assert_str_eq(skep_outcome_name(SKEP_OUTCOME_UNKNOWN), "unknown");
    ck_assert_str_eq(skep_outcome_name(4), "?");
    ck_assert_str_eq(skep_outcome_name(-1), "?");
}

TEST(the_library_says_its_version)
{
    ck_assert_str_eq(skep_version(), SKEP_VERSION);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_failure_fills_all_of_the_detail),
    HARNESS_TEST(a_system_error_chooses_the_code_and_ends_the_text),
    HARNESS_TEST(errno_becomes_what_a_caller_can_do),
    HARNESS_TEST(a_failure_can_quote_the_one_below_it),
    HARNESS_TEST(a_text_is_one_line_and_is_cut_between_characters),
    HARNESS_TEST(a_system_error_that_does_not_fit_is_cut_too),
    HARNESS_TEST(a_long_room_name_is_cut),
    HARNESS_TEST(each_thread_has_its_own_detail_until_it_is_carried_over),
    HARNESS_TEST_SIGNAL(misuse_ends_a_debug_build, SIGABRT),
    HARNESS_TEST(misuse_returns_in_a_release_build),
    HARNESS_TEST_SIGNAL(a_false_assertion_ends_the_process, SIGABRT),
    HARNESS_TEST_SIGNAL(narrowing_what_does_not_fit_ends_the_process, SIGABRT),
    HARNESS_TEST(codes_and_outcomes_have_names),
    HARNESS_TEST(the_library_says_its_version),
};
const harness_suite err_suite = HARNESS_SUITE("err", tests);
