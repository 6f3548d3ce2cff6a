#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recover/runbook_read.h"
#include "text/ini.h"
#include "text/time.h"
#include "text/uni.h"

static const struct {
    enum step_kind kind;
    const char *name;
} kinds[] = {
    {STEP_CHECK, "check"},   {STEP_ACTION, "action"}, {STEP_REVEAL, "reveal"},
    {STEP_MANUAL, "manual"}, {STEP_WAIT, "wait"},     {STEP_APPROVE, "approve"},
    {STEP_LOOP, "loop"},     {STEP_NOTE, "note"},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

const char *
step_kind_name(enum step_kind kind)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].kind == kind)
            return kinds[i].name;
    }
    return "none";
}

static const struct ini_rule head_rules[] = {
    {"runbook", 0, "id"}, {"runbook", 0, "rto"}, {"runbook", 0, "review"}, {NULL, 0, NULL}};
static const struct ini_rule step_rules[] = {
    {"step", 0, "id"},     {"step", 0, "kind"},   {"step", 0, "run"},      {"step", 0, "key"},
    {"step", 0, "each"},   {"step", 0, "modes"},  {"step", 0, "budget"},   {"step", 0, "repeat"},
    {"step", 0, "fields"}, {"step", 0, "people"}, {"step", 0, "findings"}, {NULL, 0, NULL}};

/* The block's lines as the one section that they are, at the lines of the file where they stand. */
static enum rc
read_block(struct runbook *r, cmark_node *block, const char *file, const char *section,
           const struct ini_rule *rules, struct ini **out, struct err *err)
{
    struct buf text;
    struct err bad = ERR_INIT;
    int line = cmark_node_get_start_line(block);
    *out = NULL;
    buf_init(&text, (size_t)2 * RUNBOOK_TEXT);
    for (int i = 1; i < line; i++)
        buf_addc(&text, '\n');
    buf_addf(&text, "[%s]\n%s", section, cmark_node_get_literal(block));
    enum rc rc = buf_check(&text, "a runbook", err);
    if (rc == RC_OK) {
        rc = ini_parse(out, buf_str(&text), text.len, file, &bad);
        if (rc == RC_OK)
            rc = ini_check(*out, rules, &bad);
        if (rc == RC_CONFIG) {
            ini_free(*out);
            *out = NULL;
            rc = runbook_severe(r, err, line, "%s: %s", bad.msg, bad.why);
        } else if (rc != RC_OK) {
            *err = bad;
        }
    }
    buf_release(&text);
    return rc;
}

static enum rc
take_id(struct runbook *r, char out[LIMIT_NAME + 1], const struct ini *ini, const char *section,
        int line, struct err *err)
{
    struct err bad = ERR_INIT;
    const char *id = ini_get(ini, section, NULL, "id");
    if (id == NULL)
        return runbook_severe(r, err, line,
                              "id = NAME is missing: a short word that never changes");
    if (name_check(id, "id", &bad) != RC_OK)
        return runbook_severe(r, err, line, "%s", bad.msg);
    (void)snprintf(out, LIMIT_NAME + 1, "%s", id);
    return RC_OK;
}

static enum rc
take_duration(struct runbook *r, int64_t *ms, const struct ini *ini, const char *section,
              const char *key, int line, struct err *err)
{
    struct err bad = ERR_INIT;
    const char *text = ini_get(ini, section, NULL, key);
    if (text == NULL || duration_parse(ms, text, key, &bad) == RC_OK)
        return RC_OK;
    *ms = 0;
    return runbook_severe(r, err, line, "%s: a duration is digits and one of s m h d w y", key);
}

static enum rc
take_head(struct runbook *r, cmark_node *block, const char *file, struct err *err)
{
    struct ini *ini = NULL;
    int line = cmark_node_get_start_line(block);
    int64_t ms = 0;
    struct err bad = ERR_INIT;
    enum rc rc = read_block(r, block, file, "runbook", head_rules, &ini, err);
    if (rc != RC_OK || ini == NULL)
        return rc;
    rc = take_id(r, r->id, ini, "runbook", line, err);
    if (rc == RC_OK)
        rc = take_duration(r, &r->rto_ms, ini, "runbook", "rto", line, err);
    const char *review = ini_get(ini, "runbook", NULL, "review");
    if (rc == RC_OK && review != NULL && date_parse(&ms, review, "review", &bad) != RC_OK)
        rc = runbook_severe(r, err, line, "review: a date is YYYY-MM-DD");
    else if (rc == RC_OK && review != NULL)
        (void)snprintf(r->review, sizeof r->review, "%s", review);
    ini_free(ini);
    return rc;
}

