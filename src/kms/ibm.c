/* Wrap, unwrap, rewrap in waves; opening; where a credential may go. */
#include "kms/ibm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms/provider.h"
#include "text/enc.h"
#include "text/jw.h"

enum { WAVE = 1024, PLAIN_BASE64 = 4096, REPLY_MOST = 64 * 1024 };

static const struct {
    const char *tail;
    const char *doing;
} verbs[] = {
    [KMS_WRAP] = {"/actions/wrap", "wrapping under"},
    [KMS_UNWRAP] = {"/actions/unwrap", "unwrapping under"},
    [KMS_REWRAP] = {"/actions/rewrap", "rewrapping under"},
};

/* ---- requests ---- */

static enum rc
check_op(const struct kms_op *op, struct err *err)
{
    if (op->aad_count > LIMIT_AAD_COUNT)
        return err_set(err, RC_BAD_VALUE, "%zu AAD strings; a KMS takes %d at most", op->aad_count,
                       LIMIT_AAD_COUNT);
    for (size_t i = 0; i < op->aad_count; i++) {
        if (strlen(op->aad[i]) > LIMIT_AAD_TEXT)
            return err_set(err, RC_BAD_VALUE, "AAD string %zu is longer than %d", i + 1,
                           LIMIT_AAD_TEXT);
    }
    if (op->verb != KMS_WRAP && (op->ciphertext == NULL || op->ciphertext[0] == '\0'))
        return err_set(err, RC_BAD_VALUE, "no wrap given");
    if (op->verb == KMS_WRAP && op->payload != NULL &&
        (op->payload->len == 0 || op->payload->len > LIMIT_SECRET))
        return err_set(err, RC_BAD_VALUE, "a payload of %zu bytes; a KMS takes 1 to %d",
                       op->payload->len, LIMIT_SECRET);
    return RC_OK;
}

/* A payload of 3072 bytes makes 4096 characters, exactly a slot. */
static enum rc
add_payload(struct jw *w, const struct secret *payload, struct err *err)
{
    struct secret *text = NULL;
    enum rc rc = secret_new(&text, err);
    if (rc == RC_OK)
        rc = base64_encode_secret(text, payload, err);
    if (rc == RC_OK)
        jw_strn(w, "plaintext", (const char *)text->bytes, text->len);
    secret_free(text);
    return rc;
}

static enum rc
write_op(struct buf *out, const struct kms_op *op, struct err *err)
{
    struct jw w;
    enum rc rc = RC_OK;
    if (op->payload != NULL &&
        buf_room(out, PLAIN_BASE64 + 64) == NULL) /* so that it never moves */
        return err_nomem(err);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    if (op->verb != KMS_WRAP)
        jw_str(&w, "ciphertext", op->ciphertext);
    else if (op->payload != NULL)
        rc = add_payload(&w, op->payload, err);
    if (op->aad_count > 0) {
        jw_arr(&w, "aad");
        for (size_t i = 0; i < op->aad_count; i++)
            jw_str(&w, NULL, op->aad[i]);
        jw_end_arr(&w);
    }
    jw_end_obj(&w);
    return rc == RC_OK ? buf_check(out, "a request", err) : rc;
}

static enum rc
prepare(struct ibm_call *c, const struct ibm *ibm, struct kms_op *op)
{
    char id[ALIAS_TEXT + 1], path[192];
    enum rc rc = check_op(op, &op->err);
    if (rc == RC_OK)
        rc = ibm_root_ref(id, ibm, op->root, &op->err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(path, sizeof path, "/keys/%s%s", id, verbs[op->verb].tail);
    ibm_call_init(c, ibm, "POST", id, path);
    c->http.most = REPLY_MOST;
    memcpy(op->request, c->request, sizeof c->request);
    return write_op(&c->body, op, &op->err);
}

/* ---- answers ---- */

/* Metadata of root keys, asked once a batch. */
struct seen {
    char root[ALIAS_TEXT + 1];
    enum rc rc;
    struct root_info info;
};
struct looked {
    struct seen list[16];
    size_t count;
};

static const struct seen *
look(struct looked *l, struct ibm *ibm, const char *root)
{
    struct err scratch = ERR_INIT;
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->list[i].root, root) == 0)
            return &l->list[i];
    }
    if (l->count == sizeof l->list / sizeof l->list[0])
        l->count = 0;
    struct seen *s = &l->list[l->count++];
    memset(s, 0, sizeof *s);
    (void)snprintf(s->root, sizeof s->root, "%s", root);
    s->rc = ibm_metadata(ibm, root, &s->info, &scratch);
    if (s->rc == RC_KMS_NO_ROOT && !ibm_answers(ibm))
        s->rc = RC_KMS_UNREACHABLE; /* then nothing is known */
    return s;
}

