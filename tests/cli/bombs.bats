#!/usr/bin/env bats
# bats sets it:
# shellcheck disable=SC2154
# Bytes from outside that are made to exhaust or to confuse: each ends in a named error, within 10 s and 64 MiB more than
# the program takes anyway.
load ../lib/cli.bash

# What the program takes when nothing is wrong, in KiB.
base_size() {
    "$KM_TOOLS/measure" 20 "$KEYMUSTER" -C "$FRA" list >/dev/null 3>"$T/used"
    read -r _ base _ <"$T/used"
    count=0
}

# Runs keymuster on what was laid out; the exit must be one of those given, comma-separated. An error is one line of JSON
# with a code; a crash or an internal error is never one of them.
bounded() { # WHAT EXITS ARG...
    local what=$1 exits=$2 kib ms
    shift 2
    count=$((count + 1))
    tried "$KM_TOOLS/measure" 20 "$KEYMUSTER" -o json --no-input "$@" 3>"$T/used"
    read -r _ kib _ ms <"$T/used"
    if [[ ",$exits," != *",$status,"* ]]; then
        printf '%s: must end with one of %s\n' "$what" "$exits" >&2
        dump | cut -c1-2000
        return 1
    fi
    if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then
        [[ "$stderr" == *'"code":"KM'[0-9][0-9][0-9][0-9]'"'* ]] || { dump | cut -c1-2000; return 1; }
    fi
    if [ $((kib - base)) -gt 65536 ] || [ "$ms" -gt 10000 ]; then
        printf '%s: %s KiB (base %s), %s ms\n' "$what" "$kib" "$base" "$ms" >&2
        return 1
    fi
}

# Texts made to hurt a JSON parser, one file each in $T/bombs: too deep, too wide, too long, and the ambiguities that
# readers of JSON do not agree about.
make_bombs() {
    mkdir -p "$T/bombs"
    cd "$T/bombs" || return 1
    head -c 100000 /dev/zero | tr '\0' '[' >deep-arrays
    { for _ in {1..20000}; do printf '{"a":'; done; printf 1; } >deep-objects
    { printf '['; yes '1,' | head -n 500000 | tr -d '\n'; printf '1]'; } >wide
    { printf '['; yes '{},' | head -n 300000 | tr -d '\n'; printf '1]'; } >wide-objects
    { printf '{'; seq -f '"%g":0,' 60000 | tr -d '\n'; printf '"z":0}'; } >members
    { printf '{'; yes '"a":0,' | head -n 60000 | tr -d '\n'; printf '"a":0}'; } >same-members
    { printf '{"a":'; head -c 900000 /dev/zero | tr '\0' 9; printf '}'; } >digits
    { printf '{"a":"'; head -c 900000 /dev/zero | tr '\0' x; printf '"}'; } >string
    { printf '{"a":"'; yes '\u0041' | head -n 150000 | tr -d '\n'; printf '"}'; } >escapes
    head -c 900000 /dev/zero | tr '\0' ' ' >blanks
    head -c 900000 /dev/zero >zeros
    head -c 900000 /dev/urandom >noise
    : >empty
    printf '{"type":"escrow","type":"escrow"}' >twice
    printf '{"a":"x\\u0000y"}' >nul-escape
    printf '{"a":"x\0y"}' >nul
    printf '\xef\xbb\xbf{"a":1}' >mark
    printf '{"a":"\\ud800"}' >surrogate
    printf '{"a":"\xff\xfe"}' >not-utf8
    printf '{"a":"\xc0\x80"}' >overlong
    printf '{"a":NaN}' >nan
    printf '{"a":Infinity}' >infinity
    printf '{"a":1e999}' >exponent
    printf '{"a":1e-999999999}' >small-exponent
    printf '{"a":007}' >leading-zeros
    printf '{"a":9007199254740993}' >beyond-2-53
    printf '{"a":1}{"a":2}' >two
    printf '{"a":1} trailing' >trailing
    printf "{'a':1}" >quotes
    printf '{"a":1,}' >comma
    printf '{/* */"a":1}' >comment
    printf '{"a":"\x01"}' >control
    cd "$T" || return 1
}

