#include "../lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/lock.h"

static char root[64];

static const char *
in_root(const char *name)
{
    static char paths[4][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, PATH_SIZE, "%s/%s", root, name);
    return path;
}

static enum rc
collect(void *arg, const char *name, struct err *err)
{
    (void)err;
    buf_addf(arg, "%s\n", name);
    return strcmp(name, "stop") == 0 ? RC_IO : RC_OK;
}

/* The names in a folder, one a line. */
static void
assert_names(const char *path, const char *want)
{
    struct buf names;
    buf_init(&names, 4096);
    assert_ok(dir_each(path, collect, &names, err));
    assert_string_equal(buf_str(&names), want);
    buf_release(&names);
}

static void
assert_content(const char *path, const char *want, mode_t mode)
{
    struct buf b;
    struct stat st;
    buf_init(&b, 65536);
    assert_ok(file_read(&b, path, err));
    assert_string_equal(buf_str(&b), want);
    buf_release(&b);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static int
setup(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/keymuster-file-XXXXXX");
    return mkdtemp(root) == NULL;
}

static enum rc
remove_entry(void *arg, const char *name, struct err *err)
{
    const char *folder = arg;
    char path[PATH_SIZE];
    enum rc rc = path_join(path, folder, name, err);
    if (rc == RC_OK && dir_exists(path) && unlink(path) != 0)
        rc = dir_each(path, remove_entry, path, err);
    (void)remove(path);
    return rc;
}

static int
teardown(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    enum rc rc = dir_each(root, remove_entry, root, &err);
    return rc != RC_OK || rmdir(root) != 0;
}

static void
test_dir_beneath_follows_no_link(void **state)
{
    (void)state;
    char path[PATH_SIZE], text[4] = "";
    struct stat st;
    int fd;
    assert_int_equal(mkdir(in_root("beneath"), 0700), 0);
    assert_int_equal(mkdir(in_root("elsewhere"), 0700), 0);
    assert_rc(dir_beneath(&fd, path, in_root("beneath"), "a/b/file", 0, err), RC_NOT_FOUND);
    assert_int_equal(fd, -1);
    mode_t old = umask(0777); /* the mode is as asked for */
    assert_ok(dir_beneath(&fd, path, in_root("beneath"), "a/b/file", 0750, err));
    (void)umask(old);
    assert_ok(file_create_once(path, "abc", 3, 0600, err));
    assert_int_equal(close(fd), 0);
    assert_int_equal(stat(in_root("beneath/a/b"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    fd = open(in_root("beneath/a/b/file"), O_RDONLY);
    assert_int_equal(read(fd, text, 3), 3);
    assert_string_equal(text, "abc");
    assert_int_equal(close(fd), 0);
    assert_int_equal(symlink("../elsewhere", in_root("beneath/link")), 0);
    assert_rc(dir_beneath(&fd, path, in_root("beneath"), "link/file", 0700, err), RC_BAD_VALUE);
    assert_rc(dir_beneath(&fd, path, in_root("beneath"), "link/new/file", 0700, err), RC_BAD_VALUE);
    assert_rc(dir_beneath(&fd, path, in_root("beneath"), "a/b/file/x", 0700, err), RC_BAD_VALUE);
    assert_names(in_root("elsewhere"), "");
    assert_int_equal(symlink("beneath", in_root("root-link")), 0); /* the place itself may be one */
    assert_ok(dir_beneath(&fd, path, in_root("root-link"), "a/file", 0, err));
    assert_int_equal(close(fd), 0);
}

static void
test_replace_is_whole_and_private(void **state)
{
    (void)state;
    const char *path = in_root("f");
    mode_t old = umask(0777); /* modes are as asked for, whatever the umask */
    enum rc rc = RC_INTERNAL;
    struct err e = ERR_INIT;
    rc = file_replace(path, "one", 3, 0600, &e);
    (void)umask(old);
    assert_int_equal(rc, RC_OK);
    assert_content(path, "one", 0600);
    assert_ok(file_replace(path, "second", 6, 0644, err));
    assert_content(path, "second", 0644);
    assert_ok(file_replace(path, "", 0, 0600, err));
    assert_content(path, "", 0600);
    assert_names(root, "f\n");
    assert_rc(file_replace(in_root("none/f"), "x", 1, 0600, err), RC_NOT_FOUND);
    assert_int_equal(mkdir(in_root("d"), 0700), 0);
    assert_rc(file_replace(in_root("d"), "x", 1, 0600, err), RC_IO);
    assert_names(root, "d\nf\n"); /* and no temporary file */
}

static void
test_replace_does_not_follow_links(void **state)
{
    (void)state;
    assert_ok(file_replace(in_root("target"), "kept", 4, 0600, err));
    assert_int_equal(symlink("target", in_root("link")), 0);
    assert_ok(file_replace(in_root("link"), "new", 3, 0600, err));
    assert_content(in_root("target"), "kept", 0600);
    assert_content(in_root("link"), "new", 0600);
}

static void
test_create_once(void **state)
{
    (void)state;
    const char *path = in_root("f");
    char big[10000];
    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_ok(file_create_once(path, big, sizeof big - 1, 0640, err));
    assert_content(path, big, 0640);
    assert_rc(file_create_once(path, "other", 5, 0600, err), RC_EXISTS);
    assert_content(path, big, 0640);
    assert_int_equal(symlink("nowhere", in_root("link")), 0);
    assert_rc(file_create_once(in_root("link"), "x", 1, 0600, err), RC_EXISTS);
    assert_int_equal(file_exists(in_root("nowhere")), 0);
    assert_rc(file_create_once(in_root("none/f"), "x", 1, 0600, err), RC_NOT_FOUND);
    assert_names(root, "f\nlink\n");
}

/* Many at once: exactly one may be told that it created the file. */
static void
test_create_once_is_once(void **state)
{
    (void)state;
    enum { RIVALS = 16 };
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < RIVALS; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct err err = ERR_INIT;
            char c;
            (void)close(gate[1]);
            (void)!read(gate[0], &c, 1); /* until all are there */
            enum rc rc = file_create_once(in_root("f"), "x", 1, 0600, &err);
            _exit(rc == RC_OK ? 0 : (rc == RC_EXISTS ? 1 : 2));
        }
    }
    (void)close(gate[0]);
    (void)close(gate[1]);
    int count[3] = {0, 0, 0};
    for (int i = 0; i < RIVALS; i++) {
        int status = 0;
        assert_true(wait(&status) > 0 && WIFEXITED(status));
        count[WEXITSTATUS(status)]++;
    }
    assert_int_equal(count[0], 1);
    assert_int_equal(count[1], RIVALS - 1);
    assert_names(root, "f\n");
}

#ifdef SYS_link
enum { LINK_CALL = SYS_link };
#else
enum { LINK_CALL = SYS_linkat };
#endif

/* From now on, renameat2 is refused as on a share, and link, too, if asked. 0 when it worked. */
static int
pretend_share(int links)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, links ? 0xffffffffU : LINK_CALL, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0;
}

static int
create_twice(int links)
{
    struct err err = ERR_INIT;
    struct stat st;
    if (pretend_share(links) != 0)
        return 9;
    if (syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 1) != -1 || errno != EINVAL)
        return 8;
    if (!links && (link(root, in_root("x")) != -1 || errno != EPERM))
        return 7;
    if (file_create_once(in_root("f"), "first", 5, 0640, &err) != RC_OK)
        return 1;
    if (stat(in_root("f"), &st) != 0 || st.st_nlink != 1)
        return 2;
    if (file_create_once(in_root("f"), "other", 5, 0640, &err) != RC_EXISTS)
        return 3;
    return file_create_once(in_root("none/f"), "x", 1, 0640, &err) == RC_NOT_FOUND ? 0 : 4;
}

