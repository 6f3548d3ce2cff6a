#!/usr/bin/env bats
# What people in a hurry type: dates that are none, names that fit two keys, a thousand keys, outputs that go nowhere,
# passwords with a blank too many, a store copied while it is in use.
load ../lib/cli.bash

entries() { "$KEYMUSTER" -C "$FRA" audit log | wc -l; }

@test "a date or duration that is none is 2, says what was given, and nothing is done" {
    scene_copy
    local before
    before=$(entries)
    for bad in tomorrow 2027-02-30 2027-13-01 2027-1-1 01.02.2027 2027-01-01T25:00:00Z 99999-01-01 -5d 90 90x 1e3d 300y '2027-01-01 '; do
        for option in --needed-until --expires; do
            ends 2 -C "$FRA" create vbr/x --purpose other --root fra-main "$option=$bad"
            says "$option: $bad" "$([ "$bad" = 300y ] && echo 200y || echo 90d)" KM1004
        done
        ends 2 -C "$FRA" copy set usb "file://$USB" --every "$bad"
        says --every
        ends 2 -C "$FRA" list --timeout "$bad"
        says --timeout
    done
    ends 2 -C "$FRA" create vbr/x --purpose other --root fra-main --expires ''
    [ "$(entries)" -eq "$before" ]
    ends 0 -C "$FRA" create vbr/x --purpose other --root fra-main --expires 2027-01-01T10:00:00+02:00 --needed-until 7y
    ends 0 -C "$FRA" show vbr/x
    says 2027-01-01T08:00:00.000Z
}

@test "a date that is past is taken, with a warning: old keys are recorded, too" {
    scene_copy
    ends 0 -C "$FRA" create vbr/old --purpose other --root fra-main --expires 2020-01-01 --needed-until 2021-06-30
    says '--expires: 2020-01-01 is past' '--needed-until: 2021-06-30 is past'
    ends 0 -C "$FRA" show vbr/old
    says 2020-01-01T00:00:00.000Z 2021-06-30T00:00:00.000Z
}

@test "a name that stands for two keys: every verb wants the UUID, and nothing is done" {
    scene_both
    printf 'canary' >"$T/pw"
    local words before
    before=$(entries)
    while read -r words; do
        # shellcheck disable=SC2086
        ends 2 -o ndjson -C "$FRA" $words
        grep -q '"code":"KM1009"' <<<"$stderr" || { dump; return 1; }
        says UUID
    done <<END
show both
show vbr/job-sql both@1
wrap list both
wrap add both --root mad-main
wrap retire both 0123456789ab --reason x
rewrap vbr/job-sql both
rehome both --to mad-main --yes
rekey both
state vbr/job-sql both suspended --reason x
check both --secret file:$T/pw
reveal both --reason x --to file:$T/out
create both --purpose other --root fra-main --if-missing
record both --purpose other --root fra-main --secret file:$T/pw
END
    [ "$(entries)" -eq "$before" ]
    [ ! -e "$T/out" ]
    ends 0 -C "$FRA" list --fields name,generation,roots,uuid # as the hint says
    [ "$(grep -c '^both' <<<"$output")" -eq 2 ]
}

@test "a thousand keys on the command line; unknown ones among them are all named, and nothing is done" {
    scene_copy
    many_keys 1000
    local words before
    before=$(entries)
    fra root rotate fra-main
    before=$(entries)
    for words in show 'wrap list' "export --file $T/export" rewrap 'wrap add --root mad-main' 'rehome --to mad-main --yes'; do
        # shellcheck disable=SC2086
        ends 13 -C "$FRA" $words vbr/nope "${many[@]}" vbr/k7@9 no-such-key
        says '3 of these 1003 keys' 'vbr/nope, vbr/k7@9, no-such-key'
    done
    ends 13 -C "$FRA" state vbr/nope "${many[@]}" no-such-key suspended --reason x
    says 'vbr/nope, no-such-key'
    ends 13 -C "$FRA" rewrap "${many[@]}" vbr/k9x # one alone, with what is near
    says 'no key vbr/k9x'
    [ "$(entries)" -eq "$before" ]
    [ ! -e "$T/export" ]
    ends 0 -o ndjson -C "$FRA" show "${many[@]}"
    [ "$(wc -l <<<"$output")" -eq 1001 ]
    ends 0 -C "$FRA" export "${many[@]}" --file "$T/export"
    ends 0 -o json -C "$FRA" rewrap "${many[@]}" vbr/k1 vbr/k1@1
    json '.rewrapped == 1000'
    ends 0 -o ndjson -C "$FRA" state "${many[@]}" vbr/k1 suspended --reason 'all of them'
    [ "$(jq -s 'map(select(.state == "suspended") | .entry) | unique | length' <<<"$output")" -eq 1000 ]
    ends 0 -o json -C "$FRA" status
    json '.active == 0 and .conflicts == 0 and .keys == 1000'
    ends 0 -C "$FRA" verify
}

