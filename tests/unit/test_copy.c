/* Stores that publish to and pull from folders: honest ones, and every way in which a copy or an
 * author can lie. */
#include "../lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>

#include "../lib/stores.h"
#include "copy/copy.h"
#include "copy/head.h"
#include "copy/held.h"
#include "copy/identity.h"
#include "copy/memory.h"
#include "copy/publish.h"
#include "copy/pull.h"
#include "copy/segment.h"
#include "escrow/settle.h"
#include "escrow/trust.h"
#include "escrow/view.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/process.h"

/* Whoever acts does so on the machine of his store. */
static void
on(const struct store *s)
{
    char state[PATH_SIZE + 8];
    (void)snprintf(state, sizeof state, "%s.state", s->dir);
    assert_int_equal(setenv("XDG_STATE_HOME", state, 1), 0);
}

/* Makes (or adopts) a copy at a folder and binds it under its folder's name. */
static void
bind_copy(struct store *s, const char *name)
{
    char id[AUTHOR_TEXT + 1];
    struct remote *r = NULL;
    assert_ok(remote_open(&r, stores_path(name), NULL, err));
    assert_ok(copy_lay_out(s, r, id, err));
    assert_ok(store_conf_set(s, "copy", name, "url", remote_url(r), err));
    assert_ok(store_conf_set(s, "copy", name, "id", id, err));
    remote_close(r);
}

static enum rc
publish(struct store *s, const char *name, struct publish_report *report, struct err *err)
{
    struct copy c = {0};
    struct publish_report mine;
    int made = 0;
    on(s);
    enum rc rc = publish_prepare(s, &made, err);
    if (rc == RC_OK)
        rc = copy_open(s, name, &c, err);
    if (rc == RC_OK)
        rc = publish_to(s, &c, 1, report != NULL ? report : &mine, err);
    copy_close(&c);
    return rc;
}

static enum rc
pull(struct store *s, const char *name, enum pull_flags flags, struct pull_report *report,
     struct err *err)
{
    struct copy c = {0};
    struct pull_report mine;
    on(s);
    enum rc rc = copy_open(s, name, &c, err);
    if (rc == RC_OK)
        rc = pull_from(s, &c, flags, report != NULL ? report : &mine, err);
    copy_close(&c);
    return rc;
}

static int64_t
entries(const struct store *s, const char *author)
{
    struct log_end end;
    assert_ok(log_end(s, author, &end, err));
    return end.seq;
}

static int64_t
rows(const struct store *s, const char *sql)
{
    struct stmt *q = NULL;
    assert_ok(db_query(s->db, &q, sql, err));
    assert_ok(stmt_row(q, err));
    int64_t n = col_int(q, 0);
    stmt_done(q);
    return n;
}

static void
assert_same_digest(const struct store *a, const struct store *b)
{
    char da[DIGEST_TEXT];
    char db[DIGEST_TEXT];
    char rebuilt[DIGEST_TEXT];
    assert_ok(apply_digest(a->db, da, err));
    assert_ok(apply_digest(b->db, db, err));
    assert_ok(apply_digest_rebuilt(b, rebuilt, err));
    assert_string_equal(da, db);
    assert_string_equal(db, rebuilt);
}

static void
notes(struct store *s, int count)
{
    struct buf b;
    buf_init(&b, LIMIT_BODY);
    assert_ok(log_begin(s, err));
    for (int i = 0; i < count; i++) {
        buf_clear(&b);
        buf_addf(&b, "{\"text\":\"note %d\"}", i);
        assert_ok(log_append(s, "note", &b, NULL, err));
    }
    assert_ok(log_commit(s, err));
    buf_release(&b);
}

/* Two stores of one escrow, both admitted, both complete, with the copy `name` between them. */
struct pair {
    struct store *a, *b;
    char name[32];
    char an[32], bn[32]; /* folders of the stores */
};

static void
pair_make(struct pair *p, const char *name)
{
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    (void)snprintf(p->an, sizeof p->an, "%s-a", name);
    (void)snprintf(p->bn, sizeof p->bn, "%s-b", name);
    p->a = stores_make(p->an, NULL);
    bind_copy(p->a, name);
    notes(p->a, 20);
    assert_ok(publish(p->a, name, NULL, err));
    p->b = stores_make(p->bn, &p->a->self);
    bind_copy(p->b, name);
    assert_ok(pull(p->b, name, PULL_STORE, NULL, err));
    assert_ok(publish(p->b, name, NULL, err));
    assert_ok(pull(p->a, name, PULL_STORE, NULL, err));
    stores_admit(p->a, &p->b->self);
    assert_ok(publish(p->a, name, NULL, err));
    assert_ok(pull(p->b, name, PULL_STORE, NULL, err));
    assert_ok(publish(p->b, name, NULL, err));
    assert_ok(pull(p->a, name, PULL_STORE, NULL, err));
}

static void
pair_close(struct pair *p)
{
    store_close(p->a);
    store_close(p->b);
}

/* Path of an object at a copy. */
static const char *
object(const char *copy, const char *name)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", copy, name);
    return stores_path(path);
}

static const char *
head_object(const char *copy, const char *author, int64_t number)
{
    char name[OBJECT_NAME];
    head_name(name, author, number);
    return object(copy, name);
}

/* The object of an author's segment at a copy. Older, shorter ones stay beside it. */
struct wanted {
    char range[22]; /* "<first>-<last>" as in its name */
    char name[OBJECT_NAME];
};

static enum rc
look_at(void *arg, const char *name, struct err *err)
{
    struct wanted *w = arg;
    (void)err;
    if (strncmp(name, w->range, 21) == 0)
        (void)snprintf(w->name, sizeof w->name, "%s", name);
    return RC_OK;
}

static const char *
segment(const char *copy, const char *author, int first, int last)
{
    struct wanted w = {.name = ""};
    char folder[OBJECT_NAME];
    char path[2 * OBJECT_NAME];
    (void)snprintf(w.range, sizeof w.range, "%010d-%010d", first, last);
    (void)snprintf(folder, sizeof folder, "log/%s/0000000000", author);
    assert_ok(dir_each(object(copy, folder), look_at, &w, err));
    assert_true(w.name[0] != '\0');
    (void)snprintf(path, sizeof path, "%s/%s", folder, w.name);
    return object(copy, path);
}

/* ---- honest ones ---- */

