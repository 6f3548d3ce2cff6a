#!/usr/bin/env bats
# report: the evidence of runs and drills, as text, JSON and one page, says what the log says and nothing else does.
load ../lib/cli.bash
load ../lib/npm.bash

# A runbook with a check, an action, a reveal, an approval and a step that takes longer than its budget.
scene_run() {
    scene_two
    {
        printf '# The <script>alert(1)</script> runbook\n\n```keymuster\nid = small\nrto = 1h\n```\n'
        step Look 'id = look\nkind = check\nrun = verify\nrepeat = safe\n'
        step 'Mark <b>' 'id = mark\nkind = action\nrun = site lost {lost} --reason "a small fire"\nmodes = real\n'
        step 'Get it' 'id = get\nkind = reveal\nkey = {key}\nbudget = 1s\n'
        step Agree 'id = agree\nkind = approve\npeople = 2\n'
        step 'Use it' 'id = use\nkind = manual\nfields = server text, restored number\n'
    } >small.md
    cat >answers <<'ANSWERS'
[words]
key = vbr/config
lost = fra
[step "mark"]
do = skip
reason = nothing burnt & <i>nothing</i> will
[step "get"]
do = run
to = file:got
[step "agree"]
do = done
attested_by_1 = the first
attested_by_2 = the second
[step "use"]
do = done
server = new <img src=x>
restored = 12
ANSWERS
}
step() { # TITLE BLOCK
    printf '\n## %s\n\n* Do it.\n\nExpect: good.\n\n### If it fails\n\n* Ask.\n\n```keymuster\n%b```\n' "$1" "$2"
}

# A run with a failure, a note, a retry, a showing and a skipped step: its id is in $run.
play_run() {
    scene_run
    password_of "$FRA" vbr/config want
    sed -i 's/^rto = .*/rto = 1s/' small.md
    sed 's/^to = .*/to = file:answers/' answers >bad
    ends 21 -C "$MAD" recover start small.md --answers bad
    run=$(ask '.items[0].run' -C "$MAD" recover list)
    ends 0 -C "$MAD" -o json recover note "$run" $'looked \u202egnp.exe <script>alert(2)</script>'
    sleep 1.1
    ends 3 -C "$MAD" recover resume --answers answers
    cmp want got
}
log_of() { "$KEYMUSTER" -o ndjson -C "$1" audit log | jq -c 'select(.entry?)'; }

# An entry that keymuster would not write, at the end of the store's own log. An object with {"kind","body"}.
forge() { # STORE OBJECT
    local author last
    author=$(ask .author -C "$1" status)
    last=$(sqlite3 "$1/escrow.db" "SELECT seq || ' ' || lower(hex(hash)) FROM entry WHERE author = '$author' ORDER BY seq DESC LIMIT 1")
    jq -cnj --arg author "$author" --argjson seq "$((${last% *} + 1))" --arg prev "${last#* }" --argjson of "$2" \
        '{keymuster: 1, author: $author, seq: $seq, prev: $prev, at: (now | todateiso8601 | sub("Z"; ".999Z")),
          by: {user: "some", host: "where"}} + $of' >"$T/line"
    sqlite3 "$1/escrow.db" "INSERT INTO entry (author, seq, hash, line) VALUES ('$author', $((${last% *} + 1)),
        x'$(sha256sum <"$T/line" | cut -c -64)', CAST(readfile('$T/line') AS TEXT))"
    "$KEYMUSTER" -C "$1" person add "p$RANDOM" >/dev/null # a writer takes it into the tables
}

# A page that asks for nothing, runs nothing, and says what it is; well-formed when void elements are closed.
good_page() { # FILE
    local style
    ! grep -qiE '<script|<img|<link|<iframe|<i>|<b>|https?:|url\(| style=| on[a-z]+=|javascript:' "$1" || return 1
    ! LC_ALL=C grep -qP "$unseen" "$1" || return 1
    style=$(sed -n 's/.*<style>\(.*\)<\/style>.*/\1/p' "$1" | tr -d '\n' | openssl dgst -sha256 -binary | base64)
    grep -qF "default-src 'none'; style-src 'sha256-$style'; base-uri 'none'; form-action 'none'" "$1" || return 1
    [ "$(grep -c '<h1>' "$1")" -eq 1 ] || return 1
    sed 's/<!doctype html>//; s/<meta \([^>]*\)>/<meta \1\/>/' "$1" | xmllint --noout - 2>"$T/malformed"
}
unseen='[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80[\xaa-\xae]' # bytes that do something to a terminal, or turn a line around

