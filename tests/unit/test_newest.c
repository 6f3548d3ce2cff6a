/* Finding the newest head at a place whose hint and listing may be missing, old or false. */
#include "../lib/unit.h"

#include "copy/newest.h"
#include "copy/remote_kind.h"

static const char AUTHOR[] = "00112233445566778899aabbccddeeff";

/* A place that holds some heads, answers with their numbers, and says of itself what it is told to.
 */
static struct {
    unsigned char there[10001];
    const char *hint; /* NULL: none */
    int64_t listed;   /* highest number shown by the listing; 0: it shows nothing */
    unsigned gets;
    enum rc fails; /* every get of a head ends so */
} place;

static enum rc
fake_get(struct remote *r, const char *name, struct buf *out, struct err *err)
{
    (void)r;
    if (strncmp(name, "newest/", 7) == 0) {
        if (place.hint == NULL)
            return err_set(err, RC_NOT_FOUND, "no hint");
        buf_adds(out, place.hint);
        return buf_check(out, "a hint", err) == RC_OK ? RC_OK : RC_COPY_TAMPERED;
    }
    int64_t n = newest_number(strrchr(name, '/') + 1);
    place.gets++;
    if (place.fails != RC_OK)
        return err_set(err, place.fails, "the place is away");
    assert_true(n > 0);
    if (n > 10000 || !place.there[n])
        return err_set(err, RC_NOT_FOUND, "no such head");
    buf_addf(out, "%lld", (long long)n);
    return RC_OK;
}

static enum rc
fake_list(struct remote *r, const char *folder, remote_fn fn, void *arg, struct err *err)
{
    char name[32];
    (void)r;
    if (place.listed == 0)
        return RC_OK;
    int groups = strlen(folder) == 5 + AUTHOR_TEXT;
    (void)snprintf(name, sizeof name, "%010lld",
                   (long long)(groups ? place.listed / 1000 : place.listed));
    return fn(arg, name, err);
}

static const struct remote_kind fake_kind = {.get = fake_get, .list = fake_list};

static int64_t
find(int64_t seen, int64_t held)
{
    struct remote r = {.kind = &fake_kind};
    struct buf out;
    char want[32];
    int64_t number = -1;
    buf_init(&out, LIMIT_SMALL_FILE);
    place.gets = 0;
    assert_ok(newest_find(&r, AUTHOR, seen, held, &number, &out, err));
    (void)snprintf(want, sizeof want, "%lld", (long long)number);
    assert_string_equal(buf_str(&out), number > 0 ? want : ""); /* the bytes of that very head */
    buf_release(&out);
    return number;
}

static void
heads(int64_t from, int64_t to)
{
    memset(&place, 0, sizeof place);
    for (int64_t i = from; i <= to; i++)
        place.there[i] = 1;
}

/* Neither hint nor listing nor memory: galloping finds it, in few requests. */
static void
test_gallop(void **state)
{
    (void)state;
    for (int64_t n = 0; n <= 300; n++) {
        heads(1, n);
        assert_int_equal(find(0, 0), n);
        assert_true(place.gets <= 20);
    }
    heads(1, 10000);
    assert_int_equal(find(0, 0), 10000);
    assert_true(place.gets <= 30);
}

static void
test_starts(void **state)
{
    (void)state;
    heads(1, 50);
    place.hint = "48\n"; /* behind: asks upward */
    assert_int_equal(find(0, 0), 50);
    assert_int_equal(place.gets, 4);
    place.hint = "51\n"; /* ahead: falls back */
    assert_int_equal(find(0, 0), 50);
    place.listed = 49;
    assert_int_equal(find(0, 0), 50);
    place.hint = NULL;
    assert_int_equal(find(0, 0), 50);
    place.listed = 0;
    assert_int_equal(find(0, 50), 50);
    assert_int_equal(place.gets, 2);
    assert_int_equal(find(50, 0), 50);
    assert_int_equal(find(20, 60), 50); /* held more than is there: lower ones, then upward */
    assert_int_equal(find(60, 70), 50);
}

/* A disk that another site completed has the newest head only. */
static void
test_alone(void **state)
{
    (void)state;
    heads(40, 40);
    place.hint = "40\n";
    assert_int_equal(find(0, 0), 40);
    place.hint = NULL;
    place.listed = 40;
    assert_int_equal(find(0, 0), 40);
    place.listed = 0;
    assert_int_equal(find(0, 40), 40);
    assert_int_equal(find(0, 0), 0); /* cannot be found, and is not made up */
}

static void
test_lies(void **state)
{
    static const char *const hints[] = {
        "",  "\n", "0\n",   "-5\n",  "+5\n",         " 5\n",          "05\n",
        "5", "5 ", "5\n\n", "0x5\n", "9999999999\n", "99999999999\n", "five\n"};
    (void)state;
    heads(1, 3);
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        place.hint = hints[i];
        place.listed = 9999999999;
        assert_int_equal(find(0, 0), 3);
    }
}

/* A place that is away shows no absence. */
static void
test_away(void **state)
{
    struct remote r = {.kind = &fake_kind};
    struct buf out;
    int64_t number = -1;
    (void)state;
    buf_init(&out, LIMIT_SMALL_FILE);
    heads(1, 3);
    place.fails = RC_COPY_UNREACHABLE;
    assert_rc(newest_find(&r, AUTHOR, 3, 3, &number, &out, err), RC_COPY_UNREACHABLE);
    assert_int_equal(number, 0);
    buf_release(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gallop), cmocka_unit_test(test_starts), cmocka_unit_test(test_alone),
        cmocka_unit_test(test_lies),   cmocka_unit_test(test_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
