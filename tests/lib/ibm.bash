# shellcheck shell=bash
# IBM's KMSs as the simulator plays them, for .bats files: each test has one of its own.
load ../lib/cli
load ../lib/sim

setup() {
    fresh_home
    sim_start "$T/sim"
}

teardown() {
    stop_started
    sim_stop
}

add() { # NAME SITE URL INSTANCE [OPTION...]
    local name=$1 site=$2 url=$3 instance=$4
    shift 4
    fra kms add "$name" --site "$site" --provider ibm --instance "$instance" --endpoint "$url" --iam "$SIM_IAM" \
        --ca "$SIM_CA" --credential "file:$SIM_APIKEY" "$@"
}

# Both sites with an instance and a root key each.
scene_roots() {
    fra init --site fra
    fra site add mad
    add kp-fra fra "$SIM_KMS" "$SIM_INSTANCE"
    add kp-mad mad "$SIM_KMS_MAD" "$SIM_INSTANCE_MAD"
    fra root create fra-main --kms kp-fra
    fra root create mad-main --kms kp-mad
}

root_id() { ask ".items[] | select(.name == \"$1\") | .id" -C "$FRA" root list; }
