#!/bin/sh
# scripts/test.sh with stubs for the build, ctest and the host: where --torch may stand, and what then runs with which LibTorch.
#   test_test.sh SOURCE
. "$(dirname "$0")/common.sh"
tree=$scratch/tree
stubs=$scratch/stubs
export SCRATCH="$scratch" TREE="$tree" PATH="$stubs:$PATH"
mkdir -p "$tree/scripts" "$stubs"
cp "$1/scripts/test.sh" "$tree/scripts/"
cat >"$tree/scripts/setup.sh" <<'END_OF_STUB'
echo "setup $*" >>"$SCRATCH/calls"
END_OF_STUB
cat >"$tree/scripts/build.sh" <<'END_OF_STUB'
echo "build $*" >>"$SCRATCH/calls"
folder=$TREE/build/release
[ "${1:-}" != --torch ] || folder=$folder-torch-$2
mkdir -p "$folder/bin" "$folder/lib/selfsup/plugins"
echo "built in $folder" >"$folder/lib/selfsup/plugins/mae.so"
printf '#!/bin/sh\necho "LibTorch: ${SELFSUP_TORCH_DIR:-its own}"\n' >"$folder/bin/selfsup-host"
chmod +x "$folder/bin/selfsup-host"
END_OF_STUB
cat >"$stubs/ctest" <<'END_OF_STUB'
#!/bin/sh
echo "ctest $*" >>"$SCRATCH/calls"
echo "LibTorch ${SELFSUP_TORCH_DIR:-its own}, plugin $(cat "$2/lib/selfsup/plugins/mae.so")" >>"$SCRATCH/calls"
[ ! -e "$SCRATCH/swap" ] || echo other >"$2/lib/selfsup/plugins/mae.so"
exit "${CTEST_EXIT:-0}"
END_OF_STUB
chmod +x "$stubs/ctest"
tests() {
  rm -rf "$tree/build" "$scratch/calls"
  sh "$tree/scripts/test.sh" "$@" >"$scratch/out" 2>&1
}
common='--parallel 2 --output-on-failure --no-tests=error'
calls() { [ "$(cat "$scratch/calls")" = "$1" ] || fail "the calls were: $(cat "$scratch/calls"), not $1"; }

SELFSUP_TORCH_DIR=/first tests -L reference -V || fail "plain: $(cat "$scratch/out")"
calls "setup --tests
build 
ctest --test-dir $tree/build/release $common -L reference -V
LibTorch /first, plugin built in $tree/build/release"
CTEST_EXIT=8 tests && fail "failing tests: exit 0"

second=$tree/build/release-torch-2.15.0
for words in '--torch 2.15.0 -R word' '-R word --torch 2.15.0' '-R --torch=2.15.0 word'; do
  # shellcheck disable=SC2086
  SELFSUP_TORCH_DIR=/first tests $words || fail "$words: $(cat "$scratch/out")"
  calls "build app
build --torch 2.15.0
ctest --test-dir $second $common -L reference|abi -R word
LibTorch its own, plugin built in $tree/build/release"
done
CTEST_EXIT=8 tests --torch 2.15.0 && fail "failing tests with --torch: exit 0"
for words in --torch --torch=; do
  tests $words && fail "$words without a version: exit 0"
  grep -q 'needs a version' "$scratch/out" || fail "$words: $(cat "$scratch/out")"
  [ ! -e "$scratch/calls" ] || fail "$words: builds"
done
: >"$scratch/swap"
tests --torch 2.15.0 && fail "tests that ran other plugin files: exit 0"
grep -q 'are not those of' "$scratch/out" || fail "other plugin files: $(cat "$scratch/out")"
exit $failed
