#include "cli/run_blind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "cli/session.h"
#include "cli/showing.h"
#include "cli/who.h"
#include "copy/copy.h"
#include "sys/env.h"
#include "sys/file.h"
#include "sys/term.h"
#include "text/enc.h"
#include "text/flow.h"
#include "text/time.h"
#include "text/uni.h"

enum { PAGE = 32 * 1024, NARROW = 30, WIDE = 100, TICK_MS = 1000, PLAIN_TICK_MS = 60 * 1000 };

static const char book_text[] =
    "# Blind drill\n\n"
    "A colleague gets one password back with nothing but the page START-HERE of a copy. Nobody\n"
    "helps.\n\n"
    "```keymuster\nid = blind-drill\nrto = 1d\n```\n\n"
    "## Get the password back by START-HERE alone\n\n"
    "* Hand the page to the colleague. Tell them that it is a drill, that no site is lost, and\n"
    "  which password is wanted: {key}.\n"
    "* They come back and type what they found.\n\n"
    "Expect: it is the password.\n\n"
    "### If it fails\n\n"
    "* Something that they needed was not on the page or not to be had. Write down what.\n\n"
    "```keymuster\nid = recover\nkind = manual\nmodes = drill\nfields = typed check:{key}\n```\n";

struct blind {
    struct ctx *ctx;
    struct run *run;
    const struct ini *answers;
    struct key key;
    char label[SHOWING_LABEL];
    struct check_value want;
    struct who who;
    int64_t began; /* as recorded */
    int fd;        /* the terminal; -1: none to ask at */
    int plain;     /* nothing is written over */
};

void
run_clock(char out[RUN_CLOCK], int64_t ms)
{
    int64_t s = ms < 0 ? 0 : ms / 1000;
    (void)snprintf(out, RUN_CLOCK, "%lld:%02lld:%02lld", (long long)(s / 3600),
                   (long long)(s / 60 % 60), (long long)(s % 60));
}

enum rc
run_step_by(const struct ctx *ctx, const struct run_step *step, char out[LIMIT_TEXT + 1],
            struct err *err)
{
    char name[LIMIT_NAME + 1];
    (void)snprintf(out, LIMIT_TEXT + 1, "%s", step->person);
    if (!uuid_is(step->person))
        return RC_OK;
    enum rc rc = object_name(ctx->store, step->person, name, err);
    if (rc == RC_OK)
        (void)snprintf(out, LIMIT_TEXT + 1, "%s", name);
    return rc;
}

static int64_t
elapsed(const struct blind *b)
{
    int64_t ms = clock_now_ms() - b->began;
    return ms < 0 ? 0 : ms; /* a clock that was put back */
}

static const char *
answer(const struct blind *b, const char *key)
{
    return b->answers != NULL ? ini_get(b->answers, "blind", NULL, key) : NULL;
}

/* ---- before it begins ---- */

static enum rc
ask_key(const struct ctx *ctx, const struct ini *answers, char out[LIMIT_TEXT + 1], struct err *err)
{
    const char *given = ctx->opts.arg_count > 0 ? opt_arg(&ctx->opts, 0) : NULL;
    if (given == NULL && answers != NULL)
        given = ini_get(answers, "words", NULL, "key");
    if (given == NULL && (answers != NULL || ctx->no_input)) {
        (void)err_set(err, RC_USAGE, "recover start --blind: which key is to be got back?");
        return err_hint(err, "keymuster recover start --drill --blind KEY");
    }
    if (given == NULL)
        return term_ask(out, LIMIT_TEXT + 1, "the KEY that is to be got back: ", err);
    (void)snprintf(out, LIMIT_TEXT + 1, "%s", given);
    return RC_OK;
}

static enum rc
load_check(const struct ctx *ctx, const struct key *key, struct check_value *out, struct err *err)
{
    int found = 0;
    enum rc rc = key_check(ctx->store, key->uuid, out, &found, err);
    if (rc != RC_OK || found)
        return rc;
    (void)err_set(err, RC_NOT_FOUND, "%s has no check value to compare with", key->name);
    (void)err_why(err, "it was recorded without its password being seen or proven");
    return err_hint(err, "a drill that shows nothing finds it: keymuster drill %s", key->uuid);
}

