/* An author that signs what it likes: each way in which its heads and lines can break the rules, as
 * a pull names it. */
#include "../lib/stores.h"

#include "copy/held.h"
#include "copy/pull.h"
#include "copy/segment.h"
#include "escrow/entry.h"
#include "escrow/trust.h"
#include "sys/dir.h"
#include "sys/file.h"

enum { LINES = 4 };

static struct store *store; /* the one that pulls */
static struct secret *key;  /* of the author that lies */
static struct sign_public them, other;
static unsigned copies;

/* What the author puts on a copy: lines 1..count in one segment, under one head. */
struct lie {
    int64_t number;          /* of the head, as its name says */
    int64_t inside;          /* and as it says itself */
    int64_t entries;         /* that the head promises */
    int count;               /* lines that there are */
    const char *line[LINES]; /* NULL: an honest note; else instead of it */
    int64_t seq[LINES];      /* 0: the right one */
    const char *author;      /* of line 2; NULL: its own */
    const char *escrow;      /* that the head names; NULL: the right one */
    const char *first;       /* members of the first body besides the escrow; NULL: the key */
    const char *text;        /* of the notes */
    int broken;              /* the line that does not follow the one before; 0 none */
    int no_lf;               /* the last line has no line feed */
    const unsigned char *last, *previous; /* NULL: right; previous: 7s */
    unsigned char hash[HASH_SIZE];        /* out: of the head */
};

static int
setup(void **state)
{
    struct secret *unused = NULL;
    struct err err = ERR_INIT;
    if (stores_setup(state) != 0 || sign_generate(&key, &them, &err) != RC_OK ||
        sign_generate(&unused, &other, &err) != RC_OK)
        return -1;
    secret_free(unused);
    stores_on("liar");
    return 0;
}

static int
teardown(void **state)
{
    secret_free(key);
    return stores_teardown(state);
}

static void
put_line(struct buf *out, const struct lie *l, int i, unsigned char prev[HASH_SIZE])
{
    struct buf body;
    struct buf line;
    char first[256];
    static const unsigned char sevens[HASH_SIZE] = {7};
    (void)snprintf(first, sizeof first, "\"public_key\":\"%s\"", them.text);
    buf_init(&body, LIMIT_BODY);
    buf_init(&line, LIMIT_ENTRY);
    if (i == 0)
        buf_addf(&body, "{\"escrow\":\"%s\",%s}", store->escrow,
                 l->first != NULL ? l->first : first);
    else
        buf_addf(&body, "{\"text\":\"%s\"}", l->text != NULL ? l->text : "x");
    assert_ok(entry_build(&line, i == 1 && l->author != NULL ? l->author : them.author,
                          l->seq[i] != 0 ? l->seq[i] : i + 1,
                          i > 0 && i + 1 == l->broken ? sevens : prev, 1767225600000,
                          i == 0 ? "author.joined" : "note", &body, NULL, err));
    if (l->line[i] != NULL) {
        buf_clear(&line);
        buf_adds(&line, l->line[i]);
    }
    sha256(prev, buf_str(&line), line.len);
    buf_add(out, buf_str(&line), line.len);
    buf_addc(out, '\n');
    buf_release(&body);
    buf_release(&line);
}

static void
put_object(const char *copy, const char *name, const void *bytes, size_t len)
{
    char path[1024];
    char folder[1024];
    (void)snprintf(path, sizeof path, "%s/%s", stores_path(copy), name);
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    assert_ok(dir_make(folder, 0700, err));
    assert_ok(file_replace(path, bytes, len, 0600, err));
}

