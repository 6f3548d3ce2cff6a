/* The screen that shows one secret; used by deliver.c only. */
#ifndef RECOVER_SCREEN_H
#define RECOVER_SCREEN_H

#include "base/err.h"
#include "base/secret.h"
#include "recover/deliver.h"

/* Shows s until it is closed; see deliver_give. */
enum rc screen_show(struct deliver *d, const struct secret *s, struct err *err) MUST_CHECK;

#endif