static void
test_publish_and_pull(void **state)
{
    struct pair p;
    struct pull_report pulled;
    struct publish_report sent;
    int yes = 0;
    (void)state;
    pair_make(&p, "plain");
    assert_same_digest(p.a, p.b);
    assert_int_equal(entries(p.b, p.a->self.author), 22);
    assert_int_equal(entries(p.a, p.b->self.author), 1);
    assert_ok(entry_acknowledged(p.a, p.a->self.author, 22, NULL, &yes, err));
    assert_int_equal(yes, 1);
    /* What was pulled from a copy counts as acknowledged by it. */
    assert_ok(entry_acknowledged(p.b, p.a->self.author, 22, NULL, &yes, err));
    assert_int_equal(yes, 1);

    assert_ok(publish(p.a, "plain", &sent, err)); /* nothing new */
    assert_int_equal(sent.segments + sent.heads, 0);
    assert_int_equal(sent.own_entries, 22);
    assert_ok(pull(p.b, "plain", PULL_DEEP, &pulled, err));
    assert_int_equal(pulled.new_entries, 0);
    assert_int_equal(pulled.authors, 2);
    assert_int_equal(pulled.lagging + pulled.skipped, 0);
    assert_int_equal(strlen(pulled.newest_at), TIME_TEXT);

    notes(p.a, 3);
    assert_ok(publish(p.a, "plain", &sent, err));
    assert_int_equal(sent.heads, 1);
    assert_ok(pull(p.b, "plain", PULL_DRY, &pulled, err)); /* counts, and stores nothing */
    assert_int_equal(pulled.new_entries, 3);
    assert_int_equal(entries(p.b, p.a->self.author), 22);
    assert_ok(pull(p.b, "plain", PULL_STORE, &pulled, err));
    assert_int_equal(pulled.new_entries, 3);
    assert_same_digest(p.a, p.b);
    pair_close(&p);
}

/* Runs that an older head listed are not sent again. */
static void
test_only_new_segments(void **state)
{
    struct publish_report sent;
    struct store *a = stores_make("runs-a", NULL);
    (void)state;
    bind_copy(a, "runs");
    notes(a, 299); /* 300: 256, 16, 16, 12 */
    assert_ok(publish(a, "runs", &sent, err));
    assert_int_equal(sent.segments, 4);
    notes(a, 10); /* 310: 256, 16, 16, 16, 6 */
    assert_ok(publish(a, "runs", &sent, err));
    assert_int_equal(sent.segments, 2);
    notes(a, 3900); /* 4210: 4096, six of 16, 2 */
    assert_ok(publish(a, "runs", &sent, err));
    assert_int_equal(sent.segments, 1 + 7 + 1);
    assert_int_equal(sent.heads, 1);
    bind_copy(a, "runs2"); /* a new copy gets everything, earlier heads too */
    assert_ok(publish(a, "runs2", &sent, err));
    assert_int_equal(sent.segments, 9);
    assert_int_equal(sent.heads, 3);

    struct store *b = stores_make("runs-b", &a->self);
    struct pull_report pulled;
    bind_copy(b, "runs2");
    assert_ok(pull(b, "runs2", PULL_STORE, &pulled, err));
    assert_int_equal(pulled.new_entries, 4210);
    bind_copy(b, "runs");
    assert_ok(pull(b, "runs", PULL_DEEP, &pulled, err));
    assert_int_equal(pulled.new_entries, 0);
    int64_t checked = 0;
    assert_ok(log_verify(b, &checked, err));
    assert_int_equal(checked, 4211);
    store_close(a);
    store_close(b);
}

/* `join`: the log comes before the store has its place, from a place that is not bound. */
static void
test_join(void **state)
{
    struct store *a = stores_make("join-a", NULL);
    struct store *b = NULL;
    struct copy c = {0};
    struct pull_report pulled;
    (void)state;
    bind_copy(a, "join");
    assert_ok(publish(a, "join", NULL, err));
    assert_ok(store_create(&b, stores_path("join-b"), &a->self, "test escrow", err));
    assert_ok(copy_open_url(b, stores_path("join"), NULL, "join", &c, err));
    assert_ok(pull_from(b, &c, PULL_STORE, &pulled, err));
    assert_int_equal(pulled.new_entries, 1);
    copy_close(&c);
    assert_ok(store_place(&b, stores_path("join-b"), err));
    assert_same_digest(a, b);
    store_close(a);
    store_close(b);
}

/* Disks that travel in turn are behind, but never wrong; each carries the other site's news. */
static void
test_usb(void **state)
{
    struct pair p;
    struct pull_report pulled;
    struct publish_report sent;
    (void)state;
    pair_make(&p, "net");
    bind_copy(p.a, "usb1");
    bind_copy(p.a, "usb2");
    bind_copy(p.b, "usb1");
    bind_copy(p.b, "usb2");
    for (int i = 0; i < 4; i++) {
        const char *disk = i % 2 == 0 ? "usb1" : "usb2";
        notes(p.a, 2);
        assert_ok(publish(p.a, disk, &sent, err));
        assert_true(sent.heads >= (i < 2 ? 2 : 1)); /* mine, and b's */
        assert_ok(pull(p.b, disk, PULL_STORE, &pulled, err));
        assert_int_equal(pulled.new_entries, 2);
        assert_ok(pull(p.b, i % 2 == 0 ? "usb2" : "usb1", PULL_STORE, &pulled, err));
        assert_int_equal(pulled.lagging, 1);
        assert_int_equal(pulled.new_entries, 0);
    }
    notes(p.b, 1);
    assert_ok(publish(p.b, "usb1", &sent, err)); /* completes it with a's newest, too */
    assert_ok(pull(p.a, "usb1", PULL_STORE, &pulled, err));
    assert_int_equal(pulled.lagging, 0);
    assert_same_digest(p.a, p.b);
    /* The hint of another author is never set back by one who knows less. */
    struct buf hint;
    char name[OBJECT_NAME];
    buf_init(&hint, 20);
    bind_copy(p.a, "usb3");
    notes(p.a, 1);
    assert_ok(publish(p.a, "usb3", NULL, err));
    bind_copy(p.b, "usb3");
    assert_ok(publish(p.b, "usb3", NULL, err));
    newest_name(name, p.a->self.author);
    assert_ok(file_read(&hint, object("usb3", name), err));
    assert_string_equal(buf_str(&hint), "7\n");
    buf_release(&hint);
    assert_ok(pull(p.b, "net", PULL_STORE, &pulled, err)); /* far behind, and fine */
    assert_int_equal(pulled.lagging, 1);
    int reached = 0;
    int bound = 0;
    on(p.a);
    assert_ok(publish_all(p.a, &reached, &bound, err));
    assert_int_equal(reached, 4);
    assert_int_equal(bound, 4);
    pair_close(&p);
}