static void
test_create_once_on_shares(void **state)
{
    (void)state;
    for (int links = 0; links < 2; links++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            _exit(create_twice(links));
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_content(in_root("f"), "first", 0640);
        assert_names(root, "f\n");
        assert_int_equal(unlink(in_root("f")), 0);
    }
}

static void
test_unwritable_folder(void **state)
{
    (void)state;
    assert_int_equal(chmod(root, 0555), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err err = ERR_INIT;
        int fd;
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(9);
        if (file_replace(in_root("f"), "x", 1, 0600, &err) != RC_READ_ONLY ||
            err.os_errno != EACCES)
            _exit(1);
        if (file_create_once(in_root("f"), "x", 1, 0600, &err) != RC_READ_ONLY)
            _exit(2);
        if (dir_make(in_root("d"), 0700, &err) != RC_READ_ONLY)
            _exit(3);
        if (lock_take(&fd, in_root("lock"), 0, &err) != RC_READ_ONLY || fd != -1)
            _exit(4);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(chmod(root, 0700), 0);
    assert_int_equal(status, 0);
}

static void
test_disk_full(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_rc(file_write_fd(fd, "x", 1, "/dev/full", err), RC_DISK_FULL);
    (void)close(fd);
}

static void
test_read_refuses(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    assert_rc(file_read(&b, in_root("none"), err), RC_NOT_FOUND);
    assert_ok(file_replace(in_root("f"), "12345", 5, 0600, err));
    assert_ok(file_read(&b, in_root("f"), err));
    assert_string_equal(buf_str(&b), "12345");
    buf_clear(&b);
    assert_ok(file_replace(in_root("f"), "123456", 6, 0600, err));
    assert_rc(file_read(&b, in_root("f"), err), RC_BAD_VALUE);
    buf_clear(&b);
    assert_int_equal(symlink("f", in_root("link")), 0);
    assert_rc(file_read(&b, in_root("link"), err), RC_BAD_VALUE);
    assert_rc(file_read(&b, root, err), RC_BAD_VALUE);
    assert_int_equal(mkfifo(in_root("fifo"), 0600), 0);
    assert_rc(file_read(&b, in_root("fifo"), err), RC_BAD_VALUE);
    assert_rc(file_read_fd(&b, -1, "nothing", err), RC_IO);
    buf_release(&b);
}

static void *
write_slowly(void *arg)
{
    int fd = *(int *)arg;
    struct err err = ERR_INIT;
    struct timespec pause = {0, 20000000L};
    for (int i = 0; i < 3; i++) {
        (void)nanosleep(&pause, NULL);
        err_ignore(file_write_fd(fd, "part\n", 5, "pipe", &err)); /* the reader checks */
    }
    (void)close(fd);
    return NULL;
}

static void
test_read_from_slow_nonblocking_pipe(void **state)
{
    (void)state;
    int p[2];
    pthread_t writer;
    struct secret *s = NULL;
    assert_ok(secret_new(&s, err));
    assert_int_equal(pipe(p), 0);
    assert_int_equal(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_slowly, &p[1]), 0);
    assert_ok(secret_add(s, "> ", 2, err));
    assert_ok(file_read_secret(s, p[0], "pipe", err));
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(s->len, 17);
    assert_memory_equal(s->bytes, "> part\npart\npart\n", 17);
    (void)close(p[0]);
    secret_free(s);
}

