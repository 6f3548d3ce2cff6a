/*
 * The XML in which servers answer (WebDAV's multistatus): a strict scanner for what carries text.
 * Whole input, valid UTF-8, tags that match, depth XML_DEPTH; no DOCTYPE, hence no entities but the
 * five and character references. Prefixes of names are cut off; namespaces and attributes are not
 * looked at: what is taken from an answer is a hint, or is checked elsewhere.
 */
#ifndef TEXT_XML_H
#define TEXT_XML_H

#include <stddef.h>

#include "base/err.h"

enum { XML_DEPTH = 32, XML_NAME = 64 };

/* An element with no element in it: its parent's name ("" for the outermost), its own, its text
 * with references undone. All borrowed during the call. */
typedef enum rc (*xml_fn)(void *arg, const char *parent, const char *name, const char *text,
                          struct err *err);

/* Calls fn for each, in their order, until it fails. RC_MALFORMED (what names the answer), by when
 * fn may have been called; RC_NO_MEMORY. */
enum rc xml_leaves(const char *bytes, size_t len, const char *what, xml_fn fn, void *arg,
                   struct err *err) MUST_CHECK;

#endif
