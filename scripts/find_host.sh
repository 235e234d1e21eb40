# Sourced by the scripts beside it, which set `here`, their folder. Sets `host`: the program, from SELFSUP_HOST, the build tree, the
# installation that the script belongs to, or PATH.
host=${SELFSUP_HOST:-}
# shellcheck disable=SC2154
for candidate in "$here/../build/release/bin/selfsup-host" "$here/../../../bin/selfsup-host" "$(command -v selfsup-host || :)"; do
  [ -n "$host" ] || [ ! -x "$candidate" ] || host=$candidate
done
[ -n "$host" ] || {
  echo "${0##*/}: there is no selfsup-host in build/release/bin, in the installation of this script, or in PATH: build it, or set SELFSUP_HOST" >&2
  exit 2
}
