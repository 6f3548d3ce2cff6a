#include "escrow/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text/json.h"
#include "text/time.h"

static const char *const purposes[POLICY_PURPOSES] = {
    "config-backup", "backup-copy", "backup-job", "capacity-tier", "restore-secret", "other"};

#define DAY_MS (INT64_C(24) * 3600 * 1000)
enum value_kind { VALUE_COUNT, VALUE_TIME, VALUE_YES };

/* The defaults: nothing in the log is needed for them to hold. */
static const struct {
    const char *name;
    enum value_kind kind;
    int64_t least, most; /* of a count */
    int64_t usual;
    const char *help;
} rules[POLICY_RULES] = {
    [POLICY_WRAPS] = {"wraps", VALUE_COUNT, 1, 32, 1, "root keys that a key must be wrapped under"},
    [POLICY_COPIES] = {"copies", VALUE_COUNT, 0, 32, 1, "copies that must hold a key's record"},
    [POLICY_MAX_AGE] = {"max-age", VALUE_TIME, 0, 0, POLICY_NONE,
                        "how old an active key may become before its successor is due"},
    [POLICY_REWRAP] = {"rewrap", VALUE_TIME, 0, 0, 30 * DAY_MS,
                       "how long a wrap may stay behind a rotated root key"},
    [POLICY_DRILL] = {"drill", VALUE_TIME, 0, 0, 90 * DAY_MS,
                      "how long a proof by a drill is good for"},
    [POLICY_REASON] = {"reason", VALUE_YES, 0, 1, 0,
                       "whether every command that changes a key must say why"},
    [POLICY_TICKET] = {"ticket", VALUE_YES, 0, 1, 0, "whether a showing must name a ticket"},
    [POLICY_PERSON] = {"person", VALUE_YES, 0, 1, 0,
                       "whether a showing must name who sees the secret"},
    [POLICY_APPROVERS] = {"approvers", VALUE_COUNT, 0, 9, 0,
                          "others who must stand for a real run that has ended"},
};

const char *
policy_purpose(size_t i)
{
    return i < POLICY_PURPOSES ? purposes[i] : NULL;
}

const char *
policy_rule_name(size_t rule)
{
    return rule < POLICY_RULES ? rules[rule].name : NULL;
}

const char *
policy_rule_help(enum policy_rule rule)
{
    return rules[rule].help;
}

int64_t
policy_default(enum policy_rule rule)
{
    return rules[rule].usual;
}

static size_t
purpose_at(const char *purpose)
{
    for (size_t i = 0; i < POLICY_PURPOSES; i++) {
        if (strcmp(purposes[i], purpose) == 0)
            return i;
    }
    return POLICY_PURPOSES;
}

int64_t
policy_of(const struct policy *p, enum policy_rule rule, const char *purpose)
{
    size_t at = purpose_at(purpose);
    return p->value[rule][at < POLICY_PURPOSES ? at : POLICY_PURPOSES - 1];
}

int64_t
policy_most(const struct policy *p, enum policy_rule rule)
{
    int64_t most = 0;
    for (size_t i = 0; i < POLICY_PURPOSES; i++)
        most = p->value[rule][i] > most ? p->value[rule][i] : most;
    return most;
}

int
policy_field(const char *field, enum policy_rule *rule, const char **purpose)
{
    size_t len = strcspn(field, ".");
    *purpose = NULL;
    if (field[len] == '.') {
        size_t at = purpose_at(field + len + 1);
        if (at == POLICY_PURPOSES)
            return -1;
        *purpose = purposes[at];
    }
    for (size_t i = 0; i < POLICY_RULES; i++) {
        if (strlen(rules[i].name) == len && strncmp(rules[i].name, field, len) == 0) {
            *rule = (enum policy_rule)i;
            return 0;
        }
    }
    return -1;
}

/* ---- values ---- */

