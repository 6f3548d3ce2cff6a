# shellcheck shell=bash
# The Debian 12 packages that keymuster needs, in one place, and how to get those that are missing. Sourced by
# quickstart.sh (build, demo) and test.sh (build, demo, test).

# Used by name, in packages_need.
# shellcheck disable=SC2034
packages_build="gcc libc6-dev cmake ninja-build pkg-config libsqlite3-dev libcjson-dev libcmark-dev libsodium-dev libsmartcols-dev
                libutf8proc-dev libcurl4-openssl-dev libcurl4"
# shellcheck disable=SC2034
packages_demo="restic jq"
# shellcheck disable=SC2034
packages_test="libcmocka-dev bats jq minisign faketime strace tmux sqlite3 restic xxd procps bsdextrautils
               libmicrohttpd-dev libssl-dev curl openssl openssh-server openssh-client nodejs npm xfsprogs e2fsprogs clang clang-tidy libclang-rt-14-dev
               cppcheck util-linux nghttp2-proxy valgrind libxml2-utils lighttpd lighttpd-mod-webdav lighttpd-mod-openssl nginx
               libnginx-mod-http-dav-ext tinyproxy radosgw ceph-mon ceph-osd ceph-common chromium prometheus
               debhelper dpkg-dev fakeroot lintian autopkgtest systemd dbus iproute2 git xz-utils file
               mandoc zsh fish"

# The tests start servers by themselves, on loopback. What the packages would start is kept from starting, now by the way that Debian has
# for it, and at the next boot. Where a policy stands already, it stays.
# shellcheck disable=SC2016
packages_install='
    set -eu
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap "rm -f -- $policy" EXIT
        printf "#!/bin/sh\nexit 101\n" >"$policy"
        chmod 755 "$policy"
    fi
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@"
    for package in "$@"; do
        case $package in
            openssh-server) unit=ssh ;;
            lighttpd | nginx | tinyproxy | prometheus) unit=$package ;;
            ceph-mon) unit=ceph-crash ;;
            *) continue ;;
        esac
        if command -v systemctl >/dev/null; then
            systemctl --quiet disable "$unit" 2>/dev/null || true
        fi
    done
'

# Installs what is missing of these groups; asks apt only when something is.
packages_need() {
    local group list package missing=() as=()
    for group in "$@"; do
        list=packages_$group
        for package in ${!list}; do
            # npm may have come with another packaging of Node.js.
            if [ "$package" = npm ] && command -v npm >/dev/null; then
                continue
            fi
            if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
                missing+=("$package")
            fi
        done
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return 0
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            printf 'Missing packages. As root, run:\n  apt-get update && apt-get install %s\n' "${missing[*]}" >&2
            return 1
        fi
        as=(sudo)
    fi
    printf 'Installing missing packages: %s\n' "${missing[*]}"
    "${as[@]}" apt-get -qq update
    "${as[@]}" bash -c "$packages_install" bash "${missing[@]}" >/dev/null
}