/* Only names that we make count; a hint may be anything. */
static void
test_hostile_names(void **state)
{
    static const char *const hints[] = {"",     "x\n",           "99\n", "1\n", "0\n",
                                        "-1\n", "99999999999\n", "01\n", "2",   "9999999999\n"};
    struct pair p;
    struct pull_report pulled;
    char name[OBJECT_NAME];
    (void)state;
    pair_make(&p, "names");
    notes(p.a, 1);
    assert_ok(publish(p.a, "names", NULL, err));
    assert_ok(file_replace(object("names", "newest/zz"), "1\n", 2, 0600, err));
    assert_ok(
        file_replace(object("names", "newest/.keymuster-0123456789abcdef.tmp"), "", 0, 0600, err));
    assert_ok(file_replace(object("names", "newest/ffffffffffffffffffffffffffffffff"), "7\n", 2,
                           0600, err));
    assert_ok(dir_make(object("names", "head/x\n\033[2J"), 0700, err));
    assert_ok(
        dir_make(object("names", "head/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee/0000000000"), 0700, err));
    (void)snprintf(name, sizeof name, "head/%s/0000000009", p.a->self.author);
    assert_ok(dir_make(object("names", name), 0700, err)); /* a higher group without heads */
    (void)snprintf(name, sizeof name, "head/%s/0000000000/zz", p.a->self.author);
    assert_ok(file_replace(object("names", name), "", 0, 0600, err));
    newest_name(name, p.a->self.author);
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        assert_ok(file_replace(object("names", name), hints[i], strlen(hints[i]), 0600, err));
        assert_ok(pull(p.b, "names", PULL_DRY, &pulled, err));
        assert_int_equal(pulled.new_entries, 1);
    }
    assert_int_equal(unlink(object("names", name)), 0);
    assert_ok(pull(p.b, "names", PULL_STORE, &pulled, err));
    assert_int_equal(pulled.new_entries, 1);
    assert_int_equal(pulled.authors, 2);
    pair_close(&p);
}

/* ---- places ---- */

static void
test_foreign(void **state)
{
    struct store *a = stores_make("foreign-a", NULL);
    struct store *b = stores_make("foreign-b", NULL);
    struct remote *r = NULL;
    struct copy c = {0};
    char id[AUTHOR_TEXT + 1];
    (void)state;
    bind_copy(a, "foreign");
    assert_ok(remote_open(&r, stores_path("foreign"), NULL, err));
    assert_rc(copy_lay_out(b, r, id, err), RC_COPY_FOREIGN);
    assert_rc(copy_open_url(b, stores_path("foreign"), NULL, "x", &c, err), RC_COPY_FOREIGN);
    assert_null(c.remote);
    assert_rc(copy_open(b, "nowhere", &c, err), RC_COPY_NOT_BOUND);
    assert_int_equal(mkdir(stores_path("empty"), 0700), 0);
    assert_rc(copy_open_url(b, stores_path("empty"), NULL, "x", &c, err), RC_COPY_NONE);
    assert_rc(copy_open_url(b, stores_path("missing"), NULL, "x", &c, err), RC_COPY_UNREACHABLE);
    /* A mistyped mount point does not become a tree of folders. */
    remote_close(r);
    assert_ok(remote_open(&r, stores_path("missing/far"), NULL, err));
    assert_rc(copy_lay_out(b, r, id, err), RC_COPY_UNREACHABLE);
    assert_int_equal(file_exists(stores_path("missing")), 0);
    remote_close(r);
    store_close(a);
    store_close(b);
}

/* An empty mount point is a disk that is away, never a copy that was rolled back. */
static void
test_not_mounted(void **state)
{
    struct store *a = stores_make("mount-a", NULL);
    struct copy c = {0};
    struct err got_err = ERR_INIT;
    int reached = -1;
    int bound = -1;
    (void)state;
    bind_copy(a, "mount");
    assert_ok(publish(a, "mount", NULL, err));
    assert_int_equal(rename(stores_path("mount"), stores_path("mount-away")), 0);
    assert_int_equal(copy_open(a, "mount", &c, &got_err), RC_COPY_UNREACHABLE);
    assert_int_equal(mkdir(stores_path("mount"), 0700), 0);
    assert_int_equal(copy_open(a, "mount", &c, &got_err), RC_COPY_UNREACHABLE);
    assert_non_null(strstr(got_err.hint, "mounted"));
    assert_int_equal(publish(a, "mount", NULL, &got_err), RC_COPY_UNREACHABLE);
    on(a);
    notes(a, 1);
    assert_ok(publish_all(a, &reached, &bound, err)); /* away is no failure here */
    assert_int_equal(reached, 0);
    assert_int_equal(bound, 1);
    assert_int_equal(rmdir(stores_path("mount")), 0); /* nothing was laid out in it */
    assert_int_equal(rename(stores_path("mount-away"), stores_path("mount")), 0);
    assert_ok(publish_all(a, &reached, &bound, err));
    assert_int_equal(reached, 1);
    assert_int_equal(unlink(object("mount", "escrow.json")), 0); /* only that one gone */
    assert_int_equal(copy_open(a, "mount", &c, &got_err), RC_COPY_TAMPERED);
    store_close(a);
}

static void
test_identity(void **state)
{
    struct store *a = stores_make("id-a", NULL);
    struct remote *r = NULL;
    struct copy c = {0};
    struct copy_identity there;
    char one[AUTHOR_TEXT + 1];
    char two[AUTHOR_TEXT + 1];
    (void)state;
    bind_copy(a, "id1");
    assert_ok(publish(a, "id1", NULL, err));
    assert_ok(copy_open(a, "id1", &c, err));
    memcpy(one, c.id, sizeof one);
    assert_int_equal(strlen(c.uuid), UUID_TEXT);
    copy_close(&c);
    assert_ok(remote_open(&r, stores_path("id1"), NULL, err));
    assert_ok(copy_lay_out(a, r, two, err)); /* the same again is the same */
    assert_string_equal(one, two);
    remote_close(r);
    stores_clone(stores_path("id1"), stores_path("id2")); /* cp -r: a copy in its own right */
    bind_copy(a, "id2");
    assert_ok(copy_open(a, "id2", &c, err));
    assert_string_not_equal(c.id, one);
    copy_close(&c);
    assert_ok(pull(a, "id2", PULL_DEEP, NULL, err));
    /* The bound copy replaced by another copy of the same escrow. */
    stores_clone(stores_path("id2"), stores_path("id1"));
    assert_rc(copy_open(a, "id1", &c, err), RC_COPY_TAMPERED);
    /* Without copy.json a place can be read, and is remembered by nobody. */
    assert_int_equal(unlink(object("id2", "copy.json")), 0);
    assert_ok(remote_open(&r, stores_path("id2"), NULL, err));
    assert_ok(copy_identify(r, &there, err));
    assert_string_equal(there.id, "");
    remote_close(r);
    assert_rc(copy_open(a, "id2", &c, err), RC_COPY_TAMPERED);
    struct store *b = stores_make("id-b", &a->self);
    struct pull_report pulled;
    assert_ok(copy_open_url(b, stores_path("id2"), NULL, "id2", &c, err));
    assert_ok(pull_from(b, &c, PULL_STORE, &pulled, err));
    assert_int_equal(pulled.new_entries, 1);
    assert_int_equal(rows(b, "SELECT count(*) FROM copy_seen"), 0);
    copy_close(&c);
    store_close(a);
    store_close(b);
}

