#include "cli/opt.h"

#include <stdlib.h>
#include <string.h>

#include "cli/ref.h"
#include "text/uni.h"

/* Values that the messages repeat are cut here. */
#define SHOWN 64

/* clang-format off */
const struct opt_spec opt_global[] = {
    {OPT_STORE, "store", 'C', "DIR", 0, "the store (else KEYMUSTER_STORE, else the default place)"},
    {OPT_OUTPUT, "output", 'o', "text|json|ndjson|csv", 0, "form of the answer; json is one line"},
    {OPT_JSON, "json", 0, NULL, 0, "the same as -o json"},
    {OPT_FIELDS, "fields", 0, "A,B", 0, "only these columns"},
    {OPT_DRY_RUN, "dry-run", 'n', NULL, 0, "say what would be done, change nothing"},
    {OPT_REASON, "reason", 0, "TEXT", 0, "why; goes into the record"},
    {OPT_TICKET, "ticket", 0, "REF", 0, "number of a ticket or change; goes into the record"},
    {OPT_YES, "yes", 'y', NULL, 0, "answer plain questions with yes"},
    {OPT_CONFIRM, "confirm", 0, "WORD", 0, "answer the question that wants a name typed"},
    {OPT_ACCEPT_RISK, "accept-risk", 0, "TEXT", 0, "go on against advice; TEXT is recorded"},
    {OPT_ALLOW_UNSYNCED, "allow-unsynced", 0, NULL, 0,
     "hand a new secret out before a copy has its record; recorded"},
    {OPT_NO_INPUT, "no-input", 0, NULL, 0, "ask nothing; fail with the option that would answer"},
    {OPT_OFFLINE, "offline", 0, NULL, 0, "use no network"},
    {OPT_TIMEOUT, "timeout", 0, "DUR", 0, "longest wait for the network, such as 30s"},
    {OPT_COLOR, "color", 0, "auto|always|never", 0, "colours; else auto"},
    {OPT_PROGRESS, "progress", 0, "auto|tty|plain|json|none", 0, "how progress is shown; else auto"},
    {OPT_QUIET, "quiet", 'q', NULL, 0, "only the answer and errors"},
    {OPT_VERBOSE, "verbose", 'v', NULL, OPT_MANY, "say more; twice: requests, too"},
    {OPT_HELP, "help", 'h', NULL, 0, "this page"},
    {OPT_VERSION, "version", 'V', NULL, 0, "the version"},
    OPT_END,
};
/* clang-format on */

static const struct opt_spec *
find_letter(const struct opt_spec *const *tables, char letter)
{
    for (size_t t = 0; tables[t] != NULL; t++) {
        for (const struct opt_spec *s = tables[t]; s->id != OPT_NONE; s++) {
            if (s->letter == letter)
                return s;
        }
    }
    return NULL;
}

const struct opt_spec *
opt_find(const struct opt_spec *const *tables, const char *name, size_t len)
{
    for (size_t t = 0; tables[t] != NULL; t++) {
        for (const struct opt_spec *s = tables[t]; s->id != OPT_NONE; s++) {
            if (strlen(s->name) == len && memcmp(s->name, name, len) == 0)
                return s;
        }
    }
    return NULL;
}

/* Names that people try for a secret. They are no options, but what follows is a secret, so it is
 * skipped with them and never repeated. */
static int
is_secret_name(const char *name, size_t len)
{
    static const char *const names[] = {"password", "passphrase", "token",      "api-key",
                                        "apikey",   "secret",     "secret-key", "pass",
                                        "passwd",   "credential", "access-key", "key-material"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return 1;
    }
    return 0;
}

void
opt_walk_init(struct opt_walk *w, const struct opt_spec *const *tables, int argc, char **argv)
{
    *w = (struct opt_walk){.tables = tables, .argv = argv, .argc = argc, .at = 1};
}

static enum opt_kind
item_set(struct opt_item *item, enum opt_kind kind, const char *text)
{
    item->kind = kind;
    item->text = text;
    item->text_len = text == NULL ? 0 : strlen(text);
    return kind;
}

/* The value of item->spec: in the same word, or the next one. */
static enum opt_kind
walk_value(struct opt_walk *w, struct opt_item *item, const char *same_word)
{
    const char *text = same_word;
    if (text == NULL) {
        if (w->at >= w->argc)
            return item_set(item, OPT_K_LACKS, NULL);
        text = w->argv[w->at];
        /* `--reason --ticket X`: a forgotten value, not the reason "--ticket". */
        if (strcmp(text, "--") == 0 ||
            (strncmp(text, "--", 2) == 0 && opt_find(w->tables, text + 2, strcspn(text + 2, "="))))
            return item_set(item, OPT_K_GREEDY, text);
        w->at++;
    }
    return item_set(item, text[0] == '\0' ? OPT_K_EMPTY : OPT_K_OPTION, text);
}

