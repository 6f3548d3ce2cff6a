/*
 * What a configuration backup (.bco) of Veeam Backup & Replication says in clear: which password
 * opens it, by the description that the password had, and when and by which version it was made.
 *
 * The layout is undocumented and was read off one file of 13.0.0.4967 and two made after it: "BCO",
 * 2; at 16 the number of slots (u16), from 18 on slots of 32 bytes: section id, offset (u64),
 * length (u64); numbers are little-endian. The section of properties: a count (i32), then for each
 * a type (u8), its name (i32 length, UTF-16LE), its value. Everything is bounded and taken for
 * hostile; of a file laid out otherwise the hint's property is searched for, and `guessed` says so.
 */
#ifndef VBR_BCO_H
#define VBR_BCO_H

#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"

enum {
    BCO_HEAD = 1024 * 1024,             /* so much of a file is looked at, at most */
    BCO_HINT = LIMIT_CIPHERTEXT + 4096, /* bytes in UTF-8 */
    BCO_TEXT = 128
};

struct bco {
    int64_t size;                /* of the file, bytes */
    char created[TIME_TEXT + 1]; /* ""; not said */
    char version[48];            /* "13.0.0.4967"; "" */
    char product[BCO_TEXT];      /* "" */
    char cryptor[UUID_TEXT + 1]; /* ""; whether it is the password's id in VBR is not known */
    int encrypted;
    int security_officer; /* a Security Officer's passphrase is needed as well */
    int guessed;
    char hint[BCO_HINT + 1]; /* description of the password; valid UTF-8, not yet escaped */
};

/* A file's first bytes, of size in all. RC_BAD_VALUE: it is no configuration backup, or one that
 * nothing can be read from. */
enum rc bco_parse(struct bco *out, const char *bytes, size_t len, int64_t size, const char *what,
                  struct err *err) MUST_CHECK;
/* RC_NOT_FOUND, RC_IO, RC_BAD_VALUE. */
enum rc bco_read(struct bco *out, const char *path, struct err *err) MUST_CHECK;

#endif
