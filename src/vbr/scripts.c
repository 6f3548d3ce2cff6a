#include "vbr/scripts.h"

#include <stdlib.h>
#include <string.h>

#include "vbr/decode.h"
#include "vbr/scripts_in.h"

enum { BUDGET = 4 * 1000 * 1000 };

static const char *const role_texts[SCRIPTS_ROLES] = {
    [SCRIPTS_INSTANCE] = "the instance",
    [SCRIPTS_ROOT] = "the root key",
    [SCRIPTS_ENDPOINT] = "the endpoint",
    [SCRIPTS_IAM] = "where tokens come from",
};

const char *
scripts_role_text(enum scripts_role role)
{
    return role_texts[role];
}

void
scripts_init(struct scripts *s)
{
    memset(s, 0, sizeof *s);
    s->budget = BUDGET;
}

static void
file_free(struct scripts_file *f)
{
    if (f == NULL)
        return;
    buf_release(&f->text);
    free(f->parts);
    free(f->sets);
    free(f);
}

void
scripts_release(struct scripts *s)
{
    for (size_t i = 0; i < s->file_count; i++)
        file_free(s->files[i]);
    memset(s, 0, sizeof *s);
}

/* ---- text ---- */

static char
lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

size_t
scripts_find(const char *t, size_t len, size_t from, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = from; i + n <= len; i++) {
        size_t k = 0;
        while (k < n && lower(t[i + k]) == word[k])
            k++;
        if (k == n)
            return i;
    }
    return len;
}

void
scripts_plain_name(char out[SCRIPTS_NAME + 1], const char *t, size_t len)
{
    static const char *const scopes[] = {"script:", "global:", "local:", "private:"};
    size_t n = 0;
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        size_t scope = strlen(scopes[i]);
        if (len > scope && scripts_find(t, scope, 0, scopes[i]) == 0) {
            t += scope;
            len -= scope;
        }
    }
    for (size_t i = 0; i < len && n < SCRIPTS_NAME; i++)
        if (t[i] != '_' && t[i] != '-')
            out[n++] = lower(t[i]);
    out[n] = '\0';
}

int
scripts_same_name(const struct scripts_file *f, const struct part *p, const struct scripts_file *g,
                  const struct part *q)
{
    char a[SCRIPTS_NAME + 1], b[SCRIPTS_NAME + 1];
    const char *x = f->text.data + p->at, *y = g->text.data + q->at;
    if (f->shell && g->shell)
        return p->len == q->len && memcmp(x, y, p->len) == 0;
    if (p->len > SCRIPTS_NAME || q->len > SCRIPTS_NAME)
        return 0;
    scripts_plain_name(a, x, p->len);
    scripts_plain_name(b, y, q->len);
    return strcmp(a, b) == 0;
}

/* ---- reading ---- */

static enum rc
no_script(const char *name, const char *why, struct err *err)
{
    (void)err_set(err, RC_BAD_VALUE, "%s is no script to be read here", name);
    (void)err_why(err, "%s", why);
    return err_hint(err, "name the scripts that create, rewrap and unwrap, as they are run");
}

static int
begins(const struct buf *b, const char *word)
{
    return b->len >= strlen(word) && memcmp(b->data, word, strlen(word)) == 0;
}

/* A line that begins so: $name = of PowerShell, NAME= of a shell. */
static int
counts_as(const char *t, size_t len, char first)
{
    size_t i = 0;
    while (i < len && (t[i] == ' ' || t[i] == '\t'))
        i++;
    if (first == '$' && (i == len || t[i++] != '$'))
        return 0;
    size_t from = i;
    while (i < len && (lower(t[i]) != t[i] || (t[i] >= 'a' && t[i] <= 'z') || t[i] == '_' ||
                       (t[i] >= '0' && t[i] <= '9') || (first == '$' && t[i] == ':')))
        i++;
    size_t name = i - from;
    while (first == '$' && i < len && t[i] == ' ')
        i++;
    return name > 0 && i < len && t[i] == '=';
}

static int
is_shell(const struct buf *b)
{
    size_t dollar = 0, bare = 0;
    size_t first = scripts_find(b->data, b->len, 0, "\n");
    if (begins(b, "#!"))
        return scripts_find(b->data, first, 0, "pwsh") == first;
    for (size_t at = 0; at < b->len;) {
        size_t end = scripts_find(b->data, b->len, at, "\n");
        dollar += (size_t)counts_as(b->data + at, end - at, '$');
        bare += (size_t)counts_as(b->data + at, end - at, 0);
        at = end + 1;
    }
    return dollar == 0 && (bare > 0 || scripts_find(b->data, b->len, 0, "curl ") < b->len);
}

static enum rc
read_text(struct buf *out, FILE *file, const char *name, struct err *err)
{
    struct decode d;
    char former = 0;
    decode_init(&d, file);
    for (int c = decode_getc(&d); c != EOF; c = decode_getc(&d)) {
        if ((c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f') || c == 0x7f)
            return no_script(name, "it is not text", err);
        if (out->len == SCRIPTS_BYTES)
            return no_script(name, "it is larger than 256 KiB", err);
        if (former == '\r' && c != '\n' && out->len > 0)
            out->data[out->len - 1] = '\n'; /* CR alone ends a line, too */
        buf_addc(out, (char)c);
        former = (char)c;
    }
    if (ferror(file))
        return err_errno(err, RC_IO, "reading %s", name);
    if (begins(out, "-----BEGIN ") || begins(out, "$ANSIBLE_VAULT") || begins(out, "Salted__"))
        return no_script(name, "it is encrypted", err);
    if (out->len == 0)
        return no_script(name, "it is empty", err);
    return buf_check(out, name, err);
}

enum rc
scripts_add(struct scripts *s, FILE *file, const char *name, struct err *err)
{
    if (s->file_count == SCRIPTS_FILES)
        return err_set(err, RC_BAD_VALUE, "more than %d scripts", SCRIPTS_FILES);
    struct scripts_file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_nomem(err);
    f->name = name;
    buf_init(&f->text, SCRIPTS_BYTES);
    enum rc rc = read_text(&f->text, file, name, err);
    if (rc == RC_OK) {
        f->shell = is_shell(&f->text);
        rc = scripts_lex(f, err);
    }
    if (rc == RC_OK)
        rc = scripts_find_sets(f, err);
    if (rc != RC_OK) {
        file_free(f);
        return rc;
    }
    s->files[s->file_count++] = f; /* transferred */
    return RC_OK;
}
