#!/usr/bin/env bats
# The founder's key is stolen, and the thief records and publishes what harms most. The spare, on another machine,
# ends that log where it was still the owner's; everything is got back, before and after, and both sites agree.
load ../lib/cli.bash

id_of() { ask .author -C "$1" status; }
digest_of() { ask .digest -C "$1" status; }
thief() { XDG_STATE_HOME=$T/thief-state "$KEYMUSTER" -C "$T/thief" "$@" >/dev/null 2>"$T/stderr"; }
forge() { "$KM_TOOLS/log_tool" append "$T/thief" "$1" "$(tr -d '\n' <<<"$2")"; }

# Two sites, a spare, a card, the true password of vbr/config; then the founder's folder is copied by a thief.
# $last: the founder's last entry
scene_stolen() {
    scene_two
    printf 'canary-spare-%s\n' "$(head -c 12 /dev/urandom | base64)" >"$T/spare.pass"
    fra author spare --file "$T/spare.key" --credential "file:$T/spare.pass" --site mad
    mad sync
    "$KEYMUSTER" -C "$FRA" copy card >"$T/card"
    password_of "$FRA" vbr/config "$T/want"
    fra sync
    mad sync
    fra_id=$(id_of "$FRA") mad_id=$(id_of "$MAD")
    last=$(ask ".items[] | select(.author == \"$fra_id\").entries" -C "$FRA" author list)
    cp -r "$FRA" "$T/thief"
}

# All that a thief can say against a recovery, signed with the founder's key.
harm() {
    local key wrap kms
    key=$(ask .uuid -C "$FRA" show vbr/config)
    kms=$(ask '.items[] | select(.name == "kp-mad").uuid' -C "$FRA" kms list)
    while read -r wrap; do
        forge wrap.retired "{\"key\":\"$key\",\"wrap\":\"$wrap\",\"reason\":\"canary-harm\"}"
    done < <("$KEYMUSTER" -C "$FRA" -o json show vbr/config --wraps | jq -r '.wraps[].id')
    forge key.changed "{\"key\":\"$key\",\"set\":{\"state\":{\"value\":\"destroyed\",\"supersedes\":[],\"reason\":\"x\"}}}"
    forge kms.changed "{\"uuid\":\"$kms\",\"set\":{\"file\":{\"value\":\"/nowhere\",\"supersedes\":[]},
        \"endpoint\":{\"value\":\"https://evil.invalid\",\"supersedes\":[]}}}"
    forge key.created "{\"uuid\":\"00000000-0000-4000-8000-00000000beef\",\"name\":\"vbr/config\",\"generation\":9,
        \"purpose\":\"config-backup\",\"form\":\"base64\",\"origin\":\"kms\",\"wraps\":[]}"
    forge author.retired "{\"author\":\"$mad_id\",\"entries\":0,\"last\":\"$(printf '0%.0s' {1..64})\",\"reason\":\"x\"}"
    "$KEYMUSTER" -C "$T/rogue" init --site x >/dev/null
    forge author.admitted "$(ask '.items[0] | {author, public_key, name: "rogue"} | tostring' -C "$T/rogue" author list)"
}

# Where the true password is got back without the thief's word: STATUS of plain commands is not asked.
gets_back() { # ARG...
    rm -f "$T/got"
    ends 0 reveal vbr/config --reason 'test compares' --to "file:$T/got" "$@"
    cmp "$T/got" "$T/want"
}

