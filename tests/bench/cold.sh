#!/usr/bin/env bash
# A cold recovery of one key: a machine with nothing but a copy of many entries in a folder, the credential, and the KMS as
# the simulator plays it, every answer of IAM and KMS after a service time. `reveal --from` opens the copy, verifies all of
# it, keeps records, unwraps, compares and delivers. Beside it, without verifying: a few lines of grep, curl and jq that
# know what to look for, and the script that lies in every copy (recovery/recover-without-keymuster.sh), which reads all of
# it with jq. Prints times, ratios and memory; judges nothing. Needs what kms_scene.bash needs. TMPDIR is where copy and
# records lie.
#
#   tests/bench/cold.sh [SERVICE-MS [ENTRIES [TIMES]]]     default 30 10000 7
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
service=${1:-30} entries=${2:-10000} times=${3:-7}
. tests/bench/kms_scene.bash

# ---- the copy, and what a person has at the other site ----

sim_start "$top/sim"
quiet init --site fra
quiet site add mad
quiet kms add kp --site mad --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" \
    --credential "file:$SIM_APIKEY"
quiet root create main --kms kp
mkdir "$top/usb"
quiet copy add usb "$top/usb" --site mad
quiet create vbr/one --purpose backup-job --root main
k -o json show vbr/one --wraps 2>/dev/null | jq -r '.wraps[0].ciphertext' >"$top/wrap"
rows $((entries / 2)) first
quiet create vbr/config --purpose config-backup --root main
rows $((entries - $(k -o json verify 2>/dev/null | jq .entries))) second
quiet sync
size="$(k -o json verify 2>/dev/null | jq .entries) entries ($(cat "$top"/usb/log/*/*/* | wc -c | awk '{ printf "%.1f MB", $1 / 1e6 }'))"
k reveal vbr/config --reason bench --to - >"$top/want" 2>/dev/null
sim_fault "{\"match\": {}, \"delay_ms\": $service, \"count\": -1}"

# ---- the three ----

# What somebody writes who knows how the lines look: nothing but these two is read.
cat >"$top/lean.sh" <<'END'
set -euo pipefail
umask 077
line() { grep -hF "$1" "$top"/usb/log/*/*/*.ndjson | tail -n 1; }
token=$(curl -sS --cacert "$SIM_CA" "$SIM_IAM/identity/token" --data-urlencode grant_type=urn:ibm:params:oauth:grant-type:apikey \
    --data-urlencode "apikey@"<(tr -d '\n' <"$SIM_APIKEY") | jq -er .access_token)
key=$(line '"name":"vbr/config"')
root=$(line "\"uuid\":\"$(jq -r '.body.wraps[0].root' <<<"$key")\"" | jq -r .body.id)
jq -c '.body.wraps[0] | {ciphertext, aad}' <<<"$key" | curl -sS --cacert "$SIM_CA" -K <(printf 'header = "Authorization: Bearer %s"\n' "$token") \
    -H "Bluemix-Instance: $SIM_INSTANCE" -H 'Content-Type: application/json' --data-binary @- \
    "$SIM_KMS/api/v2/keys/$root/actions/unwrap" | jq -jer .plaintext >"$top/got"
END
export top
ours() {
    "$KM_TOOLS/measure" 60 "$KEYMUSTER" reveal vbr/config --from "$top/usb" --site mad --yes --reason bench --evidence "$top/evidence" \
        --credential "kp=file:$SIM_APIKEY" --endpoint "kp=$SIM_KMS" --iam "kp=$SIM_IAM" --ca "kp=$SIM_CA" --to "file:$top/got"
}
lean() { "$KM_TOOLS/measure" 60 bash "$top/lean.sh"; }
shipped() {
    "$KM_TOOLS/measure" 60 sh recovery/recover-without-keymuster.sh "$top/usb" vbr/config --apikey-file "$SIM_APIKEY" --endpoint "$SIM_KMS" \
        --iam "$SIM_IAM" --ca "$SIM_CA" --to "$top/got"
}

# Each time from nothing: what was kept is gone, and the copy has no more entries than before. Appends "kib N ms N".
cold() { # NAME
    rm -rf -- "$top/got" "$top/evidence" "$top/state" "$top/usb"
    cp -r -- "$top/kept" "$top/usb"
    "$1" 3>>"$top/$1.took" >"$top/said" 2>&1 || { echo "failed: $1" >&2; cat "$top/said" >&2; exit 1; }
    cmp -s "$top/want" "$top/got" || { echo "$1 got something else" >&2; exit 1; }
}
cp -r -- "$top/usb" "$top/kept"
for ((i = 0; i < times; i++)); do
    cold ours
    cold lean
    cold shipped
done

column() { awk -v c="$2" '{ print $c }' "$top/$1.took" | sort -n | awk -v p="$3" '{ v[NR] = $1 } END { print v[p == "least" ? 1 : int((NR + 1) / 2)] }'; }
tell() { # NAME WORDS
    printf '%-34s %5d ms (least %d), %5.1f MiB at most\n' "$2" "$(column "$1" 4 median)" "$(column "$1" 4 least)" \
        "$(awk -v k="$(column "$1" 2 median)" 'BEGIN { print k / 1024 }')"
}
against() { # NAME WORDS: the ratio of runs side by side
    paste "$top/ours.took" "$top/$1.took" | awk '{ print $4 / $8 }' | median | xargs printf '%.2f times %s\n' | sed "s/\$/$2/"
}
printf 'cold recovery of one key from a copy of %s, answers after %d ms; %d times each\n' "$size" "$service" "$times"
tell ours 'keymuster reveal --from'
tell lean 'grep, curl and jq'
tell shipped 'recover-without-keymuster.sh'
against lean 'grep, curl and jq, which verify nothing'
against shipped 'recover-without-keymuster.sh, which verifies nothing'
