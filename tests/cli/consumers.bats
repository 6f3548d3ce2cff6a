#!/usr/bin/env bats
# Who uses a key: jobs, tiers and the configuration backup of a backup server, as it says itself (REST, played by the simulator and
# judged) or as a script there lists it; what that keeps open, and which generations are needed still.
load ../lib/vbr_judged
load ../lib/bco

scene() {
    scene_keys
    fra vbr add vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    fra vbr push vbr/job-sql
    fra vbr push vbr/config --config-backup
}
id_of() { vbr_state ".passwords[] | select(.hint | startswith(\"$1 \")).id"; }
bodies() { "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -c 'select(.entry.kind? == "vbr.observed") | .entry.body | select(.result == "consumers")'; }
setting() { jq -nc --arg p "$1" '{isEnabled: true, encryptionType: "ByUserPassword", encryptionPasswordId: $p}'; }
# Jobs as REST has them: where the setting is differs. NAME TYPE PASSWORD
job() {
    jq -nc --arg n "$1" --arg t "$2" --argjson e "$(setting "$3")" --arg i "$(uuidgen)" '
        {id: $i, name: $n, type: $t, isDisabled: false} + (
        if $t == "BackupCopy" then {target: {advancedSettings: {storageData: {encryption: $e}}}}
        elif $t == "FileBackup" then {backupRepository: {advancedSettings: {storageData: {encryption: {isEnabled: false}}}}, secondaryTargets: [{encryption: $e}]}
        elif $t == "FileBackupCopy" then {encryption: $e}
        else {storage: {backupRepositoryId: $i, advancedSettings: {storageData: {encryption: $e}}}} end)'
}
jobs() { vbr_control POST jobs "$(jq -sc .)" >/dev/null; }
plain_job() { jq -nc --arg i "$(uuidgen)" '{id: $i, name: "open", type: "VSphereBackup", isDisabled: false, storage: {advancedSettings: {storageData: {encryption: {isEnabled: false}}}}}'; }
kms_job() { jq -nc --arg i "$(uuidgen)" --arg p "$1" '{id: $i, name: "by KMS", type: "VSphereBackup", isDisabled: false, storage: {advancedSettings: {storageData:
    {encryption: {isEnabled: true, encryptionType: "ByKms", kmsServerId: $i, encryptionPasswordId: $p}}}}}'; }

@test "jobs of every kind, tiers and the configuration backup are asked, recorded and shown; the requests are as described" {
    scene
    sql=$(id_of vbr/job-sql)
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '.used_by == [] and .needed_by == [] and (has("use_seen") | not)'
    ends 0 -C "$FRA" show vbr/job-sql
    says 'used by     not known: keymuster vbr reconcile'
    {
        job 'SQL nightly' VSphereBackup "$sql"
        job 'SQL copy' BackupCopy "$sql"
        job 'shares' FileBackup "$sql"
        job 'shares copy' FileBackupCopy "$sql"
        plain_job
        kms_job "$sql"
    } | jobs
    vbr_control POST tiers "$(jq -nc --argjson e "$(setting "$sql")" --arg p "$sql" --arg i "$(uuidgen)" '[{id: $i, name: "sobr", description: "", performanceTier: {performanceExtents: []},
        capacityTier: {isEnabled: true, extents: [{id: $i, cryptoKeyId: $p}], encryption: $e}, archiveTier: {isEnabled: true, encryption: $e}},
        {id: $i, name: "off", description: "", performanceTier: {performanceExtents: []}, capacityTier: {isEnabled: false, encryption: $e}, archiveTier: {isEnabled: false, extentCryptoKeyId: $p}}]')" >/dev/null
    vbr_control DELETE log >/dev/null
    ends 0 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.items[] | {(.name): [.used_by[] | "\(.kind) \(.name)"] | unique}] | add == {"vbr/config": ["config-backup "], "vbr/job-sql":
        ["archive-tier sobr", "capacity-tier sobr", "job SQL copy", "job SQL nightly", "job shares", "job shares copy"]}'
    json '.needed == []'
    [ "$(vbr_log '[.[] | select(.path | test("jobs|scaleOut|configBackup"))] | length')" -eq 3 ] # few requests
    [ "$(vbr_log length)" -le 6 ]
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '[.used_by[].name] == ["sobr", "sobr", "SQL copy", "SQL nightly", "shares", "shares copy"] and all(.used_by[]; .server == "vbr-fra" and (.seen | startswith("20")))
        and (.use_seen | startswith("20"))'
    ends 0 -C "$FRA" show vbr/job-sql
    says 'used by     job SQL nightly   vbr-fra   seen 20' 'used by     the capacity tier of sobr   vbr-fra'
    ends 0 -C "$FRA" show vbr/config
    says 'used by     the configuration backup   vbr-fra   seen 20'
    # Every entry is of the form, and the other site reads the same.
    bodies | jq -se 'map(.part) | sort == ["config-backup", "jobs", "tiers"]'
    # The same again: within a day that is no news.
    before=$(bodies | wc -l)
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    [ "$(bodies | wc -l)" -eq "$before" ]
    plain_job | jobs # news, and -n
    ends 0 -C "$FRA" vbr reconcile vbr-fra -n
    [ "$(bodies | wc -l)" -eq "$before" ]
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    [ "$(bodies | wc -l)" -eq $((before + 1)) ]
    ends 0 -C "$FRA" verify
    judge_log 0
}

