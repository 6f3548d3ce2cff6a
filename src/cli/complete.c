/* Completion: where on the command line the word stands, and so what it may be. */
#include "cli/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "sys/env.h"
#include "sys/path.h"

/* ---- candidates ---- */

/* A candidate and its help; both are free of control characters, as names and tables are. */
void
complete_offer(struct complete *c, const char *candidate, const char *help)
{
    size_t head = strlen(c->head), fixed = strlen(c->fixed), typed = strlen(c->typed);
    struct buf whole;
    buf_init(&whole, LIMIT_TEXT);
    buf_addf(&whole, "%.*s%s", (int)fixed, c->fixed, candidate);
    if (strpbrk(candidate, "\n\t\r\033") != NULL || whole.failed ||
        strncmp(buf_str(&whole), c->typed, typed) != 0) {
        buf_release(&whole);
        return;
    }
    if (c->shell == COMPLETE_BASH)
        complete_quote(c->lines, buf_str(&whole) + head, c->quote);
    else
        buf_adds(c->lines, buf_str(&whole));
    if (help != NULL && c->shell != COMPLETE_BASH)
        buf_addf(c->lines, "\t%s", help);
    buf_addc(c->lines, '\n');
    buf_release(&whole);
}

/* ---- what stands before ---- */

struct before {
    const char *words[2]; /* noun and verb, or a bare verb */
    unsigned word_count;
    unsigned arguments;             /* after those */
    const struct opt_spec *open;    /* an option whose value comes next */
    int stopped;                    /* "--": no more options */
    int child;                      /* the rest is another program's */
    unsigned char used[OPT_COUNT_]; /* options that stand there */
};

static void
take_argument(struct complete *c, struct before *b, const char *text)
{
    if (c->cmd != NULL) {
        b->arguments++;
        b->child |= (c->cmd->flags & CMD_EXEC) && b->arguments > 1;
        return;
    }
    if (b->word_count < 2)
        b->words[b->word_count++] = text;
    if (b->word_count == 1 && !cmd_is_noun(text))
        c->cmd = cmd_find(text, NULL);
    else if (b->word_count == 2)
        c->cmd = cmd_find(b->words[0], text);
}

static enum rc
look_before(struct complete *c, struct before *b, int count, char **words, struct err *err)
{
    const struct opt_spec *tables[CMD_MOST + 2];
    struct opt_walk walk;
    struct opt_item item;
    enum rc rc = cmd_all_options(tables, err);
    if (rc != RC_OK)
        return rc;
    opt_walk_init(&walk, tables, count, words);
    walk.at = 0; /* no program's name before them */
    while (!b->child && opt_walk_next(&walk, &item) != OPT_K_END) {
        if (item.kind == OPT_K_WORD)
            take_argument(c, b, item.text);
        else if (item.kind == OPT_K_STOP)
            b->child |= c->cmd != NULL && (c->cmd->flags & CMD_EXEC);
        else if (item.kind == OPT_K_OPTION)
            b->used[item.spec->id] = 1;
        b->stopped |= item.kind == OPT_K_STOP;
        if (item.kind == OPT_K_OPTION && item.spec->id == OPT_STORE)
            c->store_dir = item.text;
        b->open = item.kind == OPT_K_LACKS ? item.spec : NULL;
    }
    return RC_OK;
}

/* The option as the command's own table has it: another table may say another thing of its value.
 */
static const struct opt_spec *
own_option(const struct complete *c, const char *name, size_t len)
{
    static const struct opt_spec none[] = {OPT_END};
    const struct opt_spec *const tables[] = {
        c->cmd == NULL || c->cmd->options == NULL ? none : c->cmd->options, opt_global, NULL};
    return opt_find(tables, name, len);
}

/* ---- what may stand there ---- */

static void
offer_options(struct complete *c, const struct before *b, const struct opt_spec *specs)
{
    for (; specs != NULL && specs->id != OPT_NONE; specs++) {
        char text[64] = "--";
        strncat(text, specs->name, sizeof text - 3);
        if (!(specs->flags & OPT_HIDDEN) && (!b->used[specs->id] || (specs->flags & OPT_MANY)))
            complete_offer(c, text, specs->help);
    }
}

/* The next word of a command; all: every one of them, for `help`. */
static void
offer_commands(struct complete *c, const char *noun)
{
    const struct cmd *cmd;
    for (size_t i = 0; (cmd = cmd_at(i)) != NULL; i++) {
        if (cmd->flags & CMD_HIDDEN)
            continue;
        if (noun != NULL && cmd->noun != NULL && strcmp(cmd->noun, noun) == 0)
            complete_offer(c, cmd->verb, cmd->summary);
        if (noun != NULL)
            continue;
        int seen = 0;
        for (size_t j = 0; j < i && cmd->noun != NULL && !seen; j++)
            seen = cmd_at(j)->noun != NULL && strcmp(cmd_at(j)->noun, cmd->noun) == 0;
        if (!seen)
            complete_offer(c, cmd->noun == NULL ? cmd->verb : cmd->noun,
                           cmd->noun == NULL ? cmd->summary : NULL);
    }
}

/* What is looked for stands behind this many bytes of what was typed. */
static void
fix(struct complete *c, size_t len)
{
    static char fixed[COMPLETE_WORD];
    if (len >= sizeof fixed)
        return;
    memcpy(fixed, c->typed, len);
    fixed[len] = '\0';
    c->fixed = fixed;
}

