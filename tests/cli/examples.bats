#!/usr/bin/env bats
# The examples of the manual pages are run as they stand, in an escrow that has what they name, against the simulators of IBM's KMSs and of
# VBR's REST API, some at a terminal; each ends as the list below says, and those that cannot are listed with the reason.
load ../lib/cli
load ../lib/sim
load ../lib/vbr
load ../lib/bco
load ../lib/term
load ../lib/examples

teardown() {
    term_stop
    stop_started
    sim_stop
    vbr_stop
}

# Examples that are not run here, each with who runs it. Nothing else is left out.
left_out() {
    cat <<'END'
keymuster copy add far sftp://escrow@backup.mad.example/srv/keymuster --site mad --credential file:key --known-hosts hosts	wants sshd: sftp.bats
keymuster identify https://nas.example.net/fra.bco --credential file:nas	wants a web server: identify.bats
keymuster recover start --lost fra --bco config.bco --from /media/usb/escrow	asks screen by screen: recover_start.bats
keymuster recover start --lost fra --from /media/usb/escrow --site mad	asks screen by screen: recover_start.bats
END
}

# How an example ends, if not 0. In this escrow not all is well, so what ends 3 for findings does.
expected() {
    case $1 in
    'keymuster audit check'* | 'keymuster check vbr/config' | 'keymuster drill --from '* | 'keymuster kms retire-check '* | 'keymuster ready '* | \
        'keymuster simulate' | 'keymuster vbr test '*) echo 3 ;;
    'keymuster recover start --drill --blind '* | 'keymuster recover resume'*) echo 20 ;;
    *) echo 0 ;;
    esac
}

# "PAGE<tab>EXAMPLE" of each page, the continuations joined.
examples_of_pages() {
    local page
    for page in "$T"/root/usr/share/man/man1/*.1; do
        awk '/^\.Bd -literal/ { on = 1; next } /^\.Ed/ { on = 0 } on' "$page" | sed -e 's/\\-/-/g; s/\\e/\\/g; s/\\(aq/'\''/g' |
            sed -e ':a; /\\$/ { N; s/ *\\\n */ /; ba }' | sed -nE "s#^(keymuster|source) #$page\t&#p"
    done
}

# One of them: whether it ends so, and the page says that it may.
plays() { # PAGE EXAMPLE STATUS
    local ended
    examples_again
    example_before "$2" >"$T/before" 2>&1 || { printf 'before %s\n' "$2" >&2; cat "$T/before" >&2; return 1; }
    cd "$T" || return 1
    ended=$(example_run "$2")
    [ "$ended" = "$3" ] || { printf '%s\nended %s, not %s\n' "$2" "$ended" "$3" >&2; cat "$T/rest" >&2; return 1; }
    [ "$3" -eq 0 ] || sed -n '/^\.Sh EXIT/,/^\.Sh EX/p' "$1" | grep -q "^\.It $3\$" || { printf '%s says nothing of %s\n' "$1" "$3" >&2; return 1; }
}

@test "every example of the pages but four ends as its page says" {
    local page example played=0
    DESTDIR=$T/root cmake --install "$(dirname -- "$KM_TOOLS")" --prefix /usr >/dev/null
    examples_of_pages | sort -u -t $'\t' -k 2 >"$T/examples"
    left_out | cut -f 1 | sort >"$T/left"
    [ "$(wc -l <"$T/left")" -eq 4 ]
    [ "$(cut -f 2 "$T/examples" | grep -cxFf "$T/left")" -eq 4 ]
    scene_examples
    while IFS=$'\t' read -r page example <&7; do
        grep -qxF -- "$example" "$T/left" && continue
        if plays "$page" "$example" "$(expected "$example")"; then played=$((played + 1)); fi
    done 7<"$T/examples"
    printf '# %d of %d examples end as their pages say\n' "$played" "$(wc -l <"$T/examples")" >&3
    [ "$played" -eq "$(($(wc -l <"$T/examples") - 4))" ]
    [ "$played" -gt 150 ]
    # one that is wrong is told
    plays "$page" 'keymuster reveal vbr/config --reson x' 0 && return 1
    plays "$page" 'keymuster wrap list vbr/nothing' 0 && return 1
    true
}
