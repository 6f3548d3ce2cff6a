#!/usr/bin/env bats
# policy show|set, and what asks it: create, record, reveal, exec, drill --due, list, status, ready.
load ../lib/cli.bash

# value RULE PURPOSE: what holds at FRA.
value() { "$KEYMUSTER" -C "$FRA" -o json policy show | jq -r --arg r "$1" --arg p "$2" '.rules[] | select(.rule == $r and .purpose == $p) | "\(.value) \(.from)"'; }
is() { # EXPECTED RULE PURPOSE
    local got
    got=$(value "$2" "$3")
    [ "$got" = "$1" ] || { printf '%s of %s: %s, not %s\n' "$2" "$3" "$got" "$1" >&2; return 1; }
}

@test "without a word in the log the defaults hold; a rule for one purpose wins over the one for all" {
    fra init --site fra
    is '1 default' wraps config-backup
    is '90d default' drill other
    is 'none default' max-age backup-job
    ends 0 -C "$FRA" policy show
    says 'wraps' 'default' 'approvers'
    fra policy set drill=30d config-backup.drill=1w copies=2 ticket=yes --reason 'audit 2026'
    is '7d set' drill config-backup
    is '30d set for all' drill other
    is '2 set for all' copies other
    is 'yes set for all' ticket backup-job
    ends 0 -C "$FRA" audit log --kind policy.changed
    says '"drill.config-backup":{"value":"1w","reason":"audit 2026","supersedes":[]}'
    fra policy set config-backup.drill=default drill=default --reason 'as before'
    is '90d default' drill config-backup
    fra verify
    # a later value names the one that it replaces
    fra policy set copies=3 --reason more
    is '3 set for all' copies other
    ends 0 -C "$FRA" -o json status
    json '.conflicts == 0'
}

@test "what is no rule, no value, twice, or without a reason is refused and nothing is written" {
    fra init --site fra
    before=$(ask .digest -C "$FRA" status)
    for bad in wraps=0 wraps=33 wraps=-1 wraps=01 wraps=1x wraps= copies=33 drill=90 drill=5q drill=201y \
        reason=maybe approvers=10; do
        ends 2 -C "$FRA" policy set "$bad" --reason R
    done
    for bad in rules=1 nobody.wraps=1 wraps.config-backup.x=1 .=1 =1 "$(printf 'w%.0s' {1..200})=1"; do
        ends 13 -C "$FRA" policy set "$bad" --reason R
        says 'config-backup'
    done
    ends 2 -C "$FRA" policy set wraps --reason R
    ends 2 -C "$FRA" policy set wraps=1 wraps=2 --reason R
    ends 17 -C "$FRA" policy set wraps=2
    ends 0 -C "$FRA" policy set wraps=2 --reason R -n
    [ "$(ask .digest -C "$FRA" status)" = "$before" ]
}

@test "create wants as many wraps as policy asks for, unless the risk is accepted; what lacks is a debt until it is paid" {
    scene_two
    fra policy set config-backup.wraps=2 --reason 'two clouds'
    ends 17 -C "$FRA" create vbr/new --purpose config-backup --root mad-main
    says '2 root keys' '--root NAME' '--owe' '--accept-risk'
    ends 13 -C "$FRA" show vbr/new
    fra create vbr/owed --purpose config-backup --root mad-main --owe fra-main
    fra create vbr/risk --purpose config-backup --root mad-main --accept-risk 'until friday'
    fra create vbr/job2 --purpose backup-job --root fra-main
    ends 0 -C "$FRA" -o json list --debt
    json '[.keys[] | "\(.name) \(.wraps_missing) \(.debts | length)"] == ["vbr/config 1 0", "vbr/owed 0 1", "vbr/risk 1 0"]'
    ends 0 -C "$FRA" -o json status
    json '.debts == 3'
    fra wrap add vbr/risk --root fra-main
    fra wrap add vbr/owed --root fra-main
    fra wrap add vbr/config --root fra-main
    ends 0 -C "$FRA" -o json list --debt
    json '.keys == []'
    # a destroyed root key is no way back any more
    fra root destroy fra-main --confirm fra-main
    ends 0 -C "$FRA" -o json list --debt --fields name
    json '[.keys[].name] == ["vbr/config", "vbr/job2", "vbr/owed", "vbr/risk"]'
}

