#!/usr/bin/env bats
# Whoever runs the place of a copy, or stole an author's key, shows something else than he should: each attack, told to each kind of
# reader, at the kind of place in KM_PLACE. What must come of it stands in the table; it follows from what a reader can know.
#
# At a folder every reader is told of each attack. What one makes of what lies there is not the server's doing, so at a server one is told, by turns
# from row to row and from server to server.
#
# KM_ATTACKS: only the rows that it matches. KM_READERS=all: every reader, wherever it is.
#
# The readers:
#   fresh   a bare machine that joins, with nothing but the address
#   card    the same with the recovery card of when all was well
#   memory  the remote site's store, which has pulled and published there before
#   lost    the same, but the memory outside the store is gone
#   image   the same, but the store is an old image of itself; the memory outside it is what knows
load ../lib/cli.bash
load ../lib/places.bash

READERS=(fresh card memory lost image)

# Attack, which state of the place it begins at, and what comes of it, reader by reader, as exit/KMnnnn; - where it makes no sense.
#   news   two more heads of the founder, which no reader of the remote site has seen; the card's floor
#   known  the same, pulled and witnessed by a head of the remote site
# 0 means more: the reader has what was published last, or, after ~, what the attack leaves of it. ! : it has to say that something is wrong.
table() {
    cat <<'END'
none                news   0        0        0        0        0
arbitrary-head      news   15/4007  15/4007  15/4007  15/4007  15/4007
cut-head            news   15/4007  15/4007  15/4007  15/4007  15/4007
longer-head         news   15/4007  15/4007  15/4007  15/4007  15/4007
endless-head        news   15/4006  15/4006  15/4006  15/4006  15/4006
altered-head        news   15/4007  15/4007  15/4007  15/4007  15/4007
arbitrary-segment   news   15/4006  15/4006  15/4006  15/4006  15/4006
cut-segment         news   15/4006  15/4006  15/4006  15/4006  15/4006
longer-segment      news   15/4006  15/4006  15/4006  15/4006  15/4006
endless-segment     news   15/4006  15/4006  15/4006  15/4006  15/4006
mixed               news   15/4006  15/4006  15/4006  15/4006  15/4006
missing-segment     news   15/4005  15/4005  15/4005  15/4005  15/4005
swapped-segments    news   15/4006  15/4006  15/4006  15/4006  15/4006
doubled-segment     news   0        0        0        0        0
other-authors-head  news   15/4007  15/4007  15/4007  15/4007  15/4007
other-escrows-head  news   15/4007  15/4007  15/4007  15/4007  15/4007
other-escrow        news   -        15/4015  15/4002  15/4002  15/4002
other-escrow-mixed  news   15/4002  15/4002  15/4002  15/4002  15/4002
other-escrows-log   news   13/2011  16/4013  16/4003  16/4003  16/4003
older-head-again    news   15/4006  15/4006  15/4006  15/4006  15/4006
fast-forward        news   15/4006  15/4006  15/4006  15/4006  15/4006
lying-hint          news   0        0        0        0        0
old-hint            news   0        0        0        0        0
no-hints            news   0        0        0        0        0
arbitrary-hint      news   0        0        0        0        0
endless-hint        news   0        0        0        0        0
hostile-names       news   0        0        0        0        0
planted-journal     news   0        0        0        0        0
altered-recovery    news   0        0        0        0        0
lost-head-between   news   0        0        0        0        0
unknown-author      news   0!       0!       0!       0!       0!
no-newest-head      news   ~0       16/4013  ~0       ~0       ~0
frozen              news   ~0       16/4013  ~0       ~0       ~0
altered-escrow      news   15/4006  15/4006  15/4006  15/4006  15/4006
no-escrow           news   13/4008  13/4008  15/4006  15/4006  15/4006
other-copy-id       news   0        0        15/4006  15/4006  15/4006
back-by-one         known  ~0!      16/4013  16/4003  16/4003  16/4003
back-by-two         known  ~0!      16/4013  16/4003  16/4003  16/4003
back-far            known  ~0       16/4013  16/4003  16/4003  16/4003
no-heads            known  13/2011  16/4013  16/4003  16/4003  16/4003
forked              known  16/4011  16/4011  16/4004  16/4004  16/4004
forked-unseen       known  ~0       16/4004  16/4003  16/4003  16/4003
resigned            known  ~0       16/4004  16/4004  16/4004  16/4004
more-of-me          known  0        0        0!       0!       0!
written-as-me       known  0        0        16/4004  0!       -
END
}

