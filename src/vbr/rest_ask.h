/* One request to VBR, or as many as a list has pages: what the calls are made of. */
#ifndef VBR_REST_ASK_H
#define VBR_REST_ASK_H

#include "net/http.h"
#include "net/url.h"
#include "text/json.h"
#include "vbr/rest.h"

enum { VBR_PATH = 256, WRONG_MOST = 10 };

struct vbr {
    struct http *http;
    struct url url;
    char name[LIMIT_NAME + 1];
    struct secret *login;    /* USER:PASSWORD */
    struct secret *token[2]; /* access; a long one goes on in a second slot */
    struct secret *refresh;  /* or NULL: it was too long, or none came */
    int64_t renew_ms;        /* monotonic */
    size_t version;          /* index of the version that is spoken */
    int logged_in;
    int64_t wrong[WRONG_MOST]; /* monotonic: when VBR said "different" last; 0: not yet */
    size_t wrong_at;
    int64_t locked_until; /* monotonic */
};

struct vbr_ask {
    const char *method;
    char path[VBR_PATH]; /* behind /api/v1 */
    const char *doing;   /* "creating the password": for messages */
    struct buf body;     /* empty: none; wiped */
    int once;            /* not repeatable */
    size_t most;         /* largest answer; 0: the usual */
    int lost;            /* out: no answer, but it may have been acted on */
    int status;          /* out; 0 without an answer */
};
void vbr_ask_init(struct vbr_ask *q, const char *method, const char *doing, const char *fmt, ...)
    PRINTF(4, 5);
void vbr_ask_release(struct vbr_ask *q);
/* *doc (caller: json_free) may be NULL where the answer has no body. A status that is no 2xx is an
 * error. */
enum rc vbr_ask(struct vbr *vbr, struct vbr_ask *q, struct json **doc, struct err *err) MUST_CHECK;
enum rc vbr_odd(const struct vbr *vbr, const char *why, struct err *err);

/* A list that comes in pages. */
struct vbr_list {
    const char *path, *doing; /* as in struct vbr_ask */
    const char *order;        /* the column by which it is ordered */
    int page;                 /* items a request */
    int pages;                /* more of them, and the list is odd: RC_VBR_REPLY */
    size_t most;              /* largest page, bytes; 0: the usual */
};
/* Each item, borrowed for the call; ends at the first failure of fn. Nothing holds the list while
 * it is walked: what is added or removed meanwhile may come twice, or not. */
typedef enum rc (*vbr_item_fn)(void *arg, const struct json *item, struct err *err);
enum rc vbr_each_item(struct vbr *vbr, const struct vbr_list *list, vbr_item_fn fn, void *arg,
                      struct err *err) MUST_CHECK;

#endif
