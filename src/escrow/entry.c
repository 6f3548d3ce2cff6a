#include "escrow/entry.h"

#include <string.h>

#include "base/clock.h"
#include "sys/process.h"
#include "text/enc.h"
#include "text/jw.h"
#include "text/time.h"

static enum rc
bad(struct err *err, const char *member)
{
    return err_set(err, RC_MALFORMED, "the entry's member \"%s\" is missing or malformed", member);
}

/* [a-z.-], 1 to 64 characters, so that a kind can be printed and used as a word. */
static int
kind_is(const char *kind)
{
    size_t n = strspn(kind, "abcdefghijklmnopqrstuvwxyz.-");
    return n >= 1 && n <= 64 && kind[n] == '\0';
}

static enum rc
read_members(struct entry *out, struct err *err)
{
    int64_t version = 0;
    if (json_geti(out->doc, "keymuster", &version) != 0)
        return bad(err, "keymuster");
    if (version != 1) {
        (void)err_set(err, RC_MALFORMED, "the entry has format %lld", (long long)version);
        return err_hint(err, "a newer keymuster wrote it: use that one");
    }
    const char *author = json_gets(out->doc, "author");
    if (author == NULL || !hex_is(author, AUTHOR_TEXT))
        return bad(err, "author");
    memcpy(out->author, author, sizeof out->author);
    if (json_geti(out->doc, "seq", &out->seq) != 0 || out->seq < 1)
        return bad(err, "seq");
    const char *prev = json_gets(out->doc, "prev");
    if (prev == NULL || hex_decode(out->prev, HASH_SIZE, prev) != 0)
        return bad(err, "prev");
    int64_t ms = 0;
    out->at = json_gets(out->doc, "at");
    if (out->at == NULL || strlen(out->at) != TIME_TEXT || time_parse(&ms, out->at) != 0)
        return bad(err, "at");
    out->kind = json_gets(out->doc, "kind");
    if (out->kind == NULL || !kind_is(out->kind))
        return bad(err, "kind");
    out->by = json_get(out->doc, "by");
    if (out->by == NULL || json_type(out->by) != JSON_OBJECT)
        return bad(err, "by");
    out->body = json_get(out->doc, "body");
    if (out->body == NULL || json_type(out->body) != JSON_OBJECT)
        return bad(err, "body");
    out->restates = json_get(out->doc, "restates");
    return RC_OK;
}

enum rc
entry_parse(struct entry *out, const char *line, size_t len, struct err *err)
{
    memset(out, 0, sizeof *out);
    if (len > LIMIT_ENTRY)
        return err_set(err, RC_MALFORMED, "an entry of %zu bytes; %d are allowed", len,
                       LIMIT_ENTRY);
    if (memchr(line, '\n', len) != NULL)
        return err_set(err, RC_MALFORMED, "a line feed inside an entry");
    out->line = line;
    out->len = len;
    enum rc rc = json_parse(&out->doc, line, len, "the entry", err);
    if (rc == RC_OK && json_type(out->doc) != JSON_OBJECT)
        rc = err_set(err, RC_MALFORMED, "the entry is no object");
    if (rc == RC_OK)
        rc = read_members(out, err);
    if (rc != RC_OK) {
        entry_release(out);
        return rc;
    }
    sha256(out->hash, line, len);
    return RC_OK;
}

void
entry_account(struct buf *out, const struct entry *e)
{
    const char *login = json_gets(e->by, "login");
    const char *user = json_gets(e->by, "user");
    const char *host = json_gets(e->by, "host");
    const char *from = json_gets(e->by, "from");
    buf_addf(out, "%s@%s",
             login != NULL  ? login
             : user != NULL ? user
                            : "?",
             host != NULL ? host : "?");
    if (login != NULL && user != NULL && strcmp(login, user) != 0)
        buf_addf(out, " as %s", user);
    if (from != NULL)
        buf_addf(out, ", %s", from);
}

/* Steps over text at *at; 0 when something else stands there. */
static int
step(const char **at, const char *end, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(end - *at) < n || memcmp(*at, text, n) != 0)
        return 0;
    *at += n;
    return 1;
}

int
entry_skim(struct entry *out, const char *line, size_t len)
{
    const char *at = line;
    const char *end = line + len;
    char hex[HASH_TEXT + 1];
    memset(out, 0, sizeof *out);
    if (len > LIMIT_ENTRY || !step(&at, end, "{\"keymuster\":1,\"author\":\"") ||
        end - at < AUTHOR_TEXT)
        return 0;
    memcpy(out->author, at, AUTHOR_TEXT);
    at += AUTHOR_TEXT;
    if (!hex_is(out->author, AUTHOR_TEXT) || !step(&at, end, "\",\"seq\":"))
        return 0;
    for (int n = 0; at < end && *at >= '0' && *at <= '9' && n < 16; at++, n++)
        out->seq = out->seq * 10 + (*at - '0');
    if (!step(&at, end, ",\"prev\":\"") || end - at < HASH_TEXT)
        return 0;
    memcpy(hex, at, HASH_TEXT);
    hex[HASH_TEXT] = '\0';
    at += HASH_TEXT;
    if (hex_decode(out->prev, HASH_SIZE, hex) != 0 || !step(&at, end, "\",\"at\":\""))
        return 0;
    sha256(out->hash, line, len);
    return 1;
}

void
entry_release(struct entry *e)
{
    json_free(e->doc);
    memset(e, 0, sizeof *e);
}

enum rc
entry_build(struct buf *out, const char *author, int64_t seq, const unsigned char prev[HASH_SIZE],
            int64_t at_ms, const char *kind, const struct buf *body, const struct buf *restates,
            struct err *err)
{
    enum rc rc = buf_check(body, "the entry", err);
    if (rc == RC_OK && restates != NULL)
        rc = buf_check(restates, "the entry", err);
    if (rc != RC_OK)
        return rc;
    char prev_hex[HASH_TEXT + 1];
    char at[TIME_TEXT + 1];
    hex_encode(prev_hex, prev, HASH_SIZE);
    time_format(at, at_ms);
    const struct actor *who = actor_get();
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_int(&w, "keymuster", 1);
    jw_str(&w, "author", author);
    jw_int(&w, "seq", seq);
    jw_str(&w, "prev", prev_hex);
    jw_str(&w, "at", at);
    jw_obj(&w, "by");
    jw_str(&w, "user", who->user);
    jw_opt(&w, "login", who->login);
    jw_str(&w, "host", who->host);
    jw_opt(&w, "from", who->from);
    jw_end_obj(&w);
    jw_str(&w, "kind", kind);
    if (restates != NULL)
        jw_raw(&w, "restates", buf_str(restates), restates->len);
    jw_raw(&w, "body", buf_str(body), body->len);
    jw_end_obj(&w);
    return buf_check(out, "the entry", err);
}
