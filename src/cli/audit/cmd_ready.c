/* ready: whether the escrow would get the backup server back if a site were lost now; a sentence
 * for the daily mail. Nothing is asked over a network: it says what is known here. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/recover/run_pick.h"
#include "cli/session.h"
#include "escrow/officer.h"
#include "escrow/simulate.h"
#include "text/time.h"

enum { LACKS_MOST = 12, OFFICERS_MOST = 4 };

/* A Security Officer's passphrase that the restore wants, too. */
struct ready_officer {
    struct key key;
    int lost, opened;
};

struct ready {
    struct ctx *ctx;
    struct loss_world world;
    struct simulate_count count;
    struct run_pick pick; /* --bco, --key */
    int64_t now_ms;
    int64_t drill_every; /* by policy, of configuration backups */
    int64_t lost_other;  /* lost keys of purposes that need not outlive the site */
    /* the key that opens the configuration backup */
    struct key key;
    int have_key, key_lost;
    char root[LIMIT_NAME + 1], kms[LIMIT_NAME + 1], kept_at[LIMIT_TEXT + 1];
    int opened;           /* a drill opened it from elsewhere */
    struct drilled drill; /* the newest such */
    char drill_site[LIMIT_NAME + 1];
    struct ready_officer officers[OFFICERS_MOST];
    size_t officer_count;
    /* the freshest copy elsewhere */
    char copy[LIMIT_NAME + 1];
    int64_t copy_at;  /* last reached; 0: none */
    int64_t copy_lag; /* own entries that it lacks */
    char lacks[LACKS_MOST][512];
    size_t lack_count;
};

static void
lack(struct ready *r, const char *text)
{
    if (r->lack_count < LACKS_MOST)
        (void)snprintf(r->lacks[r->lack_count++], sizeof r->lacks[0], "%s", text);
}

/* ---- gathering ---- */

/* The newest of the keys that open configuration backups of that site: the one made last. */
static void
consider(struct ready *r, const struct key *k)
{
    if (r->pick.key[0] != '\0' || strcmp(k->purpose, "config-backup") != 0 ||
        !loss_takes_site(&r->count.loss, &r->world, k->protects_site))
        return;
    if (!r->have_key || strcmp(k->created_at, r->key.created_at) > 0) {
        r->key = *k;
        r->have_key = 1;
    }
}

static enum rc
take_item(void *arg, const struct inventory_item *item, struct err *err)
{
    struct ready *r = arg;
    struct simulate_key k = {.item = item};
    int64_t until = inventory_time(item, INV_NEEDED_UNTIL);
    (void)err;
    if (strcmp(item->key.state, "destroyed") == 0 || (until != 0 && until < r->now_ms))
        return RC_OK;
    simulate_count_key(&r->count, &r->world, item, &k);
    r->lost_other += k.lost && !purpose_must_outlive(item->key.purpose);
    consider(r, &item->key);
    return RC_OK;
}

/* The way that its newest drill took, else any that is left. */
static enum rc
take_key(void *arg, const struct inventory_item *item, struct err *err)
{
    struct ready *r = arg;
    struct loss_left left;
    struct drilled_state drills;
    (void)err;
    loss_left(&r->count.loss, &r->world, item, &left);
    r->key_lost = !left.wrap || !left.record;
    enum rc rc = drilled_state(r->ctx->store, &item->key, &drills, err);
    if (rc != RC_OK)
        return rc;
    const struct root *way = left.root;
    for (size_t i = 0; drills.proven && i < item->root_count; i++) {
        if (strcmp(item->roots[i]->object.uuid, drills.newest.root) == 0 &&
            !loss_takes_root(&r->count.loss, &r->world, item->roots[i])) {
            way = item->roots[i];
            r->opened = 1;
            r->drill = drills.newest;
        }
    }
    if (way == NULL)
        return RC_OK;
    (void)snprintf(r->root, sizeof r->root, "%s", way->object.name);
    (void)snprintf(r->kms, sizeof r->kms, "%s", way->kms.name);
    for (size_t i = 0; i < r->world.kms_count; i++) {
        if (strcmp(r->world.kmss[i].object.uuid, way->kms.uuid) == 0)
            (void)snprintf(r->kept_at, sizeof r->kept_at, "%s", r->world.kmss[i].kept_at);
    }
    return r->opened ? object_name(r->ctx->store, r->drill.site, r->drill_site, err) : RC_OK;
}

