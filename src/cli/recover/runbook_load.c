#include "cli/recover/runbook_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/ref_command.h"
#include "cli/session.h"
#include "copy/recovery_scripts.h"
#include "escrow/key.h"
#include "escrow/runbooks.h"
#include "sys/file.h"
#include "text/diff.h"
#include "text/jw.h"
#include "text/uni.h"

enum { WORDS = 64, SAID = 4, DIFF = 1024 * 1024 }; /* of a command line; of the findings; bytes */

static const char FOLDER[] = "runbooks/";
static const char ENDING[] = ".md";

const char *
runbook_source_name(enum runbook_source source)
{
    return source == RUNBOOK_FILE ? "file" : source == RUNBOOK_LOG ? "log" : "program";
}

enum rc
runbook_store(struct ctx *ctx, struct err *err)
{
    struct err none = ERR_INIT;
    enum rc rc = session_open(ctx, &none);
    if (rc == RC_OK || (rc == RC_NO_STORE && ctx->store_dir == NULL))
        return RC_OK;
    *err = none;
    return rc;
}

/* ---- where they are ---- */

const char *
runbook_shipped(size_t i, const char **text, size_t *len)
{
    static char name[LIMIT_NAME + 1];
    for (size_t k = 0; k < recovery_script_count; k++) {
        const struct recovery_script *s = &recovery_scripts[k];
        if (strncmp(s->name, FOLDER, sizeof FOLDER - 1) != 0 || i-- > 0)
            continue;
        size_t n = strlen(s->name) - (sizeof FOLDER - 1) - (sizeof ENDING - 1);
        (void)snprintf(name, sizeof name, "%.*s", (int)n, s->name + sizeof FOLDER - 1);
        *text = s->text;
        *len = s->len;
        return name;
    }
    return NULL;
}

struct looking {
    struct runbook **out;
    size_t count;
    char entries[2][HASH_TEXT + 1];
};

static enum rc
take_recorded(void *arg, const struct runbook_entry *e, struct err *err)
{
    struct looking *l = arg;
    if (l->count < 2)
        (void)snprintf(l->entries[l->count], sizeof l->entries[0], "%s", e->entry);
    return l->count++ == 0 ? runbook_read(l->out, e->text, strlen(e->text), e->name, err) : RC_OK;
}

static enum rc
from_log(const struct ctx *ctx, struct runbook **out, const char *name, struct err *err)
{
    struct looking l = {.out = out};
    *out = NULL;
    enum rc rc =
        ctx->store != NULL ? runbook_each(ctx->store, name, take_recorded, &l, err) : RC_OK;
    if (rc != RC_OK || l.count < 2)
        return rc;
    runbook_free(*out);
    *out = NULL;
    (void)err_set(err, RC_AMBIGUOUS, "there are %zu runbooks %s: two sites have changed it",
                  l.count, name);
    return err_hint(err,
                    "see both: keymuster audit log --entry %s\nand: keymuster audit log --entry "
                    "%s\nthen add the one that is to count: keymuster runbook add FILE",
                    l.entries[0], l.entries[1]);
}

static enum rc
from_program(struct runbook **out, const char *name, struct err *err)
{
    const char *text = NULL;
    size_t len = 0;
    const char *found;
    char known[512] = "";
    for (size_t i = 0; (found = runbook_shipped(i, &text, &len)) != NULL; i++) {
        if (strcmp(found, name) == 0)
            return runbook_read(out, text, len, name, err);
        size_t at = strlen(known);
        (void)snprintf(known + at, sizeof known - at, "%s%s", at > 0 ? ", " : "", found);
    }
    (void)err_set(err, RC_NOT_FOUND, "no runbook %s", name);
    (void)err_hint(err, "with the program come: %s", known);
    return err_hint(err, "keymuster runbook list shows those in the log, too; ./%s is a file",
                    name);
}

static enum rc
from_file(struct runbook **out, const char *path, struct err *err)
{
    struct buf text;
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = file_read(&text, path, err);
    if (rc == RC_OK)
        rc = runbook_read(out, buf_str(&text), text.len, path, err);
    buf_release(&text);
    return rc;
}

