#!/usr/bin/env bats
# Copies in S3 at a server that a test tells what to do, and that recomputes every signature by itself (tests/lib/s3_fake.js).
load ../lib/cli.bash
load ../lib/tls.bash
load ../lib/s3_fake.bash
load ../lib/sim.bash

setup_file() { fake_start "$BATS_FILE_TMPDIR/s3"; }
teardown_file() { fake_stop; }
setup() {
    fresh_home
    rm -f "$FAKE_DIR/mode" "$FAKE_DIR/page" "$FAKE_DIR/bearer"
    printf 'CANARYACCESS1\ncanary-secret/+=1\n' >"$FAKE_KEYS"
    fake_fault
    PLACE=s3://escrow/t$BATS_TEST_NUMBER
    AT=(--endpoint "$FAKE_URL" --ca "$FAKE_CA" --credential "file:$FAKE_KEYS")
}
teardown() {
    sim_stop
    stop_started
}

# A store with a copy there, nothing in the log of requests.
scene_far() {
    scene_fra
    fra copy add far "$PLACE" --site mad "${AT[@]}"
    fake_forget
}

all_signed() {
    [ "$(fake_log 'length > 3 and all(.[]; .signature == "good")')" = true ] || {
        fake_log '.[] | select(.signature != "good") | tojson' >&2
        return 1
    }
}

@test "signatures, recomputed: the bucket in the path, and in the host's name; every body with its hash" {
    scene_far
    fra create vbr/config --purpose config-backup --root mad-main
    fra copy check --deep
    all_signed
    [ "$(fake_log 'all(.[]; .url | startswith("/escrow"))')" = true ]
    [ "$(fake_log '[.[] | select(.method == "PUT")] | length > 2 and all(.[]; .headers["x-amz-content-sha256"] == .sha256)')" = true ]
    [ "$(fake_log '[.[] | select(.url | contains("list-type"))] | length > 0')" = true ]
    [ "$(fake_log 'all(.[]; .headers.authorization | contains("/us-east-1/s3/aws4_request"))')" = true ]
    fake_forget
    ends 0 -C "$FRA" copy set far "$PLACE" --endpoint "$FAKE_HOSTED" --region eu-x-7
    fra create vbr/second --purpose config-backup --root mad-main
    fra copy check --deep
    all_signed
    [ "$(fake_log 'any(.[]; .url | startswith("/escrow"))')" = false ]
    [ "$(fake_log 'all(.[]; .headers.authorization | contains("/eu-x-7/s3/aws4_request"))')" = true ]
}

@test "a prefix with blanks and signs, and none; a session token is signed, too" {
    scene_fra
    printf 'CANARYACCESS1\ncanary-secret/+=1\ncanary-token/+==\n' >"$FAKE_KEYS"
    fra copy add odd "s3://escrow/a%20b/+='(x)*" --site mad "${AT[@]}"
    fra copy add top s3://escrow --site mad "${AT[@]}"
    fra create vbr/config --purpose config-backup --root mad-main
    fra copy check --deep
    all_signed
    [ "$(fake_log 'all(.[]; .headers["x-amz-security-token"] == "canary-token/+==")')" = true ]
    grep -qx 'url = s3://escrow/' "$FRA/keymuster.conf"
    # With line ends as some editors write them.
    sed 's/$/\r/' "$FAKE_KEYS" >windows
    chmod 600 windows
    ends 0 -C "$FRA" copy set top s3://escrow --credential file:windows
    printf 'CANARYACCESS1\ncanary-secret/+=1\ncanary-other\n' >other
    chmod 600 other
    ends 4 -o json -C "$FRA" copy set top s3://escrow --credential file:other
    error_is KM4018
    says 'session token'
    silent_on canary-other canary-secret
}

