#include "recover/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/key.h"
#include "escrow/log.h"
#include "text/json.h"
#include "text/uni.h"

const char *
step_state_name(enum step_state state)
{
    static const char *const names[] = {"open", "in doubt", "done", "failed", "skipped"};
    return names[state];
}

void
run_free(struct run *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < RUN_WORDS; i++)
        free(r->words[i]);
    runbook_free(r->book);
    approval_release(r);
    free(r->steps);
    free(r);
}

/* ---- words ---- */

static size_t
word_number(const char *word, size_t len)
{
    size_t i = 0;
    for (const char *w; (w = runbook_word(i)) != NULL; i++) {
        if (strlen(w) == len && memcmp(w, word, len) == 0)
            return i;
    }
    return RUN_WORDS;
}

static enum rc
word_keep(char *words[RUN_WORDS], const char *word, const char *value, size_t len, struct err *err)
{
    size_t i = word_number(word, strlen(word));
    char *copy = strndup(value, len);
    if (copy == NULL)
        return err_nomem(err);
    free(words[i]);
    words[i] = copy;
    return RC_OK;
}

enum rc
run_word_set(char *words[RUN_WORDS], const char *word, const char *value, struct err *err)
{
    if (word_number(word, strlen(word)) >= RUN_WORDS)
        return err_set(err, RC_BAD_VALUE, "no runbook has a word {%s}", word);
    enum rc rc = text_check(value, word, err);
    if (rc == RC_OK)
        rc = word_keep(words, word, value, strlen(value), err);
    if (rc != RC_OK || strcmp(word, "key") != 0)
        return rc;
    size_t len = strlen(value);
    if (!key_ref_is_name(value) && strrchr(value, '@') != NULL)
        len = (size_t)(strrchr(value, '@') - value);
    return word_keep(words, "name", value, len, err);
}

const char *
run_unsaid(const struct run *r, const char *text)
{
    for (const char *at = text; (at = strchr(at, '{')) != NULL; at++) {
        size_t i = word_number(at + 1, strcspn(at + 1, "}"));
        if (i < RUN_WORDS && r->words[i] == NULL)
            return runbook_word(i);
    }
    return NULL;
}

enum rc
run_fill(struct buf *out, const struct run *r, const char *text, struct err *err)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "{");
        buf_add(out, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        size_t len = strcspn(text + 1, "}");
        size_t i = word_number(text + 1, len);
        if (i >= RUN_WORDS || r->words[i] == NULL)
            return err_set(err, RC_BAD_VALUE, "nobody said what {%.*s} is", (int)len, text + 1);
        buf_adds(out, r->words[i]);
        text += len + 1 + (text[len + 1] == '}');
    }
    return buf_check(out, "a step", err);
}

/* ---- from the log ---- */

static struct run_step *
step_of(const struct run *r, const char *id)
{
    for (size_t i = 0; id != NULL && i < r->book->count; i++) {
        if (strcmp(r->book->steps[i].id, id) == 0)
            return &r->steps[i];
    }
    return NULL;
}

enum step_state
step_state_of(const char *result)
{
    if (result == NULL)
        return RUN_DOUBT;
    if (strcmp(result, "done") == 0)
        return RUN_DONE;
    if (strcmp(result, "skipped") == 0)
        return RUN_SKIPPED;
    return strcmp(result, "failed") == 0 ? RUN_FAILED : RUN_OPEN;
}

static enum rc
take_words(struct run *r, const struct json *words, struct err *err)
{
    enum rc rc = RC_OK;
    for (const struct json *w = json_first(words); rc == RC_OK && w != NULL; w = json_next(w)) {
        if (json_str(w) != NULL && word_number(json_name(w), strlen(json_name(w))) < RUN_WORDS)
            rc = run_word_set(r->words, json_name(w), json_str(w), err);
    }
    return rc;
}

static void
take_end(struct run_step *s, const struct json *body)
{
    const char *reason = json_gets(body, "reason");
    const char *person = json_gets(body, "person");
    int64_t status = 0;
    s->alone = json_gets(body, "alone") != NULL;
    s->countersigned = 0;
    s->state = step_state_of(json_gets(body, "result"));
    (void)snprintf(s->reason, sizeof s->reason, "%s", reason != NULL ? reason : "");
    s->exit = json_geti(body, "exit", &status) == 0 ? (int)status : 0;
    (void)snprintf(s->person, sizeof s->person, "%s", person != NULL ? person : "");
    if (json_geti(body, "ms", &s->ms) != 0)
        s->ms = 0;
}

