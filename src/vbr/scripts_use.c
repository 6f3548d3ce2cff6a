/* What the parts of scripts stand for, and what is told by their use. */
#include <string.h>

#include "kms/place.h"
#include "text/enc.h"
#include "vbr/scripts_in.h"

enum { DEPTH = 8, LOOK = 8, API_KEY = 44 };

static char
lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* ---- what a part stands for ---- */

struct value {
    int literal;
    const char *text; /* of a literal; into the file's text */
    size_t len;
    char name[SCRIPTS_NAME + 1]; /* of what is computed; "" */
    struct scripts_place at;
};

static void
of_part(struct value *v, const struct scripts_file *f, const struct part *p)
{
    memset(v, 0, sizeof *v);
    v->text = "";
    v->at = (struct scripts_place){f->name, p->line};
    v->literal = p->kind == PART_TEXT;
    if (p->kind == PART_END || p->kind == PART_OP || p->len == 0)
        return;
    v->text = f->text.data + p->at;
    v->len = p->len;
    if (p->kind != PART_TEXT && p->len < SCRIPTS_NAME) {
        v->name[0] = '$';
        memcpy(v->name + 1, v->text, p->len);
    }
}

static void resolve(struct scripts *s, const struct scripts_file *f, size_t i, int depth,
                    struct value *out);

/* All that the variable is set to in this file; out is what it is set to so far. */
static size_t
resolve_in(struct scripts *s, const struct scripts_file *g, const struct scripts_file *f,
           const struct part *p, int depth, struct value *out)
{
    size_t hits = 0;
    struct value v;
    for (size_t n = 0; n < g->set_count; n++) {
        const struct set *set = &g->sets[n];
        if (!set->variable || s->budget-- <= 0 || !scripts_same_name(f, p, g, &g->parts[set->name]))
            continue;
        of_part(&v, g, &g->parts[set->name]);
        struct scripts_place place = v.at;
        if (set->plain && depth < DEPTH)
            resolve(s, g, set->value, depth + 1, &v);
        else
            v.literal = 0;
        if (hits++ == 0 && v.literal) {
            *out = v;
        } else if (!v.literal || !out->literal || v.len != out->len ||
                   memcmp(v.text, out->text, v.len) != 0) {
            out->literal = 0;
            out->at = place;
        }
    }
    return hits;
}

/* A literal, or a variable that is set to one, everywhere to the same. */
static void
resolve(struct scripts *s, const struct scripts_file *f, size_t i, int depth, struct value *out)
{
    const struct part *p = scripts_part(f, i);
    struct value found;
    of_part(out, f, p);
    if (p->kind != PART_VAR)
        return;
    memset(&found, 0, sizeof found);
    size_t hits = resolve_in(s, f, f, p, depth, &found);
    for (size_t k = 0; k < s->file_count && hits == 0; k++)
        hits = resolve_in(s, s->files[k], f, p, depth, &found);
    if (hits > 0 && found.literal && s->budget > 0)
        *out = found;
    else if (hits > 0)
        out->at = found.at;
}

/* ---- facts ---- */

static enum rc
root_value(char out[SCRIPTS_VALUE + 1], const char *text)
{
    struct crn crn;
    size_t len = strlen(text);
    memcpy(out, text, len + 1);
    if (strncmp(text, "crn:", 4) == 0)
        return crn_parse(&crn, text) == 0 && crn.key[0] != '\0' ? RC_OK : RC_BAD_VALUE;
    for (size_t i = 0; len == UUID_TEXT && i < len; i++)
        out[i] = lower(out[i]);
    if (uuid_is(out))
        return RC_OK;
    memcpy(out, text, len + 1);
    int alias = len >= 2 && len <= 90 && len != API_KEY && strspn(text, "0123456789-") != len;
    for (size_t i = 0; i < len; i++)
        alias &= (lower(text[i]) >= 'a' && lower(text[i]) <= 'z') ||
                 (text[i] != '\0' && strchr("0123456789_-", text[i]) != NULL);
    return alias ? RC_OK : RC_BAD_VALUE;
}

