/*
 * The rows of a backup server's lists in an import. They are held until all files are read, because
 * what a row is may depend on others: two keys of one moniker are generations of one key only when
 * it is known which came first.
 */
#ifndef CLI_IMPORT_LIST_H
#define CLI_IMPORT_LIST_H

#include "cli/keys/import.h"

struct import_list;

enum rc import_list_new(struct import_list **out, struct err *err) MUST_CHECK;
void import_list_free(struct import_list *list); /* takes NULL */
/* Takes a row (not KEYLIST_OWN); file is borrowed until import_list_take. RC_BAD_VALUE: there are
 * more than can be held. */
enum rc import_list_add(struct import_list *list, const struct keylist_row *row, const char *file,
                        struct err *err) MUST_CHECK;
/* Judges all of them, in their order. */
enum rc import_list_take(struct import_list *list, struct import *im, struct err *err) MUST_CHECK;

#endif
