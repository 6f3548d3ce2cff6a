/* identify: which key opens a configuration backup, or all those of a folder, and how to get it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/keys/officer.h"
#include "cli/out.h"
#include "cli/places/from.h"
#include "cli/ref.h"
#include "cli/session.h"
#include "cli/vbr/identify_url.h"
#include "cli/vbr/identify_walk.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "text/uni.h"

struct identifying {
    struct ctx *ctx;
    struct bco bco; /* of the file looked at last */
    struct identify *rows;
    size_t count, size;
    int more; /* there were more than are looked at */
};

/* ---- what to type ---- */

static void
add_bare(struct buf *out, const struct identify *found)
{
    buf_adds(out, "keymuster -o json identify ");
    escape_shell(out, found->is_file ? found->source : "-");
    buf_adds(out, " | jq -r '.items[0].wdek' | keymuster reveal --wrapped - --root CRN "
                  "--credential REF --reason 'configuration restore'");
}

/* ---- one ---- */

static void
write_found(struct jw *w, const struct ctx *ctx, const struct identify *found)
{
    struct buf text;
    char here[96];
    buf_init(&text, 4096);
    jw_str(w, "key", found->key.uuid);
    jw_str(w, "name", found->key.name);
    jw_int(w, "generation", found->key.generation);
    jw_str(w, "by", identify_how(found));
    jw_bool(w, "unknown_wrap", found->other);
    identify_here(here, found);
    jw_str(w, "opens_here", here);
    jw_bool(w, "drilled_here", found->here == HERE_DRILLED);
    jw_opt(w, "drilled", found->drilled);
    identify_command(&text, ctx, &found->key);
    jw_str(w, "command", buf_str(&text));
    buf_release(&text);
}

/* hint: the description, where it is at hand; NULL in a list. */
static void
write_item(struct jw *w, struct ctx *ctx, const struct identify *found, const char *hint)
{
    size_t len = 0;
    const char *wdek = hint != NULL ? identify_wdek(hint, &len) : NULL;
    jw_obj(w, NULL);
    jw_str(w, "source", found->source);
    if (found->failed.code != RC_OK && !found->ambiguous) {
        jw_str(w, "failed", found->failed.msg);
        jw_end_obj(w);
        return;
    }
    if (found->is_file) {
        if (found->size >= 0)
            jw_int(w, "bytes", found->size);
        jw_opt(w, "made", found->made);
        jw_opt(w, "version", found->version);
        jw_bool(w, "encrypted", found->encrypted);
        jw_bool(w, "officer", found->officer);
        jw_bool(w, "guessed", found->guessed);
    }
    jw_opt(w, "description", hint);
    if (wdek != NULL) {
        char handle[UUID_TEXT + 1];
        jw_strn(w, "wdek", wdek, len);
        identify_handle(handle, wdek, len);
        jw_opt(w, "root_in_wdek", handle);
    }
    if (found->ambiguous)
        jw_str(w, "ambiguous", found->failed.why);
    if (found->how != DESCRIPTION_NONE)
        write_found(w, ctx, found);
    if (found->officer && found->how != DESCRIPTION_NONE)
        officer_write_file(w, ctx, &found->key, found->made);
    jw_end_obj(w);
}

static void
tell_key(struct ctx *ctx, const struct identify *found)
{
    struct buf text;
    char here[96];
    buf_init(&text, 8192);
    buf_addf(&text, "%s@%lld", found->key.name, (long long)found->key.generation);
    out_field(ctx, "key", buf_str(&text));
    out_field(ctx, "told by", identify_how(found));
    identify_here(here, found);
    out_field(ctx, "opens here", here);
    buf_clear(&text);
    identify_command(&text, ctx, &found->key);
    out_field(ctx, "next", buf_str(&text));
    buf_release(&text);
}

