#!/usr/bin/env bats
# audit export, metrics: the inventory for other programs, as their own judges read it.
load ../lib/cli.bash
load ../lib/npm.bash

long=$(printf 'n%.0s' {1..128})

scene_hostile() {
    scene_two
    fra create '=HYPERLINK("http://x","y")' --purpose backup-job --root fra-main --owner '+cmd|calc' --expires 30d
    fra create 'a\b"c{d}' --purpose other --root fra-main --system '@SUM(1)' --expires 40d
    fra create "$long" --purpose backup-copy --root mad-main --needed-until 40d
    fra reveal vbr/job-sql --to "file:$T/got" --reason 'a look'
    fra drill --copy usb
}

judge() { node "$KM_SOURCE/tests/lib/cbom.js" "$KM_TOOLS/cyclonedx/node_modules" "$1"; }

@test "a bill of materials that CycloneDX's own validator takes" {
    npm_install "$KM_SOURCE/tests/lib/cyclonedx" "$KM_TOOLS/cyclonedx" || return 1
    [ -z "$NPM_WHY" ] || skip "$NPM_WHY"
    scene_hostile
    export SOURCE_DATE_EPOCH=1796083200
    ends 0 -o json -C "$FRA" audit export --format cbom --file k.json
    json '.schema == "keymuster.audit.export/1" and .format == "cbom" and .keys == 5 and .roots == 2 and .algorithms == 1'
    judge k.json
    jq -e --arg n "$long" '[.components[] | select(."bom-ref" | startswith("key:"))] | length == 5
        and (map(.name) | index($n) and index("a\\b\"c{d}"))
        and all(.[]; .cryptoProperties.relatedCryptoMaterialProperties | .type == "password" and .state == "active" and .size == 256)' k.json
    # Each key depends on its root keys, each of them on what it wraps with.
    jq -e '([.components[] | select(.name == "vbr/job-sql")][0]."bom-ref") as $k | [.dependencies[] | select(.ref == $k)][0].dependsOn | length == 2' k.json
    jq -e '[.dependencies[] | select(.ref | startswith("root:")) | .dependsOn == ["algorithm:xchacha20-poly1305"]] == [true, true]' k.json
    "$KM_TOOLS/scan" -x "$T/got" "$T/got" "$T/k.json"
    ends 0 -C "$FRA" audit export --format cbom --file again.json
    cmp k.json again.json
    # What the judge must refuse.
    local change
    for change in '(.components[] | select(."bom-ref" | startswith("key:")) | .cryptoProperties.relatedCryptoMaterialProperties.state) = "revoked"' \
        '.components[0].cryptoProperties.more = 1' 'del(.components[0].name)' '.dependencies[0].dependsOn += ["root:none"]' \
        '.components += [.components[0]]' 'del(.bomFormat)' '.specVersion = "1.7"'; do
        jq -c "$change" k.json >bad.json
        if judge bad.json 2>why; then
            printf 'the judge takes: %s\n' "$change" >&2
            return 1
        fi
        [ -s why ]
    done
}

