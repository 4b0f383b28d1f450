/* SPDX-License-Identifier: MIT */
#ifndef SKEP_STATUS_H
#define SKEP_STATUS_H

#include <stddef.h>
#include <stdint.h>

/** Result codes and error detail.
 *
 *  Every function that can fail returns an int: zero or more is success, a negative value is one of
 *  the codes below or, from a transaction function, a code of the caller's own. Outputs are left
 *  untouched on failure. Codes are chosen by what a caller can do about them; new ones may come
 *  with a minor release: a `switch` over them needs a `default`.
 *
 *  Threads: shared. The detail belongs to the thread that made the call.
 */

#if defined(_WIN32)
#error "skep runs on Linux"
#endif

#define SKEP_API __attribute__((visibility("default")))
#define SKEP_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SKEP_OK = 0,
    SKEP_ENOMEM = -1,         /**< memory ran out; nothing was changed unless `outcome` says so */
    SKEP_EINVALID = -2,       /**< an argument, SQL text or setting is wrong */
    SKEP_EMISUSE = -3,        /**< the call breaks a rule of the API; fix the program */
    SKEP_ENOTFOUND = -4,      /**< what was asked for is not there */
    SKEP_EEXISTS = -5,        /**< it is there already: UNIQUE, PRIMARY KEY, create-only */
    SKEP_EBUSY = -6,          /**< another process holds it; try again later */
    SKEP_ETIMEOUT = -7,       /**< the deadline of the call passed */
    SKEP_ECANCELLED = -8,     /**< the call's skep_cancel was fired */
    SKEP_ECONFLICT = -9,      /**< it changed meanwhile; run the work again */
    SKEP_EDENIED = -10,       /**< no permission */
    SKEP_EREADONLY = -11,     /**< a write through something opened for reading */
    SKEP_ELIMIT = -12,        /**< a named ceiling was reached */
    SKEP_EFULL = -13,         /**< no space left */
    SKEP_EIO = -14,           /**< the device or file system failed */
    SKEP_ENET = -15,          /**< the network failed */
    SKEP_ECORRUPT = -16,      /**< stored bytes are damaged or not what they should be */
    SKEP_EVERSION = -17,      /**< written by a newer format */
    SKEP_EUNSUPPORTED = -18,  /**< this build, engine or file cannot do that */
    SKEP_EPOISONED = -19,     /**< an earlier sync failed; reopen to recover */
    SKEP_ECLOSED = -20,       /**< the handle is closing */
    SKEP_EAUTH = -21,         /**< wrong or missing key or credential */
    SKEP_EFENCED = -22,       /**< another holder took over */
    SKEP_EUNREPLICATED = -23, /**< committed here, not yet elsewhere: wait, do not repeat */
    SKEP_ECONSTRAINT = -24,   /**< foreign key, NOT NULL, CHECK or RAISE(ABORT) */
    SKEP_EINTERNAL = -25,     /**< a bug in skep; please report it */
    SKEP_EUSER = -1000 /**< this and below belong to the application's transaction functions */
};

/** What became of the transaction of a failed call. */
typedef enum skep_outcome {
    SKEP_OUTCOME_NONE = 0,        /**< no transaction was involved, or none was begun */
    SKEP_OUTCOME_ROLLED_BACK = 1, /**< it left no trace */
    SKEP_OUTCOME_COMMITTED = 2,   /**< it is durable here although the call failed */
    SKEP_OUTCOME_UNKNOWN = 3      /**< it may or may not survive a crash; reopen and look */
} skep_outcome;

#define SKEP_ERR_ROOM_MAX 16
#define SKEP_ERR_TEXT_MAX 384

/** Detail of the last failure in this thread. Fixed size: filling it allocates nothing. */
typedef struct skep_err {
    int32_t code;                 /**< the code that the call returned */
    int32_t outcome;              /**< skep_outcome */
    int32_t sys_errno;            /**< errno of the system call that failed, or 0 */
    int32_t engine_code;          /**< the engine's own code (SQLite: extended result code), or 0 */
    char room[SKEP_ERR_ROOM_MAX]; /**< the part of skep that failed, or "callback" */
    char text[SKEP_ERR_TEXT_MAX]; /**< what, which, why, in one line; holds no secrets */
} skep_err;

/** Detail of the last call in this thread that returned a negative code. Borrowed; never NULL;
 *  overwritten by the next failure in this thread. */
SKEP_API const skep_err *skep_last_error(void);

/** "SKEP_EBUSY" for SKEP_EBUSY; "SKEP_EUSER" for SKEP_EUSER and below; "?" for what is no code.
 *  Static storage. */
SKEP_API const char *skep_code_name(int code);

/** "none", "rolled back", "committed", "unknown". Static storage. */
SKEP_API const char *skep_outcome_name(int outcome);

#ifdef __cplusplus
}
#endif

#ifdef __cplusplus
/* SKEP_…_OPTS_INIT: everything zero but the size, which a C++ initializer cannot say. */
template <class Opts> inline Opts skep__opts_init()
{
    Opts opts = {};
    opts.size = static_cast<uint32_t>(sizeof(Opts));
    return opts;
}
#endif

#endif
