# shellcheck shell=bash
# Packages from npm that tests use, as a lock file names them.
#
#   npm_install FROM BUILT     installs what FROM/package-lock.json names into BUILT, once; sets NPM_WHY to the reason where that cannot
#                              be had, none where it is there. What is not as the lock file names it is a failure, never a reason

npm_install() { # FROM BUILT
    # Who sources this reads it.
    # shellcheck disable=SC2034
    NPM_WHY=
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        NPM_WHY='node or npm is not installed'
        return
    fi
    # Several test files may want it at once.
    exec 9>"$2.lock"
    flock 9
    if ! cmp -s "$1/package-lock.json" "$2/installed"; then
        rm -rf -- "$2"
        mkdir -p -- "$2"
        cp -- "$1/package.json" "$1/package-lock.json" "$2"
        if (cd -- "$2" && timeout 100 npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1 9>&-); then
            cp -- "$1/package-lock.json" "$2/installed"
        elif grep -q EINTEGRITY "$2/npm.log"; then
            cat -- "$2/npm.log" >&2
            return 1
        else
            NPM_WHY="npm ci failed: $(grep -m 1 -o 'code E[A-Z_0-9]*' "$2/npm.log" || echo 'no answer in time')"
        fi
    fi
    exec 9>&-
}
