/* The two objects that say what a place is: escrow.json and copy.json. */
#ifndef COPY_IDENTITY_H
#define COPY_IDENTITY_H

#include "base/limits.h"
#include "copy/copy.h"
#include "copy/remote.h"
#include "escrow/store.h"

struct copy; /* copy/copy.h */

#define ESCROW_OBJECT "escrow.json"
#define COPY_OBJECT "copy.json"

/* What a place says it is. id "" without copy.json: readable, but without high-water memory. */
struct copy_identity {
    char escrow[AUTHOR_TEXT + 1];
    char name[LIMIT_TEXT + 1];
    struct sign_public founder;
    char id[AUTHOR_TEXT + 1];
};
/* Reads escrow.json and copy.json. RC_COPY_NONE when there is no escrow.json; RC_COPY_TAMPERED when
 * malformed or the founder's key does not give the escrow id; RC_COPY_FOREIGN when copy.json names
 * another escrow. */
enum rc copy_identify(struct remote *r, struct copy_identity *out, struct err *err) MUST_CHECK;
/* What lies there says by itself, and soundly, that it is something else than was bound. */
int copy_is_another(const struct store *store, struct remote *r, const char *bound);

/* The only bytes that these two objects may have. out is emptied first. */
enum rc copy_escrow_object(const struct store *store, struct buf *out, struct err *err) MUST_CHECK;
enum rc copy_copy_object(const struct store *store, const struct copy *copy, struct buf *out,
                         struct err *err) MUST_CHECK;

/* "" where id is no copy's. */
void copy_id_to_uuid(char uuid[UUID_TEXT + 1], const char *id);

#endif
