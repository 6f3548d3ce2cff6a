#!/usr/bin/env bats
# report audit|verify: the page says what the log says and does nothing else, its file is signed, and any other byte is refused.
load ../lib/cli.bash
load ../lib/npm.bash

long=$(printf 'n%.0s' {1..128})

# Two keys of good names and some that mean harm where they are not treated as text.
scene_hostile() {
    scene_two
    fra create '=HYPERLINK("http://x","y")' --purpose backup-job --root fra-main --owner '+cmd|calc' --expires 30d \
        --protects '<script>alert(1)</script>' --label 'a=-1'
    fra create '<img src=x onerror=alert(1)>' --purpose backup-job --root fra-main --system '@SUM(1)' --owner '&lt;b&gt;'
    fra create "$long" --purpose other --root fra-main --needed-until 40d
    fra reveal vbr/job-sql --to "file:$T/got" --reason $'see \u202egnp.exe <i>now</i>' --ticket '=1+1'
    fra drill --copy usb
}

report() { # FILE [OPTION...]
    local file=$1
    shift
    ends 0 -C "$FRA" report audit --file "$file" "$@"
}

# A page that asks for nothing and runs nothing, whose policy names its style.
unseen='[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80[\xaa-\xae]'
good_page() { # FILE
    local style
    if grep -qiE '<script|<img|<link|<iframe|<i>|<b>|[^/]https?:[^/]|url\(| style=| on[a-z]+=[^a]|javascript:' "$1"; then return 1; fi
    if LC_ALL=C grep -qP "$unseen" "$1"; then return 1; fi
    style=$(sed -n 's/.*<style>\(.*\)<\/style>.*/\1/p' "$1" | tr -d '\n' | openssl dgst -sha256 -binary | base64)
    grep -qF "default-src 'none'; style-src 'sha256-$style'; base-uri 'none'; form-action 'none'" "$1" || return 1
    [ "$(grep -c '<h1>' "$1")" -eq 1 ] || return 1
    sed 's/<!doctype html>//; s/<meta \([^>]*\)>/<meta \1\/>/' "$1" | xmllint --noout - 2>"$T/malformed"
}

@test "a page: every section, hostile names as text, numbers beside the charts" {
    scene_hostile
    report a.html
    says 'of 5 keys that may still be needed' 'not proven' 'was seen by a person' 'wrote the report'
    good_page a.html
    local id
    for id in verdict findings changes states ages wraps copies drills open showings duties debts policy mapping register check glossary sign-off; do
        grep -q "<h2 id=\"$id\">" a.html
    done
    [ "$(grep -o '<svg role="img"' a.html | wc -l)" -eq 6 ]
    grep -qF '=HYPERLINK(&quot;http://x&quot;,&quot;y&quot;)@1' a.html
    grep -qF '&lt;img src=x onerror=alert(1)&gt;@1' a.html
    grep -qF '&lt;script&gt;alert(1)&lt;/script&gt;' a.html
    grep -qF '&amp;lt;b&amp;gt;' a.html
    grep -qF "$long@1" a.html
    grep -qF 'see \u{202E}gnp.exe &lt;i&gt;now&lt;/i&gt;' a.html
    grep -q 'DORA' a.html
    if grep -qi 'compliant' a.html; then return 1; fi
    [ "$(stat -c %a a.html)" = 644 ]
    "$KM_TOOLS/scan" -x "$T/got" "$T/got" "$T/a.html"
}

@test "JSON has the same, and what the log has" {
    scene_hostile
    report a.json --format json
    head -n 1 a.json >doc
    jq -e '.schema == "keymuster.report.audit/1" and .counts.keys == 5 and .counts.exposed == 1 and .counts.drill_due == 1
        and .counts.values_shown == 1 and .counts.drills == 1 and (.keys | length) == 5 and (.good | not)
        and .states.active == {"config-backup": 1, "backup-job": 3, "other": 1}
        and .cryptoperiod_passed["first quarter"] == 1 and .cryptoperiod_passed["no end set"] == 4' doc
    jq -e '.duties[0].key == "vbr/job-sql@1" and .duties[0].times == 1 and .showings[0].ticket == "=1+1" and .showings[0].shown == true
        and .drills[0].keys == 5 and .drills[0].rto_ms >= 0 and .copies[0].copy == "usb" and .copies[0].age_ms >= 0' doc
    jq -e --arg n "$long" '[.keys[].name] | index($n) and index("=HYPERLINK(\"http://x\",\"y\")")' doc
    # Position in every log, and changes by kind, as the log has them.
    [ "$(jq -c '[.chain[] | [.author, .entries, .last]]' doc)" = "$(sqlite3 -json "$FRA/escrow.db" \
        "SELECT author, seq, lower(hex(hash)) AS last FROM entry e WHERE seq = (SELECT max(seq) FROM entry WHERE author = e.author)
         ORDER BY author" | jq -c '[.[] | [.author, .seq, .last]]')" ]
    [ "$(jq '[.changes.counted[].entries] | add' doc)" -eq "$(sqlite3 "$FRA/escrow.db" 'SELECT count(*) FROM entry')" ]
    # Findings are those of audit check.
    [ "$(jq -c '[.findings.high, .findings.medium, .findings.low | .[] | [.severity, .rule, .object // ""]] | sort' doc)" = \
        "$("$KEYMUSTER" -o json -C "$FRA" audit check | jq -c '[.findings[] | [.severity, .rule, .object // ""]] | sort')" ]
    jq -e '.policy.wraps["config-backup"] == "1"' doc
    [ "$(jq '[.evidence_for[].framework] | unique | length' doc)" -ge 5 ]
}

