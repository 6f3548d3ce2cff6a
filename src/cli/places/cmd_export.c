/* export: a signed file with all that is needed to get a key back, to lay beside a backup. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/export.h"
#include "sys/dir.h"
#include "sys/file.h"

enum { FILE_NAME = 256, STEM_MAX = 180, PREFIX = 16 };

static const char suffix[] = ".keymuster-export";

struct exporting {
    struct ctx *ctx;
    const char **names; /* of keys, each once; point into found */
    struct key *found;  /* one for each KEY; holds the names */
    size_t count;
    int left;     /* generations of a name that go in */
    struct jw *w; /* NULL: text */
};

/* ---- which keys ---- */

static enum rc
take_first(void *arg, const struct key *key, struct err *err)
{
    struct key *out = arg;
    (void)err;
    if (out->uuid[0] == '\0')
        *out = *key;
    return RC_OK;
}

static enum rc
count_left(void *arg, const struct key *key, struct err *err)
{
    struct exporting *x = arg;
    int wants = 0;
    enum rc rc = export_wants(x->ctx->store, key, &wants, err);
    x->left += wants;
    return rc;
}

/* Said before anything is written. */
static enum rc
check_left(struct exporting *x, const char *name, struct err *err)
{
    x->left = 0;
    enum rc rc = key_each(x->ctx->store, name, count_left, x, err);
    if (rc != RC_OK || x->left > 0)
        return rc;
    (void)err_set(err, RC_NOT_FOUND, "nothing of %s is left to export", name);
    return err_why(err, "every generation of it is marked destroyed");
}

/* All generations go in, so two that share a number are no ambiguity. */
static enum rc
find(struct exporting *x, const char *ref, struct err *err)
{
    struct key *to = &x->found[x->count];
    memset(to, 0, sizeof *to);
    enum rc rc = key_each(x->ctx->store, ref, take_first, to, err);
    if (rc == RC_OK && to->uuid[0] == '\0')
        rc = key_find(x->ctx->store, ref, to, err);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < x->count; i++) {
        if (strcmp(x->names[i], to->name) == 0)
            return RC_OK;
    }
    x->names[x->count++] = to->name;
    return check_left(x, to->name, err);
}

static enum rc
find_all(struct exporting *x, struct err *err)
{
    size_t count = x->ctx->opts.arg_count;
    x->found = calloc(count, sizeof *x->found);
    x->names = calloc(count, sizeof *x->names);
    if (x->found == NULL || x->names == NULL)
        return err_nomem(err);
    enum rc rc = session_keys_check(x->ctx, count, err);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = find(x, opt_arg(&x->ctx->opts, i), err);
    return rc;
}

/* ---- where to ---- */

/* One name, one file name: what is not a letter, digit, '-', '_' or an inner dot is %XX. A long
 * one is cut and made its own again by its hash. */
static void
file_name(char out[FILE_NAME], const char *key)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    char hash[HASH_TEXT + 1];
    struct buf stem;
    buf_init(&stem, (size_t)3 * KEY_NAME_BYTES);
    for (const char *c = key; *c != '\0'; c++) {
        if (strchr(plain, *c) != NULL && (c != key || *c != '.'))
            buf_addc(&stem, *c);
        else
            buf_addf(&stem, "%%%02X", (unsigned char)*c);
    }
    sha256_hex(hash, key, strlen(key));
    if (stem.len > STEM_MAX)
        (void)snprintf(out, FILE_NAME, "%.*s-%.*s%s", STEM_MAX - PREFIX, buf_str(&stem), PREFIX,
                       hash, suffix);
    else
        (void)snprintf(out, FILE_NAME, "%s%s", buf_str(&stem), suffix);
    buf_release(&stem);
}

static enum rc
place_of(const struct exporting *x, size_t i, char path[PATH_SIZE], struct err *err)
{
    const char *folder = opt_get(&x->ctx->opts, OPT_TO);
    char name[FILE_NAME];
    char joined[PATH_SIZE];
    if (folder == NULL)
        return path_absolute(path, opt_get(&x->ctx->opts, OPT_FILE), err);
    file_name(name, x->names[i]);
    enum rc rc = path_join(joined, folder, name, err);
    return rc == RC_OK ? path_absolute(path, joined, err) : rc;
}

