#!/bin/bash
# The package installed on a throw-away machine with systemd as process 1: units_inside.sh, as TAP; then the same with a
# planted fault, which it must catch. Skipped where such a machine cannot be made (it needs root).
set -euo pipefail
. "$KM_SOURCE/tests/package/scene.bash"
scene

status=0
"$KM_SOURCE/tests/package/machine" "$dir" boot /mnt/units_inside.sh || status=$?
if [ "$status" -eq 77 ]; then
    echo 'ok 1 units under systemd # skip no machine of its own can be made here'
    exit 0
fi

printf 'page\n' >"$dir/only"
"$KM_SOURCE/tests/package/machine" "$dir" boot /mnt/units_inside.sh || status=$?

# Findings that pass for success, and no second try: each must make its case fail.
plant() { # CASE LINES
    printf '%s\n' "$2" >"$dir/plant"
    printf 'found\n%s\n' "$1" >"$dir/only"
    out=$("$KM_SOURCE/tests/package/machine" "$dir" boot /mnt/units_inside.sh) || true
    if grep -q "^ok 1 " <<<"$out" && grep -q "^not ok 2 " <<<"$out"; then
        printf 'ok %d planted: %s\n' $((number += 1)) "$2"
    else
        printf 'not ok %d planted: %s\n%s\n' $((number += 1)) "$2" "$out"
        status=1
    fi
}
number=100
plant finding 'SuccessExitStatus=3'
plant busy 'Restart=no'
exit "$status"
