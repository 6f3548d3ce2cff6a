#!/bin/sh
# Gets the password of a backup key back from IBM Key Protect or HPCS without keymuster: with sh, curl, jq and base64.
#
#   recover-without-keymuster.sh SOURCE                     lists the keys in it
#   recover-without-keymuster.sh SOURCE KEY [OPTION...]     prints the password of KEY
#
# SOURCE   a copy of the escrow (its folder), its recovery/KEYS.txt, or a file made by `keymuster export`
# KEY      NAME (its newest generation), NAME@GENERATION or UUID
#
#   --apikey-file FILE    the IBM Cloud API key; without it, it is asked for, unseen
#   --to FILE             writes the password, exactly its bytes, to a new file that only you can read
#   --endpoint URL        the KMS, where it is not the one that SOURCE names; needed for hosts that are not IBM's
#   --iam URL             IAM, if not https://iam.cloud.ibm.com (https://private.iam.cloud.ibm.com)
#   --ca FILE             certificates to trust instead of the system's
#   --root ID             only the wraps under this root key
#
# The API key needs the role Reader, and no more. Neither it nor the token nor the password is ever an argument of a
# program or in a file, but --to's. SOURCE is not checked for forgery here (docs/reference/formats.md has a script
# that does): a forged one cannot get your API key, which goes to IBM's hosts only and to those you name, but it could
# give you another password, which the check value tells where there is one (BLAKE2b; needs b2sum).
#
# Exit: 0 done, 2 usage, 3 wrong source, 4 refused, 5 network, 13 no such key, 14 no wrap opened, 15 wrong value.

set -eu
set +x
umask 077
LC_ALL=C
export LC_ALL
unset SSLKEYLOGFILE CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR

say() { printf '%s\n' "$*" >&2; }
fail() { # STATUS TEXT...
    status=$1
    shift
    say "$0: $*"
    exit "$status"
}
usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

source='' key='' apikey_file='' to='' endpoint='' iam=https://iam.cloud.ibm.com ca='' only=''
while [ $# -gt 0 ]; do
    case $1 in
        --apikey-file | --to | --endpoint | --iam | --ca | --root)
            [ $# -ge 2 ] || fail 2 "$1 needs a value"
            case $1 in
                --apikey-file) apikey_file=$2 ;;
                --to) to=$2 ;;
                --endpoint) endpoint=$2 ;;
                --iam) iam=$2 ;;
                --ca) ca=$2 ;;
                --root) only=$2 ;;
            esac
            shift
            ;;
        -*) usage ;;
        *)
            if [ -z "$source" ]; then source=$1; elif [ -z "$key" ]; then key=$1; else usage; fi
            ;;
    esac
    shift
done
[ -n "$source" ] || usage
for program in curl jq base64 od; do
    command -v "$program" >/dev/null || fail 2 "$program is needed (Debian: apt-get install curl jq coreutils)"
done

# ---- what SOURCE says: one JSON array of keys, whichever form it has ----

