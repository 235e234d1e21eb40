#!/bin/sh
# scripts/setup.sh in a scratch tree, with pip, dpkg and apt replaced by stubs that record what they were asked. setup_test.sh SOURCE
. "$(dirname "$0")/common.sh"
tree=$scratch/tree
stubs=$scratch/stubs
mkdir -p "$tree/scripts" "$stubs"
cp "$1/scripts/setup.sh" "$tree/scripts/"
cp "$1/CMakeLists.txt" "$tree/"
mkdir "$tree/configs" "$scratch/images"
echo "\"data_root\": \"$scratch/images\"," >"$tree/configs/mae_fashion-mnist.json"
for file in train-images-idx3-ubyte.gz train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte.gz; do : >"$scratch/images/$file"; done
unset SELFSUP_TORCH_DIR
export SCRATCH="$scratch" PATH="$stubs:$PATH" OS_RELEASE="$scratch/os-release"
echo 'ID=debian' >"$OS_RELEASE"

wheel() { # FOLDER VERSION: the outside of an unpacked wheel
  mkdir -p "$1/torch/lib"
  : >"$1/torch/lib/libtorch_cpu.so"
  echo "__version__ = '$2+cu130'" >"$1/torch/version.py"
}
stub() { # NAME, text on stdin
  { echo '#!/bin/sh' && cat; } >"$stubs/$1"
  chmod +x "$stubs/$1"
}
setup() { sh "$tree/scripts/setup.sh" "$@" >"$scratch/out" 2>"$scratch/err"; }
says() { grep -q -- "$1" "$scratch/err" || fail "$2: stderr lacks '$1': $(cat "$scratch/err")"; }

# All packages are there, no torch can be imported, and pip unpacks what it is asked for; $SCRATCH/broken breaks it half way.
stub dpkg-query <<'END'
for word in "$@"; do echo "$word installed"; done | grep -v -w -f "$SCRATCH/absent"
END
: >"$scratch/absent"
stub python3 <<'END'
case "$*" in
  *torch_folder.py*) cat "$SCRATCH/importable" 2>/dev/null || echo ;;
  --version) cat "$SCRATCH/python" 2>/dev/null || echo Python 3.11 ;;
  *"pip --version"*) echo pip ;;
  *"pip install"*)
    echo "$*" >>"$SCRATCH/pip.log"
    while [ "$1" != --target ]; do shift; done
    mkdir -p "$2/torch/lib"
    sleep 0.2
    [ ! -e "$SCRATCH/broken" ] || exit 1
    version=$(echo "$*" | sed -n 's/.*torch==\([0-9.]*\).*/\1/p')
    [ -z "$version" ] || echo "__version__ = '$version+cu130'" >"$2/torch/version.py"
    mkdir -p "$2/torch-$version.dist-info"
    echo 'Requires-Dist: cuda-toolkit[cudart,cupti]==13.1.0; platform_system == "Linux"' >>"$2/torch-$version.dist-info/METADATA"
    : >"$2/torch/lib/libtorch_cpu.so" ;;
esac
END

# A download that breaks leaves nothing that looks finished; the next run starts it anew.
: >"$scratch/broken"
setup && fail "a broken download: exit 0"
says "safe to run this again" "a broken download"
[ -e "$tree/.deps/torch-2.11.0" ] && fail "a broken download left .deps/torch-2.11.0"
: >"$tree/.deps/torch-2.11.0.partial/leftover"
rm "$scratch/broken" "$scratch/pip.log"

# Two at once: one downloads, the other waits, both serve.
setup --print &
sh "$tree/scripts/setup.sh" --print >"$scratch/out2" 2>"$scratch/err2" || fail "two at once: $(cat "$scratch/err2")"
wait $! || fail "two at once: $(cat "$scratch/err")"
[ "$(wc -l <"$scratch/pip.log")" -eq 1 ] || fail "two at once: $(wc -l <"$scratch/pip.log") downloads"
for output in out out2; do
  [ "$(cat "$scratch/$output")" = "$tree/.deps/torch-2.11.0/torch" ] || fail "--print wrote: $(cat "$scratch/$output")"
done
[ -e "$tree/.deps/torch-2.11.0/leftover" ] && fail "the rest of a broken download was kept"
for word in torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 --no-deps; do
  grep -q -- "$word" "$scratch/pip.log" || fail "pip was not asked for $word"
done
setup || fail "again"
[ "$(wc -l <"$scratch/pip.log")" -eq 1 ] || fail "a second run downloads again"

# What stands in the folder's place and is no LibTorch is replaced.
rm "$tree/.deps/torch-2.11.0/torch/version.py"
setup || fail "a broken folder: $(cat "$scratch/err")"
setup || fail "again, after a broken folder"
[ "$(wc -l <"$scratch/pip.log")" -eq 2 ] || fail "a broken folder: $(wc -l <"$scratch/pip.log") downloads"
[ -e "$tree/.deps/torch-2.11.0/torch/version.py" ] || fail "a broken folder stays broken"

# Another version has a folder of its own, and its CUDA libraries are those that it names.
setup --torch 2.15.0 --print || fail "--torch: $(cat "$scratch/err")"
[ "$(cat "$scratch/out")" = "$tree/.deps/torch-2.15.0/torch" ] || fail "--torch --print wrote: $(cat "$scratch/out")"
grep -q 'cuda-toolkit\[cudart,cupti\]==13.1.0' "$scratch/pip.log" || fail "--torch: pip was not asked for the toolkit of that version"
setup --torch 2.16.0 && fail "--torch out of range"
says "2.16.0 is outside the supported range" "--torch out of range"

