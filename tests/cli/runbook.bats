#!/usr/bin/env bats
# Runbooks: read, refused with lines and reasons, kept in the log, laid in copies, printed; and those that come with the
# program are followed to their end by what they say.
load ../lib/cli.bash

shipped=(total-loss root-key-loss kms-loss store-loss exposed-key primary-returns leaving-hpcs person-leaves)

# A good one with one step; what is given on standard input takes the place of its block's lines.
runbook() { # FILE [STEP-TEXT]
    {
        printf '# A test\n\nWords.\n\n```keymuster\nid = a-test\nrto = 1h\n```\n\n## First\n\n%s\n' \
            "${2-Expect: good.

### If it fails

* Ask.}"
        printf '\n```keymuster\n'
        cat
        printf '```\n'
    } >"$1"
}
check_block() { printf 'id = one\nkind = check\nrun = verify\n'; }

# It is wrong at this line for this reason.
wrong() { # FILE LINE TEXT
    ends 2 runbook check "$1"
    says "$1:$2: error: " "$3" 'cannot be followed'
    ends 2 -o json runbook check "$1"
    error_is KM5001
    jq -e --argjson line "$2" '.items[0] | (.good | not) and any(.findings[]; .line == $line and .level == "error")' <<<"$output"
}

@test "those of the program can be followed, without a store, too; none of their pages is too long" {
    local name
    ends 0 -o json runbook check "${shipped[@]}"
    json '.items | length == 8 and all(.good and .findings == [])'
    ends 0 -o json runbook list
    json '[.items[] | select(.from == "program") | .name] == $names' --argjson names \
        "$(jq -nc '$ARGS.positional' --args "${shipped[@]}")"
    for name in "${shipped[@]}"; do
        cmp <("$KEYMUSTER" runbook show "$name") "$KM_SOURCE/recovery/runbooks/$name.md"
        ends 0 -o json runbook show "$name"
        json '.name == $n and (.steps | length) > 5 and all(.steps[]; .expect and .if_it_fails)' --arg n "$name"
    done
    ends 0 --store "$T/none" help runbook
    ends 10 --store "$T/none" runbook list
}

@test "a small one is good; lines of Windows are, too" {
    check_block | runbook good.md
    ends 0 runbook check ./good.md
    says '1 steps, can be followed'
    sed 's/$/\r/' good.md >crlf.md
    ends 0 -o json runbook check crlf.md
    json '.items[0].good and .items[0].findings == []'
}

@test "what keeps a person from following it is named by its line" {
    printf 'id = one\nkind = shell\nrun = rm -rf /\n' | runbook a.md
    wrong a.md 18 'never runs a shell'
    printf 'id = one\nkind = check\nrun = sh -c ls\n' | runbook a.md
    wrong a.md 10 'run = sh -c ls'
    check_block | runbook a.md 'Expect: good.'
    wrong a.md 10 'what to do if it fails'
    check_block | runbook a.md '### If it fails

* Ask.'
    wrong a.md 10 'what to expect'
    printf 'id = one\nkind = manual\n' | runbook a.md
    wrong a.md 10 'does not say what to do'
    printf 'id = one\nkind = check\nrun = verify\nrunn = x\n' | runbook a.md
    wrong a.md 18 'runn'
    printf 'id = one\nid = two\nkind = check\nrun = verify\n' | runbook a.md
    wrong a.md 18 'line 20, column 1'
    printf 'kind = check\nrun = verify\n' | runbook a.md
    wrong a.md 18 'id = NAME is missing'
    printf 'id = one\nkind = check\n' | runbook a.md
    wrong a.md 18 'needs run ='
    printf 'id = one\nkind = manual\nrun = verify\n' | runbook a.md 'Do.

Expect: x

### If it fails

* y'
    wrong a.md 20 'runs nothing'
    printf 'id = one\nkind = reveal\n' | runbook a.md
    wrong a.md 18 'needs key = KEY'
    printf 'id = one\nkind = loop\n' | runbook a.md
    wrong a.md 18 'each ='
    printf 'id = one\nkind = check\nrun = show {kye}\n' | runbook a.md
    wrong a.md 10 'nothing stands for {kye}'
    printf 'id = one\nkind = check\nrun = verify\nbudget = soon\n' | runbook a.md
    wrong a.md 18 'a duration is'
    printf 'id = one\nkind = check\nrun = verify\nfields = a colour\n' | runbook a.md
    wrong a.md 18 'a type is'
    printf 'id = one\nkind = check\nrun = verify\nfields = a choice\n' | runbook a.md
    wrong a.md 18 'choice:A|B'
    printf 'id = one\nkind = check\nrun = verify\nmodes = always\n' | runbook a.md
    wrong a.md 18 'real, drill or both'
}

