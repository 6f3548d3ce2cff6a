/* What the placeholders of the tables stand for. A placeholder that is missing here is found by a
 * test. */
#include <stdio.h>
#include <string.h>

#include "cli/audit/list_fields.h"
#include "cli/complete.h"
#include "cli/keys/mint.h"
#include "escrow/apply.h"
#include "escrow/key.h"
#include "escrow/policy.h"

enum { WORD = COMPLETE_WORD };

static const struct {
    const char *placeholder;
    unsigned want;
} placeholders[] = {
    {"[NAME=]FILE", WANT_FILES | WANT_KMS_IS},
    {"[NAME=]PATH", WANT_FILES | WANT_KMS_IS},
    {"[NAME=]REF", WANT_REF | WANT_KMS_IS},
    {"[NAME=]URL", WANT_KMS_IS},
    {"[PURPOSE.]RULE=VALUE", WANT_RULE},
    {"[copy=]REF", WANT_REF},
    {"[copy=|proxy=|spare=]REF", WANT_REF},
    {"[proxy=]REF", WANT_REF},
    {"A,B", WANT_FIELDS},
    {"ARG", WANT_FILES},
    {"ADDRESS", WANT_FREE},
    {"AUTHOR:SEQ|DATE", WANT_FREE},
    {"CMD", WANT_FILES},
    {"CODE", WANT_CODE},
    {"COMMAND", WANT_COMMAND},
    {"COPY", WANT_COPY},
    {"CRN", WANT_FREE},
    {"DATE", WANT_FREE},
    {"DATE|DUR", WANT_FREE},
    {"DATE|FILE", WANT_FILES},
    {"DESCRIPTION", WANT_FREE},
    {"DEST", WANT_DEST},
    {"DIR", WANT_DIRS},
    {"DRILL", WANT_FREE},
    {"DUR", WANT_FREE},
    {"EVENT", WANT_FREE},
    {"EXIT-STATUS", WANT_FREE},
    {"EXPORT", WANT_FILES},
    {"F", WANT_FILES},
    {"FIELD", WANT_FIELD},
    {"FILE", WANT_FILES},
    {"FILE|KEY", WANT_FILES}, /* a person's public key */
    {"FILTER", WANT_FREE},
    {"FOLDER", WANT_FILES},
    {"HASH", WANT_FREE},
    {"ID", WANT_AUTHOR},
    {"ID|CRN|ALIAS", WANT_FREE},
    {"K=V", WANT_FREE},
    {"K[=V]", WANT_FREE},
    {"KEY", WANT_KEY},
    {"KIND", WANT_KIND},
    {"KIND:NAME", WANT_LOSS},
    {"KMS", WANT_KMS},
    {"N", WANT_FREE},
    {"NAME", WANT_NAME},
    {"NAME=PATH", WANT_KMS_IS | WANT_FILES},
    {"PASSWORD", WANT_FREE}, /* an id at a backup server, never a password */
    {"PATH", WANT_FILES},
    {"PERSON", WANT_PERSON},
    {"PURPOSE", WANT_PURPOSE},
    {"REASON", WANT_FREE},
    {"REF", WANT_REF},
    {"REGION", WANT_FREE},
    {"RING", WANT_FREE},
    {"ROOT", WANT_ROOT},
    {"RUN", WANT_RUN},
    {"RUNBOOK", WANT_RUNBOOK | WANT_FILES},
    {"SEQ", WANT_FREE},
    {"SERVER", WANT_VBR},
    {"SHA256:...", WANT_FREE},
    {"SITE", WANT_SITE},
    {"STATE", WANT_STATE},
    {"STEP", WANT_FREE},
    {"TEXT", WANT_FREE},
    {"TIME", WANT_FREE},
    {"URL", WANT_FREE},
    {"USER", WANT_FREE},
    {"UUID|CRN", WANT_FREE},
    {"VENDOR", WANT_FREE},
    {"VERSION", WANT_FREE},
    {"WORD", WANT_FREE},
    {"WORD=VALUE", WANT_FREE},
    {"WRAP", WANT_FREE},
    {"sha256//BASE64", WANT_FREE},
};