@test "a run: JSON has what the log has, and names what is missing" {
    play_run
    ends 0 -o json -C "$MAD" report run "${run:0:8}"
    printf %s "$output" >doc
    json '.schema == "keymuster.report.run/1" and .run == $r and .mode == "real" and .finished and .runbook.current
        and (.runbook.as_shipped | not) and .runbook.rto_ms == 1000 and .rto_ms >= 1100 and .over_rto' --arg r "$run"
    [ "$(jq -r .runbook.sha256 doc)" = "$(sha256sum <small.md | cut -c -64)" ]
    json '[.steps[] | [.id, .state]] == [["look","done"],["mark","skipped"],["get","done"],["agree","done"],["use","done"]]'
    json '.steps[1].reason == "nothing burnt & <i>nothing</i> will"'
    json '.steps[2].attempts | [.[] | .result] == ["failed","done"] and .[0].exit == 18 and .[1].exit == 0
        and .[1].made == {"reveal.closed": 1, "reveal.intended": 1, "reveal.shown": 1}'
    json '.steps[4].attempts[0].fields == {server: "new <img src=x>", restored: "12"}'
    json '[.gaps[] | [.code, .step]] == [["skipped","mark"],["failed-before","get"],
        ["over-budget","get"],["not-signed","agree"],["over-rto",null]] and .steps[2].over_budget'
    json '[.approvals[] | [.how, .who, .step]] == [["attested","the first","agree"],["attested","the second","agree"]]'
    json '.revealed | length == 1 and .[0].key == "vbr/config@1" and .[0].shown and .[0].to == "file" and .[0].root == "mad-main"
        and (.[0].reason | test("^run [0-9a-f]{8}, step get$"))'
    # Beside the log.
    log_of "$MAD" >log
    jq -se --slurpfile d doc '$d[0] as $d | map(select(.entry.body.run? == $d.run)) as $own |
        ([$own[] | select(.entry.kind == "run.ended") | .hash] | sort) == ([$d.steps[].attempts[].ended_entry] | sort)
        and ([$own[] | select(.entry.kind == "run.begun") | .hash] | sort) == ([$d.steps[].attempts[].begun_entry // empty] | sort)
        and ([$own[] | select(.entry.kind == "run.note") | .entry.body.text]) == [$d.notes[].text]
        and ([$own[] | select(.entry.kind == "run.ended") | .entry.body.ms]) == [$d.steps[].attempts[].ms]
        and all($own[]; .entry.by == $d.by[0].by) and ($d.by | length) == 1
        and (first(.[] | select(.entry.kind == "reveal.shown" and .entry.body.intended == $d.revealed[0].entry)) | .entry.body.request) ==
            $d.revealed[0].request' log
    # The anchor is the last of its entries, and the head that it names speaks for it.
    jq -se --slurpfile d doc '$d[0].anchors as $a | ($a | length) == 1 and
        (map(select(.entry.kind == "run.finished")) | last | .hash == $a[0].entry and .entry.seq == $a[0].seq)' log
    [ "$(sqlite3 "$MAD/escrow.db" "SELECT lower(hex(hash)) FROM head WHERE author = '$(jq -r '.anchors[0].author' doc)'
        AND number = $(jq '.anchors[0].head' doc)")" = "$(jq -r '.anchors[0].head_sha256' doc)" ]
    ends 0 -C "$MAD" audit log --entry "$(jq -r '.anchors[0].entry' doc)"
    # The other site says the same, when it has heard of it.
    fra sync
    "$KEYMUSTER" -o json -C "$FRA" report run "$run" | jq -S 'del(.made_at)' >theirs
    jq -S 'del(.made_at)' doc | diff - theirs
}

@test "a run: text of 80 columns and a page, with the same words; hostile ones do nothing" {
    play_run
    ends 0 -C "$MAD" report run
    says 'REAL' 'nothing burnt & <i>nothing</i> will' 'skipped' '5 gaps' 'of 1 s, over' 'attempt 1 of 2' 'vbr/config@1' 'run '"${run:0:8}"', step get' \
        '\u{202E}gnp.exe' 'the first' 'attested'
    [ -z "$(awk 'length($0) > 80' <<<"$output")" ]
    ! LC_ALL=C grep -qP "$unseen" <<<"$output" || return 1
    ends 0 -C "$MAD" report run "$run" --file run.html
    good_page run.html
    grep -q '>REAL<' run.html
    grep -q 'The &lt;script&gt;alert(1)&lt;/script&gt; runbook' run.html
    grep -q 'new &lt;img src=x&gt;' run.html
    grep -q '<tr class="bad"><th scope="row">because</th><td>nothing burnt &amp; &lt;i&gt;nothing&lt;/i&gt; will</td>' run.html
    grep -q 'u{202E}gnp.exe &lt;script&gt;' run.html
    grep -q 'SIGNATURE' run.html
    "$KM_TOOLS/scan" -x "$T/want" -x "$T/got" "$T/want" "$T"
    ends 6 -C "$MAD" report run "$run" --file run.html
    ends 0 -C "$MAD" -n report run "$run" --file not.html
    [ ! -e not.html ]
}

@test "the search of a page finds what is wrong with one" {
    play_run
    ends 0 -C "$MAD" report run "$run" --file run.html
    KEYMUSTER=$KM_TOOLS/plant-no-escape ends 0 -C "$MAD" report run "$run" --file bad.html
    run good_page bad.html
    [ "$status" -ne 0 ]
    local change
    for change in 's/<p>/<p style="color:red">/' 's/<main/<script><\/script>&/' 's/body{font/body{margin:0;font/' 's/<\/table>//' \
        's/<p>/<p>\x1b/' 's/<p>/<p>\xe2\x80\xae/' "s/'none'; style/'self'; style/" 's/<p>/<p><a href="https:\/\/x\/">x<\/a>/'; do
        sed "$change" run.html >bad.html
        ! cmp -s run.html bad.html || return 1
        run good_page bad.html
        [ "$status" -ne 0 ]
    done
}

@test "the same store gives the same bytes; formats and files" {
    play_run
    export SOURCE_DATE_EPOCH=1796083200
    local format
    for format in text json html; do
        "$KEYMUSTER" -C "$MAD" report run --format "$format" >"one.$format"
        sleep 0.01
        "$KEYMUSTER" -C "$MAD" report run --format "$format" >"two.$format"
        cmp "one.$format" "two.$format"
        grep -q '2026-12-01T00:00:00.000Z' "one.$format"
    done
    jq -e . one.json
    ends 0 -o json -C "$MAD" report run --file three.html
    json '.format == "html" and .file == "three.html" and .sha256 == $s' --arg s "$(sha256sum <one.html | cut -c -64)"
    ends 0 -C "$MAD" report run --format text --file three.txt
    cmp one.text three.txt
    ends 0 -C "$MAD" report run --format json --file three.json
    cmp one.json three.json
    "$KEYMUSTER" -o json -C "$MAD" report run | cmp - one.json
    ends 2 -o json -C "$MAD" report run --format html
    ends 2 -C "$MAD" report run --format pdf
    unset SOURCE_DATE_EPOCH
    ends 0 -o json -C "$MAD" report run
    json '.made_at != "2026-12-01T00:00:00.000Z"'
}

@test "an id that is none ends 13 with a way out" {
    scene_run
    ends 13 -o json -C "$MAD" report run
    error_is KM2011
    says 'recover start'
    ends 13 -o json -C "$MAD" report drill
    says 'keymuster drill'
    mad drill
    ends 13 -C "$MAD" report drill 00000000
    says 'the newest: ' "$(ask .drill -C "$MAD" report drill | cut -c -8)"
    ends 13 -C "$MAD" report run 00000000
    says 'recover list'
    ends 2 -C "$MAD" report drill 12
}

@test "a drill of a runbook: DRILL, what is for a real loss is named, its results are there" {
    scene_run
    sed -i 's/^do = skip/do = run/' answers
    ends 0 -C "$MAD" recover start small.md --drill --answers answers
    ends 0 -o json -C "$MAD" report run
    json '.mode == "drill" and .left_out == ["mark"] and .revealed == [] and (.drilled | length) == 1 and .drilled[0].outcome == "proven"
        and .drilled[0].counts and .drilled[0].key == "vbr/config@1" and .drilled[0].root == "mad-main"
        and ([.gaps[].code] == ["not-signed"])'
    ends 0 -C "$MAD" report run --file run.html
    good_page run.html
    grep -q '>DRILL<' run.html
    ends 0 -C "$MAD" report run
    says 'Not in a drill'
    # In the middle of it.
    ends 20 -C "$MAD" recover start small.md --no-input
    ends 0 -o json -C "$MAD" report run
    json '(.finished | not) and any(.gaps[]; .code == "goes-on" and (.text | test("Look")))'
}

@test "paused at one site and ended at another: both are named, and both logs are anchored" {
    scene_run
    sed '/^\[step "agree"\]/,$d' answers >few
    ends 20 -C "$MAD" recover start small.md --answers few
    local id
    id=$(ask '.items[0].run' -C "$MAD" recover list)
    mad sync
    fra sync
    ends 3 -C "$FRA" recover resume "$id" --answers answers
    ends 0 -o json -C "$FRA" report run "$id"
    json '(.anchors | length) == 2 and ([.anchors[].site] | sort) == ["fra", "mad"] and (.by | length) == 2 and .finished
        and ([.steps[] | .attempts | length] == [1, 1, 1, 1, 1]) and all(.anchors[]; .head)'
    # A drill of keys as an action, and one that ends 3.
    sed 's/^run = verify/run = drill/' small.md >drill.md
    rm got
    ends 3 -C "$FRA" recover start drill.md --yes --answers answers
    ends 0 -o json -C "$FRA" report run
    json '(.drilled | length) == 3 and .steps[0].attempts[0].made["drill.result"] == 3 and any(.drilled[]; .counts | not)'
    mv "$T/kp-fra.kms" "$T/away"
    ends 0 -C "$FRA" recover start drill.md --drill --answers answers
    ends 0 -o json -C "$FRA" report run
    json 'any(.gaps[]; .code == "findings" and .step == "look") and any(.gaps[]; .code == "drill")'
}

@test "what later versions write of a run is there, in red where it must be" {
    play_run
    forge "$MAD" '{"kind":"run.word","body":{"run":"'"$run"'","alone":"nobody \u001b[31m answers"}}'
    forge "$MAD" '{"kind":"run.approved","body":{"run":"'"$run"'","step":"agree","name":"first.operator","public_key":"RWQ-key","signature":"sig"}}'
    ends 0 -o json -C "$MAD" report run "$run"
    # Nobody needed it, as somebody had agreed; and what does not verify is none.
    json '.alone == "nobody \u001b[31m answers" and any(.approvals[]; .how == "not approved" and .who == "first.operator" and .public_key == "RWQ-key")'
    json '[.gaps[].code] | contains(["not-approved"]) and (contains(["alone"]) | not)'
    forge "$MAD" '{"kind":"run.ended","body":{"run":"'"$run"'","step":"agree","result":"done","alone":"nobody \u001b[31m answers"}}'
    ends 0 -o json -C "$MAD" report run "$run"
    json '[.gaps[].code] | contains(["alone", "not-countersigned"])'
    ends 0 -C "$MAD" report run "$run" --file run.html
    good_page run.html
    grep -q '<tr class="bad"><th scope="row">done alone</th><td>nobody \\x1b\[31m answers</td>' run.html
    forge "$MAD" '{"kind":"run.countersigned","body":{"run":"'"$run"'","name":"second.operator"}}'
    ends 0 -o json -C "$MAD" report run "$run"
    json '[.gaps[].code] | contains(["not-countersigned"])'
    # How old the copy was, as the entry that began it has it.
    forge "$MAD" '{"kind":"run.started","body":{"run":"00000000-0000-4000-8000-000000000001","runbook":"small","mode":"real",
        "sha256":"'"$(sha256sum <small.md | cut -c -64)"'","text":"'"$(ask .runbook.entry -C "$MAD" report run "$run")"'",
        "newest":"2026-01-01T00:00:00Z","copy":{"name":"usb <b>"}}}'
    ends 0 -o json -C "$MAD" report run 00000000-0000
    json '.rpo_ms > 1000000000 and .started.copy.name == "usb <b>"'
    ends 0 -C "$MAD" report run 00000000-0000
    says 'copy name       usb <b>'
    forge "$MAD" '{"kind":"run.note","body":{"run":"'"$run"'","text":"once more"},"restates":{"entry":"'"$(printf '%064d' 0)"'",
        "author":"'"$(printf '%032d' 0)"'","seq":1,"at":"2026-01-01T00:00:00.000Z","by":{}}}'
    ends 0 -o json -C "$MAD" report run "$run"
    json 'any(.gaps[]; .code == "said-again" and (.text | startswith("1 of ")))'
    # Members of another form than this version writes.
    forge "$MAD" '{"kind":"run.ended","body":{"run":"00000000-0000-4000-8000-000000000001","step":"look","result":7,"fields":["x"],
        "ms":"long","reason":[1]}}'
    forge "$MAD" '{"kind":"run.note","body":{"run":"00000000-0000-4000-8000-000000000001","step":{},"text":null}}'
    forge "$MAD" '{"kind":"reveal.intended","body":{"key":"vbr/config","reason":"run 00000000, step get","to":["x"]}}'
    forge "$MAD" '{"kind":"reveal.shown","body":{"intended":5}}'
    ends 0 -o json -C "$MAD" report run 00000000-0000
    json '.revealed[0].key == "vbr/config" and (.revealed[0].shown | not)'
    ends 0 -C "$MAD" report run 00000000-0000 --file odd.html
    good_page odd.html
    # A broken-off step.
    forge "$MAD" '{"kind":"run.begun","body":{"run":"00000000-0000-4000-8000-000000000001","step":"look"}}'
    ends 0 -o json -C "$MAD" report run 00000000-0000
    json '.steps[0].state == "in doubt" and any(.gaps[]; .code == "in-doubt" and .step == "look")'
}

