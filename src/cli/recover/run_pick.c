#include "cli/recover/run_pick.h"

#include <stdio.h>
#include <string.h>

#include "cli/out.h"
#include "cli/session.h"
#include "text/uni.h"

static void
name_it(struct run_pick *out, const struct key *key)
{
    (void)snprintf(out->key, sizeof out->key, "%s@%lld", key->name, (long long)key->generation);
}

/* What is left when the escrow does not know it: the wrap in the file itself, or another copy. */
static enum rc
not_known(const struct run_pick *p, struct err *err)
{
    struct buf safe;
    long cut = description_cut(p->bco.hint, strlen(p->bco.hint));
    size_t len = cut < 0 ? strlen(p->bco.hint) : (size_t)cut;
    buf_init(&safe, LIMIT_TEXT);
    escape_terminal(&safe, p->bco.hint, len < 200 ? len : 200, ESCAPE_LINE);
    (void)err_set(err, RC_NOT_FOUND, "%s: this escrow does not know the key that opens it",
                  p->file);
    (void)err_why(err, "the password's description is \"%s\"%s", buf_str(&safe),
                  cut < 0 ? ", which is not of the form moniker | WDEK" : " | WDEK");
    buf_release(&safe);
    (void)err_hint(err, "is it the right file, and is the copy new enough? or name the key: --key");
    return cut < 0 ? err->code
                   : err_hint(err, "the wrap in the file is enough with its root key: keymuster "
                                   "reveal --wrapped REF --root CRN");
}

static enum rc
by_file(struct run_pick *out, const struct ctx *ctx, struct err *err)
{
    struct key key;
    enum rc rc = bco_read(&out->bco, out->file, err);
    if (rc == RC_OK && !out->bco.encrypted) {
        (void)err_set(err, RC_BAD_VALUE, "%s is not encrypted: no key has to be recovered for it",
                      out->file);
        return err_hint(err,
                        "it has no passwords in it, so backups that are encrypted will ask for "
                        "theirs after the restore; to look for their keys: keymuster list");
    }
    if (rc == RC_OK)
        rc = description_key(ctx->store, out->bco.hint, out->bco.created, &key, &out->how, err);
    if (rc != RC_OK)
        return rc;
    if (out->how == DESCRIPTION_NONE)
        return not_known(out, err);
    name_it(out, &key);
    return RC_OK;
}

enum rc
run_pick(struct run_pick *out, const struct ctx *ctx, struct err *err)
{
    struct key key;
    const char *ref = opt_get(&ctx->opts, OPT_KEY);
    memset(out, 0, sizeof *out);
    out->file = opt_get(&ctx->opts, OPT_BCO);
    if (out->file != NULL && ref != NULL)
        return err_set(err, RC_USAGE, "--bco says which key; leave out --key");
    if (ref == NULL && opt_has(&ctx->opts, OPT_AT))
        return err_set(err, RC_USAGE, "--at goes with --key NAME");
    if (out->file != NULL)
        return by_file(out, ctx, err);
    if (ref == NULL)
        return RC_OK;
    enum rc rc = session_key(ctx, ref, &key, err);
    if (rc == RC_OK)
        name_it(out, &key);
    return rc;
}

static const char *
how_name(enum description_how how)
{
    return how == DESCRIPTION_WRAP ? "wrap" : how == DESCRIPTION_NAME ? "name" : "name and time";
}

void
run_pick_write(struct jw *w, const struct run_pick *p)
{
    if (p->file == NULL)
        return;
    jw_obj(w, "bco");
    jw_str(w, "file", p->file);
    jw_int(w, "bytes", p->bco.size);
    jw_opt(w, "made", p->bco.created);
    jw_opt(w, "version", p->bco.version);
    jw_str(w, "key", p->key);
    jw_str(w, "by", how_name(p->how));
    jw_bool(w, "officer", p->bco.security_officer);
    jw_end_obj(w);
}
