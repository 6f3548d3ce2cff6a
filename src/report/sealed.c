#include "report/sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/trust.h"
#include "escrow/view.h"
#include "text/csv.h"
#include "text/enc.h"

enum {
    ENOUGH = 65536, /* gathered before it is written */
    OUT_MOST = 16 * 1024 * 1024,
    SEAL_MOST = 1024 * 1024,
    PAGE_MODE = 0644
};

#define COMMENT_BEGIN "<!-- keymuster report\n"
#define COMMENT_END "-->\n"

const char *const sealed_formats[] = {
    [SEALED_HTML] = "html", [SEALED_CSV] = "csv", [SEALED_JSON] = "json", NULL};

/* ---- how far the logs have got ---- */

static enum rc
hash_at(const struct store *store, struct chain_point *p, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT lower(hex(hash)) FROM entry WHERE author = ?1 AND seq = ?2", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, p->author);
    stmt_int(q, 2, p->entries);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        (void)snprintf(p->last, sizeof p->last, "%s", col_text(q, 0));
    stmt_done(q);
    return rc;
}

struct gathering {
    struct chain *chain;
    const struct store *store;
};

static enum rc
take_author(void *arg, const struct log_author *a, struct err *err)
{
    struct gathering *g = arg;
    struct chain *c = g->chain;
    struct trust t;
    enum rc rc = trust_of(g->store, a->author, &t, err);
    int64_t upto = a->entries < t.upto ? a->entries : t.upto;
    if (rc != RC_OK || upto <= 0)
        return rc;
    struct chain_point *more = realloc(c->points, (c->count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    c->points = more;
    struct chain_point *p = &more[c->count++];
    memset(p, 0, sizeof *p);
    memcpy(p->author, a->author, sizeof p->author);
    memcpy(p->name, a->name, sizeof p->name);
    p->entries = upto;
    c->entries += upto;
    if (a->site[0] != '\0')
        rc = object_name(g->store, a->site, p->site, err);
    return rc == RC_OK ? hash_at(g->store, p, err) : rc;
}

enum rc
chain_of(struct chain *out, const struct store *store, struct err *err)
{
    struct gathering g = {out, store};
    memset(out, 0, sizeof *out);
    enum rc rc = log_authors(store, take_author, &g, err);
    if (rc != RC_OK)
        chain_release(out);
    return rc;
}

void
chain_release(struct chain *c)
{
    free(c->points);
    memset(c, 0, sizeof *c);
}

int64_t
chain_entries(const struct chain *c, const char *author)
{
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->points[i].author, author) == 0)
            return c->points[i].entries;
    }
    return 0;
}

/* ---- writing ---- */

enum rc
sealed_begin(struct sealed *s, const char *path, enum file_new_how how, int dry, struct err *err)
{
    memset(s, 0, sizeof *s);
    s->dry = dry;
    buf_init(&s->out, OUT_MOST);
    sha256_begin(&s->sha);
    sign_begin(&s->sign);
    return dry ? RC_OK : file_new_begin(&s->file, path, PAGE_MODE, how, err);
}

static enum rc
pour(struct sealed *s, int signed_part, struct err *err)
{
    enum rc rc = buf_check(&s->out, "a part of the report", err);
    if (rc == RC_OK && !s->dry)
        rc = file_new_add(&s->file, buf_str(&s->out), s->out.len, err);
    sha256_more(&s->sha, buf_str(&s->out), s->out.len);
    if (signed_part)
        sign_more(&s->sign, buf_str(&s->out), s->out.len);
    s->bytes += (int64_t)s->out.len;
    buf_clear(&s->out);
    return rc;
}

enum rc
sealed_flow(struct sealed *s, struct err *err)
{
    return s->out.len < ENOUGH ? RC_OK : pour(s, 1, err);
}

