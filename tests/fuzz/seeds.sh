#!/usr/bin/env bash
# Makes the first inputs of every fuzz target, from tests/data and from what stands here; long.sh adds what it finds
# beyond them. Run once when a target is new; a seed that is there already is left alone.
#
#   seeds.sh     KEYMUSTER: the program; KM_SHARED: a folder with ibm/kms-responses.json (answers made by us), if there is one
set -euo pipefail
: "${KEYMUSTER:?}"
here=$(cd -- "$(dirname -- "$0")" && pwd)
data=$here/../data
top=$(mktemp -d)
trap 'rm -rf -- "$top"' EXIT

seed() { # TARGET NAME: standard input
    mkdir -p -- "$here/corpus/$1"
    if [ -e "$here/corpus/$1/$2" ]; then
        cat >/dev/null
    else
        cat >"$here/corpus/$1/$2"
    fi
}

# Each line of standard input becomes a seed, with \n, \t and \xNN in it as in printf.
lines() { # TARGET
    local n=0 line
    while IFS= read -r line; do
        n=$((n + 1))
        printf '%b' "$line" | seed "$1" "line-$n"
    done
}

copy=$data/v1/usb
fra=$(cd "$copy/head" && for a in *; do if [ -e "$a/0000000000/0000000020" ]; then printf %s "$a"; fi; done)
export HOME=$top XDG_STATE_HOME=$top/state
umask 077
cp -r "$data/v1/fra" "$top/fra"

# ---- runbooks ----

