/* The HTTP side: fronts, requests in, answers out, the log of requests. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <microhttpd.h>

#include "sim.h"

struct front *fronts;
cJSON *request_log;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned added; /* to the log since it was last counted */
enum { LOG_MAX = 20000, LOG_SLACK = 1000 };

const char *
header_of(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *
query_of(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

void
answer_json(struct answer *a, int status, cJSON *body)
{
    cJSON_Delete(a->json);
    a->json = body;
    a->status = status;
    a->type = "application/json";
}

void
answer_text(struct answer *a, int status, const char *type, const char *text)
{
    cJSON_Delete(a->json);
    a->json = NULL;
    free(a->body);
    a->body = text ? strdup(text) : NULL;
    a->len = text ? strlen(text) : 0;
    a->status = status;
    a->type = type;
}

void
answer_header(struct answer *a, const char *name, const char *value)
{
    if (!a->headers)
        a->headers = cJSON_CreateObject();
    set_text(a->headers, name, value);
}

/* ---- the log: never a token, a key, a plaintext or a ciphertext; of a body, only the names of its
 * members ---- */

static void
log_request(const struct request *r, const struct answer *a, const cJSON *fault)
{
    static int count;
    char date[DATE_SIZE];
    cJSON *e = cJSON_CreateObject();
    set_number(e, "n", ++count);
    set_text(e, "time", date_of(now(), date));
    set_text(e, "front", r->front->of == FRONT_IAM ? "iam" : "kms");
    set_text(e, "url", r->front->url);
    set_text(e, "method", r->method);
    set_text(e, "path", r->path);
    set_text(e, "correlation_id", r->correlation);
    const char *sent = header_of(r, "Correlation-Id");
    set(e, "correlation_id_sent", cJSON_CreateBool(sent != NULL));
    set_text(e, "instance", a->instance);
    set_text(e, "who", a->who);
    const char *const names[] = {"User-Agent", "Content-Type", "Prefer", "X-Kms-Key-Ring"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (header_of(r, names[i]))
            set_text(e, names[i], header_of(r, names[i]));
    cJSON *body = r->body_len ? cJSON_Parse(r->body) : NULL;
    if (cJSON_IsObject(body)) {
        cJSON *members = cJSON_AddArrayToObject(e, "members"), *m;
        cJSON_ArrayForEach(m, body) cJSON_AddItemToArray(members, cJSON_CreateString(m->string));
    }
    cJSON_Delete(body);
    set_number(e, "status", a->drop ? 0 : a->status);
    if (fault)
        set_number(e, "fault", number_of(fault, "id"));
    cJSON_AddItemToArray(request_log, e);
    if (++added < LOG_SLACK) /* counting walks the whole list */
        return;
    added = 0;
    for (int extra = cJSON_GetArraySize(request_log) - LOG_MAX; extra > 0; extra--)
        cJSON_DeleteItemFromArray(request_log, 0);
}

/* ---- answers out ---- */

struct body { /* of an answer that is not sent as it should be */
    char *bytes;
    size_t len;
    int64_t cut, giant;
    int drip_ms;
};

static void
pause_ms(int ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

static ssize_t
body_read(void *arg, uint64_t at, char *buf, size_t max)
{
    const struct body *b = arg;
    uint64_t end = b->giant ? (uint64_t)b->giant : b->len;
    if (b->cut && at >= (uint64_t)b->cut)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (at >= end)
        return MHD_CONTENT_READER_END_OF_STREAM;
    uint64_t left = (b->cut && (uint64_t)b->cut < end ? (uint64_t)b->cut : end) - at;
    size_t n = b->drip_ms ? 1 : left < max ? (size_t)left : max;
    if (b->drip_ms)
        pause_ms(b->drip_ms);
    if (b->giant)
        memset(buf, 'A', n);
    else
        memcpy(buf, b->bytes + at, n);
    return (ssize_t)n;
}

static void
body_free(void *arg)
{
    struct body *b = arg;
    free(b->bytes);
    free(b);
}

static enum MHD_Result
deliver(struct MHD_Connection *connection, struct answer *a)
{
    if (a->delay_ms)
        pause_ms(a->delay_ms);
    struct MHD_Response *response;
    if (a->drop)
        response = NULL;
    else if (a->cut || a->giant || a->drip_ms || a->chunked) {
        struct body *b = calloc(1, sizeof *b);
        if (!b)
            abort();
        *b = (struct body){a->body, a->len, a->cut, a->giant, a->drip_ms};
        a->body = NULL; /* transferred */
        uint64_t size = a->giant ? (uint64_t)a->giant : a->len;
        response = MHD_create_response_from_callback(a->chunked ? MHD_SIZE_UNKNOWN : size, 16384,
                                                     body_read, b, body_free);
    } else {
        response = MHD_create_response_from_buffer(a->len, a->body, MHD_RESPMEM_MUST_FREE);
        a->body = NULL; /* transferred */
    }
    enum MHD_Result result = MHD_NO; /* closes the connection */
    if (response) {
        cJSON *h;
        cJSON_ArrayForEach(h, a->headers) if (cJSON_IsString(h))(void)
            MHD_add_response_header(response, h->string, h->valuestring);
        if (a->type && a->status != 204)
            (void)MHD_add_response_header(response, "Content-Type", a->type);
        (void)MHD_add_response_header(response, "Server",
                                      "keymuster-kms-simulator (not IBM Cloud)");
        result = MHD_queue_response(connection, (unsigned)a->status, response);
        MHD_destroy_response(response);
    }
    free(a->body);
    cJSON_Delete(a->headers);
    return result;
}

/* ---- requests in ---- */

static void
serve(struct request *r, struct answer *a)
{
    const char *sent = header_of(r, "Correlation-Id");
    char fresh[UUID_SIZE];
    (void)snprintf(r->correlation, sizeof r->correlation, "%s", sent ? sent : uuid_new(fresh));
    if (r->front->of == FRONT_CONTROL) {
        control_answer(r, a);
    } else if (strcmp(r->path, "/") == 0) { /* somebody opens a connection: no part of the API */
        answer_text(a, 404, "text/plain", "404 page not found\n");
        log_request(r, a, NULL);
    } else {
        cJSON *fault = fault_for(r);
        r->fault = fault;
        if (!fault || !fault_before(fault, a)) {
            if (r->front->of == FRONT_IAM)
                iam_answer(r, a);
            else
                kms_answer(r, a);
        }
        if (r->front->of == FRONT_KMS)
            answer_header(a, "Correlation-Id", r->correlation);
        if (fault)
            fault_after(fault, a);
        else if (r->front->of == FRONT_KMS)
            fault_remember(a);
        log_request(r, a, fault);
        cJSON_Delete(fault);
    }
    if (a->json) {
        free(a->body);
        a->body = cJSON_PrintUnformatted(a->json);
        a->len = strlen(a->body);
        cJSON_Delete(a->json);
        a->json = NULL;
    }
    if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0)
        state_save();
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *data, size_t *size, void **held)
{
    (void)version;
    struct request *r = *held;
    if (!r) {
        r = calloc(1, sizeof *r);
        if (!r)
            abort();
        *held = r;
        r->connection = connection;
        r->front = arg;
        return MHD_YES;
    }
    if (*size > 0) {
        if (r->body_len + *size <= BODY_MAX) {
            r->body = realloc(r->body, r->body_len + *size + 1);
            if (!r->body)
                abort();
            memcpy(r->body + r->body_len, data, *size);
            r->body[r->body_len + *size] = '\0';
        }
        r->body_len += *size;
        *size = 0;
        return MHD_YES;
    }
    r->method = method;
    r->path = url;
    struct answer a = {0};
    if (r->body_len > BODY_MAX) {
        answer_text(&a, 413, "text/plain", "Request Entity Too Large");
    } else {
        (void)pthread_mutex_lock(&lock);
        serve(r, &a);
        (void)pthread_mutex_unlock(&lock);
    }
    return deliver(connection, &a);
}

static void
on_done(void *arg, struct MHD_Connection *connection, void **held,
        enum MHD_RequestTerminationCode code)
{
    (void)arg;
    (void)connection;
    (void)code;
    struct request *r = *held;
    if (r)
        free(r->body);
    free(r);
    *held = NULL;
}

/* ---- fronts ---- */

static struct MHD_Daemon *
listen_on_loopback(struct front *f, const char *tls_kind)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct tls t = {0};
    if (!tls_make(&t, tls_kind))
        return NULL;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                     (t.priority ? MHD_USE_TLS : 0U);
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, t.key},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, t.chain},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)t.priority},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    struct MHD_Daemon *d =
        MHD_start_daemon(flags, 0, NULL, NULL, on_request, f, MHD_OPTION_SOCK_ADDR,
                         (struct sockaddr *)&loopback, MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL,
                         MHD_OPTION_ARRAY, t.priority ? secure : none, MHD_OPTION_END);
    if (d) {
        f->port = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port;
        (void)snprintf(f->url, sizeof f->url, "%s://127.0.0.1:%u", t.priority ? "https" : "http",
                       f->port);
    }
    free(t.key);
    free(t.chain);
    return d;
}

struct front *
front_start(enum front_of of, const char *region, const char *offering, const char *instance,
            const char *tls_kind)
{
    struct front *f = calloc(1, sizeof *f), **end = &fronts;
    if (!f)
        abort();
    f->of = of;
    (void)snprintf(f->region, sizeof f->region, "%s", region);
    (void)snprintf(f->offering, sizeof f->offering, "%s", offering);
    (void)snprintf(f->instance, sizeof f->instance, "%s", instance);
    if (!listen_on_loopback(f, tls_kind)) {
        free(f);
        return NULL;
    }
    while (*end)
        end = &(*end)->next;
    *end = f;
    return f;
}

/* Standard instances of a region share a front, as they share a host; the others have one each. */
struct front *
front_for(const cJSON *instance)
{
    const char *region = text_of(instance, "region"), *offering = text_of(instance, "offering");
    const char *id = strcmp(offering, "standard") == 0 ? "" : text_of(instance, "id");
    for (struct front *f = fronts; f; f = f->next)
        if (f->of == FRONT_KMS && strcmp(f->region, region) == 0 &&
            strcmp(f->offering, offering) == 0 && strcmp(f->instance, id) == 0)
            return f;
    return front_start(FRONT_KMS, region, offering, id, sim_tls);
}
