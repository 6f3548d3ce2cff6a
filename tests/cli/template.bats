#!/usr/bin/env bats
# exec --template: the answer file of an unattended restore is filled in, nobody sees the password, nothing is left.
# shellcheck disable=SC2016,SC2154 # scripts of the child; started is cli.bash's
load ../lib/cli.bash

# The shape that Veeam's own tool writes with /generate.
answer_file() {
    printf '%s\r\n' '<?xml version="1.0" encoding="utf-8"?>' '<unattendedConfigurationRestore mode="Restore">' \
        '  <properties>' '    <property name="BACKUP_FILE" value="D:\backup.bco" />' \
        '    <!-- keymuster fills {{secret}} in -->' \
        '    <property name="BACKUP_PASSWORD" value="{{secret}}" hidden="1" />' '  </properties>' \
        '</unattendedConfigurationRestore>' >"$T/answer.xml"
}

scene_template() {
    scene_copy
    answer_file
    CANARY=canary-answer-$RANDOM$RANDOM # other tests may have theirs in /dev/shm
    printf '%s' "$CANARY&amp;<b>\"quoted\" 'single' \\ {{secret}} ]]> é 🔑" >"$T/odd"
    fra record vbr/odd --purpose other --root fra-main --secret "file:$T/odd"
}

# No file with the secret's beginning, no folder of ours.
nothing_left() {
    if in_memory "$CANARY" || grep -rsqF -e "$CANARY" "$XDG_RUNTIME_DIR"; then return 1; fi
    nothing_of "$T/path"
}

nothing_of() { # FILE-WITH-THE-PATH
    [ ! -e "$(cat "$1")" ] || return 1
    [ ! -e "$(dirname "$(cat "$1")")" ]
}

fill() { # ARG...
    ends 0 -C "$FRA" exec vbr/odd --reason restore --template "$T/answer.xml" -- sh -c \
        'cp "$1" "$2" && printf %s "$1" >"$3" && test "$1" = "$KEYMUSTER_SECRET_FILE"' sh '{}' "$T/filled" "$T/path"
}

@test "an XML answer file: the password arrives whole, all else is kept byte by byte" {
    scene_template
    fill
    nothing_left
    xmllint --xpath 'string(//property[@name="BACKUP_PASSWORD"]/@value)' "$T/filled" >"$T/value"
    [ "$(cat "$T/value")" = "$(cat "$T/odd")" ]
    # line 6 is the one with the place; the others are as they were, CR LF included
    cmp <(sed 6d "$T/answer.xml") <(sed 6d "$T/filled")
    [ "$(sed -n 6p "$T/filled" | tail -c 2 | od -An -tx1)" = ' 0d 0a' ]
    [ "$(LC_ALL=C grep -c '[^ -~]' <(tr -d '\r' <"$T/filled"))" -eq 0 ] # any declared encoding will do
}

@test "nobody has seen it: no duty, no word of the secret, the record says exec" {
    scene_template
    ends 0 -o json -C "$FRA" status
    before=$(jq .duties <<<"$output")
    fill
    silent_on canary-
    ends 0 -o json -C "$FRA" status
    json ".duties == $before"
    ends 0 -o ndjson -C "$FRA" audit log
    [[ $output == *'"to":"exec"'*reveal.shown* ]]
    silent_on canary-
}

@test "other texts: raw by default, JSON and XML where the place says so" {
    scene_template
    printf 'password = {{secret}}\nother = {{name}}\n' >"$T/answer.xml"
    fill
    [ "$(head -n 1 "$T/filled")" = "password = $(cat "$T/odd")" ]
    [ "$(tail -n 1 "$T/filled")" = 'other = {{name}}' ]
    printf '{"password":"{{secret:json}}"}' >"$T/answer.xml"
    fill
    [ "$(jq -r .password "$T/filled")" = "$(cat "$T/odd")" ]
    nothing_left
}

refused() { # TEXT...
    ends 125 -o json -C "$FRA" exec vbr/odd --reason restore --template "$T/answer.xml" -- touch "$T/ran"
    error_is KM7009
    says "$@"
    [ ! -e "$T/ran" ]
}

