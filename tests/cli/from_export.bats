#!/usr/bin/env bats
# --from EXPORT: no store and no copy is left, but an export that lay beside the backup, and a KMS.
# Each test is a subshell of its own, so what it sets is its own, too.
# shellcheck disable=SC2030,SC2031,SC2016
load ../lib/cli.bash

# An export of both keys by the founder; then everything of the first site is gone.
scene_export() {
    scene_keys
    password_of "$FRA" vbr/config "$T/config.pw"
    password_of "$FRA" vbr/job-sql "$T/job.pw"
    escrow=$(ask .escrow -C "$FRA" status)
    fra export vbr/config vbr/job-sql --file "$T/export"
    "$KEYMUSTER" -C "$FRA" copy card >"$T/card"
    evidence=$XDG_STATE_HOME/keymuster/recover/$escrow
}

lose() { rm -rf "$FRA" "$HOME" && mkdir "$HOME"; }

# What every --from EXPORT needs.
with_export() { lost=(--from "$T/export" --reason test --credential "kp-mad=file:$T/kp-mad.pass"); }

# The export with a jq FILTER applied to it, signed by somebody else: $T/forged.
forge() { # FILTER ARG...
    local filter=$1
    shift
    [ -d "$T/evil" ] || "$KEYMUSTER" -C "$T/evil" init --site fra --name 'Test escrow' >/dev/null
    head -n 1 "$T/export" | jq -c "$@" --arg author "$(ask .author -C "$T/evil" status)" \
        --arg key "$(sed -n 's/^founder //p' <("$KEYMUSTER" -C "$T/evil" copy card))" \
        ".author = \$author | .public_key = \$key | $filter" >"$T/forged"
    minisign -S -s "$T/evil/author.key" -m "$T/forged" -x "$T/forged.sig" -c keymuster -t 'keymuster export 1' >/dev/null
    cat "$T/forged.sig" >>"$T/forged"
}

@test "with an export, a card and a KMS the password comes back, and the record is durable" {
    scene_export
    lose
    with_export
    ends 0 -o json reveal vbr/config "${lost[@]}" --card "$T/card" --to "file:$T/pw"
    cmp "$T/config.pw" "$T/pw"
    json '.checked == true and .generation == 1'
    says "$evidence" 'an export cannot take the record'
    "$KEYMUSTER" -C "$evidence" -o ndjson audit log >"$T/log"
    jq -se '[.[].entry.kind | values] == ["author.joined","reveal.intended","reveal.shown","reveal.closed"]' "$T/log"
    jq -se --arg sum "$(sha256sum <"$T/export" | cut -d' ' -f1)" --arg signer "$(head -n 1 "$T/export" | jq -r .author)" \
        '.[1].entry.body.export == $sum and .[1].entry.body.signer == $signer
        and .[2].entry.body.checked == true' "$T/log"
    ends 0 exec vbr/job-sql "${lost[@]}" --expect "$escrow" -- cmp - "$T/job.pw"
    # What was shown reaches the escrow with the first copy that turns up.
    local before
    before=$(sort -u "$USB"/log/*/*/*.ndjson | grep -c '"kind":"reveal.shown"')
    ends 0 exec vbr/job-sql --from "file://$USB" --reason test --credential "kp-mad=file:$T/kp-mad.pass" -- cmp - "$T/job.pw"
    [ "$(sort -u "$USB"/log/*/*/*.ndjson | grep -c '"kind":"reveal.shown"')" -eq $((before + 3)) ]
    ends 0 -C "$evidence" verify
}

