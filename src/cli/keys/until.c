#include "cli/keys/until.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "escrow/author.h"
#include "escrow/cut.h"
#include "text/enc.h"
#include "text/time.h"

enum { DIGITS = 15 };

/* One value of the option. */
struct point {
    const char *text;
    char author[AUTHOR_TEXT + 1]; /* "" for a date */
    int64_t last;
    int64_t ms;
};

static enum rc
parse(struct point *p, const char *text, struct err *err)
{
    memset(p, 0, sizeof *p);
    p->text = text;
    size_t id = strspn(text, "0123456789abcdefABCDEF");
    if (id == 0 || text[id] != ':') {
        enum rc rc = date_parse_end(&p->ms, text, "--until", err);
        return rc == RC_OK ? rc : err_hint(err, "or the last entry that counts: AUTHOR:SEQ");
    }
    const char *number = text + id + 1;
    size_t digits = strlen(number);
    if (id < AUTHOR_PREFIX || id > AUTHOR_TEXT || digits == 0 || digits > DIGITS ||
        strspn(number, "0123456789") != digits) {
        (void)err_set(err, RC_BAD_VALUE, "--until wants AUTHOR:SEQ or a date");
        return err_hint(err,
                        "AUTHOR is an author's id or its first %d or more digits, SEQ the "
                        "number of an entry: keymuster author list",
                        AUTHOR_PREFIX);
    }
    for (size_t i = 0; i < id; i++)
        p->author[i] = text[i];
    for (char *c = p->author; *c != '\0'; c++) {
        if (*c >= 'A')
            *c = (char)(*c | ' '); /* a small letter */
    }
    p->last = strtoll(number, NULL, 10);
    return RC_OK;
}

enum rc
until_check(const struct ctx *ctx, struct err *err)
{
    struct point p;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < opt_count(&ctx->opts, OPT_UNTIL); i++)
        rc = parse(&p, opt_at(&ctx->opts, OPT_UNTIL, i), err);
    return rc;
}

/* ---- cutting ---- */

struct cutting {
    struct ctx *ctx;
    struct store *store;
    int keep_own;             /* the own log is not cut */
    const struct point *date; /* being looked at */
    int64_t left;             /* entries that are as old as the date */
    int by_date;
    int64_t cuts;
};

/* The earliest of several counts. */
static enum rc
cut(struct cutting *c, const char *author, int64_t last, struct err *err)
{
    int64_t before = LIMIT_NUMBER;
    enum rc rc = cut_of(c->store, author, &before, err);
    return rc == RC_OK && last < before ? cut_set(c->store, author, last, err) : rc;
}

static enum rc
by_number(struct cutting *c, const struct point *p, struct err *err)
{
    struct log_author a;
    enum rc rc = author_find(c->store, p->author, &a, err);
    if (rc != RC_OK)
        return rc;
    if (p->last > a.entries) {
        (void)err_set(err, RC_NOT_FOUND, "author %s has no entry %lld here", a.author,
                      (long long)p->last);
        (void)err_why(err, "%lld are held", (long long)a.entries);
        return err_hint(err, "see them: keymuster author list; take in what copies have: "
                             "keymuster sync");
    }
    if (c->keep_own && strcmp(a.author, c->store->self.author) == 0) {
        (void)err_set(err, RC_USAGE, "--until: author %s is this store's own", a.author);
        (void)err_why(err, "the records of the run itself go into its log");
        return err_hint(err, "work from a copy, under a new author: --from COPY");
    }
    return cut(c, a.author, p->last, err);
}

static enum rc
by_date(void *arg, const struct log_author *a, struct err *err)
{
    struct cutting *c = arg;
    int64_t last = 0, earlier = 0;
    if (c->keep_own && strcmp(a->author, c->store->self.author) == 0)
        return RC_OK;
    enum rc rc = cut_at(c->store, a->author, c->date->ms, &last, &earlier, err);
    if (rc != RC_OK)
        return rc;
    c->left += last;
    if (earlier > 0)
        out_warn(c->ctx,
                 "author %.8s: after its entry %lld there are %lld that say an earlier time than "
                 "%s: a clock was wrong, or somebody lies",
                 a->author, (long long)last, (long long)earlier, c->date->text);
    return last < a->entries ? cut(c, a->author, last, err) : RC_OK;
}

static enum rc
one_date(struct cutting *c, const struct point *p, struct err *err)
{
    c->date = p; /* while it lasts */
    c->left = 0;
    c->by_date = 1;
    enum rc rc = log_authors(c->store, by_date, c, err);
    c->date = NULL;
    if (rc == RC_OK && c->left == 0) {
        (void)err_set(err, RC_NOT_FOUND, "no entry here is as old as %s", p->text);
        return err_hint(err, "when each was recorded: keymuster audit log");
    }
    return rc;
}

static enum rc
one_point(struct cutting *c, const char *text, struct err *err)
{
    struct point p;
    enum rc rc = parse(&p, text, err);
    if (rc != RC_OK || p.author[0] != '\0')
        return rc == RC_OK ? by_number(c, &p, err) : rc;
    return one_date(c, &p, err);
}

static enum rc
cut_all(struct cutting *c, struct err *err)
{
    enum rc rc = log_begin(c->store, err);
    if (rc != RC_OK)
        return rc;
    rc = cut_forget(c->store, NULL, err);
    for (size_t i = 0; rc == RC_OK && i < opt_count(&c->ctx->opts, OPT_UNTIL); i++)
        rc = one_point(c, opt_at(&c->ctx->opts, OPT_UNTIL, i), err);
    return log_finish(c->store, rc, err);
}

