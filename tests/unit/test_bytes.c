/*
 * Every byte of what lies on disk, altered in turn: an error, or exactly the answer of before. Of a
 * store verify may be the one that finds it. Big files by a stride that is no power of two;
 * KM_EVERY_BYTE=1 takes every byte.
 */
#include "../lib/unit.h"

#include <fcntl.h>

#include "../lib/stores.h"
#include "copy/copy.h"
#include "copy/publish.h"
#include "copy/pull.h"
#include "copy/verify.h"
#include "escrow/export.h"
#include "escrow/trust.h"
#include "escrow/view.h"
#include "sys/file.h"

#define ROOT "22222222-2222-4333-8444-555555555555"
#define KMS "33333333-2222-4333-8444-555555555555"
#define KEY "44444444-2222-4333-8444-555555555555"

static size_t
stride(size_t normal)
{
    return getenv("KM_EVERY_BYTE") != NULL ? 1 : normal;
}

/* ---- a store with something of everything, and its copy ---- */

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
                  "\"" STORES_SITE "\",\"owner\":\"operator\",\"state\":\"active\",\"follows\":[],"
                  "\"check\":{\"alg\":\"blake2b-256\",\"params\":{},\"value\":"
                  "\"0011223344556677001122334455667700112233445566770011223344556677\"},"
                  "\"wraps\":[{\"root\":\"" ROOT "\",\"version\":\"" ROOT
                  "\",\"aad\":[\"one\"],\"ciphertext\":\"Y2lwaGVydGV4dA==\",\"how\":\"create\"}]}");
    stores_append(s, "root.observed",
                  "{\"root\":\"" ROOT "\",\"state\":\"active\",\"version\":\"" ROOT
                  "\",\"versions\":1,\"updated\":\"2026-11-25T02:12:38.123Z\"}");
    stores_append(s, "reveal.shown", "{\"key\":\"" KEY "\",\"intended\":\"x\"}");
}

static void
bind_copy(struct store *s, const char *name)
{
    char id[AUTHOR_TEXT + 1];
    struct remote *r = NULL;
    assert_ok(remote_open(&r, stores_path(name), NULL, err));
    assert_ok(copy_lay_out(s, r, id, err));
    assert_ok(store_conf_set(s, "copy", name, "url", remote_url(r), err));
    assert_ok(store_conf_set(s, "copy", name, "id", id, err));
    assert_ok(store_conf_set(s, "kms", "kp", "credential", "file:/kp.pass", err));
    remote_close(r);
}

static void
exchange(struct store *s, const char *name)
{
    struct copy c;
    int made = 0;
    struct publish_report sent;
    struct pull_report got;
    assert_ok(copy_open(s, name, &c, err));
    assert_ok(pull_from(s, &c, PULL_STORE, &got, err));
    assert_ok(publish_prepare(s, &made, err));
    assert_ok(publish_to(s, &c, 1, &sent, err));
    copy_close(&c);
}

/* Two authors: the second admitted, retired with its last entries not counting. */
static struct store *
scene(void)
{
    stores_on("bytes");
    struct store *a = stores_make("a", NULL);
    struct store *b = stores_make("b", &a->founder);
    fill(a);
    stores_admit(a, &b->self);
    bind_copy(a, "copy");
    exchange(a, "copy");
    stores_on("bytes-b");
    bind_copy(b, "copy");
    exchange(b, "copy");
    stores_note(b, "from the second author");
    exchange(b, "copy");
    stores_on("bytes");
    exchange(a, "copy");
    assert_ok(store_meta_set(a, "site", STORES_SITE, err));
    store_close(b);
    return a;
}

/* ---- the fixed answers ---- */

static void
say(struct buf *out, const char *text)
{
    buf_adds(out, text);
    buf_addc(out, '\n');
}

static enum rc
say_field(struct buf *out, const struct store *s, const char *object, const char *field,
          struct err *err)
{
    struct buf v;
    int conflict = 0;
    buf_init(&v, LIMIT_ENTRY);
    enum rc rc = field_get(s, object, field, &v, &conflict, err);
    say(out, buf_str(&v));
    buf_addf(out, "%d\n", conflict);
    buf_release(&v);
    return rc;
}

