/*
 * The property on which merging rests: the derived tables are a function of the set of accepted
 * lines. The lines of four authors arrive in hundreds of random orders and batches; the digest is
 * always the same.
 */
#include "../lib/unit.h"

#include "../lib/mutate.h"
#include "../lib/stores.h"
#include "escrow/settle.h"
#include "escrow/trust.h"

enum { ORDERS = 300, AUTHORS = 4, LINES = 64 };

#define KEY "aaaaaaaa-0000-4000-8000-000000000001"
#define ROOT "aaaaaaaa-0000-4000-8000-000000000002"
#define SITE "aaaaaaaa-0000-4000-8000-000000000003"

/* One author's log, as it would arrive in segments. */
struct source {
    char author[AUTHOR_TEXT + 1];
    struct buf lines[LINES];
    size_t count;
};

static struct source sources[AUTHORS];
static struct sign_public founder;
static struct sign_public observer;

/* ---- the lines ---- */

static enum rc
keep_line(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    struct source *s = arg;
    (void)seq;
    assert_true(s->count < LINES);
    struct buf *b = &s->lines[s->count++];
    buf_init(b, LIMIT_ENTRY);
    buf_add(b, line, len);
    return buf_check(b, "a line", err);
}

static void
keep(struct source *s, struct store *store)
{
    memcpy(s->author, store->self.author, sizeof s->author);
    assert_ok(log_each(store, s->author, 1, LINES, keep_line, s, err));
    store_close(store);
}

/* Sets a field of the key; supersedes "" or a hash in quotes. Gives the entry's hash. */
static void
set_field(struct store *s, const char *name, const char *value, const char *supersedes,
          char hash[HASH_TEXT + 1])
{
    struct buf b;
    buf_init(&b, LIMIT_BODY);
    buf_addf(&b, "{\"key\":\"" KEY "\",\"set\":{\"%s\":{\"value\":\"%s\",\"supersedes\":[", name,
             value);
    if (supersedes[0] != '\0')
        buf_addf(&b, "\"%s\"", supersedes);
    buf_adds(&b, "]}}}");
    assert_ok(log_append_one(s, "key.changed", &b, hash, err));
    buf_release(&b);
}

static void
add_wrap(struct store *s, const char *ciphertext)
{
    char body[400];
    (void)snprintf(body, sizeof body,
                   "{\"key\":\"" KEY "\",\"wrap\":{\"root\":\"" ROOT "\",\"version\":\"\",\"aad\":"
                   "[\"a\"],\"ciphertext\":\"%s\",\"how\":\"add\"}}",
                   ciphertext);
    stores_append(s, "wrap.added", body);
}

static void
retire(struct store *by, const struct store *who, int64_t upto)
{
    struct stmt *q = NULL;
    char body[300];
    char hex[HASH_TEXT + 1];
    size_t len = 0;
    assert_ok(db_query(who->db, &q, "SELECT hash FROM entry WHERE author = ?1 AND seq = ?2", err));
    stmt_text(q, 1, who->self.author);
    stmt_int(q, 2, upto);
    assert_ok(stmt_row(q, err));
    const void *hash = col_blob(q, 0, &len);
    assert_int_equal(len, HASH_SIZE);
    hex_encode(hex, hash, HASH_SIZE);
    stmt_done(q);
    (void)snprintf(body, sizeof body, "{\"author\":\"%s\",\"entries\":%lld,\"last\":\"%s\"}",
                   who->self.author, (long long)upto, hex);
    stores_append(by, "author.retired", body);
}