/* Nothing is begun that the next file would stop. */
static enum rc
check_places(const struct exporting *x, size_t files, struct err *err)
{
    const char *folder = opt_get(&x->ctx->opts, OPT_TO);
    if (folder != NULL && !dir_exists(folder)) {
        (void)err_set(err, RC_BAD_VALUE, "--to: there is no folder %s", folder);
        return err_hint(err, "make it first; a disk that should be there may not be mounted");
    }
    for (size_t i = 0; i < files; i++) {
        char path[PATH_SIZE];
        enum rc rc = place_of(x, i, path, err);
        if (rc != RC_OK)
            return rc;
        if (file_exists(path) != 1)
            continue;
        (void)err_set(err, RC_EXISTS, "%s exists", path);
        (void)err_why(err, "an export is a new file; nothing is written over");
        return err_hint(err, "another name, or move the old one away first");
    }
    return RC_OK;
}

/* ---- one file ---- */

static void
answer_file(struct exporting *x, const struct export_file *made, const char *path)
{
    struct ctx *ctx = x->ctx;
    int64_t wraps = 0;
    for (size_t i = 0; i < made->key_count; i++)
        wraps += made->keys[i].wraps;
    if (x->w != NULL) {
        jw_obj(x->w, NULL);
        jw_str(x->w, "file", path);
        jw_str(x->w, "sha256", made->sha256);
        jw_arr(x->w, "keys");
        for (size_t i = 0; i < made->key_count; i++)
            jw_str(x->w, NULL, made->keys[i].key);
        jw_end_arr(x->w);
        jw_int(x->w, "wraps", wraps);
        jw_opt(x->w, "entry", ctx->entry);
        jw_end_obj(x->w);
        return;
    }
    out_printf(
        ctx, "%s %zu generation%s, %lld wrap%s: ", ctx->dry_run ? "would export" : "exported",
        made->key_count, made->key_count == 1 ? "" : "s", (long long)wraps, wraps == 1 ? "" : "s");
    out_text(ctx, path);
    out_printf(ctx, "\n");
}

/* The file first: a record without its file would promise something. */
static enum rc
write_file(struct exporting *x, size_t first, size_t count, struct err *err)
{
    struct ctx *ctx = x->ctx;
    struct export_file made;
    struct buf body;
    char path[PATH_SIZE];
    enum rc rc = place_of(x, first, path, err);
    if (rc == RC_OK)
        rc = export_make(ctx->store, &x->names[first], count, &made, err);
    if (rc != RC_OK)
        return rc;
    buf_init(&body, LIMIT_BODY);
    rc = export_entry(&body, &made, path, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = file_create_once(path, buf_str(&made.file), made.file.len, 0644, err);
    if (rc == RC_OK) {
        rc = session_record(ctx, "export.made", &body, NULL, err);
        if (rc != RC_OK)
            rc = err_wrap(err, "%s is written and good, but not registered", path);
    }
    if (rc == RC_OK)
        answer_file(x, &made, path);
    buf_release(&body);
    export_release(&made);
    return rc;
}

static enum rc
write_all(struct exporting *x, struct err *err)
{
    int apart = opt_has(&x->ctx->opts, OPT_TO);
    size_t files = apart ? x->count : 1;
    enum rc rc = check_places(x, files, err);
    for (size_t i = 0; rc == RC_OK && i < files; i++)
        rc = write_file(x, i, apart ? 1 : x->count, err);
    return rc;
}

static enum rc
run_export(struct ctx *ctx, struct err *err)
{
    struct exporting x = {.ctx = ctx};
    struct buf doc = {0};
    struct jw w;
    if (opt_has(&ctx->opts, OPT_FILE) == opt_has(&ctx->opts, OPT_TO))
        return err_set(err, RC_USAGE, "export: one of --file F and --to DIR is wanted");
    if (out_is_json(ctx)) {
        session_answer(&doc, &w, "export");
        jw_bool(&w, "dry_run", ctx->dry_run);
        jw_arr(&w, "files");
        x.w = &w;
    }
    enum rc rc = find_all(&x, err);
    if (rc == RC_OK)
        rc = write_all(&x, err);
    if (rc == RC_OK && x.w != NULL) {
        jw_end_arr(&w);
        jw_end_obj(&w);
        rc = out_json(ctx, &doc, err);
    }
    buf_release(&doc);
    free(x.names);
    free(x.found);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static const struct opt_spec export_options[] = {
    {OPT_FILE, "file", 0, "F", 0, "all of them in this new file"},
    {OPT_TO, "to", 0, "DIR", 0, "a new file for each name in this folder"},
    OPT_END,
};

const struct cmd cmd_export_table[] = {
    {NULL, "export", "KEY... --file F|--to DIR",
     "Writes a signed file with all wraps of a key, to lay beside the backup.", export_options, 1,
     -1, CMD_WRITE, GROUP_WHEN_NEEDED, run_export,
     "keymuster export vbr/config --file /backup/vbr-config.keymuster-export\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
