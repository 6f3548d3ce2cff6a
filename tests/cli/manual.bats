#!/usr/bin/env bats
# The manual pages, the help and the tables say the same; mandoc finds nothing. (examples.bats runs the examples.)
load ../lib/cli

# All pages in one folder, as they would be installed.
scene_pages() {
    DESTDIR=$T/root cmake --install "$(dirname -- "$KM_TOOLS")" --prefix /usr >/dev/null
    mkdir "$T/man"
    cp -d "$T"/root/usr/share/man/man?/* "$T/man"
    "$KEYMUSTER" help | sed -nE 's/^  ([a-z]+( [a-z-]+)?)( .*|)$/\1/p' | sort >"$T/commands"
    [ "$(wc -l <"$T/commands")" -gt 80 ]
}

page_of() { printf '%s/man/keymuster-%s.1' "$T" "${1// /-}"; } # COMMAND

# --name of each option, one a line.
options_of_help() { # ARG...
    "$KEYMUSTER" "$@" | sed -nE '/^Options of every command \(/,$d; s/^  (-., |    )(--[a-z-]+).*/\2/p' | sort
}
options_of_page() { # FILE
    sed -nE 's/^\.It (Fl . , )?Fl -([a-z-]+).*/--\2/p' "$1" | sort
}
members_of_page() { # FILE: "section member" of each
    sed -nE 's/^\.Ss \[([a-z]+).*/=\1/p; s/^\.It Ic ([a-z-]+)$/\1/p' "$1" | awk '/^=/ { s = substr($0, 2); next } { print s, $1 }' | sort
}
# Commands in the literal blocks, with their continuations; \- and \e are roff's.
examples_of_page() { # FILE
    awk '/^\.Bd -literal/ { on = 1; next } /^\.Ed/ { on = 0 } on' "$1" | sed -e 's/\\-/-/g; s/\\e/\\/g; s/\\(aq/'\''/g' |
        sed -e ':a; /\\$/ { N; s/ *\\\n */ /; ba }' | grep -E '^(keymuster|source) ' || true
}

@test "mandoc finds nothing, not even a question of style; a planted fault it does find" {
    scene_pages
    cd "$T/man"
    [ "$(find . -name '*.[157]' | wc -l)" -gt 90 ]
    run mandoc -T lint -W all ./*.[157]
    [ "$status" -eq 0 ] && [ -z "$output" ] || { echo "$output" >&2; return 1; }
    sed -i 's/^\.Sh NAME/.Sh NAMES/' keymuster.1
    run mandoc -T lint -W all ./*.[157]
    [ "$status" -ne 0 ]
}

@test "every page fits 80 columns" {
    scene_pages
    local page
    for page in "$T"/man/*.[157]; do
        mandoc -T ascii -O width=80 "$page" | col -bx >"$T/text"
        [ "$(wc -L <"$T/text")" -le 80 ] || { echo "$page" >&2; awk 'length > 80' "$T/text" >&2; return 1; }
    done
}

@test "every command has its page, and a page its command; options of help and page are the same" {
    scene_pages
    local command
    while read -r command; do
        # shellcheck disable=SC2086
        options_of_help help $command | diff - <(options_of_page "$(page_of "$command")") || { echo "$command" >&2; return 1; }
        grep -q "^\.Sh EXIT STATUS" "$(page_of "$command")"
        grep -q "^\.Sh SEE ALSO" "$(page_of "$command")"
    done <"$T/commands"
    find "$T/man" -name 'keymuster-*.1' -printf '%f\n' | sed 's/^keymuster-//; s/\.1$//' | sort | diff - <(tr ' ' - <"$T/commands" | sort)
    sed -nE 's/^\.It Xr keymuster-([a-z-]+) 1$/\1/p' "$T/man/keymuster.1" | sort | diff - <(tr ' ' - <"$T/commands" | sort)
    options_of_help help options | diff - <(options_of_page "$T/man/keymuster.1")
    # a page that lacks one is told
    sed -i '0,/^\.It Fl -root/ { /^\.It Fl -root/d }' "$T/man/keymuster-create.1"
    run diff <(options_of_help help create) <(options_of_page "$T/man/keymuster-create.1")
    [ "$status" -eq 1 ]
}

# What people wrote of the commands; headings, one a line.
told() { cat "$KM_SOURCE"/docs/man/commands/*.txt; }
told_of() { told | awk -v c="== $1" '/^== / { on = $0 == c; next } on'; } # COMMAND
# Says what a command's text lacks, if it lacks something.
lacks() { # FILE: the text of one
    local words
    words=$(grep -vE '^(exit|env|file|eg|run|see|doc) ' "$1" | wc -w)
    [ "$words" -ge 12 ] || echo "a description: $words words"
    grep -q '^eg ' "$1" || echo 'an example with its sentence'
    [ "$(grep -c '^run ' "$1")" -le "$(grep -c '^eg ' "$1")" ] || echo 'a sentence for an example'
    # after SIGPIPE, 125 and 3 any number that the program knows
    sed -n 's/^exit \([^ ]*\) .*/\1/p' "$1" | grep -vxF "$(cat "$T/exits")" | sed 's/^/an exit status that is one, not /' || true
    sed -n 's/^doc //p' "$1" | while read -r page; do [ -e "$KM_SOURCE/docs/$page" ] || echo "the page $page"; done
}

