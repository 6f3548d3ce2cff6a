#!/usr/bin/env bats
# The store and the copy of version 1 (tests/data/v1), kept for ever: this version reads them as they are.
load ../lib/cli.bash

KEYS=(vbr/config vbr/job-sql vbr/after mad/job)

setup() {
    fresh_home
    cp -r "$KM_SOURCE/tests/data/v1/." "$T"
    chmod -R u=rwX,go= "$T"
    sed -i "s|/srv/kept/|$T/|" "$T/fra/keymuster.conf" "$T/mad/keymuster.conf"
}

# Passwords by a command that hashes them; in the order of the file `expected`.
hashes() { # ARG... (options before KEY)
    local key
    for key in "${KEYS[@]}"; do
        "$KEYMUSTER" exec "$key" --reason 'kept' "$@" -- sha256sum 2>"$T/err" | cut -d' ' -f1 || cat "$T/err" >&2
    done
}

@test "the stores of version 1 verify, and their tables are the same" {
    ends 0 -o json -C "$FRA" verify
    json '.entries > 20'
    now=$(ask .digest -C "$FRA" status) # as version 2 makes them: the same rows, and no drill yet
    [ "${now#2:}" = "$(cut -d: -f2 "$T/digest")" ]
    ends 0 -C "$MAD" verify
    ends 0 -o json -C "$FRA" list
    json '.keys | map(.name) == ["mad/job", "vbr/after", "vbr/config", "vbr/job-sql", "vbr/script"]'
}

@test "the stores of version 1 open their keys and go on" {
    [ "$(hashes -C "$FRA")" = "$(cat "$T/expected")" ]
    password_of "$FRA" vbr/script "$T/pw"
    [ "$(cat "$T/pw")" = canary-adopted-Passw0rd ]
    ends 0 -o json -C "$FRA" create vbr/new --purpose backup-job --root mad-main
    json .released
    mad sync
    ends 0 -C "$MAD" show vbr/new
    ends 0 -C "$FRA" verify
}

@test "the copy of version 1 alone opens them, without any store" {
    rm -rf "$FRA" "$MAD" "$T/fra.kms"
    lost_options
    lost[6]=kp-mad=file:$T/mad.pass
    lost[8]=kp-mad=$T/mad.kms
    [ "$(hashes "${lost[@]}")" = "$(cat "$T/expected")" ]
}
