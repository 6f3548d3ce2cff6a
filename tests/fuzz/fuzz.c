#include "fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt/hash.h"
#include "sys/file.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned kept; /* secrets that live as long as the process */

void
fuzz_fail(const char *what, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

static void
must(enum rc rc, const struct err *err)
{
    if (rc == RC_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", err->msg, err->why);
    abort();
}

void
fuzz_planted(void)
{
    volatile unsigned char *block = malloc(1);
    volatile size_t beyond = 1;
    if (block != NULL)
        (void)block[beyond];
    (void)fprintf(stderr, "the planted bug was not noticed by the sanitizer\n");
    abort();
}

char *
fuzz_text(const char *bytes, size_t len)
{
    if (len > 0 && memchr(bytes, '\0', len) != NULL)
        return NULL;
    char *text = malloc(len + 1);
    if (text == NULL)
        abort();
    if (len > 0)
        memcpy(text, bytes, len);
    text[len] = '\0';
    return text;
}

/* ---- files ---- */

static char folder[64];

static void
remove_folder(void)
{
    char command[96];
    (void)snprintf(command, sizeof command, "rm -rf -- %s", folder);
    if (system(command) != 0)
        (void)fprintf(stderr, "%s is left\n", folder);
}

const char *
fuzz_folder(void)
{
    if (folder[0] != '\0')
        return folder;
    (void)snprintf(folder, sizeof folder, "%s/keymuster-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(folder) == NULL)
        abort();
    (void)atexit(remove_folder);
    return folder;
}

const char *
fuzz_file(const char *bytes, size_t len)
{
    static char path[96];
    (void)snprintf(path, sizeof path, "%s/input", fuzz_folder());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || (len > 0 && write(fd, bytes, len) != (ssize_t)len) || close(fd) != 0)
        abort();
    return path;
}

/* ---- an author and a store ---- */

const struct secret *
fuzz_key(struct sign_public *pub)
{
    static struct secret *key;
    static struct sign_public own;
    struct err err = ERR_INIT;
    struct secret *file = NULL;
    if (key == NULL) {
        int fd = open(TEST_DATA "/v1/fra/author.key", O_RDONLY | O_CLOEXEC);
        must(secret_new(&file, &err), &err);
        must(file_read_secret(file, fd, "author.key", &err), &err);
        must(sign_key_read(&key, &own, file, &err), &err);
        secret_free(file);
        (void)close(fd);
        kept++;
    }
    *pub = own;
    return key;
}

struct store *
fuzz_store(void)
{
    static struct store *store;
    struct err err = ERR_INIT;
    if (store != NULL)
        return store;
    store = calloc(1, sizeof *store);
    if (store == NULL)
        abort();
    store->lock_fd = -1;
    store->flags = DB_WRITE;
    (void)fuzz_key(&store->founder);
    store->self = store->founder;
    escrow_id(store->escrow, &store->founder);
    (void)snprintf(store->dir, sizeof store->dir, "%s", fuzz_folder());
    must(db_create(&store->db, ":memory:", &err), &err);
    must(ini_parse(&store->conf, "", 0, "", &err), &err);
    return store;
}

/* ---- a place ---- */

static enum rc
place_reach(struct remote *r, struct err *err)
{
    (void)r;
    (void)err;
    return RC_OK;
}

static enum rc
place_get(struct remote *r, const char *name, struct buf *out, struct err *err)
{
    struct fuzz_place *p = (struct fuzz_place *)(void *)r;
    buf_clear(out);
    return p->get(p->arg, name, out, err);
}

static enum rc
place_list(struct remote *r, const char *name, remote_fn fn, void *arg, struct err *err)
{
    struct fuzz_place *p = (struct fuzz_place *)(void *)r;
    return p->list != NULL ? p->list(p->arg, name, fn, arg, err) : RC_OK;
}

void
fuzz_place_init(struct fuzz_place *place)
{
    static const struct remote_kind kind = {
        .reach = place_reach, .get = place_get, .list = place_list};
    memset(place, 0, sizeof *place);
    place->remote.kind = &kind;
    buf_init(&place->remote.url, 64);
}

/* ---- for libFuzzer ---- */

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct err err = ERR_INIT;
    (void)argc;
    (void)argv;
    must(crypt_init(&err), &err);
    must(secret_arena_open(SECRET_UNLOCKED_OK, &err), &err);
    if (setenv("XDG_STATE_HOME", fuzz_folder(), 1) != 0)
        abort();
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one(size > 0 ? (const char *)data : "", size);
    FUZZ_CHECK(secret_live() == kept);
    return 0;
}
