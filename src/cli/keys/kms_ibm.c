#include "cli/keys/kms_ibm.h"

#include <stdio.h>
#include <string.h>

#include "cli/keys/kms_conf.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "kms/iam.h"
#include "sys/env.h"
#include "text/enc.h"

/* ---- the words ---- */

static enum rc
take_instance(struct ibm_words *out, const char *text, struct crn *crn, struct err *err)
{
    memset(crn, 0, sizeof *crn);
    if (text == NULL) {
        (void)err_set(err, RC_USAGE, "kms add: --instance is missing: which instance?");
        return err_hint(err, "its UUID or CRN: ibmcloud resource service-instance NAME");
    }
    if (crn_parse(crn, text) == 0) {
        memcpy(out->instance, crn->instance, sizeof out->instance);
        memcpy(out->account, crn->account, sizeof out->account);
        memcpy(out->region, crn->region, sizeof out->region);
        return RC_OK;
    }
    char lower[UUID_TEXT + 1] = "";
    for (size_t i = 0; i < UUID_TEXT && text[i] != '\0'; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
    if (strlen(text) != UUID_TEXT || !uuid_is(lower)) {
        (void)err_set(err, RC_BAD_VALUE, "--instance is neither a UUID nor a CRN of Key Protect");
        return err_hint(err, "such as crn:v1:bluemix:public:kms:eu-de:a/ACCOUNT:INSTANCE::");
    }
    memcpy(out->instance, lower, sizeof lower);
    return RC_OK;
}

/* Host and instance must not contradict each other; the KMS would only say 401. */
static enum rc
check_place(struct ctx *ctx, struct ibm_words *out, const char *host, struct err *err)
{
    struct place p;
    if (place_parse(&p, host) != 0) {
        if (place_is_kms(host))
            out_warn(ctx, "%s is not of the form that IBM's hosts have", host);
        return RC_OK;
    }
    if (p.instance[0] != '\0' && strcmp(p.instance, out->instance) != 0) {
        (void)err_set(err, RC_BAD_VALUE, "--endpoint is the host of another instance");
        return err_why(err, "the host is that of %s, --instance is %s", p.instance, out->instance);
    }
    if (out->region[0] == '\0')
        memcpy(out->region, p.region, sizeof out->region);
    else if (strcmp(out->region, p.region) != 0)
        out_warn(ctx, "the endpoint is in region %s, the instance in %s", p.region, out->region);
    if (strstr(p.offering, "Hyper") != NULL)
        out_note(ctx, "Hyper Protect Crypto Services end on 28 March 2027; move these keys before: "
                      "keymuster rehome");
    return RC_OK;
}

static enum rc
take_endpoint(struct ctx *ctx, struct ibm_words *out, const char *text, const struct crn *crn,
              struct err *err)
{
    struct url url;
    char made[URL_TEXT + 1];
    if (text == NULL && crn->instance[0] != '\0' && strcmp(crn->service, "kms") == 0) {
        place_of_crn(made, crn);
        text = made;
    }
    if (text == NULL) {
        (void)err_set(err, RC_USAGE, "kms add: --endpoint is missing: where does it answer?");
        return err_hint(err,
                        "Key Protect: https://REGION.kms.cloud.ibm.com\n"
                        "Dedicated and HPCS: as the instance's page says (extensions.endpoints)");
    }
    enum rc rc = place_url(&url, text, "--endpoint", err);
    if (rc != RC_OK)
        return rc;
    memcpy(out->endpoint, url.base, sizeof out->endpoint);
    return check_place(ctx, out, url.host, err);
}

/* --iam and --ca, where they are given. */
static enum rc
take_here(struct ctx *ctx, struct ibm_words *out, struct err *err)
{
    struct url url;
    const char *iam = opt_get(&ctx->opts, OPT_IAM);
    const char *ca = opt_get(&ctx->opts, OPT_CA);
    enum rc rc = RC_OK;
    if (iam != NULL)
        rc = iam_url(&url, iam, "--iam", err);
    if (rc == RC_OK && iam != NULL)
        memcpy(out->iam, url.base, sizeof out->iam);
    if (rc == RC_OK && ca != NULL)
        rc = path_absolute(out->ca, ca, err);
    return rc;
}

/* The option, else the variable of IBM's own tools. */
static const char *
said(const struct ctx *ctx, enum opt_id id, const char *variable)
{
    const char *value = opt_get(&ctx->opts, id);
    if (value == NULL)
        value = env_original(variable);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

enum rc
ibm_words_add(struct ctx *ctx, struct ibm_words *out, struct err *err)
{
    struct crn crn;
    const char *region = opt_get(&ctx->opts, OPT_REGION);
    const char *key = env_original("IBMCLOUD_API_KEY");
    memset(out, 0, sizeof *out);
    enum rc rc = take_instance(out, said(ctx, OPT_INSTANCE, "KP_INSTANCE_ID"), &crn, err);
    if (rc == RC_OK && region != NULL && strlen(region) > REGION_TEXT)
        rc = err_set(err, RC_BAD_VALUE, "--region is longer than %d", REGION_TEXT);
    if (rc == RC_OK && region != NULL)
        (void)snprintf(out->region, sizeof out->region, "%s", region);
    if (rc == RC_OK)
        rc = take_endpoint(ctx, out, said(ctx, OPT_ENDPOINT, "KP_TARGET_ADDR"), &crn, err);
    if (rc == RC_OK)
        rc = take_here(ctx, out, err);
    out->credential = opt_get(&ctx->opts, OPT_CREDENTIAL);
    if (out->credential == NULL && key != NULL && key[0] != '\0')
        out->credential = "env:IBMCLOUD_API_KEY";
    if (rc == RC_OK && out->credential == NULL) {
        (void)err_set(err, RC_USAGE, "kms add: --credential is missing");
        return err_hint(err,
                        "say where its API key is: --credential file:PATH, command:ARGV, prompt");
    }
    return rc;
}

enum rc
ibm_words_of(struct ctx *ctx, const char *instance, const char *endpoint, struct ibm_words *out,
             struct err *err)
{
    struct crn crn;
    memset(out, 0, sizeof *out);
    enum rc rc = take_instance(out, instance, &crn, err);
    return rc == RC_OK ? take_endpoint(ctx, out, endpoint, &crn, err) : rc;
}

/* The binding here, else the log's (not for what never comes from a log). */
static enum rc
former(const struct ctx *ctx, const struct object *kms, const char *key, int from_log, char *out,
       size_t size, struct err *err)
{
    struct buf v;
    const char *bound = kms_conf(ctx->store, kms, key);
    enum rc rc = RC_OK;
    if (out[0] != '\0')
        return RC_OK; /* said now */
    buf_init(&v, size - 1);
    if (bound == NULL && from_log)
        rc = field_get(ctx->store, kms->uuid, key, &v, NULL, err);
    if (rc == RC_OK)
        (void)snprintf(out, size, "%s", bound != NULL ? bound : buf_str(&v));
    buf_release(&v);
    return rc;
}

enum rc
ibm_words_set(struct ctx *ctx, const struct object *kms, struct ibm_words *out, struct err *err)
{
    const struct crn none = {.instance = ""};
    const char *endpoint = opt_get(&ctx->opts, OPT_ENDPOINT);
    memset(out, 0, sizeof *out);
    enum rc rc = former(ctx, kms, "instance", 1, out->instance, sizeof out->instance, err);
    if (rc == RC_OK && endpoint != NULL)
        rc = take_endpoint(ctx, out, endpoint, &none, err);
    if (rc == RC_OK)
        rc = take_here(ctx, out, err);
    if (rc == RC_OK)
        rc = former(ctx, kms, "endpoint", 1, out->endpoint, sizeof out->endpoint, err);
    if (rc == RC_OK)
        rc = former(ctx, kms, "iam", 0, out->iam, sizeof out->iam, err);
    if (rc == RC_OK)
        rc = former(ctx, kms, "ca", 0, out->ca, sizeof out->ca, err);
    out->credential = opt_get(&ctx->opts, OPT_CREDENTIAL);
    if (out->credential == NULL)
        out->credential = kms_conf(ctx->store, kms, "credential");
    return rc;
}

/* ---- trying, binding ---- */

static enum rc
seen(void *arg, const struct root_info *info, struct err *err)
{
    (void)arg;
    (void)info;
    (void)err;
    return RC_OK;
}

enum rc
ibm_words_open(struct ctx *ctx, const char *name, const struct ibm_words *w, int confirmed,
               struct kms **out, struct err *err)
{
    char what[128];
    struct secret *key = NULL;
    struct kms_config config = {.provider = "ibm",
                                .name = name,
                                .endpoint = w->endpoint,
                                .instance = w->instance,
                                .iam = w->iam,
                                .ca = w->ca,
                                .timeout_ms = ctx->timeout_ms};
    *out = NULL;
    (void)snprintf(what, sizeof what, "API key of KMS %s", name);
    enum rc rc = kms_conf_network(ctx->store, &config, err);
    if (rc == RC_OK)
        rc = kms_may_ask(&config, confirmed, err);
    if (rc == RC_OK)
        rc = ref_read(&key, w->credential, what, err);
    config.credential = key;
    if (rc == RC_OK)
        rc = kms_open(out, &config, err);
    secret_free(key);
    return rc;
}

enum rc
ibm_words_try(struct ctx *ctx, const char *name, const struct ibm_words *w, int confirmed,
              struct err *err)
{
    struct kms *kms = NULL;
    enum rc rc = ibm_words_open(ctx, name, w, confirmed, &kms, err);
    if (rc == RC_OK && !ctx->offline)
        rc = kms_root_each(kms, seen, NULL, err);
    kms_close(kms);
    if (kms_is_away(rc))
        (void)err_hint(err, "to bind it without trying it now: --offline");
    return rc;
}

enum rc
ibm_words_bind(struct ctx *ctx, const char *name, const struct ibm_words *w, int endpoint,
               struct err *err)
{
    enum rc rc = RC_OK;
    if (endpoint)
        rc = store_conf_set(ctx->store, "kms", name, "endpoint", w->endpoint, err);
    if (rc == RC_OK && w->iam[0] != '\0')
        rc = store_conf_set(ctx->store, "kms", name, "iam", w->iam, err);
    if (rc == RC_OK && w->ca[0] != '\0')
        rc = store_conf_set(ctx->store, "kms", name, "ca", w->ca, err);
    return rc;
}
