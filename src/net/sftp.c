#define _GNU_SOURCE /* memfd_create */
#include "net/sftp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypt/hash.h"
#include "net/http.h"
#include "net/libcurl.h"
#include "net/url.h"
#include "sys/file.h"
#include "sys/process.h"
#include "text/enc.h"

enum {
    PORT = 22,
    CONNECT_MS = 10000,
    SLOW_MS = 30000,
    ALL_MS = 600000, /* somebody who answers a byte a second is not waited for for ever */
    ADDRESS = 6144,
    FINGERPRINT = 64, /* "SHA256:" and 43 characters of base64 */
    FILE_MODE = 0640, /* readable by the group: another site's user there has to read it */
    FOLDER_MODE = 0750
};

struct sftp {
    CURL *easy;
    char *host;
    unsigned port;
    char *user;
    char *known_hosts;
    char *host_key; /* the base64 alone */
    int64_t slow_ms, all_ms;
    char *proxy; /* NULL: none */
    const struct secret *proxy_login[2];
    struct sftp_codes codes;
    int is_key;
    int key_fd; /* -1; holds the private key for libssh2, which wants a file */
    char key_path[32];
    struct secret *password;
    char detail[CURL_ERROR_SIZE];
    int mismatch;           /* the last host key was another than the known one */
    char seen[FINGERPRINT]; /* its fingerprint, "" when none came */
};

/* ---- a connection ---- */

static int
is_private_key(const struct secret *s)
{
    static const char first[] = "-----BEGIN ";
    return s->len > sizeof first && memcmp(s->bytes, first, sizeof first - 1) == 0;
}

static enum rc
keep_key(struct sftp *s, const struct secret *key, struct err *err)
{
    s->key_fd = memfd_create("key", MFD_CLOEXEC);
    if (s->key_fd < 0)
        return err_errno(err, RC_IO, "keeping the private key");
    (void)snprintf(s->key_path, sizeof s->key_path, "/proc/self/fd/%d", s->key_fd);
    enum rc rc = file_write_fd(s->key_fd, key->bytes, key->len, "the private key", err);
    /* What the reference cut off at its end belongs to a key. */
    return rc == RC_OK ? file_write_fd(s->key_fd, "\n", 1, "the private key", err) : rc;
}

static enum rc
keep_credential(struct sftp *s, const struct secret *credential, struct err *err)
{
    s->is_key = is_private_key(credential);
    if (s->is_key)
        return keep_key(s, credential, err);
    enum rc rc = secret_new(&s->password, err);
    if (rc == RC_OK)
        rc = secret_add(s->password, credential->bytes, credential->len, err);
    return rc == RC_OK ? secret_add(s->password, "", 1, err) : rc; /* libcurl wants its NUL */
}

static int
keep_text(char **out, const char *text)
{
    *out = text != NULL ? strdup(text) : NULL;
    return text != NULL && *out == NULL;
}

static enum rc
check_config(const struct sftp_config *c, struct err *err)
{
    static const char prefix[] = "SHA256:";
    if (c->host_key != NULL && (strncmp(c->host_key, prefix, sizeof prefix - 1) != 0 ||
                                strlen(c->host_key) != sizeof prefix - 1 + 43)) {
        (void)err_set(err, RC_BAD_VALUE, "--host-key: \"%.80s\" is no fingerprint", c->host_key);
        return err_hint(err, "it reads SHA256: and 43 characters, as ssh-keygen -lf shows it");
    }
    return RC_OK;
}

enum rc
sftp_new(struct sftp **out, const struct sftp_config *config, struct err *err)
{
    *out = NULL;
    enum rc rc = check_config(config, err);
    if (rc == RC_OK)
        rc = http_check_proxy(config->proxy, err);
    if (rc == RC_OK)
        rc = libcurl_load(err);
    if (rc != RC_OK)
        return rc;
    struct sftp *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_nomem(err);
    s->key_fd = -1;
    s->port = config->port > 0 ? config->port : PORT;
    s->slow_ms = config->timeout_ms > 0 ? config->timeout_ms : SLOW_MS;
    s->all_ms = config->timeout_ms > 0 ? config->timeout_ms : ALL_MS;
    s->codes = config->codes;
    s->proxy_login[0] = config->proxy_login[0];
    s->proxy_login[1] = config->proxy_login[1];
    s->easy = curl.easy_init();
    int failed = keep_text(&s->host, config->host) | keep_text(&s->user, config->user) |
                 keep_text(&s->known_hosts, config->known_hosts) |
                 keep_text(&s->proxy, config->proxy) |
                 keep_text(&s->host_key, config->host_key != NULL ? config->host_key + 7 : NULL);
    rc = failed || s->easy == NULL ? err_nomem(err) : keep_credential(s, config->credential, err);
    if (rc != RC_OK) {
        sftp_free(s);
        return rc;
    }
    *out = s;
    return RC_OK;
}

