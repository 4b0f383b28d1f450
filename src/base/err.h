/* SPDX-License-Identifier: MIT */
#ifndef SKEP__BASE_ERR_H
#define SKEP__BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#include <skep/status.h>

/* The room that a source file belongs to comes from the build: -DSKEP__ROOM="db". */
#ifndef SKEP__ROOM
#define SKEP__ROOM "?"
#endif

/* Fill this thread's error detail and return `code`. The text says what, which, why. */
int skep__fail(int code, const char *room, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));
int skep__vfail(int code, const char *room, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0), cold));
/* The same with errno of a failed system call; the code follows from it (ENOENT: NOTFOUND, …). */
int skep__fail_errno(int sys_errno, const char *room, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));
int skep__oom(void) __attribute__((cold));

/* Change the detail of the failure that is being passed up. */
void skep__err_outcome(skep_outcome outcome);
void skep__err_engine(int engine_code);
void skep__err_errno(int sys_errno);

/* Changes whenever this thread's detail does: has anything failed since? */
uint32_t skep__err_serial(void);

/* Where work hops threads: save what this thread failed with, install it on another. */
void skep__err_save(skep_err *out);
int skep__err_install(const skep_err *err); /* returns err->code */

int skep__code_of_errno(int sys_errno);

#define SKEP__FAIL(code, ...) skep__fail((code), SKEP__ROOM, __VA_ARGS__)
#define SKEP__FAIL_ERRNO(err, ...) skep__fail_errno((err), SKEP__ROOM, __VA_ARGS__)

/* The only two control macros: return on a negative code; move an owned pointer out. */
#define SKEP__TRY(call)                                                                            \
    do {                                                                                           \
        int skep__rc_ = (call);                                                                    \
        if (skep__rc_ < 0)                                                                         \
            return skep__rc_;                                                                      \
    } while (0)
#define SKEP__TAKE(p)                                                                              \
    __extension__({                                                                                \
        __typeof__(p) skep__taken_ = (p);                                                          \
        (p) = NULL;                                                                                \
        skep__taken_;                                                                              \
    })
#define SKEP__CLEANUP(fn) __attribute__((cleanup(fn)))

/* ASSERT stays in release: state, sizes, what is about to reach the disk. DEBUG_ASSERT for hot
 * loops. Input, disk and network are never asserted. */
void skep__assert_failed(const char *what, const char *file, int line)
    __attribute__((noreturn, cold));
#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            skep__assert_failed(#cond, __FILE__, __LINE__);                                        \
    } while (0)
#ifdef NDEBUG
#define DEBUG_ASSERT(cond) ((void)sizeof(cond))
#else
#define DEBUG_ASSERT(cond) ASSERT(cond)
#endif

/* A broken rule of the API, checked once at the public boundary: abort in debug builds, MISUSE in
 * release. */
int skep__misuse(const char *room, const char *what) __attribute__((cold));
#ifdef SKEP_TEST_BUILD
/* A test of what a release build answers: false makes misuse by this thread return. */
void skep__misuse_aborts(bool on);
#endif
#define SKEP__REQUIRE(cond)                                                                        \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            return skep__misuse(SKEP__ROOM, #cond);                                                \
    } while (0)

#endif