keep_vars() {
    declare -p T FRA MAD ${FOUNDER+FOUNDER REMOTE} "${!PLACE@}" "${!SSHD@}" "${!DAV@}" "${!RGW@}" | sed "s/^declare -/declare -g -/" >"$T/vars"
}
setup_file() {
    T=$BATS_FILE_TMPDIR
    fresh_home_in "$T"
    place_start "$KM_PLACE" "$T/place"
    keep_vars # what is started is ended, whatever comes of the scene
    scene
    keep_vars
}
teardown_file() {
    # shellcheck disable=SC1091
    . "$BATS_FILE_TMPDIR/vars"
    place_stop
}
setup() {
    trace_the_test_only
    # shellcheck disable=SC1091
    . "$BATS_FILE_TMPDIR/vars"
    cd "$T" || return 1
    home_is "$T"
}
teardown() { :; }

fresh_home_in() {
    BATS_TEST_TMPDIR=$1 fresh_home
}
home_is() {
    export HOME=$1/home
    export XDG_STATE_HOME=$HOME/state XDG_DATA_HOME=$HOME/data XDG_CONFIG_HOME=$HOME/config XDG_RUNTIME_DIR=$HOME/run
}

# ---- the scene ----

join() { "$KEYMUSTER" -C "$1" join --from "$PLACE_URL" --site mad --yes "${PLACE_FROM[@]}" >/dev/null 2>"$T/stderr" || { cat "$T/stderr" >&2; return 1; }; }

# Somebody who has a copy of the founder's store and its key, on a machine of his own: his history, as objects in a folder.
clone() { # STORE OBJECTS RESULT SITE...
    local store=$1 objects=$2 result=$3 site
    shift 3
    home_is "$T/elsewhere"
    mkdir -p "$HOME"
    rm -rf "$T/clone"
    cp -a "$store" "$T/clone"
    place_load "$objects"
    for site; do
        "$KEYMUSTER" -C "$T/clone" site add "$site" >/dev/null
    done
    place_save "$result"
    rm -rf "$T/elsewhere" "$T/clone"
    home_is "$T"
}

scene() {
    fra init --site fra --name 'Test escrow'
    fra site add mad
    seq 20 | xargs -I{} "$KEYMUSTER" -C "$FRA" --offline site add place-{} >/dev/null
    fra copy add far "$PLACE_URL" --site mad "${PLACE_BIND[@]}"
    cp -a "$FRA" fra.first
    place_save first
    join "$MAD"
    fra author admit "$(ask .author -C "$MAD" status)"
    mad sync
    mad site add from-mad
    fra sync
    cp -a "$FRA" fra.before
    cp -a "$MAD" mad.news
    cp -a home home.news
    place_save before
    fra site add news-1
    fra site add news-2
    "$KEYMUSTER" -C "$FRA" copy card >card
    place_save news
    mad sync
    mad site add witnessed
    cp -a "$MAD" mad.known
    cp -a home home.known
    place_save known
    FOUNDER=$(ask .author -C "$FRA" status)
    REMOTE=$(ask .author -C "$MAD" status)
    clone fra.before before fork fork-1 fork-2
    clone fra.first first resign resigned-{1,2,3,4,5,6,7}
    clone mad.known known mad-clone by-a-thief
    other_escrow
}

other_escrow() {
    home_is "$T/elsewhere"
    mkdir -p "$HOME" other
    "$KEYMUSTER" -C theirs init --site fra --name 'Test escrow' >/dev/null
    "$KEYMUSTER" -C theirs copy add their ./other --site fra >/dev/null
    "$KEYMUSTER" -C theirs site add mad >/dev/null
    rm -rf "$T/elsewhere" theirs
    home_is "$T"
}

# ---- the attacks: on a folder of objects, which then is what lies there ----

# The name of the founder's newest head, and of others by how many before it.
head_of() { # FOLDER AUTHOR BEFORE
    find "$1/head/$2" -type f | sort | tail -n $((1 + $3)) | head -n 1
}
promised() { # N; counted from the last
    local sum
    sum=$(head -n 1 "$(head_of now "$FOUNDER" 0)" | jq -r ".segments[-$1][3]")
    find now/log -name "*-$sum.ndjson"
}
# The part of one author, from another folder.
part_of() { # AUTHOR FOLDER
    rm -rf now/{head,log,newest}/"$1"
    cp -a "$2/head/$1" now/head
    cp -a "$2/log/$1" now/log
    cp -a "$2/newest/$1" now/newest
}
back() { # N heads
    local i
    for ((i = 0; i < $1; i++)); do rm "$(head_of now "$FOUNDER" 0)"; done
    printf '%d\n' "$((10#$(basename "$(head_of now "$FOUNDER" 0)")))" >"now/newest/$FOUNDER"
}

