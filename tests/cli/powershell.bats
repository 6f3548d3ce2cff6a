#!/usr/bin/env bats
# The scripts of recovery/powershell. No PowerShell runs here: a grammar reads them, and the command lines that it finds in them are run
# against the program, through a real sshd, in the order in which the scripts send them.
load ../lib/cli.bash
load ../lib/npm.bash
load ../lib/sshd.bash

setup_file() {
    export GRAMMAR=$KM_TOOLS/powershell/node_modules SCRIPTS=$KM_SOURCE/recovery/powershell NO_GRAMMAR=
    npm_install "$KM_SOURCE/tests/lib/powershell" "$KM_TOOLS/powershell" || return 1
    NO_GRAMMAR=$NPM_WHY
}

setup() {
    fresh_home
    if [ -n "$NO_GRAMMAR" ]; then
        skip "$NO_GRAMMAR"
    fi
}

teardown() {
    sshd_stop
    stop_started
}

# The grammar is one large function, which a compiler that optimizes takes 17 s for.
parse() { node --liftoff-only "$KM_SOURCE/tests/lib/powershell/parse.js" "$GRAMMAR" "$@"; }

@test "every script is understood by a grammar of PowerShell" {
    local script n=0
    for script in "$SCRIPTS"/*.ps1; do
        run parse "$script"
        [ "$status" -eq 0 ] || { echo "$output" >&2; return 1; }
        n=$((n + 1))
    done
    [ "$n" -eq 6 ]
}

@test "an error put into each is caught: a brace, a parenthesis, a quotation mark that is missing" {
    local script plant
    for script in "$SCRIPTS"/*.ps1; do
        awk '/^#>/ { after = 1 } after && !done && /^[^#]* \047[^\047]*\047/ { sub(/\047/, ""); done = 1 } { print }' "$script" >broken.ps1
        run parse broken.ps1
        [ "$status" -eq 1 ] || { echo "not seen in $script: a quotation mark" >&2; return 1; }
        for plant in '0,/^\( *\(function\|foreach\|if\|try\) .*\){$/s//\1/' '0,/^\(.*[A-Za-z]\))$/s//\1/'; do
            sed "$plant" "$script" >broken.ps1
            cmp -s "$script" broken.ps1 && continue # it has none such
            run parse broken.ps1
            [ "$status" -eq 1 ] || { echo "not seen in $script: $plant" >&2; return 1; }
            [[ $output == *broken.ps1:* ]]
        done
        sed '0,/{$/s/{$//' "$script" >broken.ps1
        run parse broken.ps1
        [ "$status" -eq 1 ]
    done
}

# Fails with what a script must not have; FILE.
judge() {
    local facts
    facts=$(parse "$1" --facts | tail -n 1)
    jq -e .help <<<"$facts" >/dev/null || { echo 'no help'; return 1; }
    if [[ $1 != *keymuster-ssh.ps1 ]]; then # it is sourced by the others
        jq -e '.strict and .stop' <<<"$facts" >/dev/null || { echo 'not strict'; return 1; }
    fi
    if jq -e '.commands | map(ascii_downcase) | any(. == ("write-host", "write-output", "invoke-expression", "out-file", "out-host", "set-clipboard",
        "start-transcript", "convertfrom-securestring", "tee-object", "iex", "echo"))' <<<"$facts" >/dev/null; then
        echo 'a command that shows or keeps'
        return 1
    fi
    if grep -nE -i 'AsPlainText|StrictHostKeyChecking|SkipCertificateCheck|\$env:' "$1"; then
        echo 'what weakens'
        return 1
    fi
    if LC_ALL=C grep -nP '[^\x09\x0a\x20-\x7e]' "$1"; then # Windows PowerShell reads a file without a mark in the server's code page
        echo 'a character outside ASCII'
        return 1
    fi
    if parse "$1" Invoke-Keymuster Receive-KeymusterPassword New-KeymusterProcess | jq -e '.[2][] | objects | .variable | select(test("pass|secure|secret|bstr"; "i"))' | grep .; then
        echo 'a secret as an argument'
        return 1
    fi
}

@test "help, strict mode, stop on errors; nothing that shows, keeps or passes a secret as a word; plain ASCII" {
    local script plant
    for script in "$SCRIPTS"/*.ps1; do
        run judge "$script"
        [ "$status" -eq 0 ] || { echo "$script: $output" >&2; return 1; }
        grep -qiE 'not run against a live backup server|not tried on either' "$script"
    done
    for plant in 's/^Set-StrictMode.*//' 's/^\.SYNOPSIS/.NOTES/' "s/^\\\$ErrorActionPreference.*//" 's/^try {/try { Write-Host $password/' \
        "s/'--to', '-'/'--to', \$password/" 's/^try {/try { ConvertTo-SecureString x -AsPlainText -Force/' 's/^try {/try { # \xe2\x82\xac/'; do
        sed "$plant" "$SCRIPTS/create-key.ps1" >create-key.ps1
        cmp -s "$SCRIPTS/create-key.ps1" create-key.ps1 && return 1
        run judge create-key.ps1
        [ "$status" -eq 1 ] || { echo "not seen: $plant" >&2; return 1; }
    done
}

# ---- what they send ----

# The site: a store whose copy is at the other site, behind an sshd; -Program is a script there that knows its home.
scene_ssh() {
    scene_copy
    sshd_start "$T/sshd"
    printf '#!/bin/sh\nexport HOME=%s XDG_STATE_HOME=%s\nexec %s "$@"\n' "$HOME" "$XDG_STATE_HOME" "$KEYMUSTER" >"$T/km"
    chmod 755 "$T/km"
    calls=()
}

# Calls number N (from 1) of SCRIPT as the script sends it, variables by the associative array vars (several words: one a line); standard
# input goes along. Status and answer are what the script sees.
call() { # SCRIPT N
    local line word text words=() one remote
    line=$(parse "$SCRIPTS/$1" Invoke-Keymuster Receive-KeymusterPassword | sed -n "$2p")
    [ -n "$line" ]
    calls+=("$1 $2")
    while IFS= read -r word; do
        if text=$(jq -er 'objects | .variable' <<<"$word"); then
            [ -n "${vars[$text]+x}" ] || { echo "no value for \$$text" >&2; return 99; }
            [ -n "${vars[$text]}" ] || continue
            while IFS= read -r one; do words+=("$one"); done <<<"${vars[$text]}"
        else
            words+=("$(jq -r . <<<"$word")")
        fi
    done < <(jq -c '.[2][]' <<<"$line")
    remote="'$T/km' '-C' '$FRA'"
    for word in "${words[@]}"; do remote+=" '${word//\'/\'\\\'\'}'"; done
    ssh -T -o BatchMode=yes -o LogLevel=ERROR -F /dev/null -p "$SSHD_PORT" -i "$SSHD_KEY" -o IdentitiesOnly=yes \
        -o UserKnownHostsFile="$SSHD_KNOWN" -- "$(id -un)@127.0.0.1" "$remote" 2>"$T/err"
}

# Get-WrapDescription, of what `show` answered.
description() { # ROOT: standard input
    jq -r --arg r "$1" '(if .generation > 1 then "\(.name)@\(.generation)" else .name end) + " | "
        + (first(.wraps[] | select((.retired | not) and .root == $r)).ciphertext)'
}

@test "create-key: recorded and copied, then handed over, then delivered; no duty, nobody has seen it" {
    declare -A vars
    scene_ssh
    vars=([Name]="vbr/it's \$HOME; \"x\" \`id\`" [Purpose]=config-backup [roots]=$'--root\nmad-main\n--root\nfra-main' [again]='' [BackupServer]=vbr-fra)
    call create-key.ps1 1 </dev/null >created
    jq -e '.created and .released and .generation == 1' created
    vars[key]=$(jq -r '"\(.name)@\(.generation)"' created)
    [ "${vars[key]}" = "${vars[Name]}@1" ]
    call create-key.ps1 2 </dev/null >shown
    description mad-main <shown >hint
    ends 0 -o json -C "$FRA" identify - <hint
    json '.items[0] | .by == "wrap" and .generation == 1'
    # Until here the password was nowhere; the record is in the copy.
    grep -qF "$(jq -r .uuid created)" "$USB"/log/*/*/*.ndjson
    call create-key.ps1 3 </dev/null >password
    ends 0 -C "$FRA" check "${vars[key]}" --secret file:password
    "$KM_TOOLS/scan" -x password password "$T/err" "$T/sshd/log"
    vars[evidence]="Add-VBREncryptionKey on vbr-fra, key 7; description read back"
    call create-key.ps1 4 </dev/null >delivered
    jq -e '.schema == "keymuster.vbr.delivered/1"' delivered
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
    ends 0 -o ndjson -C "$FRA" audit log
    [ "$(jq -rs 'map(.entry | select(.kind? == ("key.created", "reveal.intended", "reveal.shown", "key.delivered")) | .kind) | join(" ")' <<<"$output")" = \
        'key.created reveal.intended reveal.shown key.delivered' ]
    jq -se 'any(.[]; .entry.kind? == "reveal.intended" and .entry.body.to == "handover:vbr-fra")' <<<"$output"
    # Again it is there already, 6; with -Resume it goes on where it broke off.
    run call create-key.ps1 1
    [ "$status" -eq 6 ]
    vars[again]=--if-missing
    call create-key.ps1 1 </dev/null | jq -e '(.created | not) and .released'
    [ "$(parse "$SCRIPTS/create-key.ps1" Invoke-Keymuster Receive-KeymusterPassword | wc -l)" -eq 4 ]
}

@test "create-key fails closed: no copy in reach, no key, no KMS, no server; the status comes through" {
    declare -A vars
    scene_ssh
    mv "$USB" "$T/away"
    vars=([Name]=vbr/config [Purpose]=config-backup [roots]=$'--root\nmad-main' [again]='' [key]=vbr/config@1 [BackupServer]=vbr-fra)
    run call create-key.ps1 1
    [ "$status" -eq 3 ]
    call create-key.ps1 3 >got && return 1 # and what it might ask for all the same is refused
    [ ! -s got ]
    grep -q 'no copy' "$T/err"
    mv "$T/away" "$USB"
    vars[key]=vbr/none@1
    run call create-key.ps1 3
    [ "$status" -eq 13 ]
    vars[key]=vbr/config@1
    fra root disable mad-main --yes
    run call create-key.ps1 3
    [ "$status" -eq 14 ]
    [ -z "$output" ]
    sshd_stop
    run call create-key.ps1 2
    [ "$status" -eq 255 ]
}

@test "rewrap-key: the new wrap is the description's, the former one is still known" {
    declare -A vars
    scene_ssh
    fra create vbr/config --purpose config-backup --root mad-main
    vars=([Name]=vbr/config)
    call rewrap-key.ps1 2 </dev/null | description mad-main >former
    fra root rotate mad-main
    call rewrap-key.ps1 1 </dev/null >rewrapped
    call rewrap-key.ps1 2 </dev/null >shown
    description mad-main <shown >hint
    cmp -s former hint && return 1
    # What the script looks for before it changes anything: the wrap that the server has is one of those that `show` tells.
    jq -e --arg w "$(sed 's/.* | //' former)" 'any(.wraps[]; .ciphertext == $w)' shown
    ends 0 -o json -C "$FRA" identify - <former
    json '.items[0].by == "wrap"'
    [ "$(parse "$SCRIPTS/rewrap-key.ps1" Invoke-Keymuster Receive-KeymusterPassword | wc -l)" -eq 2 ]
}

@test "recover-key: the hint of an encrypted backup tells the key, and a script gets it" {
    declare -A vars
    scene_ssh
    fra create vbr/job --purpose backup-job --root mad-main
    fra rekey vbr/job
    vars=([Name]=vbr/job@1 [BackupServer]=vbr-mad [Reason]="site fra's loss")
    call rewrap-key.ps1 2 </dev/null | description mad-main >hint
    call recover-key.ps1 1 <hint >told
    vars[Key]=$(jq -r '.items[0].key' told)
    [ "$(jq -r '.items[0].generation' told)" -eq 1 ]
    call recover-key.ps1 2 </dev/null >password
    ends 0 -C "$FRA" check vbr/job@1 --secret file:password
    printf 'nobody | bm90IG91cnM=' >hint
    call recover-key.ps1 1 <hint >told && return 1
    [ "$(parse "$SCRIPTS/recover-key.ps1" Invoke-Keymuster Receive-KeymusterPassword | wc -l)" -eq 2 ]
}

@test "what export-keys writes is what import and reconcile read, member by member" {
    scene_keys
    # The rows that it makes, by their members.
    local members
    members=$(sed -n '/^function Export-Key/,/^}/p' "$SCRIPTS/export-keys.ps1" | grep -oE '\b(Id|Description|ModificationDateUtc|EncryptedPassword) = ' | tr -d ' =' | paste -sd ' ')
    [ "$members" = 'Id Description ModificationDateUtc' ]
    members=$(sed -n '/^function New-Consumer/,/^}/p' "$SCRIPTS/export-keys.ps1" | grep -oE '\b[A-Z][A-Za-z]+ = ' | tr -d ' =' | paste -sd ' ')
    [ "$members" = 'Consumer Name Id KeyId KeyDescription SeenUtc' ]
    local shown
    shown=$(ask '.wraps[] | select(.root == "mad-main").ciphertext' -C "$FRA" show vbr/job-sql)
    jq -nc --arg w "vbr/job-sql | $shown" '[{Id: "2fb6d1c2-0000-4000-8000-000000000001", Description: $w, ModificationDateUtc: "2026-11-28T02:00:00.000Z"}]' >keys.json
    printf '"Id","Description","ModificationDateUtc"\r\n"2fb6d1c2-0000-4000-8000-000000000001","vbr/job-sql | %s","2026-11-28T02:00:00.000Z"\r\n' "$shown" >keys.csv
    for name in keys.json keys.csv; do
        ends 0 -o json -C "$FRA" import "$name" --root fra-main --purpose backup-job -n
        json '[.rows[].verdict] == ["known"]'
        ends 0 -o json -C "$FRA" vbr reconcile --file "$name"
        json '[.items[].verdict] == ["ok"]'
    done
    # A list of consumers as it writes one: every member and kind is one that the page names, and reconcile takes it.
    local word
    for word in $members $(grep -oE "New-Consumer '[a-z-]+'" "$SCRIPTS/export-keys.ps1" | cut -d "'" -f 2 | sort -u); do
        grep -qF "\`$word\`" "$KM_SOURCE/docs/reference/vbr.md" || { echo "not in vbr.md: $word" >&2; return 1; }
    done
    jq -nc '[{Consumer: "job", Name: "SQL nightly", Id: "5f1c", KeyId: "2fb6d1c2-0000-4000-8000-000000000001", KeyDescription: "", SeenUtc: "2026-11-28T02:00:00.000Z"},
        {Consumer: "config-backup", Name: "", Id: "", KeyId: "00000000-0000-0000-0000-000000000000", KeyDescription: "", SeenUtc: "2026-11-28T02:00:00.000Z"}]' >consumers.json
    ends 0 -o json -C "$FRA" vbr reconcile --file keys.json --consumers consumers.json
    ends 0 -C "$FRA" show vbr/job-sql
    says 'SQL nightly'
    printf '[]\r\n' >keys.json
    ends 0 -C "$FRA" import keys.json --root fra-main --purpose backup-job -n
}
