#!/usr/bin/env bats
# Every JSON message of every test is as docs/reference/schemas say. The tests before this one left theirs in KM_RECORDS (record.c);
# here they are judged by a validator of JSON Schema, counted, and deleted.
load ../lib/cli
load ../lib/npm

setup_file() {
    npm_install "$KM_SOURCE/tests/lib/schemas" "$KM_TOOLS/schemas" || return 1
    export NO_JUDGE=$NPM_WHY
}

setup() {
    fresh_home
    SCHEMAS=$KM_SOURCE/docs/reference/schemas
    PAGE=$KM_SOURCE/docs/reference/json.md
    [ -z "$NO_JUDGE" ] || skip "not judged: $NO_JUDGE"
}

judge() { node "$KM_SOURCE/tests/lib/schemas.js" "$KM_TOOLS/schemas/node_modules" "$@"; } # SCHEMAS FILE...

names() { find "$SCHEMAS" -name '*.schema.json' -printf '%f\n' | sed 's/\.schema\.json$//' | grep -vx common | sort; }

# A store with keys, and what it says recorded in $T/kept.
scene_recorded() {
    scene_keys
    mkdir "$T/kept"
    export KM_RECORD=$T/kept
}

kept() { cat -- "$T"/kept/* 2>/dev/null || true; }

@test "the schemas are sound and closed; one that is not is told" {
    judge "$SCHEMAS"
    [ "$(names | wc -l)" -gt 100 ]
    cp -r "$SCHEMAS" "$T/wrong"
    jq '.properties.keys.type = "nubmer"' "$SCHEMAS/import.schema.json" >"$T/wrong/import.schema.json"
    jq 'del(.additionalProperties)' "$SCHEMAS/status.schema.json" >"$T/wrong/status.schema.json"
    jq '.properties.schema.const = "keymuster.lost/1"' "$SCHEMAS/list.schema.json" >"$T/wrong/list.schema.json"
    jq '.["$defs"].time.pattren = "x"' "$SCHEMAS/common.schema.json" >"$T/wrong/common.schema.json"
    run --separate-stderr judge "$T/wrong"
    [ "$status" -eq 1 ]
    says 'status.schema.json: it is open' 'list.schema.json: it is not of keymuster.list/1' 'pattren'
}

@test "the page of messages has every command, and every schema" {
    "$KEYMUSTER" help | sed -nE 's/^  ([a-z]+( [a-z-]+)?)( .*|)$/\1/p' | sort >"$T/commands"
    [ "$(wc -l <"$T/commands")" -gt 80 ]
    # shellcheck disable=SC2016 # Markdown
    sed -nE 's/^\| `([a-z -]+)` \| \[.*/\1/p' "$PAGE" | sort | diff "$T/commands" -
    grep -oE '\(schemas/[a-z.-]+\.schema\.json\)' "$PAGE" | sed -E 's/^.schemas.(.*)\.schema\.json.$/\1/' | grep -vx common | sort -u |
        diff <(names) -
}

@test "what a message has besides its schema is a fault, and what has another type; a schema that lacks a member does not pass" {
    scene_recorded
    ends 0 -C "$FRA" -o json status
    printf '%s\n' "$output" >"$T/status"
    judge "$SCHEMAS" "$T/status"
    "$KM_TOOLS/plant-odd-member" -C "$FRA" -o json status >"$T/odd"
    run --separate-stderr judge "$SCHEMAS" "$T/odd"
    [ "$status" -eq 1 ]
    says 'status: must NOT have additional properties {"additionalProperty":"odd"}'
    "$KM_TOOLS/plant-odd-type" -C "$FRA" -o json show nobody 2>"$T/odd" || true
    run --separate-stderr judge "$SCHEMAS" "$T/odd"
    [ "$status" -eq 1 ]
    says 'error/exit: must be integer'
    cp -r "$SCHEMAS" "$T/wrong"
    jq 'del(.properties.digest)' "$SCHEMAS/status.schema.json" >"$T/wrong/status.schema.json"
    run --separate-stderr judge "$T/wrong" "$T/status"
    [ "$status" -eq 1 ]
    says '{"additionalProperty":"digest"}'
    sed 's/keymuster.status/keymuster.nothing/' "$T/status" >"$T/odd"
    run --separate-stderr judge "$SCHEMAS" "$T/odd"
    [ "$status" -eq 1 ]
    says 'keymuster.nothing/1 has no schema'
}