enum rc
run_blind_begin(struct ctx *ctx, const struct ini *answers, struct runbook **book,
                char *words[RUN_WORDS], char key[UUID_TEXT + 1], struct err *err)
{
    char ref[LIMIT_TEXT + 1] = "";
    char label[SHOWING_LABEL];
    struct key k;
    struct check_value want;
    if (!opt_has(&ctx->opts, OPT_DRILL) || opt_has(&ctx->opts, OPT_LOST)) {
        (void)err_set(err, RC_USAGE, "recover start: --blind is a drill, and no site is lost");
        return err_hint(err, "keymuster recover start --drill --blind KEY");
    }
    enum rc rc = ask_key(ctx, answers, ref, err);
    if (rc == RC_OK)
        rc = session_key(ctx, ref, &k, err);
    if (rc == RC_OK)
        rc = load_check(ctx, &k, &want, err);
    if (rc == RC_OK && ini_name_at(ctx->store->conf, "copy", 0) == NULL &&
        !opt_has(&ctx->opts, OPT_FROM)) {
        (void)err_set(err, RC_COPY_NOT_BOUND, "no copy is bound here that has a page to hand out");
        rc = err_hint(err, "bind one: keymuster copy add NAME URL --site SITE");
    }
    if (rc == RC_OK)
        rc = runbook_read(book, book_text, sizeof book_text - 1, "the blind drill", err);
    if (rc != RC_OK)
        return rc;
    showing_label(label, &k);
    memcpy(key, k.uuid, UUID_TEXT + 1);
    return run_word_set(words, "key", label, err);
}

/* ---- where the page is ---- */

static int
at_protected_site(const struct blind *b, const char *copy)
{
    char uuid[UUID_TEXT + 1];
    struct buf site;
    struct err scratch = ERR_INIT;
    const char *id = store_conf(b->ctx->store, "copy", copy, "id");
    if (id == NULL)
        return 0;
    copy_id_to_uuid(uuid, id);
    buf_init(&site, LIMIT_TEXT);
    int there = field_get(b->ctx->store, uuid, "site", &site, NULL, &scratch) == RC_OK &&
                strcmp(buf_str(&site), b->key.protects_site) == 0;
    buf_release(&site);
    return there;
}

static void
put_place(struct buf *out, const char *url)
{
    static const char scheme[] = "file://";
    size_t len = strlen(url);
    if (strncmp(url, scheme, sizeof scheme - 1) == 0) {
        url += sizeof scheme - 1;
        len -= sizeof scheme - 1;
    }
    buf_adds(out, "    ");
    escape_terminal(out, url, len, ESCAPE_LINE);
    buf_addf(out, "%srecovery/START-HERE.md\n", len > 0 && url[len - 1] == '/' ? "" : "/");
}

/* Of the copies bound here; one that would be lost with the site only when there is no other. */
static void
put_places(const struct blind *b, struct buf *out)
{
    const char *from = opt_get(&b->ctx->opts, OPT_FROM);
    const char *name;
    size_t shown = 0;
    if (from != NULL)
        put_place(out, from);
    for (int near = 0; near < 2 && shown == 0 && from == NULL; near++) {
        for (size_t i = 0; (name = ini_name_at(b->ctx->store->conf, "copy", i)) != NULL; i++) {
            const char *url = store_conf(b->ctx->store, "copy", name, "url");
            if (url == NULL || at_protected_site(b, name) != near)
                continue;
            put_place(out, url);
            shown++;
        }
    }
}

