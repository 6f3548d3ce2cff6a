/* Logins of the form USER:PASSWORD: of a WebDAV server, of a proxy. */
#include <stdio.h>
#include <string.h>

#include "copy/remote_http.h"

enum rc
remote_http_user_password(struct secret *out[2], const struct secret *text, const char *whose,
                          struct err *err)
{
    const unsigned char *colon = memchr(text->bytes, ':', text->len);
    if (colon == NULL || colon == text->bytes || memchr(text->bytes, '\0', text->len) != NULL ||
        memchr(text->bytes, '\n', text->len) != NULL) {
        (void)err_set(err, RC_BAD_VALUE, "%.400s is no USER:PASSWORD", whose);
        return err_hint(err, "it is one line: the user's name, a colon, the password");
    }
    size_t user = (size_t)(colon - text->bytes);
    enum rc rc = remote_http_login(&out[0], text->bytes, user, err);
    return rc == RC_OK ? remote_http_login(&out[1], colon + 1, text->len - user - 1, err) : rc;
}

enum rc
remote_proxy_login(struct remote *r, const struct remote_access *access, struct err *err)
{
    char whose[PATH_SIZE];
    struct secret *text = NULL;
    if (access == NULL || access->proxy == NULL || access->proxy_credential == NULL)
        return RC_OK;
    (void)snprintf(whose, sizeof whose, "the login of the proxy to %.300s", remote_url(r));
    enum rc rc = remote_read_secret(&text, access->proxy_credential, whose, err);
    if (rc == RC_OK)
        rc = remote_http_user_password(r->proxy_login, text, whose, err);
    secret_free(text);
    return rc;
}