struct asking {
    const struct store *s;
    struct buf *out;
};

static enum rc
say_object(void *arg, const struct object *o, struct err *err)
{
    static const char *const fields[] = {"site", "provider", "file", "kms", "id"};
    struct asking *a = arg;
    buf_addf(a->out, "%s %s %s %s %s\n", o->uuid, o->kind, o->name, o->author, o->entry);
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < sizeof fields / sizeof fields[0]; i++)
        rc = say_field(a->out, a->s, o->uuid, fields[i], err);
    if (rc != RC_OK || strcmp(o->kind, "root") != 0)
        return rc;
    struct root r;
    rc = root_load(a->s, o, &r, err);
    if (rc == RC_OK)
        buf_addf(a->out, "%s %s %s %d %s %lld\n", r.kms.uuid, r.site, r.id, (int)r.state, r.version,
                 (long long)r.versions);
    return rc;
}

static enum rc
say_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct asking *a = arg;
    (void)err;
    buf_addf(a->out, "%s %s %s %s %s %s %s %s %d\n", w->key, w->id, w->root, w->version,
             w->ciphertext, w->aad, w->how, w->at, w->retired);
    return RC_OK;
}

static enum rc
say_key(void *arg, const struct key *k, struct err *err)
{
    struct asking *a = arg;
    struct check_value c = {.alg = CHECK_BLAKE2B};
    int found = 0;
    int released = 0;
    buf_addf(a->out, "%s %s %lld %s %s %s %s %lld %s %s %s %lld %s %d\n", k->uuid, k->name,
             (long long)k->generation, k->purpose, k->protects_site, k->form, k->origin,
             (long long)k->bits, k->created_at, k->entry, k->author, (long long)k->seq, k->state,
             k->has_check);
    enum rc rc = say_field(a->out, a->s, k->uuid, "owner", err);
    if (rc == RC_OK)
        rc = key_check(a->s, k->uuid, &c, &found, err);
    if (rc == RC_OK)
        rc = key_released(a->s, k, &released, err);
    buf_addf(a->out, "%d %d %s %d\n", found, (int)c.alg, c.value, released);
    return rc == RC_OK ? wrap_each(a->s, k->uuid, say_wrap, a, err) : rc;
}

static enum rc
say_line(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    (void)seq;
    (void)err;
    buf_add(arg, line, len);
    buf_addc(arg, '\n');
    return RC_OK;
}

static enum rc
say_author(void *arg, const struct log_author *l, struct err *err)
{
    struct asking *a = arg;
    struct trust t;
    enum rc rc = trust_of(a->s, l->author, &t, err);
    buf_addf(a->out, "%s %s %s %s %d %lld %s %d %lld %lld\n", l->author, l->public_key, l->name,
             l->site, l->founder, (long long)l->entries, t.standing, t.rank, (long long)t.upto,
             (long long)t.applied);
    return rc == RC_OK ? log_each(a->s, l->author, 1, l->entries, say_line, a->out, err) : rc;
}

/* What list, show, status and audit log say, in one text. */
static enum rc
answers(const struct store *s, struct buf *out, struct err *err)
{
    static const char *const kinds[] = {"site", "kms", "root", "copy"};
    struct asking a = {s, out};
    int64_t unpublished = 0;
    buf_clear(out);
    buf_addf(out, "%s %s %s %s %s\n", s->escrow, s->name, s->site, s->self.text, s->founder.text);
    enum rc rc = key_each(s, NULL, say_key, &a, err);
    for (size_t i = 0; rc == RC_OK && i < sizeof kinds / sizeof kinds[0]; i++)
        rc = object_each(s, kinds[i], say_object, &a, err);
    if (rc == RC_OK)
        rc = log_authors(s, say_author, &a, err);
    if (rc == RC_OK)
        rc = entries_unpublished(s, &unpublished, err);
    buf_addf(out, "%lld\n", (long long)unpublished);
    return rc == RC_OK ? buf_check(out, "the answers", err) : rc;
}

/* ---- one byte ---- */

struct sums {
    int same, refused, verified, wrong;
};

