/*
 * The template of `exec --template`: a text with places for the secret, such as the answer file of
 * an unattended restore.
 *
 * A place is {{secret}}, {{secret:xml}}, {{secret:json}} or {{secret:raw}}. Plain {{secret}} is
 * escaped for XML when the template is XML (its first character is '<'), else it is raw. For XML,
 * characters outside ASCII become numeric references, so that any declared encoding is served.
 * Places in XML comments are left as they are. All other bytes are kept, line ends too.
 */
#ifndef RECOVER_TEMPLATE_H
#define RECOVER_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

struct template
{
    const char *path; /* borrowed, for messages */
    struct buf text;
    int xml;
};

/* Reads at most LIMIT_SMALL_FILE bytes, not through a link, and looks at every place; RC_TEMPLATE
 * says what is wrong, and in which line. template_release takes a zeroed one, too. */
enum rc template_read(struct template *t, const char *path, struct err *err) MUST_CHECK;
void template_release(struct template *t);

/* Writes it with the secret in each place to fd, piece by piece: the secret is in no other buffer.
 * what names fd in messages. RC_TEMPLATE when the secret has what that escaping cannot express. */
enum rc template_fill(const struct template *t, const struct secret *s, int fd, const char *what,
                      struct err *err) MUST_CHECK;

#endif