@test "state with several keys: all or none, no crowd is marked destroyed, JSON is one document" {
    scene_keys
    ends 2 -C "$FRA" state vbr/config vbr/job-sql destroyed --reason x --confirm vbr/config
    ends 2 -C "$FRA" -o json state vbr/config vbr/job-sql suspended --reason x
    says ndjson
    ends 0 -C "$FRA" state vbr/config vbr/job-sql suspended --reason x -n
    says 'would be vbr/job-sql@1'
    [ "$(ask .active -C "$FRA" status)" -eq 2 ]
    ends 0 -C "$FRA" state vbr/config vbr/job-sql suspended --reason x
    [ "$(ask .active -C "$FRA" status)" -eq 0 ]
}

# Runs it in each place that takes no answer; $status is its status, $stderr what it said.
into() { # full | closed | reader-gone
    local how=$1 got=0
    shift
    case $how in
        full) "$KEYMUSTER" "$@" >/dev/full 2>"$T/said" || got=$? ;;
        closed) "$KEYMUSTER" "$@" >&- 2>"$T/said" || got=$? ;;
        reader-gone) { "$KEYMUSTER" "$@" 2>"$T/said" || echo $? >"$T/got"; } | true ;;
    esac
    [ "$how" != reader-gone ] || { got=$(cat "$T/got" 2>/dev/null || echo 0); rm -f "$T/got"; }
    status=$got output='' stderr=$(cat "$T/said")
}

@test "an output that takes nothing: reading fails plainly, writing is 3 and says that it is done" {
    [ -w /dev/full ] || skip 'no /dev/full here'
    scene_keys
    local words how n=0
    for words in list 'list -o csv' 'list -o json' 'list -o ndjson' 'show vbr/config' 'audit log' 'copy card' status verify; do
        # shellcheck disable=SC2086
        into full -C "$FRA" $words
        [ "$status" -eq 5 ] && says 'No space left' || { dump; return 1; }
        # shellcheck disable=SC2086
        into closed -C "$FRA" $words
        [ "$status" -eq 1 ] && says 'standard output is closed' || { dump; return 1; }
        # shellcheck disable=SC2086
        into reader-gone -C "$FRA" $words
        [ -z "$stderr" ] || { dump; return 1; }
    done
    for how in full closed; do
        for words in 'rewrap vbr/config' "export vbr/config --file $T/export-$how" "create vbr/$how --purpose other --root fra-main" \
            "state vbr/job-sql suspended --reason $how" "site add $how"; do
            # shellcheck disable=SC2086
            into "$how" -C "$FRA" -o json $words
            [ "$status" -eq 3 ] || { dump; return 1; }
            error_is KM7007
            says 'is done'
        done
        ends 0 -C "$FRA" show "vbr/$how"
        [ -s "$T/export-$how" ]
    done
    into full -C "$FRA" -o json site add more
    ends 0 -C "$FRA" audit log --entry "$(tail -n 1 <<<"$stderr" | jq -r .entry)"
    ends 0 -C "$FRA" verify
    [ "$(ask .unpublished -C "$FRA" status)" -eq 0 ] # published all the same
}

@test "list | head: the first line, and no noise" {
    scene_copy
    many_keys 1000
    bash -o pipefail -c '"$KEYMUSTER" -C "$0" list 2>"$1" | head -n 1' "$FRA" "$T/said" >"$T/first" || true
    [ "$(wc -l <"$T/first")" -eq 1 ]
    [ ! -s "$T/said" ] || { cat "$T/said" >&2; return 1; }
}

@test "passwords that differ in a blank or in their character set are other passwords" {
    scene_copy
    printf 'canary-Geheim 7' >"$T/pw"
    printf 'canary-Geheim 7\r\n' >"$T/crlf"
    fra record vbr/old --purpose other --root fra-main --secret "file:$T/crlf"
    ends 0 -o json -C "$FRA" record vbr/old --purpose other --root fra-main --secret "file:$T/pw"
    json '.created == false'
    printf 'canary-Geheim 7 ' >"$T/after"
    printf ' canary-Geheim 7' >"$T/before"
    printf 'canary-Geheim\xc2\xa07' >"$T/nbsp"
    printf 'canary-Geheim 7\n\n' >"$T/lines"
    for other in after before nbsp; do
        ends 6 -C "$FRA" record vbr/old --purpose other --root fra-main --secret "file:$T/$other"
        silent_on canary
        ends 3 -C "$FRA" check vbr/old --secret "file:$T/$other"
    done
    ends 2 -C "$FRA" record vbr/old --purpose other --root fra-main --secret "file:$T/lines"
    # the same word in Windows' and DOS' character sets, and with a byte order mark
    printf 'canary-M\xfcnster' >"$T/cp1252"
    printf 'canary-M\x81nster' >"$T/cp437"
    printf '\xef\xbb\xbfcanary-M\xc3\xbcnster' >"$T/bom"
    printf '\xff\xfec\0a\0n\0' >"$T/utf16"
    for bad in cp1252 cp437 bom utf16; do
        ends 2 -o json -C "$FRA" record vbr/umlaut --purpose other --root fra-main --secret "file:$T/$bad"
        error_is KM1004
        silent_on canary
    done
    ends 13 -C "$FRA" show vbr/umlaut
}