for page in "$here"/../../recovery/runbooks/*.md; do
    seed runbook "$(basename -- "$page" .md)" <"$page"
done
lines runbook <<'END'
# T\n\nIntro.\n\n```keymuster\nid = t\nrto = 1h\nreview = 2027-01-01\n```\n\n## S\n\nWhy.\n\n1. Do `x`\n2. Then\n   * sub\n\nExpect: y.\n\n### If it fails\n\n* z\n\n```keymuster\nid = s\nkind = manual\nfields = a text, b check:k optional\n```\n
## S\n\n```keymuster\nid = s\nkind = loop\neach = thing\n```\n
## S\n\n```keymuster\nid = s\nkind = approve\npeople = 2\nmodes = drill\nrepeat = safe\nbudget = 5m\n```\n
# T\n\n> quote\n\n<b>html</b>\n\n[a](javascript:x) ![i](y) **b** *e*  \nbreak\n\n---\n\n    code\n
## A\n### If it fails\n\n{key} {nothing}\n
```keymuster\n[other]\nx\n```\n
END

# ---- text ----

lines xml <<'END'
<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:"><D:response><D:href>/files/a%20b/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>\n
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated><Contents><Key>a/b&amp;c</Key><Size>3</Size></Contents></ListBucketResult>
<a><!-- x --><b y='>'>&#65;&#x20ac;&quot;</b><![CDATA[z]]></a>
<!DOCTYPE html>\n<html><p>one<br>two</p></html>
<a><b><c><d></d></c></b></a
END

lines json <<'END'
{"a":1,"b":[true,false,null,-12.5,"x\\u00e9\\n"],"c":{"d":{}}}
[[[[[[1]]]]]]
[1,2,3]
"\\ud83d\\ude00"
9007199254740992
-0
1e5
{"a":1,"a":2}
"\\u0000"
"\\ud800"
\xef\xbb\xbf{}
01
1e999
{} x
[1,]
"\x01"
"\xff"
END
lines jw <<'END'
plain
"quoted" \\ back
\x01\x1f\x7f tab\there
\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80
\xff\xc0\x80\xed\xa0\x80
END
printf '# bindings\n[store]\nexport = /media/usb/export\n\n[kms "kp-mad"]\ncredential = file:/etc/kp\nfile = /x.kms\n[copy "usb"]\nurl = file:///media/usb\n' | seed ini whole
printf '[network]\nproxy = http://192.0.2.9:3128\n' | seed ini proxy
printf ';x\r\n[kms "a b"]\r\nfile=1\r\n' | seed ini crlf
printf '[store]\n[store]\n' | seed ini twice
printf '[kms "unclosed\n' | seed ini unclosed
printf 'a = 1\n' | seed ini outside
cp "$top/fra/keymuster.conf" "$top/conf" && seed ini conf <"$top/conf"
seed bco hint <"$data/bco/made-by-us-seed-hint.bco"
seed bco officer <"$data/bco/made-by-us-seed-hint-security-officer.bco"
# Laid out otherwise: no slots, and cut off behind the hint.
{ head -c 16 "$data/bco/made-by-us-seed-hint.bco"; printf '\0'; tail -c +18 "$data/bco/made-by-us-seed-hint.bco"; } >"$top/elsewhere"
head -c 3018 "$top/elsewhere" | seed bco elsewhere
lines enc <<'END'
YQ==
YWI=
YWJj
YR==
0123456789abcdef
0123456789ABCDEF
c3b7af4a-4b21-4210-8bd0-87e1d1af6203
+/+/
YQ
END
lines time <<'END'
2026-11-25T02:12:38.123Z
2026-11-25
1970-01-01T00:00:00.000Z
9999-12-31T23:59:59.999Z
2024-02-29T23:59:60Z
2026-11-25t02:12:38+05:30
2026-02-30
90d
200y
15m
1w
999999999999999999s
END
lines utf8 <<'END'
plain text
\x1b[2J\x07\x9b
\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80
\xe2\x80\xae reversed \xe2\x80\x8b
\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80
line\nfeed\ttab
e\xcc\x81 \xe6\xbc\xa2
END
lines name <<'END'
fra
kp-mad.1_x
Fra
vbr/config
vbr/config@2
moniker | more
c3b7af4a-4b21-4210-8bd0-87e1d1af6203
\xc3\xa9cole
e\xcc\x81cole
 leading
\xe2\x80\xaeevil
a reason with\ttab
END
lines table <<'END'
vbr/config
\x1b[31mred
\xe6\xbc\xa2\xe5\xad\x97
two\nlines
a long cell that has to be cut or wrapped because the screen is not as wide as it is, not even nearly
END

# ---- crypt, db ----

jq -r .founder "$copy/escrow.json" | tr -d '\n' | seed public_key founder
tail -n +2 "$copy/head/$fra/0000000000/0000000020" | seed minisig head
printf 'untrusted comment: keymuster\n' | seed minisig begun
# What stock minisign makes of the text, prehashed and legacy.
printf 'what is signed\n' >"$top/text"
minisign -S -s "$data/v1/fra/author.key" -m "$top/text" -x "$top/sig" -t 'a comment' >/dev/null
seed approval prehashed <"$top/sig"
minisign -S -l -s "$data/v1/fra/author.key" -m "$top/text" -x "$top/sig" >/dev/null
seed approval legacy <"$top/sig"
tail -n +2 "$copy/head/$fra/0000000000/0000000020" | seed approval head
seed key_file plain <"$data/v1/fra/author.key"
head -c 60 "$data/v1/fra/author.key" | seed key_file cut
"$KEYMUSTER" -C "$top/new" init --site fra >/dev/null
head -c 100 "$top/new/escrow.db" | seed raw header
# A journal of one part with the first page in it; of an older change; and one that names a file.
journal() { # COUNTER
    printf '\xd9\xd5\x05\xf9\x20\xa1\x63\xd7\0\0\0\x1\0\0\0\0\0\0\0\x33\0\0\x2\0\0\0\x10\0'
    head -c 484 /dev/zero
    printf '\0\0\0\x1'
    head -c 24 "$top/new/escrow.db"
    printf '\0\0\0%b' "$1"
    head -c 4072 /dev/zero
}
{ head -c 100 "$top/new/escrow.db"; printf '\xd9\xd5\x05\xf9\x20\xa1\x63\xd7\0\0\0\0\0\0\0\0\0\0\0\x33\0\0\x2\0\0\0\x10\0'; } | seed raw begun
{ head -c 100 "$top/new/escrow.db"; journal '\x0'; } | seed raw older
{ head -c 100 "$top/new/escrow.db"; journal '\x0'; printf '/tmp/x\0\0\0\x6\0\0\0\x1\xd9\xd5\x05\xf9\x20\xa1\x63\xd7'; } | seed raw linked

# ---- net, kms ----

lines url <<'END'
https://eu-de.kms.cloud.ibm.com
https://EU-DE.kms.cloud.ibm.com:443/api/v2/keys
https://kms.example:8443/
http://kms.example
https://user:pass@kms.example
https://[::1]:1/
https://kms.example/a?b#c
END
lines place <<'END'
crn:v1:bluemix:public:kms:eu-de:a/0123456789abcdef0123456789abcdef:c04a1d66-c4f8-4ddd-a790-275b20f42b00:key:c3b7af4a-4b21-4210-8bd0-87e1d1af6203
crn:v1:bluemix:public:hs-crypto:us-east:a/0123456789abcdef0123456789abcdef:c04a1d66-c4f8-4ddd-a790-275b20f42b00::
eu-de.kms.cloud.ibm.com
private.eu-de.kms.cloud.ibm.com
c04a1d66-c4f8-4ddd-a790-275b20f42b00.api.eu-de.hs-crypto.appdomain.cloud
c04a1d66-c4f8-4ddd-a790-275b20f42b00.api.private.eu-de.kms.appdomain.cloud
https://private.us-south.kms.cloud.ibm.com/api/v2
iam.cloud.ibm.com
private.iam.cloud.ibm.com
api.eu-de.hs-crypto.cloud.ibm.com:9876
evil.kms.cloud.ibm.com.example
END
lines http_head <<'END'
Retry-After: 120\r\nCorrelation-Id: c3b7af4a-4b21-4210-8bd0-87e1d1af6203\r\n\r\n
retry-after:Wed, 21 Oct 2026 07:28:00 GMT\r\n
Retry-After: \r\nLocation: https://elsewhere.example/a/very/long/path\r\n
X: y
: empty name\r\nTransaction-Id : 1\r\n
END
answers=${KM_SHARED-}/ibm/kms-responses.json
if [ -r "$answers" ]; then
    # Those whose texts are our own.
    answer() { # TARGET FILTER
        local id
        while IFS= read -r id; do
            jq -j --arg id "$id" '.cases[] | select(.id == $id) | if has("body_text") then .body_text else .body | tojson end' \
                "$answers" | seed "$1" "$id"
        done < <(jq -r ".cases[] | select(.text == \"own\" and (has(\"body\") or has(\"body_text\")) and ($2)) | .id" "$answers" |
            head -n 24)
    }
    answer iam '.operation == "iam token"'
    answer ibm_error '.status >= 400 and .operation != "iam token"'
    answer ibm_wrap '(.operation | IN("wrap", "unwrap", "rewrap")) and .status < 300'
    answer ibm_root '(.operation | IN("metadata", "list", "create", "versions", "restore")) and .status < 300'
fi
lines ibm_wrap <<'END'
{"plaintext":"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=","ciphertext":"eyJhIjoxfQ==","keyVersion":{"id":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203"}}
{"plaintext":"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=","keyVersion":{"id":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203"}}
{"ciphertext":"eyJhIjoxfQ==","keyVersion":{"id":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203"},"rewrappedKeyVersion":{"id":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203"}}
END
lines vbr_rest <<'END'
e200{"data":[{"id":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203","hint":"vbr/job | eyJhIjoxfQ==","uniqueId":"","modificationTime":"2026-11-01T00:00:00Z","isImported":false}],"pagination":{"total":1,"count":1,"skip":0,"limit":200}}
eT400{"errorCode":"NotImplemented","message":"Header x-api-version is wrong"}\x1eT200{"access_token":"t","token_type":"bearer","refresh_token":"r","expires_in":900}\x1e200{"data":[]}
eT401{"errorCode":"AccessDenied","message":"MFA is on"}
f401{}\x1e200{"data":[{"id":"00000000-0000-4000-8000-000000000001","hint":"","uniqueId":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203"}]}
c201{"id":"00000000-0000-4000-8000-000000000001","hint":"hint","uniqueId":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203","modificationTime":"2026-11-01T00:00:00+01:00"}
c000
v200{"isSuccessful":true}
v400{"errorCode":"Locked","message":"later"}
v404{"errorCode":"NotFound","message":"no such password"}\x1e200{"id":"00000000-0000-4000-8000-000000000001","hint":""}
b200{"isEnabled":true,"backupRepositoryId":"88788f9e-d8f5-4eb4-bc4f-9b3f5403bcec","restorePointsToKeep":10,"encryption":{"isEnabled":true,"passwordId":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203"}}\x1e200{}
r201{"id":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203","state":"Starting"}
s200{"id":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203","state":"Stopped","result":{"result":"Failed","message":"it \\u001b[31mfailed","isCanceled":false}}
s403{"errorCode":"Forbidden","message":"a long word aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
i200{"vbrId":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203","name":"vbr","buildVersion":"13.0.1.180","patches":[]}
END
lines ibm_root <<'END'
{"metadata":{"collectionType":"application/vnd.ibm.kms.key+json","collectionTotal":1},"resources":[{"type":"application/vnd.ibm.kms.key+json","id":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203","name":"mad-main","aliases":["mad-main"],"state":1,"crn":"crn:v1:bluemix:public:kms:eu-de:a/0123456789abcdef0123456789abcdef:c04a1d66-c4f8-4ddd-a790-275b20f42b00:key:c3b7af4a-4b21-4210-8bd0-87e1d1af6203","extractable":false,"creationDate":"2026-11-01T00:00:00Z","lastUpdateDate":"2026-11-02T00:00:00Z","keyVersion":{"id":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203","creationDate":"2026-11-01T00:00:00Z"},"deleted":false}]}
END
seed local_file outer <"$data/kms-local/v1.kms"
seed wrap v1 <"$data/kms-local/v1.wrap"
base64 -d "$data/kms-local/v1.wrap" | seed wrap inner
lines local_file <<'END'
{"roots":[{"id":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203","alias":"main","state":1,"created":"2026-11-01T00:00:00.000Z","updated":"2026-11-01T00:00:00.000Z","rotated":"","deleted":"","versions":[{"id":"c3b7af4a-4b21-4210-8bd0-87e1d1af6203","created":"2026-11-01T00:00:00.000Z","material":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}]}
{"roots":[]}
END
lines wrap <<'END'
e30=
bm8gd3JhcA==
not base64
END

# ---- escrow, copy ----

n=0
while IFS= read -r line; do
    n=$((n + 1))
    printf %s "$line" | seed entry "v1-$n"
done < <(cat "$copy/log/$fra"/*/0000000001-0000000016-*.ndjson)
seed log founder <"$(find "$copy/log/$fra" -name '0000000001-0000000016-*')"
cat "$copy"/log/*/*/0000000001-0000000002-*.ndjson "$copy/log/$fra"/*/0000000017-0000000029-*.ndjson | seed log others
cat "$(find "$copy/log/$fra" -name '0000000001-0000000016-*')" "$(find "$copy/log/$fra" -name '0000000017-0000000029-*')" | seed log whole
# One line of every kind that is applied, of the founder, as the next of their log.
first=$(head -n 1 "$(find "$copy/log/$fra" -name '0000000001-0000000016-*')")
kind() { # KIND BODY
    printf '%s\n{"keymuster":1,"author":"%s","seq":2,"prev":"%064d","at":"2026-11-25T02:12:38.123Z","by":{},"kind":"%s","body":%s}\n' \
        "$first" "$fra" 0 "$1" "$2" | seed log "$1"
}
u=c3b7af4a-4b21-4210-8bd0-87e1d1af6203 h=1420c338f9b8e976a6ea8d8d5e5bdabca81b51d29a6929a177ac110f41e6a0fc
kind site.lost "{\"site\":\"$u\"}"
kind policy.changed '{"set":{"wraps":{"value":2,"supersedes":[]}}}'
kind root.observed "{\"root\":\"$u\",\"state\":\"active\",\"version\":\"$u\",\"versions\":1,\"updated\":\"2026-11-25T02:12:38.123Z\"}"
kind key.changed "{\"key\":\"$u\",\"set\":{\"owner\":{\"value\":\"x\",\"supersedes\":[\"$h\"]},\"state\":{\"value\":\"suspended\",\"reason\":\"r\",\"supersedes\":[]}}}"
kind key.check "{\"key\":\"$u\",\"wrap\":\"$h\",\"check\":{\"alg\":\"blake2b-256\",\"params\":{},\"value\":\"$h\"}}"
kind wrap.added "{\"key\":\"$u\",\"wrap\":{\"root\":\"$u\",\"version\":\"$u\",\"aad\":[\"a\"],\"ciphertext\":\"eyJhIjoxfQ==\",\"how\":\"add\"}}"
kind wrap.retired "{\"key\":\"$u\",\"wrap\":\"$h\",\"reason\":\"r\"}"
kind author.retired "{\"author\":\"$fra\",\"upto\":2,\"hash\":\"$h\"}"
kind reveal.shown "{\"key\":\"$u\",\"intended\":\"$h\"}"
kind key.delivered "{\"key\":\"$u\",\"to\":\"x\",\"evidence\":{}}"
kind drill.result "{\"key\":\"$u\",\"root\":\"$u\",\"outcome\":\"proven\"}"
kind export.made "{\"file\":\"x\",\"sha256\":\"$h\",\"keys\":[{\"key\":\"$u\",\"wraps\":1}]}"
kind unknown.kind '{"x":[1,{"y":null}]}'
"$KEYMUSTER" -C "$top/fra" --offline export vbr/script --file "$top/one.export" >/dev/null 2>&1
seed export one <"$top/one.export"
for n in 0000000001 0000000012 0000000020; do
    seed head "v1-$n" <"$copy/head/$fra/0000000000/$n"
done
cat "$copy/escrow.json" "$copy/copy.json" | seed identity both
seed identity escrow <"$copy/escrow.json"
printf '40\n0000000001\n0000000040\nnot-a-number\n0000000041\n' | seed newest honest
printf '9999999999\n9999999999\n0000000039\n' | seed newest far
printf '007\n' | seed newest odd
founder=$(jq -r .escrow "$copy/escrow.json")
printf '{"type":"memory","keymuster":1,"escrow":"%s","author":"%s","entries":0,"last":"%064d","head":0,"hash":"%064d","copies":[["00112233445566778899aabbccddeeff","%s",3,40,"%s","%s"]]}\n' \
    "$founder" "$fra" 0 0 "$fra" "$h" "$h" | seed memory fits
printf '{"type":"memory","keymuster":1,"escrow":"%s","author":"%s","entries":5,"last":"%s","head":2,"hash":"%s","copies":[]}\n' \
    "$founder" "$fra" "$h" "$h" | seed memory ahead
printf '{}' | seed memory empty

# ---- recover, cli ----

lines aad <<'END'
[]
["one","two"]
["\\u00e9",""]
[1]
{}
END
lines option <<'END'
create\n--root\nfra-main\nvbr/config
create\n--root=fra-main\n-p\nbackup-job\n--credential\nkp=file:/x
--secret\ncanary-literal
-pa\n-C\ndir\n--json\n--\n--not-an-option
exec\nvbr/config\n--reason\nx\n--\nsh\n-c\ntrue
--purpose\n--root
--al
--all=1
END
lines ref <<'END'
file:/etc/secret
file:relative
fd:7
env:NAME
command:pass show 'backup key' "two words" a\\ b
credential:name
prompt
-
canary-literal-Passw0rd
command:'open
END
lines description <<'END'
vbr/config | eyJhIjoxfQ==
other | with | bars | eyJhIjoxfQ==\r\n
no bar
vbr/config | not base64
END
for file in "$data"/exports/*.json "$data"/exports/*.csv; do
    case $file in */expected.json) continue ;; esac
    seed keylist "$(basename -- "$file")" <"$file"
