/* A folder as a place: create-once in all its cases, and places that are away, full or read-only.
 */
#include "../lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/stores.h"
#include "copy/remote.h"
#include "sys/dir.h"
#include "sys/file.h"

static struct remote *
place(const char *name)
{
    struct remote *r = NULL;
    assert_true(mkdir(stores_path(name), 0755) == 0 || errno == EEXIST);
    assert_ok(remote_open(&r, stores_path(name), NULL, err));
    return r;
}

static void
write_file(const char *path, const char *bytes, size_t len)
{
    assert_ok(file_replace(path, bytes, len, 0600, err));
}

static void
check_file(const char *path, const char *want, size_t len)
{
    struct buf b;
    buf_init(&b, LIMIT_SMALL_FILE);
    assert_ok(file_read(&b, path, err));
    assert_int_equal(b.len, len);
    assert_memory_equal(buf_str(&b), want, len);
    buf_release(&b);
}

static void
test_urls(void **state)
{
    static const struct {
        const char *url, *canonical;
    } good[] = {
        {"/a/b", "file:///a/b"},
        {"/a//b/", "file:///a/b"},
        {"/a/./b/.", "file:///a/b"},
        {"/", "file:///"},
        {"file:///a/b", "file:///a/b"},
        {"file://localhost/a", "file:///a"},
        {"file:///a%20b%25", "file:///a%20b%25"},
        {"/a b%", "file:///a%20b%25"},
        {"/\xc3\xa9", "file:///%C3%A9"},
        {"/a/../b", "file:///a/../b"},
    };
    static const char *const bad[] = {"",
                                      "word",
                                      "sftp://h/p",
                                      "s3://b/p",
                                      "file://h/p",
                                      "file:///a%2",
                                      "file:///a%00b",
                                      "file:///%zz",
                                      "https://x/",
                                      "file://local",
                                      "dav://host/path",
                                      "davs://me@host/path",
                                      "https://host/path"};
    struct remote *r = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(remote_open(&r, good[i].url, NULL, err));
        assert_string_equal(remote_url(r), good[i].canonical);
        struct remote *again = NULL;
        assert_ok(remote_open(&again, remote_url(r), NULL, err));
        assert_string_equal(remote_url(again), remote_url(r));
        assert_string_equal(remote_folder(again), remote_folder(r));
        remote_close(again);
        remote_close(r);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_rc(remote_open(&r, bad[i], NULL, err), RC_BAD_VALUE);
        assert_null(r);
    }
    assert_ok(remote_open(&r, "a/b", NULL, err));
    assert_int_equal(remote_folder(r)[0], '/');
    remote_close(r);
    remote_close(NULL);
}

static void
test_create_once(void **state)
{
    struct remote *r = place("once");
    struct buf b;
    (void)state;
    buf_init(&b, 100);
    assert_rc(remote_get(r, "head/x", &b, err), RC_NOT_FOUND);
    assert_ok(remote_create_once(r, "head/x", "hello", 5, err));
    assert_ok(remote_get(r, "head/x", &b, err));
    assert_string_equal(buf_str(&b), "hello");
    assert_ok(remote_create_once(r, "head/x", "hello", 5, err)); /* the same again */
    assert_rc(remote_create_once(r, "head/x", "hellO", 5, err), RC_CREATE_ONCE);
    assert_rc(remote_create_once(r, "head/x", "hell", 4, err), RC_CREATE_ONCE);
    assert_rc(remote_create_once(r, "head/x", "other and longer", 16, err), RC_CREATE_ONCE);
    check_file(stores_path("once/head/x"), "hello", 5);
    b.max = 4;
    assert_rc(remote_get(r, "head/x", &b, err), RC_COPY_TAMPERED); /* larger than it can be */
    buf_release(&b);
    remote_close(r);
}