# Calls a function with the path of every bomb; a giant one, too, that takes no room.
each_bomb() { # FUNCTION
    local path
    for path in "$T"/bombs/*; do
        "$1" "$path" "$(basename -- "$path")"
    done
    truncate -s 1T "$T/giant"
    "$1" "$T/giant" giant
}

# Puts a bomb in the place of a file, sparse ones staying sparse.
put() { rm -rf -- "$2" && cp --sparse=always -- "$1" "$2"; }

newest_head() { find "$USB/head" -type f | sort | tail -n 1; }

newest_segment() {
    find "$USB/log" -name "*-$(head -n 1 "$(newest_head)" | jq -r '.segments[-1][3]').ndjson"
}

@test "in the place of escrow.json, copy.json, a head and a segment: 15 for a reader, nothing is kept" {
    scene_keys
    base_size
    make_bombs
    local head segment
    head=$(newest_head)
    segment=$(newest_segment)
    cp -r "$USB" "$T/good"
    join() { bounded "$1" "$2" -C "$T/reader" join --from "file://$USB" --site mad --yes; }
    at() { # OBJECT BOMB NAME
        if [ "$3" = giant ]; then truncate -s 1T "$1"; else put "$2" "$1"; fi
        join "$3 as ${1#"$USB"/}" 15,13
        [ ! -e "$T/reader" ]
    }
    at_escrow() { at "$USB/escrow.json" "$@"; }
    at_copy() { at "$USB/copy.json" "$@"; }
    at_head() { at "$head" "$@"; }
    at_segment() { at "$segment" "$@"; }
    each_bomb at_escrow
    rm -rf "$USB" && cp -r "$T/good" "$USB"
    each_bomb at_copy
    rm -rf "$USB" && cp -r "$T/good" "$USB"
    each_bomb at_head
    rm -rf "$USB" && cp -r "$T/good" "$USB"
    each_bomb at_segment
    rm -rf "$USB" && cp -r "$T/good" "$USB"
    join good 0
    [ "$count" -ge 130 ]
}

@test "as an export: 15; as a KMS file: 15; as the memory outside the store: passed over" {
    scene_keys
    base_size
    make_bombs
    local memory
    fra sync
    memory=$(find "$XDG_STATE_HOME/keymuster" -name '*.json')
    [ -f "$memory" ]
    as_export() {
        bounded "export $2" 15,2 reveal vbr/config --from "$1" --yes --reason x --to "file:$T/out" \
            --credential "kp-mad=file:$T/kp-mad.pass" --kms-file "kp-mad=$T/kp-mad.kms"
        [ ! -e "$T/out" ]
    }
    as_kms() {
        if [ "$2" = giant ]; then truncate -s 1T "$T/kp-mad.kms"; else put "$1" "$T/kp-mad.kms"; fi
        bounded "KMS file $2" 15,2 -C "$FRA" kms test kp-mad
    }
    as_memory() {
        if [ "$2" = giant ]; then truncate -s 1T "$memory"; else put "$1" "$memory"; fi
        bounded "memory $2" 0 -C "$FRA" --offline site add "x-$count"
    }
    each_bomb as_export
    cp "$T/kp-mad.kms" "$T/good.kms"
    each_bomb as_kms
    put "$T/good.kms" "$T/kp-mad.kms"
    each_bomb as_memory
    ends 0 -C "$FRA" verify
    [ "$count" -ge 95 ]
}

@test "each ambiguity of JSON, in a KMS file that is right but for it, is 15" {
    scene_fra
    base_size
    local n=0 change
    cp "$T/kp-mad.kms" "$T/good.kms"
    ends 0 -C "$FRA" kms test kp-mad
    for change in 's/"version":1/"version":1,"version":1/' 's/"version":1/"version":01/' 's/"version":1/"version":1e400/' \
        's/"version":1/"version":1.5/' 's/"version":1/"version":"1"/' 's/"version"/"Version"/' 's/^/\xef\xbb\xbf/' 's/}$/} x/' \
        's/argon2id/argon2id\\u0000/' 's/argon2id/argon2id\xff/' 's/argon2id/argon2id\\ud800/' 's/argon2id/argon2id\x01/' \
        's/"version":1/"version":9007199254740993/' 's/"version":1/"version":NaN/' 's/"version":1/"version":1,/' \
        's/"ops":[0-9]*/"ops":1000000000/' 's/"mem":[0-9]*/"mem":1099511627776/' 's/"mem":[0-9]*/"mem":-1/' \
        's/"mem":[0-9]*/"mem":9007199254740992/' 's/"ops":[0-9]*/"ops":0/'; do
        LC_ALL=C sed "$change" "$T/good.kms" >"$T/kp-mad.kms"
        ! cmp -s "$T/good.kms" "$T/kp-mad.kms" || return 1
        bounded "$change" 15 -C "$FRA" kms test kp-mad
        error_is KM3011
        n=$((n + 1))
    done
    [ "$n" -eq 20 ]
}

