#!/bin/sh
# Which device a run takes where an NVIDIA driver answers, and what it says where this installation cannot use it: a stub is the driver.
#   cuda_test.sh BUILD_FOLDER STUB_FOLDER TORCH_FOLDER
. "$(dirname "$0")/common.sh"
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
cd "$scratch" || exit 1
unset CUDA_VISIBLE_DEVICES
LD_LIBRARY_PATH=$2${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

# The program without its CUDA module, wherever it was built.
mkdir -p bin lib/selfsup/plugins
cp "$1/bin/selfsup-host" bin/
cp "$1/lib/selfsup/libselfsup-core.so" lib/selfsup/
cp "$1"/lib/selfsup/plugins/*.so lib/selfsup/plugins/
validate() { bin/selfsup-host validate "$tiny" "$@" >out 2>err; }
warnings() { grep -c warning: err; }

validate || fail "auto, no module: exit $?"
[ "$(warnings)" -eq 1 ] || fail "auto, no module: not one warning"
for words in 'an NVIDIA driver answers with 1 GPU' 'no CUDA part' 'the CUDA toolkit' 'pip install .* torch==[0-9.]* && SELFSUP_TORCH_DIR=.* sh scripts/build.sh' \
  'going on with the CPU'; do
  grep 'warning:' err | grep -q "$words" || fail "auto, no module: the warning lacks '$words'"
done
validate --device cuda
[ $? -eq 2 ] || fail "cuda, no module: not exit 2"
[ "$(grep -c . err)" -eq 1 ] || fail "cuda, no module: not one line"
grep -q '^error: .*no CUDA part.*the CUDA toolkit' err || fail "cuda, no module: the remedy is not named"

for device in auto cpu; do
  CUDA_VISIBLE_DEVICES=-1 validate --device $device || fail "$device, hidden: exit $?"
  grep -qiE 'warning|cuda|nvidia' err && fail "$device, hidden: not without a word"
done
validate --device cpu || fail "cpu: exit $?"
grep -qiE 'warning|cuda|nvidia' err && fail "cpu: not without a word"

SELFSUP_TEST_CUDA_ERROR=100 validate || fail "auto, a driver that refuses: exit $?"
[ "$(warnings)" -eq 0 ] || fail "auto, a driver that refuses: a warning"
SELFSUP_TEST_CUDA_ERROR=100 validate --device cuda
[ $? -eq 2 ] || fail "cuda, a driver that refuses: not exit 2"
grep -q '^error: .*refuses to start (CUDA error 100)' err || fail "cuda, a driver that refuses: not named"

# A module of which LibTorch's half is missing, as with the wheels that scripts/setup.sh fetches.
echo 'no library' >lib/selfsup/libselfsup-cuda.so
mkdir wheels
ln -s "$(dirname "$3")"/* wheels/
rm wheels/torch && mkdir wheels/torch && ln -s "$3"/* wheels/torch/
rm wheels/torch/lib && mkdir wheels/torch/lib && ln -s "$3"/lib/* wheels/torch/lib/
rm -f wheels/torch/lib/libtorch_cuda.so
export SELFSUP_TORCH_DIR="$scratch/wheels/torch"
validate || fail "auto, no wheels: exit $?"
[ "$(warnings)" -eq 1 ] || fail "auto, no wheels: not one warning"
for words in 'libtorch_cuda.so' 'pip install .* torch==[0-9.]*; then set SELFSUP_TORCH_DIR='; do
  grep 'warning:' err | grep -q "$words" || fail "auto, no wheels: the warning lacks '$words'"
done
grep -q toolkit err && fail "auto, no wheels: asks for the toolkit"
exit $failed