/* A strict prefix of my bytes is my own torn write. */
static void
test_torn(void **state)
{
    struct remote *r = place("torn");
    (void)state;
    for (size_t n = 0; n < 5; n++) {
        write_file(stores_path("torn/x"), "hello", n);
        assert_ok(remote_create_once(r, "x", "hello", 5, err));
        check_file(stores_path("torn/x"), "hello", 5);
    }
    write_file(stores_path("torn/x"), "jel", 3);
    assert_rc(remote_create_once(r, "x", "hello", 5, err), RC_CREATE_ONCE);
    check_file(stores_path("torn/x"), "jel", 3);
    remote_close(r);
}

/* What is no plain file is never followed and never replaced. */
static void
test_odd_objects(void **state)
{
    struct remote *r = place("odd");
    struct buf b;
    (void)state;
    buf_init(&b, 100);
    assert_int_equal(symlink("/etc/passwd", stores_path("odd/link")), 0);
    assert_int_equal(mkdir(stores_path("odd/folder"), 0700), 0);
    assert_int_equal(mkfifo(stores_path("odd/fifo"), 0600), 0);
    write_file(stores_path("odd/file"), "x", 1);
    assert_rc(remote_get(r, "link", &b, err), RC_COPY_TAMPERED);
    assert_rc(remote_get(r, "folder", &b, err), RC_COPY_TAMPERED);
    assert_rc(remote_get(r, "fifo", &b, err), RC_COPY_TAMPERED);
    assert_rc(remote_get(r, "file/below", &b, err), RC_NOT_FOUND);
    assert_rc(remote_create_once(r, "link", "x", 1, err), RC_CREATE_ONCE);
    assert_rc(remote_create_once(r, "folder", "x", 1, err), RC_CREATE_ONCE);
    assert_rc(remote_get(r, "../odd/file", &b, err), RC_INTERNAL);
    assert_rc(remote_get(r, "/etc/passwd", &b, err), RC_INTERNAL);
    buf_release(&b);
    remote_close(r);
}

static enum rc
collect(void *arg, const char *name, struct err *err)
{
    struct buf *b = arg;
    (void)err;
    buf_addf(b, "%s ", name);
    return RC_OK;
}

static void
test_put_and_list(void **state)
{
    struct remote *r = place("list");
    struct buf b;
    (void)state;
    buf_init(&b, 1000);
    assert_ok(remote_put(r, "newest/b", "1\n", 2, err));
    assert_ok(remote_put(r, "newest/a", "1\n", 2, err));
    assert_ok(remote_put(r, "newest/a", "2\n", 2, err));
    check_file(stores_path("list/newest/a"), "2\n", 2);
    assert_ok(remote_list(r, "newest", collect, &b, err));
    assert_string_equal(buf_str(&b), "a b ");
    buf_clear(&b);
    assert_ok(remote_list(r, "head", collect, &b, err));
    assert_ok(remote_list(r, "newest/a", collect, &b, err)); /* a file lists nothing */
    assert_string_equal(buf_str(&b), "");
    buf_release(&b);
    remote_close(r);
}

