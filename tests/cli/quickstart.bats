#!/usr/bin/env bats
# The scene of quickstart.sh, played twice with the program that is being tested.
load ../lib/cli.bash

setup() {
    fresh_home
    command -v restic >/dev/null || skip 'restic is not installed'
    mkdir "$T/tmp"
    export TMPDIR=$T/tmp
}

play() { # ARG...: what it printed is in $T/said
    (cd "$KM_SOURCE" && ./quickstart.sh "$@") >"$T/said" 2>&1 || { cat "$T/said" >&2; return 1; }
}

@test "it plays to the end, twice, within a minute each, and leaves nothing" {
    local began
    for _ in 1 2; do
        began=$SECONDS
        play
        [ $((SECONDS - began)) -lt 60 ]
        grep -q 'stands in for the backup product' "$T/said"
        grep -q 'stands in for the cloud KMS' "$T/said"
        grep -q 'What to try next' "$T/said"
        [ "$(grep -cE '^ *[0-9]+\. ' "$T/said")" -ge 15 ]
        [ "$(grep -c '^   \$ ' "$T/said")" -eq "$(grep -cE '^ *[0-9]+\. ' "$T/said")" ]
        [ -z "$(ls -A "$TMPDIR")" ]
        [ -z "$(find "$HOME" -type f)" ]
    done
}

@test "it prints no secret; --keep says where all lies, and what it suggests there works" {
    play --keep
    local scratch
    scratch=$(sed -n 's/^The scratch folder is kept: //p' "$T/said")
    [ -d "$scratch" ]
    cd "$scratch"
    # shellcheck source=/dev/null
    . ./environment
    lost=(--from "file://$scratch/usb" --yes --credential kp-mad=file:mad/kp-mad.pass --kms-file kp-mad=mad/kp-mad.kms)
    for key in vbr/config vbr/job-sql; do
        rm -f "$T/pw"
        ends 0 reveal "$key" --reason test "${lost[@]}" --to "file:$T/pw"
        "$KM_TOOLS/scan" "$T/pw" "$T/said"
    done
    "$KM_TOOLS/scan" mad/kp-mad.pass "$T/said"
    ends 0 -C mad/store join --from "file://$scratch/usb" --site mad --yes
    ends 0 -C mad/store status
    [ ! -e fra ]
    rm -rf -- "$scratch"
}

@test "a wrong option is 2, --help is 0, and neither builds anything" {
    run "$KM_SOURCE/quickstart.sh" --nonsense
    [ "$status" -eq 2 ]
    run "$KM_SOURCE/quickstart.sh" --help
    [ "$status" -eq 0 ]
    [[ $output == *--keep* ]]
}