@test "generations, dates, UUIDs, root keys and several keys are named as ever" {
    scene_export
    fra rekey vbr/config
    password_of "$FRA" vbr/config@2 "$T/second.pw"
    rm "$T/export"
    fra export vbr/config vbr/job-sql --file "$T/export"
    local uuid
    uuid=$(ask .uuid -C "$FRA" show vbr/config@1)
    lose
    with_export
    lost+=(--expect "$escrow")
    ends 0 exec vbr/config "${lost[@]}" -- cmp - "$T/second.pw"
    ends 0 exec vbr/config@1 "${lost[@]}" -- cmp - "$T/config.pw"
    ends 0 exec "$uuid" "${lost[@]}" --site mad -- cmp - "$T/config.pw"
    ends 0 exec vbr/job-sql "${lost[@]}" --root mad-main -- cmp - "$T/job.pw"
    ends 0 exec vbr/config "${lost[@]}" --at 2100-01-01 -- cmp - "$T/second.pw"
    ends 125 -o json exec vbr/config "${lost[@]}" --at 2001-01-01 -- true
    ends 13 -o json reveal vbr/none "${lost[@]}" --to "file:$T/pw"
    error_is KM2011
    ends 13 -o json reveal vbr/config "${lost[@]}" --site paris --to "file:$T/pw"
    error_is KM2011
    ends 4 -o json reveal vbr/job-sql "${lost[@]}" --root fra-main --to "file:$T/pw"
    error_is KM3002
    [ ! -e "$T/pw" ]
}

@test "another wrap is used when the first does not open" {
    scene_export
    lose
    rm "$T/kp-fra.kms"
    with_export
    ends 0 exec vbr/job-sql "${lost[@]}" --expect "$escrow" --site fra --credential "kp-fra=file:$T/kp-fra.pass" -- cmp - "$T/job.pw"
    says 'another wrap was used' kp-fra.kms
}

@test "who signed it: the founder, the card, a store here; anybody else only by a person's word" {
    scene_two
    escrow=$(ask .escrow -C "$FRA" status)
    "$KEYMUSTER" -C "$FRA" copy card >"$T/card"
    sed "/^floor $(ask .author -C "$MAD" status)/d" "$T/card" >"$T/card-before"
    mad export vbr/config --file "$T/export"
    password_of "$FRA" vbr/config "$T/config.pw"
    with_export
    local store=$FRA author
    author=$(ask .author -C "$MAD" status)
    # Nothing at hand: somebody has to say yes, and sees what he says yes to.
    ends 125 -o json exec vbr/config "${lost[@]}" -- true
    says KM1006 "$escrow" "$author" 'Test escrow'
    ends 0 exec vbr/config "${lost[@]}" --yes -- cmp - "$T/config.pw"
    says 'nothing proves that this export is yours' "$author" 'says that it belongs'
    # The right escrow, but that proves nothing of the signer, nor does yes.
    ends 15 -o json reveal vbr/config "${lost[@]}" --expect "$escrow" --yes --to "file:$T/pw"
    error_is KM4015
    ends 15 -o json reveal vbr/config "${lost[@]}" --card "$T/card-before" --to "file:$T/pw"
    error_is KM4015
    [ ! -e "$T/pw" ]
    ends 0 exec vbr/config "${lost[@]}" --card "$T/card" -- cmp - "$T/config.pw"
    ends 0 exec vbr/config "${lost[@]}" --expect "$escrow" --accept-risk 'nothing else is left' -- cmp - "$T/config.pw"
    says 'nothing vouches for author'
    grep -q 'nothing else is left' <("$KEYMUSTER" -C "$XDG_STATE_HOME/keymuster/recover/$escrow" audit log)
    # A store here that trusts him, and one that does not any more.
    ends 0 -C "$store" exec vbr/config "${lost[@]}" --expect "$escrow" -- cmp - "$T/config.pw"
    ends 0 -C "$store" exec vbr/config "${lost[@]}" -- cmp - "$T/config.pw"
    silent_on 'nothing proves'
    fra author block "$author"
    ends 125 -o json -C "$store" exec vbr/config "${lost[@]}" --card "$T/card" --yes -- true
    says KM4015 blocked
    ends 125 -o json -C "$store" exec vbr/config "${lost[@]}" --yes -- true
    says KM4015
    # Another escrow than the one expected: never.
    ends 15 -o json reveal vbr/config "${lost[@]}" --expect 00112233445566778899aabbccddeeff --accept-risk no --to "file:$T/pw"
    error_is KM4015
}

