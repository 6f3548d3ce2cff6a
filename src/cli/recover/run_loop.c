#include "cli/recover/run_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/layout.h"
#include "cli/out.h"
#include "cli/recover/run_child.h"
#include "sys/term.h"
#include "text/uni.h"
#include "vbr/description.h"

struct item {
    char name[LIMIT_TEXT + 1];
    char key[KEY_NAME_BYTES + 24]; /* NAME@GEN; "": none was needed */
    char reason[LIMIT_TEXT + 1];   /* why it was not done; "" when it was */
};

static enum rc
put_item(struct play *p, size_t i, const struct item *item, struct err *err)
{
    struct buf body;
    struct jw w;
    run_body(&body, &w, p, i);
    jw_str(&w, "item", item->name);
    jw_opt(&w, "key", item->key);
    jw_str(&w, "result", item->reason[0] == '\0' ? "done" : "skipped");
    jw_opt(&w, "reason", item->reason);
    return run_entry_put(p->ctx, "run.item", &body, &w, err);
}

/* ---- its key ---- */

/* Shown by reveal, with its own record; in a drill compared. */
static enum rc
show_key(struct play *p, size_t i, const struct item *item, struct err *err)
{
    struct buf words;
    int status = 0;
    const char *verb = p->run->record.drill ? "drill" : "reveal";
    buf_init(&words, 8192);
    buf_addf(&words, "%s ", verb);
    run_child_word(&words, item->key);
    buf_addf(&words, " --reason \"run %.8s, step %s\"", p->run->record.id,
             p->run->book->steps[i].id);
    enum rc rc = buf_check(&words, "a step's command", err);
    if (rc == RC_OK)
        rc = run_child(&status, p->ctx->store, buf_str(&words), out_is_json(p->ctx), err);
    buf_release(&words);
    if (rc == RC_OK && status != 0)
        out_note(p->ctx, "it ended with exit status %d", status);
    return rc;
}

/* A KEY, or the whole description as the backup server shows it: its wrap tells the generation. */
static enum rc
ask_key(struct play *p, size_t i, struct item *item, struct err *err)
{
    char text[LIMIT_CIPHERTEXT];
    struct key key;
    enum description_how how = DESCRIPTION_NONE;
    for (;;) {
        enum rc rc =
            layout_ask(text, sizeof text,
                       "its key, or the description as it stands (Enter: no key is needed): ", err);
        if (rc == RC_BAD_VALUE)
            text[0] = '?'; /* too long for any */
        else if (rc != RC_OK || text[0] == '\0')
            return rc;
        rc = description_key(p->ctx->store, text, "", &key, &how, err);
        if (rc != RC_OK && rc != RC_AMBIGUOUS)
            return rc;
        if (rc == RC_OK && how != DESCRIPTION_NONE)
            break;
        out_note(p->ctx, "no key here is called so; keymuster list shows all. Once more");
    }
    (void)snprintf(item->key, sizeof item->key, "%s@%lld", key.name, (long long)key.generation);
    return show_key(p, i, item, err);
}

/* ---- one by one ---- */

static enum rc
ask_item(struct play *p, size_t i, struct item *item, struct err *err)
{
    char prompt[LIMIT_NAME + 96];
    const char *each = p->run->book->steps[i].each;
    memset(item, 0, sizeof *item);
    (void)snprintf(prompt, sizeof prompt, "%.64s: its name (Enter: there is none left): ", each);
    enum rc rc = layout_ask(item->name, sizeof item->name, prompt, err);
    if (rc != RC_OK || item->name[0] == '\0')
        return rc;
    rc = text_check(item->name, each, err);
    if (rc == RC_OK)
        rc = ask_key(p, i, item, err);
    if (rc == RC_OK)
        rc = layout_ask(item->reason, sizeof item->reason,
                        "is it done? (Enter: yes; else say why it is left out): ", err);
    return rc == RC_OK ? put_item(p, i, item, err) : rc;
}

static enum rc
answered_items(struct play *p, size_t i, const char *list, struct err *err)
{
    char *rest = NULL;
    char *copy = strdup(list);
    enum rc rc = copy == NULL ? err_nomem(err) : RC_OK;
    for (char *at = rc == RC_OK ? strtok_r(copy, ",", &rest) : NULL; rc == RC_OK && at != NULL;
         at = strtok_r(NULL, ",", &rest)) {
        struct item item = {.key = ""};
        at += strspn(at, " ");
        (void)snprintf(item.name, sizeof item.name, "%s", at);
        rc = text_check(item.name, "an item", err);
        if (rc == RC_OK)
            rc = put_item(p, i, &item, err);
    }
    free(copy);
    return rc;
}

struct before {
    struct play *p;
    size_t i;
};

/* What was done before a pause. */
static enum rc
say_item(void *arg, const struct run_event *e, struct err *err)
{
    const struct before *b = arg;
    struct json *body = NULL;
    enum rc rc = json_parse(&body, e->body, strlen(e->body), "an entry", err);
    const char *step = json_gets(body, "step");
    const char *item = json_gets(body, "item");
    if (rc == RC_OK && strcmp(e->kind, "run.item") == 0 && step != NULL && item != NULL &&
        strcmp(step, b->p->run->book->steps[b->i].id) == 0)
        out_note(b->p->ctx, "before: %s", item);
    json_free(body);
    return rc;
}

enum rc
run_loop(struct play *p, size_t i, struct err *err)
{
    struct item item;
    struct before before = {p, i};
    enum rc rc;
    if (p->answers != NULL) {
        const char *list = run_answer_to(p, i, "items");
        return list != NULL ? answered_items(p, i, list, err) : RC_OK;
    }
    item.name[0] = '\0';
    rc = run_events(p->ctx->store, p->run->record.id, say_item, &before, err);
    int more = 1;
    while (rc == RC_OK && more) {
        rc = ask_item(p, i, &item, err);
        more = item.name[0] != '\0';
    }
    return rc;
}