@test "keymuster.conf, a list to import, a map, a card, a wrap: named, with the line where there is one" {
    scene_keys
    base_size
    make_bombs
    local name
    cp "$FRA/keymuster.conf" "$T/conf"
    as_conf() {
        if [ "$2" = giant ]; then truncate -s 1T "$FRA/keymuster.conf"; else put "$1" "$FRA/keymuster.conf"; fi
        if [ "$2" = empty ] || [ "$2" = blanks ]; then
            bounded "keymuster.conf $2" 0 -C "$FRA" list
        else
            bounded "keymuster.conf $2" 2 -C "$FRA" list
        fi
    }
    each_bomb as_conf
    { yes '[kms "x"]' | head -n 9000; } >"$FRA/keymuster.conf"
    bounded 'the same section 9,000 times' 2 -C "$FRA" list
    { seq -f '[kms "%g"]' 9000; } >"$FRA/keymuster.conf"
    bounded '9,000 sections' 0 -C "$FRA" list
    { printf '[store]\nexport = '; head -c 900000 /dev/zero | tr '\0' x; } >"$FRA/keymuster.conf"
    bounded 'a long value' 0,2 -C "$FRA" list
    yes '' | head -n 900000 >"$FRA/keymuster.conf"
    bounded 'lines without end' 2 -C "$FRA" list
    cp "$T/conf" "$FRA/keymuster.conf"
    as_rows() { bounded "import $2" 0,2,3 -C "$FRA" import -n "$1" --root fra-main --purpose backup-job; }
    as_map() { bounded "map $2" 0,2,13 -C "$FRA" rehome -n --map "$1" --to mad-main; }
    as_card() { bounded "card $2" 2 -C "$T/reader" join --from "file://$USB" --site mad --yes --card "$1"; }
    as_wrap() { bounded "wrap $2" 2 -C "$FRA" record a/b --purpose other --root fra-main --wrapped "file:$1"; }
    for name in rows map card wrap; do
        for bomb in "$T"/bombs/*; do
            "as_$name" "$bomb" "$(basename -- "$bomb")"
        done
    done
    [ "$count" -ge 150 ]
}

@test "FIFO, device, folder, link and nothing at all in the place of each file: at once, and named" {
    scene_keys
    base_size
    local kind place
    cp -r "$FRA" "$T/fra.good"
    cp -r "$USB" "$T/usb.good"
    again() {
        rm -rf "$FRA" "$USB"
        cp -r "$T/fra.good" "$FRA"
        cp -r "$T/usb.good" "$USB"
    }
    lay() { # KIND PATH
        rm -rf -- "$2"
        case $1 in
        fifo) mkfifo "$2" ;;
        device) mknod "$2" c 1 5 2>/dev/null ;; # /dev/zero
        folder) mkdir "$2" ;;
        link) ln -s /dev/zero "$2" ;;
        empty) : >"$2" && chmod 600 "$2" ;;
        esac
    }
    for kind in fifo device folder link empty; do
        lay "$kind" "$T/probe" || continue
        for place in escrow.json copy.json "$(realpath --relative-to="$USB" "$(newest_head)")" \
            "$(realpath --relative-to="$USB" "$(newest_segment)")"; do
            lay "$kind" "$USB/$place"
            bounded "$kind as $place" 1,2,5,13,15,16 -C "$T/reader" join --from "file://$USB" --site mad --yes
            [ ! -e "$T/reader" ]
            bounded "$kind as $place, to who wrote it" 3,5,15,16 -C "$FRA" copy check usb --deep
            again
        done
        lay "$kind" "$FRA/author.key"
        bounded "$kind as author.key" 1,2,15 -C "$FRA" site add more
        again
        lay "$kind" "$FRA/keymuster.conf"
        bounded "$kind as keymuster.conf" 0,1,2 -C "$FRA" list
        again
        lay "$kind" "$T/one.export"
        bounded "$kind as an export" 1,2,5,13,15 reveal vbr/config --from "$T/one.export" --yes --reason x --to "file:$T/out" \
            --credential "kp-mad=file:$T/kp-mad.pass"
        cp "$T/kp-fra.kms" "$T/keep.kms" && lay "$kind" "$T/kp-fra.kms"
        bounded "$kind as a KMS file" 1,2,13,15 -C "$FRA" kms test kp-fra
        rm -rf "$T/kp-fra.kms" && mv "$T/keep.kms" "$T/kp-fra.kms"
        cp "$T/kp-fra.pass" "$T/keep.pass" && lay "$kind" "$T/kp-fra.pass"
        [ "$kind" = fifo ] || bounded "$kind as a passphrase" 2,12 -C "$FRA" kms test kp-fra
        rm -rf "$T/kp-fra.pass" && mv "$T/keep.pass" "$T/kp-fra.pass"
        lay "$kind" "$T/card2"
        bounded "$kind as a card" 1,2 -C "$T/reader" join --from "file://$USB" --site mad --yes --card "$T/card2"
    done
    ends 0 -C "$FRA" verify
    [ "$count" -ge 50 ]
}

@test "a program without caps is caught" {
    scene_copy
    base_size
    truncate -s 200M "$USB/escrow.json"
    bounded 'giant escrow.json' 15 -C "$FRA" copy check usb
    KEYMUSTER=$KM_TOOLS/plant-no-caps run bounded 'giant escrow.json' 15 -C "$FRA" copy check usb
    [ "$status" -ne 0 ]
    [[ $output == *' KiB (base '* ]]
}
