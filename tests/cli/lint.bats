#!/usr/bin/env bats
# Rules that a search can keep: banned functions, one room for each library, nothing of the machine it was made on.
load ../lib/cli.bash

@test "banned functions are not used in src" {
    cd "$KM_SOURCE"
    run grep -rnE '\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|system|popen|tmpnam|mktemp)\(' src
    [ "$status" -eq 1 ] || { echo "$output" >&2; return 1; }
}

@test "SQL is constant text: nothing is formatted into a statement" {
    cd "$KM_SOURCE"
    run grep -rnE '(snprintf|buf_addf)\([^;]*"(SELECT|INSERT|UPDATE|DELETE)' src
    [ "$status" -eq 1 ] || { echo "$output" >&2; return 1; }
}

@test "the floor check refuses an include that goes up, and a library outside its room" {
    cp -r "$KM_SOURCE/src" "$KM_SOURCE/cmake" "$T"
    for plant in 'base/err.c "cli/out.h"' 'vbr/rest.c "cli/keys/mint.h"' 'cli/keys/mint.c <sqlite3.h>' 'escrow/log.c <sqlite3.h>' 'kms/kms.c <sodium.h>' 'text/ini.c <cjson/cJSON.h>' \
                 'net/url.c <curl/curl.h>' 'kms/iam.c "net/libcurl.h"'; do
        rm -rf "$T/src" && cp -r "$KM_SOURCE/src" "$T"
        run cmake -P "$KM_SOURCE/tests/lib/floors_only.cmake" "$T"
        [ "$status" -eq 0 ]
        sed -i "1i #include ${plant#* }" "$T/src/${plant%% *}"
        run cmake -P "$KM_SOURCE/tests/lib/floors_only.cmake" "$T"
        [ "$status" -ne 0 ]
        [[ $output == *"${plant%% *}"* ]]
    done
}

@test "no line of a test is a bare ! COMMAND: bats goes on after one that fails" {
    cd "$KM_SOURCE/tests"
    run grep -rnE --include='*.bats' '^ *! [^|]*([^|]\|[^|][^|]*)*$' .
    [ "$status" -eq 1 ] || { echo "$output" >&2; return 1; }
    printf '    ! true | cat\n' >"$T/planted.bats"
    grep -qE '^ *! [^|]*([^|]\|[^|][^|]*)*$' "$T/planted.bats"
}

@test "an edited migration is refused by its checksum" {
    cd "$KM_SOURCE/migrations"
    sha256sum -c CHECKSUMS
    [ "$(wc -l <CHECKSUMS)" -eq "$(find . -name '[0-9]*.sql' | wc -l)" ]
}

# A store on a network file system (KM2006) cannot be had where the tests run.
@test "every error code is named by a test" {
    local name code
    while read -r name code; do
        [ "$code" != 2006 ] || continue
        grep -rqwE "KM$code|$name" "$KM_SOURCE"/tests/{unit,cli,places,fault,package,sim} || echo "no test names $name KM$code"
    done < <(sed -nE 's/^ *X\((RC_[A-Z0-9_]+), ([0-9]+),.*/\1 \2/p' "$KM_SOURCE/src/base/errlist.h") >unnamed
    [ "$(sed -nE 's/^ *X\((RC_[A-Z0-9_]+), ([0-9]+),.*/\1/p' "$KM_SOURCE/src/base/errlist.h" | wc -l)" -gt 100 ]
    if [ -s unnamed ]; then
        cat unnamed >&2
        return 1
    fi
}

# The files that a page names, in its words and in its picture, that are nowhere: by their path from the top or from src, or
# by their name alone. A * stands for more.
names_nowhere() { # PAGE
    local name
    grep -oE '[A-Za-z0-9_.*/-]+\.(c|h|sh|bats|cmake|sql|md|txt|json)\b' "$1" | sort -u | while read -r name; do
        case $name in
        */*) compgen -G "$KM_SOURCE/$name" >/dev/null || compgen -G "$KM_SOURCE/src/$name" >/dev/null ;;
        *) find "$KM_SOURCE" -maxdepth 1 -name "$name" | grep -q . || find "$KM_SOURCE"/{src,tests,docs,cmake} -name "$name" | grep -q . ;;
        esac || echo "$name"
    done
}

@test "each file that architecture.md and CONTRIBUTING name is there" {
    local page
    for page in docs/explanation/architecture.md CONTRIBUTING.md; do
        run names_nowhere "$KM_SOURCE/$page"
        [ -z "$output" ] || { printf '%s names what is not there: %s\n' "$page" "$output" >&2; return 1; }
        sed 's/\.c\b/_moved&/' "$KM_SOURCE/$page" >planted.md
        run names_nowhere "$PWD/planted.md"
        [[ $output == *_moved.c* ]]
    done
}
