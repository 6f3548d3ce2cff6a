/* Stores and copies in a temporary folder, for tests above the escrow floor. */
#ifndef TESTS_LIB_STORES_H
#define TESTS_LIB_STORES_H

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypt/hash.h"
#include "escrow/log.h"
#include "escrow/store.h"
#include "text/enc.h"
#include "unit.h"

#define STORES_SITE "11111111-2222-4333-8444-555555555555"

/* The test's own folder; the state folder of the memory outside the stores is in it. */
static char stores_root[64];

static inline const char *
stores_path(const char *name)
{
    static char paths[16][512];
    static unsigned next;
    char *path = paths[next++ % 16];
    (void)snprintf(path, sizeof paths[0], "%s/%s", stores_root, name);
    return path;
}

/* Runs a program; 0 when it ended well. */
static inline int
stores_run(const char *program, const char *a, const char *b, const char *c)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp(program, program, a, b, c, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static inline void
stores_remove(const char *path)
{
    (void)stores_run("rm", "-rf", "--", path);
}

/* A copy of a whole tree in the place of what is there. */
static inline void
stores_clone(const char *from, const char *to)
{
    stores_remove(to);
    assert_int_equal(stores_run("cp", "-a", from, to), 0);
}

/* Each store remembers in a folder of its own, as stores on different machines do. */
static inline void
stores_on(const char *machine)
{
    char name[80];
    (void)snprintf(name, sizeof name, "state-%s", machine);
    assert_int_equal(setenv("XDG_STATE_HOME", stores_path(name), 1), 0);
}

static inline int
stores_setup(void **state)
{
    struct err err = ERR_INIT;
    (void)state;
    /* In memory, syncs cost nothing. */
    (void)snprintf(stores_root, sizeof stores_root, "%s/keymuster-test-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(stores_root) == NULL)
        return -1;
    return crypt_init(&err) == RC_OK && secret_arena_open(SECRET_UNLOCKED_OK, &err) == RC_OK ? 0
                                                                                             : -1;
}

static inline int
stores_teardown(void **state)
{
    (void)state;
    stores_remove(stores_root);
    unsigned live = secret_live();
    secret_arena_close();
    return live == 0 ? 0 : -1;
}

/* An own entry whose body is JSON text. */
static inline void
stores_append(struct store *s, const char *kind, const char *body)
{
    struct buf b;
    buf_init(&b, LIMIT_BODY);
    buf_adds(&b, body);
    assert_ok(log_append_one(s, kind, &b, NULL, err));
    buf_release(&b);
}

static inline void
stores_note(struct store *s, const char *text)
{
    char body[256];
    (void)snprintf(body, sizeof body, "{\"text\":\"%s\"}", text);
    stores_append(s, "note", body);
}

/* A store with its first entry. founder NULL: it founds the escrow. Caller: store_close. */
static inline struct store *
stores_make(const char *name, const struct sign_public *founder)
{
    struct store *s = NULL;
    char body[512];
    assert_ok(store_create(&s, stores_path(name), founder, "test escrow", err));
    (void)snprintf(body, sizeof body,
                   "{\"escrow\":\"%s\",\"name\":\"%s\",\"author_name\":\"%s\",\"public_key\":"
                   "\"%s\",\"site\":\"" STORES_SITE "\"}",
                   s->escrow, founder == NULL ? "test escrow" : name, name, s->self.text);
    stores_append(s, founder == NULL ? "escrow.created" : "author.joined", body);
    assert_ok(store_place(&s, stores_path(name), err));
    return s;
}

static inline struct store *
stores_open(const char *name)
{
    struct store *s = NULL;
    assert_ok(store_open(&s, stores_path(name), DB_WRITE, err));
    return s;
}

static inline void
stores_admit(struct store *by, const struct sign_public *who)
{
    char body[256];
    (void)snprintf(body, sizeof body,
                   "{\"author\":\"%s\",\"public_key\":\"%s\",\"site\":\"" STORES_SITE "\"}",
                   who->author, who->text);
    stores_append(by, "author.admitted", body);
}

#endif
