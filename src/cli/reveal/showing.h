/* What reveal and exec share: the gate before a secret and the records around it. */
#ifndef CLI_SHOWING_H
#define CLI_SHOWING_H

#include "cli/cmd.h"
#include "cli/people/who.h"
#include "escrow/key.h"
#include "recover/deliver.h"
#include "recover/reveal.h"
#include "recover/unwrap.h"

enum { SHOWING_LABEL = KEY_NAME_BYTES + 24 };

/* One secret on its way out. record.key points to key, so it is not to be copied. */
struct showing {
    struct key key;
    char label[SHOWING_LABEL]; /* "vbr/config@2" */
    int any_root;              /* --root is not about which wrap opens */
    struct reveal record;
    struct unwrap unwrap;
};

/* Why and who, once a command; asked for where that is possible. */
struct asker {
    char reason[LIMIT_TEXT + 1];
    struct who who;
};
/* RC_NO_REASON; RC_BAD_VALUE. */
enum rc showing_ask_reason(struct ctx *ctx, struct asker *out, struct err *err) MUST_CHECK;
/* cli/people/who.h */
enum rc showing_ask_person(struct ctx *ctx, struct asker *out, struct err *err) MUST_CHECK;

/* Row of an option table. */
#define HANDOVER_OPTION                                                                            \
    {                                                                                              \
        OPT_HANDOVER, "handover", 0, "NAME", 0,                                                    \
            "with --to -: a script on the backup server NAME reads it, and no person"              \
    }
enum { SHOWING_TO = LIMIT_NAME + 16 };
/* What the record says of a destination: deliver_word, or "handover:NAME". RC_USAGE for --handover
 * without --to -. */
enum rc showing_to(const struct ctx *ctx, const struct deliver *d, char out[SHOWING_TO],
                   struct err *err) MUST_CHECK;

void showing_label(char out[SHOWING_LABEL], const struct key *key);
/* Before a terminal shows it: what is known to record there. The screen says it again. */
void showing_warn_watched(struct ctx *ctx, const struct deliver *d);
/* Memory can be locked (or --accept-risk): before anything is recorded. */
enum rc showing_memory(struct ctx *ctx, struct err *err) MUST_CHECK;

/*
 * The gate: the release rule, reveal.intended, publication tried, unwrap with its check,
 * reveal.shown. RC_OK: s->unwrap.text may be handed over now. When the unwrap fails, that is
 * recorded. s->key is set; to is for the record.
 */
enum rc showing_open(struct ctx *ctx, struct showing *s, const struct asker *asker, const char *to,
                     struct err *err) MUST_CHECK;
/* Records how it ended; a failure is only a warning, for the secret is out. */
void showing_close(struct ctx *ctx, struct showing *s, const char *how);
/* Wipes. Takes a zeroed one. */
void showing_release(struct showing *s);

/* The members that every answer about a showing has. */
void showing_members(struct jw *w, const struct showing *s);

/* Options of the commands that hand a password out. */
/* clang-format off */
#define SHOWING_OPTIONS                                                                            \
    {OPT_ROOT, "root", 0, "ROOT", 0, "use only wraps under this root key"},                        \
    KEY_AT_OPTION,                                                                                 \
    AS_OPTION,                                                                                     \
    {OPT_CREDENTIAL, "credential", 0, "[NAME=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF,     \
     "credential of the KMS NAME"},                                                                \
    {OPT_KMS_FILE, "kms-file", 0, "[NAME=]PATH", OPT_MANY, "file of the local KMS NAME"},          \
    KMS_PLACE_OPTIONS
/* clang-format on */

#endif
