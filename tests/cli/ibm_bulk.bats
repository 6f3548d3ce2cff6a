#!/usr/bin/env bats
# Many keys against the simulator: rewrap and rehome in concurrent waves, stopped, killed and lied to at any point.
load ../lib/ibm

setup() {
    fresh_home
    sim_start "$T/sim"
    scene_roots
}

# COUNT keys under fra-main with check values; all have the value of vbr/first.
keys() {
    fra create vbr/first --purpose backup-job --root fra-main --allow-unsynced --offline || true
    ask '.wraps[0].ciphertext' -C "$FRA" show vbr/first --wraps >"$T/wrap"
    seq -w "$1" | jq -cR --rawfile w "$T/wrap" '{name: "bulk/\(.)", wrapped: ($w | rtrimstr("\n"))}' >"$T/rows"
    "$KEYMUSTER" -C "$FRA" import "$T/rows" --root fra-main --purpose backup-job >/dev/null 2>&1 || [ $? -eq 3 ]
    "$KEYMUSTER" -C "$FRA" reveal vbr/first --reason test --allow-unsynced --to "file:$T/pw" >/dev/null 2>&1
    sim_control DELETE log >/dev/null
}

calls() { sim_log "[.[] | select(.path | endswith(\"$1\"))] | length"; }

@test "rewrap: concurrent, every fresh wrap is unwrapped before it is recorded; again: nothing to do" {
    keys 200
    fra root rotate fra-main
    sim_fault '{"match": {"path": "actions/"}, "delay_ms": 50, "count": -1}'
    local began=$SECONDS
    ends 0 -o ndjson -C "$FRA" rewrap --stale --yes --progress json
    [ $((SECONDS - began)) -lt 10 ] # one after the other: 20 s
    jq -es '.[-1].result | .rewrapped == 201 and .failed == 0' <<<"$output" >/dev/null
    [ "$(jq -r 'select(.outcome == "rewrapped").name' <<<"$output" | sort -u | wc -l)" -eq 201 ]
    [ "$(calls /rewrap)" -eq 201 ]
    [ "$(calls /unwrap)" -eq 201 ]
    ends 0 -o json -C "$FRA" rewrap --all --yes
    json '.rewrapped == 0 and .current == 201'
    [ "$(calls /rewrap)" -eq 201 ]
    ends 0 -C "$FRA" verify
}

@test "rehome: concurrent; what was unwrapped is compared; the rehearsal opens each and changes nothing" {
    keys 200
    sim_fault '{"match": {"path": "actions/"}, "delay_ms": 50, "count": -1}'
    local began=$SECONDS
    ends 0 -o json -C "$FRA" rehome --all --to mad-main -n
    json '.planned == 201 and .failed == 0 and .added == 0'
    [ "$(calls /unwrap)" -eq 201 ]
    [ "$(calls /wrap)" -eq 0 ]
    ends 0 -o json -C "$FRA" rehome --all --to mad-main --yes
    json '.added == 201 and .failed == 0'
    [ $((SECONDS - began)) -lt 25 ] # one after the other: 40 s
    [ "$(calls /wrap)" -eq 201 ]
    [ "$(calls /unwrap)" -eq 603 ]
    ends 0 -o json -C "$FRA" rehome --all --to mad-main --yes
    json '.added == 0 and .there == 201'
    "$KEYMUSTER" -C "$FRA" reveal bulk/150 --reason test --allow-unsynced --root mad-main --to "file:$T/again" >/dev/null 2>&1
    cmp "$T/pw" "$T/again"
}

@test "one answer of many is a lie: 15, the others are recorded, that one is not called current" {
    keys 40
    fra root rotate fra-main
    sim_fault '{"match": {"path": "actions/unwrap"}, "kind": "other-plaintext", "skip": 17, "count": 1}'
    ends 15 -o json -C "$FRA" rewrap --stale --yes
    error_is KM3012
    ends 0 -o json -C "$FRA" rewrap --stale -n
    json '.planned == 1 and .current == 40'
    ends 0 -o json -C "$FRA" rewrap --stale --yes
    json '.rewrapped == 1'
    # The opening of one of them, and the proof of another.
    sim_fault '{"match": {"path": "actions/unwrap"}, "kind": "other-plaintext", "skip": 9, "count": 1}'
    ends 15 -o json -C "$FRA" rehome --all --to mad-main --yes
    error_is KM3012
    ends 0 -o json -C "$FRA" rehome --all --to mad-main -n --offline
    json '.planned == 1 and .there == 40'
    fra root create mad-new --kms kp-mad
    sim_fault '{"match": {"path": "actions/unwrap"}, "kind": "other-plaintext", "skip": 60, "count": 1}'
    ends 15 -o json -C "$FRA" rehome --all --to mad-new --yes
    error_is KM3017
    ends 0 -o json -C "$FRA" rehome --all --to mad-new --yes
    json '.added == 1 and .there == 40'
    ends 0 -C "$FRA" verify
}

