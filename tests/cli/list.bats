#!/usr/bin/env bats
# list, show --fields, audit log: which keys, which entries; in which order, in which form.
load ../lib/cli.bash

# names FILTER...: the keys that list finds, as NAME@GEN, in its order.
names() { "$KEYMUSTER" -C "$FRA" -o json list "$@" | jq -r '[.keys[] | "\(.name)@\(.generation)"] | join(" ")'; }
# is EXPECTED FILTER...
is() {
    local expected=$1 got
    shift
    got=$(names "$@")
    [ "$got" = "$expected" ] || { printf 'list %s: %s, not %s\n' "$*" "$got" "$expected" >&2; return 1; }
}

@test "every filter finds the keys that are so, and no other" {
    scene_keys # vbr/config under mad-main, vbr/job-sql under both
    printf 'canary-known' >"$T/pw"
    fra record old --purpose other --root fra-main --protects-site mad --secret "file:$T/pw" --label tier=1 --label x=y
    fra create soon --purpose other --root fra-main --expires 20d --label tier=2
    fra create owing --purpose other --root fra-main
    fra rekey vbr/job-sql
    fra state vbr/job-sql@1 suspended --reason test
    is 'old@1 owing@1 soon@1 vbr/config@1 vbr/job-sql@1 vbr/job-sql@2'
    is 'vbr/job-sql@1' --state suspended
    is 'vbr/job-sql@1 vbr/job-sql@2' --purpose backup-job
    is 'vbr/job-sql@1 vbr/job-sql@2' vbr/job-sql
    is 'old@1' --protects-site mad
    is 'vbr/config@1 vbr/job-sql@1 vbr/job-sql@2' --site mad
    is 'vbr/config@1 vbr/job-sql@1 vbr/job-sql@2' --kms kp-mad
    is 'old@1 owing@1 soon@1 vbr/job-sql@1 vbr/job-sql@2' --root fra-main
    is 'vbr/job-sql@2' --root fra-main --site fra --state active --purpose backup-job
    is '' --root fra-main --site mad # one wrap must be both
    is 'old@1 soon@1' --label tier
    is 'old@1' --label tier=1 --label x=y
    is '' --label tier=1 --label x=z
    is 'soon@1' --expiring 30d
    is '' --expiring 10d
    is 'old@1' --unconfirmed
    is 'old@1' --exposed # a person knew it
    is 'old@1 owing@1 soon@1 vbr/config@1 vbr/job-sql@1 vbr/job-sql@2' --unproven
    fra drill vbr/config
    version=$(ask '.wraps[0].version' -C "$FRA" show soon)
    fra root rotate fra-main
    is 'old@1 owing@1 soon@1 vbr/job-sql@1 vbr/job-sql@2' --behind
    fra rewrap soon
    is 'old@1 owing@1 vbr/job-sql@1 vbr/job-sql@2' --behind
    is 'old@1 owing@1 soon@1 vbr/job-sql@1 vbr/job-sql@2' --root-version "${version:0:8}"
    is '' --debt
    mv "$T/kp-mad.kms" "$T/away"
    ends 0 -C "$FRA" create lacks --purpose other --root fra-main --owe mad-main
    mv "$T/away" "$T/kp-mad.kms"
    is 'lacks@1' --debt
    ends 0 -o json -C "$FRA" list --debt
    json '.keys[0].debts == ["mad-main"] and .keys[0].roots == ["fra-main"]'
    ends 0 -C "$FRA" show lacks
    says DEBT 'wrap add'
    fra wrap add lacks --root mad-main
    is '' --debt
}

@test "conflicts, and a generation that two sites made apart" {
    scene_both
    [ "$(names --conflict)" = 'both@1 both@1' ]
    ends 0 -C "$FRA" list --conflict
    says 'CONFLICT' '1 (fra)' '1 (mad)'
    mv "$USB" "$T/away"
    "$KEYMUSTER" -C "$FRA" state vbr/config --owner one --offline
    "$KEYMUSTER" -C "$MAD" state vbr/config --owner two --offline
    mv "$T/away" "$USB"
    fra sync; mad sync; fra sync
    is 'both@1 both@1 vbr/config@1' --conflict
    fra state vbr/config --owner three
    is 'both@1 both@1' --conflict
}

