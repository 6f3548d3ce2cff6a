/* Scripts into parts: strings with what is put into them, variables, words. Tolerant: what is no
 * PowerShell and no shell gives parts, too, and nothing is lost of what stands in quotation marks.
 */
#include <stdlib.h>
#include <string.h>

#include "vbr/scripts_in.h"

enum { DEPTH = 16 };

struct lexer {
    struct scripts_file *f;
    const char *t;
    size_t len, at;
    unsigned line;
    int joined; /* nothing came since the last part */
    int depth;  /* of $( ) in one another */
    int full;   /* no memory */
};

static int
peek(const struct lexer *l, size_t ahead)
{
    return l->at + ahead < l->len ? (unsigned char)l->t[l->at + ahead] : -1;
}

static void
step(struct lexer *l)
{
    if (peek(l, 0) == '\n')
        l->line++;
    if (l->at < l->len)
        l->at++;
}

static void
emit(struct lexer *l, enum part_kind kind, size_t at, size_t len, unsigned line, int quoted)
{
    struct scripts_file *f = l->f;
    if (f->count == f->size && !l->full) {
        size_t size = f->size == 0 ? 256 : f->size * 2;
        struct part *more = realloc(f->parts, size * sizeof *more);
        l->full = more == NULL;
        if (more != NULL) {
            f->parts = more;
            f->size = size;
        }
    }
    if (l->full)
        return;
    f->parts[f->count++] = (struct part){.kind = (unsigned char)kind,
                                         .joined = l->joined != 0,
                                         .quoted = quoted != 0,
                                         .line = line,
                                         .at = (unsigned)at,
                                         .len = (unsigned)len};
    l->joined = 1;
}