# shellcheck disable=SC2016 # jq's variables, not the shell's
from_log='
    unique_by([.author, .seq]) | sort_by(.at) as $all
    | def object($kind):
        reduce ($all[] | select(.kind == $kind + ".added")) as $e ({}; .[$e.body.uuid] = $e.body)
        | reduce ($all[] | select(.kind == $kind + ".changed")) as $e (.;
            reduce ($e.body.set | to_entries[]) as $f (.; .[$e.body.uuid][$f.key] = $f.value.value));
    # Those that came later, by key: a look at all entries for each key would take hours in a large copy.
    def later($kind): map(select(.kind == $kind)) | group_by(.body.key) | map({(.[0].body.key // ""): .}) | add // {};
    object("root") as $roots | object("kms") as $kms
    | ($all | later("wrap.added")) as $wraps | ($all | later("key.check")) as $checks
    | [ $all[] | select(.kind == "key.created") | . as $made
        | { name: .body.name, generation: .body.generation, uuid: .body.uuid, form: .body.form,
            check: (.body.check // $checks[.body.uuid][0].body.check),
            wraps: [ ( .body.wraps[]? | . + {at: $made.at} ),
                     ( $wraps[.body.uuid][]? | .body.wrap + {at: .at} )
                     | ($roots[.root] // {}) as $root | ($kms[$root.kms // ""] // {}) as $k
                     | { at, aad, ciphertext, id: $root.id, ring: $root.ring, kms: $k.name, provider: $k.provider,
                         endpoint: $k.endpoint, instance: $k.instance } ] } ]'

# shellcheck disable=SC2016
from_export='
    [ .keys[] | { name, generation, uuid, form, check,
        wraps: [ .wraps[] | { at, aad, ciphertext, id: .root.id, ring: .root.ring, kms: .kms.name, provider: .kms.provider,
                              endpoint: .kms.endpoint, instance: .kms.instance } ] } ]'

# A label stands in columns 3 to 14, its value from column 15 on.
# shellcheck disable=SC2016
from_page='
    reduce inputs as $line ([];
        ($line[2:14] | sub(" +$"; "")) as $what | $line[14:] as $value
        | if $line | test("^[^ ].*@[0-9]+$")
          then . + [($line | capture("^(?<name>.*)@(?<generation>[0-9]+)$") | .generation |= tonumber) + {wraps: []}]
          elif length == 0 or ($line | startswith("  ") | not) then .
          elif $what == "uuid" then .[-1].uuid = $value
          elif $what == "form" then .[-1].form = ($value | split(":")[0])
          elif $what == "wrap" then .[-1].wraps += [{at: ($value | ltrimstr("made ") | split(" ")[0])}]
          elif .[-1].wraps == [] then .
          elif $what == "root key" then .[-1].wraps[-1].id = ($value | split(" ")[-1])
          elif $what == "KMS" then .[-1].wraps[-1].kms = $value
          elif $what == "ring" then .[-1].wraps[-1].ring = $value
          elif $what == "endpoint" then .[-1].wraps[-1].endpoint = $value
          elif $what == "instance" then .[-1].wraps[-1].instance = $value
          elif $what == "file" then .[-1].wraps[-1].provider = "local"
          elif $what == "aad" then .[-1].wraps[-1].aad = ($value | fromjson)
          elif $what == "wdek" then .[-1].wraps[-1].ciphertext = $value
          else . end)'

read_source() {
    if [ -d "$source/log" ]; then
        find "$source/log" -name '*.ndjson' -exec cat {} + |
            jq -c 'select(.kind | test("^(key|wrap|root|kms)[.]"))' | jq -cs "$from_log"
    elif head -n 1 -- "$source" | grep -q '^KEYS of escrow '; then
        jq -cRn "$from_page" <"$source"
    elif [ -f "$source" ]; then
        head -n 1 -- "$source" | jq -ce 'select(.type == "export")' | jq -c "$from_export"
    else
        return 1
    fi
}

if ! keys=$(read_source 2>/dev/null) || [ -z "$keys" ]; then
    fail 3 "$source is no copy (a folder with log/ in it), no KEYS.txt and no export"
fi
ask() { printf '%s' "$keys" | jq -r "$@"; }

if [ -z "$key" ]; then
    ask '.[] | "\(.name)@\(.generation)   \(.uuid)   \(.wraps | map(.kms // "?") | unique | join(", "))"' | tr -d '\000-\011\013-\037\177'
    exit 0
fi

# shellcheck disable=SC2016
chosen=$(ask -c --arg key "$key" '
    map(select(.uuid == $key or "\(.name)@\(.generation)" == $key or .name == $key))
    | (map(.generation) | max) as $newest | map(select(.generation == $newest))')
[ "$chosen" != '[]' ] || fail 13 "no key $key in it; without KEY all are listed"
keys=$chosen
if [ "$(ask length)" -ne 1 ]; then
    say "$key stands for more than one key; name it by its UUID:"
    ask '.[].uuid' >&2
    exit 13
fi
uuid=$(ask '.[0].uuid') form=$(ask '.[0].form')

# ---- the KMS ----

work=$(mktemp -d)
restore_echo=:
trap 'rm -rf -- "$work"; $restore_echo' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

call() { # curl's words; its configuration, with what is secret, comes on standard input
    curl -q -sS --proto '=https' --tlsv1.2 --max-time 60 --connect-timeout 10 --retry 3 --max-filesize 1048576 \
        ${ca:+--cacert "$ca"} -K - -w '\n%{http_code}' "$@"
}
# A text inside the double quotes of curl's configuration.
quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }

apikey=''
read_apikey() {
    if [ -n "$apikey_file" ]; then
        apikey=$(cat -- "$apikey_file") || fail 4 "the API key cannot be read"
    elif [ -t 0 ]; then
        printf 'IBM Cloud API key: ' >&2
        restore_echo='stty echo'
        stty -echo
        read -r apikey
        stty echo
        restore_echo=:
        printf '\n' >&2
    else
        fail 4 'no API key: name a file with --apikey-file, or run it at a terminal'
    fi
    [ -n "$apikey" ] || fail 4 'the API key is empty'
}

token=''
get_token() {
    read_apikey
    form_data="grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=$(printf '%s' "$apikey" | jq -sRr @uri)"
    answer=$(printf 'data = "%s"\n' "$(quoted "$form_data")" | call -H 'Accept: application/json' "${iam%/}/identity/token") ||
        fail 5 "IAM ($iam) cannot be reached"
    apikey='' form_data=''
    status=${answer##*
}
    body=${answer%
*}
    if [ "$status" != 200 ]; then
        fail 4 "IAM refused the API key ($status): $(printf '%s' "$body" | jq -r '"\(.errorCode // "") \(.errorMessage // "")"' 2>/dev/null | tr -d '\000-\037')"
    fi
    token=$(printf '%s' "$body" | jq -er .access_token) || fail 5 'what IAM answered is not a token'
    answer='' body=''
}

# A key's endpoint comes from SOURCE, which anybody may have written: only IBM's hosts are taken from there.
host_is_known() { # URL
    case $1 in https://*) ;; *) return 1 ;; esac
    case ${1#https://} in *[!A-Za-z0-9.:/_-]*) return 1 ;; esac
    host=${1#https://} host=${host%%/*} host=${host%%:*}
    case $host in
        *.kms.cloud.ibm.com | *.kms.appdomain.cloud | *.hs-crypto.cloud.ibm.com | *.hs-crypto.appdomain.cloud) return 0 ;;
        *) return 1 ;;
    esac
}

clean() { case $1 in '' | *[!A-Za-z0-9_-]*) return 1 ;; *) return 0 ;; esac }

unwrap() { # NUMBER: sets plaintext
    wrap=$(ask -c ".[0].wraps | sort_by(.at) | reverse | .[$1]")
    field() { printf '%s' "$wrap" | jq -r ".$1 // empty"; }
    id=$(field id) ring=$(field ring) instance=$(field instance) at=$(field at)
    url=${endpoint:-$(field endpoint)}
    url=${url%/} url=${url%/api/v2/keys} url=${url%/api/v2}
    label="wrap of $at under root key ${id:-?} in $(field kms | tr -d '\000-\037')"
    if [ -n "$only" ] && [ "$only" != "$id" ]; then
        return 1
    fi
    if [ "$(field provider)" = local ]; then
        say "$label: a local KMS is a sealed file; keymuster alone opens it"
        return 1
    fi
    if ! clean "$id" || ! clean "$instance" || [ -z "$url" ] || { [ -n "$ring" ] && ! clean "$ring"; }; then
        say "$label: which instance, endpoint and root key is not known here"
        return 1
    fi
    if [ -z "$endpoint" ] && ! host_is_known "$url"; then
        say "$label: its endpoint $url is not IBM's; if you trust it, name it with --endpoint"
        return 1
    fi
    [ -n "$token" ] || get_token
    printf '%s' "$wrap" | jq -c '{ciphertext} + if (.aad // []) == [] then {} else {aad} end' >"$work/body"
    answer=$(printf 'header = "Authorization: Bearer %s"\n' "$(quoted "$token")" |
        call -H "Bluemix-Instance: $instance" -H 'Content-Type: application/vnd.ibm.kms.key_action_unwrap+json' \
            ${ring:+-H "X-Kms-Key-Ring: $ring"} --data-binary "@$work/body" "$url/api/v2/keys/$id/actions/unwrap") || {
        say "$label: $url cannot be reached"
        return 1
    }
    status=${answer##*
}
    body=${answer%
*}
    if [ "$status" != 200 ]; then
        say "$label: refused ($status): $(printf '%s' "$body" | jq -r '[.resources[]?.errorMsg, (.resources[]?.reasons[]? | .code)] | map(select(. != null)) | join("; ")' 2>/dev/null | tr -d '\000-\037')"
        return 1
    fi
    plaintext=$(printf '%s' "$body" | jq -er '.plaintext | strings') || {
        say "$label: the answer is not one of a KMS"
        return 1
    }
    answer='' body=''
}

count=$(ask '.[0].wraps | length') number=0 plaintext=''
while [ "$number" -lt "$count" ]; do
    if unwrap "$number"; then break; fi
    number=$((number + 1))
done
[ -n "$plaintext" ] || fail 14 "no wrap of $key could be opened"
token=''

# ---- what the password is, and whether it is the right one ----

case $form in
    base64) password=$plaintext ;;
    bytes) password=$(printf '%s' "$plaintext" | base64 -d) || fail 15 'what came back is not base64' ;;
    *) fail 3 "the form of the password is not known: $form" ;;
esac

raw_uuid() {
    printf '%s' "$uuid" | tr -d - | sed 's/../&\
/g' | while read -r pair; do
        # shellcheck disable=SC2059 # three octal digits
        [ -z "$pair" ] || printf "\\$(printf '%03o' "0x$pair")"
    done
}

algorithm=$(ask '.[0].check.alg // empty')
if [ "$algorithm" = blake2b-256 ] && command -v b2sum >/dev/null; then
    sum=$({ printf 'keymuster check 1\000'; raw_uuid; printf '%s' "$password"; } | b2sum -l 256 | cut -d ' ' -f 1)
    [ "$sum" = "$(ask '.[0].check.value')" ] || fail 15 "the KMS opened it, but this is not the password that was recorded: $key"
    say "$label: opened; it is the password that was recorded"
else
    say "$label: opened; not compared with its check value${algorithm:+ ($algorithm)}"
fi

if [ -n "$to" ]; then
    (set -C && printf '%s' "$password" >"$to") || fail 2 "$to cannot be made; it must be a new file"
elif [ -t 1 ]; then
    printf '%s\n' "$password"
    say 'clear the screen and its scrollback; a password that was seen must be replaced'
else
    printf '%s' "$password"
fi
