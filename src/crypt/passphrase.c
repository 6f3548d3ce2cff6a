#include "crypt/passphrase.h"

#include "base/plant.h"
#include "crypt/hash.h"

enum kind { CAPITAL, SMALL, DIGIT, SPECIAL, KINDS };

/* 64 of them, so that six random bits are one: 24 and 24 letters, 8 digits, 8 others. */
static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789#%*+-=?!";

static enum kind
kind_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return CAPITAL;
    if (c >= 'a' && c <= 'z')
        return SMALL;
    if (c >= '0' && c <= '9')
        return DIGIT;
    return c < 0x80 ? SPECIAL : KINDS;
}

const char *
passphrase_lacks(const struct secret *s)
{
    static const char *const absent[KINDS] = {"has no capital letter", "has no small letter",
                                              "has no digit", "has no special character"};
    size_t seen[KINDS + 1] = {0};
    size_t characters = 0, run = 0, longest = 0;
    enum kind last = KINDS;
    for (size_t i = 0; i < s->len; i++) {
        if ((s->bytes[i] & 0xc0) == 0x80) /* goes on with a character */
            continue;
        enum kind now = kind_of(s->bytes[i]);
        run = now == last && now != KINDS ? run + 1 : 1;
        longest = run > longest ? run : longest;
        last = now;
        seen[now]++;
        characters++;
    }
    if (characters < PASSPHRASE_LEAST)
        return "is shorter than 15 characters";
    for (size_t i = 0; i < KINDS; i++) {
        if (seen[i] == 0)
            return absent[i];
    }
    return longest > PASSPHRASE_RUN ? "has more than 3 characters of one kind in a row" : NULL;
}

enum rc
passphrase_make(struct secret **out, struct err *err)
{
    enum rc rc = secret_new(out, err);
    while (rc == RC_OK) { /* one in two meets the rule */
        secret_cut(*out, 0);
        rc = random_secret(*out, PASSPHRASE_LENGTH, err);
        for (size_t i = 0; i < (*out)->len; i++)
            (*out)->bytes[i] = (unsigned char)alphabet[(*out)->bytes[i] & 63];
        if (rc == RC_OK && (passphrase_lacks(*out) == NULL || PLANTED("any-passphrase")))
            return RC_OK;
    }
    secret_free(*out);
    *out = NULL;
    return rc;
}
