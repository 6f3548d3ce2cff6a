/*
 * The answer of a command about many keys: an item for each, then numbers. With -o json one
 * document with "keys"; with -o ndjson an item a line and the numbers in the summary. Text is the
 * caller's.
 *
 *   bulk_begin;  bulk_key, members, bulk_key_end  for each;  bulk_totals, members, bulk_end.
 */
#ifndef CLI_BULK_H
#define CLI_BULK_H

#include "cli/cmd.h"
#include "escrow/key.h"
#include "text/jw.h"

struct bulk {
    struct ctx *ctx;
    const char *name; /* of the schema; with ".key" that of an item */
    struct buf doc;
    struct jw w; /* to write members with */
};

void bulk_begin(struct bulk *b, struct ctx *ctx, const char *name);
/* The same with another name for the list. */
void bulk_begin_list(struct bulk *b, struct ctx *ctx, const char *name, const char *list);
void bulk_release(struct bulk *b);
/* Begins the item of a key: name, generation, uuid. */
void bulk_key(struct bulk *b, const struct key *key);
/* {"root":name,"version":…}, as the members "from" (a list of them) and "to" have it. */
void bulk_root(struct bulk *b, const char *member, const char *root, const char *version);
enum rc bulk_key_end(struct bulk *b, struct err *err) MUST_CHECK;
void bulk_totals(struct bulk *b);
enum rc bulk_end(struct bulk *b, struct err *err) MUST_CHECK;

#endif
