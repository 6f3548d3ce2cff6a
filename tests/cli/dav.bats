#!/usr/bin/env bats
# Copies at WebDAV servers: lighttpd, which is strict, and nginx with dav-ext, which is not, started here.
# bats sets it:
# shellcheck disable=SC2154
load ../lib/cli.bash
load ../lib/dav.bash

setup() { fresh_home; }
teardown() {
    dav_stop
    proxy_stop
    if [ -n "${mounted-}" ]; then umount "$mounted" || true; fi
    stop_started
}

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

two_authors() { # KIND
    dav_start "$1" "$T/$1"
    dav_options
    scene_fra
    ends 0 -o json -C "$FRA" copy add far "$DAV_URL/a/deep%20one" --site mad "${options[@]}"
    json '.create_once == "usual" and .large_object == "taken" and .can_overwrite and .can_remove'
    [ -s "$DAV_FILES/a/deep one/escrow.json" ]
    ends 0 -o json -C "$FRA" create vbr/config --purpose config-backup --root mad-main
    json .released
    left_clean
    dav_again
    ends 0 -o json -C "$FRA" copy check --deep
    json '.items[0].verified'
    left_clean
    password_of "$FRA" vbr/config want

    # An account that only reads is enough to join, and says so.
    ends 0 -o json -C "$MAD" join --from "$DAV_URL/a/deep%20one" --site mad --yes --credential "copy=file:$DAV_READER" --ca "$DAV_CA"
    mad kms set kp-mad --credential "file:$T/kp-mad.pass" --file "$T/kp-mad.kms"
    ends 5 -o json -C "$MAD" sync
    error_is KM4009
    mad copy set far "$DAV_URL/a/deep%20one" "${options[@]}"
    mad sync
    fra author admit "$(ask .author -C "$MAD" status)"
    fra sync
    mad sync
    ends 0 -o json -C "$MAD" create vbr/there --purpose backup-job --root mad-main
    json .released
    dav_again
    fra sync
    mad sync
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    password_of "$MAD" vbr/config got
    cmp want got
    left_clean
}

@test "lighttpd: a copy is made, published to, joined from; the two sites agree" { two_authors lighttpd; }
@test "nginx: a copy is made, published to, joined from; the two sites agree" { two_authors nginx; }

bare_machine() { # KIND
    scene_dav "$1"
    password_of "$FRA" vbr/config want
    rm -rf "$FRA" "$HOME"
    mkdir "$HOME"
    ends 0 reveal vbr/config "${from[@]}" --reason test --to file:got
    cmp want got
    [[ $stderr == *'could not be published'* ]]
    ends 0 -o json drill "${from[@]}"
    json 'all(.results[]; .outcome == "proven")'
    [ "$(cd "$DAV_FILES/log" && echo */ | wc -w)" -eq 1 ]
}
@test "lighttpd: on a bare machine, with an account that only reads" { bare_machine lighttpd; }
@test "nginx: on a bare machine, with an account that only reads" { bare_machine nginx; }

@test "who is not let in: another password, none, no USER:PASSWORD; nobody there" {
    scene_dav lighttpd
    printf 'writer:canary-wrong-77\n' >wrong
    printf 'canary-no-colon-78\n' >malformed
    chmod 600 wrong malformed
    ends 4 -o json -C "$FRA" copy set far "$DAV_URL" --credential file:wrong
    error_is KM4018
    ends 2 -o json -C "$FRA" copy set far "$DAV_URL" --credential file:malformed
    error_is KM1004
    silent_on canary-
    ends 4 -o json -C "$FRA" copy add again "$DAV_URL" --site mad --ca "$DAV_CA"
    error_is KM4021
    ends 2 -C "$FRA" copy set far "davs://writer@127.0.0.1:$DAV_PORT/files"
    ends 2 -C "$FRA" copy set far "davs://writer:canary-pw@127.0.0.1:$DAV_PORT/files"
    silent_on canary-
    ends 2 -C "$FRA" copy set far "https://127.0.0.1:$DAV_PORT/files"
    says davs://
    ends 0 -C "$FRA" sync
    dav_stop
    ends 3 -o json -C "$FRA" create vbr/away --purpose backup-job --root fra-main
    json '.released == false'
    ends 5 -o json -C "$FRA" sync
    error_is KM4001
}

