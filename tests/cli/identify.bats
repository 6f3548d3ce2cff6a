#!/usr/bin/env bats
# identify: which key opens a configuration backup, told by the wrap in its head, then by its name; a folder of them; and
# files that somebody cut, bent or made up.
load ../lib/cli.bash
load ../lib/bco.bash
load ../lib/dav.bash
load ../lib/sshd.bash

teardown() {
    stop_started
    dav_stop
    sshd_stop
}

wrap_of() { ask '.wraps[0].ciphertext' -C "$FRA" show "$1"; }

# A generation that another has followed, under two wraps; vbr/config drilled at mad.
scene_files() {
    scene_two
    first=$(wrap_of vbr/config)
    fra rekey vbr/config
    second=$(wrap_of vbr/config)
    fra sync
    mad sync
    bco_make old.bco "vbr/config | $first" 0e Backup.Creation.Time "$(bco_time 2026-03-15T10:00:07Z)"
    bco_make new.bco "vbr/config@2 | $second" 0e Backup.Creation.Time "$(bco_time 2026-04-15T10:00:07Z)" \
        13 Sections.SecurityOfficerEncryption.Id "$(bco_number 16 7)"
}

@test "the wrap in the head tells the generation, whatever the moniker and the time; the line it ends with gets the password" {
    scene_files
    ends 0 -C "$FRA" identify old.bco
    says 'key         vbr/config@1' 'told by     wrap' 'made        2026-03-15T10:00:07.000Z' 'not drilled here'
    says "next        keymuster -C $FRA reveal vbr/config@1 --reason 'configuration restore'"
    silent_on 'Security Officer'
    command=$(sed -n 's/^next *keymuster//p' <<<"$output")
    eval "'$KEYMUSTER' $command --to -" >got 2>"$T/stderr"
    password_of "$FRA" vbr/config@1 want
    cmp got want

    bco_make other.bco "some | name | $second" 0e Backup.Creation.Time "$(bco_time 2020-01-01)"
    ends 0 -o json -C "$FRA" identify other.bco
    json '.schema == "keymuster.identify/1" and (.items | length) == 1 and (.items[0] | .name == "vbr/config"
        and .generation == 2 and .by == "wrap" and .unknown_wrap == false and .officer == false and .encrypted
        and .wdek == $w and .command == "keymuster -C \($d) reveal vbr/config@2 --reason \u0027configuration restore\u0027")' \
        --arg w "$second" --arg d "$FRA"
}

@test "a wrap that was retired, or replaced by rewrap, still tells the key" {
    scene_two
    first=$(wrap_of vbr/job-sql)
    id=$(ask "first(.wraps[] | select(.ciphertext == \"$first\")).id" -C "$FRA" show vbr/job-sql)
    fra root rotate fra-main
    fra root rotate mad-main
    fra rewrap vbr/job-sql
    fra wrap retire vbr/job-sql "$id" --reason test --confirm vbr/job-sql
    [ "$(wrap_of vbr/job-sql)" != "$first" ]
    ends 0 -o json -C "$FRA" identify "anything | $first"
    json '.items[0] | .name == "vbr/job-sql" and .generation == 1 and .by == "wrap" and .source == "description"'
}

@test "what was drilled at this site opens from here; elsewhere it is said why not" {
    scene_files
    ends 0 -C "$MAD" identify new.bco
    says 'not drilled here' 'needs too   the Security Officer'
    ends 0 -C "$MAD" drill vbr/config@2
    ends 0 -C "$MAD" identify new.bco
    says "opens here  yes, drilled $(date -u +%Y-%m-%d)"
    ends 0 -o json -C "$MAD" identify new.bco
    json '.items[0] | .drilled_here and .officer and (.opens_here | startswith("yes, drilled 2"))'
    mad sync
    fra sync
    ends 0 -C "$FRA" identify new.bco # drilled, but not here
    says 'not drilled here'
    sed -i '/^credential/d' "$MAD/keymuster.conf"
    ends 0 -C "$MAD" identify old.bco
    says 'no, no KMS of it is bound here'
}

