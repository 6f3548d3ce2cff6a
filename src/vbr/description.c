#include "vbr/description.h"

#include <stdio.h>
#include <stdlib.h>
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

size_t
description_generation(const char *moniker, size_t len, int64_t *generation)
{
    size_t digits = 0;
    *generation = 0;
    while (digits < len && moniker[len - 1 - digits] >= '0' && moniker[len - 1 - digits] <= '9')
        digits++;
    size_t name = len - digits;
    if (digits == 0 || digits > 9 || digits + 2 > len || moniker[name - 1] != '@' ||
        moniker[name] == '0')
        return len;
    for (size_t i = name; i < len; i++)
        *generation = *generation * 10 + (moniker[i] - '0');
    return name - 1;
}

/* ---- by the wrap ---- */

struct owner {
    unsigned char id[HASH_SIZE];
    char key[UUID_TEXT + 1]; /* the newest that has it */
};
struct description_wraps {
    struct owner *owners; /* by id */
    size_t count, size;
};

static int
by_id(const void *id, const void *owner)
{
    return memcmp(id, ((const struct owner *)owner)->id, HASH_SIZE);
}

static enum rc
add_owner(struct description_wraps *wraps, struct stmt *q, struct err *err)
{
    size_t len = 0;
    const void *id = col_blob(q, 0, &len);
    if (len != HASH_SIZE)
        return err_set(err, RC_STORE_CORRUPT, "the id of a wrap is no hash");
    if (wraps->count > 0 && by_id(id, &wraps->owners[wraps->count - 1]) == 0)
        return RC_OK; /* an older key's */
    if (wraps->count == wraps->size) {
        size_t size = wraps->size == 0 ? 1024 : wraps->size * 2;
        struct owner *more = realloc(wraps->owners, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        wraps->owners = more;
        wraps->size = size;
    }
    struct owner *o = &wraps->owners[wraps->count++];
    memcpy(o->id, id, HASH_SIZE);
    (void)snprintf(o->key, sizeof o->key, "%s", col_text(q, 1));
    return RC_OK;
}

enum rc
description_wraps_new(struct description_wraps **out, const struct store *store, struct err *err)
{
    struct stmt *q = NULL;
    struct description_wraps *wraps = calloc(1, sizeof *wraps);
    *out = NULL;
    if (wraps == NULL)
        return err_nomem(err);
    enum rc rc = db_query(store->db, &q,
                          "SELECT w.id, k.uuid FROM wrap w JOIN key k ON k.uuid = w.key"
                          " ORDER BY w.id, k.created_at DESC, k.uuid",
                          err);
    if (rc == RC_OK) {
        while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
            rc = add_owner(wraps, q, err);
            if (rc != RC_OK)
                break;
        }
        stmt_done(q);
    }
    if (rc != RC_OK) {
        description_wraps_free(wraps);
        return rc;
    }
    *out = wraps;
    return RC_OK;
}

void
description_wraps_free(struct description_wraps *wraps)
{
    if (wraps != NULL)
        free(wraps->owners);
    free(wraps);
}

/* A key of this name (generation 0: any) that has the wrap: no look at any other key. */
static enum rc
named(const struct store *store, const char *name, size_t len, int64_t generation,
      const unsigned char id[HASH_SIZE], char uuid[UUID_TEXT + 1], struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT k.uuid FROM key k CROSS JOIN wrap w WHERE k.name = ?1"
                          " AND (?2 = 0 OR k.generation = ?2) AND w.key = k.uuid AND w.id = ?3"
                          " ORDER BY k.created_at DESC, k.uuid LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_textn(q, 1, name, len);
    stmt_int(q, 2, generation);
    stmt_blob(q, 3, id, HASH_SIZE);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        (void)snprintf(uuid, UUID_TEXT + 1, "%s", col_text(q, 0));
    stmt_done(q);
    return rc;
}

static enum rc
newest(const struct store *store, const unsigned char id[HASH_SIZE], char uuid[UUID_TEXT + 1],
       struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT k.uuid FROM wrap w JOIN key k ON k.uuid = w.key WHERE w.id = ?"
                          " ORDER BY k.created_at DESC, k.uuid LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_blob(q, 1, id, HASH_SIZE);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        (void)snprintf(uuid, UUID_TEXT + 1, "%s", col_text(q, 0));
    stmt_done(q);
    return rc;
}

enum rc
description_wrap(const struct store *store, const struct description_wraps *wraps,
                 const char *moniker, size_t len, const char *wdek, struct key *out, int *found,
                 struct err *err)
{
    unsigned char id[HASH_SIZE];
    char uuid[UUID_TEXT + 1] = "";
    int64_t generation = 0;
    enum rc rc = RC_OK;
    *found = 0;
    sha256(id, wdek, strcspn(wdek, " \t\r\n"));
    const struct owner *o =
        wraps != NULL && wraps->count > 0
            ? bsearch(id, wraps->owners, wraps->count, sizeof *wraps->owners, by_id)
            : NULL;
    if (wraps != NULL && o == NULL)
        return RC_OK;
    size_t name = description_generation(moniker, len, &generation);
    rc = named(store, moniker, len, 0, id, uuid, err);
    if (rc == RC_OK && uuid[0] == '\0' && generation > 0)
        rc = named(store, moniker, name, generation, id, uuid, err);
    if (rc == RC_OK && uuid[0] == '\0' && o != NULL)
        memcpy(uuid, o->key, sizeof uuid);
    else if (rc == RC_OK && uuid[0] == '\0')
        rc = newest(store, id, uuid, err);
    *found = rc == RC_OK && uuid[0] != '\0';
    return *found ? key_find(store, uuid, out, err) : rc;
}

/* ---- by the name ---- */

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
    return description_key_of(store, NULL, text, at, out, how, err);
}

enum rc
description_key_of(const struct store *store, const struct description_wraps *wraps,
                   const char *text, const char *at, struct key *out, enum description_how *how,
                   struct err *err)
{
    char moniker[4 * LIMIT_KEY_NAME + 32];
    size_t len = strlen(text);
    long cut = description_cut(text, len);
    size_t named_len = cut < 0 ? len : (size_t)cut;
    int found = 0;
    enum rc rc = RC_OK;
    *how = DESCRIPTION_NONE;
    if (named_len >= sizeof moniker)
        return RC_OK;
    memcpy(moniker, text, named_len);
    moniker[named_len] = '\0';
    if (cut >= 0)
        rc = description_wrap(store, wraps, moniker, named_len, text + cut + sizeof bar - 1, out,
                              &found, err);
    if (rc != RC_OK || found) {
        *how = found ? DESCRIPTION_WRAP : DESCRIPTION_NONE;
        return rc;
    }
    return by_name(store, moniker, at, out, how, err);
}
