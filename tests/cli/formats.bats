#!/usr/bin/env bats
# docs/reference/formats.md, followed to the letter: its shell blocks check a copy and an export with stock tools, and
# each of them stops at what it is there to find.
load ../lib/cli.bash

# A copy with two authors, an export, a password; what the page says to set.
setup_file() {
    export T=$BATS_FILE_TMPDIR/scene HOME=$BATS_FILE_TMPDIR/scene/home XDG_STATE_HOME=$BATS_FILE_TMPDIR/scene/state
    export FRA=$T/fra MAD=$T/mad USB=$T/usb TMPDIR=$BATS_FILE_TMPDIR
    umask 077
    mkdir -p "$HOME"
    scene_two
    local i
    for i in {1..14}; do fra --offline site add "s$i"; done # more than one segment
    mad create mad/job --purpose backup-job --root mad-main
    fra sync
    mad sync
    fra export vbr/config --file "$T/config.keymuster-export"
    password_of "$FRA" vbr/config "$T/password"
    fra sync
    mad sync
    # A copy need not have an author's earliest heads; without most of them this is quicker.
    local author
    for author in "$USB"/head/*; do find "$author" -type f | sort | head -n -3 | xargs -r rm; done
    awk '/^```sh$/ { on = 1; print "block=" ++n; next } /^```$/ { on = 0 } on' "$KM_SOURCE/docs/reference/formats.md" \
        >"$T/blocks"
}

setup() {
    fresh_home
    scene=$BATS_FILE_TMPDIR/scene
    cp -r "$scene/usb" "$scene/config.keymuster-export" "$scene/password" "$scene/kp-mad.kms" "$T"
    export KMS_FILE=$T/kp-mad.kms COPY=$USB EXPORT=$T/config.keymuster-export PASSWORD=$T/password
    ESCROW=$(jq -r .escrow "$USB/escrow.json")
    KEY=$(jq -r '.keys[0].uuid' <(head -n 1 "$EXPORT"))
    export ESCROW KEY
    founder=$(cd "$USB" && grep -l escrow.created log/*/*/0000000001-* | head -n 1 | cut -d / -f 2)
    other=$(cd "$USB" && grep -l author.joined log/*/*/0000000001-* | head -n 1 | cut -d / -f 2)
}

# Follows the page, from a block on that needs none before it; $at is the last block begun.
follow() { # [BLOCK]
    # shellcheck disable=SC2016 # of the script
    {
        printf 'trap '\''echo "at $block" >&2'\'' EXIT\n'
        sed -n "/^block=${1-1}\$/,\$p" "$scene/blocks"
    } >"$T/script"
    run --separate-stderr bash -eu -o pipefail "$T/script"
    at=$(sed -n 's/^at //p' <<<"$stderr")
}

# The page must stop there.
stops_at() { # BLOCK [FROM]
    follow "${2-1}"
    if [ "$status" -eq 0 ] || [ "$at" != "$1" ]; then
        printf 'must stop at block %s, was at %s\n' "$1" "$at" >&2
        dump
        return 1
    fi
}

# A fresh copy for the next fault.
fresh_copy() {
    rm -rf "$USB"
    cp -r "$scene/usb" "$USB"
}

newest_head() { find "$USB/head/$1" -type f | sort | tail -n 1; }

# Signs as that author would: a head or an export whose JSON line is in the file.
sign_as() { # STORE FILE COMMENT
    head -n 1 "$2" >"$T/line"
    minisign -S -W -s "$scene/$1/author.key" -m "$T/line" -x "$T/line.sig" -c keymuster -t "$3" >/dev/null
    cat "$T/line" "$T/line.sig" >"$2"
}

# The line of JSON, changed.
edit_line() { # FILE FILTER ARG...
    local file=$1 filter=$2
    shift 2
    head -n 1 "$file" | jq -c "$@" "$filter" >"$T/edited"
    tail -n +2 "$file" >>"$T/edited"
    mv "$T/edited" "$file"
}

@test "the page leads to the end, on a copy and an export as they are" {
    follow
    [ "$status" -eq 0 ] || { dump; return 1; }
    [ "$at" -eq 11 ]
    says "founder: $founder, of \"Test escrow\"" 'authors: 2' "$founder	author.admitted	$other" \
        "recovery/KEYS.txt: signed by" "the password is that of $KEY" 'signed by the founder' \
        'the export is the one in the log' 'the KMS file and the wraps have their form'
    # as many entries as the stores have
    local entries
    entries=$(jq -s 'map(.entries) | add' <(head -qn 1 "$(newest_head "$founder")" "$(newest_head "$other")"))
    says "entries: $entries"
}

