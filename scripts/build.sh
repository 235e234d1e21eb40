#!/bin/sh
# Sets up, configures and builds. demo.sh and test.sh begin with it.
#
#   sh scripts/build.sh [--torch VERSION] [TARGET...]        TARGET: app (host and plugins), all (the default), or one of ninja's
#
# The build folder is build/release, with --torch build/release-torch-VERSION.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
folder=$root/build/release
version=
if [ "${1:-}" = --torch ]; then
  version=${2:?--torch needs a version}
  folder=$root/build/release-torch-$version
  shift 2
fi
[ $# -gt 0 ] || set -- all

torch=$(sh "$root/scripts/setup.sh" ${version:+--torch "$version"} --print)
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9

export CCACHE_BASEDIR="$root"
cmake --preset release -S "$root" -B "$folder" -DSELFSUP_TORCH_DIR="$torch" >"$folder/configure.log" 2>&1 9>&- || {
  cat "$folder/configure.log" >&2
  echo "build: cmake could not configure $folder (above)" >&2
  exit 1
}
echo "build: $* in $folder" >&2
NINJA_STATUS='[%f/%t %es] ' ninja -C "$folder" "$@" >&2 9>&-
