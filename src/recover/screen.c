/*
 * One secret on the terminal's alternate screen, in one unbroken line (to copy) and in groups of
 * four (to type). Every byte that goes to the terminal passes through one wiped page, so no other
 * copy is made. What the alternate screen cannot do is hide it from a session recorder.
 */
#include "recover/screen.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "sys/file.h"
#include "sys/term.h"
#include "text/uni.h"

enum { PAGE = SECRET_SLOT, GROUP = 4, GROUPS_MOST = 8 };

/*
 * 1. page has PAGE bytes, the first len of which wait to be written.
 * 2. Either mapped (page is a mapping that not even the kernel can read otherwise), or slot owns
 * it.
 * 3. After a failure failed is set and further additions do nothing.
 */
struct screen {
    int tty;
    unsigned char *page;
    size_t len;
    int mapped;
    struct secret *slot;
    int failed;
    struct err err;
};

/* How the secret can be shown. */
struct shape {
    int is_text;    /* UTF-8 without controls; else it is shown as hex digits */
    int is_foreign; /* it is such a text, but the locale has no UTF-8: some bytes would be controls
                     */
    size_t blanks;  /* spaces in it */
    size_t units;   /* characters, or hex digits */
    size_t columns; /* most columns it may take */
    unsigned width; /* of the terminal */
    unsigned height;
};

/* ---- the page ---- */

/* A page that the kernel keeps out of its own map, where it has that (Linux 5.14; may be off). */
static unsigned char *
secret_page(void)
{
#ifdef SYS_memfd_secret
    int fd = (int)syscall(SYS_memfd_secret, FD_CLOEXEC);
    if (fd < 0)
        return NULL;
    void *page = MAP_FAILED;
    if (ftruncate(fd, PAGE) == 0)
        page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd); /* the mapping stays */
    return page == MAP_FAILED ? NULL : page;
#else
    return NULL;
#endif
}

static enum rc
screen_begin(struct screen *sc, struct err *err)
{
    *sc = (struct screen){.tty = -1, .err = ERR_INIT};
    enum rc rc = term_open(&sc->tty, err);
    if (rc != RC_OK)
        return rc;
    sc->page = secret_page();
    sc->mapped = sc->page != NULL;
    /* cppcheck-suppress knownConditionTrueFalse ; with headers that do not know memfd_secret */
    if (sc->mapped)
        return RC_OK;
    rc = secret_new(&sc->slot, err);
    if (rc == RC_OK)
        sc->page = sc->slot->bytes;
    return rc;
}

static void
screen_end(struct screen *sc)
{
    if (sc->mapped) {
        secret_wipe(sc->page, PAGE);
        (void)munmap(sc->page, PAGE);
    }
    secret_free(sc->slot);
    *sc = (struct screen){.tty = -1, .err = ERR_INIT};
}

/* Writes what waits, and wipes it. */
static void
flush(struct screen *sc)
{
    if (!sc->failed && sc->len > 0 &&
        file_write_fd(sc->tty, sc->page, sc->len, "the terminal", &sc->err) != RC_OK)
        sc->failed = 1;
    secret_wipe(sc->page, sc->len);
    sc->len = 0;
}

static void
put(struct screen *sc, const void *bytes, size_t len)
{
    const unsigned char *from = bytes;
    while (len > 0) {
        if (sc->len == PAGE)
            flush(sc);
        size_t n = PAGE - sc->len < len ? PAGE - sc->len : len;
        memcpy(sc->page + sc->len, from, n);
        sc->len += n;
        from += n;
        len -= n;
    }
}

static void
puts_screen(struct screen *sc, const char *text)
{
    put(sc, text, strlen(text));
}

/* ---- what the secret looks like ---- */

