#include "copy/copy.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "copy/identity.h"
#include "copy/known.h"
#include "crypt/hash.h"
#include "escrow/view.h"
#include "sys/dir.h"
#include "text/enc.h"

/* ---- opening ---- */

static enum rc
check_escrow(const struct store *store, const struct remote *r, const struct copy_identity *id,
             struct err *err)
{
    if (strcmp(id->escrow, store->escrow) != 0) {
        (void)err_set(err, RC_COPY_FOREIGN, "%.300s belongs to another escrow", remote_url(r));
        (void)err_why(err, "it is a copy of escrow %s \"%.100s\"; this store's is %s", id->escrow,
                      id->name, store->escrow);
        return err_hint(err, "give each escrow a place of its own");
    }
    if (strcmp(id->name, store->name) != 0) {
        (void)err_set(err, RC_COPY_TAMPERED, "%s at %.300s was altered", ESCROW_OBJECT,
                      remote_url(r));
        return err_why(err, "its name is not that of the escrow");
    }
    return RC_OK;
}

void
copy_access(const struct store *store, const char *name, struct remote_access *out)
{
    out->credential = store_conf(store, "copy", name, "credential");
    out->known_hosts = store_conf(store, "copy", name, "known-hosts");
    out->host_key = store_conf(store, "copy", name, "host-key");
    out->endpoint = store_conf(store, "copy", name, "endpoint");
    out->region = store_conf(store, "copy", name, "region");
    out->iam = store_conf(store, "copy", name, "iam");
    out->ca = store_conf(store, "copy", name, "ca");
    out->proxy = store_conf(store, "copy", name, "proxy");
    out->proxy_credential = store_conf(store, "copy", name, "proxy-credential");
    if (out->proxy == NULL)
        out->proxy = store_conf(store, "network", NULL, "proxy");
}

static void
note_id(struct copy *out, const char *id, const char *name)
{
    memcpy(out->id, id, sizeof out->id);
    if (out->id[0] != '\0')
        copy_id_to_uuid(out->uuid, out->id);
    (void)snprintf(out->name, sizeof out->name, "%s", name);
}

static void
add_file(struct buf *text, const char *folder, const char *name)
{
    char path[PATH_SIZE];
    struct stat st;
    struct err scratch = ERR_INIT;
    if (path_join(path, folder, name, &scratch) != RC_OK || lstat(path, &st) != 0)
        return;
    /* Times as coarse as on a FAT disk tell two disks apart by chance only. */
    if (st.st_ctim.tv_nsec % 10000000 == 0)
        buf_addf(text, "\n%lld", (long long)clock_now_ms());
    buf_addf(text, "\n%llx %llx %lld %lld.%ld", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_ctim.tv_sec,
             st.st_ctim.tv_nsec);
}

/* What stands for a place: its URL, and in a folder the two files that were read; a file that is
 * written, or lies on another disk, is another one. "" on failure. */
static void
place_print(char out[HASH_TEXT + 1], const struct remote *r)
{
    const char *folder = remote_folder(r);
    struct buf text;
    struct err scratch = ERR_INIT;
    buf_init(&text, (size_t)4 * PATH_SIZE);
    buf_adds(&text, remote_url(r));
    if (folder != NULL) {
        add_file(&text, folder, ESCROW_OBJECT);
        add_file(&text, folder, COPY_OBJECT);
    }
    out[0] = '\0';
    if (buf_check(&text, "a place", &scratch) == RC_OK)
        sha256_hex(out, buf_str(&text), text.len);
    buf_release(&text);
}

static enum rc
identify(const struct store *store, struct remote *r, struct copy_identity *id, struct err *err)
{
    enum rc rc = copy_identify(r, id, err);
    return rc == RC_OK ? check_escrow(store, r, id, err) : rc;
}

/* Opens and identifies; *out is zero on failure. */
static enum rc
open_place(const struct store *store, const char *url, const struct remote_access *access,
           const char *name, struct copy *out, struct err *err)
{
    struct copy_identity id;
    char place[HASH_TEXT + 1] = "";
    memset(out, 0, sizeof *out);
    enum rc rc = remote_open(&out->remote, url, access, err);
    if (rc == RC_OK) {
        place_print(place, out->remote); /* before: what is written meanwhile is read again */
        rc = identify(store, out->remote, &id, err);
    }
    if (rc != RC_OK)
        return err_wrap(err, "copy %s", name);
    note_id(out, id.id, name);
    memcpy(out->place, place, sizeof out->place);
    return RC_OK;
}

static enum rc
any_name(void *arg, const char *name, struct err *err)
{
    (void)name;
    (void)err;
    *(int *)arg = 1;
    return RC_OK;
}

/* A copy that we know, at a place without escrow.json: mostly the empty folder on which the disk is
 * mounted when it is there. */
