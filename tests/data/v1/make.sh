#!/usr/bin/env bash
# How the store and the copy in this folder were made, by the first version that could. They are kept for ever and never
# made again: every later version must read them. KEYMUSTER and KM_TOOLS as in tests/lib/cli.bash.
set -euo pipefail
cd -- "$1"
export HOME=$PWD/home XDG_STATE_HOME=$PWD/home/state LANG=C.UTF-8
umask 077
mkdir -p home usb
for site in fra mad; do
    printf 'canary-passphrase-%s\n' "$site" >"$site.pass"
    "$KM_TOOLS/kms_tool" new "$site.kms" "$site.pass"
done
k() { "$KEYMUSTER" -C fra "$@" >/dev/null; }
k init --site fra --name 'Kept for ever'
k site add mad --region eu-es --vendor ibm
for site in fra mad; do
    k kms add "kp-$site" --site "$site" --provider local --file "$site.kms" --credential "file:$site.pass" --kept-at "vault of $site"
    k root create "$site-main" --kms "kp-$site"
done
k copy add usb ./usb --site mad --removable
k create vbr/config --purpose config-backup --root mad-main --protects-site fra --owner backup-team --label tier=1
k create vbr/job-sql --purpose backup-job --root fra-main --root mad-main --aad one --aad two
printf 'canary-adopted-Passw0rd' >secret
"$KM_TOOLS/kms_tool" wrap fra.kms fra.pass fra-main secret >wdek
k record vbr/script --purpose backup-job --root fra-main --form bytes --wrapped file:wdek
k root rotate mad-main
k create vbr/after --purpose backup-job --root mad-main
"$KEYMUSTER" -C mad join --from ./usb --site mad --yes >/dev/null
"$KEYMUSTER" -C mad kms set kp-mad --file mad.kms --credential file:mad.pass >/dev/null
"$KEYMUSTER" -C mad create mad/job --purpose backup-job --root mad-main >/dev/null
k author admit "$("$KEYMUSTER" -C mad -o json status | jq -r .author)"
"$KEYMUSTER" -C mad sync >/dev/null
k sync
for key in vbr/config vbr/job-sql vbr/after mad/job; do # what they must open to, for ever
    "$KEYMUSTER" -C fra exec "$key" --reason 'expected value' -- sha256sum | cut -d' ' -f1 >>expected
done
"$KEYMUSTER" -C mad sync >/dev/null
k sync
rm -r home secret wdek fra/store.lock mad/store.lock ./*.lock 2>/dev/null || true
"$KEYMUSTER" -C fra -o json status | jq -r .digest >digest
rm -rf home fra/store.lock
