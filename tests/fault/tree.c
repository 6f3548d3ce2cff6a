/* A folder kept in memory: whether something differs from it, and how to make it so again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"

struct node {
    char *path; /* below the folder */
    mode_t mode;
    int folder;
    size_t len;
    char *bytes; /* NULL until they are read */
};

struct tree {
    struct node *nodes; /* by path, so that a folder comes before what is in it */
    size_t count, room;
};

static void *
grown(void *old, size_t size)
{
    void *new = realloc(old, size);
    if (new == NULL)
        die("out of memory");
    return new;
}

char *
file_slurp(const char *path, size_t *len)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0)
        die("%s: %s", path, strerror(errno));
    char *bytes = grown(NULL, (size_t)st.st_size + 1);
    ssize_t got = st.st_size > 0 ? read(fd, bytes, (size_t)st.st_size) : 0;
    if (got < 0)
        die("%s: %s", path, strerror(errno));
    (void)close(fd);
    *len = (size_t)got;
    bytes[got] = '\0';
    return bytes;
}

void
file_spill(const char *path, const void *bytes, size_t len, unsigned mode)
{
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0 || (len > 0 && write(fd, bytes, len) != (ssize_t)len) ||
        fchmod(fd, (mode_t)mode) != 0)
        die("%s: %s", path, strerror(errno));
    (void)close(fd);
}

static void
scan(struct tree *t, const char *dir, size_t top)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        die("%s: %s", dir, strerror(errno));
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct stat st;
        char path[1024];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (lstat(path, &st) != 0)
            die("%s: %s", path, strerror(errno));
        if (t->count == t->room) {
            t->room = t->room * 2 + 64;
            t->nodes = grown(t->nodes, t->room * sizeof *t->nodes);
        }
        t->nodes[t->count++] = (struct node){strdup(path + top), st.st_mode & 07777,
                                             S_ISDIR(st.st_mode), (size_t)st.st_size, NULL};
        if (S_ISDIR(st.st_mode))
            scan(t, path, top);
    }
    (void)closedir(d);
}

static int
by_path(const void *a, const void *b)
{
    return strcmp(((const struct node *)a)->path, ((const struct node *)b)->path);
}

/* Names and modes; no bytes. */
static struct tree *
survey(const char *dir)
{
    struct tree *t = grown(NULL, sizeof *t);
    *t = (struct tree){NULL, 0, 0};
    scan(t, dir, strlen(dir) + 1);
    if (t->count > 0)
        qsort(t->nodes, t->count, sizeof *t->nodes, by_path);
    return t;
}

static void
full_path(char out[1024], const char *dir, const struct node *n)
{
    (void)snprintf(out, 1024, "%s/%s", dir, n->path);
}

struct tree *
tree_load(const char *dir)
{
    struct tree *t = survey(dir);
    for (size_t i = 0; i < t->count; i++) {
        char path[1024];
        full_path(path, dir, &t->nodes[i]);
        if (!t->nodes[i].folder)
            t->nodes[i].bytes = file_slurp(path, &t->nodes[i].len);
    }
    return t;
}

void
tree_free(struct tree *t)
{
    for (size_t i = 0; t != NULL && i < t->count; i++) {
        free(t->nodes[i].path);
        free(t->nodes[i].bytes);
    }
    if (t != NULL)
        free(t->nodes);
    free(t);
}

static int
node_same(const struct node *was, const struct node *is, const char *dir)
{
    char path[1024];
    size_t len = 0;
    if (was->folder != is->folder || was->mode != is->mode)
        return 0;
    if (was->folder)
        return 1;
    if (was->len != is->len)
        return 0;
    full_path(path, dir, is);
    char *bytes = file_slurp(path, &len);
    int same = bytes != NULL && len == was->len && memcmp(bytes, was->bytes, len) == 0;
    free(bytes);
    return same;
}

int
tree_same(const struct tree *t, const char *dir)
{
    struct tree *now = survey(dir);
    int same = now->count == t->count;
    for (size_t i = 0; same && i < t->count; i++)
        same = strcmp(t->nodes[i].path, now->nodes[i].path) == 0 &&
               node_same(&t->nodes[i], &now->nodes[i], dir);
    tree_free(now);
    return same;
}

/* That of one that SQLite plays back begins with a magic number
 * (https://sqlite.org/fileformat2.html, 3). */
static int
idle_journal(const struct node *n, const char *bytes, size_t len)
{
    static const char end[] = "-journal";
    size_t path = strlen(n->path);
    return path >= sizeof end && strcmp(n->path + path + 1 - sizeof end, end) == 0 &&
           (len == 0 || bytes[0] == '\0');
}

void
tree_hash(const char *dir, int mended, unsigned char hash[TREE_HASH])
{
    crypto_generichash_state h;
    struct tree *t = survey(dir);
    (void)crypto_generichash_init(&h, NULL, 0, TREE_HASH);
    for (size_t i = 0; i < t->count; i++) {
        const struct node *n = &t->nodes[i];
        char path[1024];
        size_t len = 0;
        full_path(path, dir, n);
        char *bytes = n->folder ? NULL : file_slurp(path, &len);
        if (mended && !n->folder && idle_journal(n, bytes, len))
            len = 0;
        const unsigned long long about[] = {n->mode, (unsigned long long)n->folder, len};
        (void)crypto_generichash_update(&h, (const unsigned char *)n->path, strlen(n->path) + 1);
        (void)crypto_generichash_update(&h, (const unsigned char *)about, sizeof about);
        (void)crypto_generichash_update(&h, (const unsigned char *)bytes, len);
        free(bytes);
    }
    (void)crypto_generichash_final(&h, hash, TREE_HASH);
    tree_free(t);
}

static void
put(const struct node *n, const char *dir)
{
    char path[1024];
    full_path(path, dir, n);
    if (!n->folder) {
        file_spill(path, n->bytes, n->len, n->mode);
        return;
    }
    if ((mkdir(path, n->mode) != 0 && errno != EEXIST) || chmod(path, n->mode) != 0)
        die("%s: %s", path, strerror(errno));
}

static void
drop(const struct node *n, const char *dir)
{
    char path[1024];
    full_path(path, dir, n);
    if ((n->folder ? rmdir(path) : unlink(path)) != 0)
        die("%s: %s", path, strerror(errno));
}

static const struct node *
find(const struct tree *t, const char *path)
{
    struct node key = {.path = strdup(path)};
    const struct node *n =
        t->count > 0 ? bsearch(&key, t->nodes, t->count, sizeof *t->nodes, by_path) : NULL;
    free(key.path);
    return n;
}

void
tree_restore(const struct tree *t, const char *dir)
{
    struct tree *now = survey(dir);
    for (size_t i = now->count; i-- > 0;) { /* backwards: a folder after what is in it */
        const struct node *was = find(t, now->nodes[i].path);
        if (was == NULL || was->folder != now->nodes[i].folder)
            drop(&now->nodes[i], dir);
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct node *is = find(now, t->nodes[i].path);
        if (is == NULL || !node_same(&t->nodes[i], is, dir))
            put(&t->nodes[i], dir);
    }
    tree_free(now);
}

void
tree_empty(const char *dir)
{
    const struct tree none = {NULL, 0, 0};
    tree_restore(&none, dir);
}

void
tree_each(const char *dir, void (*fn)(const char *path, void *arg), void *arg)
{
    struct tree *t = survey(dir);
    for (size_t i = 0; i < t->count; i++) {
        char path[1024];
        full_path(path, dir, &t->nodes[i]);
        if (!t->nodes[i].folder)
            fn(path, arg);
    }
    tree_free(t);
}
