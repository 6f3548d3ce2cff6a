/* What is not as it should be with one key. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/finding_walk.h"
#include "text/time.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
enum { SOON_DAYS = 30 };

struct one {
    struct finding_walk *w;
    const struct inventory_item *item;
    const struct key *key;
    char label[KEY_NAME_BYTES + 24];
    char ref[KEY_REF]; /* in commands; "" before it is asked for */
};

#define SAY(o, rule, err, ...)                                                                     \
    finding_say((o)->w, rule, "key", (o)->label, (o)->key->uuid, err, __VA_ARGS__)

static int64_t
asked(const struct one *o, enum policy_rule rule)
{
    return policy_of(&o->w->policy, rule, o->key->purpose);
}

/* "120 d ago" of a time in the log. */
static void
ago_of(char out[AGO_TEXT], const struct one *o, const char *at)
{
    int64_t ms = 0;
    out[0] = '\0';
    if (time_parse(&ms, at) == 0)
        time_ago(out, ms, o->w->now_ms);
}

/* What a command calls it. */
static const char *
ref(struct one *o)
{
    return o->ref[0] != '\0' ? o->ref : key_ref_said(o->ref, o->w->store, o->key);
}

/* The same of its newest generation. */
static void
newest_ref(char out[KEY_REF], const struct one *o)
{
    struct key newest;
    struct err several = ERR_INIT;
    if (key_find(o->w->store, o->key->name, &newest, &several) != RC_OK ||
        key_ref(out, o->w->store, &newest, &several) != RC_OK)
        (void)snprintf(out, KEY_REF, "KEY");
}

/* A later generation of its name. */
static enum rc
has_newer(const struct one *o, int *yes, struct err *err)
{
    struct stmt *q = NULL;
    *yes = 0;
    enum rc rc = db_query(o->w->store->db, &q,
                          "SELECT 1 FROM key WHERE name = ?1 AND generation > ?2 LIMIT 1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, o->key->name);
    stmt_int(q, 2, o->key->generation);
    rc = stmt_row(q, err);
    *yes = rc == RC_OK && stmt_more(q);
    stmt_done(q);
    return rc;
}

/* ---- ways back ---- */

/* The loss of each site is counted on the way, for finding_losses. */
static enum rc
losses(struct one *o, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < o->w->count; i++) {
        struct simulate_count *c = &o->w->counts[i];
        struct simulate_key k = {.item = o->item};
        int64_t broken = c->broken;
        int64_t fate = c->fate;
        simulate_count_key(c, &o->w->world, o->item, &k);
        if (c->broken > broken) {
            if (!k.left.wrap)
                finding_fix(o->w, "keymuster wrap add %s --root ROOT-ELSEWHERE", ref(o));
            else
                finding_fix(o->w, "keymuster sync");
            rc = SAY(o, FINDING_OUTLIVE, err,
                     "%s would be lost with the site it protects, %s: no %s "
                     "elsewhere",
                     o->label, c->loss.name, !k.left.wrap ? "wrap" : "copy");
        } else if (c->fate > fate) {
            finding_fix(o->w, "keymuster wrap add %s --root ROOT-ELSEWHERE", ref(o));
            rc = SAY(o, FINDING_FATE, err,
                     "all that would be left of %s without %s shares a region, vendor or account "
                     "with it",
                     o->label, c->loss.name);
        }
    }
    return rc;
}

static enum rc
ways(struct one *o, struct err *err)
{
    const struct inventory_item *i = o->item;
    size_t open = 0;
    for (size_t r = 0; r < i->root_count; r++)
        open += i->roots[r]->state != ROOT_DESTROYED && i->roots[r]->state != ROOT_SUSPENDED;
    if (i->root_count == 0 || open > 0)
        return RC_OK;
    finding_fix(o->w, "keymuster root restore %s", i->roots[0]->object.name);
    return SAY(o, FINDING_NO_WAY, err, "no wrap of %s opens now: root key %s is %s%s", o->label,
               i->roots[0]->object.name,
               i->roots[0]->state == ROOT_DESTROYED ? "destroyed" : "disabled",
               i->root_count > 1 ? ", and so are the others" : "");
}