static void
put_page(const struct blind *b, struct buf *out, size_t width)
{
    struct buf line;
    buf_init(&line, PAGE);
    buf_addf(&line, "BLIND DRILL of %s, run %.8s, begun %s", b->label, b->run->record.id,
             b->run->record.at);
    struct buf safe;
    buf_init(&safe, PAGE);
    escape_terminal(&safe, buf_str(&line), line.len, ESCAPE_LINE);
    flow(out, buf_str(&safe), 0, 0, width);
    buf_adds(out, "\nHand this page to a colleague, and do not help:\n");
    put_places(b, out);
    buf_clear(&safe);
    escape_terminal(&safe, b->label, strlen(b->label), ESCAPE_LINE);
    buf_clear(&line);
    buf_addf(&line,
             "Tell them that it is a drill, that no site is lost, and that the password of %s is "
             "wanted. They work at another terminal or machine, by that page alone.",
             buf_str(&safe));
    flow(out, buf_str(&line), 0, 0, width);
    flow(out,
         "When they are back: Enter, and they type what they found. q gives up, p pauses; the "
         "clock goes on.",
         0, 0, width);
    buf_release(&line);
    buf_release(&safe);
}

/* ---- entries ---- */

static void
begin_body(struct buf *body, struct jw *w, const struct blind *b)
{
    buf_init(body, LIMIT_BODY);
    jw_init(w, body);
    jw_obj(w, NULL);
    jw_str(w, "run", b->run->record.id);
}

/* Durable when it returns; the copies hear of it, too, if they can. */
static enum rc
put(struct blind *b, const char *kind, struct buf *body, struct jw *w, struct err *err)
{
    struct err away = ERR_INIT;
    jw_end_obj(w);
    enum rc rc = session_record(b->ctx, kind, body, NULL, err);
    buf_release(body);
    if (rc == RC_OK && session_publish(b->ctx, &away) != RC_OK)
        out_warn(b->ctx, "not published: %s", away.msg);
    return rc;
}

static enum rc
put_mismatch(struct blind *b, struct err *err)
{
    struct buf body;
    struct jw w;
    begin_body(&body, &w, b);
    jw_str(&w, "step", b->run->book->steps[0].id);
    jw_str(&w, "text", "what was typed is not the password");
    jw_opt(&w, "person", b->who.person);
    return put(b, "run.note", &body, &w, err);
}

/* key, blind, result and person make it a recovery of that key by that person. */
static enum rc
put_ended(struct blind *b, const char *reason, struct err *err)
{
    struct buf body;
    struct jw w;
    struct run_step *s = &b->run->steps[0];
    s->state = reason == NULL ? RUN_DONE : RUN_FAILED;
    s->ms = elapsed(b);
    (void)snprintf(s->reason, sizeof s->reason, "%s", reason != NULL ? reason : "");
    (void)snprintf(s->person, sizeof s->person, "%s", b->who.person);
    begin_body(&body, &w, b);
    jw_str(&w, "step", b->run->book->steps[0].id);
    jw_bool(&w, "blind", 1);
    jw_str(&w, "key", b->key.uuid);
    jw_str(&w, "result", step_state_name(s->state));
    jw_opt(&w, "person", b->who.person);
    jw_opt(&w, "reason", reason);
    jw_int(&w, "ms", s->ms);
    return put(b, "run.ended", &body, &w, err);
}

static enum rc
put_finished(struct blind *b, struct err *err)
{
    struct buf body;
    struct jw w;
    const struct run_step *s = &b->run->steps[0];
    begin_body(&body, &w, b);
    jw_str(&w, "result", step_state_name(s->state));
    jw_opt(&w, "person", s->person);
    jw_int(&w, "ms", s->ms);
    return put(b, "run.finished", &body, &w, err);
}

/* ---- at the terminal ---- */

static enum rc
say(const struct blind *b, const char *text, struct err *err)
{
    return file_write_fd(b->fd, text, strlen(text), "the terminal", err);
}

/* Shows the time until a key is pressed. */
static enum rc
wait_key(const struct blind *b, int *key, struct err *err)
{
    char clock[RUN_CLOCK], line[RUN_CLOCK + 16];
    enum rc rc = term_raw_begin(err);
    for (*key = 0; rc == RC_OK && *key == 0;) {
        run_clock(clock, elapsed(b));
        (void)snprintf(line, sizeof line, b->plain ? "%s\n" : "\r%s ", clock);
        rc = say(b, line, err);
        if (rc == RC_OK)
            *key = term_key(b->plain ? PLAIN_TICK_MS : TICK_MS);
    }
    term_restore();
    if (rc == RC_OK && *key < 0)
        rc = err_set(err, RC_INTERRUPTED, "interrupted");
    if (rc == RC_OK && !b->plain)
        rc = say(b, "\n", err);
    return rc;
}

