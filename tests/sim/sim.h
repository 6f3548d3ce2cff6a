/*
 * A simulator of IBM Cloud IAM and Key Protect v2 (and of its Dedicated and HPCS forms), for tests.
 * It is not IBM Cloud: docs/explanation/simulator.md says what it copies from documentation and
 * what is assumed.
 *
 * Its whole state is one tree of JSON values, guarded by one lock that a request holds while it is
 * carried out. Test code: it ends at once when memory runs out, and it keeps secrets, which are
 * canaries, in ordinary memory.
 */
#ifndef SIM_H
#define SIM_H

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

struct MHD_Connection;

enum { UUID_SIZE = 37, DATE_SIZE = 21, URL_SIZE = 128, BODY_MAX = 1 << 20 };

/* ---- state.c: the tree, the clock, dates, identifiers ---- */

extern cJSON *state; /* {settings, instances, apikeys}; an instance holds its keys */

void state_load(const char *path); /* NULL: an empty one, in memory only */
void state_save(void);
int64_t now(void); /* seconds of the simulated clock */
void clock_move(int64_t seconds);
void clock_freeze(int on);
const char *date_of(int64_t t, char out[DATE_SIZE]);
int date_parse(const char *text, int64_t *t); /* 1 when it is a date */
const char *uuid_new(char out[UUID_SIZE]);
int uuid_is(const char *text);

const char *text_of(const cJSON *o, const char *name); /* "" when absent */
int64_t number_of(const cJSON *o, const char *name);   /* 0 when absent */
int truth_of(const cJSON *o, const char *name);
void set(cJSON *o, const char *name, cJSON *value); /* adds or replaces; takes the value */
void set_number(cJSON *o, const char *name, int64_t value);
void set_text(cJSON *o, const char *name, const char *value);
cJSON *list_of(cJSON *o, const char *name); /* made when absent */
cJSON *find_by(cJSON *list, const char *member, const char *value);
const cJSON *setting(const char *name);

/* ---- crypt.c ---- */

char *base64_of(const unsigned char *p, size_t n);
char *base64url_of(const unsigned char *p, size_t n);
/* Strict: standard alphabet, padded. NULL when it is not base64; *n is then the offset of the first
 * wrong byte. */
unsigned char *base64_read(const char *text, size_t *n);
void random_fill(void *p, size_t n);
/* AES-GCM with a key of 16, 24 or 32 bytes; out gets the ciphertext and the tag. */
enum { IV_LEN = 16, TAG_LEN = 12 };
void gcm_seal(unsigned char *out, const unsigned char *key, size_t key_len,
              const unsigned char iv[IV_LEN], const unsigned char *aad, size_t aad_len,
              const unsigned char *in, size_t in_len);
int gcm_open(unsigned char *out, const unsigned char *key, size_t key_len, const unsigned char *iv,
             size_t iv_len, const unsigned char *aad, size_t aad_len, const unsigned char *in,
             size_t in_len);
char *token_sign(const cJSON *claims); /* a JWT, RS256, under a key made at start */
cJSON *token_read(const char *jwt);    /* its claims; NULL when the signature is not ours */

/* ---- tls.c: an authority and certificates, made at start ---- */

struct tls {
    char *key, *chain;    /* PEM */
    const char *priority; /* GnuTLS priority string; NULL: plain HTTP */
};
void tls_start(const char *ca_path);
int tls_make(struct tls *t, const char *kind); /* 0 when the kind is unknown */
extern const char tls_kinds[];

/* ---- http.c ---- */

enum front_of { FRONT_IAM, FRONT_KMS, FRONT_CONTROL };
struct front {
    struct front *next;
    enum front_of of;
    char region[32];          /* KMS: serves the instances of this region and offering, */
    char instance[UUID_SIZE]; /* or one instance only, when not empty */
    char offering[16];
    unsigned port;
    char url[URL_SIZE];
};
struct front *front_start(enum front_of of, const char *region, const char *offering,
                          const char *instance, const char *tls_kind);
struct front *front_for(const cJSON *instance); /* started when it does not run yet */
extern struct front *fronts;

struct request {
    struct MHD_Connection *connection;
    const cJSON *fault; /* or NULL */
    const struct front *front;
    const char *method, *path;
    char *body; /* with a 0 after it */
    size_t body_len;
    char correlation[64];
};
const char *header_of(const struct request *r, const char *name);
const char *query_of(const struct request *r, const char *name); /* decoded; NULL when absent */

struct answer {
    int status;
    char *body; /* may be NULL */
    size_t len;
    const char *type;
    cJSON *headers;
    cJSON *json; /* the body before it is printed; faults change it */
    /* how it is delivered; set by faults */
    int drop, delay_ms, drip_ms, chunked;
    int64_t cut, giant; /* bytes; 0: not */
    /* for the log */
    char instance[UUID_SIZE], who[80];
};
void answer_json(struct answer *a, int status, cJSON *body); /* takes the body */
/* text is copied; NULL: no body */
void answer_text(struct answer *a, int status, const char *type, const char *text);
void answer_header(struct answer *a, const char *name, const char *value);

/* ---- the three services ---- */

void iam_answer(struct request *r, struct answer *a);
void kms_answer(struct request *r, struct answer *a);
void control_answer(struct request *r, struct answer *a);
extern cJSON *request_log;

cJSON *instance_add(const char *name, const char *offering, const char *region, const char *account,
                    const char *id);
cJSON *apikey_add(const char *name, const char *account, const char *role, const char *instance);
void apikey_write(const cJSON *apikey); /* DIR/apikey.NAME */
cJSON *info(void);                      /* what is printed at start */
extern const char *sim_dir, *sim_tls;

/* ---- faults.c ---- */

extern cJSON *faults;
cJSON *fault_for(const struct request *r); /* owned by the caller; NULL when none matches */
/* 1 when the request must not be carried out: the fault is the answer. */
int fault_before(const cJSON *fault, struct answer *a);
void fault_after(const cJSON *fault, struct answer *a);
void fault_remember(const struct answer *a); /* a KMS answer, for the kind `previous` */

/* ---- behaviour.c ---- */

void behaviour_print(void);

#endif