@test "a name with its generation, a name with the time, and never the time alone" {
    scene_files
    sleep 1 # a moment after both generations, in whole seconds, too
    bco_make gen.bco 'vbr/config@1 | bm90IHRoZSB3cmFw' 0e Backup.Creation.Time "$(bco_time now)"
    ends 0 -C "$FRA" identify gen.bco
    says 'vbr/config@1' 'told by     name' 'is none that this escrow holds'
    bco_make time.bco 'vbr/config | bm90IHRoZSB3cmFw' 0e Backup.Creation.Time "$(bco_time now)"
    ends 0 -o json -C "$FRA" identify time.bco
    json '.items[0] | .generation == 2 and .by == "name and time" and .unknown_wrap'
    ends 0 -C "$FRA" identify 'vbr/config | bm90IHRoZSB3cmFw'
    says 'told by     name alone' 'an older file may need an older one'
    bco_make time.bco '123a' 0e Backup.Creation.Time "$(bco_time now)"
    ends 13 -C "$FRA" identify time.bco
    says 'hint        123a' 'not of the form moniker | WDEK'
    silent_on 'reveal'
    bco_make plain.bco '' 13 Backup.Cryptor.Id "$(bco_number 16 0)"
    ends 0 -C "$FRA" identify plain.bco
    says 'encrypted   no'
}

@test "with the escrow lost, or the key unknown to it, the wrap in the head and a line that uses it are handed out" {
    scene_files
    bco_make lost.bco "somebody | $first"
    printf 'canary-%s' "$(head -c 9 /dev/urandom | base64)" >"$T/adopted"
    "$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main "$T/adopted" >"$T/adopted.wrap"
    bco_make foreign.bco "nobody | $(cat "$T/adopted.wrap")"
    ends 3 identify lost.bco
    says "hint        somebody | $first" 'no store here' \
        "keymuster -o json identify lost.bco | jq -r '.items[0].wdek' | keymuster reveal --wrapped - --root CRN"
    ends 13 -C "$FRA" identify foreign.bco
    says 'does not know the key' 'the wrap in it is enough'
    ends 10 -C "$T/nowhere" identify lost.bco
    ends 10 identify - <<<123a
    # The line does get it back, with a local KMS in the place of a CRN.
    "$KEYMUSTER" -o json identify foreign.bco 2>/dev/null | jq -r '.items[0].wdek' |
        "$KEYMUSTER" reveal --wrapped - --root "$(ask '.items[] | select(.name == "fra-main").id' -C "$FRA" root list)" \
            --kms-file "$T/kp-fra.kms" --credential "file:$T/kp-fra.pass" --form bytes --reason 'the escrow is lost' --to - >got
    cmp got "$T/adopted"
}

@test "a root key's id that the wrap names is shown, as IBM's layout has it" {
    bco_make ibm.bco "cfg | $(printf '{"ciphertext":"x","iv":"y","version":"4.0.0","handle":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203"}' | base64 -w0)"
    ends 3 identify ibm.bco
    says 'root id     c3b7af4a-4b21-4210-8bd0-87e1d1af6203'
    ends 3 -o json identify ibm.bco
    json '.items[0] | .root_in_wdek == "c3b7af4a-4b21-4210-8bd0-87e1d1af6203" and (has("key") | not)'
    ends 3 identify - <<<"  cfg | $(printf '{"handle":"\\u001b[31m"}' | base64 -w0)  "
    silent_on 'root id'
}

