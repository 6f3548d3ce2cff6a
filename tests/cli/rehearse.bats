#!/usr/bin/env bats
# A drill of each runbook that comes with the program: it gets to its end, shows nothing, and changes nothing but what
# says that it was done.
load ../lib/cli.bash

# Answers for a drill of a runbook: each command runs, each question is answered by its type; nobody is there to agree.
answers_to() { # RUNBOOK
    local root=fra-main
    [ "$1" != total-loss ] || root=mad-main # what is left then
    printf '[words]\nkey = vbr/config\nold = vbr/config@1\nroot = %s\n' "$root"
    printf 'to = mad-main\nkms = kp-fra\nlost = fra\nhere = mad\n'
    printf 'copy = %s\nauthor = %s\nperson = first.operator\n' "$USB" "$(ask .author -C "$MAD" status)"
    "$KEYMUSTER" runbook show "$1" | awk -F ' = ' '
        /^```keymuster/ { kind = does = fields = ""; next }
        $1 == "id" { id = $2 }
        $1 == "kind" { kind = $2; does = kind ~ /check|action|reveal/ ? "run" : kind == "approve" ? "skip\nreason = it is only a drill" : "done" }
        $1 == "fields" { fields = $2 }
        /^```$/ && kind != "" {
            printf "[step \"%s\"]\ndo = %s\n", id, does
            n = split(fields, field, ", ")
            for (i = 1; i <= n; i++) {
                split(field[i], word, " ")
                if (field[i] ~ / optional$/ || word[2] ~ /^check:/) continue
                value = word[2] == "number" ? 1 : word[2] == "time" ? "2026-11-27" : word[2] == "sha256" ? sprintf("%064d", 0) : "something"
                if (sub(/^choice:/, "", word[2])) { split(word[2], choice, "|"); value = choice[1] }
                printf "%s = %s\n", word[1], value
            }
            kind = ""
        }'
}

# What the log has but for what a drill is allowed to leave.
truth() {
    "$KEYMUSTER" -o ndjson -C "$FRA" audit log |
        jq -r '.entry | select(.kind? // "" | test("^(run[.]|runbook[.]|drill[.]|key[.]check|root[.]observed)") | not) | .kind'
}

@test "a drill of each runbook: to its end, nothing shown, nothing changed" {
    scene_two
    fra person add first.operator
    fra root rotate fra-main # so that there is something to bring up to date
    truth >before
    local name skipped
    for name in $("$KEYMUSTER" -o json runbook list | jq -r '.items[].name'); do
        answers_to "$name" >answers
        skipped=$("$KEYMUSTER" -o json runbook show "$name" | jq '[.steps[] | select(.kind == "approve" and (.modes | index("drill")))] | length')
        ends $((skipped > 0 ? 3 : 0)) -o json -C "$FRA" recover start "$name" --drill --answers answers
        json '.mode == "drill" and (.steps | length) >= 3 and all(.steps[]; .state == "done" or (.state == "skipped" and .kind == "approve"))
            and any(.steps[]; .kind == "check")'
    done
    truth >after
    diff before after
    ends 0 -o ndjson -C "$FRA" audit log
    [[ $output != *reveal.* ]]
}
