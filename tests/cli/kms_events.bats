#!/usr/bin/env bats
# audit kms-events: IBM's activity events against the correlation ids in the log. The events are made here from what the
# simulator was asked, in the form that IBM's documentation gives; nobody has tried a live instance's.
load ../lib/ibm.bash

# events: what the simulator was asked to wrap, unwrap and rewrap, as Key Protect would tell of it.
events() {
    sim_log '.[] | . as $r | (.path // "" | capture("/keys/(?<key>[^/]+)/actions/(?<verb>wrap|unwrap|rewrap)$")) | {
        id: "e-\($r.n)", action: "kms.secrets.\(.verb)", outcome: (if $r.status >= 200 and $r.status < 300 then "success" else "failure" end),
        correlationId: $r.correlation_id, eventTime: "2026-11-27T02:12:38.62+0000", message: "Key Protect: \(.verb) key",
        initiator: {id: "iam-ServiceId-1", name: "keymuster", host: {address: "192.0.2.7"}},
        target: {id: "crn:v1:bluemix:public:kms:eu-de:a/0123:\($r.instance):key:\(.key)", typeURI: "kms/secrets"},
        reason: {reasonCode: $r.status}} | tojson'
}
stranger() { # ID CORRELATION ROOT: an unwrap by somebody else
    jq -nc --arg id "$1" --arg c "$2" --arg k "$3" '{id: $id, action: "kms.secrets.unwrap", outcome: "success", correlationId: $c,
        eventTime: "2026-11-27T03:00:00.00+0000", initiator: {id: "IBMid-1", name: "mallory@example.com", host: {address: "198.51.100.9"}},
        target: {id: "crn:v1:bluemix:public:kms:eu-de:a/0123:11111111-1111-4111-8111-111111111111:key:\($k)"}}'
}

@test "every wrap and unwrap that keymuster made is its own: create, record, rewrap, rehome, wrap add, drill, reveal, exec" {
    scene_roots
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
    fra create vbr/config --purpose config-backup --root mad-main --root fra-main
    fra create vbr/job --purpose backup-job --root fra-main
    ask '.wraps[0].ciphertext' -C "$FRA" show vbr/job >wdek
    fra record vbr/old --purpose backup-job --root fra-main --wrapped file:wdek
    printf 'canary-adopted-password-1' >old
    fra record vbr/adopted --purpose backup-job --root fra-main --secret file:old
    fra root rotate fra-main
    fra rewrap --all --yes
    fra wrap add vbr/job --root mad-main
    fra rehome vbr/old --to mad-main
    fra rekey vbr/job
    fra drill
    fra reveal vbr/config --reason test --to "file:$T/out"
    ends 0 -C "$FRA" exec vbr/job --reason test -- true
    events >told
    [ "$(grep -c unwrap told)" -gt 12 ]
    ends 0 -C "$FRA" -o json audit kms-events told
    json '.foreign == [] and .duties_opened == 0 and .not_understood == 0 and .ours == .events and .events > 20'
    # the other site judges alike
    ends 0 join -C "$MAD" --from "file://$USB" --site mad --yes
    ends 0 -C "$MAD" -o json --offline audit kms-events told
    json '.foreign == [] and .ours == .events'
}