@test "its commands are keymuster's own, and answer no question" {
    local words
    while read -r words; do
        printf 'id = one\nkind = action\nrun = %s\n' "$words" | runbook a.md
        wrong a.md 10 'never a shell'
    done <<'END'
keymuster verify
reveal vbr/config --reason x
exec vbr/config --reason x
site lost fra --reason x --yes
author retire x --confirm x
verify --store /tmp/elsewhere
rekey
verify one two
verify --no-such-option
verify "open
sync; rm -rf /
END
}

@test "headings, blocks and ids that do not fit" {
    check_block | runbook good.md
    sed '1d' good.md >a.md
    wrong a.md 1 'no title'
    sed 's/^## First/## First\n\n```keymuster\nid = x\nkind = note\n```/' good.md >a.md
    wrong a.md 23 'a second block'
    sed '5,8d' good.md >a.md
    wrong a.md 1 'no block for the tool'
    sed '/^## First/,$d' good.md >a.md
    wrong a.md 1 'no steps'
    { cat good.md; sed -n '/^## First/,$p' good.md; } >a.md
    wrong a.md 23 'the id one is taken by the step of line 10'
    sed 's/^### If it fails/### Otherwise/' good.md >a.md
    wrong a.md 14 'a heading that a runbook does not have'
    sed '/^id = one/,$d; s/^```keymuster$/```/' good.md >a.md
    wrong a.md 10 'has no block'
}

@test "a wrong file is refused before anything is read into it" {
    check_block | runbook good.md
    ends 13 runbook check ./nowhere.md
    ends 13 -o json runbook check no-such-name
    error_is KM2011
    says 'total-loss'
    mkdir folder.md
    ends 2 runbook check folder.md
    iconv -t UTF-16 good.md >utf16.md
    ends 2 runbook check utf16.md
    says 'not a text in UTF-8'
    printf '\xff\xfe\n' >bytes.md
    ends 2 runbook check bytes.md
    printf '# x\n\033[2J\n' >escape.md
    ends 2 runbook check escape.md
    { cat good.md; yes 'More of the same words.' | head -c 100000; } >giant.md
    ends 2 runbook check giant.md
    says 'over 96 KiB'
    { sed '/^## First/,$d' good.md; for i in $(seq 201); do printf '## %s\n\n' "$i"; done; } >many.md
    ends 2 runbook check many.md
    says 'more than 200 steps'
    : >empty.md
    wrong empty.md 1 'no title'
    # As deep as its size allows: no stack is lost.
    { cat good.md; head -c 40000 /dev/zero | tr '\0' '>'; printf ' deep\n'; head -c 20000 /dev/zero | tr '\0' '*'; } >deep.md
    run "$KEYMUSTER" runbook check deep.md
    [ "$status" -eq 2 ] || [ "$status" -eq 0 ]
}

@test "long lines, long steps and sums of time are warnings" {
    printf 'id = one\nkind = check\nrun = verify\nbudget = 2h\n' | runbook a.md "Expect: good.

    $(printf 'x%.0s' $(seq 90))

### If it fails

$(printf '* line\n%.0s' $(seq 30))"
    ends 0 runbook check a.md
    says 'warning: a line is longer than 76' 'fit a screen of 24' 'more than its rto of 60 min'
}

@test "a key that is not in the escrow" {
    scene_keys
    printf 'id = one\nkind = reveal\nkey = vbr/nothing\n' | runbook a.md
    ends 2 -C "$FRA" runbook check a.md
    says 'a.md:10: error' 'vbr/nothing'
    printf 'id = one\nkind = check\nrun = verify\nfields = typed check:vbr/nothing\n' | runbook a.md
    ends 2 -C "$FRA" runbook add a.md
    says 'cannot be followed' 'vbr/nothing'
    printf 'id = one\nkind = reveal\nkey = vbr/config\n' | runbook a.md
    ends 0 -C "$FRA" runbook check a.md
}