exposed() { # KEY: a person has seen it, a successor is delivered and drilled
    "$KEYMUSTER" -C "$FRA" reveal "$1" --reason test --to - >/dev/null 2>&1
    fra rekey "$1" --to vbr:vbr-fra
    fra drill "$1"
}

@test "a duty stays open while a job uses the old key, says which, and closes when the last one has changed over" {
    scene
    old=$(id_of vbr/job-sql)
    { job 'SQL nightly' VSphereBackup "$old"; job 'SQL copy' BackupCopy "$old"; } | jobs
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    exposed vbr/job-sql
    new=$(id_of vbr/job-sql@2)
    ends 0 -C "$FRA" status
    says 'duty: vbr/job-sql@1 was seen by a person' 'still used by job SQL copy and 1 more, as seen on 20'
    ends 0 -C "$FRA" show vbr/job-sql@1
    says 'EXPOSED' 'still used by job SQL copy and 1 more' 'used by     job SQL nightly   vbr-fra'
    ends 3 -o json -C "$FRA" audit check
    json 'any(.. | strings; test("still used by job SQL copy"))'
    # One of them changes over; then the other.
    { job 'SQL nightly' VSphereBackup "$old"; job 'SQL copy' BackupCopy "$new"; } | jobs
    ends 0 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.needed[] | [.name, .generation, .newest, .by]] == [["vbr/job-sql", 1, false, ["job SQL nightly", "the server has it"]]]'
    ends 0 -C "$FRA" status
    says 'still used by job SQL nightly, as seen'
    { job 'SQL nightly' VSphereBackup "$new"; job 'SQL copy' BackupCopy "$new"; } | jobs
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    ends 0 -C "$FRA" status
    silent_on 'duty:'
    ends 0 -C "$FRA" show vbr/job-sql@1
    says 'used by     nobody known   seen 20'
    # Back again: open again, though the list is one that was recorded before.
    { job 'SQL nightly' VSphereBackup "$old"; job 'SQL copy' BackupCopy "$new"; } | jobs
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    ends 0 -C "$FRA" status
    says 'still used by job SQL nightly, as seen'
    judge_log 0
}

@test "where nobody ever looked, who uses it is not known, and a duty closes as before" {
    scene
    exposed vbr/job-sql
    ends 0 -C "$FRA" status
    silent_on 'duty:'
    ends 0 -C "$FRA" show vbr/job-sql@1
    says 'used by     not known: keymuster vbr reconcile'
}

@test "rekey of the configuration backup's key closes its duty by itself: that job has changed over" {
    scene_two
    fra vbr add vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    fra vbr push vbr/config --config-backup
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    exposed vbr/config
    fra sync
    mad sync
    mad drill vbr/config # where it counts
    fra sync
    ends 0 -C "$FRA" status
    silent_on 'duty: vbr/config'
    ends 0 -C "$FRA" show vbr/config
    says 'used by     the configuration backup   vbr-fra'
    ends 0 -C "$FRA" vbr reconcile vbr-fra -n
    judge_log 0
}

