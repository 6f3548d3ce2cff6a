#include "cli/recover/run_bind.h"

#include <stdio.h>
#include <string.h>

#include "cli/out.h"
#include "cli/recover/run_child.h"
#include "escrow/view.h"

/* Length of NAME in NAME=VALUE; 0 without one. */
static size_t
name_len(const char *text)
{
    size_t n = strcspn(text, "=:/");
    return text[n] == '=' ? n : 0;
}

struct only {
    char name[LIMIT_NAME + 1];
    size_t count;
};

static enum rc
count_kms(void *arg, const struct object *o, struct err *err)
{
    struct only *only = arg;
    (void)err;
    only->count++;
    (void)snprintf(only->name, sizeof only->name, "%s", o->name);
    return RC_OK;
}

static enum rc
kms_of(const struct ctx *ctx, const char *text, char name[LIMIT_NAME + 1], struct err *err)
{
    struct only only = {.count = 0};
    size_t n = name_len(text);
    if (n > LIMIT_NAME)
        return err_set(err, RC_USAGE, "--credential: the name of a KMS has at most %d characters",
                       LIMIT_NAME);
    if (n > 0) {
        (void)snprintf(name, LIMIT_NAME + 1, "%.*s", (int)n, text);
        return RC_OK;
    }
    enum rc rc = object_each(ctx->store, "kms", count_kms, &only, err);
    if (rc == RC_OK && only.count != 1)
        return err_set(err, RC_USAGE, "--credential: there are %zu KMSs; say which: NAME=REF",
                       only.count);
    (void)snprintf(name, LIMIT_NAME + 1, "%s", only.name);
    return rc;
}

/* What another option says of this KMS. */
static void
add_option(struct buf *words, const struct ctx *ctx, enum opt_id id, const char *option,
           const char *kms)
{
    const char *text;
    for (size_t i = 0; (text = opt_at(&ctx->opts, id, i)) != NULL; i++) {
        size_t n = name_len(text);
        if (n > 0 && (strlen(kms) != n || strncmp(kms, text, n) != 0))
            continue;
        buf_addf(words, " %s ", option);
        run_child_word(words, n > 0 ? text + n + 1 : text);
    }
}

static enum rc
bind_one(const struct ctx *ctx, const char *text, struct err *err)
{
    char kms[LIMIT_NAME + 1];
    struct buf words;
    int status = 0;
    enum rc rc = kms_of(ctx, text, kms, err);
    /* copy=REF, proxy=REF: the copy has it already */
    if (rc != RC_OK || strcmp(kms, "copy") == 0 || strcmp(kms, "proxy") == 0)
        return rc;
    size_t n = name_len(text);
    buf_init(&words, 16384);
    buf_adds(&words, "kms set ");
    run_child_word(&words, kms);
    buf_adds(&words, " --credential ");
    run_child_word(&words, n > 0 ? text + n + 1 : text);
    add_option(&words, ctx, OPT_KMS_FILE, "--file", kms);
    add_option(&words, ctx, OPT_ENDPOINT, "--endpoint", kms);
    add_option(&words, ctx, OPT_IAM, "--iam", kms);
    add_option(&words, ctx, OPT_CA, "--ca", kms);
    rc = buf_check(&words, "a command", err);
    if (rc == RC_OK)
        rc = run_child(&status, ctx->store, buf_str(&words), 1, err);
    buf_release(&words);
    if (rc == RC_OK && status != 0)
        rc = err_set(err, RC_CREDENTIAL, "the credential of %s could not be kept for the run", kms);
    return rc;
}

enum rc
run_bind(struct ctx *ctx, struct err *err)
{
    const char *text;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && (text = opt_at(&ctx->opts, OPT_CREDENTIAL, i)) != NULL; i++)
        rc = bind_one(ctx, text, err);
    return rc;
}
