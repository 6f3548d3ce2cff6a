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

# The same, and a store of its own at mad (in the folder mad), admitted.
scene_two_sites() {
    scene_escrow
    keymuster -C mad join --from "$HOME/usb" --site mad --yes
    keymuster author admit "$(keymuster -C mad -o json status | jq -r .author)" --yes
    keymuster -C mad sync
    keymuster -C mad kms set kp-mad --file "$HOME/kms/mad.kms" --credential "file:$HOME/kms/mad.pass"
}

ibm_kms() { # NAME SITE URL INSTANCE
    keymuster kms add "$1" --site "$2" --provider ibm --instance "$4" --endpoint "$3" --iam "$SIM_IAM" --ca "$SIM_CA" \
        --credential "file:$SIM_APIKEY" --kept-at "vault of $2"
}

# Two sites with instances of IBM's, which the simulator plays, a copy and two keys.
scene_ibm() {
    # shellcheck source=tests/lib/sim.bash
    . "$KM_SOURCE/tests/lib/sim.bash"
    sim_start "$HOME/../sim"
    mkdir -p usb
    export KEYMUSTER_STORE=$HOME/store
    keymuster init --site fra
    keymuster site add mad
    ibm_kms "${1-kp-fra}" fra "$SIM_KMS" "$SIM_INSTANCE"
    ibm_kms kp-mad mad "$SIM_KMS_MAD" "$SIM_INSTANCE_MAD"
    keymuster root create "${2-fra-main}" --kms "${1-kp-fra}"
    keymuster root create mad-main --kms kp-mad
    keymuster copy add usb "$HOME/usb" --site mad --removable
    keymuster create vbr/config --purpose config-backup --root mad-main
    keymuster create vbr/job-sql --purpose backup-job --root "${2-fra-main}" --root mad-main
}

# HPCS and Key Protect speak the same: the simulator stands for both.
scene_hpcs() { scene_ibm hpcs hpcs-main; }

scene_readme() {
    mkdir -p kms usb
    export KEYMUSTER_STORE=$HOME/store
    head -c 24 /dev/urandom | base64 >passphrase
}

# A backup server (the simulator of VBR's) with two passwords that scripts had a KMS (the simulator of IBM's) wrap, the scripts, and an
# escrow that knows none of it: a store of its own stands for those years.
scene_scripts() {
    local name key root old=(keymuster -C old)
    # shellcheck source=tests/lib/sim.bash
    . "$KM_SOURCE/tests/lib/sim.bash"
    # shellcheck source=tests/lib/vbr.bash
    . "$KM_SOURCE/tests/lib/vbr.bash"
    sim_start "$HOME/../sim"
    vbr_start "$HOME/../vbr"
    "${old[@]}" init --site fra
    "${old[@]}" kms add kp --site fra --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" \
        --credential "file:$SIM_APIKEY"
    "${old[@]}" root create veeam --kms kp
    root=$("${old[@]}" -o json root list | jq -r '.items[0].id')
    VBR_TOKEN=$(vbr_token)
    for key in vbr/sql vbr/files; do
        "${old[@]}" create "$key" --purpose backup-job --root veeam --to "file:made" --allow-unsynced
        vbr_call POST encryptionPasswords -d "$(jq -nc --rawfile p made --arg h \
            "$key | $("${old[@]}" -o json show "$key" | jq -r '.wraps[0].ciphertext')" '{hint: $h, password: $p}')"
        rm made
    done
    rm -r old
    for name in create rewrap unwrap; do
        sed -e "s,7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b,$SIM_INSTANCE," -e "s,3b9e1d70-2c4a-4f6e-8d15-a6b7c8d9e0f1,$root," \
            -e "s,https://private.iam.cloud.ibm.com,$SIM_IAM," -e "s,https://private.eu-de.kms.cloud.ibm.com,$SIM_KMS," \
            "$KM_SOURCE/tests/data/scripts/$name.ps1" >"$name.ps1"
    done
    mkdir -p kms usb
    export KEYMUSTER_STORE=$HOME/store
    head -c 24 /dev/urandom | base64 >kms/mad.pass
    keymuster init --site fra
    keymuster site add mad
    keymuster kms add kp-mad --site mad --provider local --file "$HOME/kms/mad.kms" --credential "file:$HOME/kms/mad.pass" --kept-at 'vault of mad'
    keymuster root create mad-main --kms kp-mad
    keymuster copy add usb "$HOME/usb" --site mad --removable
}