static int
is_file(const char *ref)
{
    size_t len = strlen(ref);
    size_t n = sizeof ENDING - 1;
    return strchr(ref, '/') != NULL || (len > n && strcmp(ref + len - n, ENDING) == 0);
}

enum rc
runbook_load(struct ctx *ctx, struct runbook **out, enum runbook_source *source, const char *ref,
             struct err *err)
{
    *source = RUNBOOK_FILE;
    if (is_file(ref))
        return from_file(out, ref, err);
    *source = RUNBOOK_LOG;
    enum rc rc = from_log(ctx, out, ref, err);
    if (rc != RC_OK || *out != NULL)
        return rc;
    *source = RUNBOOK_SHIPPED;
    return from_program(out, ref, err);
}

/* ---- the commands of its steps ---- */

/* Answers to questions, and the place of another store, are not for a page to give. */
static const enum opt_id not_in_a_page[] = {OPT_YES, OPT_CONFIRM, OPT_ACCEPT_RISK, OPT_STORE};

static enum rc
refuse_command(const struct cmd *cmd, struct err *err)
{
    char name[CMD_NAME];
    cmd_name(name, cmd);
    if ((cmd->flags & CMD_EXEC) || strcmp(name, "reveal") == 0)
        return err_set(err, RC_RUNBOOK, "%s: a secret comes out by a step of kind reveal only",
                       name);
    if (strncmp(name, "recover ", 8) == 0)
        return err_set(err, RC_RUNBOOK, "%s: a run cannot begin another", name);
    return RC_OK;
}

static enum rc
check_options(const struct opts *o, const struct cmd *cmd, struct err *err)
{
    for (size_t i = 0; i < sizeof not_in_a_page / sizeof not_in_a_page[0]; i++) {
        if (opt_has(o, not_in_a_page[i]))
            return err_set(err, RC_RUNBOOK,
                           "--yes, --confirm, --accept-risk and --store are for the person who "
                           "follows it");
    }
    if ((int)o->arg_count < cmd->args_min ||
        (cmd->args_max >= 0 && (int)o->arg_count > cmd->args_max))
        return err_set(err, RC_RUNBOOK, "arguments are missing, or too many: %s", cmd->synopsis);
    return RC_OK;
}

static enum rc
check_words(char **words, struct err *err)
{
    char self[] = "keymuster";
    char *argv[WORDS + 2] = {self};
    int argc = 1;
    struct cmd_line line;
    struct opts opts = {0};
    for (; words[argc - 1] != NULL && argc <= WORDS; argc++)
        argv[argc] = words[argc - 1];
    if (argc > 1 && strcmp(words[0], self) == 0)
        return err_set(err, RC_RUNBOOK, "leave out the word keymuster");
    enum rc rc = cmd_look_up(&line, argc, argv, err);
    if (rc == RC_OK && line.cmd == NULL)
        rc = err_set(err, RC_RUNBOOK, "no command");
    if (rc == RC_OK)
        rc = refuse_command(line.cmd, err);
    if (rc == RC_OK)
        rc = opt_parse(&opts, argc, argv, line.cmd->options, line.words, OPT_PARSE_PLAIN, err);
    if (rc == RC_OK)
        rc = check_options(&opts, line.cmd, err);
    opt_release(&opts);
    return rc;
}

static enum rc
check_command(struct runbook *r, const struct step *s, struct err *err)
{
    char text[800];
    char **words = NULL;
    struct err bad = ERR_INIT;
    enum rc rc = ref_split(&words, s->run, "run", &bad);
    if (rc == RC_OK)
        rc = check_words(words, &bad);
    free(words);
    if (rc == RC_NO_MEMORY) {
        *err = bad;
        return rc;
    }
    if (rc == RC_OK)
        return RC_OK;
    (void)snprintf(text, sizeof text,
                   "run = %.150s: %s (only keymuster's own commands are run, never "
                   "a shell)",
                   s->run, bad.msg);
    return runbook_find(r, s->line, 1, text, err);
}

/* ---- the keys that it names ---- */