@test "a drill: each key and root key, sums, what was measured, as the drill itself said and the log has it" {
    scene_two
    fra --offline site add late
    ends 0 -o json -C "$FRA" drill --reason 'every <quarter>' --ticket T-1
    printf %s "$output" >said
    ends 0 -o json -C "$FRA" report drill
    printf %s "$output" >doc
    jq -se '.[0] as $s | .[1] as $d | $s.drill == $d.drill and $s.proven == $d.proven and $s.failed == $d.failed
        and $s.rto_ms == $d.rto_ms and $s.rpo_ms == $d.rpo_ms and $s.lost_entries == $d.lost_entries and $s.newest_at == $d.newest_at
        and $s.keys == $d.keys and $s.not_counting == $d.not_counting
        and ([$s.results[] | [.root, .outcome, .ms, .request]] == [$d.results[] | [.root, .outcome, .ms, .request]])' said doc
    log_of "$FRA" | jq -se --slurpfile d doc '[.[] | select(.entry.kind == "drill.result") | .hash] == [$d[0].results[].entry]'
    json '.lost_entries == 1 and .rpo_ms > 0'
    json 'all(.results[]; .site == "fra" and .copy == "usb" and .host and .reason == "every <quarter>" and .ticket == "T-1")'
    ends 0 -C "$FRA" report drill
    says DRILL 'RTO measured' 'RPO measured' 'mad-main' "$(jq -r '.results[0].request' doc)" 'every <quarter>'
    [ -z "$(awk 'length($0) > 80' <<<"$output")" ]
    ends 0 -C "$FRA" report drill "$(jq -r '.drill[0:13]' doc)" --file drill.html
    good_page drill.html
    grep -q 'every &lt;quarter&gt;' drill.html
    # One that fails is red, and has its code.
    mv "$T/kp-mad.kms" "$T/away"
    "$KEYMUSTER" -C "$MAD" drill vbr/config || true
    ends 0 -o json -C "$MAD" report drill
    json '.proven == 0 and (.results | length) == 1 and (.results[0].code | test("^KM[0-9]{4}$")) and (has("rto_ms") | not)'
    ends 0 -C "$MAD" report drill --file bad.html
    good_page bad.html
    grep -q '<tr class="bad"><th scope="row">vbr/config@1' bad.html
}

