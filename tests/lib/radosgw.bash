# shellcheck shell=bash
# Ceph's S3 server on loopback, for copies in S3: a monitor, one store in memory and radosgw, with TLS from an authority of its own.
# Two to five seconds to start, some 150 MB. One for a whole .bats file: setup_file starts it, teardown_file ends it.
#
#   radosgw_start DIR            starts it (DIR is made); radosgw_stop ends exactly those processes and removes the objects
#   radosgw_user NAME            a further user: its keys in RGW_DIR/NAME.keys (access key, line feed, secret)
#   radosgw_admin ARG...         radosgw-admin there
#   s3_call METHOD PATH [CURL-OPTION...]   a signed request as RGW_KEYS says (S3_KEYS names another file); prints the body, then a
#                                line with the status. PATH begins /BUCKET; S3_BODY names a file to send
#   s3_calls BUCKET              many, told on standard input
#   s3_bucket NAME               makes a bucket
#   s3_keys BUCKET               every object's name, one a line
#
# Needs tls.bash. Exports: RGW_DIR, RGW_URL (https://127.0.0.1:PORT), RGW_CA (file), RGW_KEYS (file of the user that owns the buckets), RGW_PIDS.

# Ports from PORT on: http, the monitor, https, and a dozen for the store behind it.
radosgw_config() { # DIR PORT FSID
    cat <<END
[global]
fsid = $3
mon host = [v2:127.0.0.1:$(($2 + 1))/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
keyring = $1/keyring
run dir = $1
admin socket = $1/\$name.asok
log file = $1/\$name.log
crash dir = $1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon data avail warn = 2
paxos propose interval = 0.05
paxos min wait = 0.02
[mon.a]
mon data = $1/mon
[osd.0]
osd objectstore = memstore
memstore device bytes = 1073741824
osd data = $1/osd
osd max object size = 134217728
ms bind port min = $(($2 + 3))
ms bind port max = $(($2 + 14))
[client.rgw]
rgw frontends = beast tcp_nodelay=1 endpoint=127.0.0.1:$2 ssl_endpoint=127.0.0.1:$(($2 + 2)) ssl_certificate=$1/server.pem ssl_private_key=$1/server.key
rgw run sync thread = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw enable quota threads = false
rgw dynamic resharding = false
rgw bucket quota ttl = 0
rgw dns name = s3.localhost
rgw thread pool size = 32
rgw max put size = 34603008
END
}

radosgw_keyring() { # FILE
    local key name
    for name in mon. client.admin client.rgw osd.0; do
        key=$(ceph-authtool --gen-print-key)
        printf '[%s]\nkey = %s\n' "$name" "$key"
        case $name in
            osd.0) printf 'caps mon = "allow profile osd"\ncaps osd = "allow *"\n' ;;
            client.rgw) printf 'caps mon = "allow rwx"\ncaps osd = "allow rwx"\n' ;;
            *) printf 'caps mon = "allow *"\ncaps osd = "allow *"\ncaps mgr = "allow *"\n' ;;
        esac
    done >"$1"
}

# Starts one in the background; its output goes to a file, for else whoever reads the test's would wait for it.
radosgw_run() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$RGW_DIR/$name.out" 2>&1 3>&- </dev/null &
    RGW_PIDS+=" $!"
}

radosgw_lives() {
    local pid
    for pid in $RGW_PIDS; do
        kill -0 "$pid" 2>/dev/null || return 1
    done
}