static void
put_lie(const char *copy, struct lie *l)
{
    char name[OBJECT_NAME];
    struct buf lines;
    struct buf object;
    unsigned char prev[HASH_SIZE] = {0};
    struct head_segment s = {.first = 1, .last = l->entries};
    struct head h = {.number = l->inside,
                     .entries = l->entries,
                     .segments = &s,
                     .segment_count = 1,
                     .at = "2026-01-01T00:00:00.000Z"};
    buf_init(&lines, LIMIT_SMALL_FILE);
    buf_init(&object, LIMIT_SMALL_FILE);
    for (int i = 0; i < l->count; i++)
        put_line(&lines, l, i, prev);
    s.bytes = (int64_t)(lines.len -= (size_t)l->no_lf);
    sha256_hex(s.sha256, buf_str(&lines), lines.len);
    segment_name(name, them.author, &s);
    put_object(copy, name, buf_str(&lines), lines.len);
    (void)snprintf(h.escrow, sizeof h.escrow, "%s", l->escrow != NULL ? l->escrow : store->escrow);
    (void)snprintf(h.author, sizeof h.author, "%s", them.author);
    memcpy(h.last, l->last != NULL ? l->last : prev, HASH_SIZE);
    if (l->previous != NULL)
        memcpy(h.previous, l->previous, HASH_SIZE);
    else if (h.number > 1)
        memset(h.previous, 7, HASH_SIZE);
    assert_ok(head_sign(&object, &h, key, err));
    memcpy(l->hash, h.hash, HASH_SIZE);
    head_name(name, them.author, l->number);
    put_object(copy, name, buf_str(&object), object.len);
    newest_name(name, them.author);
    buf_clear(&object);
    buf_addf(&object, "%lld\n", (long long)l->number);
    put_object(copy, name, buf_str(&object), object.len);
    buf_release(&lines);
    buf_release(&object);
}

/* A copy of its own, bound to the store. */
static const char *
new_copy(void)
{
    static char name[16];
    char id[AUTHOR_TEXT + 1];
    struct remote *r = NULL;
    (void)snprintf(name, sizeof name, "copy%u", ++copies);
    assert_ok(remote_open(&r, stores_path(name), NULL, err));
    assert_ok(copy_lay_out(store, r, id, err));
    assert_ok(store_conf_set(store, "copy", name, "url", remote_url(r), err));
    assert_ok(store_conf_set(store, "copy", name, "id", id, err));
    remote_close(r);
    return name;
}

static enum rc
pull(const char *name, struct err *err)
{
    struct copy c = {0};
    struct pull_report report;
    enum rc rc = copy_open(store, name, &c, err);
    if (rc == RC_OK)
        rc = pull_from(store, &c, PULL_STORE, &report, err);
    copy_close(&c);
    return rc;
}

static int64_t
entries(void)
{
    struct log_end end;
    assert_ok(log_end(store, them.author, &end, err));
    return end.seq;
}

/* Pulled from a copy of its own it is refused so, and nothing of it stays. */
static void
refuse(struct lie *l, enum rc want, const char *text)
{
    struct err got = ERR_INIT;
    int64_t before = entries();
    const char *copy = new_copy();
    put_lie(copy, l);
    enum rc rc = pull(copy, &got);
    if (rc != want || (strstr(got.msg, text) == NULL && strstr(got.why, text) == NULL))
        print_error("%s instead of %s (%s): %s (%s)\n", err_name(rc), err_name(want), text, got.msg,
                    got.why);
    assert_int_equal(rc, want);
    assert_true(strstr(got.msg, text) != NULL || strstr(got.why, text) != NULL);
    assert_int_equal(entries(), before);
}

/* Number of the head by its name and inside, entries that it promises, lines that there are; the
 * rest. */
#define LIE(named, says, promised, lines, ...)                                                     \
    (&(struct lie){.number = (named),                                                              \
                   .inside = (says),                                                               \
                   .entries = (promised),                                                          \
                   .count = (lines),                                                               \
                   __VA_ARGS__})

static void
test_of_a_new_author(void **state)
{
    (void)state;
    static const unsigned char wrong[HASH_SIZE] = {1};
    char with_other[256];
    store = stores_make("new", NULL);
    assert_ok(trust_override(store, them.author, "trust", err)); /* others are passed over */
    (void)snprintf(with_other, sizeof with_other, "\"public_key\":\"%s\"", other.text);
    refuse(LIE(1, 1, 3, 3, .author = other.author), RC_CHAIN, "says that it is author");
    refuse(LIE(1, 1, 3, 3, .seq = {0, 3}), RC_CHAIN, "says that it is entry 3");
    refuse(LIE(1, 1, 3, 3, .line = {NULL, NULL, "{}"}), RC_CHAIN, "entry 3 of author");
    refuse(LIE(1, 1, 3, 3, .line = {NULL, "x"}), RC_CHAIN, "is malformed");
    refuse(LIE(1, 1, 3, 3, .broken = 3), RC_CHAIN, "does not follow entry 2");
    refuse(LIE(1, 1, 3, 2, .no_lf = 0), RC_COPY_GAP, "does not hold 3 lines");
    refuse(LIE(1, 1, 3, 4, .no_lf = 0), RC_COPY_GAP, "does not hold 3 lines");
    refuse(LIE(1, 1, 3, 3, .no_lf = 1), RC_COPY_GAP, "does not hold 3 lines");
    refuse(LIE(1, 1, 1, 1, .no_lf = 1), RC_COPY_GAP, "does not hold 1 lines");
    refuse(LIE(1, 1, 3, 3, .last = wrong), RC_CHAIN, "does not end as");
    refuse(LIE(1, 1, 3, 3, .first = "\"x\":1"), RC_CHAIN, "does not carry its key");
    refuse(LIE(1, 1, 3, 3, .first = "\"public_key\":\"x\""), RC_CHAIN, "does not carry its key");
    refuse(LIE(1, 1, 3, 3, .first = with_other), RC_CHAIN, "does not carry its key");
    refuse(LIE(1, 1, 3, 3, .escrow = other.author), RC_COPY_FOREIGN, "it names escrow");
    refuse(LIE(2, 1, 3, 3, .no_lf = 0), RC_COPY_TAMPERED, "it is head 1");
    refuse(LIE(2, 3, 3, 3, .no_lf = 0), RC_COPY_TAMPERED, "it is head 3");
    struct lie *l = LIE(1, 1, 3, 3, .text = "honest");
    const char *copy = new_copy();
    put_lie(copy, l);
    assert_ok(pull(copy, err));
    assert_int_equal(entries(), 3);
    store_close(store);
}

