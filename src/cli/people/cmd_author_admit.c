/* author admit|request: a further author, by its id or by a request that came another way. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "copy/pull.h"
#include "escrow/author.h"
#include "escrow/request.h"
#include "sys/file.h"
#include "text/enc.h"
#include "text/time.h"

static enum rc
pull_copy(struct ctx *ctx, const char *name, unsigned *reached, struct err *err)
{
    struct copy copy;
    struct pull_report report;
    enum rc rc = copy_open(ctx->store, name, &copy, err);
    if (rc == RC_OK) {
        rc = pull_from(ctx->store, &copy, PULL_STORE, &report, err);
        copy_close(&copy);
    }
    if (rc == RC_OK && report.note[0] != '\0')
        out_warn(ctx, "%s: %s", name, report.note);
    if (rc == RC_OK)
        ++*reached;
    if (rc == RC_COPY_UNREACHABLE) {
        out_note(ctx, "copy %s is not reachable now", name);
        return RC_OK;
    }
    return rc;
}

/* An id that is not known yet may lie on a copy: `admit` pulls first. */
static enum rc
learn_author(struct ctx *ctx, const char *id, struct log_author *out, struct err *err)
{
    unsigned reached = 0;
    enum rc rc = log_author_get(ctx->store, id, out, err);
    if (rc != RC_NOT_FOUND)
        return rc;
    rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && ini_name_at(ctx->store->conf, "copy", i) != NULL; i++)
        rc = pull_copy(ctx, ini_name_at(ctx->store->conf, "copy", i), &reached, err);
    if (rc == RC_OK)
        rc = log_author_get(ctx->store, id, out, err);
    if (rc == RC_NOT_FOUND)
        (void)err_hint(err,
                       "%u cop%s asked; the other site has to publish first: keymuster sync there\n"
                       "if it reaches none of them: keymuster author request there; here: "
                       "keymuster author admit --request FILE",
                       reached, reached == 1 ? "y was" : "ies were");
    return rc;
}

enum rc
cmd_author_admit(struct ctx *ctx, const struct log_author *a, int spare, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "author", a->author);
    jw_str(&w, "public_key", a->public_key);
    jw_opt(&w, "name", a->name);
    jw_opt(&w, "site", a->site);
    if (spare)
        jw_bool(&w, "spare", 1);
    jw_end_obj(&w);
    enum rc rc = session_record(ctx, "author.admitted", &body, NULL, err);
    buf_release(&body);
    return rc;
}

/* An admission says nothing of one whom a retirement has ended. */
static enum rc
refuse_retired(const struct ctx *ctx, const char *id, const struct trust *here, struct err *err)
{
    struct trust t = *here;
    enum rc rc = trust_elsewhere(ctx->store, id, &t, err);
    if (rc != RC_OK || !trust_accepted(&t) || t.upto == LIMIT_NUMBER)
        return rc;
    (void)err_set(err, RC_POLICY, "author %s was retired after its entry %lld", id,
                  (long long)t.upto);
    (void)err_why(err, "an author that was ended does not come back");
    return err_hint(err, "that machine goes on with a new one: keymuster join --from COPY -C DIR\n"
                         "single entries of it: keymuster author adopt HASH");
}

