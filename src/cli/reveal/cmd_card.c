/* copy card: what to know when everything here is gone, as text or as a page to print. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/reveal/card.h"
#include "cli/session.h"
#include "escrow/log.h"
#include "escrow/trust.h"
#include "report/card_page.h"
#include "sys/file.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

enum { PAGE_MOST = 16 * 1024 * 1024 };

struct carding {
    struct ctx *ctx;
    struct card_page page;
    struct buf text; /* the card as text */
};

/* One line of free text, made harmless. */
static void
put_text(struct buf *out, const char *text)
{
    escape_terminal(out, text, strlen(text), ESCAPE_LINE);
}

/* ---- floors ---- */

/* How far an author's log has got that counts, and that some copy has: a floor that no copy reaches
 * would refuse them all. */
static enum rc
floor_of(const struct store *store, const struct log_author *a, const struct trust *t,
         int64_t *last, struct err *err)
{
    struct stmt *q = NULL;
    *last = a->entries < t->upto ? a->entries : t->upto;
    enum rc rc =
        db_query(store->db, &q, "SELECT max(entries) FROM copy_seen WHERE author = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, a->author);
    rc = stmt_row(q, err);
    if (rc == RC_OK && col_int(q, 0) > 0 && col_int(q, 0) < *last)
        *last = col_int(q, 0);
    stmt_done(q);
    return rc;
}

struct last_line {
    char hash[HASH_TEXT + 1];
    char at[TIME_TEXT + 1];
};

static enum rc
take_last(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    struct last_line *l = arg;
    struct entry e = {0};
    (void)seq;
    sha256_hex(l->hash, line, len);
    enum rc rc = entry_parse(&e, line, len, err);
    if (rc == RC_OK)
        (void)snprintf(l->at, sizeof l->at, "%s", e.at);
    entry_release(&e);
    return rc;
}

static void
put_floor(struct carding *c, const struct log_author *a, int64_t last, const struct last_line *l,
          const char *site)
{
    char check[CARD_CHECK + 1], entries[24];
    char who[LIMIT_NAME + AUTHOR_TEXT + 4];
    card_floor_check(check, a->author, last, l->hash);
    (void)snprintf(entries, sizeof entries, "%lld", (long long)last);
    buf_addf(&c->text, "floor %s %s %s check %s   of %s (%s)\n", a->author, entries, l->hash, check,
             l->at, a->name);
    buf_adds(&c->page.lines, "floor ");
    card_page_groups(&c->page.lines, a->author);
    buf_addf(&c->page.lines, "  %s  ", entries);
    card_page_groups(&c->page.lines, l->hash);
    buf_addf(&c->page.lines, "  check %s\n", check);
    (void)snprintf(who, sizeof who, "%s (%s)", a->author, a->name);
    const char *cells[] = {who, site, entries, l->at};
    card_page_row(&c->page.floors, cells, 4);
}

static enum rc
card_floor(void *arg, const struct log_author *a, struct err *err)
{
    struct carding *c = arg;
    struct trust t;
    struct last_line l = {.hash = ""};
    char site[LIMIT_NAME + 1];
    int64_t last = 0;
    enum rc rc = trust_of(c->ctx->store, a->author, &t, err);
    if (rc != RC_OK || !trust_accepted(&t))
        return rc;
    rc = floor_of(c->ctx->store, a, &t, &last, err);
    if (rc == RC_OK)
        rc = log_each(c->ctx->store, a->author, last, last, take_last, &l, err);
    if (rc == RC_OK)
        rc = object_name(c->ctx->store, a->site, site, err);
    if (rc == RC_OK && last > 0)
        put_floor(c, a, last, &l, site);
    return rc;
}

/* ---- root keys, KMSs, copies ---- */

static enum rc
card_root(void *arg, const struct object *o, struct err *err)
{
    struct carding *c = arg;
    struct root r;
    struct buf v;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = root_load(c->ctx->store, o, &r, err);
    if (rc == RC_OK)
        rc = field_get(c->ctx->store, o->uuid, "crn", &v, NULL, err);
    if (rc == RC_OK) {
        const char *id = v.len > 0 ? buf_str(&v) : r.id;
        const char *cells[] = {o->name, r.kms.name, id};
        buf_addf(&c->text, "root %s in %s: ", o->name, r.kms.name);
        put_text(&c->text, id);
        buf_addc(&c->text, '\n');
        card_page_row(&c->page.roots, cells, 3);
    }
    buf_release(&v);
    return rc;
}

/* A local KMS is a file, one in a cloud an endpoint and an instance. */
static enum rc
find_place(struct carding *c, const struct object *o, struct buf *out, struct err *err)
{
    struct buf v;
    const struct store *store = c->ctx->store;
    if (strcmp(o->kind, "copy") == 0)
        return field_get(store, o->uuid, "url", out, NULL, err);
    enum rc rc = field_get(store, o->uuid, "file", out, NULL, err);
    if (rc != RC_OK || out->len > 0)
        return rc;
    buf_init(&v, LIMIT_TEXT);
    rc = field_get(store, o->uuid, "endpoint", out, NULL, err);
    if (rc == RC_OK)
        rc = field_get(store, o->uuid, "instance", &v, NULL, err);
    if (rc == RC_OK && v.len > 0)
        buf_addf(out, " instance %s", buf_str(&v));
    buf_release(&v);
    return rc;
}

static enum rc
card_place(void *arg, const struct object *o, struct err *err)
{
    struct carding *c = arg;
    struct buf place, kept;
    buf_init(&place, PATH_SIZE);
    buf_init(&kept, LIMIT_TEXT);
    int copy = strcmp(o->kind, "copy") == 0;
    enum rc rc = find_place(c, o, &place, err);
    if (rc == RC_OK)
        rc = field_get(c->ctx->store, o->uuid, "kept_at", &kept, NULL, err);
    if (rc == RC_OK) {
        const char *cells[] = {o->name, buf_str(&place), kept.len > 0 ? buf_str(&kept) : NULL};
        buf_addf(&c->text, "%s %s: ", o->kind, o->name);
        put_text(&c->text, buf_str(&place));
        buf_addf(&c->text, "   %s ", copy ? "kept at:" : "credential kept at:");
        put_text(&c->text, kept.len > 0 ? buf_str(&kept)
                                        : "(not said; write it here) ______________________");
        buf_addc(&c->text, '\n');
        card_page_row(copy ? &c->page.copies : &c->page.kmss, cells, 3);
    }
    buf_release(&place);
    buf_release(&kept);
    return rc;
}

/* ---- all of it ---- */

static void
put_emergency(struct carding *c)
{
    buf_adds(&c->text,
             "\nIn an emergency, at the other site, with a copy at PLACE:\n"
             "  keymuster recover start --lost SITE --from PLACE --site HERE --card THIS-FILE "
             "--credential KMS=prompt\n"
             "  keymuster exec KEY --from PLACE --card THIS-FILE --credential KMS=prompt "
             "--reason TEXT -- COMMAND\n"
             "  keymuster reveal KEY --from PLACE --card THIS-FILE --credential KMS=prompt "
             "--reason TEXT\n"
             "without keymuster: recovery/START-HERE.md in the copy\n"
             "\nIs the copy genuine? HEAD is the newest file below head/AUTHOR/ in it:\n"
             "  head -n 1 HEAD >m; tail -n +2 HEAD >s; minisign -V -P ");
    buf_addf(&c->text, "%s -m m -x s\n", c->ctx->store->founder.text);
}

static enum rc
gather(struct carding *c, struct err *err)
{
    const struct store *store = c->ctx->store;
    buf_adds(&c->text, "KEYMUSTER RECOVERY CARD   ");
    put_text(&c->text, store->name);
    buf_addf(&c->text, "\nmade %s; keep it at the other site, away from the copies\n\n",
             c->page.made);
    buf_addf(&c->text, "escrow %s\nfounder %s\n", store->escrow, store->founder.text);
    buf_adds(&c->page.lines, "escrow ");
    card_page_groups(&c->page.lines, store->escrow);
    buf_addf(&c->page.lines, "\nfounder %s\nmade %s\n", store->founder.text, c->page.made);
    enum rc rc = log_authors(store, card_floor, c, err);
    buf_addc(&c->text, '\n');
    if (rc == RC_OK)
        rc = object_each(store, "root", card_root, c, err);
    if (rc == RC_OK)
        rc = object_each(store, "kms", card_place, c, err);
    if (rc == RC_OK)
        rc = object_each(store, "copy", card_place, c, err);
    put_emergency(c);
    return rc == RC_OK ? buf_check(&c->text, "the card", err) : rc;
}

static enum rc
write_page(struct carding *c, const char *path, struct err *err)
{
    struct buf page;
    buf_init(&page, PAGE_MOST);
    enum rc rc = card_page(&page, &c->page, err);
    if (rc == RC_OK && !c->ctx->dry_run)
        rc = file_create_once(path, buf_str(&page), page.len, 0644, err);
    buf_release(&page);
    return rc;
}

/* The card as a member of the answer: it is made to be printed or kept as it is. */
static enum rc
answer_json(struct carding *c, const char *path, struct err *err)
{
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "copy.card");
    jw_str(&w, "escrow", c->ctx->store->escrow);
    jw_str(&w, "founder", c->ctx->store->founder.text);
    jw_str(&w, "card", buf_str(&c->text));
    jw_opt(&w, "file", path);
    return out_object(c->ctx, &doc, &w, err);
}