static void
test_read_only_medium(void **state)
{
    struct pair p;
    (void)state;
    assert_int_equal(mkdir(stores_path("cd"), 0755), 0);
    if (mount("tmpfs", stores_path("cd"), "tmpfs", 0, "size=8m") != 0) {
        print_message("SKIP: cannot mount a small tmpfs here: %s\n", strerror(errno));
        skip();
    }
    pair_make(&p, "cd");
    notes(p.a, 1);
    assert_ok(publish(p.a, "cd", NULL, err));
    int remounted = mount("tmpfs", stores_path("cd"), "tmpfs", MS_REMOUNT | MS_RDONLY, NULL);
    struct err got_err = ERR_INIT;
    enum rc pulled = pull(p.b, "cd", PULL_STORE, NULL, &got_err);
    notes(p.b, 1);
    enum rc published = publish(p.b, "cd", NULL, &got_err);
    (void)umount(stores_path("cd"));
    assert_int_equal(remounted, 0);
    assert_int_equal(pulled, RC_OK);
    assert_int_equal(published, RC_COPY_READ_ONLY);
    pair_close(&p);
}

static void
test_full_medium(void **state)
{
    struct store *a = stores_make("full-a", NULL);
    (void)state;
    assert_int_equal(mkdir(stores_path("full"), 0755), 0);
    if (mount("tmpfs", stores_path("full"), "tmpfs", 0, "size=256k") != 0) {
        print_message("SKIP: cannot mount a small tmpfs here: %s\n", strerror(errno));
        store_close(a);
        skip();
    }
    bind_copy(a, "full");
    assert_ok(publish(a, "full", NULL, err));
    notes(a, 2000);
    struct err got_err = ERR_INIT;
    enum rc full = publish(a, "full", NULL, &got_err);
    int grown = mount("tmpfs", stores_path("full"), "tmpfs", MS_REMOUNT, "size=8m");
    enum rc again = publish(a, "full", NULL, &got_err); /* goes on where it stopped */
    struct store *r = stores_make("full-b", &a->self);
    bind_copy(r, "full");
    enum rc pulled = pull(r, "full", PULL_STORE, NULL, &got_err);
    (void)umount(stores_path("full"));
    assert_int_equal(full, RC_COPY_FULL);
    assert_int_equal(grown, 0);
    assert_int_equal(again, RC_OK);
    assert_int_equal(pulled, RC_OK);
    assert_int_equal(entries(r, a->self.author), 2001);
    store_close(a);
    store_close(r);
}

/* ---- copies that lie ---- */

static void
test_rolled_back(void **state)
{
    struct pair p;
    (void)state;
    pair_make(&p, "roll");
    stores_clone(stores_path("roll"), stores_path("roll-old"));
    notes(p.a, 5);
    assert_ok(publish(p.a, "roll", NULL, err));
    assert_ok(pull(p.b, "roll", PULL_STORE, NULL, err));
    stores_clone(stores_path("roll-old"), stores_path("roll"));
    assert_rc(pull(p.b, "roll", PULL_STORE, NULL, err), RC_COPY_ROLLED_BACK);
    assert_rc(pull(p.a, "roll", PULL_DRY, NULL, err), RC_COPY_ROLLED_BACK);
    assert_rc(publish(p.a, "roll", NULL, err), RC_COPY_ROLLED_BACK);
    assert_rc(publish(p.b, "roll", NULL, err), RC_COPY_ROLLED_BACK);
    assert_int_equal(entries(p.b, p.a->self.author), 27);
    store_close(p.b);
    struct store *old = stores_make("roll-c", &p.a->self);
    bind_copy(old, "roll");
    assert_ok(pull(old, "roll", PULL_STORE, NULL, err)); /* who never saw more cannot know */
    store_close(old);
    store_close(p.a);
}

/* All heads of an author taken away. */
static void
test_withheld(void **state)
{
    struct pair p;
    char name[OBJECT_NAME];
    (void)state;
    pair_make(&p, "withheld");
    (void)snprintf(name, sizeof name, "head/%s", p.a->self.author);
    stores_remove(object("withheld", name));
    assert_rc(pull(p.b, "withheld", PULL_STORE, NULL, err), RC_COPY_ROLLED_BACK);
    pair_close(&p);
}

static void
test_forked(void **state)
{
    struct pair p;
    struct store *clone = NULL;
    struct err got_err = ERR_INIT;
    (void)state;
    pair_make(&p, "fork");
    store_close(p.a);
    stores_clone(stores_path("fork-a"), stores_path("fork-a2"));
    p.a = stores_open("fork-a");
    clone = stores_open("fork-a2");
    bind_copy(p.a, "fork-usb");
    assert_ok(publish(p.a, "fork-usb", NULL, err));
    bind_copy(clone, "fork-usb");
    bind_copy(p.b, "fork-usb");
    notes(p.a, 1);
    stores_note(clone, "from the clone");
    assert_ok(publish(p.a, "fork", NULL, err));
    /* The same number with other bytes. */
    assert_int_equal(publish(clone, "fork", NULL, &got_err), RC_COPY_FORKED);
    assert_non_null(strstr(got_err.msg, p.a->self.author));
    assert_true(rows(clone, "SELECT count(*) FROM evidence") > 0);
    /* A reader who knows one history meets the other one. */
    assert_ok(publish(clone, "fork-usb", NULL, err));
    assert_int_equal(pull(clone, "fork", PULL_STORE, NULL, &got_err), RC_COPY_FORKED);
    assert_int_equal(pull(clone, "fork", PULL_IMAGE, NULL, &got_err), RC_COPY_FORKED);
    assert_int_equal(entries(clone, clone->self.author), 23);
    assert_ok(pull(p.b, "fork", PULL_STORE, NULL, err));
    assert_int_equal(pull(p.b, "fork-usb", PULL_STORE, NULL, &got_err), RC_COPY_FORKED);
    assert_int_equal(rows(p.b, "SELECT count(*) FROM evidence"), 1);
    assert_int_equal(pull(p.b, "fork-usb", PULL_STORE, NULL, &got_err), RC_COPY_FORKED);
    assert_int_equal(rows(p.b, "SELECT count(*) FROM evidence"), 1); /* kept once */
    int reached = 0;
    int bound = 0;
    on(p.a);
    notes(p.a, 1);
    assert_int_equal(publish_all(p.a, &reached, &bound, &got_err), RC_COPY_FORKED);
    assert_int_equal(reached, 1); /* the honest one was served all the same */
    assert_int_equal(bound, 2);
    /* Further on, by a jump: the lines differ. */
    notes(clone, 20);
    assert_ok(publish(clone, "fork-usb", NULL, err));
    stores_note(clone, "and on");
    assert_ok(publish(clone, "fork-usb", NULL, err));
    assert_int_equal(pull(p.b, "fork-usb", PULL_STORE, NULL, &got_err), RC_COPY_FORKED);
    store_close(clone);
    pair_close(&p);
}

