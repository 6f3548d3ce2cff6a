#include "recover/join.h"

#include <stdio.h>
#include <string.h>

#include "copy/memory.h"
#include "escrow/log.h"
#include "escrow/trust.h"
#include "escrow/view.h"
#include "sys/env.h"
#include "sys/file.h"
#include "sys/process.h"
#include "text/enc.h"
#include "text/jw.h"
#include "text/uni.h"

#define FALLBACK_NAME "from"

/* ---- what the place says it is ---- */

static enum rc
not_expected(const struct join *how, const struct copy_identity *id, struct err *err)
{
    (void)err_set(err, RC_NOT_ANCHORED, "%.200s is not the expected escrow", how->url);
    (void)err_why(err, "it says that it is %s (%.200s); expected: %.40s", id->escrow, id->name,
                  how->expect);
    return err_hint(err, "compare with the card; do not use this copy until you know why");
}

static enum rc
identify(const struct join *how, struct copy_identity *id, struct err *err)
{
    struct remote *remote = NULL;
    enum rc rc = remote_open(&remote, how->url, &how->access, err);
    if (rc == RC_OK)
        rc = remote_reach(remote, err);
    if (rc == RC_OK)
        rc = copy_identify(remote, id, err);
    if (rc == RC_OK && how->expect != NULL && strcmp(how->expect, id->escrow) != 0)
        rc = not_expected(how, id, err);
    remote_close(remote);
    return rc;
}

/* ---- a new store ---- */

/* The host's name as far as it fits the rule for names. */
static void
host_as_name(char out[LIMIT_NAME + 1])
{
    const char *host = actor_get()->host;
    size_t n = 0;
    for (; *host != '\0' && n < LIMIT_NAME; host++) {
        char c = *host;
        if (c >= 'A' && c <= 'Z')
            c = "abcdefghijklmnopqrstuvwxyz"[c - 'A'];
        int fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("._-", c) != NULL;
        if (!fits)
            c = '-';
        out[n++] = c;
    }
    out[n] = '\0';
    if (n == 0)
        (void)snprintf(out, LIMIT_NAME + 1, "unnamed");
}

enum rc
join_append_first(struct store *store, const char *name, const char *site, const char *former,
                  struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "escrow", store->escrow);
    jw_str(&w, "author_name", name);
    jw_str(&w, "public_key", store->self.text);
    jw_opt(&w, "site", site);
    jw_opt(&w, "former", former);
    jw_end_obj(&w);
    enum rc rc = log_append(store, "author.joined", &body, NULL, err);
    buf_release(&body);
    return rc;
}

/* The site's UUID, "" without one. */
static enum rc
find_site(const struct store *store, const struct join *how, char uuid[UUID_TEXT + 1],
          struct err *err)
{
    struct object site;
    uuid[0] = '\0';
    if (how->site == NULL)
        return RC_OK;
    enum rc rc = object_find(store, "site", how->site, &site, err);
    if (rc == RC_OK)
        memcpy(uuid, site.uuid, sizeof site.uuid);
    else if (rc == RC_NOT_FOUND)
        (void)err_hint(err,
                       "add it where the escrow was founded: keymuster site add %.64s\n"
                       "then there: keymuster sync; and here: join again",
                       how->site);
    return rc;
}

/* The log of a spare that was used before goes on; its risk is on record. */
static enum rc
append_taken_over(struct store *store, const char *accepted, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "text", "this store took the spare author's log over from another one");
    jw_str(&w, "accepted_risk", accepted);
    jw_end_obj(&w);
    enum rc rc = log_append(store, "note", &body, NULL, err);
    buf_release(&body);
    return rc;
}

