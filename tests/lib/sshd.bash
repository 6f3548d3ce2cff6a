# shellcheck shell=bash
# An OpenSSH server on loopback, for copies by SFTP: the files of one folder, keys of its own, no password but with PASSWORD.
#
#   sshd_start DIR       starts it; sshd_stop ends exactly that process
#
# Exports: SSHD_PORT, SSHD_URL (sftp://USER@127.0.0.1:PORT/DIR/files), SSHD_FILES (that folder), SSHD_KEY (a client's private key that
# it knows), SSHD_READER (another one's, who may only read), SSHD_KNOWN (a file of known hosts), SSHD_FINGERPRINT.

sshd_start() {
    local dir=$1 tries=0
    mkdir -p -- "$dir/files" /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$dir/host" </dev/null
    ssh-keygen -q -t ed25519 -N '' -f "$dir/client" </dev/null
    ssh-keygen -q -t ed25519 -N '' -f "$dir/reader" </dev/null
    { cat -- "$dir/client.pub" && printf 'command="internal-sftp -R" %s\n' "$(cat -- "$dir/reader.pub")"; } >"$dir/authorized"
    while :; do
        SSHD_PORT=$((20000 + RANDOM % 30000))
        cat >"$dir/config" <<END
Port $SSHD_PORT
ListenAddress 127.0.0.1
HostKey $dir/host
PidFile $dir/pid
AuthorizedKeysFile $dir/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
Subsystem sftp internal-sftp
AllowTcpForwarding no
MaxStartups 100
END
        /usr/sbin/sshd -D -e -f "$dir/config" >"$dir/log" 2>&1 3>&- &
        SSHD_PID=$!
        for _ in {1..100}; do
            if grep -q 'Server listening' "$dir/log"; then break 2; fi
            kill -0 "$SSHD_PID" 2>/dev/null || break
            sleep 0.05
        done
        if [ $((tries += 1)) -gt 20 ]; then
            cat -- "$dir/log" >&2
            return 1
        fi
    done
    SSHD_FILES=$dir/files
    SSHD_URL=sftp://$(id -un)@127.0.0.1:$SSHD_PORT$SSHD_FILES
    SSHD_KEY=$dir/client SSHD_READER=$dir/reader
    SSHD_KNOWN=$dir/known
    printf '[127.0.0.1]:%s %s\n' "$SSHD_PORT" "$(cut -d ' ' -f 1,2 "$dir/host.pub")" >"$SSHD_KNOWN"
    SSHD_FINGERPRINT=$(ssh-keygen -lf "$dir/host.pub" | cut -d ' ' -f 2)
    export SSHD_PORT SSHD_PID SSHD_FILES SSHD_URL SSHD_KEY SSHD_READER SSHD_KNOWN SSHD_FINGERPRINT
}

sshd_stop() {
    if [ -n "${SSHD_PID-}" ]; then
        kill "$SSHD_PID" 2>/dev/null || true
        wait "$SSHD_PID" 2>/dev/null || true
        unset SSHD_PID
    fi
}
