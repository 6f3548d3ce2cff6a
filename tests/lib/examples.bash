# shellcheck shell=bash
# What the examples of the manual pages (tests/cli/examples.bats) find: an escrow of two sites with KMSs of both kinds, backup server, copy,
# persons, runs, and the files that they name, all below $T. The simulators of IBM's KMSs and of VBR's REST API stand for the real ones.

# A runbook with one step that others approve, and a run of it that one person did alone.
examples_runs() {
    cat >"$T/small.md" <<'END'
# Small

```keymuster
id = small
```

## Agree

* Ask.

Expect: yes.

### If it fails

* Wait.

```keymuster
id = agree
kind = approve
people = 1
```
END
    printf '[step "agree"]\ndo = done\n' >"$T/answers"
    fra recover start "$T/small.md" --as first.operator --alone late --answers "$T/answers"
    RUN=$(ask '.items[0].run' -C "$FRA" recover list)
}

# A person with a key, and one whose key keymuster made.
examples_people() {
    minisign -G -W -p "$T/first.pub" -s "$T/first.key" >/dev/null
    printf 'canary-passphrase-second' >"$T/second.pass"
    fra person add first.operator --role operator --key "$T/first.pub"
    fra person add second.operator --new-key "$T/second.key" --credential "file:$T/second.pass"
}

# A store of its own whose author nobody admitted, and one that was.
examples_authors() {
    local name
    for name in stranger admitted; do
        "$KEYMUSTER" -C "$T/$name" join --from "file://$USB" --site mad --yes >"$T/$name.said" 2>&1
        "$KEYMUSTER" -C "$T/$name" site add "$name" >"$T/$name.said" 2>&1
    done
    "$KEYMUSTER" -C "$T/stranger" author request >"$T/mail.txt"
    fra author admit "$(ask .author -C "$T/admitted" status)"
    fra sync
    STRANGER=$(ask .author -C "$T/stranger" status) ADMITTED=$(ask .author -C "$T/admitted" status)
    STRAY=$("$KEYMUSTER" -o ndjson -C "$FRA" audit log --author "$STRANGER" | jq -r 'select(.entry.kind? == "site.added") | .hash')
}

