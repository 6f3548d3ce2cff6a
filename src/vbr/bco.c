#include "vbr/bco.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/file.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

enum { SLOTS = 64, SLOT = 32, SLOTS_AT = 18, PROPERTIES = 4096, GUID = 16 };

/* ---- bounded reading ---- */

struct in {
    const unsigned char *at;
    size_t left;
    int bad; /* sticky: more was wanted than there is */
};

static const unsigned char *
take(struct in *in, size_t n)
{
    const unsigned char *at = in->at;
    if (in->bad || n > in->left) {
        in->bad = 1;
        return NULL;
    }
    in->at += n;
    in->left -= n;
    return at;
}

static uint64_t
number(struct in *in, size_t bytes)
{
    const unsigned char *at = take(in, bytes);
    uint64_t n = 0;
    for (size_t i = bytes; at != NULL && i-- > 0;)
        n = n << 8 | at[i];
    return n;
}

/* A length of so many units of a size; what is negative or too much is bad. */
static size_t
length(struct in *in, size_t unit)
{
    uint64_t n = number(in, 4);
    if (n > INT32_MAX || n * unit > in->left)
        in->bad = 1;
    return in->bad ? 0 : (size_t)n * unit;
}

/* ---- values ---- */

static unsigned
unit_at(const unsigned char *at)
{
    return (unsigned)at[0] | (unsigned)at[1] << 8;
}

/* One code point in UTF-8; returns its bytes. */
static size_t
put_utf8(char out[4], unsigned c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* UTF-16LE as UTF-8, of size bytes with its end. -1: not whole, a zero in it, or too long. */
static int
text_of(char *out, size_t size, const unsigned char *at, size_t bytes)
{
    size_t used = 0;
    for (size_t i = 0; i + 1 < bytes; i += 2) {
        unsigned c = unit_at(at + i);
        if (c >= 0xD800 && c < 0xDC00 && i + 3 < bytes) {
            unsigned low = unit_at(at + i + 2);
            if (low < 0xDC00 || low > 0xDFFF)
                return -1;
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            i += 2;
        } else if (c == 0 || (c >= 0xD800 && c < 0xE000)) {
            return -1;
        }
        if (used + 4 >= size)
            return -1;
        used += put_utf8(out + used, c);
    }
    out[used] = '\0';
    return bytes % 2 == 0 ? 0 : -1;
}

/* .NET keeps a GUID's first three parts as little-endian numbers. */
static void
guid_of(char out[UUID_TEXT + 1], const unsigned char *at)
{
    static const unsigned char order[GUID] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    unsigned char raw[GUID];
    for (size_t i = 0; i < GUID; i++)
        raw[i] = at[order[i]];
    uuid_format(out, raw);
}

/* DateTime.ToBinary: two bits of kind, then 100 ns since the year 1. */
static void
time_of(char out[TIME_TEXT + 1], uint64_t binary)
{
    static const int64_t epoch = 621355968000000000LL;
    int64_t ticks = (int64_t)(binary & 0x3FFFFFFFFFFFFFFFULL);
    int64_t ms = (ticks - epoch) / 10000;
    if (ticks >= epoch && ms < 253402300800000LL) /* the year 10000 */
        time_format(out, ms);
}

/* ---- properties ---- */

enum type {
    T_BOOL = 0x01,
    T_BYTES = 0x04,
    T_I32 = 0x07,
    T_I64 = 0x09,
    T_TIME = 0x0E,
    T_DOUBLE = 0x0F,
    T_TEXT = 0x12,
    T_GUID = 0x13,
    T_EMPTY = 0x14, /* an array; only empty ones were seen */
    T_GUIDS = 0x15,
    T_I32S = 0x16,
    T_I64S = 0x17,
    T_U32S = 0x18
};

/* Where a value lies, behind its length if it has one, and its bytes. */
static const unsigned char *
value(struct in *in, unsigned type, size_t *bytes)
{
    static const struct {
        unsigned char type, size, counted;
    } types[] = {{T_BOOL, 1, 0},  {T_BYTES, 1, 1},  {T_I32, 4, 0},  {T_I64, 8, 0},
                 {T_TIME, 8, 0},  {T_DOUBLE, 8, 0}, {T_TEXT, 2, 1}, {T_GUID, 16, 0},
                 {T_EMPTY, 0, 1}, {T_GUIDS, 16, 1}, {T_I32S, 4, 1}, {T_I64S, 8, 1},
                 {T_U32S, 4, 1}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].type != type)
            continue;
        *bytes = types[i].counted ? length(in, types[i].size) : types[i].size;
        return take(in, *bytes);
    }
    in->bad = 1;
    return NULL;
}

static uint64_t
plain(const unsigned char *at, size_t bytes)
{
    struct in in = {at, bytes, 0};
    return number(&in, bytes);
}

struct version {
    unsigned part[4]; /* major, minor, build, revision */
    int said;
};

static int
version_part(struct version *v, const char *name, unsigned type, const unsigned char *at)
{
    static const char *const names[] = {"Product.Version.Major", "Product.Version.Minor",
                                        "Product.Version.Build", "Product.Version.Revision"};
    for (size_t i = 0; i < 4; i++) {
        if (type == T_I32 && strcmp(name, names[i]) == 0) {
            v->part[i] = (unsigned)plain(at, 4);
            v->said = 1;
            return 1;
        }
    }
    return 0;
}

