/*
 * Making a key: what `create` and `record` (and later `rekey` and `import`) share. A mint collects
 * a key's metadata, its wraps, its value and its check value, and writes the body of key.created.
 */
#ifndef CLI_MINT_H
#define CLI_MINT_H

#include "cli/keys/officer.h"
#include "cli/people/who.h"
#include "cli/session.h"
#include "crypt/check.h"

enum { MINT_WRAPS = 8, MINT_TWINS = 8, MINT_GENERATIONS = 1000 };

struct mint_wrap {
    struct root root;
    struct buf ciphertext;
    char version[UUID_TEXT + 1];
    const char *how;             /* "create", "import", "refresh" */
    char request[64], proof[64]; /* correlation ids of making it, and of opening it again */
    struct root_info seen;       /* by mint_look; id "" where there was no need */
};

/* Texts are borrowed from the command line or an imported row. */
struct mint {
    const char *command; /* "create", "rekey": for the answer */
    char uuid[UUID_TEXT + 1];
    const char *name;
    const char *purpose;
    const char *form;
    const char *origin;
    struct object protects_site;
    int64_t generation;
    char follows[UUID_TEXT + 1];           /* "" for a first generation */
    char with[UUID_TEXT + 1];              /* --with; "" */
    char twins[MINT_TWINS][UUID_TEXT + 1]; /* of the same generation as that; followed, too */
    size_t twin_count;
    /* as given now; NULL: as the former generation has it */
    const char *system, *owner, *protects;
    const struct json *labels; /* import; else the options are looked at */
    char needed_until[TIME_TEXT + 1], expires[TIME_TEXT + 1];
    char made_at[TIME_TEXT + 1];       /* "": now */
    const char *taken_from, *taken_id; /* vbr adopt: the backup server, and the id there; NULL */
    const char *aad[LIMIT_AAD_COUNT];
    size_t aad_count;
    struct mint_wrap wraps[MINT_WRAPS];
    size_t wrap_count;
    struct root owed[MINT_WRAPS];
    size_t owed_count;
    struct secret *payload; /* what the KMS wrapped */
    struct secret *text;    /* the password as delivered */
    struct check_value check;
    int has_check;
    struct who who; /* to whom it is handed, or who gave it */
    int known;      /* a person knows the value: known_to is written even when nobody is named */
};
void mint_init(struct mint *m);
void mint_release(struct mint *m);

/* Reads the options that create and record share into m; name, purpose, site, dates, AAD. RC_USAGE,
 * RC_BAD_VALUE. */
enum rc mint_options(struct ctx *ctx, struct mint *m, struct err *err) MUST_CHECK;
/*
 * The same for the successor of a key: name, purpose, form of the generated value, protected site,
 * and what is not given anew (system, owner, what it protects, labels) come from the former one,
 * which must live as long as m.
 */
enum rc mint_follow(struct ctx *ctx, struct mint *m, const struct key *former,
                    struct err *err) MUST_CHECK;
/* The options --system, --owner, --protects, --label of a command, as far as given. */
enum rc mint_check_texts(const struct ctx *ctx, struct err *err) MUST_CHECK;
/* The labels given, as an object. */
void mint_write_labels(struct jw *w, const char *name, const struct opts *o);
/* Adds a root to be wrapped under, by name. */
enum rc mint_root(struct ctx *ctx, struct mint *m, const char *name, const char *how,
                  struct err *err) MUST_CHECK;
/*
 * A key for a configuration backup or a backup copy needs a wrap under a KMS at another site than
 * the one it protects: RC_PURPOSE_SITE unless --accept-risk. Sites that share a region or an
 * account: a warning.
 */
enum rc mint_site_rule(struct ctx *ctx, const struct mint *m, struct err *err) MUST_CHECK;
/* Generates under the first root (again until the base64 text has a digit), wraps under the others.
 * A Security Officer's passphrase is generated here and wrapped under all of them. */
enum rc mint_wrap(struct ctx *ctx, struct mint *m, struct err *err) MUST_CHECK;
/* Unwraps each wrap again and compares; a difference is RC_KMS_REPLY. */
enum rc mint_prove(struct ctx *ctx, struct mint *m, struct err *err) MUST_CHECK;
/* Text and check value from the payload. */
enum rc mint_check(struct mint *m, struct err *err) MUST_CHECK;
/* Body of key.created. */
enum rc mint_body(const struct ctx *ctx, const struct mint *m, struct buf *body,
                  struct err *err) MUST_CHECK;
/* One wrap as JSON member or item: root, version, aad, ciphertext, how. */
void mint_write_wrap(struct jw *w, const char *name, const struct mint *m,
                     const struct mint_wrap *wrap);
/* The member "check". */
void mint_write_check(struct jw *w, const struct check_value *c);
/* Asks after roots whose version turned out to be another. Before a transaction: other writers do
 * not wait for a KMS. */
enum rc mint_look(struct ctx *ctx, struct mint *m, struct err *err) MUST_CHECK;
/* Appends root.observed for what was seen. In the running transaction. */
enum rc mint_observe(struct ctx *ctx, struct mint *m, struct err *err) MUST_CHECK;

/* Sets *released after publishing; prints what to do when it is not, and then counts a finding
 * (exit 3). */
enum rc mint_release_rule(struct ctx *ctx, const struct key *key, int *released,
                          struct err *err) MUST_CHECK;

extern const char *const mint_purposes[]; /* ended by NULL */
int mint_is_purpose(const char *word);
/* DATE, or DUR from now; text NULL leaves out as it is. RC_BAD_VALUE for what is neither. The past
 * is allowed: no clock decides, and old keys are recorded, too. */
enum rc mint_when(const char *text, const char *what, char out[TIME_TEXT + 1],
                  struct err *err) MUST_CHECK;
/* An option that is a date, with a word when it is past: it may be mistyped. */
enum rc mint_read_when(struct ctx *ctx, enum opt_id id, const char *what, char out[TIME_TEXT + 1],
                       struct err *err) MUST_CHECK;

/* Rows of the options that create and record share. */
/* clang-format off */
#define MINT_OPTIONS                                                                                               \
    {OPT_PURPOSE, "purpose", 0, "PURPOSE", 0, "config-backup, backup-copy, backup-job, capacity-tier, "            \
     "restore-secret or other"},                                                                                   \
    {OPT_ROOT, "root", 0, "ROOT", OPT_MANY, "root key to wrap under; more than one for more ways back"},           \
    {OPT_PROTECTS_SITE, "protects-site", 0, "SITE", 0, "site whose loss the key is for (default: this one)"},      \
    {OPT_SYSTEM, "system", 0, "TEXT", 0, "the backup server that uses it"},                                        \
    {OPT_OWNER, "owner", 0, "TEXT", 0, "who is responsible"},                                                      \
    {OPT_PROTECTS, "protects", 0, "TEXT", 0, "what it encrypts"},                                                  \
    {OPT_LABEL, "label", 0, "K=V", OPT_MANY, "any label"},                                                         \
    {OPT_AAD, "aad", 0, "TEXT", OPT_MANY, "additional authenticated data, once for each string, in order"},        \
    OFFICER_OPTION,                                                                                                \
    {OPT_NEEDED_UNTIL, "needed-until", 0, "DATE|DUR", 0, "how long its backups are kept"},                         \
    {OPT_EXPIRES, "expires", 0, "DATE|DUR", 0, "when a successor is due"},                                         \
    KMS_OPTIONS
/* clang-format on */

#endif