static int
is_name(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void lex_code(struct lexer *l, int nested);

/* ${...}: a name alone is a variable; anything else is to be run. */
static void
lex_braces(struct lexer *l, int quoted)
{
    unsigned line = l->line;
    size_t from = l->at, name = 0;
    while (is_name(peek(l, name)) || (peek(l, name) == ':' && !l->f->shell))
        name++;
    int plain = peek(l, name) == '}';
    while (peek(l, 0) != '}' && peek(l, 0) >= 0 && peek(l, 0) != '\n')
        step(l);
    if (peek(l, 0) == '}')
        step(l);
    emit(l, plain && name > 0 ? PART_VAR : PART_CODE, from, name, line, quoted);
}

/* After a $. A member or an element of a variable is to be run. */
static void
lex_variable(struct lexer *l, int quoted)
{
    unsigned line = l->line;
    size_t from = l->at;
    if (peek(l, 0) == '{') {
        step(l);
        lex_braces(l, quoted);
        return;
    }
    if (peek(l, 0) == '(') {
        emit(l, PART_CODE, from, 0, line, quoted);
        step(l);
        if (l->depth == DEPTH)
            return;
        l->depth++;
        l->joined = 0;
        lex_code(l, 1);
        l->joined = 1;
        l->depth--;
        return;
    }
    while (is_name(peek(l, 0)) ||
           (!l->f->shell && peek(l, 0) == ':' && l->at > from && is_name(peek(l, 1))))
        step(l);
    size_t len = l->at - from;
    if (len == 0) { /* $@, $?, a lone $ */
        emit(l, PART_CODE, from, 0, line, quoted);
        if (!quoted && peek(l, 0) > ' ')
            step(l);
        return;
    }
    int inner = !l->f->shell && (peek(l, 0) == '[' || (peek(l, 0) == '.' && !quoted));
    emit(l, inner ? PART_CODE : PART_VAR, from, len, line, quoted);
}

/* A piece of a string that ends here; an empty one only where there is nothing else of it. */
static void
emit_piece(struct lexer *l, size_t from, unsigned line, int whole)
{
    if (l->at > from || whole)
        emit(l, PART_TEXT, from, l->at - from, line, 1);
}

/* "...": with variables in it. */
static void
lex_double(struct lexer *l)
{
    unsigned line = l->line;
    int escape = l->f->shell ? '\\' : '`';
    int whole = 1;
    step(l);
    size_t from = l->at;
    for (int c = peek(l, 0); c >= 0; c = peek(l, 0)) {
        int doubled = c == '"' && !l->f->shell && peek(l, 1) == '"';
        if (c == escape || doubled) {
            step(l);
            step(l);
        } else if (c == '"') {
            break;
        } else if (c == '$' || (c == '`' && l->f->shell)) {
            emit_piece(l, from, line, 0);
            whole = 0;
            step(l);
            if (c == '$')
                lex_variable(l, 1);
            else
                emit(l, PART_CODE, l->at, 0, l->line, 1);
            from = l->at;
            line = l->line;
        } else {
            step(l);
        }
    }
    emit_piece(l, from, line, whole);
    step(l);
}

static void
lex_single(struct lexer *l)
{
    unsigned line = l->line;
    step(l);
    size_t from = l->at;
    while (peek(l, 0) >= 0 && (peek(l, 0) != '\'' || (!l->f->shell && peek(l, 1) == '\''))) {
        if (peek(l, 0) == '\'')
            step(l);
        step(l);
    }
    emit_piece(l, from, line, 1);
    step(l);
}

/* @" ... "@, or with the other mark: as one literal, which none of the values is. */
static void
lex_here(struct lexer *l)
{
    char mark = (char)peek(l, 1);
    unsigned line = l->line;
    step(l);
    step(l);
    size_t from = l->at;
    while (peek(l, 0) >= 0 &&
           !(peek(l, 0) == mark && peek(l, 1) == '@' && l->at > 0 && l->t[l->at - 1] == '\n'))
        step(l);
    emit_piece(l, from, line, 1);
    step(l);
    step(l);
}

static int
ends_word(int c)
{
    return c < 0 || c <= ' ' || strchr("\"'$`=+(){}[],;|&<>!@", c) != NULL;
}

static void
lex_word(struct lexer *l)
{
    unsigned line = l->line;
    size_t from = l->at;
    while (!ends_word(peek(l, 0))) {
        if (peek(l, 0) == '\\' && l->f->shell)
            step(l);
        step(l);
    }
    emit(l, PART_TEXT, from, l->at - from, line, 0);
}

/* Blanks, continued lines and remarks. 1: there was one. */
static int
skip(struct lexer *l)
{
    int c = peek(l, 0);
    int next = peek(l, 1);
    if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
        step(l);
    } else if (c == (l->f->shell ? '\\' : '`') && (next == '\n' || next == '\r')) {
        step(l);
        step(l);
    } else if (c == '<' && next == '#' && !l->f->shell) {
        while (peek(l, 0) >= 0 && !(peek(l, 0) == '#' && peek(l, 1) == '>'))
            step(l);
        step(l);
        step(l);
    } else if (c == '#' && !l->joined) {
        while (peek(l, 0) >= 0 && peek(l, 0) != '\n')
            step(l);
    } else {
        return 0;
    }
    l->joined = 0;
    return 1;
}

static void
lex_mark(struct lexer *l, int c)
{
    if (c == '\n' || c == ';') {
        emit(l, PART_END, l->at, 0, l->line, 0);
        step(l);
        l->joined = 0;
    } else if (c == '`') {
        if (l->f->shell)
            emit(l, PART_CODE, l->at, 0, l->line, 0);
        step(l);
        if (!l->f->shell)
            step(l);
    } else {
        emit(l, PART_OP, l->at, 1, l->line, 0);
        step(l);
    }
}