@test "copies that policy asks for and that do not have a record are a debt" {
    scene_keys
    fra policy set copies=2 --reason 'one is none'
    ends 0 -C "$FRA" -o json list vbr/config
    json '.keys[0].copies_missing == 1 and .keys[0].released'
    mkdir "$T/second"
    fra copy add second "file://$T/second" --site mad
    ends 0 -C "$FRA" -o json list vbr/config
    json '.keys[0].copies_missing == 0'
    mv "$T/second" "$T/away"
    "$KEYMUSTER" -C "$FRA" create vbr/later --purpose backup-job --root fra-main
    ends 0 -C "$FRA" -o json list --debt
    json '[.keys[].name] == ["vbr/later"]'
    mv "$T/away" "$T/second"
    fra sync
    ends 0 -C "$FRA" -o json list --debt
    json '.keys == []'
}

@test "a reason for every change of a key, a ticket and a person for every showing: 17, and a recovery is only warned" {
    scene_two
    fra policy set reason=yes ticket=yes person=yes --reason 'house rule'
    mad sync
    ends 17 -C "$FRA" create vbr/new --purpose backup-job --root fra-main
    says '--reason'
    ends 17 -C "$FRA" rekey vbr/job-sql
    fra create vbr/new --purpose backup-job --root fra-main --reason 'new job'
    ends 0 -C "$FRA" audit log --kind key.created --key vbr/new
    says '"reason":"new job"'
    ends 17 -C "$FRA" --no-input reveal vbr/config --reason test --to "file:$T/shown"
    says ticket '--accept-risk'
    ends 125 -C "$FRA" --no-input exec vbr/config --reason test -- true
    [ ! -e "$T/shown" ]
    ends 17 -C "$FRA" --no-input reveal vbr/config --reason test --ticket T1 --to "file:$T/shown"
    says '--as PERSON'
    ends 0 -C "$FRA" audit log --kind reveal.intended
    [ -z "$output" ] # nothing was begun
    ends 0 -C "$FRA" --no-input reveal vbr/config --reason test --ticket T1 --as anna --to "file:$T/shown"
    ends 0 -C "$FRA" --no-input reveal vbr/config --reason test --accept-risk night --to "file:$T/shown2"
    says 'policy asks for a ticket and the person'
    lost_options
    ends 0 --no-input reveal vbr/config "${lost[@]}" --reason fire --to "file:$T/shown3"
    says 'policy asks for'
    cmp "$T/shown" "$T/shown3"
}

@test "the interval of drills is policy's: list, drill --due, ready" {
    scene_two
    mad drill vbr/config
    fra sync
    ends 0 -C "$FRA" -o json list vbr/config
    json '.keys[0].drill_due == false'
    sleep 1.1
    fra policy set config-backup.drill=1s --reason 'to see it'
    mad sync
    ends 0 -C "$FRA" -o json list vbr/config
    json '.keys[0].drill_due == true'
    ends 3 -C "$FRA" -o json ready --if-lost fra
    json '.lacks | map(select(contains("drilled too long ago"))) | length == 1'
    fra policy set config-backup.drill=none --reason 'never again'
    ends 0 -C "$FRA" -o json list vbr/config
    json '.keys[0].drill_due == false'
}

@test "two sites set a rule apart: the stricter holds, it is a conflict with the command that settles it" {
    scene_two
    mv "$USB" "$T/away"
    "$KEYMUSTER" -C "$FRA" policy set drill=10d wraps=3 --reason fra
    "$KEYMUSTER" -C "$MAD" policy set drill=20d wraps=2 --reason mad
    mv "$T/away" "$USB"
    fra sync
    mad sync
    fra sync
    is '10d conflict' drill other
    is '3 conflict' wraps other
    ends 0 -C "$FRA" status
    says 'drill of the policy was set apart by two sites' 'keymuster policy set drill=VALUE --reason TEXT'
    ends 0 -C "$FRA" policy show
    says CONFLICT
    fra policy set drill=15d wraps=1 --reason agreed
    is '15d set for all' drill other
    mad sync
    ends 0 -C "$MAD" -o json status
    json '.conflicts == 0'
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
}