@test "a stolen primary: --until gets the key back at once, and leaves the store as it is" {
    scene_stolen
    harm
    thief sync
    mad sync
    # Without it: the thief's word is all there is.
    ends 0 -C "$MAD" list
    [ "$(ask '.keys[] | select(.name == "vbr/config" and .generation == 1).state' -C "$MAD" list)" != active ]
    local before
    before=$(digest_of "$MAD")
    ends 0 -o json -C "$MAD" list --until "${fra_id:0:8}:$last"
    json '[.keys[] | select(.name == "vbr/config") | [.generation, .state]] == [[1, "active"]]
          and (.until | contains($at))' --arg at "$fra_id:$last"
    says "${fra_id:0:8}" 'are left out'
    ends 0 -o json -C "$MAD" show vbr/config --wraps --until "$fra_id:$last"
    json '.generation == 1 and ([.wraps[].retired] | any | not)'
    [ "$(digest_of "$MAD")" = "$before" ]
    gets_back -C "$MAD" --until "$fra_id:$last"
    ends 0 -C "$MAD" audit log
    says "\"until\":\"$fra_id:$last\""
    ends 0 -o json -C "$MAD" drill vbr/config --until "$fra_id:$last"
    json '.proven == 1 and .failed == 0'
    ends 0 -C "$MAD" exec vbr/config --reason test --until "$fra_id:$last" -- cmp - "$T/want"
    # A bare machine, from the copy alone.
    lost_options
    gets_back "${lost[@]}" --until "$fra_id:$last"
    ends 0 drill vbr/config "${lost[@]}" --until "$fra_id:$last"
    ends 0 -C "$MAD" verify
}

@test "a stolen primary: the spare ends its log; all is recoverable, nothing of the thief's counts, digests are equal" {
    scene_stolen
    harm
    thief sync
    ends 0 -C "$T/new" join --from "file://$USB" --site mad --card "$T/card" --spare "$T/spare.key" \
        --credential "spare=file:$T/spare.pass"
    ends 0 -C "$T/new" author retire "${fra_id:0:8}" --last "$last" --reason 'its key was stolen' --confirm "${fra_id:0:8}"
    says 'later entries are kept and not counted'
    mad sync
    local store
    for store in "$MAD" "$T/new"; do
        ends 0 -o json -C "$store" author list
        json '[.items[] | select(.author == $id) | [.retired, .last, .quarantined > 5]] == [[true, $last, true]]
              and ([.items[] | select(.name == "rogue" and .accepted)] == [])' --arg id "$fra_id" --argjson last "$last"
        ends 0 -C "$store" status
        says 'quarantined'
        ends 0 -C "$store" verify
        ends 0 -C "$store" sync
        [ "$(ask '[.keys[] | select(.name == "vbr/config") | [.generation, .state]] | tostring' -C "$store" list)" = \
            '[[1,"active"]]' ]
    done
    [ "$(digest_of "$MAD")" = "$(digest_of "$T/new")" ]
    ends 0 -C "$T/new" kms set kp-mad --credential "file:$T/kp-mad.pass" --file "$T/kp-mad.kms"
    gets_back -C "$MAD"
    gets_back -C "$T/new"
    ends 0 -C "$MAD" drill vbr/config
    # The thief writes on; nobody listens, nothing stops.
    thief site add more-evil
    ends 0 -C "$MAD" sync
    ends 0 -C "$T/new" sync
    ends 0 -C "$MAD" site list
    silent_on more-evil
    lost_options
    gets_back "${lost[@]}"
}

