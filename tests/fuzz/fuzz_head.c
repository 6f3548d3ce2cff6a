/* A head: the input as it is, and its first line signed anew. What is good is exactly what signing
 * writes. */
#include "fuzz.h"

#include "copy/head.h"
#include "copy/segment.h"
#include "text/enc.h"
#include "text/time.h"

static void
check(struct head *h, const char *bytes, size_t len)
{
    struct sign_public pub;
    struct buf again;
    struct err err = ERR_INIT;
    int64_t ms = 0;
    char name[OBJECT_NAME];
    const struct secret *key = fuzz_key(&pub);
    FUZZ_CHECK(hex_is(h->escrow, AUTHOR_TEXT) && strcmp(h->author, pub.author) == 0);
    FUZZ_CHECK(h->number >= 1 && h->entries >= 1 && time_parse(&ms, h->at) == 0);
    buf_init(&again, 1 << 24);
    FUZZ_CHECK(head_sign(&again, h, key, &err) == RC_OK);
    FUZZ_CHECK(again.len == len && memcmp(again.data, bytes, len) == 0);
    if (segment_check(h, "input", &err) == RC_OK) {
        FUZZ_CHECK(h->segment_count > 0 && h->segments[h->segment_count - 1].last == h->entries);
        for (size_t i = 0; i < h->segment_count; i++) {
            segment_name(name, h->author, &h->segments[i]);
            FUZZ_CHECK(strstr(name, "..") == NULL && name[0] == 'l');
        }
    }
    for (size_t i = 1; i < h->known_count; i++)
        FUZZ_CHECK(strcmp(h->known[i - 1].author, h->known[i].author) < 0);
    FUZZ_PLANT(h->number > 20 ||
               (h->known_count == 1 && (h->known[0].entries != 2 || h->known[0].number != 2)));
    buf_release(&again);
}

static void
read_it(const char *bytes, size_t len)
{
    struct sign_public pub;
    struct head h;
    struct head peeked;
    struct err err = ERR_INIT;
    (void)fuzz_key(&pub);
    enum rc rc = head_parse(&h, bytes, len, &pub, "input", &err);
    FUZZ_CHECK(rc == RC_OK || rc == RC_COPY_TAMPERED || rc == RC_COPY_SIGNATURE);
    FUZZ_CHECK(rc == RC_OK || err.msg[0] != '\0');
    enum rc seen = head_peek(&peeked, bytes, len, "input", &err);
    FUZZ_CHECK(seen == RC_OK || seen == RC_COPY_TAMPERED);
    if (rc == RC_OK) {
        FUZZ_CHECK(seen == RC_OK && peeked.number == h.number &&
                   peeked.segment_count == h.segment_count);
        check(&h, bytes, len);
    }
    head_release(&h);
    head_release(&peeked);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct sign_public pub;
    struct buf whole, signature;
    struct err err = ERR_INIT;
    const struct secret *key = fuzz_key(&pub);
    const char *lf = len > 0 ? memchr(bytes, '\n', len) : NULL;
    read_it(bytes, len);
    buf_init(&whole, 1 << 24);
    buf_init(&signature, 4096);
    buf_add(&whole, bytes, lf != NULL ? (size_t)(lf - bytes) : len);
    buf_addc(&whole, '\n');
    FUZZ_CHECK(sign_detached(&signature, key, "keymuster head 1", whole.data, whole.len, &err) ==
               RC_OK);
    buf_add(&whole, signature.data, signature.len);
    read_it(whole.data, whole.len);
    buf_release(&whole);
    buf_release(&signature);
}
