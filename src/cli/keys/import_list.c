#include "cli/keys/import_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/process.h"
#include "text/uni.h"
#include "vbr/description.h"

enum {
    ROWS_MOST = 2000000,
    BYTES_MOST = 512 * 1024 * 1024,
    GROUP_MOST = 256 /* rows of one name that are compared with each other */
};

/* A row of a list. */
struct held {
    char *text; /* the hint; of one that cannot be read the reason */
    const char *file;
    int64_t line, row;
    char modified[TIME_TEXT + 1];
    int broken;
    enum keylist_verdict verdict;
    unsigned findings;
    size_t moniker; /* bytes of text */
    size_t name;    /* bytes of text: the moniker without its @GEN */
    int64_t generation;
    size_t group; /* where those of its name begin in `sorted` */
    int there;    /* its wrap is recorded under its name */
    int told;
    unsigned outcome; /* the verdict, when told */
};

struct import_list {
    struct held *rows;
    size_t count, size, bytes;
    size_t *sorted; /* rows with a WDEK, by name, generation and time */
    size_t sorted_count;
    struct description_wraps *wraps;
};

const char *
import_finding(unsigned f)
{
    return f == IMPORT_SAME_MONIKER ? "duplicate-moniker"
                                    : keylist_finding_word((enum keylist_finding)f);
}

/* ---- holding ---- */

enum rc
import_list_new(struct import_list **out, struct err *err)
{
    *out = calloc(1, sizeof **out);
    return *out != NULL ? RC_OK : err_nomem(err);
}

void
import_list_free(struct import_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++)
        free(list->rows[i].text);
    free(list->rows);
    free(list->sorted);
    description_wraps_free(list->wraps);
    free(list);
}