static void
fill_founder(struct store *a, char owner[HASH_TEXT + 1], char state[HASH_TEXT + 1])
{
    stores_append(a, "site.added", "{\"uuid\":\"" SITE "\",\"name\":\"fra\",\"region\":\"eu-de\"}");
    stores_append(a, "key.created",
                  "{\"uuid\":\"" KEY "\",\"name\":\"vbr/config\",\"generation\":1,\"follows\":[],"
                  "\"purpose\":\"config-backup\",\"form\":\"base64\",\"origin\":\"kms\",\"bits\":"
                  "256,\"owner\":\"first\",\"wraps\":[{\"root\":\"" ROOT "\",\"ciphertext\":\"one\""
                  ",\"how\":\"create\"}]}");
    set_field(a, "owner", "from a", "", owner); /* conflicts with key.created's */
    set_field(a, "state", "active", "", state);
    add_wrap(a, "two");
    stores_append(a, "drill.result",
                  "{\"key\":\"" KEY "\",\"root\":\"" ROOT "\",\"outcome\":\"proven\"}");
}

/* Admissions come late in each log, so that most lines arrive before their author counts. */
static int
setup(void **state)
{
    char owner[HASH_TEXT + 1];
    char key_state[HASH_TEXT + 1];
    char other[HASH_TEXT + 1];
    if (stores_setup(state) != 0)
        return -1;
    struct store *a = stores_make("a", NULL);
    struct store *b = stores_make("b", &a->self);
    struct store *c = stores_make("c", &a->self);
    struct store *d = stores_make("d", &a->self);
    struct store *o = stores_make("o", &a->self);
    founder = a->self;
    observer = o->self;
    store_close(o);
    fill_founder(a, owner, key_state);
    stores_append(b, "site.added", "{\"uuid\":\"" SITE "\",\"name\":\"frankfurt\"}"); /* merge */
    set_field(b, "owner", "from b", "", other);
    set_field(c, "owner", "from c", owner, other); /* supersedes a's, not b's */
    set_field(c, "state", "suspended", key_state, other);
    set_field(b, "state", "compromised", key_state, other);
    stores_append(b, "wrap.retired",
                  "{\"key\":\"" KEY "\",\"wrap\":\"3f9dfd2a3b6e8c1f0b6d3b1b8f7f3a9e2c5d4b6a7f8e9d0c"
                  "1b2a394857667584\",\"reason\":\"old\"}");
    add_wrap(b, "two"); /* the same ciphertext from two authors */
    add_wrap(c, "three");
    stores_append(a, "root.observed",
                  "{\"root\":\"" ROOT "\",\"state\":\"active\",\"updated\":"
                  "\"2026-01-01T00:00:00Z\",\"versions\":2}");
    stores_append(c, "root.observed",
                  "{\"root\":\"" ROOT "\",\"state\":\"disabled\",\"updated\":"
                  "\"2026-01-01T00:00:00Z\",\"versions\":3}");
    stores_append(b, "made.up", "{\"x\":1}");          /* a kind of the future */
    stores_append(c, "wrap.added", "{\"key\":\"x\"}"); /* lacks nearly everything */
    stores_note(b, "before c counts");
    stores_admit(b, &c->self); /* c counts through b only */
    stores_admit(c, &d->self); /* d never does: c is retired before this */
    retire(a, c, 6);
    stores_admit(a, &b->self);
    stores_note(a, "after b counts");
    stores_note(c, "quarantined");
    add_wrap(d, "four");
    stores_note(d, "never heard");
    set_field(b, "owner", "b again", other, other); /* supersedes an entry of another field */
    keep(&sources[0], a);
    keep(&sources[1], b);
    keep(&sources[2], c);
    keep(&sources[3], d);
    return 0;
}

static int
teardown(void **state)
{
    for (size_t i = 0; i < AUTHORS; i++) {
        for (size_t j = 0; j < sources[i].count; j++)
            buf_release(&sources[i].lines[j]);
    }
    return stores_teardown(state);
}

/* ---- arrival ---- */

/* A store without a place: only its lock is a file. */
static void
bare_open(struct store *s)
{
    memset(s, 0, sizeof *s);
    s->lock_fd = -1;
    s->flags = DB_WRITE;
    s->self = observer;
    s->founder = founder;
    escrow_id(s->escrow, &founder);
    (void)snprintf(s->dir, sizeof s->dir, "%s", stores_root);
    assert_ok(db_create(&s->db, ":memory:", err));
}