@test "in the log it travels; a changed one is shown and asks; two that differ are settled" {
    scene_two
    check_block | runbook own.md
    ends 0 -o json -C "$FRA" runbook add own.md
    json '.created and .name == "a-test" and .sha256 == $s' --arg s "$(sha256sum own.md | cut -d' ' -f1)"
    ends 0 -o json -C "$FRA" runbook add own.md
    json '.created | not'
    mad sync
    cmp <("$KEYMUSTER" -C "$MAD" runbook show a-test) own.md
    ends 0 -o json -C "$MAD" runbook list
    json '.items[] | select(.name == "a-test") | .from == "log" and .steps == 1'
    sed 's/^\* Ask\./* Ask twice./' own.md >other.md
    ends 2 -C "$MAD" --no-input runbook add other.md
    says '- * Ask.' '+ * Ask twice.' '--yes'
    ends 0 -C "$MAD" runbook add other.md --yes
    # At the other site, before it hears of that: a conflict, which the next one settles.
    sed 's/^\* Ask\./* Ask often./' own.md >third.md
    fra runbook add third.md --yes --offline
    fra sync
    ends 2 -o json -C "$FRA" runbook show a-test
    says 'two sites have changed it' 'audit log --entry'
    ends 0 -C "$FRA" runbook list
    says 'two sites have changed the runbook a-test'
    fra runbook add other.md --yes
    cmp <("$KEYMUSTER" -C "$FRA" runbook show a-test) other.md
    mad sync
    cmp <("$KEYMUSTER" -C "$MAD" runbook show a-test) other.md
    ends 0 -C "$MAD" verify
}

@test "copies have them, signed, with their sums; one of the log takes the place of the program's" {
    scene_copy
    local key
    fra sync
    key=$(jq -r .founder "$USB/escrow.json")
    minisign -V -P "$key" -m "$USB/recovery/runbooks/total-loss.md"
    minisign -V -P "$key" -m "$USB/recovery/SHA256SUMS"
    (cd "$USB/recovery" && sha256sum -c SHA256SUMS)
    [ "$(wc -l <"$USB/recovery/SHA256SUMS")" -eq 15 ]
    grep -q 'runbooks/' "$USB/recovery/START-HERE.md"
    sed 's/^# .*/# Ours/' "$KM_SOURCE/recovery/runbooks/total-loss.md" >ours.md
    check_block | runbook own.md
    fra runbook add ours.md
    fra runbook add own.md
    cmp "$USB/recovery/runbooks/total-loss.md" ours.md
    cmp "$USB/recovery/runbooks/a-test.md" own.md
    (cd "$USB/recovery" && sha256sum -c SHA256SUMS)
    minisign -V -P "$key" -m "$USB/recovery/runbooks/a-test.md"
    # A command that has news does not look at each; sync does.
    rm "$USB/recovery/runbooks/kms-loss.md"
    fra site add third
    [ ! -e "$USB/recovery/runbooks/kms-loss.md" ]
    fra sync
    cmp "$USB/recovery/runbooks/kms-loss.md" "$KM_SOURCE/recovery/runbooks/kms-loss.md"
    printf 'rm -rf /\n' >>"$USB/recovery/runbooks/total-loss.md"
    ends 15 -C "$FRA" copy check --deep
    says 'recovery/runbooks/total-loss.md'
    fra sync
    cmp "$USB/recovery/runbooks/total-loss.md" ours.md
    ends 0 -C "$FRA" copy check --deep
}

@test "the page: no script, no request, boxes and blanks; foreign HTML stays out" {
    local style
    ends 0 runbook print total-loss --file page.html
    [ "$(grep -c '<section>' page.html)" -eq 19 ]
    grep -q 'keymuster site lost {lost}' page.html
    grep -q '<code>{lost}</code>' page.html
    ! grep -qiE '<script|<img|<link|https?:|style=' page.html || return 1
    style=$(sed -n 's/.*<style>\(.*\)<\/style>.*/\1/p' page.html | tr -d '\n' | openssl dgst -sha256 -binary | base64)
    grep -qF "style-src 'sha256-$style'" page.html
    ends 6 runbook print total-loss --file page.html
    printf 'id = one\nkind = check\nrun = verify\nfields = left choice:a|<b>\n' | runbook evil.md 'Expect: <script>alert(1)</script> good.

<iframe src="x"></iframe>

[here](javascript:alert(1)) "quoted"

### If it fails

* Ask <b>.'
    ends 0 runbook print evil.md --file evil.html
    ! grep -qiE '<script|<iframe|javascript:|<b>' evil.html || return 1
    grep -q 'a|&lt;b&gt;' evil.html
    ends 2 runbook print evil.md
    printf 'id = one\nkind = none\n' | runbook bad.md
    ends 2 runbook print bad.md --file bad.html
    [ ! -e bad.html ]
}

# ---- followed ----

