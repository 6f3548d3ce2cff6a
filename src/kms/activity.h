/*
 * IBM's activity events (CADF) about wrapping and unwrapping, as Key Protect and HPCS send them to
 * Activity Tracker and Cloud Logs. Field names are those of IBM's public documentation; never tried
 * against events of a live instance.
 */
#ifndef KMS_ACTIVITY_H
#define KMS_ACTIVITY_H

#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"

enum activity_what { ACTIVITY_OTHER, ACTIVITY_WRAP, ACTIVITY_UNWRAP, ACTIVITY_REWRAP };
const char *activity_what_name(enum activity_what what);

enum { ACTIVITY_TEXT = 200 };
/* Texts are cut to fit, at a character; "" where the event has none. */
struct activity {
    enum activity_what what;
    int done;                     /* outcome success */
    char instance[UUID_TEXT + 1]; /* of the target's CRN */
    char key[UUID_TEXT + 1];      /* the root key's id in the KMS */
    char request[64];             /* correlationId */
    char at[TIME_TEXT + 1];       /* eventTime, in UTC */
    char id[64];
    char who[ACTIVITY_TEXT + 1]; /* the initiator's name, else its id */
    char address[64];
    char event[17]; /* tells it from others: the beginning of a hash over all of these */
};

/* One event: JSON, alone or in what Cloud Logs, LogDNA and event streams put around it.
 * RC_MALFORMED for what is no JSON object; ACTIVITY_OTHER for what is no such event. */
enum rc activity_read(struct activity *out, const char *text, size_t len,
                      struct err *err) MUST_CHECK;

#endif
