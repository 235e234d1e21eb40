#!/bin/sh
# Sets up, builds and runs the tests.
#
#   sh scripts/test.sh [--torch VERSION] [arguments for ctest]        as in: sh scripts/test.sh -L reference
#
# --torch VERSION checks the promise of the plugin ABI instead: it builds a second host with that LibTorch, and there runs the reference
# tests and trains with the plugin files of the first build, compared by SHA-256.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
version=
asked=
for argument in "$@"; do
  shift
  if [ "$asked" = next ]; then
    version=$argument asked=1
  else
    case $argument in
      --torch) asked=next ;;
      --torch=*) version=${argument#--torch=} asked=1 ;;
      *) set -- "$@" "$argument" ;;
    esac
  fi
done
[ -z "$asked" ] || [ -n "$version" ] || {
  echo "test: --torch needs a version, as in --torch 2.15.0" >&2
  exit 2
}

if [ -z "$asked" ]; then
  sh "$root/scripts/setup.sh" --tests
  sh "$root/scripts/build.sh"
  exec ctest --test-dir "$root/build/release" --parallel 2 --output-on-failure --no-tests=error "$@"
fi

first=$root/build/release
second=$root/build/release-torch-$version
sh "$root/scripts/build.sh" app
sh "$root/scripts/build.sh" --torch "$version"

# The second host's tests must load the first build's plugins: put those in place of its own, and prove it.
for plugin in "$first"/lib/selfsup/plugins/*.so; do
  [ -e "$plugin" ] || {
    echo "test: no plugins in $first/lib/selfsup/plugins" >&2
    exit 1
  }
  cp -f "$plugin" "$second/lib/selfsup/plugins/"
done
sums=$(cd "$first/lib/selfsup/plugins" && sha256sum ./*.so)
echo "plugins, built beside LibTorch $("$first/bin/selfsup-host" env | sed -n 's/^LibTorch: *//p'):"
echo "$sums"
unset SELFSUP_TORCH_DIR # that is the first one's; the second finds its own
echo "host: $("$second/bin/selfsup-host" env | sed -n 's/^LibTorch: */LibTorch /p')"
rc=0
ctest --test-dir "$second" --parallel 2 --output-on-failure --no-tests=error -L 'reference|abi' "$@" || rc=$?
(cd "$second/lib/selfsup/plugins" && echo "$sums" | sha256sum --check --quiet) || {
  echo "test: the plugins under test are not those of $first" >&2
  exit 1
}
echo "the same plugin files were used: SHA-256 compared"
exit $rc
