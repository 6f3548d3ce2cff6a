#include "copy/identity.h"

#include <stdio.h>
#include <string.h>

#include "copy/copy.h"
#include "text/enc.h"
#include "text/json.h"
#include "text/jw.h"

void
copy_id_to_uuid(char uuid[UUID_TEXT + 1], const char *id)
{
    unsigned char raw[16];
    uuid[0] = '\0';
    if (hex_decode(raw, sizeof raw, id) == 0)
        uuid_format(uuid, raw);
}

/* ---- reading ---- */

static void
escrow_text(struct buf *out, const struct copy_identity *id)
{
    struct jw w;
    buf_clear(out);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "type", "escrow");
    jw_int(&w, "keymuster", 1);
    jw_str(&w, "escrow", id->escrow);
    jw_str(&w, "founder", id->founder.text);
    jw_str(&w, "name", id->name);
    jw_end_obj(&w);
    buf_addc(out, '\n');
}

static void
copy_text(struct buf *out, const char *id, const char *escrow)
{
    struct jw w;
    buf_clear(out);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "type", "copy");
    jw_int(&w, "keymuster", 1);
    jw_str(&w, "copy", id);
    jw_str(&w, "escrow", escrow);
    jw_end_obj(&w);
    buf_addc(out, '\n');
}

static enum rc
tampered(const struct remote *r, const char *object, const char *why, struct err *err)
{
    (void)err_set(err, RC_COPY_TAMPERED, "%s at %.300s was altered", object, remote_url(r));
    return err_why(err, "%s", why);
}

/* Reads and parses an object; its type must fit. */
static enum rc
get_object(struct remote *r, const char *object, const char *type, struct buf *text,
           struct json **doc, struct err *err)
{
    enum rc rc = remote_get(r, object, text, err);
    if (rc != RC_OK)
        return rc;
    rc = json_parse(doc, buf_str(text), text->len, object, err);
    if (rc == RC_MALFORMED) {
        char why[sizeof err->why];
        (void)snprintf(why, sizeof why, "%.500s", err->why[0] != '\0' ? err->why : err->msg);
        return tampered(r, object, why, err);
    }
    int64_t version = 0;
    const char *found = json_gets(*doc, "type");
    if (rc == RC_OK && (found == NULL || strcmp(found, type) != 0))
        rc = tampered(r, object, "its type is another", err);
    else if (rc == RC_OK && (json_geti(*doc, "keymuster", &version) != 0 || version != 1))
        rc = tampered(r, object, "its format is not known; a newer keymuster may have written it",
                      err);
    return rc;
}

/* Every byte must be as we write it, so that nothing can be hidden in what is not looked at. */
static enum rc
check_canonical(const struct remote *r, const char *object, const struct buf *text,
                const struct buf *again, struct err *err)
{
    enum rc rc = buf_check(again, object, err);
    if (rc == RC_OK && (again->len != text->len ||
                        (text->len > 0 && memcmp(buf_str(again), buf_str(text), text->len) != 0)))
        rc = tampered(r, object, "it is not written in the one way that keymuster writes it", err);
    return rc;
}

static enum rc
read_escrow(const struct remote *r, struct copy_identity *out, const struct json *doc,
            struct err *err)
{
    char id[AUTHOR_TEXT + 1];
    const char *escrow = json_gets(doc, "escrow");
    const char *founder = json_gets(doc, "founder");
    const char *name = json_gets(doc, "name");
    if (escrow == NULL || !hex_is(escrow, AUTHOR_TEXT))
        return tampered(r, ESCROW_OBJECT, "its escrow id is malformed", err);
    if (founder == NULL || sign_public_parse(&out->founder, founder) != 0)
        return tampered(r, ESCROW_OBJECT, "its founder's key is malformed", err);
    escrow_id(id, &out->founder);
    if (strcmp(id, escrow) != 0)
        return tampered(r, ESCROW_OBJECT, "its founder's key does not give its escrow id", err);
    if (name == NULL || strlen(name) > LIMIT_TEXT)
        return tampered(r, ESCROW_OBJECT, "its name is malformed", err);
    memcpy(out->escrow, id, sizeof id);
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    return RC_OK;
}