@test "a stolen primary: what it signed need not even be entries; a bare machine, a new site and the old one go on" {
    scene_stolen
    harm
    "$KM_TOOLS/log_tool" line "$T/thief" 'canary: no entry at all'
    thief sync
    # Nobody knows yet: 15, and nothing is taken.
    ends 15 -C "$MAD" sync
    says "$fra_id" 'malformed'
    lost_options
    ends 15 drill vbr/config "${lost[@]}"
    # Cut off, it need not verify: on a bare machine, and on the old site.
    gets_back "${lost[@]}" --until "$fra_id:$last"
    ends 0 -C "$MAD" author block "$fra_id" --last "$last"
    ends 0 -C "$MAD" sync
    gets_back -C "$MAD"
    ends 0 -C "$MAD" drill vbr/config
    ends 0 -C "$MAD" status
    says 'left out here alone' '--lift'
    # The spare, from the copy alone, ends that log for everybody.
    ends 0 -C "$T/new" join --from "file://$USB" --site mad --card "$T/card" --spare "$T/spare.key" \
        --credential "spare=file:$T/spare.pass" --until "$fra_id:$last"
    ends 0 -C "$T/new" author retire "${fra_id:0:8}" --last "$last" --reason 'its key was stolen' --confirm "${fra_id:0:8}"
    ends 0 -C "$T/new" author block "$fra_id" --lift
    ends 0 -C "$MAD" author block "$fra_id" --lift
    ends 0 -C "$MAD" sync
    says 'was skipped'
    ends 0 -C "$T/new" sync
    [ "$(digest_of "$MAD")" = "$(digest_of "$T/new")" ]
    local store
    for store in "$MAD" "$T/new"; do
        ends 0 -C "$store" verify
        ends 0 -C "$store" list
    done
    # Without any word of this machine's own now.
    rm -rf "$XDG_STATE_HOME/keymuster/recover"
    gets_back "${lost[@]}"
    ends 0 drill vbr/config "${lost[@]}"
    ends 0 -C "$MAD" drill vbr/config
    ends 0 -C "$T/third" join --from "file://$USB" --site mad --card "$T/card"
    [ "$(ask '.items[] | select(.author == "'"$fra_id"'").last' -C "$T/third" author list)" = "$last" ]
    # What the owner still had recorded is carried to a copy that the thief never reached.
    mkdir "$T/clean"
    ends 0 -C "$MAD" copy add clean "file://$T/clean" --site mad
    ends 0 -C "$MAD" sync
    lost[1]="file://$T/clean"
    rm -rf "$XDG_STATE_HOME/keymuster/recover"
    gets_back "${lost[@]}"
}

@test "--until: what it cannot use is said: 2 for its form, 13 for what is not there" {
    scene_two
    local fra_id mad_id
    fra_id=$(id_of "$FRA") mad_id=$(id_of "$MAD")
    local text
    for text in "$fra_id:" "$fra_id:x" "$fra_id:-1" "$fra_id:9999999999999999" abc:1 "${fra_id}0:1" 2026-13-01 yesterday \
        2026-01-01T25:00:00Z :5 "$fra_id"; do
        ends 2 -o json -C "$FRA" list --until "$text"
        error_is KM1004
        says AUTHOR:SEQ
    done
    ends 13 -C "$FRA" list --until 0123456789abcdef0123456789abcdef:1
    says 'author list'
    ends 13 -C "$FRA" list --until "$mad_id:500"
    says 'has no entry 500 here' 'are held'
    ends 13 -C "$FRA" list --until 2001-01-01
    says 'as old as 2001-01-01'
    ends 2 -C "$FRA" recover start --until "$fra_id:3"
    says "this store's own" '--from'
    ends 0 -C "$FRA" export vbr/config --file "$T/export.json"
    ends 2 reveal vbr/config --reason x --from "$T/export.json" --until "$fra_id:3"
    says 'export'
    ends 2 -C "$FRA" reveal --wrapped "file:$T/none" --root x --until "$fra_id:3"
    # Nothing is left out: said, and all is there. Before the first key: none, and still no failure.
    ends 0 -C "$FRA" list --until 2999-01-01
    says 'nothing is left out' vbr/config
    ends 0 -o json -C "$FRA" list --until "$fra_id:1"
    json '.keys == []'
    ends 13 -C "$FRA" show vbr/config --until "$fra_id:1"
    # The earliest of several counts; short ids and capitals will do.
    ends 0 -o json -C "$FRA" list --until "$(tr a-f A-F <<<"${fra_id:0:6}"):9" --until "$fra_id:2" --until "$mad_id:0"
    json '.until == ([$f + ":2", $m + ":0"] | sort | join(" "))' --arg f "$fra_id" --arg m "$mad_id"
    # This machine's own word, and back.
    ends 2 -C "$FRA" author block "$fra_id" --last 3
    ends 2 -C "$FRA" author block "$mad_id" --last x
    ends 2 -C "$FRA" author block "$mad_id" --last 1 --lift
    local before
    before=$(digest_of "$FRA")
    ends 0 -C "$FRA" author block "$mad_id" --last 0
    ends 0 -C "$FRA" verify
    ends 0 -o json -C "$FRA" author list
    json '.items[] | select(.author == $m) | .last_here == 0 and .applied == 0' --arg m "$mad_id"
    ends 0 -C "$FRA" author block "$mad_id" --lift
    [ "$(digest_of "$FRA")" = "$before" ]
    ends 0 -C "$FRA" verify
}