@test "CSV: a row for each key, nothing that a spreadsheet would run" {
    scene_hostile
    report a.csv --format csv
    # As a program reads it that knows nothing of the seal behind the rows.
    sqlite3 t.db '.import --csv a.csv t' 2>/dev/null
    [ "$(sqlite3 t.db "SELECT count(*), count(uuid), sum(check_value = 'yes') FROM t WHERE record = 'key'")" = '5|5|5' ]
    [ "$(sqlite3 t.db "SELECT owner FROM t WHERE name = '''=HYPERLINK(\"http://x\",\"y\")'")" = "'+cmd|calc" ]
    [ "$(sqlite3 t.db "SELECT system FROM t WHERE name = '<img src=x onerror=alert(1)>'")" = "'@SUM(1)" ]
    [ "$(sqlite3 t.db "SELECT count(*) FROM t WHERE substr(name, 1, 1) IN ('=', '+', '-', '@')
        OR substr(owner, 1, 1) IN ('=', '+', '-', '@') OR substr(record, 1, 1) IN ('=', '+', '-', '@')")" -eq 0 ]
}

@test "signed: by keymuster, by stock minisign, from another store; one other byte is refused" {
    scene_hostile
    fra sync
    mad sync
    local format size at author
    for format in html json csv; do
        report "a.$format" --format "$format"
        ends 0 -C "$FRA" report verify "a.$format"
        says genuine
    done
    fra sync
    mad sync
    ends 0 -o json -C "$MAD" report verify a.html
    json '.schema == "keymuster.report.verify/1" and .genuine and .site == "fra" and .unseen == 0 and .matching == 2'
    author=$("$KEYMUSTER" -o json -C "$MAD" author list | jq -r '.items[] | select(.site == "fra") | .public_key')
    head -n -5 a.html >m
    tail -n 5 a.html | head -n 4 >s
    minisign -V -q -P "$author" -m m -x s
    head -n -4 a.csv >m
    tail -n 4 a.csv >s
    minisign -V -q -P "$author" -m m -x s
    for format in html json csv; do
        size=$(stat -c %s "a.$format")
        for at in 0 1 100 $((size / 3)) $((size / 2)) $((size - 900)) $((size - 330)) $((size - 260)) $((size - 150)) $((size - 90)) \
            $((size - 5)) $((size - 2)) $((size - 1)); do
            cp "a.$format" bad
            printf '\x7e' | dd of=bad bs=1 seek="$at" conv=notrunc status=none
            if cmp -s "a.$format" bad; then continue; fi
            ends 15 -C "$FRA" report verify bad
        done
        { cat "a.$format"; echo; } >bad
        ends 15 -C "$FRA" report verify bad
        head -c -1 "a.$format" >bad
        ends 15 -C "$FRA" report verify bad
        sed 's/$/\r/' "a.$format" >bad
        ends 15 -C "$FRA" report verify bad
    done
    : >bad
    ends 15 -C "$FRA" report verify bad
    ends 13 -C "$FRA" report verify not-there
    ends 2 -C "$FRA" report verify "$T"
}

@test "a report of another escrow, of a stranger, ahead of this log, and of another history" {
    scene_two
    mad create later --purpose other --root mad-main
    ends 0 -C "$MAD" report audit --file ahead.html
    ends 3 -C "$FRA" report verify ahead.html
    says 'do not reach'
    fra sync
    ends 0 -C "$FRA" report verify ahead.html
    fra author block "$(ask .author -C "$MAD" status)"
    ends 15 -C "$FRA" report verify ahead.html
    says 'not trusted'
    "$KEYMUSTER" -C "$T/other" init --site fra >/dev/null
    ends 15 -C "$T/other" report verify ahead.html
    says 'another escrow'
    # The same author went on differently: a store put back from a backup.
    cp -r "$FRA" "$T/old"
    fra person add one
    report one.html
    rm -rf "$HOME/state"
    "$KEYMUSTER" -C "$T/old" --offline person add two >/dev/null
    ends 15 -C "$T/old" report verify one.html
    says 'another history'
}

@test "as of a time: what was then, the same bytes each time; changes since a report" {
    scene_keys
    local then
    sleep 0.01
    then=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
    sleep 0.01
    fra person add some
    report before.html --as-of "$then"
    fra create newer --purpose other --root fra-main
    report again.html --as-of "$then"
    cmp before.html again.html
    report c1.json --format json --as-of "$then"
    report c2.json --format json --as-of "$then"
    cmp c1.json c2.json
    [ "$(head -n 1 c1.json | jq .counts.keys)" -eq 2 ]
    report now.json --format json --since before.html
    [ "$(head -n 1 now.json | jq -c '[.changes.since_report, .changes.entries[].about]')" = '[true,"newer","some"]' ]
    report none.json --format json --since "$(date -u -d tomorrow +%F)"
    [ "$(head -n 1 none.json | jq -c .changes.entries)" = '[]' ]
    sed 's/Audit/AudiT/' before.html >bad
    ends 15 -C "$FRA" report audit --file x.html --since bad
    ends 13 -C "$FRA" report audit --file x.html --since not-there
    ends 13 -C "$FRA" report audit --file x.html --as-of 2001-01-01
    ends 2 -C "$FRA" report audit --file x.html --as-of 2101-01-01
    says 'has not come yet'
    [ ! -e x.html ]
    export SOURCE_DATE_EPOCH=1796083200
    report e1.html
    report e2.html
    cmp e1.html e2.html
}

@test "an empty escrow, a conflict, a copy that is late, a lost root key" {
    fra init --site fra --name 'Nothing <b>yet</b>'
    report empty.html
    says 'holds no key'
    good_page empty.html
    ends 0 -C "$FRA" report verify empty.html
    report empty.csv --format csv
    ends 0 -C "$FRA" report verify empty.csv
    rm -rf "$FRA" "$HOME"
    mkdir -p "$HOME"
    scene_both
    fra copy set usb "file://$USB" --every 1s
    fra root destroy fra-main --confirm fra-main --reason burnt
    sleep 1.1
    report both.json --format json
    says 'in conflict' 'overdue' 'no wrap that can be opened'
    head -n 1 both.json | jq -e '.counts.conflicts == 2 and .counts.copies_overdue == 1 and .counts.without_usable_wrap == 1
        and ([.roots[] | select(.state == "destroyed") | .root] == ["fra-main"])'
}

@test "a copy that was rolled back, and one that shows another history, have a row of their own until long after" {
    scene_keys
    cp -r "$USB" "$T/older"
    report before.json --format json
    head -n 1 before.json | jq -e '.contradictions == [] and .counts.copies_contradicting == 0'
    local then
    then=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
    sleep 0.01
    fra person add some
    mv "$USB" "$T/newer"
    mv "$T/older" "$USB"
    ends 16 -C "$FRA" sync
    report a.json --format json
    says '1 copy is rolled back'
    head -n 1 a.json | jq -e '.counts.copies_contradicting == 1 and (.good | not) and (.contradictions | length) == 1 and (.contradictions[0]
        | .copy == "usb" and .what == "rolled back" and .agreed_since == false and (.detail | contains("it once showed head")))'
    head -n 1 a.json | jq -e '[.findings.high[] | select(.rule == "copy-contradicts") | .object] == ["usb"]'
    report a.html
    good_page a.html
    grep -qE '<tr class="bad">.*usb.*rolled back' a.html
    report a.csv --format csv
    grep -qE '^copy,usb,.*,rolled back,' a.csv
    ends 0 -C "$FRA" report verify a.csv
    report then.json --format json --as-of "$then" # nothing was known of it
    head -n 1 then.json | jq -e '.contradictions == []'
    # whoever put it there took it away again
    rm -r "$USB"
    mv "$T/newer" "$USB"
    fra sync
    report b.json --format json
    head -n 1 b.json | jq -e '.counts.copies_contradicting == 0 and .contradictions[0].agreed_since == true'
    # a clone of the store publishes: two histories of one author
    cp -r "$FRA" "$T/clone"
    fra person add here
    mkdir "$T/home2"
    HOME=$T/home2 XDG_STATE_HOME=$T/home2/state ends 16 -C "$T/clone" person add there
    "$KEYMUSTER" -C "$T/clone" report audit --file clone.json --format json >/dev/null
    head -n 1 clone.json | jq -e '[.contradictions[].what] | index("another history")'
}

@test "a closed pipe, an existing file, wrong options; -n writes nothing" {
    scene_keys
    "$KEYMUSTER" -C "$FRA" report audit --file p.html | true
    ends 0 -C "$FRA" report verify p.html
    ends 6 -C "$FRA" report audit --file p.html
    says 'another name'
    silent_on 'keymuster rekey'
    ends 0 -C "$FRA" -n report audit --file q.html
    [ ! -e q.html ]
    ends 2 -C "$FRA" report audit
    ends 2 -C "$FRA" report audit --file q.html --format pdf
    ends 13 -C "$FRA" report audit --file nowhere/q.html
    [ -z "$(find . -maxdepth 1 -name '.keymuster-*')" ]
    ends 0 -o json -C "$FRA" report audit --file r.html
    json '.schema == "keymuster.report.file/1" and .format == "html" and .keys == 2 and (.good | not)'
    [ "$(jq -r .sha256 <<<"$output")" = "$(sha256sum <r.html | cut -c -64)" ]
    [ "$(jq -r .bytes <<<"$output")" -eq "$(stat -c %s r.html)" ]
}

# The greatest resident size, in KiB.
peak() { # OPTION...
    rm -f big.out
    "$KM_TOOLS/measure" 60 "$KEYMUSTER" -C "$FRA" report audit --file big.out "$@" >/dev/null 2>&1 3>used
    sed 's/^kib \([0-9]*\) .*/\1/' used
}

@test "thousands of keys take no more memory than none, also as of an earlier time" {
    scene_copy
    local small large then=
    small=$(peak)
    many_keys 6000
    then=$(sqlite3 "$FRA/escrow.db" "SELECT json_extract(line, '\$.at') FROM entry ORDER BY seq DESC LIMIT 1 OFFSET 2")
    fra person add after
    for format in html csv json; do
        large=$(peak --format "$format")
        if [ "$large" -gt $((small + 24000)) ]; then
            printf '%s: %s KiB, and %s with none\n' "$format" "$large" "$small" >&2
            return 1
        fi
    done
    large=$(peak --as-of "$then")
    [ "$large" -lt $((small + 40000)) ]
    [ "$large" -lt 65536 ]
}

@test "in a real Chromium: one request, nothing on the console, axe finds nothing, fits a telephone" {
    command -v chromium >/dev/null || skip 'chromium is not installed'
    npm_install "$KM_SOURCE/tests/lib/axe" "$KM_TOOLS/axe" || return 1
    [ -z "$NPM_WHY" ] || skip "$NPM_WHY"
    scene_hostile
    report a.html
    look() { timeout 240 node "$KM_SOURCE/tests/lib/browser.js" "$1" "$KM_TOOLS/axe/node_modules/axe-core/axe.min.js"; }
    look a.html >found
    jq -e --arg url "file://$T/a.html" '.requests == [$url] and .console == [] and .axe == {light: [], dark: []} and .wide <= 0
        and .pages >= 3' found
    # What it must find: too little contrast, a picture from elsewhere, a script; and the policy stops both.
    local style
    sed 's/--dim:#525a66/--dim:#d5dae6/; s/<main/<img src="https:\/\/example.org\/x.png"><script>alert(1)<\/script><main/' a.html >bad.html
    style=$(sed -n 's/.*<style>\(.*\)<\/style>.*/\1/p' bad.html | tr -d '\n' | openssl dgst -sha256 -binary | base64)
    sed -i "s|sha256-[^']*'|sha256-$style'|" bad.html
    look bad.html >found
    jq -e '(.axe.light | map(.id) | index("color-contrast") and index("image-alt")) and (.console | map(select(contains("img-src"))) != [])
        and (.console | map(select(contains("script-src"))) != [])' found
}

@test "the searches of this file find what is wrong" {
    scene_keys
    report a.html
    good_page a.html
    local change
    for change in 's/<p>/<p style="color:red">/' 's/<main/<script><\/script>&/' 's/body{font/body{margin:0;font/' 's/<\/table>//' \
        's/<p>/<p>\x1b/' 's/<p>/<p>\xe2\x80\xae/' "s/'none'; style/'self'; style/"; do
        sed "$change" a.html >bad.html
        if cmp -s a.html bad.html; then return 1; fi
        run good_page bad.html
        [ "$status" -ne 0 ]
    done
    sed 's/Verdict/verdict/' a.html >bad.html
    KEYMUSTER=$KM_TOOLS/plant-no-signature
    ends 0 -C "$FRA" report verify bad.html
    fra create '<script>x</script>' --purpose other --root fra-main
    KEYMUSTER=$KM_TOOLS/plant-no-escape
    report worse.html
    run good_page worse.html
    [ "$status" -ne 0 ]
}
