# shellcheck shell=bash
# Every kind of place at which a copy can lie, through one set of words, so that a test is written once. A kind costs a function
# place_start_KIND, place_stop_KIND where a server has to be ended, and a word in tests/places/CMakeLists.txt.
#
#   place_start KIND DIR      starts a server (DIR is made), and the line to it (tests/lib/relay.c); place_stop ends both
#   place_line WORD [N]       what the line does from the next connection on; counting begins anew
#   place_count WHAT          connections, turns, up, down or struck, since then
#   place_save DIR            every object that lies there, behind the server's back, into a folder
#   place_load DIR            what is in that folder, and nothing else, is what lies there
#   place_away, place_back    it cannot be reached; it can again
#
# Sets: PLACE (the kind), PLACE_URL (by the line), PLACE_BIND (options of copy add and copy set), PLACE_FROM (of join and --from),
# PLACE_READER (the same of an account that may only read; none: there is no such), and PLACE_CHECK (create-once there, as copy check says
# it). A kind sets these, and PLACE_PORT (of its server, none: no line to it) and
# PLACE_FILES (folder that the server serves). One without such a folder has place_save_KIND and place_load_KIND.

: "${KM_TOOLS:?set it to the folder of the test helpers, or run ctest}"
places_lib=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/tls.bash
. "$places_lib/tls.bash"
# shellcheck source=tests/lib/sshd.bash
. "$places_lib/sshd.bash"
# shellcheck source=tests/lib/dav.bash
. "$places_lib/dav.bash"
# shellcheck source=tests/lib/radosgw.bash
. "$places_lib/radosgw.bash"
# What is set is read by those who source this.
# shellcheck disable=SC2034

# ---- the kinds ----

place_start_folder() {
    PLACE_FILES=$1/files
    mkdir -p -- "$PLACE_FILES"
    PLACE_URL=file://$PLACE_FILES PLACE_BIND=() PLACE_FROM=() PLACE_READER=() PLACE_CHECK=enforced
}

place_start_sftp() {
    sshd_start "$1"
    PLACE_URL=$SSHD_URL PLACE_PORT=$SSHD_PORT PLACE_FILES=$SSHD_FILES PLACE_CHECK=enforced
    PLACE_BIND=(--credential "file:$SSHD_KEY" --host-key "$SSHD_FINGERPRINT")
    PLACE_FROM=(--credential "copy=file:$SSHD_KEY" --host-key "$SSHD_FINGERPRINT")
    PLACE_READER=(--credential "copy=file:$SSHD_READER" --host-key "$SSHD_FINGERPRINT")
}
place_stop_sftp() { sshd_stop; }

place_start_lighttpd() { place_start_webdav lighttpd "$1"; }
place_stop_lighttpd() { dav_stop; }
place_start_nginx() { DAV_BODY=${DAV_BODY-64m} place_start_webdav nginx "$1"; }
place_stop_nginx() { dav_stop; }
place_start_webdav() { # SERVER DIR
    dav_start "$1" "$2" || return 1
    PLACE_URL=$DAV_URL PLACE_PORT=$DAV_PORT PLACE_FILES=$DAV_FILES PLACE_CHECK=usual
    PLACE_BIND=(--credential "file:$DAV_USER" --ca "$DAV_CA")
    PLACE_FROM=(--credential "copy=file:$DAV_USER" --ca "$DAV_CA")
    PLACE_READER=(--credential "copy=file:$DAV_READER" --ca "$DAV_CA")
}

