/*
 * --from COPY or EXPORT: no store at hand. An implicit join into a store under the user's state
 * folder (or
 * --evidence DIR), so that records are durable; -C and KEYMUSTER_STORE are ignored. For commands
 * with CMD_NO_STORE that call from_open themselves, after their own usage checks, so that a wrong
 * command line touches nothing.
 */
#ifndef CLI_FROM_H
#define CLI_FROM_H

#include "cli/cmd.h"
#include "cli/keys/until.h"
#include "cli/places/place.h"
#include "cli/reveal/card.h"
#include "crypt/hash.h"
#include "escrow/store.h"
#include "recover/join.h"

/* Rows of an option table for commands that take --from. */
/* clang-format off */
#define FROM_OPTIONS                                                                               \
    {OPT_FROM, "from", 0, "COPY", 0, "no store here: work from this copy, or export file"},        \
    {OPT_SITE, "site", 0, "SITE", 0, "with --from: the site where this machine stands"},           \
    {OPT_EVIDENCE, "evidence", 0, "DIR", 0, "with --from: where the records are kept"},            \
    {OPT_CARD, "card", 0, "FILE", 0, "recovery card that it must agree with"},               \
    {OPT_EXPECT, "expect", 0, "ID", 0, "id of the escrow that it must be of"},                     \
    PLACE_KEY_OPTIONS
/* clang-format on */

/* The escrow that --card and --expect name, or NULL; card is filled when have_card. RC_USAGE. */
struct expected {
    const char *escrow;
    int have_card;
    struct card card;
};
enum rc expected_read(struct expected *out, const struct ctx *ctx, struct err *err) MUST_CHECK;

/* What anchors a copy. */
struct anchor {
    struct ctx *ctx;
    struct expected expected;
    struct until_set cuts;
    int dry;         /* join -n: stop before anything is kept */
    int dry_reached; /* it was */
};
/* Sets expect, confirm, check and arg of how. RC_USAGE. */
enum rc anchor_set(struct anchor *a, struct ctx *ctx, struct join *how, struct err *err) MUST_CHECK;

/* Opens ctx->store: from the copy or export with --from, else as session_open. With an export it is
 * a view of it, and ctx->records (none with --dry-run) is the store that keeps the records. */
enum rc from_open(struct ctx *ctx, struct err *err) MUST_CHECK;
/* Without a place to write, nothing may be shown: that is RC_NO_RECORD, whatever the cause. Other
 * failures stay what they are. */
enum rc from_no_place(enum rc rc, const char *hint, struct err *err) MUST_CHECK;
#define FROM_ELSEWHERE "name a folder on a local disk or in memory: --evidence DIR"
/* session_publish; with --from a copy that cannot be written is a warning. */
enum rc from_publish(struct ctx *ctx, struct err *err) MUST_CHECK;
/* The same in the middle of a command: says nothing, and from_publish will find the same again. */
enum rc from_publish_early(struct ctx *ctx, struct err *err) MUST_CHECK;
/* With --from COPY: hints that name a command get the -C of the store that keeps the records, as
 * this machine may have no other; "run `keymuster sync`" becomes the same command again. */
void from_hints(const struct ctx *ctx, struct err *err);

#endif
