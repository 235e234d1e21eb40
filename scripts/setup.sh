#!/bin/sh
# Puts in place what the build needs: Debian packages, and LibTorch. Does nothing when all is there. Safe to run twice, also at once.
#
#   sh scripts/setup.sh [--torch VERSION] [--tests] [--print]
#
# --torch VERSION  this LibTorch, in a folder of its own (.deps/torch-VERSION), instead of the one that CMakeLists.txt prefers
# --tests          also what only the tests need: on Debian, Slurm and Open MPI; Python packages, in .deps/test-packages (about 41 MB to fetch)
# --print          write the folder of LibTorch to stdout, and nothing else there
#
# LibTorch is taken from SELFSUP_TORCH_DIR (the folder `torch` of a wheel), else .deps/, else an importable torch in range,
# else it is downloaded into .deps/ (about 0.6 GB to fetch, 1.2 GB on disk). The range is that of CMakeLists.txt. OS_RELEASE names
# another file than /etc/os-release.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
preferred=$(sed -n 's/^set(SELFSUP_TORCH_PREFERRED \(.*\))$/\1/p' "$root/CMakeLists.txt")
least=$(sed -n 's/^find_package(LibTorch \(.*\)\.\.\.<.*/\1/p' "$root/CMakeLists.txt")
below=$(sed -n 's/^find_package(LibTorch .*\.\.\.<\([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
packages="g++ cmake ninja-build ccache pkg-config git python3 python3-pip util-linux \
libboost-dev libboost-filesystem-dev libgloo-dev libjsoncpp-dev libspdlog-dev libfmt-dev catch2 \
libjpeg62-turbo-dev libpng-dev libwebp-dev libtiff-dev libgif-dev libavif-dev zlib1g-dev libssl-dev dataset-fashion-mnist \
python3-venv strace shellcheck clang-format binutils"
# They start ranks; Slurm's daemons are not configured, so that the system starts none.
launcher_packages="slurmctld slurmd slurm-client munge openmpi-bin iproute2"
# The last two with what they and the torch of LibTorch's wheel import: they read what the host exports.
test_packages="numpy==2.2.6 safetensors==0.5.3 filelock==3.18.0 fsspec==2025.5.1 jinja2==3.1.6 markupsafe==3.0.2 mpmath==1.3.0 networkx==3.4.2 \
pillow==11.2.1 pyyaml==6.0.2 sympy==1.14.0 typing_extensions==4.14.0 timm==1.0.31 torchvision==0.26.0"

say() { printf '%s\n' "$*" >&2; }
die() {
  say "setup: $*"
  exit 1
}
usage() { sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p;}' "$0"; }

torch_asked=
tests=
print=
while [ $# -gt 0 ]; do
  case $1 in
    --torch)
      [ $# -ge 2 ] || die "--torch needs a version, as in --torch 2.15.0"
      torch_asked=$2
      shift
      ;;
    --torch=*) torch_asked=${1#--torch=} ;;
    --tests) tests=1 ;;
    --print) print=1 ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) die "unknown argument $1 (see --help)" ;;
  esac
  shift
done
[ -z "$tests" ] || packages="$packages $launcher_packages"

# --- Debian packages ---------------------------------------------------------------------------------------------------

# Its own word, not that of its children: theirs have the file debian_version too, and other packages.
is_debian() {
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null && grep -qx 'ID="\{0,1\}debian"\{0,1\}' "${OS_RELEASE:-/etc/os-release}"
}

missing_packages() {
  # shellcheck disable=SC2086 # a list of words
  dpkg-query -W -f '${Package} ${db:Status-Status}\n' $packages 2>/dev/null | awk -v all="$packages" '
    $2 == "installed" { have[$1] = 1 }
    END { n = split(all, name, " "); for (i = 1; i <= n; i++) if (!(name[i] in have)) printf "%s ", name[i] }'
}