@test "the pages of a run, a drill, a card and a runbook in a real Chromium: one request, a quiet console, axe finds nothing, fit a telephone" {
    command -v chromium >/dev/null || skip 'chromium is not installed'
    npm_install "$KM_SOURCE/tests/lib/axe" "$KM_TOOLS/axe" || return 1
    [ -z "$NPM_WHY" ] || skip "$NPM_WHY"
    play_run
    mad drill vbr/config
    ends 0 -C "$MAD" report run "$run" --file run.html
    ends 0 -C "$MAD" report drill --file drill.html
    ends 0 -C "$FRA" copy card --html "$T/card.html"
    ends 0 runbook print total-loss --file runbook.html
    local page
    for page in run drill card runbook; do
        timeout 240 node "$KM_SOURCE/tests/lib/browser.js" "$page.html" "$KM_TOOLS/axe/node_modules/axe-core/axe.min.js" ${PICTURES:+"$PICTURES"} >found
        jq -e --arg url "file://$T/$page.html" '.requests == [$url] and .console == [] and .axe == {light: [], dark: []} and .wide <= 0' found ||
            { echo "$page: $(cat found)" >&2; return 1; }
        if [ -n "${PICTURES-}" ]; then
            for p in "$PICTURES"/*.png; do case $p in *-of-*) ;; *) mv "$p" "${p%.png}-of-$page.png" ;; esac; done
        fi
    done
}