static enum rc
nothing_there(struct remote *r, const char *name, struct err *err)
{
    int heads = 0;
    struct err scratch = ERR_INIT;
    enum rc rc = remote_list(r, "head", any_name, &heads, &scratch);
    if (rc == RC_OK && heads) {
        (void)err_set(err, RC_COPY_TAMPERED, "copy %s: %s is gone from %.300s", name, ESCROW_OBJECT,
                      remote_url(r));
        return err_why(err, "other objects of a copy are there");
    }
    (void)err_set(err, RC_COPY_UNREACHABLE, "copy %s cannot be reached", name);
    (void)err_why(err, "nothing is there at %.300s", remote_url(r));
    return err_hint(err, remote_folder(r) != NULL
                             ? "is the disk or share mounted? then run `keymuster sync`"
                             : "is the address right (keymuster copy list)? then run "
                               "`keymuster sync`");
}

/* Two disks with one label are easily exchanged. */
static void
hint_exchanged(const struct store *store, const struct copy *c, struct err *err)
{
    for (size_t i = 0; ini_name_at(store->conf, "copy", i) != NULL; i++) {
        const char *name = ini_name_at(store->conf, "copy", i);
        const char *id = store_conf(store, "copy", name, "id");
        if (id != NULL && c->id[0] != '\0' && strcmp(id, c->id) == 0)
            (void)err_hint(
                err, "that is the copy %s: were two disks exchanged? put each back again", name);
    }
}

static enum rc
check_bound(const struct store *store, const struct copy *c, const char *bound, struct err *err)
{
    if (bound == NULL || bound[0] == '\0' || strcmp(bound, c->id) == 0)
        return RC_OK;
    (void)err_set(err, RC_COPY_TAMPERED, "copy %s: %.300s is not the copy that was bound", c->name,
                  remote_url(c->remote));
    (void)err_why(err, "bound was %s; it says that it is %s", bound,
                  c->id[0] != '\0' ? c->id : "nothing (copy.json is gone)");
    hint_exchanged(store, c, err);
    return err_hint(err, "if the place was replaced on purpose, bind it: keymuster copy set %s",
                    c->name);
}

static enum rc
bound_url(const struct store *store, const char *name, const char **url, struct err *err)
{
    *url = store_conf(store, "copy", name, "url");
    if (*url != NULL)
        return RC_OK;
    (void)err_set(err, RC_COPY_NOT_BOUND, "copy %s is not bound here", name);
    return err_hint(err, "bind it: keymuster copy set %s URL", name);
}

enum rc
copy_open_again(struct store *store, const char *name, struct copy *out, struct err *err)
{
    const char *url = NULL;
    const char *id = store_conf(store, "copy", name, "id");
    char place[HASH_TEXT + 1];
    struct remote_access access;
    struct known known = {.value = ""};
    memset(out, 0, sizeof *out);
    enum rc rc = bound_url(store, name, &url, err);
    if (rc == RC_OK && id != NULL && hex_is(id, AUTHOR_TEXT))
        rc = known_get(store, id, "place", &known, err);
    if (rc != RC_OK || known.value[0] == '\0')
        return rc == RC_OK ? copy_open(store, name, out, err) : rc;
    copy_access(store, name, &access);
    rc = remote_open(&out->remote, url, &access, err);
    if (rc != RC_OK)
        return err_wrap(err, "copy %s", name);
    place_print(place, out->remote);
    if (strcmp(place, known.value) == 0 && (known.recent || remote_folder(out->remote) != NULL)) {
        note_id(out, id, name);
        out->assumed = 1;
        return RC_OK;
    }
    copy_close(out);
    return copy_open(store, name, out, err);
}

enum rc
copy_open(struct store *store, const char *name, struct copy *out, struct err *err)
{
    const char *url = NULL;
    memset(out, 0, sizeof *out);
    if (bound_url(store, name, &url, err) != RC_OK)
        return err->code;
    struct remote_access access;
    copy_access(store, name, &access);
    enum rc rc = open_place(store, url, &access, name, out, err);
    if (rc == RC_COPY_NONE)
        rc = nothing_there(out->remote, name, err);
    if (rc == RC_OK)
        rc = check_bound(store, out, store_conf(store, "copy", name, "id"), err);
    if (rc != RC_OK)
        copy_close(out);
    return rc;
}

enum rc
copy_confirm(struct store *store, struct copy *copy, struct err *err)
{
    struct copy_identity id;
    struct copy now = {.remote = copy->remote};
    if (!copy->assumed)
        return RC_OK;
    enum rc rc = identify(store, copy->remote, &id, err);
    if (rc == RC_COPY_NONE)
        return nothing_there(copy->remote, copy->name, err);
    if (rc != RC_OK)
        return err_wrap(err, "copy %s", copy->name);
    note_id(&now, id.id, copy->name);
    return check_bound(store, &now, copy->id, err);
}

enum rc
copy_open_damaged(struct store *store, const char *name, struct copy *out, struct err *err)
{
    enum rc rc = copy_open(store, name, out, err);
    const char *url = store_conf(store, "copy", name, "url");
    const char *bound = store_conf(store, "copy", name, "id");
    if ((rc != RC_COPY_TAMPERED && rc != RC_COPY_FOREIGN) || bound == NULL ||
        !hex_is(bound, AUTHOR_TEXT))
        return rc;
    struct err open_err = ERR_INIT;
    struct remote_access access;
    copy_access(store, name, &access);
    if (remote_open(&out->remote, url, &access, &open_err) != RC_OK ||
        copy_is_another(store, out->remote, bound)) {
        copy_close(out);
        return rc;
    }
    memcpy(out->id, bound, sizeof out->id);
    copy_id_to_uuid(out->uuid, out->id);
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    err_clear(err);
    return RC_OK;
}