/* Objects are as open as the folder that somebody made for them. */
static void
test_modes(void **state)
{
    struct stat st;
    struct remote *r = place("modes");
    (void)state;
    assert_int_equal(chmod(stores_path("modes"), 02770), 0);
    assert_ok(remote_create_once(r, "head/a/x", "x", 1, err));
    assert_int_equal(stat(stores_path("modes/head/a/x"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(stat(stores_path("modes/head/a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 02770);
    assert_int_equal(chmod(stores_path("modes"), 0700), 0);
    assert_ok(remote_create_once(r, "head/b/x", "x", 1, err));
    assert_int_equal(stat(stores_path("modes/head/b/x"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    remote_close(r);
}

/* A disk that is not plugged in: nothing is made in its place. */
static void
test_away(void **state)
{
    struct remote *r = NULL;
    struct buf b;
    (void)state;
    buf_init(&b, 100);
    assert_ok(remote_open(&r, stores_path("away/disk"), NULL, err));
    assert_rc(remote_reach(r, err), RC_COPY_UNREACHABLE);
    assert_rc(remote_get(r, "x", &b, err), RC_COPY_UNREACHABLE);
    assert_rc(remote_create_once(r, "a/x", "x", 1, err), RC_COPY_UNREACHABLE);
    assert_rc(remote_put(r, "a/x", "x", 1, err), RC_COPY_UNREACHABLE);
    assert_rc(remote_list(r, "a", collect, &b, err), RC_COPY_UNREACHABLE);
    assert_int_equal(file_exists(stores_path("away")), 0);
    buf_release(&b);
    remote_close(r);
}

static void
test_probe(void **state)
{
    struct remote *r = place("probe");
    struct buf b;
    struct remote_verdict v;
    (void)state;
    buf_init(&b, 1000);
    assert_ok(remote_probe(r, PROBE_FIRST, &v, err));
    assert_true(strcmp(v.create_once, "enforced") == 0 || strcmp(v.create_once, "usual") == 0);
    assert_int_equal(v.large, LARGE_ROOM);
    assert_true(v.overwrites && v.removes);
    assert_ok(dir_each(stores_path("probe"), collect, &b, err));
    assert_string_equal(buf_str(&b), ""); /* nothing left */
    buf_release(&b);
    remote_close(r);
}

/* A file system of its own, or a visible skip. */
static int
mounted(const char *path, const char *options)
{
    assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
    if (mount("tmpfs", path, "tmpfs", 0, options) == 0)
        return 1;
    print_message("SKIP: cannot mount a small tmpfs here: %s\n", strerror(errno));
    return 0;
}

static void
test_full(void **state)
{
    const char *path = stores_path("full");
    struct buf b;
    (void)state;
    if (!mounted(path, "size=64k"))
        skip();
    struct remote *r = place("full");
    char *bytes = calloc(1, 1 << 20);
    buf_init(&b, 1000);
    assert_non_null(bytes);
    enum rc rc = RC_OK;
    struct err got_err = ERR_INIT;
    rc = remote_create_once(r, "log/x", bytes, 1 << 20, &got_err);
    enum rc put = remote_put(r, "newest/x", bytes, 1 << 20, &got_err);
    enum rc listed = remote_list(r, "log", collect, &b, &got_err);
    free(bytes);
    remote_close(r);
    (void)umount(path);
    assert_int_equal(rc, RC_COPY_FULL);
    assert_int_equal(put, RC_COPY_FULL);
    assert_int_equal(listed, RC_OK);
    assert_string_equal(buf_str(&b), ""); /* neither a half object nor a temporary one */
    buf_release(&b);
}

static void
test_read_only(void **state)
{
    const char *path = stores_path("ro");
    struct buf b;
    struct err got_err = ERR_INIT;
    (void)state;
    if (!mounted(path, "size=64k"))
        skip();
    struct remote *r = place("ro");
    buf_init(&b, 1000);
    enum rc made = remote_create_once(r, "x", "x", 1, &got_err);
    int remounted = mount("tmpfs", path, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL);
    enum rc same = remote_create_once(r, "x", "x", 1, &got_err);
    enum rc create = remote_create_once(r, "y", "y", 1, &got_err);
    enum rc below = remote_create_once(r, "head/y", "y", 1, &got_err);
    enum rc put = remote_put(r, "z", "z", 1, &got_err);
    enum rc get = remote_get(r, "x", &b, &got_err);
    remote_close(r);
    buf_release(&b);
    (void)umount(path);
    assert_int_equal(made, RC_OK);
    assert_int_equal(remounted, 0);
    assert_int_equal(same, RC_OK); /* it is there: nothing to write */
    assert_int_equal(create, RC_COPY_READ_ONLY);
    assert_int_equal(below, RC_COPY_READ_ONLY);
    assert_int_equal(put, RC_COPY_READ_ONLY);
    assert_int_equal(get, RC_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),         cmocka_unit_test(test_create_once),
        cmocka_unit_test(test_torn),         cmocka_unit_test(test_odd_objects),
        cmocka_unit_test(test_put_and_list), cmocka_unit_test(test_modes),
        cmocka_unit_test(test_away),         cmocka_unit_test(test_probe),
        cmocka_unit_test(test_full),         cmocka_unit_test(test_read_only),
    };
    return cmocka_run_group_tests(tests, stores_setup, stores_teardown);
}
