#!/usr/bin/env bats
# The pages of docs/reference that list what the program knows list all of it and nothing else: the keys of keymuster.conf, the
# variables of the environment, the metrics; and every page of docs is reached from docs/README.md.
load ../lib/cli

page() { printf '%s/docs/reference/%s.md' "$KM_SOURCE" "$1"; }
# Of the tables of a page, rows whose first cell is code: cells 1 to N, without marks.
rows() { # PAGE N
    sed -nE 's/^\| (`.*) \|$/\1/p' "$1" | awk -F ' *[|] *' -v n="$2" '{ s = $1; for (i = 2; i <= n; i++) s = s "\t" $i; gsub(/`/, "", s); print s }'
}

keys_of_page() { rows "$1" 3 | sed -nE 's/^\[([a-z]+)( "NAME")?\]\t([a-z-]+)\t.*/\1 \3/p' | sort; }
keys_of_program() {
    sed -nE '/conf_rules\[\]/,/NULL/ s/.*\{"([a-z]+)", [01], "([a-z-]+)"\}.*/\1 \2/p' "$KM_SOURCE/src/escrow/store.c" | sort
}

@test "configuration.md has every key that the parser knows, and no other; each with a type, a meaning and who reads it" {
    keys_of_program >"$T/known"
    [ "$(wc -l <"$T/known")" -gt 25 ]
    keys_of_page "$(page configuration)" | diff "$T/known" -
    sed -nE '/^\| `\[/p' "$(page configuration)" | awk -F ' *[|] *' '$4 == "" || $6 == "" || $7 == "" { print; bad = 1 } END { exit bad }'
    # either way a difference is told
    grep -v '`known-hosts` | PATH' "$(page configuration)" >"$T/less.md"
    run diff "$T/known" <(keys_of_page "$T/less.md")
    [ "$status" -eq 1 ]
    sed '/`known-hosts` | PATH/ { p; s/known-hosts/unknown-hosts/ }' "$(page configuration)" >"$T/more.md"
    run diff "$T/known" <(keys_of_page "$T/more.md")
    [ "$status" -eq 1 ]
}

@test "configuration.md: each key at its default and at the ends of its range is taken; beyond them it ends 2" {
    scene_copy
    local line was=$T/was
    cp "$FRA/keymuster.conf" "$was"
    with() { sed "/^\[$1/a $2" "$was" >"$FRA/keymuster.conf"; } # SECTION LINE
    printf '[network]\n' >>"$was"
    with network 'connections = 1'
    ends 0 -C "$FRA" root check
    with network 'connections = 100'
    ends 0 -C "$FRA" root check
    with 'copy "usb' 'every = 200y'
    ends 0 -C "$FRA" sync
    with 'copy "usb' 'removable = no'
    ends 0 -C "$FRA" sync
    # what is not understood is not taken for nothing: such a copy would never be due
    for line in 'every = soon' 'every = 201y' 'removable = true' 'program = 1'; do
        with 'copy "usb' "$line"
        ends 2 -C "$FRA" sync
        grep -qF '[copy "usb"]' <<<"$stderr"
    done
    with 'copy "usb' 'colour = red'
    ends 2 -C "$FRA" sync
    with 'copy "usb' 'removable = no\nremovable = no'
    ends 2 -C "$FRA" sync
}

@test "environment.md has every variable that is let in or asked for, and no other" {
    sed -nE '/^static const char \*const allowed\[\]/,/^};/ s/^ *"([A-Z_]+)",$/\1/p' "$KM_SOURCE/src/sys/env.c" >"$T/allowed"
    [ "$(wc -l <"$T/allowed")" -gt 15 ]
    # by their beginnings: those that the program asks for by name, and all of the locale
    grep -rohE --include=*.c 'env_get\("(XDG|LC)_[A-Z_]+"' "$KM_SOURCE/src" | sed -E 's/.*"(.*)"/\1/' >>"$T/allowed"
    echo 'LC_*' >>"$T/allowed"
    sort -u "$T/allowed" >"$T/known"
    variables() { rows "$1" 1 | tr -d ' ' | tr ',' '\n' | sort -u; } # PAGE
    variables "$(page environment)" | diff "$T/known" -
    grep -v '^| `NO_COLOR`' "$(page environment)" >"$T/less.md"
    run diff "$T/known" <(variables "$T/less.md")
    [ "$status" -eq 1 ]
    local name
    for name in IBMCLOUD_API_KEY KP_INSTANCE_ID KP_TARGET_ADDR ASCIINEMA_REC SCRIPT TMUX STY; do grep -q "\`$name\`" "$(page environment)"; done
    # what the program asks of the environment as it was
    [ "$(grep -rohE --include=*.c 'env_original\("[A-Z_]+"|said\(ctx, OPT_[A-Z]+, "[A-Z_]+"' "$KM_SOURCE/src" | sed -E 's/.*"(.*)"/\1/' | sort -u | grep -vE '^(PATH|IBMCLOUD_API_KEY|KP_INSTANCE_ID|KP_TARGET_ADDR)$')" = '' ]
}

