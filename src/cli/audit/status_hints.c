#include <stdio.h>
#include <string.h>

#include "cli/audit/status.h"
#include "cli/vbr/vbr_hints.h"

static enum rc
warn_server(struct status *s, const struct vbr_hints *h, size_t first, struct err *err)
{
    const struct vbr_known *k = &h->list[first];
    struct key key;
    char server[LIMIT_NAME + 1], more[48] = "";
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++)
        count += strcmp(h->list[i].server, k->server) == 0;
    enum rc rc = object_name(s->ctx->store, k->server, server, err);
    if (rc == RC_OK)
        rc = key_find(s->ctx->store, k->key, &key, err);
    if (rc != RC_OK)
        return rc;
    if (count > 1)
        (void)snprintf(more, sizeof more, " and of %zu more", count - 1);
    status_warn(s,
                "hint behind: at backup server %s the hint of %s@%lld%s has an older wrap: "
                "keymuster upkeep",
                server, key.name, (long long)key.generation, more);
    return RC_OK;
}

enum rc
status_hints(struct status *s, struct err *err)
{
    struct vbr_hints h = {.ctx = s->ctx};
    enum rc rc = vbr_hints_add(&h, NULL, err);
    s->hints_behind = (int64_t)h.count;
    for (size_t i = 0; rc == RC_OK && i < h.count; i++) {
        size_t first = 0;
        while (strcmp(h.list[first].server, h.list[i].server) != 0)
            first++;
        if (first == i) /* each server once */
            rc = warn_server(s, &h, i, err);
    }
    vbr_hints_release(&h);
    return rc;
}
