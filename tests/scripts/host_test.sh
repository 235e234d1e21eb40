#!/bin/sh
# The thin executable without a run: what it answers itself, wrong words, how it finds LibTorch, MKL's switch.
#   host_test.sh BUILD_FOLDER VERSION
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
version=$2
unset SELFSUP_TORCH_DIR SELFSUP_MKL_DISPATCH

# Needs no LibTorch: with none to be found it still answers.
[ "$(SELFSUP_TORCH_DIR=/nonexistent "$host" --version)" = "selfsup-host $version" ] || fail "--version"
SELFSUP_TORCH_DIR=/nonexistent "$host" --help | grep -q usage || fail "--help"
strace -f -e trace=openat,execve -o "$scratch/calls" "$host" --help >/dev/null || fail "--help under strace"
grep -E 'torch|python' "$scratch/calls" && fail "--help looks for LibTorch"

# wrong EXPECTED WORDS...: these words end with 2 and EXPECTED, before LibTorch is looked for.
wrong() {
  text=$1
  shift
  SELFSUP_TORCH_DIR=/nonexistent "$host" "$@" >"$scratch/out" 2>"$scratch/err"
  rc=$?
  [ $rc -eq 2 ] || fail "$*: exit $rc"
  [ -s "$scratch/out" ] && fail "$*: wrote to stdout"
  grep -qF -- "$text" "$scratch/err" || fail "$*: the message lacks '$text': $(cat "$scratch/err")"
}
wrong "did you mean 'validate'?" valdate config.json
wrong "did you mean 'list'?" lst
wrong "did you mean '--work-dir'?" config.json --work_dir folder
wrong "did you mean '--plugin'?" --plugn mae.so config.json
wrong "did you mean 'slurm'?" config.json --launcher=slrum
wrong "--launcher local is of train; found with validate" validate --launcher local config.json

# refused NAME EXPECTED...: `env` with SELFSUP_TORCH_DIR=$scratch/torch ends with 1 and says each EXPECTED.
refused() {
  name=$1
  shift
  SELFSUP_TORCH_DIR=$scratch/torch "$host" env >"$scratch/out" 2>"$scratch/err"
  rc=$?
  [ $rc -eq 1 ] || fail "$name: exit $rc, not 1"
  [ -s "$scratch/out" ] && fail "$name: wrote to stdout"
  for text in "$@"; do
    grep -q -- "$text" "$scratch/err" || fail "$name: the message lacks '$text': $(cat "$scratch/err")"
  done
}
refused "no such folder" "$scratch/torch" "SELFSUP_TORCH_DIR" "scripts/setup.sh"
mkdir -p "$scratch/torch/lib"
: >"$scratch/torch/lib/libtorch_cpu.so"
: >"$scratch/torch/lib/libc10.so"
refused "no version.py" "no lib/libtorch_cpu.so and version.py"
echo "__version__ = '2.10.1+cu130'" >"$scratch/torch/version.py"
refused "another LibTorch" "2.10.1" "built with"
built=$("$host" env | sed -n 's/^LibTorch: *\([0-9]*\.[0-9]*\)\..*/\1/p')
[ -n "$built" ] || fail "env does not name LibTorch's version"
echo "__version__ = '$built.99'" >"$scratch/torch/version.py"
refused "damaged libraries" "cannot open $scratch/torch/lib/libc10.so"

# A name of two kinds has two schemas.
for component in ssp.backbone/0:MAEViT ssp.backbone.tokens/0:MAEViT; do
  "$host" inspect backbones.so --schema | grep -q "\"$component\": {" || fail "inspect --schema lacks $component"
done

# MKL is told what the processor can do, and by the switch what MKL itself would say.
vendor=$(sed -n 's/^vendor_id[^:]*: //p' /proc/cpuinfo | head -n 1)
expect=default
if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo; then expect=fast; fi
"$host" env | grep -qi "^MKL.*$expect" || fail "env: MKL kernels are not $expect: $("$host" env | grep MKL)"
expect=default
[ "$vendor" != GenuineIntel ] || expect=fast
SELFSUP_MKL_DISPATCH=default "$host" env | grep -qi "^MKL.*$expect" || fail "SELFSUP_MKL_DISPATCH=default: $(SELFSUP_MKL_DISPATCH=default "$host" env | grep MKL)"

# A tree that was moved still finds its core.
mkdir -p "$scratch/moved/bin" "$scratch/moved/lib/selfsup"
cp "$host" "$scratch/moved/bin/" && cp "$1/lib/selfsup/libselfsup-core.so" "$scratch/moved/lib/selfsup/"
"$scratch/moved/bin/selfsup-host" env >/dev/null || fail "a moved tree"
rm "$scratch/moved/lib/selfsup/libselfsup-core.so"
"$scratch/moved/bin/selfsup-host" env 2>&1 | grep -q "cannot open $scratch/moved/lib/selfsup/libselfsup-core.so" || fail "a missing core is not named"
exit $failed
