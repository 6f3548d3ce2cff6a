#!/usr/bin/env bats
# recover start: which key it is about, by a configuration backup too; what is said first; a runbook that has changed; the
# same for several things; going on at another machine.
load ../lib/cli.bash
load ../lib/term.bash
load ../lib/bco.bash

teardown() {
    term_stop
    stop_started
}
bodies() { # STORE KIND: of its entries
    "$KEYMUSTER" -o ndjson -C "$1" audit log | jq -c --arg k "$2" 'select(.entry.kind? == $k) | .entry.body'
}

page() { # ID STEPS...: a runbook; steps from standard input
    printf '# A page\n\n```keymuster\nid = %s\nrto = 1h\n```\n\n' "$1"
    cat
}
step() { # ID KIND LINE...
    printf '## %s\n\nExpect: good.\n\n### If it fails\n\n* Ask.\n\n```keymuster\nid = %s\nkind = %s\n' "$1" "$1" "$2"
    shift 2
    printf '%s\n' "$@" '```' ''
}
show_page() { step which check 'run = show {key}' | page picks >picks.md; }

# Two generations, and the description that the backup server has of the first.
scene_two_generations() {
    scene_two
    : >none
    first=$(ask '.wraps[0].ciphertext' -C "$FRA" show vbr/config@1 --wraps)
    sleep 1.1 # a configuration backup's time here is in whole seconds
    between=$(date -u +%FT%TZ)
    sleep 1.1
    fra rekey vbr/config
    mad sync
    show_page
}

@test "the configuration backup says which generation opens it, by its wrap" {
    scene_two_generations
    bco_make old.bco "some | name | $first" 0e Backup.Creation.Time "$(bco_time 2026-03-15T10:00:07Z)"
    ends 0 -o json -C "$MAD" recover start picks.md --drill --bco old.bco --answers none
    bodies "$MAD" run.started | jq -e '.words == {key: "vbr/config@1", name: "vbr/config"}
        and .bco.by == "wrap" and .bco.made == "2026-03-15T10:00:07.000Z" and .bco.file == "old.bco" and .bco.officer == false
        and (.newest | length) == 24'
}

@test "by the name in its description, as it was then; by --key, by --key and --at" {
    scene_two_generations
    bco_make at.bco 'vbr/config | bm90IHRoZSB3cmFw' 0e Backup.Creation.Time "$(bco_time "$between")"
    bco_make gen.bco 'vbr/config@2 | bm90IHRoZSB3cmFw' 13 Sections.SecurityOfficerEncryption.Id "$(bco_number 16 7)"
    bco_make before.bco 'vbr/config | bm90IHRoZSB3cmFw' 0e Backup.Creation.Time "$(bco_time 2020-01-01)"
    ends 13 -C "$MAD" recover start picks.md --drill --bco before.bco --answers none
    ends 0 -C "$MAD" recover start picks.md --drill --bco at.bco --answers none
    ends 0 -C "$MAD" recover start picks.md --drill --bco gen.bco --answers none
    ends 0 -C "$MAD" recover start picks.md --drill --key vbr/config --answers none
    ends 0 -C "$MAD" recover start picks.md --drill --key vbr/config --at "$between" --answers none
    bodies "$MAD" run.started | jq -se '[.[].words.key] == ["vbr/config@1", "vbr/config@2", "vbr/config@2", "vbr/config@1"]
        and .[0].bco.by == "name and time" and .[1].bco.by == "name" and .[1].bco.officer'
    ends 2 -C "$MAD" recover start picks.md --key vbr/config --bco gen.bco
    ends 2 -C "$MAD" recover start picks.md --at 2026-01-01
}

@test "the wrong configuration backup: another key's, not encrypted, no such file, something else" {
    scene_two_generations
    local before
    before=$(bodies "$MAD" run.started | wc -l)
    bco_make other.bco "$(printf 'fra\033[31m | bm90IHRoZSB3cmFw')"
    ends 13 -C "$MAD" recover start picks.md --bco other.bco
    [[ $stderr == *'does not know the key that opens it'*'fra\x1b[31m" | WDEK'*'reveal --wrapped'* ]]
    bco_make hint.bco 123a
    ends 13 -C "$MAD" recover start picks.md --bco hint.bco
    [[ $stderr == *'"123a", which is not of the form moniker | WDEK'* ]]
    bco_make plain.bco '' 13 Backup.Cryptor.Id "$(bco_number 16 0)"
    ends 2 -C "$MAD" recover start picks.md --bco plain.bco
    [[ $stderr == *'not encrypted'* ]]
    ends 13 -C "$MAD" recover start picks.md --bco nowhere.bco
    printf 'PK\3\4 something else' >zip.bco
    ends 2 -C "$MAD" recover start picks.md --bco zip.bco
    [[ $stderr == *'not a configuration backup'* ]]
    ends 2 -C "$MAD" recover start picks.md --bco "$T"
    mkfifo pipe.bco
    ends 2 -C "$MAD" recover start picks.md --bco pipe.bco
    [ "$(bodies "$MAD" run.started | wc -l)" -eq "$before" ]
}

