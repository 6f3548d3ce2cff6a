# shellcheck shell=bash
# WebDAV servers on loopback, for copies by davs://: lighttpd (strict) or nginx with dav-ext (lax), with TLS under an authority of their own
# and two users with passwords, of whom one may only read. And tinyproxy, for the ways around.
#
#   dav_start KIND DIR    starts lighttpd or nginx; DIR (made) gets all it needs
#   dav_stop              ends exactly what was started
#   dav_again [LINE...]   ends it and starts it at the same port, with these lines added to its configuration (lighttpd)
#   dav_front             puts a front before it, which DAV_URL then goes to; see the head of dav_front.js
#   dav_fault JSON        plants faults there; none: []
#   dav_curl METHOD PATH [OPTION...]   one request as the user who may write; prints the status
#   dav_certificate NAME SAN...        DIR/NAME.pem and DIR/NAME.key, signed by the authority
#   proxy_start DIR [LINE...], proxy_stop   tinyproxy, with these lines in its configuration
#
#   scene_dav KIND        (with cli.bash) such a server, and a founder with a copy there and a released key; with a front where FRONT is set
#   left_clean            nothing half-written lies there, and no probe
#
# Exports: DAV_PORT, DAV_URL (davs://127.0.0.1:PORT/files), DAV_FILES (that folder), DAV_CA (file), DAV_USER and DAV_READER (files with
# USER:PASSWORD), DAV_PID, DAV_DIR, DAV_KIND; PROXY (http://127.0.0.1:PORT), PROXY_LOG. DAV_BODY is nginx's largest body.

: "${KM_TOOLS:?set it to the folder of the test helpers, or run ctest}"

dav_authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=copies authority' -days 2 \
        -addext basicConstraints=critical,CA:TRUE -keyout "$1/ca.key" -out "$1/ca.pem" 2>/dev/null
}

dav_certificate() {
    local dir=$DAV_DIR name=$1 names
    shift
    names=$(printf ',%s' "$@")
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
    openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
        -extfile <(printf 'subjectAltName=%s\n' "${names:1}") -out "$dir/$name.pem" 2>/dev/null
}

dav_config_lighttpd() { # reader's Authorization
    cat <<END
server.modules = ("mod_auth", "mod_authn_file", "mod_openssl", "mod_webdav", "mod_accesslog")
server.bind = "127.0.0.1"
server.port = $DAV_PORT
server.document-root = "$DAV_DIR/root"
server.upload-dirs = ("$DAV_DIR/tmp")
server.errorlog = "$DAV_DIR/error.log"
server.max-keep-alive-requests = 100000
server.stat-cache-engine = "disable"
accesslog.filename = "$DAV_DIR/access.log"
accesslog.format = "%m %U %s"
ssl.engine = "enable"
ssl.pemfile = "$DAV_DIR/server.pem"
ssl.privkey = "$DAV_DIR/server.key"
auth.backend = "plain"
auth.backend.plain.userfile = "$DAV_DIR/users"
auth.require = ("" => ("method" => "basic", "realm" => "copies", "require" => "valid-user"))
webdav.activate = "enable"
webdav.sqlite-db-name = "$DAV_DIR/tmp/locks.db"
\$REQUEST_HEADER["Authorization"] == "Basic $1" {
    webdav.is-readonly = "enable"
}
END
}

