/*
 * The floors that calls to a KMS are measured against: libcurl and nothing else; no log, no proof
 * of values, no store.
 *
 *   bare_kms one IAM KMS CA INSTANCE APIKEY-FILE ROOT WRAP     a token, then one unwrap
 *   bare_kms create IAM KMS CA INSTANCE APIKEY-FILE ROOT WRAP  a token, one wrap of a fresh value,
 * then the unwrap of what came
 *   bare_kms loop IAM KMS CA INSTANCE APIKEY-FILE ROOT WRAP N C H   a token, N rewraps and N
 * unwraps of what came, C at once in one curl_multi loop, over H connections at most
 *   bare_kms open IAM KMS CA INSTANCE APIKEY-FILE ROOT WRAP N C H   the same, N unwraps of that wrap
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    char *text;
    size_t len;
    char *body; /* what was sent */
};

static struct curl_slist *headers;
static const char *ca;

static void
need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bare_kms: %s\n", what);
        exit(1);
    }
}

static size_t
take(char *bytes, size_t size, size_t count, void *arg)
{
    struct answer *a = arg;
    a->text = realloc(a->text, a->len + size * count + 1);
    need(a->text != NULL, "memory");
    memcpy(a->text + a->len, bytes, size * count);
    a->len += size * count;
    a->text[a->len] = '\0';
    return size * count;
}

static CURL *
request(const char *url, struct answer *a)
{
    CURL *e = curl_easy_init();
    need(e != NULL, "curl_easy_init");
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_CAINFO, ca);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, a->body);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(e, CURLOPT_PRIVATE, a);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
    return e;
}

/* "name":"VALUE" of an answer; caller frees. */
static char *
member(const struct answer *a, const char *name)
{
    char key[64];
    (void)snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = a->text != NULL ? strstr(a->text, key) : NULL;
    need(at != NULL, a->text != NULL ? a->text : "no answer");
    at += strlen(key);
    return strndup(at, strcspn(at, "\""));
}

static char *
read_file(const char *path)
{
    static char text[16384];
    FILE *f = fopen(path, "r");
    need(f != NULL, path);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    (void)fclose(f);
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

static void
token(const char *iam, const char *keyfile, const char *instance)
{
    struct answer a = {0};
    char url[512];
    CURL *e = curl_easy_init();
    char *key = curl_easy_escape(e, read_file(keyfile), 0);
    need(asprintf(&a.body,
                  "grant_type=urn%%3Aibm%%3Aparams%%3Aoauth%%3Agrant-type%%3Aapikey&apikey=%s",
                  key) > 0,
         "memory");
    (void)snprintf(url, sizeof url, "%s/identity/token", iam);
    CURL *r = request(url, &a);
    need(curl_easy_perform(r) == CURLE_OK, "the token");
    char *text = member(&a, "access_token"), *line = NULL;
    need(asprintf(&line, "Authorization: Bearer %s", text) > 0, "memory");
    headers = curl_slist_append(headers, line);
    need(asprintf(&line, "Bluemix-Instance: %s", instance) > 0, "memory");
    headers = curl_slist_append(headers, line);
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_cleanup(r);
    curl_easy_cleanup(e);
}

/* All of them, so many at once. */
static void
run(CURLM *m, const char *url, struct answer *all, long n, long at_once)
{
    long started = 0, done = 0;
    int running, left;
    while (done < n) {
        for (; started < n && started - done < at_once; started++)
            curl_multi_add_handle(m, request(url, &all[started]));
        curl_multi_perform(m, &running);
        for (CURLMsg *msg; (msg = curl_multi_info_read(m, &left)) != NULL;) {
            need(msg->msg == CURLMSG_DONE && msg->data.result == CURLE_OK, "a call");
            CURL *e = msg->easy_handle;
            curl_multi_remove_handle(m, e);
            curl_easy_cleanup(e);
            done++;
        }
        if (done < n)
            curl_multi_poll(m, NULL, 0, 100, NULL);
    }
}

/* One verb for all of them. */
static void
act(CURLM *m, char **argv, const char *verb, struct answer *all, long n, long at_once)
{
    char url[600];
    (void)snprintf(url, sizeof url, "%s/api/v2/keys/%s/actions/%s", argv[3], argv[7], verb);
    run(m, url, all, n, at_once);
}

static void
wrapped(struct answer *a, const char *ciphertext)
{
    need(asprintf(&a->body, "{\"ciphertext\":\"%s\"}", ciphertext) > 0, "memory");
}

int
main(int argc, char **argv)
{
    need(argc >= 9 && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "usage");
    int open = strcmp(argv[1], "open") == 0;
    int loop = open || strcmp(argv[1], "loop") == 0;
    need(loop ? argc == 12 : argc == 9, "usage");
    ca = argv[4];
    token(argv[2], argv[6], argv[5]);
    long n = loop ? strtol(argv[9], NULL, 10) : 1, at_once = loop ? strtol(argv[10], NULL, 10) : 1;
    struct answer *first = calloc((size_t)n, sizeof *first),
                  *second = calloc((size_t)n, sizeof *second);
    CURLM *m = curl_multi_init();
    need(first != NULL && second != NULL && m != NULL, "memory");
    curl_multi_setopt(m, CURLMOPT_MAX_HOST_CONNECTIONS, loop ? strtol(argv[11], NULL, 10) : 1L);
    curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, loop ? strtol(argv[11], NULL, 10) : 1L);
    for (long i = 0; i < n; i++)
        wrapped(&first[i], read_file(argv[8]));
    if (strcmp(argv[1], "one") == 0) {
        act(m, argv, "unwrap", first, 1, 1);
        free(member(&first[0], "plaintext"));
        return 0;
    }
    if (open) {
        act(m, argv, "unwrap", first, n, at_once);
        for (long i = 0; i < n; i++)
            free(member(&first[i], "plaintext"));
        printf("%ld\n", n);
        return 0;
    }
    if (!loop)
        first[0].body = strdup("{}");
    act(m, argv, loop ? "rewrap" : "wrap", first, n, at_once);
    for (long i = 0; i < n; i++)
        wrapped(&second[i], member(&first[i], "ciphertext"));
    act(m, argv, "unwrap", second, n, at_once);
    for (long i = 0; i < n; i++)
        free(member(&second[i], "plaintext"));
    printf("%ld\n", n);
    return 0;
}