# The packages of the tests: asked for only, whole or not there, anew for another Python.
[ ! -e "$tree/.deps/test-packages" ] || fail "packages of the tests without --tests"
rm "$scratch/pip.log"
: >"$scratch/broken"
setup --tests && fail "a broken download of packages: exit 0"
says "safe to run this again" "a broken download of packages"
[ -e "$tree/.deps/test-packages" ] && fail "a broken download left .deps/test-packages"
rm "$scratch/broken"
for python in 3.11 3.11 3.12; do
  echo "Python $python" >"$scratch/python"
  setup --tests --print || fail "--tests: $(cat "$scratch/err")"
  [ "$(cat "$scratch/out")" = "$tree/.deps/torch-2.11.0/torch" ] || fail "--tests --print wrote: $(cat "$scratch/out")"
done
[ "$(wc -l <"$scratch/pip.log")" -eq 3 ] || fail "packages of the tests: $(wc -l <"$scratch/pip.log") downloads, not one broken, and one for each Python"
grep -q 'numpy==.* safetensors==' "$scratch/pip.log" || fail "pip was asked for: $(cat "$scratch/pip.log")"

# SELFSUP_TORCH_DIR comes first and must serve; an importable torch is used if it is in range.
wheel "$scratch/mine" 2.12.1
export SELFSUP_TORCH_DIR="$scratch/mine/torch"
setup --print || fail "SELFSUP_TORCH_DIR"
[ "$(cat "$scratch/out")" = "$scratch/mine/torch" ] || fail "SELFSUP_TORCH_DIR is not taken: $(cat "$scratch/out")"
wheel "$scratch/mine" 2.10.0
setup && fail "SELFSUP_TORCH_DIR out of range"
says "$scratch/mine/torch, LibTorch 2.10.0; supported are 2.11" "SELFSUP_TORCH_DIR out of range"
SELFSUP_TORCH_DIR=$scratch setup && fail "SELFSUP_TORCH_DIR without LibTorch"
says "holds no lib/libtorch_cpu.so" "SELFSUP_TORCH_DIR without LibTorch"
unset SELFSUP_TORCH_DIR
rm -rf "$tree/.deps"
echo "$scratch/mine/torch" >"$scratch/importable"
setup --print || fail "an importable torch out of range"
[ "$(cat "$scratch/out")" = "$tree/.deps/torch-2.11.0/torch" ] || fail "an importable torch out of range is taken: $(cat "$scratch/out")"
rm -rf "$tree/.deps"
wheel "$scratch/mine" 2.14.0
setup --print || fail "an importable torch"
[ "$(cat "$scratch/out")" = "$scratch/mine/torch" ] || fail "an importable torch is not taken: $(cat "$scratch/out")"

# Missing packages: named; installed as root, else by sudo, else the command is printed.
if command -v apt-get >/dev/null; then
  printf 'catch2\nstrace\n' >"$scratch/absent"
  stub id <<'END'
echo "${FAKE_UID:-1000}"
END
  stub apt-get <<'END'
echo "$*" >>"$SCRATCH/apt.log"
case "$*" in *--print-uris*) echo "'http://mirror/a.deb' a.deb 3000000 SHA256:0" && echo "'http://mirror/b.deb' b.deb 4000000 SHA256:0" ;; *" -y "*) : >"$SCRATCH/absent" ;; esac
END
  FAKE_UID=0 setup || fail "installing as root: $(cat "$scratch/err")"
  says "missing Debian packages: catch2 strace" "installing"
  says "2 packages with all they need, 7 MB to download" "installing"
  grep -q 'install -y.* catch2 strace *$' "$scratch/apt.log" || fail "apt-get was asked: $(cat "$scratch/apt.log")"
  # What starts ranks is for the tests alone.
  printf 'slurmd\nopenmpi-bin\n' >"$scratch/absent"
  rm "$scratch/apt.log"
  FAKE_UID=0 setup || fail "without the launchers: $(cat "$scratch/err")"
  [ ! -e "$scratch/apt.log" ] || fail "apt-get was asked without --tests: $(cat "$scratch/apt.log")"
  FAKE_UID=0 setup --tests || fail "installing the launchers: $(cat "$scratch/err")"
  grep -q 'install -y.* slurmd openmpi-bin *$' "$scratch/apt.log" || fail "--tests: apt-get was asked: $(cat "$scratch/apt.log")"
  printf 'catch2\n' >"$scratch/absent"
  printf 'exec "$@"\n' | stub sudo
  setup || fail "installing by sudo: $(cat "$scratch/err")"
  rm "$stubs/sudo"
  printf 'catch2\n' >"$scratch/absent"
  if ! command -v sudo >/dev/null; then
    setup && fail "without root and sudo: exit 0"
    says "apt-get install --no-install-recommends catch2" "without root and sudo"
  fi
  # Debian's children have packages of their own: there apt is not asked, tools and headers are.
  rm "$scratch/apt.log"
  for id in ubuntu linuxmint; do
    printf 'ID=%s\nID_LIKE=debian\n' "$id" >"$OS_RELEASE"
    FAKE_UID=0 CXX=false setup && fail "$id without headers: exit 0"
    says "missing: .*<png.h>" "$id without headers"
    says "^  g++ .*libpng-dev" "$id without headers"
  done
  [ ! -e "$scratch/apt.log" ] || fail "apt-get was asked on another distribution: $(cat "$scratch/apt.log")"
  setup || fail "another distribution with all there: $(cat "$scratch/err")"
  rm "$scratch/images/t10k-images-idx3-ubyte"
  setup && fail "another distribution without the demo's images: exit 0"
  says "missing: $scratch/images/t10k-images-idx3-ubyte.gz" "another distribution without the demo's images"
fi
exit $failed
