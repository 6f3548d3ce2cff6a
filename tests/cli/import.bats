#!/usr/bin/env bats
# import: many wrapped keys, one a line, a verdict for each.
load ../lib/cli.bash

wrap() { # KMS ROOT TEXT [AAD]...: the wrap of this text
    local kms=$1 root=$2
    printf %s "$3" >"$T/payload"
    shift 3
    "$KM_TOOLS/kms_tool" wrap "$T/$kms.kms" "$T/$kms.pass" "$root" "$T/payload" "$@"
    rm "$T/payload"
}

# A row of 32 printable bytes as text, so that its check value is cheap to tell from others: NAME TEXT [jq object]
row() {
    jq -nc --arg n "$1" --arg w "$(wrap kp-fra fra-main "$2")" "{name: \$n, wrapped: \$w, form: \"bytes\"} + ${3-{\}}"
}

# Rows of wrapped random keys, form base64: COUNT, named vbr/PREFIX-i
rows() {
    local i
    for ((i = 1; i <= $1; i++)); do
        head -c 32 /dev/urandom >"$T/payload"
        jq -nc --arg n "vbr/$2-$i" --arg w "$("$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main "$T/payload")" \
            '{name: $n, wrapped: $w}'
    done
    rm "$T/payload"
}

verdicts() { jq -r '[.rows[].verdict] | join(" ")' <<<"$output"; }

@test "a dry run stores nothing; then each row is recorded; again, each is known" {
    scene_copy
    rows 5 a >"$T/keys"
    into=(-o json -C "$FRA" import "$T/keys" --root fra-main --purpose backup-job)
    ends 0 "${into[@]}" -n
    json '.schema == "keymuster.import/1" and .dry_run and .recorded == 5 and .refused == 0'
    ends 0 -o json -C "$FRA" list
    json '.keys == []'
    ends 0 "${into[@]}"
    json '.recorded == 5 and (.dry_run | not)'
    [ "$(verdicts)" = 'recorded recorded recorded recorded recorded' ]
    ends 0 "${into[@]}"
    json '.known == 5 and .recorded == 0'
    ends 0 -o json -C "$FRA" show vbr/a-3
    json '.proven and .purpose == "backup-job" and .origin == "kms" and .wraps[0].how == "import"'
    ends 0 -C "$FRA" reveal vbr/a-5 --reason test --to "file:$T/pw" # released
    [ "$(wc -c <"$T/pw")" -eq 44 ]
    ends 0 -C "$FRA" verify
}

@test "details of a row, a description, additional data" {
    scene_copy
    row vbr/full canary-full '{purpose: "capacity-tier", system: "vbr01", owner: "team", protects: "files",
        labels: {site: "fra"}, needed_until: "2y", expires: null}' >"$T/keys"
    jq -nc --arg d "odd | vbr/desc | $(wrap kp-fra fra-main canary-desc one two)" \
        '{name: "vbr/desc", description: $d, form: "bytes", aad: ["one", "two"], purpose: "other"}' >>"$T/keys"
    printf '\n   \n' >>"$T/keys"
    sed -i 's/$/\r/' "$T/keys"
    ends 0 -o json -C "$FRA" import "$T/keys" --root fra-main
    json '.recorded == 2 and (.rows[1].why | contains("moniker"))'
    ends 0 -o json -C "$FRA" show vbr/full
    json '.system == "vbr01" and .owner == "team" and .protects == "files" and .labels == {"site":"fra"} and .needed_until'
    ends 0 -C "$FRA" status
    says 'vbr/full@1 is unconfirmed'
    password_of "$FRA" vbr/desc "$T/pw"
    [ "$(cat "$T/pw")" = canary-desc ]
}