@test "--at: of each name the newest generation of then; a date before the first key is said" {
    scene_keys
    first=$(ask .created_at -C "$FRA" show vbr/job-sql)
    fra rekey vbr/job-sql
    is 'vbr/config@1 vbr/job-sql@1' --at "$first"
    is 'vbr/config@1 vbr/job-sql@2' --at 9999-12-31
    is 'vbr/job-sql@1' vbr/job-sql --at "$first"
    ends 0 -o json -C "$FRA" list --at 2001-02-03
    json '.keys == []'
    ends 0 -C "$FRA" list --at 2001-02-03
    [ -z "$output" ]
    says 'no key had been made by 2001-02-03' 'the first one was made at'
    ends 0 -C "$FRA" list --state destroyed
    says 'no key is like that'
}

@test "sorting, both ways; keys without a value come last" {
    scene_copy
    fra create c --purpose other --root fra-main --expires 2031-01-01
    fra create a --purpose other --root fra-main
    fra create b --purpose other --root fra-main --expires 2030-01-01
    fra state c compromised --reason test
    is 'a@1 b@1 c@1' --sort name
    is 'c@1 b@1 a@1' --reverse
    is 'b@1 c@1 a@1' --sort expires
    is 'c@1 b@1 a@1' --sort expires --reverse
    is 'c@1 a@1 b@1' --sort created_at
    is 'b@1 a@1 c@1' --sort created_at --reverse
    is 'a@1 b@1 c@1' --sort state
    is 'b@1 c@1' --sort expires --expiring 9y
    ends 2 -C "$FRA" list --sort colour
    says 'known: name'
}

@test "words that mean nothing are told, with those that do" {
    scene_keys
    ends 2 -C "$FRA" list --state alive
    says 'there is no alive' deactivated
    ends 2 -C "$FRA" list --purpose backup
    says 'config-backup'
    ends 13 -C "$FRA" list --root fra-mian
    says 'did you mean fra-main'
    ends 13 -C "$FRA" list --site nowhere
    ends 13 -C "$FRA" list vbr/confg
    says 'did you mean vbr/config'
    ends 2 -C "$FRA" list vbr/config@1
    ends 2 -C "$FRA" list --expiring soon
    ends 2 -C "$FRA" list --at yesterday
    ends 2 -C "$FRA" show vbr/config --fields nonsense
    ends 2 -C "$FRA" list --fields ''
}

@test "--fields means the same in every format, and show has them, too" {
    scene_keys
    ends 0 -o json -C "$FRA" list --fields name,roots
    json '.keys == [{"name":"vbr/config","roots":["mad-main"]},{"name":"vbr/job-sql","roots":["fra-main","mad-main"]}]'
    ends 0 -o ndjson -C "$FRA" list --fields name,released vbr/config
    [ "$(head -n 1 <<<"$output" | jq -c .)" = '{"schema":"keymuster.key/1","name":"vbr/config","released":true}' ]
    ends 0 -o csv -C "$FRA" list --fields generation,name
    [ "$(tr -d '\r' <<<"$output")" = $'name,generation\nvbr/config,1\nvbr/job-sql,1' ]
    ends 0 -C "$FRA" show vbr/config --fields state,kms
    [ "$(tr -s ' ' <<<"$output")" = $'state active\nkms kp-mad' ]
    ends 0 -o json -C "$FRA" show vbr/config --fields state
    json '. == {"schema":"keymuster.show/1","state":"active"}'
    ends 0 -o csv -C "$FRA" show vbr/config vbr/job-sql --fields name,kms
    [ "$(tr -d '\r' <<<"$output")" = $'name,kms\nvbr/config,kp-mad\nvbr/job-sql,kp-fra kp-mad' ]
    # what list and show both tell is the same
    ends 0 -o json -C "$FRA" show vbr/config
    one=$(jq -cS 'del(.schema, .entry, .drills, .conflicts, .wraps, .backup_servers, .needed_by, .used_by)' <<<"$output")
    ends 0 -o json -C "$FRA" list vbr/config
    [ "$(jq -cS '.keys[0]' <<<"$output")" = "$one" ]
}