attack() { # NAME
    local newest
    newest=$(head_of now "$FOUNDER" 0)
    case $1 in
    none) ;;
    arbitrary-head) printf '<html>503 canary</html>\n' >"$newest" ;;
    cut-head) truncate -s -20 "$newest" ;;
    longer-head) printf 'one line more\n' >>"$newest" ;;
    endless-head) head -c 6M /dev/zero >>"$newest" ;;
    altered-head) sed -i '1s/"entries":[0-9]*/"entries":7/' "$newest" ;;
    arbitrary-segment) printf '<html>503 canary</html>\n' >"$(promised 1)" ;;
    cut-segment) truncate -s -20 "$(promised 1)" ;;
    longer-segment) printf '{"keymuster":1}\n' >>"$(promised 1)" ;;
    endless-segment) head -c 6M /dev/zero >>"$(promised 1)" ;;
    mixed) cp "$(find "fork/log/$FOUNDER" -type f | sort | tail -n 1)" "$(promised 1)" ;;
    missing-segment) rm "$(promised 1)" ;;
    swapped-segments)
        cp "$(promised 2)" one
        cp "$(promised 1)" "$(promised 2)"
        cp one "$(promised 1)"
        ;;
    doubled-segment) cp "$(promised 1)" "now/log/$FOUNDER/0000000000/0000000001-0000000099-$(printf x | sha256sum | cut -d ' ' -f 1).ndjson" ;;
    other-authors-head) cp "$(head_of now "$REMOTE" 0)" "$newest" ;;
    other-escrows-head) cp "$(find other/head -type f | sort | tail -n 1)" "$newest" ;;
    other-escrow)
        rm -rf now
        cp -a other now
        ;;
    other-escrow-mixed)
        rm -rf now
        cp -a other now
        cp known/copy.json now
        ;;
    other-escrows-log)
        rm -rf now
        cp -a other now
        cp known/{copy,escrow}.json now
        ;;
    older-head-again) cp "$(head_of now "$FOUNDER" 1)" "$newest" ;;
    fast-forward)
        mkdir -p "now/head/$FOUNDER/0009999999"
        cp "$newest" "now/head/$FOUNDER/0009999999/9999999999"
        ;;
    lying-hint) printf '9999999999\n' >"now/newest/$FOUNDER" ;;
    old-hint) printf '1\n' >"now/newest/$FOUNDER" ;;
    no-hints) rm -r now/newest ;;
    arbitrary-hint) printf '<html>503 canary</html>\n' >"now/newest/$FOUNDER" ;;
    endless-hint) head -c 6M /dev/zero >"now/newest/$FOUNDER" ;;
    hostile-names) hostile_names ;;
    planted-journal)
        local name
        for name in escrow.db escrow.db-journal escrow.db-wal; do head -c 4096 /dev/urandom >"now/$name"; done
        ;;
    altered-recovery) find now/recovery -type f -exec sh -c 'printf "<html>canary</html>\n" >"$1"' - {} \; ;;
    lost-head-between) rm "$(head_of now "$FOUNDER" 1)" ;;
    unknown-author) cp -a other/{head,log,newest} now ;;
    no-newest-head) back 1 ;;
    frozen)
        rm -rf now
        cp -a before now
        ;;
    altered-escrow) sed -i 's/"keymuster":1/"keymuster":2/' now/escrow.json ;;
    no-escrow) rm now/escrow.json ;;
    other-copy-id) sed -i 's/"copy":"[0-9a-f]*"/"copy":"00112233445566778899aabbccddeeff"/' now/copy.json ;;
    back-by-one) back 1 ;;
    back-by-two) back 2 ;;
    back-far)
        rm -rf now
        cp -a first now
        ;;
    no-heads) rm -r "now/head/$FOUNDER" "now/newest/$FOUNDER" ;;
    forked) part_of "$FOUNDER" fork ;;
    forked-unseen)
        rm -rf now
        cp -a fork now
        ;;
    resigned) part_of "$FOUNDER" resign ;;
    written-as-me | more-of-me) part_of "$REMOTE" mad-clone ;;
    *)
        echo "no attack: $1" >&2
        return 1
        ;;
    esac
}

