# shellcheck shell=bash
# Answers for a run of total-loss to its end, into the file answers; lines given are put before them.
answers_total_loss() { # LINE...
    local hash
    hash=$(printf '%064d' 1)
    {
        printf '[words]\nkey = vbr/config\nroot = mad-main\nlost = fra\n'
        printf '%s\n' "$@"
        printf '[step "%s"]\ndo = run\n' mark-lost new-key sync
        printf '[step "agree"]\ndo = done\nattested_by_1 = the guard\n'
        printf '[step "password"]\ndo = run\nto = file:got\n'
        printf '[step "declare"]\ndo = done\noperator = the operator\nwhat_happened = fire\n'
        printf '[step "credential"]\ndo = done\nfound_at = safe\n'
        printf '[step "configuration-backup"]\ndo = done\nfile = x.bco\nsha256 = %s\nmade = 2026-11-01\n' "$hash"
        printf '[step "build"]\ndo = done\nserver = new\nversion = 12.3\n'
        printf '[step "restore"]\ndo = done\nended = 2026-11-27T03:00:00Z\n'
        printf '[step "repositories"]\ndo = done\nrepositories = 2\n'
        printf '[step "leftovers"]\ndo = done\n'
        printf '[step "data"]\ndo = done\nrestored = one machine\n'
        printf '[step "hand-over"]\ndo = done\nfile = y.bco\nsha256 = %s\n' "$hash"
    } >answers
}

kinds() { # STORE: kinds of its entries about runs, in order
    "$KEYMUSTER" -o ndjson -C "$1" audit log | jq -r 'select(.entry.kind? // "" | startswith("run.")) | .entry.kind' | paste -sd ' '
}

# Steps of the small runbooks that tests write, printed: one that shows the password of KEY, one that asks for a word.
step_get() { # [A LINE MORE FOR ITS BLOCK]
    cat <<'END'
## Get it

Expect: a password.

### If it fails

* Another wrap.

```keymuster
id = get
kind = reveal
key = {key}
END
    if [ -n "${1-}" ]; then printf '%s\n' "$1"; fi
    echo '```'
}
step_say() {
    cat <<'END'

## Say something

* Say it.

Expect: it is said.

### If it fails

* Say it louder.

```keymuster
id = say
kind = manual
fields = word text
```
END
}
