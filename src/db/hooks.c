/* SPDX-License-Identifier: MIT */
/* How replication and schema tools attach to a database that does not know them. */
#include <string.h>

#include "base/time.h"
#include "db/db_private.h"

static int attach(skep_db *db, void *arg)
{
    const skep_db_hooks *hooks = arg;
    int rc = SKEP_OK;
    skep__mutex_lock(&db->hooks_mutex);
    if (db->hooked) {
        rc = SKEP_EEXISTS;
    } else {
        db->hooks = *hooks;
        db->hooked = true;
        atomic_store(&db->gate, hooks->gate);
    }
    skep__mutex_unlock(&db->hooks_mutex);
    return rc < 0 ? SKEP__FAIL(rc, "%s has hooks attached already", db->path) : SKEP_OK;
}

static int detach(skep_db *db, void *arg)
{
    (void)arg;
    skep__mutex_lock(&db->hooks_mutex);
    db->hooked = false;
    memset(&db->hooks, 0, sizeof(db->hooks));
    atomic_store(&db->gate, 0);
    skep__mutex_unlock(&db->hooks_mutex);
    return SKEP_OK;
}

/* A checkpoint hook may still run in its thread; its context must outlive that. */
static void wait_for_hook(skep_db *db)
{
    for (;;) {
        uint32_t seen = atomic_load(&db->hook_word);
        skep__mutex_lock(&db->hooks_mutex);
        bool running = db->hook_running > 0;
        skep__mutex_unlock(&db->hooks_mutex);
        if (!running)
            return;
        (void)skep__word_wait(&db->hook_word, seen, 0);
    }
}

int skep_db_set_hooks(skep_db *db, const skep_db_hooks *hooks)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__TRY(skep__db_here(db));
    if (skep__frame_inside(db))
        return SKEP__FAIL(SKEP_EMISUSE, "hooks cannot change inside a transaction function");
    if (!skep__db_writes(db))
        return SKEP__FAIL(SKEP_EREADONLY, "%s is open for reading only", db->path);
    if (hooks == NULL) {
        SKEP__TRY(skep__writer_exclusive(db, detach, NULL));
        skep__queue_release(&db->queue, UINT64_MAX, SKEP_EUNREPLICATED,
                            "committed here; replication was detached before it acknowledged");
        wait_for_hook(db);
        return SKEP_OK;
    }
    if (hooks->size != sizeof(*hooks) || hooks->abi != SKEP_DB_HOOKS_ABI)
        return SKEP__FAIL(SKEP_EVERSION,
                          "hooks of ABI %u (%u bytes), this library has %u (%zu bytes)", hooks->abi,
                          hooks->size, SKEP_DB_HOOKS_ABI, sizeof(*hooks));
    skep_db_hooks copy = *hooks;
    return skep__writer_exclusive(db, attach, &copy);
}

int skep_db_acknowledge(skep_db *db, uint64_t number, int code, const char *text)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__TRY(skep__db_here(db));
    if (code > 0)
        return SKEP__FAIL(SKEP_EINVALID, "%d is neither SKEP_OK nor a failure", code);
    skep__queue_release(&db->queue, number, code, text);
    return SKEP_OK;
}

int skep_db_restore_point(skep_db *db, const char *name)
{
    SKEP__REQUIRE(db != NULL);
    SKEP__REQUIRE(name != NULL);
    SKEP__TRY(skep__db_here(db));
    skep__mutex_lock(&db->hooks_mutex);
    skep_db_hooks hooks = db->hooks;
    bool there = db->hooked && hooks.restore_point != NULL;
    skep__mutex_unlock(&db->hooks_mutex);
    if (!there)
        return SKEP__FAIL(SKEP_EUNSUPPORTED, "nothing that is attached to %s makes restore points",
                          db->path);
    return hooks.restore_point(hooks.ctx, db, name);
}
