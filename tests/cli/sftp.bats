#!/usr/bin/env bats
# Copies at an SFTP server: OpenSSH's, started here.
load ../lib/cli.bash
load ../lib/sshd.bash
load ../lib/dav.bash

setup() {
    fresh_home
    sshd_start "$T/sshd"
}
teardown() {
    sshd_stop
    proxy_stop
    stop_started
}
scene_far() {
    scene_fra
    fra copy add far "$SSHD_URL" --site mad --credential "file:$SSHD_KEY" --host-key "$SSHD_FINGERPRINT"
    fra create vbr/config --purpose config-backup --root mad-main
}

@test "a copy is made, published to, joined from, and the two sites agree" {
    scene_fra
    ends 0 -o json -C "$FRA" copy add far "$SSHD_URL" --site mad --credential "file:$SSHD_KEY" --known-hosts "$SSHD_KNOWN"
    json '.create_once == "enforced" and .large_object == "taken" and .can_overwrite and .can_remove'
    ends 0 -o json -C "$FRA" create vbr/config --purpose config-backup --root mad-main
    json .released
    [ -z "$(find "$SSHD_FILES" -name '*.tmp' -o -name 'probe-*')" ]
    ends 0 -o json -C "$FRA" copy check --deep
    json '.items[0].verified'
    password_of "$FRA" vbr/config want

    ends 0 -o json -C "$MAD" join --from "$SSHD_URL" --site mad --yes --credential "copy=file:$SSHD_KEY" --host-key "$SSHD_FINGERPRINT"
    mad kms set kp-mad --credential "file:$T/kp-mad.pass" --file "$T/kp-mad.kms"
    mad sync
    fra author admit "$(ask .author -C "$MAD" status)"
    fra sync
    mad sync
    ends 0 -o json -C "$MAD" create vbr/there --purpose backup-job --root mad-main
    json .released
    fra sync
    mad sync
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    password_of "$MAD" vbr/config got
    cmp want got
}

@test "on a bare machine, from the server alone" {
    scene_far
    password_of "$FRA" vbr/config want
    rm -rf "$FRA" "$HOME"
    mkdir "$HOME"
    local from=(--from "$SSHD_URL" --site mad --yes --credential "copy=file:$SSHD_KEY" --credential "kp-mad=file:$T/kp-mad.pass" --kms-file "kp-mad=$T/kp-mad.kms")
    ends 0 reveal vbr/config "${from[@]}" --host-key "$SSHD_FINGERPRINT" --reason test --to file:got
    cmp want got
    # One that can be read once is enough, however often the place is opened.
    ends 0 reveal vbr/config --from "$SSHD_URL" --evidence "$T/own" --yes --host-key "$SSHD_FINGERPRINT" --credential copy=fd:3 --reason test \
        --credential "kp-mad=file:$T/kp-mad.pass" --kms-file "kp-mad=$T/kp-mad.kms" --to file:again 3<"$SSHD_KEY"
    cmp want again
    # The record went back, and what was bound by it is used the next time.
    grep -q reveal.shown -r "$SSHD_FILES/log"
    ends 0 -o json drill "${from[@]}" --known-hosts "$SSHD_KNOWN"
    json 'all(.results[]; .outcome == "proven")'
    ends 4 -o json drill "${from[@]:0:5}" --host-key "$SSHD_FINGERPRINT"
    error_is KM4021
}

@test "another machine in the server's place: nothing is sent" {
    scene_far
    ends 4 -o json -C "$FRA" copy set far "$SSHD_URL" --known-hosts /dev/null
    error_is KM4019
    [[ $stderr == *"$SSHD_FINGERPRINT"* ]]
    ssh-keygen -q -t ed25519 -N '' -f other </dev/null
    ends 15 -o json -C "$FRA" copy set far "$SSHD_URL" --host-key "$(ssh-keygen -lf other.pub | cut -d ' ' -f 2)"
    error_is KM4020
    [[ $stderr == *"$SSHD_FINGERPRINT"* ]]
    printf '[127.0.0.1]:%s %s\n' "$SSHD_PORT" "$(cut -d ' ' -f 1,2 other.pub)" >known
    ends 15 -o json -C "$FRA" copy set far "$SSHD_URL" --known-hosts known
    error_is KM4020
    : >"$T/sshd/log"
    # Told at every use.
    sed -i "s/^host-key = .*/host-key = $(ssh-keygen -lf other.pub | cut -d ' ' -f 2 | sed 's/[\/&]/\\&/g')/" "$FRA/keymuster.conf"
    ends 15 -o json -C "$FRA" sync
    error_is KM4020
    ends 15 -C "$FRA" copy check
    ! grep -q 'Accepted' "$T/sshd/log" || return 1
    ends 2 -C "$FRA" copy set far "$SSHD_URL" --host-key MD5:aa
}

@test "who is not let in: another key, a password, RSA; nobody there; no credential" {
    scene_far
    ssh-keygen -q -t ed25519 -N '' -f stranger </dev/null
    ends 4 -o json -C "$FRA" copy set far "$SSHD_URL" --credential file:stranger
    error_is KM4018
    printf 'canary-password-55\n' >password
    chmod 600 password
    ends 4 -o json -C "$FRA" copy set far "$SSHD_URL" --credential file:password
    error_is KM4018
    [[ $stderr != *canary-password-55* ]]
    ssh-keygen -q -t rsa -b 2048 -N '' -f rsa </dev/null
    cat rsa.pub >>"$T/sshd/authorized"
    ends 4 -C "$FRA" copy set far "$SSHD_URL" --credential file:rsa
    [[ $stderr == *'RSA keys'*ssh-keygen* ]]
    ssh-keygen -q -t ed25519 -N canary-phrase-31 -f sealed </dev/null
    cat sealed.pub >>"$T/sshd/authorized"
    ends 4 -C "$FRA" copy set far "$SSHD_URL" --credential file:sealed
    # What worked before is still bound.
    ends 0 -C "$FRA" sync
    ends 4 -o json -C "$FRA" copy add again "$SSHD_URL" --site mad --host-key "$SSHD_FINGERPRINT"
    error_is KM4021
    sshd_stop
    ends 3 -o json -C "$FRA" create vbr/away --purpose backup-job --root fra-main
    json '.released == false'
    ends 5 -o json -C "$FRA" sync
    error_is KM4001
}

