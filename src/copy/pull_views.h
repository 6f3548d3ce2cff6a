/* What accepted authors say of each other, against the logs as held. */
#ifndef COPY_PULL_VIEWS_H
#define COPY_PULL_VIEWS_H

#include "escrow/store.h"

/*
 * Over the newest held head of every accepted author: RC_SIGNED_AS_ME when one knows more of this
 * store's own log than the store does, or another entry; RC_SPLIT_VIEW when one knows another entry
 * of an accepted author than the log of that author holds here. One that knows more than is held
 * is added to note, which has size bytes: a copy that lags looks like one that was rolled back.
 */
enum rc pull_views(const struct store *store, char *note, size_t size, struct err *err) MUST_CHECK;

#endif
