#!/bin/sh
# Puts the Python peers of the benchmarks in place: torch of the version that the host is built with, numpy, safetensors, in
# .deps/bench-VERSION (about 3 GB to fetch, 5 GB on disk); with `views` those of bench/views too, with `simclr` those of its SimCLR
# rows. Writes the path of its python to stdout. Safe to run twice.
#
#   sh bench/env.sh VERSION [views|simclr]
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
version=${1:?the version of torch, as in: sh bench/env.sh 2.11.0}
folder=$root/.deps/bench-$version

pip_install() { PIP_DISABLE_PIP_VERSION_CHECK=1 "$folder/bin/pip" install --quiet "$@" >&2; }

if [ ! -e "$folder/complete" ]; then
  echo "bench: installing torch $version, numpy and safetensors from PyPI into ${folder#"$root/"} (about 5 GB)" >&2
  rm -rf "$folder"
  python3 -m venv "$folder"
  pip_install "torch==$version" numpy safetensors
  : >"$folder/complete"
fi
if [ "${2:-}" = views ] && [ ! -e "$folder/views" ]; then
  echo "bench: installing Pillow 9.5, torchvision, OpenCV and DALI from PyPI into ${folder#"$root/"} (about 1 GB)" >&2
  pip_install "torch==$version" torchvision pillow==9.5.0 opencv-python-headless
  pip_install nvidia-dali-cuda130 || echo "bench: DALI does not install here; that side is left out" >&2
  : >"$folder/views"
fi
if [ "${2:-}" = simclr ] && [ ! -e "$folder/simclr" ]; then
  echo "bench: installing torchvision and lightly from PyPI into ${folder#"$root/"} (about 100 MB)" >&2
  pip_install "torch==$version" torchvision lightly
  : >"$folder/simclr"
fi
printf '%s\n' "$folder/bin/python"