static enum rc
instance_value(char out[SCRIPTS_VALUE + 1], const char *text)
{
    struct crn crn;
    size_t len = strlen(text);
    memcpy(out, text, len + 1);
    if (strncmp(text, "crn:", 4) == 0)
        return crn_parse(&crn, text) == 0 ? RC_OK : RC_BAD_VALUE;
    for (size_t i = 0; i < len; i++)
        out[i] = lower(out[i]);
    return len == UUID_TEXT && uuid_is(out) ? RC_OK : RC_BAD_VALUE;
}

static enum rc
url_value(char out[SCRIPTS_VALUE + 1], const char *text, const char *path)
{
    char cut[SCRIPTS_VALUE + 1];
    struct url url;
    struct err scratch = ERR_INIT;
    size_t len = strlen(text);
    size_t end = scripts_find(text, len, 0, path);
    const char *host = strstr(text, "://");
    if (end == len && host != NULL)
        end = (size_t)(host - text) + 3 + strcspn(host + 3, "/\"'?# \\");
    memcpy(cut, text, end);
    cut[end] = '\0';
    if (url_parse(&url, cut, "it", &scratch) != RC_OK || strlen(url.base) > SCRIPTS_VALUE)
        return RC_BAD_VALUE;
    memcpy(out, url.base, strlen(url.base) + 1);
    return RC_OK;
}

/* In its one form. RC_BAD_VALUE: it is none of this kind. */
static enum rc
in_form(char out[SCRIPTS_VALUE + 1], enum scripts_role role, const struct value *v)
{
    char text[SCRIPTS_VALUE + 1];
    if (v->len == 0 || v->len > SCRIPTS_VALUE)
        return RC_BAD_VALUE;
    memcpy(text, v->text, v->len);
    text[v->len] = '\0';
    return role == SCRIPTS_INSTANCE   ? instance_value(out, text)
           : role == SCRIPTS_ROOT     ? root_value(out, text)
           : role == SCRIPTS_ENDPOINT ? url_value(out, text, "/api/v2")
                                      : url_value(out, text, "/identity/token");
}

static void
consider(struct scripts *s, enum scripts_role role, const struct value *v)
{
    struct scripts_fact *fact = &s->facts[role];
    char value[SCRIPTS_VALUE + 1] = "";
    if (!v->literal) {
        if (fact->computed_at.file == NULL) {
            memcpy(fact->computed, v->name, sizeof fact->computed);
            fact->computed_at = v->at;
        }
    } else if (in_form(value, role, v) != RC_OK) {
        if (fact->odd.file == NULL)
            fact->odd = v->at;
    } else if (fact->value[0] == '\0') {
        memcpy(fact->value, value, sizeof fact->value);
        fact->at = v->at;
    } else if (strcmp(fact->value, value) != 0 && fact->other.file == NULL) {
        fact->other = v->at;
    }
}

/* Something stands at it in the same string, or is added to it. */
static int
goes_on(const struct scripts_file *f, size_t i)
{
    const struct part *next = scripts_part(f, i + 1);
    return scripts_is_op(f, i + 1, '+') ||
           (next->joined && next->kind != PART_OP && next->kind != PART_END);
}

/* The part before, which this one is added to; f->count where there is none. */
static size_t
part_before(const struct scripts_file *f, size_t i)
{
    size_t k = i;
    int added = 0;
    while (k > 0 && i - k < 4 &&
           (scripts_is_op(f, k - 1, '+') || scripts_is_op(f, k - 1, '(') ||
            scripts_is_op(f, k - 1, ')'))) {
        k--;
        added |= scripts_is_op(f, k, '+');
    }
    for (size_t n = k; added && scripts_is_op(f, k - 1, ']') && n > 1 && k - n < LOOK; n--) {
        if (scripts_is_op(f, n - 1, '[')) /* $args[0] */
            return n - 2;
    }
    if (k == 0 || scripts_part(f, k - 1)->kind == PART_OP ||
        scripts_part(f, k - 1)->kind == PART_END)
        return f->count;
    return added || f->parts[i].joined ? k - 1 : f->count;
}

/* ---- uses ---- */