radosgw_wait() { # WHAT COMMAND...
    local what=$1 tries=0
    shift
    until "$@" >/dev/null 2>&1; do
        if [ $((tries += 1)) -gt 600 ] || ! radosgw_lives; then
            printf 'no answer from %s\n' "$what" >&2
            tail -n 5 "$RGW_DIR"/*.out >&2
            return 1
        fi
        sleep 0.05
    done
}

rgw_ceph() { ceph -c "$RGW_DIR/conf" --connect-timeout 20 "$@"; }
radosgw_admin() { radosgw-admin -c "$RGW_DIR/conf" --name client.rgw "$@"; }
rgw_osd_up() { rgw_ceph osd stat | grep -q '1 up'; }

# A port of it may be taken: then all of it is tried again at others.
radosgw_start() {
    local try
    for try in 1 2 3 4; do
        rm -rf -- "$1"
        if radosgw_try "$1" $((20000 + (RANDOM % 600) * 20)); then
            return 0
        fi
        radosgw_stop
        printf 'radosgw did not start (try %s)\n' "$try" >&2
    done
    return 1
}

radosgw_try() { # DIR PORT
    local fsid osd
    fsid=$(cat /proc/sys/kernel/random/uuid) osd=$(cat /proc/sys/kernel/random/uuid)
    RGW_DIR=$1 RGW_PIDS='' RGW_URL=https://127.0.0.1:$(($2 + 2)) RGW_CA=$1/ca.pem RGW_KEYS=$1/owner.keys
    export RGW_DIR RGW_URL RGW_CA RGW_KEYS
    mkdir -p -- "$RGW_DIR/osd"
    radosgw_config "$RGW_DIR" "$2" "$fsid" >"$RGW_DIR/conf"
    tls_make "$RGW_DIR"
    radosgw_keyring "$RGW_DIR/keyring"
    monmaptool --create --addv a "[v2:127.0.0.1:$(($2 + 1))/0]" --fsid "$fsid" "$RGW_DIR/monmap" >/dev/null
    ceph-mon -c "$RGW_DIR/conf" --mkfs -i a --monmap "$RGW_DIR/monmap" --keyring "$RGW_DIR/keyring" >/dev/null 2>&1
    radosgw_run mon ceph-mon -c "$RGW_DIR/conf" -i a -f
    radosgw_wait 'the monitor' rgw_ceph osd new "$osd" 0 || return 1
    ceph-osd -c "$RGW_DIR/conf" -i 0 --mkfs --osd-uuid "$osd" >/dev/null 2>&1
    radosgw_run osd ceph-osd -c "$RGW_DIR/conf" -i 0 -f
    radosgw_wait 'the store' rgw_osd_up || return 1
    radosgw_run rgw radosgw -c "$RGW_DIR/conf" --name client.rgw -f
    radosgw_user owner
    radosgw_wait radosgw curl -sS --noproxy '*' --cacert "$RGW_CA" "$RGW_URL/" || return 1
    export RGW_PIDS
}

radosgw_stop() {
    local pid
    for pid in ${RGW_PIDS-}; do
        kill -KILL "$pid" 2>/dev/null || true # nothing of it is to be kept
        wait "$pid" 2>/dev/null || true
    done
    RGW_PIDS=''
}

radosgw_user() { # NAME
    local access secret
    access=CANARY${1^^}$RANDOM
    secret=canary-secret-$1-$RANDOM$RANDOM
    radosgw_admin user create --uid "$1" --display-name "$1" --access-key "$access" --secret-key "$secret" >/dev/null 2>>"$RGW_DIR/admin.out"
    (umask 077 && printf '%s\n%s\n' "$access" "$secret" >"$RGW_DIR/$1.keys")
}

# ---- requests beside keymuster's ----

# One signed request, as curl reads it from a file of options.
s3_request() { # METHOD PATH [FILE]
    local access secret
    { read -r access && read -r secret; } <"${S3_KEYS-$RGW_KEYS}"
    printf '%s\n' silent show-error 'noproxy = "*"' "cacert = \"$RGW_CA\"" "request = \"$1\"" "url = \"$RGW_URL$2\"" "user = \"$access:$secret\"" \
        'aws-sigv4 = "aws:amz:us-east-1:s3"' 'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"' ${3:+"upload-file = \"$3\""}
}

s3_call() { # METHOD PATH [CURL-OPTION...]
    local method=$1 path=$2
    shift 2
    s3_request "$method" "$path" "${S3_BODY-}" | curl -K - -w '\n%{http_code}\n' "$@"
}

# Many, over one connection: standard input has METHOD, OBJECT and, for GET and PUT, a FILE, separated by tabs.
s3_calls() { # BUCKET
    local method object file all=''
    while IFS=$'\t' read -r method object file; do
        case $method in
            GET) all+=$'next\n'$(s3_request GET "/$1/$object")$'\n'"output = \"$file\""$'\ncreate-dirs\n' ;;
            *) all+=$'next\n'$(s3_request "$method" "/$1/$object" "$file")$'\noutput = "/dev/null"\n' ;;
        esac
    done
    [ -z "$all" ] || curl -K - <<<"${all#next}"
}

s3_bucket() { # NAME
    s3_call PUT "/$1" | tail -n 1 | grep -qx 200
}

s3_keys() { # BUCKET
    s3_call GET "/$1?list-type=2&max-keys=1000" | grep -o '<Key>[^<]*' | cut -c 6-
}