@test "a server that judges finds a wrong secret; nothing is asked twice, no secret is shown" {
    scene_far
    printf 'CANARYACCESS1\ncanary-wrong-secret\n' >wrong
    printf 'CANARYUNKNOWN\ncanary-secret/+=1\n' >unknown
    chmod 600 wrong unknown
    ends 4 -o json -C "$FRA" copy set far "$PLACE" --credential file:wrong
    error_is KM4018
    says 'secret key is not the one'
    silent_on canary-wrong-secret CANARYACCESS1
    [ "$(fake_log 'length == 1 and .[0].signature == "bad: SignatureDoesNotMatch"')" = true ]
    ends 4 -o json -C "$FRA" copy set far "$PLACE" --credential file:unknown
    error_is KM4018
    says 'does not know this access key'
    silent_on CANARYUNKNOWN canary-secret canary-server-words
}

@test "refusals: each is told apart, with what to do" {
    scene_far
    local line fault exit code text n
    while IFS='|' read -r exit code n text fault; do
        fake_fault "$fault"
        ends "$exit" -o json -C "$FRA" sync
        error_is "$code"
        says "$text"
        silent_on canary-secret canary-server-words
        [ "$(fake_log length)" = "$n" ] || {
            printf 'not %s requests: %s\n' "$n" "$(fake_log length)" >&2
            return 1
        }
    done <<'END'
13|KM4023|1|no bucket escrow|{"count":-1,"status":404,"body":"<Error><Code>NoSuchBucket</Code></Error>"}
4|KM4018|1|may not do that|{"count":-1,"status":403,"body":"<Error><Code>AccessDenied</Code></Error>"}
4|KM4018|1|has expired|{"count":-1,"status":400,"body":"<Error><Code>ExpiredToken</Code></Error>"}
4|KM4022|1|clock|{"count":-1,"status":403,"body":"<Error><Code>RequestTimeTooSkewed</Code></Error>","headers":{"Date":"Wed, 21 Oct 2015 07:28:00 GMT"}}
2|KM1002|1|eu-west-9|{"count":-1,"status":301,"body":"<Error><Code>PermanentRedirect</Code><Endpoint>s3.eu-west-9.example</Endpoint></Error>","headers":{"x-amz-bucket-region":"eu-west-9"}}
2|KM1002|1|s3.elsewhere.example|{"count":-1,"status":307,"body":"<Error><Code>TemporaryRedirect</Code><Endpoint>s3.elsewhere.example</Endpoint></Error>","headers":{"Location":"https://s3.elsewhere.example/"}}
2|KM1002|1|eu-west-8|{"count":-1,"status":400,"body":"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-8</Region></Error>"}
5|KM4030|1|no S3 answers|{"count":-1,"status":404,"body":"<html>not found</html>","headers":{"Content-Type":"text/html"}}
5|KM4030|1|no S3 answers|{"count":-1,"status":404,"body":""}
5|KM4030|1|no S3 answers|{"count":-1,"status":204,"body":""}
5|KM4030|1|web page|{"count":-1,"status":200,"body":"<html>log in</html>","headers":{"Content-Type":"text/html"}}
5|KM4030|1|as a success: InternalError|{"count":-1,"status":200,"body":"<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>"}
15|KM4006|1|was altered|{"count":-1,"status":200,"body":"{\"type\":\"escrow\"}"}
4|KM4018|1|403, PasswordTooOld|{"count":-1,"status":403,"body":"<Error><Code>PasswordTooOld</Code></Error>"}
END
    # The clocks: both are shown.
    fake_fault '{"status":403,"body":"<Error><Code>RequestTimeTooSkewed</Code></Error>","headers":{"Date":"Wed, 21 Oct 2015 07:28:00 GMT"}}'
    ends 4 -C "$FRA" sync
    says '21 Oct 2015' "$(date -u +%Y-%m-%dT%H)"
}

