/* A row of the table key, for the walks over it in this folder. */
#ifndef ESCROW_KEY_ROW_H
#define ESCROW_KEY_ROW_H

#include "db/db.h"
#include "escrow/key.h"

/* Of a key that two entries tell of, the row of the smaller hash counts. So written, a walk by name
 * follows the index key_name, and nothing is sorted or held. The last column is the row's number.
 */
#define KEY_COLUMNS                                                                                \
    "SELECT uuid, name, generation, purpose, protects_site, form, origin, bits, created_at,"       \
    " entry, author, seq, EXISTS (SELECT 1 FROM check_value c WHERE c.key = key.uuid), rowid"      \
    " FROM key WHERE entry = (SELECT min(k.entry) FROM key k WHERE k.uuid = key.uuid) "
enum { KEY_COLUMN_ROW = 13 };

/* The row that q stands at; the state stays "active". */
enum rc key_row_read(struct stmt *q, struct key *out, struct err *err) MUST_CHECK;
/* Takes one value (JSON) of the field state: the more restrictive one counts. */
enum rc key_row_state(struct key *key, const char *value, struct err *err) MUST_CHECK;

#endif