@test "rows that are wrong do not stop the others: 3, and each says why" {
    scene_copy
    {
        row vbr/good canary-good
        echo 'not json'
        echo '[1]'
        echo '{"name":"vbr/none"}'
        row vbr/both canary-both '{description: "x | y"}'
        row 'vbr/bad | name' canary
        row vbr/typo canary '{onwer: "team"}'
        row vbr/secret canary '{password: "hunter2-canary"}'
        row vbr/purpose canary '{purpose: "holidays"}'
        row vbr/date canary '{needed_until: "2026-02-30"}'
        row vbr/form canary '{form: "hex"}'
        row vbr/form canary '{form: true}'
        row vbr/number canary '{owner: 7}'
        row vbr/labels canary '{labels: {a: 1}}'
        row vbr/site canary '{purpose: "config-backup"}'
        row vbr/root canary '{root: "mad-main"}'
        jq -nc '{name: "vbr/wrap", wrapped: "bm9qc29u"}'
        printf '{"name":"vbr/latin","owner":"\xdcber"}\n'
        printf '{"name":"vbr/twice","name":"vbr/twice"}\n'
        head -c 200000 /dev/zero | tr '\0' x
        echo
        row vbr/last canary-last
    } >"$T/keys"
    ends 3 -o json -C "$FRA" import "$T/keys" --root fra-main --purpose backup-job -n
    json '.recorded == 2 and .refused == 19'
    ends 3 -o json -C "$FRA" import "$T/keys" --root fra-main --purpose backup-job
    json '.recorded == 2 and .refused == 19 and ([.rows[] | select(.verdict == "refused") | .why | length > 0] | all)'
    json '.rows[0].verdict == "recorded" and .rows[-1].verdict == "recorded" and .rows[-1].line == 21'
    says onwer 'record --secret' 'another site'
    silent_on hunter2
    ends 3 -C "$FRA" import "$T/keys" --root fra-main --purpose backup-job
    says 'known 2' 'refused 19' vbr/good
}

@test "a wrap elsewhere is added, another value is refused, an unproven one is proven later" {
    scene_copy
    row vbr/one canary-one >"$T/keys"
    ends 0 -C "$FRA" import "$T/keys" --root fra-main --purpose backup-job --no-prove
    ends 0 -o json -C "$FRA" import "$T/keys" --root fra-main --purpose backup-job
    json '.proved == 1'
    jq -nc --arg w "$(wrap kp-mad mad-main canary-one)" '{name: "vbr/one", wrapped: $w, form: "bytes"}' >>"$T/keys"
    row vbr/one canary-two >>"$T/keys"
    ends 3 -o json -C "$FRA" import "$T/keys" --root fra-main --root mad-main --purpose backup-job
    [ "$(verdicts)" = 'known wrap-added refused' ]
    ends 0 -o json -C "$FRA" show vbr/one
    json '(.wraps | map(.root) | sort) == ["fra-main", "mad-main"]'
    ends 3 -C "$FRA" import "$T/keys" --root fra-main --root mad-main --purpose backup-job --no-prove
    says 'nothing else tells'
}

@test "one name twice in one file: judged against the earlier row" {
    scene_copy
    row vbr/same canary-same >"$T/keys"
    jq -nc --arg w "$(wrap kp-fra fra-main canary-same)" '{name: "vbr/same", wrapped: $w, form: "bytes"}' >>"$T/keys"
    row vbr/same canary-else >>"$T/keys"
    ends 3 -o json -C "$FRA" import "$T/keys" --root fra-main --purpose other -n
    [ "$(verdicts)" = 'recorded twice twice' ]
    ends 3 -o json -C "$FRA" import "$T/keys" --root fra-main --purpose other
    [ "$(verdicts)" = 'recorded wrap-added refused' ]
    ends 0 -o json -C "$FRA" show vbr/same
    json '.generation == 1 and (.wraps | length) == 2'
}

@test "--new-generation: rows of one name are generations in their order; imported again, each is known" {
    scene_copy
    row vbr/gen canary-zero >"$T/old"
    row vbr/gen canary-first '{owner: "team"}' >"$T/keys"
    row vbr/other canary-other >>"$T/keys"
    row vbr/gen canary-second '{labels: {tier: "1"}}' >>"$T/keys"
    printf '\xef\xbb\xbf' | cat - "$T/old" >"$T/marked" # a byte-order mark does not matter
    ends 0 -C "$FRA" import "$T/marked" --root fra-main --purpose other
    into=(-o json -C "$FRA" import "$T/keys" --root fra-main --purpose other)
    ends 3 "${into[@]}"
    [ "$(verdicts)" = 'refused recorded refused' ]
    says --new-generation
    ends 0 "${into[@]}" --new-generation -n
    [ "$(verdicts)" = 'successor known twice' ]
    json '.rows[0].generation == 2 and .successors == 1 and .recorded == 0'
    [ "$(ask .generation -C "$FRA" show vbr/gen)" = 1 ]
    ends 0 "${into[@]}" --new-generation
    [ "$(verdicts)" = 'successor known successor' ]
    json '.successors == 2 and [.rows[].generation] == [2, 1, 3]'
    for i in 1:zero 2:first 3:second; do
        password_of "$FRA" "vbr/gen@${i%:*}" "$T/pw"
        [ "$(cat "$T/pw")" = "canary-${i#*:}" ]
    done
    ends 0 -o json -C "$FRA" show vbr/gen # carried on, as rekey does
    json '.owner == "team" and .labels == {tier: "1"}'
    ends 0 "${into[@]}" --new-generation
    [ "$(verdicts)" = 'known known known' ]
    ends 0 -o json -C "$FRA" import "$T/old" --root fra-main --purpose other
    [ "$(verdicts)" = known ]
    row vbr/gen canary-first >"$T/again" # the value of generation 2 in another wrap: no generation 4
    ends 0 -o json -C "$FRA" import "$T/again" --root fra-main --purpose other --new-generation
    [ "$(verdicts)" = wrap-added ]
    json '.rows[0].generation == 2'
    row vbr/gen canary-third '{purpose: "config-backup"}' >"$T/site"
    ends 3 -C "$FRA" import "$T/site" --root fra-main --new-generation
    says 'another site'
    ends 0 -C "$FRA" verify
}