@test "a busy server is asked again, and a cut answer; what stays away is told in time" {
    scene_far
    fake_fault '{"status":503,"count":2,"body":"<Error><Code>SlowDown</Code></Error>","headers":{"Retry-After":"0"}}' \
        '{"method":"GET","path":"head/","cut":9}'
    ends 0 -C "$FRA" sync
    fake_fault '{"status":503,"count":-1,"body":"<Error><Code>SlowDown</Code></Error>","headers":{"Retry-After":"0"}}'
    ends 5 -o json -C "$FRA" sync
    error_is KM4001
    says 'busy'
    [ "$(fake_log length)" = 5 ]
    fake_fault '{"drop":true,"count":-1}'
    ends 5 -o json -C "$FRA" sync
    error_is KM4001
}

@test "a write refused: rights, quota, size, no room; nothing pretends to be published" {
    scene_far
    local exit code text fault n=0
    while IFS='|' read -r exit code text fault; do
        n=$((n + 1))
        fake_fault "$fault"
        ends 3 -o json -C "$FRA" create "vbr/k$n" --purpose backup-job --root fra-main
        json '.released == false'
        ends "$exit" -o json -C "$FRA" sync
        error_is "$code"
        says "$text"
    done <<'END'
5|KM4009|s3:PutObject|{"method":"PUT","count":-1,"status":403,"body":"<Error><Code>AccessDenied</Code></Error>"}
5|KM4012|quota|{"method":"PUT","count":-1,"status":403,"body":"<Error><Code>QuotaExceeded</Code></Error>"}
5|KM4012|quota|{"method":"PUT","count":-1,"status":507,"body":""}
5|KM4032|33 MiB|{"method":"PUT","count":-1,"status":400,"body":"<Error><Code>EntityTooLarge</Code></Error>"}
5|KM4032|33 MiB|{"method":"PUT","count":-1,"status":413,"body":"<html>too large</html>"}
5|KM4001|other bytes|{"method":"PUT","count":-1,"status":400,"body":"<Error><Code>XAmzContentSHA256Mismatch</Code></Error>"}
END
    # A success that says no.
    fake_fault '{"method":"PUT","count":-1,"status":200,"body":"<Error><Code>AccessDenied</Code></Error>"}'
    ends 5 -o json -C "$FRA" sync
    error_is KM4009
    fake_fault
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" copy check --deep
}

@test "an answer that is lost after the write was carried out: it is mine, once" {
    scene_far
    local fault n=0
    for fault in '{"method":"PUT","path":"head/","after":true,"drop":true}' \
        '{"method":"PUT","path":"head/","after":true,"status":500,"body":""}' \
        '{"method":"PUT","path":"head/","after":true,"status":500,"body":"","count":-1}' \
        '{"method":"PUT","path":"head/","after":true,"status":409,"body":"<Error><Code>ConditionalRequestConflict</Code></Error>"}' \
        '{"method":"PUT","path":"log/","after":true,"drop":true,"count":4}'; do
        n=$((n + 1))
        fake_fault "$fault"
        ends 0 -o json -C "$FRA" create "vbr/k$n" --purpose backup-job --root fra-main --root mad-main
        json .released
    done
    fake_fault '{"method":"PUT","path":"head/","status":409,"body":"<Error><Code>ConditionalRequestConflict</Code></Error>"}'
    ends 3 -C "$FRA" create vbr/conflict --purpose backup-job --root fra-main
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" copy check --deep
}

@test "two that write as one author: the server takes one head, the other is told" {
    scene_far
    cp -r "$FRA" clone
    fra create vbr/here --purpose backup-job --root fra-main
    # The other one has a memory of its own, and asks only whether what it saw is still there.
    export XDG_STATE_HOME=$T/elsewhere
    fake_forget
    ends 16 -o json -C clone create vbr/there --purpose backup-job --root fra-main
    error_is KM4004
    [ "$(fake_log '[.[] | select(.method == "PUT" and .status == 412 and (.url | contains("/head/")))] | length == 1')" = true ]
    ends 0 -C "$FRA" copy check --deep
}