dav_config_nginx() { # reader's name
    cat <<END
load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
pid $DAV_DIR/pid;
error_log $DAV_DIR/error.log;
daemon off;
worker_processes 4;
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
events { worker_connections 64; }
http {
    log_format short '\$request_method \$uri \$status';
    access_log $DAV_DIR/access.log short;
    client_body_temp_path $DAV_DIR/tmp/body;
    proxy_temp_path $DAV_DIR/tmp/proxy;
    fastcgi_temp_path $DAV_DIR/tmp/fastcgi;
    uwsgi_temp_path $DAV_DIR/tmp/uwsgi;
    scgi_temp_path $DAV_DIR/tmp/scgi;
    dav_ext_lock_zone zone=locks:1m;
    keepalive_requests 100000;
    map "\$remote_user \$request_method" \$closed {
        default 0;
        "~^$1 (PUT|DELETE|MKCOL|COPY|MOVE)" 1;
    }
    server {
        listen 127.0.0.1:$DAV_PORT ssl http2;
        ssl_certificate $DAV_DIR/server.pem;
        ssl_certificate_key $DAV_DIR/server.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        root $DAV_DIR/root;
        client_max_body_size ${DAV_BODY:-64m};
        auth_basic copies;
        auth_basic_user_file $DAV_DIR/users.crypt;
        dav_methods PUT DELETE MKCOL COPY MOVE;
        dav_ext_methods PROPFIND OPTIONS LOCK UNLOCK;
        dav_ext_lock zone=locks;
        if (\$closed) { return 403; }
    }
}
END
}

# Starts it at DAV_PORT; 1 when it does not come up.
dav_up() {
    local i
    : >"$DAV_DIR/stderr"
    case $DAV_KIND in
        lighttpd) /usr/sbin/lighttpd -D -f "$DAV_DIR/config" >"$DAV_DIR/stderr" 2>&1 3>&- & ;;
        nginx) /usr/sbin/nginx -p "$DAV_DIR" -e "$DAV_DIR/error.log" -c "$DAV_DIR/config" >"$DAV_DIR/stderr" 2>&1 3>&- & ;;
    esac
    DAV_PID=$!
    for i in {1..200}; do
        kill -0 "$DAV_PID" 2>/dev/null || return 1
        if curl -sk -o /dev/null --noproxy '*' "https://127.0.0.1:$DAV_PORT/"; then return 0; fi
        sleep 0.02
    done
    return 1
}

