#!/bin/sh
# Configuring: a LibTorch out of range, or none, is one clear error; every preset configures. configure_test.sh SOURCE TORCH
. "$(dirname "$0")/common.sh"
source=$1
torch=$2
unset SELFSUP_TORCH_DIR

# refused NAME FOLDER EXPECTED...
refused() {
  name=$1
  folder=$2
  shift 2
  rm -rf "$scratch/build"
  cmake -G Ninja -S "$source" -B "$scratch/build" -DSELFSUP_TORCH_DIR="$folder" >"$scratch/out" 2>&1 && fail "$name: configured"
  [ "$(grep -c '^CMake Error' "$scratch/out")" -eq 1 ] || fail "$name: not one error: $(cat "$scratch/out")"
  for text in "$@"; do
    grep -q -- "$text" "$scratch/out" || fail "$name: the message lacks '$text': $(cat "$scratch/out")"
  done
}
mkdir -p "$scratch/torch/lib"
: >"$scratch/torch/lib/libtorch_cpu.so"
refused "no version.py" "$scratch/torch" "scripts/setup.sh"
for version in 2.10.2 2.16.0 3.0.0; do
  echo "__version__ = '$version+cpu'" >"$scratch/torch/version.py"
  refused "LibTorch $version" "$scratch/torch" "LibTorch $version; supported are 2.11 up to" "scripts/setup.sh"
done
refused "no such folder" "$scratch/nowhere" "$scratch/nowhere" "scripts/setup.sh"

for preset in dev release asan tsan ci; do
  cmake --preset $preset -S "$source" -B "$scratch/$preset" -DSELFSUP_TORCH_DIR="$torch" >"$scratch/out" 2>&1 ||
    fail "preset $preset does not configure: $(tail -n 20 "$scratch/out")"
done
exit $failed