/* The spare counts only because a log that counts admitted it, and only in one place. */
static enum rc
check_spare(const struct store *store, const struct join *how, struct err *err)
{
    struct trust trust;
    struct log_end end;
    const char *id = store->self.author;
    enum rc rc = trust_elsewhere(store, id, &trust, err);
    if (rc == RC_OK)
        rc = log_end(store, id, &end, err);
    if (rc != RC_OK)
        return rc;
    if (!trust_accepted(&trust)) {
        (void)err_set(err, RC_POLICY, "author %s, the spare, is not admitted", id);
        (void)err_why(err, "nothing in this copy admits it, so other sites would ignore what this "
                           "store records");
        return err_hint(err, "look for a newer copy\nor join without --spare, and be admitted");
    }
    if (trust.upto < LIMIT_NUMBER) {
        (void)err_set(err, RC_POLICY, "author %s, the spare, was retired", id);
        return err_hint(err, "join without --spare, and be admitted");
    }
    if (end.seq == 0 || how->accept_risk != NULL)
        return RC_OK;
    (void)err_set(err, RC_POLICY, "author %s, the spare, was used before", id);
    (void)err_why(
        err,
        "the copy has %lld entries of it: a store with this key is or was in use, and two "
        "with one key would tell two stories",
        (long long)end.seq);
    return err_hint(err, "join without --spare, then at the store that uses it: keymuster author "
                         "admit ID\n"
                         "or, if that store is certainly gone, go on in its place: --accept-risk "
                         "\"why\"");
}

static enum rc
begin_log(struct store *store, const char *accepted, const char *name, const char *site,
          struct err *err)
{
    struct log_end end;
    enum rc rc = log_end(store, store->self.author, &end, err);
    if (rc == RC_OK && end.seq > 0)
        return append_taken_over(store, accepted, err);
    return rc == RC_OK ? join_append_first(store, name, site, NULL, err) : rc;
}

/* accepted: the risk taken with a spare used before, or NULL. author_name NULL: the host's. site:
 * UUID or "". */
static enum rc
write_first(struct store *store, const char *accepted, const char *author_name, const char *site,
            struct err *err)
{
    char name[LIMIT_NAME + 1];
    if (author_name != NULL)
        (void)snprintf(name, sizeof name, "%s", author_name);
    else
        host_as_name(name);
    enum rc rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    rc = begin_log(store, accepted, name, site, err);
    if (rc == RC_OK)
        rc = store_meta_set(store, "site", site, err);
    return log_finish(store, rc, err);
}

/* ---- the binding ---- */

struct naming {
    const char *uuid;
    char *name;
};

static enum rc
take_name(void *arg, const struct object *o, struct err *err)
{
    (void)err;
    struct naming *n = arg;
    if (strcmp(o->uuid, n->uuid) == 0)
        (void)snprintf(n->name, LIMIT_NAME + 1, "%s", o->name);
    return RC_OK;
}

static enum rc
choose_name(const struct store *store, const struct join *how, const struct copy *copy,
            char name[LIMIT_NAME + 1], struct err *err)
{
    struct naming n = {copy->uuid, name};
    (void)snprintf(name, LIMIT_NAME + 1, "%s",
                   how->bind_name != NULL ? how->bind_name : FALLBACK_NAME);
    if (how->bind_name != NULL || copy->uuid[0] == '\0')
        return RC_OK;
    return object_each(store, "copy", take_name, &n, err);
}

/* Binds the copy, unless it is bound like this already. */
static enum rc
bind(struct store *store, const struct join *how, const struct copy *copy,
     char name[LIMIT_NAME + 1], struct err *err)
{
    enum rc rc = choose_name(store, how, copy, name, err);
    if (rc != RC_OK)
        return rc;
    const char *url = store_conf(store, "copy", name, "url");
    const char *id = store_conf(store, "copy", name, "id");
    if (url != NULL && strcmp(url, remote_url(copy->remote)) == 0 &&
        strcmp(id != NULL ? id : "", copy->id) == 0)
        return RC_OK;
    rc = store_conf_set(store, "copy", name, "url", remote_url(copy->remote), err);
    if (rc == RC_OK)
        rc = store_conf_set(store, "copy", name, "id", copy->id[0] != '\0' ? copy->id : NULL, err);
    return rc;
}

