#!/bin/sh
# What docs/ says is what the program says: configuration keys, flags, commands, exit codes. docs_test.sh BUILD_FOLDER SOURCE_FOLDER
set -u
host=$1/bin/selfsup-host
root=$2
failed=0
fail() {
  echo "FAILED: $*"
  failed=1
}
unset SELFSUP_PLUGIN_PATH

python3 -B "$root/scripts/config_tables.py" --check --host "$host" || fail "docs/config.md"

# same WHAT FOUND DOCUMENTED: two lists of words, equal.
same() {
  [ "$2" = "$3" ] || fail "$1: the program has
$2
and its document
$3"
}
sorted() { LC_ALL=C sort -u; }

help=$("$host" --help)
document=$root/docs/command-line.md
same flags "$(echo "$help" | grep -oE -- '--[a-z][a-z_-]*' | sorted)" "$(sed -n 's/^| `\(--[a-z_-]*\).*/\1/p' "$document" | sorted)"
same commands "$(echo "$help" | sed -n 's/^  selfsup-host \[*\([a-z]*\)\]* .*/\1/p' | sorted)" \
  "$(sed -n 's/^| `selfsup-host \([a-z]*\).*/\1/p' "$document" | sorted)"
same "exit codes" "$(sed -n '/^enum class Exit/,/^}/s/.* = \([0-9]*\).*/\1/p' "$root/host/base/errors.h" | sorted)" \
  "$(sed -n 's/^| \([0-9]*\) |.*/\1/p' "$root/docs/exit-codes.md" | sorted)"
exit $failed
