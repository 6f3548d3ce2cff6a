#!/bin/bash
# The package's units under a real systemd, on a machine that is thrown away afterwards. Prints TAP.
#
# /mnt/only has the names of the cases to run, a line each, else all; /mnt/plant lines for [Service] of all units.
# The cases are called by name, and no name here has a space in it.
# shellcheck disable=SC2317,SC2086,SC2016,SC2031,SC2030
set -uo pipefail
export LC_ALL=C.UTF-8
number=0 bad=0

# Runs a function; its output is shown when it fails.
try() { # FUNCTION WORDS
    local status out
    if [ -e /mnt/only ] && ! grep -qx "$1" /mnt/only; then
        return
    fi
    number=$((number + 1))
    out=$(set -e; "$1" 2>&1) # not behind ||, where set -e is without effect
    status=$?
    if [ "$status" -eq 0 ]; then
        printf 'ok %d %s\n' "$number" "$2"
    else
        printf 'not ok %d %s\n' "$number" "$2"
        printf '%s\n' "$out" | sed 's/^/# /'
        bad=1
    fi
}

home=/var/lib/keymuster
credentials=/etc/keymuster/credentials
store=$home/.local/share/keymuster
units="keymuster-watch keymuster-upkeep keymuster-drill keymuster-metrics"

# As run-from-timers.md says: by hand what the units do, with their credentials.
km() {
    systemd-run --quiet --pipe --wait --collect --service-type=exec -p User=keymuster -p UMask=0077 -p WorkingDirectory=$home \
        -p LoadCredential=keymuster:$credentials keymuster "$@"
}

shows() { systemctl show -P "$2" "$1"; }
said() { journalctl --sync; journalctl --no-pager -o cat -u "$1" --since "@${began-0}"; }

# Starts a unit and waits; its status and result must be these.
ends() { # UNIT STATUS
    began=$(date +%s)
    systemctl reset-failed "$1" 2>/dev/null || true
    systemctl start "$1" || true
    if [ "$(shows "$1" ExecMainStatus)" != "$2" ]; then
        printf '%s ended %s, not %s\n' "$1" "$(shows "$1" ExecMainStatus)" "$2"
        systemctl status --no-pager -n 30 "$1"
        return 1
    fi
}

says() { # UNIT TEXT...
    local unit=$1 text
    shift
    for text in "$@"; do
        said "$unit" | grep -qF -e "$text" || { printf '%s does not say: %s\n' "$unit" "$text"; said "$unit"; return 1; }
    done
}

# A site's own words for all units, or none.
site() { # LINE...
    mkdir -p /etc/systemd/system/keymuster-.service.d
    printf '%s\n' "$@" >/etc/systemd/system/keymuster-.service.d/site.conf
    systemctl daemon-reload
}

if [ -e /mnt/plant ]; then
    mkdir -p /etc/systemd/system/keymuster-.service.d
    { echo '[Service]'; cat /mnt/plant; } >/etc/systemd/system/keymuster-.service.d/zz-plant.conf
    systemctl daemon-reload
fi

installed() {
    systemd-analyze verify --man=no /lib/systemd/system/keymuster-*.service /lib/systemd/system/keymuster-*.timer
    [ "$(stat -c '%U %a' $home)" = 'keymuster 700' ]
    [ "$(stat -c '%U %a' $credentials)" = 'root 700' ]
    [ "$(getent passwd keymuster | cut -d: -f 6,7)" = "$home:/usr/sbin/nologin" ]
    local unit
    for unit in $units; do # nobody asked for them yet
        [ "$(systemctl is-enabled $unit.timer)" = disabled ]
        [ "$(shows $unit.timer ActiveState)" = inactive ]
    done
}

no_store() {
    ends keymuster-upkeep 10
    [ "$(shows keymuster-upkeep ActiveState)" = failed ]
    says keymuster-upkeep 'no store at'
}

found() {
    install -d -o keymuster -g keymuster -m 0700 /srv/keymuster /srv/keymuster/copy
    head -c 24 /dev/urandom | base64 >$credentials/kp-mad
    chmod 600 $credentials/kp-mad
    km init --site fra --name 'Units'
    km site add mad
    km kms add kp-mad --site mad --provider local --file $home/mad.kms --credential credential:keymuster_kp-mad --kept-at vault
    km root create mad-main --kms kp-mad
    km copy add usb file:///srv/keymuster/copy --site mad
    km create vbr/config --purpose config-backup --root mad-main
    [ -f $store/escrow.db ]
}

all_well() {
    ends keymuster-upkeep 0
    ends keymuster-drill 0
    says keymuster-drill proven
    ends keymuster-metrics 0
    [ "$(stat -c %a /run/keymuster /run/keymuster/keymuster.prom | paste -sd ' ')" = '755 644' ]
    grep -q '^keymuster_keys_needed 1$' /run/keymuster/keymuster.prom
    [ ! -e /run/credentials/keymuster-upkeep.service ]
}