/* ---- both ways ---- */

/* confirmed: an earlier run put this store here, so its identity was settled then. */
static enum rc
pull(struct store *store, const struct join *how, int confirmed, struct copy *copy,
     struct join_seen *seen, struct err *err)
{
    const char *name = how->bind_name != NULL ? how->bind_name : FALLBACK_NAME;
    enum rc rc = how->before != NULL ? how->before(how->arg, store, err) : RC_OK;
    if (rc == RC_OK)
        rc = copy_open_url(store, how->url, &how->access, name, copy, err);
    if (rc == RC_OK)
        rc = pull_from(store, copy, PULL_STORE, &seen->report, err);
    if (rc == RC_OK && how->check != NULL)
        rc = how->check(how->arg, store, seen, err);
    if (rc == RC_OK && !confirmed && how->expect == NULL && how->confirm != NULL)
        rc = how->confirm(how->arg, seen, err);
    return rc;
}

static enum rc
join_identified(struct store **out, const struct join *how, struct join_seen *seen, struct err *err)
{
    struct store *store = NULL;
    struct copy copy = {.remote = NULL};
    char site[UUID_TEXT + 1];
    enum rc rc = store_create(&store, how->dir, &seen->identity.founder, seen->identity.name, err);
    if (rc != RC_OK)
        return rc;
    if (how->spare != NULL)
        rc = store_take_key(store, how->spare, how->spare_public, err);
    if (rc == RC_OK)
        rc = pull(store, how, 0, &copy, seen, err);
    if (rc == RC_OK && how->spare != NULL)
        rc = check_spare(store, how, err);
    if (rc == RC_OK)
        rc = find_site(store, how, site, err);
    if (rc == RC_OK)
        rc = write_first(store, how->accept_risk, how->author_name, site, err);
    if (rc == RC_OK)
        rc = bind(store, how, &copy, seen->bound, err);
    copy_close(&copy);
    if (rc != RC_OK) {
        if (how->spare == NULL) /* the memory of a spare may be another store's on this machine */
            memory_forget(store);
        store_discard(store);
        return rc;
    }
    rc = store_place(&store, how->dir, err);
    *out = store; /* transferred */
    return rc;
}

enum rc
join_copy(struct store **out, const struct join *how, struct join_seen *seen, struct err *err)
{
    *out = NULL;
    memset(seen, 0, sizeof *seen);
    enum rc rc = how->author_name != NULL ? name_check(how->author_name, "author", err) : RC_OK;
    if (rc == RC_OK)
        rc = identify(how, &seen->identity, err);
    return rc == RC_OK ? join_identified(out, how, seen, err) : rc;
}

/* ---- --from ---- */

enum rc
join_evidence_dir(char out[PATH_SIZE], const char *escrow, const char *evidence, struct err *err)
{
    char base[PATH_SIZE];
    if (evidence != NULL)
        return path_absolute(out, evidence, err);
    const char *state = env_get("XDG_STATE_HOME");
    const char *home = env_get("HOME");
    enum rc rc = RC_OK;
    if (state != NULL && state[0] == '/')
        rc = path_join(base, state, "keymuster/recover", err);
    else if (home != NULL && home[0] == '/')
        rc = path_join(base, home, ".local/state/keymuster/recover", err);
    else {
        (void)err_set(err, RC_NO_RECORD, "there is no place for the records of this recovery");
        (void)err_why(err, "neither XDG_STATE_HOME nor HOME is set");
        return err_hint(err, "name one: --evidence DIR");
    }
    return rc == RC_OK ? path_join(out, base, escrow, err) : rc;
}

/* A site named now, where the store was made without one: for the records of this machine. */
static enum rc
settle_site(struct store *store, const struct join *how, struct err *err)
{
    char site[UUID_TEXT + 1];
    enum rc rc = find_site(store, how, site, err);
    if (rc != RC_OK || site[0] == '\0' || strcmp(site, store->site) == 0)
        return rc;
    rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    rc = store_meta_set(store, "site", site, err);
    rc = log_finish(store, rc, err);
    if (rc == RC_OK)
        memcpy(store->site, site, sizeof site);
    return rc;
}