@test "planted: a write without its condition, and bodies with the hash of nothing, are found" {
    scene_far
    cp -r "$FRA" clone
    fra create vbr/here --purpose backup-job --root fra-main
    export XDG_STATE_HOME=$T/elsewhere
    fake_forget
    KEYMUSTER=$KM_TOOLS/plant-no-condition ends 0 -C clone create vbr/there --purpose backup-job --root fra-main
    [ "$(fake_log '[.[] | select(.status == 412)] | length')" = 0 ]
    fake_forget
    KEYMUSTER=$KM_TOOLS/plant-empty-hash ends 3 -C clone create vbr/more --purpose backup-job --root fra-main
    [ "$(fake_log 'any(.[]; .signature == "bad: XAmzContentSHA256Mismatch")')" = true ]
    run all_signed
    [ "$status" -ne 0 ]
}

@test "a server that refuses conditions: looked at before and after" {
    printf refuse >"$FAKE_DIR/mode"
    scene_fra
    ends 0 -o json -C "$FRA" copy add far "$PLACE" --site mad "${AT[@]}"
    json '.create_once == "refused"'
    fake_forget
    ends 0 -o json -C "$FRA" create vbr/config --purpose config-backup --root mad-main
    json .released
    # One refusal a command; then each name is read, written, read.
    [ "$(fake_log '[.[] | select(.status == 501)] | length')" = 1 ]
    [ "$(fake_log '[.[] | select(.url | contains("/head/")) | select(.method != "GET" or .status == 200) | .method] | .[-1] == "GET" and any(.[]; . == "PUT")')" = true ]
    all_signed
    cp -r "$FRA" clone
    fra create vbr/here --purpose backup-job --root fra-main
    export XDG_STATE_HOME=$T/elsewhere
    fake_fault '{"method":"GET","path":"head/","count":1,"skip":1,"status":404,"body":"<Error><Code>NoSuchKey</Code></Error>"}'
    ends 16 -o json -C clone create vbr/there --purpose backup-job --root fra-main
    error_is KM4004
    ends 0 -C "$FRA" copy check --deep
}

@test "a server that ignores conditions is found out, and a head written over is seen at the next look" {
    printf ignore >"$FAKE_DIR/mode"
    scene_fra
    ends 0 -o json -C "$FRA" copy add far "$PLACE" --site mad "${AT[@]}"
    json '.create_once == "ignored"'
    ends 0 -C "$FRA" copy check
    says ignored
    cp -r "$FRA" clone
    fra create vbr/here --purpose backup-job --root fra-main
    # Each name is looked at right before it is written, which finds it.
    cp -r clone again
    fake_fault '{"method":"GET","path":"head/","count":1,"skip":1,"status":404,"body":"<Error><Code>NoSuchKey</Code></Error>"}'
    XDG_STATE_HOME=$T/again.state ends 16 -o json -C again create vbr/there --purpose backup-job --root fra-main
    error_is KM4004
    # At the same moment: that look, too, is answered as if nothing were there.
    fake_fault '{"method":"GET","path":"head/","count":2,"skip":1,"status":404,"body":"<Error><Code>NoSuchKey</Code></Error>"}'
    XDG_STATE_HOME=$T/elsewhere ends 0 -C clone create vbr/there --purpose backup-job --root fra-main
    fake_fault
    ends 16 -o json -C "$FRA" create vbr/after --purpose backup-job --root fra-main
    error_is KM4004
    ends 16 -o json -C "$FRA" sync
}

@test "listings: pages, folders with many objects, names that are none of ours" {
    printf 2 >"$FAKE_DIR/page"
    scene_far
    local i
    for i in 1 2 3; do
        fra create "vbr/k$i" --purpose backup-job --root fra-main --root mad-main
    done
    fake_forget
    ends 0 -o json -C "$FRA" copy check --deep
    json '.items[0].verified'
    [ "$(fake_log '[.[] | select(.url | contains("start-after"))] | length > 3')" = true ]
    all_signed
    # A listing that never ends, one with strange names, one that is none.
    fake_fault '{"method":"GET","path":"list-type","count":-1,"status":200,"body":"<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>x</Key></Contents></ListBucketResult>"}'
    ends 0 -C "$MAD" join --from "$PLACE" --site mad --yes "${AT[@]}"
    rm -rf "$MAD"
    fake_fault '{"method":"GET","path":"list-type","count":-1,"status":200,"body":"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>'"${PLACE#s3://escrow/}"'/newest/&#x2e;./x</Key></Contents><Contents><Key>'"${PLACE#s3://escrow/}"'/newest/&amp;&lt;</Key></Contents></ListBucketResult>"}'
    ends 0 -C "$MAD" join --from "$PLACE" --site mad --yes "${AT[@]}"
    rm -rf "$MAD"
    fake_fault '{"method":"GET","path":"list-type","count":-1,"status":200,"body":"<html>log in"}'
    ends 5 -o json -C "$MAD" join --from "$PLACE" --site mad --yes "${AT[@]}"
    error_is KM4030
    says 'no listing'
}

