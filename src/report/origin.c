#include "report/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/view.h"
#include "report/drill_rows.h"
#include "text/enc.h"

enum { WHO_MOST = 16 * 1024 };

void
origin_release(struct origin *o)
{
    free(o->parties);
    free(o->anchors);
    memset(o, 0, sizeof *o);
}

enum rc
origin_person(char out[LIMIT_NAME + 1], const struct store *store, const struct entry *e,
              struct err *err)
{
    const char *person = json_gets(e->body, "person");
    out[0] = '\0';
    if (person == NULL)
        return RC_OK;
    if (uuid_is(person))
        return object_name(store, person, out, err);
    (void)snprintf(out, LIMIT_NAME + 1, "%s", person);
    return RC_OK;
}

enum rc
origin_who(struct buf *out, const struct store *store, const struct entry *e, struct err *err)
{
    char person[LIMIT_NAME + 1];
    enum rc rc = origin_person(person, store, e, err);
    if (rc == RC_OK && person[0] != '\0')
        buf_addf(out, "%s, ", person);
    entry_account(out, e);
    return rc;
}

static struct origin_party *
party_of(struct origin *o, const struct entry *e, const char *by, const char *person)
{
    for (size_t i = 0; i < o->party_count; i++) {
        struct origin_party *p = &o->parties[i];
        if (strcmp(p->by, by) == 0 && strcmp(p->person, person) == 0 &&
            strcmp(p->first->author, e->author) == 0)
            return p;
    }
    return NULL;
}

static enum rc
add_party(struct origin *o, const struct store *store, const struct entry *e, struct err *err)
{
    struct origin_party fresh = {.first = e};
    struct buf text;
    /* Who is only said to have agreed did not make the entry. */
    int said = strcmp(e->kind, "run.attested") == 0;
    enum rc rc = said ? RC_OK : origin_person(fresh.person, store, e, err);
    buf_init(&text, WHO_MOST);
    json_print(&text, e->by);
    (void)snprintf(fresh.by, sizeof fresh.by, "%s", buf_str(&text));
    buf_clear(&text);
    entry_account(&text, e);
    (void)snprintf(fresh.account, sizeof fresh.account, "%s", buf_str(&text));
    buf_release(&text);
    struct origin_party *p = party_of(o, e, fresh.by, fresh.person);
    if (rc == RC_OK && p == NULL) {
        p = realloc(o->parties, (o->party_count + 1) * sizeof *p);
        if (p == NULL)
            return err_nomem(err);
        o->parties = p;
        p = &o->parties[o->party_count++];
        *p = fresh;
    }
    if (rc == RC_OK) {
        p->last = e;
        p->count++;
    }
    return rc;
}

static enum rc
add_anchor(struct origin *o, const struct store *store, const struct entry *e, struct err *err)
{
    struct origin_anchor *a = NULL;
    for (size_t i = 0; i < o->anchor_count; i++) {
        if (strcmp(o->anchors[i].author.author, e->author) == 0)
            a = &o->anchors[i];
    }
    if (a == NULL) {
        a = realloc(o->anchors, (o->anchor_count + 1) * sizeof *a);
        if (a == NULL)
            return err_nomem(err);
        o->anchors = a;
        a = &o->anchors[o->anchor_count];
        memset(a, 0, sizeof *a);
        enum rc rc = log_author_get(store, e->author, &a->author, err);
        if (rc == RC_OK && a->author.site[0] != '\0')
            rc = object_name(store, a->author.site, a->site, err);
        if (rc != RC_OK)
            return rc;
        o->anchor_count++;
    }
    a->count++;
    if (e->seq > a->seq) {
        a->seq = e->seq;
        report_hash(a->hash, e);
    }
    return RC_OK;
}