static void
test_secret_file_limit(void **state)
{
    (void)state;
    char big[SECRET_SLOT + 1];
    memset(big, 's', sizeof big);
    struct secret *s = NULL;
    assert_ok(secret_new(&s, err));
    assert_ok(file_replace(in_root("f"), big, SECRET_SLOT, 0600, err));
    int fd = open(in_root("f"), O_RDONLY | O_CLOEXEC);
    assert_ok(file_read_secret(s, fd, "f", err));
    assert_int_equal(s->len, SECRET_SLOT);
    (void)close(fd);
    secret_cut(s, 0);
    assert_ok(file_replace(in_root("f"), big, sizeof big, 0600, err));
    fd = open(in_root("f"), O_RDONLY | O_CLOEXEC);
    assert_rc(file_read_secret(s, fd, "f", err), RC_BAD_VALUE);
    assert_int_equal(s->len, 0);
    assert_int_equal(s->bytes[0], 0);
    (void)close(fd);
    secret_free(s);
}

static void
test_check_private(void **state)
{
    (void)state;
    static const mode_t open_modes[] = {0640, 0620, 0604, 0602, 0610};
    const char *path = in_root("f");
    assert_ok(file_replace(path, "s", 1, 0600, err));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_ok(file_check_private(fd, path, err));
    for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
        assert_int_equal(fchmod(fd, open_modes[i]), 0);
        assert_rc(file_check_private(fd, path, err), RC_CREDENTIAL_OPEN);
    }
    assert_int_equal(fchmod(fd, 0400), 0);
    assert_ok(file_check_private(fd, path, err));
    if (geteuid() == 0) {
        assert_int_equal(fchown(fd, 65534, 65534), 0);
        assert_rc(file_check_private(fd, path, err), RC_CREDENTIAL_OPEN);
    }
    (void)close(fd);
    assert_rc(file_check_private(-1, path, err), RC_IO);
}

