#!/usr/bin/env bats
# vbr reconcile --file: the list of a server that has no REST API, as its administrator exports it. With a server's name the report is
# that of the live server; see vbr.bats for both side by side.
load ../lib/cli.bash

EXPORTS=$BATS_TEST_DIRNAME/../data/exports

wdek() { ask '.wraps[0].ciphertext' -C "$FRA" show "$1" --wraps; }
n=0
object() { # DESCRIPTION [TIME]
    n=$((n + 1))
    jq -nc --arg i "$(printf '%08d-0000-4000-8000-000000000000' "$n")" --arg d "$1" --arg t "${2-2026-01-01T00:00:00Z}" \
        '{Id: $i, Description: $d, EncryptedPassword: "", ModificationDateUtc: $t}'
}
reconciled() { jq -c '[.items[] | [.name // .hint // .why, .verdict]] | sort' <<<"$output"; }

@test "a site of scripts: no server, no ids; never escrowed, hint differs, hint behind, changed, gone" {
    scene_copy
    for k in a b c d e; do fra create "vbr/$k" --purpose backup-job --root fra-main; done
    for k in a b c d e; do object "vbr/$k | $(wdek "vbr/$k")"; done | jq -s . | iconv -t UTF-16 >list
    ends 0 -o json -C "$FRA" vbr reconcile --file list
    json 'has("server") | not' && json '[.items[].verdict] | unique == ["ok"]'
    fra vbr delivered vbr/d vbr/e --evidence 'added by script'
    fra root rotate fra-main
    b=$(wdek vbr/b)
    fra rewrap vbr/b
    {
        object "vbr/a | $(wdek vbr/a)" 2099-01-01T00:00:00Z
        object "vbr/b | $b"
        object "vbr/c | bm90IHRoZSB3cmFw"
        object "vbr/d | $(wdek vbr/d)"
        object 'typed by hand'
    } | jq -s . >list
    ends 3 -o json -C "$FRA" vbr reconcile --file list
    [ "$(reconciled)" = '[["typed by hand","never escrowed"],["vbr/a","suspect"],["vbr/b","hint behind"],["vbr/c","hint differs"],["vbr/d","ok"],["vbr/e","gone"]]' ]
    says 'vbr delivered KEY --evidence'
    # Somebody has looked at a change: it is older than the evidence.
    object "vbr/a | $(wdek vbr/a)" "$(date -u -d '2 seconds' +%FT%TZ)" >list
    ends 3 -o json -C "$FRA" vbr reconcile --file list
    sleep 3
    fra vbr delivered vbr/a --evidence checked
    ends 3 -o json -C "$FRA" vbr reconcile --file list
    json '.items[0].verdict == "ok"'
}

@test "a moniker of its own, a generation without its number: the wrap is what counts" {
    scene_copy
    fra create vbr/a --purpose backup-job --root fra-main
    fra rekey vbr/a
    { object "cfg of 2021 | $(wdek vbr/a@1)"; object "vbr/a | $(wdek vbr/a@2)"; } >list
    ends 0 -o json -C "$FRA" vbr reconcile --file list
    json '[.items[] | [.generation, .verdict]] == [[1, "ok"], [2, "ok"]]'
}

@test "a list that is not whole says nothing of what is gone; rows that nobody can read are told" {
    scene_copy
    fra create vbr/a --purpose backup-job --root fra-main
    fra vbr delivered vbr/a --evidence script
    { object "vbr/a | $(wdek vbr/a)"; object other; } | jq -s . >list
    ends 3 -o json -C "$FRA" vbr reconcile --file list
    [ "$(reconciled)" = '[["other","never escrowed"],["vbr/a","ok"]]' ]
    object other | jq -s '{data: ., pagination: {total: 2, count: 1, skip: 0, limit: 1}}' >page
    ends 3 -o json -C "$FRA" vbr reconcile --file page
    json '[.items[].verdict] == ["never escrowed"]'
    says 'pages are missing' 'cannot be told'
    object "vbr/a | $(wdek vbr/a)" | jq -s '{data: ., pagination: {total: 2, count: 1, skip: 1, limit: 1}}' >page2
    ends 3 -o json -C "$FRA" vbr reconcile --file page --file page2
    silent_on missing
    head -c 150 list >cut
    ends 3 -o json -C "$FRA" vbr reconcile --file cut
    json '[.items[].verdict] | index("gone") | not'
    printf 'Id,Description\n,"open | x\n,evil \033[31m\n' >sheet
    ends 3 -C "$FRA" vbr reconcile --file sheet
    says damaged 'quotation mark' '\x1B'
    printf '{"name":"vbr/a"}\n' >own
    ends 3 -C "$FRA" vbr reconcile --file own
    says 'no row of such a list'
    ends 2 -C "$FRA" vbr reconcile
    ends 13 -C "$FRA" vbr reconcile --file none
    ends 13 -C "$FRA" vbr reconcile nobody --file list
    for file in "$EXPORTS"/ps*.json "$EXPORTS"/ps*.csv "$EXPORTS"/rest*.json; do
        ends 3 -o json -C "$FRA" vbr reconcile --file "$file"
        json '[.items[].verdict] | length > 0 and all(IN("never escrowed", "gone"))'
        grep -q MADE-UP <<<"$output" && return 1
    done
    true
}
