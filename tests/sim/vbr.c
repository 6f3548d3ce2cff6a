/* clang-format off */
/*
 * vbr_sim --dir DIR [--tls KIND] [--lifetime SECONDS]: see vbr.h.
 *
 * DIR gets ca.pem and `login` (USER:PASSWORD, mode 0600), made afresh. One line of JSON on standard output says what
 * listens where. A test says to it, over plain HTTP on a port of its own:
 *
 *   POST /sim/settings   {"user", "password", "mfa", "role", "revision": newest it speaks, "no_verify", "hint_cut": bytes,
 *                        "session": "Success"|"Warning"|"Failed", "polls": looks at a session until it ends, "token_life"}
 *   POST /sim/faults     {"method", "path": part of it, "skip", "count", "kind"}: the requests after skip, count of them
 *                        (1), are dropped: drop-before (not carried out), drop-after (carried out), restart (not carried
 *                        out, and every token is forgotten), answered with something that is no JSON though carried out
 *                        (malformed), or answered with "status"; "kill": a file; the process whose id is in it is killed
 *                        before anything is answered. DELETE clears, and says {"hits"}
 *   POST /sim/state      what is there from now on, as GET gave it
 *   POST /sim/clock      {"advance": seconds}
 *   POST /sim/passwords  [{"id", "hint", "uniqueId", "password", "modificationTime"}]: puts them there as they are
 *   POST /sim/jobs, /sim/tiers   [model]: the jobs, the scale-out repositories from now on
 *   POST /sim/fronts     {"tls": kind}: one more port for the same server; its URL is the answer
 *   GET  /sim/log        the exchanges so far, whole, passwords and tokens blotted out, status 0 where a fault was laid in
 *                        place of the answer; DELETE clears
 *   GET  /sim/state      what is there, passwords included
 */
/* clang-format on */
#include <arpa/inet.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "vbr.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static cJSON *exchanges, *planted;
static int64_t hits; /* of planted faults */
static const int control_front = 1, api_front = 2;

struct held {
    char *body;
    size_t len;
};

/* ---- the log ---- */

/* Of the same type, and no secret. */
static cJSON *
blotted(const cJSON *json)
{
    static const char *const secrets[] = {"password", "access_token", "refresh_token"};
    cJSON *copy = json ? cJSON_Duplicate(json, 1) : cJSON_CreateNull();
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (cJSON_IsObject(copy) && cJSON_HasObjectItem(copy, secrets[i]))
            set_text(copy, secrets[i], "blotted");
    return copy;
}

/* A form's names; the values are not looked at, but for the kind of grant. */
static cJSON *
form_of(const char *text)
{
    cJSON *o = cJSON_CreateObject();
    char *copy = strdup(text), *rest = copy, *pair;
    while ((pair = strsep(&rest, "&")) != NULL) {
        char *value = strchr(pair, '=');
        if (!value)
            continue;
        *value++ = '\0';
        set_text(o, pair, strcmp(pair, "grant_type") == 0 ? value : "blotted");
    }
    free(copy);
    return o;
}

static void
log_exchange(const struct ask *q, const struct reply *a, int planted_answer)
{
    cJSON *e = cJSON_CreateObject(), *query = cJSON_AddObjectToObject(e, "query");
    cJSON *body = q->body && q->len > 0 ? cJSON_Parse(q->body) : NULL;
    int form = q->type && strncmp(q->type, "application/x-www-form-urlencoded", 33) == 0;
    set_text(e, "method", q->method);
    set_text(e, "path", q->path);
    if (q->skip)
        set_text(query, "skip", q->skip);
    if (q->limit)
        set_text(query, "limit", q->limit);
    if (q->filter)
        set_text(query, "hintFilter", q->filter);
    set_text(e, "version", q->version ? q->version : "");
    set_text(e, "type", q->type ? q->type : "");
    set(e, "authorized", cJSON_CreateBool(q->token != NULL));
    set(e, "request", form ? form_of(q->body ? q->body : "") : blotted(body));
    set_number(e, "status", planted_answer ? 0 : a->status);
    set(e, "answer", blotted(planted_answer ? NULL : a->json));
    cJSON_AddItemToArray(exchanges, e);
    cJSON_Delete(body);
}

/* ---- faults ---- */

static cJSON *
fault_of(const struct ask *q)
{
    cJSON *f;
    cJSON_ArrayForEach(f, planted)
    {
        const char *method = text_of(f, "method"), *path = text_of(f, "path");
        int64_t skip = number_of(f, "skip");
        int64_t count = cJSON_HasObjectItem(f, "count") ? number_of(f, "count") : 1;
        if ((*method && strcmp(method, q->method) != 0) || (*path && !strstr(q->path, path)) ||
            count == 0)
            continue;
        if (skip > 0) {
            set_number(f, "skip", skip - 1);
            continue;
        }
        set_number(f, "count", count - 1);
        return f;
    }
    return NULL;
}

