#!/bin/sh
# Puts the Python peer of the benchmarks in place: torch of the version that the host is built with, numpy, safetensors, in
# .deps/bench-VERSION (about 3 GB to fetch, 5 GB on disk). Writes the path of its python to stdout. Safe to run twice.
#
#   sh bench/env.sh VERSION
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
version=${1:?the version of torch, as in: sh bench/env.sh 2.11.0}
folder=$root/.deps/bench-$version
if [ ! -e "$folder/complete" ]; then
  echo "bench: installing torch $version, numpy and safetensors from PyPI into ${folder#"$root/"} (about 5 GB)" >&2
  rm -rf "$folder"
  python3 -m venv "$folder"
  PIP_DISABLE_PIP_VERSION_CHECK=1 "$folder/bin/pip" install --quiet "torch==$version" numpy safetensors >&2
  : >"$folder/complete"
fi
printf '%s\n' "$folder/bin/python"