finding() {
    # One author alone is a finding of medium severity: the unit is failed, not tried again, and the hook is told.
    cat >/etc/systemd/system/told@.service <<'END'
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "$1" >>/run/told' sh %i
END
    site '[Unit]' 'OnFailure=told@%n.service'
    ends keymuster-watch 3
    [ "$(shows keymuster-watch ActiveState) $(shows keymuster-watch NRestarts)" = 'failed 0' ]
    systemctl --failed --no-legend --plain | grep -q keymuster-watch
    says keymuster-watch mad-main one-author
    sleep 1
    [ "$(cat /run/told)" = keymuster-watch.service ]
    site '[Service]' 'Environment=WATCH_FAIL_ON=high'
    ends keymuster-watch 0
    [ "$(shows keymuster-watch ActiveState)" = inactive ]
    # The root key disabled: that is high.
    km root disable mad-main --yes --confirm mad-main --reason test
    ends keymuster-watch 3
    says keymuster-watch root-disabled
    km root enable mad-main --yes
    ends keymuster-watch 0
    site
}

no_credential() {
    km create vbr/job --purpose backup-job --root mad-main # never drilled, and so due until it is
    mv $credentials/kp-mad /root/kp-mad
    ends keymuster-upkeep 3
    says keymuster-upkeep 'credential' kp-mad
    ends keymuster-drill 3
    mv $credentials $credentials.away
    ends keymuster-upkeep 243 # the folder itself: systemd starts nothing
    [ "$(shows keymuster-upkeep ActiveState)" = failed ]
    ends keymuster-metrics 0 # needs none
    mv $credentials.away $credentials
    mv /root/kp-mad $credentials/kp-mad
    ends keymuster-upkeep 0
}

full_state() {
    cp -a $store /root/kept
    mount -t tmpfs -o size=2m,mode=0700,uid="$(id -u keymuster)",gid="$(id -g keymuster)" tmpfs $store
    cp -a /root/kept/. $store/
    dd if=/dev/zero of=$store/ballast bs=4096 2>/dev/null || true
    # Tried again by itself, and well as soon as there is room.
    site '[Service]' 'RestartSec=2s'
    began=$(date +%s)
    systemctl start --no-block keymuster-drill
    local i
    for ((i = 0; i < 100; i++)); do
        [ "$(shows keymuster-drill NRestarts)" -ge 1 ] && break
        sleep 0.1
    done
    [ "$(shows keymuster-drill NRestarts)" -ge 1 ]
    said keymuster-drill | grep -qiE 'no space|full'
    rm $store/ballast
    for ((i = 0; i < 150; i++)); do
        [ "$(shows keymuster-drill ActiveState)" = inactive ] && break
        sleep 0.1
    done
    [ "$(shows keymuster-drill ActiveState) $(shows keymuster-drill Result)" = 'inactive success' ]
    km verify
    cp -a $store/. /root/kept/
    umount $store
    cp -a /root/kept/. $store/
    site
}

read_only_root() {
    mount --bind $home $home
    mount --bind /srv/keymuster /srv/keymuster
    mount -o remount,bind,ro /
    { touch /root/x && return 1; } 2>/dev/null
    ends keymuster-upkeep 0
    ends keymuster-metrics 0
    ends keymuster-watch 3
    # The state as well: nothing can be recorded, and it says so; what only reads goes on.
    mount -o remount,bind,ro $home
    ends keymuster-drill 1 || ends keymuster-drill 18
    ends keymuster-metrics 0
    mount -o remount,bind,rw $home
    mount -o remount,bind,rw /
    umount $home /srv/keymuster
}

# Waits until a unit is neither running nor about to be tried again; two minutes at most.
ended() { # UNIT
    local i
    for ((i = 0; i < 600; i++)); do
        [ "$(shows $1 ActiveState)" = activating ] || return 0
        sleep 0.2
    done
    said $1
    return 1
}

at_once() {
    local unit
    site '[Service]' 'RestartSec=1s' # on a machine that does much else one may have waited for too long
    began=$(date +%s)
    systemctl start --no-block $units
    for unit in $units; do
        ended $unit
    done
    site
    [ "$(shows keymuster-upkeep Result) $(shows keymuster-drill Result) $(shows keymuster-metrics Result)" = 'success success success' ]
    [ "$(shows keymuster-watch ExecMainStatus)" = 3 ]
    km verify
}

# Somebody has the store for longer than a command waits: tried again until it is free.
busy() {
    site '[Service]' 'RestartSec=1s'
    systemd-run --quiet --unit holder -p User=keymuster -p RuntimeMaxSec=14 /mnt/hold_lock $store/store.lock
    sleep 0.5
    began=$(date +%s)
    systemctl start --no-block keymuster-drill
    ended keymuster-drill
    says keymuster-drill 'is held by another process'
    [ "$(shows keymuster-drill Result)" = success ]
    site
}