static void
test_folders(void **state)
{
    (void)state;
    struct stat st;
    mode_t old = umask(077);
    struct err e = ERR_INIT;
    enum rc rc = dir_make(in_root("a//b/c/"), 0755, &e);
    (void)umask(old);
    assert_int_equal(rc, RC_OK);
    assert_true(dir_exists(in_root("a/b/c")));
    assert_int_equal(stat(in_root("a/b"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_ok(dir_make(in_root("a/b"), 0700, err));
    assert_int_equal(stat(in_root("a/b"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755); /* one that is there stays as it is */
    assert_ok(file_replace(in_root("f"), "", 0, 0600, err));
    assert_rc(dir_make(in_root("f"), 0700, err), RC_IO);
    assert_rc(dir_make(in_root("f/x"), 0700, err), RC_IO);
    assert_rc(dir_make("", 0700, err), RC_BAD_VALUE);
    assert_false(dir_exists(in_root("f")));
    assert_int_equal(file_exists(in_root("f")), 1);
    assert_int_equal(file_exists(in_root("f/x")), 0);
    assert_int_equal(symlink("nowhere", in_root("dangling")), 0);
    assert_int_equal(file_exists(in_root("dangling")), 1);
    assert_ok(dir_sync(root, err));
    assert_ok(dir_sync(in_root("none"), err));
}

/* A folder that cannot be looked at is not one that is not there. */
static void
test_look_at_folder(void **state)
{
    (void)state;
    int is = 0;
    assert_ok(dir_look(root, &is, err));
    assert_true(is);
    assert_ok(dir_look(in_root("none"), &is, err));
    assert_false(is);
    assert_ok(file_replace(in_root("f"), "", 0, 0600, err));
    assert_ok(dir_look(in_root("f"), &is, err));
    assert_false(is);
    assert_ok(dir_look(in_root("f/x"), &is, err));
    assert_false(is);
    assert_int_equal(symlink("loop", in_root("loop")), 0);
    assert_rc(dir_look(in_root("loop"), &is, err), RC_IO);
}

static void
test_each_is_sorted_and_stops(void **state)
{
    (void)state;
    static const char *const names[] = {"b", "stop", "B", "a", "\xc3\xa4", ".h", "z"};
    struct buf seen;
    buf_init(&seen, 100);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_ok(file_replace(in_root(names[i]), "", 0, 0600, err));
    assert_rc(dir_each(root, collect, &seen, err), RC_IO);
    assert_string_equal(buf_str(&seen), ".h\nB\na\nb\nstop\n");
    assert_rc(dir_each(in_root("none"), collect, &seen, err), RC_NOT_FOUND);
    buf_release(&seen);
}

static void
test_paths(void **state)
{
    (void)state;
    char out[PATH_SIZE];
    char want[PATH_SIZE];
    char big[PATH_SIZE];
    assert_ok(path_join(out, "a", "b", err));
    assert_string_equal(out, "a/b");
    assert_ok(path_join(out, "/", "b", err));
    assert_string_equal(out, "/b");
    assert_ok(path_join(out, "", "b", err));
    assert_string_equal(out, "b");
    memset(big, 'x', sizeof big);
    big[PATH_SIZE - 3] = '\0';
    assert_ok(path_join(out, "a", big, err));
    assert_int_equal(strlen(out), PATH_SIZE - 1);
    assert_rc(path_join(out, "aa", big, err), RC_BAD_VALUE);
    assert_string_equal(out, "");
    assert_ok(path_absolute(out, "/a/../b", err));
    assert_string_equal(out, "/a/../b");
    assert_non_null(getcwd(want, sizeof want - 3));
    (void)strncat(want, "/c", 3);
    assert_ok(path_absolute(out, "c", err));
    assert_string_equal(out, want);
    assert_rc(path_absolute(out, "", err), RC_BAD_VALUE);
}

static void
test_network_types(void **state)
{
    (void)state;
    const char *type = NULL;
    assert_true(fs_type_is_network(0x6969, "nfs4"));
    assert_true(fs_type_is_network(0xff534d42L, NULL));
    assert_true(fs_type_is_network((long)(int32_t)0xff534d42, NULL)); /* as 32-bit systems say */
    assert_true(fs_type_is_network(0xfe534d42L, NULL));
    assert_true(fs_type_is_network(0x01021997, NULL));
    assert_true(fs_type_is_network(0x00c36400, NULL));
    assert_true(fs_type_is_network(0x65735546, "fuse.sshfs"));
    assert_true(fs_type_is_network(0x65735546, "fuse.rclone"));
    assert_false(fs_type_is_network(0x65735546, "fuseblk"));
    assert_false(fs_type_is_network(0x65735546, "fuse.gocryptfs"));
    assert_false(fs_type_is_network(0x65735546, NULL));
    assert_false(fs_type_is_network(0xef53, "fuse.sshfs")); /* ext4 */
    assert_false(fs_type_is_network(0x01021994, "tmpfs"));
    assert_false(fs_is_network("/proc", &type));
    assert_string_equal(type, "");
    assert_false(fs_is_network(in_root("none"), &type));
    assert_true(fs_same_device(root, in_root(".")));
    assert_false(fs_same_device(root, "/proc"));
    assert_false(fs_same_device(root, in_root("none")));
}

static void
test_lock_excludes_and_names_holder(void **state)
{
    (void)state;
    const char *path = in_root("lock");
    int fd = -1;
    int other = -1;
    char pid[32];
    assert_ok(lock_take(&fd, path, 0, err));
    assert_true(fd >= 0);
    struct err e = ERR_INIT;
    int64_t begin = clock_mono_ms();
    assert_int_equal(lock_take(&other, path, 150, &e), RC_STORE_BUSY);
    assert_in_range(clock_mono_ms() - begin, 150, 5000);
    assert_int_equal(other, -1);
    (void)snprintf(pid, sizeof pid, "pid %ld since 20", (long)getpid());
    assert_non_null(strstr(e.why, pid));
    assert_null(strchr(e.why, '\n'));
    lock_release(fd);
    lock_release(-1);
    assert_ok(lock_take(&other, path, 0, err));
    lock_release(other);
    assert_content(path, "", 0600);
}

static void
test_lock_ends_with_its_process(void **state)
{
    (void)state;
    const char *path = in_root("lock");
    int fd = -1;
    int ready[2];
    char c = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err err = ERR_INIT;
        struct timespec pause = {0, 200000000L};
        if (lock_take(&fd, path, 0, &err) != RC_OK || write(ready[1], "r", 1) != 1)
            _exit(1);
        (void)nanosleep(&pause, NULL);
        _exit(0); /* without releasing */
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_rc(lock_take(&fd, path, 0, err), RC_STORE_BUSY);
    assert_ok(lock_take(&fd, path, 10000, err)); /* waits for the child's end */
    lock_release(fd);
    (void)waitpid(pid, NULL, 0);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static enum rc
take_piece(void *arg, const char *bytes, size_t len, struct err *err)
{
    buf_add(arg, bytes, len);
    return buf_check(arg, "pieces", err);
}

/* It has its name at the end, whole; a dropped one leaves nothing. */
static void
test_new_piece_by_piece(void **state)
{
    (void)state;
    struct file_new f;
    struct buf read;
    assert_ok(file_new_begin(&f, in_root("file"), 0644, FILE_NEW_ONCE, err));
    assert_ok(file_new_add(&f, "one ", 4, err));
    assert_int_equal(file_exists(in_root("file")), 0);
    assert_ok(file_new_add(&f, "two", 3, err));
    assert_ok(file_new_end(&f, err));
    file_new_drop(&f); /* it has ended: nothing */
    assert_content(in_root("file"), "one two", 0644);
    assert_names(root, "file\n");
    assert_rc(file_new_begin(&f, in_root("file"), 0644, FILE_NEW_ONCE, err), RC_EXISTS);
    assert_ok(file_new_begin(&f, in_root("file"), 0600, FILE_NEW_REPLACE, err));
    assert_ok(file_new_add(&f, "three", 5, err));
    assert_content(in_root("file"), "one two", 0644);
    assert_ok(file_new_end(&f, err));
    assert_content(in_root("file"), "three", 0600);
    /* Somebody was quicker. */
    assert_ok(file_new_begin(&f, in_root("other"), 0600, FILE_NEW_ONCE, err));
    assert_ok(file_replace(in_root("other"), "theirs", 6, 0600, err));
    assert_rc(file_new_end(&f, err), RC_EXISTS);
    file_new_drop(&f);
    assert_content(in_root("other"), "theirs", 0600);
    assert_ok(file_new_begin(&f, in_root("third"), 0600, FILE_NEW_ONCE, err));
    file_new_drop(&f);
    assert_names(root, "file\nother\n");
    assert_rc(file_new_begin(&f, in_root("none/file"), 0600, FILE_NEW_ONCE, err), RC_NOT_FOUND);
    file_new_drop(&f);
    buf_init(&read, 100);
    assert_ok(file_each_piece(in_root("file"), take_piece, &read, err));
    assert_string_equal(buf_str(&read), "three");
    buf_release(&read);
    assert_rc(file_each_piece(root, take_piece, &read, err), RC_BAD_VALUE);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_dir_beneath_follows_no_link),
        IN_FOLDER(test_replace_is_whole_and_private),
        IN_FOLDER(test_replace_does_not_follow_links),
        IN_FOLDER(test_create_once),
        IN_FOLDER(test_create_once_is_once),
        IN_FOLDER(test_new_piece_by_piece),
        IN_FOLDER(test_create_once_on_shares),
        IN_FOLDER(test_unwritable_folder),
        cmocka_unit_test(test_disk_full),
        IN_FOLDER(test_read_refuses),
        cmocka_unit_test(test_read_from_slow_nonblocking_pipe),
        IN_FOLDER(test_secret_file_limit),
        IN_FOLDER(test_check_private),
        IN_FOLDER(test_folders),
        IN_FOLDER(test_look_at_folder),
        IN_FOLDER(test_each_is_sorted_and_stops),
        cmocka_unit_test(test_paths),
        IN_FOLDER(test_network_types),
        IN_FOLDER(test_lock_excludes_and_names_holder),
        IN_FOLDER(test_lock_ends_with_its_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