/* *store NULL on failure. */
static enum rc
open_evidence(struct store **store, const char *dir, const char *escrow, struct err *err)
{
    enum rc rc = store_open(store, dir, DB_WRITE, err);
    if (rc != RC_OK || strcmp((*store)->escrow, escrow) == 0)
        return rc;
    rc = err_set(err, RC_COPY_FOREIGN, "%s holds the records of another escrow", dir);
    (void)err_why(err, "it is of escrow %s; what you work from is of %s", (*store)->escrow, escrow);
    (void)err_hint(err, "name another folder: --evidence DIR");
    store_close(*store);
    *store = NULL;
    return rc;
}

/* Until the founder's log is here, the name is what an export said; a copy's own is checked. */
static enum rc
settle_name(struct store *store, const char *name, struct err *err)
{
    struct log_end founder;
    enum rc rc = log_end(store, store->founder.author, &founder, err);
    if (rc != RC_OK || founder.seq > 0 || strcmp(name, store->name) == 0)
        return rc;
    rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    rc = store_meta_set(store, "name", name, err);
    rc = log_finish(store, rc, err);
    if (rc == RC_OK)
        (void)snprintf(store->name, sizeof store->name, "%s", name);
    return rc;
}

static enum rc
open_again(struct store **out, const struct join *how, struct join_seen *seen, struct err *err)
{
    struct store *store = NULL;
    struct copy copy = {.remote = NULL};
    enum rc rc = open_evidence(&store, how->dir, seen->identity.escrow, err);
    if (rc != RC_OK)
        return rc;
    rc = settle_name(store, seen->identity.name, err);
    if (rc == RC_OK)
        rc = pull(store, how, 1, &copy, seen, err);
    if (rc == RC_OK)
        rc = settle_site(store, how, err);
    if (rc == RC_OK)
        rc = bind(store, how, &copy, seen->bound, err);
    copy_close(&copy);
    if (rc != RC_OK) {
        store_close(store);
        return rc;
    }
    *out = store; /* transferred */
    return RC_OK;
}

enum rc
join_from(struct store **out, const struct join *how, const char *evidence, struct join_seen *seen,
          struct err *err)
{
    char dir[PATH_SIZE];
    char db[PATH_SIZE];
    struct join here = *how;
    *out = NULL;
    memset(seen, 0, sizeof *seen);
    enum rc rc = identify(how, &seen->identity, err);
    if (rc != RC_OK)
        return rc;
    rc = join_evidence_dir(dir, seen->identity.escrow, evidence, err);
    if (rc == RC_OK)
        rc = path_join(db, dir, "escrow.db", err);
    if (rc != RC_OK)
        return rc;
    here.dir = dir;
    if (file_exists(db) == 1)
        return open_again(out, &here, seen, err);
    return join_identified(out, &here, seen, err);
}

enum rc
join_alone(struct store **out, const struct sign_public *founder, const char *name,
           const char *site, const char *evidence, struct err *err)
{
    struct store *store = NULL;
    char escrow[AUTHOR_TEXT + 1];
    char dir[PATH_SIZE];
    char db[PATH_SIZE];
    *out = NULL;
    escrow_id(escrow, founder);
    enum rc rc = join_evidence_dir(dir, escrow, evidence, err);
    if (rc == RC_OK)
        rc = path_join(db, dir, "escrow.db", err);
    if (rc != RC_OK)
        return rc;
    if (file_exists(db) == 1)
        return open_evidence(out, dir, escrow, err);
    rc = store_create(&store, dir, founder, name, err);
    if (rc != RC_OK)
        return rc;
    rc = write_first(store, NULL, NULL, site, err);
    if (rc != RC_OK) {
        store_discard(store);
        return rc;
    }
    rc = store_place(&store, dir, err);
    *out = store; /* transferred */
    return rc;
}
