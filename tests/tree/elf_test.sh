#!/bin/sh
# Hardening and linkage of what was built, read from the ELF files: elf_test.sh BUILD_FOLDER
set -u
build=$1
failed=0
fail() {
  echo "$1: $2"
  failed=1
}
needed() { readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
exports() { nm -D --defined-only "$1" | awk '$2 ~ /[TtDdBbRr]/ && $3 !~ /@/ { print $3 }' | tr '\n' ' '; }

hardened() {
  dynamic=$(readelf -dW "$1")
  segments=$(readelf -lW "$1")
  case $dynamic in *BIND_NOW*) ;; *) fail "$1" "no BIND_NOW: RELRO is not full" ;; esac
  case $segments in *GNU_RELRO*) ;; *) fail "$1" "no RELRO" ;; esac
  case $dynamic in *RPATH* | *RUNPATH*) fail "$1" "has an RPATH: an installed tree would look into the build machine's folders" ;; esac
  echo "$segments" | awk '$1 == "GNU_STACK" && /RWE/ { bad = 1 } END { exit bad }' || fail "$1" "an executable stack"
  echo "$segments" | awk '$1 == "LOAD" && /RWE/ { bad = 1 } END { exit bad }' || fail "$1" "a segment that is writable and executable"
}
# A build without optimisation has no _FORTIFY_SOURCE.
fortified() {
  grep -q 'CMAKE_BUILD_TYPE:STRING=Debug' "$build/CMakeCache.txt" || readelf -sW --dyn-syms "$1" | grep -q '_chk@' ||
    fail "$1" "no fortified function is called: _FORTIFY_SOURCE is off"
}

host=$build/bin/selfsup-host
core=$build/lib/selfsup/libselfsup-core.so
hardened "$host"
hardened "$core"
fortified "$host"
fortified "$core"
readelf -hW "$host" | grep -q 'Type: *DYN' || fail "$host" "not position independent"
needed "$host" | grep -E 'torch|c10|cuda' && fail "$host" "the thin executable links LibTorch"
case " $(exports "$host")" in *" mkl_serv_intel_cpu_true "*) ;; *) fail "$host" "does not export mkl_serv_intel_cpu_true" ;; esac
[ "$(exports "$core")" = "selfsup_run " ] || fail "$core" "exports $(exports "$core"), not selfsup_run alone"

for plugin in "$build"/lib/selfsup/plugins/*.so; do
  [ -e "$plugin" ] || continue
  hardened "$plugin"
  fortified "$plugin"
  [ "$(exports "$plugin")" = "ssp_plugin_v1 " ] || fail "$plugin" "exports $(exports "$plugin"), not ssp_plugin_v1 alone"
  for library in $(needed "$plugin"); do
    case $library in libc.so.6 | libm.so.6 | ld-linux-*) ;; *) fail "$plugin" "needs $library: a portable plugin needs libc and libm only" ;; esac
  done
  newest=$(readelf -VW "$plugin" | grep -o 'GLIBC_2\.[0-9]*' | sort -Vu | tail -n 1)
  [ "$(printf '%s\nGLIBC_2.35\n' "$newest" | sort -V | tail -n 1)" = GLIBC_2.35 ] || fail "$plugin" "needs $newest: systems with glibc 2.35 count"
  "$host" inspect "$plugin" | grep -q '^ *digest *right' || fail "$plugin" "has no digest, or a wrong one"
  nm -DC "$plugin" | grep -E ' (at|c10|torch)::' && fail "$plugin" "refers to symbols of LibTorch"
  readelf -sW --dyn-syms "$plugin" | grep UNIQUE && fail "$plugin" "has unique symbols, which tie it to other libraries"
  readelf -nW "$plugin" | grep -q '^ *SSP .*NT_VERSION' || fail "$plugin" "has no note of owner SSP and type 1"
done
exit $failed
