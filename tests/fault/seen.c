/*
 * Most faults leave one of a few states: what was there between two changes. Whether all is well
 * with a state (it verifies, what was acknowledged is there, the command works again, the copies
 * are sound) depends on that state alone, so it is tried once. The key of a state is one BLAKE2b
 * hash over the names, modes and bytes of all files and over what is asked: whether it was
 * acknowledged, which entry was named. still.c sees to it that the same fault leaves the same
 * bytes; what differs all the same is tried like any other. Times and inode numbers of files are
 * not in the key: every run begins with files that were just written again, so no rule can rest on
 * them.
 *
 * Where a transaction broke off, many states differ in its journal alone. `verify` is tried on each
 * of them; what comes after it, once for each state that `verify` leaves, whatever is in a journal
 * that SQLite does not play back.
 *
 * What rests on the words of the command (a typed exit, what was shown, an entry that it does not
 * speak of) is judged each time. Only states that were well are remembered: of one that is wrong,
 * each fault is complained about.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

static struct seen *all;
static size_t count, room;

void
seen_key(struct seen *s, const char *dir, int mended, int acked, const char *step)
{
    crypto_generichash_state h;
    unsigned char tree[TREE_HASH];
    tree_hash(dir, mended, tree);
    (void)crypto_generichash_init(&h, NULL, 0, TREE_HASH);
    (void)crypto_generichash_update(&h, tree, sizeof tree);
    (void)crypto_generichash_update(&h, (const unsigned char *)&mended, sizeof mended);
    (void)crypto_generichash_update(&h, (const unsigned char *)&acked, sizeof acked);
    (void)crypto_generichash_update(&h, (const unsigned char *)step, strlen(step));
    (void)crypto_generichash_final(&h, s->key, TREE_HASH);
}

const struct seen *
seen_find(const struct seen *key)
{
    for (size_t i = count; i-- > 0;) { /* what was there a fault ago is the likeliest */
        if (memcmp(all[i].key, key->key, TREE_HASH) == 0)
            return &all[i];
    }
    return NULL;
}

void
seen_add(const struct seen *s)
{
    if (count == room) {
        room = room * 2 + 64;
        all = realloc(all, room * sizeof *all);
        if (all == NULL)
            die("out of memory");
    }
    all[count++] = *s;
}

void
seen_forget(void)
{
    count = 0;
}