@test "busy, broken, refused: what could be done is, the rest is counted and told once; nothing is tried in vain" {
    keys 60
    fra root rotate fra-main
    sim_fault '{"match": {"path": "actions/rewrap"}, "status": 429, "skip": 5, "count": 20}'
    sim_fault '{"match": {"path": "actions/unwrap"}, "kind": "drop-after", "skip": 5, "count": 5}'
    ends 0 -o json -C "$FRA" rewrap --stale --yes
    json '.rewrapped == 61 and .failed == 0'
    sim_move 3700
    fra root rotate fra-main
    sim_control DELETE faults
    # Two do not open any more; the others are no worse for it.
    sim_fault '{"match": {"path": "actions/rewrap"}, "status": 422, "skip": 3, "count": 2}'
    ends 3 -o json -C "$FRA" rewrap --stale --yes
    json '.rewrapped == 59 and .failed == 2'
    sim_control DELETE faults
    ends 0 -o json -C "$FRA" rewrap --stale --yes
    json '.rewrapped == 2'
    # Out of reach for all: one outage, not sixty.
    sim_move 3700
    fra root rotate fra-main
    sim_fault '{"match": {"path": "actions/rewrap"}, "status": 503, "count": -1}'
    ends 5 -o json -C "$FRA" --timeout 1s rewrap --stale --yes
    error_is KM3004
    [ "$(grep -c warning <<<"$stderr")" -le 5 ]
    sim_control DELETE faults
    fra root destroy fra-main --confirm fra-main
    ends 14 -o json -C "$FRA" rewrap --stale --yes
    error_is KM3007
    ends 14 -o json -C "$FRA" rehome --all --to mad-main --yes
    error_is KM3007
}

@test "the wrap tried first does not open: another one does" {
    keys 20
    fra rehome --all --to mad-main --yes
    fra root create mad-new --kms kp-mad
    fra root destroy fra-main --confirm fra-main
    ends 0 -o json -C "$FRA" rehome --all --to mad-new --yes
    json '.added == 21 and .failed == 0'
}

# Everything that is recorded opens, and nothing is missing.
whole() { # FROM COUNT TO
    ends 0 -C "$FRA" verify
    ends 0 -o json -C "$FRA" rehome --all --from "$1" --to "$3" -n
    json '.planned + .there == $n and .failed == 0' --argjson n "$2"
}

@test "interrupted: what is proven is recorded, and the same command goes on" {
    keys 700
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
    fra root rotate fra-main
    sim_fault '{"match": {"path": "actions/"}, "delay_ms": 60, "count": -1}'
    local pid
    for words in 'rewrap --stale' 'rehome --all --to mad-main'; do
        sim_control DELETE log >/dev/null
        # shellcheck disable=SC2086
        "$KEYMUSTER" -C "$FRA" $words --yes >"$T/out" 2>"$T/err" 3>&- &
        pid=$!
        until [ "$(calls /unwrap)" -ge 300 ]; do sleep 0.1; done
        kill -TERM "$pid" # a shell has its background jobs ignore SIGINT
        wait "$pid" || true
        # What was recorded is on the copy already.
        [ "$(ask .unpublished -C "$FRA" status)" -eq 0 ]
        grep -q "interrupted; [1-9][0-9]* wraps are .*recorded, run it again" "$T/err" || { cat "$T/err" >&2; return 1; }
        # shellcheck disable=SC2086
        ends 0 -o json -C "$FRA" $words --yes
        json '.failed == 0 and .current + .there > 0 and .rewrapped + .added > 0'
    done
    sim_control DELETE faults
    whole fra-main 701 mad-main
}

@test "killed at any moment: the store verifies, the next run does only what is missing" {
    keys 300
    fra root rotate fra-main
    sim_fault '{"match": {"path": "actions/"}, "delay_ms": 5, "count": -1}'
    local i before after pid
    for words in 'rewrap --stale' 'rehome --all --to mad-main'; do
        before=0
        for i in 1 2 3 4 5 6 7 8; do
            # shellcheck disable=SC2086
            "$KEYMUSTER" -C "$FRA" $words --yes >/dev/null 2>&1 3>&- &
            pid=$!
            sleep "0.$((RANDOM % 10))$((RANDOM % 10))"
            kill -KILL "$pid" 2>/dev/null || true
            wait "$pid" || true
            ends 0 -C "$FRA" verify
            # shellcheck disable=SC2086
            after=$("$KEYMUSTER" -o json -C "$FRA" $words -n --offline 2>/dev/null | jq '.current + .there' || echo "$before")
            [ "${after:-$before}" -ge "$before" ]
            before=${after:-$before}
        done
        # shellcheck disable=SC2086
        ends 0 -o json -C "$FRA" $words --yes
        json '.failed == 0'
    done
    sim_control DELETE faults
    whole fra-main 301 mad-main
    ends 0 -o json -C "$FRA" rewrap --all -n
    json '.planned == 0 and .failed == 0'
}