/* The wrap is all there is: whole, for it is enough. */
static void
tell_wrap(struct ctx *ctx, const struct identify *found, const char *hint)
{
    struct buf text;
    char handle[UUID_TEXT + 1];
    size_t len = 0;
    const char *wdek = identify_wdek(hint, &len);
    out_field(ctx, "hint", hint);
    if (wdek == NULL)
        return;
    identify_handle(handle, wdek, len);
    if (handle[0] != '\0')
        out_field(ctx, "root id", handle);
    buf_init(&text, (size_t)2 * PATH_SIZE);
    add_bare(&text, found);
    out_field(ctx, "next", buf_str(&text));
    buf_release(&text);
}

static void
tell_one(struct ctx *ctx, const struct identify *found, const char *hint)
{
    if (found->is_file) {
        out_field(ctx, "file", found->source);
        out_field(ctx, "made", found->made);
        out_field(ctx, "version", found->version);
    }
    if (found->guessed)
        out_field(ctx, "layout", "not one of those known here; only its description was found");
    if (found->officer)
        out_field(ctx, "needs too", "the Security Officer's passphrase of that time");
    if (found->officer && found->how != DESCRIPTION_NONE)
        officer_tell_file(ctx, &found->key, found->made);
    if (!found->encrypted)
        out_field(ctx, "encrypted", "no: no password is asked for");
    else if (found->how != DESCRIPTION_NONE)
        tell_key(ctx, found);
    else
        tell_wrap(ctx, found, hint);
}

static enum rc
unknown(const struct ctx *ctx, const struct identify *found, const char *hint, struct err *err)
{
    size_t len = 0;
    int wrapped = identify_wdek(hint, &len) != NULL;
    if (ctx->store == NULL && !wrapped) {
        (void)err_set(err, RC_NO_STORE, "%s: without a store only its description can be read",
                      found->source);
        return err_hint(err, "name the store (-C DIR), or work from a copy: --from COPY");
    }
    (void)err_set(err, RC_NOT_FOUND, "%s: this escrow does not know the key that opens it",
                  found->source);
    (void)err_why(err, wrapped ? "neither its wrap nor its name is recorded"
                               : "its description is not of the form moniker | WDEK, nor a name");
    (void)err_hint(err, "is it the right file, and are the newest entries here? (keymuster sync)");
    return wrapped ? err_hint(err, "the wrap in it is enough with its root key: run the line above")
                   : err_hint(err, "its description is what was typed when the password was made: "
                                   "keymuster list");
}

/* What a person should know besides. */
static void
warn_one(struct ctx *ctx, const struct identify *found)
{
    if (found->other && found->how != DESCRIPTION_NONE)
        out_warn(ctx,
                 "the wrap in its description is none that this escrow holds; the key is told "
                 "by its name%s: check the value before you rely on it",
                 found->how == DESCRIPTION_TIME ? " and the time" : "");
    if (found->how == DESCRIPTION_TIME && found->made[0] == '\0')
        out_warn(ctx, "a name without a generation and without a time: the newest is shown, an "
                      "older file may need an older one");
}

static enum rc
judge_one(struct ctx *ctx, const struct identify *found, const char *hint, struct err *err)
{
    size_t len = 0;
    if (found->ambiguous) {
        *err = found->failed;
        return err->code;
    }
    if (!found->encrypted || found->how != DESCRIPTION_NONE) {
        warn_one(ctx, found);
        return RC_OK;
    }
    if (ctx->store == NULL && identify_wdek(hint, &len) != NULL) {
        out_warn(ctx, "no store here, so nothing says whose key this is; the wrap in the "
                      "description is enough with its root key");
        ctx->findings++;
        return RC_OK;
    }
    return unknown(ctx, found, hint, err);
}

static enum rc
answer_one(struct identifying *i, const struct identify *found, struct err *err)
{
    struct ctx *ctx = i->ctx;
    struct buf doc;
    struct jw w;
    if (found->failed.code != RC_OK && !found->ambiguous) {
        *err = found->failed;
        return err->code;
    }
    if (!out_is_json(ctx)) {
        tell_one(ctx, found, i->bco.hint);
        return judge_one(ctx, found, i->bco.hint, err);
    }
    session_answer(&doc, &w, "identify");
    jw_arr(&w, "items");
    write_item(&w, ctx, found, i->bco.hint);
    jw_end_arr(&w);
    enum rc rc = out_object(ctx, &doc, &w, err);
    return rc == RC_OK ? judge_one(ctx, found, i->bco.hint, err) : rc;
}

