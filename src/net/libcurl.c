#include "net/libcurl.h"

#include <dlfcn.h>
#include <string.h>

struct libcurl curl;

/* POSIX lets a function's address pass through a data pointer; ISO C wants it copied. */
static int
symbol(void *function, const char *name)
{
    void *found = dlsym(curl.library, name);
    memcpy(function, &found, sizeof found);
    return found == NULL;
}

static int
symbols(void)
{
    return symbol(&curl.global_init, "curl_global_init") |
           symbol(&curl.version_info, "curl_version_info") |
           symbol(&curl.easy_init, "curl_easy_init") |
           symbol(&curl.easy_setopt, "curl_easy_setopt") |
           symbol(&curl.easy_getinfo, "curl_easy_getinfo") |
           symbol(&curl.easy_perform, "curl_easy_perform") |
           symbol(&curl.easy_reset, "curl_easy_reset") |
           symbol(&curl.easy_cleanup, "curl_easy_cleanup") |
           symbol(&curl.easy_strerror, "curl_easy_strerror") |
           symbol(&curl.multi_init, "curl_multi_init") |
           symbol(&curl.multi_setopt, "curl_multi_setopt") |
           symbol(&curl.multi_add, "curl_multi_add_handle") |
           symbol(&curl.multi_remove, "curl_multi_remove_handle") |
           symbol(&curl.multi_perform, "curl_multi_perform") |
           symbol(&curl.multi_poll, "curl_multi_poll") |
           symbol(&curl.multi_read, "curl_multi_info_read") |
           symbol(&curl.multi_cleanup, "curl_multi_cleanup") |
           symbol(&curl.list_append, "curl_slist_append") |
           symbol(&curl.list_free, "curl_slist_free_all");
}

static enum rc
no_curl(struct err *err, const char *why)
{
    (void)err_set(err, RC_CONFIG, "the network library libcurl cannot be used");
    (void)err_why(err, "%.400s", why);
    return err_hint(err, "apt-get install libcurl4");
}

/* The cipher names and verify results below are OpenSSL's. */
static enum rc
check_version(struct err *err)
{
    const curl_version_info_data *v = curl.version_info(CURLVERSION_NOW);
    if (v == NULL || v->version_num < 0x075500 || (v->features & CURL_VERSION_SSL) == 0)
        return no_curl(err, "it is older than 7.85, or made without TLS");
    if (v->ssl_version == NULL || strstr(v->ssl_version, "OpenSSL") == NULL)
        return no_curl(err, "it was not made with OpenSSL");
    return RC_OK;
}

enum rc
libcurl_load(struct err *err)
{
    if (curl.library != NULL)
        return RC_OK;
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        /* The C library's is of each thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        const char *why = dlerror();
        return no_curl(err, why != NULL ? why : "it is not installed");
    }
    curl.library = library;
    enum rc rc = RC_OK;
    if (symbols() != 0)
        rc = no_curl(err, "it lacks functions that are needed");
    else if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        rc = no_curl(err, "it does not start");
    else
        rc = check_version(err);
    if (rc != RC_OK)
        curl.library = NULL; /* stays mapped: it has run code */
    return rc;
}