/* Bytes of the character at bytes[i]. The text is valid UTF-8. */
static size_t
character_length(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/*
 * Characters that a terminal would act upon or hide: C0, DEL, C1, zero-width and bidirectional
 * ones. Looked at in place: the usual escape function would put a copy of the secret into a buffer.
 */
static int
is_hidden(const unsigned char *p, size_t len)
{
    if (len == 1)
        return p[0] < 0x20 || p[0] == 0x7f;
    if (len == 2)
        return (p[0] == 0xc2 && p[1] <= 0xa0) || (p[0] == 0xc2 && p[1] == 0xad) ||
               (p[0] == 0xd8 && p[1] == 0x9c);
    if (len == 3 && p[0] == 0xe2 && (p[1] == 0x80 || p[1] == 0x81))
        return p[1] == 0x81 ? p[2] >= 0xa0
                            : (p[2] >= 0x80 && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xaf);
    return (len == 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) || (len == 4 && p[0] == 0xf3);
}

/* Every byte is looked at, wherever one is found. */
static int
is_ascii(const struct secret *s)
{
    unsigned char all = 0;
    for (size_t i = 0; i < s->len; i++)
        all |= s->bytes[i];
    return all < 0x80;
}

static void
look_at(struct shape *shape, const struct secret *s)
{
    shape->is_text = s->len > 0 && utf8_is((const char *)s->bytes, s->len);
    shape->is_foreign = shape->is_text && !locale_is_utf8() && !is_ascii(s);
    shape->is_text &= !shape->is_foreign;
    shape->blanks = shape->units = shape->columns = 0;
    for (size_t i = 0; shape->is_text && i < s->len;) {
        size_t len = character_length(s->bytes[i]);
        if (is_hidden(s->bytes + i, len))
            shape->is_text = 0;
        shape->blanks += s->bytes[i] == ' ';
        shape->columns += len == 1 ? 1 : 2; /* some are narrow; too much does no harm */
        shape->units++;
        i += len;
    }
    if (!shape->is_text) {
        shape->blanks = 0;
        shape->units = shape->columns = 2 * s->len;
    }
}

/* Groups in a line of the second form. */
static unsigned
groups_in_line(const struct shape *shape)
{
    unsigned wide = shape->columns > shape->units ? 2 * GROUP + 1 : GROUP + 1;
    unsigned n = (shape->width - 1) / wide;
    return n < 1 ? 1 : n > GROUPS_MOST ? GROUPS_MOST : n;
}

static size_t
rows_of_line(const struct shape *shape)
{
    return shape->columns / shape->width + 1;
}

static size_t
rows_of_groups(const struct shape *shape)
{
    return shape->units / groups_in_line(shape) / GROUP + 1;
}

/* The i-th unit as text; returns the bytes of the secret it took. Hex digits come from arithmetic:
 * no table is indexed by a secret. */
static size_t
put_unit(struct screen *sc, const struct shape *shape, const struct secret *s, size_t at, int low)
{
    if (shape->is_text) {
        size_t len = character_length(s->bytes[at]);
        put(sc, s->bytes + at, len);
        return len;
    }
    unsigned nibble = low ? s->bytes[at] & 15U : (unsigned)s->bytes[at] >> 4;
    unsigned char digit = (unsigned char)('0' + nibble + (((9 - nibble) >> 8) & 39U));
    put(sc, &digit, 1);
    secret_wipe(&digit, 1);
    return (size_t)low;
}

static void
put_unbroken(struct screen *sc, const struct shape *shape, const struct secret *s)
{
    size_t at = 0;
    for (size_t unit = 0; unit < shape->units; unit++)
        at += put_unit(sc, shape, s, at, (unit & 1) != 0);
    puts_screen(sc, "\r\n");
}

static void
put_groups(struct screen *sc, const struct shape *shape, const struct secret *s)
{
    size_t in_line = (size_t)GROUP * groups_in_line(shape);
    size_t at = 0;
    for (size_t unit = 0; unit < shape->units; unit++) {
        int blank = shape->is_text && s->bytes[at] == ' ';
        if (unit > 0 && unit % in_line == 0)
            puts_screen(sc, "\r\n");
        else if (unit > 0 && unit % GROUP == 0)
            puts_screen(sc, " ");
        /* A blank of the secret, as against one between groups. */
        if (blank)
            puts_screen(sc, "\033[7m");
        at += put_unit(sc, shape, s, at, (unit & 1) != 0);
        if (blank)
            puts_screen(sc, "\033[27m");
    }
    puts_screen(sc, "\r\n");
}

/* ---- the picture ---- */

/* Our own words, cut to the width, so that rows can be counted. *rows counts them. */
static void
put_line(struct screen *sc, const struct shape *shape, const char *text, size_t *rows)
{
    size_t len = strlen(text);
    size_t room = shape->width > 1 ? shape->width - 1 : 1;
    size_t lines = len / room + 1;
    while (len > room) {
        size_t cut = room;
        while (cut > 1 && text[cut] != ' ')
            cut--;
        if (cut == 1)
            cut = room;
        put(sc, text, cut);
        puts_screen(sc, "\r\n");
        text += cut + (text[cut] == ' ');
        len = strlen(text);
        lines++;
    }
    put(sc, text, len);
    puts_screen(sc, "\r\n");
    *rows += lines; /* rather one too many */
}

static void
put_title(struct screen *sc, const struct shape *shape, const char *title, size_t *rows)
{
    struct buf clean;
    buf_init(&clean, 4096);
    if (title != NULL) {
        escape_terminal(&clean, title, strlen(title), ESCAPE_LINE);
        put_line(sc, shape, buf_str(&clean), rows);
    }
    buf_release(&clean);
}

static void
put_warnings(struct screen *sc, const struct shape *shape, size_t *rows)
{
    char line[128];
    const char *watcher;
    enum term_watch watch = term_recorder(&watcher);
    if (watch == TERM_RECORDED)
        (void)snprintf(line, sizeof line, "This session is recorded by %s, this screen too.",
                       watcher);
    else
        (void)snprintf(line, sizeof line,
                       "Inside %s: a recorder there (pipe-pane, logging) sees all.", watcher);
    if (watch != TERM_UNWATCHED)
        put_line(sc, shape, line, rows);
    if (!shape->is_text) {
        (void)snprintf(line, sizeof line, "%s: its %zu bytes as hex digits%s.",
                       shape->is_foreign ? "This locale is not UTF-8" : "It is not text",
                       shape->units / 2,
                       shape->is_foreign ? "; to see the text: LC_ALL=C.UTF-8" : "");
        put_line(sc, shape, line, rows);
    }
    if (shape->blanks > 0) {
        (void)snprintf(line, sizeof line, "It has %zu blank%s, marked in the groups.",
                       shape->blanks, shape->blanks == 1 ? "" : "s");
        put_line(sc, shape, line, rows);
    }
}

/* Rewrites the last line only. */
static void
put_status(struct screen *sc, const struct shape *shape, int64_t left_ms)
{
    char line[96], place[32];
    int seconds = (int)((left_ms + 999) / 1000);
    (void)snprintf(line, sizeof line, "%d s  q, Enter: close  +: 60 s more", seconds);
    if (strlen(line) >= shape->width)
        line[shape->width - 1] = '\0';
    (void)snprintf(place, sizeof place, "\033[%u;1H", shape->height);
    puts_screen(sc, place);
    puts_screen(sc, line);
    puts_screen(sc, "\033[K");
    flush(sc);
}

/* For who has the screen read out: said once, not each second. */
static void
say_status(struct screen *sc, const struct shape *shape, int64_t left_ms, size_t *rows)
{
    char line[96];
    (void)snprintf(line, sizeof line, "Closes in %d s. q or Enter closes it now, + adds 60 s.",
                   (int)((left_ms + 999) / 1000));
    put_line(sc, shape, line, rows);
    flush(sc);
}

/* Draws all of it. Returns 1 if the secret is on the screen, 0 if there is no room for it. */
static int
draw(struct screen *sc, struct shape *shape, const struct deliver *d, const struct secret *s,
     int64_t left_ms)
{
    size_t rows = 0;
    look_at(shape, s);
    puts_screen(sc, "\033[H\033[2J");
    put_title(sc, shape, d->title, &rows);
    put_warnings(sc, shape, &rows);
    puts_screen(sc, "\r\n");
    rows += 3; /* this blank line, the one below, the status */
    int fits = rows + rows_of_line(shape) < shape->height;
    if (fits) {
        put_unbroken(sc, shape, s);
        puts_screen(sc, "\r\n");
        if (rows + rows_of_line(shape) + rows_of_groups(shape) < shape->height)
            put_groups(sc, shape, s);
    } else {
        put_line(sc, shape, "This terminal is too small for it. Enlarge it, or close.", &rows);
    }
    if (term_accessible())
        say_status(sc, shape, left_ms, &rows);
    else
        put_status(sc, shape, left_ms);
    return fits;
}

/* ---- the time it is up ---- */

static int
closes(int key)
{
    return key == 'q' || key == 'Q' || key == '\r' || key == '\n' || key == 27;
}

/* Until it is closed. *seen: it was on the screen at some time. */
static void
stay(struct screen *sc, struct deliver *d, const struct secret *s, int *seen)
{
    struct shape shape = {.width = 1}; /* no terminal's: the first look draws */
    int64_t began = clock_mono_ms();
    int64_t until = began + d->show_ms;
    size_t said = 0;
    while (d->end == DELIVER_OPEN && !sc->failed) {
        unsigned width, height;
        int64_t left = until - clock_mono_ms();
        term_size(sc->tty, &width, &height);
        if (width != shape.width || height != shape.height) {
            shape.width = width;
            shape.height = height;
            *seen |= draw(sc, &shape, d, s, left);
        } else if (!term_accessible()) {
            put_status(sc, &shape, left);
        }
        int key = left <= 0 ? 0 : term_key(left < 1000 ? left : 1000);
        if (left <= 0)
            d->end = DELIVER_TIME;
        else if (key < 0)
            d->end = DELIVER_SIGNAL;
        else if (closes(key))
            d->end = DELIVER_KEY;
        else if (key == '+')
            until += DELIVER_MORE_MS;
        if (key == '+' && term_accessible())
            say_status(sc, &shape, until - clock_mono_ms(), &said);
    }
    d->shown_ms = clock_mono_ms() - began;
}

enum rc
screen_show(struct deliver *d, const struct secret *s, struct err *err)
{
    struct screen sc;
    int seen = 0;
    d->end = DELIVER_OPEN;
    enum rc rc = screen_begin(&sc, err);
    if (rc == RC_OK)
        rc = term_raw_begin(err);
    if (rc == RC_OK)
        rc = term_alt_begin(err);
    if (rc != RC_OK)
        goto out;
    stay(&sc, d, s, &seen);
    /* Also for a terminal without a second screen, which showed it on its first. */
    puts_screen(&sc, "\033[H\033[2J");
    flush(&sc);
    if (sc.failed) {
        *err = sc.err;
        rc = err->code = RC_OUTPUT_FAILED;
    } else if (!seen) {
        (void)err_set(err, RC_NOT_DELIVERED, "the terminal is too small to show it");
        rc = err_hint(err, "enlarge it, or use --to file:PATH");
    }
out:
    term_restore();
    screen_end(&sc);
    return rc;
}