/* ---- a folder ---- */

static enum rc
add_row(void *arg, const struct identify *found, struct err *err)
{
    struct identifying *i = arg;
    if (i->count == i->size) {
        size_t size = i->size == 0 ? 16 : i->size * 2;
        struct identify *rows = realloc(i->rows, size * sizeof *rows);
        if (rows == NULL)
            return err_nomem(err);
        i->rows = rows;
        i->size = size;
    }
    i->rows[i->count++] = *found;
    return RC_OK;
}

static int
newest_first(const void *a, const void *b)
{
    const struct identify *x = a, *y = b;
    int order = strcmp(y->made, x->made); /* one width; what has none comes last */
    return order != 0 ? order : strcmp(x->source, y->source);
}

static enum rc
tell_row(struct ctx *ctx, struct table *table, const struct identify *found, struct err *err)
{
    char key[KEY_NAME_BYTES + 64], here[96] = "";
    if (found->failed.code != RC_OK)
        (void)snprintf(key, sizeof key, "%s", found->ambiguous ? "ambiguous" : "cannot be read");
    else if (!found->encrypted)
        (void)snprintf(key, sizeof key, "none: not encrypted");
    else if (found->how == DESCRIPTION_NONE)
        (void)snprintf(key, sizeof key, ctx->store == NULL ? "no store here" : "unknown");
    else
        (void)snprintf(key, sizeof key, "%s@%lld", found->key.name,
                       (long long)found->key.generation);
    if (found->how != DESCRIPTION_NONE)
        identify_here(here, found);
    const char *cells[] = {found->made,
                           key,
                           found->how == DESCRIPTION_NONE ? "" : identify_how(found),
                           here,
                           found->officer ? "yes" : "",
                           found->source};
    return cmd_table_row(table, cells, 6, err);
}

static enum rc
tell_table(struct identifying *i, struct err *err)
{
    static const char *const titles[] = {"MADE",        "KEY",  "TOLD BY", "OPENS FROM HERE",
                                         "OFFICER TOO", "FILE", NULL};
    struct table *table = NULL;
    const struct identify *first = NULL;
    enum rc rc = cmd_table_new(&table, i->ctx, titles, err);
    for (size_t n = 0; rc == RC_OK && n < i->count; n++) {
        rc = tell_row(i->ctx, table, &i->rows[n], err);
        if (first == NULL && i->rows[n].how != DESCRIPTION_NONE)
            first = &i->rows[n];
    }
    if (rc == RC_OK)
        rc = table_print(table, &i->ctx->out, err);
    if (rc == RC_OK && first != NULL) {
        struct buf text;
        buf_init(&text, (size_t)2 * PATH_SIZE);
        identify_command(&text, i->ctx, &first->key);
        out_printf(i->ctx, "\nthe newest: ");
        out_text(i->ctx, buf_str(&text));
        out_printf(i->ctx, "\n");
        buf_release(&text);
    }
    table_free(table);
    return rc;
}

static enum rc
answer_folder(struct identifying *i, const char *folder, struct err *err)
{
    struct ctx *ctx = i->ctx;
    enum rc rc = identify_walk(ctx, folder, add_row, i, &i->more, err);
    if (rc == RC_OK && i->count == 0) {
        (void)err_set(err, RC_NOT_FOUND, "no configuration backup (.bco) in %s", folder);
        rc = err_hint(err, "Veeam keeps them in VeeamConfigBackup/SERVER of a repository");
    }
    if (rc != RC_OK)
        return rc;
    if (i->more)
        out_warn(ctx, "more than %d files; the others were left out", IDENTIFY_FILES);
    qsort(i->rows, i->count, sizeof *i->rows, newest_first);
    if (!out_is_json(ctx))
        return tell_table(i, err);
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "identify");
    doc.max = (size_t)64 * 1024 * 1024;
    jw_arr(&w, "items");
    for (size_t n = 0; n < i->count; n++)
        write_item(&w, ctx, &i->rows[n], NULL);
    jw_end_arr(&w);
    return out_object(ctx, &doc, &w, err);
}