/* Two heads over the same entries: nothing but their bytes tells them apart. */
static void
test_forked_heads(void **state)
{
    struct pair p;
    int made = 0;
    (void)state;
    pair_make(&p, "heads");
    bind_copy(p.a, "heads-usb");
    bind_copy(p.b, "heads-usb");
    stores_note(p.a, "published twice");
    store_close(p.a);
    stores_clone(stores_path("heads-a"), stores_path("heads-a2"));
    p.a = stores_open("heads-a");
    struct store *clone = stores_open("heads-a2");
    assert_ok(publish(p.a, "heads", NULL, err));
    assert_ok(pull(p.b, "heads", PULL_STORE, NULL, err));
    assert_int_equal(usleep(5000), 0); /* heads differ by their time only */
    on(clone);
    assert_ok(publish_prepare(clone, &made, err));
    assert_int_equal(made, 1);
    assert_ok(publish(clone, "heads-usb", NULL, err));
    assert_rc(pull(p.b, "heads-usb", PULL_STORE, NULL, err), RC_COPY_FORKED);
    stores_note(clone, "goes on from its own head");
    assert_ok(publish(clone, "heads-usb", NULL, err));
    assert_rc(pull(p.b, "heads-usb", PULL_STORE, NULL, err), RC_COPY_FORKED);
    store_close(clone);
    pair_close(&p);
}

static void
test_gap(void **state)
{
    struct pair p;
    struct err got_err = ERR_INIT;
    (void)state;
    pair_make(&p, "gap");
    struct store *c = stores_make("gap-c", &p.a->self);
    bind_copy(c, "gap");
    const char *path = segment("gap", p.a->self.author, 1, 16);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(pull(c, "gap", PULL_STORE, NULL, &got_err), RC_COPY_GAP);
    assert_non_null(strstr(got_err.msg, strstr(path, "log/")));
    assert_int_equal(entries(c, p.a->self.author), 0); /* nothing was stored */
    assert_int_equal(rows(c, "SELECT count(*) FROM head"), 0);
    assert_int_equal(rows(c, "SELECT count(*) FROM copy_seen"), 0);
    assert_ok(pull(p.b, "gap", PULL_STORE, NULL, err)); /* holds the lines already */
    assert_rc(pull(p.b, "gap", PULL_DEEP, NULL, err), RC_COPY_GAP);
    assert_rc(pull(p.b, "gap", PULL_DEEP | PULL_DRY, NULL, err), RC_COPY_GAP);
    store_close(c);
    pair_close(&p);
}

/* High-water marks only rise. */
static void
test_seen(void **state)
{
    struct store *a = stores_make("seen-a", NULL);
    struct mark high = {.number = 5, .entries = 50};
    struct mark low = {.number = 4, .entries = 60};
    struct mark got;
    (void)state;
    assert_ok(log_begin(a, err));
    assert_ok(seen_raise(a, a->escrow, a->self.author, &high, err));
    assert_ok(seen_raise(a, a->escrow, a->self.author, &low, err));
    assert_ok(seen_raise(a, "", a->self.author, &high, err)); /* a copy without an id */
    assert_ok(log_commit(a, err));
    assert_ok(seen_get(a, a->escrow, a->self.author, &got, err));
    assert_int_equal(got.number, 5);
    assert_int_equal(got.entries, 50);
    assert_int_equal(rows(a, "SELECT count(*) FROM copy_seen"), 1);
    store_close(a);
}

/* ---- every object damaged in turn ---- */

struct objects {
    char paths[64][256];
    size_t count;
    char folder[256];
};

static enum rc
walk(void *arg, const char *name, struct err *err)
{
    struct objects *o = arg;
    char folder[256];
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", o->folder, name);
    if (!dir_exists(path)) {
        assert_true(o->count < 64 && strlen(path) < 256);
        memcpy(o->paths[o->count++], path, strlen(path) + 1);
        return RC_OK;
    }
    memcpy(folder, o->folder, sizeof folder);
    memcpy(o->folder, path, sizeof o->folder);
    enum rc rc = dir_each(path, walk, o, err);
    memcpy(o->folder, folder, sizeof folder);
    return rc;
}

/* A fresh reader either gets exactly what there is, or an error that names the object. */
static void
check_reader(struct store *reader, const char *path, const struct pull_report *want, int *errors)
{
    struct err got_err = ERR_INIT;
    struct pull_report got;
    const char *name = strstr(path, "damage/") + 7;
    enum rc rc = pull(reader, "damage", PULL_DRY, &got, &got_err);
    if (rc == RC_OK) {
        assert_int_equal(got.new_entries, want->new_entries);
        assert_int_equal(got.authors, want->authors);
        assert_int_equal(got.skipped, 0);
        return;
    }
    ++*errors;
    int exit_status = err_exit(rc);
    if (exit_status != 15 ||
        (strstr(got_err.msg, name) == NULL && strstr(got_err.msg, "bound") == NULL))
        print_error("%s: %s: %s (%s)\n", name, err_name(rc), got_err.msg, got_err.why);
    assert_int_equal(exit_status, 15);
    assert_true(strstr(got_err.msg, name) != NULL || strstr(got_err.msg, "bound") != NULL);
}

static void
damage(struct store *reader, const char *path, const struct pull_report *want)
{
    struct buf b;
    int errors = 0;
    buf_init(&b, LIMIT_SMALL_FILE);
    assert_ok(file_read(&b, path, err));
    size_t len = b.len;
    /* Every byte of what is small; of the rest every byte with KM_EVERY_BYTE=1. */
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    size_t step = len < 300 || getenv("KM_EVERY_BYTE") != NULL ? 1 : 1 + len / 40;
    for (size_t i = 0; i < len; i += step) {
        char altered = (char)(b.data[i] ^ (char)(1U << (i % 7)));
        assert_int_equal(pwrite(fd, &altered, 1, (off_t)i), 1);
        check_reader(reader, path, want, &errors);
        assert_int_equal(pwrite(fd, &b.data[i], 1, (off_t)i), 1);
    }
    (void)close(fd);
    for (size_t i = 0; i < len; i += 1 + len / 3) {
        assert_ok(file_replace(path, b.data, i, 0600, err));
        check_reader(reader, path, want, &errors);
    }
    buf_addc(&b, '\n');
    assert_ok(file_replace(path, b.data, len + 1, 0600, err));
    check_reader(reader, path, want, &errors);
    assert_ok(file_replace(path, b.data, len, 0600, err));
    /* What the newest heads need must have been missed. */
    if (strstr(path, ".json") != NULL)
        assert_true(errors > 5);
    buf_release(&b);
}

