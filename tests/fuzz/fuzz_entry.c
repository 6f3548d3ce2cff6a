/* An entry: every member as promised, and the quick look at its first members sees what the parser
 * sees. */
#include "fuzz.h"

#include "escrow/entry.h"
#include "escrow/restate.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

static void
restated(const struct entry *e)
{
    struct buf same, other;
    struct json *doc = NULL;
    struct restated map = {NULL, 0};
    struct err err = ERR_INIT;
    char old[HASH_TEXT + 1];
    char new[HASH_TEXT + 1];
    memset(old, '7', HASH_TEXT);
    memset(new, 'a', HASH_TEXT);
    old[HASH_TEXT] = new[HASH_TEXT] = '\0';
    buf_init(&same, 1 << 24);
    buf_init(&other, 1 << 24);
    restate_body(&same, e, &map);
    json_print(&other, e->body);
    FUZZ_CHECK(strcmp(buf_str(&same), buf_str(&other)) == 0);
    buf_clear(&same);
    FUZZ_CHECK(restated_add(&map, old, new, &err) == RC_OK);
    restate_body(&same, e, &map);
    FUZZ_CHECK(json_parse(&doc, buf_str(&same), same.len, "restated", &err) == RC_OK);
    json_free(doc);
    restated_release(&map);
    buf_release(&same);
    buf_release(&other);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct entry e;
    struct entry skimmed;
    struct err err = ERR_INIT;
    int64_t ms = 0;
    memset(&skimmed, 0, sizeof skimmed);
    enum rc rc = entry_parse(&e, bytes, len, &err);
    int quick = entry_skim(&skimmed, bytes, len);
    if (rc != RC_OK) {
        FUZZ_REFUSED(rc, RC_MALFORMED, &err, e.doc);
        entry_release(&e);
        return;
    }
    FUZZ_CHECK(len <= LIMIT_ENTRY && memchr(bytes, '\n', len) == NULL && utf8_is(bytes, len));
    FUZZ_CHECK(hex_is(e.author, AUTHOR_TEXT) && e.seq >= 1 && e.seq <= LIMIT_NUMBER);
    FUZZ_CHECK(time_parse(&ms, e.at) == 0);
    FUZZ_CHECK(json_type(e.body) == JSON_OBJECT && json_type(e.by) == JSON_OBJECT);
    FUZZ_CHECK(e.restates == NULL || json_type(e.restates) == JSON_OBJECT);
    if (quick) {
        FUZZ_CHECK(strcmp(skimmed.author, e.author) == 0 && skimmed.seq == e.seq);
        FUZZ_CHECK(memcmp(skimmed.prev, e.prev, HASH_SIZE) == 0);
        FUZZ_CHECK(memcmp(skimmed.hash, e.hash, HASH_SIZE) == 0);
    }
    restated(&e);
    FUZZ_PLANT(e.seq > 16);
    entry_release(&e);
}