@test "what the account may not see is said, and what was known of it stays; an answer that is no list is a finding" {
    scene
    sql=$(id_of vbr/job-sql)
    job 'SQL nightly' VSphereBackup "$sql" | jobs
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    vbr_set '{"role": "Security Administrator"}'
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    says 'may not see the scale-out repositories of vbr-fra' 'may not see the configuration backup'
    ends 0 -o json -C "$FRA" show vbr/config
    json '[.used_by[].kind] == ["config-backup"]'
    vbr_set '{"role": "Backup Administrator"}'
    vbr_fault '{"path": "/jobs", "kind": "malformed"}'
    ends 3 -C "$FRA" vbr reconcile vbr-fra
    says 'the jobs of vbr-fra cannot be read'
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '[.used_by[].name] == ["SQL nightly"]'
    # A password that nobody escrowed is used: who uses it is beside it.
    VBR_TOKEN=$(vbr_token) vbr_call POST encryptionPasswords -d '{"password":"canary-own","hint":"123a"}' >/dev/null
    own=$(vbr_state '.passwords[] | select(.hint == "123a").id')
    job $'evil \e[31m' VSphereBackup "$own" | jobs
    ends 3 -C "$FRA" vbr reconcile vbr-fra
    says 'never escrowed' 'job evil \x1B' '1 of what uses a key there uses one that this escrow does not know'
    grep -q $'\033' <<<"$output$stderr" && return 1
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.items[] | select(.verdict == "never escrowed").used_by[].kind] == ["job"]'
}

@test "lists of many pages and many entries: read in pages, recorded whole, and read back whole" {
    scene
    sql=$(id_of vbr/job-sql)
    jq -nc --argjson e "$(setting "$sql")" '[range(1200) | {id: ("00000000-0000-4000-8000-" + ("000000000000" + tostring)[-12:]), name: "job \(.) \("ä" * 150)", type: "VSphereBackup",
        storage: {advancedSettings: {storageData: {encryption: $e}}}}]' >many
    vbr_control POST jobs "$(cat many)" >/dev/null 2>&1 || curl -sS --noproxy '*' --data-binary @many "$VBR_CONTROL/sim/jobs" >/dev/null
    vbr_control DELETE log >/dev/null
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    [ "$(vbr_log '[.[] | select(.path | contains("/jobs"))] | length')" -eq 25 ]
    [ "$(bodies | jq -s '[.[] | select(.part == "jobs")] | length')" -ge 3 ]
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '(.used_by | length) == 1200 and all(.used_by[].name; test("^job [0-9]+ ä+$"))'
    ends 0 -C "$FRA" verify
    judge_log 0
}

# As a script writes it. KIND NAME KEYID [DESCRIPTION]
row() { jq -nc --arg c "$1" --arg n "$2" --arg k "$3" --arg d "${4-}" --arg t "${seen-2026-11-20T02:00:00Z}" '{Consumer: $c, Name: $n, Id: "", KeyId: $k, KeyDescription: $d, SeenUtc: $t}'; }
none=00000000-0000-0000-0000-000000000000

@test "a list by script, with a server's name: in the place of asking; it takes the place of what was asked before" {
    scene
    sql=$(id_of vbr/job-sql)
    job 'old job' VSphereBackup "$sql" | jobs
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    seen=$(date -u -d '1 minute' +%FT%TZ)
    { row tape-pool 'Weekly' "$sql"; row repository 'agents' "$sql"; row job open $none; row config-backup '' $none; } | jq -s . | iconv -t UTF-16 >uses
    vbr_control DELETE log >/dev/null
    ends 0 -C "$FRA" vbr reconcile vbr-fra --consumers uses
    [ "$(vbr_log '[.[] | select(.path | test("jobs|configBackup"))] | length')" -eq 0 ]
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '[.used_by[] | [.kind, .name]] == [["repository", "agents"], ["tape-pool", "Weekly"]]'
    # What is asked later is known beside it: REST has no tape pools.
    sleep 1
    job 'new job' VSphereBackup "$sql" | jobs
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '[.used_by[].name] | sort == ["Weekly", "agents", "new job"]'
    # An older list than the one on record is no news.
    seen=2026-01-01T00:00:00Z
    row config-backup '' $none >uses
    ends 0 -C "$FRA" vbr reconcile vbr-fra --consumers uses
    says 'older than what is on record'
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '[.used_by[].name] | length == 3'
}

