#!/usr/bin/env bats
# --at DATE: a KEY as it was then.
load ../lib/cli.bash

# Three generations of vbr/job; made[N] is when generation N was made.
scene_generations() {
    local i
    scene_copy
    fra create vbr/job --purpose backup-job --root fra-main --root mad-main
    for i in 2 3; do
        sleep 0.01
        fra rekey vbr/job
    done
    for i in 1 2 3; do made[i]=$(ask .created_at -C "$FRA" show "vbr/job@$i"); done
    [[ ${made[1]} < ${made[2]} && ${made[2]} < ${made[3]} ]]
}

# The same moment as seen from two hours east.
two_hours_east() {
    date -u -d "${1%Z}+0000 + 2 hours" +%Y-%m-%dT%H:%M:%S.%3N+02:00
}

@test "a name means the generation that was the newest then, in every command" {
    scene_generations
    ends 0 -o json -C "$FRA" show vbr/job --at "${made[1]}"
    json '.generation == 1'
    ends 0 -o json -C "$FRA" show vbr/job --at "$(two_hours_east "${made[2]}")"
    json '.generation == 2'
    ends 0 -o json -C "$FRA" show vbr/job --at "$(date -u +%Y-%m-%d)" # the whole day counts
    json '.generation == 3'
    ends 0 -o json -C "$FRA" show vbr/job --at 9999-12-31
    json '.generation == 3'
    password_of "$FRA" vbr/job@2 "$T/second"
    ends 0 -C "$FRA" reveal vbr/job --at "${made[2]}" --reason test --to "file:$T/revealed"
    cmp "$T/second" "$T/revealed"
    ends 0 -C "$FRA" exec vbr/job --at "${made[2]}" --reason test -- cmp - "$T/second"
    ends 0 -C "$FRA" check vbr/job --at "${made[2]}" --secret "file:$T/second"
    ends 0 -o json -C "$FRA" wrap list vbr/job --at "${made[1]}"
    json 'all(.wraps[]; .generation == 1)'
    wrap=$(jq -r '.wraps[0].id' <<<"$output")
    fra wrap retire vbr/job "$wrap" --at "${made[1]}" --reason test
    ends 0 -C "$FRA" state vbr/job deactivated --at "${made[2]}" --reason test
    says 'vbr/job@2: deactivated'
    fra root rotate fra-main
    ends 0 -C "$FRA" rewrap vbr/job --at "${made[2]}" -n
    says 'vbr/job@2'
    fra root create third --kms kp-mad
    ends 0 -C "$FRA" rehome vbr/job --to third --at "${made[2]}"
    says 'vbr/job@2'
    ends 0 -C "$FRA" wrap add vbr/job --root third --at "${made[1]}"
    says 'vbr/job@1'
}

@test "before the first generation it is 13, with the time of the first" {
    scene_generations
    ends 13 -o json -C "$FRA" show vbr/job --at 2001-02-03
    error_is KM2011
    says 'no generation yet at 2001-02-03T23:59:59.999Z' "${made[1]}"
    ends 13 -C "$FRA" reveal vbr/job --at 2001-02-03 --reason test --to "file:$T/none"
    [ ! -e "$T/none" ]
    ends 13 -C "$FRA" show vbr/jbo --at 2001-02-03
    says 'did you mean vbr/job'
}

@test "with NAME@GEN or a UUID, or without a date, it is 2" {
    scene_generations
    ends 2 -C "$FRA" show vbr/job@2 --at 2026-01-01
    says 'plain name'
    ends 2 -C "$FRA" show "$(ask .uuid -C "$FRA" show vbr/job)" --at 2026-01-01
    for date in yesterday 2026-02-30 2026-01 ''; do
        ends 2 -C "$FRA" show vbr/job --at "$date"
        says --at
    done
    ends 2 -C "$FRA" rewrap --all --at 2026-01-01 -n
    ends 2 -C "$FRA" rehome --all --to mad-main --at 2026-01-01 -n
}

@test "two generations of one number, made apart, stay ambiguous; before the second it was not" {
    scene_two
    mad create vbr/new --purpose backup-job --root mad-main
    sleep 0.01
    fra create vbr/new --purpose backup-job --root mad-main
    first=$(ask .created_at -C "$MAD" show vbr/new)
    mad sync
    ends 2 -o json -C "$MAD" show vbr/new --at 9999-12-31
    error_is KM1009
    ends 0 -o json -C "$MAD" show vbr/new --at "$first"
    json '.created_at == $first' --arg first "$first"
}
