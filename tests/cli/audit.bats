#!/usr/bin/env bats
# audit check: findings with severity, rule, object and the command that puts it right.
load ../lib/cli.bash

# found EXPECTED OBJECT [ARG...]: the rules that an object breaks, by name.
found() {
    local want=$1 object=$2 got
    shift 2
    got=$("$KEYMUSTER" -C "$FRA" -o json audit check "$@" | jq -r --arg o "$object" '[.findings[] | select((.object // "") == $o) | .rule] | sort | join(" ")')
    [ "$got" = "$want" ] || { printf 'of %s: %s, not %s\n' "$object" "$got" "$want" >&2; return 1; }
}
fix_of() { "$KEYMUSTER" -C "$FRA" -o json audit check | jq -r --arg r "$1" '[.findings[] | select(.rule == $r) | .fix][0]'; }

@test "an empty escrow has findings, too, and none of keys" {
    fra init --site fra
    ends 3 -C "$FRA" -o json audit check
    json '[.findings[].rule] == ["no-copy", "one-author", "authors-gone"] and .counts == {"high": 1, "medium": 2, "low": 0}'
    ends 3 -C "$FRA" audit check
    says '3 findings: 1 high, 2 medium, 0 low' 'keymuster copy add NAME URL --site SITE'
    ends 0 -C "$FRA" audit check --fail-on none
    ends 3 -C "$FRA" audit check --fail-on high
    ends 2 -C "$FRA" audit check --fail-on severe
    says 'low, medium, high, none'
}

@test "what is put right with the command that a finding names is no finding any more" {
    scene_two
    found 'never-drilled never-recovered' vbr/config@1
    found 'never-drilled' vbr/job-sql@1
    found 'kept-at' kp-mad
    fra kms set kp-mad --kept-at 'vault mad'
    found '' kp-mad
    mad drill vbr/config vbr/job-sql
    fra sync
    found 'never-recovered' vbr/config@1
    found '' vbr/job-sql@1
    ends 0 -C "$FRA" audit check --fail-on medium
}

@test "each state of a key has its findings" {
    scene_two
    mad drill vbr/config vbr/job-sql
    fra sync
    fra state vbr/job-sql compromised --reason 'on a sticky note'
    found 'compromised' vbr/job-sql@1
    ends 3 -C "$FRA" audit check
    says 'on a sticky note' 'has no successor'
    ends 0 -C "$FRA" show vbr/job-sql
    says 'compromised since 2' ': on a sticky note'
    ends 0 -C "$FRA" -o json list vbr/job-sql
    json '.keys[0] | .state_reason == "on a sticky note" and (.state_since | length == 24)'
    fra state vbr/job-sql suspended --reason 'is looked at'
    found 'suspended' vbr/job-sql@1
    fra state vbr/job-sql active --expires 2001-01-01 --reason ok
    found 'expired' vbr/job-sql@1
    fra state vbr/job-sql --expires 10d
    found 'expires' vbr/job-sql@1
    fra state vbr/job-sql --expires 2y --needed-until 2001-01-01
    found 'not-needed' vbr/job-sql@1
    fra state vbr/job-sql destroyed --reason over --confirm vbr/job-sql
    found '' vbr/job-sql@1
    fra state vbr/job-sql --needed-until 2y
    found 'destroyed' vbr/job-sql@1
}

@test "policy: wraps, copies, age, and a policy that nothing satisfies" {
    scene_two
    mad drill vbr/config vbr/job-sql
    fra sync
    fra policy set backup-job.max-age=1s wraps=32 copies=32 --reason 'nothing satisfies this'
    sleep 1.1
    ends 3 -C "$FRA" -o json audit check
    json '[.findings[] | select(.rule == "policy-unmet") | .object] == ["wraps", "copies"]'
    json '[.findings[] | select(.object == "vbr/job-sql@1") | .rule] == ["wraps", "copies", "age"]'
    json '.findings[] | select(.rule == "wraps" and .object == "vbr/job-sql@1") | .text | contains("lacks 30 of the 32")'
    # the older generation encrypts nothing any more
    fra rekey vbr/job-sql --accept-risk 'as it is'
    ends 3 -C "$FRA" -o json audit check
    json '[.findings[] | select(.object == "vbr/job-sql@1") | .rule] | contains(["age"]) | not'
}

@test "the loss of a site, common fate, and a circle" {
    scene_two
    ends 3 -C "$FRA" audit check
    silent_on 'would be lost with the site'
    fra create lonely --purpose config-backup --root fra-main --accept-risk 'to see it'
    found 'never-drilled never-recovered outlive' lonely@1
    [[ $(fix_of outlive) == 'keymuster wrap add '*' --root ROOT-ELSEWHERE' ]]
    fra kms set kp-mad --kept-at 'in fra, beside vbr/config'
    ends 3 -C "$FRA" -o json audit check
    json '[.findings[] | select(.rule == "credential" or .rule == "circle") | "\(.rule) \(.object // "")"] | sort == ["circle ", "credential fra"]'
    fra root disable mad-main --yes
    ends 3 -C "$FRA" -o json audit check
    json '[.findings[] | select(.rule == "no-way") | .object] == ["vbr/config@1"]'
    json '[.findings[] | select(.rule == "root-disabled") | .object] == ["mad-main"]'
}