dav_configure() { # LINE...
    local reader
    reader=$(cat "$DAV_READER")
    if [ "$DAV_KIND" = lighttpd ]; then
        dav_config_lighttpd "$(printf %s "$reader" | base64 -w 0)" >"$DAV_DIR/config"
        if [ $# -gt 0 ]; then printf '%s\n' "$@" >>"$DAV_DIR/config"; fi
    else
        dav_config_nginx "${reader%%:*}" >"$DAV_DIR/config"
    fi
}

dav_users() {
    local user password
    printf 'writer:canary-pass:with:colons\n' >"$DAV_USER"
    printf 'reader:canary-reads\n' >"$DAV_READER"
    chmod 600 "$DAV_USER" "$DAV_READER"
    cat "$DAV_USER" "$DAV_READER" >"$DAV_DIR/users"
    while IFS=: read -r user password; do
        printf '%s:%s\n' "$user" "$(openssl passwd -apr1 "$password")"
    done <"$DAV_DIR/users" >"$DAV_DIR/users.crypt"
}

dav_start() { # KIND DIR
    local i
    DAV_KIND=$1 DAV_DIR=$2
    mkdir -p -- "$DAV_DIR/root/files" "$DAV_DIR/tmp"
    DAV_FILES=$DAV_DIR/root/files DAV_CA=$DAV_DIR/ca.pem DAV_USER=$DAV_DIR/writer DAV_READER=$DAV_DIR/reader
    dav_users
    dav_authority "$DAV_DIR"
    dav_certificate server DNS:localhost IP:127.0.0.1
    for i in {1..10}; do
        DAV_PORT=$("$KM_TOOLS/free_port")
        dav_configure
        if dav_up; then break; fi
        dav_stop
        if [ "$i" -eq 10 ]; then
            cat -- "$DAV_DIR/stderr" "$DAV_DIR/error.log" >&2
            return 1
        fi
    done
    DAV_URL=davs://127.0.0.1:$DAV_PORT/files
    export DAV_KIND DAV_DIR DAV_PORT DAV_PID DAV_FILES DAV_URL DAV_CA DAV_USER DAV_READER
}

dav_end() { # PID
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

dav_stop() {
    if [ -n "${DAV_FRONT-}" ]; then dav_end "$DAV_FRONT"; fi
    if [ -n "${DAV_PID-}" ]; then dav_end "$DAV_PID"; fi
    unset DAV_PID DAV_FRONT
}

dav_again() { # LINE...
    dav_end "$DAV_PID"
    dav_configure "$@"
    if ! dav_up; then
        cat -- "$DAV_DIR/stderr" "$DAV_DIR/error.log" >&2
        return 1
    fi
}

dav_front() {
    local i
    DAV_FAULTS=$DAV_DIR/faults.json
    echo '[]' >"$DAV_FAULTS"
    : >"$DAV_DIR/front"
    node "${BASH_SOURCE[0]%/*}/dav_front.js" "$DAV_DIR" "$DAV_PORT" >"$DAV_DIR/front" 2>&1 3>&- &
    DAV_FRONT=$!
    for i in {1..200}; do
        if [ -s "$DAV_DIR/front" ]; then break; fi
        kill -0 "$DAV_FRONT" || return 1
        sleep 0.05
    done
    DAV_URL=davs://127.0.0.1:$(cat "$DAV_DIR/front")/files
}

dav_fault() {
    printf '%s' "$1" | jq -e . >"$DAV_FAULTS.new"
    mv "$DAV_FAULTS.new" "$DAV_FAULTS"
}

dav_curl() { # METHOD PATH OPTION...
    local method=$1 path=$2
    shift 2
    curl -s -o "$DAV_DIR/answer" -w '%{http_code}\n' --noproxy '*' --cacert "$DAV_CA" -u "$(cat "$DAV_USER")" -X "$method" "$@" \
        "https://127.0.0.1:$DAV_PORT$path"
}

proxy_start() { # DIR LINE...
    local i dir=$1
    shift
    mkdir -p -- "$dir"
    for i in {1..10}; do
        PROXY_PORT=$("$KM_TOOLS/free_port")
        {
            printf 'Port %s\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nLogLevel Connect\n' "$PROXY_PORT"
            printf 'LogFile "%s/log"\nPidFile "%s/pid"\n' "$dir" "$dir"
            printf '%s\n' "$@"
        } >"$dir/config"
        : >"$dir/log"
        tinyproxy -d -c "$dir/config" >"$dir/stderr" 2>&1 3>&- &
        PROXY_PID=$!
        for _ in {1..100}; do
            if (: <"/dev/tcp/127.0.0.1/$PROXY_PORT") 2>/dev/null; then break 2; fi
            kill -0 "$PROXY_PID" 2>/dev/null || break
            sleep 0.02
        done
        proxy_stop
    done
    if [ -z "${PROXY_PID-}" ]; then
        cat -- "$dir/stderr" >&2
        return 1
    fi
    PROXY=http://127.0.0.1:$PROXY_PORT PROXY_LOG=$dir/log
    export PROXY PROXY_LOG PROXY_PID
}

proxy_stop() {
    if [ -n "${PROXY_PID-}" ]; then dav_end "$PROXY_PID"; fi
    unset PROXY_PID
}

# shellcheck disable=SC2034 # for those who source this
# What every command at a server needs; from: the same for --from.
dav_options() {
    options=(--credential "file:$DAV_USER" --ca "$DAV_CA")
    from=(--from "$DAV_URL" --site mad --yes --credential "copy=file:$DAV_READER" --ca "copy=$DAV_CA" --credential "kp-mad=file:$T/kp-mad.pass"
        --kms-file "kp-mad=$T/kp-mad.kms")
}
# A founder with a copy at a server and one released key; with a front when FRONT is set.
scene_dav() { # KIND
    dav_start "$1" "$T/$1"
    if [ -n "${FRONT-}" ]; then dav_front; fi
    dav_options
    scene_fra
    fra copy add far "$DAV_URL" --site mad "${options[@]}"
    fra create vbr/config --purpose config-backup --root mad-main
}
# Nothing half-written and no probe was left.
left_clean() {
    [ -z "$(find "$DAV_FILES" -name '*.tmp*' -o -name 'probe-*')" ]
}