static enum rc
debts(struct one *o, struct err *err)
{
    const struct inventory_item *i = o->item;
    enum rc rc = RC_OK;
    char ago[AGO_TEXT];
    ago_of(ago, o, o->key->created_at);
    for (size_t d = 0; rc == RC_OK && d < i->debt_count; d++) {
        finding_fix(o->w, "keymuster wrap add %s --root %s", ref(o), i->debts[d]->object.name);
        rc = SAY(o, FINDING_OWED, err, "%s has no wrap under %s, owed since it was made %s",
                 o->label, i->debts[d]->object.name, ago);
    }
    if (rc == RC_OK && i->wraps_wanting > 0) {
        finding_fix(o->w, "keymuster wrap add %s --root ANOTHER-ROOT", ref(o));
        rc = SAY(o, FINDING_WRAPS, err,
                 "%s lacks %" PRId64 " of the %" PRId64 " wraps that policy asks of a %s key",
                 o->label, i->wraps_wanting, asked(o, POLICY_WRAPS), o->key->purpose);
    }
    if (rc == RC_OK && !i->released) {
        finding_fix(o->w, "keymuster sync");
        rc = SAY(o, FINDING_UNRELEASED, err, "no copy that must hold %s has it yet", o->label);
    } else if (rc == RC_OK && i->copies_wanting > 0) {
        finding_fix(o->w, "keymuster sync");
        rc = SAY(o, FINDING_COPIES, err,
                 "the record of %s is missing on %" PRId64 " of the %" PRId64
                 " copies that policy asks of a %s key",
                 o->label, i->copies_wanting, asked(o, POLICY_COPIES), o->key->purpose);
    }
    return rc;
}

/* ---- wraps behind ---- */

/* When the longest-standing root key that the key is behind of was rotated; 0: not known. */
static int64_t
behind_since(const struct inventory_item *i)
{
    int64_t since = 0;
    for (size_t l = 0; l < i->live_count; l++) {
        const struct root *r = i->live[l].root;
        int64_t at = 0;
        int current = 0;
        for (size_t m = 0; m < i->live_count; m++)
            current |= i->live[m].root == r && strcmp(i->live[m].version, r->version) == 0;
        if (current || r->version[0] == '\0' || i->live[l].version[0] == '\0' ||
            time_parse(&at, r->rotated_at[0] != '\0' ? r->rotated_at : r->observed_at) != 0)
            continue;
        since = since == 0 || at < since ? at : since;
    }
    return since;
}

static enum rc
behind(struct one *o, struct err *err)
{
    if (o->item->behind == 0)
        return RC_OK;
    int64_t since = behind_since(o->item);
    int64_t limit = asked(o, POLICY_REWRAP);
    char ago[AGO_TEXT] = "at an unknown time";
    char every[POLICY_TEXT];
    policy_value_text(every, POLICY_REWRAP, limit);
    if (since != 0)
        time_ago(ago, since, o->w->now_ms);
    finding_fix(o->w, "keymuster rewrap %s", ref(o));
    if (limit == POLICY_NONE || since == 0 || o->w->now_ms - since < limit)
        return SAY(o, FINDING_BEHIND, err, "%s is behind its root key, rotated %s", o->label, ago);
    return SAY(o, FINDING_REWRAP_DUE, err,
               "%s is behind its root key, rotated %s; policy allows %s", o->label, ago, every);
}

/* ---- proofs ---- */

static enum rc
failed(struct one *o, struct err *err)
{
    const struct drilled_state *d = &o->item->drills;
    const char *root = "";
    enum rc rc =
        d->failing_root[0] != '\0' ? inventory_name(o->w->inv, d->failing_root, &root, err) : RC_OK;
    if (rc != RC_OK)
        return rc;
    finding_fix(o->w, "keymuster drill %s", ref(o));
    return SAY(o, FINDING_DRILL_FAILED, err, "%s could not be got back%s%s (%s)", o->label,
               root[0] != '\0' ? " under " : "", root, d->failing_code);
}