static enum opt_kind
walk_long(struct opt_walk *w, struct opt_item *item, const char *word)
{
    const char *name = word + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    item->spec = opt_find(w->tables, name, len);
    if (item->spec == NULL) {
        if (value == NULL && is_secret_name(name, len) && w->at < w->argc)
            w->at++;
        item->kind = OPT_K_UNKNOWN;
        item->text = word;
        item->text_len = len + 2;
        return item->kind;
    }
    if (item->spec->arg != NULL)
        return walk_value(w, item, value);
    return item_set(item, value == NULL ? OPT_K_OPTION : OPT_K_SURPLUS, NULL);
}

static enum opt_kind
walk_letter(struct opt_walk *w, struct opt_item *item)
{
    const char *at = w->cluster;
    item->spec = find_letter(w->tables, at[0]);
    if (item->spec == NULL) {
        w->cluster = NULL; /* what follows may be a value: not to be taken for flags */
        item->kind = OPT_K_UNKNOWN;
        item->text = at;
        item->text_len = 1;
        return item->kind;
    }
    if (item->spec->arg != NULL) {
        w->cluster = NULL;
        return walk_value(w, item, at[1] == '\0' ? NULL : at + 1);
    }
    w->cluster = at[1] == '\0' ? NULL : at + 1;
    return item_set(item, OPT_K_OPTION, NULL);
}

enum opt_kind
opt_walk_next(struct opt_walk *w, struct opt_item *item)
{
    *item = (struct opt_item){.kind = OPT_K_END};
    if (w->cluster != NULL)
        return walk_letter(w, item);
    if (w->at >= w->argc)
        return OPT_K_END;
    const char *word = w->argv[w->at++];
    if (w->stopped || word[0] != '-' || word[1] == '\0')
        return item_set(item, OPT_K_WORD, word);
    if (strcmp(word, "--") == 0) {
        w->stopped = 1;
        return item_set(item, OPT_K_STOP, NULL);
    }
    if (word[1] == '-')
        return walk_long(w, item, word);
    w->cluster = word + 1;
    return walk_letter(w, item);
}

static enum rc
secret_lesson(const char *option, size_t len, struct err *err)
{
    char what[SHOWN + 1];
    if (len > SHOWN)
        len = SHOWN;
    memcpy(what, option, len);
    what[len] = '\0';
    (void)err_set(err, RC_SECRET_LITERAL, "%s: no secret is taken on the command line", what);
    (void)err_why(err, "the shell's history and the process list show what stands there");
    (void)err_hint(err, "change that secret if it is in use: it has been seen there by now");
    (void)err_hint(err, "--credential file:PATH   a file that only you can read");
    (void)err_hint(err, "--credential prompt      asked for without echo");
    return err_hint(err, "--credential -           read from standard input");
}

/* The known long name nearest to name, or NULL when none is near. */
static const char *
nearest(const struct opt_spec *const *tables, const char *name, size_t len)
{
    char word[SHOWN + 1];
    if (len > SHOWN)
        return NULL;
    memcpy(word, name, len);
    word[len] = '\0';
    const char *best = NULL;
    unsigned best_distance = len < 5 ? 2 : 3; /* must be less */
    for (size_t t = 0; tables[t] != NULL; t++) {
        for (const struct opt_spec *s = tables[t]; s->id != OPT_NONE; s++) {
            unsigned distance = edit_distance(word, s->name);
            if (!(s->flags & OPT_HIDDEN) && distance < best_distance) {
                best = s->name;
                best_distance = distance;
            }
        }
    }
    return best;
}

static enum rc
complain_unknown(const struct opt_walk *w, const struct opt_item *item, struct err *err)
{
    int shown = item->text_len > SHOWN ? SHOWN : (int)item->text_len;
    if (strncmp(item->text, "--", 2) != 0) {
        (void)err_set(err, RC_USAGE, "unknown option -%.*s", shown, item->text);
        return err_hint(err, "all options: add --help");
    }
    if (is_secret_name(item->text + 2, item->text_len - 2))
        return secret_lesson(item->text, item->text_len, err);
    (void)err_set(err, RC_USAGE, "unknown option %.*s", shown, item->text);
    const char *name = nearest(w->tables, item->text + 2, item->text_len - 2);
    if (name != NULL)
        (void)err_hint(err, "nearest: --%s", name);
    return err_hint(err, "all options: add --help");
}

enum rc
opt_complain(const struct opt_walk *w, const struct opt_item *item, struct err *err)
{
    switch (item->kind) {
    case OPT_K_UNKNOWN:
        return complain_unknown(w, item, err);
    case OPT_K_LACKS:
        return err_set(err, RC_USAGE, "--%s needs a value: --%s %s", item->spec->name,
                       item->spec->name, item->spec->arg);
    case OPT_K_EMPTY:
        return err_set(err, RC_USAGE, "--%s: the value is empty", item->spec->name);
    case OPT_K_SURPLUS:
        return err_set(err, RC_USAGE, "--%s takes no value", item->spec->name);
    case OPT_K_GREEDY:
        (void)err_set(err, RC_USAGE, "--%s needs a value: --%s %s", item->spec->name,
                      item->spec->name, item->spec->arg);
        (void)err_why(err, "an option follows it");
        return err_hint(err, "if that is the value: --%s=VALUE", item->spec->name);
    case OPT_K_END:
    case OPT_K_WORD:
    case OPT_K_OPTION:
    case OPT_K_STOP:
        break;
    }
    return err_set(err, RC_INTERNAL, "no complaint about the command line");
}