hostile_names() {
    local name
    for name in $'a\nb' '..b' $'\e[31mred' '%2e%2e%2fx' "$(printf 'x%.0s' {1..250})" '-rf' 'con' '0000000001/../../x'; do
        name=${name//\//_}
        printf 'x' >"now/newest/$name"
        mkdir -p "now/head/$name/0000000000" "now/log/$name"
        printf 'x' >"now/head/$FOUNDER/0000000000/$name"
        printf 'x' >"now/head/$name/0000000000/0000000001"
    done
}

# ---- the readers ----

# One reader's look at what lies there; the status in $status.
look() { # READER STATE
    local from=("$PLACE_URL" --site mad "${PLACE_FROM[@]}")
    rm -rf "$MAD" home
    case $1 in
    fresh | card)
        mkdir home
        if [ "$1" = card ]; then from+=(--card card); else from+=(--yes); fi
        tried "$program" -o json -C "$MAD" --timeout 20s join --offline --from "${from[@]}"
        return
        ;;
    image) cp -a mad.news "$MAD" ;;
    *) cp -a "mad.$2" "$MAD" ;;
    esac
    cp -a "home.$2" home
    if [ "$1" = lost ]; then rm home/state/keymuster/*-"$REMOTE".json; fi
    if [ "$attack" = written-as-me ]; then mad site add --offline mine-alone; fi
    before=$(ask .digest -C "$MAD" status)
    tried "$program" -o json -C "$MAD" --timeout 20s sync
}

wrong() {
    printf '%s, %s: %s; it ended %s\n%s\n%s\n' "$attack" "$reader" "$1" "$status" "$output" "$stderr" >>wrongs
    wrongs=$((wrongs + 1))
}

# Whether it ended as the table says.
judge() { # WANTED
    local want=$1 code text
    code=${want#*/}
    want=${want%%/*}
    want=${want#\~}
    [ "$status" -eq "${want%!}" ] || { wrong "must end $1"; return; }
    if [ "$status" -ne 0 ]; then
        tail -n 1 <<<"$stderr" | jq -e --arg c "KM$code" '.exit == $e and (.code | startswith($c)) and (.hints | length > 0)' --argjson e "$status" >/dev/null ||
            wrong "must say KM$code, with a way out"
        refused
        return
    fi
    text=$(ask '[.items[].name] | join(" ")' -C "$MAD" site list)
    case $1 in
    0*) [[ $text == *news-2* ]] || wrong 'has not what was published last' ;;
    esac
    case $1 in
    *!) grep -qE 'skipped|clone|old image|rolled back' <<<"$stderr" || wrong 'says nothing of it' ;;
    esac
    [[ $text != *resigned* && $text != *fork* ]] || [[ $1 = '~0' ]] || wrong 'takes in what a thief wrote'
    "$KEYMUSTER" -C "$MAD" verify >/dev/null 2>&1 || wrong 'does not verify'
}

# Nothing of it was taken in.
refused() {
    if [ "$reader" = fresh ] || [ "$reader" = card ]; then
        [ ! -e "$MAD" ] || wrong 'leaves a store'
        return
    fi
    [ "$(ask .digest -C "$MAD" status)" = "$before" ] || wrong 'took something in'
    "$KEYMUSTER" -C "$MAD" verify >/dev/null 2>&1 || wrong 'does not verify'
}

# Whether the reader in this column has his turn in this row.
in_turn() { # ROW COLUMN
    [ "$2" -eq $((($1 + ${#PLACE}) % ${#READERS[@]})) ] # the names of the servers differ in length, also modulo 5
}

# Every row that the filter matches, at those readers; counts cells and wrongs.
attacks() { # FILTER [all]
    local state wants row=0 column
    cells=0 wrongs=0
    : >wrongs
    while read -r attack state wants; do
        # Names that no request of curl's can make.
        if [ "$attack" = hostile-names ] && [ -z "$PLACE_FILES" ]; then continue; fi
        rm -rf now
        cp -a "$state" now
        attack "$attack"
        row=$((row + 1))
        column=-1
        for reader in "${READERS[@]}"; do
            read -r want wants <<<"$wants"
            column=$((column + 1))
            [ "$want" != - ] || continue
            [ -n "${2-}" ] || in_turn "$row" "$column" || continue
            place_load now
            look "$reader" "$state"
            judge "$want"
            cells=$((cells + 1))
        done
    done < <(table | grep -E "$1")
    echo "# $cells cells, $wrongs wrong" >&3
}

@test "every attack, told to every reader" {
    program=$KEYMUSTER
    local all=${KM_READERS-}
    if [ "$PLACE" = folder ]; then all=all; fi
    attacks "${KM_ATTACKS-.}" "$all"
    cat wrongs >&2
    [ "$wrongs" -eq 0 ]
    [ "$cells" -ge "$([ -n "$all" ] && echo 200 || echo 40)" ] || [ -n "${KM_ATTACKS-}" ]
}

@test "without the memory of what a copy once showed, going back is not noticed, and this says so" {
    [ "$PLACE" = folder ] || skip 'shown once, at a folder'
    program=$KM_TOOLS/plant-no-high-water
    attacks '^(none|back-)' all
    cat wrongs >&2
    [ "$cells" -ge 20 ]
    # Each row of going back, at each reader whose only witness is that memory.
    for attack in back-by-one back-by-two back-far; do
        for reader in memory lost image; do
            grep -q "^$attack, $reader: " wrongs
        done
    done
    grep -q '^none' wrongs && return 1
    return 0
}
