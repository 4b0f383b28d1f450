/* SPDX-License-Identifier: MIT */
#ifndef SKEP__STORE_DISK_PRIVATE_H
#define SKEP__STORE_DISK_PRIVATE_H

#include <stdatomic.h>

#include "base/thread.h"
#include "os/os.h"
#include "store/known.h"
#include "store/store.h"
#include "store/walk.h"

/* A store that is a directory. docs/format/store-disk.md says what lies where. */

#define SKEP__DISK_FORMAT 1
#define SKEP__DISK_MARKER "skep-store"
#define SKEP__DISK_SHARDS 64
#define SKEP__DISK_LANES 64

typedef struct skep__disk {
    skep_store base;
    bool readonly;
    uint64_t keep_free;
    int lock_fd;   /* -1: readonly */
    uint32_t slot; /* whose folder of temporary files is ours */
    _Atomic uint64_t temps;
    skep__known known; /* directories, by their paths */
    skep__mutex mutex;
    skep__cond freed;
    uint64_t taken SKEP__GUARDED_BY(mutex); /* lanes, by threads of this process */
    char name[SKEP__PATH_MAX];              /* "file:DIR" */
    char root[SKEP__PATH_MAX - 64];         /* so that what skep keeps beside objects fits */
} skep__disk;

/* ---- what an object's file ends with (disk_foot.c) ---- */

#define SKEP__FOOT_BYTES 64

typedef struct skep__foot {
    uint64_t bytes;
    int64_t put_us;
    uint8_t hash[SKEP_STORE_HASH_BYTES];
} skep__foot;

/* The key and the footer, as they stand behind the content. Returns their length. */
#define SKEP__TAIL_MAX (SKEP_STORE_KEY_MAX + SKEP__FOOT_BYTES)
size_t skep__foot_encode(const skep__foot *foot, const char *key, uint8_t out[SKEP__TAIL_MAX]);
/* Of the last bytes of a file that has `size` of them. `tail` has as many as there are, up to
 * SKEP__TAIL_MAX. SKEP_ECORRUPT names the key. */
int skep__foot_decode(skep_slice tail, uint64_t size, const char *key, skep__foot *out) SKEP_CHECK;

/* Open the file of an object and read its footer. SKEP_ENOTFOUND. */
int skep__disk_look(const skep__disk *disk, const char *key, int *fd, skep__foot *foot) SKEP_CHECK;
void skep__disk_object(const skep__foot *foot, const char *key, skep_object *out);

/* ---- where things lie (disk_path.c) ---- */

/* The file of an object; SKEP_ELIMIT if the path is longer than the system takes. */
int skep__disk_path(const skep__disk *disk, const char *key, char out[SKEP__PATH_MAX]) SKEP_CHECK;
/* The directory that has the shards of a folder, "" or "a/b/". */
int skep__disk_folder(const skep__disk *disk, const char *folder, char out[SKEP__PATH_MAX])
    SKEP_CHECK;
/* Make the directories above `file`, each durable before anything in it is acknowledged. */
int skep__disk_make_parents(skep__disk *disk, const char *file) SKEP_CHECK;
void skep__disk_shard_name(const char *name, size_t len, char out[3]);

/* ---- locks (disk_lock.c) ---- */

/* The lane of a key: whoever changes the key holds it, in this process and others. */
int skep__disk_lock(skep__disk *disk, const char *key, const skep_io *io, unsigned *lane)
    SKEP_CHECK;
void skep__disk_unlock(skep__disk *disk, unsigned lane);
/* Take a folder for temporary files, and remove what dead writers left in theirs. */
int skep__disk_take_slot(skep__disk *disk) SKEP_CHECK;
void skep__disk_temp(skep__disk *disk, char out[SKEP__PATH_MAX]);
int skep__disk_space(const skep__disk *disk, uint64_t need) SKEP_CHECK;

/* ---- methods (disk_put.c, disk_get.c, disk_list.c) ---- */

int skep__disk_put_begin(skep_store *store, const char *key, const skep_put_how *how,
                         skep_put **out);
int skep__disk_put_write(skep_put *put, const void *data, size_t len);
int skep__disk_put_commit(skep_put *put, const uint8_t *hash, skep_object *out);
void skep__disk_put_abort(skep_put *put);
int skep__disk_remove(skep_store *store, const char *const *keys, size_t n, const skep_io *io,
                      int *results);
int skep__disk_head(skep_store *store, const char *key, const skep_io *io, skep_object *out);
int skep__disk_get_open(skep_store *store, const char *key, const skep_get_how *how, skep_get **out,
                        skep_object *info);
int skep__disk_get_read(skep_get *get, void *data, size_t len, size_t *got);
void skep__disk_get_close(skep_get *get);
int skep__disk_list_open(skep_store *store, const skep_list_how *how, skep_list **out);
int skep__disk_list_next(skep_list *list, skep_object *out);
void skep__disk_list_close(skep_list *list);

#endif
