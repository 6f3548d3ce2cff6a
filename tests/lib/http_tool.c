/*
 * One GET through net/http, for the transport tests: http_tool URL [CA [MOST [TIMEOUT_MS]]].
 * Prints "STATUS LENGTH" or "CODE: message: why", and how many tries it took; ends 0 or 1.
 */
#include <stdio.h>
#include <stdlib.h>

#include "crypt/hash.h"
#include "net/http.h"
#include "sys/env.h"
#include "sys/process.h"

extern char **environ;

int
main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct http *http = NULL;
    struct http_request r, *only = &r;
    if (argc < 2 || env_scrub(environ, &err) != RC_OK || crypt_init(&err) != RC_OK)
        return 2;
    signals_catch();
    struct http_config config = {.ca = argc > 2 && *argv[2] != '\0' ? argv[2] : NULL,
                                 .timeout_ms = argc > 4 ? strtol(argv[4], NULL, 10) : 0};
    http_request_init(&r, "GET", argv[1]);
    r.codes = (struct http_codes){
        .unreachable = RC_KMS_UNREACHABLE, .untrusted = RC_KMS_CERTIFICATE, .reply = RC_KMS_REPLY};
    r.repeatable = 1;
    r.most = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    enum rc rc = http_new(&http, &config, &err);
    if (rc == RC_OK)
        rc = http_run(http, &only, 1, &err);
    if (rc == RC_OK && r.rc == RC_OK)
        (void)printf("%d %zu tries %u\n", r.status, r.text.len, r.tries);
    else if (rc == RC_OK)
        (void)printf("%s: %s: %s tries %u\n", err_name(r.rc), r.err.msg, r.err.why, r.tries);
    else
        (void)printf("%s: %s: %s\n", err_name(rc), err.msg, err.why);
    rc = rc == RC_OK ? r.rc : rc;
    http_request_release(&r);
    http_free(http);
    return rc != RC_OK;
}
