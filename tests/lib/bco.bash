# shellcheck shell=bash
# Heads of configuration backups, as tests/data/bco has them, with another description.
#
#   bco_make FILE DESCRIPTION [PROPERTY...]   a property: type:name:value, value for text; of others bytes as \xNN

bco_number() { # LENGTH NUMBER: little-endian, as \xNN
    local i n=$2
    for ((i = 0; i < $1; i++)); do
        printf '\\x%02x' $((n & 255))
        n=$((n >> 8))
    done
}
bco_text() { # a length in UTF-16 units, then these
    local wide
    wide=$(printf '%s' "$1" | iconv -f UTF-8 -t UTF-16LE | od -An -v -tx1 | tr -d '\n' | sed 's/ /\\x/g')
    bco_number 4 $((${#wide} / 8))
    printf '%s' "$wide"
}
bco_property() { # TYPE NAME VALUE
    printf '\\x%s' "$1"
    bco_text "$2"
    if [ "$1" = 12 ]; then bco_text "$3"; else printf '%s' "$3"; fi
}
bco_make() {
    local file=$1 body=() all len
    body+=("$(bco_property 12 Product.Name 'Veeam Backup and Replication 13.0')")
    body+=("$(bco_property 13 Backup.Cryptor.Id "$(bco_number 8 4711)$(bco_number 8 1)")")
    body+=("$(bco_property 12 Backup.Cryptor.Hint "$2")")
    shift 2
    while [ $# -gt 0 ]; do
        body+=("$(bco_property "$1" "$2" "$3")")
        shift 3
    done
    all=$(bco_number 4 ${#body[@]})$(printf '%s' "${body[@]}")
    len=$(printf '%b' "$all" | wc -c)
    {
        printf 'BCO\x02'
        head -c 12 /dev/zero
        printf '%b' "$(bco_number 2 10)"
        head -c 16 /dev/zero
        printf '%b' "$(bco_number 8 338)$(bco_number 8 "$len")"
        head -c $((338 - 18 - 32)) /dev/zero
        printf '%b' "$all"
        head -c 500 /dev/urandom
    } >"$file"
}
# .NET's binary form of a time in UTC.
bco_time() { # DATE
    bco_number 8 $(($(date -u -d "$1" +%s) * 10000000 + 621355968000000000 + (1 << 62)))
}