static enum rc
add_officer(void *arg, const struct key *key, struct err *err)
{
    struct ready *r = arg;
    (void)err;
    if (r->officer_count < OFFICERS_MOST)
        r->officers[r->officer_count++] = (struct ready_officer){.key = *key};
    return RC_OK;
}

static enum rc
take_officer(void *arg, const struct inventory_item *item, struct err *err)
{
    struct ready *r = arg;
    struct loss_left left;
    struct drilled_state drills;
    struct ready_officer *o = r->officers;
    while (strcmp(o->key.uuid, item->key.uuid) != 0)
        o++;
    loss_left(&r->count.loss, &r->world, item, &left);
    o->lost = !left.wrap || !left.record;
    enum rc rc = drilled_state(r->ctx->store, &item->key, &drills, err);
    for (size_t i = 0; rc == RC_OK && drills.proven && i < item->root_count; i++)
        o->opened |= strcmp(item->roots[i]->object.uuid, drills.newest.root) == 0 &&
                     !loss_takes_root(&r->count.loss, &r->world, item->roots[i]);
    return rc;
}

/* Of a file that says that it wants none, none counts. */
static enum rc
find_officers(struct ready *r, struct inventory *inv, struct err *err)
{
    const char *made = r->pick.file != NULL ? r->pick.bco.created : NULL;
    enum rc rc = RC_OK;
    if (r->have_key && (r->pick.file == NULL || r->pick.bco.security_officer))
        rc = officer_each(r->ctx->store, &r->key, made, add_officer, r, err);
    for (size_t i = 0; rc == RC_OK && i < r->officer_count; i++)
        rc = inventory_one(inv, &r->officers[i].key, take_officer, r, err);
    return rc;
}

static int64_t
acknowledged(const struct ready *r, const char *copy)
{
    for (size_t i = 0; i < r->world.ack_count; i++) {
        const struct loss_ack *a = &r->world.acks[i];
        if (strcmp(a->copy, copy) == 0 && strcmp(a->author, r->ctx->store->self.author) == 0)
            return a->entries;
    }
    return 0;
}

/* When this machine last reached a copy; 0: never. */
static enum rc
reached(const struct store *store, const char *uuid, int64_t *ms, struct err *err)
{
    struct stmt *q = NULL;
    *ms = 0;
    enum rc rc = db_query(
        store->db, &q, "SELECT reached_at FROM copy_state WHERE copy = replace(?1, '-', '')", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, uuid);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q) && time_parse(ms, col_text(q, 0)) != 0)
        *ms = 0;
    stmt_done(q);
    return rc;
}