static enum rc
check_key(const struct ctx *ctx, struct runbook *r, const struct step *s, const char *key,
          struct err *err)
{
    struct key found;
    struct err bad = ERR_INIT;
    if (key == NULL || key[0] == '{')
        return RC_OK;
    enum rc rc = key_find(ctx->store, key, &found, &bad);
    if (rc == RC_NOT_FOUND)
        return runbook_find(r, s->line, 1, bad.msg, err);
    if (rc != RC_OK && rc != RC_AMBIGUOUS)
        *err = bad;
    return rc == RC_AMBIGUOUS ? RC_OK : rc;
}

enum rc
runbook_check(struct ctx *ctx, struct runbook *r, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < r->count; i++) {
        const struct step *s = &r->steps[i];
        if (s->run != NULL)
            rc = check_command(r, s, err);
        if (rc == RC_OK && ctx->store != NULL)
            rc = check_key(ctx, r, s, s->key, err);
        for (size_t k = 0; rc == RC_OK && ctx->store != NULL && k < s->field_count; k++)
            rc = check_key(ctx, r, s, s->fields[k].type == FIELD_CHECK ? s->fields[k].of : NULL,
                           err);
    }
    return rc;
}

enum rc
runbook_refuse(const struct runbook *r, const char *ref, struct err *err)
{
    size_t said = 0;
    if (r->severe == 0)
        return RC_OK;
    (void)err_set(err, RC_RUNBOOK, "%s cannot be followed: %zu mistake%s", ref, r->severe,
                  r->severe == 1 ? "" : "s");
    for (size_t i = 0; i < r->finding_count && said < SAID; i++) {
        if (r->findings[i].severe)
            (void)err_hint(err, "line %d: %s", r->findings[i].line, r->findings[i].text);
        said += r->findings[i].severe != 0;
    }
    return r->severe > SAID ? err_hint(err, "all of them: keymuster runbook check %s", ref)
                            : RC_RUNBOOK;
}

/* ---- into the log ---- */

static enum rc
take_former(void *arg, const struct runbook_entry *e, struct err *err)
{
    struct runbook_former *f = arg;
    if (f->count++ == 0)
        buf_adds(&f->text, e->text);
    buf_addf(&f->hashes, "%s\"%s\"", f->count > 1 ? "," : "", e->entry);
    return buf_check(&f->text, "the former runbook", err);
}

enum rc
runbook_former(const struct ctx *ctx, const char *name, struct runbook_former *f, struct err *err)
{
    f->count = 0;
    buf_init(&f->text, LIMIT_ENTRY);
    buf_init(&f->hashes, LIMIT_ENTRY);
    return runbook_each(ctx->store, name, take_former, f, err);
}

void
runbook_former_release(struct runbook_former *f)
{
    buf_release(&f->text);
    buf_release(&f->hashes);
}

enum rc
runbook_changed(struct ctx *ctx, const char *former, const struct runbook *r, const char *question,
                struct err *err)
{
    struct buf diff;
    struct buf shown;
    buf_init(&diff, DIFF);
    buf_init(&shown, DIFF);
    enum rc rc = diff_lines(&diff, former, r->text, err);
    escape_terminal(&shown, buf_str(&diff), diff.len, ESCAPE_KEEP_NEWLINES);
    if (rc == RC_OK)
        out_warn(ctx, "what changes in the runbook %s:\n%s", r->id, buf_str(&shown));
    if (rc == RC_OK && !ctx->dry_run)
        rc = confirm_yes(ctx, question, err);
    buf_release(&diff);
    buf_release(&shown);
    return rc;
}

enum rc
runbook_record(struct ctx *ctx, const struct runbook *r, char *entry, struct err *err)
{
    struct buf body;
    struct jw w;
    struct runbook_former f;
    buf_init(&body, LIMIT_BODY);
    enum rc rc = runbook_former(ctx, r->id, &f, err);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "name", r->id);
    jw_str(&w, "title", r->title);
    jw_str(&w, "sha256", r->sha256);
    jw_strn(&w, "text", r->text, r->len);
    jw_arr(&w, "supersedes");
    if (f.hashes.len > 0)
        jw_raw(&w, NULL, buf_str(&f.hashes), f.hashes.len);
    jw_end_arr(&w);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = buf_check(&body, "the runbook, as JSON,", err);
    if (rc == RC_OK)
        rc = session_record(ctx, "runbook.added", &body, entry, err);
    runbook_former_release(&f);
    buf_release(&body);
    return rc;
}