static enum rc
identify_escrow(struct remote *r, struct copy_identity *out, struct buf *text, struct buf *again,
                struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = get_object(r, ESCROW_OBJECT, "escrow", text, &doc, err);
    if (rc == RC_NOT_FOUND) {
        (void)err_set(err, RC_COPY_NONE, "no copy at %.300s", remote_url(r));
        (void)err_why(err, "there is no %s", ESCROW_OBJECT);
        (void)err_hint(err, "is the disk or share mounted? `keymuster copy add` makes a place a "
                            "copy");
        rc = err->code;
    }
    if (rc == RC_OK)
        rc = read_escrow(r, out, doc, err);
    if (rc == RC_OK) {
        escrow_text(again, out);
        rc = check_canonical(r, ESCROW_OBJECT, text, again, err);
    }
    json_free(doc);
    return rc;
}

static enum rc
read_copy(const struct remote *r, struct copy_identity *out, const struct json *doc,
          const struct buf *text, struct buf *again, struct err *err)
{
    const char *id = json_gets(doc, "copy");
    const char *escrow = json_gets(doc, "escrow");
    if (id == NULL || !hex_is(id, AUTHOR_TEXT) || escrow == NULL || !hex_is(escrow, AUTHOR_TEXT))
        return tampered(r, COPY_OBJECT, "its ids are malformed", err);
    copy_text(again, id, escrow);
    enum rc rc = check_canonical(r, COPY_OBJECT, text, again, err);
    if (rc != RC_OK)
        return rc;
    if (strcmp(escrow, out->escrow) != 0) {
        (void)err_set(err, RC_COPY_FOREIGN, "%s at %.300s names another escrow", COPY_OBJECT,
                      remote_url(r));
        return err_why(err, "escrow.json says %s, copy.json says %s", out->escrow, escrow);
    }
    memcpy(out->id, id, sizeof out->id);
    return RC_OK;
}

static enum rc
identify_copy(struct remote *r, struct copy_identity *out, struct buf *text, struct buf *again,
              struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = get_object(r, COPY_OBJECT, "copy", text, &doc, err);
    if (rc == RC_NOT_FOUND)
        return RC_OK; /* readable, without high-water memory */
    if (rc == RC_OK)
        rc = read_copy(r, out, doc, text, again, err);
    json_free(doc);
    return rc;
}

enum rc
copy_identify(struct remote *r, struct copy_identity *out, struct err *err)
{
    struct buf text;
    struct buf again;
    memset(out, 0, sizeof *out);
    buf_init(&text, LIMIT_SMALL_FILE);
    buf_init(&again, LIMIT_SMALL_FILE);
    enum rc rc = remote_reach(r, err);
    if (rc == RC_OK)
        rc = identify_escrow(r, out, &text, &again, err);
    if (rc == RC_OK)
        rc = identify_copy(r, out, &text, &again, err);
    if (rc != RC_OK)
        memset(out, 0, sizeof *out);
    buf_release(&text);
    buf_release(&again);
    return rc;
}

int
copy_is_another(const struct store *store, struct remote *r, const char *bound)
{
    struct copy_identity id = {.escrow = ""};
    struct json *doc = NULL;
    struct err none = ERR_INIT;
    struct buf text, again;
    buf_init(&text, LIMIT_SMALL_FILE);
    buf_init(&again, LIMIT_SMALL_FILE);
    int another = identify_escrow(r, &id, &text, &again, &none) == RC_OK &&
                  strcmp(id.escrow, store->escrow) != 0;
    if (get_object(r, COPY_OBJECT, "copy", &text, &doc, &none) == RC_OK) {
        const char *copy = json_gets(doc, "copy");
        another |= copy != NULL && hex_is(copy, AUTHOR_TEXT) && strcmp(copy, bound) != 0;
    }
    json_free(doc);
    buf_release(&text);
    buf_release(&again);
    return another;
}

enum rc
copy_escrow_object(const struct store *store, struct buf *out, struct err *err)
{
    struct copy_identity mine = {.founder = store->founder};
    memcpy(mine.escrow, store->escrow, sizeof mine.escrow);
    (void)snprintf(mine.name, sizeof mine.name, "%s", store->name);
    escrow_text(out, &mine);
    return buf_check(out, ESCROW_OBJECT, err);
}

enum rc
copy_copy_object(const struct store *store, const struct copy *copy, struct buf *out,
                 struct err *err)
{
    copy_text(out, copy->id, store->escrow);
    return buf_check(out, COPY_OBJECT, err);
}
