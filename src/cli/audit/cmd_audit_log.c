/* audit log: what was recorded, line by line; was it stored. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/author.h"
#include "escrow/history.h"
#include "escrow/log.h"
#include "escrow/trust.h"
#include "text/enc.h"
#include "text/time.h"

/* What the options ask for; "" and NULL: anything. */
struct wanted {
    char author[AUTHOR_TEXT + 1];
    char since[TIME_TEXT + 1], until[TIME_TEXT + 1];
    char key[UUID_TEXT + 1];
    const char *kind;
    unsigned char hash[HASH_SIZE];
    int by_hash;
};

/* What does not count is marked, and named so that it can be adopted; the line stays as it is. */
static enum rc
dump_line(struct ctx *ctx, const char *author, int64_t seq, const char *line, size_t len,
          struct err *err)
{
    char hash[HASH_TEXT + 1];
    int quarantined = 0;
    sha256_hex(hash, line, len);
    enum rc rc = entry_quarantined(ctx->store, author, seq, &quarantined, err);
    if (rc != RC_OK)
        return rc;
    if (out_is_json(ctx)) {
        struct buf doc;
        struct jw w;
        session_answer(&doc, &w, "entry");
        jw_str(&w, "hash", hash);
        jw_bool(&w, "quarantined", quarantined);
        jw_raw(&w, "entry", line, len);
        return out_object(ctx, &doc, &w, err);
    }
    struct buf copy;
    buf_init(&copy, LIMIT_ENTRY);
    buf_add(&copy, line, len);
    if (quarantined)
        out_printf(ctx, "# quarantined %s\n", hash);
    out_text(ctx, buf_str(&copy));
    out_printf(ctx, "\n");
    buf_release(&copy);
    return ctx->out.len < 65536 ? RC_OK : out_flush(ctx, err);
}

/* ---- which entries ---- */

/* Times are what the authors say, all of one width: text order is their order. */
#define FILTER                                                                                     \
    " AND (?2 IS NULL OR json_extract(line, '$.kind') = ?2"                                        \
    " OR substr(json_extract(line, '$.kind'), 1, length(?2) + 1) = ?2 || '.')"                     \
    " AND (?3 IS NULL OR json_extract(line, '$.at') >= ?3)"                                        \
    " AND (?4 IS NULL OR json_extract(line, '$.at') <= ?4)"
#define ORDER " ORDER BY author, seq"

static const char *
or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static enum rc
query(const struct ctx *ctx, const struct wanted *w, struct stmt **q, struct err *err)
{
    struct db *db = ctx->store->db;
    enum rc rc;
    if (w->by_hash)
        rc = db_query(db, q, "SELECT author, seq, line FROM entry WHERE hash = ?5" FILTER, err);
    else if (w->key[0] != '\0')
        rc = db_query(db, q,
                      "SELECT author, seq, line FROM entry WHERE hash IN (" HISTORY_OF_KEY(
                          "?6") ") AND (?1 IS NULL OR author = ?1)" FILTER ORDER,
                      err);
    else if (w->author[0] != '\0')
        rc = db_query(db, q, "SELECT author, seq, line FROM entry WHERE author = ?1" FILTER ORDER,
                      err);
    else
        rc = db_query(db, q, "SELECT author, seq, line FROM entry WHERE 1" FILTER ORDER, err);
    if (rc != RC_OK)
        return rc;
    if (!w->by_hash && (w->author[0] != '\0' || w->key[0] != '\0'))
        stmt_text(*q, 1, or_null(w->author));
    stmt_text(*q, 2, w->kind);
    stmt_text(*q, 3, or_null(w->since));
    stmt_text(*q, 4, or_null(w->until));
    if (w->by_hash)
        stmt_blob(*q, 5, w->hash, sizeof w->hash);
    else if (w->key[0] != '\0')
        stmt_text(*q, 6, w->key);
    return RC_OK;
}

static enum rc
read_time(const struct ctx *ctx, enum opt_id id, const char *what, int end, char out[TIME_TEXT + 1],
          struct err *err)
{
    int64_t ms = 0;
    const char *text = opt_get(&ctx->opts, id);
    if (text == NULL)
        return RC_OK;
    enum rc rc = end ? date_parse_end(&ms, text, what, err) : date_parse(&ms, text, what, err);
    if (rc == RC_OK)
        time_format(out, ms);
    return rc;
}