@test "every command has a text of its own: what it does, an example with a sentence, its exit statuses; none is of a command that is not there" {
    scene_pages
    local command
    told | sed -n 's/^== //p' | sort | diff - "$T/commands"
    ask '.exits[].exit' explain >"$T/exits"
    while read -r command; do
        told_of "$command" >"$T/text"
        lacks "$T/text" >"$T/lacking"
        [ ! -s "$T/lacking" ] || { echo "$command lacks $(cat "$T/lacking")" >&2; return 1; }
        # each sentence has an example: the table's come first
        sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$(page_of "$command")" >"$T/shown"
        [ "$(grep -c '^eg ' "$T/text")" -eq "$(grep -c '^\.Bd ' "$T/shown")" ] || { echo "$command: sentences and examples" >&2; return 1; }
        grep -q '^\.Ed' "$T/shown"
    done <"$T/commands"
    # what a text lacks is told
    printf 'Does it.\nexit 3 x\n' >"$T/text"
    [ "$(lacks "$T/text" | wc -l)" -eq 2 ]
    { told_of create && printf 'exit 99 x\ndoc how-to/nothing.md\n'; } >"$T/text"
    [ "$(lacks "$T/text" | wc -l)" -eq 2 ]
    told | sed 's/^== create$/== created/' | sed -n 's/^== //p' | sort >"$T/other"
    run diff "$T/other" "$T/commands"
    [ "$status" -eq 1 ]
}

@test "keymuster.conf(5) has every section and member that the parser knows, and no other" {
    scene_pages
    sed -nE '/conf_rules\[\]/,/NULL/ s/.*\{"([a-z]+)", [01], "([a-z-]+)"\}.*/\1 \2/p' "$KM_SOURCE/src/escrow/store.c" | sort >"$T/known"
    [ "$(wc -l <"$T/known")" -gt 25 ]
    members_of_page "$T/man/keymuster.conf.5" | diff "$T/known" -
    sed -i '/^\.It Ic proxy-credential/d' "$T/man/keymuster.conf.5"
    run diff "$T/known" <(members_of_page "$T/man/keymuster.conf.5")
    [ "$status" -eq 1 ]
    # its example is a configuration
    scene_fra
    awk '/^\.Bd -literal/ { on = 1; next } /^\.Ed/ { on = 0 } on' "$T/man/keymuster.conf.5" | sed 's/\\-/-/g' >"$FRA/keymuster.conf"
    ends 0 -C "$FRA" list
}

@test "keymuster-runbook(5) has every member that the parser knows, and its example is a runbook" {
    scene_pages
    sed -nE '/(head|step)_rules\[\]/,/NULL/p' "$KM_SOURCE/src/recover/runbook_block.c" | grep -oE '"(runbook|step)", 0, "[a-z]+"' |
        sed -E 's/.*"([a-z]+)"$/\1/' | sort -u >"$T/known"
    [ "$(wc -l <"$T/known")" -gt 10 ]
    sed -nE 's/^\.It Ic ([a-z-]+)$/\1/p' "$T/man/keymuster-runbook.5" | sort -u | diff "$T/known" -
    awk '/^\.Bd -literal/ { on = 1; next } /^\.Ed/ { on = 0 } on' "$T/man/keymuster-runbook.5" | sed 's/\\-/-/g; s/\\(ga/`/g' >"$T/total-loss.md"
    ends 0 runbook check "$T/total-loss.md"
}

@test "keymuster-errors(7) and keymuster(1) have every code, exit status and variable of the program" {
    scene_pages
    sed -nE 's/^\.It Sy (KM[0-9]+) , No exit ([0-9]+)$/\1 \2/p' "$T/man/keymuster-errors.7" |
        diff - <(ask '.codes[] | "\(.code) \(.exit)"' explain)
    sed -nE '/^\.Sh EXIT/,/^\.Sh SEE/ s/^\.It ([0-9]+)$/\1/p' "$T/man/keymuster.1" | diff - <(ask '.exits[].exit' explain)
    local name
    for name in $(sed -nE '/^static const char \*const allowed\[\]/,/^};/ s/^ *"([A-Z_]+)",$/\1/p' "$KM_SOURCE/src/sys/env.c"); do
        grep -q "^\.It Ev .*$name" "$T/man/keymuster.1" || { echo "$name" >&2; return 1; }
    done
}

@test "every example of help is in its page, in that order" {
    scene_pages
    local command told=0
    helped() { # COMMAND
        # shellcheck disable=SC2086
        "$KEYMUSTER" help $1 | awk '/^Examples:/ { on = 1; next } /^Exit status:/ { on = 0 } on' |
            sed -e ':a; /\\$/ { N; s/ *\\\n */ /; ba }' | sed -n 's/^  //p' | grep -E '^(keymuster|source) ' || true
    }
    while read -r command; do
        helped "$command" >"$T/helped"
        # the page has some more
        { examples_of_page "$(page_of "$command")" | grep -Fxf "$T/helped" || true; } | diff "$T/helped" - || { echo "$command" >&2; return 1; }
        told=$((told + $(wc -l <"$T/helped")))
    done <"$T/commands"
    [ "$told" -gt 90 ]
    helped create >"$T/helped"
    run diff "$T/helped" <(sed 's/mad.*main/other/' "$(page_of create)" | grep -Fxf "$T/helped")
    [ "$status" -eq 1 ]
}
