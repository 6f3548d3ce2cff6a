# shellcheck shell=bash
# The validator of OpenAPI from its registry, and the description of VBR's REST API, which is not ours to commit.
#
#   judge_install      in setup_file: installs the validator once; NO_JUDGE says why there is none
#   judge FILE         judges a log of exchanges
#   judge_log COUNT    judges what the simulator saw, which must be that many requests (0: any number but none); skips the test
#                      without a judge, so it comes last

# shellcheck source=tests/lib/npm.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/npm.bash"

judge_install() {
    local built=$KM_TOOLS/openapi
    export JUDGE_MODULES=$built/node_modules NO_JUDGE=
    export VBR_DESCRIPTION=$KM_SOURCE/../shared/data/veeam/vbr-rest-subset.openapi.yaml
    if [ ! -e "$VBR_DESCRIPTION" ]; then
        NO_JUDGE='no ../shared/data/veeam/vbr-rest-subset.openapi.yaml'
        return
    fi
    npm_install "$KM_SOURCE/tests/sim/openapi" "$built" || return 1
    NO_JUDGE=$NPM_WHY
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