# No folder lies behind it: objects come and go by requests beside keymuster's. Only what differs is written. A server that is
# there already (radosgw_start in setup_file) is one for all tests of a file, and each finds its bucket empty.
place_start_s3() {
    PLACE_RGW=
    if [ -z "${RGW_PIDS-}" ]; then
        PLACE_RGW=own
        radosgw_start "$1" || return 1
    fi
    s3_bucket places || return 1
    s3_keys places | sed 's/^/DELETE\t/' | s3_calls places
    PLACE_URL=s3://places PLACE_PORT=${RGW_URL##*:} PLACE_CHECK=enforced
    PLACE_BIND=(--endpoint "$RGW_URL" --ca "$RGW_CA" --credential "file:$RGW_KEYS")
    PLACE_FROM=(--endpoint "$RGW_URL" --ca "$RGW_CA" --credential "copy=file:$RGW_KEYS")
    PLACE_READER=()
}
place_stop_s3() { [ -z "${PLACE_RGW-}" ] || radosgw_stop; }
place_sums_s3() { # of what lies there: MD5 NAME, one a line
    s3_call GET '/places?list-type=2&max-keys=1000' | tr -d '\n' | sed 's/<Contents>/\n/g' |
        sed -nE 's,^.*<Key>([^<]*)</Key>.*<ETag>(&quot;|")?([0-9a-f]{32}).*,\3 \1,p' | sort
}
place_save_s3() { # DIR
    s3_keys places | awk -v dir="$1" '{ print "GET\t" $0 "\t" dir "/" $0 }' | s3_calls places
}
place_load_s3() { # DIR
    # Each name's sum there and, after a +, here: what differs is written, what is here no more goes.
    { place_sums_s3; cd -- "$1" && find . -type f -exec md5sum {} + | sed 's,  ./, ,; s/^/+/'; } | awk -v dir="$1" '
        /^[+]/ { here[$2] = substr($1, 2); next }
        { there[$2] = $1 }
        END {
            for (name in there) if (!(name in here)) print "DELETE\t" name
            for (name in here) if (here[name] != there[name]) print "PUT\t" name "\t" dir "/" name
        }' | s3_calls places
}

# ---- what is the same for all ----

place_has() { declare -F "$1_$PLACE" >/dev/null; }

place_start() {
    PLACE=$1 PLACE_DIR=$2 PLACE_PORT='' PLACE_FILES=''
    mkdir -p -- "$PLACE_DIR"
    "place_start_$1" "$2/server" || return 1
    [ -n "$PLACE_PORT" ] || return 0
    PLACE_CONTROL=$PLACE_DIR/line
    place_line pass
    "$KM_TOOLS/relay" "$PLACE_PORT" "$PLACE_CONTROL" >"$PLACE_DIR/line.port" 2>"$PLACE_DIR/line.log" 3>&- &
    PLACE_LINE=$!
    for _ in {1..200}; do
        [ ! -s "$PLACE_DIR/line.port" ] || break
        sleep 0.02
    done
    local port
    port=$(cat "$PLACE_DIR/line.port")
    PLACE_URL=${PLACE_URL/:$PLACE_PORT/:$port}
    # Where the address is an option.
    PLACE_BIND=("${PLACE_BIND[@]/:$PLACE_PORT/:$port}")
    PLACE_FROM=("${PLACE_FROM[@]/:$PLACE_PORT/:$port}")
    PLACE_READER=(${PLACE_READER[@]+"${PLACE_READER[@]/:$PLACE_PORT/:$port}"})
}

place_stop() {
    if [ -n "${PLACE_LINE-}" ]; then
        kill "$PLACE_LINE" 2>/dev/null || true
        wait "$PLACE_LINE" 2>/dev/null || true
        PLACE_LINE=
    fi
    if place_has place_stop; then "place_stop_$PLACE"; fi
}

place_line() { # WORD [N]
    printf '%s\n' "$*" >"$PLACE_CONTROL.new"
    mv -- "$PLACE_CONTROL.new" "$PLACE_CONTROL"
}

place_count() { # WHAT
    local connections turns up down struck
    read -r connections turns up down struck <"$PLACE_CONTROL.count"
    : "$connections $turns $up $down $struck"
    printf '%s\n' "${!1}"
}

place_away() {
    if [ -n "$PLACE_PORT" ]; then place_line refuse; else mv -- "$PLACE_FILES" "$PLACE_FILES.away"; fi
}

place_back() {
    if [ -n "$PLACE_PORT" ]; then place_line pass; else mv -- "$PLACE_FILES.away" "$PLACE_FILES"; fi
}

place_save() { # DIR
    mkdir -p -- "$1"
    if place_has place_save; then "place_save_$PLACE" "$1"; else cp -a -- "$PLACE_FILES/." "$1"; fi
}

place_load() { # DIR
    if place_has place_load; then
        "place_load_$PLACE" "$1"
    else
        find "${PLACE_FILES:?}" -mindepth 1 -delete
        cp -a -- "$1/." "$PLACE_FILES"
    fi
}
