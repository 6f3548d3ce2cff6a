/* escrow.json and copy.json of a place, one in the first line, one in the second: only what
 * keymuster writes is accepted, byte for byte. */
#include "fuzz.h"

#include "copy/copy.h"
#include "copy/identity.h"
#include "text/enc.h"

struct objects {
    const char *bytes;
    size_t first, len;
};

static enum rc
get(void *arg, const char *name, struct buf *out, struct err *err)
{
    const struct objects *o = arg;
    if (strcmp(name, "escrow.json") == 0)
        buf_add(out, o->bytes, o->first);
    else if (o->first == o->len)
        return err_set(err, RC_NOT_FOUND, "%s is not there", name);
    else
        buf_add(out, o->bytes + o->first, o->len - o->first);
    return buf_check(out, name, err);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct fuzz_place place;
    struct copy_identity id;
    struct objects o = {bytes, len, len};
    struct err err = ERR_INIT;
    const char *lf = len > 0 ? memchr(bytes, '\n', len) : NULL;
    if (lf != NULL)
        o.first = (size_t)(lf - bytes) + 1;
    fuzz_place_init(&place);
    place.get = get;
    place.arg = &o;
    enum rc rc = copy_identify(&place.remote, &id, &err);
    if (rc == RC_OK) {
        char want[AUTHOR_TEXT + 1];
        struct store s;
        struct buf text;
        struct copy c;
        memset(&s, 0, sizeof s);
        memset(&c, 0, sizeof c);
        escrow_id(want, &id.founder);
        FUZZ_CHECK(strcmp(want, id.escrow) == 0);
        FUZZ_CHECK(id.id[0] == '\0' || hex_is(id.id, AUTHOR_TEXT));
        s.founder = id.founder;
        memcpy(s.escrow, id.escrow, sizeof s.escrow);
        memcpy(s.name, id.name, sizeof s.name);
        memcpy(c.id, id.id, sizeof c.id);
        buf_init(&text, 1 << 20);
        FUZZ_CHECK(copy_escrow_object(&s, &text, &err) == RC_OK);
        FUZZ_CHECK(text.len == o.first && memcmp(text.data, bytes, text.len) == 0);
        if (id.id[0] != '\0') {
            FUZZ_CHECK(copy_copy_object(&s, &c, &text, &err) == RC_OK);
            FUZZ_CHECK(text.len == len - o.first &&
                       memcmp(text.data, bytes + o.first, text.len) == 0);
        }
        buf_release(&text);
        FUZZ_PLANT(strcmp(id.name, "Kept for ever") != 0);
    } else {
        FUZZ_CHECK(rc == RC_COPY_TAMPERED || rc == RC_COPY_FOREIGN);
        FUZZ_CHECK(err.msg[0] != '\0');
    }
    buf_release(&place.remote.url);
}
