#include "escrow/officer.h"

#include <stdio.h>
#include <string.h>

#include "escrow/key_row.h"
#include "escrow/view.h"
#include "text/enc.h"

/* A walk over passphrases by name and generation: the name that it is at. */
struct officers {
    const struct store *store;
    const struct key *config;
    const char *made; /* "": now */
    key_fn fn;
    void *arg;
    struct key chosen; /* uuid "": no name yet */
    int linked;        /* what the newest generation with a link says */
};

static enum rc
read_link(void *arg, const char *value, const char *entry, struct err *err)
{
    struct officers *o = arg;
    struct key to;
    struct buf text;
    int known = 0;
    struct err scratch = ERR_INIT;
    (void)entry;
    buf_init(&text, LIMIT_TEXT);
    enum rc rc = field_text(&text, value, err);
    if (rc == RC_OK && uuid_is(buf_str(&text)))
        rc = err_unless_found(key_find(o->store, buf_str(&text), &to, &scratch), &scratch, &known,
                              err);
    /* In a conflict either is meant: one passphrase too many is no harm. */
    if (known)
        o->linked |= strcmp(to.name, o->config->name) == 0;
    buf_release(&text);
    return rc;
}

static enum rc
has_link(const struct store *store, const char *key, int *yes, struct err *err)
{
    struct buf v;
    buf_init(&v, LIMIT_ENTRY);
    enum rc rc = field_get(store, key, OFFICER_FIELD, &v, NULL, err);
    *yes = v.len > 0;
    buf_release(&v);
    return rc;
}

static enum rc
end_name(struct officers *o, struct err *err)
{
    enum rc rc = RC_OK;
    if (o->chosen.uuid[0] != '\0' && o->linked)
        rc = o->fn(o->arg, &o->chosen, err);
    o->chosen.uuid[0] = '\0';
    o->linked = 0;
    return rc;
}

static enum rc
take(struct officers *o, const struct key *key, struct err *err)
{
    int linked = 0;
    enum rc rc = RC_OK;
    if (o->chosen.uuid[0] != '\0' && strcmp(o->chosen.name, key->name) != 0)
        rc = end_name(o, err);
    if (rc == RC_OK && (o->chosen.uuid[0] == '\0' || o->made[0] == '\0' ||
                        strcmp(key->created_at, o->made) <= 0)) /* one width: text order */
        o->chosen = *key;
    if (rc == RC_OK)
        rc = has_link(o->store, key->uuid, &linked, err);
    if (rc != RC_OK || !linked)
        return rc;
    o->linked = 0;
    return field_each(o->store, key->uuid, OFFICER_FIELD, read_link, o, err);
}

/* When a generation was followed by the next: no configuration backup under it is younger. */
struct until {
    const struct key *config;
    char at[TIME_TEXT + 1];
};

static enum rc
look_next(void *arg, const struct key *key, struct err *err)
{
    struct until *u = arg;
    (void)err;
    if (u->at[0] == '\0' && key->generation > u->config->generation) /* they come by generation */
        memcpy(u->at, key->created_at, sizeof u->at);
    return RC_OK;
}

static enum rc
each_linked(struct officers *o, struct err *err)
{
    struct stmt *q = NULL;
    struct key key;
    enum rc rc = db_query(o->store->db, &q,
                          KEY_COLUMNS "AND purpose = '" OFFICER_PURPOSE "'"
                                      " ORDER BY name, generation, uuid",
                          err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = key_row_read(q, &key, err);
        if (rc == RC_OK)
            rc = take(o, &key, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc == RC_OK ? end_name(o, err) : rc;
}

enum rc
officer_each(const struct store *store, const struct key *config, const char *made, key_fn fn,
             void *arg, struct err *err)
{
    struct until until = {.config = config};
    struct officers o = {.store = store, .config = config, .made = made, .fn = fn, .arg = arg};
    enum rc rc = RC_OK;
    if (strcmp(config->purpose, "config-backup") != 0)
        return RC_OK;
    if (made == NULL || made[0] == '\0') {
        rc = key_each(store, config->name, look_next, &until, err);
        o.made = until.at;
    }
    return rc == RC_OK ? each_linked(&o, err) : rc;
}

struct first {
    struct key *out;
    size_t count;
};

static enum rc
take_first(void *arg, const struct key *key, struct err *err)
{
    struct first *f = arg;
    (void)err;
    if (f->count++ == 0)
        *f->out = *key;
    return RC_OK;
}

enum rc
officer_of(const struct store *store, const struct key *config, const char *made, struct key *out,
           size_t *count, struct err *err)
{
    struct first f = {out, 0};
    memset(out, 0, sizeof *out);
    enum rc rc = officer_each(store, config, made, take_first, &f, err);
    *count = f.count;
    return rc;
}
