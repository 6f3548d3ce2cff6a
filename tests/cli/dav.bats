#!/usr/bin/env bats
# Copies at WebDAV servers: lighttpd, which is strict, and nginx with dav-ext, which is not, started here.
# bats sets it:
# shellcheck disable=SC2154,SC2030,SC2031
load ../lib/cli.bash
load ../lib/dav.bash

setup() { fresh_home; }
teardown() {
    dav_stop
    proxy_stop
    if [ -n "${mounted-}" ]; then umount "$mounted" || true; fi
    stop_started
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
    ! grep -vE ' /files/([a-z.]+\.json|(head|newest|log)/[0-9a-f/.-]*(keymuster-[0-9a-f]{16}\.tmp|ndjson)?|recovery/[A-Za-z0-9./-]*)? [0-9]+$' "$DAV_DIR/front.log" || return 1
    grep -q '/files/head/ffffffffffffffffffffffffffffffff/' "$DAV_DIR/front.log"
    # An absolute address and another prefix are as good.
    dav_fault '[{"method": "PROPFIND", "replace": ["<D:href>", "<D:href>https://127.0.0.1"]}, {"method": "PROPFIND", "replace": ["D:", "x:"]}]'
    ends 0 -o json -C "$FRA" copy check --deep
    json '.items[0].verified'
}

# Another's head, which the look before does not see, as if both had come at one moment. MORE: faults beside that.
meet() { # [MORE]
    rm -f -- "${at-}" # of the time before
    at=$(find "$DAV_FILES/head" -name '0*' -type f | sort | tail -n 1)
    at=$(printf '%s/%010d' "$(dirname "$at")" $((10#$(basename "$at") + 1)))
    printf 'somebody else\n' >"$at"
    dav_fault "$(jq -n --arg path "$(basename "$at")\$" --argjson more "[${1-}]" '[{method: "GET", path: $path, status: 404, times: 1}] + $more')"
    : >"$DAV_DIR/front.log"
    tried "$KEYMUSTER" -o json -C "$FRA" create vbr/late --purpose backup-job --root fra-main
    grep '^MOVE .* ' "$DAV_DIR/front.log"
    printf 'somebody else\n' | cmp - "$at"
}
moment() { # KIND
    FRONT=1 scene_dav "$1"
    cp -r "$FRA" kept
    meet
    [ "$status" -eq 16 ]
    error_is KM4004
    grep -q '^MOVE .* 412' "$DAV_DIR/front.log"
    # A server that says it moved, and did not.
    rm -r "$FRA"
    cp -r kept "$FRA"
    meet '{"method": "MOVE", "path": "/head/", "status": 201}'
    [ "$status" -eq 16 ]
    error_is KM4004
    # A program that overwrites is caught.
    rm -r "$FRA"
    mv kept "$FRA"
    KEYMUSTER=$KM_TOOLS/plant-overwrite run meet
    [ "$status" -ne 0 ]
    [[ $output == *differ* ]]
}
@test "lighttpd: of two that write one head at one moment, the second leaves the first's, and is told" { moment lighttpd; }
@test "nginx: of two that write one head at one moment, the second leaves the first's, and is told" { moment nginx; }

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
            code=0
            XDG_STATE_HOME=$T/state$i "$KEYMUSTER" -o json -C "clone$i" sync >"answer$i" 2>"error$i" || code=$?
            echo "$code" >"status$i"
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