/* "text|json|html": lower case and bars, nothing else. */
static int
is_words(const char *text)
{
    return strchr(text, '|') != NULL &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-|") == strlen(text);
}

static int
look_up(const char *placeholder, size_t len)
{
    for (size_t i = 0; i < sizeof placeholders / sizeof placeholders[0]; i++) {
        if (strlen(placeholders[i].placeholder) == len &&
            memcmp(placeholders[i].placeholder, placeholder, len) == 0)
            return (int)placeholders[i].want;
    }
    return -1;
}

int
complete_placeholder(const char *placeholder)
{
    int want = look_up(placeholder, strlen(placeholder));
    if (want >= 0 || is_words(placeholder))
        return want >= 0 ? want : WANT_WORDS;
    want = 0;
    for (const char *p = placeholder; want >= 0 && *p != '\0';) { /* "NAME|FILE" */
        size_t len = strcspn(p, "|");
        int one = look_up(p, len);
        if (one < 0 && strcspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") >= len)
            one = 0; /* "[COMMAND | options]", "DESCRIPTION|-": to be typed as it stands */
        want = one < 0 ? -1 : want | one;
        p += len + (p[len] == '|');
    }
    return want;
}

unsigned
complete_option_want(const struct opt_spec *spec)
{
    int want = complete_placeholder(spec->arg);
    /* What --from names is a place; `rehome --from ROOT` says ROOT. */
    if (spec->id == OPT_FROM && strcmp(spec->arg, "COPY") == 0)
        return WANT_FILES;
    /* A new name, or one in another place. */
    if (want < 0 || want == WANT_NAME)
        return WANT_FREE;
    if (spec->id == OPT_EXPECT)
        return WANT_FREE; /* an escrow's id */
    return (unsigned)want;
}

/* ---- arguments, as the synopsis has them ---- */

/* Whether the synopsis's word is an option that takes a value, which is then the next word. */
static int
takes_value(const struct cmd *cmd, const char *word)
{
    static const struct opt_spec none[] = {OPT_END};
    const struct opt_spec *const tables[] = {cmd->options == NULL ? none : cmd->options, opt_global,
                                             NULL};
    const struct opt_spec *spec =
        word[1] == '-' ? opt_find(tables, word + 2, strlen(word + 2)) : NULL;
    return spec != NULL ? spec->arg != NULL : word[1] != '-';
}

/* The word of a synopsis without brackets around it and dots behind it. */
static void
bare_word(char out[WORD], const char *text, size_t len, int *many)
{
    size_t word = len;
    while (word > 0 && text[word - 1] == '.')
        word--;
    if (text[0] == '[' && memchr(text, ']', len) != NULL && text[word - 1] != ']') {
        /* brackets inside: [PURPOSE.]RULE=VALUE... */
        (void)snprintf(out, WORD, "%.*s", (int)len, text);
    } else {
        while (len > 0 && strchr("[(", text[0]) != NULL) {
            text++;
            len--;
        }
        (void)snprintf(out, WORD, "%.*s", (int)len, text);
    }
    *many = 0;
    for (size_t n = strlen(out); n > 0 && strchr("]).", out[n - 1]) != NULL; n--) {
        *many |= out[n - 1] == '.';
        out[n - 1] = '\0';
    }
}

void
complete_arguments(const struct cmd *cmd, complete_argument_fn fn, void *arg)
{
    int value = 0; /* the next word is an option's */
    for (const char *p = cmd->synopsis; *p != '\0';) {
        char word[WORD];
        int many;
        size_t len = strcspn(p, " ");
        bare_word(word, p, len, &many);
        char *option = strstr(word, "|-"); /* "F|--to", "ID|--request" */
        int is_option = word[0] == '-' && word[1] != '\0';
        if (option != NULL && option[2] != '\0')
            *option = '\0';
        else
            option = NULL;
        if (!value && !is_option && strcmp(word, "|") != 0 && word[0] != '\0')
            fn(arg, word, many);
        value = is_option && takes_value(cmd, word);
        if (option != NULL)
            value = takes_value(cmd, option + 1);
        p += len + strspn(p + len, " ");
    }
}

/* ---- which of them an argument is ---- */

/* NAME after a noun that names things of its kind; a new one has no name yet. */
static unsigned
noun_want(const struct cmd *cmd)
{
    static const struct {
        const char *noun;
        unsigned want;
    } nouns[] = {{"kms", WANT_KMS},        {"root", WANT_ROOT}, {"copy", WANT_COPY},
                 {"vbr", WANT_VBR},        {"site", WANT_SITE}, {"person", WANT_PERSON},
                 {"runbook", WANT_RUNBOOK}};
    for (size_t i = 0; cmd->noun != NULL && i < sizeof nouns / sizeof nouns[0]; i++) {
        if (strcmp(nouns[i].noun, cmd->noun) == 0)
            return nouns[i].want;
    }
    return cmd->noun == NULL && strcmp(cmd->verb, "list") == 0 ? WANT_KEY : WANT_FREE;
}

/* Whether the command makes what its first argument names. */
static int
makes_new(const struct cmd *cmd)
{
    return strcmp(cmd->verb, "create") == 0 || strcmp(cmd->verb, "record") == 0 ||
           (strcmp(cmd->verb, "add") == 0 && cmd->noun != NULL && strcmp(cmd->noun, "wrap") != 0);
}

struct position {
    const struct cmd *cmd;
    unsigned asked, seen;
    int many; /* one that may stand several times is behind us */
    unsigned want;
    char *words;
};

static unsigned
alternatives(const struct cmd *cmd, const char *placeholder)
{
    int want = complete_placeholder(placeholder);
    if (want > 0 && (want & WANT_NAME))
        return ((unsigned)want & ~(unsigned)WANT_NAME) | noun_want(cmd);
    return want < 0 ? WANT_FREE : (unsigned)want;
}

static void
take_position(void *arg, const char *placeholder, int many)
{
    struct position *p = arg;
    unsigned at = p->seen++;
    if (at > p->asked || (at < p->asked && !many && !p->many))
        return;
    if (at == p->asked || many || p->many)
        p->want |= alternatives(p->cmd, placeholder);
    if (at == p->asked && is_words(placeholder))
        (void)snprintf(p->words, WORD, "%s", placeholder);
    p->many |= many;
}

unsigned
complete_argument_want(const struct cmd *cmd, unsigned i, char words[WORD])
{
    struct position p = {.cmd = cmd, .asked = i, .words = words};
    words[0] = '\0';
    complete_arguments(cmd, take_position, &p);
    return i == 0 && makes_new(cmd) ? p.want & (WANT_FILES | WANT_DIRS) : p.want;
}

/* ---- offering ---- */

static void
offer_words(struct complete *c, const char *const *words)
{
    for (; *words != NULL; words++)
        complete_offer(c, *words, NULL);
}

static void
offer_alternatives(struct complete *c, const char *text)
{
    while (*text != '\0') {
        char word[WORD];
        size_t len = strcspn(text, "|");
        (void)snprintf(word, sizeof word, "%.*s", (int)len, text);
        complete_offer(c, word, NULL);
        text += len + (text[len] == '|');
    }
}

static void
offer_rules(struct complete *c)
{
    for (size_t r = 0; policy_rule_name(r) != NULL; r++) {
        char text[WORD];
        (void)snprintf(text, sizeof text, "%s=", policy_rule_name(r));
        complete_offer(c, text, policy_rule_help((enum policy_rule)r));
        for (size_t p = 0; strchr(c->typed, '.') != NULL && policy_purpose(p) != NULL; p++) {
            (void)snprintf(text, sizeof text, "%s.%s=", policy_purpose(p), policy_rule_name(r));
            complete_offer(c, text, NULL);
        }
    }
    for (size_t p = 0; policy_purpose(p) != NULL; p++) {
        char text[WORD];
        (void)snprintf(text, sizeof text, "%s.", policy_purpose(p));
        if (strchr(c->typed, '.') == NULL)
            complete_offer(c, text, NULL);
    }
}

static void
offer_codes(struct complete *c)
{
    for (unsigned i = 0; err_at(i) != RC_OK; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "KM%04d", (int)err_at(i));
        complete_offer(c, text, err_text(err_at(i)));
    }
}

