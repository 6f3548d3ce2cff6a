/* vbr reconcile: what a backup server holds against what the escrow says of it. One pass over its
 * list, no request a key, nothing unwrapped; or over lists in files, and no request at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "cli/vbr/identify.h"
#include "cli/vbr/reconcile_uses.h"
#include "cli/vbr/vbr_push.h"
#include "text/enc.h"

static const struct {
    const char *word, *means;
} verdicts[VERDICTS] = {
    [V_OK] = {"ok", ""},
    [V_UNKNOWN] = {"never escrowed", "nobody can get it back but the backup server"},
    [V_SUSPECT] = {"suspect",
                   "changed there since it was escrowed; settle it: keymuster vbr verify"},
    [V_HINT] = {"hint differs", "its hint has a wrap that the escrow does not hold"},
    [V_BEHIND] = {"hint behind", "its hint has an older wrap; put it right: keymuster vbr push"},
    [V_FOREIGN] = {"not delivered", "the escrow knows the key, but not that it is there"},
    [V_GONE] = {"gone", "delivered there once, and there no more"},
    [V_HOLE] = {"nobody knows",
                "in use, and recorded as a hole: keymuster rekey KEY --to vbr:NAME"},
    [V_DAMAGED] = {"damaged", "nobody can read the row; export the list again"},
};

/* ---- what is on record ---- */

static enum rc
add_record(struct reconciling *r, const char *key, struct record **out, struct err *err)
{
    if (r->count > 0 && strcmp(r->records[r->count - 1].key, key) == 0) {
        *out = &r->records[r->count - 1]; /* ordered by key */
        return RC_OK;
    }
    if (r->count == r->size) {
        size_t size = r->size == 0 ? 64 : r->size * 2;
        struct record *more = realloc(r->records, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        r->records = more;
        r->size = size;
    }
    *out = &r->records[r->count++];
    memset(*out, 0, sizeof **out);
    (void)snprintf((*out)->key, sizeof(*out)->key, "%s", key);
    return RC_OK;
}

static enum rc
load(struct reconciling *r, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(r->ctx->store->db, &q,
                 "SELECT object, coalesce(json_extract(body, '$.vbr_id'), ''),"
                 " coalesce(json_extract(body, '$.vbr_modified'), ''),"
                 " coalesce(json_extract(body, '$.result'), '') IN ('removed', 'replaced'), at"
                 " FROM event"
                 " WHERE kind IN ('key.delivered', 'vbr.observed') AND object != ''"
                 " AND (json_extract(body, '$.vbr') = ?1 OR (?1 = ''"
                 " AND json_extract(body, '$.to') = 'by hand'))"
                 " ORDER BY object, at, author, seq",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, r->s->object.uuid);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct record *one = NULL;
        rc = add_record(r, col_text(q, 0), &one, err);
        if (rc != RC_OK)
            break;
        if (col_text(q, 1)[0] != '\0')
            (void)snprintf(one->id, sizeof one->id, "%s", col_text(q, 1));
        if (col_text(q, 2)[0] != '\0')
            (void)snprintf(one->modified, sizeof one->modified, "%s", col_text(q, 2));
        one->removed = (int)col_int(q, 3);
        (void)snprintf(one->at, sizeof one->at, "%s", col_text(q, 4));
    }
    stmt_done(q);
    return rc;
}

static int
by_key(const void *key, const void *record)
{
    return strcmp(key, ((const struct record *)record)->key);
}

const struct record *
reconcile_record_of(const struct reconciling *r, const char *key)
{
    return r->count > 0 ? bsearch(key, r->records, r->count, sizeof *r->records, by_key) : NULL;
}

/* ---- verdicts ---- */

enum rc
reconcile_tell(struct reconciling *r, enum reconcile_verdict v, const struct key *key,
               const char *hint, const char *id, struct err *err)
{
    char label[KEY_NAME_BYTES + 24] = "", moniker[256] = "";
    long cut = hint != NULL ? description_cut(hint, strlen(hint)) : -1;
    r->found[v]++;
    if (key != NULL)
        (void)snprintf(label, sizeof label, "%s@%lld", key->name, (long long)key->generation);
    if (hint != NULL) /* of a hint without a WDEK the whole; the end of a long one tells nothing */
        (void)snprintf(moniker, sizeof moniker, "%.*s", cut >= 0 ? (int)cut : 200, hint);
    if (r->w != NULL) {
        jw_obj(r->w, NULL);
        jw_str(r->w, "verdict", verdicts[v].word);
        if (key != NULL) {
            jw_str(r->w, "key", key->uuid);
            jw_str(r->w, "name", key->name);
            jw_int(r->w, "generation", key->generation);
        }
        jw_opt(r->w, v == V_DAMAGED ? "why" : "hint", hint);
        jw_str(r->w, "vbr_id", id);
        uses_write(r->uses, id, r->w);
        jw_end_obj(r->w);
        return RC_OK;
    }
    if (v == V_OK)
        return RC_OK;
    char users[CONSUMER_NAME + 64];
    uses_tell(r->uses, id, users, sizeof users);
    const char *cells[] = {verdicts[v].word, label, moniker, id, users};
    return cmd_table_row(r->table, cells, 5, err);
}