# A locale that is not UTF-8, or is not there.
locale() {
    km create 'vbr/Zürich' --purpose backup-job --root mad-main
    local l
    for l in C POSIX de_DE.ISO-8859-1 nonsense; do
        site '[Service]' "Environment=LANG=$l LC_ALL=$l"
        ends keymuster-upkeep 0
        ends keymuster-drill 0
        ends keymuster-metrics 0
        grep -q 'key="vbr/Zürich"' /run/keymuster/keymuster.prom
    done
    site
}

# Each of them must be refused inside.
sandbox() {
    local what
    for what in 'touch /etc/x' 'touch /usr/x' 'touch /home/x' 'cat /etc/shadow' 'cat /etc/keymuster/credentials/kp-mad' 'unshare -U true' \
        'mount -t tmpfs tmpfs /mnt' 'dmesg'; do
        site '[Service]' 'ExecStart=' "ExecStart=/bin/sh -c '$what || exit 1'"
        systemctl start keymuster-upkeep 2>/dev/null && { echo "done: $what"; return 1; }
    done
    site '[Service]' 'ExecStart=' "ExecStart=/bin/sh -c 'touch $home/x /srv/keymuster/x && rm $home/x /srv/keymuster/x && test -r \"\$CREDENTIALS_DIRECTORY\"/keymuster_kp-mad'"
    ends keymuster-upkeep 0
    site
}

timers() {
    local unit
    systemctl enable --quiet --now keymuster-watch.timer keymuster-upkeep.timer keymuster-drill.timer keymuster-metrics.timer
    for unit in $units; do
        [ "$(shows $unit.timer ActiveState) $(shows $unit.timer Persistent)" = 'active yes' ]
        [ -n "$(shows $unit.timer NextElapseUSecRealtime)" ]
        [ "$(shows $unit.timer RandomizedDelayUSec)" != 0 ]
    done
    # One that was missed while the machine was off is made up for.
    systemctl stop keymuster-metrics.timer
    touch -d '2 days ago' /var/lib/systemd/timers/stamp-keymuster-metrics.timer
    rm -f /run/keymuster/keymuster.prom
    systemctl start keymuster-metrics.timer
    local i
    for ((i = 0; i < 700; i++)); do
        [ -e /run/keymuster/keymuster.prom ] && return 0
        sleep 0.1
    done
    return 1
}

removed() {
    dpkg -P keymuster
    [ -f $store/escrow.db ] # never goes with the package
    local unit
    for unit in $units; do
        [ "$(shows $unit.timer ActiveState)" = inactive ]
    done
}

# The commands of run-from-timers.md as they stand there, but for what this machine has not: sudo, apt's file and IBM.
page() {
    mkdir -p /root/page /srv/keymuster /var/lib/prometheus/node-exporter
    cd /root/page
    echo canary-key >apikey.txt
    {
        cat <<'END'
set -e
sudo() {
    case $1 in
        -u) shift; local user=$1; shift; runuser -u "$user" -- env HOME=/var/lib/keymuster "$@" ;;
        apt) ;;
        *) "$@" ;;
    esac
}
END
        sed -n '/^```sh$/,/^```$/{/^```/!p}' /mnt/run-from-timers.md |
            sed -E 's,--provider ibm --instance UUID --endpoint [^ ]*,--provider local --file /var/lib/keymuster/mad.kms,'
    } >commands
    [ "$(grep -c . commands)" -gt 25 ]
    bash commands </dev/null
    km root create main --kms kp-mad # the credential that the page gave it
    local unit
    for unit in $units; do
        [ "$(shows $unit.timer ActiveState)" = active ]
    done
    grep -q '^OnFailure=tell-admin' /etc/systemd/system/keymuster-.service.d/site.conf
    ends keymuster-metrics 0
    grep -q keymuster_build_info /var/lib/prometheus/node-exporter/keymuster.prom
}

if [ -e /mnt/only ]; then # beside the others, which make a store themselves
    try page 'the page run-from-timers.md, command by command'
fi
try installed 'a user, folders and timers that nobody has enabled yet'
try no_store 'no store: the unit is failed and says so'
try found 'a store made by hand with the credentials that the units get'
try all_well 'upkeep, drill and metrics end well; what monitoring reads is there'
try finding 'a finding is a failed unit, the hook is told, and it is not tried again'
try no_credential 'a credential that is missing is said; the folder of them missing, nothing is started'
try full_state 'a full state folder: tried again by itself, and well when there is room'
try read_only_root 'a read-only root file system, then a read-only state'
try at_once 'all at once'
if [ -x /mnt/hold_lock ]; then # not in autopkgtest
    try busy 'a store that is busy for longer than a command waits'
fi
try locale 'locales that are not UTF-8'
try sandbox 'what a unit may not, it cannot'
try timers 'timers run, and make up for what was missed'
if [ -e /mnt/keymuster.deb ]; then
    try removed 'the package goes, the store stays'
fi
printf '1..%d\n' "$number"
exit $bad