static void
test_damage(void **state)
{
    struct pair p;
    static struct objects o;
    struct pull_report want;
    (void)state;
    pair_make(&p, "damage");
    notes(p.b, 2);
    assert_ok(publish(p.b, "damage", NULL, err));
    struct store *reader = stores_make("damage-c", &p.a->self);
    bind_copy(reader, "damage");
    assert_ok(pull(reader, "damage", PULL_DRY, &want, err));
    assert_int_equal(want.authors, 2);
    assert_int_equal(want.new_entries, 25);
    (void)snprintf(o.folder, sizeof o.folder, "%s", stores_path("damage"));
    assert_ok(dir_each(stores_path("damage"), walk, &o, err));
    assert_true(o.count >= 12);
    for (size_t i = 0; i < o.count; i++)
        damage(reader, o.paths[i], &want);
    /* The newest heads and their segments cannot be damaged unnoticed. */
    int errors = 0;
    assert_ok(file_replace(head_object("damage", p.a->self.author, 2), "x\n", 2, 0600, err));
    check_reader(reader, head_object("damage", p.a->self.author, 2), &want, &errors);
    assert_int_equal(errors, 1);
    store_close(reader);
    pair_close(&p);
}

/* ---- this store itself is the older one ---- */

static void
restore(struct pair *p)
{
    char image[64];
    store_close(p->a);
    (void)snprintf(image, sizeof image, "%s.image", p->an);
    stores_clone(stores_path(image), stores_path(p->an));
    p->a = stores_open(p->an);
}

static void
take_image(struct pair *p)
{
    char image[64];
    store_close(p->a);
    (void)snprintf(image, sizeof image, "%s.image", p->an);
    stores_clone(stores_path(p->an), stores_path(image));
    p->a = stores_open(p->an);
}

static void
forget(struct pair *p)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s.state", p->an);
    stores_remove(stores_path(name));
}

static void
test_old_image(void **state)
{
    struct pair p;
    struct err got_err = ERR_INIT;
    struct pull_report pulled;
    (void)state;
    pair_make(&p, "image");
    take_image(&p);
    notes(p.a, 20);
    assert_ok(publish(p.a, "image", NULL, err));
    stores_note(p.a, "last");
    assert_ok(publish(p.a, "image", NULL, err));
    on(p.a);
    assert_ok(memory_check(p.a, err));
    restore(&p);
    on(p.a);
    assert_int_equal(memory_check(p.a, &got_err), RC_STORE_OLD);
    assert_non_null(strstr(got_err.hint, "keymuster sync"));
    assert_int_equal(publish(p.a, "image", NULL, &got_err), RC_STORE_OLD);
    int made = 1;
    assert_int_equal(publish_prepare(p.a, &made, &got_err), RC_STORE_OLD); /* no number twice */
    assert_int_equal(made, 0);
    char warning[256];
    memory_save(p.a, warning); /* does not make the memory forget */
    assert_string_not_equal(warning, "");
    assert_int_equal(memory_check(p.a, &got_err), RC_STORE_OLD);
    assert_ok(pull(p.a, "image", PULL_STORE, &pulled, err)); /* adopted */
    assert_int_equal(pulled.new_entries, 21);
    assert_int_equal(entries(p.a, p.a->self.author), 43);
    assert_ok(memory_check(p.a, err));
    stores_note(p.a, "goes on");
    assert_ok(publish(p.a, "image", NULL, err));
    assert_ok(pull(p.b, "image", PULL_STORE, NULL, err));
    assert_same_digest(p.a, p.b);
    /* Without the memory, too, the copy shows it. */
    restore(&p);
    forget(&p);
    assert_int_equal(publish(p.a, "image", NULL, &got_err), RC_STORE_OLD);
    assert_ok(pull(p.a, "image", PULL_STORE, NULL, err));
    assert_int_equal(entries(p.a, p.a->self.author), 44);
    pair_close(&p);
}

/* Text of all own notes after an entry, in order. */
static void
notes_after(const struct store *s, int64_t seq, char out[256])
{
    struct stmt *q = NULL;
    out[0] = '\0';
    assert_ok(db_query(s->db, &q,
                       "SELECT json_extract(line, '$.body.text'), json_extract(line,"
                       " '$.restates.entry') IS NOT NULL FROM entry WHERE author = ?1 AND seq > ?2"
                       " ORDER BY seq",
                       err));
    stmt_text(q, 1, s->self.author);
    stmt_int(q, 2, seq);
    struct err e = ERR_INIT;
    while (stmt_row(q, &e) == RC_OK && stmt_more(q)) {
        size_t used = strlen(out);
        (void)snprintf(out + used, 256 - used, "%s%s;", col_text(q, 0), col_int(q, 1) ? "*" : "");
    }
    stmt_done(q);
}

/* Used since, in a place that remembers nothing: what only the image had follows what was
 * published, and nothing is there twice. */