static int
by_id(const void *a, const void *b)
{
    return strcmp((*(struct record *const *)a)->id, (*(struct record *const *)b)->id);
}

/* What is on record of this very password; NULL. */
const struct record *
reconcile_record(struct reconciling *r, const char *id, struct err *err)
{
    struct record key, *at = &key;
    if (r->count == 0 || id[0] == '\0')
        return NULL;
    if (r->ids == NULL) {
        r->ids = calloc(r->count, sizeof(struct record *));
        if (r->ids == NULL) {
            (void)err_nomem(err);
            return NULL;
        }
        for (size_t i = 0; i < r->count; i++)
            if (!r->records[i].removed && r->records[i].id[0] != '\0')
                r->ids[r->id_count++] = &r->records[i];
        qsort(r->ids, r->id_count, sizeof(struct record *), by_id);
    }
    (void)snprintf(key.id, sizeof key.id, "%s", id);
    struct record **found = bsearch(&at, r->ids, r->id_count, sizeof(struct record *), by_id);
    return found != NULL ? *found : NULL;
}

/* By its uniqueId, which keymuster sets, then by the hint. */
static enum rc
find_named(const struct reconciling *r, const struct vbr_password *p, struct key *key, int *known,
           enum description_how *how, struct err *err)
{
    struct err scratch = ERR_INIT;
    *known = 0;
    *how = DESCRIPTION_NONE;
    enum rc rc = description_key_of(r->ctx->store, r->wraps, p->hint, "", key, how, &scratch);
    if (rc != RC_OK && rc != RC_AMBIGUOUS) {
        *err = scratch;
        return rc;
    }
    *known = rc == RC_OK && *how != DESCRIPTION_NONE;
    if (!uuid_is(p->unique) || (*known && strcmp(p->unique, key->uuid) == 0))
        return RC_OK;
    struct key named = {.generation = 0};
    int there = 0;
    rc = key_is_known(r->ctx->store, p->unique, &there, err);
    if (rc == RC_OK && there)
        rc = key_find(r->ctx->store, p->unique, &named, err);
    if (rc == RC_OK && there) {
        *how = DESCRIPTION_NAME; /* a wrap in the hint is then another key's */
        *key = named;
        *known = 1;
    }
    return rc;
}

/* What was taken over under its id has another uniqueId, and perhaps another hint. */
static enum rc
find_key(struct reconciling *r, const struct vbr_password *p, struct key *key, int *known,
         enum description_how *how, struct err *err)
{
    enum rc rc = find_named(r, p, key, known, how, err);
    const struct record *rec = rc == RC_OK ? reconcile_record(r, p->id, err) : NULL;
    if (rc != RC_OK || rec == NULL)
        return rc == RC_OK ? err->code : rc;
    if (*known && strcmp(rec->key, key->uuid) == 0)
        return RC_OK;
    struct key of_hint;
    struct err scratch = ERR_INIT;
    int named = 0, there = 0;
    rc = err_unless_found(
        description_key_of(r->ctx->store, r->wraps, p->hint, "", &of_hint, how, &scratch), &scratch,
        &named, err);
    if (!named || *how != DESCRIPTION_WRAP || strcmp(of_hint.uuid, rec->key) != 0)
        *how = DESCRIPTION_NAME;
    if (rc == RC_OK)
        rc = err_unless_found(key_find(r->ctx->store, rec->key, key, &scratch), &scratch, &there,
                              err);
    *known |= there;
    return rc;
}

/* Without a server there is no id to compare, and a hint may be another's work: only what must
 * hold of every one. */
static int
is_named(const struct reconciling *r)
{
    return r->s->object.uuid[0] != '\0';
}

/* A file may be without ids, and a delivery by hand is. */
static int
is_it(const struct record *rec, const struct vbr_password *p)
{
    return rec->id[0] == '\0' || p->id[0] == '\0' || strcmp(rec->id, p->id) == 0;
}

