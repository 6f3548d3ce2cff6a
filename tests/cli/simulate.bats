#!/usr/bin/env bats
# simulate, ready: what would be lost with what, and whether that would be survived.
load ../lib/cli.bash
load ../lib/bco.bash

# lost LOSS: the keys that would have no way back.
lost() { "$KEYMUSTER" -C "$FRA" -o json simulate --lose "$1" | jq -r '[.keys[] | select(.lost) | "\(.name)@\(.generation)"] | join(" ")'; }
# loses EXPECTED LOSS
loses() {
    local got
    got=$(lost "$2")
    [ "$got" = "$1" ] || { printf 'without %s: %s, not %s\n' "$2" "$got" "$1" >&2; return 1; }
}
# rules LOSS: of the findings.
rules() { "$KEYMUSTER" -C "$FRA" -o json simulate --lose "$1" | jq -r '[.findings[].rule] | sort | join(" ")'; }

# The two sites with keys of every kind of way back; vbr/config under mad-main, vbr/job-sql under both.
scene_ways() {
    scene_two
    fra create only-fra --purpose backup-job --root fra-main
    fra create gone --purpose backup-job --root fra-main
    fra state gone destroyed --reason test --confirm gone
    fra create past --purpose backup-job --root fra-main --needed-until 2001-01-01
    fra sync
}

@test "each kind of loss takes what is under it, and nothing else" {
    scene_ways
    loses 'only-fra@1' site:fra
    loses 'vbr/config@1' site:mad # the copy is there, but this store is left
    loses 'only-fra@1' kms:kp-fra
    loses 'only-fra@1' root:fra-main
    loses 'vbr/config@1' root:mad-main
    loses '' copy:usb
    loses 'only-fra@1' credential:kp-fra
    loses 'only-fra@1 vbr/config@1 vbr/job-sql@1' vendor:local
    version=$(ask '.wraps[0].version' -C "$FRA" show only-fra)
    loses 'only-fra@1' "version:$version"
    loses 'only-fra@1' "version:${version:0:8}"
    fra root rotate fra-main
    fra rewrap only-fra
    loses '' "version:$version"
    fra wrap add only-fra --root mad-main
    loses '' site:fra
    fra root destroy mad-main --confirm mad-main
    fra root check mad-main
    loses 'only-fra@1 vbr/config@1 vbr/job-sql@1' site:fra
}

@test "region, vendor, account, person: by what sites and KMSs say of themselves" {
    new_kms kp-fra kp-mad
    fra init --site fra
    fra site add mad --region south --vendor acme
    fra site add rome --region south
    fra kms add kp-fra --site fra --provider local --file "$T/kp-fra.kms" --credential "file:$T/kp-fra.pass" --kept-at 'safe of anna'
    fra kms add kp-mad --site mad --provider local --file "$T/kp-mad.kms" --credential "file:$T/kp-mad.pass" --kept-at 'vault mad'
    fra root create fra-main --kms kp-fra
    fra root create mad-main --kms kp-mad
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site rome
    fra person add anna
    fra create a --purpose backup-job --root fra-main
    fra create m --purpose backup-job --root mad-main
    loses 'm@1' region:south
    loses 'm@1' vendor:acme
    loses 'a@1' person:anna
    loses 'm@1' 'credential:vault mad'
    for bad in site:nowhere region:north account:none vendor:none credential:none person:bert version:0123 copy:none; do
        ends 13 -C "$FRA" simulate --lose "$bad"
    done
    for bad in fra site: colour:red; do ends 2 -C "$FRA" simulate --lose "$bad"; done
}

