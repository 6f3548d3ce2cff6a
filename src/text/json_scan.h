/*
 * The first step of reading JSON: over the raw bytes, for what cJSON would let through (text/json.h
 * says what is refused). Builds nothing, keeps nothing.
 */
#ifndef TEXT_JSON_SCAN_H
#define TEXT_JSON_SCAN_H

#include <stddef.h>

/* text, len: in; the rest zeros. */
struct json_scan {
    const char *text;
    size_t len;
    size_t at; /* of what is refused, else the end */
    unsigned depth;
    size_t nodes;
    const char *reason;
};
/* 0 when all of it is one acceptable value, else -1 with at and reason. */
int json_scan(struct json_scan *s);

#endif
