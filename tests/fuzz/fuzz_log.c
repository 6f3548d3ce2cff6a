/*
 * Lines of any authors as a copy brings them, one a line: each is taken in or refused, and what was
 * taken in verifies, is applied without an error, and gives the same tables when they are made
 * again. prev and seq of a line are put right first where the author's log is known, so that bodies
 * are reached.
 */
#include "fuzz.h"

#include "escrow/log.h"
#include "escrow/settle.h"
#include "escrow/trust.h"
#include "text/enc.h"
#include "text/uni.h"

enum { LINES = 32 };

static void
receive(struct store *s, const char *line, size_t len)
{
    struct entry e;
    struct log_end end;
    struct err err = ERR_INIT;
    if (entry_parse(&e, line, len, &err) == RC_OK) {
        FUZZ_CHECK(log_end(s, e.author, &end, &err) == RC_OK);
        enum rc rc = log_receive(s, &e, &end, &err);
        FUZZ_CHECK(rc == RC_OK || rc == RC_CHAIN || rc == RC_COPY_FOREIGN || rc == RC_MALFORMED);
        FUZZ_CHECK(rc == RC_OK || err.msg[0] != '\0');
    }
    entry_release(&e);
}

/* The line as the next of its author. */
static void
put_right(struct store *s, const char *line, size_t len, struct buf *out)
{
    struct entry e;
    struct log_end end;
    struct err err = ERR_INIT;
    char prev[HASH_TEXT + 1];
    buf_clear(out);
    if (entry_parse(&e, line, len, &err) == RC_OK) {
        FUZZ_CHECK(log_end(s, e.author, &end, &err) == RC_OK);
        hex_encode(prev, end.hash, HASH_SIZE);
        buf_addf(
            out,
            "{\"keymuster\":1,\"author\":\"%s\",\"seq\":%lld,\"prev\":\"%s\",\"at\":\"%s\",\"by\":",
            e.author, (long long)end.seq + 1, prev, e.at);
        json_print(out, e.by);
        buf_addf(out, ",\"kind\":\"%s\",\"body\":", e.kind);
        json_print(out, e.body);
        buf_addc(out, '}');
    }
    entry_release(&e);
}

static void
settle(struct store *s)
{
    char digest[DIGEST_TEXT];
    char rebuilt[DIGEST_TEXT];
    int64_t count = 0;
    struct err err = ERR_INIT;
    s->trust_dirty = 1;
    enum rc rc = apply_settle(s, &err);
    FUZZ_CHECK(rc == RC_OK);
    FUZZ_CHECK(log_verify(s, &count, &err) == RC_OK);
    FUZZ_CHECK(apply_digest(s->db, digest, &err) == RC_OK);
    FUZZ_CHECK(apply_rebuild(s, &err) == RC_OK);
    FUZZ_CHECK(apply_digest(s->db, rebuilt, &err) == RC_OK);
    FUZZ_CHECK(strcmp(digest, rebuilt) == 0);
    FUZZ_PLANT(count == 7);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct store *s = fuzz_store();
    struct buf right;
    struct err err = ERR_INIT;
    const char *end = bytes + len;
    buf_init(&right, LIMIT_ENTRY * 2);
    FUZZ_CHECK(db_begin(s->db, &err) == RC_OK);
    for (int i = 0; i < LINES && bytes < end; i++) {
        const char *lf = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t n = lf != NULL ? (size_t)(lf - bytes) : (size_t)(end - bytes);
        receive(s, bytes, n);
        put_right(s, bytes, n, &right);
        if (right.len > 0)
            receive(s, buf_str(&right), right.len);
        bytes += n + 1;
    }
    settle(s);
    db_rollback(s->db);
    buf_release(&right);
}