done
lines keylist <<'END'
Id;Hint\n"2FB6D770-9215-43A9-B867-F06A291E46E0";"a | eyJhIjoxfQ=="\n;"open\n
hint\tid\n1.2E+11\t2.9E+11\n\xe2\x80\x9cx\xe2\x80\x9d\t\n
{"value":[{"Id":{"Guid":"x"},"Description":"a | b | eyJhIjoxfQ=="},7],"Count":2}
{"pagination":{"total":3},"data":[{"hint":"a"}]}{"hint":"b"}
[{"hint":"a"},{"hint":"b"
{"name":"vbr/config","wrapped":"eyJhIjoxfQ=="}\n\n{"name":"x"}\n
END
lines import_row <<'END'
{"name":"vbr/config","purpose":"backup-job","root":"fra-main","wrapped":"eyJhIjoxfQ=="}
{"name":"vbr/config","description":"vbr/config | eyJhIjoxfQ==","aad":["one"],"labels":{"tier":"1"},"owner":"x","expires":"2027-01-01"}
{"name":"vbr/config@1","wrapped":"eyJhIjoxfQ=="}
{"name":"a","form":"bytes","wrapped":"eyJhIjoxfQ==","unknown":1}
END
printf '# map\nvbr/config\tmad-main\nvbr/job-sql\n\n' | seed rehome_map two
printf '\xef\xbb\xbf a \t b \r\n' | seed rehome_map mark
printf 'a\tb\tc\n' | seed rehome_map tabs
printf '\n\n#only\n' | seed rehome_map none
printf 'Recovery card\nescrow: %s\nfounder: %s\nfloor %s 29 %s\nkept at: the safe\n' "$founder" "$(jq -r .founder "$copy/escrow.json")" \
    "$fra" "$h" | seed card whole
printf 'escrow %s\n' "$founder" | seed card escrow
printf 'floor %s 0 %s\n' "$fra" "$h" | seed card zero
{ printf '\xef\xbb\xbfEscrow: '; tr '[:lower:]' '[:upper:]' <<<"$founder" | sed 's/......../& /g'; } | seed card groups
printf 'floor %s 29 %s check 0000\n' "$fra" "$h" | seed card check
"$KEYMUSTER" -C "$top/fra" author request 2>/dev/null | seed request whole
"$KEYMUSTER" -C "$top/fra" author request 2>/dev/null | sed 's/^/> /; s/$/ \r/; s/name .*/name x/' | seed request mail

# ---- activity events of a KMS ----

jq -nc '{id: "x1", action: "kms.secrets.unwrap", outcome: "success", correlationId: "aaaaaaaa-1111-4111-8111-111111111111",
    eventTime: "2026-11-27T03:00:00.00+0000", initiator: {id: "IBMid-1", name: "somebody", host: {address: "198.51.100.9"}},
    target: {id: "crn:v1:bluemix:public:kms:eu-de:a/0123:11111111-1111-4111-8111-111111111111:key:22222222-2222-4222-8222-222222222222"}}' |
    seed activity unwrap
jq -nc '{_source: {_line: ({action: "kms.secrets.wrap", eventTime: "2026-11-27T03:00:00Z"} | tojson)}}' | seed activity envelope
jq -nc '{user_data: {event: {message: {text: {action: "kms.secrets.unwrap"}}}}}' | seed activity deep
jq -nc '{action: "hs-crypto.secrets.rewrap", outcome: "failure", target: {id: "crn:v1:::::::key:22222222-2222-4222-8222-222222222222"}}' |
    seed activity rewrap
jq -nc '{action: "kms.secrets.unwrap", initiator: {name: ("\u00e4\u00f6\u00fc" * 200)}}' | seed activity cut
jq -nc '{action: "kms.secrets.list"}' | seed activity other
echo '[1]' | seed activity list

# ---- persons, templates ----

public=$(jq -r .founder "$copy/escrow.json")
printf '%s' "$public" | seed person_key line
printf 'untrusted comment: minisign public key\r\n%s\r\n' "$public" | seed person_key file
printf 'untrusted comment: x\n' | seed person_key comment
printf 'RWQAAEIy%204s\n' '' | tr ' ' A | seed person_key secret
printf '<?xml version="1.0"?>\r\n<a b="{{secret}}"><!-- {{secret}} --><c>{{secret:raw}}</c></a>\r\n' | seed template xml
printf '{"a":"{{secret:json}}"}\n' | seed template json
printf 'password={{secret}}\n{{other}}\n' | seed template ini
printf '<a><![CDATA[{{secret}}]]></a>' | seed template cdata
printf '{{ Secret }}' | seed template meant
printf '\xef\xbb\xbf \t<a>{{secret:xml}}{{secret:raw' | seed template mark