# Every command of a runbook's steps, in their order, as its page has them; words in braces by the given values; steps in
# $skip are left out. One whose page says what exit status 3 means may end so. What the page says only in words is in
# by_hand STEP, where the test has it.
follow() { # STORE RUNBOOK WORD=VALUE...
    local store=$1 name=$2 step id words pair named n=0
    local -a line
    shift 2
    "$KEYMUSTER" -o json runbook show "$name" | jq -c '.steps[]' >steps
    while IFS= read -r -u 9 step; do
        id=$(jq -r .id <<<"$step")
        words=$(jq -r 'if .key then "reveal \(.key) --reason \"why\" --to file:secret" else .run // empty end' <<<"$step")
        [[ " ${skip-} " != *" $id "* ]] || continue
        by_hand "$id"
        [ -n "$words" ] || continue
        for pair in "$@"; do
            words=${words//"{${pair%%=*}}"/"${pair#*=}"}
        done
        [[ $words != *'{'* ]] || { printf 'no value for: %s\n' "$words" >&2; return 1; }
        mapfile -t line < <(xargs -n 1 printf '%s\n' <<<"$words")
        named=${line[1]-nothing}
        [[ ${line[2]--} == -* ]] || named=${line[2]}
        tried "$KEYMUSTER" -C "$store" "${line[@]}" --yes --confirm="$named"
        if [ "$status" -ne 0 ] && ! { [ "$status" -eq 3 ] && jq -e '.expect | test("Exit status 3")' <<<"$step" >/dev/null; }; then
            printf '%s, step %s: keymuster %s\n' "$name" "$id" "$words" >&2
            dump
            return 1
        fi
        n=$((n + 1))
    done 9<steps
    [ "$n" -ge 2 ]
}
by_hand() { :; }

@test "followed to its end: total-loss" {
    scene_two
    fra create vbr/officer --purpose restore-secret --root mad-main --with vbr/config
    mad sync
    password_of "$FRA" vbr/config expected
    password_of "$FRA" vbr/officer officer
    rm -rf "$FRA" "$T/kp-fra.kms"
    by_hand() {
        case $1 in
            password) cmp officer secret && rm secret ;;
            restore) cmp expected secret ;;
        esac
    }
    follow "$MAD" total-loss lost=fra key=vbr/config name=vbr/config root=mad-main officer=vbr/officer
    ends 0 -o json -C "$MAD" show vbr/config
    json '.generation == 2'
    (cd "$USB" && grep -q '^vbr/config@2$' recovery/KEYS.txt)
}

@test "followed to its end: root-key-loss, disabled and deleted" {
    scene_keys
    fra root disable fra-main --yes
    skip=restore follow "$FRA" root-key-loss root=fra-main to=mad-main
    ends 0 -o json -C "$FRA" root retire-check fra-main
    fra root destroy fra-main --confirm fra-main
    skip='enable' follow "$FRA" root-key-loss root=fra-main to=mad-main
    ends 0 -o json -C "$FRA" root list
    json 'any(.items[]; .name == "fra-main" and .state == "active")'
}

@test "followed to its end: kms-loss, leaving-hpcs" {
    scene_keys
    skip=rehome follow "$FRA" kms-loss kms=kp-fra root=fra-main to=mad-main
    follow "$FRA" leaving-hpcs kms=kp-fra root=fra-main to=mad-main
    ends 0 -C "$FRA" kms retire-check kp-fra
}

@test "followed to its end: store-loss" {
    scene_two
    local lost new=$T/new
    lost=$(ask .author -C "$FRA" status)
    # With the spare key it need not be admitted.
    fra author spare --file "$T/spare" --credential "file:$T/kp-fra.pass"
    rm -rf "$FRA"
    by_hand() {
        [ "$1" != admit ] || "$KEYMUSTER" -C "$MAD" author admit "$(ask .author -C "$new" status)" --yes
    }
    "$KEYMUSTER" -o json runbook show store-loss | jq -e '.steps[] | select(.id == "join") | .do | test("--spare FILE")'
    "$KEYMUSTER" -C "$new" join --from "file://$USB" --site fra --spare "$T/spare" --credential "spare=file:$T/kp-fra.pass" --yes
    skip='join admit' follow "$new" store-loss copy="file://$USB" here=fra author="$lost"
    ends 0 -o json -C "$new" author list
    json 'any(.items[]; .author == $a and .retired)' --arg a "$lost"
}

@test "followed to its end: exposed-key, person-leaves, primary-returns" {
    scene_two
    fra reveal vbr/config --reason seen --to file:secret
    follow "$FRA" exposed-key key=vbr/config name=vbr/config old=vbr/config@1
    ends 0 -o json -C "$FRA" show vbr/config@1
    json '.state == "deactivated"'
    fra person add someone
    skip=author follow "$FRA" person-leaves person=someone
    mad sync
    mad site lost fra --reason fire --confirm fra
    mad create vbr/meanwhile --purpose backup-job --root mad-main
    follow "$FRA" primary-returns lost=fra
    ends 0 -C "$FRA" show vbr/meanwhile
}