@test "what has to be known first: how old, which key, where its credential is kept, how to go on" {
    scene_two_generations
    bco_make old.bco "vbr/config | $first" 0e Backup.Creation.Time "$(bco_time 2026-03-15T10:00:07Z)" \
        13 Sections.SecurityOfficerEncryption.Id "$(bco_number 16 7)"
    fra kms add kp-far --site fra --provider local --file "$T/kp-fra.kms" --credential "file:$T/kp-fra.pass" --kept-at 'vault of fra, drawer 3'
    fra root create far-main --kms kp-far
    fra wrap add vbr/config@1 --root far-main
    fra site lost fra --reason test --confirm fra
    mad sync
    terminal 80 24
    keys "'$KEYMUSTER' -C '$MAD' recover start picks.md --bco old.bco --lost fra" Enter
    until_shows 'Enter goes on'
    term capture-pane -p -t t >screen
    grep -q '^REAL picks step 1 of 1' screen
    tr -s '\n ' ' ' <screen >flat
    grep -q 'known here is of 2026-.* UTC, just now. What was recorded there after' flat || grep -q 'known here from fra is of' flat
    grep -q 'The key: vbr/config@1, made on 2026-' flat
    grep -q 'kp-far at fra, which is lost (root key far-main): vault of fra, drawer 3' flat
    grep -q 'kp-mad at mad (root key mad-main): nobody recorded where; ask who runs it; bound here' flat
    grep -q "opens the configuration backup old.bco of 2026-03-15 10:00 UTC (told by the wrap in its description). The Security Officer's passphrase is needed as well" flat
    grep -q 'keymuster recover resume [0-9a-f]\{8\} --from COPY --site SITE' flat
    [ "$(wc -l <screen)" -le 24 ]
    keys C-c
    until_shows 'paused at step which'
}

@test "a runbook that is not the one of the last time: what has changed is shown, and asked about" {
    scene_two
    : >none
    step look check 'run = verify' | page changing >changing.md
    ends 0 -C "$MAD" recover start changing.md --answers none
    ends 0 -C "$MAD" recover start changing.md --answers none
    sed -i 's/run = verify/run = status/' changing.md
    ends 2 -C "$MAD" --no-input recover start changing.md --answers none
    [[ $stderr == *'- run = verify'*'+ run = status'*--yes* ]]
    [ "$(bodies "$MAD" run.started | wc -l)" -eq 2 ]
    ends 0 -C "$MAD" recover start changing.md --yes --answers none
    # In the log by another site: seen by whoever follows it next.
    mad sync
    fra sync
    sed -i 's/run = status/run = site list/' changing.md
    fra runbook add changing.md --yes
    mad sync
    ends 2 -C "$MAD" --no-input recover start changing --answers none
    [[ $stderr == *'- run = status'*'+ run = site list'* ]]
}

@test "the same for several things: each with its key, and why one is left out" {
    scene_two
    step leftovers loop 'each = encrypted backup' | page several >several.md
    local description
    description="x | $(ask '.wraps[0].ciphertext' -C "$MAD" show vbr/job-sql --wraps)"
    terminal 80 24
    keys "'$KEYMUSTER' -C '$MAD' recover start several.md --drill; echo status \$?" Enter
    until_shows 'Enter goes on'
    keys Enter
    until_shows 'type next'
    keys done Enter
    until_shows 'type next'
    keys next Enter
    until_shows 'its name (Enter'
    keys 'Backup 1' Enter
    until_shows 'or the description'
    keys no-such-key Enter
    until_shows 'no key here is called so'
    keys vbr/config Enter
    until_shows 'is it done?'
    keys Enter
    until_shows_twice 'its name (Enter'
    keys 'Backup 2' Enter
    until_shows 'Backup 2'
    sleep 0.3
    term send-keys -t t -l "$description"
    keys Enter
    until_shows_twice 'is it done?'
    keys 'the disk is away' Enter
    for i in {1..100}; do
        [ "$(bodies "$MAD" run.item | wc -l)" -lt 2 ] || break
        sleep 0.1
    done
    sleep 0.3
    keys C-c
    until_shows 'status 20'
    keys clear Enter "'$KEYMUSTER' -C '$MAD' recover resume; echo status \$?" Enter
    until_shows 'Enter goes on'
    keys Enter
    until_shows 'type next'
    keys next Enter
    until_shows 'before: Backup 2'
    keys Enter
    until_shows 'status 0'
    bodies "$MAD" run.item | jq -se '[.[] | [.item, .key, .result, .reason]] ==
        [["Backup 1", "vbr/config@1", "done", null], ["Backup 2", "vbr/job-sql@1", "skipped", "the disk is away"]]'
    # By answers, too.
    printf '[step "leftovers"]\ndo = done\nitems = one, two\n' >answers
    ends 0 -C "$MAD" recover start several.md --drill --answers answers
    [ "$(bodies "$MAD" run.item | wc -l)" -eq 4 ]
}

@test "go or no-go: what is not proven stops before anything is shown; at another machine it goes on" {
    scene_two
    {
        step ready check 'run = drill {key} --root {root}' 'findings = fail'
        step get reveal 'key = {key}'
    } | page going >going.md
    printf '[words]\nkey = vbr/config\nroot = mad-main\n[step "get"]\ndo = run\nto = file:got\n' >answers
    mv "$T/kp-mad.kms" "$T/away.kms"
    ends 21 -C "$MAD" recover start going.md --answers answers
    [ ! -e got ]
    bodies "$MAD" run.ended | jq -e '.result == "failed" and .exit == 3'
    mad sync
    mv "$T/away.kms" "$T/kp-mad.kms"
    rm -rf "$MAD"
    lost_options
    ends 0 -o json recover resume "${lost[@]}" --answers answers
    json 'all(.steps[]; .state == "done")'
    [ -s got ]
}
