#include "copy/head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/enc.h"
#include "text/json.h"
#include "text/jw.h"
#include "text/time.h"

enum { HEADS_IN_GROUP = 1000 };

#define NUMBER_MAX 9999999999LL /* ten digits */

static const char TRUSTED[] = "keymuster head 1";

void
head_release(struct head *h)
{
    free(h->segments);
    free(h->known);
    memset(h, 0, sizeof *h);
}

void
head_name(char out[OBJECT_NAME], const char *author, int64_t number)
{
    (void)snprintf(out, OBJECT_NAME, "head/%s/%010lld/%010lld", author,
                   (long long)(number / HEADS_IN_GROUP), (long long)number);
}

void
newest_name(char out[OBJECT_NAME], const char *author)
{
    (void)snprintf(out, OBJECT_NAME, "newest/%s", author);
}

/* ---- writing ---- */

static void
write_segments(struct jw *w, const struct head *h)
{
    jw_arr(w, "segments");
    for (size_t i = 0; i < h->segment_count; i++) {
        const struct head_segment *s = &h->segments[i];
        jw_arr(w, NULL);
        jw_int(w, NULL, s->first);
        jw_int(w, NULL, s->last);
        jw_int(w, NULL, s->bytes);
        jw_str(w, NULL, s->sha256);
        jw_end_arr(w);
    }
    jw_end_arr(w);
}

static void
write_known(struct jw *w, const struct head *h)
{
    char last[HASH_TEXT + 1];
    jw_arr(w, "known");
    for (size_t i = 0; i < h->known_count; i++) {
        const struct head_known *k = &h->known[i];
        hex_encode(last, k->last, HASH_SIZE);
        jw_arr(w, NULL);
        jw_str(w, NULL, k->author);
        jw_int(w, NULL, k->number);
        jw_int(w, NULL, k->entries);
        jw_str(w, NULL, last);
        jw_end_arr(w);
    }
    jw_end_arr(w);
}

/* The JSON line with its LF: the only way in which this head may be written. */
static enum rc
head_line(struct buf *out, const struct head *h, struct err *err)
{
    char previous[HASH_TEXT + 1];
    char last[HASH_TEXT + 1];
    struct jw w;
    hex_encode(previous, h->previous, HASH_SIZE);
    hex_encode(last, h->last, HASH_SIZE);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "type", "head");
    jw_int(&w, "keymuster", 1);
    jw_str(&w, "escrow", h->escrow);
    jw_str(&w, "author", h->author);
    jw_int(&w, "number", h->number);
    jw_str(&w, "previous", previous);
    jw_int(&w, "entries", h->entries);
    jw_str(&w, "last", last);
    write_segments(&w, h);
    write_known(&w, h);
    jw_str(&w, "at", h->at);
    jw_end_obj(&w);
    buf_addc(out, '\n');
    return buf_check(out, "a head", err);
}

enum rc
head_sign(struct buf *out, struct head *h, const struct secret *key, struct err *err)
{
    struct buf line;
    buf_init(&line, LIMIT_SMALL_FILE);
    buf_clear(out);
    enum rc rc = head_line(&line, h, err);
    if (rc == RC_OK) {
        buf_add(out, buf_str(&line), line.len);
        rc = sign_detached(out, key, TRUSTED, buf_str(&line), line.len, err);
    }
    if (rc == RC_OK)
        rc = buf_check(out, "a head", err);
    if (rc == RC_OK)
        sha256(h->hash, buf_str(out), out->len);
    buf_release(&line);
    return rc;
}

/* ---- reading ---- */

static enum rc
bad(const char *what, const char *why, struct err *err)
{
    (void)err_set(err, RC_COPY_TAMPERED, "%.300s is no head", what);
    return err_why(err, "%s", why);
}

static int
hash_of(unsigned char out[HASH_SIZE], const struct json *v)
{
    const char *text = json_str(v);
    return text != NULL ? hex_decode(out, HASH_SIZE, text) : -1;
}

static int
author_of(char out[AUTHOR_TEXT + 1], const struct json *v)
{
    const char *text = json_str(v);
    if (text == NULL || !hex_is(text, AUTHOR_TEXT))
        return -1;
    memcpy(out, text, AUTHOR_TEXT + 1);
    return 0;
}

static int
read_segment(struct head_segment *s, const struct json *v)
{
    if (json_type(v) != JSON_ARRAY || json_count(v) != 4)
        return -1;
    const struct json *first = json_first(v);
    const struct json *last = json_next(first);
    const struct json *bytes = json_next(last);
    const char *sha = json_str(json_next(bytes));
    if (json_int(first, &s->first) != 0 || json_int(last, &s->last) != 0 ||
        json_int(bytes, &s->bytes) != 0 || sha == NULL || !hex_is(sha, HASH_TEXT))
        return -1;
    memcpy(s->sha256, sha, HASH_TEXT + 1);
    return 0;
}

static int
read_known(struct head_known *k, const struct json *v)
{
    if (json_type(v) != JSON_ARRAY || json_count(v) != 4)
        return -1;
    const struct json *author = json_first(v);
    const struct json *number = json_next(author);
    const struct json *entries = json_next(number);
    if (author_of(k->author, author) != 0 || json_int(number, &k->number) != 0 ||
        json_int(entries, &k->entries) != 0 || k->number < 1 || k->entries < 1)
        return -1;
    return hash_of(k->last, json_next(entries));
}