@test "what breaks the rule that a key outlives its site is 3; what is only sad is 0" {
    scene_ways
    ends 0 -C "$FRA" simulate --lose site:fra
    says '1 of 3 keys would have no way back' only-fra 'no wrap is left' 'KMS lost'
    fra create risk --purpose config-backup --root fra-main --accept-risk test
    ends 3 -o json -C "$FRA" simulate --lose site:fra
    json '.must_outlive_lost == 1 and (.findings | map(.rule)) == ["outlive"] and .findings[0].severity == "high"
          and (.findings[0].text | contains("risk@1")) and .kms_lost == ["kp-fra"] and .copies_left == ["usb"]'
    ends 3 -C "$FRA" simulate --lose site:fra
    says 'must outlive the site' 'keymuster wrap add'
    # the copy and the only way to vbr/config are there; fra itself still stands
    [ "$(rules site:mad)" = 'copies only-way' ]
    [ "$(rules root:mad-main)" = only-way ]
    ends 3 -C "$FRA" simulate --lose root:mad-main
    says vbr/config@1
    fra wrap add vbr/config --root fra-main
    [ -z "$(rules root:mad-main)" ]
    ends 0 -C "$FRA" simulate --lose root:mad-main
}

@test "circles and common fates are findings" {
    scene_ways
    [ -z "$(rules site:fra)" ]
    fra kms set kp-mad --kept-at 'vault fra'
    [ "$(rules site:fra)" = credential ]
    ends 3 -C "$FRA" simulate --lose site:fra
    says 'kp-mad' 'vault fra' '--kept-at'
    fra kms set kp-mad --kept-at 'in VBR, under vbr/config'
    [ "$(rules copy:usb)" = 'circle copies' ]
    fra kms set kp-mad --kept-at 'vault mad'
    [ -z "$(rules site:fra)" ]
    ends 0 -o json -C "$FRA" kms show kp-mad
    json '.kept_at == "vault mad"'
    # both sites in one region
    fra site add left --region one
    fra site add right --region one
    fra kms add kp-right --site right --provider local --file "$T/right.kms" --credential "file:$T/kp-mad.pass"
    fra root create right --kms kp-right
    fra create near --purpose config-backup --root right --protects-site left
    [ "$(rules site:left)" = fate ]
    ends 3 -C "$FRA" simulate --lose site:left
    says region near@1
    fra wrap add near --root fra-main
    [ -z "$(rules site:left)" ]
}

@test "nobody left to admit others, and no copy left, are findings" {
    scene_keys # one author, at fra
    [ "$(rules site:fra)" = authors ]
    [ "$(rules site:mad)" = 'copies only-way' ]
    [ "$(rules copy:usb)" = copies ]
}

@test "the matrix has all that can be lost, and says the same as each alone" {
    scene_ways
    ends 3 -o json -C "$FRA" simulate
    json '[.losses[].lose] == ["site:fra","site:mad","kms:kp-fra","kms:kp-mad","root:fra-main","root:mad-main","copy:usb","vendor:local"]'
    matrix=$output
    for loss in site:fra site:mad kms:kp-fra kms:kp-mad root:fra-main root:mad-main copy:usb vendor:local; do
        one=$("$KEYMUSTER" -C "$FRA" -o json simulate --lose "$loss" | jq -cS 'del(.schema, .keys)') || [ $? -eq 3 ]
        [ "$(jq -cS --arg l "$loss" '.losses[] | select(.lose == $l)' <<<"$matrix")" = "$one" ]
    done
    ends 3 -C "$FRA" simulate
    says 'site:fra' 'KEYS LOST'
    ends 0 -o ndjson -C "$FRA" simulate --lose site:fra
    [ "$(jq -s -c 'map(.schema) | unique' <<<"$output")" = '["keymuster.simulate.key/1","keymuster.simulate/1","keymuster.summary/1"]' ]
    "$KEYMUSTER" -C "$T/empty" init --site x
    ends 3 -C "$T/empty" simulate --lose site:x # nobody would be left
    says '0 of 0 keys would still have a way back'
}