/* Changed there after everything that the escrow has of it: its making, its wrap, its delivery. */
static enum rc
is_newer(const struct reconciling *r, const struct vbr_password *p, const struct key *key,
         const struct record *rec, int *newer, struct err *err)
{
    unsigned char id[HASH_SIZE];
    struct stmt *q = NULL;
    long cut = description_cut(p->hint, strlen(p->hint));
    const char *wdek = cut >= 0 ? p->hint + cut + 3 : "";
    *newer = 0;
    if (strcmp(p->modified, key->created_at) <= 0 ||
        (rec != NULL && strcmp(p->modified, rec->at) <= 0))
        return RC_OK; /* both are UTC, in one form */
    enum rc rc = db_query(r->ctx->store->db, &q,
                          "SELECT coalesce(max(at), '') FROM wrap WHERE key = ?1 AND id = ?2", err);
    if (rc != RC_OK)
        return rc;
    sha256(id, wdek, strcspn(wdek, " \t\r\n"));
    stmt_text(q, 1, key->uuid);
    stmt_blob(q, 2, id, sizeof id);
    rc = stmt_row(q, err);
    *newer = rc == RC_OK && stmt_more(q) && strcmp(p->modified, col_text(q, 0)) > 0;
    stmt_done(q);
    return rc;
}

/* to_the_second: of a file that has lost the rest, which is no change. */
static enum rc
is_changed(const struct reconciling *r, const struct vbr_password *p, int to_the_second,
           const struct key *key, const struct record *rec, int *changed, struct err *err)
{
    enum { SECOND = sizeof "2026-01-01T00:00:00" - 1 };
    *changed = 0;
    if (p->modified[0] == '\0')
        return RC_OK;
    if (rec != NULL && rec->modified[0] != '\0')
        *changed = to_the_second ? strncmp(rec->modified, p->modified, SECOND) != 0
                                 : strcmp(rec->modified, p->modified) != 0;
    else if (!is_named(r))
        return is_newer(r, p, key, rec, changed, err);
    return RC_OK;
}

/* The hint that it ought to have; of one without a server the wrap alone, for its moniker may be
 * that of the one who made it. */
static enum rc
is_behind(const struct reconciling *r, const struct vbr_password *p, const struct key *key,
          int *behind, struct err *err)
{
    struct err scratch = ERR_INIT;
    struct buf hint;
    buf_init(&hint, VBR_HINT);
    enum rc rc = vbr_hint_of(r->ctx->store, key, &hint, &scratch);
    const char *want = buf_str(&hint), *is = p->hint;
    if (rc == RC_OK && !is_named(r)) {
        want += description_cut(want, hint.len);
        is += description_cut(is, strlen(is));
    }
    *behind = rc == RC_OK && strcmp(want, is) != 0;
    buf_release(&hint);
    if (rc != RC_OK && rc != RC_NOT_FOUND) { /* without a wrap in use there is nothing to want */
        *err = scratch;
        return rc;
    }
    return RC_OK;
}

static enum rc
judge(struct reconciling *r, const struct vbr_password *p, int to_the_second, const struct key *key,
      enum description_how how, struct err *err)
{
    struct record *rec =
        r->count > 0 ? bsearch(key->uuid, r->records, r->count, sizeof *r->records, by_key) : NULL;
    int changed = 0, behind = 0, hole = 0, there = rec != NULL && is_it(rec, p);
    if (there)
        rec->seen = 1;
    uses_join(r->uses, p->id, key->uuid);
    enum rc rc = is_changed(r, p, to_the_second, key, rec, &changed, err);
    if (rc == RC_OK && how == DESCRIPTION_WRAP)
        rc = is_behind(r, p, key, &behind, err);
    if (rc == RC_OK)
        rc = vbr_key_is_hole(r->ctx->store, key, &hole, err);
    enum reconcile_verdict v = V_OK;
    if (is_named(r) && (!there || rec->removed))
        v = V_FOREIGN;
    else if (hole)
        v = V_HOLE;
    else if (how != DESCRIPTION_WRAP)
        v = V_HINT;
    else if (changed)
        v = V_SUSPECT;
    else if (behind)
        v = V_BEHIND;
    return rc == RC_OK ? reconcile_tell(r, v, key, p->hint, p->id, err) : rc;
}

enum rc
reconcile_password(struct reconciling *r, const struct vbr_password *p, int to_the_second,
                   struct err *err)
{
    struct key key;
    enum description_how how;
    int known = 0;
    enum rc rc = find_key(r, p, &key, &known, &how, err);
    if (rc != RC_OK)
        return rc;
    return known ? judge(r, p, to_the_second, &key, how, err)
                 : reconcile_tell(r, V_UNKNOWN, NULL, p->hint, p->id, err);
}

static enum rc
one_password(void *arg, const struct vbr_password *p, struct err *err)
{
    return reconcile_password(arg, p, 0, err);
}

