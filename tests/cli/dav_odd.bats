#!/usr/bin/env bats
# WebDAV servers that refuse, answer oddly, have no room, or are others than they should be.
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
