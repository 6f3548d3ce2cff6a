# shellcheck shell=bash
# What a throw-away machine (machine) is given: the package, installed before anything runs, and helpers. Sets dir.

scene() {
    dir=$(mktemp -d /dev/shm/package.XXXXXX)
    trap 'rm -rf -- "$dir"' EXIT
    chmod 755 "$dir"
    cp -- "$KM_PACKAGES"/first/keymuster_*.deb "$dir/keymuster.deb"
    cp -- "$KM_SOURCE/tests/package/units_inside.sh" "$KM_TOOLS/hold_lock" "$KM_SOURCE/docs/how-to/run-from-timers.md" "$dir"
    printf '#!/bin/sh\nexec dpkg -i /mnt/keymuster.deb\n' >"$dir/prepare"
    chmod 755 "$dir"/*
}
