#include "cli/reveal/show_request.h"

#include <string.h>

#include "cli/out.h"
#include "cli/session.h"
#include "recover/unwrap.h"

struct showing {
    struct ctx *ctx;
    enum kms_verb verb;
    const char *root; /* UUID, or a name for roots; NULL: any */
    struct buf doc;
    struct jw w;
};

static enum rc
show(struct showing *s, const struct root *root, struct kms_op *op, struct err *err)
{
    struct buf text;
    buf_init(&text, (size_t)1024 * 1024);
    enum rc rc = session_show(s->ctx, root, op, &text, err);
    if (rc == RC_OK && out_is_json(s->ctx)) {
        char *call = strchr(text.data, '\n'); /* the first line gets the token */
        jw_obj(&s->w, NULL);
        jw_str(&s->w, "root", root->object.name);
        jw_strn(&s->w, "token", text.data, (size_t)(call - text.data));
        jw_strn(&s->w, "call", call + 1, strlen(call + 1) - 1);
        jw_end_obj(&s->w);
    } else if (rc == RC_OK) {
        out_printf(s->ctx, "# under root key %s; the first line prints the TOKEN of the second\n%s",
                   root->object.name, buf_str(&text));
    }
    buf_release(&text);
    return rc;
}

static enum rc
show_wrap(void *arg, const struct wrap *wrap, struct err *err)
{
    struct showing *s = arg;
    struct object object;
    struct root root;
    struct unwrap_aad aad = {.doc = NULL};
    struct kms_op op;
    if (wrap->retired || (s->root != NULL && strcmp(s->root, wrap->root) != 0))
        return RC_OK;
    enum rc rc = object_find(s->ctx->store, "root", wrap->root, &object, err);
    if (rc == RC_OK)
        rc = root_load(s->ctx->store, &object, &root, err);
    if (rc == RC_OK)
        rc = unwrap_aad_read(&aad, wrap->aad, err);
    if (rc == RC_OK) {
        kms_op_init(&op, s->verb, root.id);
        op.aad = aad.list;
        op.aad_count = aad.count;
        op.ciphertext = wrap->ciphertext;
        rc = show(s, &root, &op, err);
        kms_op_release(&op);
    }
    unwrap_aad_release(&aad);
    return rc;
}

static enum rc
show_root(void *arg, const struct object *o, struct err *err)
{
    struct showing *s = arg;
    struct root root;
    if (s->root != NULL && strcmp(s->root, o->name) != 0 && strcmp(s->root, o->uuid) != 0)
        return RC_OK;
    enum rc rc = root_load(s->ctx->store, o, &root, err);
    return rc == RC_OK ? show(s, &root, NULL, err) : rc;
}

static void
begin(struct showing *s)
{
    session_answer(&s->doc, &s->w, "show-request");
    jw_arr(&s->w, "requests");
}

static enum rc
end(struct showing *s, enum rc rc, struct err *err)
{
    jw_end_arr(&s->w);
    if (rc == RC_OK && out_is_json(s->ctx))
        return out_object(s->ctx, &s->doc, &s->w, err);
    buf_release(&s->doc);
    return rc;
}

enum rc
show_request_keys(struct ctx *ctx, const struct key *keys, size_t count, enum kms_verb verb,
                  const char *root, struct err *err)
{
    struct showing s = {.ctx = ctx, .verb = verb, .root = root};
    enum rc rc = RC_OK;
    begin(&s);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = wrap_each(ctx->store, keys[i].uuid, show_wrap, &s, err);
    return end(&s, rc, err);
}

enum rc
show_request_roots(struct ctx *ctx, const char *name, struct err *err)
{
    struct showing s = {.ctx = ctx, .root = name};
    begin(&s);
    return end(&s, object_each(ctx->store, "root", show_root, &s, err), err);
}