void
sftp_free(struct sftp *s)
{
    if (s == NULL)
        return;
    if (s->easy != NULL)
        curl.easy_cleanup(s->easy);
    if (s->key_fd >= 0)
        (void)close(s->key_fd);
    secret_free(s->password);
    free(s->host);
    free(s->user);
    free(s->known_hosts);
    free(s->host_key);
    free(s->proxy);
    free(s);
}

/* ---- the host key ---- */

/* Called when libssh2 has compared the key with the known hosts; what it found goes into messages.
 */
static int
on_host_key(CURL *easy, const struct curl_khkey *known, const struct curl_khkey *found,
            enum curl_khmatch match, void *arg)
{
    struct sftp *s = arg;
    struct buf text;
    (void)easy;
    (void)known;
    s->mismatch = match == CURLKHMATCH_MISMATCH;
    buf_init(&text, FINGERPRINT);
    if (found->len > 0) {
        unsigned char hash[HASH_SIZE];
        sha256(hash, found->key, found->len);
        base64_encode(&text, hash, sizeof hash);
        (void)snprintf(s->seen, sizeof s->seen, "SHA256:%.43s", buf_str(&text));
    }
    buf_release(&text);
    return match == CURLKHMATCH_OK ? CURLKHSTAT_FINE : CURLKHSTAT_REJECT;
}

static enum rc
bad_host_key(struct sftp *s, struct err *err)
{
    /* "...mismatch sha256 fingerprint. Remote X is not equal to Y" */
    const char *remote = strstr(s->detail, "Remote ");
    if (s->host_key != NULL && remote != NULL)
        (void)snprintf(s->seen, sizeof s->seen, "SHA256:%.43s", remote + 7);
    int changed = s->host_key != NULL || s->mismatch;
    (void)err_set(err, changed ? s->codes.changed : s->codes.untrusted,
                  changed ? "%s shows another host key than the known one"
                          : "nothing here says which host key %s has",
                  s->host);
    if (s->seen[0] != '\0')
        (void)err_why(err, "it shows %s", s->seen);
    if (changed)
        return err_hint(err,
                        "find out why, over another way, before you trust it; nothing was sent");
    return err_hint(err,
                    "compare that with what the server itself says, then pin it: --host-key %s",
                    s->seen[0] != '\0' ? s->seen : "SHA256:...");
}

/* ---- one request ---- */

static int
on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)arg;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return signals_pending() != 0;
}

/* Without either file or pin nothing is known, and the key is only looked at. */
static void
set_host_key(struct sftp *s)
{
    const char *known = s->known_hosts != NULL ? s->known_hosts : "/dev/null";
    (void)curl.easy_setopt(s->easy, CURLOPT_SSH_KNOWNHOSTS, known);
    (void)curl.easy_setopt(s->easy, CURLOPT_SSH_KEYFUNCTION, on_host_key);
    (void)curl.easy_setopt(s->easy, CURLOPT_SSH_KEYDATA, s);
    if (s->host_key != NULL)
        (void)curl.easy_setopt(s->easy, CURLOPT_SSH_HOST_PUBLIC_KEY_SHA256, s->host_key);
}

static void
set_credential(struct sftp *s)
{
    (void)curl.easy_setopt(s->easy, CURLOPT_USERNAME, s->user);
    if (s->is_key) {
        (void)curl.easy_setopt(s->easy, CURLOPT_SSH_AUTH_TYPES, (long)CURLSSH_AUTH_PUBLICKEY);
        (void)curl.easy_setopt(s->easy, CURLOPT_SSH_PRIVATE_KEYFILE, s->key_path);
        return;
    }
    (void)curl.easy_setopt(s->easy, CURLOPT_SSH_AUTH_TYPES,
                           (long)(CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD));
    (void)curl.easy_setopt(s->easy, CURLOPT_PASSWORD, (const char *)s->password->bytes);
}

