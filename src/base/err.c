/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* This thread's last failure, and how often it has changed. */
static _Thread_local struct {
    skep_err err;
    uint32_t serial;
} last;

#ifdef SKEP_TEST_BUILD
static _Thread_local bool misuse_returns;

void skep__misuse_aborts(bool on)
{
    misuse_returns = !on;
}
#endif

/* Error texts quote what they were given. Whatever that is, the text stays one line, and ends
 * between two characters where it had to be cut. */
static void make_one_line(char *text, bool cut)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = ' ';
    }
    if (!cut || len < 4)
        return;
    size_t end = len - 3;
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, "...", 4);
}

/* The arguments may point into the detail that is being replaced: a failure often quotes the one
 * below it. So the text is made aside. */
__attribute__((format(printf, 4, 0))) static int fill(int code, int sys_errno, const char *room,
                                                      const char *fmt, va_list args)
{
    char text[SKEP_ERR_TEXT_MAX];
    ASSERT(code < 0);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    if (n < 0)
        text[0] = '\0';
    if (n >= 0 && sys_errno != 0 && (size_t)n < sizeof(text)) {
        const char *why = strerrordesc_np(sys_errno);
        size_t left = sizeof(text) - (size_t)n;
        int m = why ? snprintf(text + n, left, ": %s", why)
                    : snprintf(text + n, left, ": errno %d", sys_errno);
        n = m < 0 ? n : n + m;
    }
    make_one_line(text, n >= (int)sizeof(text));

    last.serial++;
    memset(&last.err, 0, sizeof(last.err));
    last.err.code = code;
    last.err.sys_errno = sys_errno;
    (void)snprintf(last.err.room, sizeof(last.err.room), "%s", room);
    memcpy(last.err.text, text, sizeof(text));
    return code;
}

int skep__fail(int code, const char *room, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int rc = fill(code, 0, room, fmt, args);
    va_end(args);
    return rc;
}

int skep__vfail(int code, const char *room, const char *fmt, va_list args)
{
    return fill(code, 0, room, fmt, args);
}

int skep__fail_errno(int sys_errno, const char *room, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int rc = fill(skep__code_of_errno(sys_errno), sys_errno, room, fmt, args);
    va_end(args);
    return rc;
}

int skep__oom(void)
{
    return skep__fail(SKEP_ENOMEM, "base", "out of memory");
}

int skep__code_of_errno(int sys_errno)
{
    switch (sys_errno) {
    case ENOMEM:
        return SKEP_ENOMEM;
    case ENOENT:
    case ENOTDIR:
        return SKEP_ENOTFOUND;
    case EEXIST:
    case ENOTEMPTY:
        return SKEP_EEXISTS;
    case EACCES:
    case EPERM:
        return SKEP_EDENIED;
    case EROFS:
        return SKEP_EREADONLY;
    case ENOSPC:
    case EDQUOT:
        return SKEP_EFULL;
    case EBUSY:
    case EAGAIN:
    case ETXTBSY:
    case EDEADLK:
        return SKEP_EBUSY;
    case ETIMEDOUT:
        return SKEP_ETIMEOUT;
    case EMFILE:
    case ENFILE:
    case EFBIG:
    case EMLINK:
        return SKEP_ELIMIT;
    case EINVAL:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
        return SKEP_EINVALID;
    case ENOSYS:
    case EOPNOTSUPP:
        return SKEP_EUNSUPPORTED;
    default:
        return SKEP_EIO;
    }
}

void skep__err_outcome(skep_outcome outcome)
{
    last.err.outcome = (int32_t)outcome;
}

void skep__err_engine(int engine_code)
{
    last.err.engine_code = engine_code;
}

void skep__err_errno(int sys_errno)
{
    last.err.sys_errno = sys_errno;
}

uint32_t skep__err_serial(void)
{
    return last.serial;
}

void skep__err_save(skep_err *out)
{
    *out = last.err;
}

int skep__err_install(const skep_err *err)
{
    if (err != &last.err)
        last.err = *err;
    last.serial++;
    return last.err.code;
}

void skep__assert_failed(const char *what, const char *file, int line)
{
    (void)fprintf(stderr, "skep: a bug, please report it: %s is false (%s:%d)\n", what, file, line);
    abort();
}

int skep__misuse(const char *room, const char *what)
{
    bool returns = false;
#ifdef NDEBUG
    returns = true;
#endif
#ifdef SKEP_TEST_BUILD
    returns = misuse_returns;
#endif
    if (!returns) {
        (void)fprintf(stderr, "skep: misuse of the API in %s: %s is required\n", room, what);
        abort();
    }
    return skep__fail(SKEP_EMISUSE, room, "%s is required", what);
}

const skep_err *skep_last_error(void)
{
    return &last.err;
}
