/* doctor: what doctor_local.c looks at; what this machine's credentials may do in each KMS, tried
 * without changing anything, and which commands need it; whether each root key wraps and unwraps.
 */
#include <stdio.h>
#include <string.h>

#include "cli/audit/doctor.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"

static const struct right {
    enum kms_right right;
    const char *role, *commands;
} rights[] = {
    {KMS_MAY_USE, "Reader",
     "create, record, import, rekey, reveal, exec, check, rewrap, rehome, wrap add, root add, root "
     "check, upkeep"},
    {KMS_MAY_ROTATE, "Writer", "root create, root rotate"},
    {KMS_MAY_MANAGE, "Manager", "root disable, root enable, root destroy, root restore"},
};

void
doctor_tell(struct doctor *d, const char *what, const char *name, const char *right, int found,
            int finding, const char *why)
{
    static const char *const words[] = {"unknown", "no", "yes"};
    d->findings += finding;
    if (d->w != NULL) {
        jw_obj(d->w, NULL);
        jw_str(d->w, "what", what);
        jw_str(d->w, "name", name);
        jw_str(d->w, "test", right);
        jw_str(d->w, "result", words[found + 1]);
        jw_bool(d->w, "finding", finding);
        jw_opt(d->w, "note", why);
        jw_end_obj(d->w);
        return;
    }
    out_printf(d->ctx, "%-7s %s %s, %s%s", words[found + 1], what, name, right,
               why[0] != '\0' ? ": " : "");
    out_text(d->ctx, why);
    out_printf(d->ctx, "\n");
}

static enum rc
try_kms(void *arg, const struct object *o, struct err *err)
{
    struct doctor *d = arg;
    struct kms *kms = NULL;
    struct err why = ERR_INIT;
    char text[sizeof why.msg + sizeof why.why + 4];
    (void)err;
    enum rc rc = session_kms(d->ctx, o, &kms, &why);
    for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
        int yes = 0;
        if (rc == RC_OK)
            rc = kms_may(kms, rights[i].right, &yes, &why);
        if (rc == RC_KMS_NO_CREDENTIAL) { /* another site's, mostly: no fault */
            doctor_tell(d, "KMS", o->name, "credential", -1, 0, "none is bound here");
            return RC_OK;
        }
        if (rc != RC_OK) {
            (void)snprintf(text, sizeof text, "%s%s%s", why.msg, why.why[0] != '\0' ? ": " : "",
                           why.why);
            doctor_tell(d, "KMS", o->name, rights[i].role, -1, 1, text);
            return RC_OK;
        }
        doctor_tell(d, "KMS", o->name, rights[i].role, yes, !yes && rights[i].right == KMS_MAY_USE,
                    rights[i].commands);
    }
    return RC_OK;
}

/* A fresh key that nobody ever sees: wrapped, unwrapped, compared, forgotten. */
static enum rc
wrap_and_open(struct kms *kms, const char *root, struct err *err)
{
    struct kms_op wrap, open;
    struct err scratch = ERR_INIT;
    kms_op_init(&wrap, KMS_WRAP, root);
    kms_op_init(&open, KMS_UNWRAP, root);
    err_ignore(kms_run(kms, &wrap, 1, &scratch)); /* each has its own error */
    const struct kms_op *bad = wrap.rc != RC_OK ? &wrap : NULL;
    open.ciphertext = buf_str(&wrap.fresh);
    if (bad == NULL) {
        err_ignore(kms_run(kms, &open, 1, &scratch));
        bad = open.rc != RC_OK ? &open : NULL;
    }
    enum rc rc = RC_OK;
    if (bad != NULL) {
        *err = bad->err;
        rc = bad->rc;
    } else if (wrap.plain == NULL || !secret_equal(wrap.plain, open.plain)) {
        rc = err_set(err, RC_KMS_REPLY, "what was unwrapped is not what was wrapped");
    }
    kms_op_release(&wrap);
    kms_op_release(&open);
    return rc;
}

static enum rc
try_root(void *arg, const struct object *o, struct err *err)
{
    struct doctor *d = arg;
    struct root r;
    struct kms *kms = NULL;
    struct err why = ERR_INIT;
    char text[sizeof why.msg + sizeof why.why + 4];
    enum rc rc = root_load(d->ctx->store, o, &r, err);
    if (rc != RC_OK)
        return rc;
    enum rc tried = session_kms(d->ctx, &r.kms, &kms, &why);
    if (tried == RC_KMS_NO_CREDENTIAL)
        return RC_OK; /* said of its KMS */
    if (tried == RC_OK)
        tried = wrap_and_open(kms, r.id, &why);
    (void)snprintf(text, sizeof text, "%s%s%s", why.msg, why.why[0] != '\0' ? ": " : "", why.why);
    int away = kms_is_away(tried);
    doctor_tell(d, "root key", o->name, "wraps and unwraps",
                tried == RC_OK ? 1
                : away         ? -1
                               : 0,
                tried != RC_OK, tried == RC_OK ? "" : text);
    if (tried != RC_INTERRUPTED)
        return RC_OK;
    *err = why;
    return tried;
}

static enum rc
run_doctor(struct ctx *ctx, struct err *err)
{
    struct doctor d = {.ctx = ctx};
    struct buf doc = {0};
    struct jw w;
    if (out_is_json(ctx)) {
        session_answer(&doc, &w, "doctor");
        jw_arr(&w, "checks");
        d.w = &w;
    }
    enum rc rc = doctor_local(&d, err);
    if (rc == RC_OK && !ctx->offline)
        rc = object_each(ctx->store, "kms", try_kms, &d, err);
    if (rc == RC_OK && !ctx->offline)
        rc = object_each(ctx->store, "root", try_root, &d, err);
    ctx->findings += d.findings > 0;
    if (rc == RC_OK && d.w != NULL) {
        jw_end_arr(&w);
        jw_int(&w, "findings", d.findings);
        return out_object(ctx, &doc, &w, err);
    }
    buf_release(&doc);
    return rc;
}

/* clang-format off */
static const struct opt_spec doctor_options[] = {
    KMS_OPTIONS,
    OPT_END,
};

const struct cmd cmd_doctor_table[] = {
    {NULL, "doctor", "",
     "Looks at this machine and store, and tries what the credentials may do in each KMS.",
     doctor_options, 0, 0, CMD_READ, GROUP_HELP, run_doctor,
     "keymuster doctor\n"
     "keymuster doctor --offline\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
/* clang-format on */