/* What the KMS itself says of the root key makes the error exact. */
static void
refine(struct looked *l, struct ibm *ibm, struct kms_op *op, const struct ibm_error *e)
{
    char request[sizeof op->err.request];
    if (e->class != 'S' && e->class != 'X' && e->class != '?')
        return;
    memcpy(request, op->err.request, sizeof request);
    const struct seen *s = look(l, ibm, op->root);
    if (s->rc == RC_OK && e->class != '?')
        (void)ibm_error_state(&op->err, &s->info, op->verb);
    else if (e->class == '?' && s->rc == RC_KMS_NO_ROOT)
        (void)err_hint(&op->err, "the instance answers otherwise: the root key was purged, or the "
                                 "instance or key ring is another than the one meant");
    else if (e->class == '?')
        (void)err_hint(&op->err, "whether the instance itself is the right one could not be "
                                 "checked; it may not be gone");
    else if (e->class == 'X')
        (void)err_hint(&op->err, "until when it can be restored could not be asked: keymuster "
                                 "root check");
    memcpy(op->err.request, request, sizeof request);
    op->rc = op->err.code;
}

static void
name_op(struct kms_op *op)
{
    (void)err_wrap(&op->err, "%s root key %.90s", verbs[op->verb].doing, op->root);
}

/* The KMS may leave out which version it used; a wrap without it could not be told stale. */
static void
complete_version(struct looked *l, struct ibm *ibm, struct kms_op *op)
{
    if (op->verb == KMS_UNWRAP || op->fresh_version[0] != '\0')
        return;
    const struct seen *s = look(l, ibm, op->root);
    if (s->rc != RC_OK)
        return;
    memcpy(op->fresh_version, s->info.version, sizeof op->fresh_version);
    if (op->verb == KMS_WRAP)
        memcpy(op->version, s->info.version, sizeof op->version);
}

static void
judge(struct looked *l, struct ibm *ibm, const struct ibm_call *c, struct kms_op *op)
{
    const struct http_request *r = &c->http;
    struct ibm_error e;
    char doing[ALIAS_TEXT + 40];
    (void)snprintf(doing, sizeof doing, "%s root key %.90s", verbs[op->verb].doing, op->root);
    op->rc = r->rc;
    op->ms = r->ms;
    if (r->rc != RC_OK) {
        op->err = r->err;
        name_op(op);
    } else if (r->status == 200) {
        op->rc = ibm_reply_op(op, buf_str(&r->text), r->text.len, &op->err);
        if (op->rc == RC_OK)
            complete_version(l, ibm, op);
        else
            name_op(op);
    } else {
        ibm_error_judge(&e, r->status, buf_str(&r->text), r->text.len);
        op->rc = ibm_error_set(&op->err, &e, doing);
        ibm_explain(ibm, &e, &op->err);
        if (r->wait_ms > 0)
            (void)err_hint(&op->err, "it asks to wait %lld s",
                           (long long)(r->wait_ms + 999) / 1000);
    }
    if (op->rc == RC_OK) {
        kms_op_taken(op);
        return;
    }
    if (op->err.request[0] == '\0')
        memcpy(op->err.request, c->request, sizeof c->request);
    if (r->rc == RC_OK && r->status != 200)
        refine(l, ibm, op, &e);
}

/* ---- a batch ---- */

static enum rc
run_wave(struct ibm *ibm, struct looked *l, struct kms_op *ops, size_t count, struct err *err)
{
    size_t asked = 0;
    struct ibm_call *calls = calloc(count, sizeof *calls);
    struct ibm_call **list = calloc(count, sizeof(void *));
    enum rc rc = calls != NULL && list != NULL ? RC_OK : err_nomem(err);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        ops[i].rc = prepare(&calls[i], ibm, &ops[i]);
        if (ops[i].rc == RC_OK)
            list[asked++] = &calls[i];
        else
            name_op(&ops[i]);
    }
    if (rc == RC_OK && asked > 0)
        rc = ibm_ask(ibm, list, asked, err);
    int tried = rc == RC_OK || rc == RC_INTERRUPTED; /* what came before the signal counts */
    for (size_t i = 0; calls != NULL && i < count; i++) {
        if (tried && ops[i].rc == RC_OK && calls[i].http.url != NULL)
            judge(l, ibm, &calls[i], &ops[i]);
        ibm_call_release(&calls[i]);
    }
    free(calls);
    free(list);
    return tried ? RC_OK : rc;
}

