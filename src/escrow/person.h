/*
 * Persons: who acts behind an account, and the public key with which they approve.
 *
 * An entry is a person's when its body names them ("person": UUID, or the name as it was typed), or
 * when it names nobody and was made under an account of theirs: a login name given to them, their
 * own name where none was given.
 */
#ifndef ESCROW_PERSON_H
#define ESCROW_PERSON_H

#include "crypt/sign.h"
#include "escrow/entry.h"
#include "escrow/view.h"

struct person {
    struct object object; /* uuid "": not registered, only a name that was typed */
    char role[LIMIT_TEXT + 1];
    char public_key[SIGN_PUBLIC_TEXT + 1];
    char left[TIME_TEXT + 1]; /* "": has not */
    struct json *logins;      /* owned: an array of texts, or NULL */
};
enum rc person_load(const struct store *store, const struct object *object, struct person *out,
                    struct err *err) MUST_CHECK;
void person_release(struct person *p); /* takes a zeroed one, too */
typedef enum rc (*person_fn)(void *arg, const struct person *p, struct err *err);
enum rc person_each(const struct store *store, person_fn fn, void *arg, struct err *err) MUST_CHECK;

/* Whether this account (a login name) is theirs, as told by its name. */
int person_has_login(const struct person *p, const char *login);
/* Whether they did what the entry says. */
int person_did(const struct person *p, const struct entry *e);

/* The person whose account acts (sys/process.h): *found 0 when it is nobody's, several persons', or
 * that of one who left. */
enum rc person_acting(const struct store *store, struct object *out, int *found,
                      struct err *err) MUST_CHECK;

/*
 * A public key as minisign writes it: its file's text, with or without the comment, or the one
 * line. -1 when it is none; -2 when it is a secret key.
 */
int person_key_parse(char out[SIGN_PUBLIC_TEXT + 1], const char *text, size_t len) MUST_CHECK;

/* ---- what a person did ---- */
enum act_what {
    ACT_SAW,           /* it was shown to them, or made before their eyes */
    ACT_USED,          /* exec: handed to a program */
    ACT_KNEW,          /* they are named as knowing it (--known-to) */
    ACT_ADOPTED,       /* they recorded a password in use */
    ACT_TYPED,         /* what they typed was compared, and matched */
    ACT_APPROVED,      /* an author that they admitted, a step of a run that they signed for */
    ACT_ATTESTED,      /* a step of a run, as somebody else wrote down */
    ACT_COUNTERSIGNED, /* steps of a run that somebody ended alone */
    ACT_PLAYED         /* a run: they began it, took it up, ended a step */
};
struct act {
    enum act_what what;
    const struct entry *entry; /* borrowed for the call */
    char key[UUID_TEXT + 1];   /* "" for what is about no key */
};
typedef enum rc (*act_fn)(void *arg, const struct act *act, struct err *err);
/* By time, author, number; of accepted entries only. */
enum rc act_each(const struct store *store, const struct person *p, act_fn fn, void *arg,
                 struct err *err) MUST_CHECK;
/* The word for it: "saw", "used", ... */
const char *act_word(enum act_what what);

#endif