@test "import: two wraps of passwords that differ in a blank are two values" {
    scene_copy
    local text
    for text in 'canary one' 'canary one '; do
        printf %s "$text" >"$T/payload"
        "$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main "$T/payload" >"$T/wrap"
        jq -nc --rawfile w "$T/wrap" '{name: "vbr/one", wrapped: ($w | rtrimstr("\n")), form: "bytes"}'
    done >"$T/rows"
    ends 3 -o json -C "$FRA" import "$T/rows" --root fra-main --purpose backup-job
    says 'another value'
    [ "$(ask '.keys | length' -C "$FRA" list)" -eq 1 ]
}

@test "rekey when the old root key is gone: under the others, the rest is owed; alone it needs another root" {
    scene_keys
    fra create vbr/alone --purpose other --root fra-main
    fra root destroy fra-main --confirm fra-main
    ends 3 -o json -C "$FRA" rekey vbr/job-sql
    json '.created and .generation == 2'
    ends 0 -C "$FRA" status
    says 'vbr/job-sql@2 has no wrap under fra-main, owed'
    ends 14 -C "$FRA" rekey vbr/alone
    says --root 'fra-main is destroyed'
    ends 13 -C "$FRA" show vbr/alone@2
    ends 0 -C "$FRA" exec vbr/job-sql@1 --reason 'by its other wrap' -- true
    ends 14 -C "$FRA" reveal vbr/alone --reason x --to "file:$T/out"
    [ ! -e "$T/out" ]
}

@test "a store copied while it is in use opens as it was, or says that it is damaged; a clone that writes is found out" {
    scene_keys
    cp -r "$FRA" "$T/good"
    local calls n step=4 seen=0 torn=0 got
    "$KM_TOOLS/killat" 0 "$KEYMUSTER" -C "$FRA" --offline site add one >/dev/null 3>"$T/calls"
    calls=$(sed -n 's/^calls //p' "$T/calls")
    for ((n = calls - 90; n < calls; n += step)); do
        rm -rf "$FRA" "$T/torn"
        cp -r "$T/good" "$FRA"
        "$KM_TOOLS/killat" "$n" "$KEYMUSTER" -C "$FRA" --offline site add one >/dev/null 2>&1 || true
        [ -e "$FRA/escrow.db-journal" ] || continue
        seen=$((seen + 1))
        rm -rf "$T/clone"
        cp -r "$FRA" "$T/clone" # with the journal: always good
        ends 0 -C "$T/clone" list
        ends 0 -C "$T/clone" verify
        ends 0 -C "$T/clone" --offline site add two
        cp -r "$FRA" "$T/torn" # as it is when the journal was gone by the time cp came to it
        rm "$T/torn/escrow.db-journal"
        tried "$KEYMUSTER" -o json -C "$T/torn" verify
        got=$status
        [ "$got" -eq 0 ] || [ "$got" -eq 15 ] || { dump; return 1; }
        if [ "$got" -eq 15 ]; then
            torn=$((torn + 1))
            error_is KM2010
            says 'copied while it was in use' join
            step=1 # look at each of the few states of this kind
        fi
    done
    [ "$seen" -gt 5 ]
    [ "$torn" -gt 0 ]
    # the last clone goes on under the same name
    ends 0 -C "$FRA" site add three
    HOME=$T/home2 XDG_STATE_HOME=$T/home2/state ends 16 -C "$T/clone" site add four
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" verify
}

@test "a file that is not there is 13, with a word on paths, and nothing is done" {
    scene_copy
    local before command
    before=$(entries)
    for command in 'import nofile --root fra-main --purpose other' 'rehome --map nofile' 'audit kms-events nofile' \
        'vbr adopt --all --file nofile --purpose backup-job' 'vbr adopt vbr-x --scripts nofile --purpose backup-job' \
        'join --from nowhere --site x --card nofile'; do
        # shellcheck disable=SC2086 # words
        ends 13 -C "$FRA" $command
        says nofile 'is that its path?'
    done
    [ "$(entries)" -eq "$before" ]
}