enum rc
origin_of(struct origin *out, const struct store *store, const struct evidence *ev, struct err *err)
{
    enum rc rc = RC_OK;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; rc == RC_OK && i < ev->count; i++) {
        rc = add_party(out, store, &ev->list[i].e, err);
        if (rc == RC_OK)
            rc = add_anchor(out, store, &ev->list[i].e, err);
    }
    for (size_t i = 0; rc == RC_OK && i < out->anchor_count; i++) {
        struct origin_anchor *a = &out->anchors[i];
        rc = evidence_head(store, a->author.author, a->seq, &a->head, a->head_hash, err);
    }
    if (rc != RC_OK)
        origin_release(out);
    return rc;
}

size_t
origin_restated(const struct evidence *ev)
{
    size_t again = 0;
    for (size_t i = 0; i < ev->count; i++)
        again += ev->list[i].e.restates != NULL;
    return again;
}

void
origin_sheet_parties(struct sheet *s, const struct origin *o)
{
    static const char *const titles[] = {"ACCOUNT", "PERSON", "ENTRIES", "FROM", "UNTIL", NULL};
    sheet_section(s, "who", "Who");
    sheet_table(s, NULL, titles);
    for (size_t i = 0; i < o->party_count; i++) {
        const struct origin_party *p = &o->parties[i];
        char count[24];
        (void)snprintf(count, sizeof count, "%zu", p->count);
        const char *cells[] = {p->account, p->person, count, p->first->at, p->last->at};
        sheet_row(s, cells, SHEET_PLAIN);
    }
    sheet_table_end(s);
}

void
origin_sheet_anchors(struct sheet *s, const struct origin *o)
{
    sheet_section(s, "anchors", "To check it against the log");
    sheet_par(s,
              "All of this is in the log. Each line below is the last of an author's entries that "
              "tell of it: keymuster audit log --entry HASH shows it, keymuster verify checks the "
              "chain behind it and the heads that sign it.",
              SHEET_PLAIN);
    for (size_t i = 0; i < o->anchor_count; i++) {
        const struct origin_anchor *a = &o->anchors[i];
        sheet_factf(s, "author", SHEET_PLAIN, "%s%s%s%s%s%s", a->author.author,
                    a->author.name[0] != '\0' || a->site[0] != '\0' ? " (" : "", a->author.name,
                    a->author.name[0] != '\0' && a->site[0] != '\0' ? ", " : "", a->site,
                    a->author.name[0] != '\0' || a->site[0] != '\0' ? ")" : "");
        sheet_factf(s, "entry", SHEET_PLAIN, "%lld", (long long)a->seq);
        sheet_fact(s, "hash", a->hash, SHEET_PLAIN);
        if (a->head > 0)
            sheet_factf(s, "signed head", SHEET_PLAIN, "%lld %s", (long long)a->head, a->head_hash);
        else
            sheet_fact(s, "signed head", "none yet: not published", SHEET_BAD);
    }
}

void
origin_json(struct jw *w, const struct origin *o)
{
    jw_arr(w, "by");
    for (size_t i = 0; i < o->party_count; i++) {
        const struct origin_party *p = &o->parties[i];
        struct buf by;
        buf_init(&by, WHO_MOST);
        json_print(&by, p->first->by);
        jw_obj(w, NULL);
        jw_raw(w, "by", buf_str(&by), by.len);
        jw_opt(w, "person", p->person);
        jw_str(w, "author", p->first->author);
        jw_int(w, "entries", (int64_t)p->count);
        jw_str(w, "first_at", p->first->at);
        jw_str(w, "last_at", p->last->at);
        jw_end_obj(w);
        buf_release(&by);
    }
    jw_end_arr(w);
    jw_arr(w, "anchors");
    for (size_t i = 0; i < o->anchor_count; i++) {
        const struct origin_anchor *a = &o->anchors[i];
        jw_obj(w, NULL);
        jw_str(w, "author", a->author.author);
        jw_opt(w, "name", a->author.name);
        jw_opt(w, "site", a->site);
        jw_int(w, "entries", (int64_t)a->count);
        jw_int(w, "seq", a->seq);
        jw_str(w, "entry", a->hash);
        if (a->head > 0) {
            jw_int(w, "head", a->head);
            jw_str(w, "head_sha256", a->head_hash);
        }
        jw_end_obj(w);
    }
    jw_end_arr(w);
}