/* Only hex digits, base64 and times: nothing that could end a comment. */
static enum rc
seal_line(struct buf *out, const struct seal_of *of, struct err *err)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "type", "report");
    jw_int(&w, "keymuster", 1);
    jw_str(&w, "format", sealed_formats[of->format]);
    jw_str(&w, "escrow", of->signer->escrow);
    jw_str(&w, "author", of->signer->self.author);
    jw_str(&w, "public_key", of->signer->self.text);
    jw_str(&w, "founder", of->signer->founder.text);
    jw_str(&w, "as_of", of->as_of);
    jw_arr(&w, "authors");
    for (size_t i = 0; i < of->chain->count; i++) {
        const struct chain_point *p = &of->chain->points[i];
        jw_arr(&w, NULL);
        jw_str(&w, NULL, p->author);
        jw_int(&w, NULL, p->entries);
        jw_str(&w, NULL, p->last);
        jw_end_arr(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    return buf_check(out, "the seal of a report", err);
}

static enum rc
put_seal(struct sealed *s, const struct seal_of *of, struct err *err)
{
    struct buf line;
    buf_init(&line, SEAL_MOST);
    enum rc rc = seal_line(&line, of, err);
    if (of->format == SEALED_HTML)
        buf_adds(&s->out, COMMENT_BEGIN);
    if (of->format == SEALED_CSV)
        csv_cell(&s->out, 1, buf_str(&line));
    else
        buf_add(&s->out, buf_str(&line), line.len);
    buf_addc(&s->out, '\n');
    buf_release(&line);
    return rc == RC_OK ? pour(s, 1, err) : rc;
}

static enum rc
put_signature(struct sealed *s, const struct seal_of *of, struct err *err)
{
    unsigned char hash[SIGN_HASH];
    struct secret *key = NULL;
    enum rc rc = put_seal(s, of, err);
    sign_hash(&s->sign, hash);
    if (rc == RC_OK)
        rc = store_sign_key(of->signer, &key, err);
    if (rc == RC_OK)
        rc = sign_hashed(&s->out, key, SEALED_TRUSTED, hash, err);
    secret_free(key);
    if (of->format == SEALED_HTML)
        buf_adds(&s->out, COMMENT_END);
    return rc;
}

enum rc
sealed_end(struct sealed *s, const struct seal_of *of, struct err *err)
{
    unsigned char hash[HASH_SIZE];
    enum rc rc = of != NULL ? put_signature(s, of, err) : RC_OK;
    if (rc == RC_OK)
        rc = pour(s, 0, err);
    sha256_end(&s->sha, hash);
    hex_encode(s->sha256, hash, HASH_SIZE);
    return rc == RC_OK && !s->dry ? file_new_end(&s->file, err) : rc;
}

void
sealed_release(struct sealed *s)
{
    file_new_drop(&s->file);
    buf_release(&s->out);
}

/* ---- reading ---- */

/* Two walks over the file: for its size and last lines, then for the hashes. */
struct reading {
    struct buf tail; /* the last bytes, SEAL_MOST of them at most */
    int64_t bytes, signed_bytes;
    struct sha256_state sha;
    struct sign_state sign;
};

static enum rc
take_tail(void *arg, const char *bytes, size_t len, struct err *err)
{
    struct reading *r = arg;
    r->bytes += (int64_t)len;
    if (r->tail.len + len > (size_t)2 * SEAL_MOST) { /* the older half goes */
        size_t keep = r->tail.len < SEAL_MOST ? r->tail.len : SEAL_MOST;
        memmove(r->tail.data, r->tail.data + r->tail.len - keep, keep);
        r->tail.len = keep;
        r->tail.data[keep] = '\0';
    }
    buf_add(&r->tail, bytes, len);
    return buf_check(&r->tail, "the end of a report", err);
}

static enum rc
take_hashes(void *arg, const char *bytes, size_t len, struct err *err)
{
    struct reading *r = arg;
    (void)err;
    size_t part = (int64_t)len < r->signed_bytes ? len : (size_t)r->signed_bytes;
    sha256_more(&r->sha, bytes, len);
    sign_more(&r->sign, bytes, part);
    r->signed_bytes -= (int64_t)part;
    return RC_OK;
}

/* Where the last `lines` lines of text[0..len) begin; NULL: it has not so many whole ones. */
static const char *
last_lines(const char *text, size_t len, int lines)
{
    if (len == 0 || text[len - 1] != '\n')
        return NULL;
    size_t at = len - 1;
    while (at > 0) {
        if (text[at - 1] == '\n' && --lines == 0)
            return text + at;
        at--;
    }
    return lines == 1 ? text : NULL;
}

static enum rc
no_report(const char *path, const char *why, struct err *err)
{
    (void)err_set(err, RC_MALFORMED, "%.300s is no report that keymuster wrote, or was altered",
                  path);
    (void)err_why(err, "%s", why);
    return err_hint(err, "take the file as it was written: mail and editors may change line ends");
}

static enum rc
take_points(struct chain *c, const struct json *list)
{
    size_t count = json_count(list);
    if (json_type(list) != JSON_ARRAY || count == 0)
        return RC_MALFORMED;
    c->points = calloc(count, sizeof *c->points);
    if (c->points == NULL)
        return RC_NO_MEMORY;
    for (const struct json *i = json_first(list); i != NULL; i = json_next(i)) {
        struct chain_point *p = &c->points[c->count];
        const struct json *author = json_first(i);
        const struct json *entries = author != NULL ? json_next(author) : NULL;
        const struct json *last = entries != NULL ? json_next(entries) : NULL;
        const char *id = json_str(author), *hash = json_str(last);
        if (id == NULL || strlen(id) != AUTHOR_TEXT || hash == NULL || strlen(hash) != HASH_TEXT ||
            json_int(entries, &p->entries) != 0)
            return RC_MALFORMED;
        memcpy(p->author, id, AUTHOR_TEXT + 1);
        memcpy(p->last, hash, HASH_TEXT + 1);
        c->count++;
    }
    return RC_OK;
}

static const char NO_MEMORY[] = "";

/* NULL, what is wrong with it, or NO_MEMORY. */
static const char *
take_seal(struct seal *s, const struct json *doc)
{
    const char *type = json_gets(doc, "type"), *format = json_gets(doc, "format");
    const char *key = json_gets(doc, "public_key"), *founder = json_gets(doc, "founder");
    const char *author = json_gets(doc, "author"), *escrow = json_gets(doc, "escrow");
    const char *as_of = json_gets(doc, "as_of");
    size_t i = 0;
    if (type == NULL || strcmp(type, "report") != 0)
        return "its seal is none of a report";
    while (sealed_formats[i] != NULL && (format == NULL || strcmp(format, sealed_formats[i]) != 0))
        i++;
    if (sealed_formats[i] == NULL)
        return "its seal names no format that is known";
    s->format = (enum sealed_format)i;
    if (key == NULL || sign_public_parse(&s->signer, key) != 0 || author == NULL ||
        strcmp(author, s->signer.author) != 0)
        return "the key in its seal is none of that author";
    if (founder == NULL || sign_public_parse(&s->founder, founder) != 0 || escrow == NULL)
        return "the founder's key in its seal is none";
    escrow_id(s->escrow, &s->founder);
    if (strcmp(escrow, s->escrow) != 0)
        return "its escrow is not that of the founder it names";
    if (as_of == NULL || strlen(as_of) != TIME_TEXT)
        return "its seal has no time";
    memcpy(s->as_of, as_of, TIME_TEXT + 1);
    enum rc rc = take_points(&s->chain, json_get(doc, "authors"));
    if (rc == RC_NO_MEMORY)
        return NO_MEMORY;
    return rc == RC_OK ? NULL : "its chain position is none";
}

/* A CSV cell back into its text, in place. */
static size_t
unquote(char *text, size_t len)
{
    size_t to = 0;
    for (size_t i = 1; i + 1 < len; i++) {
        text[to++] = text[i];
        if (text[i] == '"' && text[i + 1] == '"')
            i++;
    }
    return to;
}

struct parts {
    const char *seal, *sig;
    size_t seal_len, sig_len;
};

static const char *
find_parts(struct parts *p, struct reading *r)
{
    const char *text = buf_str(&r->tail);
    size_t len = r->tail.len;
    static const char end[] = COMMENT_END;
    size_t comment = sizeof end - 1;
    if (len > comment && memcmp(text + len - comment, end, comment) == 0)
        len -= comment;
    p->sig = last_lines(text, len, 4);
    p->seal = last_lines(text, len, 5);
    if (p->sig == NULL || p->seal == NULL)
        return "it does not end with a seal and a signature";
    p->sig_len = (size_t)(text + len - p->sig);
    p->seal_len = (size_t)(p->sig - p->seal) - 1;
    r->signed_bytes = r->bytes - (int64_t)r->tail.len + (p->sig - text);
    return NULL;
}

static enum rc
parse_seal(struct seal *out, const struct parts *p, const char *path, struct err *err)
{
    struct buf line;
    struct json *doc = NULL;
    struct err inner = ERR_INIT;
    buf_init(&line, SEAL_MOST);
    buf_add(&line, p->seal, p->seal_len);
    enum rc rc = buf_check(&line, "the seal of a report", err);
    if (rc == RC_OK && line.len > 2 && line.data[0] == '"')
        line.len = unquote(line.data, line.len);
    if (rc == RC_OK && json_parse(&doc, buf_str(&line), line.len, "its seal", &inner) != RC_OK)
        rc = inner.code == RC_NO_MEMORY ? err_nomem(err)
                                        : no_report(path, "its seal is no JSON", err);
    const char *fault = rc == RC_OK ? take_seal(out, doc) : NULL;
    if (fault != NULL)
        rc = fault == NO_MEMORY ? err_nomem(err) : no_report(path, fault, err);
    json_free(doc);
    buf_release(&line);
    return rc;
}

/* What stands behind the signature in a page is only the end of the comment. */
static enum rc
check_end(const struct seal *s, const struct reading *r, const struct parts *p, const char *path,
          struct err *err)
{
    static const char end[] = COMMENT_END;
    size_t left = r->tail.len - (size_t)(p->sig + p->sig_len - buf_str(&r->tail));
    size_t want = s->format == SEALED_HTML ? sizeof end - 1 : 0;
    return left == want ? RC_OK : no_report(path, "something stands behind its signature", err);
}

enum rc
seal_read(struct seal *out, const char *path, struct err *err)
{
    struct reading r = {.bytes = 0};
    struct parts p = {0};
    unsigned char hash[SIGN_HASH], whole[HASH_SIZE];
    memset(out, 0, sizeof *out);
    buf_init(&r.tail, (size_t)4 * SEAL_MOST);
    sha256_begin(&r.sha);
    sign_begin(&r.sign);
    enum rc rc = file_each_piece(path, take_tail, &r, err);
    const char *fault = rc == RC_OK ? find_parts(&p, &r) : NULL;
    if (fault != NULL)
        rc = no_report(path, fault, err);
    if (rc == RC_OK)
        rc = parse_seal(out, &p, path, err);
    if (rc == RC_OK)
        rc = check_end(out, &r, &p, path, err);
    if (rc == RC_OK)
        rc = file_each_piece(path, take_hashes, &r, err);
    sign_hash(&r.sign, hash);
    sha256_end(&r.sha, whole);
    hex_encode(out->sha256, whole, HASH_SIZE);
    out->bytes = r.bytes;
    if (rc == RC_OK)
        rc = sign_verify_hashed(&out->signer, SEALED_TRUSTED, hash, p.sig, p.sig_len, path, err);
    buf_release(&r.tail);
    if (rc != RC_OK)
        seal_release(out);
    return rc;
}

void
seal_release(struct seal *s)
{
    chain_release(&s->chain);
}