/* [NAME=]REF: the names, or behind one what REF may be. */
static void
fix_name(struct complete *c, const char *arg)
{
    const char *typed = c->typed + strlen(c->fixed);
    size_t name = strspn(typed, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    if (strchr(arg, '=') != NULL && typed[name] == '=') {
        fix(c, (size_t)(typed - c->typed) + name + 1);
        return;
    }
    for (const char *p = arg; arg[0] == '[' && *p != '\0' && *p != ']';) { /* [copy=|proxy=]REF */
        char text[COMPLETE_WORD];
        size_t len = strspn(++p, "abcdefghijklmnopqrstuvwxyz=");
        (void)snprintf(text, sizeof text, "%.*s", (int)len, p);
        if (len > 0 && p[len - 1] == '=')
            complete_offer(c, text, NULL);
        p += strcspn(p, "|]");
    }
}

static void
offer_value(struct complete *c, const struct opt_spec *spec)
{
    if (spec == NULL || spec->arg == NULL)
        return;
    fix_name(c, spec->arg);
    const char *comma = spec->id == OPT_FIELDS ? strrchr(c->typed, ',') : NULL;
    if (comma != NULL)
        fix(c, (size_t)(comma + 1 - c->typed));
    complete_want(c, complete_option_want(spec), spec->arg);
}

/* What help may be asked about: words of commands, and its topics. */
static void
offer_topics(struct complete *c, const struct before *b, char **words, int count)
{
    if (b->arguments == 0) {
        offer_commands(c, NULL);
        complete_offer(c, "options", NULL);
        complete_offer(c, "exit-codes", NULL);
    } else if (b->arguments == 1 && count > 0) {
        offer_commands(c, words[count - 1]);
    }
}

static void
offer(struct complete *c, const struct before *b, int count, char **words)
{
    int dash = c->typed[0] == '-' && !b->stopped;
    size_t name = dash && c->typed[1] == '-' ? strcspn(c->typed, "=") : 0;
    if (b->open != NULL) {
        offer_value(c, own_option(c, b->open->name, strlen(b->open->name)));
    } else if (b->child) {
        c->files = 1;
    } else if (name > 2 && c->typed[name] == '=') {
        fix(c, name + 1);
        offer_value(c, own_option(c, c->typed + 2, name - 2));
    } else if (dash) {
        if (c->cmd != NULL)
            offer_options(c, b, c->cmd->options);
        offer_options(c, b, opt_global);
    } else if (c->cmd == NULL) {
        offer_commands(c, b->word_count == 0 ? NULL : b->words[0]);
    } else if (c->cmd->noun == NULL && strcmp(c->cmd->verb, "help") == 0) {
        offer_topics(c, b, words, count);
    } else {
        char one_of[COMPLETE_WORD];
        unsigned want = complete_argument_want(c->cmd, b->arguments, one_of);
        complete_want(c, want, one_of);
    }
}

/* ---- the whole ---- */

/* ~/x, which the shell has not expanded yet. */
static void
expand_home(struct complete *c, char path[PATH_SIZE])
{
    struct err ignored = ERR_INIT;
    const char *home = env_get("HOME");
    if (c->store_dir != NULL && strncmp(c->store_dir, "~/", 2) == 0 && home != NULL &&
        path_join(path, home, c->store_dir + 2, &ignored) == RC_OK)
        c->store_dir = path;
}

/* The words with their quotes taken off, one after the other in text. */
static enum rc
unquote_words(struct buf *text, char **out, int count, const char *const *words, struct err *err)
{
    size_t at = 0;
    char open;
    for (int i = 0; i < count; i++) {
        if (complete_unquote(text, words[i], &open) != 0)
            buf_adds(text, words[i]);
        buf_addc(text, '\0');
    }
    enum rc rc = buf_check(text, "the words", err);
    for (int i = 0; rc == RC_OK && i < count; i++) {
        out[i] = text->data + at;
        at += strlen(out[i]) + 1;
    }
    return rc;
}

enum rc
complete_words(struct complete *c, int count, const char *const *words, const char *head,
               const char *tail, struct err *err)
{
    struct before b = {.word_count = 0};
    struct buf text, first, typed;
    char open;
    char **plain = calloc((size_t)count + 1, sizeof *plain);
    buf_init(&text, LIMIT_SMALL_FILE);
    buf_init(&first, LIMIT_SMALL_FILE);
    buf_init(&typed, LIMIT_SMALL_FILE);
    enum rc rc = plain == NULL ? err_nomem(err) : unquote_words(&text, plain, count, words, err);
    int usable = rc == RC_OK && complete_unquote(&first, head, &open) == 0;
    buf_adds(&typed, buf_str(&first));
    usable = usable && complete_unquote(&typed, tail, &c->quote) == 0;
    if (usable && buf_check(&typed, "the word", err) == RC_OK) {
        char path[PATH_SIZE];
        c->head = buf_str(&first);
        c->typed = buf_str(&typed);
        c->fixed = "";
        rc = look_before(c, &b, count, plain, err);
        expand_home(c, path);
        if (rc == RC_OK)
            offer(c, &b, count, plain);
    }
    buf_release(&text);
    buf_release(&first);
    buf_release(&typed);
    free(plain);
    return rc;
}