scene_examples() {
    mkdir -p "$T/files"
    scene_keys
    sim_start "$T/sim"
    vbr_start "$T/vbr"
    fra kms add kp-ibm --site fra --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" --credential "file:$SIM_APIKEY"
    fra root create kp-root --kms kp-ibm
    for name in old-main new-main spare; do fra root create "$name" --kms kp-fra; done
    fra vbr add vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    fra create borg/main --purpose other --root mad-main
    fra create vbr/moving --purpose backup-job --root old-main
    printf 'canary-known-password' >"$T/typed"
    fra record vbr/typed --purpose backup-job --root mad-main --secret "file:$T/typed"
    fra rekey vbr/config
    fra rekey vbr/config
    examples_people
    examples_runs
    examples_authors
    fra drill
    # what the examples read
    cd "$T/files" || return 1
    export_of() { ask 'first(.wraps[] | select(.root == "mad-main")).ciphertext' -C "$FRA" show "$1"; }
    fra wrap add vbr/config --root fra-main
    WRAP=$(ask 'first(.wraps[] | select(.root == "fra-main")).id' -C "$FRA" show vbr/config)
    VEEAM=''
    printf 'vbr/config | %s' "$(export_of vbr/config)" >desc.txt
    jq -nc --arg w "$(export_of vbr/job-sql)" '{name: "vbr/new", wrapped: $w}' >keys.ndjson
    jq -nc --arg d "vbr/job-sql | $(export_of vbr/job-sql)" '[{Id: "11111111-1111-4111-8111-111111111111", Description: $d, ModificationDateUtc: "2026-11-01T00:00:00Z"}]' |
        tee keys.json >VBREncryptionKey.json
    echo '[{"Consumer":"config-backup","Name":"","Id":"","KeyId":"00000000-0000-0000-0000-000000000000","SeenUtc":"2026-11-28T02:00:00Z"}]' >uses.json
    bco_make config.bco "vbr/config | $(export_of vbr/config)" 0e Backup.Creation.Time "$(bco_time now)"
    cp config.bco vbr-fra_2026-11-25.bco
    cp config.bco fra.bco
    mkdir vbr-fra usb-attach
    cp config.bco vbr-fra
    printf 'vbr/moving\tnew-main\n' >moves.tsv
    echo '<answer>{{secret}}</answer>' >answer.xml
    : >events.ndjson
    "$KEYMUSTER" runbook show total-loss >total-loss.md
    cp "$T/second.key" "$T/second.pass" "$T/first.pub" "$T/mail.txt" "$T/typed" "$SIM_CA" .
    fra report audit --file "$T/files/2026-q3.html"
    "$KEYMUSTER" -C "$FRA" copy card >card.txt
    for name in create rewrap unwrap; do
        sed -e "s,7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b,$SIM_INSTANCE," -e "s,3b9e1d70-2c4a-4f6e-8d15-a6b7c8d9e0f1,$(ask '.items[] | select(.name == "kp-root").id' -C "$FRA" root list)," \
            -e "s,https://private.iam.cloud.ibm.com,$SIM_IAM," -e "s,https://private.eu-de.kms.cloud.ibm.com,$SIM_KMS," \
            "$KM_SOURCE/tests/data/scripts/$name.ps1" >"$name.ps1"
    done
    VBR_STATE=$(vbr_control GET state)
    mkdir "$T/bin" "$T/was"
    ln -s "$KEYMUSTER" "$T/bin/keymuster"
    # what a page calls PROGRAM, RESTORE and borg
    printf '#!/bin/sh\ncat >/dev/null\n' >"$T/bin/PROGRAM"
    # shellcheck disable=SC2016 # theirs
    printf '#!/bin/sh\ntest -s "${1#/file:}"\n' >"$T/bin/RESTORE"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\ntest "$(wc -c <&5)" -gt 30\n' >"$T/bin/borg"
    chmod +x "$T"/bin/*
    cd "$T" || return 1
    examples_stages
    cp -a "$FRA" "$USB" "$T/files" "$T/stages" "$T"/*.kms "$T/was"
    cp -a "$XDG_STATE_HOME" "$T/was/state"
    ESCROW=$(ask .escrow -C "$FRA" status)
}

# Stores that have less: for the commands that set one up.
examples_stages() {
    mkdir "$T/stages" "$T/usb2"
    for name in sites kms roots; do
        "$KEYMUSTER" -C "$T/stages/$name" init --site fra
        "$KEYMUSTER" -C "$T/stages/$name" site add mad
    done
    "$KEYMUSTER" -C "$T/stages/bare" init --site fra
    new_kms third
    for name in kms roots; do
        "$KEYMUSTER" -C "$T/stages/$name" kms add kp-mad --site mad --provider local --file "$T/third.kms" --credential "file:$T/third.pass"
    done
    "$KEYMUSTER" -C "$T/stages/roots" root create mad-main --kms kp-mad
    "$KEYMUSTER" -C "$T/stages/roots" copy add usb2 "file://$T/usb2" --site mad
} >"$T/stages.said" 2>&1

# Everything as it was, in the folder `place`; STORE is the one to work in.
examples_again() {
    rm -rf "$T/place" "$T/mad.kms" "$FRA" "$USB" "$XDG_STATE_HOME" "$T/stages" "$HOME/.minisign"
    for name in fra usb stages; do cp -a "$T/was/$name" "$T/$name"; done
    cp -a "$T/was/state" "$XDG_STATE_HOME"
    cp -a "$T/was/files" "$T/place"
    cp -a "$T/was/"*.kms "$T"
    vbr_control POST state "$VBR_STATE" >/dev/null
    EVENT=0123456789abcdef
    STORE=$FRA
}

# What has to be there besides, or not yet, for one example.
# shellcheck disable=SC2034 # VBR_TOKEN is vbr_call's, EVENT and VEEAM are example_here's
example_before() {
    cd "$T/place" || return 1
    case $1 in
    'keymuster init '*) STORE=$T/stages/none ;;
    'keymuster join '*) STORE=$T/stages/none ;;
    'keymuster site add mad'*) STORE=$T/stages/bare ;;
    'keymuster kms add '* | 'keymuster copy add usb '*) STORE=$T/stages/sites && rm -rf "$USB" && mkdir "$USB" ;;
    'keymuster root create '*) STORE=$T/stages/kms ;;
    'keymuster create vbr/config '*) STORE=$T/stages/roots ;;
    'keymuster completion '*) mkdir -p .zfunc .config/fish/completions ;;
    'keymuster audit kms-events --explain '*) examples_foreign && EVENT=$(ask '.foreign[0].event' -C "$FRA" audit kms-events events.ndjson) ;;
    'keymuster check vbr/job-sql '*) "$KEYMUSTER" -C "$FRA" reveal vbr/job-sql --reason test --to file:right && mv right typed ;;
    'keymuster person add '*) rm second.key && STORE=$T/stages/sites ;;
    'keymuster recover attach '*) "$KEYMUSTER" reveal vbr/config --from "$USB" --evidence evidence --yes --reason test --credential "kp-mad=file:$T/kp-mad.pass" --to file:shown ;;
    'keymuster recover countersign '*--text*) mkdir "$HOME/.minisign" && minisign -G -W -p "$HOME/.minisign/minisign.pub" -s "$HOME/.minisign/minisign.key" ;;
    'keymuster recover resume --word '*) "$KEYMUSTER" -C "$FRA" recover start total-loss --key vbr/config --lost fra --as first.operator --no-input || [ $? -eq 20 ] ;;
    'keymuster recover resume') "$KEYMUSTER" -C "$FRA" recover start "$T/small.md" --as first.operator --no-input || [ $? -eq 20 ] ;;
    'keymuster report verify '*) "$KEYMUSTER" -C "$FRA" report audit --file 2026-q4.html ;;
    'keymuster root add '*) VEEAM=$(ask '.items[] | select(.name == "kp-root").id' -C "$FRA" root list) && STORE=$T/stages/sites && "$KEYMUSTER" -C "$STORE" kms add kp-ibm --site fra --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" --credential "file:$SIM_APIKEY" ;;
    'keymuster root enable '*) fra root disable fra-main --yes ;;
    'keymuster root restore '*) fra root destroy spare --confirm spare ;;
    'keymuster vbr add '*) STORE=$T/stages/sites ;;
    'keymuster vbr adopt vbr-fra 123a '*) VBR_TOKEN=$(vbr_token) && vbr_call POST encryptionPasswords -d '{"hint":"123a","password":"canary-adopted-1"}' ;;
    'keymuster vbr remove '*) fra create vbr/old --purpose backup-job --root spare --to vbr:vbr-fra && fra root destroy spare --confirm spare ;;
    'keymuster vbr verify '*) fra vbr push vbr/config --to vbr-fra ;;
    esac
}

# An activity event of an unwrap that nobody here asked for.
examples_foreign() {
    jq -nc --arg k "$(ask '.items[] | select(.name == "kp-root").id' -C "$FRA" root list)" '{id: "x1", action: "kms.secrets.unwrap", outcome: "success",
        correlationId: "aaaaaaaa-1111-4111-8111-111111111111", eventTime: "2026-11-27T03:00:00.00+0000", initiator: {id: "IBMid-1", name: "stranger@example.com"},
        target: {id: "crn:v1:bluemix:public:kms:eu-de:a/0123:11111111-1111-4111-8111-111111111111:key:\($k)"}}' >events.ndjson
}

# What is seen and then typed, a line each with a tabulator between; nothing: it needs no terminal. A word is typed and followed by Enter.
example_typed() {
    local twice=$'again: \tcanary-typed-passphrase' who=$'Who are you\tfirst.operator\n'
    case $1 in
    'keymuster reveal '*--from*--expect*) printf '%sq, Enter: close\tq\n' "$who" ;;
    'keymuster reveal '*--from*) printf 'right escrow\ty\n%sq, Enter: close\tq\n' "$who" ;;
    'keymuster reveal vbr/config --reason "restore'* | 'keymuster rekey vbr/config --to tty') printf '%sq, Enter: close\tq\n' "$who" ;;
    'keymuster kms add '*prompt*) printf 'passphrase.*: \tcanary-typed-passphrase\n%s\n' "$twice" ;;
    'keymuster author spare '* | 'keymuster person set '*) printf 'passphrase.*: \tcanary-typed-passphrase\n%s\n' "$twice" ;;
    'keymuster record vbr/old '*) printf '%spassword of\tcanary-typed-passphrase\n%s\n' "$who" "$twice" ;;
    'keymuster vbr adopt vbr-fra 123a '*) printf '%spassword of.*old: \tcanary-adopted-1\nagain: \tcanary-adopted-1\n' "$who" ;;
    'keymuster check vbr/config') printf '%spassword of\tcanary-wrong\n' "$who" ;;
    'keymuster author admit --request '*) printf 'y/N\ty\n' ;;
    'keymuster vbr set '*) printf 'login of\t%s\n' "$(cat "$VBR_LOGIN")" ;;
    'keymuster recover countersign '*--key*) printf 'passphrase\tcanary-passphrase-second\n' ;;
    'keymuster identify '*--from*) printf 'right escrow\ty\n' ;;
    'keymuster recover start --drill --blind '*) printf 'p pauses\tp\n' ;;
    esac
}

# Waits for what a line of the terminal has; a question is taken off again once it is answered, so the next is the next.
example_shows() { # REGEX
    for _ in {1..150}; do
        ! term capture-pane -p -J -t t 2>/dev/null | grep -v 'bash ./command' | grep -qE -- "$1" || return 0
        sleep 0.1
    done
    return 1
}

# The example, run; its status. What it says is in said and rest, or what a terminal showed.
example_run() { # EXAMPLE
    local status=0 seen word
    example_here "$1" >"$T/place/command"
    example_typed "$1" >"$T/typing"
    if [ ! -s "$T/typing" ]; then
        (cd "$T/place" && KEYMUSTER_NO_INPUT=1 KEYMUSTER_STORE=$STORE PATH=$T/bin:$PATH timeout 60 bash ./command </dev/null >"$T/said" 2>"$T/rest") || status=$?
        echo "$status"
        return
    fi
    terminal 120 40 "KEYMUSTER_STORE=$STORE" "PATH=$T/bin:$PATH"
    keys clear Enter "cd '$T/place'; bash ./command; echo status \$?" Enter
    while IFS=$'\t' read -r seen word; do
        example_shows "$seen" || break
        [ -z "$word" ] || keys -l "$word"
        [ "$word" = q ] || keys Enter
    done <"$T/typing"
    example_shows '^status [0-9]' || true
    term capture-pane -p -J -t t | grep . >"$T/rest"
    term_stop
    sed -n 's/^.*status \([0-9]*\)$/\1/p' "$T/rest" | tail -n 1
}

# The example as it can be run here: places, ids and addresses that a page cannot know.
example_here() {
    sed -E -e "s#file:///media/usb/escrow#file://$USB#; s#/media/usb/escrow#$USB#; s#/media/usb/|/mnt/VeeamConfigBackup/?|/mnt/nas/|/backup/|/var/log/|/var/lib/prometheus/node-exporter/#$T/place/#" \
        -e "s#--expect ID#--expect $ESCROW#; s#kp-mad=prompt#kp-mad=file:$T/kp-mad.pass#; s#file:/etc/keymuster/kp-mad.pass#file:$T/kp-mad.pass#; s#~/#$T/place/#" \
        -e "s#file:/etc/keymuster/vbr-fra.login#file:$VBR_LOGIN#; s#https://vbr-fra.example.net:9419#$VBR_URL#; s#--ca vbr.pem#--ca $VBR_CA#" \
        -e "s#file:kp.apikey#file:$SIM_APIKEY --ca $SIM_CA --iam $SIM_IAM#; s#--instance CRN#--instance $SIM_INSTANCE_MAD#; s#https://eu-de.kms.cloud.ibm.com#$SIM_KMS_MAD#" \
        -e "s#1f0c2b7a#${RUN:0:8}#; s#3fa9c1d2#${WRAP:0:8}#; s#retire 01234567#retire ${ADMITTED:0:8} --confirm ${ADMITTED:0:8}#; s#0123456789abcdef0123456789abcdef#$STRANGER#; s#adopt HASH#adopt $STRAY --yes#; s#--key veeam#--key $VEEAM#; s#--explain 0123456789abcdef#--explain $EVENT#" <<<"$1"
}