/* Head 2 with three entries is known, of one copy; other copies show something else. */
static void
test_of_a_known_author(void **state)
{
    (void)state;
    struct lie *known = LIE(2, 2, 3, 3, .no_lf = 0);
    store = stores_make("known", NULL);
    assert_ok(trust_override(store, them.author, "trust", err)); /* others are passed over */
    const char *copy = new_copy();
    put_lie(copy, known);
    assert_ok(pull(copy, err));
    assert_int_equal(entries(), 3);
    refuse(LIE(3, 3, 2, 2, .no_lf = 0), RC_COPY_ROLLED_BACK,
           "head 2 had 3 entries, head 3 has only 2");
    refuse(LIE(3, 3, 4, 4, .no_lf = 0), RC_COPY_FORKED, "does not follow head 2");
    refuse(LIE(1, 1, 4, 4, .no_lf = 0), RC_COPY_FORKED, "head 1 has more entries than head 2");
    refuse(LIE(2, 2, 3, 3, .text = "y"), RC_COPY_FORKED, "head 2 is not the one");
    refuse(LIE(2, 2, 3, 3, .previous = known->hash), RC_COPY_FORKED, "head 2 is not the one");
    refuse(LIE(3, 3, 4, 4, .previous = known->hash, .broken = 4), RC_COPY_FORKED,
           "do not follow the last one");
    refuse(LIE(3, 3, 4, 4, .previous = known->hash, .text = "y"), RC_COPY_FORKED,
           "entry 2 is not the one");
    refuse(LIE(4, 4, 4, 4, .text = "y"), RC_COPY_FORKED, "is not the one that is held");
    refuse(LIE(1, 1, 3, 3, .text = "y"), RC_COPY_FORKED,
           "entry 3 is not the one"); /* an older head, as many entries */
    /* A copy that lags with the same history is taken as it is. */
    struct lie *older = LIE(1, 1, 2, 2, .no_lf = 0);
    copy = new_copy();
    put_lie(copy, older);
    assert_ok(pull(copy, err));
    struct lie *more = LIE(3, 3, 4, 4, .previous = known->hash);
    copy = new_copy();
    put_lie(copy, more);
    assert_ok(pull(copy, err));
    assert_int_equal(entries(), 4);
    store_close(store);
}

/* Nobody's word counts for this author: its lies are passed over and said, and stop nothing. */
static void
test_of_a_stranger(void **state)
{
    (void)state;
    struct copy c = {0};
    struct pull_report report;
    store = stores_make("stranger", NULL);
    const char *copy = new_copy();
    put_lie(copy, LIE(1, 1, 3, 3, .author = other.author));
    assert_ok(copy_open(store, copy, &c, err));
    assert_ok(pull_from(store, &c, PULL_STORE, &report, err));
    copy_close(&c);
    assert_int_equal(report.skipped, 1);
    assert_int_equal(report.new_entries, 0);
    assert_non_null(strstr(report.note, them.author));
    assert_int_equal(entries(), 0);
    store_close(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_a_new_author),
        cmocka_unit_test(test_of_a_known_author),
        cmocka_unit_test(test_of_a_stranger),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
