#!/usr/bin/env bats
# doctor: what can be looked at on this machine without a network; rights in IBM's KMSs are in ibm_rotation.bats.
load ../lib/cli.bash

# result WHAT NAME TEST: yes, no, unknown; and whether it is a finding.
result() { "$KEYMUSTER" -C "$FRA" -o json doctor --offline | jq -r --arg w "$1" --arg n "$2" --arg t "$3" '.checks[] | select(.what == $w and .name == $n and .test == $t) | "\(.result) \(.finding)"'; }
is() { # EXPECTED WHAT NAME TEST
    local got
    got=$(result "$2" "$3" "$4")
    [ "$got" = "$1" ] || { printf '%s %s, %s: %s, not %s\n' "$2" "$3" "$4" "$got" "$1" >&2; return 1; }
}

@test "all is well after a good setup, offline and with the KMSs" {
    scene_two
    ends 0 -C "$FRA" -o json doctor
    json '.findings == 0 and ([.checks[] | select(.what == "root key") | .result] == ["yes", "yes"])'
    ends 0 -C "$FRA" -o json doctor --offline
    json '.findings == 0 and ([.checks[].what] | unique) == ["copy", "escrow", "kms", "machine", "store"]'
    is 'yes false' machine memory 'secrets are locked in it'
    is 'yes false' kms kp-fra 'its credential can be read'
    is 'yes false' copy usb 'is up to date'
    is 'yes false' escrow authors 'more than one lives'
    ends 0 -C "$FRA" doctor --offline
    silent_on 'root key'
}

@test "what others could read, a credential that is gone, a copy that is due are findings with advice" {
    scene_two
    chmod 644 "$T/kp-fra.pass"
    is 'no true' kms kp-fra 'its credential can be read'
    ends 3 -C "$FRA" doctor --offline
    says 'its mode is 0644'
    rm "$T/kp-fra.pass"
    is 'no true' kms kp-fra 'its credential can be read'
    sed -i 's|^credential = file:.*kp-fra.pass|credential = prompt|' "$FRA/keymuster.conf"
    is 'unknown false' kms kp-fra 'its credential can be read'
    chmod 640 "$FRA/author.key"
    is 'no true' store author.key "is its owner's alone"
    ends 3 -C "$FRA" doctor --offline
    says "chmod go= $FRA/author.key"
    chmod 600 "$FRA/author.key"
    fra copy set usb "file://$USB" --every 1s
    sleep 1.2
    is 'no true' copy usb 'is up to date'
}

@test "without a lock on memory it says so; duties, authors and policy are told and are no findings of it" {
    scene_keys
    # 0: not even one page
    run --separate-stderr bash -c 'ulimit -l 0; exec setpriv --inh-caps=-all --bounding-set=-all "$@"' - "$KEYMUSTER" -C "$FRA" -o json doctor --offline
    if [ "$status" -eq 3 ]; then
        json '.checks[] | select(.name == "memory") | .result == "no" and .finding and (.note | contains("ulimit -l"))'
    else
        [ "$status" -eq 0 ] # this kernel locks without asking for a limit
    fi
    is 'no false' escrow authors 'more than one lives'
    is 'yes false' escrow duties 'are done'
    fra reveal vbr/config --reason test --to "file:$T/seen"
    is 'no false' escrow duties 'are done'
    is 'no false' escrow policy 'is kept'
}