@test "addresses: one spelling; what is none" {
    scene_far
    local user host
    user=$(id -un)
    host=127.0.0.1:$SSHD_PORT
    ends 0 -C "$FRA" copy set far "sftp://$user@$host$SSHD_FILES/./" --credential "file:$SSHD_KEY"
    grep -qx "url = $SSHD_URL" "$FRA/keymuster.conf"
    local url
    for url in "sftp://$host/x" "sftp://$user:canary-pw@$host/x" "sftp://$user@/x" "sftp://$user@$host:0/x" "sftp://$user@h:99999/x" \
        "sftp://$user@$host/a/../b" "sftp://$user@$host/x?y" "sftp://$user@$host/%zz" "sftp://$user@h host/x" ftp://h/x \
        "https://$user:canary-pw@$host/x" "davs://$user@other:canary-pw@$host/x" "s3://$user:canary-pw@bucket/x"; do
        ends 2 -C "$FRA" copy set far "$url" --credential "file:$SSHD_KEY"
        [[ $stderr != *canary-pw* ]]
    done
    # From the user's home; a path with blanks.
    mkdir -p "$HOME/x"
    ends 0 -o json -C "$FRA" copy add home "sftp://$user@$host$SSHD_FILES/with%20blank/deep" --site mad --credential "file:$SSHD_KEY" --host-key "$SSHD_FINGERPRINT"
    [ -s "$SSHD_FILES/with blank/deep/escrow.json" ]
}

@test "a server that only reads: what is there helps, and nothing pretends to be published" {
    scene_far
    password_of "$FRA" vbr/config want
    sshd_stop
    sed -i 's/^Subsystem.*/Subsystem sftp internal-sftp -R/' "$T/sshd/config"
    /usr/sbin/sshd -D -e -f "$T/sshd/config" >"$T/sshd/log" 2>&1 3>&- &
    SSHD_PID=$!
    for _ in {1..100}; do
        ! grep -q 'Server listening' "$T/sshd/log" || break
        sleep 0.05
    done
    ends 3 -o json -C "$FRA" create vbr/new --purpose backup-job --root fra-main
    json '.released == false'
    ends 5 -o json -C "$FRA" sync
    error_is KM4009
    ends 0 -o json -C "$FRA" copy check
    json '.items[0].create_once == "read-only"'
    ends 0 reveal vbr/config --from "$SSHD_URL" --site mad --yes --credential "copy=file:$SSHD_KEY" --host-key "$SSHD_FINGERPRINT" \
        --credential "kp-mad=file:$T/kp-mad.pass" --kms-file "kp-mad=$T/kp-mad.kms" --reason test --to file:got
    [[ $stderr == *'could not be published'* ]]
    cmp want got
}

@test "an altered, a cut and a foreign object; heads that two have written" {
    scene_far
    local head segment
    head=$(find "$SSHD_FILES/head" -type f | sort | tail -n 1)
    segment=$(find "$SSHD_FILES/log" -type f | sort | tail -n 1)
    # The store that has it published goes on; a stranger to it sees it.
    cp "$segment" kept
    head -c 100 kept >"$segment"
    ends 15 -C "$FRA" copy check --deep
    ends 0 -C "$FRA" sync --repair far --yes
    cmp kept "$segment"
    printf '<html>canary</html>' >"$segment"
    ends 15 -C "$FRA" copy check --deep
    cp kept "$segment"
    # The place of the next head is taken by other bytes.
    local next
    next=$(printf '%s/%010d' "$(dirname "$head")" $((10#$(basename "$head") + 1)))
    printf 'somebody else\n' >"$next"
    ends 16 -o json -C "$FRA" create vbr/late --purpose backup-job --root fra-main
    error_is KM4004
    printf 'somebody else\n' | cmp - "$next"
}

@test "by a proxy: with and without its login, refused, away" {
    scene_far
    proxy_start "$T/proxy" 'BasicAuth clerk canary-proxy-9'
    printf 'clerk:canary-proxy-9\n' >login
    chmod 600 login
    ends 4 -o json -C "$FRA" copy set far "$SSHD_URL" --proxy "$PROXY"
    error_is KM4031
    says 'wants a login' 'proxy=REF'
    ends 0 -C "$FRA" copy set far "$SSHD_URL" --proxy "$PROXY" --credential proxy=file:login
    ends 0 -C "$FRA" sync
    silent_on canary-
    grep -q "CONNECT 127.0.0.1:$SSHD_PORT" "$PROXY_LOG"
    proxy_stop
    ends 5 -o json -C "$FRA" sync
    error_is KM4001
    says "its proxy ${PROXY#http://}"
    proxy_start "$T/rules" 'ConnectPort 1'
    ends 4 -o json -C "$FRA" copy set far "$SSHD_URL" --proxy "$PROXY"
    error_is KM4031
    says 'allow CONNECT'
}