@test "a folder: newest first, whatever is in it; what cannot be read is a row" {
    scene_files
    mkdir -p repo/vbr-fra/deep
    cp old.bco repo/vbr-fra/a.bco
    cp new.bco repo/vbr-fra/deep/b.BCO
    bco_make repo/c.bco '123a'
    printf 'PK\3\4' >repo/d.bco
    printf 'text' >repo/readme.txt
    ln -s .. repo/vbr-fra/circle
    mkfifo repo/pipe.bco
    ends 0 -C "$FRA" identify repo
    [ "$(grep -c bco <<<"${output,,}")" -eq 5 ]
    grep -n -i 'bco' <<<"$output" | head -n 2 | cut -d' ' -f1 | tr -d '\n' | grep -qF '2:2026-04-15T10:00:07.000Z3:2026-03-15T10:00:07.000Z'
    says 'the newest: keymuster' 'reveal vbr/config@2' 'cannot be read' 'unknown'
    ends 0 -o json -C "$FRA" identify repo
    json '(.items | length) == 5 and .items[0].generation == 2 and .items[0].officer and .items[1].generation == 1
        and ([.items[] | select(.failed)] | length) == 2'
    ends 0 identify repo
    says 'no store here'
    mkdir none
    ends 13 -C "$FRA" identify none
    says 'VeeamConfigBackup'
    ends 13 -C "$FRA" identify nowhere.bco
}

@test "from a copy alone" {
    scene_files
    lost_options
    ends 0 identify old.bco "${lost[@]:0:5}"
    says 'vbr/config@1' 'told by     wrap'
    says "reveal vbr/config@1 --from file://$USB"
}

@test "cut, huge, hostile or nothing of the kind: refused, and no byte of it reaches the terminal" {
    scene_files
    for n in 0 3 17 18 60 400; do
        head -c "$n" old.bco >cut.bco
        ends 2 -C "$FRA" identify cut.bco
    done
    truncate -s 20G huge.bco
    dd if=old.bco of=huge.bco conv=notrunc status=none
    ends 0 -C "$FRA" identify huge.bco
    says 'vbr/config@1'
    head -c 3000000 /dev/urandom >noise.bco
    ends 2 -C "$FRA" identify noise.bco
    bco_make evil.bco "$(printf 'fra\033]0;x\007 | bm90IHRoZSB3cmFw')"
    ends 13 -C "$FRA" identify evil.bco
    grep -q $'\033' <<<"$output$stderr" && return 1
    says '\x1B'
    mkfifo pipe.bco
    ends 2 -C "$FRA" identify pipe.bco
    head -c 300000 /dev/zero | tr '\0' a >long
    ends 2 -C "$FRA" identify - <long
    ends 2 -C "$FRA" identify - <<<''
    ends 2 -C "$FRA" identify - < <(printf 'a \xff | b')
    ends 2 -C "$FRA" identify
}

@test "a name of blanks and quotes comes out so that a shell takes it; equal names are told apart" {
    scene_both
    fra create "sql's key" --purpose backup-job --root fra-main
    ends 0 -C "$FRA" identify "sql's key@1 | bm90IHRoZSB3cmFw"
    command=$(sed -n 's/^next *keymuster//p' <<<"$output")
    eval "'$KEYMUSTER' $command --to -" >got 2>"$T/stderr"
    [ "$(wc -c <got)" -eq 44 ]
    ends 2 -C "$FRA" identify 'both@1 | bm90IHRoZSB3cmFw'
    says 'stands for 2 keys'
    ends 0 -o json -C "$FRA" identify "both@1 | $(wrap_of "$(ask '[.keys[] | select(.name == "both")][0].uuid' -C "$FRA" list)")"
    json '.items[0] | .by == "wrap" and (.key as $k | .command | contains(" reveal \($k)"))'
}

@test "the real files that were found say what their pages say" {
    shared=$KM_SOURCE/../shared/data/veeam/bco
    [ -d "$shared" ] || skip 'no ../shared/data/veeam/bco'
    while read -r name officer made; do
        ends 3 -o json identify "$shared/$name" || ends 10 -o json identify "$shared/$name"
        json '.items[0] | .officer == $o and (.made | startswith($m))' --argjson o "$officer" --arg m "${made:0:19}"
    done < <(jq -r '.files | to_entries[] | "\(.key) \(.value.security_officer) \(.value.created)"' "$shared/expected.json")
}

