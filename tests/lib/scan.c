/*
 * For tests: looks for secrets in files and folders, in every form in which they may have leaked.
 *
 *   scan [-q] [-s SECRETFILE]... [-x PATH]... SECRETFILE PATH...
 *
 * -s names a further secret. Searched are all windows of 8 bytes of: a secret as it is, reversed,
 * in hex of both cases (windows of 16 digits: 8 bytes), in base64 at its three alignments, and in
 * UTF-16. -x leaves a file out. Prints a line for each form of a secret that a file has: path,
 * form, offset, how many times the whole form is there, and the secret's file. Exit: 1 with hits, 0
 * without, 2 when something could not be read.
 */
#define _XOPEN_SOURCE 700 /* nftw */
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SECRET_MAX = 512,
    SECRETS = 16,
    FORM_MAX = 2 * SECRET_MAX + 8,
    FORMS = 8 * SECRETS,
    EXCEPT_MAX = 16
};

struct form {
    const char *name, *secret; /* the secret's file */
    unsigned char bytes[FORM_MAX];
    size_t len, window;
};

static struct form forms[FORMS];
static size_t form_count, secret_count;
static const char *except[EXCEPT_MAX];
static size_t except_count;
static int quiet, hits, failed;
static size_t files;

static struct form *
form_add(const char *name, size_t window)
{
    struct form *f = &forms[form_count++];
    f->name = name;
    f->window = window;
    return f;
}

static void
add_hex(const unsigned char *s, size_t len, const char *name, const char *digits)
{
    struct form *f = form_add(name, 16);
    for (size_t i = 0; i < len; i++) {
        f->bytes[f->len++] = (unsigned char)digits[s[i] >> 4];
        f->bytes[f->len++] = (unsigned char)digits[s[i] & 15];
    }
}

/* Only whole groups of three bytes from skip on: those come out the same whatever stands around the
 * secret. */
static void
add_base64(const unsigned char *s, size_t len, const char *name, size_t skip)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct form *f = form_add(name, 8);
    for (size_t i = skip; i + 3 <= len; i += 3) {
        unsigned long v = (unsigned long)s[i] << 16 | (unsigned long)s[i + 1] << 8 | s[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            f->bytes[f->len++] = (unsigned char)set[v >> shift & 63];
    }
}

static void
make_forms(const unsigned char *s, size_t len)
{
    struct form *raw = form_add("raw", 8);
    memcpy(raw->bytes, s, len);
    raw->len = len;
    struct form *back = form_add("reversed", 8);
    for (size_t i = 0; i < len; i++)
        back->bytes[back->len++] = s[len - 1 - i];
    add_hex(s, len, "hex", "0123456789abcdef");
    add_hex(s, len, "HEX", "0123456789ABCDEF");
    add_base64(s, len, "base64+0", 0);
    add_base64(s, len, "base64+1", 1);
    add_base64(s, len, "base64+2", 2);
    struct form *wide = form_add("utf-16", 16);
    for (size_t i = 0; i < len; i++) {
        wide->bytes[wide->len++] = s[i];
        wide->bytes[wide->len++] = 0;
    }
}

/* The windows, found by what their first 8 bytes hash to: nearly every place in a file has none. */
enum { BUCKETS = 1 << 16 };

struct window {
    size_t form, at, next; /* number of the next one of the bucket + 1, or 0 */
};

static size_t buckets[BUCKETS]; /* number of the first one + 1, or 0 */
static struct window windows[FORMS * FORM_MAX];
static size_t window_count;

static unsigned
hash(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return (unsigned)(v * 0x9E3779B97F4A7C15u >> 48);
}

static void
make_windows(void)
{
    for (size_t i = 0; i < form_count; i++)
        for (size_t at = 0; at + forms[i].window <= forms[i].len; at++) {
            size_t *bucket = &buckets[hash(forms[i].bytes + at)];
            windows[window_count] = (struct window){i, at, *bucket};
            *bucket = ++window_count;
        }
}

static size_t
whole(const struct form *f, const unsigned char *data, size_t len)
{
    size_t count = 0;
    for (const unsigned char *at = data; f->len <= len - (size_t)(at - data); at++) {
        at = memchr(at, f->bytes[0], len - (size_t)(at - data) - f->len + 1);
        if (at == NULL)
            break;
        count += memcmp(at, f->bytes, f->len) == 0;
    }
    return count;
}

/* Each form is reported once a file. */
static void
search(const char *path, const unsigned char *data, size_t len)
{
    int seen[FORMS] = {0};
    for (size_t here = 0; here + 8 <= len; here++) {
        for (size_t n = buckets[hash(data + here)]; n > 0; n = windows[n - 1].next) {
            const struct window *w = &windows[n - 1];
            const struct form *f = &forms[w->form];
            if (seen[w->form] || f->window > len - here ||
                memcmp(data + here, f->bytes + w->at, f->window) != 0)
                continue;
            seen[w->form] = 1;
            hits++;
            if (!quiet)
                (void)printf("%s: %s, window %zu, at %zu, whole %zu, of %s\n", path, f->name, w->at,
                             here, whole(f, data, len), f->secret);
        }
    }
}

static void
scan_file(const char *path)
{
    struct stat st;
    for (size_t i = 0; i < except_count; i++)
        if (strcmp(except[i], path) == 0)
            return;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        (void)fprintf(stderr, "scan: cannot read %s\n", path);
        failed = 1;
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    size_t size = (size_t)st.st_size, got = 0;
    unsigned char *data = malloc(size + 1);
    while (data != NULL && got < size) {
        ssize_t n = read(fd, data + got, size - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    if (data != NULL) {
        files++;
        search(path, data, got);
    }
    free(data);
    (void)close(fd);
}

static int
visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type == FTW_F && S_ISREG(st->st_mode))
        scan_file(path);
    return 0;
}

static int
read_secret(const char *path)
{
    unsigned char s[SECRET_MAX];
    FILE *in = fopen(path, "r");
    size_t len = in == NULL ? 0 : fread(s, 1, sizeof s, in);
    if (in != NULL)
        (void)fclose(in); /* only read from */
    if (len > 0 && s[len - 1] == '\n')
        len--;
    if (len < 8 || len == sizeof s || secret_count++ == SECRETS)
        return -1;
    size_t first = form_count;
    make_forms(s, len);
    for (size_t i = first; i < form_count; i++)
        forms[i].secret = path;
    return 0;
}

int
main(int argc, char **argv)
{
    int c;
    int unread = 0;
    while ((c = getopt(argc, argv, "qs:x:")) != -1) {
        if (c == 'q')
            quiet = 1;
        else if (c == 's')
            unread |= read_secret(optarg) != 0;
        else if (c == 'x' && except_count < EXCEPT_MAX)
            except[except_count++] = optarg;
        else
            return 2;
    }
    if (argc - optind < 2 || read_secret(argv[optind]) != 0 || unread) {
        (void)fprintf(stderr,
                      "usage: scan [-q] [-s SECRETFILE]... [-x PATH]... SECRETFILE PATH...\n");
        return 2;
    }
    make_windows();
    for (int i = optind + 1; i < argc; i++)
        if (nftw(argv[i], visit, 32, FTW_PHYS) != 0)
            failed = 1;
    if (files == 0) /* a search of nothing proves nothing */
        failed = 1;
    return failed ? 2 : hits > 0;
}