@test "--until DATE: the authors' own word, and that is said; a clock that was set back is, too" {
    scene_keys
    local id
    id=$(id_of "$FRA")
    sleep 1.1
    local moment
    moment=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    sleep 1.1
    fra create vbr/late --purpose backup-job --root fra-main
    ends 0 -C "$FRA" list --until "$moment"
    says vbr/config "${id:0:8}" 'what the authors themselves say' '--until AUTHOR:SEQ'
    silent_on vbr/late
    # The same as a number, which is certain.
    local at
    at=$(ask .until -C "$FRA" list --until "$moment")
    [ "$(ask '.keys | tostring' -C "$FRA" list --until "$at")" = "$(ask '.keys | tostring' -C "$FRA" list --until "$moment")" ]
    # An entry after it that says an earlier time.
    "$KM_TOOLS/log_tool" append "$FRA" note '{"text":"x"}'
    ends 0 -C "$FRA" list --until "$moment"
    silent_on 'clock was wrong'
    "$KM_TOOLS/log_tool" note-at "$FRA" 2026-01-02T03:04:05.678Z
    ends 0 -C "$FRA" list --until "$moment"
    says 'clock was wrong'
    silent_on vbr/late
}

@test "a stolen primary: it tells two stories, or its objects go; what counts is got back, and nobody is stopped" {
    scene_stolen
    # The true one goes on and shows it at another copy; the thief's story lies at the first.
    mkdir "$T/true"
    mv "$USB" "$T/away"
    fra site add true-one
    fra copy add true "file://$T/true" --site fra
    mv "$T/away" "$USB"
    harm
    thief sync
    mad sync
    # Both are there for the spare, who ends the log where they part.
    ends 0 -C "$T/new" join --from "file://$USB" --site mad --card "$T/card" --spare "$T/spare.key" \
        --credential "spare=file:$T/spare.pass"
    ends 16 -C "$T/new" copy add true "file://$T/true" --site fra
    says 'two heads with number'
    ends 0 -C "$T/new" author retire "${fra_id:0:8}" --last "$last" --reason stolen --confirm "${fra_id:0:8}"
    ends 0 -C "$T/new" sync
    says 'was skipped'
    ends 0 -C "$MAD" sync
    [ "$(digest_of "$MAD")" = "$(digest_of "$T/new")" ]
    # A bare machine, by either copy.
    lost_options
    gets_back "${lost[@]}"
    rm -rf "$XDG_STATE_HOME/keymuster/recover"
    lost[1]=file://$T/true
    gets_back "${lost[@]}"
    ends 0 drill vbr/config "${lost[@]}"
    # The owner's own store hears that it was ended, and gets its key back, too.
    ends 0 -C "$T/new" sync
    fra --offline kms set kp-mad --credential "file:$T/kp-mad.pass"
    gets_back -C "$FRA" --offline
    # What the thief wrote goes from the copy, and the head still names it: nobody is stopped who was there.
    local head
    head=$(find "$USB/head/$fra_id" -type f | sort | tail -n 1)
    rm "$USB/log/$fra_id/0000000000/$(head -n 1 "$head" | jq -r '.segments[-1] |
        "\(.[0])-\(.[1])-\(.[3])"' | awk -F- '{printf "%010d-%010d-%s.ndjson", $1, $2, $3}')"
    ends 0 -C "$MAD" sync
    gets_back -C "$MAD"
    # Nor a bare machine: what counts lies there under older names.
    rm -rf "$XDG_STATE_HOME/keymuster/recover"
    lost[1]=file://$USB
    gets_back "${lost[@]}"
    ends 0 -C "$T/third" join --from "file://$USB" --site mad --card "$T/card"
    ends 0 -C "$T/third" verify
}