static enum rc
proofs(struct one *o, struct err *err)
{
    const struct inventory_item *i = o->item;
    int64_t every = asked(o, POLICY_DRILL);
    char ago[AGO_TEXT], text[POLICY_TEXT];
    enum rc rc = i->drills.failing > 0 ? failed(o, err) : RC_OK;
    if (rc == RC_OK && !o->key->has_check) {
        finding_fix(o->w, "keymuster drill %s", ref(o));
        rc = SAY(o, FINDING_NO_CHECK, err, "%s has no check value: nothing to compare with",
                 o->label);
    }
    if (rc == RC_OK && every != POLICY_NONE && !i->drills.proven) {
        finding_fix(o->w, "keymuster drill %s", ref(o));
        rc = SAY(o, FINDING_NEVER_DRILLED, err, "%s was never proven by a drill that counts",
                 o->label);
    } else if (rc == RC_OK && drilled_is_due(&i->drills, every, o->w->now_ms)) {
        ago_of(ago, o, i->drills.newest.at);
        policy_value_text(text, POLICY_DRILL, every);
        finding_fix(o->w, "keymuster drill %s", ref(o));
        rc = SAY(o, FINDING_DRILL_DUE, err,
                 "%s was last proven by a drill %s; policy says every %s", o->label, ago, text);
    }
    if (rc == RC_OK && i->unconfirmed) {
        finding_fix(o->w, "keymuster check %s", ref(o));
        rc = SAY(o, FINDING_UNCONFIRMED, err,
                 "%s is unconfirmed: nobody has compared it with what the backup server has",
                 o->label);
    }
    return rc;
}

static enum rc
recovered(struct one *o, struct err *err)
{
    int newer = 0;
    if (!purpose_must_outlive(o->key->purpose) || finding_recovered(o->w, o->key))
        return RC_OK;
    enum rc rc = has_newer(o, &newer, err);
    if (rc != RC_OK || newer)
        return rc;
    finding_fix(o->w, "keymuster recover start --drill --blind %s", ref(o));
    return SAY(o, FINDING_NEVER_RECOVERED, err,
               "%s was never got back by anyone but the administrator", o->label);
}

static enum rc
exposed(struct one *o, struct err *err)
{
    const struct duty *d = &o->item->duty;
    char ago[AGO_TEXT], newest[KEY_REF], next[DUTY_NEXT];
    if (!o->item->exposed)
        return RC_OK;
    newest_ref(newest, o);
    ago_of(ago, o, d->since);
    duty_next(next, d);
    if (d->lacks == DUTY_SUCCESSOR)
        finding_fix(o->w, "keymuster rekey %s", ref(o));
    else if (d->lacks == DUTY_DELIVERY)
        finding_fix(o->w, "keymuster vbr push SERVER %s", newest);
    else if (d->lacks == DUTY_DRILL)
        finding_fix(o->w, "keymuster drill %s", newest);
    else
        finding_fix(o->w, "keymuster vbr reconcile SERVER");
    if (d->left[0] != '\0')
        return SAY(o, FINDING_EXPOSED, err, "%s is known to %s, who left; %s", o->label, d->left,
                   next);
    return SAY(o, FINDING_EXPOSED, err, "%s was seen by a person %s; %s", o->label, ago, next);
}

/* ---- states and dates ---- */

