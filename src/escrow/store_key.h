/* The author's key as a file; for the store itself. Others: escrow/store.h. */
#ifndef ESCROW_STORE_KEY_H
#define ESCROW_STORE_KEY_H

#include "base/err.h"
#include "base/secret.h"

/* Creates or replaces a key file, 0600, durably. */
enum rc key_file_write(const char *path, const struct secret *key, struct err *err) MUST_CHECK;

#endif