/* Other commands have columns of their own, in no table that could be asked. */
static void
offer_fields(struct complete *c)
{
    int keys = c->cmd != NULL && c->cmd->noun == NULL &&
               (strcmp(c->cmd->verb, "list") == 0 || strcmp(c->cmd->verb, "show") == 0);
    for (const struct list_field *f = list_fields; keys && f->name != NULL; f++)
        complete_offer(c, f->name, NULL);
}

/* "run." stands for all that begin so, which `audit log --kind run` means, too. */
static void
offer_kinds(struct complete *c)
{
    for (size_t i = 0; apply_kind_at(i) != NULL; i++) {
        char text[WORD];
        (void)snprintf(text, sizeof text, "%s", apply_kind_at(i));
        size_t len = strlen(text);
        if (text[len - 1] == '.')
            text[len - 1] = '\0';
        complete_offer(c, text, NULL);
    }
}

/* Columns, orders and kinds of entries. */
static void
offer_records(struct complete *c, unsigned want)
{
    if (want & WANT_FIELDS)
        offer_fields(c);
    for (size_t i = 0; (want & WANT_FIELD) && i < LIST_ORDERS; i++)
        complete_offer(c, list_orders[i].name, NULL);
    if (want & WANT_KIND)
        offer_kinds(c);
}

