# shellcheck shell=bash
# What coverage.sh and mutate.sh measure: the core; and where their results are kept.

# Log, trust and tables; what a head is, and when a copy or a store is refused; what stands between a secret and its way
# out.
# shellcheck disable=SC2034
core="escrow/entry.c escrow/log.c escrow/log_read.c escrow/trust.c escrow/apply.c escrow/apply_key.c copy/head.c
      copy/held.c copy/memory.c copy/pull_author.c recover/reveal.c recover/deliver.c"

# Puts standard input in the place of a section of tests/lanes/RESULTS.
record() { # SECTION
    local file=tests/lanes/RESULTS new
    new=$(mktemp)
    touch -- "$file"
    awk -v section="== $1" '/^== / { skip = $0 == section } !skip' "$file" >"$new"
    { printf '== %s\n' "$1" && cat; } >>"$new"
    cat -- "$new" >"$file"
    rm -f -- "$new"
}