static const struct {
    enum field_type type;
    const char *name;
} types[] = {
    {FIELD_TEXT, "text"},     {FIELD_NUMBER, "number"}, {FIELD_TIME, "time"},
    {FIELD_CHOICE, "choice"}, {FIELD_SHA256, "sha256"}, {FIELD_CHECK, "check"},
};

/* One of "name type[:of] [optional], ..."; words: its own, which are cut. */
static enum rc
take_field(struct runbook *r, struct step *s, char *text, int line, struct err *err)
{
    char *rest = NULL;
    struct err bad = ERR_INIT;
    const char *name = strtok_r(text, " ", &rest);
    char *type = strtok_r(NULL, " ", &rest);
    const char *last = strtok_r(NULL, " ", &rest);
    if (name == NULL || type == NULL || name_check(name, "field", &bad) != RC_OK)
        return runbook_severe(r, err, line, "fields: NAME TYPE, with a comma before the next");
    if (s->field_count == RUNBOOK_FIELDS)
        return runbook_severe(r, err, line, "more than %d fields", RUNBOOK_FIELDS);
    struct step_field *f = &s->fields[s->field_count];
    memset(f, 0, sizeof *f);
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    f->optional = last != NULL && strcmp(last, "optional") == 0;
    if (last != NULL && !f->optional)
        return runbook_severe(r, err, line, "field %s: only \"optional\" can follow the type",
                              name);
    char *of = strchr(type, ':');
    if (of != NULL)
        *of++ = '\0';
    size_t i = 0;
    while (i < sizeof types / sizeof types[0] && strcmp(types[i].name, type) != 0)
        i++;
    if (i == sizeof types / sizeof types[0])
        return runbook_severe(
            r, err, line, "field %s: a type is text, number, time, choice:A|B, sha256 or check:KEY",
            name);
    f->type = types[i].type;
    if ((f->type == FIELD_CHOICE || f->type == FIELD_CHECK) != (of != NULL && *of != '\0'))
        return runbook_severe(r, err, line, "field %s: %s", name,
                              f->type == FIELD_CHOICE  ? "choice:A|B says the words"
                              : f->type == FIELD_CHECK ? "check:KEY says the key to compare with"
                                                       : "nothing follows this type");
    s->field_count++;
    return of != NULL ? runbook_keep(r, &f->of, of, err) : RC_OK;
}

static enum rc
take_fields(struct runbook *r, struct step *s, const char *list, int line, struct err *err)
{
    char *rest = NULL;
    char *copy = strdup(list);
    enum rc rc = copy == NULL ? err_nomem(err) : RC_OK;
    for (char *f = rc == RC_OK ? strtok_r(copy, ",", &rest) : NULL; rc == RC_OK && f != NULL;
         f = strtok_r(NULL, ",", &rest))
        rc = take_field(r, s, f, line, err);
    free(copy);
    return rc;
}

static unsigned
modes_of(const char *text)
{
    if (text == NULL || strcmp(text, "both") == 0)
        return STEP_REAL | STEP_DRILL;
    return strcmp(text, "real") == 0 ? STEP_REAL : strcmp(text, "drill") == 0 ? STEP_DRILL : 0;
}

/* What a kind needs, and what is of no use to it. */
static enum rc
check_kind(struct runbook *r, const struct step *s, int line, struct err *err)
{
    int runs = s->kind == STEP_CHECK || s->kind == STEP_ACTION;
    const char *name = step_kind_name(s->kind);
    if (runs && s->run == NULL)
        return runbook_severe(r, err, line,
                              "a step of kind %s needs run = COMMAND, without \"keymuster\"", name);
    if (!runs && s->run != NULL)
        return runbook_severe(r, err, line,
                              "a step of kind %s runs nothing: make it a check or an action", name);
    if ((s->kind == STEP_REVEAL) != (s->key != NULL))
        return runbook_severe(r, err, line,
                              s->key != NULL ? "key = is of use to kind reveal only"
                                             : "a step of kind reveal needs key = KEY");
    if ((s->kind == STEP_LOOP) != (s->each != NULL))
        return runbook_severe(r, err, line,
                              s->each != NULL
                                  ? "each = is of use to kind loop only"
                                  : "a step of kind loop needs each = what one is called");
    return RC_OK;
}

