#!/usr/bin/env bats
# Copies in S3 at Ceph's own server, started here.
load ../lib/cli.bash
load ../lib/tls.bash
load ../lib/radosgw.bash

setup_file() {
    radosgw_start "$BATS_FILE_TMPDIR/rgw"
    radosgw_user reader
}
teardown_file() { radosgw_stop; }
setup() {
    fresh_home
    BUCKET=bucket-$BATS_TEST_NUMBER
    PLACE=s3://$BUCKET/prod
    AT=(--endpoint "$RGW_URL" --ca "$RGW_CA" --credential "file:$RGW_KEYS")
    READ=(--endpoint "$RGW_URL" --ca "$RGW_CA" --credential "file:$RGW_DIR/reader.keys")
    s3_bucket "$BUCKET"
}

scene_far() {
    scene_fra
    fra copy add far "$PLACE" --site mad "${AT[@]}"
    fra create vbr/config --purpose config-backup --root mad-main
}

# The other user may read there.
let_read() {
    cat >policy <<END
{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/reader"]},"Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::$BUCKET","arn:aws:s3:::$BUCKET/*"]}]}
END
    S3_BODY=policy s3_call PUT "/$BUCKET?policy=" >/dev/null
}

@test "a copy is made, published to, joined from; two authors write, and the sites agree" {
    scene_fra
    ends 0 -o json -C "$FRA" copy add far "$PLACE" --site mad "${AT[@]}"
    json '.create_once == "enforced" and .large_object == "taken" and .can_overwrite and .can_remove'
    ends 0 -o json -C "$FRA" create vbr/config --purpose config-backup --root mad-main
    json .released
    run ! grep -q 'probe-\|\.tmp' <<<"$(s3_keys "$BUCKET")"
    ends 0 -o json -C "$FRA" copy check --deep
    json '.items[0].verified and .items[0].create_once == "enforced"'
    password_of "$FRA" vbr/config want

    ends 0 -o json -C "$MAD" join --from "$PLACE" --site mad --yes "${AT[@]}"
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

@test "on a bare machine, from the bucket alone; the bucket in the host's name" {
    scene_far
    password_of "$FRA" vbr/config want
    rm -rf "$FRA" "$HOME"
    mkdir "$HOME"
    local hosted=${RGW_URL/127.0.0.1/$BUCKET.s3.localhost}
    local from=(--from "$PLACE" --site mad --yes --credential "copy=file:$RGW_KEYS" --endpoint "copy=$hosted" --ca "copy=$RGW_CA"
        --credential "kp-mad=file:$T/kp-mad.pass" --kms-file "kp-mad=$T/kp-mad.kms")
    ends 0 reveal vbr/config "${from[@]}" --reason test --to file:got
    cmp want got
    s3_call GET "/$BUCKET?list-type=2&prefix=prod%2Flog" | grep -q '<Key>'
    ends 0 -o json drill "${from[@]}"
    json 'all(.results[]; .outcome == "proven")'
}

@test "two that write as one author: one head, and the other is told" {
    scene_far
    cp -r "$FRA" clone
    fra create vbr/here --purpose backup-job --root fra-main
    export XDG_STATE_HOME=$T/elsewhere
    ends 16 -o json -C clone create vbr/there --purpose backup-job --root fra-main
    ends 0 -C "$FRA" copy check --deep
    # Both at the same moment: never two heads of one number.
    local i
    for i in 1 2 3; do
        rm -rf one two
        cp -r "$FRA" one
        cp -r "$FRA" two
        XDG_STATE_HOME=$T/x1 "$KEYMUSTER" -C one create "vbr/one$i" --purpose backup-job --root fra-main >/dev/null 2>&1 &
        XDG_STATE_HOME=$T/x2 "$KEYMUSTER" -C two create "vbr/two$i" --purpose backup-job --root fra-main >/dev/null 2>&1 || true
        wait $! || true
        XDG_STATE_HOME=$T/x1 "$KEYMUSTER" -C one copy check --deep >/dev/null 2>&1 && a=0 || a=$?
        XDG_STATE_HOME=$T/x2 "$KEYMUSTER" -C two copy check --deep >/dev/null 2>&1 && b=0 || b=$?
        printf 'round %s: %s %s\n' "$i" "$a" "$b"
        [ "$a" -eq 0 ] || [ "$b" -eq 0 ]
        [ "$a" -eq 16 ] || [ "$b" -eq 16 ]
        rm -rf "$FRA"
        if [ "$a" -eq 0 ]; then mv one "$FRA"; else mv two "$FRA"; fi
    done
}

@test "who may only read: what is there helps, and nothing pretends to be published" {
    scene_far
    let_read
    ends 0 -C "$FRA" copy set far "$PLACE" "${READ[@]}"
    ends 0 -o json -C "$FRA" copy check
    json '.items[0].create_once == "read-only"'
    ends 3 -o json -C "$FRA" create vbr/new --purpose backup-job --root fra-main
    json '.released == false'
    ends 5 -o json -C "$FRA" sync
    error_is KM4009
    says 's3:PutObject'
    ends 0 -o json -C "$MAD" join --from "$PLACE" --site mad --yes "${READ[@]}"
    password_of "$FRA" vbr/config want
    ends 0 reveal vbr/config --from "$PLACE" --site mad --yes --credential "copy=file:$RGW_DIR/reader.keys" --endpoint "copy=$RGW_URL" \
        --ca "copy=$RGW_CA" --credential "kp-mad=file:$T/kp-mad.pass" --kms-file "kp-mad=$T/kp-mad.kms" --reason test --to file:got
    cmp want got
}

@test "who is not let in: wrong secret, unknown key, another's bucket, none at all, another clock, an unknown authority" {
    scene_far
    { sed -n 1p "$RGW_KEYS" && echo canary-wrong-secret; } >wrong
    { echo CANARYNOBODY && sed -n 2p "$RGW_KEYS"; } >unknown
    chmod 600 wrong unknown
    ends 4 -o json -C "$FRA" copy set far "$PLACE" --credential file:wrong
    error_is KM4018
    says 'secret key is not the one'
    silent_on canary-wrong "$(sed -n 1p "$RGW_KEYS")"
    ends 4 -o json -C "$FRA" copy set far "$PLACE" --credential file:unknown
    error_is KM4018
    says 'does not know this access key'
    silent_on CANARYNOBODY canary-secret
    ends 4 -o json -C "$FRA" copy set far "$PLACE" --credential "file:$RGW_DIR/reader.keys"
    error_is KM4018
    says 's3:GetObject'
    ends 13 -o json -C "$FRA" copy add none s3://no-such-bucket/x --site mad "${AT[@]}"
    error_is KM4023
    # An hour ahead, as in clock.bats. (Behind, the certificate made just now would not be valid yet.)
    local lib pid
    lib=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
    if [ -n "$lib" ] && ! ldd "$KEYMUSTER" | grep -q libasan; then
        mkdir clock
        echo +1h >clock/.faketimerc
        # shellcheck disable=SC2016
        run --separate-stderr sh -c 'echo $$ >clock/pid; exec env LD_PRELOAD="$1" DONT_FAKE_MONOTONIC=1 HOME=clock "$2" -o json -C "$3" sync' - "$lib" "$KEYMUSTER" "$FRA"
        pid=$(cat clock/pid)
        rm -f "/dev/shm/faketime_shm_$pid" "/dev/shm/sem.faketime_sem_$pid"
        [ "$status" -eq 4 ] || {
            dump
            return 1
        }
        error_is KM4022
        says "$(date -u '+%d %b %Y %H')" "$(date -u -d '+1 hour' +%Y-%m-%dT%H)"
    fi
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=other -keyout other.key -out other.pem 2>/dev/null
    ends 4 -o json -C "$FRA" copy set far "$PLACE" --ca other.pem
    error_is KM4019
    # What worked before is still bound.
    ends 0 -C "$FRA" sync
}

@test "a bucket with versions: the condition is ignored there, which is said; a head written over is found" {
    printf '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>' >versions
    S3_BODY=versions s3_call PUT "/$BUCKET?versioning=" >/dev/null
    scene_fra
    ends 0 -o json -C "$FRA" copy add far "$PLACE" --site mad "${AT[@]}"
    json '.create_once == "ignored"'
    fra create vbr/config --purpose config-backup --root mad-main
    ends 0 -C "$FRA" copy check --deep
    local head
    head=$(s3_keys "$BUCKET" | grep '^prod/head/' | sort | tail -n 1)
    printf 'somebody else\n' >other
    S3_BODY=other s3_call PUT "/$BUCKET/$head" >/dev/null
    ends 16 -o json -C "$FRA" create vbr/late --purpose backup-job --root fra-main
    error_is KM4004
}

@test "a quota: told, nothing half-written, and all of it is there once there is room" {
    scene_far
    radosgw_admin quota set --quota-scope=bucket --bucket="$BUCKET" --max-objects "$(s3_keys "$BUCKET" | wc -l)" >/dev/null
    radosgw_admin quota enable --quota-scope=bucket --bucket="$BUCKET" >/dev/null
    ends 3 -o json -C "$FRA" create vbr/more --purpose backup-job --root fra-main
    json '.released == false'
    ends 5 -o json -C "$FRA" sync
    error_is KM4012
    says quota
    ends 0 reveal vbr/config -C "$FRA" --reason test --to file:got
    radosgw_admin quota disable --quota-scope=bucket --bucket="$BUCKET" >/dev/null
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" copy check --deep
}

@test "a prefix that holds another escrow; two escrows in one bucket; objects altered, cut, gone" {
    scene_far
    local other=$T/other
    "$KEYMUSTER" -C "$other" init --site fra >/dev/null
    ends 15 -o json -C "$other" copy add far "$PLACE" --site fra "${AT[@]}"
    error_is KM4002
    "$KEYMUSTER" -C "$other" copy add far "s3://$BUCKET/prod2" --site fra "${AT[@]}" >/dev/null
    ends 0 -C "$FRA" copy check --deep
    ends 0 -C "$other" copy check --deep
    local segment how
    printf '<html>canary</html>' >page
    for how in cut page; do
        # The newest: each publish writes it anew, under another name.
        segment=$(s3_keys "$BUCKET" | grep '^prod/log/' | sort | tail -n 1)
        s3_call GET "/$BUCKET/$segment" -o kept >/dev/null
        head -c 100 kept >cut
        S3_BODY=$how s3_call PUT "/$BUCKET/$segment" >/dev/null
        ends 15 -o json -C "$FRA" copy check --deep
        error_is KM4006
        ends 0 -C "$FRA" sync --repair far --yes
        s3_call GET "/$BUCKET/$segment" -o again >/dev/null
        cmp kept again
    done
    segment=$(s3_keys "$BUCKET" | grep '^prod/log/' | sort | tail -n 1)
    s3_call DELETE "/$BUCKET/$segment" >/dev/null
    ends 15 -C "$FRA" copy check --deep
    ends 0 -C "$FRA" sync --repair far --yes
    ends 0 -C "$FRA" copy check --deep
}
