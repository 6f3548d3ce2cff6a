#include "copy/pull_views.h"

#include <stdio.h>
#include <string.h>

#include "copy/held.h"
#include "escrow/log.h"
#include "escrow/trust.h"

static enum rc
signed_as_me(const struct log_author *by, const struct head_known *k, int64_t mine, struct err *err)
{
    (void)err_set(err, RC_SIGNED_AS_ME, "somebody signed as this store's author");
    if (k->entries > mine)
        (void)err_why(err, "author %s has seen %lld of its entries; the store holds %lld",
                      by->author, (long long)k->entries, (long long)mine);
    else
        (void)err_why(err, "author %s has seen another entry %lld than the store holds", by->author,
                      (long long)k->entries);
    (void)err_hint(err, "restored from a backup? sync first with the copy that holds the newer "
                        "entries");
    return err_hint(err, "is there a clone of the store? end it, then go on under a new author id: "
                         "keymuster join --from URL -C DIR");
}

struct views {
    const struct store *store;
    char *note;
    size_t size;
};

static void
note_more(struct views *v, const struct log_author *by, const struct head_known *k, int64_t held)
{
    size_t len = strlen(v->note);
    (void)snprintf(v->note + len, v->size - len,
                   "%sof author %.8s there are %lld entries here, and author %.8s has seen %lld: "
                   "this copy is behind, or was rolled back; ask another copy, too",
                   len > 0 ? "; " : "", k->author, (long long)held, by->author,
                   (long long)k->entries);
}

/* What one author says of another. */
static enum rc
check_known(struct views *v, const struct log_author *by, const struct head_known *k,
            struct err *err)
{
    const struct store *store = v->store;
    unsigned char hash[HASH_SIZE];
    struct trust trust;
    struct log_end end;
    int found = 0;
    int mine = strcmp(k->author, store->self.author) == 0;
    enum rc rc = held_line(store, k->author, k->entries, hash, &found, err);
    if (rc == RC_OK)
        rc = log_end(store, k->author, &end, err);
    if (rc == RC_OK)
        rc = trust_of(store, k->author, &trust, err);
    if (rc != RC_OK)
        return rc;
    int differs = found && memcmp(hash, k->last, HASH_SIZE) != 0;
    if (mine && (differs || !found))
        return signed_as_me(by, k, end.seq, err);
    if (!found && trust_accepted(&trust))
        note_more(v, by, k, end.seq);
    if (!differs || !trust_accepted(&trust))
        return RC_OK;
    (void)err_set(err, RC_SPLIT_VIEW, "two authors do not agree about author %s", k->author);
    (void)err_why(err, "author %s has seen another entry %lld than is held here", by->author,
                  (long long)k->entries);
    return err_hint(err,
                    "one of the copies shows different histories to different readers, or "
                    "author %s was cloned: compare `keymuster status` of both sites",
                    k->author);
}

static enum rc
check_author(void *arg, const struct log_author *author, struct err *err)
{
    struct views *v = arg;
    const struct store *store = v->store;
    struct trust trust;
    struct mark newest;
    struct head h = {0};
    struct buf object;
    buf_init(&object, LIMIT_SMALL_FILE);
    enum rc rc = trust_of(store, author->author, &trust, err);
    if (rc == RC_OK && strcmp(author->author, store->self.author) != 0 && trust_accepted(&trust))
        rc = held_newest(store, author->author, trust.upto, &newest, &object, err);
    if (rc == RC_OK && object.len > 0)
        rc = head_peek(&h, buf_str(&object), object.len, "a held head", err);
    for (size_t i = 0; rc == RC_OK && i < h.known_count; i++)
        rc = check_known(v, author, &h.known[i], err);
    head_release(&h);
    buf_release(&object);
    return rc;
}

enum rc
pull_views(const struct store *store, char *note, size_t size, struct err *err)
{
    struct views v = {store, note, size};
    return log_authors(store, check_author, &v, err);
}