@test "1, 2: another founder, an author under another name, a first entry of another escrow" {
    ESCROW=00000000000000000000000000000000 stops_at 1
    cp "$USB/escrow.json" "$T/escrow.json"
    jq -c --arg k "$(jq -r .body.public_key <(head -qn 1 "$USB/log/$other"/*/* | head -n 1))" '.founder = $k' \
        "$T/escrow.json" >"$USB/escrow.json"
    stops_at 1
    fresh_copy
    mv "$USB/log/$other" "$USB/log/11111111111111111111111111111111"
    stops_at 2
    fresh_copy
    local f
    for f in "$USB/log/$other"/*/0000000001-*; do sed -i '1s/"escrow":"./"escrow":"x/' "$f"; done
    stops_at 2
    fresh_copy
    "$KEYMUSTER" -C "$T/alien" init --site fra --name 'Test escrow' >/dev/null
    mkdir "$T/their"
    "$KEYMUSTER" -C "$T/alien" copy add their "file://$T/their" --site fra >/dev/null
    cp -r "$T/their/log" "$T/their/head" "$USB"
    stops_at 2
}

@test "3: a head that was altered, has another one's signature, stands elsewhere, or does not follow" {
    local f second
    f=$(newest_head "$founder")
    second=$(find "$USB/head/$founder" -type f | sort | tail -n 2 | head -n 1)
    sed -i '1s/"entries":/"entries":1/' "$f"
    stops_at 3
    fresh_copy
    { head -n 1 "$f"; tail -n +2 "$second"; } >"$T/swapped"
    mv "$T/swapped" "$f"
    stops_at 3
    fresh_copy
    cp "$f" "$(dirname "$f")/0000000999"
    stops_at 3
    fresh_copy
    sed -i 's/^untrusted comment: .*/untrusted comment: other/' "$f"
    stops_at 3
    fresh_copy
    echo more >>"$f"
    stops_at 3
    fresh_copy
    edit_line "$f" '.previous = .last'
    sign_as fra "$f" 'keymuster head 1'
    stops_at 3
    fresh_copy
    sign_as fra "$f" 'keymuster export 1'
    stops_at 3
}

@test "4: a segment that is altered, cut, renamed, gone; an old one, too" {
    local f old
    f=$(find "$USB/log/$founder" -name '0000000001-0000000016-*')
    old=$(find "$USB/log/$founder" -name '0000000017-*' | sort | head -n 1)
    sed -i '3s/"kind"/"Kind"/' "$f"
    stops_at 4
    fresh_copy
    truncate -s -1 "$f"
    stops_at 4
    fresh_copy
    sed -i '$d' "$f"
    stops_at 4
    fresh_copy
    mv "$f" "${f/0000000016/0000000017}"
    stops_at 4
    fresh_copy
    rm "$f"
    stops_at 4
    fresh_copy
    [ "$old" != "$(find "$USB/log/$founder" -name '0000000017-*' | sort | tail -n 1)" ]
    sed -i '1s/"kind"/"Kind"/' "$old"
    stops_at 4
}

@test "5: a log that its own author rewrote under a fresh signature, and a head that tells lies about another's" {
    local f head sum bytes
    f=$(find "$USB/log/$founder" -name '0000000001-0000000016-*')
    head=$(newest_head "$founder")
    sed -i '3s/"name":"mad"/"name":"bad"/' "$f"
    sum=$(sha256sum <"$f" | cut -c 1-64)
    bytes=$(wc -c <"$f")
    mv "$f" "$(dirname "$f")/0000000001-0000000016-$sum.ndjson"
    # shellcheck disable=SC2016 # of jq
    edit_line "$head" '.segments[0][2] = $bytes | .segments[0][3] = $sum' --arg sum "$sum" --argjson bytes "$bytes"
    sign_as fra "$head" 'keymuster head 1'
    find "$USB/head/$founder" -type f ! -path "$head" -delete # they would tell, too
    stops_at 5
    says '> '"$founder 4" # the entry behind the altered one
    fresh_copy
    head=$(newest_head "$other")
    edit_line "$head" '.known[0][3] = .last'
    sign_as mad "$head" 'keymuster head 1'
    stops_at 5
}

@test "7, 8: a page that somebody changed; another password; a check value that was changed for it" {
    sed -i s/mad-main/mad-evil/ "$USB/recovery/KEYS.txt"
    stops_at 7
    fresh_copy
    printf '\n' >>"$PASSWORD"
    stops_at 8
    head -c 43 "$scene/password" >"$PASSWORD"
    stops_at 8
    cp "$scene/password" "$PASSWORD"
    KEY=$(jq -r 'select(.kind == "key.created" and .body.name == "vbr/job-sql").body.uuid' "$USB/log/$founder"/*/* | head -n 1)
    stops_at 8
}

@test "9, 10: an export that was altered, is signed by another, is of another escrow, or is not in the log" {
    edit_line "$EXPORT" '.keys[0].wraps[0].root.id = "x"'
    stops_at 9 9
    sign_as fra "$EXPORT" 'keymuster head 1' # a signature made for something else
    stops_at 9 9
    cp "$scene/config.keymuster-export" "$EXPORT"
    edit_line "$EXPORT" '.escrow = "00000000000000000000000000000000"'
    sign_as fra "$EXPORT" 'keymuster export 1'
    stops_at 9 9
    cp "$scene/config.keymuster-export" "$EXPORT"
    sign_as mad "$EXPORT" 'keymuster export 1' # it names fra's key
    stops_at 9 9
    edit_line "$EXPORT" '.keys[0].wraps[0].ciphertext = "x"'
    sign_as fra "$EXPORT" 'keymuster export 1'
    stops_at 10
}

@test "11: a KMS file with another key derivation, and one with a part that was cut" {
    jq -c '.kdf.alg = "scrypt"' "$scene/kp-mad.kms" >"$KMS_FILE"
    stops_at 11 11
    jq -c '.nonce = "AAAA"' "$scene/kp-mad.kms" >"$KMS_FILE"
    stops_at 11 11
}