static enum rc
ask_who(struct blind *b, struct err *err)
{
    char name[LIMIT_TEXT + 1] = "";
    const char *given = answer(b, "by");
    if (given == NULL)
        given = opt_get(&b->ctx->opts, OPT_AS);
    if (b->who.person[0] != '\0')
        return RC_OK;
    if (given == NULL && b->fd < 0)
        return err_set(err, RC_RUN_PAUSED, "nobody says who got it back: [blind] by = or --as");
    while (given == NULL && name[0] == '\0') {
        enum rc rc = term_ask(name, sizeof name, "who got it back, for the record? ", err);
        if (rc != RC_OK)
            return rc;
    }
    return who_named(b->ctx, &b->who, given != NULL ? given : name, "the name", err);
}

/* *match -1: nothing was typed. What was typed is compared and forgotten. */
static enum rc
compare(struct blind *b, int *match, struct err *err)
{
    struct secret *typed = NULL;
    char what[SHOWING_LABEL + 16];
    const char *ref = answer(b, "typed");
    *match = -1;
    (void)snprintf(what, sizeof what, "password of %s", b->label);
    enum rc rc = ask_who(b, err);
    if (rc == RC_OK)
        rc = ref_read(&typed, ref != NULL ? ref : "prompt", what, err);
    if (rc == RC_CREDENTIAL && ref == NULL) {
        err_clear(err);
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = check_compare(match, &b->want, typed, b->key.uuid, err);
    secret_free(typed);
    return rc == RC_OK && *match == 0 ? put_mismatch(b, err) : rc;
}

static enum rc
pause_here(const struct blind *b, struct err *err)
{
    (void)err_set(err, RC_RUN_PAUSED, "the blind drill of %s is paused; its clock goes on",
                  b->label);
    memcpy(err->entry, b->ctx->store->stored, sizeof err->entry);
    return err_hint(err, "go on: keymuster -C %s recover resume %.8s", b->ctx->store->dir,
                    b->run->record.id);
}

static enum rc
give_up(struct blind *b, struct err *err)
{
    char reason[LIMIT_TEXT + 1];
    enum rc rc = term_ask(reason, sizeof reason, "why is it given up (Enter: it is not)? ", err);
    if (rc != RC_OK || reason[0] == '\0')
        return rc;
    rc = text_check(reason, "the reason", err);
    return rc == RC_OK ? put_ended(b, reason, err) : rc;
}

static enum rc
at_terminal(struct blind *b, struct err *err)
{
    unsigned width = 0, height = 0;
    struct buf page;
    term_size(b->fd, &width, &height);
    buf_init(&page, PAGE);
    put_page(b, &page, width < NARROW ? NARROW : width > WIDE ? WIDE : width);
    enum rc rc = buf_check(&page, "the page", err);
    if (rc == RC_OK)
        rc = say(b, buf_str(&page), err);
    buf_release(&page);
    while (rc == RC_OK && b->run->steps[0].state == RUN_OPEN) {
        int key = 0;
        int match = -1;
        rc = wait_key(b, &key, err);
        if (rc == RC_OK && key == 'p')
            return pause_here(b, err);
        if (rc == RC_OK && key == 'q')
            rc = give_up(b, err);
        else if (rc == RC_OK && key == '\n')
            rc = compare(b, &match, err);
        if (rc == RC_BAD_VALUE) { /* too long for an answer, or no name */
            rc = say(b, "that does not fit; once more\n", err);
            continue;
        }
        if (rc == RC_OK && match == 0)
            rc = say(b, "NO MATCH; the clock goes on\n", err);
        else if (rc == RC_OK && match == 1)
            rc = put_ended(b, NULL, err);
    }
    return rc;
}

/* ---- without one ---- */

static enum rc
by_answers(struct blind *b, struct err *err)
{
    struct buf places;
    char clock[RUN_CLOCK];
    int match = -1;
    const char *reason = answer(b, "reason");
    buf_init(&places, PAGE);
    put_places(b, &places);
    run_clock(clock, elapsed(b));
    out_note(b->ctx, "blind drill of %s, %s since it began; the colleague's page is\n%s", b->label,
             clock, buf_str(&places));
    buf_release(&places);
    if (reason != NULL) {
        enum rc rc = answer(b, "by") != NULL ? ask_who(b, err) : RC_OK;
        if (rc == RC_OK)
            rc = text_check(reason, "the reason", err);
        return rc == RC_OK ? put_ended(b, reason, err) : rc;
    }
    if (answer(b, "typed") == NULL)
        return pause_here(b, err);
    enum rc rc = compare(b, &match, err);
    if (rc == RC_OK && match == 1)
        return put_ended(b, NULL, err);
    if (rc == RC_OK)
        out_note(b->ctx, "NO MATCH; the clock goes on");
    return rc == RC_OK ? pause_here(b, err) : rc;
}

/* ---- the whole ---- */

static void
tell(const struct blind *b)
{
    const struct run_step *s = &b->run->steps[0];
    if (s->state != RUN_DONE)
        return;
    out_note(b->ctx, "%s knows it now, so a new one must follow: keymuster rekey %s",
             b->who.name[0] != '\0' ? b->who.name : s->person, b->key.name);
    out_note(b->ctx, "what their machine recorded comes with: keymuster sync");
}

static enum rc
prepare(struct blind *b, struct err *err)
{
    struct err none = ERR_INIT;
    const char *term = env_get("TERM");
    enum rc rc = key_find(b->ctx->store, b->run->record.key, &b->key, err);
    if (rc == RC_OK)
        rc = load_check(b->ctx, &b->key, &b->want, err);
    if (rc != RC_OK)
        return rc;
    showing_label(b->label, &b->key);
    if (time_parse(&b->began, b->run->record.at) != 0)
        b->began = clock_now_ms();
    b->plain = term == NULL || strcmp(term, "dumb") == 0;
    if (b->answers != NULL || b->ctx->no_input || term_open(&b->fd, &none) != RC_OK)
        b->fd = -1;
    if (session_publish(b->ctx, &none) != RC_OK) /* so that the page is there, and of today */
        out_warn(b->ctx, "not published: %s", none.msg);
    return RC_OK;
}

enum rc
run_blind_play(struct ctx *ctx, struct run *run, const struct ini *answers, struct err *err)
{
    struct blind b = {.ctx = ctx, .run = run, .answers = answers, .fd = -1};
    if (run->record.finished[0] != '\0') {
        (void)err_set(err, RC_RUN_OVER, "the run %.8s ended on %s", run->record.id,
                      run->record.finished);
        return err_hint(err, "see what was done: keymuster recover show %.8s", run->record.id);
    }
    enum rc rc =
        run->book->count == 1 ? RC_OK : err_set(err, RC_RUNBOOK, "this is no blind drill's text");
    if (rc == RC_OK)
        rc = prepare(&b, err);
    if (rc == RC_OK && run->steps[0].state == RUN_OPEN)
        rc = b.fd >= 0 ? at_terminal(&b, err) : by_answers(&b, err);
    /* Ctrl-C and a terminal that went away are a pause. */
    if (rc == RC_INTERRUPTED || rc == RC_NO_TERMINAL)
        return pause_here(&b, err);
    if (rc == RC_RUN_PAUSED && err->hint[0] == '\0')
        (void)err_hint(err, "go on: keymuster -C %s recover resume %.8s", ctx->store->dir,
                       run->record.id);
    if (rc == RC_OK)
        rc = put_finished(&b, err);
    if (rc != RC_OK)
        return rc;
    ctx->findings += run->steps[0].state != RUN_DONE;
    tell(&b);
    return RC_OK;
}
