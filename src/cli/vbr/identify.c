#include "cli/vbr/identify.h"

#include <stdio.h>
#include <string.h>

#include "cli/keys/kms_conf.h"
#include "escrow/drilled.h"
#include "text/enc.h"
#include "text/uni.h"

enum { ROOTS_MOST = 32 };

/* ---- descriptions ---- */

const char *
identify_wdek(const char *hint, size_t *len)
{
    long cut = description_cut(hint, strlen(hint));
    if (cut < 0)
        return NULL;
    const char *wdek = hint + cut + 3;
    *len = strcspn(wdek, " \t\r\n");
    return *len > 0 ? wdek : NULL;
}

void
identify_handle(char out[UUID_TEXT + 1], const char *wdek, size_t len)
{
    struct buf raw;
    struct json *doc = NULL;
    struct err scratch = ERR_INIT; /* another layout names none */
    buf_init(&raw, LIMIT_CIPHERTEXT);
    out[0] = '\0';
    if (base64_decode(&raw, wdek, len) == 0 && raw.len > 0 &&
        json_parse(&doc, buf_str(&raw), raw.len, "the wrap", &scratch) == RC_OK) {
        const char *handle = json_gets(doc, "handle");
        if (handle != NULL && uuid_is(handle))
            (void)snprintf(out, UUID_TEXT + 1, "%s", handle);
    }
    json_free(doc);
    buf_release(&raw);
}

/* ---- from here ---- */

/* Of each root key with a live wrap the newest drill at this site that came to a result. */
struct looking {
    const struct store *store;
    char roots[ROOTS_MOST][UUID_TEXT + 1];
    int judged[ROOTS_MOST];
    size_t count;
    int bound;
    struct identify *out;
};

static enum rc
one_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct looking *l = arg;
    struct object object;
    struct root root;
    struct err scratch = ERR_INIT;
    if (w->retired || l->count == ROOTS_MOST)
        return RC_OK;
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->roots[i], w->root) == 0)
            return RC_OK;
    }
    memcpy(l->roots[l->count++], w->root, UUID_TEXT + 1);
    enum rc rc = object_find(l->store, "root", w->root, &object, &scratch);
    if (rc == RC_NOT_FOUND) /* a fact can wait for its object */
        return RC_OK;
    if (rc == RC_OK)
        rc = root_load(l->store, &object, &root, &scratch);
    if (rc != RC_OK)
        *err = scratch;
    else if (root.kms.uuid[0] != '\0' && kms_conf(l->store, &root.kms, "credential") != NULL)
        l->bound = 1;
    return rc;
}

static enum rc
one_drill(void *arg, const struct drilled *d, struct err *err)
{
    struct looking *l = arg;
    (void)err;
    if (d->outcome == DRILL_INCONCLUSIVE || strcmp(d->site, l->store->site) != 0)
        return RC_OK;
    for (size_t i = 0; i < l->count; i++) {
        if (l->judged[i] || strcmp(l->roots[i], d->root) != 0)
            continue;
        l->judged[i] = 1;
        int proven = d->outcome == DRILL_PROVEN;
        if (l->out->here == HERE_DRILLED || (!proven && l->out->here == HERE_FAILED))
            return RC_OK; /* newest first */
        l->out->here = proven ? HERE_DRILLED : HERE_FAILED;
        memcpy(l->out->drilled, d->at, sizeof l->out->drilled);
        (void)snprintf(l->out->code, sizeof l->out->code, "%s", proven ? "" : d->code);
    }
    return RC_OK;
}

static enum rc
look_here(const struct store *store, struct identify *out, struct err *err)
{
    struct looking l = {.store = store, .out = out};
    enum rc rc = wrap_each(store, out->key.uuid, one_wrap, &l, err);
    if (rc == RC_OK && store->site[0] != '\0')
        rc = drilled_each(store, out->key.uuid, one_drill, &l, err);
    if (rc == RC_OK && out->here == HERE_NO && l.bound)
        out->here = HERE_UNSURE;
    return rc;
}

/* ---- finding ---- */