# "name type labels" of each family, from the page and from what was written.
families_of_page() { rows "$1" 3 | sed -n 's/^keymuster_/&/p' | tr -d ' ' | sort; }
families_of_file() {
    awk '/^# TYPE / { type[$3] = $4; next }
        /^[a-z]/ { name = $1; sub(/[{].*/, "", name); l = ""; s = $0
            while (match(s, /[a-z]+="/)) { l = l (l == "" ? "" : ",") substr(s, RSTART, RLENGTH - 2); s = substr(s, RSTART + RLENGTH) }
            labels[name] = l }
        END { for (n in type) print n "\t" type[n] "\t" labels[n] }' "$1" | sort
}

@test "metrics.md has every metric that is written, with its type and labels, and no other; its alerts are those of the rules" {
    scene_keys
    fra create vbr/short --purpose backup-job --root fra-main --expires 30d
    fra drill
    fra root create old --kms kp-fra
    fra root destroy old --confirm old
    fra metrics --file "$T/all.prom"
    families_of_file "$T/all.prom" >"$T/families"
    [ "$(wc -l <"$T/families")" -gt 20 ]
    families_of_page "$(page metrics)" | diff "$T/families" -
    # every name of the source was seen: none hides behind a case that is not played here
    grep -oE '"keymuster_[a-z_]+"' "$KM_SOURCE/src/report/metrics.c" | tr -d '"' | sort -u | diff - <(cut -f 1 "$T/families")
    # what is written without --no-per-key only
    fra metrics --file "$T/few.prom" --no-per-key
    sed -n '/^| `keymuster/ { /not with `--no-per-key`/! s/^| `\([a-z_]*\)`.*/\1/p }' "$(page metrics)" | sort | diff - <(families_of_file "$T/few.prom" | cut -f 1)
    # what is there always is there in an escrow that has nothing
    "$KEYMUSTER" -C "$T/new" init --site fra >"$T/said"
    "$KEYMUSTER" -C "$T/new" metrics --file "$T/new.prom" >"$T/said"
    sed -n 's/^| `\(keymuster_[a-z_]*\)` | [a-z]* | [^|]*| always .*/\1/p' "$(page metrics)" >"$T/always"
    [ "$(wc -l <"$T/always")" -gt 6 ]
    while read -r name; do grep -qE "^$name[{ ]" "$T/new.prom" || { echo "$name" >&2; return 1; }; done <"$T/always"
    # the words of `what`
    sed -nE 's/^keymuster_keys_open\{what="([a-z_]+)"\}.*/\1/p' "$T/all.prom" | sort >"$T/what"
    rows "$(page metrics)" 1 | grep -v '^keymuster_' | sort | diff "$T/what" -
    sed -n 's/^ *- alert: //p' "$KM_SOURCE/examples/prometheus/keymuster.rules.yml" | sort |
        diff - <(grep -oE 'Keymuster[A-Za-z]+' "$(page metrics)" | sort -u)
    # a page that lacks one, or has another type, is told
    sed '/keymuster_copy_overdue/d' "$(page metrics)" >"$T/less.md"
    run diff "$T/families" <(families_of_page "$T/less.md")
    [ "$status" -eq 1 ]
    sed 's/`keymuster_reveals_total` | counter/`keymuster_reveals_total` | gauge/' "$(page metrics)" >"$T/other.md"
    run diff "$T/families" <(families_of_page "$T/other.md")
    [ "$status" -eq 1 ]
}

@test "every page of docs is reached from docs/README.md, and that from README" {
    reached() { # README of docs: those linked, relative to docs
        grep -oE '\]\([^)#]+' "$1" | sed 's/^](//' | grep -v '^\.\./' | sort -u
    }
    (cd "$KM_SOURCE/docs" && find . -name '*.md' ! -path ./README.md ! -path './man/*' ! -path './reference/schemas/*' | sed 's:^\./::' | sort) >"$T/pages"
    [ "$(wc -l <"$T/pages")" -gt 40 ]
    reached "$KM_SOURCE/docs/README.md" | grep '\.md$' | diff "$T/pages" -
    grep -q '](docs/README.md)' "$KM_SOURCE/README.md"
    sed 's/(reference\/metrics.md)/()/' "$KM_SOURCE/docs/README.md" >"$T/less.md"
    run diff "$T/pages" <(reached "$T/less.md" | grep '\.md$')
    [ "$status" -eq 1 ]
}