static void
test_old_image_used(void **state)
{
    struct pair p;
    struct pull_report pulled;
    struct publish_report sent;
    char text[256];
    (void)state;
    pair_make(&p, "used");
    take_image(&p);
    stores_note(p.a, "both");
    stores_note(p.a, "published");
    assert_ok(publish(p.a, "used", NULL, err));
    int64_t before = entries(p.a, p.a->self.author) - 2;
    for (int headed = 0; headed < 2; headed++) {
        restore(&p);
        forget(&p);
        stores_note(p.a, "only here");
        stores_note(p.a, "both");
        int made = 0;
        on(p.a);
        if (headed)
            assert_ok(publish_prepare(p.a, &made, err)); /* a head that went nowhere */
        /* Looking changes nothing. */
        assert_ok(pull(p.a, "used", PULL_DRY, &pulled, err));
        assert_int_equal(pulled.again, 1);
        assert_int_equal(entries(p.a, p.a->self.author), before + 2);
        assert_ok(pull(p.a, "used", PULL_STORE, &pulled, err));
        assert_int_equal(pulled.again, 1);
        assert_int_equal(pulled.new_entries, 2);
        assert_non_null(strstr(pulled.note, "old image"));
        notes_after(p.a, before, text);
        assert_string_equal(text, "both;published;only here*;");
        assert_int_equal(rows(p.a, "SELECT count(*) FROM evidence WHERE object LIKE '%only here%'"),
                         1);
        assert_int_equal(rows(p.a, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"),
                         rows(p.b, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"));
        int64_t count = 0;
        assert_ok(log_verify(p.a, &count, err));
        char a[DIGEST_TEXT], b[DIGEST_TEXT];
        assert_ok(apply_digest(p.a->db, a, err));
        assert_ok(apply_digest_rebuilt(p.a, b, err));
        assert_string_equal(a, b);
    }
    /* Again the old image with the same entry: it is on the copy by now. */
    assert_ok(publish(p.a, "used", &sent, err));
    assert_int_equal(sent.heads, 1);
    assert_ok(pull(p.b, "used", PULL_STORE, NULL, err));
    assert_same_digest(p.a, p.b);
    restore(&p);
    forget(&p);
    stores_note(p.a, "only here");
    assert_ok(pull(p.a, "used", PULL_STORE, &pulled, err));
    assert_int_equal(pulled.again, 0);
    assert_non_null(strstr(pulled.note, "1 was there already"));
    notes_after(p.a, before, text);
    assert_string_equal(text, "both;published;only here*;");
    assert_same_digest(p.a, p.b);
    pair_close(&p);
}

/* The names of entries in what is said again are those of what is said again. */
static void
test_old_image_names(void **state)
{
    struct pair p;
    struct pull_report pulled;
    char body[512];
    char value[64];
    (void)state;
    pair_make(&p, "said");
    take_image(&p);
    stores_note(p.a, "published");
    assert_ok(publish(p.a, "said", NULL, err));
    restore(&p);
    forget(&p);
    stores_append(p.a, "site.added",
                  "{\"uuid\":\"" STORES_SITE "\",\"name\":\"madrid\",\"vendor\":\"old\"}");
    (void)snprintf(body, sizeof body,
                   "{\"uuid\":\"" STORES_SITE "\",\"set\":{\"vendor\":{\"value\":\"new\","
                   "\"supersedes\":[\"%s\"]}}}",
                   p.a->appended);
    stores_append(p.a, "site.changed", body);
    assert_ok(pull(p.a, "said", PULL_STORE, &pulled, err));
    assert_int_equal(pulled.again, 2);
    struct buf out;
    int conflict = 1;
    buf_init(&out, sizeof value);
    assert_ok(field_get(p.a, STORES_SITE, "vendor", &out, &conflict, err));
    assert_string_equal(buf_str(&out), "new");
    assert_int_equal(conflict, 0);
    buf_release(&out);
    pair_close(&p);
}

/* This machine remembers that this is the store: then the other history is somebody else's, until a
 * person says that the machine itself was put back. */
static void
test_old_image_or_clone(void **state)
{
    struct pair p;
    struct pull_report pulled;
    struct err got_err = ERR_INIT;
    char text[256];
    (void)state;
    pair_make(&p, "either");
    store_close(p.a);
    stores_clone(stores_path("either-a"), stores_path("either-a2"));
    p.a = stores_open("either-a");
    struct store *clone = stores_open("either-a2");
    bind_copy(clone, "either");
    stores_note(clone, "theirs");
    assert_ok(publish(clone, "either", NULL, err));
    int64_t before = entries(p.a, p.a->self.author);
    stores_note(p.a, "mine");
    assert_int_equal(pull(p.a, "either", PULL_STORE, NULL, &got_err), RC_COPY_FORKED);
    assert_non_null(strstr(got_err.hint, "--accept-risk"));
    notes_after(p.a, before, text);
    assert_string_equal(text, "mine;");
    assert_ok(pull(p.a, "either", PULL_IMAGE, &pulled, err));
    assert_int_equal(pulled.again, 1);
    notes_after(p.a, before, text);
    assert_string_equal(text, "theirs;mine*;");
    store_close(clone);
    pair_close(&p);
}

/* A copy rolled back together with the store: only the machine's memory knows. */
static void
test_memory_merge(void **state)
{
    struct pair p;
    struct err got_err = ERR_INIT;
    (void)state;
    pair_make(&p, "merge");
    take_image(&p);
    stores_clone(stores_path("merge"), stores_path("merge-old"));
    notes(p.b, 1);
    assert_ok(publish(p.b, "merge", NULL, err));
    assert_ok(pull(p.a, "merge", PULL_STORE, NULL, err));
    restore(&p);
    stores_clone(stores_path("merge-old"), stores_path("merge"));
    assert_int_equal(pull(p.a, "merge", PULL_STORE, NULL, &got_err), RC_COPY_ROLLED_BACK);
    forget(&p);
    assert_ok(pull(p.a, "merge", PULL_STORE, NULL, err));
    /* A damaged memory is no memory, and is written anew. */
    char path[PATH_SIZE + 128];
    (void)snprintf(path, sizeof path, "%s.state/keymuster/%s-%s.json", p.a->dir, p.a->escrow,
                   p.a->self.author);
    assert_ok(file_replace(path, "{\"type\":", 8, 0600, err));
    on(p.a);
    assert_ok(memory_check(p.a, err));
    assert_ok(pull(p.a, "merge", PULL_STORE, NULL, err));
    struct buf b;
    struct json *doc = NULL;
    buf_init(&b, LIMIT_SMALL_FILE);
    assert_ok(file_read(&b, path, err));
    assert_ok(json_parse(&doc, buf_str(&b), b.len, "memory", err));
    assert_int_equal(json_count(json_get(doc, "copies")), 2);
    json_free(doc);
    buf_release(&b);
    pair_close(&p);
}

/* ---- what authors say of each other ---- */

static void
remove_author(const char *copy, const char *author)
{
    char name[OBJECT_NAME];
    (void)snprintf(name, sizeof name, "head/%s", author);
    stores_remove(object(copy, name));
    (void)snprintf(name, sizeof name, "log/%s", author);
    stores_remove(object(copy, name));
    newest_name(name, author);
    stores_remove(object(copy, name));
}

/* The other site has seen more of me than I have written. */
static void
test_signed_as_me(void **state)
{
    struct pair p;
    struct err got_err = ERR_INIT;
    (void)state;
    pair_make(&p, "asme");
    take_image(&p);
    notes(p.a, 1);
    assert_ok(publish(p.a, "asme", NULL, err));
    assert_ok(pull(p.b, "asme", PULL_STORE, NULL, err));
    notes(p.b, 1);
    bind_copy(p.b, "asme-usb");
    assert_ok(publish(p.b, "asme-usb", NULL, err));
    stores_clone(stores_path("asme-usb"), stores_path("asme-cut"));
    remove_author("asme-cut", p.a->self.author);
    restore(&p);
    forget(&p);
    bind_copy(p.a, "asme-cut");
    assert_int_equal(pull(p.a, "asme-cut", PULL_STORE, NULL, &got_err), RC_SIGNED_AS_ME);
    assert_int_equal(entries(p.a, p.b->self.author), 1); /* nothing was stored */
    bind_copy(p.a, "asme-usb"); /* my own log is there: it is taken in first */
    assert_ok(pull(p.a, "asme-usb", PULL_STORE, NULL, err));
    assert_ok(pull(p.a, "asme-cut", PULL_STORE, NULL, err));
    /* Another entry at the same number. */
    restore(&p);
    forget(&p);
    stores_note(p.a, "another one");
    bind_copy(p.a, "asme-cut");
    assert_int_equal(pull(p.a, "asme-cut", PULL_STORE, NULL, &got_err), RC_SIGNED_AS_ME);
    pair_close(&p);
}

/* B was shown another C than A was. */
static void
test_split_view(void **state)
{
    struct pair p;
    struct err got_err = ERR_INIT;
    (void)state;
    pair_make(&p, "split");
    struct store *c = stores_make("split-c", &p.a->self);
    stores_admit(p.a, &c->self);
    assert_ok(publish(p.a, "split", NULL, err));
    assert_ok(pull(p.b, "split", PULL_STORE, NULL, err));
    store_close(c);
    stores_clone(stores_path("split-c"), stores_path("split-c2"));
    c = stores_open("split-c");
    struct store *c2 = stores_open("split-c2");
    stores_note(c, "to a");
    stores_note(c2, "to b");
    bind_copy(c, "split");
    assert_ok(publish(c, "split", NULL, err));
    bind_copy(c2, "split-b");
    assert_ok(publish(c2, "split-b", NULL, err));
    bind_copy(p.b, "split-b");
    assert_ok(pull(p.b, "split-b", PULL_STORE, NULL, err));
    assert_ok(pull(p.a, "split", PULL_STORE, NULL, err));
    stores_note(p.a, "seen");
    assert_ok(publish(p.a, "split", NULL, err));
    assert_int_equal(pull(p.b, "split", PULL_STORE, NULL, &got_err), RC_COPY_FORKED);
    stores_clone(stores_path("split"), stores_path("split-cut"));
    remove_author("split-cut", c->self.author);
    bind_copy(p.b, "split-cut");
    assert_int_equal(pull(p.b, "split-cut", PULL_STORE, NULL, &got_err), RC_SPLIT_VIEW);
    assert_non_null(strstr(got_err.msg, c->self.author));
    store_close(c);
    store_close(c2);
    pair_close(&p);
}

/* ---- authors whose lines do not count ---- */

static void
test_not_admitted(void **state)
{
    struct pair p;
    struct pull_report pulled;
    struct trust trust;
    struct err got_err = ERR_INIT;
    (void)state;
    pair_make(&p, "stray");
    struct store *c = stores_make("stray-c", &p.a->self);
    notes(c, 3);
    bind_copy(c, "stray");
    assert_ok(publish(c, "stray", NULL, err));
    assert_ok(pull(p.b, "stray", PULL_STORE, &pulled, err)); /* kept, and ignored */
    assert_int_equal(pulled.new_entries, 4);
    assert_int_equal(entries(p.b, c->self.author), 4);
    assert_ok(trust_of(p.b, c->self.author, &trust, err));
    assert_string_equal(trust.standing, "unknown");
    assert_same_digest(p.a, p.b);
    notes(c, 20);
    assert_ok(publish(c, "stray", NULL, err));
    assert_int_equal(unlink(segment("stray", c->self.author, 17, 24)), 0);
    assert_ok(pull(p.b, "stray", PULL_STORE, &pulled, err)); /* damaged: reported and skipped */
    assert_int_equal(pulled.skipped, 1);
    assert_int_equal(pulled.new_entries, 0);
    assert_non_null(strstr(pulled.note, c->self.author));
    assert_int_equal(entries(p.b, c->self.author), 4);
    /* A log that breaks after its first segment leaves nothing behind either. */
    struct store *d = stores_make("stray-d", &p.a->self);
    bind_copy(d, "stray");
    assert_ok(pull(d, "stray", PULL_STORE, &pulled, err));
    assert_int_equal(pulled.skipped, 1);
    assert_int_equal(entries(d, c->self.author), 0);
    /* Admitted in lines of the same run, the damage counts; and all of the run is taken back. */
    int64_t before = entries(p.b, p.a->self.author);
    stores_admit(p.a, &c->self);
    assert_ok(publish(p.a, "stray", NULL, err));
    assert_int_equal(pull(p.b, "stray", PULL_STORE, NULL, &got_err), RC_COPY_GAP);
    assert_int_equal(entries(p.b, p.a->self.author), before);
    assert_int_equal(pull(d, "stray", PULL_STORE, NULL, &got_err), RC_COPY_GAP);
    store_close(c);
    store_close(d);
    pair_close(&p);
}

/* A retired author's log may break after what counts. */
static void
test_retired(void **state)
{
    struct pair p;
    struct pull_report pulled;
    struct log_end end;
    char body[300];
    char last[HASH_TEXT + 1];
    (void)state;
    pair_make(&p, "retired");
    assert_ok(log_end(p.a, p.b->self.author, &end, err));
    hex_encode(last, end.hash, HASH_SIZE);
    (void)snprintf(body, sizeof body, "{\"author\":\"%s\",\"entries\":%lld,\"last\":\"%s\"}",
                   p.b->self.author, (long long)end.seq, last);
    stores_append(p.a, "author.retired", body);
    notes(p.b, 20);
    assert_ok(publish(p.b, "retired", NULL, err));
    assert_int_equal(unlink(segment("retired", p.b->self.author, 1, 16)), 0);
    assert_ok(pull(p.a, "retired", PULL_STORE, &pulled, err));
    assert_int_equal(pulled.skipped, 1);
    assert_int_equal(entries(p.a, p.b->self.author), 1);
    pair_close(&p);
}

/* Last: the flag of a signal stays up. */
static void
test_interrupted(void **state)
{
    struct pair p;
    (void)state;
    pair_make(&p, "signal");
    notes(p.a, 2);
    assert_ok(publish(p.a, "signal", NULL, err));
    notes(p.a, 2);
    signals_catch();
    assert_int_equal(raise(SIGTERM), 0);
    assert_rc(pull(p.b, "signal", PULL_STORE, NULL, err), RC_INTERRUPTED);
    assert_int_equal(entries(p.b, p.a->self.author), 22);
    assert_rc(publish(p.a, "signal", NULL, err), RC_INTERRUPTED);
    pair_close(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publish_and_pull),
        cmocka_unit_test(test_only_new_segments),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_usb),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_not_mounted),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_read_only_medium),
        cmocka_unit_test(test_full_medium),
        cmocka_unit_test(test_rolled_back),
        cmocka_unit_test(test_withheld),
        cmocka_unit_test(test_forked),
        cmocka_unit_test(test_forked_heads),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_seen),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_old_image),
        cmocka_unit_test(test_old_image_used),
        cmocka_unit_test(test_old_image_names),
        cmocka_unit_test(test_old_image_or_clone),
        cmocka_unit_test(test_memory_merge),
        cmocka_unit_test(test_signed_as_me),
        cmocka_unit_test(test_split_view),
        cmocka_unit_test(test_not_admitted),
        cmocka_unit_test(test_retired),
        cmocka_unit_test(test_interrupted),
    };
    return cmocka_run_group_tests(tests, stores_setup, stores_teardown);
}
