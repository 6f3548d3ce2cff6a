/*
 * What the kinds of entries share on their way into the tables. A function of a kind is called
 * twice: once judging, then writing; see apply_entry.
 */
#ifndef ESCROW_APPLY_IN_H
#define ESCROW_APPLY_IN_H

#include "escrow/apply.h"
#include "text/json.h"

/* One line being applied. reason is set by the first thing that its body lacks; then none of its
 * facts are written. */
struct apply {
    struct db *db;
    const struct entry *e;
    const char *reason;
    int judging;        /* first pass: looks at the body, writes nothing */
    struct buf scratch; /* values as compact JSON */
};

/* Notes the first member that the body lacks, or that is malformed. RC_OK. */
enum rc apply_lacks(struct apply *a, const char *member);
/* A member that is a UUID, or NULL; borrowed. */
const char *apply_uuid(const struct json *v, const char *name);
/* A value of a changeable field. */
enum rc apply_field(struct apply *a, const char *object, const char *name, const struct json *value,
                    struct err *err) MUST_CHECK;
/* The member "set" of a .changed entry: values, and which ones each supersedes. */
enum rc apply_set(struct apply *a, const char *object, const struct json *set,
                  struct err *err) MUST_CHECK;

/* ---- apply_key.c: keys, their wraps and check values ---- */
enum rc apply_key_created(struct apply *a, struct err *err) MUST_CHECK;
enum rc apply_key_changed(struct apply *a, struct err *err) MUST_CHECK;
enum rc apply_key_check(struct apply *a, struct err *err) MUST_CHECK;
enum rc apply_wrap_added(struct apply *a, struct err *err) MUST_CHECK;
enum rc apply_wrap_retired(struct apply *a, struct err *err) MUST_CHECK;

#endif