static enum rc
ibm_run(void *self, struct kms_op *ops, size_t count, struct err *err)
{
    struct ibm *ibm = self;
    struct looked *looked = calloc(1, sizeof *looked);
    enum rc rc = looked != NULL ? RC_OK : err_nomem(err);
    for (size_t done = 0; rc == RC_OK && done < count; done += WAVE) {
        size_t n = count - done < WAVE ? count - done : WAVE;
        rc = run_wave(ibm, looked, ops + done, n, err);
        if (rc == RC_OK || done == 0)
            continue;
        for (size_t i = done; i < count; i++) { /* the waves before were tried */
            ops[i].rc = rc;
            ops[i].err = *err;
        }
        rc = RC_OK;
        break;
    }
    free(looked);
    return rc;
}

/* ---- opening ---- */

static enum rc
unknown_host(const char *what, const char *host, struct err *err)
{
    (void)err_set(err, RC_ENDPOINT_UNKNOWN, "no credential is sent to %s", host);
    (void)err_why(err, "the %s is not one of IBM's, and nobody here has confirmed it", what);
    return err_hint(err, "if it is right: keymuster kms set NAME --%s https://%s",
                    strcmp(what, "endpoint") == 0 ? "endpoint" : "iam", host);
}

static enum rc
ibm_may_ask(const struct kms_config *config, int confirmed, struct err *err)
{
    struct url url;
    if (config->endpoint == NULL || config->endpoint[0] == '\0') {
        (void)err_set(err, RC_CONFIG, "no endpoint is known for it");
        return err_hint(err, "keymuster kms set %s --endpoint URL", config->name);
    }
    enum rc rc = place_url(&url, config->endpoint, "the endpoint", err);
    if (rc == RC_OK && !confirmed && !place_is_kms(url.host))
        rc = unknown_host("endpoint", url.host, err);
    if (rc == RC_OK && config->iam != NULL && config->iam[0] != '\0')
        rc = iam_url(&url, config->iam, "the IAM address", err);
    return rc;
}

/* A CRN where an instance's id is wanted is understood. */
static enum rc
take_instance(char out[UUID_TEXT + 1], const char *text, struct err *err)
{
    struct crn crn;
    if (text != NULL && crn_parse(&crn, text) == 0)
        text = crn.instance;
    if (text == NULL || !uuid_is(text))
        return err_set(err, RC_CONFIG, "its instance is neither a UUID nor a CRN: %.80s",
                       text != NULL ? text : "(none)");
    (void)snprintf(out, UUID_TEXT + 1, "%s", text);
    return RC_OK;
}

/* ---- showing ---- */

/* In single quotes, for a shell. */
static void
quote(struct buf *out, const char *text)
{
    buf_addc(out, '\'');
    for (; *text != '\0'; text++)
        buf_adds(out, *text == '\'' ? "'\\''" : (char[]){*text, '\0'});
    buf_addc(out, '\'');
}

static void
show_call(struct buf *out, const struct ibm_call *c, const char *ca)
{
    buf_adds(out, "curl -sS");
    if (ca[0] != '\0') {
        buf_adds(out, " --cacert ");
        quote(out, ca);
    }
    buf_addf(out, " -X %s ", c->http.method);
    quote(out, c->url);
    buf_adds(out, " -H 'Authorization: Bearer TOKEN'");
    for (size_t i = 0; i < c->http.header_count; i++) {
        buf_adds(out, " -H ");
        quote(out, c->http.headers[i]);
    }
    if (c->body.len > 0) {
        buf_adds(out, " --data-binary ");
        quote(out, buf_str(&c->body));
    }
    buf_addc(out, '\n');
}

static void
show_token(struct buf *out, const struct url *iam, const char *ca)
{
    buf_adds(out, "curl -sS");
    if (ca[0] != '\0') {
        buf_adds(out, " --cacert ");
        quote(out, ca);
    }
    buf_addf(out,
             " '%s/identity/token' --data-urlencode "
             "'grant_type=urn:ibm:params:oauth:grant-type:apikey' --data-urlencode "
             "'apikey@APIKEY-FILE' | jq -r .access_token\n",
             iam->base);
}