/* ---- the command ---- */

static enum rc
from_input(struct identifying *i, struct err *err)
{
    struct buf text;
    struct identify found;
    buf_init(&text, BCO_HINT + 64);
    enum rc rc = ref_read_open(&text, "-", "the description", err);
    if (rc == RC_OK && !utf8_is(buf_str(&text), text.len))
        rc = err_set(err, RC_BAD_VALUE, "the description is not valid UTF-8");
    if (rc == RC_OK)
        rc = identify_text(i->ctx, buf_str(&text), &i->bco, &found, err);
    if (rc == RC_OK)
        rc = answer_one(i, &found, err);
    buf_release(&text);
    return rc;
}

static enum rc
from_word(struct identifying *i, const char *word, struct err *err)
{
    struct identify found;
    if (strcmp(word, "-") == 0)
        return from_input(i, err);
    if (identify_is_url(word)) {
        enum rc rc = identify_url(i->ctx, word, &i->bco, &found, err);
        return rc == RC_OK ? answer_one(i, &found, err) : rc;
    }
    if (dir_exists(word))
        return answer_folder(i, word, err);
    if (file_exists(word) != 1 && strstr(word, " | ") != NULL && utf8_is(word, strlen(word))) {
        enum rc rc = identify_text(i->ctx, word, &i->bco, &found, err);
        return rc == RC_OK ? answer_one(i, &found, err) : rc;
    }
    enum rc rc = identify_file(i->ctx, word, &i->bco, &found, err);
    if (found.failed.code == RC_NOT_FOUND)
        (void)err_hint(&found.failed, "a description goes in this way: keymuster identify - <FILE");
    return rc == RC_OK ? answer_one(i, &found, err) : rc;
}

/* Without a store what a file says of itself is still worth reading. */
static enum rc
open_store(struct ctx *ctx, struct err *err)
{
    if (opt_has(&ctx->opts, OPT_FROM))
        return from_open(ctx, err);
    enum rc rc = session_open(ctx, err);
    if (rc == RC_NO_STORE && ctx->store_dir == NULL) {
        err_clear(err);
        rc = RC_OK;
    }
    return rc;
}

static enum rc
run_identify(struct ctx *ctx, struct err *err)
{
    struct identifying *i = calloc(1, sizeof *i);
    if (i == NULL)
        return err_nomem(err);
    i->ctx = ctx;
    enum rc rc = open_store(ctx, err);
    if (rc == RC_OK)
        rc = from_word(i, opt_arg(&ctx->opts, 0), err);
    free(i->rows);
    free(i);
    return rc;
}

/* clang-format off */
static const struct opt_spec identify_options[] = {
    FROM_OPTIONS,
    {OPT_CREDENTIAL, "credential", 0, "[NAME=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF,
     "what opens the server of ADDRESS; with --from the copy's, and url=REF is that of ADDRESS"},
    {OPT_ENDPOINT, "endpoint", 0, "[NAME=]URL", OPT_MANY, "with --from: S3: where the service answers"},
    {OPT_CA, "ca", 0, "[NAME=]FILE", OPT_MANY, "certificates that vouch for the server; with --from as --credential"},
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_identify_table[] = {
    {NULL, "identify", "FILE|FOLDER|ADDRESS|DESCRIPTION|- [--from COPY]",
     "Tells which key opens a configuration backup of Veeam, and how to get it.", identify_options,
     1, 1, CMD_NO_STORE | CMD_READ | CMD_EMERGENCY, GROUP_WHEN_NEEDED, run_identify,
     "keymuster identify /mnt/VeeamConfigBackup/vbr-fra\n"
     "keymuster identify vbr-fra_2026-11-25.bco --from file:///media/usb/escrow\n"
     "keymuster identify https://nas.example.net/fra.bco --credential file:nas\n"
     "keymuster identify 'vbr/config@2 | eyJjaXBoZXJ0ZXh0...'\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
