/* A template of exec: what is let pass is filled in, and what is not a place comes out as it was.
 */
#include "fuzz.h"

#include <unistd.h>

#include "recover/template.h"
#include "sys/file.h"

/* The template filled with a secret of these bytes. */
static void
fill(struct buf *out, const struct template *t, const char *text, size_t len)
{
    struct err err = ERR_INIT;
    struct secret *s = NULL;
    buf_init(out, (size_t)1024 * 1024);
    FUZZ_CHECK(secret_new(&s, &err) == RC_OK && secret_add(s, text, len, &err) == RC_OK);
    const char *path = fuzz_file("", 0);
    FILE *f = fopen(path, "r+");
    FUZZ_CHECK(f != NULL);
    FUZZ_CHECK(template_fill(t, s, fileno(f), "the file", &err) == RC_OK);
    FUZZ_CHECK(lseek(fileno(f), 0, SEEK_SET) == 0);
    FUZZ_CHECK(file_read_fd(out, fileno(f), "the file", &err) == RC_OK);
    FUZZ_CHECK(fclose(f) == 0);
    secret_free(s);
}

static size_t
count(const struct buf *b, const char *word)
{
    size_t n = 0;
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= b->len; i++)
        n += memcmp(b->data + i, word, len) == 0;
    return n;
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct template t;
    struct err err = ERR_INIT;
    struct buf empty, marked;
    enum rc rc = template_read(&t, fuzz_file(bytes, len), &err);
    FUZZ_CHECK(rc == RC_OK || rc == RC_TEMPLATE || rc == RC_NO_MEMORY);
    FUZZ_CHECK(rc == RC_OK || (err.msg[0] != '\0' && err.code == rc));
    if (rc == RC_OK) {
        FUZZ_CHECK(t.text.len == len && memcmp(t.text.data, bytes, len) == 0);
        fill(&empty, &t, "", 0);
        fill(&marked, &t, "\x7f<", 2);
        /* Each place vanishes with an empty secret, and is there as often with another. */
        size_t places = count(&marked, "\x7f") + count(&marked, "&#127;") - count(&empty, "\x7f") -
                        count(&empty, "&#127;");
        FUZZ_CHECK(places >= 1 && empty.len + places * sizeof "{{secret}}" - places <= len);
        FUZZ_CHECK(marked.len >= empty.len + 2 * places);
        FUZZ_PLANT(t.xml && places == 3);
        buf_release(&empty);
        buf_release(&marked);
    }
    template_release(&t);
}
