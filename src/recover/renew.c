#include "recover/renew.h"

#include <string.h>

#include "copy/memory.h"
#include "copy/publish.h"
#include "escrow/log.h"
#include "recover/join.h"
#include "text/enc.h"
#include "text/jw.h"

static enum rc
append_admitted(struct store *store, const struct sign_public *pub, const struct log_author *old,
                struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "author", pub->author);
    jw_str(&w, "public_key", pub->text);
    jw_opt(&w, "name", old->name);
    jw_opt(&w, "site", old->site);
    jw_end_obj(&w);
    enum rc rc = log_append(store, "author.admitted", &body, NULL, err);
    buf_release(&body);
    return rc;
}

static enum rc
append_retired(struct store *store, const struct sign_public *pub, const char *reason,
               struct err *err)
{
    struct log_end end;
    char last[HASH_TEXT + 1];
    struct buf body;
    struct jw w;
    enum rc rc = log_end(store, store->self.author, &end, err);
    if (rc != RC_OK)
        return rc;
    hex_encode(last, end.hash, HASH_SIZE);
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "author", store->self.author);
    jw_int(&w, "entries", end.seq);
    jw_str(&w, "last", last);
    jw_str(&w, "reason", reason != NULL ? reason : "renewed");
    jw_str(&w, "successor", pub->author);
    jw_end_obj(&w);
    rc = log_append(store, "author.retired", &body, NULL, err);
    buf_release(&body);
    return rc;
}

static enum rc
write_all(struct store *store, const struct secret *key, const struct sign_public *pub,
          const char *reason, struct err *err)
{
    struct log_author old;
    int made = 0;
    enum rc rc = log_author_get(store, store->self.author, &old, err);
    if (rc == RC_OK)
        rc = store_stage_key(store, key, err);
    if (rc == RC_OK)
        rc = append_admitted(store, pub, &old, err);
    if (rc == RC_OK)
        rc = append_retired(store, pub, reason, err);
    if (rc == RC_OK)
        rc = publish_head(store, &made, err); /* nobody can sign for the old log afterwards */
    if (rc == RC_OK)
        rc = store_become(store, pub, err);
    if (rc == RC_OK)
        rc = join_append_first(store, old.name, old.site, old.author, err);
    return rc;
}

/* So that an old image of this store is found out although its author is another one by now. */
static void
remember_old(struct store *store, const struct sign_public *old)
{
    char warning[256];
    struct sign_public new = store->self;
    store->self = *old;
    memory_save(store, warning); /* a mirror: the copies know */
    store->self = new;
}

enum rc
author_renew(struct store *store, const char *reason, struct err *err)
{
    struct sign_public pub;
    struct sign_public old = store->self;
    struct secret *key = NULL;
    struct err scratch = ERR_INIT;
    enum rc rc = sign_generate(&key, &pub, err);
    if (rc == RC_OK)
        rc = log_begin(store, err);
    if (rc == RC_OK) {
        rc = write_all(store, key, &pub, reason, err);
        rc = log_finish(store, rc, err);
    }
    secret_free(key);
    if (rc == RC_OK) {
        remember_old(store, &old);
        return store_settle_key(store, err);
    }
    store->self = old;
    if (rc != RC_UNKNOWN_OUTCOME) /* then only the next opening can tell which key counts */
        err_ignore(store_settle_key(store, &scratch));
    return rc;
}