# What stands for the packages on other distributions: tools, headers, and the demo's images, where its configuration looks for them.
missing_tools() {
  for tool in cmake ninja pkg-config git python3 flock readelf strace; do
    command -v "$tool" >/dev/null || printf '%s ' "$tool"
  done
  images=$(sed -n 's/.*"data_root": *"\([^"]*\)".*/\1/p' "$root/configs/mae_fashion-mnist.json" | head -n 1)
  for file in train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
    [ -e "$images/$file" ] || [ -e "$images/$file.gz" ] || printf '%s ' "$images/$file.gz"
  done
  command -v "${CXX:-c++}" >/dev/null || {
    printf 'a C++20 compiler '
    return
  }
  for header in boost/dll.hpp boost/filesystem.hpp json/json.h spdlog/spdlog.h fmt/format.h catch2/catch.hpp gloo/rendezvous/store.h jpeglib.h \
    png.h webp/demux.h tiffio.h gif_lib.h avif/avif.h zlib.h openssl/evp.h; do
    before=
    [ "$header" != jpeglib.h ] || before='#include <cstdio>'
    printf '%s\n#if __has_include(<jsoncpp/%s>)\n#elif !__has_include(<%s>)\n#error missing\n#endif\n' "$before" "$header" "$header" |
      "${CXX:-c++}" -std=c++20 -fsyntax-only -x c++ - 2>/dev/null || printf '<%s> ' "$header"
  done
}

sizes() { # what apt would fetch for "$@", in words
  LC_ALL=C apt-get install --no-install-recommends --print-uris -qq "$@" 2>/dev/null |
    awk '{ sum += $3; n++ } END { printf "%d packages with all they need, %.0f MB to download", n, sum / 1e6 }'
}

install_packages() {
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    as_root=sudo
    command -v sudo >/dev/null || die "these Debian packages are missing: $missing
Install them as root, then run this again:
  apt-get install --no-install-recommends $missing"
  fi
  say "setup: missing Debian packages: $missing"
  $as_root apt-get update -qq -o DPkg::Lock::Timeout=300 >&2 || say "setup: apt-get update failed; trying with the lists that are here"
  # shellcheck disable=SC2086 # a list of words
  say "setup: installing $(sizes $missing)"
  log=$root/.deps/apt.log
  # shellcheck disable=SC2086 # a list of words
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 $missing \
    >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die "apt-get could not install the packages (the whole output: $log)"
  }
}

# --- LibTorch ----------------------------------------------------------------------------------------------------------

version_of() { sed -n "s/^__version__ *= *'\\([0-9.]*\\).*/\\1/p" "$1/version.py" 2>/dev/null; }
no_newer() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }
in_range() { no_newer "$least" "$1" && ! no_newer "$below" "$1"; }
is_torch() { [ -e "$1/lib/libtorch_cpu.so" ] && [ -e "$1/version.py" ]; }

importable() { python3 "$root/scripts/torch_folder.py" 2>/dev/null || true; }

pip_into() { # FOLDER, arguments of pip install
  target=$1
  shift
  python3 -m pip --version >/dev/null 2>&1 || die "python3 has no pip, which fetches what is missing: install python3-pip"
  PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --root-user-action=ignore --target "$target" "$@" >&2
}

# The same wheel whatever Python runs it: only the libraries and headers inside count. A wheel may be tagged for any older
# glibc too, and pip takes the tags one by one.
fetch() {
  folder_of_wheel=$1
  shift
  glibc=17
  while [ $glibc -le 28 ]; do
    set -- --platform "manylinux_2_${glibc}_x86_64" "$@"
    glibc=$((glibc + 1))
  done
  pip_into "$folder_of_wheel" --no-deps --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi none --abi abi3 \
    --platform manylinux2014_x86_64 --platform linux_x86_64 "$@"
}