@test "hostile names stay text in every format" {
    scene_copy
    fra create '=cmd|"/c calc"!A1' --purpose other --root fra-main
    fra create '<script>alert(1)</script>' --purpose other --root fra-main
    long=$(printf 'ü%.0s' {1..128})
    fra create "$long" --purpose other --root fra-main --owner $'\xd7\xa9\xd7\x9c' # right to left
    ends 2 -C "$FRA" create $'a\xe2\x80\xaeb' --purpose other --root fra-main
    fra state "$long" --owner '@SUM(A1)'
    is '<script>alert(1)</script>@1 =cmd|"/c calc"!A1@1 '"$long@1"
    ends 0 -o csv -C "$FRA" list
    [ "$(grep -c "\"'@SUM(A1)\"" <<<"$output")" -eq 1 ]
    [ "$(grep -c "^\"'=cmd" <<<"$output")" -eq 1 ]
    ends 0 -C "$FRA" list
    says "$long"
    [ "$(grep -c $'\x1b' <<<"$output")" -eq 0 ]
}

@test "an empty escrow" {
    fra init --site fra
    for how in text json ndjson csv; do ends 0 -o $how -C "$FRA" list --sort expires --conflict --debt --exposed --behind; done
    ends 0 -C "$FRA" list
    [ -z "$output" ]
    says 'no keys yet'
}

@test "a reader that goes away ends it at once and without noise" {
    scene_copy
    many_keys 5000
    for how in text json ndjson csv; do
        bash -o pipefail -c '"$KEYMUSTER" -C "$0" -o "$2" list 2>"$1" | head -c 10' "$FRA" "$T/said" "$how" >"$T/first" || true
        [ "$(wc -c <"$T/first")" -eq 10 ]
        [ ! -s "$T/said" ] || { cat "$T/said" >&2; return 1; }
    done
    [ "$("$KEYMUSTER" -C "$FRA" -o json list | jq '.keys | length')" -eq 5000 ]
    [ "$("$KEYMUSTER" -C "$FRA" -o ndjson list | tail -n 1 | jq .items)" -eq 5000 ]
    [ "$("$KEYMUSTER" -C "$FRA" list | grep -c '^vbr/k')" -eq 5000 ]
    [ "$("$KEYMUSTER" -C "$FRA" -o csv list --sort created_at --reverse | wc -l)" -eq 5001 ]
}

@test "audit log: by author, key, kind and time; --entry alone" {
    scene_two
    count() { "$KEYMUSTER" -C "$FRA" -o ndjson audit log "$@" | grep -c '"keymuster.entry/1"' || true; }
    all=$(count)
    author=$(ask .author -C "$FRA" status)
    other=$(ask .author -C "$MAD" status)
    [ "$(($(count --author "$author") + $(count --author "${other:0:12}")))" -eq "$all" ]
    [ "$(count --kind key.created)" -eq 2 ]
    [ "$(count --kind key)" -eq "$(count --kind key.created)" ]
    [ "$(count --kind ke)" -eq 0 ]
    [ "$(count --key vbr/config)" -eq 1 ]
    [ "$(count --key vbr/config --kind wrap)" -eq 0 ]
    fra rewrap vbr/config
    [ "$(count --key vbr/config)" -eq "$("$KEYMUSTER" -C "$FRA" -o json show vbr/config --history | jq '.history | length')" ]
    [ "$(count --until 2001-01-01)" -eq 0 ]
    [ "$(count --since 2001-01-01 --until 9999-01-01)" -eq "$(count)" ]
    at=$("$KEYMUSTER" -C "$FRA" -o ndjson audit log --kind key.created | jq -r '.entry.at | values' | sort | tail -n 1)
    [ "$(count --kind key.created --since "$at")" -ge 1 ]
    [ "$(count --kind key.created --since "$at")" -le 2 ]
    ends 0 -C "$FRA" audit log --kind nothing
    says 'no entry is like that'
    ends 13 -C "$FRA" audit log --key nothing
    ends 2 -C "$FRA" audit log --since once
    hash=$("$KEYMUSTER" -C "$FRA" -o ndjson audit log --kind key.created | jq -r '.hash | values' | head -n 1)
    ends 0 -o json -C "$FRA" audit log --entry "$hash"
    json '.entry.kind == "key.created"'
    ends 2 -C "$FRA" audit log --entry "$hash" --kind key
    ends 13 -C "$FRA" audit log --entry "${hash//[0-9]/a}"
    ends 2 -C "$FRA" audit log --entry abc
}