@test "an unwrap that nobody recorded is listed and opens a duty once, until it is explained" {
    scene_roots
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
    fra create vbr/job --purpose backup-job --root fra-main
    events >told
    stranger x1 aaaaaaaa-1111-4111-8111-111111111111 "$(root_id fra-main)" >>told
    stranger x2 '' "$(root_id mad-main)" >>told
    stranger x3 bbbbbbbb-1111-4111-8111-111111111111 cccccccc-1111-4111-8111-111111111111 >>told # not of this escrow
    ends 0 -C "$FRA" -o json audit kms-events told -n
    json '[.foreign[] | .verdict] == ["duty", "duty"] and .duties_opened == 0 and .elsewhere == 1'
    ends 0 -C "$FRA" audit kms-events told
    says 'mallory@example.com' '198.51.100.9' '2026-11-27T03:00:00' '2 unwraps that nobody recorded'
    ends 0 -C "$FRA" -o json audit kms-events told
    json '[.foreign[] | .verdict] == ["known", "known"] and .duties_opened == 0 and .duties_known == 2'
    ends 0 -C "$FRA" -o json status
    json '.duties == 2 and ([.warnings[] | select(contains("mallory@example.com"))] | length == 2)'
    ends 3 -C "$FRA" -o json audit check
    json '[.findings[] | select(.rule == "foreign-unwrap") | "\(.severity) \(.object)"] | sort == ["high fra-main", "high mad-main"]'
    event=$("$KEYMUSTER" -C "$FRA" -o json audit kms-events told | jq -r '.foreign[0].event')
    ends 17 -C "$FRA" audit kms-events --explain "$event"
    ends 13 -C "$FRA" audit kms-events --explain 0000000000000000 --reason R
    ends 2 -C "$FRA" audit kms-events told --explain "$event" --reason R
    ends 0 -C "$FRA" -o json audit kms-events --explain "$event" --reason 'it was the drill of the cloud team'
    json '.schema == "keymuster.audit.kms-events.explain/1" and .name == $e' --arg e "$event"
    ends 0 -C "$FRA" -o json status
    json '.duties == 1'
    ends 0 -C "$FRA" -o json audit kms-events told # and is not opened again
    json '.duties_opened == 0'
    fra verify
}

@test "who takes an id from the log is found out; an event twice is one; a failed unwrap opens nothing" {
    scene_roots
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
    fra create vbr/job --purpose backup-job --root fra-main
    events >told
    id=$(jq -r 'select(.action == "kms.secrets.unwrap") | .correlationId' told | head -n 1)
    cp told twice
    cat told >>twice
    ends 0 -C "$FRA" -o json audit kms-events twice
    json '.foreign == []'
    stranger x1 "$id" "$(root_id fra-main)" >>told
    stranger x2 aaaaaaaa-1111-4111-8111-111111111111 "$(root_id fra-main)" | jq -c '.outcome = "failure"' >>told
    ends 0 -C "$FRA" -o json audit kms-events told
    json '[.foreign[] | .verdict] | sort == ["duty", "failed"]'
}

@test "envelopes of Cloud Logs and LogDNA, HPCS, other lines, long lines, terminal escapes, standard input" {
    scene_roots
    stranger x1 '' "$(root_id fra-main)" | jq -c '{_source: {_host: "h", _line: tojson}}' >told
    stranger x2 '' "$(root_id fra-main)" | jq -c '{timestamp: 1, user_data: tojson}' >>told
    stranger x3 '' "$(root_id fra-main)" | jq -c '.action = "hs-crypto.secrets.unwrap" | .initiator.name = "\u001b[31mred\u202e"' >>told
    printf '%s\n' '' 'no json' '[]' '{"action":"kms.secrets.list"}' '{"action":7}' '{"a":{"action":"kms.secrets.unwrap"}}' \
        '{"action":"kms.secrets.unwrap","target":{"id":"crn"},"initiator":null,"outcome":[],"eventTime":"+0000"}' >>told
    head -c 200000 /dev/zero | tr '\0' x >>told
    printf '\r\n' >>told
    tried "$KEYMUSTER" -C "$FRA" -o json audit kms-events - <told
    [ "$status" -eq 0 ]
    json '(.foreign | length == 3) and .not_understood == 3 and .events == 4 and .elsewhere == 1'
    ends 0 -C "$FRA" audit kms-events told
    grep -q $'\x1b' <<<"$output" && return 1
    ends 13 -C "$FRA" audit kms-events nothing-here
    ends 2 -C "$FRA" audit kms-events
}