static enum rc
take_kind(struct runbook *r, struct step *s, const struct ini *ini, int line, struct err *err)
{
    const char *kind = ini_get(ini, "step", NULL, "kind");
    for (size_t i = 0; kind != NULL && i < KINDS; i++) {
        if (strcmp(kinds[i].name, kind) == 0)
            s->kind = kinds[i].kind;
    }
    if (s->kind != STEP_NONE)
        return RC_OK;
    return runbook_severe(
        r, err, line,
        "%s%s: a kind is check, action, reveal, manual, wait, approve, loop or note; "
        "a runbook never runs a shell",
        kind != NULL ? "kind = " : "kind is missing", kind != NULL ? kind : "");
}

static enum rc
take_numbers(struct runbook *r, struct step *s, const struct ini *ini, int line, struct err *err)
{
    const char *repeat = ini_get(ini, "step", NULL, "repeat");
    const char *people = ini_get(ini, "step", NULL, "people");
    s->modes = modes_of(ini_get(ini, "step", NULL, "modes"));
    const char *findings = ini_get(ini, "step", NULL, "findings");
    s->findings_fail = findings != NULL && strcmp(findings, "fail") == 0;
    s->repeat_safe = repeat != NULL && strcmp(repeat, "safe") == 0;
    s->approvers = s->kind == STEP_APPROVE ? people != NULL ? (int)strtol(people, NULL, 10) : 1 : 0;
    if (s->modes == 0)
        return runbook_severe(r, err, line, "modes is real, drill or both");
    if (repeat != NULL && !s->repeat_safe && strcmp(repeat, "ask") != 0)
        return runbook_severe(r, err, line, "repeat is safe or ask");
    if (findings != NULL && !s->findings_fail && strcmp(findings, "note") != 0)
        return runbook_severe(r, err, line, "findings is note or fail");
    if (findings != NULL && s->kind != STEP_CHECK)
        return runbook_severe(r, err, line, "findings = is of use to kind check only");
    if (s->kind == STEP_APPROVE && (s->approvers < 1 || s->approvers > 5))
        return runbook_severe(r, err, line, "people is 1 to 5");
    return take_duration(r, &s->budget_ms, ini, "step", "budget", line, err);
}

static enum rc
keep_value(struct runbook *r, const char **out, const struct ini *ini, const char *key,
           struct err *err)
{
    const char *value = ini_get(ini, "step", NULL, key);
    return value != NULL ? runbook_keep(r, out, value, err) : RC_OK;
}

static enum rc
take_step(struct runbook *r, struct step *s, cmark_node *block, const char *file, struct err *err)
{
    struct ini *ini = NULL;
    int line = cmark_node_get_start_line(block);
    enum rc rc = read_block(r, block, file, "step", step_rules, &ini, err);
    if (rc != RC_OK || ini == NULL)
        return rc;
    rc = take_id(r, s->id, ini, "step", line, err);
    if (rc == RC_OK)
        rc = take_kind(r, s, ini, line, err);
    if (rc == RC_OK)
        rc = take_numbers(r, s, ini, line, err);
    if (rc == RC_OK)
        rc = keep_value(r, &s->run, ini, "run", err);
    if (rc == RC_OK)
        rc = keep_value(r, &s->key, ini, "key", err);
    if (rc == RC_OK)
        rc = keep_value(r, &s->each, ini, "each", err);
    const char *fields = ini_get(ini, "step", NULL, "fields");
    if (rc == RC_OK && fields != NULL)
        rc = take_fields(r, s, fields, line, err);
    if (rc == RC_OK && s->kind != STEP_NONE)
        rc = check_kind(r, s, line, err);
    ini_free(ini);
    return rc;
}

enum rc
runbook_block_read(struct runbook *r, struct step *s, cmark_node *block, const char *file,
                   struct err *err)
{
    return s == NULL ? take_head(r, block, file, err) : take_step(r, s, block, file, err);
}