@test "ready: one sentence, and 0 only when all of it holds" {
    scene_two
    ends 3 -o json -C "$FRA" ready --if-lost fra
    json '(.ready | not) and .key.name == "vbr/config" and .key.kms == "kp-mad" and (.lacks | length) == 2'
    says 'never drilled' 'kms set kp-mad --kept-at'
    fra kms set kp-mad --kept-at 'vault mad'
    mad sync
    mad drill vbr/config --copy usb
    fra sync
    ends 0 -o json -C "$FRA" ready --if-lost fra
    json '.ready and .lacks == [] and .key.drilled_from == "mad" and .copy == "usb" and .copy_lacks == 0 and .authors_left == 1'
    ends 0 -C "$FRA" ready --if-lost fra
    [ "$(wc -l <<<"$output")" -eq 1 ]
    says 'If fra burned now: the configuration backup opens with vbr/config@1 through kp-mad (drilled from mad' \
        'credential in vault mad' '0 other keys would be lost' 'copy usb reached' '1 trusted author left'
    fra create only --purpose backup-job --root fra-main
    ends 0 -C "$FRA" ready --if-lost fra
    says '1 other key would be lost'
    # a new generation is what counts, and nobody has drilled it
    fra rekey vbr/config
    ends 3 -C "$FRA" ready --if-lost fra
    says 'NOT READY' 'vbr/config@2' 'never drilled'
    ends 0 -C "$FRA" ready --if-lost fra --key vbr/config@1
    # what was recorded and is in no copy
    "$KEYMUSTER" -C "$FRA" state vbr/config --owner x --offline
    ends 3 -C "$FRA" ready --if-lost fra --key vbr/config@1
    says 'not in the copy usb'
    fra sync
    # the root key it hangs on is gone
    fra root destroy mad-main --confirm mad-main
    ends 3 -C "$FRA" ready --if-lost fra
    says 'would not open with vbr/config@2'
}

@test "ready: the head of a configuration backup says which key" {
    scene_two
    wdek=$(ask '.wraps[0].ciphertext' -C "$FRA" show vbr/config)
    bco_make "$T/fra.bco" "fra config | $wdek"
    fra rekey vbr/config
    ends 3 -o json -C "$FRA" ready --if-lost fra --bco "$T/fra.bco"
    json '.key.generation == 1 and .bco.by == "wrap"'
    ends 13 -C "$FRA" ready --if-lost fra --bco "$T/none"
    ends 2 -C "$FRA" ready --if-lost fra --bco "$T/fra.bco" --key vbr/config
    ends 2 -C "$FRA" ready
    ends 13 -C "$FRA" ready --if-lost nowhere
}

@test "ready: no key, no copy, nobody else" {
    scene_fra
    ends 3 -C "$FRA" ready --if-lost fra
    says 'has no key here' 'no copy elsewhere' 'create NAME' 'author spare'
}

@test "minimum wraps and copies of policy: a loss that leaves fewer is a finding, by purpose" {
    scene_two
    mkdir "$T/here"
    fra copy add here "file://$T/here" --site fra
    fra root create fra-two --kms kp-fra
    fra kms set kp-mad --kept-at 'vault'
    [ -z "$(rules root:fra-main)" ]
    ends 0 -C "$FRA" simulate --lose root:fra-main
    # vbr/job-sql lies under fra-main and mad-main
    fra policy set backup-job.wraps=2 --reason two
    [ "$(rules root:fra-main)" = policy-wraps ]
    ends 3 -C "$FRA" simulate --lose root:fra-main
    says 'fewer wraps than policy asks for, such as vbr/job-sql@1' 'wrap add'
    [ -z "$(rules root:fra-two)" ] # it takes nothing
    ends 3 -o json -C "$FRA" simulate
    json '[.losses[] | select(.lose == "root:fra-main" or .lose == "root:fra-two") | [.findings[].rule]] == [["policy-wraps"], []]'
    fra wrap add vbr/job-sql --root fra-two
    [ -z "$(rules root:fra-main)" ]
    [[ $(rules kms:kp-fra) == *policy-wraps* ]]
    fra policy set other.copies=2 --reason two
    [ -z "$(rules copy:here)" ] # there is none of that purpose
    fra policy set copies=2 --reason two
    [ "$(rules copy:here)" = policy-copies ]
    ends 3 -C "$FRA" simulate --lose copy:here
    says '2 would be on fewer copies'
    # what every key is asked for anyway is no finding of its own
    fra policy set backup-job.wraps=default copies=default --reason 'as before'
    ends 0 -C "$FRA" simulate --lose copy:here
}
