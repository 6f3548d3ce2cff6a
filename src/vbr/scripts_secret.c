/* Secrets that stand in a script as literals: found by their names, overwritten, and only their
 * lines kept. */
#include <string.h>

#include "base/secret.h"
#include "vbr/scripts_in.h"

enum { DEPTH = 8, LEAST = 8 };

static void
mark(struct scripts *s, struct scripts_file *f, size_t at, size_t len, unsigned line)
{
    int known = 0;
    for (size_t i = 0; i < s->secret_count; i++)
        known |= s->secrets[i].file == f->name && s->secrets[i].line == line;
    if (!known && s->secret_count < SCRIPTS_SECRETS)
        s->secrets[s->secret_count++] = (struct scripts_place){f->name, line};
    secret_wipe(f->text.data + at, len);
    memset(f->text.data + at, '*', len); /* no literal of any kind, and no end of text */
}

/* The line at an offset of a part, which may go over several. */
static unsigned
line_at(const struct scripts_file *f, const struct part *p, size_t at)
{
    unsigned line = p->line;
    for (size_t i = p->at; i < at; i++)
        line += f->text.data[i] == '\n';
    return line;
}

/* Not what stands for one, nor a place. */
static int
is_secret(const char *t, size_t len)
{
    size_t same = 1;
    if (len < LEAST || strchr("/.~<$%*", t[0]) != NULL || t[1] == ':')
        return 0;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)t[i] <= ' ' ||
            (t[i] == ':' && i + 2 < len && t[i + 1] == '/' && t[i + 2] == '/'))
            return 0;
        same += i > 0 && t[i] == t[0];
    }
    return same < len;
}

/* The value of what is named like a secret, wherever it is set. */
static void
secret_value(struct scripts *s, struct scripts_file *f, size_t i, int depth)
{
    const struct part *p = scripts_part(f, i);
    if (p->kind == PART_TEXT && (p->quoted || f->shell) && /* else a command */
        is_secret(f->text.data + p->at, p->len))
        mark(s, f, p->at, p->len, p->line);
    if (p->kind != PART_VAR || depth == DEPTH)
        return;
    for (size_t k = 0; k < s->file_count; k++) {
        struct scripts_file *g = s->files[k];
        for (size_t n = 0; n < g->set_count && s->budget-- > 0; n++) {
            if (g->sets[n].variable && scripts_same_name(f, p, g, &g->parts[g->sets[n].name]))
                secret_value(s, g, g->sets[n].value, depth + 1);
        }
    }
}

static int
names_secret(const char *t, size_t len)
{
    static const char *const words[] = {"apikey", "iamkey", "password",  "passwd",
                                        "secret", "bearer", "credential"};
    static const char *const not [] = {"file", "path", "uri", "url", "name"};
    char name[SCRIPTS_NAME + 1];
    scripts_plain_name(name, t, len);
    size_t n = strlen(name);
    int is = n >= 5 && strcmp(name + n - 5, "token") == 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        is |= strstr(name, words[i]) != NULL;
    for (size_t i = 0; i < sizeof not / sizeof not [0]; i++)
        is &= strstr(name, not [i]) == NULL;
    return is;
}

static int
is_run(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_+/.~-", c) != NULL);
}

/* What follows a word inside a string: behind what separates them (must: = or : among it) to the
 * end of a run of letters. Returns where to go on. */
static size_t
in_place(struct scripts *s, struct scripts_file *f, size_t i, size_t at, int must)
{
    const struct part *p = &f->parts[i];
    const char *t = f->text.data + p->at;
    size_t from = at;
    int separated = 0;
    for (; from < p->len && strchr(must ? "\"'\\ \t:=" : " ", t[from]) != NULL; from++)
        separated |= t[from] == ':' || t[from] == '=';
    size_t end = from;
    while (end < p->len && is_run(t[end]))
        end++;
    if (must && !separated)
        return end;
    if (from == p->len && scripts_part(f, i + 1)->joined)
        secret_value(s, f, i + 1, 0);
    else if (is_secret(t + from, end - from))
        mark(s, f, p->at + from, end - from, line_at(f, p, p->at + from));
    return end;
}

/* apikey=..., "password": "...", Bearer ... inside a string. */
static void
in_text(struct scripts *s, struct scripts_file *f, size_t i)
{
    static const struct {
        const char *word;
        int separated; /* = or : follows */
    } words[] = {{"apikey", 1}, {"password", 1}, {"client_secret", 1}, {"bearer ", 0}};
    const struct part *p = &f->parts[i];
    const char *t = f->text.data + p->at;
    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        size_t at = 0;
        while ((at = scripts_find(t, p->len, at, words[w].word)) < p->len)
            at = in_place(s, f, i, at + strlen(words[w].word), words[w].separated);
    }
}

static void
in_file(struct scripts *s, struct scripts_file *f)
{
    for (size_t i = 0; i < f->set_count; i++) {
        const struct part *name = &f->parts[f->sets[i].name];
        if (names_secret(f->text.data + name->at, name->len))
            secret_value(s, f, f->sets[i].value, 0);
    }
    for (size_t i = 0; i < f->count; i++) {
        const struct part *p = &f->parts[i];
        const char *t = f->text.data + p->at;
        if (p->kind != PART_TEXT || p->len == 0)
            continue;
        const struct part *next = scripts_part(f, i + 1);
        int option = !p->quoted &&
                     (t[0] == '-' ||
                      (p->len == 22 && scripts_find(t, p->len, 0, "convertto-securestring") == 0));
        if (option && next->kind == PART_TEXT && next->quoted &&
            (t[0] != '-' || names_secret(t, p->len)))
            secret_value(s, f, i + 1, 0);
        in_text(s, f, i);
    }
}

void
scripts_find_secrets(struct scripts *s)
{
    for (size_t i = 0; i < s->file_count; i++)
        in_file(s, s->files[i]);
}
