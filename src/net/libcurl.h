/*
 * libcurl's functions, found in the library when a command first needs the network. Used by
 * net/transfer.h and net/sftp.c only.
 */
#ifndef NET_LIBCURL_H
#define NET_LIBCURL_H

#include <curl/curl.h>

#include "base/err.h"

/* The prototypes of curl.h, which has no types for them. */
struct libcurl {
    void *library;
    CURLcode (*global_init)(long flags);
    curl_version_info_data *(*version_info)(CURLversion age);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
    CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
    CURLcode (*easy_perform)(CURL *easy);
    void (*easy_reset)(CURL *easy);
    void (*easy_cleanup)(CURL *easy);
    const char *(*easy_strerror)(CURLcode code);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
    CURLMcode (*multi_add)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_remove)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_perform)(CURLM *multi, int *running);
    CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd fds[], unsigned count, int ms,
                            int *ready);
    CURLMsg *(*multi_read)(CURLM *multi, int *left);
    CURLMcode (*multi_cleanup)(CURLM *multi);
    struct curl_slist *(*list_append)(struct curl_slist *list, const char *line);
    void (*list_free)(struct curl_slist *list);
};
extern struct libcurl curl; /* all NULL before libcurl_load */

/* Loads libcurl once, if it is 7.85 or later and made with OpenSSL; else RC_CONFIG. */
enum rc libcurl_load(struct err *err) MUST_CHECK;

#endif