static enum rc
ibm_show(struct buf *out, const struct kms_config *config, const char *root, const char *ring,
         struct kms_op *op, struct err *err)
{
    struct ibm_ring one = {.root = ""};
    struct ibm ibm = {.rings = &one, .ring_count = 1};
    struct url iam;
    char id[ALIAS_TEXT + 1], path[192];
    const char *ca = config->ca != NULL ? config->ca : "";
    int named = config->iam != NULL && config->iam[0] != '\0';
    struct ibm_call *c = calloc(1, sizeof *c);
    enum rc rc =
        c != NULL ? place_url(&ibm.url, config->endpoint, "the endpoint", err) : err_nomem(err);
    if (rc == RC_OK)
        rc = take_instance(ibm.instance, config->instance, err);
    if (rc == RC_OK)
        rc = iam_url(&iam, named ? config->iam : place_iam(ibm.url.host), "the IAM address", err);
    if (rc == RC_OK)
        rc = ibm_root_ref(id, &ibm, root, err);
    if (rc == RC_OK && ring[0] != '\0') {
        (void)snprintf(one.root, sizeof one.root, "%s", id);
        (void)snprintf(one.ring, sizeof one.ring, "%s", ring);
    }
    if (rc == RC_OK && op != NULL) {
        rc = prepare(c, &ibm, op);
        if (rc != RC_OK)
            *err = op->err;
    } else if (rc == RC_OK) {
        (void)snprintf(path, sizeof path, "/keys/%s/metadata", id);
        ibm_call_init(c, &ibm, "GET", id, path);
    }
    if (rc == RC_OK) {
        show_token(out, &iam, ca);
        show_call(out, c, ca);
        rc = buf_check(out, "the requests", err);
    }
    if (c != NULL)
        ibm_call_release(c);
    free(c);
    return rc;
}

static void
ibm_close(void *self)
{
    struct ibm *ibm = self;
    if (ibm == NULL)
        return;
    iam_release(&ibm->iam);
    http_free(ibm->http);
    free(ibm->rings);
    free(ibm);
}

static enum rc
open_parts(struct ibm *ibm, const struct kms_config *config, struct err *err)
{
    const struct http_config http = {.ca = config->ca != NULL && config->ca[0] != '\0' ? config->ca
                                                                                       : NULL,
                                     .proxy = config->proxy,
                                     .timeout_ms = config->timeout_ms,
                                     .connections = config->connections};
    int named = config->iam != NULL && config->iam[0] != '\0';
    enum rc rc = place_url(&ibm->url, config->endpoint, "the endpoint", err);
    if (rc == RC_OK)
        rc = take_instance(ibm->instance, config->instance, err);
    if (rc == RC_OK)
        rc = iam_url(&ibm->iam.url, named ? config->iam : place_iam(ibm->url.host),
                     "the IAM address", err);
    ibm->iam.ahead = ibm->url.base;
    if (rc == RC_OK)
        rc = http_new(&ibm->http, &http, err);
    return rc == RC_OK ? iam_init(&ibm->iam, ibm->http, config->credential, err) : rc;
}

static enum rc
ibm_open(void **self, const struct kms_config *config, struct err *err)
{
    *self = NULL;
    if (config->credential == NULL) {
        (void)err_set(err, RC_KMS_NO_CREDENTIAL, "no API key");
        return err_hint(err, "keymuster kms set %s --credential REF", config->name);
    }
    struct ibm *ibm = calloc(1, sizeof *ibm);
    if (ibm == NULL)
        return err_nomem(err);
    enum rc rc = open_parts(ibm, config, err);
    if (rc != RC_OK) {
        ibm_close(ibm);
        return rc;
    }
    *self = ibm; /* transferred */
    return RC_OK;
}

static enum rc
ibm_ring(void *self, const char *root, const char *ring, struct err *err)
{
    struct ibm *ibm = self;
    char id[ALIAS_TEXT + 1];
    size_t len = strlen(ring);
    enum rc rc = ibm_root_ref(id, ibm, root, err);
    if (rc != RC_OK)
        return rc;
    if (len == 0 || len > RING_TEXT ||
        strspn(ring, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != len)
        return err_set(err, RC_BAD_VALUE, "a key ring's id is of a-z A-Z 0-9 - _");
    struct ibm_ring *more = realloc(ibm->rings, (ibm->ring_count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    ibm->rings = more;
    struct ibm_ring *r = &more[ibm->ring_count++];
    (void)snprintf(r->root, sizeof r->root, "%s", id);
    (void)snprintf(r->ring, sizeof r->ring, "%s", ring);
    return RC_OK;
}

const struct kms_provider ibm_provider = {
    .name = "ibm",
    .may_ask = ibm_may_ask,
    .show = ibm_show,
    .ring = ibm_ring,
    .open = ibm_open,
    .close = ibm_close,
    .run = ibm_run,
    .may = ibm_may,
    .root_info = ibm_root_info,
    .root_each = ibm_root_each,
    .root_create = ibm_root_create,
    .root_change = ibm_root_change,
};