# Every command of the help, and how it stands to the rule `reason`: asks it; wants a reason always; or why not at all.
reasons='
asks   create record rekey import rewrap rehome wrap-add state vbr-push vbr-adopt vbr-delivered
always reveal exec policy-set wrap-retire vbr-remove author-retire site-lost audit-kms-events
timer  upkeep
proof  drill check verify ready simulate vbr-verify vbr-reconcile vbr-test root-check root-retire-check kms-test kms-retire-check copy-check doctor
       recover-start recover-resume recover-note recover-attach recover-countersign recover-list recover-show
no-key site-add site-list site-restored kms-add kms-set kms-list kms-show root-add root-create root-rotate root-disable root-enable root-destroy
       root-restore root-list copy-add copy-set copy-list copy-card vbr-add vbr-set vbr-list author-admit author-adopt author-block author-list
       author-renew author-request author-spare author-trust person-add person-set person-left person-list runbook-add runbook-check
       runbook-list runbook-print runbook-show init join sync export
reads  list show status identify wrap-list policy-show audit-check audit-export audit-log audit-who report-audit report-drill report-run
       report-verify metrics completion explain help version'

@test "the rule reason: every command that changes a key asks it, and the entry keeps the reason" {
    scene_two
    local words missing= before
    "$KEYMUSTER" help | sed -nE 's/^  ([a-z]+( [a-z-]+)?)  .*/\1/p' | sort -u >there
    while read -r words; do
        grep -qE "(^|[ ])${words// /-}( |\$)" <<<"$reasons" || missing+=" '$words'"
    done <there
    [ -z "$missing" ] || { echo "not in the list:$missing" >&2; return 1; }
    # so the list finds one that is missing
    grep -qE "(^|[ ])wrap-mend( |\$)" <<<"$reasons" && return 1

    ask '.wraps[0].ciphertext' -C "$FRA" show vbr/config >wdek
    printf 'canary-known' >known
    jq -nc --rawfile w wdek '{name: "vbr/imported", wrapped: ($w | rtrimstr("\n"))}' >list
    fra root rotate mad-main
    fra root create other --kms kp-mad
    fra policy set reason=yes --reason 'house rule'
    before=$(ask .digest -C "$FRA" status)
    while read -r words; do
        # shellcheck disable=SC2086
        ends 17 -o json -C "$FRA" $words
        error_is KM6004
        says "${words%% *}" 'policy wants one'
    done <<'EOF'
create vbr/new --purpose backup-job --root fra-main
record vbr/new --purpose backup-job --root fra-main --secret file:known
rekey vbr/job-sql
rewrap vbr/config
rewrap --stale --yes
rewrap --all --yes
rehome vbr/config --to other
rehome --all --to other --yes
wrap add vbr/config --root fra-main
state vbr/config --owner anna
EOF
    ends 3 -o json -C "$FRA" import list --root mad-main --purpose backup-job # row by row
    json '.refused == 1 and (.rows[0].why | contains("policy wants one"))'
    [ "$(ask .digest -C "$FRA" status)" = "$before" ]
    # only the purposes that the rule is for
    fra policy set reason=no config-backup.reason=yes --reason 'less of it'
    fra rehome vbr/job-sql --to other
    ends 17 -C "$FRA" rehome vbr/job-sql vbr/config --to other
    ends 17 -C "$FRA" rewrap vbr/job-sql vbr/config
    [ "$(ask '[.wraps[].how] | index("rewrap")' -C "$FRA" show vbr/job-sql)" = null ] # none before all may
    fra wrap add vbr/config --root other --reason 'a second way' --ticket T7
    fra state vbr/config --owner anna --reason 'she is back'
    fra rewrap vbr/job-sql
    ends 0 -C "$FRA" audit log --key vbr/config --kind wrap.added
    says '"reason":"a second way","ticket":"T7"'
    # on one's responsibility; and a timer says what it is
    fra rewrap vbr/config --accept-risk 'no time'
    fra root rotate mad-main
    fra upkeep
    ends 0 -C "$FRA" audit log --kind wrap.added
    says '"reason":"upkeep"'
    fra verify
}