static void
use_instance(struct scripts *s, const struct scripts_file *f, size_t i)
{
    const struct part *p = &f->parts[i];
    const char *t = f->text.data + p->at;
    struct value v;
    size_t at = scripts_find(t, p->len, 0, "bluemix-instance");
    if (at == p->len)
        return;
    at += strlen("bluemix-instance");
    while (at < p->len && strchr("\"'\\ \t:=", t[at]) != NULL)
        at++;
    if (at < p->len) {
        of_part(&v, f, p);
        v.text += at;
        v.len = 0;
        while (at + v.len < p->len && strchr("\"'\\ \t,;", v.text[v.len]) == NULL)
            v.len++;
        consider(s, SCRIPTS_INSTANCE, &v);
        return;
    }
    size_t k = i + 1;
    while (k < i + 5 && scripts_part(f, k)->kind == PART_OP &&
           strchr("]=:,+(", f->text.data[f->parts[k].at]) != NULL)
        k++;
    const struct part *is = scripts_part(f, k);
    if (is->kind == PART_OP || is->kind == PART_END)
        return;
    resolve(s, f, k, 0, &v);
    if (goes_on(f, k)) {
        of_part(&v, f, is);
        v.literal = 0;
    }
    consider(s, SCRIPTS_INSTANCE, &v);
}

/* What stands behind the last slash of a literal. */
static void
last_segment(struct value *v)
{
    size_t from = v->len;
    while (v->literal && from > 0 && v->text[from - 1] != '/')
        from--;
    if (v->literal) {
        v->text += from;
        v->len -= from;
    }
}

static void
use_root(struct scripts *s, const struct scripts_file *f, size_t i)
{
    const struct part *p = &f->parts[i];
    const char *t = f->text.data + p->at;
    struct value v;
    size_t at = scripts_find(t, p->len, 0, "/actions/");
    if (at == p->len)
        at = scripts_find(t, p->len, 0, "?action");
    if (at == p->len)
        return;
    if (at > 0) {
        of_part(&v, f, p);
        v.len = at;
        last_segment(&v);
        if (v.len > 0)
            consider(s, SCRIPTS_ROOT, &v);
        return;
    }
    size_t before = part_before(f, i);
    if (before == f->count)
        return;
    resolve(s, f, before, 0, &v);
    last_segment(&v);
    /* a piece of it, as in "abc$more/actions/wrap" */
    size_t first = part_before(f, before);
    const struct part *q = scripts_part(f, first);
    if (first < f->count && q->kind == PART_TEXT && q->len > 0 &&
        scripts_find(f->text.data + q->at, q->len, 0, "://") < q->len &&
        f->text.data[q->at + q->len - 1] != '/')
        v.literal = 0;
    consider(s, SCRIPTS_ROOT, &v);
}

/* A host that is put together: whose it is, is told by what follows. */
static void
use_composed(struct scripts *s, const struct scripts_file *f, size_t i)
{
    static const struct {
        const char *word;
        enum scripts_role role;
    } words[] = {{"/api/v2", SCRIPTS_ENDPOINT},
                 {".kms.", SCRIPTS_ENDPOINT},
                 {".hs-crypto.", SCRIPTS_ENDPOINT},
                 {"/identity/token", SCRIPTS_IAM}};
    struct value v;
    of_part(&v, f, scripts_part(f, i + 1));
    v.literal = 0;
    for (size_t k = i + 1; k < i + LOOK && scripts_part(f, k)->joined; k++) {
        const struct part *p = scripts_part(f, k);
        for (size_t w = 0; p->kind == PART_TEXT && w < sizeof words / sizeof words[0]; w++) {
            if (scripts_find(f->text.data + p->at, p->len, 0, words[w].word) < p->len) {
                consider(s, words[w].role, &v);
                return;
            }
        }
    }
}