static enum rc
own_entries(const struct store *store, int64_t *count, struct err *err)
{
    struct stmt *q = NULL;
    *count = 0;
    enum rc rc =
        db_query(store->db, &q, "SELECT coalesce(max(seq), 0) FROM entry WHERE author = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, store->self.author);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        *count = col_int(q, 0);
    stmt_done(q);
    return rc;
}

static enum rc
find_copy(struct ready *r, struct err *err)
{
    int64_t entries = 0;
    enum rc rc = own_entries(r->ctx->store, &entries, err);
    for (size_t i = 0; rc == RC_OK && i < r->world.copy_count; i++) {
        const struct loss_thing *c = &r->world.copies[i];
        int64_t at = 0;
        if (r->count.loss.copies[i])
            continue;
        rc = reached(r->ctx->store, c->object.uuid, &at, err);
        if (rc != RC_OK || at <= r->copy_at)
            continue;
        r->copy_at = at;
        r->copy_lag = entries - acknowledged(r, c->object.uuid);
        (void)snprintf(r->copy, sizeof r->copy, "%s", c->object.name);
    }
    return rc;
}

static enum rc
add_finding(void *arg, const struct simulate_finding *f, struct err *err)
{
    char text[512];
    (void)err;
    if (f->rule == RULE_ONLY_WAY) /* of keys for another site; the sentence counts them */
        return RC_OK;
    (void)snprintf(text, sizeof text, "%.300s%s%.150s", f->text, f->fix[0] != '\0' ? ": " : "",
                   f->fix);
    lack(arg, text);
    return RC_OK;
}

static void
judge_officers(struct ready *r)
{
    char text[512];
    if (r->have_key && r->pick.file != NULL && r->pick.bco.security_officer &&
        r->officer_count == 0) {
        (void)snprintf(text, sizeof text,
                       "that file wants a Security Officer's passphrase, and none is escrowed with "
                       "%.200s: keymuster record NAME --purpose " OFFICER_PURPOSE " --with KEY",
                       r->key.name);
        lack(r, text);
    }
    for (size_t i = 0; i < r->officer_count; i++) {
        const struct ready_officer *o = &r->officers[i];
        if (o->lost || !o->opened) {
            (void)snprintf(text, sizeof text,
                           "the Security Officer's passphrase %.200s@%" PRId64 " %s", o->key.name,
                           o->key.generation,
                           o->lost ? "would be lost: keymuster wrap add KEY --root ROOT-ELSEWHERE"
                                   : "was never drilled from elsewhere; at another site: keymuster "
                                     "drill");
            lack(r, text);
        }
    }
}

static enum rc
judge(struct ready *r, struct err *err)
{
    char text[512];
    int64_t proven = 0;
    if (!r->have_key)
        lack(r, "no key for a configuration backup of that site is escrowed: keymuster create NAME "
                "--purpose config-backup --root ROOT-ELSEWHERE");
    if (r->have_key && !r->key_lost && r->kept_at[0] == '\0') {
        (void)snprintf(text, sizeof text,
                       "nobody recorded where the credential of %s is kept: keymuster kms set %s "
                       "--kept-at TEXT",
                       r->kms, r->kms);
        lack(r, text);
    }
    int due =
        r->opened && time_parse(&proven, r->drill.at) == 0 && r->now_ms - proven >= r->drill_every;
    if (r->have_key && !r->key_lost && (!r->opened || due)) {
        (void)snprintf(text, sizeof text, "%.200s@%" PRId64 " %s; at another site: keymuster drill",
                       r->key.name, r->key.generation,
                       due ? "was last drilled too long ago" : "was never drilled from elsewhere");
        lack(r, text);
    }
    judge_officers(r);
    if (r->copy_at != 0 && r->copy_lag > 0) {
        (void)snprintf(text, sizeof text,
                       "%" PRId64 " entries are not in the copy %s: keymuster sync", r->copy_lag,
                       r->copy);
        lack(r, text);
    }
    if (r->copy_at == 0)
        lack(r, "no copy elsewhere was ever reached from here: keymuster copy add, or sync");
    return simulate_findings(&r->count, &r->world, add_finding, r, err);
}

/* ---- telling ---- */

static void
say_way(struct buf *out, const struct ready *r)
{
    int64_t at = 0;
    const char *of = r->pick.file != NULL ? r->pick.bco.created : "";
    buf_adds(out, "the configuration backup");
    if (of[0] != '\0')
        buf_addf(out, " of %.10s %.5s", of, of + 11);
    if (!r->have_key) {
        buf_adds(out, " has no key here");
        return;
    }
    buf_addf(out, " %s with %s@%" PRId64, r->key_lost ? "would not open" : "opens", r->key.name,
             r->key.generation);
    for (size_t i = 0; i < r->officer_count; i++)
        buf_addf(out, ", and the Security Officer's passphrase %s@%" PRId64 "%s",
                 r->officers[i].key.name, r->officers[i].key.generation,
                 r->officers[i].lost ? ", which would be lost," : "");
    if (r->key_lost)
        return;
    buf_addf(out, " through %s", r->kms);
    if (r->opened && time_parse(&at, r->drill.at) == 0) {
        char ago[AGO_TEXT] = "";
        time_ago(ago, at, r->now_ms);
        buf_addf(out, " (drilled from %s %s, %.1f s)", r->drill_site, ago,
                 (double)r->drill.ms / 1000.0);
    } else {
        buf_adds(out, " (never drilled)");
    }
    buf_addf(out, ", credential %s%s", r->kept_at[0] != '\0' ? "in " : "at no known place",
             r->kept_at);
}

static void
say(struct buf *out, const struct ready *r)
{
    buf_addf(out, "%sIf %s burned now: ", r->lack_count > 0 ? "NOT READY. " : "",
             r->count.loss.name);
    say_way(out, r);
    int64_t others = r->count.must - (r->have_key && r->key_lost);
    if (others > 0)
        buf_addf(out, "; %" PRId64 " more that must outlive a site would be lost", others);
    buf_addf(out, "; %" PRId64 " other key%s would be lost", r->lost_other,
             r->lost_other == 1 ? "" : "s");
    if (r->copy_at != 0) {
        char ago[AGO_TEXT] = "";
        time_ago(ago, r->copy_at, r->now_ms);
        buf_addf(out, "; copy %s reached %s", r->copy, ago);
    } else {
        buf_adds(out, "; no copy elsewhere");
    }
    buf_addf(out, "; %" PRId64 " trusted author%s left.", r->count.authors_left,
             r->count.authors_left == 1 ? "" : "s");
}

static void
write_key(struct jw *w, const struct ready *r)
{
    jw_obj(w, "key");
    jw_str(w, "name", r->key.name);
    jw_int(w, "generation", r->key.generation);
    jw_str(w, "uuid", r->key.uuid);
    jw_bool(w, "lost", r->key_lost);
    jw_opt(w, "root", r->root);
    jw_opt(w, "kms", r->kms);
    jw_opt(w, "credential_kept_at", r->kept_at);
    if (r->opened) {
        jw_str(w, "drilled_at", r->drill.at);
        jw_opt(w, "drilled_from", r->drill_site);
        jw_int(w, "drilled_ms", r->drill.ms);
    }
    jw_end_obj(w);
}

static void
write_officers(struct jw *w, const struct ready *r)
{
    jw_arr(w, "officer_keys");
    for (size_t i = 0; i < r->officer_count; i++) {
        const struct ready_officer *o = &r->officers[i];
        jw_obj(w, NULL);
        jw_str(w, "name", o->key.name);
        jw_int(w, "generation", o->key.generation);
        jw_str(w, "uuid", o->key.uuid);
        jw_bool(w, "lost", o->lost);
        jw_bool(w, "drilled", o->opened);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static enum rc
answer_json(struct ready *r, const char *sentence, struct err *err)
{
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "ready");
    jw_bool(&w, "ready", r->lack_count == 0);
    jw_str(&w, "if_lost", r->count.loss.name);
    jw_str(&w, "sentence", sentence);
    if (r->have_key)
        write_key(&w, r);
    write_officers(&w, r);
    run_pick_write(&w, &r->pick);
    jw_int(&w, "lost", r->count.lost);
    jw_int(&w, "must_outlive_lost", r->count.must);
    if (r->copy_at != 0) {
        char at[TIME_TEXT + 1];
        time_format(at, r->copy_at);
        jw_str(&w, "copy", r->copy);
        jw_str(&w, "copy_reached_at", at);
        jw_int(&w, "copy_lacks", r->copy_lag);
    }
    jw_int(&w, "authors_left", r->count.authors_left);
    jw_arr(&w, "lacks");
    for (size_t i = 0; i < r->lack_count; i++)
        jw_str(&w, NULL, r->lacks[i]);
    jw_end_arr(&w);
    return out_object(r->ctx, &doc, &w, err);
}

static enum rc
answer(struct ready *r, struct err *err)
{
    struct buf text;
    buf_init(&text, LIMIT_ENTRY);
    say(&text, r);
    enum rc rc = buf_check(&text, "the answer", err);
    r->ctx->findings += r->lack_count > 0;
    if (rc == RC_OK && out_is_json(r->ctx)) {
        rc = answer_json(r, buf_str(&text), err);
    } else if (rc == RC_OK) {
        out_text(r->ctx, buf_str(&text));
        out_printf(r->ctx, "\n");
        for (size_t i = 0; i < r->lack_count; i++) {
            out_printf(r->ctx, "- ");
            out_text(r->ctx, r->lacks[i]);
            out_printf(r->ctx, "\n");
        }
    }
    buf_release(&text);
    return rc;
}

static enum rc
gather(struct ready *r, struct err *err)
{
    struct inventory *inv = NULL;
    struct policy policy = {.not_understood = 0};
    struct object site;
    enum rc rc =
        object_find(r->ctx->store, "site", opt_get(&r->ctx->opts, OPT_IF_LOST), &site, err);
    if (rc == RC_OK)
        rc = policy_load(&policy, r->ctx->store, err);
    r->drill_every = policy_of(&policy, POLICY_DRILL, "config-backup");
    if (rc == RC_OK)
        rc = loss_world_load(&r->world, r->ctx->store, err);
    if (rc == RC_OK)
        rc = loss_make(&r->count.loss, &r->world, LOSS_SITE, site.name, site.uuid, err);
    if (rc == RC_OK)
        rc = run_pick(&r->pick, r->ctx, err);
    if (rc == RC_OK && r->pick.key[0] != '\0')
        rc = key_find(r->ctx->store, r->pick.key, &r->key, err);
    r->have_key = rc == RC_OK && r->pick.key[0] != '\0';
    if (rc == RC_OK)
        rc = inventory_open(&inv, r->ctx->store, INV_FIELDS | INV_WRAPS, err);
    if (rc == RC_OK)
        rc = inventory_each(inv, NULL, INV_BY_NAME, 0, take_item, r, err);
    if (rc == RC_OK && r->have_key)
        rc = inventory_one(inv, &r->key, take_key, r, err);
    if (rc == RC_OK)
        rc = find_officers(r, inv, err);
    if (rc == RC_OK) {
        simulate_count_rest(&r->count, &r->world);
        rc = find_copy(r, err);
    }
    inventory_close(inv);
    return rc;
}

static enum rc
run_ready(struct ctx *ctx, struct err *err)
{
    static struct ready r; /* large */
    memset(&r, 0, sizeof r);
    r.ctx = ctx;
    r.now_ms = clock_now_ms();
    if (!opt_has(&ctx->opts, OPT_IF_LOST))
        return err_set(err, RC_USAGE, "ready: --if-lost SITE is missing");
    enum rc rc = gather(&r, err);
    if (rc == RC_OK)
        rc = judge(&r, err);
    if (rc == RC_OK)
        rc = answer(&r, err);
    if (r.count.loss.sites != NULL)
        loss_release(&r.count.loss);
    loss_world_release(&r.world);
    return rc;
}

static const struct opt_spec ready_options[] = {
    {OPT_IF_LOST, "if-lost", 0, "SITE", 0, "the site that is thought of as lost"},
    PICK_OPTIONS,
    OPT_END,
};

const struct cmd cmd_ready_table[] = {
    {NULL, "ready", "--if-lost SITE [--bco FILE | --key KEY]",
     "Says in a sentence whether a site's backup server could be got back if it were lost now.",
     ready_options, 0, 0, CMD_READ, GROUP_PROOF, run_ready,
     "keymuster ready --if-lost fra\n"
     "keymuster ready --if-lost fra --bco /mnt/nas/fra.bco -o json\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