scene_web() { # KIND
    scene_files
    dav_start "$1" "$T/dav"
    cp old.bco new.bco "$DAV_FILES"
    truncate -s 5G "$DAV_FILES/new.bco"
    WEB=https${DAV_URL#davs}
    web=(--ca "$DAV_CA" --credential "file:$DAV_USER")
}

@test "an address: the head alone is fetched, of a file of 5 GiB, from lighttpd and nginx" {
    scene_web lighttpd
    ends 0 -C "$FRA" identify "$WEB/old.bco" "${web[@]}"
    says 'vbr/config@1' 'told by     wrap' "file        $WEB/old.bco" "next        keymuster -C $FRA reveal vbr/config@1"
    ends 0 -o json -C "$FRA" identify "$WEB/new.bco" "${web[@]}"
    json '.items[0] | .generation == 2 and .officer and .bytes == 5368709120 and .source == $w' --arg w "$WEB/new.bco"
    ends 0 -C "$FRA" identify "$DAV_URL/old.bco" "${web[@]}" # davs: the same
    dav_stop # its log is whole then
    grep -c '^GET /files/.*206' "$DAV_DIR/access.log" | grep -qx 3 # a request each
    dav_start nginx "$T/nginx"
    cp old.bco "$DAV_FILES"
    ends 0 -o json -C "$FRA" identify "https${DAV_URL#davs}/old.bco" --ca "$DAV_CA" --credential "file:$DAV_USER"
    json '.items[0].generation == 1'
    # Without a store, and with a copy in its place: what belongs to the address is said so.
    ends 3 identify "https${DAV_URL#davs}/old.bco" --ca "$DAV_CA" --credential "file:$DAV_USER"
    lost_options
    ends 0 identify "https${DAV_URL#davs}/old.bco" "${lost[@]:0:5}" --ca "url=$DAV_CA" --credential "url=file:$DAV_USER"
    says 'vbr/config@1'
}

@test "a server that does not know ranges, is cut, sends elsewhere, has nothing, lies: bounded, and named" {
    scene_web nginx
    head -c 100M /dev/zero >>"$DAV_FILES/old.bco"
    dav_front
    WEB=https${DAV_URL#davs}
    dav_fault '[{"headers_to": {"range": "none"}}]'
    ends 0 -o json -C "$FRA" identify "$WEB/old.bco" "${web[@]}" # all of it is offered: a MiB is taken
    json '.items[0] | .generation == 1 and .bytes > 104857600'
    dav_fault '[{"status": 302, "headers": {"Location": "https://127.0.0.2/x.bco"}}]'
    ends 5 -C "$FRA" identify "$WEB/old.bco" "${web[@]}"
    says '127.0.0.2' 'not followed'
    dav_fault '[{"status": 404}]'
    ends 13 -C "$FRA" identify "$WEB/old.bco" "${web[@]}"
    dav_fault '[{"status": 416}]'
    ends 2 -C "$FRA" identify "$WEB/old.bco" "${web[@]}"
    dav_fault '[{"status": 206, "headers": {"Content-Range": "bytes 500-600/700"}, "body": "BCO"}]'
    ends 5 -C "$FRA" identify "$WEB/old.bco" "${web[@]}"
    says 'another part of the file'
    dav_fault '[{"status": 206, "body": "BCO"}]'
    ends 5 -C "$FRA" identify "$WEB/old.bco" "${web[@]}"
    dav_fault '[{"status": 200, "body": "<html>\u001b[31m login </html>"}]'
    ends 2 -C "$FRA" identify "$WEB/old.bco" "${web[@]}"
    says 'is not a configuration backup'
    dav_fault '[{"status": 200, "body": "BCO", "longer": 5000}]'
    ends 5 -C "$FRA" --timeout 1s identify "$WEB/old.bco" "${web[@]}"
    dav_fault '[{"status": 206, "headers": {"Content-Range": "bytes 0-5/99999999999999999999999"}, "body": "BCO"}]'
    ends 2 -C "$FRA" identify "$WEB/old.bco" "${web[@]}"
    dav_fault '[{"drop": true}]'
    ends 5 -C "$FRA" --timeout 1s identify "$WEB/old.bco" "${web[@]}"
}

@test "a login goes only there, and only by reference; a certificate nobody vouches for, an address that is none" {
    scene_web nginx
    ends 4 -C "$FRA" identify "$WEB/old.bco" --ca "$DAV_CA"
    says 'wants a login' '--credential REF'
    printf 'writer:canary-wrong\n' >wrong
    chmod 600 wrong
    ends 4 -C "$FRA" identify "$WEB/old.bco" --ca "$DAV_CA" --credential file:wrong
    says 'refuses this login'
    silent_on canary
    ends 4 -C "$FRA" identify "$WEB/old.bco" --credential "file:$DAV_USER"
    ends 2 -C "$FRA" identify "$WEB/old.bco" --ca "$DAV_CA" --credential canary-literal
    ends 2 -C "$FRA" identify "${WEB/:\/\//://user:canary@}/old.bco" --ca "$DAV_CA"
    silent_on canary
    for url in "http://127.0.0.1/x.bco" "s3://bucket/x.bco" "ftp://h/x.bco" "$WEB/old.bco?x=1" "sftp://127.0.0.1/x.bco" "sftp://u@127.0.0.1" "sftp://u@127.0.0.1:0/x" "https://"; do
        ends 2 -C "$FRA" identify "$url"
    done
    ends 2 -C "$FRA" --offline identify "$WEB/old.bco" "${web[@]}"
    says offline
    # No byte of the login is in what it says or writes.
    cut -d: -f2- "$DAV_USER" | tr -d '\n' >secret
    strace -f -s 65536 -e trace=execve,write,pwrite64,writev -o trace "$KEYMUSTER" -vv -C "$FRA" identify "$WEB/old.bco" "${web[@]}" >out 2>err
    grep -q "$(cat secret)" trace out err && return 1
    true
}

@test "sftp: the head of a file of any size, with a key and a known host; else refused" {
    scene_files
    sshd_start "$T/sshd"
    cp old.bco "$SSHD_FILES"
    truncate -s 5G "$SSHD_FILES/old.bco"
    cp new.bco "$SSHD_FILES/with space.bco"
    : >"$SSHD_FILES/empty.bco"
    at=(--credential "file:$SSHD_KEY" --known-hosts "$SSHD_KNOWN")
    SECONDS=0
    ends 0 -o json -C "$FRA" identify "$SSHD_URL/old.bco" "${at[@]}"
    json '.items[0] | .generation == 1 and (has("bytes") | not)'
    [ "$SECONDS" -lt 60 ]
    ends 0 -C "$FRA" identify "$SSHD_URL/with space.bco" --credential "file:$SSHD_KEY" --host-key "$SSHD_FINGERPRINT"
    says 'vbr/config@2'
    ends 2 -C "$FRA" identify "$SSHD_URL/empty.bco" "${at[@]}"
    ends 13 -C "$FRA" identify "$SSHD_URL/none.bco" "${at[@]}"
    ends 4 -C "$FRA" identify "$SSHD_URL/old.bco" "${at[@]:2}"
    ends 4 -C "$FRA" identify "$SSHD_URL/old.bco" "${at[@]:0:2}"
    ends 15 -C "$FRA" identify "$SSHD_URL/old.bco" "${at[@]:0:2}" --host-key "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    ends 4 -C "$FRA" identify "sftp://nobody@${SSHD_URL#*@}/old.bco" "${at[@]}"
}
