/*
 * From accepted lines to derived tables. Every line only adds facts, named by its hash, so the
 * tables are the same whatever the order in which lines arrive. Nothing here looks at a clock or at
 * a local table.
 */
#ifndef ESCROW_APPLY_H
#define ESCROW_APPLY_H

#include "db/db.h"
#include "escrow/entry.h"

/* Adds the facts of one accepted line. A body that lacks something goes into `unapplied` with the
 * reason. */
enum rc apply_entry(struct db *db, const struct entry *e, struct err *err) MUST_CHECK;
/* The i-th kind of entry that this program applies, NULL behind the last. "run." is all that begin
 * so. */
const char *apply_kind_at(size_t i);

#endif