@test "another certificate, another name: nothing is sent" {
    scene_dav lighttpd
    ends 4 -o json -C "$FRA" copy add again "$DAV_URL/x" --site mad --credential "file:$DAV_USER"
    error_is KM4019
    says 'not trusted here'
    dav_certificate server DNS:other.example
    dav_again
    ends 4 -o json -C "$FRA" sync
    error_is KM4019
    says 'another host name'
    # An authority of the same name, which is not the same.
    mkdir "$T/false"
    dav_authority "$T/false"
    cp "$T/false/ca.key" "$DAV_DIR/ca.key"
    cp "$DAV_CA" kept.pem
    cp "$T/false/ca.pem" "$DAV_CA"
    dav_certificate server DNS:localhost IP:127.0.0.1
    dav_again
    cp kept.pem "$DAV_CA"
    ends 4 -o json -C "$FRA" sync
    error_is KM4019
    ends 0 -C "$FRA" copy set far "$DAV_URL" --ca "$T/false/ca.pem"
    ends 0 -C "$FRA" sync
    ends 2 -C "$FRA" copy set far "$DAV_URL" --ca "$T/absent.pem"
}

# One odd answer: sync must end so and say so, and what there is must stay as it is.
odd() { # STATUS CODE WORDS FAULT
    dav_fault "[$4]"
    rm -f "$DAV_DIR/front.log"
    ends "$1" -o json -C "$FRA" sync
    error_is "$2"
    says "$3"
    silent_on canary-
}

@test "odd answers to reading are told apart, and none is believed" {
    FRONT=1 scene_dav lighttpd
    local page='"headers": {"content-type": "text/html"}, "body": "<html>canary-page</html>"'
    odd 4 KM4018 '401' '{"method": "GET", "status": 401}'
    odd 4 KM4018 '403' '{"method": "GET", "status": 403}'
    odd 5 KM4030 'a web page' "{\"method\": \"GET\", $page}"
    odd 5 KM4030 'login.example' '{"method": "GET", "status": 302, "headers": {"location": "https://login.example/canary-token?x"}}'
    odd 5 KM4001 'nothing is there' '{"status": 404}'
    odd 15 KM4006 'is gone' '{"method": "GET", "path": "escrow.json", "status": 404}'
    odd 5 KM4030 'PROPFIND' '{"method": "PROPFIND", "status": 405}'
    odd 5 KM4030 'a web page' "{\"method\": \"PROPFIND\", $page}"
    odd 5 KM4030 'no listing' '{"method": "PROPFIND", "status": 207, "body": "<D:multistatus xmlns:D=\"DAV:\"><D:response>"}'
    odd 5 KM4030 'another folder' '{"method": "PROPFIND", "status": 207, "body": "<m><response><href>/elsewhere/</href></response></m>"}'
    odd 15 KM4006 'escrow.json' '{"method": "GET", "path": "escrow.json", "body": "{\"error\": \"canary-quota\"}"}'
    odd 15 KM4006 'larger than' '{"method": "GET", "path": "escrow.json", "body": "x", "longer": 300000000}'
    dav_fault '[]'
    ends 0 -C "$FRA" sync
    # Asked again, and then told.
    odd 5 KM4001 'broke off' '{"method": "GET", "longer": 10, "body": "half"}'
    [ "$(grep -c '^GET' "$DAV_DIR/front.log")" -eq 5 ]
    dav_fault '[{"method": "GET", "status": 503, "times": 2}, {"method": "GET", "longer": 9, "times": 1}]'
    ends 0 -C "$FRA" sync
}

