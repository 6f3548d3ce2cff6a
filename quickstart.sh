#!/usr/bin/env bash
# The whole way once: two backup keys are created and escrowed, one encrypts a real backup, the primary site is
# destroyed, and the backup is opened at the other site with nothing but a copy of the escrow and that site's KMS.
#
#   ./quickstart.sh           installs what is missing (apt), builds, plays the scene in a scratch folder, removes it
#   ./quickstart.sh --keep    leaves the scratch folder and says where it is
#
# KEYMUSTER=/path/to/keymuster plays the scene with that program and builds nothing.
set -euo pipefail

top=$(cd -- "$(dirname -- "$0")" && pwd)
keep=no
case ${1-} in
    '') ;;
    --keep) keep=yes ;;
    *)
        sed -n '2,8s/^# \{0,1\}//p' -- "$0"
        [ "$1" = --help ] || [ "$1" = -h ] || exit 2
        exit 0
        ;;
esac

# shellcheck source=tests/lib/packages.sh
. "$top/tests/lib/packages.sh"

# ---- build ----

build() {
    local log
    log=$(mktemp)
    printf 'Building keymuster (build/release/keymuster) ...\n'
    if ! (cd -- "$top" && cmake --preset release -DKM_TESTS=OFF && cmake --build --preset release --target keymuster) \
        >"$log" 2>&1; then
        cat -- "$log" >&2
        rm -f -- "$log"
        exit 1
    fi
    rm -f -- "$log"
}

if [ -n "${KEYMUSTER-}" ]; then
    packages_need demo
    program=$(realpath -- "$KEYMUSTER")
else
    packages_need build demo
    build
    program=$top/build/release/keymuster
fi

# ---- scratch folder ----

umask 077
scratch=$(mktemp -d)
leave() {
    local status=$?
    cd /
    if [ "$keep" = yes ]; then
        printf '\nThe scratch folder is kept: %s\n' "$scratch"
        printf 'To go on there:  cd %q && . ./environment\n' "$scratch"
    else
        rm -rf -- "$scratch"
    fi
    exit "$status"
}
trap leave EXIT

cd -- "$scratch"
mkdir bin home fra mad usb
ln -s -- "$program" bin/keymuster
# Nothing of the person's own settings goes in, and nothing of this goes into their home.
cat >environment <<END
export PATH='$scratch/bin':\$PATH
export HOME='$scratch/home' XDG_STATE_HOME='$scratch/home/state' XDG_DATA_HOME='$scratch/home/data'
export XDG_CONFIG_HOME='$scratch/home/config' XDG_CACHE_HOME='$scratch/home/cache'
unset KEYMUSTER_STORE KEYMUSTER_OUTPUT RESTIC_REPOSITORY RESTIC_PASSWORD RESTIC_PASSWORD_FILE RESTIC_PASSWORD_COMMAND
END
# shellcheck disable=SC1091
. ./environment

# ---- narration: a sentence, then the command; the command's own words are indented ----

number=0

shown() { # a command line as one would type it
    local word line=
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./:=@%+,{}-]*) word="'${word//\'/\'\\\'\'}'" ;;
        esac
        line+=" $word"
    done
    printf '   $%s\n' "$line"
}

step() { # SENTENCE COMMAND...
    number=$((number + 1))
    printf '\n%2d. %s\n' "$number" "$1"
    shift
    shown "$@"
    if ! "$@" >output 2>&1 </dev/null; then
        sed 's/^/     /' output >&2
        printf 'That failed; the scene ends here.\n' >&2
        exit 1
    fi
    sed 's/^/     /' output
}

# Passphrases are drawn into files that only their owner can read. No one needs to see them.
passphrase() {
    head -c 24 /dev/urandom | base64 >"$1"
    chmod 600 -- "$1"
}

cat <<'END'