@test "a stranger's export is refused, and cannot pass for the founder's" {
    scene_export
    lose
    with_export
    forge .
    lost[1]=$T/forged
    ends 15 -o json reveal vbr/config "${lost[@]}" --card "$T/card" --yes --to "file:$T/pw"
    error_is KM4015
    forge '.founder = $key'
    ends 15 -o json reveal vbr/config "${lost[@]}" --yes --to "file:$T/pw"
    error_is KM2017
    forge '.author = "00112233445566778899aabbccddeeff"'
    ends 15 -o json reveal vbr/config "${lost[@]}" --yes --to "file:$T/pw"
    error_is KM2017
    [ ! -e "$T/pw" ]
    [ ! -e "$evidence" ]
    # A name of his choice does not spoil what a copy brings later.
    forge '.name = "Mine"'
    ends 0 exec vbr/config "${lost[@]}" --yes -- cmp - "$T/config.pw"
    ends 0 exec vbr/config --from "file://$USB" --reason test --credential "kp-mad=file:$T/kp-mad.pass" -- cmp - "$T/config.pw"
    [ "$(ask .name -C "$evidence" status)" = 'Test escrow' ]
}

@test "a value that fails its check is not given out; without a check value it is, with a warning" {
    scene_export
    lose
    with_export
    lost[1]=$T/forged
    forge '.keys[0].check.value = "0011223344556677001122334455667700112233445566770011223344556677"'
    ends 15 -o json reveal vbr/config "${lost[@]}" --yes --to "file:$T/pw"
    error_is KM3012
    [ ! -e "$T/pw" ]
    forge 'del(.keys[0].check)'
    ends 0 reveal vbr/config "${lost[@]}" --yes --to "file:$T/pw"
    says 'no check value'
    cmp "$T/config.pw" "$T/pw"
}

@test "an altered export, and what is none" {
    scene_export
    lose
    with_export
    lost+=(--expect "$escrow" --to "file:$T/pw")
    lost[1]=$T/bad
    sed 's/mad-main/mad-evil/' "$T/export" >"$T/bad"
    ends 15 -o json reveal vbr/config "${lost[@]}"
    error_is KM4007
    sed 's/"type":"export"/"type":"expert"/' "$T/export" >"$T/bad"
    ends 15 -o json reveal vbr/config "${lost[@]}"
    error_is KM2017
    { cat "$T/export" && echo more; } >"$T/bad"
    ends 15 -o json reveal vbr/config "${lost[@]}"
    error_is KM4007
    head -c -1 "$T/export" >"$T/bad"
    ends 15 reveal vbr/config "${lost[@]}"
    head -n 1 "$T/export" >"$T/bad"
    ends 15 reveal vbr/config "${lost[@]}"
    head -c 300 "$T/export" >"$T/bad"
    ends 15 reveal vbr/config "${lost[@]}"
    sed 's/^untrusted comment: keymuster$/untrusted comment: Keymuster/' "$T/export" >"$T/bad"
    ends 15 reveal vbr/config "${lost[@]}"
    # Signed by its author, but not written as keymuster writes it.
    cp "$T/export" "$T/kept"
    forge .
    jq . <(head -n 1 "$T/forged") | tr -d '\n' >"$T/spaced" && echo >>"$T/spaced"
    minisign -S -s "$T/evil/author.key" -m "$T/spaced" -x "$T/sig" -c keymuster -t 'keymuster export 1' >/dev/null
    cat "$T/spaced" "$T/sig" >"$T/bad"
    ends 15 reveal vbr/config "${lost[@]}"
    : >"$T/bad"
    ends 2 -o json reveal vbr/config "${lost[@]}"
    error_is KM1004
    cp "$T/card" "$T/bad"
    ends 2 -o json reveal vbr/config "${lost[@]}"
    says '--from FOLDER'
    rm "$T/bad"
    mkfifo "$T/bad"
    run timeout 5 "$KEYMUSTER" reveal vbr/config "${lost[@]}"
    [ "$status" -eq 5 ]
    [ ! -e "$T/pw" ]
    [ ! -e "$evidence" ]
}

