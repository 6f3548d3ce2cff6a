#!/usr/bin/env bats
# import of what people have: exports of Get-VBREncryptionKey and REST lists, in every encoding, with everything that goes wrong
# with them on the way. The files of tests/data/exports are judged as expected.json beside them says.
load ../lib/cli.bash

EXPORTS=$BATS_TEST_DIRNAME/../data/exports

wrap() { # ROOT TEXT: the wrap of 32 bytes, form base64
    printf %-32.32s "$2" >"$T/payload"
    "$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" "$1" "$T/payload"
    rm "$T/payload"
}
# An object as ConvertTo-Json makes it: MONIKER WDEK [TIME]; - as WDEK: no bar
n=0
object() {
    n=$((n + 1))
    jq -nc --arg i "$(printf '%08d-0000-4000-8000-000000000000' "$n")" --arg d "$([ "$2" = - ] && printf %s "$1" || printf '%s | %s' "$1" "$2")" \
        --arg t "${3-2026-01-01T00:00:00Z}" '{Id: $i, Description: $d, EncryptedPassword: "canary-encrypted", ModificationDateUtc: $t}'
}
as_array() { jq -s . | sed 's/$/\r/'; } # as ConvertTo-Json ends its lines
verdicts() { jq -r '[.rows[].verdict] | join(" ")' <<<"$output"; }
into() { "$1" "${@:2:1}" -o json -C "$FRA" import "${@:3}" --root fra-main --purpose backup-job; }

# What an import says of each row, in the words of expected.json: its verdicts, and what it found of several rows.
expected() { # NAME FILE...
    local name=$1 want rc
    shift
    rc=$(jq -r --arg n "$name" '.files[$n].exit' "$EXPORTS/expected.json")
    into ends "$rc" "$@" --no-prove -n
    want=$(jq -c --arg n "$name" '.files[$n].rows | sort_by(.row) | map([.row,
        if .verdict == "suspect" or (.findings | index("wdek-bad-base64")) then "damaged" elif .verdict == "unmanaged" then "unmanaged"
        elif any(.findings[]; . == "duplicate-moniker" or . == "moniker-contains-separator") then "ambiguous" else "recorded" end,
        (.findings - ["characters-lost"] | sort)])' "$EXPORTS/expected.json")
    # Rows of several files are counted on, as expected.json does. What is found besides is not in question here.
    jq -e --argjson want "$want" '[.rows[]] | sort_by(.file, .row) | to_entries
        | map([.key + 1, .value.verdict, ((.value.findings // []) - ["characters-lost", "id-missing", "time-unknown"] | sort)]) == $want' <<<"$output"
}

@test "each export is judged row by row as its expected.json says" {
    scene_copy
    local name seen=0
    while IFS= read -r name; do
        case $name in
        *' + '*) expected "$name" "$EXPORTS/${name% + *}" "$EXPORTS/${name#* + }" ;;
        rest-list-page1.json)
            into ends 3 "$EXPORTS/$name" --no-prove -n
            says '8 passwords, and 5 are here'
            json '.rows | length == 5'
            ;;
        *) expected "$name" "$EXPORTS/$name" ;;
        esac
        seen=$((seen + 1))
    done < <(jq -r '.files | keys[]' "$EXPORTS/expected.json")
    [ "$seen" -eq 10 ]
    # The encrypted password of an export is in no answer and in no store.
    for format in text json ndjson; do
        run "$KEYMUSTER" -v -o "$format" -C "$FRA" import "$EXPORTS/ps7-array.json" "$EXPORTS/ps51-export.csv" --root fra-main --purpose other --no-prove
        [ "$status" -eq 3 ]
        printf %s "$output" >"$T/out.$format"
    done
    cp "$EXPORTS/ps7-array.json" "$T/planted"
    [ "$(grep -rlF MADE-UP-Encrypted "$T")" = "$T/planted" ]
}

@test "proved and recorded from each encoding; again, each is known, without asking the KMS" {
    scene_copy
    object 'Köln a' "$(wrap fra-main canary-a)" >rows
    object 'job b' "$(wrap fra-main canary-b)" >>rows
    object 'typed by hand' - >>rows
    as_array <rows >array
    for to in UTF-16 UTF-16LE UTF-16BE; do iconv -f UTF-8 -t "$to" array >"array.$to"; done
    into ends 3 array.UTF-16LE -n
    [ "$(verdicts)" = 'recorded recorded unmanaged' ]
    json '.dry_run and .unmanaged == 1 and .rows[2].findings == ["wdek-missing"] and (.rows[2].why | contains("only the backup server"))'
    into ends 3 array
    [ "$(verdicts)" = 'recorded recorded unmanaged' ]
    ends 0 -o json -C "$FRA" show 'Köln a'
    json '.proven and .wraps[0].how == "import" and .purpose == "backup-job"'
    password_of "$FRA" 'job b' "$T/pw"
    [ "$(base64 -d "$T/pw" | tr -d ' ')" = canary-b ]
    fra root disable fra-main --yes # so that it opens nothing
    for to in UTF-16 UTF-16LE UTF-16BE; do
        into ends 3 "array.$to"
        [ "$(verdicts)" = 'known known unmanaged' ]
    done
    fra root enable fra-main
    # A wrap of another root key, or none at all: told by the proof.
    object other "$(wrap fra-main canary-o | base64 -d | jq -c '.handle = "00000000-0000-4000-8000-000000000000"' | base64 -w0)" | as_array >foreign
    into ends 3 foreign
    [ "$(verdicts)" = refused ]
    ends 0 -C "$FRA" verify
}

