/* Segments: the cut against its definition written a second time, and lists that lie. */
#include "../lib/unit.h"

#include "copy/segment.h"

enum { RUNS = 4096 };

struct run {
    int64_t first, last;
};
struct cut {
    struct run runs[RUNS];
    size_t count;
    int64_t line;                 /* bytes of every entry, line feed included */
    int64_t large_from, large_to; /* entries with LIMIT_ENTRY bytes */
    int asked;                    /* sizes asked for */
};

static int64_t
line_size(const struct cut *c, int64_t seq)
{
    return seq >= c->large_from && seq <= c->large_to ? LIMIT_ENTRY : c->line;
}

static enum rc
size_of(void *arg, int64_t first, int64_t last, int64_t *bytes, struct err *err)
{
    struct cut *c = arg;
    (void)err;
    c->asked++;
    *bytes = 0;
    for (int64_t i = first; i <= last; i++)
        *bytes += line_size(c, i);
    return RC_OK;
}

static enum rc
add_run(void *arg, int64_t first, int64_t last, struct err *err)
{
    struct cut *c = arg;
    (void)err;
    assert_true(c->count < RUNS);
    c->runs[c->count++] = (struct run){first, last};
    return RC_OK;
}

/* The definition, naively: walk entry by entry; a run ends where an aligned run that fits ends. */
static void
naive(struct cut *c, int64_t count)
{
    static const int64_t sizes[] = {4096, 256, 16};
    int64_t from = 1;
    while (from <= count) {
        int64_t to = count; /* the tail */
        for (size_t i = 0; i < 3; i++) {
            int64_t size = sizes[i];
            int64_t bytes = 0;
            if ((from - 1) % size != 0 || from - 1 + size > count)
                continue;
            for (int64_t s = from; s < from + size; s++)
                bytes += line_size(c, s);
            if (size == 4096 && bytes > LIMIT_SEGMENT)
                continue;
            to = from + size - 1;
            break;
        }
        c->runs[c->count++] = (struct run){from, to};
        from = to + 1;
    }
}

static void
compare(int64_t count, int64_t line, int64_t large_from, int64_t large_to)
{
    static struct cut got;
    static struct cut want;
    memset(&got, 0, sizeof got);
    got.line = line;
    got.large_from = large_from;
    got.large_to = large_to;
    want = got;
    assert_ok(segment_cut(count, size_of, add_run, &got, err));
    naive(&want, count);
    assert_int_equal(got.count, want.count);
    assert_memory_equal(got.runs, want.runs, want.count * sizeof want.runs[0]);
}

static void
test_cut(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 1200; n++)
        compare(n, 300, 1, 0);
    for (int64_t n = 4000; n < 4500; n++)
        compare(n, 300, 1, 0);
    for (int64_t n = 12200; n < 12600; n += 7)
        compare(n, 300, 1, 0);
}

/* A run of 4,096 over 32 MiB becomes sixteen of 256; its neighbours do not. */
static void
test_too_large(void **state)
{
    (void)state;
    compare(4096, LIMIT_SEGMENT / 4096, 1, 0);     /* exactly 32 MiB */
    compare(4096, LIMIT_SEGMENT / 4096 + 1, 1, 0); /* too large */
    compare(12288 + 300, 300, 4097, 4097 + 300);   /* only the second */
    compare(4095, LIMIT_ENTRY, 1, 0);
    static struct cut c;
    memset(&c, 0, sizeof c);
    c.line = LIMIT_SEGMENT / 4096 + 1;
    assert_ok(segment_cut(4096 + 5, size_of, add_run, &c, err));
    assert_int_equal(c.count, 17);
    assert_int_equal(c.runs[15].last, 4096);
    assert_int_equal(c.asked, 1);
}

static void
test_million(void **state)
{
    (void)state;
    static struct cut c;
    memset(&c, 0, sizeof c);
    c.line = 300;
    assert_ok(segment_cut(1000000, size_of, add_run, &c, err));
    assert_in_range(c.count, 244, 260);
}

static void
test_name(void **state)
{
    char name[OBJECT_NAME];
    struct head_segment s = {4097, 8192, 1, ""};
    (void)state;
    memset(s.sha256, 'a', HASH_TEXT);
    segment_name(name, "00112233445566778899aabbccddeeff", &s);
    assert_string_equal(name,
                        "log/00112233445566778899aabbccddeeff/0000000001/"
                        "0000004097-0000008192-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                        "aaaaaaaaaaaaaaaaa.ndjson");
}

static void
list_of(struct head *h, struct head_segment *list, int64_t count, int64_t line)
{
    static struct cut c;
    memset(&c, 0, sizeof c);
    c.line = line;
    assert_ok(segment_cut(count, size_of, add_run, &c, err));
    memset(h, 0, sizeof *h);
    h->entries = count;
    h->segments = list;
    h->segment_count = c.count;
    for (size_t i = 0; i < c.count; i++)
        list[i] = (struct head_segment){c.runs[i].first, c.runs[i].last,
                                        line * (c.runs[i].last - c.runs[i].first + 1), ""};
}

/* Every list but the one cut is refused. */
static void
test_check(void **state)
{
    static struct head_segment list[RUNS];
    struct head h;
    (void)state;
    list_of(&h, list, 9000, 300);
    assert_ok(segment_check(&h, "it", err));
    h.segment_count--;
    assert_rc(segment_check(&h, "it", err), RC_COPY_GAP);
    h.segment_count++;
    h.entries--;
    assert_rc(segment_check(&h, "it", err), RC_COPY_GAP);
    h.entries = 4096; /* more listed than declared */
    assert_rc(segment_check(&h, "it", err), RC_COPY_GAP);
    h.entries = 9000;
    for (size_t i = 0; i < h.segment_count; i++) {
        struct head_segment good = list[i];
        list[i].first++;
        assert_rc(segment_check(&h, "it", err), RC_COPY_GAP);
        list[i] = good;
        list[i].last--;
        assert_rc(segment_check(&h, "it", err), RC_COPY_GAP);
        list[i] = good;
        list[i].bytes = 0;
        assert_rc(segment_check(&h, "it", err), RC_COPY_GAP);
        list[i].bytes = LIMIT_NUMBER;
        assert_rc(segment_check(&h, "it", err), RC_COPY_GAP);
        list[i] = good;
    }
    h.entries = LIMIT_NUMBER;
    assert_rc(segment_check(&h, "it", err), RC_COPY_GAP);
    list_of(&h, list, 4096 + 20, LIMIT_SEGMENT / 4096 + 1); /* sixteen runs are right here */
    assert_int_equal(h.segment_count, 16 + 2);
    assert_ok(segment_check(&h, "it", err));
    for (size_t i = 0; i < 16; i++)
        list[i].bytes = 300 * 256; /* and wrong when they are small */
    assert_rc(segment_check(&h, "it", err), RC_COPY_GAP);
}

static void
test_find(void **state)
{
    static struct head_segment list[RUNS];
    struct head h;
    (void)state;
    list_of(&h, list, 5000, 300);
    for (size_t i = 0; i < h.segment_count; i++) {
        struct head_segment s = list[i];
        assert_ptr_equal(segment_find(&h, &s), &list[i]);
        s.sha256[0] = 'x';
        assert_null(segment_find(&h, &s));
        s = list[i];
        s.last++;
        assert_null(segment_find(&h, &s));
    }
    struct head none = {0};
    assert_null(segment_find(&none, &list[0]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),     cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_million), cmocka_unit_test(test_name),
        cmocka_unit_test(test_check),   cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
