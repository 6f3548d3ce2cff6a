#!/usr/bin/env bats
# What `cmake --install` puts where.
load ../lib/cli

build=$(dirname -- "$KM_TOOLS")

@test "install: everything lies in its usual folder, and nothing else" {
    DESTDIR=$T/root cmake --install "$build" --prefix /usr >/dev/null
    cd "$T/root"
    [ "$(find . -mindepth 3 -maxdepth 3 -type d -path './usr/share/*' | sort | tr '\n' ' ')" = \
        './usr/share/bash-completion ./usr/share/doc ./usr/share/fish ./usr/share/keymuster ./usr/share/man ./usr/share/zsh ' ]
    [ "$(ls usr)" = "bin
lib
libexec
share" ]
    [ "$(ls usr/bin)" = keymuster ]
    [ -x usr/bin/keymuster ]
    [ "$(ls usr/share/keymuster)" = "powershell
recover-without-keymuster.sh
runbooks" ]
    [ -x usr/share/keymuster/recover-without-keymuster.sh ]
    [ -s usr/share/keymuster/powershell/unwrap-offline.ps1 ]
    [ -s usr/share/keymuster/runbooks/total-loss.md ]
    [ -s usr/share/doc/keymuster/README.md ]
    [ -s usr/share/doc/keymuster/CHANGELOG.md ]
    [ -s usr/share/doc/keymuster/reference/errors.md ]
    diff -r "$KM_SOURCE/docs/reference/schemas" usr/share/doc/keymuster/reference/schemas
    [ -s usr/share/man/man1/keymuster.1 ]
    [ -s usr/share/man/man1/keymuster-kms-add.1 ]
    [ -s usr/share/man/man7/keymuster-errors.7 ]
    cmp usr/share/bash-completion/completions/keymuster <("$KEYMUSTER" completion bash)
    cmp usr/share/zsh/*/_keymuster <("$KEYMUSTER" completion zsh)
    cmp usr/share/fish/vendor_completions.d/keymuster.fish <("$KEYMUSTER" completion fish)
    # executable: the program and the script, nothing else
    [ "$(find usr -type f -perm /111 | sort | tr '\n' ' ')" = 'usr/bin/keymuster usr/libexec/keymuster/watch usr/share/keymuster/recover-without-keymuster.sh ' ]
    [ "$(find usr -type f ! -perm -444 | wc -l)" -eq 0 ]
    run --separate-stderr usr/bin/keymuster version
    [ "$status" -eq 0 ]
}
