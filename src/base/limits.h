/* Sizes that more than one room relies on. Bytes unless said otherwise; a NUL is not counted. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

enum {
    LIMIT_ENTRY = 128 * 1024,         /* one entry, without its line feed */
    LIMIT_BODY = 120 * 1024,          /* the body of an entry we write */
    LIMIT_SEGMENT = 32 * 1024 * 1024, /* one segment, line feeds included */
    LIMIT_JSON_DEPTH = 32,            /* nesting of any JSON we read */
    LIMIT_SMALL_FILE = 1024 * 1024,   /* configuration, KMS files, heads */
    LIMIT_SECRET = 3072,              /* a password; what a KMS wraps at most */
    LIMIT_PASSPHRASE = 1024,
    LIMIT_CIPHERTEXT = 8192, /* a wrap, base64 text */
    LIMIT_AAD_COUNT = 126,   /* Key Protect: 126 strings of 255 characters at most */
    LIMIT_AAD_TEXT = 255,
    LIMIT_KEY_NAME = 128, /* code points */
    LIMIT_NAME = 64,      /* sites, KMSs, roots, copies, persons */
    LIMIT_TEXT = 2048,    /* free text: reason, owner, what a key protects */
};

/* Characters of the text forms, without NUL. */
enum { UUID_TEXT = 36, HASH_TEXT = 64, AUTHOR_TEXT = 32, TIME_TEXT = 24 };

#define LIMIT_NUMBER 9007199254740992LL /* 2^53: whole numbers a JSON reader keeps exactly */

#endif
