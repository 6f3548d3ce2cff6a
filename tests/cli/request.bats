#!/usr/bin/env bats
# A store that can only read its copy asks to be admitted by a text that travels by mail.
load ../lib/cli.bash

id_of() { ask .author -C "$1" status; }
digest_of() { ask .digest -C "$1" status; }

# fra with keys and a copy; mad joined from a medium that cannot be written. $mad_id; the request in $T/request.
scene_request() {
    scene_keys
    mount_small "$T/medium" 4m
    cp -r "$USB"/. "$T/medium"
    mount -o remount,ro "$T/medium"
    "$KEYMUSTER" -C "$MAD" join --from "file://$T/medium" --site mad --yes --name mad-store >"$T/joined" 2>"$T/stderr"
    mad_id=$(id_of "$MAD")
    "$KEYMUSTER" -C "$MAD" author request >"$T/request" 2>/dev/null
}

admits() { # STATUS FILE
    ends "$1" -C "$FRA" author admit --request "$2" --yes
}

@test "join from a read-only copy prints a request; it is admitted by it, and what it records arrives by a disk" {
    scene_request
    grep -qF -- 'author admit --request FILE' "$T/joined"
    grep -q '^keymuster request 1$' "$T/joined"
    # As printed, inside a mail, quoted, with CR LF and blanks.
    { printf 'From: x\n\nplease:\n'; sed 's/^/> /' "$T/joined"; printf -- '-- \nregards\n'; } | sed 's/$/ \r/' >"$T/mail"
    ends 0 -C "$FRA" author admit --request "$T/mail" -n
    says "$mad_id"
    [ "$(ask "[.items[] | select(.author == \"$mad_id\")] | length" -C "$FRA" author list)" -eq 0 ]
    ends 2 -C "$FRA" --no-input author admit --request "$T/mail"
    says "$mad_id" 'mad-store at site mad'
    admits 0 "$T/mail"
    says admitted
    [ "$(ask ".items[] | select(.author == \"$mad_id\") | [.name, .site, .standing, .entries] | tostring" \
        -C "$FRA" author list)" = '["mad-store","mad","admitted",0]' ]
    # A second time: said, nothing is recorded.
    local before
    before=$(digest_of "$FRA")
    admits 0 "$T/request"
    says 'already admitted'
    [ "$(digest_of "$FRA")" = "$before" ]
    # Its own entries come with a disk.
    mad site add from-mad
    mkdir "$T/disk"
    mad copy add disk "file://$T/disk" --site mad
    fra copy add disk "file://$T/disk" --site mad
    fra sync
    ends 0 -C "$FRA" site list
    says from-mad
    ends 5 -C "$MAD" sync # the medium cannot be written; the disk is served all the same
    [ "$(digest_of "$FRA")" = "$(digest_of "$MAD")" ]
}

@test "a join whose log a copy has prints no request; -o json has it as a member" {
    scene_keys
    ends 0 -C "$MAD" join --from "file://$USB" --site mad --yes
    silent_on 'keymuster request 1'
    ends 0 -o json --offline -C "$T/other" join --from "file://$USB" --site mad --yes
    json '.admitted == false and (.request | startswith("keymuster request 1\nescrow "))'
    ends 0 -o json -C "$MAD" author request
    json '.request | contains("\nname ")'
    # Stock minisign checks it.
    jq -rj .request <<<"$output" >"$T/request"
    (cd "$T" && head -n 8 request >m && tail -n +9 request >s &&
        minisign -V -P "$(sed -n 's/^key //p' request)" -m m -x s) | grep -q 'keymuster request 1'
    # Of one that is admitted it says so.
    fra author admit "$(id_of "$MAD")"
    mad sync
    ends 0 -C "$MAD" author request
    says 'admitted already'
}

@test "a request that was altered is 15, of another escrow 15, expired 17, cut off or none 2" {
    scene_request
    local word
    for word in author name site at until; do
        sed "s/^$word \(.*\)[0-9a-z]\([^0-9a-z]*\)\$/$word \1$(printf 0)\2/" "$T/request" >"$T/bad"
        cmp -s "$T/request" "$T/bad" && sed "s/^$word \(.*\)[0-9a-z]\([^0-9a-z]*\)\$/$word \11\2/" "$T/request" >"$T/bad"
        tried "$KEYMUSTER" -C "$FRA" author admit --request "$T/bad" --yes
        [ "$status" -eq 15 ] || [ "$status" -eq 2 ]
        [ "$(ask "[.items[] | select(.author == \"$mad_id\")] | length" -C "$FRA" author list)" -eq 0 ]
    done
    sed 's/^name .*/name other-store/' "$T/request" >"$T/bad"
    admits 15 "$T/bad"
    says 'altered on its way'
    # Signed by another key than it names.
    "$KEYMUSTER" -C "$T/thief" join --from "file://$T/medium" --site mad --yes --name mad-store >/dev/null 2>&1
    "$KEYMUSTER" -C "$T/thief" author request 2>/dev/null >"$T/theirs"
    { head -n 8 "$T/request"; tail -n +9 "$T/theirs"; } >"$T/bad"
    admits 15 "$T/bad"
    { sed -n 1,2p "$T/request"; sed -n 3,3p "$T/theirs"; sed -n 4,8p "$T/request"; tail -n +9 "$T/request"; } >"$T/bad"
    admits 2 "$T/bad"
    head -n 10 "$T/request" >"$T/bad"
    admits 2 "$T/bad"
    says 'ends too early'
    echo nothing >"$T/bad"
    admits 2 "$T/bad"
    says 'author request'
    ends 13 -C "$FRA" author admit --request "$T/not-there" --yes
    ends 2 -C "$FRA" author admit "$mad_id" --request "$T/request"
    ends 2 -C "$FRA" author admit
    # Another escrow.
    "$KEYMUSTER" -C "$T/else" init --site fra >/dev/null
    ends 15 -C "$T/else" author admit --request "$T/request" --yes
    says 'another escrow'
    # Two weeks later.
    local lib
    lib=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
    [ -n "$lib" ] || skip 'libfaketime is not installed'
    ! ldd "$KEYMUSTER" | grep -q libasan || skip 'the address sanitizer does not go with libfaketime'
    mkdir "$T/clock"
    echo +15d >"$T/clock/.faketimerc"
    run --separate-stderr env LD_PRELOAD="$lib" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 HOME="$T/clock" \
        "$KEYMUSTER" -C "$FRA" author admit --request "$T/request" --yes
    [ "$status" -eq 17 ]
    says 'has expired' 'author request'
}

@test "an author that was retired does not come back by being admitted again" {
    scene_two
    local mad_id
    mad_id=$(id_of "$MAD")
    "$KEYMUSTER" -C "$MAD" author request >"$T/request" 2>/dev/null
    fra author retire "$mad_id" --reason x --confirm "$mad_id"
    ends 17 -C "$FRA" author admit "$mad_id"
    says 'was retired' 'keymuster join'
    admits 17 "$T/request"
}
