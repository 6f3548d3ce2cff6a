/*
 * Every bit of what lies at a copy, and of an export, altered in turn: refused, or named, always;
 * and no database is opened before a signature was found good. The same test with the check of
 * signatures taken out (PLANT, see CMakeLists.txt) must find that alterations get
 * through.
 */
#include "../lib/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>

#include "../lib/stores.h"
#include "copy/copy.h"
#include "copy/inspect.h"
#include "copy/publish.h"
#include "copy/pull.h"
#include "copy/segment.h"
#include "escrow/export.h"
#include "sys/file.h"

#define ROOT "22222222-2222-4333-8444-555555555555"
#define KMS "33333333-2222-4333-8444-555555555555"
#define KEY "44444444-2222-4333-8444-555555555555"

enum { FILES = 64 };

/* ---- what is counted ---- */

static unsigned opened; /* databases */

static int
count_open(sqlite3 *db, char **message, const void *api)
{
    (void)db;
    (void)message;
    (void)api;
    opened++;
    return SQLITE_OK;
}

struct sums {
    unsigned altered, refused, named, passed;
};
static struct sums all;

/* ---- a store, its copy, and a reader that holds nothing of it ---- */

static void
fill(struct store *s)
{
    stores_append(s, "site.added", "{\"uuid\":\"" STORES_SITE "\",\"name\":\"fra\"}");
    stores_append(s, "kms.added",
                  "{\"uuid\":\"" KMS "\",\"name\":\"kp\",\"site\":\"" STORES_SITE
                  "\",\"provider\":\"local\",\"file\":\"/kp.kms\"}");
    stores_append(s, "root.added",
                  "{\"uuid\":\"" ROOT "\",\"name\":\"main\",\"kms\":\"" KMS "\",\"id\":\"" ROOT
                  "\"}");
    stores_append(s, "key.created",
                  "{\"uuid\":\"" KEY "\",\"name\":\"vbr/config\",\"generation\":1,\"purpose\":"
                  "\"config-backup\",\"form\":\"base64\",\"origin\":\"kms\",\"protects_site\":"
                  "\"" STORES_SITE "\",\"wraps\":[{\"root\":\"" ROOT "\",\"version\":\"" ROOT
                  "\",\"aad\":[\"one\"],\"ciphertext\":\"eyJhIjoxfQ==\",\"how\":\"create\"}]}");
}

static void
bind_copy(struct store *s)
{
    char id[AUTHOR_TEXT + 1];
    struct remote *r = NULL;
    assert_ok(remote_open(&r, stores_path("copy"), NULL, err));
    assert_ok(copy_lay_out(s, r, id, err));
    assert_ok(store_conf_set(s, "copy", "usb", "url", remote_url(r), err));
    assert_ok(store_conf_set(s, "copy", "usb", "id", id, err));
    remote_close(r);
}

static void
publish(struct store *s)
{
    struct copy c;
    int made = 0;
    struct publish_report sent;
    assert_ok(publish_prepare(s, &made, err));
    assert_ok(copy_open(s, "usb", &c, err));
    assert_ok(publish_to(s, &c, 1, &sent, err));
    copy_close(&c);
}

static struct store *writer, *reader;

static int
setup(void **state)
{
    if (stores_setup(state) != 0)
        return -1;
    stores_on("a");
    writer = stores_make("a", NULL);
    reader = stores_make("r", &writer->founder);
    bind_copy(writer);
    bind_copy(reader);
    stores_note(writer, "first");
    publish(writer);
    fill(writer);
    publish(writer);
    return sqlite3_auto_extension((void (*)(void))count_open) == SQLITE_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    sqlite3_reset_auto_extension();
    store_close(writer);
    store_close(reader);
    return stores_teardown(state);
}

/* ---- one alteration ---- */

/* An error that says what to distrust: integrity (15) or another history (16). */
static int
says_so(enum rc rc, const struct err *e)
{
    return (err_exit(rc) == 15 || err_exit(rc) == 16) && e->msg[0] != '\0';
}

static enum rc
pull(struct err *e)
{
    struct copy c;
    struct pull_report got;
    enum rc rc = copy_open(reader, "usb", &c, e);
    if (rc == RC_OK)
        rc = pull_from(reader, &c, PULL_DRY | PULL_DEEP, &got, e);
    copy_close(&c);
    return rc;
}

struct look {
    const char *want;
    int found, others;
};

static enum rc
see(void *arg, const struct damaged *d, struct err *err)
{
    struct look *l = arg;
    (void)err;
    size_t len = strlen(d->name);
    /* A signature's damage is its text's. */
    if (l->want != NULL && strncmp(d->name, l->want, len) == 0 &&
        (l->want[len] == '\0' || strcmp(l->want + len, ".minisig") == 0))
        l->found = 1;
    else
        l->others++;
    return RC_OK;
}

/* Whether `copy check --deep` by the store that wrote it names the object (NULL: none), and only
 * it. */
static int
inspected(const char *object, struct err *e)
{
    struct copy c;
    struct look l = {object, 0, 0};
    enum rc rc = copy_open_damaged(writer, "usb", &c, e);
    if (rc == RC_OK)
        rc = inspect_copy(writer, &c, see, &l, e);
    copy_close(&c);
    if (rc != RC_OK)
        return says_so(rc, e);
    return l.found == (object != NULL) && l.others == 0;
}