The scene: a primary site, fra, and a remote site, mad, each with its own KMS. Two things stand in for what you have:
keymuster's built-in local KMS (a sealed file) stands in for the cloud KMS, and restic stands in for the backup product.
The passphrases of both KMSs have just been drawn into files (mode 0600); no secret is printed here.
END
passphrase fra/kp-fra.pass
passphrase mad/kp-mad.pass
mkdir fra/data
for i in 1 2 3; do
    seq -f "row %.0f of table $i" 1 2000 >"fra/data/table-$i.sql"
done
fra=(keymuster -C fra/store)

step 'Found the escrow at the primary site.' \
    "${fra[@]}" init --site fra --name 'Quickstart'
step 'Make the remote site known.' \
    "${fra[@]}" site add mad
step 'Make the KMS of the primary site known (its file is made now).' \
    "${fra[@]}" kms add kp-fra --site fra --provider local --file fra/kp-fra.kms --credential file:fra/kp-fra.pass
step 'Make the KMS of the remote site known; this is the one that has to survive.' \
    "${fra[@]}" kms add kp-mad --site mad --provider local --file mad/kp-mad.kms --credential file:mad/kp-mad.pass
step 'A root key in the primary KMS.' \
    "${fra[@]}" root create fra-main --kms kp-fra
step 'A root key in the remote KMS.' \
    "${fra[@]}" root create mad-main --kms kp-mad
step 'A copy of the escrow on a USB disk (here a folder), to be kept at the remote site.' \
    "${fra[@]}" copy add usb "file://$scratch/usb" --site mad --removable
step 'The key of the configuration backup, wrapped at the remote site: it must outlive the site it protects.' \
    "${fra[@]}" create vbr/config --purpose config-backup --root mad-main --protects-site fra
step 'The key of a backup job, wrapped at both sites.' \
    "${fra[@]}" create vbr/job-sql --purpose backup-job --root fra-main --root mad-main
step 'What the escrow holds now. The values themselves are nowhere; only the KMSs can open the wraps.' \
    "${fra[@]}" list
step 'A real backup repository, encrypted with the job key: restic gets it in a file in memory, gone right after.' \
    "${fra[@]}" exec vbr/job-sql --reason 'new repository' --tmpfile -- restic -q --no-cache -r mad/repository -p '{}' init
step 'A backup into it, kept at the remote site.' \
    "${fra[@]}" exec vbr/job-sql --reason 'nightly backup' --tmpfile -- \
    restic -q --no-cache -r mad/repository -p '{}' backup fra/data
cp -r -- fra/data expected # to compare with at the end; a real disaster leaves nothing
step 'Disaster: the primary site is gone: data, escrow, KMS and the passphrase of that KMS.' \
    rm -rf fra
lost=(--from "file://$scratch/usb" --site mad --yes --credential kp-mad=file:mad/kp-mad.pass
    --kms-file kp-mad=mad/kp-mad.kms)
step 'The configuration backup: its password comes back. A script would take it here; this one counts its characters.' \
    keymuster exec vbr/config --reason 'site fra lost' "${lost[@]}" --stdin -- wc -c
step 'The job key feeds restic, which opens the real repository and restores. The lost KMS is not needed.' \
    keymuster exec vbr/job-sql --reason 'site fra lost' "${lost[@]}" --tmpfile -- \
    restic -q --no-cache -r mad/repository -p '{}' restore latest --target restored
step 'The restored files are the same as those that were lost; diff finds nothing.' \
    diff -r expected restored/fra/data

cat <<'END'

That was the whole way. What to try next:
  ./quickstart.sh --keep                       keep the scratch folder and look around in it, then there, for example:
    keymuster reveal vbr/config --reason 'trying out' --from file://$PWD/usb --yes \
      --credential kp-mad=file:mad/kp-mad.pass --kms-file kp-mad=mad/kp-mad.kms
                                               shows the password on the terminal; q closes it, nothing stays behind
    keymuster -C mad/store join --from file://$PWD/usb --site mad && keymuster -C mad/store status
                                               a store of its own at the remote site
  build/release/keymuster --help               all commands
  ./test.sh                                    the tests
END