@test "more than a wave, by standard input, as ndjson; what was cut off goes on" {
    scene_copy
    rows 3 m >"$T/some"
    for i in {1..200}; do # the same wraps under other names: unproven, nobody opens them
        sed "s|vbr/m-|vbr/w$i-|" "$T/some"
    done >"$T/keys"
    head -n 300 "$T/keys" >"$T/part"
    ends 0 -o json -C "$FRA" import "$T/part" --root fra-main --purpose other --no-prove
    json '.recorded == 300'
    tried "$KEYMUSTER" -o ndjson -C "$FRA" import - --root fra-main --purpose other --no-prove <"$T/keys"
    [ "$status" -eq 0 ]
    [ "$(tail -n 1 <<<"$output" | jq -c '[.schema, .items, .result.recorded, .result.known]')" = \
        '["keymuster.summary/1",600,300,300]' ]
    ends 0 -C "$FRA" verify
}

@test "what is wrong with all rows ends it: no root, no file, a wrong passphrase" {
    scene_copy
    row vbr/x canary >"$T/keys"
    ends 2 -C "$FRA" import "$T/keys" --purpose other
    ends 2 -C "$FRA" import --root fra-main
    ends 13 -C "$FRA" import "$T/keys" "$T/none" --root fra-main --purpose other
    says "$T/none"
    ends 2 -C "$FRA" import "$T" --root fra-main --purpose other
    ends 13 -C "$FRA" import "$T/keys" --root nowhere --purpose other
    ends 2 -C "$FRA" import "$T/keys" --root fra-main --purpose holidays
    printf 'wrong\n' >"$T/wrong"
    ends 12 -C "$FRA" import "$T/keys" --root fra-main --purpose other --credential "kp-fra=file:$T/wrong"
    ends 0 -o json -C "$FRA" list
    json '.keys == []'
}

@test "interrupted while it reads: what was judged is stored, and it goes on" {
    scene_copy
    rows 3 m >"$T/keys"
    mkfifo "$T/pipe"
    "$KEYMUSTER" -o json -C "$FRA" import - --root fra-main --purpose other <"$T/pipe" >"$T/out" 2>"$T/err" 3>&- &
    pid=$!
    started+=("$pid")
    exec 8>"$T/pipe"
    head -n 2 "$T/keys" >&8
    sleep 1
    kill -TERM "$pid" # INT is ignored in the background
    status=0
    wait "$pid" || status=$?
    exec 8>&-
    [ "$status" -eq 143 ]
    grep -q '2 keys are recorded' "$T/err"
    ends 0 -o json -C "$FRA" import "$T/keys" --root fra-main --purpose other
    [ "$(verdicts)" = 'known known recorded' ]
}

@test "without a copy it is stored, not released: 3; a closed pipe loses nothing" {
    scene_fra
    row vbr/x canary-x >"$T/keys"
    ends 3 -C "$FRA" import "$T/keys" --root fra-main --purpose other
    says 'keymuster sync'
    row vbr/y canary-y >"$T/keys"
    "$KEYMUSTER" -o ndjson -C "$FRA" import "$T/keys" --root fra-main --purpose other 2>"$T/err" | true
    ends 0 -C "$FRA" show vbr/y
    row vbr/z canary-z >"$T/keys"
    run "$KEYMUSTER" -C "$FRA" import "$T/keys" --root fra-main --purpose other >/dev/full
    ends 0 -C "$FRA" show vbr/z
    ends 0 -C "$FRA" verify
}

@test "nothing of the values leaks" {
    scene_copy
    printf 'canary-Kj7vQ2pXz9-imported-0123' >"$T/secret"
    row vbr/x "$(cat "$T/secret")" >"$T/keys"
    for format in text json ndjson; do
        "$KEYMUSTER" -v -o "$format" -C "$FRA" import "$T/keys" --root fra-main --purpose other >"$T/out.$format" 2>&1
    done
    "$KM_TOOLS/scan" -x "$T/secret" "$T/secret" "$T"
}