@test "the recorder keeps each message, whole, and nothing else: no text, no secret" {
    scene_recorded
    "$KEYMUSTER" -C "$FRA" list >"$T/text"
    "$KEYMUSTER" -C "$FRA" -o csv list >>"$T/text"
    [ -z "$(kept)" ]
    "$KEYMUSTER" -C "$FRA" -o ndjson list >"$T/said" 2>&1
    "$KEYMUSTER" -C "$FRA" -o json show nobody >>"$T/said" 2>&1 || true
    "$KEYMUSTER" -C "$FRA" -o json show vbr/config >>"$T/said" 2>&1
    [ "$(wc -l <"$T/said")" -eq 5 ]
    sort "$T/said" | diff - <(kept | sort)
    # One that nobody reads to its end is marked as cut, and the next one begins on a line of its own.
    many_keys 400
    rm -f "$T"/kept/*
    { "$KEYMUSTER" -C "$FRA" -o json list || true; } | head -c 10 >/dev/null
    run judge "$SCHEMAS" "$T"/kept/*
    [ "$status" -eq 0 ]

    printf canary-%s "$RANDOM$RANDOM" >"$T/secret"
    rm -f "$T"/kept/*
    record_known vbr/known "$T/secret" fra-main kp-fra
    "$KEYMUSTER" -C "$FRA" -o json reveal vbr/known --reason test --to - >"$T/shown" 2>"$T/rest"
    cmp "$T/secret" "$T/shown"
    "$KEYMUSTER" -C "$FRA" -o json exec vbr/known --reason test --stdin -- cat >"$T/shown" 2>>"$T/rest"
    cmp "$T/secret" "$T/shown"
    kept | grep -q keymuster.exec/1
    kept | grep -q keymuster.reveal/1
    kept | grep -qF -f "$T/secret" && return 1
    # It would be found.
    printf '{"schema":"keymuster.x/1","x":"%s"}\n' "$(cat "$T/secret")" >>"$T/kept/planted"
    kept | grep -qF -f "$T/secret"
}

# The last of all tests of this file: it deletes what it judged.
@test "every message that the tests were told is as its schema says; no schema without a message" {
    # KM_RECORDS and KM_RECORDED: tests/CMakeLists.txt
    # shellcheck disable=SC2153
    local records=$KM_RECORDS recorded=$KM_RECORDED missing=() name unmet
    shopt -s nullglob
    find "$records" -type f -print0 | xargs -0r cat >"$T/all"
    # What tests have for secrets.
    grep -aoE 'canary-[A-Za-z0-9-]+' "$T/all" && return 1
    judge "$SCHEMAS" "$records" >"$T/told" 2>"$T/faults" || { cat "$T/faults" >&2; return 1; }
    for name in $recorded; do
        [ -d "$records/${name//\//_}" ] || missing+=("$name")
    done
    rm -rf -- "$records"
    sed -n '1,3s/^/# /p' "$T/told" >&3
    printf '# met %s of them\n' "$(grep -c '^met ' "$T/told")" >&3
    unmet=$(names | comm -23 - <(sed -nE 's/^met ([^ ]*) .*/\1/p' "$T/told" | sort))
    if [ ${#missing[@]} -gt 0 ]; then
        skip "judged; but ${#missing[@]} tests have not run, so $(grep -c . <<<"$unmet" || true) schemas without a message say nothing"
    fi
    [ -z "$unmet" ] || { printf 'no test met these schemas:\n%s\n' "$unmet" >&2; return 1; }
}