enum rc
import_list_add(struct import_list *list, const struct keylist_row *row, const char *file,
                struct err *err)
{
    int broken = row->kind == KEYLIST_BROKEN;
    if (list->count == list->size) {
        size_t size = list->size == 0 ? 256 : list->size * 2;
        struct held *more = realloc(list->rows, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        list->rows = more;
        list->size = size;
    }
    struct held *h = &list->rows[list->count];
    *h = (struct held){.file = file,
                       .line = row->line,
                       .row = row->number,
                       .broken = broken,
                       .verdict = row->verdict,
                       .findings = broken ? 0 : row->findings,
                       .moniker = broken ? 0 : row->moniker};
    memcpy(h->modified, row->p.modified, sizeof h->modified);
    h->text = strdup(broken ? row->why : row->p.hint);
    if (h->text == NULL)
        return err_nomem(err);
    h->name = description_generation(h->text, h->moniker, &h->generation);
    list->count++;
    list->bytes += strlen(h->text);
    if (list->count > ROWS_MOST || list->bytes > BYTES_MOST)
        return err_set(err, RC_BAD_VALUE, "%s: there are too many rows; import it in parts", file);
    return RC_OK;
}

/* ---- those of one name ---- */

static int
by_name(const struct held *a, const struct held *b)
{
    size_t least = a->name < b->name ? a->name : b->name;
    int order = memcmp(a->text, b->text, least);
    return order != 0 ? order : (a->name > b->name) - (a->name < b->name);
}

static int
has_name(const struct held *h, const char *name)
{
    return strlen(name) == h->name && memcmp(name, h->text, h->name) == 0;
}

/* The first generation is written without its number. */
static int64_t
generation_of(const struct held *h)
{
    return h->generation > 0 ? h->generation : 1;
}

static struct held *sorting; /* qsort has no argument of its own */

static int
in_order(const void *a, const void *b)
{
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    const struct held *x = &sorting[i], *y = &sorting[j];
    int order = by_name(x, y);
    if (order == 0)
        order = (generation_of(x) > generation_of(y)) - (generation_of(x) < generation_of(y));
    if (order == 0)
        order = strcmp(x->modified, y->modified);
    return order != 0 ? order : (i > j) - (i < j);
}

static enum rc
sort(struct import_list *list, struct err *err)
{
    list->sorted = calloc(list->count + 1, sizeof *list->sorted);
    if (list->sorted == NULL)
        return err_nomem(err);
    for (size_t i = 0; i < list->count; i++) {
        if (list->rows[i].moniker > 0)
            list->sorted[list->sorted_count++] = i;
    }
    sorting = list->rows;
    qsort(list->sorted, list->sorted_count, sizeof *list->sorted, in_order);
    for (size_t i = 0, first = 0; i < list->sorted_count; i++) {
        if (by_name(&list->rows[list->sorted[first]], &list->rows[list->sorted[i]]) != 0)
            first = i;
        list->rows[list->sorted[i]].group = first;
    }
    return RC_OK;
}

static struct held *
member(const struct import_list *list, size_t group, size_t i)
{
    size_t at = group + i;
    struct held *h = at < list->sorted_count ? &list->rows[list->sorted[at]] : NULL;
    return h != NULL && h->group == group ? h : NULL;
}

/* The very same password of another list, or of the same: not a second key. */
static int
is_same(const struct held *a, const struct held *b)
{
    return strcmp(a->text, b->text) == 0;
}

static int
is_whole(const struct held *h)
{
    return h->verdict == KEYLIST_MANAGED;
}

/* Two keys of one moniker: marks both. */
static void
mark_same_moniker(const struct import_list *list, size_t group)
{
    struct held *first = NULL, *h = NULL;
    for (size_t i = 0; (h = member(list, group, i)) != NULL; i++) {
        if (first == NULL || generation_of(first) != generation_of(h)) {
            first = h;
        } else if (!is_same(first, h)) {
            first->findings |= 1U << IMPORT_SAME_MONIKER;
            h->findings |= 1U << IMPORT_SAME_MONIKER;
        } else {
            h->findings |= first->findings & 1U << IMPORT_SAME_MONIKER;
        }
    }
}

/* Why nobody can tell which generation this one is; or NULL. */
static const char *
why_ambiguous(const struct import_list *list, const struct import *im, const struct held *h)
{
    struct held *o = NULL;
    int seen = 0;
    if (member(list, h->group, GROUP_MOST) != NULL)
        return "too many rows have this name";
    for (size_t i = 0; (o = member(list, h->group, i)) != NULL; i++) {
        if (o == h) {
            seen = 1;
            continue;
        }
        if (seen && o->there && !h->there && !is_same(o, h))
            return "a newer one of this name is recorded already, so it cannot be made its "
                   "successor";
        if (generation_of(o) != generation_of(h) || is_same(o, h) || !is_whole(o) || o->there)
            continue;
        if (!im->succeed)
            return "another row has this moniker, too; if they are generations of one key: "
                   "--new-generation";
        if (h->modified[0] == '\0' || o->modified[0] == '\0')
            return "another row has this moniker, too, and the list does not say which is newer";
        if (strcmp(h->modified, o->modified) == 0)
            return "another row has this moniker and this time, too: which is newer?";
    }
    return NULL;
}

/* ---- one row ---- */

static void
add_why(struct import_item *it, const char *text)
{
    size_t len = strlen(it->why);
    (void)snprintf(it->why + len, sizeof it->why - len, "%s%s", len > 0 ? "; " : "", text);
}

/* What is to be said of a row besides its verdict. */
static void
add_findings(struct import_item *it, const struct held *h)
{
    for (unsigned f = 0; f < KEYLIST_FINDINGS; f++) {
        if (h->findings >> f & 1 && f != KEYLIST_ID_MISSING && f != KEYLIST_TIME)
            add_why(it, keylist_finding_text((enum keylist_finding)f));
    }
}

static enum rc
tell(struct import *im, struct held *h, const char *name, unsigned verdict, const char *why,
     struct err *err)
{
    struct import_item *it = NULL;
    const struct import_from from = {h->file, h->line, h->row, h->findings};
    enum rc rc = import_tell(im, &from, name, verdict, &it, err);
    if (rc != RC_OK)
        return rc;
    if (why != NULL)
        add_why(it, why);
    if (verdict != RECORDING_KNOWN)
        add_findings(it, h);
    h->outcome = verdict;
    h->told = 1;
    return RC_OK;
}

/* The wrap is held already, under whatever name. *known 0: go on. */
static enum rc
known_by_wrap(struct import_list *list, struct import *im, struct held *h, int *known,
              struct err *err)
{
    struct key key;
    char why[KEY_NAME_BYTES + 64];
    enum rc rc = description_wrap(im->ctx->store, list->wraps, h->text, h->moniker,
                                  h->text + h->moniker + 3, &key, known, err);
    if (rc != RC_OK || !*known)
        return rc;
    int same = has_name(h, key.name);
    if (same && im->prove && !key.has_check) { /* there is something left to prove */
        *known = 0;
        return RC_OK;
    }
    (void)snprintf(why, sizeof why, "it is there under the name %s", key.name);
    rc = tell(im, h, key.name, RECORDING_KNOWN, same ? NULL : why, err);
    if (rc == RC_OK)
        im->items[im->count - 1].generation = key.generation;
    return rc;
}

static enum rc
read_row(struct import_row *row, struct import *im, const struct held *h, const char *name,
         struct err *err)
{
    struct recording *r = &row->r;
    const char *wdek = h->text + h->moniker + 3;
    r->m.name = name;
    r->m.purpose = im->purpose;
    r->m.origin = "kms";
    enum rc rc = key_name_check(name, err);
    return rc == RC_OK ? recording_wrapped(r, wdek, strlen(wdek), "description", err) : rc;
}

static enum rc
record(struct import *im, struct held *h, const char *name, struct err *err)
{
    struct import_row row;
    struct import_item *it = NULL;
    const struct import_from from = {h->file, h->line, h->row, h->findings};
    import_row_init(&row);
    enum rc rc = read_row(&row, im, h, name, err);
    rc = import_take(im, &from, &row, rc, &it, err);
    if (rc != RC_OK)
        return rc;
    if ((it->verdict == RECORDING_NEW || it->verdict == IMPORT_SUCCESSOR) && it->generation > 0 &&
        it->generation != generation_of(h) && h->generation > 0) {
        char why[96];
        (void)snprintf(why, sizeof why, "its description says generation %lld",
                       (long long)h->generation);
        add_why(it, why);
    }
    add_findings(it, h);
    h->outcome = it->verdict;
    h->told = 1;
    return RC_OK;
}

/* One that stands before it and is the same, and was recorded or known. */
static const struct held *
same_before(const struct import_list *list, const struct held *h)
{
    const struct held *o = NULL;
    for (size_t i = 0; i < GROUP_MOST && (o = member(list, h->group, i)) != NULL && o != h; i++) {
        if (is_same(o, h) && o->told && o->outcome < IMPORT_REFUSED)
            return o;
    }
    return NULL;
}

static enum rc
take_whole(struct import_list *list, struct import *im, struct held *h, struct err *err)
{
    char name[VBR_HINT + 1];
    int known = 0;
    memcpy(name, h->text, h->name);
    name[h->name] = '\0';
    const char *why = NULL;
    if (same_before(list, h) != NULL)
        return tell(im, h, name, RECORDING_KNOWN, "the same is in an earlier row", err);
    enum rc rc = known_by_wrap(list, im, h, &known, err);
    if (rc != RC_OK || known)
        return rc;
    if (h->findings >> KEYLIST_SEPARATOR & 1)
        return tell(im, h, "", IMPORT_AMBIGUOUS,
                    "no key has such a name; give it one: keymuster record NAME --description REF",
                    err);
    if ((why = why_ambiguous(list, im, h)) != NULL)
        return tell(im, h, name, IMPORT_AMBIGUOUS, why, err);
    return record(im, h, name, err);
}

static enum rc
take_one(struct import_list *list, struct import *im, struct held *h, struct err *err)
{
    char name[VBR_HINT + 1];
    memcpy(name, h->text, h->name);
    name[h->name] = '\0';
    if (h->broken)
        return tell(im, h, "", IMPORT_DAMAGED, h->text, err);
    switch (h->verdict) {
    case KEYLIST_UNMANAGED:
        return tell(im, h, "", IMPORT_UNMANAGED, NULL, err);
    case KEYLIST_SUSPECT:
        return tell(im, h, name, IMPORT_DAMAGED, NULL, err);
    case KEYLIST_MANAGED:
        break;
    }
    return take_whole(list, im, h, err);
}

/* ---- all of them ---- */

/* Which of several are recorded is looked at before the first of them is. */
static enum rc
look_at_group(struct import_list *list, struct import *im, size_t group, struct err *err)
{
    struct held *h = NULL;
    enum rc rc = RC_OK;
    if (member(list, group, 1) == NULL)
        return RC_OK;
    mark_same_moniker(list, group);
    for (size_t i = 0; rc == RC_OK && (h = member(list, group, i)) != NULL; i++) {
        struct key key;
        int found = 0;
        rc = description_wrap(im->ctx->store, list->wraps, h->text, h->moniker,
                              h->text + h->moniker + 3, &key, &found, err);
        h->there = found && has_name(h, key.name);
    }
    return rc;
}

static enum rc
take_group(struct import_list *list, struct import *im, size_t group, struct err *err)
{
    struct held *h = NULL;
    enum rc rc = look_at_group(list, im, group, err);
    for (size_t i = 0; rc == RC_OK && (h = member(list, group, i)) != NULL; i++)
        rc = take_one(list, im, h, err);
    return rc;
}

enum rc
import_list_take(struct import_list *list, struct import *im, struct err *err)
{
    enum rc rc = RC_OK;
    if (list->count == 0)
        return RC_OK;
    if (im->purpose == NULL)
        return err_set(err, RC_USAGE, "import: --purpose is missing: such a list does not say it");
    rc = description_wraps_new(&list->wraps, im->ctx->store, err);
    if (rc == RC_OK)
        rc = sort(list, err);
    for (size_t i = 0; rc == RC_OK && i < list->count; i++) {
        struct held *h = &list->rows[i];
        if (!h->told)
            rc = h->moniker > 0 ? take_group(list, im, h->group, err) : take_one(list, im, h, err);
        if (rc == RC_OK && signals_pending())
            rc = err_set(err, RC_INTERRUPTED, "interrupted");
    }
    return rc;
}
