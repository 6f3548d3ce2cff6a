#!/usr/bin/env bats
# Words as fingers miss them, and what was meant; the list was made by hand, before anything was run. None is done by guess.
load ../lib/cli.bash

commands() {
    cat <<'TABLE'
creat: create
craete: create
reate: create
recrod: record
lst: list
lits: list
shwo: show
stauts: status
staus: status
statsu: status
rewarp: rewrap
rewrp: rewrap
rehmoe: rehome
reky: rekey
sycn: sync
snyc: sync
upkep: upkeep
reveel: reveal
revael: reveal
exce: exec
chekc: check
exprot: export
improt: import
indentify: identify
dril: drill
drlil: drill
verfiy: verify
redy: ready
simualte: simulate
simulat: simulate
doctr: doctor
explian: explain
complation: completion
hlep: help
verison: version
inti: init
jion: join
metrcs: metrics
site lsit: site list
site ad: site add
kms lits: kms list
kms tset: kms test
root creat: root create
root rotat: root rotate
root destory: root destroy
copy chekc: copy check
copy crad: copy card
author admti: author admit
author retrie: author retire
recover strat: recover start
recover resmue: recover resume
runbook prnt: runbook print
report aduit: report audit
audit chekc: audit check
audit lgo: audit log
vbr reconsile: vbr reconcile
wrap retrie: wrap retire
persn list: person
polcy show: policy
recvoer start: recover
TABLE
}

options() {
    cat <<'TABLE'
create x --purpos other: --purpose
create x --rot r: --root
create x --protect-site fra: --protects-site
create x --need-until 1d: --needed-until
list --feilds name: --fields
list --field name: --fields
status --outptu json: --output
status --sotre x: --store
status --quite: --quiet
status --verbos: --verbose
status --ofline: --offline
status --timout 3s: --timeout
rewrap --stle: --stale
rewrap --al: --all
rewrap k --dryrun: --dry-run
rewrap k --dry-rum: --dry-run
reveal k --reson x: --reason
reveal k --tiket x: --ticket
drill --form x/: --from
reveal k --kmsfile x: --kms-file
simulate --loose site:x: --lose
ready --iflost x: --if-lost
drill --unprovn: --unproven
sync --repare: --repair
copy add a b --knwon-hosts x: --known-hosts
root destroy r --confrim r: --confirm
init --stie x: --site
join --form x: --from
recover start --lsot x: --lost
verify --lg: --log
TABLE
}

# Each line "WORDS: MEANT" is answered with MEANT as the nearest, usage, and nothing else is suggested.
judge() { # PREFIX: what stands before MEANT in the answer
    local line said meant wrong=0 words
    while IFS= read -r line; do
        said=${line%: *}
        meant=${line##*: }
        read -ra words <<<"$said"
        run "$KEYMUSTER" -C "$T/none" "${words[@]}"
        if [ "$status" -ne 2 ] || ! grep -qE "^  (do)?    *nearest: $1$meant\$" <<<"$output"; then
            echo "$said: not $meant: $(grep nearest <<<"$output")" >&2
            wrong=$((wrong + 1))
        fi
    done
    [ "$wrong" -eq 0 ]
}

@test "a command mis-typed: the right one is suggested, for sixty of them" {
    [ "$(commands | wc -l)" -eq 60 ]
    commands | judge 'keymuster '
}

@test "an option mis-typed: the right one is suggested, for thirty of them" {
    [ "$(options | wc -l)" -eq 30 ]
    options | judge ''
}

@test "what is like nothing gets no suggestion, and a list that suggests another is caught" {
    local word
    for word in frobnicate xyzzy 'site frobnicate' help-me-please; do
        # shellcheck disable=SC2086
        run "$KEYMUSTER" $word
        [ "$status" -eq 2 ]
        [[ $output != *nearest* ]]
    done
    run judge 'keymuster ' <<<'stauts: state'
    [ "$status" -ne 0 ]
}