download() {
  version=$1
  [ "$(uname -m)" = x86_64 ] || die "only x86_64 is downloaded; set SELFSUP_TORCH_DIR to the folder torch of a LibTorch for $(uname -m)"
  partial=$2.partial
  rm -rf "$partial"
  say "setup: downloading LibTorch $version from PyPI into ${2#"$root"/} (about 0.6 GB, 1.2 GB on disk)"
  again="it is safe to run this again; or set SELFSUP_TORCH_DIR to the folder torch of an installed wheel"
  # libtorch_cpu.so itself needs these two NVIDIA libraries, also on a machine without a GPU.
  if [ "$version" = 2.11.0 ]; then
    fetch "$partial" torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 || die "the download failed; $again"
  else
    fetch "$partial" "torch==$version" || die "the download failed; $again"
    toolkit=$(sed -n 's/^Requires-Dist: cuda-toolkit\[.*\]==\([0-9.]*\).*/\1/p' "$partial"/torch-*.dist-info/METADATA | head -n 1)
    [ -n "$toolkit" ] || die "torch $version does not name its CUDA toolkit; set SELFSUP_TORCH_DIR instead"
    # The two wheels' versions that this toolkit pins differ from its own number: let pip resolve them.
    pip_into "$partial" "cuda-toolkit[cudart,cupti]==$toolkit" || die "the download failed; $again"
  fi
  is_torch "$partial/torch" || die "the wheel torch $version holds no lib/libtorch_cpu.so"
  rm -rf "$2" # a broken one, into which mv would move
  mv "$partial" "$2"
}

find_torch() {
  if [ -n "$torch_asked" ]; then
    in_range "$torch_asked" || die "LibTorch $torch_asked is outside the supported range: $least up to, not including, $below"
  elif [ -n "${SELFSUP_TORCH_DIR:-}" ]; then
    is_torch "$SELFSUP_TORCH_DIR" || die "SELFSUP_TORCH_DIR is $SELFSUP_TORCH_DIR, which holds no lib/libtorch_cpu.so; point it at the folder torch of an installed wheel"
    in_range "$(version_of "$SELFSUP_TORCH_DIR")" || die "SELFSUP_TORCH_DIR is $SELFSUP_TORCH_DIR, LibTorch $(version_of "$SELFSUP_TORCH_DIR"); supported are $least up to, not including, $below"
    torch=$SELFSUP_TORCH_DIR
    return
  fi
  version=${torch_asked:-$preferred}
  folder=$root/.deps/torch-$version
  torch=$folder/torch
  is_torch "$torch" && return
  if [ -z "$torch_asked" ]; then
    found=$(importable)
    if [ -n "$found" ] && is_torch "$found" && in_range "$(version_of "$found")"; then
      torch=$found
      return
    fi
  fi
  download "$version" "$folder"
}

# --- Python packages of the tests ---------------------------------------------------------------------------------------

# For this Python; `complete` names it and them, so that another one, or other versions, replace the folder.
put_test_packages() {
  folder=$root/.deps/test-packages
  wanted="$(python3 --version) $test_packages"
  [ "$(cat "$folder/complete" 2>/dev/null)" != "$wanted" ] || return 0
  say "setup: installing $test_packages from PyPI into ${folder#"$root"/}, for the tests"
  rm -rf "$folder.partial"
  # shellcheck disable=SC2086 # a list of words
  pip_into "$folder.partial" --no-deps --only-binary=:all: $test_packages || die "the download failed; it is safe to run this again"
  printf '%s\n' "$wanted" >"$folder.partial/complete"
  rm -rf "$folder"
  mv "$folder.partial" "$folder"
}

# --- all of it, one at a time ------------------------------------------------------------------------------------------

mkdir -p "$root/.deps"
if is_debian; then
  [ -z "$(missing_packages)" ] || install_packages
else
  missing=$(missing_tools)
  [ -z "$missing" ] || die "missing: $missing
On Debian 12 these packages bring all that is needed; install what your distribution calls them, then run this again:
  $packages"
fi
if command -v flock >/dev/null; then
  exec 9>"$root/.deps/.lock"
  flock -n 9 || {
    say "setup: another set-up is at work in this tree; waiting for it"
    flock 9
  }
fi
find_torch
is_torch "$torch" || die "$torch holds no lib/libtorch_cpu.so; remove that folder and run this again"
[ -z "$tests" ] || put_test_packages
say "setup: LibTorch $(version_of "$torch") in $torch"
[ -z "$print" ] || printf '%s\n' "$torch"
