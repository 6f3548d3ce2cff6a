#!/usr/bin/env bats
# rehome --map: many keys, each to a root key of its own; every line is judged before anything is done.
load ../lib/cli.bash

# Two more root keys at the remote site; map LINE... writes T/map.
scene_map() {
    scene_keys
    fra root create one --kms kp-mad
    fra root create two --kms kp-mad
}
map() { printf '%b\n' "$@" >"$T/map"; }
roots_of_key() { ask '[.wraps[].root] | sort | join(" ")' -C "$FRA" show "$1"; }

@test "each key to its own root key; remarks, empty lines, CR LF and a byte-order mark do not matter" {
    scene_map
    password_of "$FRA" vbr/config "$T/before"
    map '\xef\xbb\xbf# from the plan of the move\r' '\r' 'vbr/config\tone\r' '' "$(ask .uuid -C "$FRA" show vbr/job-sql)\\ttwo\\r"
    ends 0 -C "$FRA" rehome --map "$T/map" -n
    says 'planned  vbr/config@1 under one' 'planned  vbr/job-sql@1 under two'
    [ "$(roots_of_key vbr/config)" = mad-main ]
    ends 0 -o json -C "$FRA" rehome --map "$T/map"
    json '.added == 2 and (has("root") | not) and [.keys[] | .name + " " + .to.root + " " + .outcome] ==
          ["vbr/config one added", "vbr/job-sql two added"]'
    [ "$(roots_of_key vbr/config)" = 'mad-main one' ]
    [ "$(roots_of_key vbr/job-sql)" = 'fra-main mad-main two' ]
    ends 0 -o json -C "$FRA" rehome --map "$T/map"
    json '.added == 0 and .there == 2'
    fra root destroy mad-main --confirm mad-main
    password_of "$FRA" vbr/config "$T/after"
    cmp "$T/before" "$T/after"
    ends 0 -C "$FRA" verify
}

@test "a line without a root key takes --to; the map comes by standard input; --from limits what opens" {
    scene_map
    map 'vbr/config\nvbr/job-sql \t two'
    ends 0 -C "$FRA" rehome --map - --to one <"$T/map"
    says 'added    vbr/config@1 under one' 'added    vbr/job-sql@1 under two'
    map vbr/config
    ends 13 -C "$FRA" rehome --map "$T/map" --to two --from fra-main
    says 'line 1' 'no wrap under fra-main'
    printf '# nothing yet\n' >"$T/map"
    ends 0 -C "$FRA" rehome --map "$T/map" --to two
    says 'no key in'
}

@test "one line that is wrong: its file and number are told, and nothing is touched" {
    scene_map
    refused() { # STATUS TEXT LINE: stands on line 3, behind a good one
        map '# plan' 'vbr/job-sql\ttwo' "$3"
        ends "$1" -C "$FRA" rehome --map "$T/map"
        says "$T/map, line 3" "$2"
    }
    refused 13 'vbr/nothing' 'vbr/nothing\tone'
    refused 13 'did you mean vbr/config' 'vbr/confg\tone'
    refused 13 'nowhere' 'vbr/config\tnowhere'
    refused 13 'vbr/config@7' 'vbr/config@7\tone'
    refused 2 'stands on line 2 already' 'vbr/job-sql@1\tone'
    refused 2 '--to is not given' 'vbr/config'
    refused 2 '--to is not given' 'vbr/config\t'
    refused 2 'one more TAB' 'vbr/config\tone\ttwo'
    refused 2 'before the TAB' '\tone'
    refused 2 'UTF-8' 'vbr/config\xff\tone'
    refused 2 'UTF-8' 'vbr/config\0\tone'
    refused 2 'longer than' "$(printf 'x%.0s' {1..140000})"
    [ "$(roots_of_key vbr/job-sql)" = 'fra-main mad-main' ]
    map 'vbr/config\tone'
    ends 2 -C "$FRA" rehome --map "$T/map" --all
    ends 2 -C "$FRA" rehome --map "$T/map" vbr/config
    ends 2 -C "$FRA" rehome --map "$T/map" --from one
    ends 13 -C "$FRA" rehome --map "$T/none" --to one
    says "$T/none"
    fra root disable two --yes # found out before anything is wrapped under the other
    map 'vbr/config\tone' 'vbr/job-sql\ttwo'
    ends 14 -C "$FRA" rehome --map "$T/map"
    says 'root enable two'
    [ "$(roots_of_key vbr/config)" = mad-main ]
    ends 0 -C "$FRA" verify
}

@test "two thousand lines: each key once; one that stands twice is found, wherever" {
    scene_map
    head -c 32 /dev/zero >"$T/known"
    "$KM_TOOLS/kms_tool" wrap "$T/kp-mad.kms" "$T/kp-mad.pass" one "$T/known" >"$T/wrap"
    seq 2000 | jq -cR --rawfile w "$T/wrap" '{name: "bulk/\(.)", wrapped: ($w | rtrimstr("\n"))}' >"$T/rows"
    fra import "$T/rows" --root one --purpose other --no-prove
    seq 2000 | sed 's|.*|bulk/&\ttwo|' >"$T/map"
    ends 0 -o json -C "$FRA" rehome --map "$T/map" -n --offline
    json '.planned == 2000 and ([.keys[].name] | unique | length) == 2000'
    for line in 1 63 64 777 2000; do
        { cat "$T/map"; sed -n "${line}p" "$T/map"; } >"$T/twice"
        ends 2 -C "$FRA" rehome --map "$T/twice" -n --offline
        says "line 2001: bulk/$line@1 stands on line $line already"
    done
}
