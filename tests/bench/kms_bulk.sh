#!/usr/bin/env bash
# rewrap of many keys in IBM's KMS as the simulator plays it, each answer after a service time: against a bare loop over
# libcurl that makes the same calls (a rewrap and a proving unwrap a key) over as many connections; beside IBM's own npm
# client and a shell loop of curl and jq; then memory. Prints medians of three and ratios; judges nothing.
# Needs: gcc, libcurl's headers, jq, node and npm, nghttpx, openssl; see kms_scene.bash.
#
#   tests/bench/kms_bulk.sh [SERVICE-MS [KEYS [MANY]]]     default 30 1000 20000
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
service=${1:-30} keys=${2:-1000} many=${3:-20000} few=50
. tests/bench/kms_scene.bash
scene
rows $((keys - 1)) bulk # vbr/one is the other

slow() { sim_fault "{\"match\": {\"path\": \"actions/\"}, \"delay_ms\": $service, \"count\": -1}"; }
connections() { sed -i '/^\[network\]/,$d' "$top/store/keymuster.conf"; printf '[network]\nconnections = %d\n' "$1" >>"$top/store/keymuster.conf"; }
ours() { k rewrap --stale --yes --offline --endpoint "$place" --ca "$ca"; }
bare() { "$top/bare_kms" loop "$SIM_IAM" "$place" "$ca" "$SIM_INSTANCE" "$SIM_APIKEY" "$root" "$top/wrap" "$keys" "$1" "$2"; }

# HTTP/2, which the simulator does not speak, comes from nghttpx before a port of it without TLS.
http2_start() {
    local port plain
    port=$("$KM_TOOLS/free_port")
    plain=$(sim_control POST fronts '{"of": "fra", "tls": "plain"}' | jq -er .port)
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -days 2 \
        -keyout "$top/key.pem" -out "$top/cert.pem" 2>/dev/null
    cat "$SIM_CA" "$top/cert.pem" >"$top/both.pem"
    nghttpx --conf=/dev/null "-f127.0.0.1,$port" "-b127.0.0.1,$plain" --workers=1 --no-ocsp --errorlog-file=/dev/null \
        "$top/key.pem" "$top/cert.pem" >/dev/null 2>&1 &
    started+=($!)
    until (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.05; done
    place2=https://127.0.0.1:$port
}

compare() { # NAME AT-ONCE CONNECTIONS
    local i floor
    connections "$2"
    rotate
    floor=$(for i in 1 2 3; do once bare "$2" "$3"; done | median)
    slow
    for i in 1 2 3; do
        [ "$i" -eq 1 ] || rotate
        printf '%s %s\n' "$(once ours)" "$(once bare "$2" "$3")"
    done >"$top/pairs"
    sim_control DELETE faults >/dev/null
    awk -v name="$1" -v floor="$floor" -v ratio="$(awk '{ print $1 / $2 }' "$top/pairs" | median)" \
        -v ours="$(cut -d' ' -f1 "$top/pairs" | median)" -v bare="$(cut -d' ' -f2 "$top/pairs" | median)" 'BEGIN {
        printf "%-30s %.2f times bare libcurl (%.2f s against %.2f s; without a service time that takes %.2f s)\n", name, ratio, ours, bare, floor }'
}

printf '%d keys, a rewrap and a proving unwrap each, every answer after %d ms. The time without one is the floor of\n' "$keys" "$service"
printf 'simulator, TLS and bare loop together, on the cores that all of them share.\n'
place=$SIM_KMS ca=$SIM_CA
compare 'HTTP/1.1, 32 connections' 32 32
compare 'HTTP/1.1, 100 connections' 100 100
http2_start
place=$place2 ca=$top/both.pem
compare 'HTTP/2, 100 streams' 100 1

# ---- peers ----

export PEER_MODULES=$KM_TOOLS/judge/node_modules NODE_EXTRA_CA_CERTS=$SIM_CA no_proxy='*'
unset NODE_OPTIONS
if [ ! -d "$PEER_MODULES/@ibm-cloud" ]; then # as tests/sim/judge.bats does
    mkdir -p -- "$KM_TOOLS/judge"
    cp -- tests/sim/judge/package.json tests/sim/judge/package-lock.json "$KM_TOOLS/judge"
    (cd -- "$KM_TOOLS/judge" && npm ci --no-audit --no-fund --ignore-scripts --no-update-notifier >/dev/null)
    cp -- tests/sim/judge/package-lock.json "$KM_TOOLS/judge/installed"
fi
client() { node tests/bench/peer.js "$root" "$top/wrap" "$1" "$2"; }
ask() { # VERB CIPHERTEXT; the token goes by a file
    jq -cn --arg c "$2" '{ciphertext: $c}' | curl -sS --noproxy '*' --cacert "$SIM_CA" -K "$top/token" --data-binary @- \
        -H "Bluemix-Instance: $SIM_INSTANCE" -H 'Content-Type: application/json' "$SIM_KMS/api/v2/keys/$root/actions/$1"
}
shell_loop() {
    local i
    printf 'header = "Authorization: Bearer %s"\n' "$(sim_token manager)" >"$top/token"
    for ((i = 0; i < $1; i++)); do
        ask unwrap "$(ask rewrap "$(cat "$top/wrap")" | jq -er .ciphertext)" | jq -er .plaintext
    done
}
beside() { # NAME COUNT COMMAND...: medians of three; fewer keys are scaled
    local name=$1 count=$2 i
    shift 2
    printf '%-30s %.2f s' "$name" "$(for i in 1 2 3; do once "$@"; done | median | awk -v n="$keys" -v c="$count" '{ print $1 * n / c }')"
    [ "$count" -eq "$keys" ] || printf ' (%d keys, scaled)' "$count"
    printf '\n'
}
slow
beside 'npm client, 32 at once' "$keys" client "$keys" 32
beside 'npm client, 100 at once' "$keys" client "$keys" 100
beside 'npm client, await in a loop' "$few" client "$few" 1
beside 'curl and jq in a shell loop' "$few" shell_loop "$few"
sim_control DELETE faults >/dev/null

# ---- memory ----

place=$SIM_KMS ca=$SIM_CA
peak() { # KEYS: all there are
    rotate
    printf '%-30s %s KiB at most\n' "rewrap $1 keys" \
        "$( (command time -f %M "$KEYMUSTER" -C "$top/store" rewrap --stale --yes --offline >/dev/null) 2>&1 | tail -1)"
}
rows $((many / 10 - keys)) some
peak $((many / 10))
rows $((many - many / 10)) many
peak "$many"