@test "odd answers to writing are told apart, and what is there stays" {
    FRONT=1 scene_dav nginx
    local page='"headers": {"content-type": "text/html"}, "body": "<html>canary-page</html>"'
    fra --offline site add third
    odd 5 KM4009 '403' '{"method": "PUT", "status": 403}'
    odd 5 KM4009 'switched on' '{"method": "PUT", "status": 405}'
    odd 5 KM4009 'switched on' '{"method": "MOVE", "status": 501}'
    odd 5 KM4009 'lock' '{"method": "PUT", "status": 423}'
    odd 5 KM4009 'lock' '{"method": "MOVE", "status": 423}'
    odd 5 KM4009 'folder cannot be made' '{"method": "PUT|MKCOL", "status": 409}, {"method": "PUT", "status": 409}, {"method": "MKCOL", "status": 409}'
    odd 5 KM4009 '207' '{"method": "MOVE", "status": 207, "body": "<multistatus/>"}'
    odd 5 KM4009 '412' '{"method": "MOVE", "status": 412}'
    odd 5 KM4032 'client_max_body_size' '{"method": "PUT", "status": 413}'
    odd 5 KM4012 'free some space' '{"method": "PUT", "status": 507}'
    odd 5 KM4012 'free some space' '{"method": "MOVE", "status": 507}'
    odd 5 KM4030 'a web page' "{\"method\": \"PUT\", $page}"
    odd 5 KM4030 'login.example' '{"method": "PUT", "status": 307, "headers": {"location": "https://login.example/"}}'
    odd 4 KM4018 '401' '{"method": "PUT", "status": 401}'
    odd 5 KM4001 '500' '{"method": "PUT", "status": 500}'
    dav_fault '[]'
    [ "$(find "$DAV_FILES/head" -type f -not -name '*.tmp' | wc -l)" -eq 7 ]
    # Answers that get lost: it was done, and is found to be done.
    local lost='"drop": true, "first": "forward", "times": 1'
    dav_fault "[{\"method\": \"PUT\", $lost}, {\"method\": \"MOVE\", $lost}, {\"method\": \"MOVE\", \"path\": \"/newest/\", $lost}]"
    ends 0 -C "$FRA" sync
    dav_fault '[]'
    ends 0 -o json -C "$FRA" copy check --deep
    json '.items[0].verified'
    # A server that says it moved, and did not.
    fra --offline site add fourth
    odd 5 KM4009 'cannot be written' '{"method": "MOVE", "status": 201}'
    # One that overwrites whatever it was told.
    dav_fault '[{"method": "MOVE", "headers_to": {"overwrite": "T"}}]'
    ends 0 -C "$FRA" sync
    ends 0 -o json -C "$FRA" copy check
    json '.items[0].create_once == "ignored"'
}

@test "a limit of the server: told when the copy is made, and when an object meets it" {
    dav_start lighttpd "$T/lighttpd"
    dav_options
    dav_again 'server.max-request-size = 1000'
    scene_fra
    ends 0 -o json -C "$FRA" copy add far "$DAV_URL" --site mad "${options[@]}"
    json '.large_object == "refused"'
    ends 0 -C "$FRA" create vbr/config --purpose config-backup --root mad-main
    dav_again 'server.max-request-size = 1'
    ends 3 -o json -C "$FRA" create vbr/late --purpose backup-job --root fra-main
    json '.released == false'
    ends 5 -o json -C "$FRA" sync
    error_is KM4032
    says 413
    dav_stop
    DAV_BODY=1m dav_start nginx "$T/nginx"
    dav_options
    ends 0 -o json -C "$FRA" copy add other "$DAV_URL" --site mad "${options[@]}"
    json '.large_object == "refused"'
    ends 3 -C "$FRA" copy check other
    says client_max_body_size
}

