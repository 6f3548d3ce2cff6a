/*
 * Strict INI: `[section]` or `[section "name"]`, `key = value`, comments only at the start of a
 * line (# or ;), UTF-8, values trimmed, no quoting, no continuation. A key twice in a section, a
 * section twice, a line of another form: an error that names file, line and column. Used for
 * keymuster.conf and, later, for runbook steps.
 */
#ifndef TEXT_INI_H
#define TEXT_INI_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct ini; /* a parsed file; owns its text */

/* file is used in messages only. RC_CONFIG. At most 10,000 lines. */
enum rc ini_parse(struct ini **out, const char *text, size_t len, const char *file,
                  struct err *err) MUST_CHECK;
void ini_free(struct ini *ini);

/* Value, or NULL. name is NULL for a section without one. Borrowed until ini_free. */
const char *ini_get(const struct ini *ini, const char *section, const char *name, const char *key);
int ini_has(const struct ini *ini, const char *section, const char *name);
/* Name of the i-th `[section "name"]` of this section, in file order, or NULL. */
const char *ini_name_at(const struct ini *ini, const char *section, size_t i);

/*
 * Checks every section and key against what is allowed: rows of {section, has_name, key}, ended by
 * {NULL}. An unknown one is RC_CONFIG with file, line and the nearest known name.
 */
struct ini_rule {
    const char *section;
    int has_name;
    const char *key;
};
enum rc ini_check(const struct ini *ini, const struct ini_rule *rules, struct err *err) MUST_CHECK;

/*
 * Appends to out the text with key set in a section: an existing line is replaced in place, a
 * missing one added at the section's end, a missing section at the file's end. Everything else,
 * comments too, stays as it is. value NULL removes.
 */
enum rc ini_edit(struct buf *out, const char *text, const char *section, const char *name,
                 const char *key, const char *value, struct err *err) MUST_CHECK;

#endif
