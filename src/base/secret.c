#include "base/secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/plant.h"

enum {
    ARENA_BYTES = SECRET_SLOTS * SECRET_SLOT,
    STACK_TRACES = 128 * 1024 /* more than any call that handles a secret reaches down */
};

/*
 * Invariants: map is NULL while the arena is closed; else map .. map + map_len is one mapping of
 * guard page, slots, guard page, and slots points behind the first guard page.
 * handles[i].bytes is slot i while it is taken, else NULL.
 */
static struct arena {
    unsigned char *map;
    size_t map_len;
    unsigned char *slots;
    size_t slots_len; /* ARENA_BYTES, rounded up to whole pages */
    int locked;
    struct secret handles[SECRET_SLOTS];
} arena;

static enum rc
refused(struct err *err, const char *what)
{
    enum rc rc = err_errno(err, RC_NO_LOCK, "%s %d bytes of memory for secrets", what, ARENA_BYTES);
    (void)err_hint(err, "raise the limit: ulimit -l 64, or LimitMEMLOCK=64K in a systemd unit");
    (void)err_hint(err, "or accept that secrets may reach the swap: --accept-risk");
    return rc;
}

static enum rc
map_arena(struct err *err)
{
    long page = sysconf(_SC_PAGESIZE);
    size_t guard = page > 0 ? (size_t)page : 4096;
    arena.slots_len = (ARENA_BYTES + guard - 1) / guard * guard;
    arena.map_len = arena.slots_len + 2 * guard;
    void *map = mmap(NULL, arena.map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return err_nomem(err);
    arena.map = map;
    arena.slots = arena.map + guard;
    if (mprotect(arena.slots, arena.slots_len, PROT_READ | PROT_WRITE) != 0)
        return err_nomem(err);
    return RC_OK;
}

/* sodium_malloc would succeed without a lock, so the lock is taken and checked here. */
static enum rc
lock_arena(enum secret_flags flags, struct err *err)
{
    int unlocked_ok = flags == SECRET_UNLOCKED_OK;
    if (madvise(arena.slots, arena.slots_len, MADV_DONTDUMP) != 0 && !unlocked_ok)
        return refused(err, "keeping out of core dumps");
    arena.locked = sodium_mlock(arena.slots, arena.slots_len) == 0;
    if (!arena.locked && !unlocked_ok)
        return refused(err, "locking");
    return RC_OK;
}

enum rc
secret_arena_open(enum secret_flags flags, struct err *err)
{
    if (arena.map != NULL)
        return RC_OK;
    if (sodium_init() < 0) /* 1 when it was done before */
        return err_set(err, RC_INTERNAL, "libsodium cannot start");
    enum rc rc = map_arena(err);
    if (rc == RC_OK)
        rc = lock_arena(flags, err);
    if (rc != RC_OK)
        secret_arena_close();
    return rc;
}

/* Wipes what calls that have returned left on the stack: working memory, saved registers. */
static void
wipe_stack(void)
{
    if (!PLANTED("no-stack-wipe"))
        sodium_stackzero(STACK_TRACES);
}

void
secret_arena_close(void)
{
    if (arena.map == NULL)
        return;
    /* Opening may have failed before the slots became writable: then nothing is there to wipe. */
    if (mprotect(arena.slots, arena.slots_len, PROT_READ | PROT_WRITE) == 0)
        sodium_memzero(arena.slots, arena.slots_len);
    wipe_stack();
    (void)munmap(arena.map, arena.map_len); /* unlocks, too */
    memset(&arena, 0, sizeof arena);
}

int
secret_unlocked(void)
{
    return arena.map != NULL && !arena.locked;
}

unsigned
secret_live(void)
{
    unsigned live = 0;
    for (size_t i = 0; i < SECRET_SLOTS; i++)
        live += arena.handles[i].bytes != NULL;
    return live;
}

enum rc
secret_new(struct secret **out, struct err *err)
{
    *out = NULL;
    enum rc rc = secret_arena_open(SECRET_LOCKED, err);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < SECRET_SLOTS; i++) {
        struct secret *s = &arena.handles[i];
        if (s->bytes == NULL) {
            s->bytes = arena.slots + i * SECRET_SLOT;
            s->len = 0;
            *out = s;
            return RC_OK;
        }
    }
    (void)err_set(err, RC_NO_MEMORY, "all %d places for secrets are taken", SECRET_SLOTS);
    return err_hint(err, "name fewer keys, or root keys of fewer KMSs, in one command");
}

void
secret_free(struct secret *s)
{
    if (s == NULL)
        return;
    assert(s >= arena.handles && s < arena.handles + SECRET_SLOTS);
    assert(s->bytes != NULL); /* else freed twice */
    sodium_memzero(s->bytes, SECRET_SLOT);
    s->bytes = NULL;
    s->len = 0;
    wipe_stack();
}

enum rc
secret_add(struct secret *s, const void *bytes, size_t len, struct err *err)
{
    if (len > SECRET_SLOT - s->len)
        return err_set(err, RC_BAD_VALUE, "a secret is longer than %d bytes", SECRET_SLOT);
    if (len > 0)
        memcpy(s->bytes + s->len, bytes, len);
    s->len += len;
    return RC_OK;
}

void
secret_cut(struct secret *s, size_t len)
{
    assert(len <= s->len);
    /* To the end of the slot: a failed read may have left bytes behind len. */
    sodium_memzero(s->bytes + len, SECRET_SLOT - len);
    s->len = len;
}

int
secret_equal(const struct secret *a, const struct secret *b)
{
    return a->len == b->len && sodium_memcmp(a->bytes, b->bytes, a->len) == 0;
}

void
secret_wipe(void *bytes, size_t len)
{
    if (len > 0)
        sodium_memzero(bytes, len);
}