@test "what an export names is asked nothing that the command line did not name" {
    scene_export
    lose
    with_export
    lost=(--from "$T/forged" --reason test --yes --to "file:$T/pw")
    # No such provider: the credential is not even read.
    forge '.keys[].wraps[].kms |= (.provider = "other" | .endpoint = "https://evil.example")'
    ends 2 -o json reveal vbr/config "${lost[@]}" --credential "command:touch $T/was-read"
    error_is KM1002
    [ ! -e "$T/was-read" ]
    # A path in it is a hint: nothing but a file is opened, and nothing waits.
    mkfifo "$T/fifo"
    for path in "$T/fifo" /dev/zero /dev/tty "$T" /proc/self/environ relative ''; do
        forge '.keys[].wraps[].kms.file = $path' --arg path "$path"
        run timeout 20 "$KEYMUSTER" reveal vbr/config "${lost[@]}" --credential "file:$T/kp-mad.pass"
        [ "$status" -ne 0 ]
        [ "$status" -ne 124 ]
    done
    # The right file is named on the command line.
    ends 0 reveal vbr/config "${lost[@]}" --credential "file:$T/kp-mad.pass" --kms-file "$T/kp-mad.kms"
    cmp "$T/config.pw" "$T/pw"
    rm "$T/pw"
    # No member that is wanted may be missing or of another kind, whoever signs.
    for filter in 'del(.keys)' '.keys = {}' '.keys[0] = 1' 'del(.keys[0].uuid)' '.keys[0].name = "a | b"' '.keys[0].generation = 0' \
        '.keys[0].form = "other"' '.keys[0].wraps = {}' '.keys[0].wraps[0].aad = "x"' 'del(.keys[0].wraps[0].ciphertext)' \
        'del(.keys[0].wraps[0].root)' '.keys[0].check = 5' '.keys[0].check.alg = "md5"' '.keys[0].wraps[0].kms.name = "\u001b[2J"' \
        '.at = "yesterday"' '.keymuster = 2' 'del(.name)' '.keys[0].created_at = 7'; do
        forge "$filter"
        ends 15 -o json reveal vbr/config "${lost[@]}" --credential "file:$T/kp-mad.pass" || { echo "$filter" >&2; return 1; }
        error_is KM2017
    done
    [ ! -e "$T/pw" ]
}

@test "no place for the record, nothing is shown; the folder is chosen; a dry run writes nothing" {
    scene_export
    lose
    with_export
    lost+=(--expect "$escrow" --to "file:$T/pw")
    ends 0 reveal vbr/config "${lost[@]}" -n
    says 'would unwrap vbr/config@1'
    [ ! -e "$evidence" ]
    printf 'in the way\n' >"$HOME/state"
    ends 18 -o json reveal vbr/config "${lost[@]}"
    error_is KM7004
    [ ! -e "$T/pw" ]
    ends 0 reveal vbr/config "${lost[@]}" --evidence "$T/ev"
    cmp "$T/config.pw" "$T/pw"
    rm "$T/pw"
    ends 0 -C "$T/ev" verify
    "$KEYMUSTER" -C "$T/other" init --site fra >/dev/null 2>&1 || XDG_STATE_HOME=$T/s "$KEYMUSTER" -C "$T/other" init --site fra
    XDG_STATE_HOME=$T/s ends 15 -o json reveal vbr/config "${lost[@]}" --evidence "$T/other"
    error_is KM4002
    [ ! -e "$T/pw" ]
}

@test "nothing secret is left behind, in any file or output" {
    scene_copy
    printf 'canary-Kj7vQ2pXz9-0123-Zz81' >"$T/secret"
    record_known vbr/canary "$T/secret" fra-main kp-fra
    fra export vbr/canary --file "$T/export"
    with_export
    strace -f -s 65536 -e trace=execve,write,pwrite64,writev,sendto,sendmsg -o "$T/trace" \
        "$KEYMUSTER" -o json -vv exec vbr/canary --from "$T/export" --reason test --yes --credential "file:$T/kp-fra.pass" --fd 5 -- \
        cmp /dev/fd/5 "$T/secret" >"$T/out" 2>"$T/err"
    # The one write of it is the delivery itself.
    [ "$(grep -c 'write(.*canary-Kj7v' "$T/trace")" -eq 1 ]
    rm "$T/trace"
    "$KM_TOOLS/scan" -x "$T/secret" "$T/secret" "$T"
    "$KM_TOOLS/scan" -x "$T/kp-fra.pass" "$T/kp-fra.pass" "$T"
}