static enum rc
answer(struct carding *c, const char *path, struct err *err)
{
    struct ctx *ctx = c->ctx;
    int64_t waiting = 0;
    enum rc rc = entries_unpublished(ctx->store, &waiting, err);
    if (rc == RC_OK && waiting > 0)
        out_warn(ctx,
                 "%lld entries of this store are on no copy yet, and not below the card's floor: "
                 "keymuster sync, and make it again",
                 (long long)waiting);
    if (rc != RC_OK || out_is_json(ctx))
        return rc == RC_OK ? answer_json(c, path, err) : rc;
    if (path == NULL) {
        buf_add(&ctx->out, buf_str(&c->text), c->text.len);
        return RC_OK;
    }
    out_printf(ctx, "%s the page: ", ctx->dry_run ? "would write" : "wrote");
    out_text(ctx, path);
    out_printf(ctx, "\nnext:  print it, from any browser; to type it back in: --card FILE\n");
    return RC_OK;
}

static enum rc
run_card(struct ctx *ctx, struct err *err)
{
    char now[TIME_TEXT + 1];
    const char *path = opt_get(&ctx->opts, OPT_HTML);
    struct carding c = {.ctx = ctx};
    time_format(now, clock_now_ms());
    card_page_init(&c.page);
    buf_init(&c.text, PAGE_MOST);
    c.page.name = ctx->store->name;
    c.page.escrow = ctx->store->escrow;
    c.page.founder = ctx->store->founder.text;
    c.page.made = now;
    enum rc rc = gather(&c, err);
    if (rc == RC_OK && path != NULL)
        rc = write_page(&c, path, err);
    if (rc == RC_OK)
        rc = answer(&c, path, err);
    card_page_release(&c.page);
    buf_release(&c.text);
    return rc;
}

static const struct opt_spec card_options[] = {
    {OPT_HTML, "html", 0, "FILE", 0, "as a page to be printed, in this new file"},
    OPT_END,
};

const struct cmd cmd_card_table[] = {
    {"copy", "card", "[--html FILE]",
     "Makes the recovery card: what to know when everything here is gone.", card_options, 0, 0,
     CMD_READ, GROUP_SET_UP, run_card,
     "keymuster copy card >card.txt\nkeymuster copy card --html card.html\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