/* Skips NAME= of NAME=REF; else text itself. */
static const char *
without_name(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    return len > 0 && text[len] == '=' ? text + len + 1 : text;
}

static enum rc
add_value(struct opts *o, const struct opt_spec *spec, const char *text, struct err *err)
{
    if (!(spec->flags & OPT_MANY) && opt_has(o, spec->id))
        return err_set(err, RC_USAGE, "--%s is given twice", spec->name);
    if ((spec->flags & OPT_SECRET_REF) && text != NULL) {
        char what[SHOWN + 3] = "--";
        strncat(what, spec->name, SHOWN);
        const char *ref = text;
        if ((spec->flags & OPT_NAMED_REF) && !ref_is(text))
            ref = without_name(text);
        enum rc rc = ref_check(ref, what, err);
        if (rc != RC_OK)
            return rc;
    }
    o->values[o->count++] = (struct opt_value){spec->id, text};
    return RC_OK;
}

/* What the parser knows besides the result. */
struct parsing {
    struct opt_walk walk;
    unsigned words; /* of the command, still to come */
    unsigned flags;
};

/* Takes the child's command line at argv[at] on; *done ends the parsing. */
static void
take_child(struct opts *o, const struct parsing *p, int at, int *done)
{
    if (p->walk.argv[at] != NULL)
        o->child = p->walk.argv + at;
    *done = 1;
}

static enum rc
take_item(struct opts *o, struct parsing *p, const struct opt_item *item, int *done,
          struct err *err)
{
    int exec = (p->flags & OPT_PARSE_EXEC) && p->words == 0;
    switch (item->kind) {
    case OPT_K_END:
        *done = 1;
        return RC_OK;
    case OPT_K_WORD:
        if (p->words > 0)
            p->words--;
        else if (exec && o->arg_count == 1)
            take_child(o, p, p->walk.at - 1, done);
        else
            o->args[o->arg_count++] = item->text;
        return RC_OK;
    case OPT_K_OPTION:
        return add_value(o, item->spec, item->text, err);
    case OPT_K_STOP:
        if (exec)
            take_child(o, p, p->walk.at, done);
        return RC_OK;
    case OPT_K_UNKNOWN:
    case OPT_K_LACKS:
    case OPT_K_EMPTY:
    case OPT_K_SURPLUS:
    case OPT_K_GREEDY:
        break;
    }
    return opt_complain(&p->walk, item, err);
}

/* Most values there can be: a word holds several only as joined flags. */
static size_t
most_values(int argc, char **argv)
{
    size_t n = 1;
    for (int i = 1; i < argc; i++)
        n += argv[i][0] == '-' && argv[i][1] != '-' ? strlen(argv[i]) : 1;
    return n;
}

enum rc
opt_parse(struct opts *o, int argc, char **argv, const struct opt_spec *command, unsigned words,
          unsigned flags, struct err *err)
{
    static const struct opt_spec none[] = {OPT_END};
    const struct opt_spec *tables[] = {command == NULL ? none : command, opt_global, NULL};
    struct parsing p = {.words = words, .flags = flags};
    enum rc rc = RC_OK;
    *o = (struct opts){0};
    o->values = calloc(most_values(argc, argv), sizeof *o->values);
    o->args = calloc((size_t)argc + 1, sizeof *o->args);
    if (o->values == NULL || o->args == NULL) {
        rc = err_nomem(err);
        goto out;
    }
    opt_walk_init(&p.walk, tables, argc, argv);
    for (int done = 0; !done && rc == RC_OK;) {
        struct opt_item item;
        (void)opt_walk_next(&p.walk, &item);
        rc = take_item(o, &p, &item, &done, err);
    }
out:
    if (rc != RC_OK)
        opt_release(o);
    return rc;
}

void
opt_release(struct opts *o)
{
    free(o->values);
    free(o->args);
    *o = (struct opts){0};
}

const char *
opt_at(const struct opts *o, enum opt_id id, size_t i)
{
    for (size_t v = 0; v < o->count; v++) {
        if (o->values[v].id == id && i-- == 0)
            return o->values[v].text;
    }
    return NULL;
}

size_t
opt_count(const struct opts *o, enum opt_id id)
{
    size_t n = 0;
    for (size_t v = 0; v < o->count; v++)
        n += o->values[v].id == id;
    return n;
}

int
opt_has(const struct opts *o, enum opt_id id)
{
    return opt_count(o, id) > 0;
}

const char *
opt_get(const struct opts *o, enum opt_id id)
{
    size_t n = opt_count(o, id);
    return n == 0 ? NULL : opt_at(o, id, n - 1);
}

const char *
opt_arg(const struct opts *o, size_t i)
{
    return i < o->arg_count ? o->args[i] : NULL;
}