void
policy_value_text(char out[POLICY_TEXT], enum policy_rule rule, int64_t value)
{
    static const struct {
        int64_t ms;
        char letter;
    } units[] = {{365 * DAY_MS, 'y'}, {DAY_MS, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
    size_t i = 0;
    if (rules[rule].kind == VALUE_YES) {
        (void)snprintf(out, POLICY_TEXT, "%s", value ? "yes" : "no");
    } else if (rules[rule].kind == VALUE_COUNT) {
        (void)snprintf(out, POLICY_TEXT, "%" PRId64, value);
    } else if (value == POLICY_NONE) {
        (void)snprintf(out, POLICY_TEXT, "none");
    } else {
        while (units[i].ms > 1000 && value % units[i].ms != 0)
            i++;
        (void)snprintf(out, POLICY_TEXT, "%" PRId64 "%c", value / units[i].ms, units[i].letter);
    }
}

/* From JSON. -1: not understood; 1: taken back; 0: *out has it. */
static int
read_value(int64_t *out, enum policy_rule rule, const struct json *v)
{
    struct err scratch = ERR_INIT;
    const char *text = json_str(v);
    if (json_type(v) == JSON_NULL)
        return 1;
    switch (rules[rule].kind) {
    case VALUE_COUNT:
        return json_int(v, out) == 0 && *out >= rules[rule].least && *out <= rules[rule].most ? 0
                                                                                              : -1;
    case VALUE_YES:
        *out = json_bool(v) == 1;
        return json_bool(v) < 0 ? -1 : 0;
    case VALUE_TIME:
        if (text != NULL && strcmp(text, "none") == 0)
            *out = POLICY_NONE;
        else if (text == NULL || duration_parse(out, text, "policy", &scratch) != RC_OK)
            return -1;
        return 0;
    }
    return -1;
}

/* ---- loading ---- */

struct loading {
    int64_t value[POLICY_RULES][POLICY_PURPOSES + 1]; /* the last of each: for all purposes */
    unsigned char set[POLICY_RULES][POLICY_PURPOSES + 1];
    int64_t not_understood;
};

/* Of two that stand side by side: more of a count or of asking, less of time. */
static int64_t
stricter(enum policy_rule rule, int64_t a, int64_t b)
{
    if (rules[rule].kind == VALUE_TIME)
        return a < b ? a : b;
    return a > b ? a : b;
}

static enum rc
take(struct loading *l, const char *field, const char *json, struct err *err)
{
    enum policy_rule rule = POLICY_WRAPS;
    const char *purpose = NULL;
    struct json *doc = NULL;
    int64_t value = 0;
    if (policy_field(field, &rule, &purpose) != 0) {
        l->not_understood++;
        return RC_OK;
    }
    enum rc rc = json_parse(&doc, json, strlen(json), "a value of the policy", err);
    if (rc != RC_OK)
        return rc;
    size_t at = purpose != NULL ? purpose_at(purpose) : POLICY_PURPOSES;
    int how = read_value(&value, rule, doc);
    json_free(doc);
    l->not_understood += how < 0;
    if (how != 0)
        return RC_OK;
    l->value[rule][at] = l->set[rule][at] ? stricter(rule, l->value[rule][at], value) : value;
    l->set[rule][at] = 1;
    return RC_OK;
}

enum rc
policy_load(struct policy *out, const struct store *store, struct err *err)
{
    struct loading l;
    struct stmt *q = NULL;
    memset(&l, 0, sizeof l);
    memset(out, 0, sizeof *out);
    enum rc rc = db_query(store->db, &q,
                          "SELECT name, value FROM field f WHERE object = 'policy' AND NOT EXISTS"
                          " (SELECT 1 FROM superseded s WHERE s.object = f.object"
                          " AND s.name = f.name AND s.entry = f.entry) ORDER BY name, entry",
                          err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = take(&l, col_text(q, 0), col_text(q, 1), err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    out->not_understood = l.not_understood;
    for (size_t r = 0; r < POLICY_RULES; r++) {
        int64_t all = l.set[r][POLICY_PURPOSES] ? l.value[r][POLICY_PURPOSES] : rules[r].usual;
        for (size_t p = 0; p < POLICY_PURPOSES; p++)
            out->value[r][p] = l.set[r][p] ? l.value[r][p] : all;
    }
    return rc;
}

/* ---- the command line ---- */

static enum rc
no_rule(const char *text, struct err *err)
{
    (void)err_set(err, RC_NOT_FOUND, "policy: there is no rule %.80s", text);
    return err_hint(err, "[PURPOSE.]RULE=VALUE, RULE one of: wraps copies max-age rewrap drill "
                         "reason ticket person approvers\n"
                         "PURPOSE one of: config-backup backup-copy backup-job capacity-tier "
                         "restore-secret other");
}

static enum rc
write_count(struct policy_setting *s, const char *value, struct err *err)
{
    int64_t n = -1;
    if (value[0] != '\0' && strlen(value) <= 3 && strspn(value, "0123456789") == strlen(value))
        n = value[0] == '0' && value[1] != '\0' ? -1 : 0;
    for (const char *c = value; n >= 0 && *c != '\0'; c++)
        n = n * 10 + (*c - '0');
    if (n < rules[s->rule].least || n > rules[s->rule].most)
        return err_set(err, RC_BAD_VALUE, "policy: %s is a number from %" PRId64 " to %" PRId64,
                       rules[s->rule].name, rules[s->rule].least, rules[s->rule].most);
    (void)snprintf(s->json, sizeof s->json, "%" PRId64, n);
    return RC_OK;
}

static enum rc
write_value(struct policy_setting *s, const char *value, struct err *err)
{
    int64_t ms = 0;
    if (strcmp(value, "default") == 0) {
        (void)snprintf(s->json, sizeof s->json, "null");
        return RC_OK;
    }
    if (rules[s->rule].kind == VALUE_COUNT)
        return write_count(s, value, err);
    if (rules[s->rule].kind == VALUE_YES) {
        if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
            return err_set(err, RC_BAD_VALUE, "policy: %s is yes or no", rules[s->rule].name);
        (void)snprintf(s->json, sizeof s->json, "%s", value[0] == 'y' ? "true" : "false");
        return RC_OK;
    }
    enum rc rc =
        strcmp(value, "none") == 0 ? RC_OK : duration_parse(&ms, value, rules[s->rule].name, err);
    if (rc == RC_OK && strlen(value) >= POLICY_TEXT)
        rc = err_set(err, RC_BAD_VALUE, "policy: %.40s is too long", value);
    if (rc == RC_OK)
        (void)snprintf(s->json, sizeof s->json, "\"%s\"", value);
    return rc;
}

enum rc
policy_setting(struct policy_setting *out, const char *text, struct err *err)
{
    const char *equals = strchr(text, '=');
    const char *dot = strchr(text, '.');
    char name[64], field[64];
    memset(out, 0, sizeof *out);
    if (equals == NULL)
        return err_set(err, RC_USAGE, "policy set: %.80s has no value: write [PURPOSE.]RULE=VALUE",
                       text);
    if ((size_t)(equals - text) >= sizeof name)
        return no_rule(text, err);
    (void)snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    (void)snprintf(field, sizeof field, "%s", name);
    if (dot != NULL && dot < equals) /* PURPOSE.RULE is kept as RULE.PURPOSE */
        (void)snprintf(field, sizeof field, "%s.%.*s", name + (dot - text) + 1, (int)(dot - text),
                       name);
    if (policy_field(field, &out->rule, &out->purpose) != 0)
        return no_rule(name, err);
    (void)snprintf(out->field, sizeof out->field, "%s", field);
    return write_value(out, equals + 1, err);
}
