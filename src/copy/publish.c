#include "copy/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "copy/contradict.h"
#include "copy/known.h"
#include "copy/memory.h"
#include "copy/publish_author.h"
#include "copy/recovery_files.h"
#include "copy/recovery_program.h"
#include "copy/segment.h"
#include "escrow/log.h"
#include "escrow/trust.h"
#include "text/time.h"

/* ---- the next head ---- */

struct knowing {
    struct store *store;
    struct head *head;
};

static enum rc
add_known(void *arg, const struct log_author *author, struct err *err)
{
    struct knowing *k = arg;
    struct head *h = k->head;
    struct trust trust;
    struct mark m;
    if (strcmp(author->author, k->store->self.author) == 0)
        return RC_OK;
    enum rc rc = trust_of(k->store, author->author, &trust, err);
    if (rc != RC_OK || !trust_accepted(&trust))
        return rc;
    /* Of a retired author only what counts. */
    rc = held_newest(k->store, author->author, trust.upto, &m, NULL, err);
    if (rc != RC_OK || m.number == 0)
        return rc;
    struct head_known *more = realloc(h->known, (h->known_count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    h->known = more;
    struct head_known *to = &more[h->known_count++];
    memcpy(to->author, author->author, sizeof to->author);
    to->number = m.number;
    to->entries = m.entries;
    memcpy(to->last, m.last, HASH_SIZE);
    return RC_OK;
}

/* All of the next head but its signature. former: the newest own head, zero without one. */
static enum rc
head_fill(struct store *store, struct head *h, const struct log_end *end, const struct mark *newest,
          const struct head *former, struct err *err)
{
    struct knowing k = {store, h};
    memcpy(h->escrow, store->escrow, sizeof h->escrow);
    memcpy(h->author, store->self.author, sizeof h->author);
    h->number = newest->number + 1;
    memcpy(h->previous, newest->hash, HASH_SIZE); /* zeros before head 1 */
    h->entries = end->seq;
    memcpy(h->last, end->hash, HASH_SIZE);
    time_format(h->at, clock_now_ms());
    enum rc rc = log_authors(store, add_known, &k, err); /* by id, as the format wants it */
    return rc == RC_OK ? segment_fill(store, h, newest->number > 0 ? former : NULL, err) : rc;
}

static enum rc
head_make(struct store *store, const struct log_end *end, const struct mark *newest,
          struct buf *object, struct err *err)
{
    struct head former = {0};
    struct head next = {0};
    struct secret *key = NULL;
    enum rc rc = RC_OK;
    if (newest->number > 0)
        rc = head_peek(&former, buf_str(object), object->len, "the newest own head", err);
    if (rc == RC_OK)
        rc = head_fill(store, &next, end, newest, &former, err);
    if (rc == RC_OK)
        rc = store_sign_key(store, &key, err);
    if (rc == RC_OK)
        rc = head_sign(object, &next, key, err);
    if (rc == RC_OK)
        rc = held_add(store, &next, object, err);
    secret_free(key);
    head_release(&former);
    head_release(&next);
    return rc;
}

enum rc
publish_head(struct store *store, int *made, struct err *err)
{
    *made = 0;
    struct log_end end;
    struct mark newest;
    struct buf object;
    buf_init(&object, LIMIT_SMALL_FILE);
    enum rc rc = log_end(store, store->self.author, &end, err);
    if (rc == RC_OK)
        rc = held_newest(store, store->self.author, LIMIT_NUMBER, &newest, &object, err);
    if (rc == RC_OK && end.seq > newest.entries) {
        rc = head_make(store, &end, &newest, &object, err);
        *made = rc == RC_OK;
    }
    buf_release(&object);
    return rc;
}

enum rc
publish_prepare(struct store *store, int *made, struct err *err)
{
    *made = 0;
    /* An older store would give a number away a second time. */
    enum rc rc = memory_check(store, err);
    if (rc == RC_OK)
        rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    rc = publish_head(store, made, err);
    if (rc != RC_OK || !*made) {
        log_rollback(store);
        return rc;
    }
    rc = log_commit(store, err);
    *made = rc == RC_OK;
    return rc;
}

/* ---- one copy ---- */

/* Authors to publish, and what the copy shows of each once it is done. */
struct part {
    char author[AUTHOR_TEXT + 1];
    struct published done;
};
struct parts {
    struct store *store;
    struct part *list;
    size_t count;
};

static enum rc
add_part(struct parts *parts, const char *author, struct err *err)
{
    struct part *more = realloc(parts->list, (parts->count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    parts->list = more;
    memset(&more[parts->count], 0, sizeof *more);
    memcpy(more[parts->count++].author, author, AUTHOR_TEXT + 1);
    return RC_OK;
}

static enum rc
add_accepted(void *arg, const struct log_author *author, struct err *err)
{
    struct parts *parts = arg;
    struct trust trust;
    if (strcmp(author->author, parts->store->self.author) == 0)
        return RC_OK;
    enum rc rc = trust_of(parts->store, author->author, &trust, err);
    return rc == RC_OK && trust_accepted(&trust) ? add_part(parts, author->author, err) : rc;
}

/* An old image of the store forgot what the copies showed; the memory outside it did not. */
static enum rc
remember(struct store *store, struct err *err)
{
    enum rc rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    rc = memory_merge(store, err);
    return log_finish(store, rc, err);
}

static enum rc
record_part(struct store *store, const struct copy *copy, const struct part *part, struct err *err)
{
    char what[OBJECT_NAME];
    char text[32];
    enum rc rc = seen_raise(store, copy->id, part->author, &part->done.shown, err);
    if (rc == RC_OK && part->done.looked && part->done.shown.number > 0)
        rc = known_looked(store, copy->id, part->author, err);
    newest_name(what, part->author);
    (void)snprintf(text, sizeof text, "%lld", (long long)part->done.hint);
    if (rc == RC_OK && part->done.hint > 0)
        rc = known_set(store, copy->id, what, text, err);
    return rc;
}

static enum rc
record(struct store *store, const struct copy *copy, const struct parts *parts, struct err *err)
{
    enum rc rc = log_begin(store, err);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; rc == RC_OK && i < parts->count; i++)
        rc = record_part(store, copy, &parts->list[i], err);
    if (rc == RC_OK)
        rc = seen_reached(store, copy, err);
    rc = log_finish(store, rc, err);
    if (rc == RC_OK) {
        char unsaid[256]; /* a mirror: the store itself knows */
        memory_save(store, unsaid);
    }
    return rc;
}

/* For people, and never a failure: the next publish tries again. An author whom nobody admitted
 * would put a signature there that nobody can judge. */
static void
refresh_recovery(struct store *store, struct copy *copy, int every, struct publish_report *report)
{
    struct trust trust;
    struct err err = ERR_INIT;
    struct err second = ERR_INIT;
    enum recovery_flags flags = every ? RECOVERY_LOOK : RECOVERY_NEW;
    enum rc rc = trust_of(store, store->self.author, &trust, &err);
    if (rc == RC_OK && !trust_accepted(&trust))
        return;
    if (rc == RC_OK) /* first, because START-HERE.md speaks of it */
        rc = recovery_program_write(store, copy, flags, &err);
    if (recovery_files_write(store, copy, flags, &second) != RC_OK && rc == RC_OK) {
        err = second;
        rc = err.code;
    }
    if (rc != RC_OK)
        (void)snprintf(report->note, sizeof report->note, "%.255s", err.msg);
}

/* What is said of the place is only as good as that it is this copy. */
static enum rc
confirm(struct store *store, struct copy *copy, enum rc rc, struct err *err)
{
    struct err other = ERR_INIT;
    if ((rc != RC_COPY_ROLLED_BACK && rc != RC_COPY_FORKED && rc != RC_STORE_OLD) ||
        copy_confirm(store, copy, &other) == RC_OK)
        return rc;
    *err = other;
    return err->code;
}

enum rc
publish_to(struct store *store, struct copy *copy, int every, struct publish_report *report,
           struct err *err)
{
    struct publish p = {store, copy, report, every};
    struct parts parts = {.store = store};
    memset(report, 0, sizeof *report);
    int enforced = 0;
    enum rc rc = remember(store, err);
    if (rc == RC_OK)
        rc = known_enforced(store, copy, &enforced, err);
    remote_look_twice(copy->remote, !enforced);
    if (rc == RC_OK)
        rc = add_part(&parts, store->self.author, err);
    if (rc == RC_OK)
        rc = log_authors(store, add_accepted, &parts, err);
    for (size_t i = 0; rc == RC_OK && i < parts.count; i++)
        rc = publish_author(&p, parts.list[i].author, &parts.list[i].done, err);
    rc = confirm(store, copy, rc, err);
    contradict_keep(store, copy, err);
    if (parts.count > 0)
        report->own_entries = parts.list[0].done.shown.entries;
    /* What arrived before a failure has arrived: a key may be released by it. */
    struct err scratch = ERR_INIT;
    if (rc == RC_OK)
        rc = record(store, copy, &parts, err);
    else if (parts.count > 0 && parts.list[0].done.shown.number > 0)
        err_ignore(record(store, copy, &parts, &scratch)); /* the first cause is reported */
    if (rc == RC_OK && every && report->heads > 0) /* saves a look at each publish from now on */
        err_ignore(known_probe_once(store, copy, &scratch));
    if (rc == RC_OK)
        refresh_recovery(store, copy, every, report);
    free(parts.list);
    return rc;
}

/* ---- all copies ---- */

/* The copy is away, or cannot take anything now: later. */
static int
is_away(enum rc rc)
{
    return rc == RC_COPY_UNREACHABLE || rc == RC_COPY_READ_ONLY || rc == RC_COPY_FULL ||
           rc == RC_COPY_NONE || rc == RC_COPY_NOT_BOUND || rc == RC_COPY_REPLY ||
           rc == RC_COPY_LIMIT;
}

static enum rc
publish_one(struct store *store, const char *name, struct err *err)
{
    struct copy copy = {0};
    struct publish_report report;
    enum rc rc = copy_open_again(store, name, &copy, err);
    if (rc == RC_OK)
        rc = publish_to(store, &copy, 0, &report, err);
    copy_close(&copy);
    return rc;
}

enum rc
publish_all(struct store *store, int *reached, int *bound, struct err *err)
{
    int made = 0;
    *reached = 0;
    *bound = 0;
    enum rc first = publish_prepare(store, &made, err);
    if (first != RC_OK)
        return first;
    for (size_t i = 0;; i++) {
        struct err one = ERR_INIT;
        const char *name = ini_name_at(store->conf, "copy", i);
        if (name == NULL)
            return first;
        ++*bound;
        enum rc rc = publish_one(store, name, &one);
        *reached += rc == RC_OK;
        if (rc != RC_OK && !is_away(rc) && first == RC_OK) {
            *err = one;
            first = rc;
        }
        if (rc == RC_INTERRUPTED)
            return first;
    }
}