struct loading {
    struct run *run;
    const struct store *store;
};

static enum rc
take_event(void *arg, const struct run_event *e, struct err *err)
{
    const struct loading *l = arg;
    struct run *r = l->run;
    struct json *body = NULL;
    enum rc rc = json_parse(&body, e->body, strlen(e->body), "an entry", err);
    if (rc != RC_OK)
        return rc;
    struct run_step *s = step_of(r, json_gets(body, "step"));
    if (strcmp(e->kind, "run.started") == 0 || strcmp(e->kind, "run.word") == 0)
        rc = take_words(r, json_get(body, "words"), err);
    else if (s != NULL && strcmp(e->kind, "run.begun") == 0)
        s->state = RUN_DOUBT;
    else if (s != NULL && strcmp(e->kind, "run.ended") == 0)
        take_end(s, body);
    if (rc == RC_OK)
        rc = approval_take(r, l->store, e, body, err);
    if (s != NULL)
        (void)snprintf(s->at, sizeof s->at, "%s", e->at);
    if (s != NULL && strcmp(e->kind, "run.note") != 0)
        (void)snprintf(s->author, sizeof s->author, "%s", e->author);
    json_free(body);
    return rc;
}

static enum rc
load_book(struct run *r, const struct store *store, struct err *err)
{
    struct buf text;
    buf_init(&text, RUNBOOK_TEXT);
    enum rc rc = run_text(store, r->record.text, &text, err);
    if (rc == RC_OK)
        rc = runbook_read(&r->book, buf_str(&text), text.len, r->record.runbook, err);
    buf_release(&text);
    if (rc != RC_OK)
        return rc;
    r->steps = calloc(r->book->count + 1, sizeof *r->steps);
    return r->steps != NULL ? RC_OK : err_nomem(err);
}

/* Who did what was not done here. */
static enum rc
name_others(struct run *r, const struct store *store, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < r->book->count; i++) {
        struct log_author a;
        struct run_step *s = &r->steps[i];
        if (s->author[0] == '\0' || strcmp(s->author, store->self.author) == 0)
            continue;
        rc = log_author_get(store, s->author, &a, err);
        if (rc == RC_OK)
            (void)snprintf(s->by, sizeof s->by, "%s", a.name[0] != '\0' ? a.name : a.author);
    }
    return rc;
}

enum rc
run_load_record(struct run **out, const struct store *store, const struct run_record *record,
                struct err *err)
{
    *out = NULL;
    struct run *r = calloc(1, sizeof *r);
    struct loading l = {r, store};
    if (r == NULL)
        return err_nomem(err);
    r->record = *record;
    enum rc rc = load_book(r, store, err);
    if (rc == RC_OK)
        rc = run_events(store, r->record.id, take_event, &l, err);
    if (rc == RC_OK)
        rc = name_others(r, store, err);
    if (rc != RC_OK) {
        run_free(r);
        return rc;
    }
    approval_settle(r);
    *out = r;
    return RC_OK;
}

enum rc
run_load(struct run **out, const struct store *store, const char *ref, struct err *err)
{
    struct run_record record;
    *out = NULL;
    enum rc rc = run_find(store, ref, &record, err);
    return rc == RC_OK ? run_load_record(out, store, &record, err) : rc;
}

/* ---- where it is ---- */

int
run_has(const struct run *r, size_t i)
{
    const struct step *s = &r->book->steps[i];
    if ((s->modes & (r->record.drill ? STEP_DRILL : STEP_REAL)) == 0)
        return 0;
    return s->key == NULL || strcmp(s->key, "{" RUN_OFFICER "}") != 0 ||
           r->words[word_number(RUN_OFFICER, strlen(RUN_OFFICER))] != NULL;
}

size_t
run_next(const struct run *r)
{
    size_t i = 0;
    while (i < r->book->count &&
           (!run_has(r, i) || r->steps[i].state == RUN_DONE || r->steps[i].state == RUN_SKIPPED))
        i++;
    return i;
}

void
run_place(const struct run *r, size_t i, size_t *number, size_t *of)
{
    *number = *of = 0;
    for (size_t k = 0; k < r->book->count; k++) {
        *of += run_has(r, k) != 0;
        *number += k <= i && run_has(r, k);
    }
}

size_t
run_count(const struct run *r, enum step_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < r->book->count; i++)
        n += run_has(r, i) && r->steps[i].state == state;
    return n;
}