/* A text that is longer than anybody writes is not taken; the file may still be read. */
static void
one(struct bco *out, struct version *v, const char *name, unsigned type, const unsigned char *at,
    size_t bytes)
{
    if (version_part(v, name, type, at))
        return;
    if (strcmp(name, "Backup.Cryptor.Hint") == 0 && type == T_TEXT) {
        if (text_of(out->hint, sizeof out->hint, at, bytes) != 0)
            out->hint[0] = '\0';
    } else if (strcmp(name, "Product.Name") == 0 && type == T_TEXT) {
        if (text_of(out->product, sizeof out->product, at, bytes) != 0)
            out->product[0] = '\0';
    } else if (strcmp(name, "Backup.Creation.Time") == 0 && type == T_TIME) {
        time_of(out->created, plain(at, bytes));
    } else if (strcmp(name, "Backup.Cryptor.Id") == 0 && type == T_GUID) {
        static const unsigned char none[GUID];
        guid_of(out->cryptor, at);
        out->encrypted = memcmp(at, none, GUID) != 0;
    } else if (strcmp(name, "Sections.SecurityOfficerEncryption.Id") == 0) {
        out->security_officer = 1;
    }
}

/* 0: the section reads to its end, and is one of properties. */
static int
properties(struct bco *out, const unsigned char *at, size_t len)
{
    struct in in = {at, len, 0};
    struct version v = {{0}, 0};
    uint64_t count = number(&in, 4);
    if (count == 0 || count > PROPERTIES)
        return -1;
    for (uint64_t i = 0; i < count && !in.bad; i++) {
        char name[BCO_TEXT];
        size_t bytes = 0;
        unsigned type = (unsigned)number(&in, 1);
        size_t named = length(&in, 2);
        const unsigned char *letters = take(&in, named);
        if (letters == NULL || text_of(name, sizeof name, letters, named) != 0)
            return -1;
        const unsigned char *where = value(&in, type, &bytes);
        if (where != NULL)
            one(out, &v, name, type, where, bytes);
    }
    if (in.bad || in.left > 0)
        return -1;
    if (v.said)
        (void)snprintf(out->version, sizeof out->version, "%u.%u.%u.%u", v.part[0], v.part[1],
                       v.part[2], v.part[3]);
    return out->product[0] != '\0' || v.said ? 0 : -1;
}

/* The first section that lies in what was read and is one of properties. */
static int
sections(struct bco *out, const unsigned char *bytes, size_t len)
{
    if (len < SLOTS_AT || memcmp(bytes, "BCO\x02", 4) != 0)
        return -1;
    unsigned count = unit_at(bytes + 16);
    struct in in = {bytes + SLOTS_AT, len - SLOTS_AT, 0};
    for (unsigned i = 0; i < count && i < SLOTS; i++) {
        struct bco try = {.size = out->size};
        (void)take(&in, GUID);
        uint64_t from = number(&in, 8);
        uint64_t long_ = number(&in, 8);
        if (in.bad)
            return -1;
        if (long_ > 0 && from <= len && long_ <= len - from &&
            properties(&try, bytes + from, (size_t)long_) == 0) {
            *out = try;
            return 0;
        }
    }
    return -1;
}

/* ---- another layout ---- */

/* The hint's name in UTF-16LE, then a length and as many units. */
static int
search(struct bco *out, const unsigned char *bytes, size_t len)
{
    static const char name[] = "Backup.Cryptor.Hint";
    unsigned char wide[2 * (sizeof name - 1)] = {0};
    for (size_t i = 0; i < sizeof wide; i += 2)
        wide[i] = (unsigned char)name[i / 2];
    for (size_t i = 0; i + sizeof wide <= len; i++) {
        if (bytes[i] != wide[0] || memcmp(bytes + i, wide, sizeof wide) != 0)
            continue;
        struct in in = {bytes + i + sizeof wide, len - i - sizeof wide, 0};
        size_t letters = length(&in, 2);
        const unsigned char *at = take(&in, letters);
        if (at != NULL && letters > 0 && text_of(out->hint, sizeof out->hint, at, letters) == 0)
            return 0;
    }
    return -1;
}

enum rc
bco_parse(struct bco *out, const char *bytes, size_t len, int64_t size, const char *what,
          struct err *err)
{
    const unsigned char *at = (const unsigned char *)bytes;
    memset(out, 0, sizeof *out);
    out->size = size;
    if (sections(out, at, len) == 0)
        return RC_OK;
    if (len >= 3 && memcmp(at, "BCO", 3) == 0) {
        memset(out, 0, sizeof *out);
        out->size = size;
        out->guessed = out->encrypted = 1;
        if (search(out, at, len) == 0)
            return RC_OK;
        (void)err_set(err, RC_BAD_VALUE, "%s: nothing can be read from this configuration backup",
                      what);
        (void)err_why(err, "it is laid out in another way than the versions known here");
    } else {
        (void)err_set(err, RC_BAD_VALUE, "%s is not a configuration backup of Veeam (.bco)", what);
    }
    return err_hint(err, "its name has the time it was made; the key's generation of that time: "
                         "keymuster show KEY --history");
}

enum rc
bco_read(struct bco *out, const char *path, struct err *err)
{
    struct buf head;
    int64_t size = 0;
    memset(out, 0, sizeof *out);
    buf_init(&head, BCO_HEAD);
    enum rc rc = file_read_start(&head, path, &size, err);
    if (rc == RC_OK)
        rc = bco_parse(out, buf_str(&head), head.len, size, path, err);
    buf_release(&head);
    return rc;
}
