#!/usr/bin/env bash
# Every link of a page to another place of this project leads somewhere. Prints a TAP line.
#
#   links.sh FOLDER      the project
set -euo pipefail
cd -- "${1:?the project}"
count=0 wrong=0
while IFS=: read -r page target; do
    count=$((count + 1))
    case $target in *:* | *'|'* | '#'*) continue ;; esac
    [ -e "$(dirname -- "$page")/${target%%#*}" ] || { printf '# %s: nothing at %s\n' "$page" "$target"; wrong=$((wrong + 1)); }
done < <({ printf '%s\0' *.md; find docs -name '*.md' -print0; } | xargs -0 grep -oHP '\]\(\K[^) ]+(?=\))')
[ "$wrong" -eq 0 ] && [ "$count" -gt 0 ] || printf 'not '
printf 'ok 1 %d links, %d lead nowhere\n' "$count" "$wrong"
[ "$wrong" -eq 0 ] && [ "$count" -gt 0 ]
