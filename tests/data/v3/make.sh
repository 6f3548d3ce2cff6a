#!/usr/bin/env bash
# How the store and the copy in this folder were made, by the last commit before migration 4 (79e86e5^, schema 3). They are
# kept for ever and never made again. Made in /srv/kept, which the log names. KEYMUSTER and KM_TOOLS: of that commit.
set -euo pipefail
cd -- "$1"
export HOME=$PWD/home XDG_STATE_HOME=$PWD/home/state LANG=C.UTF-8
umask 077
mkdir -p home usb
printf 'canary-passphrase-mad\n' >mad.pass
"$KM_TOOLS/kms_tool" new mad.kms mad.pass
k() { "$KEYMUSTER" -C fra "$@" >/dev/null; }
k init --site fra --name 'Schema 3'
k site add mad
k kms add kp-mad --site mad --provider local --file mad.kms --credential file:mad.pass --kept-at 'vault of mad'
k root create mad-main --kms kp-mad
k copy add usb ./usb --site mad --removable
k create vbr/config --purpose config-backup --root mad-main
k create vbr/job-sql --purpose backup-job --root mad-main
k drill                           # two rows, proven
mv mad.pass away
k drill vbr/job-sql || true       # one, failed: its credential is missing
mv away mad.pass
k root rotate mad-main
k rewrap --all --yes
k sync
"$KEYMUSTER" -C fra -o json status | jq -r .digest >digest
sqlite3 -readonly fra/escrow.db 'SELECT outcome, code, ms, at FROM drill ORDER BY at, key' >drills
rm -rf home fra/store.lock mad.kms.lock