static enum rc
admit(struct ctx *ctx, const struct log_author *a, struct err *err)
{
    struct trust t;
    const char *id = a->author;
    enum rc rc = trust_of(ctx->store, id, &t, err);
    if (rc == RC_OK)
        rc = refuse_retired(ctx, id, &t, err);
    if (rc != RC_OK)
        return rc;
    if (trust_accepted(&t) && strcmp(t.standing, "trusted") != 0)
        return cmd_answer_object(ctx, "author.admit", "author", id, id, "already admitted:", err);
    rc = cmd_author_admit(ctx, a, 0, err);
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "author.admit", "author", id, id, "admitted", err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* ---- by a request ---- */

static enum rc
check_request(const struct ctx *ctx, const struct request *r, const char *path, struct err *err)
{
    int64_t until = 0;
    char ago[AGO_TEXT] = "";
    if (strcmp(r->escrow, ctx->store->escrow) != 0) {
        (void)err_set(err, RC_COPY_FOREIGN, "%s asks to be admitted to another escrow", path);
        return err_why(err, "it names escrow %s; this is %s", r->escrow, ctx->store->escrow);
    }
    if (time_parse(&until, r->until) == 0 && until >= clock_now_ms())
        return RC_OK;
    time_ago(ago, until, clock_now_ms());
    (void)err_set(err, RC_POLICY, "the request in %s has expired", path);
    (void)err_why(err, "it was good until %s (%s)", r->until, ago);
    return err_hint(err, "have a new one made at that store: keymuster author request");
}

/* Nobody typed an id here, so a person has to say that it is the right machine. */
static enum rc
confirm_request(struct ctx *ctx, const struct request *r, struct err *err)
{
    char site[LIMIT_NAME + 1];
    char question[400];
    enum rc rc = object_name(ctx->store, r->site, site, err);
    if (rc != RC_OK || ctx->dry_run)
        return rc;
    out_note(ctx, "author %s, made %s; have its id read out at that machine: keymuster status",
             r->author.author, r->at);
    (void)snprintf(question, sizeof question,
                   "Admit it, as %s at site %s? What it records counts at every site then.",
                   r->name, site[0] != '\0' ? site : "(none)");
    return confirm_yes(ctx, question, err);
}

static enum rc
read_request(struct request *r, const char *path, struct err *err)
{
    struct buf text;
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = file_read(&text, path, err);
    if (rc == RC_OK)
        rc = request_read(r, buf_str(&text), path, err);
    buf_release(&text);
    return rc;
}

static enum rc
admit_request(struct ctx *ctx, const char *path, struct err *err)
{
    struct request r;
    struct trust t = {.standing = ""};
    struct log_author a = {.entries = 0};
    enum rc rc = read_request(&r, path, err);
    if (rc == RC_OK)
        rc = check_request(ctx, &r, path, err);
    if (rc == RC_OK)
        rc = trust_of(ctx->store, r.author.author, &t, err);
    if (rc == RC_OK && !trust_accepted(&t))
        rc = confirm_request(ctx, &r, err);
    memcpy(a.author, r.author.author, sizeof a.author);
    memcpy(a.public_key, r.author.text, sizeof a.public_key);
    memcpy(a.name, r.name, sizeof a.name);
    memcpy(a.site, r.site, sizeof a.site);
    return rc == RC_OK ? admit(ctx, &a, err) : rc;
}

static enum rc
run_admit(struct ctx *ctx, struct err *err)
{
    const char *id = NULL;
    const char *path = opt_get(&ctx->opts, OPT_REQUEST);
    struct log_author a;
    if ((ctx->opts.arg_count > 0) == (path != NULL)) {
        (void)err_set(err, RC_USAGE, "author admit: an author's id, or --request FILE");
        return err_hint(err, "usage: keymuster author admit %s", ctx->cmd->synopsis);
    }
    enum rc rc = path == NULL ? cmd_author_argument(ctx, &id, err) : RC_OK;
    if (rc == RC_OK)
        rc = cmd_author_counts(ctx, err);
    if (rc == RC_OK && path != NULL)
        return admit_request(ctx, path, err);
    if (rc == RC_OK)
        rc = learn_author(ctx, id, &a, err);
    /* No question: the id, typed whole, says who is meant. */
    return rc == RC_OK ? admit(ctx, &a, err) : rc;
}

/* ---- request ---- */

enum rc
cmd_author_request(const struct store *store, struct buf *out, struct err *err)
{
    struct log_author self;
    enum rc rc = log_author_get(store, store->self.author, &self, err);
    if (rc == RC_OK)
        rc = request_write(out, store, self.name, err);
    return rc == RC_OK ? buf_check(out, "a request", err) : rc;
}

static enum rc
answer_request(struct ctx *ctx, const struct buf *text, struct err *err)
{
    struct buf doc;
    struct jw w;
    if (!out_is_json(ctx)) {
        buf_add(&ctx->out, buf_str(text), text->len);
        return RC_OK;
    }
    session_answer(&doc, &w, "author.request");
    jw_str(&w, "author", ctx->store->self.author);
    jw_str(&w, "request", buf_str(text));
    return out_object(ctx, &doc, &w, err);
}

static enum rc
run_request(struct ctx *ctx, struct err *err)
{
    struct trust t;
    struct buf text;
    const struct store *store = ctx->store;
    buf_init(&text, LIMIT_TEXT);
    enum rc rc = trust_elsewhere(store, store->self.author, &t, err);
    if (rc == RC_OK && trust_accepted(&t))
        out_note(ctx, "this store's author is admitted already");
    if (rc == RC_OK)
        rc = cmd_author_request(store, &text, err);
    if (rc == RC_OK)
        rc = answer_request(ctx, &text, err);
    if (rc == RC_OK)
        out_note(ctx,
                 "for a trusted site, good for %d days; there: keymuster author admit "
                 "--request FILE",
                 REQUEST_DAYS);
    buf_release(&text);
    return rc;
}

static const struct opt_spec admit_options[] = {
    {OPT_REQUEST, "request", 0, "FILE", 0, "what `join` or `author request` printed there"},
    OPT_END,
};

const struct cmd cmd_author_admit_table[] = {
    {"author", "admit", "ID|--request FILE",
     "Accepts another site's author, for every store of the escrow.", admit_options, 0, 1,
     CMD_WRITE, GROUP_SET_UP, run_admit,
     "keymuster author admit 0123456789abcdef0123456789abcdef\n"
     "keymuster author admit --request mail.txt\n"},
    {"author", "request", "", "Prints a signed request to be admitted, to be sent by mail.", NULL,
     0, 0, CMD_READ, GROUP_SET_UP, run_request, "keymuster author request >request.txt\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
