#include "cli/keys/bulk.h"

#include <stdio.h>

#include "cli/out.h"
#include "cli/session.h"

static int
streams(const struct bulk *b)
{
    return b->ctx->format == OUT_NDJSON;
}

void
bulk_begin(struct bulk *b, struct ctx *ctx, const char *name)
{
    bulk_begin_list(b, ctx, name, "keys");
}

void
bulk_begin_list(struct bulk *b, struct ctx *ctx, const char *name, const char *list)
{
    *b = (struct bulk){.ctx = ctx, .name = name};
    if (streams(b))
        return;
    session_answer(&b->doc, &b->w, name);
    jw_arr(&b->w, list);
}

void
bulk_release(struct bulk *b)
{
    buf_release(&b->doc);
}

void
bulk_key(struct bulk *b, const struct key *key)
{
    char name[CMD_NAME];
    (void)snprintf(name, sizeof name, "%s.key", b->name);
    if (streams(b))
        session_answer(&b->doc, &b->w, name);
    else
        jw_obj(&b->w, NULL);
    jw_str(&b->w, "name", key->name);
    jw_int(&b->w, "generation", key->generation);
    jw_str(&b->w, "uuid", key->uuid);
}

void
bulk_root(struct bulk *b, const char *member, const char *root, const char *version)
{
    jw_obj(&b->w, member);
    jw_str(&b->w, "root", root);
    jw_opt(&b->w, "version", version);
    jw_end_obj(&b->w);
}

enum rc
bulk_key_end(struct bulk *b, struct err *err)
{
    jw_end_obj(&b->w);
    if (!streams(b))
        return RC_OK;
    enum rc rc = out_json(b->ctx, &b->doc, err);
    buf_release(&b->doc);
    return rc;
}

void
bulk_totals(struct bulk *b)
{
    if (!streams(b)) {
        jw_end_arr(&b->w);
        return;
    }
    jw_init(&b->w, &b->ctx->summary);
    jw_obj(&b->w, NULL);
}

enum rc
bulk_end(struct bulk *b, struct err *err)
{
    jw_end_obj(&b->w);
    return streams(b) ? RC_OK : out_json(b->ctx, &b->doc, err);
}
