/* doctor, without a network: this machine, the store, credentials by reference, copies as they were
 * reached last, runbooks, authors, duties. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/audit/doctor.h"
#include "cli/ref.h"
#include "cli/session.h"
#include "copy/fresh.h"
#include "escrow/runbooks.h"
#include "recover/runbook.h"
#include "report/finding.h"
#include "sys/file.h"

/* ---- this machine ---- */

static void
machine(struct doctor *d)
{
    struct err why = ERR_INIT;
    struct secret *slot = NULL;
    struct buf swaps;
    int locked = secret_new(&slot, &why) == RC_OK && !secret_unlocked();
    secret_free(slot);
    doctor_tell(d, "machine", "memory", "secrets are locked in it", locked, !locked,
                locked ? ""
                       : "raise the limit of locked memory to 64 KiB: ulimit -l, LimitMEMLOCK=");
    buf_init(&swaps, LIMIT_SMALL_FILE);
    err_clear(&why);
    int known = file_read(&swaps, "/proc/swaps", &why) == RC_OK;
    const char *first = known ? strchr(buf_str(&swaps), '\n') : NULL;
    int off = first == NULL || first[1] == '\0';
    doctor_tell(d, "machine", "swap", "is off", !known ? -1 : off, 0,
                !known || off ? ""
                              : "what is locked is not swapped; encrypt the rest all the same");
    buf_release(&swaps);
}

static void
store_files(struct doctor *d)
{
    static const char *const names[] = {"", "/escrow.db", "/author.key", "/keymuster.conf"};
    const struct store *store = d->ctx->store;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_SIZE + 32], why[PATH_SIZE + 64] = "";
        struct stat st;
        (void)snprintf(path, sizeof path, "%s%s", store->dir, names[i]);
        if (stat(path, &st) != 0)
            continue;
        int own = (st.st_mode & 077) == 0;
        if (!own)
            (void)snprintf(why, sizeof why, "chmod go= %s", path);
        doctor_tell(d, "store", i == 0 ? "folder" : names[i] + 1, "is its owner's alone", own, !own,
                    why);
    }
}

/* ---- credentials, copies ---- */

static void
credential(struct doctor *d, const char *section, const char *name)
{
    const char *ref = store_conf(d->ctx->store, section, name, "credential");
    struct secret *s = NULL;
    struct err why = ERR_INIT;
    char what[LIMIT_NAME + 32];
    if (ref == NULL)
        return;
    (void)snprintf(what, sizeof what, "credential of %s %s", section, name);
    if (strncmp(ref, "file:", 5) != 0 && strncmp(ref, "credential:", 11) != 0) {
        doctor_tell(d, section, name, "its credential can be read", -1, 0,
                    ref_is_lasting(ref) ? "it is read when it is needed"
                                        : "a timer cannot answer: use file: or credential:");
        return;
    }
    int read = ref_read(&s, ref, what, &why) == RC_OK;
    secret_free(s);
    char text[sizeof why.msg + sizeof why.why + 4];
    (void)snprintf(text, sizeof text, "%s%s%s", why.msg, why.why[0] != '\0' ? ": " : "", why.why);
    doctor_tell(d, section, name, "its credential can be read", read, !read, read ? "" : text);
}

static void
credentials(struct doctor *d)
{
    static const char *const sections[] = {"kms", "copy", "vbr"};
    for (size_t s = 0; s < sizeof sections / sizeof sections[0]; s++) {
        const char *name = NULL;
        for (size_t i = 0; (name = ini_name_at(d->ctx->store->conf, sections[s], i)) != NULL; i++)
            credential(d, sections[s], name);
    }
}

static enum rc
copies(struct doctor *d, struct err *err)
{
    const struct store *store = d->ctx->store;
    enum rc rc = RC_OK;
    const char *name = NULL;
    for (size_t i = 0; rc == RC_OK && (name = ini_name_at(store->conf, "copy", i)) != NULL; i++) {
        struct freshness f;
        char ago[AGO_TEXT] = "never", why[256];
        int64_t then = 0;
        rc = copy_freshness(store, name, clock_now_ms(), &f, err);
        if (rc != RC_OK)
            return rc;
        if (time_parse(&then, f.reached_at) == 0)
            time_ago(ago, then, clock_now_ms());
        int fresh = !f.overdue && f.missing == 0;
        (void)snprintf(why, sizeof why, "reached %s%s%.64s; it lacks %" PRId64 " entries%s", ago,
                       f.every != NULL ? ", due every " : "", f.every != NULL ? f.every : "",
                       f.missing, fresh ? "" : ": keymuster sync");
        doctor_tell(d, "copy", name, "is up to date", fresh, f.overdue, why);
    }
    if (rc == RC_OK && ini_name_at(store->conf, "copy", 0) == NULL)
        doctor_tell(d, "copy", "any", "is bound here", 0, 0,
                    "this store is the only one: keymuster copy add NAME URL --site SITE");
    return rc;
}

/* ---- plans ---- */