/* ---- telling ---- */

static enum rc
take_hash(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    (void)seq;
    (void)err;
    sha256_hex(arg, line, len);
    return RC_OK;
}

static enum rc
tell_one(void *arg, const char *author, int64_t last, struct err *err)
{
    struct cutting *c = arg;
    struct log_author a;
    char hash[HASH_TEXT + 1] = "";
    size_t used = strlen(c->ctx->until);
    c->cuts++;
    enum rc rc = author_find(c->store, author, &a, err);
    if (rc == RC_OK)
        rc = log_each(c->store, author, last, last, take_hash, hash, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(c->ctx->until + used, sizeof c->ctx->until - used, "%s%s:%lld",
                   used > 0 ? " " : "", author, (long long)last);
    out_warn(c->ctx,
             "author %.8s (%s): %lld of its %lld entries are left out, those after %lld%s%.12s",
             author, a.name, (long long)(a.entries - last), (long long)a.entries, (long long)last,
             hash[0] != '\0' ? ", whose hash begins " : "", hash);
    return RC_OK;
}

static enum rc
tell(struct cutting *c, struct err *err)
{
    c->ctx->until[0] = '\0';
    enum rc rc = cut_each(c->store, tell_one, c, err);
    if (rc == RC_OK && c->by_date && c->cuts == 0)
        out_note(c->ctx, "nothing here is later than that: nothing is left out");
    if (rc == RC_OK && c->by_date && c->cuts > 0)
        out_warn(c->ctx, "those times are what the authors themselves say, and whoever has an "
                         "author's key says what he likes; what is certain: --until AUTHOR:SEQ");
    return rc;
}

/* ---- the store, or a view of it ---- */

static enum rc
take_view(struct ctx *ctx, enum db_copy_where where, struct err *err)
{
    struct store *view = NULL;
    enum rc rc = cut_view(&view, ctx->store, where, err);
    if (rc != RC_OK)
        return rc;
    ctx->records = ctx->store;
    ctx->store = view; /* transferred */
    ctx->view = 1;
    return RC_OK;
}

enum rc
until_view(struct ctx *ctx, struct err *err)
{
    if (!opt_has(&ctx->opts, OPT_UNTIL))
        return RC_OK;
    enum rc rc = until_check(ctx, err);
    if (rc == RC_OK)
        rc = take_view(ctx, DB_COPY_MEMORY, err); /* an emergency may have no disk left */
    if (rc != RC_OK)
        return rc;
    struct cutting c = {.ctx = ctx, .store = ctx->store};
    rc = cut_all(&c, err);
    return rc == RC_OK ? tell(&c, err) : rc;
}

static enum rc
any_later(const struct store *store, const char *at, int *later, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT EXISTS (SELECT 1 FROM entry WHERE json_extract(line, '$.at') > ?1)", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, at);
    rc = stmt_row(q, err);
    *later = rc == RC_OK && col_int(q, 0) != 0;
    stmt_done(q);
    return rc;
}

enum rc
until_view_at(struct ctx *ctx, int64_t ms, struct err *err)
{
    char at[TIME_TEXT + 1];
    int later = 0;
    struct point p = {.text = at, .ms = ms};
    time_format(at, ms);
    enum rc rc = any_later(ctx->store, at, &later, err);
    if (rc != RC_OK || !later)
        return rc;
    rc = take_view(ctx, DB_COPY_FILE, err);
    if (rc != RC_OK)
        return rc;
    struct cutting c = {.ctx = ctx, .store = ctx->store};
    rc = log_begin(c.store, err);
    if (rc == RC_OK)
        rc = log_finish(c.store, one_date(&c, &p, err), err);
    return rc == RC_OK ? tell(&c, err) : rc;
}

enum rc
until_keep(struct ctx *ctx, struct err *err)
{
    struct cutting c = {.ctx = ctx, .store = ctx->store, .keep_own = 1};
    enum rc rc = opt_has(&ctx->opts, OPT_UNTIL) ? cut_all(&c, err) : RC_OK;
    return rc == RC_OK ? tell(&c, err) : rc;
}

/* ---- while pulling ---- */

static enum rc
set_before(struct store *store, const struct point *p, struct until_set *set, struct err *err)
{
    int64_t there = 0;
    enum rc rc = cut_of(store, p->author, &there, err);
    if (rc != RC_OK || there < LIMIT_NUMBER || set->count == UNTIL_SET)
        return rc;
    memcpy(set->authors[set->count++], p->author, sizeof p->author);
    return cut_set(store, p->author, p->last, err);
}

enum rc
until_before(const struct ctx *ctx, struct store *store, struct until_set *set, struct err *err)
{
    struct point p;
    set->count = 0;
    if (!opt_has(&ctx->opts, OPT_UNTIL))
        return RC_OK;
    enum rc rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; rc == RC_OK && i < opt_count(&ctx->opts, OPT_UNTIL); i++) {
        rc = parse(&p, opt_at(&ctx->opts, OPT_UNTIL, i), err);
        if (rc == RC_OK && strlen(p.author) == AUTHOR_TEXT &&
            strcmp(p.author, store->self.author) != 0)
            rc = set_before(store, &p, set, err);
    }
    return log_finish(store, rc, err);
}

enum rc
until_after(struct store *store, const struct until_set *set, struct err *err)
{
    if (set->count == 0)
        return RC_OK;
    enum rc rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; rc == RC_OK && i < set->count; i++)
        rc = cut_forget(store, set->authors[i], err);
    return log_finish(store, rc, err);
}
