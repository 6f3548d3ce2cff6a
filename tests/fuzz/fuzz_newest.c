/* A place's hint and listing, both from the input: the number found is one of a head that is there,
 * and a place that lies costs a bounded number of questions. */
#include "fuzz.h"

#include "copy/newest.h"

#define AUTHOR "0123456789abcdef0123456789abcdef"

struct lies {
    const char *bytes; /* first line: the hint; the others: names in a listing */
    size_t len, first;
    unsigned asked;
};

/* Heads 1 to 40 are there. */
static enum rc
get(void *arg, const char *name, struct buf *out, struct err *err)
{
    struct lies *l = arg;
    l->asked++;
    if (strncmp(name, "newest/", 7) == 0) {
        buf_add(out, l->bytes, l->first);
        return buf_check(out, name, err) == RC_OK ? RC_OK
                                                  : err_set(err, RC_COPY_TAMPERED, "too long");
    }
    int64_t number = newest_number(strrchr(name, '/') + 1);
    FUZZ_CHECK(number >= 0);
    if (number < 1 || number > 40)
        return err_set(err, RC_NOT_FOUND, "%s is not there", name);
    buf_addf(out, "%lld", (long long)number);
    return RC_OK;
}

static enum rc
list(void *arg, const char *folder, remote_fn fn, void *fn_arg, struct err *err)
{
    const struct lies *l = arg;
    enum rc rc = RC_OK;
    (void)folder;
    for (size_t at = l->first; rc == RC_OK && at < l->len;) {
        const char *lf = memchr(l->bytes + at, '\n', l->len - at);
        size_t n = lf != NULL ? (size_t)(lf - (l->bytes + at)) : l->len - at;
        char *name = fuzz_text(l->bytes + at, n);
        if (name != NULL)
            rc = fn(fn_arg, name, err);
        free(name);
        at += n + 1;
    }
    return rc;
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct fuzz_place place;
    struct lies l = {bytes, len, len, 0};
    struct buf out;
    struct err err = ERR_INIT;
    int64_t number = -1;
    int64_t hint = -1;
    const char *lf = len > 0 ? memchr(bytes, '\n', len) : NULL;
    if (lf != NULL)
        l.first = (size_t)(lf - bytes) + 1;
    fuzz_place_init(&place);
    place.get = get;
    place.list = list;
    place.arg = &l;
    FUZZ_CHECK(newest_hint(&place.remote, AUTHOR, &hint, &err) == RC_OK && hint >= 0);
    buf_init(&out, 64);
    enum rc rc = newest_find(&place.remote, AUTHOR, 0, 0, &number, &out, &err);
    FUZZ_CHECK(rc == RC_OK && number == 40 && strcmp(buf_str(&out), "40") == 0);
    FUZZ_CHECK(l.asked < 200);
    FUZZ_PLANT(hint == 77);
    buf_release(&out);
    buf_release(&place.remote.url);
}
