#include "db/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "db/migrate.h"
#include "sys/file.h"

/*
 * Offsets are those of SQLite's file format (sqlite.org/fileformat2.html): 16 page size, 18 and 19
 * format versions (2: write-ahead log), 24 change counter, 28 pages, 60 user_version, 68
 * application id; of the journal's header: 0 magic, 8 records, 16 pages before, 20 sector size, 24
 * page size.
 */
enum { HEADER = 100, JOURNAL_HEADER = 28, TRIES = 10, PAUSE_NS = 10 * 1000 * 1000 };

static const unsigned char journal_magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};

static uint32_t
big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- any file here ---- */

static enum rc
no_file(const char *path, const char *what, enum rc code, struct err *err)
{
    (void)err_set(err, code, "%s is %s, not a file of a store", path, what);
    return err_hint(err, "nothing was opened; find out who put it there");
}

/* Regular, this user's, not writable by others. Opened without waiting, as it may be a FIFO. *fd is
 * -1 when nothing is there. Caller: close. */
static enum rc
open_own(int *fd, const char *path, enum rc foreign, struct err *err)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0 && errno == ENOENT)
        return RC_OK;
    if (*fd < 0 && errno == ELOOP)
        return no_file(path, "a link", foreign, err);
    if (*fd < 0 && lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return no_file(path, "something else", foreign, err);
    if (*fd < 0)
        return err_errno(err, RC_IO, "opening %s", path);
    if (fstat(*fd, &st) != 0)
        return err_errno(err, RC_IO, "looking at %s", path);
    if (!S_ISREG(st.st_mode))
        return no_file(path, "something else", foreign, err);
    if (st.st_uid != geteuid())
        return err_set(err, RC_STORE_OWNER, "%s belongs to another user (number %u)", path,
                       (unsigned)st.st_uid);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return RC_OK;
    (void)err_set(err, RC_STORE_OPEN, "%s can be written by other users", path);
    return err_hint(err, "close it: chmod go-w %s\nthen look at it: keymuster verify", path);
}

static void
close_quietly(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* was only read */
}

/* ---- the database ---- */

static int
page_size_is(uint32_t size)
{
    return size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
}

static uint32_t
page_size(const unsigned char header[HEADER])
{
    uint32_t size = (uint32_t)header[16] << 8 | header[17];
    return size == 1 ? 65536 : size;
}

static enum rc
check_header(const char *path, const unsigned char header[HEADER], ssize_t got, struct err *err)
{
    if (got != HEADER || memcmp(header, "SQLite format 3", 16) != 0)
        return err_set(err, RC_STORE_FOREIGN, "%s is no database of keymuster", path);
    uint32_t id = big_endian(header + 68);
    if (id != RAW_APPLICATION_ID) {
        (void)err_set(err, RC_STORE_FOREIGN, "%s is a database of another program", path);
        return err_why(err, "its application id is %08x, not %08x", id, RAW_APPLICATION_ID);
    }
    uint32_t version = big_endian(header + 60);
    if (version > (uint32_t)migration_count) {
        (void)err_set(err, RC_STORE_NEWER, "%s was written by a newer keymuster", path);
        (void)err_why(err, "its schema is version %u; this program knows up to %d", version,
                      migration_count);
        return err_hint(err, "use the newer program; nothing was touched");
    }
    if (header[18] == 2 || header[19] == 2) {
        (void)err_set(err, RC_STORE_CORRUPT, "%s was switched to a write-ahead log", path);
        return err_hint(err,
                        "keymuster never does that; if nobody meddles, take it back: sqlite3 %s "
                        "'PRAGMA journal_mode=DELETE'",
                        path);
    }
    if (header[18] == 1 && header[19] == 1 && page_size_is(page_size(header)) && header[20] == 0 &&
        header[21] == 64 && header[22] == 32 && header[23] == 32 && big_endian(header + 56) == 1)
        return RC_OK;
    (void)err_set(err, RC_STORE_CORRUPT, "the header of %s is damaged", path);
    return err_hint(err, "the copies have the log: keymuster join --from COPY --site SITE, in a "
                         "new folder");
}

static enum rc
read_header(int fd, const char *path, unsigned char header[HEADER], struct err *err)
{
    ssize_t n = pread(fd, header, HEADER, 0);
    return n < 0 ? err_errno(err, RC_IO, "reading %s", path) : check_header(path, header, n, err);
}

/* ---- the journal ---- */

struct journal {
    int hot;          /* SQLite would play it back */
    int linked;       /* it names a further file, which SQLite would delete */
    uint32_t page;    /* bytes */
    uint32_t pages;   /* the database had, before */
    int first;        /* the first page as it was is in it */
    uint32_t counter; /* that page's change counter */
};

/* Walks the records to the one of the first page. Parts follow each other, each with a header at a
 * sector's start; a part whose count was not synced yet (0) is not played back. */
static void
find_first_page(struct journal *j, int fd, uint32_t sector, uint32_t records)
{
    off_t at = sector;
    off_t record = (off_t)j->page + 8;
    unsigned char head[JOURNAL_HEADER];
    while (!j->first) {
        for (; records > 0; records--, at += record) {
            if (pread(fd, head, JOURNAL_HEADER, at) != JOURNAL_HEADER)
                return;
            j->first = big_endian(head) == 1;
            if (j->first && pread(fd, head + 4, 4, at + 4 + 24) == 4)
                j->counter = big_endian(head + 4);
            if (big_endian(head) <= 1) /* no page is number 0: playing back ends there */
                return;
        }
        at = (at + sector - 1) / sector * sector;
        if (pread(fd, head, JOURNAL_HEADER, at) != JOURNAL_HEADER ||
            memcmp(head, journal_magic, sizeof journal_magic) != 0)
            return;
        records = big_endian(head + 8);
        at += sector;
        if (records == 0)
            return;
    }
}