static void
use_url(struct scripts *s, const struct scripts_file *f, size_t i)
{
    const struct part *p = &f->parts[i];
    const char *t = f->text.data + p->at;
    char host[URL_TEXT + 1];
    struct value v;
    size_t at = scripts_find(t, p->len, 0, "http");
    size_t from = scripts_find(t, p->len, at, "://") + 3;
    if (from > p->len || from - at > sizeof "https://" - 1)
        return;
    size_t end = from, name;
    while (end < p->len && strchr("/\"'?# \t\r\n\\", t[end]) == NULL)
        end++;
    for (name = 0; from + name < end && t[from + name] != ':' && name < URL_TEXT; name++)
        host[name] = lower(t[from + name]);
    host[name] = '\0';
    if (end == p->len && goes_on(f, i) && !place_is_kms(host) && !place_is_iam(host)) {
        use_composed(s, f, i);
        return;
    }
    of_part(&v, f, p);
    v.text += at;
    for (v.len = end - at; at + v.len < p->len && strchr("\"' \t\r\n\\", t[at + v.len]) == NULL;)
        v.len++;
    if (place_is_iam(host) || scripts_find(v.text, v.len, 0, "/identity/token") < v.len)
        consider(s, SCRIPTS_IAM, &v);
    else if (place_is_kms(host) || scripts_find(v.text, v.len, 0, "/api/v2") < v.len)
        consider(s, SCRIPTS_ENDPOINT, &v);
}

/* A path that is put behind an address. */
static void
use_path(struct scripts *s, const struct scripts_file *f, size_t i, const char *path,
         enum scripts_role role)
{
    const struct part *p = &f->parts[i];
    struct value v;
    if (scripts_find(f->text.data + p->at, p->len, 0, path) != 0)
        return;
    size_t before = part_before(f, i);
    if (before == f->count || scripts_part(f, before)->kind != PART_VAR)
        return;
    size_t first = part_before(f, before);
    resolve(s, f, before, 0, &v);
    if (first < f->count && scripts_part(f, first)->kind != PART_END)
        v.literal = 0; /* "https://$name/api/v2": told by use_url */
    if (v.literal || first == f->count)
        consider(s, role, &v);
}

/* By the names of variables, where no use of it was seen. */
static void
by_name(struct scripts *s, enum scripts_role role)
{
    static const char *const parts[][4] = {[SCRIPTS_INSTANCE] = {"instance", NULL},
                                           [SCRIPTS_ROOT] = {"crk", "rootkey", "rootid", NULL}};
    static const char *const whole[] = {"kms", "kmsid", "kp", "kpid", "hpcs", "hpcsid"};
    const struct scripts_fact *fact = &s->facts[role];
    if (fact->at.file != NULL || fact->computed_at.file != NULL || fact->odd.file != NULL)
        return;
    for (size_t k = 0; k < s->file_count; k++) {
        const struct scripts_file *f = s->files[k];
        for (size_t n = 0; n < f->set_count; n++) {
            const struct part *p = &f->parts[f->sets[n].name];
            char name[SCRIPTS_NAME + 1];
            struct value v;
            int is = 0;
            scripts_plain_name(name, f->text.data + p->at, p->len);
            for (size_t i = 0; parts[role][i] != NULL; i++)
                is |= strstr(name, parts[role][i]) != NULL;
            for (size_t i = 0; role == SCRIPTS_INSTANCE && i < sizeof whole / sizeof *whole; i++)
                is |= strcmp(name, whole[i]) == 0;
            if (!is)
                continue;
            of_part(&v, f, p);
            v.literal = 0;
            if (f->sets[n].plain)
                resolve(s, f, f->sets[n].value, 0, &v);
            consider(s, role, &v);
        }
    }
}

void
scripts_settle(struct scripts *s)
{
    scripts_find_secrets(s);
    for (size_t k = 0; k < s->file_count; k++) {
        const struct scripts_file *f = s->files[k];
        for (size_t i = 0; i < f->count; i++) {
            if (f->parts[i].kind != PART_TEXT || f->parts[i].len == 0)
                continue;
            use_instance(s, f, i);
            use_root(s, f, i);
            use_url(s, f, i);
            use_path(s, f, i, "/api/v2", SCRIPTS_ENDPOINT);
            use_path(s, f, i, "/identity/token", SCRIPTS_IAM);
        }
    }
    by_name(s, SCRIPTS_INSTANCE);
    by_name(s, SCRIPTS_ROOT);
}
