#!/usr/bin/env bats
# The program itself: help, version, and command lines that are wrong.
load ../lib/cli

@test "version: text and JSON" {
    ends 0 version
    says keymuster
    ends 0 version -o json
    json '.schema == "keymuster.version/1"'
    ends 0 --version
    says keymuster
}

@test "help: alone, of a command, of a noun, of nothing" {
    ends 0
    says keymuster
    ends 0 --help
    says create reveal exec sync
    ends 0 help create
    says --purpose --root
    ends 0 create --help
    says --purpose
    ends 0 site --help
    says 'site add'
}

@test "every command has a help page, and it names the command" {
    run --separate-stderr bash -c '"$KEYMUSTER" --help'
    [ "$status" -eq 0 ]
    for words in init join 'site add' 'site list' 'kms add' 'kms set' 'kms list' 'kms show' 'kms test' 'root add' \
        'root create' 'root rotate' 'root disable' 'root enable' 'root destroy' 'root restore' 'root list' 'root check' \
        create record list show status verify 'copy add' 'copy set' 'copy list' 'copy check' 'copy card' sync \
        'author list' 'author admit' 'author trust' 'author block' reveal exec check version help; do
        # shellcheck disable=SC2086
        ends 0 $words --help
        says "$words"
    done
}

@test "an unknown command is 2 and names the nearest" {
    ends 2 craete
    says create
    ends 2 stauts
    says 'nearest: keymuster status'
    ends 2 site ad
    says 'site add'
    ends 2 -o json craete
    error_is KM1001
}

@test "an unknown option is 2 and names the nearest; no abbreviations" {
    ends 2 list --feilds name
    says --feilds --fields
    ends 2 list --field name
    says --field
    # one that others have: who has it
    ends 2 list --from /media/usb/escrow
    says '--from is an option of:' reveal drill
    ends 2 list --nothing-has-this
    [[ $stderr != *'is an option of'* ]]
}

@test "a value that is missing, doubled or not wanted is 2" {
    ends 2 -C
    ends 2 init --site
    says --site
    ends 2 init --site --name x
    says --site
    ends 2 init --site fra --site mad
    says twice
    ends 2 list --json=yes
    says --json
    ends 2 list one surplus
    says 'takes 1 at most'
    silent_on surplus # what is too much may be a secret
    ends 2 -o yaml list
    says yaml
    ends 2 --color sometimes list
    says sometimes
    ends 2 --timeout soon list
    says --timeout
}

@test "a wrong value in the environment is 2 and names the variable" {
    KEYMUSTER_OUTPUT=yaml ends 2 list
    says KEYMUSTER_OUTPUT yaml
}

@test "with -o json a wrong command line is one line of JSON, too" {
    ends 2 -o json list --no-such-option
    [ -z "$output" ]
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
    error_is KM1001
    KEYMUSTER_OUTPUT=json ends 2 list --no-such-option
    error_is KM1001
}

@test "a secret on the command line is refused with a lesson, and is not repeated" {
    for option in --password --passphrase --token --api-key --secret; do
        ends 2 create vbr/x "$option" hunter2-hunter2
        says 'command line' file: prompt
        silent_on hunter2
        ends 2 create vbr/x "$option=hunter2-hunter2"
        silent_on hunter2
    done
    ends 2 -o json create vbr/x --password hunter2-hunter2
    error_is KM1005
    silent_on hunter2
    scene_fra
    ends 2 -C "$FRA" kms add kp-x --site fra --provider local --file "$T/x.kms" --credential hunter2-hunter2
    says file: prompt
    silent_on hunter2
    [ ! -e "$T/x.kms" ]
    ends 2 -C "$FRA" record vbr/x --purpose other --root fra-main --wrapped hunter2-hunter2
    silent_on hunter2
}

@test "standard output that takes nothing is an error" {
    [ -w /dev/full ] || skip 'no /dev/full here'
    run bash -c '"$KEYMUSTER" version >/dev/full'
    [ "$status" -eq 1 ] || [ "$status" -eq 5 ]
    [ -n "$output" ]
}

@test "a reader that went away is no reason for noise" {
    run --separate-stderr bash -c '"$KEYMUSTER" --help | true'
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
}

@test "without a store every command that needs one ends 10 and says how to get one" {
    for words in list status verify sync 'site list' 'kms list' 'root list' 'copy list' 'author list' 'show vbr/x'; do
        # shellcheck disable=SC2086
        ends 10 -C "$T/nowhere" $words
        says "$T/nowhere"
    done
    ends 10 -o json -C "$T/nowhere" list
    error_is KM2001
    says init
}