static void
kill_client(const char *path)
{
    int pid = 0;
    FILE *f = *path ? fopen(path, "r") : NULL;
    if (f && fscanf(f, "%d", &pid) == 1 && pid > 1)
        (void)kill(pid, SIGKILL);
    if (f)
        (void)fclose(f);
}

static void
serve(const struct ask *q, struct reply *a)
{
    cJSON *f = fault_of(q);
    const char *kind = f ? text_of(f, "kind") : "";
    int malformed = strcmp(kind, "malformed") == 0;
    hits += f != NULL;
    if (strcmp(kind, "restart") == 0)
        vbr_restart();
    int refuse = f && number_of(f, "status") > 0;
    if (refuse)
        vbr_error(a, (int)number_of(f, "status"),
                  number_of(f, "status") >= 500 ? "ServiceUnavailable" : "UnknownError", "planted");
    else if (!*kind || malformed || strcmp(kind, "drop-after") == 0)
        vbr_answer(q, a);
    a->drop = *kind != '\0' && !malformed;
    log_exchange(q, a, refuse || a->drop);
    if (malformed)
        a->text = "<html>canary</html>";
    if (f)
        kill_client(text_of(f, "kill"));
}

/* ---- control ---- */

static cJSON *front(const char *tls, const int *which);

static void
control(const struct ask *q, struct reply *a)
{
    cJSON *body = q->body ? cJSON_Parse(q->body) : NULL, *m;
    const char *what = q->path + strlen("/sim/");
    int post = strcmp(q->method, "POST") == 0, drop = strcmp(q->method, "DELETE") == 0;
    a->status = 200;
    if (strcmp(what, "settings") == 0 && post) {
        cJSON *s = cJSON_GetObjectItemCaseSensitive(state, "settings");
        cJSON_ArrayForEach(m, body) set(s, m->string, cJSON_Duplicate(m, 1));
    } else if (strcmp(what, "faults") == 0 && post) {
        cJSON_AddItemToArray(planted, cJSON_Duplicate(body, 1));
    } else if (strcmp(what, "faults") == 0 && drop) {
        cJSON_Delete(planted);
        planted = cJSON_CreateArray();
        a->json = cJSON_CreateObject();
        set_number(a->json, "hits", hits);
        hits = 0;
    } else if (strcmp(what, "clock") == 0 && post) {
        clock_move(number_of(body, "advance"));
    } else if (strcmp(what, "passwords") == 0 && post) {
        cJSON_ArrayForEach(m, body)
            cJSON_AddItemToArray(list_of(state, "passwords"), cJSON_Duplicate(m, 1));
    } else if ((strcmp(what, "jobs") == 0 || strcmp(what, "tiers") == 0) && post) {
        set(state, what, cJSON_Duplicate(body, 1));
    } else if (strcmp(what, "fronts") == 0 && post) {
        a->json = front(text_of(body, "tls"), &api_front);
    } else if (strcmp(what, "log") == 0) {
        a->json = cJSON_Duplicate(exchanges, 1);
        if (drop) {
            cJSON_Delete(exchanges);
            exchanges = cJSON_CreateArray();
        }
    } else if (strcmp(what, "state") == 0 && post) {
        cJSON_Delete(state);
        state = cJSON_Duplicate(body, 1);
    } else if (strcmp(what, "state") == 0) {
        a->json = cJSON_Duplicate(state, 1);
    } else {
        a->status = 404;
    }
    if (!a->json)
        a->json = cJSON_CreateObject();
    cJSON_Delete(body);
}

/* ---- HTTP ---- */

static enum MHD_Result
deliver(struct MHD_Connection *c, struct reply *a)
{
    if (a->drop) {
        cJSON_Delete(a->json);
        return MHD_NO;
    }
    char *text = a->text ? strdup(a->text) : a->json ? cJSON_PrintUnformatted(a->json) : NULL;
    struct MHD_Response *r =
        MHD_create_response_from_buffer(text ? strlen(text) : 0, text, MHD_RESPMEM_MUST_FREE);
    cJSON_Delete(a->json);
    if (text)
        (void)MHD_add_response_header(r, "Content-Type", "application/json");
    (void)MHD_add_response_header(r, "Server", "keymuster-vbr-simulator (not VBR)");
    enum MHD_Result result = MHD_queue_response(c, (unsigned)a->status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
           const char *version, const char *data, size_t *size, void **place)
{
    struct held *h = *place;
    (void)version;
    if (!h) {
        *place = h = calloc(1, sizeof *h);
        return h ? MHD_YES : MHD_NO;
    }
    if (*size > 0) {
        if (h->len + *size > BODY_MAX)
            return MHD_NO;
        h->body = realloc(h->body, h->len + *size + 1);
        if (!h->body)
            abort();
        memcpy(h->body + h->len, data, *size);
        h->len += *size;
        h->body[h->len] = '\0';
        *size = 0;
        return MHD_YES;
    }
    struct reply a = {0};
    struct ask q = {.method = method, .path = url, .body = h->body, .len = h->len};
    q.version = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "x-api-version");
    q.type = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type");
    q.token = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    q.skip = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "skip");
    q.limit = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "limit");
    q.filter = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "hintFilter");
    (void)pthread_mutex_lock(&lock);
    if (arg == &control_front)
        control(&q, &a);
    else
        serve(&q, &a);
    (void)pthread_mutex_unlock(&lock);
    return deliver(c, &a);
}

