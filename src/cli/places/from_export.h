/* --from EXPORT: not even a copy is left, but a signed export and a KMS. See from.h. */
#ifndef CLI_FROM_EXPORT_H
#define CLI_FROM_EXPORT_H

#include "cli/cmd.h"

/* The word of --from is a file: an export, not the folder of a copy. */
int from_is_export(const char *word);

/*
 * Verifies and anchors the export, makes ctx->store a view of it and ctx->records the store that
 * keeps the records (with --dry-run none). The signer is anchored when he founded the escrow that
 * --card or --expect names, when the card names him, or when a store on this machine trusts him.
 * RC_BAD_VALUE (no export), RC_MALFORMED and RC_COPY_SIGNATURE (altered), RC_NOT_ANCHORED,
 * RC_NO_CONFIRM, RC_NO_RECORD.
 */
enum rc from_export(struct ctx *ctx, const char *word, struct err *err) MUST_CHECK;

/*
 * After from_export, for a run of many commands: the store of the records is told what the export
 * says, under the UUIDs that all sites know, and becomes ctx->store; ctx->records is NULL then.
 * Says what such a store cannot know.
 */
enum rc from_export_keep(struct ctx *ctx, const char *word, struct err *err) MUST_CHECK;

#endif
