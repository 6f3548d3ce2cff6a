/* What a blind drill starts from: its text, its key, and where the page lies. */
#include <stdio.h>
#include <string.h>

#include "cli/layout.h"
#include "cli/recover/run_blind.h"
#include "cli/reveal/showing.h"
#include "cli/session.h"
#include "copy/copy.h"
#include "sys/term.h"
#include "text/enc.h"
#include "text/flow.h"
#include "text/uni.h"

enum { PAGE = RUN_BLIND_PAGE };

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
        return layout_ask(out, LIMIT_TEXT + 1, "the KEY that is to be got back: ", err);
    (void)snprintf(out, LIMIT_TEXT + 1, "%s", given);
    return RC_OK;
}

enum rc
run_blind_check(const struct ctx *ctx, const struct key *key, struct check_value *out,
                struct err *err)
{
    char ref[KEY_REF];
    int found = 0;
    enum rc rc = key_check(ctx->store, key->uuid, out, &found, err);
    if (rc != RC_OK || found)
        return rc;
    (void)err_set(err, RC_NOT_FOUND, "%s has no check value to compare with", key->name);
    (void)err_why(err, "it was recorded without its password being seen or proven");
    return err_hint(err, "a drill that shows nothing finds it: keymuster drill %s",
                    key_ref_said(ref, ctx->store, key));
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
        rc = run_blind_check(ctx, &k, &want, err);
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
enum rc
run_blind_places(const struct ctx *ctx, const struct key *key, struct buf *out, struct err *err)
{
    const char *from = opt_get(&ctx->opts, OPT_FROM);
    const char *name;
    size_t shown = 0;
    if (from != NULL)
        put_place(out, from);
    for (int near = 0; near < 2 && shown == 0 && from == NULL; near++) {
        for (size_t i = 0; (name = ini_name_at(ctx->store->conf, "copy", i)) != NULL; i++) {
            const char *url = store_conf(ctx->store, "copy", name, "url");
            int there = 0;
            enum rc rc = copy_is_at(ctx->store, name, key->protects_site, &there, err);
            if (rc != RC_OK)
                return rc;
            if (url == NULL || there != near)
                continue;
            put_place(out, url);
            shown++;
        }
    }
    return RC_OK;
}

enum rc
run_blind_page(const struct ctx *ctx, const struct run *run, const struct key *key, struct buf *out,
               size_t width, struct err *err)
{
    char label[SHOWING_LABEL];
    struct buf line;
    showing_label(label, key);
    buf_init(&line, PAGE);
    buf_addf(&line, "BLIND DRILL of %s, run %.8s, begun %s", label, run->record.id, run->record.at);
    struct buf safe;
    buf_init(&safe, PAGE);
    escape_terminal(&safe, buf_str(&line), line.len, ESCAPE_LINE);
    flow(out, buf_str(&safe), 0, 0, width);
    buf_adds(out, "\nHand this page to a colleague, and do not help:\n");
    enum rc rc = run_blind_places(ctx, key, out, err);
    buf_clear(&safe);
    escape_terminal(&safe, label, strlen(label), ESCAPE_LINE);
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
    return rc;
}