static enum rc
read_wanted(const struct ctx *ctx, struct wanted *w, struct err *err)
{
    struct log_author a;
    struct key k;
    const char *hash = opt_get(&ctx->opts, OPT_ENTRY);
    const char *author = opt_get(&ctx->opts, OPT_AUTHOR);
    const char *key = opt_get(&ctx->opts, OPT_KEY);
    w->kind = opt_get(&ctx->opts, OPT_KIND);
    w->by_hash = hash != NULL;
    if (hash != NULL && (author != NULL || key != NULL || w->kind != NULL ||
                         opt_has(&ctx->opts, OPT_SINCE) || opt_has(&ctx->opts, OPT_UNTIL)))
        return err_set(err, RC_USAGE, "--entry names one entry; nothing else goes with it");
    if (hash != NULL && hex_decode(w->hash, HASH_SIZE, hash) != 0)
        return err_set(err, RC_BAD_VALUE, "--entry: an entry's hash is %d lower-case hex digits",
                       HASH_TEXT);
    enum rc rc = author != NULL ? author_find(ctx->store, author, &a, err) : RC_OK;
    if (rc == RC_OK && author != NULL)
        memcpy(w->author, a.author, sizeof a.author);
    if (rc == RC_OK && key != NULL)
        rc = key_find(ctx->store, key, &k, err);
    if (rc == RC_OK && key != NULL)
        memcpy(w->key, k.uuid, sizeof k.uuid);
    if (rc == RC_OK)
        rc = read_time(ctx, OPT_SINCE, "--since", 0, w->since, err);
    return rc == RC_OK ? read_time(ctx, OPT_UNTIL, "--until", 1, w->until, err) : rc;
}

static enum rc
run_audit_log(struct ctx *ctx, struct err *err)
{
    struct wanted w = {.kind = NULL};
    struct stmt *q = NULL;
    size_t found = 0;
    if (!opt_has(&ctx->opts, OPT_ENTRY) && ctx->format == OUT_JSON)
        return err_set(err, RC_USAGE, "-o json is one document; for the whole log: -o ndjson");
    enum rc rc = read_wanted(ctx, &w, err);
    if (rc == RC_OK)
        rc = query(ctx, &w, &q, err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        char author[AUTHOR_TEXT + 1];
        size_t len = 0;
        const char *line = col_blob(q, 2, &len);
        (void)snprintf(author, sizeof author, "%s", col_text(q, 0));
        rc = dump_line(ctx, author, col_int(q, 1), line, len, err);
        found++;
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    if (rc == RC_OK && w.by_hash && found == 0)
        return err_set(err, RC_NOT_FOUND, "no entry %s: it was not stored",
                       opt_get(&ctx->opts, OPT_ENTRY));
    if (rc == RC_OK && found == 0)
        out_note(ctx, "no entry is like that");
    return rc;
}

static const struct opt_spec audit_log_options[] = {
    {OPT_ENTRY, "entry", 0, "HASH", 0, "only this entry; 13 when it is not there"},
    {OPT_AUTHOR, "author", 0, "ID", 0, "only entries of this author, or whose id begins so"},
    {OPT_KEY, "key", 0, "KEY", 0, "only what is known of this key comes from"},
    {OPT_KIND, "kind", 0, "KIND", 0, "only entries of this kind, such as reveal or key.created"},
    {OPT_SINCE, "since", 0, "DATE", 0, "only entries that say this time or a later one"},
    {OPT_UNTIL, "until", 0, "DATE", 0, "only entries that say this time or an earlier one"},
    OPT_END,
};

const struct cmd cmd_audit_log_table[] = {
    {"audit", "log", "[--entry HASH] [FILTER]...", "Prints log entries as they are stored.",
     audit_log_options, 0, 0, CMD_READ | CMD_AS_IS, GROUP_PROOF, run_audit_log,
     "keymuster audit log --kind reveal --since 2026-11-01\n"
     "keymuster audit log --key vbr/config -o ndjson\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