static enum rc
those_gone(struct reconciling *r, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < r->count; i++) {
        struct key key;
        const struct record *rec = &r->records[i];
        if (rec->seen || rec->removed || (r->s->vbr != NULL && rec->id[0] == '\0'))
            continue;
        struct err scratch = ERR_INIT;
        int known = 0;
        rc = err_unless_found(key_find(r->ctx->store, rec->key, &key, &scratch), &scratch, &known,
                              err);
        if (known)
            rc = reconcile_tell(r, V_GONE, &key, NULL, rec->id, err);
    }
    return rc;
}

/* ---- the command ---- */

static void
sum_up(struct reconciling *r, int json)
{
    struct ctx *ctx = r->ctx;
    int64_t findings = r->problems;
    for (size_t v = V_OK + 1; v < VERDICTS; v++) {
        findings += r->found[v];
        const char *means =
            v == V_SUSPECT && !is_named(r)
                ? "changed there since it was escrowed; once somebody has looked: keymuster vbr "
                  "delivered KEY --evidence TEXT"
                : verdicts[v].means;
        if (r->found[v] > 0)
            out_note(ctx, "%s: %s", verdicts[v].word, means);
    }
    if (!json)
        out_printf(ctx, "%s%lld ok, %lld finding%s\n", findings > 0 ? "\n" : "",
                   (long long)r->found[V_OK], (long long)findings, findings == 1 ? "" : "s");
    ctx->findings += findings > 0 || r->incomplete;
}

static enum rc
compare(struct reconciling *r, struct err *err)
{
    enum rc rc = load(r, err);
    if (rc == RC_OK)
        rc = description_wraps_new(&r->wraps, r->ctx->store, err);
    if (rc == RC_OK)
        rc = uses_collect(r, err);
    if (rc == RC_OK)
        rc =
            r->s->vbr != NULL ? vbr_each(r->s->vbr, one_password, r, err) : reconcile_files(r, err);
    return rc == RC_OK && !r->incomplete ? those_gone(r, err) : rc;
}

static enum rc
run_reconcile(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"VERDICT", "KEY", "HINT", "ID THERE", "USED BY", NULL};
    struct vbr_server s;
    struct reconciling r = {.ctx = ctx, .s = &s, .total = -1};
    struct buf doc = {0};
    struct jw w;
    int json = out_is_json(ctx);
    int files = opt_has(&ctx->opts, OPT_FILE);
    if (!files && ctx->opts.arg_count == 0)
        return err_set(err, RC_USAGE, "vbr reconcile: name a server, or a list of it with --file");
    enum rc rc = files ? reconcile_server(ctx, &s, err)
                       : vbr_server_open(ctx, opt_arg(&ctx->opts, 0), &s, err);
    if (rc == RC_OK && json) {
        session_answer(&doc, &w, "vbr.reconcile");
        doc.max = (size_t)256 * 1024 * 1024;
        jw_opt(&w, "server", s.object.name);
        jw_arr(&w, "items");
        r.w = &w;
    } else if (rc == RC_OK) {
        rc = cmd_table_new(&r.table, ctx, titles, err);
    }
    if (rc == RC_OK)
        rc = compare(&r, err);
    if (rc == RC_OK && json)
        jw_end_arr(&w);
    else if (rc == RC_OK)
        rc = table_print(r.table, &ctx->out, err);
    if (rc == RC_OK)
        rc = uses_record(&r, err);
    if (rc == RC_OK)
        rc = reconcile_needed(&r, err);
    if (rc == RC_OK && json)
        rc = out_object(ctx, &doc, &w, err);
    if (rc == RC_OK) {
        sum_up(&r, json);
        rc = session_publish(ctx, err);
    }
    buf_release(&doc);
    table_free(r.table);
    free(r.records);
    free(r.ids);
    description_wraps_free(r.wraps);
    uses_free(r.uses);
    vbr_server_close(&s);
    return rc;
}

/* clang-format off */
static const struct opt_spec reconcile_options[] = {
    {OPT_FILE, "file", 0, "EXPORT", OPT_MANY, "a list of its passwords, as import reads it; the server is not asked"},
    {OPT_CONSUMERS, "consumers", 0, "FILE", OPT_MANY, "what uses keys there, as a script lists it; in the place of asking"},
    {OPT_BCO, "bco", 0, "FILE|FOLDER", OPT_MANY, "configuration backups on disk: which generation each still needs"},
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_vbr_reconcile_table[] = {
    {"vbr", "reconcile", "NAME | [NAME] --file EXPORT [--consumers FILE] [--bco FOLDER]",
     "Compares what a backup server holds with what the escrow says of it.", reconcile_options, 0,
     1, CMD_WRITE, GROUP_SET_UP, run_reconcile,
     "keymuster vbr reconcile vbr-fra --bco /mnt/VeeamConfigBackup\n"
     "keymuster vbr reconcile --file keys.json --consumers uses.json\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
