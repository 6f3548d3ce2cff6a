#include "vbr/description.h"

#include <stdio.h>
#include <string.h>

#include "text/time.h"

static const char bar[] = " | ";

long
description_cut(const char *text, size_t len)
{
    long cut = -1;
    for (size_t i = 0; i + sizeof bar - 1 <= len; i++) {
        if (memcmp(text + i, bar, sizeof bar - 1) == 0)
            cut = (long)i;
    }
    return cut;
}

/* The key that has this wrap; of several the one of that name, else the newest. */
static enum rc
by_wrap(const struct store *store, const char *moniker, const char *wdek, struct key *out,
        int *found, struct err *err)
{
    unsigned char id[HASH_SIZE];
    struct stmt *q = NULL;
    char uuid[UUID_TEXT + 1] = "";
    size_t len = strcspn(wdek, " \t\r\n");
    sha256(id, wdek, len);
    enum rc rc = db_query(store->db, &q,
                          "SELECT k.uuid FROM wrap w JOIN key k ON k.uuid = w.key WHERE w.id = ?"
                          " ORDER BY k.name = ? OR k.name || '@' || k.generation = ? DESC,"
                          " k.created_at DESC, k.uuid LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_blob(q, 1, id, sizeof id);
    stmt_text(q, 2, moniker);
    stmt_text(q, 3, moniker);
    rc = stmt_row(q, err);
    *found = rc == RC_OK && stmt_more(q);
    if (*found)
        (void)snprintf(uuid, sizeof uuid, "%s", col_text(q, 0));
    stmt_done(q);
    return *found ? key_find(store, uuid, out, err) : rc;
}

static enum rc
by_name(const struct store *store, const char *moniker, const char *at, struct key *out,
        enum description_how *how, struct err *err)
{
    struct err scratch = ERR_INIT;
    int64_t ms = 0;
    int plain = key_ref_is_name(moniker);
    int known = 0;
    enum rc rc = key_is_known(store, moniker, &known, err); /* or every key is read for a hint */
    if (rc != RC_OK || !known)
        return rc;
    rc = plain && time_parse(&ms, at) == 0 ? key_find_at(store, moniker, ms, out, &scratch)
                                           : key_find(store, moniker, out, &scratch);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc != RC_OK)
        *err = scratch;
    else
        *how = plain ? DESCRIPTION_TIME : DESCRIPTION_NAME;
    return rc;
}

enum rc
description_key(const struct store *store, const char *text, const char *at, struct key *out,
                enum description_how *how, struct err *err)
{
    char moniker[4 * LIMIT_KEY_NAME + 32];
    size_t len = strlen(text);
    long cut = description_cut(text, len);
    size_t named = cut < 0 ? len : (size_t)cut;
    int found = 0;
    enum rc rc = RC_OK;
    *how = DESCRIPTION_NONE;
    if (named >= sizeof moniker)
        return RC_OK;
    memcpy(moniker, text, named);
    moniker[named] = '\0';
    if (cut >= 0)
        rc = by_wrap(store, moniker, text + cut + sizeof bar - 1, out, &found, err);
    if (rc != RC_OK || found) {
        *how = found ? DESCRIPTION_WRAP : DESCRIPTION_NONE;
        return rc;
    }
    return by_name(store, moniker, at, out, how, err);
}