@test "an altered, a cut and an older object: named, not believed" {
    scene_far
    fra create vbr/config --purpose config-backup --root mad-main
    local fault head
    head=$(fake_log '[.[] | select(.method == "PUT" and (.url | contains("/head/"))) | .url] | last')
    for fault in '{"path":"log/","bytes":"{}\n","count":-1}' '{"path":"log/","bytes":"","count":-1}' \
        "{\"path\":\"$head\",\"bytes\":\"<Error><Code>NoSuchKey</Code></Error>\",\"count\":-1}" \
        '{"path":"copy.json","bytes":"<html>","count":-1}'; do
        fake_fault "$fault"
        ends 15 -o json -C "$FRA" copy check --deep
        error_is KM4006
    done
    # Shorter than was announced, for ever: not an altered object, for the line broke.
    fake_fault '{"path":"log/","cut":5,"count":-1}'
    ends 5 -o json -C "$FRA" copy check --deep
    error_is KM4001
    # Larger than an object can be.
    fake_fault "{\"path\":\"escrow.json\",\"bytes\":\"$(head -c 1100000 /dev/zero | tr '\0' x)\",\"count\":-1}"
    ends 15 -o json -C "$FRA" copy check
    error_is KM4006
}

@test "addresses and credentials that are none: said before anything goes out" {
    scene_fra
    local url
    for url in s3://es/x s3://user@escrow/x s3://escrow:99/x 's3://escrow/x?y' s3://ESC_%/x s3://escrow/a/../b "s3://escrow/~/x" s3:///x; do
        ends 2 -C "$FRA" copy add far "$url" --site mad "${AT[@]}"
    done
    ends 2 -o json -C "$FRA" copy add far "$PLACE" --site mad --credential "file:$FAKE_KEYS"
    says '--endpoint is missing'
    ends 2 -C "$FRA" copy add far "$PLACE" --site mad --credential "file:$FAKE_KEYS" --endpoint http://127.0.0.1:1
    ends 2 -C "$FRA" copy add far "$PLACE" --site mad "${AT[@]}" --region 'eu west'
    ends 4 -o json -C "$FRA" copy add far "$PLACE" --site mad --endpoint "$FAKE_URL" --ca "$FAKE_CA"
    error_is KM4021
    local text
    for text in 'canary-one-line' 'canary-a\ncanary-b\ncanary-c\ncanary-d' 'canary-a b\ncanary-c' '\ncanary-a' ''; do
        printf "$text" >keys
        chmod 600 keys
        ends 2 -o json -C "$FRA" copy add far "$PLACE" --site mad --endpoint "$FAKE_URL" --ca "$FAKE_CA" --credential file:keys
        silent_on canary-
    done
    [ "$(fake_log length)" = 0 ]
}

@test "an authority that is not known: nothing is sent" {
    scene_fra
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=other -keyout other.key -out other.pem 2>/dev/null
    ends 4 -o json -C "$FRA" copy add far "$PLACE" --site mad --endpoint "$FAKE_URL" --ca other.pem --credential "file:$FAKE_KEYS"
    error_is KM4019
    ends 4 -o json -C "$FRA" copy add far "$PLACE" --site mad --endpoint "$FAKE_URL" --credential "file:$FAKE_KEYS"
    error_is KM4019
    [ "$(fake_log length)" = 0 ]
}