@test "a server whose disk is full" {
    dav_start nginx "$T/nginx"
    mount_small "$DAV_FILES" 2m
    dav_options
    scene_fra
    fra copy add far "$DAV_URL" --site mad "${options[@]}"
    cat /dev/zero >"$DAV_FILES/ballast" 2>/dev/null || true
    ends 3 -o json -C "$FRA" create vbr/config --purpose config-backup --root mad-main
    json '.released == false'
    rm "$DAV_FILES/ballast"
    ends 0 -C "$FRA" sync
    ends 3 -C "$FRA" copy check --deep
    says 'no object of 32 MiB finds room'
    left_clean
}

altered() { # KIND
    scene_dav "$1"
    local head segment next
    head=$(find "$DAV_FILES/head" -type f | sort | tail -n 1)
    segment=$(find "$DAV_FILES/log" -type f | sort | tail -n 1)
    cp "$segment" kept
    head -c 100 kept >"$segment"
    ends 15 -C "$FRA" copy check --deep
    ends 0 -C "$FRA" sync --repair far --yes
    cmp kept "$segment"
    printf '<html>canary</html>' >"$segment"
    ends 15 -C "$FRA" copy check --deep
    cp kept "$segment"
    # What a killed run leaves disturbs nobody.
    printf half >"$(dirname "$head")/keymuster-0123456789abcdef.tmp"
    printf half >"$DAV_FILES/newest/keymuster-0123456789abcdef.tmp"
    ends 0 -C "$FRA" copy check --deep
    ends 0 -C "$FRA" sync
    # The place of the next head is taken by other bytes.
    next=$(printf '%s/%010d' "$(dirname "$head")" $((10#$(basename "$head") + 1)))
    printf 'somebody else\n' >"$next"
    ends 16 -o json -C "$FRA" create vbr/late --purpose backup-job --root fra-main
    error_is KM4004
    printf 'somebody else\n' | cmp - "$next"
}
@test "lighttpd: an altered, a cut and a foreign object; heads that two have written" { altered lighttpd; }
@test "nginx: an altered, a cut and a foreign object; heads that two have written" { altered nginx; }

@test "names in a listing that lead elsewhere are left out" {
    FRONT=1 scene_dav lighttpd
    local entries name
    entries=
    for name in /files/head/../../etc/passwd /files/head/%2e%2e/x /files/head/a%2fb /files/head/%00 '/files/head/%0a..' /files/head/.. /files/head/ \
        '/files/head/%zz' /other/head/00000000000000000000000000000000 "/files/head/$(printf 'a%.0s' {1..300})" '/files/head/%ff%fe' \
        'https://evil.example' '//evil.example/files/head/x' '/files/head/&lt;script&gt;' '/files/head/ffffffffffffffffffffffffffffffff/'; do
        entries+="<D:response><D:href>$name</D:href></D:response>"
    done
    dav_fault "$(jq -n --arg body "<D:multistatus xmlns:D=\"DAV:\">$entries</D:multistatus>" '[{method: "PROPFIND", path: "/head/$", status: 207, body: $body}]')"
    : >"$DAV_DIR/front.log"
    ends 0 -C "$FRA" sync
    ! grep -vE ' /files/([a-z.]+\.json|(head|newest|log)/[0-9a-f/.-]*(ndjson)?|recovery/[A-Za-z0-9./-]*)? [0-9]+$' "$DAV_DIR/front.log" || return 1
    grep -q '/files/head/ffffffffffffffffffffffffffffffff/' "$DAV_DIR/front.log"
    # An absolute address and another prefix are as good.
    dav_fault '[{"method": "PROPFIND", "replace": ["<D:href>", "<D:href>https://127.0.0.1"]}, {"method": "PROPFIND", "replace": ["D:", "x:"]}]'
    ends 0 -o json -C "$FRA" copy check --deep
    json '.items[0].verified'
}

# A dozen clones of one store publish another head of one number at the same moment.
race() { # KIND
    scene_dav "$1"
    local i won=0 forked=0 head racers=()
    for i in {1..12}; do
        cp -r "$FRA" "clone$i"
        cp -r "$XDG_STATE_HOME" "state$i"
        XDG_STATE_HOME=$T/state$i "$KEYMUSTER" -C "clone$i" --offline site add "site$i" >/dev/null
    done
    for i in {1..12}; do
        (
            status=0
            XDG_STATE_HOME=$T/state$i "$KEYMUSTER" -o json -C "clone$i" sync >"answer$i" 2>"error$i" || status=$?
            echo "$status" >"status$i"
        ) 3>&- &
        racers+=($!)
    done
    wait "${racers[@]}"
    for i in {1..12}; do
        case $(cat "status$i") in
            0) won=$((won + 1)) ;;
            16) forked=$((forked + 1)) ;;
            *)
                cat "answer$i" "error$i" >&2
                return 1
                ;;
        esac
    done
    printf 'won %s forked %s\n' "$won" "$forked" >&2
    [ "$won" -eq 1 ] && [ "$forked" -eq 11 ]
    # Who won is who is there.
    head=$(find "$DAV_FILES/head" -type f | sort | tail -n 1)
    for i in {1..12}; do
        if [ "$(cat "status$i")" = 0 ]; then
            sqlite3 "clone$i/escrow.db" "SELECT 1 FROM head WHERE number = $((10#$(basename "$head")))" >/dev/null
            XDG_STATE_HOME=$T/state$i "$KEYMUSTER" -C "clone$i" copy check --deep >/dev/null
        fi
    done
    left_clean
}
@test "lighttpd: of a dozen that write one head, one succeeds and eleven are told" { race lighttpd; }