/* *out of count items of size bytes; NULL for an empty list. */
static enum rc
list_room(void **out, size_t *count, const struct json *list, size_t size, const char *what,
          struct err *err)
{
    *out = NULL;
    *count = 0;
    if (list == NULL || json_type(list) != JSON_ARRAY)
        return bad(what, "a list is missing", err);
    *count = json_count(list);
    if (*count == 0)
        return RC_OK;
    *out = calloc(*count, size);
    if (*out == NULL) {
        *count = 0;
        return err_nomem(err);
    }
    return RC_OK;
}

static enum rc
read_lists(struct head *h, const struct json *doc, const char *what, struct err *err)
{
    const struct json *list = json_get(doc, "segments");
    void *room = NULL;
    enum rc rc = list_room(&room, &h->segment_count, list, sizeof *h->segments, what, err);
    h->segments = room;
    size_t i = 0;
    if (rc != RC_OK)
        return rc;
    for (const struct json *v = json_first(list); i < h->segment_count; v = json_next(v)) {
        if (read_segment(&h->segments[i++], v) != 0)
            return bad(what, "its list of segments is malformed", err);
    }
    list = json_get(doc, "known");
    rc = list_room(&room, &h->known_count, list, sizeof *h->known, what, err);
    h->known = room;
    i = 0;
    if (rc != RC_OK)
        return rc;
    for (const struct json *v = json_first(list); i < h->known_count; v = json_next(v), i++) {
        if (read_known(&h->known[i], v) != 0 ||
            (i > 0 && strcmp(h->known[i - 1].author, h->known[i].author) >= 0) ||
            strcmp(h->known[i].author, h->author) == 0)
            return bad(what, "its list of known authors is malformed", err);
    }
    return RC_OK;
}

static enum rc
read_members(struct head *h, const struct json *doc, const char *what, struct err *err)
{
    static const unsigned char zeros[HASH_SIZE];
    const char *type = json_gets(doc, "type");
    const char *at = json_gets(doc, "at");
    int64_t version = 0;
    int64_t ms = 0;
    if (type == NULL || strcmp(type, "head") != 0)
        return bad(what, "its type is another", err);
    if (json_geti(doc, "keymuster", &version) != 0 || version != 1)
        return bad(what, "its format is not known; a newer keymuster may have written it", err);
    if (author_of(h->escrow, json_get(doc, "escrow")) != 0 ||
        author_of(h->author, json_get(doc, "author")) != 0)
        return bad(what, "its escrow or author is malformed", err);
    if (json_geti(doc, "number", &h->number) != 0 || h->number < 1 || h->number > NUMBER_MAX ||
        json_geti(doc, "entries", &h->entries) != 0 || h->entries < 1)
        return bad(what, "its numbers are malformed", err);
    if (hash_of(h->previous, json_get(doc, "previous")) != 0 ||
        hash_of(h->last, json_get(doc, "last")) != 0)
        return bad(what, "its hashes are malformed", err);
    if ((h->number == 1) != (memcmp(h->previous, zeros, HASH_SIZE) == 0))
        return bad(what, "its previous head does not fit its number", err);
    if (at == NULL || strlen(at) != TIME_TEXT || time_parse(&ms, at) != 0)
        return bad(what, "its time is malformed", err);
    memcpy(h->at, at, TIME_TEXT + 1);
    return read_lists(h, doc, what, err);
}

/* Bytes of the first line, its LF included; 0 without one. */
static size_t
first_line(const char *bytes, size_t len)
{
    const char *lf = len > 0 ? memchr(bytes, '\n', len) : NULL;
    return lf != NULL ? (size_t)(lf - bytes) + 1 : 0;
}

enum rc
head_peek(struct head *out, const char *bytes, size_t len, const char *what, struct err *err)
{
    struct json *doc = NULL;
    struct buf again;
    memset(out, 0, sizeof *out);
    buf_init(&again, LIMIT_SMALL_FILE);
    size_t line = first_line(bytes, len);
    enum rc rc = line > 0 ? RC_OK : bad(what, "it has no line", err);
    if (rc == RC_OK)
        rc = json_parse(&doc, bytes, line - 1, what, err);
    if (rc == RC_MALFORMED) {
        char why[sizeof err->why];
        (void)snprintf(why, sizeof why, "%.500s", err->why[0] != '\0' ? err->why : err->msg);
        rc = bad(what, why, err);
    }
    if (rc == RC_OK)
        rc = read_members(out, doc, what, err);
    if (rc == RC_OK)
        rc = head_line(&again, out, err);
    if (rc == RC_OK && (again.len != line || memcmp(buf_str(&again), bytes, line) != 0))
        rc = bad(what, "its line is not written in the one way that keymuster writes it", err);
    if (rc != RC_OK)
        head_release(out);
    json_free(doc);
    buf_release(&again);
    return rc;
}

enum rc
head_parse(struct head *out, const char *bytes, size_t len, const struct sign_public *pub,
           const char *what, struct err *err)
{
    memset(out, 0, sizeof *out);
    size_t line = first_line(bytes, len);
    if (line == 0)
        return bad(what, "it has no line", err);
    /* The signature first: nothing else of an unsigned text is looked at. */
    enum rc rc = sign_verify(pub, TRUSTED, bytes, line, bytes + line, len - line, what, err);
    if (rc == RC_OK)
        rc = head_peek(out, bytes, len, what, err);
    if (rc == RC_OK && strcmp(out->author, pub->author) != 0)
        rc = bad(what, "it is signed by another author", err);
    if (rc != RC_OK) {
        head_release(out);
        return rc;
    }
    sha256(out->hash, bytes, len);
    return RC_OK;
}
