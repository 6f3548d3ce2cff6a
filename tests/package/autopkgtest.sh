#!/bin/bash
# debian/tests by autopkgtest's null runner, which installs the package, on a throw-away machine. TAP.
set -euo pipefail
. "$KM_SOURCE/tests/package/scene.bash"
scene
rm -- "$dir/prepare"
mkdir "$dir/source"
tar -x -f "$KM_PACKAGES/dist.tar.xz" -C "$dir/source" --strip-components=1

judge() { # the log, which says of each test how it ended
    grep -qE '^first-drill +PASS' "$dir/log"
}
status=0
"$KM_SOURCE/tests/package/machine" "$dir" run autopkgtest --no-built-binaries --test-name=first-drill /mnt/keymuster.deb /mnt/source -- null \
    >"$dir/log" 2>&1 || status=$?
case $status in
    77)
        echo 'ok 1 autopkgtest # skip no machine of its own can be made here'
        exit 0
        ;;
esac
# The other of debian/tests needs systemd; units.sh runs it.
if [ "$status" -eq 0 ] && judge; then
    echo 'ok 1 autopkgtest'
else
    sed 's/^/# /' "$dir/log"
    printf '# status %s\nnot ok 1 autopkgtest\n' "$status"
    exit 1
fi

# A program that proves nothing must not pass.
printf '#!/bin/sh\ncase "$*" in *drill*) echo "{\\"results\\":[{\\"outcome\\":\\"proven\\"}]}"; exit 0;; esac\nexec /usr/bin/keymuster "$@"\n' \
    >"$dir/keymuster"
chmod 755 "$dir/keymuster"
printf '#!/bin/sh\nexec dpkg -i /mnt/keymuster.deb\n' >"$dir/prepare"
chmod 755 "$dir/prepare"
if "$KM_SOURCE/tests/package/machine" "$dir" run env PATH=/mnt:/usr/bin:/bin /mnt/source/debian/tests/first-drill >"$dir/log" 2>&1; then
    sed 's/^/# /' "$dir/log"
    echo 'not ok 2 planted: a drill that always says proven'
    exit 1
fi
echo 'ok 2 planted: a drill that always says proven'