static enum rc
read_journal(struct journal *j, int fd, const char *path, struct err *err)
{
    struct stat st;
    unsigned char head[JOURNAL_HEADER];
    unsigned char tail[8] = {0};
    memset(j, 0, sizeof *j);
    if (fstat(fd, &st) != 0)
        return err_errno(err, RC_IO, "looking at %s", path);
    if (st.st_size >= 8 && pread(fd, tail, 8, st.st_size - 8) != 8)
        return RC_OK; /* it became shorter: a writer is at it */
    j->linked = memcmp(tail, journal_magic, sizeof journal_magic) == 0;
    if (pread(fd, head, JOURNAL_HEADER, 0) != JOURNAL_HEADER ||
        memcmp(head, journal_magic, sizeof journal_magic) != 0)
        return RC_OK; /* not complete: SQLite removes it and does nothing else */
    uint32_t sector = big_endian(head + 20);
    j->hot = 1;
    j->pages = big_endian(head + 16);
    j->page = big_endian(head + 24);
    if (page_size_is(j->page) && sector >= 32 && sector <= 65536 && (sector & (sector - 1)) == 0)
        find_first_page(j, fd, sector, big_endian(head + 8));
    return RC_OK;
}

/* Whether playing it back can be what a killed writer of this database needs. The first page is
 * part of every change, with a counter: the journal keeps its last value, the file has the same or,
 * if the writer got so far, the next. */
static int
journal_fits(const struct journal *j, const unsigned char header[HEADER])
{
    uint32_t now = big_endian(header + 24);
    if (j->linked)
        return 0;
    if (!j->hot)
        return 1;
    return j->page == page_size(header) && (j->first ? now == j->counter || now == j->counter + 1
                                                     : j->pages >= big_endian(header + 28));
}

/* A running writer's journal is its own affair, and SQLite leaves it alone. Bytes 2^30 (pending)
 * and the next (reserved) are SQLite's locks. */
static int
writer_runs(int fd)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 2};
    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static enum rc
judge_journal(int fd, const char *path, const char *journal, int *fits, struct err *err)
{
    int side = -1;
    struct journal j;
    enum rc rc = open_own(&side, journal, RC_STORE_CORRUPT, err);
    *fits = 1;
    if (rc == RC_OK && side >= 0 && !writer_runs(fd)) {
        unsigned char header[HEADER];
        rc = read_journal(&j, side, journal, err);
        if (rc == RC_OK)
            rc = read_header(fd, path, header, err);
        *fits = rc == RC_OK && journal_fits(&j, header);
    }
    close_quietly(side);
    return rc;
}

static enum rc
check_journal(int fd, const char *path, struct err *err)
{
    char journal[PATH_SIZE + 16];
    enum rc rc = RC_OK;
    int fits = 0;
    (void)snprintf(journal, sizeof journal, "%s-journal", path);
    /* A writer may begin or end between two looks; what stays is no writer's. */
    for (int i = 0; rc == RC_OK && !fits && i < TRIES; i++) {
        struct timespec pause = {0, PAUSE_NS};
        if (i > 0)
            (void)nanosleep(&pause, NULL);
        rc = judge_journal(fd, path, journal, &fits, err);
    }
    if (rc != RC_OK || fits)
        return rc;
    (void)err_set(err, RC_STORE_CORRUPT, "%s does not belong to this database", journal);
    (void)err_why(err, "the database would be taken back to what it is not");
    return err_hint(err,
                    "was the database put back, or copied while it was in use? take both from one "
                    "moment, when nothing runs\nif only the database was put back: mv %s %s.old",
                    journal, journal);
}

/* SQLite would take changes from a log that lies there, whoever wrote it. */
static enum rc
check_no_log(const char *path, const char *suffix, struct err *err)
{
    char side[PATH_SIZE + 16];
    (void)snprintf(side, sizeof side, "%s%s", path, suffix);
    int there = file_exists(side);
    if (there == 0)
        return RC_OK;
    if (there < 0)
        return err_errno(err, RC_IO, "looking at %s", side);
    (void)err_set(err, RC_STORE_CORRUPT, "%s lies beside the database", side);
    (void)err_why(err,
                  "keymuster never makes one; opening the database would take in what it says");
    return err_hint(err, "find out who put it there; to go on: mv %s %s.old", side, side);
}

enum rc
raw_check(const char *path, int *version, struct err *err)
{
    int fd = -1;
    unsigned char header[HEADER];
    enum rc rc = open_own(&fd, path, RC_STORE_FOREIGN, err);
    if (rc == RC_OK && fd < 0)
        return err_set(err, RC_NO_STORE, "no store: %s is not there", path);
    if (rc == RC_OK)
        rc = read_header(fd, path, header, err);
    if (rc == RC_OK)
        rc = check_no_log(path, "-wal", err);
    if (rc == RC_OK)
        rc = check_no_log(path, "-shm", err);
    if (rc == RC_OK)
        rc = check_journal(fd, path, err);
    close_quietly(fd);
    if (rc == RC_OK)
        *version = (int)big_endian(header + 60);
    return rc;
}