@test "two keys of one moniker: which is newer is never guessed; --new-generation takes them in the order of their times" {
    scene_copy
    object twin "$(wrap fra-main canary-new)" 2026-03-01T00:00:00Z >rows
    object alone "$(wrap fra-main canary-alone)" >>rows
    object twin "$(wrap fra-main canary-old)" 2025-03-01T00:00:00Z >>rows
    as_array <rows >array
    into ends 3 array
    [ "$(verdicts)" = 'ambiguous ambiguous recorded' ] # those of one name stand together
    json '[.rows[] | select(.verdict == "ambiguous") | .findings] == [["duplicate-moniker"], ["duplicate-moniker"]]'
    says --new-generation
    ends 13 -C "$FRA" show twin
    into ends 0 array --new-generation
    json '.successors == 1 and [.rows[] | [.row, .generation, .verdict]] == [[3, 1, "recorded"], [1, 2, "successor"], [2, 1, "known"]]'
    password_of "$FRA" twin "$T/pw"
    [ "$(base64 -d "$T/pw" | tr -d ' ')" = canary-new ]
    into ends 0 array
    [ "$(verdicts)" = 'known known known' ]
    # An older one that turns up later is no successor; nor is one whose time is not known or is the same.
    object twin "$(wrap fra-main canary-oldest)" 2024-03-01T00:00:00Z >>rows
    as_array <rows >array
    into ends 3 array --new-generation
    json '[.rows[] | select(.verdict == "ambiguous") | .row] == [4] and (.rows[] | select(.row == 4).why | contains("newer one"))'
    for time in 'date: 3/1/2026 8:00' 2026-01-01T00:00:00Z; do
        { object "pair $time" "$(wrap fra-main canary-1)" "$time"; object "pair $time" "$(wrap fra-main canary-2)"; } | as_array >pair
        into ends 3 pair --new-generation
        [ "$(verdicts)" = 'ambiguous ambiguous' ]
    done
    # The very same password in two lists is one key.
    cp array again
    into ends 3 array again
    json '[.rows[] | select(.file == "again" and .row < 4) | .verdict] == ["known", "known", "known"]'
}

@test "a name with its generation, a moniker with a bar, a key that is there under another name" {
    scene_copy
    b=$(wrap fra-main canary-bar)
    { object gen@3 "$(wrap fra-main canary-3)"; object gen "$(wrap fra-main canary-1)"; object 'fra | cfg' "$b"; object '' -; } | as_array >array
    into ends 3 array --new-generation
    json '[.rows[] | [.row, .verdict, .name, .generation]] == [[2, "recorded", "gen", 1], [1, "successor", "gen", 2], [3, "ambiguous", null, null],
        [4, "unmanaged", null, null]]'
    says 'its description says generation 3' 'record NAME --description' 'its description is empty'
    printf 'fra | cfg | %s' "$b" >description
    fra record cfg-fra --purpose backup-job --root fra-main --description file:description
    into ends 3 array
    json '.rows[] | select(.row == 3) | .verdict == "known" and .name == "cfg-fra" and (.why | contains("under the name cfg-fra"))'
}

@test "cut anywhere, saved by a spreadsheet, of another encoding: damaged, never recorded, never repaired" {
    scene_copy
    w=$(wrap fra-main canary-w)
    d="vbr/cut | $w"
    for len in 14 30 $((${#d} - 1)) $((${#d} - 4)) $((${#d} - 100)); do object "${d:0:len}" -; done | as_array >cut
    into ends 3 cut
    [ "$(verdicts)" = 'damaged damaged damaged damaged damaged' ]
    {
        printf 'Id;Description\r\n'
        printf '2.9E+11;lost zeros | %s\r\n' "$w" # the wrap is whole
        printf ';1.2E+25\r\n'
        printf ';\xe2\x80\x9cquoted | %s\xe2\x80\x9d\r\n' "$w"
        printf ';"half open | %s\r\n' "$w"
        printf ';K\xf6ln | %s\r\n' "$w"
        printf ';one;two\r\n'
    } >sheet.csv
    into ends 3 sheet.csv
    [ "$(verdicts)" = 'recorded damaged damaged damaged damaged damaged' ]
    json '.damaged == 5 and .rows[0].findings == ["id-damaged"] and .rows[1].findings[0:2] == ["wdek-missing", "number-changed"]'
    says 'typographic' 'quotation mark is missing' 'not UTF-8'
    ends 0 -o json -C "$FRA" list
    json '[.keys[].name] == ["lost zeros"]'
    head -c 60 cut >half
    into ends 3 half
    says 'not whole' 'ends in the middle'
    # Not a list at all, or one without what it must have: nothing is done.
    printf 'a,b\n1,2\n' >none
    into ends 2 none
    says 'no table with a column Description'
    ends 2 -C "$FRA" import "$EXPORTS/ps7-single.json" --root fra-main --no-prove
    says '--purpose is missing'
    # Rows of ours in a JSON list are rows of ours.
    jq -nc --arg w "$w" '[{name: "vbr/own", wrapped: $w}, {name: "vbr/bad", hint: "x"}]' >own
    into ends 3 own
    [ "$(verdicts)" = 'recorded refused' ]
}