@test "a template that cannot be filled in is refused before anything is recorded or unwrapped" {
    scene_template
    local entries
    entries=$("$KEYMUSTER" -o ndjson -C "$FRA" audit log | wc -l)
    sed -i 's/{{secret}}/{{ secret }}/' "$T/answer.xml"
    refused 'line 6: {{ secret }} is no place for the secret' answer.xml '{{secret:raw}}'
    answer_file
    sed -i '6s/{{secret}}/x/' "$T/answer.xml"
    refused 'line 5: {{secret}} stands only in a comment'
    : >"$T/answer.xml"
    refused 'it has no {{secret}}'
    printf '<a><![CDATA[{{secret}}]]></a>' >"$T/answer.xml"
    refused 'line 1: {{secret}} stands in CDATA'
    answer_file
    iconv -f UTF-8 -t UTF-16LE "$T/answer.xml" >"$T/wide"
    { printf '\xff\xfe'; cat "$T/wide"; } >"$T/answer.xml"
    refused 'UTF-16, not UTF-8' 'save it as UTF-8'
    mv "$T/wide" "$T/answer.xml"
    refused 'UTF-16, not UTF-8'
    printf 'caf\xe9 {{secret}}' >"$T/answer.xml"
    refused 'not text in UTF-8'
    rm "$T/answer.xml"
    refused 'answer.xml'
    mkdir "$T/answer.xml"
    refused 'answer.xml'
    rmdir "$T/answer.xml"
    mkfifo "$T/answer.xml"
    refused 'answer.xml'
    rm "$T/answer.xml"
    answer_file
    mv "$T/answer.xml" "$T/real.xml"
    ln -s "$T/real.xml" "$T/answer.xml"
    refused 'answer.xml'
    rm "$T/answer.xml"
    { printf '{{secret}}'; head -c 1048576 /dev/zero | tr '\0' ' '; } >"$T/answer.xml"
    refused 'answer.xml'
    [ "$("$KEYMUSTER" -o ndjson -C "$FRA" audit log | wc -l)" -eq "$entries" ]
}

@test "a secret that XML cannot hold stops before the command, and the record says so" {
    scene_template
    printf '%s\001' "$CANARY" >"$T/control"
    record_known vbr/control "$T/control" fra-main kp-fra
    ends 125 -o json -C "$FRA" exec vbr/control --reason restore --template "$T/answer.xml" -- touch "$T/ran"
    error_is KM7009
    says 'what XML cannot hold'
    silent_on canary-
    [ ! -e "$T/ran" ]
    if in_memory "$CANARY" || grep -rsqF -e "$CANARY" "$XDG_RUNTIME_DIR"; then return 1; fi
    ends 0 -o ndjson -C "$FRA" audit log
    [[ $output == *'"how":"failed: '* ]]
}

@test "the command is killed, or keymuster is told to end: the file is gone" {
    scene_template
    ends 137 -C "$FRA" exec vbr/odd --reason restore --template "$T/answer.xml" -- sh -c \
        'grep -q canary- "$1" && printf %s "$1" >"$2"; kill -9 $$' sh '{}' "$T/path"
    nothing_left
    local signal pid
    for signal in TERM HUP; do
        rm "$T/path"
        start "$T/said-$signal" "$KEYMUSTER" -C "$FRA" exec vbr/odd --reason restore --template "$T/answer.xml" -- sh -c \
            'printf %s "$1" >"$2"; echo there; exec sleep 60' sh '{}' "$T/path"
        pid=${started[-1]}
        grep -qs canary- "$(cat "$T/path")"
        kill "-$signal" "$pid"
        wait "$pid" || true
        nothing_left
    done
    ends 0 -C "$FRA" verify
}

@test "keymuster itself is killed: the next run wipes what it left, and nothing of a run that lives" {
    scene_template
    local hold='printf %s "$1" >"$2"; echo there; exec sleep 60'
    start "$T/living" "$KEYMUSTER" -C "$FRA" exec vbr/odd --reason restore --tmpfile -- sh -c "$hold" sh '{}' "$T/path1"
    start "$T/killed" "$KEYMUSTER" -C "$FRA" exec vbr/odd --reason restore --template "$T/answer.xml" -- sh -c "$hold" \
        sh '{}' "$T/path2"
    kill -9 "${started[-1]}"
    wait "${started[-1]}" || true
    grep -qs "$CANARY" "$(cat "$T/path2")"
    fill
    nothing_of "$T/path2"
    grep -qs "$CANARY" "$(cat "$T/path1")"
    kill "${started[0]}"
    wait "${started[0]}" || true
    nothing_of "$T/path1"
}

@test "a program that leaves the file is caught" {
    scene_template
    KEYMUSTER=$KM_TOOLS/plant-keep-file fill
    run nothing_left
    [ "$status" -ne 0 ]
    fill # and the next run of a sound one wipes what that left
    nothing_left
}
