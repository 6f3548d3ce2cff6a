#!/usr/bin/env bats
# Several sites that write, over the kind of place in KM_PLACE: joining, admission, the primary gone and back, places that not all reach.
load ../lib/cli.bash
load ../lib/places.bash

setup_file() { [ "$KM_PLACE" != s3 ] || radosgw_start "$BATS_FILE_TMPDIR/rgw"; }
teardown_file() { [ "$KM_PLACE" != s3 ] || radosgw_stop; }
setup() {
    fresh_home
    place_start "$KM_PLACE" "$T/place"
}
teardown() {
    stop_started
    place_stop
}

digest() { ask .digest -C "$1" status; }
same() {
    [ "$(digest "$FRA")" = "$(digest "$MAD")" ] || { "$KEYMUSTER" -C "$FRA" status; "$KEYMUSTER" -C "$MAD" status; return 1; } >&2
}
names() { ask '[.keys[].name] | sort | join(" ")' -C "$1" list; }

scene() {
    scene_fra
    fra copy add far "$PLACE_URL" --site mad "${PLACE_BIND[@]}"
    fra create vbr/config --purpose config-backup --root mad-main
    mad join --from "$PLACE_URL" --site mad --yes "${PLACE_FROM[@]}"
    mad kms set kp-mad --credential "file:$T/kp-mad.pass" --file "$T/kp-mad.kms"
    fra author admit "$(ask .author -C "$MAD" status)"
    mad sync
    fra sync
    same
}

@test "joined, admitted, and both write" {
    scene
    ends 0 -o json -C "$MAD" create mad/job --purpose backup-job --root mad-main
    json .released
    ends 0 -o json -C "$FRA" create fra/job --purpose backup-job --root fra-main
    json .released
    fra sync
    mad sync
    same
    [ "$(names "$FRA")" = 'fra/job mad/job vbr/config' ]
    password_of "$FRA" vbr/config want
    password_of "$MAD" vbr/config got
    cmp want got
    ends 0 -C "$FRA" copy check --deep
    ends 0 -C "$MAD" copy check --deep
}

@test "both write while the place is away, the same name too: nothing is lost, and both see the conflict" {
    scene
    place_away
    ends 3 -C "$FRA" create both --purpose backup-job --root fra-main
    ends 3 -C "$MAD" create both --purpose backup-job --root mad-main
    ends 0 -C "$FRA" state vbr/config --owner one
    ends 0 -C "$MAD" state vbr/config --owner other
    place_back
    fra sync
    mad sync
    fra sync
    same
    [ "$(names "$FRA")" = 'both both vbr/config' ]
    for store in "$FRA" "$MAD"; do
        ends 0 -C "$store" list
        says '1 (fra)' '1 (mad)'
        ends 0 -C "$store" verify
    done
    ends 0 -C "$FRA" state vbr/config --owner settled
    mad sync
    same
    [ "$(ask .owner -C "$MAD" show vbr/config)" = settled ]
}

@test "the primary is gone, the other site writes on; it comes back with what it had not published" {
    scene
    place_away
    "$KEYMUSTER" -C "$FRA" create vbr/unpublished --purpose backup-job --root fra-main >/dev/null 2>&1 || [ $? -eq 3 ]
    place_back
    mv "$FRA" "$T/elsewhere"
    mad site lost fra --yes --reason fire
    ends 0 -o json -C "$MAD" create mad/meanwhile --purpose backup-job --root mad-main
    json .released
    password_of "$MAD" vbr/config got
    [ "$(wc -c <got)" -eq 44 ]
    # On a bare machine, what is there is there, and no more.
    ends 0 -C "$T/bare" join --offline --from "$PLACE_URL" --site mad --yes "${PLACE_FROM[@]}"
    [ "$(names "$T/bare")" = 'mad/meanwhile vbr/config' ]
    mv "$T/elsewhere" "$FRA"
    [ "$(ask .unpublished -C "$FRA" status)" -ge 1 ]
    ends 0 -C "$FRA" sync
    mad sync
    same
    [ "$(names "$MAD")" = 'mad/meanwhile vbr/config vbr/unpublished' ]
    fra site restored fra --yes --reason rebuilt
    ends 0 -o json -C "$FRA" create fra/again --purpose backup-job --root fra-main
    mad sync
    same
}

@test "two places of which each site reaches one: a disk carries the news between them" {
    scene_fra
    mkdir "$USB"
    fra copy add far "$PLACE_URL" --site mad "${PLACE_BIND[@]}"
    fra copy add usb "file://$USB" --site mad --removable
    # The remote site knows the disk only.
    mad join --from "file://$USB" --site mad --yes
    mad kms set kp-mad --credential "file:$T/kp-mad.pass" --file "$T/kp-mad.kms"
    fra author admit "$(ask .author -C "$MAD" status)"
    mad sync
    mad create mad/job --purpose backup-job --root mad-main
    # What it wrote gets to the other place by the site that reaches both.
    fra sync
    ends 0 -C "$T/bare" join --offline --from "$PLACE_URL" --site mad --yes "${PLACE_FROM[@]}"
    ends 0 -C "$T/bare" show mad/job
    # The disk is away at one site, the place at the other.
    mv "$USB" "$T/away"
    ends 0 -o json -C "$FRA" create fra/job --purpose backup-job --root fra-main
    json .released
    ends 3 -o json -C "$MAD" create mad/second --purpose backup-job --root mad-main
    mv "$T/away" "$USB"
    place_away
    mad sync
    ends 3 -C "$FRA" sync # the other one is away, and said to be; this one is served
    mad sync
    place_back
    fra sync
    same
    [ "$(names "$MAD")" = 'fra/job mad/job mad/second' ]
    for copy in far usb; do ends 0 -C "$FRA" copy check --deep "$copy"; done
}

@test "two places that show different histories are told apart, and the honest one is served" {
    scene
    mkdir "$USB"
    fra copy add usb "file://$USB" --site mad
    place_save old
    fra site add one
    place_load old
    ends 16 -o json -C "$FRA" sync
    error_is KM4003
    says far
    ends 16 -C "$FRA" site add two
    ends 0 -C "$T/bare" join --offline --from "file://$USB" --site mad --yes
    ends 0 -C "$T/bare" site list
    says one two
}

@test "who may only read joins, and is admitted by his request; what he writes is kept, and published once he may write" {
    scene
    [ ${#PLACE_READER[@]} -gt 0 ] || skip 'no account that only reads there'
    local third=$T/third id
    place_save before
    ends 0 -C "$third" join --from "$PLACE_URL" --site mad --yes "${PLACE_READER[@]}"
    ends 0 -C "$third" show vbr/config
    ends 0 -C "$third" kms set kp-mad --credential "file:$T/kp-mad.pass" --file "$T/kp-mad.kms"
    ends 3 -o json -C "$third" create mad/third --purpose backup-job --root mad-main
    json '.released == false'
    place_save now
    diff -r before now
    ends 0 -C "$third" verify
    id=$(ask .author -C "$third" status)
    ends 13 -C "$FRA" author admit "$id" # nobody has heard of him there
    "$KEYMUSTER" -C "$third" author request >request
    ends 0 -C "$FRA" author admit --request request --yes
    # The account may write now.
    ends 0 -C "$third" copy set far "$PLACE_URL" "${PLACE_BIND[@]}"
    ends 0 -C "$third" sync
    fra sync
    mad sync
    same
    ends 0 -C "$MAD" show mad/third
    [ "$(digest "$third")" = "$(digest "$MAD")" ]
}