void
complete_want(struct complete *c, unsigned want, const char *placeholder)
{
    static const char *const refs[] = {
        "file:", "prompt", "-", "env:", "command:", "credential:", "fd:", NULL};
    static const char *const dests[] = {"tty", "-", "file:", "fd:", "vbr:", NULL};
    static const char *const losses[] = {
        "site:", "kms:",        "root:",   "version:", "region:", "vendor:",
        "copy:", "credential:", "person:", "account:", NULL};
    size_t fixed = strlen(c->fixed);
    const char *typed = c->typed + fixed;
    const char *equals = strchr(c->fixed, '=');
    if (equals != NULL && (c->fixed[0] != '-' || equals != c->fixed + fixed - 1))
        want &= ~(unsigned)WANT_KMS_IS; /* it is said already */
    if (want & WANT_WORDS)
        offer_alternatives(c, placeholder);
    if (want & WANT_PURPOSE)
        offer_words(c, mint_purposes);
    for (int i = 0; (want & WANT_STATE) && key_state_at(i) != NULL; i++)
        complete_offer(c, key_state_at(i), NULL);
    if (want & WANT_REF)
        offer_words(c, refs);
    if (want & WANT_DEST)
        offer_words(c, dests);
    if (want & WANT_LOSS)
        offer_words(c, losses);
    if (want & WANT_RULE)
        offer_rules(c);
    if (want & WANT_CODE)
        offer_codes(c);
    offer_records(c, want);
    complete_names(c, want);
    c->files |= (want & WANT_FILES) != 0;
    c->dirs |= (want & WANT_DIRS) != 0;
    /* "file:" and what follows "NAME=file:" is a path. */
    if ((want & (WANT_REF | WANT_DEST)) && strstr(typed, "file:") != NULL)
        c->files = 1;
}