@test "lines and a table: one for each key, nothing that a spreadsheet would run" {
    scene_hostile
    ends 0 -C "$FRA" audit export --format ndjson --file k.ndjson
    [ "$(wc -l <k.ndjson)" -eq 5 ]
    jq -es --arg n "$long" 'all(.[]; .schema == "keymuster.audit.key/1" and (.uuid | length) == 36 and .state == "active" and .released)
        and (map(.name) | index($n) and index("=HYPERLINK(\"http://x\",\"y\")"))' k.ndjson
    ends 0 -C "$FRA" audit export --format csv --file k.csv
    sqlite3 t.db '.import --csv k.csv t'
    [ "$(sqlite3 t.db "SELECT count(*), count(uuid), sum(released = 'yes') FROM t")" = '5|5|5' ]
    [ "$(sqlite3 t.db "SELECT owner FROM t WHERE name = '''=HYPERLINK(\"http://x\",\"y\")'")" = "'+cmd|calc" ]
    [ "$(sqlite3 t.db "SELECT system FROM t WHERE name = 'a\\b\"c{d}'")" = "'@SUM(1)" ]
    # The same keys as list has, in the same state.
    [ "$(jq -r '[.uuid, .state, .wraps_behind] | @tsv' k.ndjson | sort)" = \
        "$("$KEYMUSTER" -o json -C "$FRA" list --fields uuid,state,wraps_behind | jq -r '.keys[] | [.uuid, .state, .wraps_behind] | @tsv' | sort)" ]
}

@test "an empty escrow, wrong options, an existing file, a closed pipe" {
    fra init --site fra
    local format
    for format in cbom ndjson csv; do
        ends 0 -C "$FRA" audit export --format "$format" --file "e.$format"
        ends 6 -C "$FRA" audit export --format "$format" --file "e.$format"
    done
    [ ! -s e.ndjson ]
    jq -e '.components == [] and .dependencies == []' e.cbom
    ends 2 -C "$FRA" audit export --format pdf --file x
    ends 2 -C "$FRA" audit export --file x
    ends 2 -C "$FRA" audit export --format csv
    ends 0 -C "$FRA" -n audit export --format csv --file x
    [ ! -e x ]
    "$KEYMUSTER" -C "$FRA" audit export --format csv --file x | true
    [ -s x ]
    ends 0 -C "$FRA" metrics --file e.prom
    ends 2 -C "$FRA" metrics
    if command -v promtool >/dev/null; then promtool check metrics <e.prom; fi
}

# The value of one series.
metric() { grep -F "$1" m.prom | sed 's/.* //'; }

@test "metrics: promtool finds nothing, names are labels and no more, the file is replaced whole" {
    command -v promtool >/dev/null || skip 'promtool is not installed'
    scene_hostile
    ends 0 -C "$FRA" metrics --file m.prom
    promtool check metrics <m.prom >found 2>&1
    [ ! -s found ]
    [ "$(stat -c %a m.prom)" = 644 ]
    [ "$(metric 'keymuster_keys{state="active"}')" -eq 5 ]
    [ "$(metric 'keymuster_keys_open{what="exposed"}')" -eq 1 ]
    grep -qx 'keymuster_reveals_total 1' m.prom
    [ "$(metric 'keymuster_copy_overdue{copy="usb",site="mad"')" -eq 0 ]
    [ "$(grep -c '^keymuster_key_expiry_timestamp_seconds{' m.prom)" -eq 2 ]
    grep -qF 'key="a\\b\"c{d}",generation="1"' m.prom
    # The collector takes no time stamps: every line is a name, labels and one number.
    if grep -vE '^# (HELP|TYPE) |^keymuster_[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? [0-9.]+$' m.prom; then return 1; fi
    ls -i m.prom >before
    fra copy set usb "file://$USB" --every 1s
    sleep 1.1
    ends 0 -o json -C "$FRA" metrics --file m.prom --no-per-key
    json '.schema == "keymuster.metrics/1" and .keys == 5'
    [ "$(metric 'keymuster_copy_overdue{copy="usb",site="mad"')" -eq 1 ]
    if grep -q '^keymuster_key_' m.prom; then return 1; fi
    ls -i m.prom >after
    if cmp -s before after; then return 1; fi
    [ -z "$(find . -maxdepth 1 -name '.keymuster-*')" ]
    ends 13 -C "$FRA" metrics --file nowhere/m.prom
    # What promtool must find.
    printf 'keymuster_keys{state="active} 5\n' >>m.prom
    run promtool check metrics <m.prom
    [ "$status" -ne 0 ]
}

@test "two keys of one name and generation are two series" {
    command -v promtool >/dev/null || skip 'promtool is not installed'
    scene_both
    ends 0 -C "$FRA" metrics --file m.prom
    promtool check metrics <m.prom
    [ "$(grep -c '^keymuster_key_wraps_behind{key="both",generation="1"' m.prom)" -eq 2 ]
    [ "$(metric 'keymuster_keys_open{what="conflict"}')" -eq 2 ]
}

@test "the alert rules are sound, fire when they must, and speak of metrics that there are" {
    command -v promtool >/dev/null || skip 'promtool is not installed'
    local rules=$KM_SOURCE/examples/prometheus name
    promtool check rules "$rules/keymuster.rules.yml"
    promtool test rules "$rules/keymuster.rules.test.yml"
    scene_hostile
    ends 0 -C "$FRA" metrics --file m.prom
    for name in $(grep -o 'keymuster_[a-z_]*' "$rules/keymuster.rules.yml" | sort -u); do
        grep -q "^# TYPE $name " m.prom || { printf 'no metric %s\n' "$name" >&2; return 1; }
    done
    [ "$(grep -c 'alert:' "$rules/keymuster.rules.yml")" -eq "$(grep -o 'alertname: [A-Za-z]*' "$rules/keymuster.rules.test.yml" | sort -u | wc -l)" ]
    # A rule that never fires is found.
    mkdir bent
    cp "$rules"/*.yml bent
    sed -i 's/keymuster_copy_overdue == 1/keymuster_copy_overdue == 2/' bent/keymuster.rules.yml
    run promtool test rules bent/keymuster.rules.test.yml
    [ "$status" -ne 0 ]
}