/* promised: a reader meets this object. */
static void
judge(const char *object, size_t bit, int promised)
{
    struct err e = ERR_INIT;
    unsigned before = opened;
    all.altered++;
    enum rc rc = promised ? pull(&e) : RC_OK;
    int refused = rc != RC_OK && says_so(rc, &e);
    int named = (promised && bit % 8 != 0) || inspected(object, &e);
    assert_int_equal(opened, before);
    all.refused += refused != 0;
    all.named += named != 0;
    if ((promised && !refused) || !named) {
        all.passed++;
#ifndef PLANT
        print_error("%s, bit %zu: %s, %s\n", object, bit, promised ? err_name(rc) : "not read",
                    named ? "named" : "not named");
#endif
    }
}

static void
walk(const char *object, int promised, size_t step)
{
    struct buf bytes;
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", stores_path("copy"), object);
    buf_init(&bytes, 1 << 22);
    assert_ok(file_read(&bytes, path, err));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t bit = 0; bit < bytes.len * 8; bit += step) {
        unsigned char was = (unsigned char)bytes.data[bit / 8];
        unsigned char is = was ^ (unsigned char)(1U << bit % 8);
        assert_int_equal(pwrite(fd, &is, 1, (off_t)(bit / 8)), 1);
        judge(object, bit, promised);
        assert_int_equal(pwrite(fd, &was, 1, (off_t)(bit / 8)), 1);
    }
    (void)close(fd);
    buf_release(&bytes);
}

/* ---- all objects ---- */

static char objects[FILES][256];
static size_t object_count;

static int
note_file(const char *path, const struct stat *st, int type)
{
    (void)st;
    if (type == FTW_F && object_count < FILES)
        (void)snprintf(objects[object_count++], sizeof objects[0], "%s",
                       path + strlen(stores_path("copy")) + 1);
    return 0;
}

/* What a reader of the newest head meets; the newest head is number 2. */
static int
is_promised(const char *object)
{
    struct head h;
    struct buf b;
    char name[OBJECT_NAME];
    int promised = strncmp(object, "escrow", 6) == 0 || strncmp(object, "copy", 4) == 0;
    head_name(name, writer->self.author, 2);
    promised |= strcmp(name, object) == 0;
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", stores_path("copy"), name);
    buf_init(&b, 1 << 20);
    assert_ok(file_read(&b, path, err));
    assert_ok(head_parse(&h, b.data, b.len, &writer->self, "the head", err));
    for (size_t i = 0; i < h.segment_count; i++) {
        segment_name(name, writer->self.author, &h.segments[i]);
        promised |= strcmp(name, object) == 0;
    }
    head_release(&h);
    buf_release(&b);
    return promised;
}

static size_t
step_of(const char *object)
{
    size_t step = strncmp(object, "recovery/", 9) == 0 ? 61 : 1;
#if defined KM_SANITIZE || defined PLANT
    step *= 13;
#endif
    return step;
}

static void
test_copy(void **state)
{
    struct err e = ERR_INIT;
    unsigned promised = 0;
    (void)state;
    assert_int_equal(ftw(stores_path("copy"), note_file, 8), 0);
    assert_in_range(object_count, 8, FILES - 1);
    assert_ok(pull(err));
    assert_true(inspected(NULL, &e)); /* nothing is damaged */
    for (size_t i = 0; i < object_count; i++) {
        /* A hint is not believed, whatever it says. */
        if (strncmp(objects[i], "newest/", 7) == 0)
            continue;
        int is = is_promised(objects[i]);
        promised += is != 0;
        walk(objects[i], is, step_of(objects[i]));
    }
    assert_int_equal(promised, 4); /* escrow.json, copy.json, head 2, a segment */
    assert_ok(pull(err));
    print_message("copy: %zu objects, %u bits altered, %u refused by a reader, %u named by the "
                  "writer, %u passed\n",
                  object_count, all.altered, all.refused, all.named, all.passed);
}

/* ---- an export ---- */

static void
test_export(void **state)
{
    static const char *const names[] = {"vbr/config"};
    struct store *view = NULL;
    struct export_file x;
    struct export_seal seal;
    unsigned before = 0;
    size_t step = step_of("export");
    struct sums sums = {0, 0, 0, 0};
    (void)state;
    assert_ok(export_make(writer, names, 1, &x, err));
    before = opened;
    assert_ok(export_read(&view, &seal, x.file.data, x.file.len, "the export", err));
    assert_int_equal(opened, before + 1); /* the counter counts */
    store_close(view);
    before = opened;
    for (size_t bit = 0; bit < x.file.len * 8; bit += step) {
        struct err e = ERR_INIT;
        x.file.data[bit / 8] ^= (char)(1U << bit % 8);
        enum rc rc = export_read(&view, &seal, x.file.data, x.file.len, "the export", &e);
        sums.altered++;
        sums.refused += says_so(rc, &e) && view == NULL;
        sums.passed += rc == RC_OK;
        store_close(view);
        x.file.data[bit / 8] ^= (char)(1U << bit % 8);
    }
    print_message("export: %u bits altered, %u refused, %u passed, %u databases opened\n",
                  sums.altered, sums.refused, sums.passed, opened - before);
    all.altered += sums.altered;
    all.passed += sums.passed;
#ifndef PLANT
    assert_int_equal(sums.refused, sums.altered);
    assert_int_equal(opened, before);
#endif
    export_release(&x);
}

static void
test_nothing_passed(void **state)
{
    (void)state;
    assert_true(all.altered > 1000);
#ifdef PLANT
    assert_true(all.passed > 100); /* caught: without the check, alterations get through */
#else
    assert_int_equal(all.passed, 0);
#endif
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_export),
        cmocka_unit_test(test_nothing_passed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