@test "a wrap behind a rotated root key: first a low finding, then, past the time of policy, one to act on" {
    scene_two
    mad drill vbr/config vbr/job-sql
    fra sync
    fra root rotate mad-main
    found 'behind never-recovered' vbr/config@1
    fra policy set rewrap=0d --reason 'at once'
    found 'never-recovered rewrap-due' vbr/config@1
    fra rewrap --stale --yes
    found 'never-recovered' vbr/config@1
}

@test "who saw a key, a failed proof, a late copy, a conflict, a site lost" {
    scene_two
    fra reveal vbr/job-sql --reason test --to "file:$T/seen"
    found 'exposed never-drilled' vbr/job-sql@1
    mv "$T/kp-mad.kms" "$T/away.kms"
    printf 'wrong' >"$T/kp-mad.kms"
    run "$KEYMUSTER" -C "$MAD" drill vbr/config
    mv "$T/away.kms" "$T/kp-mad.kms"
    fra sync
    fra site lost mad --reason fire
    found 'site-lost' mad --as-of 2030-01-01
    fra site restored mad
    mv "$USB" "$T/away"
    "$KEYMUSTER" -C "$FRA" state vbr/config --owner anna
    "$KEYMUSTER" -C "$MAD" state vbr/config --owner bert
    mv "$T/away" "$USB"
    mad sync
    fra sync
    ends 3 -C "$FRA" -o json audit check
    json '[.findings[] | select(.rule == "conflict") | .fix] == ["keymuster state vbr/config --owner TEXT"]'
}

@test "as of another day: ages are judged by it; a day before the first key is no error" {
    scene_two
    mad drill vbr/config vbr/job-sql
    fra sync
    found 'drill-due' vbr/job-sql@1 --as-of 2100-01-01
    ends 3 -C "$FRA" -o json audit check --as-of 1971-01-01
    json '.as_of == "1971-01-01T23:59:59.999Z"'
    ends 2 -C "$FRA" audit check --as-of yesterday
}

@test "json, ndjson and csv say the same; texts from outside are harmless" {
    scene_two
    fra site add paris
    fra create '=cmd|/C calc' --purpose backup-job --root fra-main
    fra create $'<b>&"x' --purpose backup-job --root fra-main
    "$KEYMUSTER" -C "$FRA" -o json audit check >one || [ "$?" -eq 3 ]
    "$KEYMUSTER" -C "$FRA" -o ndjson audit check >many || [ "$?" -eq 3 ]
    jq -c '.findings[] | del(.schema)' one >a
    jq -c 'select(.schema == "keymuster.audit.check.finding/1") | del(.schema)' many >b
    cmp a b
    [ "$(tail -n 1 many | jq -r .schema)" = keymuster.summary/1 ]
    "$KEYMUSTER" -C "$FRA" -o csv audit check >table || [ "$?" -eq 3 ]
    [ "$(wc -l <table)" -eq "$(($(wc -l <a) + 1))" ]
    grep -qF "'=cmd" table
    grep -F ',=cmd' table && return 1
    jq -e '.findings[] | select(.object == "<b>&\"x@1")' one >/dev/null
}

@test "of many findings of one rule people see ten, and a closed pipe ends it quietly" {
    scene_keys
    many_keys 300
    ends 3 -C "$FRA" audit check
    says 'and 292 more: keymuster audit check -o ndjson'
    [ "$(grep -c 'never-drilled' <<<"$output")" -eq 11 ]
    set +o pipefail
    "$KEYMUSTER" -C "$FRA" -o ndjson audit check 2>complaint | head -n 1 >first
    [ "$(jq -r .schema first)" = keymuster.audit.check.finding/1 ]
    [ ! -s complaint ]
}

@test "a command names a key as a person would, quoted where a shell needs it; the UUID only where a name stands for two" {
    scene_two
    fra create $'it\'s $(touch bad) *' --purpose backup-job --root fra-main
    fra rekey vbr/job-sql
    mv "$USB" "$T/away"
    "$KEYMUSTER" -C "$FRA" create both --purpose backup-job --root fra-main || true
    "$KEYMUSTER" -C "$MAD" create both --purpose backup-job --root mad-main || true
    mv "$T/away" "$USB"
    fra sync
    mad sync
    fra sync
    "$KEYMUSTER" -C "$FRA" -o json audit check --fail-on none >found
    jq -r '.findings[] | select(.rule == "never-drilled") | .fix' found >fixes
    grep -qx 'keymuster drill vbr/config' fixes
    grep -qx 'keymuster drill vbr/job-sql' fixes
    grep -qx 'keymuster drill vbr/job-sql@1' fixes
    [ "$(grep -cE '^keymuster drill [0-9a-f-]{36}$' fixes)" -eq 2 ]
    jq -e '[.findings[] | select(.object == "both@1" and .rule == "never-drilled") | .fix == "keymuster drill \(.uuid)"] == [true, true]' found
    # as it stands, in a shell
    grep -F 'touch bad' fixes >one
    keymuster() { "$KEYMUSTER" -C "$MAD" "$@"; }
    mad sync
    mad kms set kp-fra --credential "file:$T/kp-fra.pass" --file "$T/kp-fra.kms"
    eval "$(cat one)"
    [ ! -e bad ]
    fra sync
    found '' $'it\'s $(touch bad) *@1'
}