static void
put_byte(int fd, size_t at, unsigned char byte)
{
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

/* Its bytes, and a descriptor to alter them in place. */
static int
open_bytes(const char *name, struct buf *bytes)
{
    const char *path = stores_path(name);
    assert_ok(file_read(bytes, path, err));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void
judge_store(struct sums *sums, const struct buf *want, size_t at, unsigned char was)
{
    struct store *s = NULL;
    struct err e = ERR_INIT;
    struct buf got;
    struct verify_report report;
    buf_init(&got, 1024 * 1024);
    enum rc rc = store_open(&s, stores_path("a"), DB_READ, &e);
    if (rc == RC_OK)
        rc = answers(s, &got, &e);
    int same = rc == RC_OK && got.len == want->len && memcmp(got.data, want->data, got.len) == 0;
    if (rc != RC_OK) {
        assert_int_not_equal(err_exit(rc), 70);
        sums->refused++;
    } else if (same) {
        sums->same++;
    } else if (store_verify(s, VERIFY_TABLES, &report, &e) != RC_OK) {
        sums->verified++;
    } else {
        size_t i = 0;
        while (i < got.len && i < want->len && got.data[i] == want->data[i])
            i++;
        size_t from = i < 60 ? 0 : i - 60;
        print_error("byte %zu (was %02x): a wrong answer: ...%.120s...\n", at, was,
                    buf_str(&got) + from);
        sums->wrong++;
    }
    store_close(s);
    buf_release(&got);
}

static void
walk_store_file(const char *name, size_t step, size_t empty_step, struct sums *sums)
{
    struct buf bytes, want;
    struct store *s = stores_open("a");
    buf_init(&bytes, 16 * 1024 * 1024);
    buf_init(&want, 1024 * 1024);
    assert_ok(answers(s, &want, err));
    store_close(s);
    int fd = open_bytes(name, &bytes);
    size_t next = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char was = (unsigned char)bytes.data[i];
        if (i < next)
            continue;
        next = i + (was != 0 ? step : empty_step);
        put_byte(fd, i, was ^ (unsigned char)(1U << (i % 7)));
        judge_store(sums, &want, i, was);
        put_byte(fd, i, was);
    }
    (void)close(fd);
    s = stores_open("a");
    buf_clear(&bytes);
    assert_ok(answers(s, &bytes, err)); /* nothing was left altered */
    assert_string_equal(bytes.data, want.data);
    store_close(s);
    buf_release(&bytes);
    buf_release(&want);
}

static void
test_store(void **state)
{
    struct sums sums = {0};
    (void)state;
    store_close(scene());
    walk_store_file("a/escrow.db", stride(7), stride(97), &sums);
    print_message("escrow.db: %d the same answers, %d refused, %d found by verify\n", sums.same,
                  sums.refused, sums.verified);
    assert_int_equal(sums.wrong, 0);
    assert_true(sums.refused > 100);
    assert_true(sums.verified > 100);
}

/* ---- the two small files beside it ---- */

static void
test_key(void **state)
{
    struct store *s = stores_open("a");
    struct buf b;
    struct secret *right = NULL;
    size_t refused = 0;
    (void)state;
    buf_init(&b, LIMIT_SMALL_FILE);
    int fd = open_bytes("a/author.key", &b);
    assert_ok(store_sign_key(s, &right, err));
    for (size_t i = 0; i < b.len; i++) {
        struct secret *got = NULL;
        struct err e = ERR_INIT;
        unsigned char was = (unsigned char)b.data[i];
        put_byte(fd, i, was ^ (unsigned char)(1U << (i % 7)));
        enum rc rc = store_sign_key(s, &got, &e);
        put_byte(fd, i, was);
        if (rc != RC_OK) {
            assert_int_equal(err_exit(rc), 15);
            refused++;
            continue;
        }
        assert_int_equal(got->len, right->len);
        assert_memory_equal(got->bytes, right->bytes, right->len);
        secret_free(got);
    }
    assert_true(refused > 140); /* key and number, as base64; not the comment, nor an unused salt */
    (void)close(fd);
    secret_free(right);
    buf_release(&b);
    store_close(s);
}

/*
 * A binding says where something is, and another path is as good a binding: so what must never be
 * wrong is what is reached by it. The store's answers do not change; a copy that opens is the one
 * that was bound, or nobody says which it must be (its line "id" is gone); a credential is still
 * only a reference.
 */
static void
judge_conf(const struct buf *want, const char *id, int *refused)
{
    struct store *s = NULL;
    struct err e = ERR_INIT;
    struct copy c;
    struct buf got;
    enum rc rc = store_open(&s, stores_path("a"), DB_READ, &e);
    if (rc != RC_OK) {
        ++*refused;
        assert_int_equal(err_exit(rc), 2);
        return;
    }
    buf_init(&got, 1024 * 1024);
    assert_ok(answers(s, &got, err));
    assert_string_equal(buf_str(&got), buf_str(want));
    rc = copy_open(s, "copy", &c, &e);
    if (rc == RC_OK)
        assert_string_equal(c.id, id);
    else
        ++*refused;
    assert_true(rc == RC_OK || (err_exit(rc) != 70 && err_exit(rc) != 1));
    copy_close(&c);
    buf_release(&got);
    store_close(s);
}

static void
test_conf(void **state)
{
    struct store *s = stores_open("a");
    struct buf b, want;
    char id[AUTHOR_TEXT + 1];
    int refused = 0;
    (void)state;
    buf_init(&b, LIMIT_SMALL_FILE);
    buf_init(&want, 1024 * 1024);
    int fd = open_bytes("a/keymuster.conf", &b);
    assert_ok(answers(s, &want, err));
    (void)snprintf(id, sizeof id, "%s", store_conf(s, "copy", "copy", "id"));
    store_close(s);
    for (size_t i = 0; i < b.len; i++) {
        unsigned char was = (unsigned char)b.data[i];
        put_byte(fd, i, was ^ (unsigned char)(1U << (i % 7)));
        judge_conf(&want, id, &refused);
        put_byte(fd, i, was);
    }
    assert_true(refused > 100);
    (void)close(fd);
    buf_release(&b);
    buf_release(&want);
}

/* ---- an export ---- */

static void
judge_export(const char *bytes, size_t len, size_t at)
{
    struct store *view = NULL;
    struct export_seal seal;
    struct err e = ERR_INIT;
    enum rc rc = export_read(&view, &seal, bytes, len, "the export", &e);
    if (rc == RC_OK || err_exit(rc) != 15 || view != NULL)
        print_error("byte %zu: %s\n", at, err_name(rc));
    assert_null(view);
    assert_int_equal(err_exit(rc), 15);
    assert_true(e.msg[0] != '\0');
}

static void
test_export(void **state)
{
    static const char *const names[] = {"vbr/config"};
    struct store *s = stores_open("a");
    struct store *view = NULL;
    struct export_file x;
    struct export_seal seal;
    struct key key;
    (void)state;
    assert_ok(export_make(s, names, 1, &x, err));
    assert_ok(export_read(&view, &seal, x.file.data, x.file.len, "the export", err));
    assert_ok(key_find(view, "vbr/config@1", &key, err));
    assert_string_equal(key.uuid, KEY);
    assert_string_equal(seal.sha256, x.sha256);
    assert_string_equal(seal.escrow, s->escrow);
    store_close(view);
    assert_true(export_is(x.file.data, x.file.len));
    for (size_t i = 0; i < x.file.len; i++) {
        x.file.data[i] ^= (char)(1U << (i % 8));
        assert_true(
            export_is(x.file.data, x.file.len)); /* one byte does not make it another file */
        judge_export(x.file.data, x.file.len, i);
        x.file.data[i] ^= (char)(1U << (i % 8));
    }
    for (size_t i = 0; i < x.file.len; i += stride(7))
        judge_export(x.file.data, i, i);
    buf_addc(&x.file, '\n');
    judge_export(x.file.data, x.file.len, x.file.len);
    export_release(&x);
    store_close(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store), /* makes the store of the others */
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_conf),
        cmocka_unit_test(test_export),
    };
    return cmocka_run_group_tests(tests, stores_setup, stores_teardown);
}