/* IBM's own target for Key Protect and HPCS after a regional failure, in hours (IBM Cloud docs, Key
 * Protect, "high availability and disaster recovery"); before that a replica only unwraps. */
enum { IBM_RTO_H = 9 };

struct plans {
    int64_t count;
    int64_t rto_ms; /* the shortest; 0: none says one */
    char name[LIMIT_NAME + 1];
};

static enum rc
add_plan(void *arg, const struct runbook_entry *e, struct err *err)
{
    struct plans *p = arg;
    struct runbook *r = NULL;
    struct err why = ERR_INIT;
    enum rc rc = runbook_read(&r, e->text, strlen(e->text), e->name, &why);
    if (rc == RC_OK && r->rto_ms > 0 && (p->rto_ms == 0 || r->rto_ms < p->rto_ms)) {
        p->rto_ms = r->rto_ms;
        (void)snprintf(p->name, sizeof p->name, "%s", e->name);
    }
    p->count++;
    runbook_free(r);
    return rc == RC_NO_MEMORY ? err_nomem(err) : RC_OK; /* one of a later version says no RTO */
}

struct leaning {
    struct doctor *d;
    const struct plans *plans;
};

/* A plan cannot be faster than the KMS that it leans on comes back. */
static enum rc
compare_rto(void *arg, const struct object *kms, struct err *err)
{
    const struct leaning *l = arg;
    struct buf provider;
    buf_init(&provider, LIMIT_TEXT);
    enum rc rc = field_get(l->d->ctx->store, kms->uuid, "provider", &provider, NULL, err);
    if (rc == RC_OK && strcmp(buf_str(&provider), "ibm") == 0) {
        char why[256];
        int in_time = l->plans->rto_ms >= IBM_RTO_H * INT64_C(3600000);
        (void)snprintf(why, sizeof why,
                       "runbook %s wants %" PRId64 " min; when its region fails IBM aims at %d h: "
                       "a second root key in another region does not wait: keymuster wrap add",
                       l->plans->name, l->plans->rto_ms / 60000, IBM_RTO_H);
        doctor_tell(l->d, "KMS", kms->name, "comes back within the RTO of each plan", in_time, 0,
                    in_time ? "" : why);
    }
    buf_release(&provider);
    return rc;
}

/* ---- the escrow ---- */

struct tally {
    int64_t severity[FINDING_SEVERITIES], rule[FINDING_RULES];
};

static enum rc
count_finding(void *arg, const struct finding *f, struct err *err)
{
    struct tally *t = arg;
    (void)err;
    t->severity[f->severity]++;
    t->rule[f->id]++;
    return RC_OK;
}

static enum rc
escrow(struct doctor *d, struct err *err)
{
    struct tally t;
    struct plans plans = {.count = 0};
    struct leaning leaning = {d, &plans};
    char why[256];
    memset(&t, 0, sizeof t);
    enum rc rc = runbook_each(d->ctx->store, NULL, add_plan, &plans, err);
    if (rc == RC_OK && plans.rto_ms > 0)
        rc = object_each(d->ctx->store, "kms", compare_rto, &leaning, err);
    if (rc == RC_OK)
        rc = finding_each(d->ctx->store, clock_now_ms(), count_finding, &t, err);
    if (rc != RC_OK)
        return rc;
    doctor_tell(d, "escrow", "runbooks", "are in the log", plans.count > 0, 0,
                plans.count > 0 ? ""
                                : "the built-in one is used: keymuster runbook add total-loss");
    doctor_tell(d, "escrow", "clock", "agrees with those of the entries",
                t.rule[FINDING_CLOCK] == 0, t.rule[FINDING_CLOCK] > 0,
                t.rule[FINDING_CLOCK] == 0 ? "" : "look at the time here and there: timedatectl");
    doctor_tell(d, "escrow", "authors", "more than one lives", t.rule[FINDING_ONE_AUTHOR] == 0, 0,
                t.rule[FINDING_ONE_AUTHOR] == 0 ? "" : "keymuster author spare --file FILE");
    int64_t duties =
        t.rule[FINDING_EXPOSED] + t.rule[FINDING_ALONE] + t.rule[FINDING_FOREIGN_UNWRAP];
    (void)snprintf(why, sizeof why, "%" PRId64 " are open: keymuster status", duties);
    doctor_tell(d, "escrow", "duties", "are done", duties == 0, 0, duties == 0 ? "" : why);
    (void)snprintf(why, sizeof why,
                   "%" PRId64 " high, %" PRId64 " medium, %" PRId64 " low: keymuster audit check",
                   t.severity[FINDING_HIGH], t.severity[FINDING_MEDIUM], t.severity[FINDING_LOW]);
    int none = t.severity[FINDING_HIGH] + t.severity[FINDING_MEDIUM] == 0;
    doctor_tell(d, "escrow", "policy", "is kept", none, 0, none ? "" : why);
    return RC_OK;
}

enum rc
doctor_local(struct doctor *d, struct err *err)
{
    machine(d);
    store_files(d);
    credentials(d);
    enum rc rc = copies(d, err);
    return rc == RC_OK ? escrow(d, err) : rc;
}
