# shellcheck shell=bash
# A backup server as the simulator plays it, for .bats files: each test has one of its own, and judges what was said to it
# (openapi.bash).
load ../lib/cli
load ../lib/vbr
load ../lib/openapi

setup_file() { judge_install; }

setup() {
    fresh_home
    vbr_start "$T/vbr"
}

teardown() {
    stop_started
    vbr_stop
}
