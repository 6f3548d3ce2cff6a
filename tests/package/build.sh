#!/bin/bash
# Builds the package from a source tarball; where KM_LONG is ON twice, in two folders, under two umasks, languages and time zones.
# Nothing but Debian packages is used. FOLDER/first and FOLDER/second have what came out, FOLDER/dist.tar.xz is the tarball.
#
#   build.sh BUILD-FOLDER FOLDER
set -euo pipefail

build=$(realpath -- "$1")
folder=$2
rm -rf -- "$folder"
mkdir -p -- "$folder"
folder=$(realpath -- "$folder")

# What is there now, committed or not, and not what the newest commit had.
git() { command git -C "$KM_SOURCE" -c safe.directory='*' -c user.name=test -c user.email=test@localhost "$@"; }
KM_DIST=$(git stash create)
export KM_DIST=${KM_DIST:-HEAD}
for copy in '' again.; do
    cmake --build "$build" --target dist >"$folder/dist.log"
    mv -- "$build"/keymuster-*.tar.xz "$folder/dist.${copy}tar.xz"
done
unset KM_DIST

package() { # NAME PLACE
    mkdir -p -- "$2/unpacked"
    tar -x -f "$folder/dist.tar.xz" -C "$2/unpacked" --strip-components=1
    (cd -- "$2/unpacked" && dpkg-buildpackage -us -uc -b "-j$(nproc)") >"$folder/$1.log" 2>&1 || { cat -- "$folder/$1.log"; return 1; }
    mkdir -- "$folder/$1"
    mv -- "$2"/*.deb "$2"/*.changes "$2"/*.buildinfo "$folder/$1"
}

export -n CFLAGS CPPFLAGS LDFLAGS CC SOURCE_DATE_EPOCH 2>/dev/null || true
umask 022
LC_ALL=C.UTF-8 TZ=UTC package first "$folder/a"
[ "${KM_LONG-}" = ON ] || exit 0
umask 027
LC_ALL=C TZ=Asia/Kolkata package second "$folder/another-place/b"