/* Until the ) that ends it, when nested. */
static void
lex_code(struct lexer *l, int nested)
{
    int open = 0;
    while (peek(l, 0) >= 0 && !l->full) {
        int c = peek(l, 0);
        if (skip(l))
            continue;
        open += c == '(';
        if (c == ')' && nested && open-- == 0) {
            step(l);
            return;
        }
        if (c == '@' && (peek(l, 1) == '"' || peek(l, 1) == '\'') && !l->f->shell &&
            (peek(l, 2) == '\n' || peek(l, 2) == '\r')) {
            lex_here(l);
        } else if (c == '"') {
            lex_double(l);
        } else if (c == '\'') {
            lex_single(l);
        } else if (c == '$') {
            step(l);
            lex_variable(l, 0);
        } else if (ends_word(c)) {
            lex_mark(l, c);
        } else {
            lex_word(l);
        }
    }
}

enum rc
scripts_lex(struct scripts_file *f, struct err *err)
{
    struct lexer l = {.f = f, .t = buf_str(&f->text), .len = f->text.len, .line = 1};
    lex_code(&l, 0);
    return l.full ? err_nomem(err) : RC_OK;
}

/* ---- what is set ---- */

const struct part *
scripts_part(const struct scripts_file *f, size_t i)
{
    static const struct part end = {.kind = PART_END};
    return i < f->count ? &f->parts[i] : &end;
}

int
scripts_is_op(const struct scripts_file *f, size_t i, char c)
{
    const struct part *p = scripts_part(f, i);
    return p->kind == PART_OP && f->text.data[p->at] == c;
}

static enum rc
add_set(struct scripts_file *f, struct set set, struct err *err)
{
    if (f->set_count == SCRIPTS_SETS) {
        (void)err_set(err, RC_BAD_VALUE, "%s is no script to be read here", f->name);
        return err_why(err, "it sets more than %d variables", SCRIPTS_SETS);
    }
    if (f->set_count == f->set_size) {
        size_t size = f->set_size == 0 ? 64 : f->set_size * 2;
        struct set *more = realloc(f->sets, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        f->sets = more;
        f->set_size = size;
    }
    f->sets[f->set_count++] = set;
    return RC_OK;
}

/* Whether the value that begins at i is this part and no more. */
static int
is_all(const struct scripts_file *f, size_t i)
{
    const struct part *p = scripts_part(f, i);
    const struct part *next = scripts_part(f, i + 1);
    if (p->kind != PART_TEXT && p->kind != PART_VAR)
        return 0;
    if (f->shell)
        return !next->joined || next->kind == PART_END ||
               (next->kind == PART_OP && strchr(")|&", f->text.data[next->at]) != NULL);
    if (p->kind == PART_TEXT && !p->quoted)
        return 0; /* a command's name */
    return next->kind == PART_END ||
           (next->kind == PART_OP && strchr(",)}", f->text.data[next->at]) != NULL);
}

enum rc
scripts_find_sets(struct scripts_file *f, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i + 1 < f->count; i++) {
        const struct part *p = &f->parts[i];
        int grows = !f->shell && p->kind == PART_VAR && scripts_is_op(f, i + 1, '+') &&
                    scripts_is_op(f, i + 2, '=');
        size_t equals = i + 1 + (size_t)grows;
        if ((p->kind != PART_VAR && p->kind != PART_TEXT) || p->len == 0 ||
            !scripts_is_op(f, equals, '=') || scripts_is_op(f, equals + 1, '='))
            continue;
        int variable = f->shell ? p->kind == PART_TEXT && !p->quoted && !p->joined
                                : p->kind == PART_VAR && !p->quoted;
        if (f->shell && (!variable || !f->parts[equals].joined))
            continue;
        struct set set = {.name = (unsigned)i,
                          .value = (unsigned)equals + 1,
                          .plain = !grows && is_all(f, equals + 1),
                          .variable = variable};
        if (f->shell && !scripts_part(f, set.value)->joined)
            set.plain = 0; /* set to nothing */
        rc = add_set(f, set, err);
    }
    return rc;
}
