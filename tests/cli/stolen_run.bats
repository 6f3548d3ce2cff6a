#!/usr/bin/env bats
# A run of a runbook while the founder's key is in a thief's hands: begun from a copy, without what the thief recorded.
# lost is set by lost_options.
# shellcheck disable=SC2154
load ../lib/cli.bash
load ../lib/runs.bash

id_of() { ask .author -C "$1" status; }

@test "recover start --until: every step works without what was recorded later; resume keeps it, --lift takes it back" {
    scene_keys
    local id last
    id=$(id_of "$FRA")
    last=$(ask '.items[0].entries' -C "$FRA" author list)
    password_of "$FRA" vbr/config "$T/want"
    # The thief ends every key and points at another KMS.
    "$KM_TOOLS/log_tool" append "$FRA" key.changed \
        "{\"key\":\"$(ask .uuid -C "$FRA" show vbr/config)\",\"set\":{\"state\":{\"value\":\"destroyed\",\"supersedes\":[]}}}"
    "$KM_TOOLS/log_tool" append "$FRA" key.created "$(tr -d '\n' <<<'{"uuid":"00000000-0000-4000-8000-00000000beef",
"name":"vbr/config","generation":9,"purpose":"config-backup","form":"base64","origin":"kms","wraps":[]}')"
    "$KM_TOOLS/log_tool" line "$FRA" 'canary: no entry at all'
    fra sync
    {
        cat <<'END_OF_BOOK'
# Small

```keymuster
id = small
```

## Look

Expect: one generation.

### If it fails

* Look again.

```keymuster
id = look
kind = check
run = show {key}@1
```

END_OF_BOOK
        step_get 'repeat = safe'
        step_say
    } >small.md
    printf '[words]\nkey = vbr/config\n[step "get"]\ndo = run\nto = file:got\n' >few
    { cat few; printf '[step "say"]\ndo = done\nword = yes\n'; } >answers
    lost_options
    ends 15 recover start small.md "${lost[@]}" --evidence "$T/night" --answers few
    [ ! -e "$T/night" ]
    ends 20 recover start small.md "${lost[@]}" --evidence "$T/night" --until "$id:$last" --answers few
    says "${id:0:8}" 'are left out'
    cmp got "$T/want"
    ends 0 -C "$T/night" audit log
    says "\"until\":\"$id:$last\""
    ends 0 -C "$T/night" status
    says 'left out here alone'
    ends 0 recover resume "${lost[@]}" --evidence "$T/night" --answers answers
    says 'are left out'
    ends 0 -o json -C "$T/night" recover list
    json '.items[0].ended_at | length > 0'
    ends 0 -C "$T/night" verify
    [ "$(ask '[.keys[] | select(.name == "vbr/config").generation] | tostring' -C "$T/night" list)" = '[1]' ]
    # A program that takes no cut is caught by the same question.
    [ "$(KEYMUSTER=$KM_TOOLS/plant-no-cut ask '[.keys[] | select(.name == "vbr/config").generation] | sort | tostring' \
        -C "$FRA" list --until "$id:$last")" = '[1,9]' ]
    [ "$(ask '[.keys[] | select(.name == "vbr/config").generation] | tostring' -C "$FRA" list --until "$id:$last")" = '[1]' ]
    # Lifted, the thief's word counts again, as far as it is one.
    ends 0 -C "$T/night" author block "$id" --lift
    [ "$(ask '[.keys[] | select(.name == "vbr/config").generation] | sort | tostring' -C "$T/night" list)" = '[1,9]' ]
}