# A proxy on loopback: HOW is what it answers, or `through`.
proxy() { # HOW
    : >proxy.port
    start proxy.port node -e '
        const net = require("net"), how = process.argv[1];
        const s = net.createServer((c) => c.once("data", (head) => {
            const [, host, port] = /^CONNECT ([^:]+):(\d+)/.exec(head) || [];
            if (how !== "through") return c.end(`HTTP/1.1 ${how} no\r\n\r\n`);
            const up = net.connect(port, host, () => { c.write("HTTP/1.1 200 yes\r\n\r\n"); c.pipe(up); up.pipe(c); });
            up.on("error", () => c.destroy()); c.on("error", () => up.destroy());
        }));
        s.listen(0, "127.0.0.1", () => console.log(s.address().port));' "$1"
    PROXY=http://127.0.0.1:$(cat proxy.port)
}

@test "through a proxy; one that refuses, and one that is not there, is named" {
    scene_fra
    proxy through
    ends 0 -C "$FRA" copy add far "$PLACE" --site mad "${AT[@]}" --proxy "$PROXY"
    grep -qx "proxy = $PROXY" "$FRA/keymuster.conf"
    all_signed
    local how
    for how in 407 401 403; do
        proxy "$how"
        ends 4 -o json -C "$FRA" copy set far "$PLACE" --proxy "$PROXY"
        error_is KM4031
        says "the proxy ${PROXY#http://}" "it answers $how"
    done
    ends 5 -o json -C "$FRA" copy set far "$PLACE" --proxy http://127.0.0.1:9
    error_is KM4001
    says 'its proxy 127.0.0.1:9 does not answer'
}

@test "IBM: an API key alone gets a token, which is sent and not signed with" {
    sim_start "$T/sim"
    cat "$SIM_CA" "$FAKE_CA" >both.pem
    printf 'canary-bearer-token-1' >"$FAKE_DIR/bearer"
    sim_fault '{"match":{"front":"iam"},"count":-1,"add":{"access_token":"canary-bearer-token-1"}}'
    scene_fra
    local at=(--endpoint "$FAKE_URL" --iam "$SIM_IAM" --ca both.pem --credential "file:$SIM_APIKEY")
    ends 0 -o json -C "$FRA" copy add cos "$PLACE" --site mad "${at[@]}"
    json '.create_once == "enforced"'
    ends 0 -o json -C "$FRA" create vbr/config --purpose config-backup --root mad-main
    json .released
    [ "$(fake_log 'length > 9 and all(.[]; .signature == "bearer" and .headers["x-amz-date"] == null)')" = true ]
    # One token each time the place is opened: to read and to write.
    sim_control DELETE log >/dev/null
    ends 0 -C "$FRA" sync
    [ "$(sim_log length)" -le 2 ]
    grep -qx "iam = $SIM_IAM" "$FRA/keymuster.conf"
    ends 0 -o json -C "$MAD" join --from "$PLACE" --site mad --yes "${at[@]}"
    password_of "$FRA" vbr/config want
    ends 0 reveal vbr/config --from "$PLACE" --site mad --yes --credential "copy=file:$SIM_APIKEY" --endpoint "copy=$FAKE_URL" --iam "copy=$SIM_IAM" \
        --ca copy=both.pem --credential "kp-mad=file:$T/kp-mad.pass" --kms-file "kp-mad=$T/kp-mad.kms" --reason test --to file:got
    cmp want got
    # A key that IAM does not know, and one that may nothing there.
    printf 'canary-unknown-api-key' >unknown
    chmod 600 unknown
    ends 4 -o json -C "$FRA" copy set cos "$PLACE" --credential file:unknown
    error_is KM3020
    silent_on canary-unknown
    printf 'another' >"$FAKE_DIR/bearer"
    ends 4 -o json -C "$FRA" sync
    error_is KM4018
    silent_on canary-bearer
}
