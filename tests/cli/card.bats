#!/usr/bin/env bats
# The recovery card: what it says, as text and as a page; typed from paper; and what it refuses.
load ../lib/cli.bash

id_of() { ask .author -C "$1" status; }

scene_card() {
    scene_copy
    "$KEYMUSTER" -C "$FRA" copy card >"$T/card" 2>"$T/stderr"
}

# A bare machine's join by this card ends so.
joins() { # STATUS CARD
    rm -rf "$T/reader" "$XDG_STATE_HOME/keymuster"
    ends "$1" -C "$T/reader" join --from "file://$USB" --site mad --card "$2"
}

# The line of a word, changed by a sed script.
with() { # SCRIPT
    sed "$1" "$T/card" >"$T/changed"
    cmp -s "$T/card" "$T/changed" && return 1
    return 0
}

@test "the card: escrow, founder, floors, root keys, places, credentials, what to do; stock minisign checks a head by it" {
    new_kms kp-fra
    fra init --site fra --name 'Test escrow'
    fra kms add kp-fra --site fra --provider local --file "$T/kp-fra.kms" --credential "file:$T/kp-fra.pass" \
        --kept-at 'canary-envelope 3'
    fra root create fra-main --kms kp-fra
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site fra --kept-at 'canary-drawer'
    ends 0 -C "$FRA" copy card
    says "escrow $(ask .escrow -C "$FRA" status)" 'founder RW' "floor $(id_of "$FRA") " 'check ' 'root fra-main in kp-fra' \
        "copy usb: file://$USB" canary-drawer "kms kp-fra: $T/kp-fra.kms" canary-envelope --card minisign START-HERE
    # What it says of minisign, done.
    local head
    head=$(find "$USB/head/$(id_of "$FRA")" -type f | sort | tail -n 1)
    sed -n 's/^  \(head -n 1 HEAD.*\)/\1/p' <<<"$output" >"$T/verify.sh"
    sed -i "s|HEAD|$head|g" "$T/verify.sh"
    (cd "$T" && sh verify.sh) | grep -q 'Signature and comment signature verified'
    # The same as a page: complete, and nothing in it asks for anything or runs.
    ends 0 -C "$FRA" copy card --html "$T/card.html"
    says 'wrote the page'
    local text
    for text in "Content-Security-Policy" canary-envelope canary-drawer 'fra-main' '@media print' 'founder RW' 'START-HERE.md'; do
        grep -qF "$text" "$T/card.html"
    done
    run grep -icE '<script|https?://|src=|href=|style=|@import|url\(' "$T/card.html"
    [ "$output" -eq 0 ]
    ends 6 -C "$FRA" copy card --html "$T/card.html"
    ends 0 -C "$FRA" copy card --html "$T/not" -n
    [ ! -e "$T/not" ]
}

@test "the card as a page is one sheet of paper, and what is typed from it is taken" {
    scene_card
    ends 0 -C "$FRA" copy card --html "$T/card.html"
    # As a person would: the lines of the box, and no others.
    sed -n '/<pre>escrow/,/<\/pre>/p' "$T/card.html" | sed 's/<[^>]*>//g' >"$T/typed"
    grep -qE '^floor ([0-9a-f]{8} ?){4}' "$T/typed"
    joins 0 "$T/typed"
    says 'cannot know'
    { command -v chromium && command -v pdfinfo; } >/dev/null || skip 'chromium or pdfinfo is not installed'
    chromium --headless --no-sandbox --disable-gpu --no-pdf-header-footer --print-to-pdf="$T/card.pdf" \
        "file://$T/card.html" >/dev/null 2>&1
    [ "$(pdfinfo "$T/card.pdf" | sed -n 's/^Pages: *//p')" -eq 1 ]
}

@test "the card typed from paper: line ends, blanks, capitals, byte order marks, UTF-16" {
    scene_card
    joins 0 "$T/card"
    says 'no older than the card' 'cannot know'
    with 's/$/  \r/'
    joins 0 "$T/changed"
    with '/^floor/y/abcdef/ABCDEF/; s/^floor/Floor:/; s/^escrow/ESCROW /'
    joins 0 "$T/changed"
    { printf '\357\273\277'; cat "$T/card"; } >"$T/changed"
    joins 0 "$T/changed"
    for code in UTF-16LE UTF-16BE; do
        { printf '\357\273\277'; cat "$T/card"; } | iconv -f UTF-8 -t "$code" >"$T/changed"
        joins 0 "$T/changed"
    done
    with 's/\([0-9a-f]\{8\}\)\([0-9a-f]\)/\1 \2/3'
    joins 0 "$T/changed"
    grep -E '^(founder|floor)' "$T/card" >"$T/changed"
    joins 0 "$T/changed"
}