static void
on_done(void *arg, struct MHD_Connection *c, void **place, enum MHD_RequestTerminationCode code)
{
    struct held *h = *place;
    (void)arg;
    (void)c;
    (void)code;
    if (h)
        free(h->body);
    free(h);
    *place = NULL;
}

/* One more port; {"url"}. */
static cJSON *
front(const char *tls, const int *which)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct tls t = {0};
    char url[URL_SIZE];
    cJSON *out = cJSON_CreateObject();
    if (!tls_make(&t, tls))
        return out;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                     (t.priority ? MHD_USE_TLS : 0U);
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, t.key},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, t.chain},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)t.priority},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    struct MHD_Daemon *d = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, (void *)(uintptr_t)which, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&loopback, MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_ARRAY,
        t.priority ? secure : none, MHD_OPTION_END);
    if (d) {
        unsigned port = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port;
        (void)snprintf(url, sizeof url, "%s://127.0.0.1:%u", t.priority ? "https" : "http", port);
        set_text(out, "url", url);
    }
    free(t.key);
    free(t.chain);
    return out;
}

/* ---- starting ---- */

static void
write_login(const char *dir)
{
    char path[4096], password[64];
    unsigned char random[18];
    random_fill(random, sizeof random);
    char *encoded = base64_of(random, sizeof random);
    /* What a form must escape is in each. */
    (void)snprintf(password, sizeof password, "canary-%s+&=%%:", encoded);
    free(encoded);
    cJSON *s = cJSON_GetObjectItemCaseSensitive(state, "settings");
    set_text(s, "password", password);
    (void)snprintf(path, sizeof path, "%s/login", dir);
    FILE *f = fopen(path, "w");
    if (!f || fprintf(f, "%s:%s\n", text_of(s, "user"), password) < 0 || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static void
start(const char *dir, const char *tls)
{
    char path[4096];
    state_load(NULL);
    vbr_first();
    exchanges = cJSON_CreateArray();
    planted = cJSON_CreateArray();
    (void)snprintf(path, sizeof path, "%s/ca.pem", dir);
    tls_start(path);
    write_login(dir);
    cJSON *out = cJSON_CreateObject(), *c = front("plain", &control_front),
          *f = front(tls, &api_front);
    if (!*text_of(f, "url")) {
        (void)fprintf(stderr, "vbr_sim: cannot listen, or --tls is none of: %s\n", tls_kinds);
        exit(1);
    }
    set_text(out, "schema", "keymuster.vbr_sim/1");
    set_number(out, "pid", getpid());
    set_text(out, "ca", path);
    set_text(out, "control", text_of(c, "url"));
    set_text(out, "url", text_of(f, "url"));
    (void)snprintf(path, sizeof path, "%s/login", dir);
    set_text(out, "login", path);
    char *line = cJSON_PrintUnformatted(out);
    (void)puts(line);
    (void)fflush(stdout);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"dir", required_argument, NULL, 'd'},
                                            {"tls", required_argument, NULL, 't'},
                                            {"lifetime", required_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    const char *dir = NULL, *tls = "good";
    long lifetime = 3600;
    int o;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 'd')
            dir = optarg;
        else if (o == 't')
            tls = optarg;
        else if (o == 'l')
            lifetime = strtol(optarg, NULL, 10);
        else
            return 2;
    }
    if (!dir) {
        (void)fprintf(stderr, "usage: vbr_sim --dir DIR [--tls KIND] [--lifetime SECONDS]\n");
        return 2;
    }
    sigset_t end;
    (void)sigemptyset(&end);
    (void)sigaddset(&end, SIGTERM);
    (void)sigaddset(&end, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &end, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)umask(077);
    start(dir, tls);
    struct timespec most = {lifetime, 0};
    (void)sigtimedwait(&end, NULL, &most);
    _exit(0);
}
