/* audit kms-events: what a KMS says that it did under our root keys, against what was recorded. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/lines.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/foreign.h"
#include "escrow/log.h"
#include "text/uni.h"

enum { NEW_MOST = 4096 }; /* duties opened in one go */

struct known_root {
    char id[UUID_TEXT + 1]; /* in the KMS */
    char uuid[UUID_TEXT + 1];
    char name[LIMIT_NAME + 1];
};

struct found {
    struct activity a;
    const struct known_root *root;
};

struct events {
    struct ctx *ctx;
    struct foreign_book *book;
    struct known_root *roots;
    size_t root_count;
    struct found *found; /* foreign unwraps that succeeded and are new */
    size_t found_count, found_room;
    int64_t lines, events, elsewhere, ours, wraps, failed, known, not_understood;
    int64_t left; /* new ones for which there was no room */
    struct table *table;
    struct buf doc;
    struct jw w;
};

/* ---- reading ---- */

static enum rc
add_root(void *arg, const struct object *o, struct err *err)
{
    struct events *e = arg;
    struct root r;
    struct known_root *more = realloc(e->roots, (e->root_count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    e->roots = more;
    enum rc rc = root_load(e->ctx->store, o, &r, err);
    if (rc != RC_OK)
        return rc;
    struct known_root *k = &more[e->root_count++];
    memcpy(k->id, r.id, sizeof k->id);
    memcpy(k->uuid, o->uuid, sizeof k->uuid);
    memcpy(k->name, o->name, sizeof k->name);
    return RC_OK;
}

static const struct known_root *
root_of(const struct events *e, const struct activity *a)
{
    for (size_t i = 0; i < e->root_count; i++) {
        if (a->key[0] != '\0' && strcmp(e->roots[i].id, a->key) == 0)
            return &e->roots[i];
    }
    return NULL;
}

/* One that was not asked from here: people and machines see each, whatever came of it. */
static enum rc
tell(struct events *e, const struct activity *a, const struct known_root *root, const char *verdict,
     struct err *err)
{
    if (out_is_json(e->ctx)) {
        jw_obj(&e->w, NULL);
        jw_str(&e->w, "event", a->event);
        jw_str(&e->w, "what", activity_what_name(a->what));
        jw_str(&e->w, "verdict", verdict);
        jw_str(&e->w, "root", root->name);
        jw_opt(&e->w, "at", a->at);
        jw_opt(&e->w, "who", a->who);
        jw_opt(&e->w, "address", a->address);
        jw_opt(&e->w, "request", a->request);
        jw_end_obj(&e->w);
        return out_json_part(e->ctx, &e->doc, err);
    }
    const char *const cells[] = {
        a->at, activity_what_name(a->what), root->name, a->who, a->address, verdict, a->event};
    return cmd_table_row(e->table, cells, sizeof cells / sizeof cells[0], err);
}

static int
is_found(const struct events *e, const char *event)
{
    for (size_t i = 0; i < e->found_count; i++) {
        if (strcmp(e->found[i].a.event, event) == 0)
            return 1;
    }
    return 0;
}

static enum rc
keep(struct events *e, const struct activity *a, const struct known_root *root, struct err *err)
{
    if (e->found_count == NEW_MOST) {
        e->left++;
        return RC_OK;
    }
    if (e->found_count == e->found_room) {
        size_t room = e->found_room == 0 ? 64 : e->found_room * 2;
        struct found *more = realloc(e->found, room * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        e->found = more;
        e->found_room = room;
    }
    e->found[e->found_count++] = (struct found){*a, root};
    return RC_OK;
}

static enum rc
judge_unwrap(struct events *e, const struct activity *a, const struct known_root *root,
             struct err *err)
{
    int known = is_found(e, a->event);
    if (known)
        return RC_OK; /* twice in the file */
    enum rc rc = foreign_known(e->ctx->store, a->event, &known, err);
    if (rc != RC_OK)
        return rc;
    e->known += known;
    rc = tell(e, a, root, known ? "known" : "duty", err);
    return rc == RC_OK && !known ? keep(e, a, root, err) : rc;
}

static enum rc
take(struct events *e, const struct activity *a, struct err *err)
{
    const struct known_root *root = root_of(e, a);
    e->events++;
    if (root == NULL) {
        e->elsewhere++;
        return RC_OK;
    }
    switch (foreign_judge(e->book, a)) {
    case FOREIGN_OURS:
        e->ours++;
        return RC_OK;
    case FOREIGN_AGAIN:
        return RC_OK;
    case FOREIGN_OTHER:
        break;
    }
    if (!a->done) {
        e->failed++;
        return tell(e, a, root, "failed", err);
    }
    if (a->what != ACTIVITY_UNWRAP) {
        e->wraps++;
        return tell(e, a, root, "no record", err);
    }
    return judge_unwrap(e, a, root, err);
}

static enum rc
read_file(struct events *e, const char *path, struct err *err)
{
    struct lines l;
    struct activity a;
    int more = 1;
    enum rc rc = lines_open(&l, path, err);
    while (rc == RC_OK && (rc = lines_next(&l, &more, err)) == RC_OK && more) {
        struct err why = ERR_INIT;
        e->lines++;
        if (l.text.len == 0 && !l.text.failed)
            continue;
        if (l.text.failed || activity_read(&a, l.text.data, l.text.len, &why) != RC_OK) {
            if (why.code == RC_NO_MEMORY) {
                *err = why;
                rc = RC_NO_MEMORY;
            } else if (e->not_understood++ < 3) {
                out_warn(e->ctx, "%s, line %" PRId64 ": no event: %s", path, l.number,
                         l.text.failed ? "it is too long" : why.msg);
            }
        } else if (a.what != ACTIVITY_OTHER) {
            rc = take(e, &a, err);
        }
    }
    lines_close(&l);
    return rc;
}

/* ---- recording and telling ---- */

static enum rc
record(struct events *e, struct err *err)
{
    struct ctx *ctx = e->ctx;
    if (ctx->dry_run || e->found_count == 0)
        return RC_OK;
    enum rc rc = log_begin(ctx->store, err);
    for (size_t i = 0; rc == RC_OK && i < e->found_count; i++)
        rc = foreign_append(ctx->store, &e->found[i].a, e->found[i].root->uuid, ctx->entry, err);
    return log_finish(ctx->store, rc, err);
}

static enum rc
begin(struct events *e, struct err *err)
{
    static const char *const titles[] = {"WHEN", "WHAT",    "ROOT KEY", "WHO",
                                         "FROM", "VERDICT", "EVENT",    NULL};
    if (!out_is_json(e->ctx))
        return cmd_table_new(&e->table, e->ctx, titles, err);
    session_answer(&e->doc, &e->w, "audit.kms-events");
    jw_arr(&e->w, "foreign");
    return RC_OK;
}

static enum rc
end_json(struct events *e, struct err *err)
{
    jw_end_arr(&e->w);
    jw_int(&e->w, "lines", e->lines);
    jw_int(&e->w, "events", e->events);
    jw_int(&e->w, "ours", e->ours);
    jw_int(&e->w, "elsewhere", e->elsewhere);
    jw_int(&e->w, "duties_opened", e->ctx->dry_run ? 0 : (int64_t)e->found_count);
    jw_int(&e->w, "duties_known", e->known);
    jw_int(&e->w, "wraps_without_record", e->wraps);
    jw_int(&e->w, "failed", e->failed);
    jw_int(&e->w, "not_understood", e->not_understood);
    jw_int(&e->w, "left", e->left);
    jw_opt(&e->w, "entry", e->ctx->entry);
    jw_end_obj(&e->w);
    return out_json(e->ctx, &e->doc, err);
}

static enum rc
end_text(struct events *e, struct err *err)
{
    struct ctx *ctx = e->ctx;
    enum rc rc = e->found_count + (size_t)(e->known + e->wraps + e->failed) > 0
                     ? table_print(e->table, &ctx->out, err)
                     : RC_OK;
    out_printf(ctx,
               "%" PRId64 " events of wrapping and unwrapping: %" PRId64
               " asked by keymuster, %" PRId64 " under root keys that are not of this escrow\n",
               e->events, e->ours, e->elsewhere);
    if (e->found_count > 0)
        out_printf(ctx,
                   "%zu unwrap%s nobody recorded: %s; when it is known who it was: keymuster audit "
                   "kms-events --explain EVENT --reason TEXT\n",
                   e->found_count, e->found_count == 1 ? " that" : "s that",
                   ctx->dry_run ? "each would be a duty" : "each is a duty");
    if (e->left > 0)
        out_printf(ctx, "and %" PRId64 " more: give the same file again\n", e->left);
    if (e->not_understood > 0)
        out_printf(ctx, "%" PRId64 " lines were no events\n", e->not_understood);
    return rc;
}

static void
release(struct events *e)
{
    foreign_book_close(e->book);
    free(e->roots);
    free(e->found);
    table_free(e->table);
    buf_release(&e->doc);
}

static enum rc
explain(struct ctx *ctx, const char *event, struct err *err)
{
    int known = 0;
    if (ctx->opts.arg_count > 0)
        return err_set(err, RC_USAGE, "--explain names one event; no FILE goes with it");
    if (ctx->reason == NULL)
        return err_set(err, RC_NO_REASON, "kms-events: --reason is missing: who was it, and why?");
    enum rc rc = text_check(ctx->reason, "--reason", err);
    if (rc == RC_OK)
        rc = foreign_known(ctx->store, event, &known, err);
    if (rc == RC_OK && !known)
        rc = err_set(err, RC_NOT_FOUND, "no event %.32s is a duty here", event);
    if (rc == RC_OK && !ctx->dry_run) {
        rc = log_begin(ctx->store, err);
        if (rc == RC_OK)
            rc = foreign_explain(ctx->store, event, ctx->reason, ctx->ticket, ctx->entry, err);
        rc = log_finish(ctx->store, rc, err);
    }
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "audit.kms-events.explain", "event", event, "", "explained",
                               err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static enum rc
run_kms_events(struct ctx *ctx, struct err *err)
{
    struct events e = {.ctx = ctx};
    const char *event = opt_get(&ctx->opts, OPT_EXPLAIN);
    if (event != NULL)
        return explain(ctx, event, err);
    if (ctx->opts.arg_count == 0)
        return err_set(err, RC_USAGE, "kms-events: FILE is missing");
    enum rc rc = object_each(ctx->store, "root", add_root, &e, err);
    if (rc == RC_OK)
        rc = foreign_book_open(&e.book, ctx->store, err);
    if (rc == RC_OK)
        rc = begin(&e, err);
    if (rc == RC_OK)
        rc = read_file(&e, opt_arg(&ctx->opts, 0), err);
    if (rc == RC_OK)
        rc = record(&e, err);
    if (rc == RC_OK)
        rc = out_is_json(ctx) ? end_json(&e, err) : end_text(&e, err);
    release(&e);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static const struct opt_spec kms_events_options[] = {
    {OPT_EXPLAIN, "explain", 0, "EVENT", 0, "settles the duty of this event, with --reason"},
    OPT_END,
};

const struct cmd cmd_kms_events_table[] = {
    {"audit", "kms-events", "FILE | --explain EVENT --reason TEXT",
     "Compares IBM's activity events with the log: unwraps that nobody recorded are duties.",
     kms_events_options, 0, 1, CMD_WRITE, GROUP_PROOF, run_kms_events,
     "keymuster audit kms-events events.ndjson -n\n"
     "keymuster audit kms-events --explain 0123456789abcdef --reason \"by hand\"\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
