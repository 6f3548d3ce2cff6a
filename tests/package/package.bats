#!/usr/bin/env bats
# The package that build.sh built twice: what is in it, and what people who look after packages ask of one.
load ../lib/cli
load ../lib/npm

packages=$KM_PACKAGES

setup_file() {
    dpkg-deb -x "$KM_PACKAGES"/first/keymuster_*.deb "$BATS_FILE_TMPDIR/root"
}
setup() {
    fresh_home
    root=$BATS_FILE_TMPDIR/root
}

@test "built twice in different folders, umasks, languages and time zones, it is the same byte for byte" {
    [ "$KM_LONG" = ON ] || skip 'built once; twice with KM_LONG'
    local deb count=0
    for deb in "$packages"/first/*.deb; do
        cmp "$deb" "$packages/second/${deb##*/}"
        count=$((count + 1))
    done
    [ "$count" -eq 2 ] # the program and its debugging symbols
}

# Fails when a file below DIR has TEXT in it.
lacks() { # TEXT DIR
    local status=0
    grep -rlaF -e "$1" "$2" || status=$?
    [ "$status" -eq 1 ]
}

@test "neither the program nor its symbols know where they were built" {
    dpkg-deb -x "$packages"/first/keymuster-dbgsym_*.deb symbols
    lacks "$packages" "$root"
    lacks "$packages" symbols
    lacks unpacked/src "$root"
    printf 'x%sx' "$packages/a" >symbols/planted
    lacks "$packages" symbols && return 1
    true
}

@test "whatever cmake --install installs is in it, and the folders that Debian wants" {
    local file
    DESTDIR=$T/installed cmake --install "$(dirname -- "$KM_TOOLS")" --prefix /usr >/dev/null
    while read -r file; do
        case $file in
            usr/lib/systemd/system/*) file=${file#usr/} ;;
            usr/share/zsh/site-functions/*) file=usr/share/zsh/vendor-completions/${file##*/} ;;
        esac
        [ -e "$root/$file" ] || [ -e "$root/$file.gz" ] || { echo "not in the package: $file" >&2; return 1; }
    done < <(cd installed && find . -type f -printf '%P\n')
    for file in usr/bin/keymuster usr/libexec/keymuster/watch usr/lib/sysusers.d/keymuster.conf usr/lib/tmpfiles.d/keymuster.conf \
        lib/systemd/system/keymuster-{watch,upkeep,drill,metrics}.{service,timer} usr/share/keymuster/runbooks/total-loss.md \
        usr/share/keymuster/powershell/unwrap-offline.ps1 usr/share/man/man1/keymuster.1.gz \
        usr/share/doc/keymuster/{copyright,changelog.gz,keymuster.cdx.json.gz,reference/schemas/{common,status,audit.check}.schema.json,examples/keymuster.conf,examples/systemd/site.conf}; do
        [ -e "$root/$file" ] || { echo "not in the package: $file" >&2; return 1; }
    done
    [ "$("$root/usr/bin/keymuster" version)" = "$("$KEYMUSTER" version)" ]
    [ "$(find "$root" -type f -perm /111 | wc -l)" -eq 3 ]
}

@test "lintian has neither errors nor warnings" {
    run lintian --fail-on error,warning "$packages"/first/*.changes
    [ "$status" -eq 0 ] || { echo "$output" >&2; return 1; }
}

@test "version and changelog of the package are the program's" {
    [ "$(dpkg-deb -f "$packages"/first/keymuster_*.deb Version)" = "$("$KEYMUSTER" -o json version | jq -r .version)" ]
    # The one library that no linker knows of.
    dpkg-deb -f "$packages"/first/keymuster_*.deb Depends | grep -q 'libcurl4 ('
    grep -q '^Architecture: any' "$KM_SOURCE/debian/control"
}

# The exposure of a unit in DIR is at most 1.5 of 10.
exposure() { systemd-analyze security --offline=true --threshold=15 --no-pager "$1"; }

@test "every unit is exposed by at most 1.5 of 10" {
    local unit
    cp -r "$root/lib/systemd/system" units
    for unit in units/*.service; do
        run exposure "$unit"
        [ "$status" -eq 0 ] || { echo "$output" >&2; return 1; }
        grep '^→' <<<"$output"
    done
    rm -r units/keymuster-.service.d
    exposure units/keymuster-upkeep.service && return 1
    # A unit must not be green with findings.
    grep -rn SuccessExitStatus "$root/lib/systemd/system" && return 1
    true
}

@test "the bill of materials: CycloneDX's own validator takes it, and every linked library is in it" {
    npm_install "$KM_SOURCE/tests/lib/cyclonedx" "$KM_TOOLS/cyclonedx" || return 1
    [ -z "$NPM_WHY" ] || skip "$NPM_WHY"
    zcat "$root/usr/share/doc/keymuster/keymuster.cdx.json.gz" >bom
    node "$KM_SOURCE/tests/lib/cbom.js" "$KM_TOOLS/cyclonedx/node_modules" bom
    local soname
    for soname in $(readelf -d "$root/usr/bin/keymuster" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p'); do
        jq -e --arg n "keymuster:library:$soname:sha256" '[.components[] | select(.scope == "required").properties[].name] | index($n)' bom
    done
    jq -e '[.components[] | select(.name == "libcurl4")][0] | .scope == "optional" and (.version | startswith("7.88"))' bom
    jq -e '.metadata.component.version == $v and ([.dependencies[] | select(.ref == "keymuster").dependsOn[]] | length) == 8' \
        --arg v "$("$KEYMUSTER" -o json version | jq -r .version)" bom
    jq 'del(.components[3])' bom >planted
    node "$KM_SOURCE/tests/lib/cbom.js" "$KM_TOOLS/cyclonedx/node_modules" planted && return 1
    true
}

@test "the source tarball has what git has, and is the same each time" {
    cmp "$packages/dist.tar.xz" "$packages/dist.again.tar.xz"
    tar -tf "$packages/dist.tar.xz" | sed 's,^[^/]*/,,' | grep -v '/$' | sed '/^$/d' | sort >there
    git -C "$KM_SOURCE" -c safe.directory='*' ls-files | LC_ALL=C.UTF-8 sort >wanted
    diff wanted there
}