@test "a site of scripts: no server, no ids, by the description; cut, broken, foreign: nothing is recorded" {
    scene_keys
    wdek=$(ask '[.wraps[] | select(.root == "mad-main")][0].ciphertext' -C "$FRA" show vbr/job-sql)
    fra vbr delivered vbr/job-sql --evidence 'added by script'
    jq -nc --arg d "vbr/job-sql | $wdek" '{Id: "10000000-0000-4000-8000-000000000001", Description: $d, EncryptedPassword: "", ModificationDateUtc: "2026-01-01T00:00:00Z"}' >keys
    { row job nightly '' "vbr/job-sql | $wdek"; row config-backup '' ''; } | jq -s . >uses
    ends 0 -C "$FRA" vbr reconcile --file keys --consumers uses
    ends 0 -C "$FRA" show vbr/job-sql
    says 'used by     job nightly   seen 2026-11-20'
    before=$(bodies | wc -l)
    row job nightly '' "vbr/job-sql | $wdek" >cut
    ends 3 -C "$FRA" vbr reconcile --file keys --consumers cut
    says 'the list of what uses keys is cut'
    for bad in '[1]' '{}' '[{"Consumer":"job","KeyId":"x","Name":"a"}]' '[{"Consumer":"job","Name":""}]' '"text"' '[' \
        '[{"Consumer":"job","Name":"a","SeenUtc":"/Date(1)/"}]'; do
        printf '%s' "$bad" >bad
        ends 2 -C "$FRA" vbr reconcile --file keys --consumers bad
    done
    ends 13 -C "$FRA" vbr reconcile --file keys --consumers none
    head -c 17000000 /dev/zero >huge
    ends 2 -C "$FRA" vbr reconcile --file keys --consumers huge
    [ "$(bodies | wc -l)" -eq "$before" ]
    # A clock that is ahead does not keep out what comes after.
    seen=2099-01-01T00:00:00Z
    row config-backup '' '' >uses
    ends 0 -C "$FRA" vbr reconcile --file keys --consumers uses
    ends 0 -C "$FRA" show vbr/job-sql
    says "used by     nobody known   seen $(date -u +%Y-)"
}

@test "generations needed still: by a job, a file on disk, the server; past its date, destroyed, gone: a finding" {
    scene
    old=$(id_of vbr/config)
    wdek=$(ask '.wraps[0].ciphertext' -C "$FRA" show vbr/config)
    fra rekey vbr/config --to vbr:vbr-fra
    mkdir -p disk/vbr-fra
    bco_make disk/vbr-fra/old.bco "vbr/config | $wdek"
    bco_make disk/vbr-fra/other.bco '123a'
    ends 0 -o json -C "$FRA" vbr reconcile vbr-fra --bco disk
    json '[.needed[] | [.name, .generation, .by]] == [["vbr/config", 1, ["configuration backup old.bco", "the server has it"]]] and (.needed[0] | has("problem") | not)'
    ends 0 -C "$FRA" show vbr/config@1
    says 'needed by   configuration backup old.bco   vbr-fra   seen 20' 'used by     nobody known'
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    says 'NEEDED STILL' 'vbr/config@1' 'configuration backup old.bco, the server has it'
    # Needed on disk is not used: no duty for that.
    "$KEYMUSTER" -C "$FRA" reveal vbr/config@1 --reason test --to - >/dev/null 2>&1
    ends 0 -C "$FRA" status
    says 'duty: vbr/config@1'
    silent_on 'still used'
    fra state vbr/config@1 --needed-until 2026-01-02 --yes
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.needed[].problem] == ["its needed-until date is past"]'
    fra state vbr/config@1 --needed-until 2y --yes
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    VBR_TOKEN=$(vbr_token) vbr_call DELETE "encryptionPasswords/$old" >/dev/null
    ends 3 -C "$FRA" vbr reconcile vbr-fra
    says 'gone there' 'vbr/config@1'
    rm disk/vbr-fra/old.bco
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra --bco disk
    json '[.needed[] | [.generation, .problem]] == [[1, "gone there"]] and .needed[0].needed_until > "2028"' # by its date alone
    fra state vbr/config@1 --needed-until 2026-01-02 --yes
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra --bco disk
    json '.needed == []' # gone is all that is left to say
    ends 13 -C "$FRA" vbr reconcile vbr-fra --bco nowhere
    judge_log 0
}

@test "another site reads the same of it, and its newer look counts" {
    scene_two
    fra vbr add vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    fra vbr push vbr/job-sql
    sql=$(id_of vbr/job-sql)
    job 'SQL nightly' VSphereBackup "$sql" | jobs
    fra vbr reconcile vbr-fra
    mad sync
    ends 0 -o json -C "$MAD" show vbr/job-sql
    json '[.used_by[].name] == ["SQL nightly"]'
    sleep 1
    mad vbr set vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    jobs <<<''
    mad vbr reconcile vbr-fra
    fra sync
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '.used_by == []'
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
}