@test "the card: what is wrong with it is said, with its line; nothing is left" {
    scene_card
    local id at digit
    id=$(id_of "$FRA")
    at=$(grep -n '^floor' "$T/card" | cut -d: -f1)
    with 's/^floor/flor/'
    joins 2 "$T/changed"
    says "line $at" '"floor" is meant'
    with '/^floor/s/ [0-9]* / 1x /'
    joins 2 "$T/changed"
    says "line $at" 'number of its entries'
    with '/^floor/s/[0-9a-f] check/ check/'
    joins 2 "$T/changed"
    says "line $at" '64 hex digits'
    with "/^floor/s/ ${id:0:9}/ ${id:0:8}/"
    joins 2 "$T/changed"
    says "line $at"
    # A digit that is wrong is found by its check.
    digit=$(sed -n 's/^floor [0-9a-f]* [0-9]* .*\([0-9a-f]\) check.*/\1/p' "$T/card")
    with "/^floor/s/$digit check/$([ "$digit" = 0 ] && echo 1 || echo 0) check/"
    joins 2 "$T/changed"
    says "line $at" 'does not fit its check'
    with 's/^founder RW./founder RWz/'
    joins 2 "$T/changed"
    says "line $(grep -n '^founder' "$T/card" | cut -d: -f1)" "founder's key"
    with 's/^escrow ./escrow z/'
    joins 2 "$T/changed"
    says 'line 4'
    printf 'escrow %s\nescrow %s\n' "$id" "${id/[0-9]/a}" >"$T/changed"
    joins 2 "$T/changed"
    says 'another escrow'
    printf 'nothing\n' >"$T/changed"
    joins 2 "$T/changed"
    says 'no recovery card'
    tr '\n' '\0' <"$T/card" >"$T/changed"
    joins 2 "$T/changed"
    says 'zero bytes'
    [ ! -e "$T/reader" ]
}

@test "the card: an older copy is 16, another history 16, another escrow 15, a newer copy is taken" {
    scene_card
    cp -r "$USB" "$T/then"
    fra site add later
    # Newer than the card.
    joins 0 "$T/card"
    # Older than the card: join, reveal, exec, drill and recover alike.
    "$KEYMUSTER" -C "$FRA" copy card >"$T/card-new"
    mv "$USB" "$T/now"
    mv "$T/then" "$USB"
    joins 16 "$T/card-new"
    says 'older than the card' 'look for a newer copy'
    local rest=(--from "file://$USB" --card "$T/card-new" --credential "kp-mad=file:$T/kp-mad.pass")
    ends 16 reveal vbr/config --reason x "${rest[@]}"
    ends 125 exec vbr/config --reason x "${rest[@]}" -- true
    says 'older than the card'
    ends 16 drill "${rest[@]}"
    ends 16 recover start "${rest[@]}"
    rm -rf "$USB"
    mv "$T/now" "$USB"
    # An altered card, its check made to fit: the history is another one.
    local n
    n=$(sed -n 's/^floor [0-9a-f]* \([0-9]*\) .*/\1/p' "$T/card")
    with "s/^\(floor [0-9a-f]*\) $n \([0-9a-f]*\) check ..../\1 $((n - 1)) \2/"
    joins 16 "$T/changed"
    says 'is not the one of the card'
    # Another escrow's card.
    "$KEYMUSTER" -C "$T/other" init --site fra >/dev/null
    "$KEYMUSTER" -C "$T/other" copy card >"$T/card-other" 2>/dev/null
    joins 15 "$T/card-other"
    sed "s/^founder.*/$(grep '^founder' "$T/card-other" | sed 's|/|\\/|g')/" "$T/card" >"$T/changed"
    joins 15 "$T/changed"
    says 'mistyped, or the card was altered'
    [ ! -e "$T/reader" ]
}

@test "the card's floor is what copies have and what counts: a retired author's later entries are not on it" {
    scene_card
    mv "$USB" "$T/away"
    fra site add unpublished
    ends 0 -C "$FRA" copy card
    says 'on no copy yet'
    printf '%s\n' "$output" >"$T/changed"
    mv "$T/away" "$USB"
    joins 0 "$T/changed"
    fra sync
    mad join --from "file://$USB" --site mad --yes
    fra author admit "$(id_of "$MAD")"
    mad sync
    mad site add good
    fra sync
    fra author retire "$(id_of "$MAD")" --reason x --last 1 --confirm "$(id_of "$MAD")"
    ends 0 -C "$FRA" copy card
    says "floor $(id_of "$MAD") 1 "
}