static enum rc
find(const struct ctx *ctx, const struct bco *bco, struct identify *out, struct err *err)
{
    size_t len = 0;
    if (ctx->store == NULL || !out->encrypted)
        return RC_OK;
    enum rc rc = description_key(ctx->store, bco->hint, bco->created, &out->key, &out->how, err);
    if (rc == RC_AMBIGUOUS) {
        out->ambiguous = 1;
        out->failed = *err;
        err_clear(err);
        return RC_OK;
    }
    out->other = out->how != DESCRIPTION_WRAP && identify_wdek(bco->hint, &len) != NULL;
    return rc == RC_OK && out->how != DESCRIPTION_NONE ? look_here(ctx->store, out, err) : rc;
}

enum rc
identify_file(const struct ctx *ctx, const char *path, struct bco *bco, struct identify *out,
              struct err *err)
{
    memset(out, 0, sizeof *out);
    (void)snprintf(out->source, sizeof out->source, "%s", path);
    out->is_file = 1;
    return identify_head(ctx, bco, bco_read(bco, path, &out->failed), out, err);
}

enum rc
identify_head(const struct ctx *ctx, const struct bco *bco, enum rc rc, struct identify *out,
              struct err *err)
{
    if (rc == RC_NO_MEMORY || rc == RC_INTERRUPTED) {
        *err = out->failed;
        return rc;
    }
    if (rc != RC_OK)
        return RC_OK;
    memcpy(out->made, bco->created, sizeof out->made);
    memcpy(out->version, bco->version, sizeof out->version);
    out->size = bco->size;
    out->encrypted = bco->encrypted;
    out->officer = bco->security_officer;
    out->guessed = bco->guessed;
    return find(ctx, bco, out, err);
}

enum rc
identify_text(const struct ctx *ctx, const char *text, struct bco *bco, struct identify *out,
              struct err *err)
{
    static const char blanks[] = " \t\r\n";
    memset(out, 0, sizeof *out);
    memset(bco, 0, sizeof *bco);
    (void)snprintf(out->source, sizeof out->source, "description");
    text += strspn(text, blanks);
    size_t len = strlen(text);
    while (len > 0 && strchr(blanks, text[len - 1]) != NULL)
        len--;
    if (len == 0 || len > BCO_HINT)
        return err_set(err, RC_BAD_VALUE, "the description is %s", len == 0 ? "empty" : "too long");
    memcpy(bco->hint, text, len);
    out->encrypted = 1;
    return find(ctx, bco, out, err);
}

/* ---- words ---- */

const char *
identify_how(const struct identify *found)
{
    if (found->how == DESCRIPTION_WRAP)
        return "wrap";
    if (found->how == DESCRIPTION_NAME)
        return "name";
    return found->made[0] != '\0' ? "name and time" : "name alone";
}

void
identify_here(char out[96], const struct identify *found)
{
    switch (found->here) {
    case HERE_DRILLED:
        (void)snprintf(out, 96, "yes, drilled %.10s", found->drilled);
        break;
    case HERE_FAILED:
        (void)snprintf(out, 96, "no, the drill of %.10s failed%s%s", found->drilled,
                       found->code[0] != '\0' ? ": " : "", found->code);
        break;
    case HERE_UNSURE:
        (void)snprintf(out, 96, "not drilled here");
        break;
    case HERE_NO:
        (void)snprintf(out, 96, "no, no KMS of it is bound here");
        break;
    }
}

/* With its generation, though it is the newest: a backup needs that one, whatever comes. */
static void
add_ref(struct buf *out, const struct store *store, const struct key *key)
{
    char ref[KEY_NAME_BYTES + 24];
    struct key same;
    struct err scratch = ERR_INIT;
    (void)snprintf(ref, sizeof ref, "%s@%lld", key->name, (long long)key->generation);
    int only = key_find(store, ref, &same, &scratch) == RC_OK && strcmp(same.uuid, key->uuid) == 0;
    /* A name that begins like an option would be taken for one. */
    escape_shell(out, only && ref[0] != '-' ? ref : key->uuid);
}

void
identify_command(struct buf *out, const struct ctx *ctx, const struct key *key)
{
    const char *from = opt_get(&ctx->opts, OPT_FROM);
    const char *dir = opt_get(&ctx->opts, OPT_STORE);
    buf_adds(out, "keymuster ");
    if (dir != NULL && from == NULL) {
        buf_adds(out, "-C ");
        escape_shell(out, dir);
        buf_adds(out, " ");
    }
    buf_adds(out, "reveal ");
    add_ref(out, ctx->store, key);
    if (from != NULL) {
        buf_adds(out, " --from ");
        escape_shell(out, from);
    }
    buf_adds(out, " --reason 'configuration restore'");
}
