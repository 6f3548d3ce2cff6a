/* The fields of the inventory: one table for the columns that people see, for CSV, for the members
 * of JSON, and for --fields. */
#ifndef CLI_LIST_FIELDS_H
#define CLI_LIST_FIELDS_H

#include "cli/cmd.h"
#include "escrow/inventory.h"
#include "text/jw.h"

enum list_field_flags {
    LIST_TEXT = 1, /* in the table that people see when they ask for nothing */
    LIST_TEXT_ONLY =
        2, /* put together from others, for people: not in JSON, in CSV when asked for */
};

/* One value, for a cell or a member. */
enum list_type { LIST_NONE, LIST_STR, LIST_INT, LIST_BOOL, LIST_NAMES, LIST_RAW };
struct list_value {
    enum list_type type;
    int64_t n;
    struct buf text; /* STR; RAW: JSON; NAMES: by blanks (names of root keys have none) */
};

struct list_row {
    struct ctx *ctx;
    struct inventory *inv;
    const struct inventory_item *item;
    int64_t now_ms;
    uint64_t wanted; /* list_fields_wanted: a bit for each field */
};

struct list_field {
    const char *name;
    const char *title;
    unsigned facts; /* enum inventory_facts */
    unsigned flags;
    enum rc (*get)(struct list_value *v, const struct list_row *row, struct err *err);
};
extern const struct list_field list_fields[]; /* ended by a name NULL */

/* What --sort may name. */
enum { LIST_ORDERS = 9 };
struct list_order {
    const char *name;
    enum inventory_order order;
};
extern const struct list_order list_orders[LIST_ORDERS];

/* RC_USAGE for a name in --fields that is none. */
enum rc list_fields_check(const struct ctx *ctx, struct err *err) MUST_CHECK;
/* Whether the answer has it: by --fields, else by the format. */
int list_fields_want(const struct ctx *ctx, const struct list_field *field);
/* All of that at once: a row asks for every field. */
uint64_t list_fields_wanted(const struct ctx *ctx);
/* What all wanted fields need to know. */
unsigned list_fields_facts(const struct ctx *ctx);
/* Calls fn with the value of each wanted field, in the order of the table. */
typedef enum rc (*list_value_fn)(void *arg, const struct list_field *field,
                                 const struct list_value *v, struct err *err);
enum rc list_fields_each(const struct list_row *row, list_value_fn fn, void *arg,
                         struct err *err) MUST_CHECK;
/* A value as a cell, borrowed until v is changed; number of 24 bytes. */
const char *list_value_cell(const struct list_value *v, char number[24]);
/* A value as a member of an object that is begun; NONE is left out. */
void list_value_member(struct jw *w, const char *name, const struct list_value *v);

#endif
