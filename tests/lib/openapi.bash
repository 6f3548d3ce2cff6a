# shellcheck shell=bash
# The validator of OpenAPI from its registry, and the description of VBR's REST API, which is not ours to commit.
#
#   judge_install      in setup_file: installs the validator once; NO_JUDGE says why there is none
#   judge FILE         judges a log of exchanges
#   judge_log COUNT    judges what the simulator saw, which must be that many requests (0: any number but none); skips the test
#                      without a judge, so it comes last

judge_install() {
    local from=$KM_SOURCE/tests/sim/openapi built=$KM_TOOLS/openapi
    export JUDGE_MODULES=$built/node_modules NO_JUDGE=
    export VBR_DESCRIPTION=$KM_SOURCE/../shared/data/veeam/vbr-rest-subset.openapi.yaml
    if [ ! -e "$VBR_DESCRIPTION" ]; then
        NO_JUDGE='no ../shared/data/veeam/vbr-rest-subset.openapi.yaml'
    elif ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        NO_JUDGE='node or npm is not installed'
    else
        # Several test files want it at once.
        exec 9>"$built.lock"
        flock 9
        if ! cmp -s "$from/package-lock.json" "$built/installed"; then
            rm -rf -- "$built"
            mkdir -p -- "$built"
            cp -- "$from/package.json" "$from/package-lock.json" "$built"
            if (cd -- "$built" && timeout 100 npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1); then
                cp -- "$from/package-lock.json" "$built/installed"
            elif grep -q EINTEGRITY "$built/npm.log"; then
                cat -- "$built/npm.log" >&2 # not what the lock file names: no reason to skip
                return 1
            else
                NO_JUDGE="npm ci failed: $(grep -m 1 -o 'code E[A-Z_0-9]*' "$built/npm.log" || echo 'no answer in time')"
            fi
        fi
        exec 9>&-
    fi
}

judge() { node "$KM_SOURCE/tests/sim/openapi/judge.js" "$VBR_DESCRIPTION" "$1"; }

judge_log() {
    local count
    if [ -n "$NO_JUDGE" ]; then
        skip "not judged: $NO_JUDGE"
    fi
    vbr_control GET log >"$T/judged"
    count=$(jq length "$T/judged")
    if [ "$count" -eq 0 ] || { [ "$1" -ne 0 ] && [ "$count" -ne "$1" ]; }; then
        printf 'there were %s requests\n' "$count" >&2
        return 1
    fi
    judge "$T/judged"
}
