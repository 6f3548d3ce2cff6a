#include "kms/place.h"

#include <stdio.h>
#include <string.h>

#include "kms/iam.h"
#include "text/enc.h"

/* ---- CRNs ---- */

static int
take_segment(char *out, size_t size, const char *text, size_t len)
{
    if (len >= size)
        return -1;
    memcpy(out, text, len);
    out[len] = '\0';
    return 0;
}

int
crn_parse(struct crn *out, const char *text)
{
    const char *at[10];
    size_t len[10];
    memset(out, 0, sizeof *out);
    if (strlen(text) > 250)
        return -1;
    for (size_t i = 0; i < 10; i++) {
        at[i] = text;
        len[i] = strcspn(text, ":");
        text += len[i];
        if ((*text == ':') != (i < 9))
            return -1;
        text += *text == ':';
    }
    int is_key = len[8] == 3 && memcmp(at[8], "key", 3) == 0;
    if (len[0] != 3 || memcmp(at[0], "crn", 3) != 0 || len[1] != 2 || memcmp(at[1], "v1", 2) != 0 ||
        len[6] != 2 + AUTHOR_TEXT || memcmp(at[6], "a/", 2) != 0 ||
        (!is_key && (len[8] != 0 || len[9] != 0)))
        return -1;
    if (take_segment(out->service, sizeof out->service, at[4], len[4]) != 0 ||
        take_segment(out->region, sizeof out->region, at[5], len[5]) != 0 ||
        take_segment(out->account, sizeof out->account, at[6] + 2, len[6] - 2) != 0 ||
        take_segment(out->instance, sizeof out->instance, at[7], len[7]) != 0 ||
        take_segment(out->key, sizeof out->key, at[9], len[9]) != 0)
        return -1;
    if (strcmp(out->service, "kms") != 0 && strcmp(out->service, "hs-crypto") != 0)
        return -1;
    if (len[5] == 0 || out->region[0] == '-' || out->region[len[5] - 1] == '-' ||
        strspn(out->region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(out->region))
        return -1;
    return hex_is(out->account, AUTHOR_TEXT) && uuid_is(out->instance) &&
                   (!is_key || uuid_is(out->key))
               ? 0
               : -1;
}

/* ---- hosts ---- */

static const struct suffix {
    const char *text;
    const char *offering;
    int has_instance; /* INSTANCE.api.[private.]REGION before it */
    int has_api;      /* api.[private.]REGION before it */
} suffixes[] = {
    {".kms.cloud.ibm.com", "Key Protect", 0, 0},
    {".kms.appdomain.cloud", "Key Protect Dedicated", 1, 1},
    {".hs-crypto.cloud.ibm.com", "Hyper Protect Crypto Services", 0, 1},
    {".hs-crypto.appdomain.cloud", "Hyper Protect Crypto Services", 1, 1},
};

static const struct suffix *
suffix_of(const char *host)
{
    size_t len = strlen(host);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        size_t n = strlen(suffixes[i].text);
        if (len > n && strcmp(host + len - n, suffixes[i].text) == 0)
            return &suffixes[i];
    }
    return NULL;
}

int
place_is_kms(const char *host)
{
    return suffix_of(host) != NULL;
}

int
place_is_iam(const char *host)
{
    return strcmp(host, "iam.cloud.ibm.com") == 0 || strcmp(host, "private.iam.cloud.ibm.com") == 0;
}

/* Text behind the word, where it begins with it, else unchanged. */
static const char *
behind(const char *text, const char *word, int *was_there)
{
    size_t n = strlen(word);
    *was_there = strncmp(text, word, n) == 0;
    return *was_there ? text + n : text;
}

int
place_parse(struct place *out, const char *host)
{
    const struct suffix *s = suffix_of(host);
    int there = 0;
    memset(out, 0, sizeof *out);
    if (s == NULL)
        return -1;
    out->offering = s->offering;
    if (s->has_instance) {
        if (strlen(host) < UUID_TEXT + 1 || host[UUID_TEXT] != '.')
            return -1;
        memcpy(out->instance, host, UUID_TEXT);
        if (!uuid_is(out->instance))
            return -1;
        host += UUID_TEXT + 1;
    }
    if (s->has_api) {
        host = behind(host, "api.", &there);
        if (!there)
            return -1;
    }
    host = behind(host, "private.", &out->private_net);
    size_t len = strlen(host) - strlen(s->text);
    if (len == 0 || len > REGION_TEXT || memchr(host, '.', len) != NULL)
        return -1;
    memcpy(out->region, host, len);
    return 0;
}

/* ---- addresses ---- */

enum rc
place_url(struct url *out, const char *text, const char *what, struct err *err)
{
    enum rc rc = url_parse(out, text, what, err);
    if (rc == RC_OK) {
        url_cut(out, "/keys");
        url_cut(out, "/api/v2");
    }
    return rc;
}

void
place_of_crn(char out[URL_TEXT + 1], const struct crn *crn)
{
    if (strcmp(crn->service, "hs-crypto") == 0)
        (void)snprintf(out, URL_TEXT + 1, "https://%s.api.%s.hs-crypto.appdomain.cloud",
                       crn->instance, crn->region);
    else
        (void)snprintf(out, URL_TEXT + 1, "https://%s.kms.cloud.ibm.com", crn->region);
}

const char *
place_iam(const char *host)
{
    struct place p;
    return place_parse(&p, host) == 0 && p.private_net ? IAM_PRIVATE : IAM_PUBLIC;
}