@test "fifteen KMSs in one command: each is asked, with an API key of its own" {
    local n url id
    keys 3
    for n in {1..15}; do
        read -r url id < <(sim_control POST instances "{\"name\": \"many-$n\", \"region\": \"eu-de\"}" | jq -r '.url + " " + .id')
        sim_control POST apikeys "{\"name\": \"many-$n\", \"grants\": [{\"instance\": \"$id\", \"role\": \"Manager\"}]}" >/dev/null
        fra kms add "many-$n" --site fra --provider ibm --instance "$id" --endpoint "$url" --iam "$SIM_IAM" --ca "$SIM_CA" \
            --credential "file:$SIM_DIR/apikey.many-$n"
        fra root create "root-$n" --kms "many-$n"
    done
    for n in {1..15}; do printf 'vbr/first\troot-%d\nbulk/1\troot-%d\nbulk/2\troot-%d\n' "$n" $(((n + 4) % 15 + 1)) $(((n + 9) % 15 + 1)); done >"$T/all"
    for n in {0..14}; do # three keys at a time, under three of them
        sed -n "$((n * 3 + 1)),$((n * 3 + 3))p" "$T/all" >"$T/map"
        ends 0 -o json -C "$FRA" rehome --map "$T/map" --yes
        json '.failed == 0'
    done
    for n in {1..15}; do fra root rotate "root-$n"; done
    ends 0 -o json -C "$FRA" rewrap --all --yes
    json '.rewrapped == 45 and .failed == 0'
    ends 0 -o json -C "$FRA" doctor
    json '.findings == 0 and ([.checks[] | select(.test == "wraps and unwraps" and .result == "yes")] | length) == 17'
    ends 0 -o json -C "$FRA" upkeep
    json '(.roots | length) == 17 and all(.roots[]; .state == "active")'
    # Each key from another of them to one.
    ends 0 -o json -C "$FRA" rekey vbr/first --root root-1 --root root-5 --root root-9 --root root-13 --allow-unsynced
    json '.roots | length == 4'
    ends 0 -C "$FRA" verify
}

# nghttpx before the simulator, for what that does not do: HTTP/2, a log of connections. Sets far and front.
front_start() { # OPTION...
    local plain port i
    port=$("$KM_TOOLS/free_port")
    plain=$(sim_control POST fronts '{"of": "fra", "tls": "plain"}' | jq -r .port)
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -days 2 \
        -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
    cat "$SIM_CA" "$T/cert.pem" >"$T/both.pem"
    nghttpx --conf=/dev/null "-f127.0.0.1,$port" "-b127.0.0.1,$plain" --workers=1 --no-ocsp --errorlog-file=/dev/null \
        --accesslog-file="$T/access" --accesslog-format='$alpn $remote_port $status' "$@" "$T/key.pem" "$T/cert.pem" >/dev/null 2>&1 3>&- &
    front=$!
    for i in {1..100}; do (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.05; done
    far=(--endpoint "kp-fra=https://127.0.0.1:$port" --ca "kp-fra=$T/both.pem" --iam "kp-fra=$SIM_IAM")
}
front_stop() {
    kill "$front"
    wait "$front" || true
}

@test "over HTTP/2: many streams on one connection, results as ever" {
    keys 300
    front_start
    fra root rotate fra-main
    sim_fault '{"match": {"path": "actions/"}, "delay_ms": 30, "count": -1}'
    ends 0 -o json -C "$FRA" rewrap --stale --yes "${far[@]}"
    front_stop
    json '.rewrapped == 301 and .failed == 0'
    # HTTP/2 in all of them, on a handful of connections.
    [ "$(grep -c '^h2 ' "$T/access")" -ge 602 ]
    [ "$(awk '/^h2 / { print $2 }' "$T/access" | sort -u | wc -l)" -le 4 ]
}

@test "over HTTP/1.1: 32 connections, or as many as keymuster.conf says; what it cannot say is refused" {
    keys 200
    front_start --npn-list=http/1.1
    local most made
    for most in 5 32; do
        [ "$most" = 32 ] || printf '[network]\nconnections = %d\n' "$most" >>"$FRA/keymuster.conf"
        sim_move 3700
        fra root rotate fra-main
        sim_fault '{"match": {"path": "actions/"}, "delay_ms": 30, "count": -1}'
        : >"$T/access" # nghttpx appends
        ends 0 -o json -C "$FRA" rewrap --stale --yes "${far[@]}"
        json '.rewrapped == 201 and .failed == 0'
        sim_control DELETE faults >/dev/null
        awk '{ print $1, $2 }' "$T/access" | sort | uniq -c >&2
        # None was closed between the two calls of a wave, and opened again. The one that was opened while the token
        # came may give way to another.
        made=$(awk '/^http\/1.1 / { print $2 }' "$T/access" | sort -u | wc -l)
        [ "$made" -ge "$most" ] && [ "$made" -le $((most + 1)) ]
        sed -i '/^\[network\]/,$d' "$FRA/keymuster.conf"
    done
    front_stop
    for most in 0 101 -1 5x 99999999999999999999 ''; do
        cp "$FRA/keymuster.conf" "$T/conf"
        printf '[network]\nconnections = %s\n' "$most" >>"$FRA/keymuster.conf"
        ends 2 -C "$FRA" create vbr/not --purpose backup-job --root fra-main
        [[ $stderr == *"connections of [network]"* ]]
        cp "$T/conf" "$FRA/keymuster.conf"
    done
}