static void
deliver(struct store *s, const struct source *from, size_t i)
{
    struct entry e;
    struct log_end end;
    assert_ok(log_end(s, from->author, &end, err));
    assert_ok(entry_parse(&e, buf_str(&from->lines[i]), from->lines[i].len, err));
    assert_ok(log_receive(s, &e, &end, err));
    entry_release(&e);
}

/* Delivers counts[] lines of each author in a random order, with a commit now and then. seed 0: one
 * author after the other, one commit. */
static void
arrive(uint64_t seed, const size_t counts[AUTHORS], char digest[DIGEST_TEXT])
{
    struct store s;
    char rebuilt[DIGEST_TEXT];
    size_t done[AUTHORS] = {0};
    uint64_t random = seed;
    unsigned pause = seed == 0 ? 0 : 1 + (unsigned)(seed % 9); /* mean size of a batch */
    size_t left = 0;
    for (size_t i = 0; i < AUTHORS; i++)
        left += counts[i];
    bare_open(&s);
    assert_ok(log_begin(&s, err));
    for (; left > 0; left--) {
        size_t who = seed == 0 ? 0 : mutate_random(&random) % AUTHORS;
        while (done[who] == counts[who])
            who = (who + 1) % AUTHORS;
        deliver(&s, &sources[who], done[who]++);
        if (pause > 0 && mutate_random(&random) % pause == 0) {
            assert_ok(log_commit(&s, err));
            assert_ok(log_begin(&s, err));
        }
    }
    assert_ok(log_commit(&s, err));
    assert_ok(apply_digest(s.db, digest, err));
    assert_ok(apply_digest_rebuilt(&s, rebuilt, err));
    assert_string_equal(digest, rebuilt);
    db_close(s.db);
}

static void
all_counts(size_t counts[AUTHORS])
{
    for (size_t i = 0; i < AUTHORS; i++)
        counts[i] = sources[i].count;
}

static void
test_any_order(void **state)
{
    size_t counts[AUTHORS];
    char want[DIGEST_TEXT];
    char got[DIGEST_TEXT];
    (void)state;
    all_counts(counts);
    arrive(0, counts, want);
    for (uint64_t seed = 1; seed <= ORDERS; seed++) {
        arrive(seed * 0x9e3779b97f4a7c15ULL, counts, got);
        if (strcmp(want, got) != 0)
            print_error("order %llu gives another digest\n", (unsigned long long)seed);
        assert_string_equal(want, got);
    }
}

/* The same for every prefix of what was written: a site may be behind by any amount. */
static void
test_any_prefix(void **state)
{
    uint64_t random = 4242;
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        size_t counts[AUTHORS];
        char want[DIGEST_TEXT];
        char got[DIGEST_TEXT];
        for (size_t j = 0; j < AUTHORS; j++)
            counts[j] = mutate_random(&random) % (sources[j].count + 1);
        arrive(0, counts, want);
        for (uint64_t seed = 1; seed <= 3; seed++) {
            arrive(seed * 0x9e3779b97f4a7c15ULL + i, counts, got);
            assert_string_equal(want, got);
        }
    }
}

/* The check can fail: every accepted line shows in the digest, and no other does. */
static void
test_digest_tells(void **state)
{
    size_t counts[AUTHORS];
    char all[DIGEST_TEXT];
    char less[DIGEST_TEXT];
    (void)state;
    all_counts(counts);
    arrive(0, counts, all);
    for (size_t i = 0; i < 2; i++) { /* a's and b's last lines count */
        counts[i]--;
        arrive(0, counts, less);
        assert_string_not_equal(all, less);
        counts[i]++;
    }
    counts[2] = 6; /* c's after the sixth do not */
    counts[3] = 0; /* none of d's */
    arrive(0, counts, less);
    assert_string_equal(all, less);
    counts[2] = 5;
    arrive(0, counts, less);
    assert_string_not_equal(all, less);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_any_prefix),
        cmocka_unit_test(test_digest_tells),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