/* 0 when all was taken. */
static int
set_proxy(const struct sftp *s)
{
    int bad =
        curl.easy_setopt(s->easy, CURLOPT_PROXY, s->proxy != NULL ? s->proxy : "") != CURLE_OK;
    if (s->proxy == NULL)
        return bad;
    bad |= curl.easy_setopt(s->easy, CURLOPT_HTTPPROXYTUNNEL, 1L) != CURLE_OK;
    bad |= curl.easy_setopt(s->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) != CURLE_OK;
    if (s->proxy_login[0] == NULL)
        return bad;
    const char *user = (const char *)s->proxy_login[0]->bytes;
    const char *password = (const char *)s->proxy_login[1]->bytes;
    bad |= curl.easy_setopt(s->easy, CURLOPT_PROXYUSERNAME, user) != CURLE_OK;
    bad |= curl.easy_setopt(s->easy, CURLOPT_PROXYPASSWORD, password) != CURLE_OK;
    return bad | (curl.easy_setopt(s->easy, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC) != CURLE_OK);
}

/* Sets everything anew; only the connection stays from the request before. */
static enum rc
begin(struct sftp *s, const char *path, struct err *err)
{
    struct buf url;
    curl.easy_reset(s->easy);
    s->detail[0] = s->seen[0] = '\0';
    s->mismatch = 0;
    buf_init(&url, ADDRESS);
    buf_addf(&url, "sftp://%s:%u", s->host, s->port);
    if (path[0] == '~')
        buf_addc(&url, '/');
    url_add_path(&url, path);
    enum rc rc = buf_check(&url, "an address", err);
    int bad = rc == RC_OK && (curl.easy_setopt(s->easy, CURLOPT_URL, buf_str(&url)) != CURLE_OK ||
                              curl.easy_setopt(s->easy, CURLOPT_PROTOCOLS_STR, "sftp") != CURLE_OK);
    buf_release(&url);
    if (bad) {
        (void)err_set(err, RC_CONFIG, "the network library libcurl knows no SFTP");
        return err_hint(err, "Debian's libcurl4 does");
    }
    if (rc != RC_OK)
        return rc;
    set_host_key(s);
    set_credential(s);
    if (set_proxy(s) != 0)
        return err_nomem(err);
    (void)curl.easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl.easy_setopt(s->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl.easy_setopt(s->easy, CURLOPT_TIMEOUT_MS, (long)s->all_ms);
    (void)curl.easy_setopt(s->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl.easy_setopt(s->easy, CURLOPT_LOW_SPEED_TIME, (long)((s->slow_ms + 999) / 1000));
    (void)curl.easy_setopt(s->easy, CURLOPT_SERVER_RESPONSE_TIMEOUT,
                           (long)((s->slow_ms + 999) / 1000));
    (void)curl.easy_setopt(s->easy, CURLOPT_ERRORBUFFER, s->detail);
    (void)curl.easy_setopt(s->easy, CURLOPT_NOPROGRESS, 0L);
    (void)curl.easy_setopt(s->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    return RC_OK;
}

static enum rc
denied(const struct sftp *s, struct err *err)
{
    (void)err_set(err, s->codes.denied, "%s does not let %s in", s->host, s->user);
    (void)err_why(err, "the login was refused, or the line broke during it: libcurl does not tell "
                       "the two apart");
    if (!s->is_key)
        return err_hint(err, "is the password right, and does the server allow passwords?");
    return err_hint(err, "is its public half at the server? RSA keys and keys with a passphrase do "
                         "not work; make one: ssh-keygen -t ed25519 -N '' -f FILE");
}

/* The proxy answered, and not with a way to the server. */
static enum rc
proxy_refuses(const struct sftp *s, long status, struct err *err)
{
    int login = status == 401 || status == 407;
    (void)err_set(err, status >= 500 ? s->codes.unreachable : s->codes.proxy,
                  "%s: the proxy %.200s %s", s->host, strstr(s->proxy, "://") + 3,
                  status >= 500 ? "does not reach it" : "refuses");
    (void)err_why(err, "it answers %ld%s", status,
                  !login                      ? ""
                  : s->proxy_login[0] != NULL ? ": it does not know this user or password"
                                              : ": it wants a login, and none is bound here");
    if (login)
        return err_hint(err, "say where its login is: --credential proxy=REF");
    return status >= 500
               ? err->code
               : err_hint(err, "ask whoever runs it to allow CONNECT to port %u", s->port);
}

static enum rc
unreachable(const struct sftp *s, CURLcode code, struct err *err)
{
    long status = 0;
    if (s->proxy != NULL)
        (void)curl.easy_getinfo(s->easy, CURLINFO_HTTP_CONNECTCODE, &status);
    if (status >= 300)
        return proxy_refuses(s, status, err);
    if (s->proxy != NULL && code == CURLE_COULDNT_CONNECT) {
        (void)err_set(err, s->codes.unreachable, "%s: its proxy %.200s does not answer", s->host,
                      strstr(s->proxy, "://") + 3);
        return err_why(err, "%.300s", s->detail);
    }
    (void)err_set(err, s->codes.unreachable, "%s cannot be reached", s->host);
    (void)err_why(err, "%.300s", s->detail[0] != '\0' ? s->detail : curl.easy_strerror(code));
    return err->code;
}

/* What libcurl says a request came to; a path for messages. */
static enum rc
end(struct sftp *s, CURLcode code, const char *path, struct err *err)
{
    switch ((int)code) {
    case CURLE_OK:
        return RC_OK;
    case CURLE_ABORTED_BY_CALLBACK:
        return err_set(err, RC_INTERRUPTED, "interrupted while waiting for the network");
    case CURLE_OUT_OF_MEMORY:
        return err_nomem(err);
    case CURLE_PEER_FAILED_VERIFICATION:
        return bad_host_key(s, err);
    case CURLE_LOGIN_DENIED:
        return denied(s, err);
    case CURLE_REMOTE_FILE_NOT_FOUND:
        return err_set(err, RC_NOT_FOUND, "%.300s is not there", path);
    case CURLE_REMOTE_DISK_FULL:
        return err_set(err, s->codes.full, "%s has no space left", s->host);
    case CURLE_REMOTE_ACCESS_DENIED:
    case CURLE_UPLOAD_FAILED:
        (void)err_set(err, s->codes.closed, "%s refuses %.300s", s->host, path);
        return err_why(err, "%.300s", s->detail);
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
        return err_set(err, RC_BAD_VALUE, "%.300s is larger than it can be", path);
    default:
        return unreachable(s, code, err);
    }
}

/* ---- reading ---- */

static size_t
on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct buf *out = arg;
    buf_add(out, bytes, size * count);
    return out->failed == 0 ? size * count : 0;
}

static enum rc
read_into(struct sftp *s, const char *path, struct buf *out, struct err *err)
{
    (void)curl.easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    (void)curl.easy_setopt(s->easy, CURLOPT_WRITEDATA, out);
    enum rc rc = end(s, curl.easy_perform(s->easy), path, err);
    return rc == RC_BAD_VALUE && out->failed == RC_NO_MEMORY ? err_nomem(err) : rc;
}

enum rc
sftp_get(struct sftp *s, const char *path, struct buf *out, struct err *err)
{
    enum rc rc = begin(s, path, err);
    if (rc != RC_OK)
        return rc;
    (void)curl.easy_setopt(s->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)(out->max - out->len));
    return read_into(s, path, out, err);
}

enum rc
sftp_get_start(struct sftp *s, const char *path, struct buf *out, struct err *err)
{
    char range[48];
    enum rc rc = begin(s, path, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(range, sizeof range, "0-%zu", out->max - out->len - 1);
    (void)curl.easy_setopt(s->easy, CURLOPT_RANGE, range);
    return read_into(s, path, out, err);
}

enum rc
sftp_list(struct sftp *s, const char *path, struct buf *out, struct err *err)
{
    char folder[PATH_SIZE];
    (void)snprintf(folder, sizeof folder, "%.4000s/", path);
    enum rc rc = begin(s, folder, err);
    if (rc != RC_OK)
        return rc;
    (void)curl.easy_setopt(s->easy, CURLOPT_DIRLISTONLY, 1L);
    return read_into(s, path, out, err);
}

/* ---- writing ---- */

struct sending {
    const char *bytes;
    size_t len;
    size_t at;
};

static size_t
on_send(char *to, size_t size, size_t count, void *arg)
{
    struct sending *from = arg;
    size_t n = size * count;
    if (n > from->len - from->at)
        n = from->len - from->at;
    if (n > 0)
        memcpy(to, from->bytes + from->at, n);
    from->at += n;
    return n;
}

/*
 * Bytes were not taken. A server whose disk is full says no more than that it failed, and libcurl
 * says the same when the line breaks: who still answers was the one who would not take them.
 */
static enum rc
not_taken(struct sftp *s, const char *path, struct err *err)
{
    struct err none = ERR_INIT;
    if (begin(s, "/", &none) != RC_OK)
        return err->code;
    (void)curl.easy_setopt(s->easy, CURLOPT_NOBODY, 1L);
    if (curl.easy_perform(s->easy) != CURLE_OK)
        return err->code;
    (void)err_set(err, s->codes.full, "%s does not take %.300s", s->host, path);
    return err_why(err, "SFTP does not say why: is the disk there full, or a quota used up?");
}

enum rc
sftp_put(struct sftp *s, const char *path, const void *bytes, size_t len, struct err *err)
{
    struct sending from = {bytes, len, 0};
    enum rc rc = begin(s, path, err);
    if (rc != RC_OK)
        return rc;
    (void)curl.easy_setopt(s->easy, CURLOPT_UPLOAD, 1L);
    (void)curl.easy_setopt(s->easy, CURLOPT_READFUNCTION, on_send);
    (void)curl.easy_setopt(s->easy, CURLOPT_READDATA, &from);
    (void)curl.easy_setopt(s->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)len);
    (void)curl.easy_setopt(s->easy, CURLOPT_FTP_CREATE_MISSING_DIRS, (long)CURLFTP_CREATE_DIR);
    (void)curl.easy_setopt(s->easy, CURLOPT_NEW_FILE_PERMS, (long)FILE_MODE);
    (void)curl.easy_setopt(s->easy, CURLOPT_NEW_DIRECTORY_PERMS, (long)FOLDER_MODE);
    CURLcode code = curl.easy_perform(s->easy);
    rc = end(s, code, path, err);
    if (code == CURLE_SSH)
        rc = not_taken(s, path, err);
    if (rc == RC_NOT_FOUND) /* a folder on the way could not be made */
        rc = err_set(err, s->codes.closed, "%s refuses %.300s", s->host, path);
    return rc;
}

/* A path as one word of a command: quoted as libcurl reads it. "~/" is what the server begins at.
 */
static void
add_word(struct buf *out, const char *path)
{
    if (strncmp(path, "~/", 2) == 0)
        path += 2;
    buf_addc(out, '"');
    for (; *path != '\0'; path++) {
        if (*path == '"' || *path == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *path);
    }
    buf_addc(out, '"');
}

/* One command, or two; refused: the error when the server says no. */
static enum rc
command(struct sftp *s, const char *first, const char *second, enum rc refused, struct err *err)
{
    struct curl_slist *list = curl.list_append(NULL, first);
    struct curl_slist *longer =
        list != NULL && second != NULL ? curl.list_append(list, second) : list;
    enum rc rc = longer == NULL ? err_nomem(err) : begin(s, "/", err);
    if (rc == RC_OK) {
        (void)curl.easy_setopt(s->easy, CURLOPT_NOBODY, 1L);
        (void)curl.easy_setopt(s->easy, CURLOPT_QUOTE, longer);
        CURLcode code = curl.easy_perform(s->easy);
        rc = code == CURLE_QUOTE_ERROR
                 ? err_set(err, refused, "%s refuses: %.300s", s->host, s->detail)
                 : end(s, code, "/", err);
        curl.easy_reset(s->easy); /* the list is not to be used again */
    }
    if (list != NULL)
        curl.list_free(list);
    return rc;
}

enum rc
sftp_rename(struct sftp *s, const char *from, const char *to, int replace, struct err *err)
{
    struct buf away;
    struct buf rename;
    buf_init(&away, ADDRESS);
    buf_init(&rename, (size_t)2 * ADDRESS);
    buf_adds(&away, "*rm "); /* "*": whether it is there or not */
    add_word(&away, to);
    buf_adds(&rename, "rename ");
    add_word(&rename, from);
    buf_addc(&rename, ' ');
    add_word(&rename, to);
    enum rc rc = buf_check(&rename, "a command", err);
    if (rc == RC_OK)
        rc = buf_check(&away, "a command", err);
    if (rc == RC_OK)
        rc = command(s, replace ? buf_str(&away) : buf_str(&rename),
                     replace ? buf_str(&rename) : NULL, RC_EXISTS, err);
    buf_release(&away);
    buf_release(&rename);
    return rc;
}

enum rc
sftp_remove(struct sftp *s, const char *path, struct err *err)
{
    struct buf line;
    buf_init(&line, ADDRESS);
    buf_adds(&line, "rm ");
    add_word(&line, path);
    enum rc rc = buf_check(&line, "a command", err);
    if (rc == RC_OK)
        rc = command(s, buf_str(&line), NULL, RC_NOT_FOUND, err);
    buf_release(&line);
    return rc;
}
