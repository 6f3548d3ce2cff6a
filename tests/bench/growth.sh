#!/usr/bin/env bash
# A copy that has grown for years, in a folder or at Ceph's S3 server: what one more entry asks of it and how long that takes beside a bare cp and
# sync of the same bytes; a restore from it (join) beside a bare cp of the same objects, their hashes, and a bare import of
# the lines (bulk.c restore). Processor time is what is compared: other work does not count in it. Prints requests and
# ratios; judges nothing. Needs: gcc, jq, GNU time, the release build with log_tool; for --s3 radosgw, curl and rclone, which then
# upload and download the same objects.
#
#   tests/bench/growth.sh [--s3] [ENTRIES]...     default 10 10000 1000000; 1,000,000 take about 4 GiB below TMPDIR
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
kind=folder
if [ "${1-}" = --s3 ]; then
    kind=s3
    shift
fi
[ $# -gt 0 ] || set -- 10 10000 1000000
source=$PWD keymuster=$PWD/build/release/keymuster log_tool=$PWD/build/release/tests/log_tool
top=$(mktemp -d)
ended() {
    if [ "$kind" = s3 ]; then radosgw_stop; fi
    rm -rf -- "$top"
}
trap ended EXIT
export HOME=$top XDG_STATE_HOME=$top/state LANG=C.UTF-8
umask 077
if [ "$kind" = s3 ]; then
    unset AWS_CA_BUNDLE # rclone takes no other authority beside it
    # shellcheck source=tests/lib/tls.bash
    . tests/lib/tls.bash
    # shellcheck source=tests/lib/radosgw.bash
    . tests/lib/radosgw.bash
    radosgw_start "$top/rgw"
    export RCLONE_CONFIG_RGW_TYPE=s3 RCLONE_CONFIG_RGW_PROVIDER=Ceph RCLONE_CONFIG_RGW_ENDPOINT=$RGW_URL RCLONE_CONFIG=/dev/null
    RCLONE_CONFIG_RGW_ACCESS_KEY_ID=$(sed -n 1p "$RGW_KEYS") RCLONE_CONFIG_RGW_SECRET_ACCESS_KEY=$(sed -n 2p "$RGW_KEYS")
    export RCLONE_CONFIG_RGW_ACCESS_KEY_ID RCLONE_CONFIG_RGW_SECRET_ACCESS_KEY
fi
gcc -O2 -D_GNU_SOURCE -o "$top/bulk" "$source/tests/bench/bulk.c" -lcjson -lsodium -lsqlite3
cd "$top"
printf 'canary-passphrase\n' >pass

k() { "$keymuster" -C fra "$@" >/dev/null 2>&1; }
scene() { # ENTRIES
    rm -rf fra mad usb kp.kms state
    mkdir usb
    place=(file://"$top"/usb) key=()
    if [ "$kind" = s3 ]; then
        s3_bucket "growth-$1"
        place=("s3://growth-$1/prod" --endpoint "$RGW_URL" --ca "$RGW_CA")
        key=(--credential "file:$RGW_KEYS")
    fi
    k init --site fra
    k site add mad
    k kms add kp --site mad --provider local --file kp.kms --credential file:pass
    k root create main --kms kp
    k copy add usb "${place[@]}" "${key[@]}" --site mad
    k create vbr/config --purpose config-backup --root main
    k root rotate main
    k rewrap vbr/config
    k drill
    "$log_tool" fill fra "$1"
    k sync
}
# Seconds of processor, seconds by the clock, KiB at most: "3.10 4.02 30000".
cost() {
    command time -f '%U %S %e %M' "$@" >/dev/null 2>err || { cat err >&2; return 1; }
    tail -n 1 err | awk '{ print $1 + $2, $3, $4 }'
}
asked() { grep -cE "^keymuster: $1 .* at (file|s3):" asked || true; }
report() { # NAME "OURS" "BARE"
    awk -v name="$1" -v a="$2" -v b="$3" 'BEGIN {
        split(a, x, " "); split(b, y, " ")
        printf "%-34s %.2f times the bare one (%.2f s of processor against %.2f s; %.2f s by the clock against %.2f s; %d MiB at most)\n",
            name, (y[1] > 0 ? x[1] / y[1] : 0), x[1], y[1], x[2], y[2], x[3] / 1024 }'
}

# The objects as they lie there, in a folder.
fetched() { # ENTRIES FOLDER
    if [ "$kind" = s3 ]; then
        rclone copy --ca-cert "$RGW_CA" "rgw:growth-$1/prod" "$2"
    else
        cp -r usb/. "$2"
    fi
}
bare_publish() {
    if [ "$kind" = s3 ]; then
        local to="$RGW_URL/growth-$entries/bare"
        curl -sS --noproxy '*' --cacert "$RGW_CA" --aws-sigv4 aws:amz:us-east-1:s3 -K login -H "x-amz-content-sha256: UNSIGNED-PAYLOAD" \
            -T segment "$to/segment" -T head "$to/head" >/dev/null
        return
    fi
    rm -rf bare
    mkdir bare
    cp segment head bare/
    sync bare/segment bare/head bare
}
bare_restore() {
    rm -rf bare bare.db
    mkdir bare
    fetched "$entries" bare
    find bare -type f -exec sha256sum {} + >sums
    xargs cat <segments | ./bulk restore bare.db
}
export -f bare_publish bare_restore fetched
export kind
[ "$kind" != s3 ] || printf 'user = "%s:%s"\n' "$(sed -n 1p "$RGW_KEYS")" "$(sed -n 2p "$RGW_KEYS")" >login

for entries in "$@"; do
    export entries
    scene "$entries"
    "$keymuster" -vv -C fra site add one >/dev/null 2>asked
    printf '%-34s %s read, %s written\n' "one more of $entries entries" "$(asked get)" "$(asked put)"
    if [ "$kind" = s3 ]; then fetched "$entries" usb; fi
    sent=$(sed -n 's/^keymuster: put \([^ ]*\) at .*/\1/p' asked)
    grep '^log/' <<<"$sent" | sed 's,^,usb/,' | xargs -I {} cp {} segment
    grep '^head/' <<<"$sent" | sed 's,^,usb/,' | xargs -I {} cp {} head
    printf '%-34s %s bytes of segment, %s of head\n' "" "$(stat -c %s segment)" "$(stat -c %s head)"
    ours=$(cost bash -c "for i in {1..20}; do '$keymuster' -C fra site add s\$i || exit; done")
    bare=$(cost bash -c 'for i in {1..20}; do bare_publish; done')
    report "20 times one of $entries entries" "$ours" "$bare"
    if [ "$kind" = s3 ]; then fetched "$entries" usb; fi
    cp "$(find usb/head -type f | sort | tail -n 1)" newest # before there is another author
    ours=$(cost "$keymuster" -vv -C mad join --from "${place[@]}" "${key[@]}" --site mad --yes)
    cp err asked
    jq -rR 'select(startswith("{")) | fromjson | .author as $a | .segments[] | "\($a) \(.[0]) \(.[1]) \(.[3])"' newest |
        awk '{ printf "bare/log/%s/%010d/%010d-%010d-%s.ndjson\n", $1, int(($2 - 1) / 4096), $2, $3, $4 }' >segments
    bare=$(cost bash -c bare_restore)
    printf '%-34s %s read, %s listed; %s segments\n' "restore of $entries entries" "$(asked get)" "$(asked list)" "$(wc -l <segments)"
    report "restore of $entries entries" "$ours" "$bare"
done
