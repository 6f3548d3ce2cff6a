# shellcheck shell=bash
# What is there before the commands of a page are played (page.sh). Each is a function, in the home folder of the page; it may start
# simulators. What stands for the real thing is said beside it.

# Two sites with the built-in KMS, a copy, the store as KEYMUSTER_STORE, and two keys.
scene_escrow() {
    local site
    mkdir -p kms usb
    export KEYMUSTER_STORE=$HOME/store
    keymuster init --site fra
    keymuster site add mad
    for site in fra mad; do
        head -c 24 /dev/urandom | base64 >"kms/$site.pass"
        keymuster kms add "kp-$site" --site "$site" --provider local --file "$HOME/kms/$site.kms" --credential "file:$HOME/kms/$site.pass" \
            --kept-at "vault of $site"
        keymuster root create "$site-main" --kms "kp-$site"
    done
    keymuster copy add usb "$HOME/usb" --site mad --removable
    keymuster create vbr/config --purpose config-backup --root mad-main
    keymuster create vbr/job-sql --purpose backup-job --root fra-main --root mad-main
}