@test "by a proxy: with and without its login, refused, away" {
    scene_dav lighttpd
    proxy_start "$T/proxy"
    ends 0 -C "$FRA" copy set far "$DAV_URL" --proxy "$PROXY"
    ends 0 -C "$FRA" sync
    grep -q "CONNECT 127.0.0.1:$DAV_PORT" "$PROXY_LOG"
    silent_on canary-
    proxy_stop
    ends 5 -o json -C "$FRA" sync
    error_is KM4001
    says "its proxy ${PROXY#http://}"
    proxy_start "$T/closed" 'BasicAuth clerk canary-proxy-9'
    printf 'clerk:canary-proxy-9\n' >login
    printf 'clerk:canary-other\n' >wrong
    chmod 600 login wrong
    ends 4 -o json -C "$FRA" copy set far "$DAV_URL" --proxy "$PROXY"
    error_is KM4031
    says 'wants a login' 'proxy=REF'
    ends 4 -o json -C "$FRA" copy set far "$DAV_URL" --proxy "$PROXY" --credential proxy=file:wrong
    error_is KM4031
    says 'does not know'
    ends 0 -C "$FRA" copy set far "$DAV_URL" --proxy "$PROXY" --credential proxy=file:login
    ends 0 -C "$FRA" sync
    silent_on canary-
    ! grep -rq canary "$FRA/keymuster.conf" || return 1
    ends 0 reveal vbr/config "${from[@]}" --proxy "$PROXY" --credential proxy=file:login --reason test --to file:got
    # A rule, and a server that it cannot reach.
    proxy_stop
    proxy_start "$T/rules" 'ConnectPort 1'
    ends 4 -o json -C "$FRA" copy set far "$DAV_URL" --proxy "$PROXY"
    error_is KM4031
    says 'allow CONNECT'
    ends 5 -o json -C "$FRA" copy set far davs://127.0.0.1:1/files --proxy "$PROXY"
    error_is KM4001
    says 'does not reach it'
    ends 2 -o json -C "$FRA" copy set far "$DAV_URL" --proxy "http://clerk:canary-x@${PROXY#http://}"
    error_is KM1005
    silent_on canary-
    ends 2 -C "$FRA" copy set far "$DAV_URL" --proxy "ftp://x:1"
}