enum rc
copy_open_url(struct store *store, const char *url, const struct remote_access *access,
              const char *name, struct copy *out, struct err *err)
{
    enum rc rc = open_place(store, url, access, name, out, err);
    if (rc != RC_OK)
        copy_close(out);
    return rc;
}

enum rc
copy_is_at(const struct store *store, const char *name, const char *site, int *there,
           struct err *err)
{
    char uuid[UUID_TEXT + 1], at[UUID_TEXT + 1];
    const char *id = store_conf(store, "copy", name, "id");
    *there = 0;
    if (id == NULL || site[0] == '\0')
        return RC_OK;
    copy_id_to_uuid(uuid, id);
    enum rc rc = object_site(store, uuid, at, err);
    *there = rc == RC_OK && strcmp(at, site) == 0;
    return rc;
}

void
copy_close(struct copy *c)
{
    remote_close(c->remote);
    memset(c, 0, sizeof *c);
}

/* ---- making a place a copy ---- */

/* A folder that is not there yet is made when the one above it is: a mistyped mount point must not
 * become a tree on the system disk. */
static enum rc
make_folder(struct remote *r, struct err *err)
{
    char parent[PATH_SIZE];
    const char *folder = remote_folder(r);
    if (folder == NULL || dir_exists(folder))
        return RC_OK;
    (void)snprintf(parent, sizeof parent, "%s", folder);
    char *slash = strrchr(parent, '/');
    *slash = '\0';
    if (slash != parent && !dir_exists(parent))
        return remote_reach(r, err);
    struct err cause = ERR_INIT;
    enum rc rc = dir_make(folder, 0700, &cause);
    if (rc == RC_OK)
        return RC_OK;
    (void)err_set(err, rc == RC_READ_ONLY ? RC_COPY_READ_ONLY : RC_COPY_UNREACHABLE,
                  "%.300s cannot be made", remote_url(r));
    err->os_errno = cause.os_errno;
    return err_why(err, "%s", cause.why);
}

/* Whether this store knows the id at another place than this. */
static int
bound_elsewhere(const struct store *store, const struct remote *r, const char *id)
{
    for (size_t i = 0;; i++) {
        const char *name = ini_name_at(store->conf, "copy", i);
        if (name == NULL)
            return 0;
        const char *bound = store_conf(store, "copy", name, "id");
        const char *url = store_conf(store, "copy", name, "url");
        if (bound == NULL || url == NULL || strcmp(bound, id) != 0)
            continue;
        if (strcmp(url, remote_url(r)) != 0) /* bound in the one spelling */
            return 1;
    }
}

static enum rc
lay_escrow(const struct store *store, struct remote *r, struct err *err)
{
    struct buf text;
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = copy_escrow_object(store, &text, err);
    if (rc == RC_OK)
        rc = remote_create_once(r, ESCROW_OBJECT, buf_str(&text), text.len, err);
    buf_release(&text);
    return rc;
}

/* A new id; over the old one when the place is a copy of a copy. */
static enum rc
lay_id(const struct store *store, struct remote *r, int replace, char id[AUTHOR_TEXT + 1],
       struct err *err)
{
    unsigned char raw[16];
    struct buf text;
    struct copy copy = {.remote = r};
    buf_init(&text, LIMIT_SMALL_FILE);
    random_bytes(raw, sizeof raw);
    hex_encode(id, raw, sizeof raw);
    memcpy(copy.id, id, sizeof copy.id);
    enum rc rc = copy_copy_object(store, &copy, &text, err);
    if (rc == RC_OK && replace)
        rc = remote_put(r, COPY_OBJECT, buf_str(&text), text.len, err);
    else if (rc == RC_OK)
        rc = remote_create_once(r, COPY_OBJECT, buf_str(&text), text.len, err);
    buf_release(&text);
    return rc;
}

enum rc
copy_lay_out(struct store *store, struct remote *r, char id[AUTHOR_TEXT + 1], struct err *err)
{
    struct copy_identity there;
    id[0] = '\0';
    enum rc rc = make_folder(r, err);
    if (rc == RC_OK)
        rc = copy_identify(r, &there, err);
    if (rc == RC_COPY_NONE) {
        rc = lay_escrow(store, r, err);
        if (rc == RC_OK)
            rc = copy_identify(r, &there, err); /* read back; and a torn copy.json may be there */
    }
    if (rc == RC_OK)
        rc = check_escrow(store, r, &there, err);
    if (rc != RC_OK)
        return rc;
    int replace = there.id[0] != '\0' && bound_elsewhere(store, r, there.id);
    if (there.id[0] == '\0' || replace)
        return lay_id(store, r, replace, id, err);
    memcpy(id, there.id, sizeof there.id); /* adopted */
    return RC_OK;
}
