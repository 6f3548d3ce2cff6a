/* One request, or many at once: headers, token, and once more with a new token. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypt/hash.h"
#include "kms/ibm.h"

enum { BODY_MOST = 256 * 1024, REPLY_MOST = 4 * 1024 * 1024 };

static const char *
ring_of(const struct ibm *ibm, const char *root)
{
    for (size_t i = 0; root != NULL && i < ibm->ring_count; i++) {
        if (strcmp(ibm->rings[i].root, root) == 0)
            return ibm->rings[i].ring;
    }
    return NULL;
}

void
ibm_call_init(struct ibm_call *c, const struct ibm *ibm, const char *method, const char *root,
              const char *path)
{
    const char *ring = ring_of(ibm, root);
    size_t n = 0;
    memset(c, 0, sizeof *c);
    buf_init(&c->body, BODY_MOST);
    random_uuid(c->request);
    (void)snprintf(c->url, sizeof c->url, "%s/api/v2%s", ibm->url.base, path);
    (void)snprintf(c->instance, sizeof c->instance, "Bluemix-Instance: %s", ibm->instance);
    (void)snprintf(c->correlation, sizeof c->correlation, "Correlation-Id: %s", c->request);
    http_request_init(&c->http, method, c->url);
    c->headers[n++] = c->instance;
    c->headers[n++] = c->correlation;
    if (strcmp(method, "POST") == 0)
        c->headers[n++] = "Content-Type: application/json";
    if (ring != NULL) {
        (void)snprintf(c->ring, sizeof c->ring, "X-Kms-Key-Ring: %s", ring);
        c->headers[n++] = c->ring;
    }
    c->http.what = "KMS";
    c->http.headers = c->headers;
    c->http.header_count = n;
    c->http.most = REPLY_MOST;
    c->http.repeatable = 1;
    c->http.permanent = ibm_error_permanent;
    c->http.codes = (struct http_codes){
        .unreachable = RC_KMS_UNREACHABLE, .untrusted = RC_KMS_CERTIFICATE, .reply = RC_KMS_REPLY};
}

void
ibm_call_release(struct ibm_call *c)
{
    if (c->body.data != NULL)
        secret_wipe(c->body.data, c->body.cap);
    buf_release(&c->body);
    http_request_release(&c->http);
}

/* ---- asking ---- */

static void
fail_all(struct ibm_call *const *calls, size_t count, const struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        calls[i]->http.rc = err->code;
        calls[i]->http.err = *err;
    }
}

static enum rc
send(struct ibm *ibm, struct ibm_call *const *calls, struct http_request **list, size_t count,
     struct err *err)
{
    enum rc rc = iam_token(&ibm->iam, err);
    if (rc != RC_OK) {
        fail_all(calls, count, err);
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        struct http_request *r = list[i] = &calls[i]->http;
        r->bearer[0] = &ibm->iam.token[0];
        r->bearer[1] = ibm->iam.token[1].len > 0 ? &ibm->iam.token[1] : NULL;
        if (calls[i]->body.len > 0) {
            r->body = calls[i]->body.data;
            r->body_len = calls[i]->body.len;
        }
    }
    rc = http_run(ibm->http, list, count, err);
    for (size_t i = 0; i < count; i++) /* the token's slots may change */
        list[i]->bearer[0] = list[i]->bearer[1] = NULL;
    return rc;
}

static int
wants_new_token(const struct ibm_call *c)
{
    struct ibm_error e;
    if (c->http.rc != RC_OK || (c->http.status != 400 && c->http.status != 401))
        return 0;
    ibm_error_judge(&e, c->http.status, buf_str(&c->http.text), c->http.text.len);
    return e.class == 'A';
}

enum rc
ibm_ask(struct ibm *ibm, struct ibm_call *const *calls, size_t count, struct err *err)
{
    struct err later = ERR_INIT;
    size_t again = 0;
    struct http_request **list = calloc(count + 1, sizeof(void *));
    struct ibm_call **refused = calloc(count + 1, sizeof(void *));
    enum rc rc = list != NULL && refused != NULL ? RC_OK : err_nomem(err);
    if (rc != RC_OK)
        fail_all(calls, count, err);
    else
        rc = send(ibm, calls, list, count, err);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        if (wants_new_token(calls[i]))
            refused[again++] = calls[i];
    }
    if (again > 0) {
        iam_forget(&ibm->iam);
        err_ignore(send(ibm, refused, list, again, &later)); /* each has its own error */
    }
    free(list);
    free(refused);
    return rc;
}

void
ibm_explain(const struct ibm *ibm, const struct ibm_error *e, struct err *err)
{
    if (e->class == 'A')
        (void)err_hint(err,
                       "asked was %s for instance %s; compare: keymuster kms show NAME\n"
                       "the API key needs the role Reader on that instance",
                       ibm->url.base, ibm->instance);
    else if (e->class == 'R')
        (void)err_hint(err, "run the same command again later; this says nothing about root keys");
}

enum rc
ibm_ask_one(struct ibm *ibm, struct ibm_call *c, const char *doing, struct ibm_error *verdict,
            struct err *err)
{
    struct ibm_error own = {0};
    struct ibm_error *e = verdict != NULL ? verdict : &own;
    *e = own;
    enum rc rc = buf_check(&c->body, "a request", err);
    if (rc == RC_OK)
        rc = ibm_ask(ibm, &c, 1, err);
    if (rc == RC_OK && c->http.rc != RC_OK) {
        *err = c->http.err;
        rc = c->http.rc;
    }
    if (rc == RC_OK && (c->http.status < 200 || c->http.status > 299)) {
        ibm_error_judge(e, c->http.status, buf_str(&c->http.text), c->http.text.len);
        rc = ibm_error_set(err, e, doing);
        ibm_explain(ibm, e, err);
    } else if (rc != RC_OK) {
        (void)err_wrap(err, "%s", doing);
    }
    if (rc != RC_OK && err->request[0] == '\0')
        memcpy(err->request, c->request, sizeof c->request);
    return rc;
}