/* How long a key is used to encrypt: by policy, and by its own date. */
static enum rc
ages(struct one *o, struct err *err)
{
    int64_t made = 0;
    int64_t limit = asked(o, POLICY_MAX_AGE);
    int64_t expires = inventory_time(o->item, INV_EXPIRES);
    int old = limit != POLICY_NONE && time_parse(&made, o->key->created_at) == 0 &&
              o->w->now_ms - made >= limit;
    int over = expires != 0 && expires <= o->w->now_ms;
    int soon = expires != 0 && !over && expires - o->w->now_ms < SOON_DAYS * DAY_MS;
    int newer = 0;
    char date[TIME_TEXT + 1];
    if (strcmp(o->key->state, "active") != 0 || (!old && !over && !soon))
        return RC_OK;
    enum rc rc = has_newer(o, &newer, err);
    if (rc != RC_OK || newer)
        return rc;
    time_format(date, expires);
    if (old) {
        char ago[AGO_TEXT], text[POLICY_TEXT];
        ago_of(ago, o, o->key->created_at);
        policy_value_text(text, POLICY_MAX_AGE, limit);
        finding_fix(o->w, "keymuster rekey %s", ref(o));
        rc = SAY(o, FINDING_AGE, err, "%s was made %s and still encrypts; policy allows %s",
                 o->label, ago, text);
    }
    if (rc == RC_OK && (over || soon)) {
        finding_fix(o->w, "keymuster rekey %s", ref(o));
        rc = SAY(o, over ? FINDING_EXPIRED : FINDING_EXPIRES, err,
                 "a successor of %s %s due on %.10s", o->label, over ? "was" : "is", date);
    }
    return rc;
}

static enum rc
states(struct one *o, int needed, struct err *err)
{
    const char *state = o->key->state;
    char date[TIME_TEXT + 1], since[TIME_TEXT + 1], reason[LIMIT_TEXT + 1];
    int newer = 0;
    int64_t until = inventory_time(o->item, INV_NEEDED_UNTIL);
    time_format(date, until);
    if (strcmp(state, "destroyed") == 0) {
        if (until == 0 || until <= o->w->now_ms)
            return RC_OK;
        finding_fix(o->w, "keymuster state %s deactivated --reason TEXT", ref(o));
        return SAY(o, FINDING_DESTROYED, err,
                   "%s is marked destroyed, and its backups are kept until %.10s", o->label, date);
    }
    if (!needed) {
        finding_fix(o->w, "keymuster state %s destroyed --reason TEXT", ref(o));
        return SAY(o, FINDING_NOT_NEEDED, err, "the backups of %s were kept until %.10s", o->label,
                   date);
    }
    int suspended = strcmp(state, "suspended") == 0;
    if (!suspended && strcmp(state, "compromised") != 0)
        return RC_OK;
    enum rc rc = key_state_why(o->w->store, o->key, since, reason, err);
    if (rc == RC_OK && !suspended)
        rc = has_newer(o, &newer, err);
    if (rc != RC_OK || newer)
        return rc;
    if (suspended)
        finding_fix(o->w, "keymuster state %s active --reason TEXT", ref(o));
    else
        finding_fix(o->w, "keymuster rekey %s", ref(o));
    return SAY(o, suspended ? FINDING_SUSPENDED : FINDING_COMPROMISED, err,
               "%s is %s since %.10s (%.200s)%s", o->label, state, since, reason,
               suspended ? "" : " and has no successor");
}

enum rc
finding_key(void *arg, const struct inventory_item *item, struct err *err)
{
    struct one o = {.w = arg, .item = item, .key = &item->key};
    int64_t until = inventory_time(item, INV_NEEDED_UNTIL);
    int needed = until == 0 || until >= o.w->now_ms;
    (void)snprintf(o.label, sizeof o.label, "%s@%" PRId64, item->key.name, item->key.generation);
    enum rc rc = states(&o, needed, err);
    if (rc != RC_OK || !needed || strcmp(item->key.state, "destroyed") == 0)
        return rc;
    rc = losses(&o, err);
    if (rc == RC_OK)
        rc = ways(&o, err);
    if (rc == RC_OK)
        rc = debts(&o, err);
    if (rc == RC_OK)
        rc = behind(&o, err);
    if (rc == RC_OK)
        rc = proofs(&o, err);
    if (rc == RC_OK)
        rc = recovered(&o, err);
    if (rc == RC_OK)
        rc = exposed(&o, err);
    return rc == RC_OK ? ages(&o, err) : rc;
}
