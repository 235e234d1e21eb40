#!/bin/sh
# Work folders that no run has left: something else under each name that a run uses, names that cannot be written, limits, files
# without end. Each ends soon, with its exit code and the name, and takes no more than 512 MiB for it; nothing is trained before, and
# what was there stays. odd_folders_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
cd "$scratch" || exit 1

cat >limited.py <<'PYTHON'
# limited.py COMMAND...: within two minutes, or it is killed; says when it took more than 512 MiB.
import resource, subprocess, sys
with open("out", "w") as out:
    try:
        code = subprocess.run(sys.argv[1:], stdout=out, stderr=out, stdin=subprocess.DEVNULL, timeout=120).returncode
    except subprocess.TimeoutExpired:
        code = 124
used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
if used > 512:
    print(f"{used} MiB")
sys.exit(code if code >= 0 else 128 - code)
PYTHON
run() { python3 limited.py "$host" "$tiny" --work-dir w "$@" >memory; }
# ends CODE TEXT WORDS...
ends() {
  code=$1 text=$2
  shift 2
  run "$@"
  rc=$?
  [ $rc -eq "$code" ] || fail "$name: exit $rc, not $code"
  [ -z "$text" ] || grep -qF -- "$text" out || fail "$name: the message lacks '$text'"
  [ ! -s memory ] || fail "$name: took $(cat memory)"
  [ "$code" -eq 0 ] || ! grep -q '^Epoch' out || fail "$name: refused after it had trained"
}

# What lies where a run's file is to be.
for file in run.log metrics.jsonl config.json bad_files.txt report.html; do
  for kind in fifo folder zero socket; do
    name="$kind as $file"
    rm -rf w && mkdir w
    case $kind in
      fifo) mkfifo "w/$file" ;;
      folder) mkdir -p "w/$file/inside" ;;
      zero) ln -s /dev/zero "w/$file" ;;
      socket) python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "w/$file" ;;
    esac
    ends 2 "w/$file"
    [ -e "w/$file" ] || [ -p "w/$file" ] || fail "$name: it is gone"
  done
done
name='FIFOs under every name, overwritten'
rm -rf w && mkdir w && mkfifo w/run.log w/metrics.jsonl w/config.json w/checkpoints
ends 0 'w/old-1' --overwrite
for file in run.log checkpoints; do [ -p w/old-1/$file ] || fail "$name: $file is not moved aside"; done

# The lock and what is written down.
for kind in fifo folder link; do
  name="$kind as .lock"
  rm -rf w && mkdir w
  case $kind in
    fifo) mkfifo w/.lock ;;
    folder) mkdir w/.lock ;;
    link) ln -s elsewhere w/.lock ;;
  esac
  ends 2 w/.lock
  name="$kind as .renames"
  rm -rf w && mkdir w
  case $kind in
    fifo) mkfifo w/.renames ;;
    folder) mkdir w/.renames ;;
    link) ln -s /dev/zero w/.renames ;;
  esac
  ends 2 w/.renames
done
name='garbage as .renames'
rm -rf w && mkdir w && head -c 100000 /dev/urandom >w/.renames
ends 6 w/.renames

# Checkpoints that cannot be written: known before the model is built.
early() { grep -q 'parameters' out && fail "$name: refused after the model was built"; }
for kind in dangling file fifo stale_file stale_link; do
  name="checkpoints: $kind"
  rm -rf w && mkdir w
  code=5 text=w/checkpoints
  case $kind in
    dangling) ln -s nowhere/at/all w/checkpoints ;;
    file) echo x >w/checkpoints ;;
    fifo) mkfifo w/checkpoints ;;
    stale_file) mkdir w/checkpoints && echo x >w/checkpoints/epoch_2 && code=2 text=w/checkpoints/epoch_2 ;;
    stale_link) mkdir w/checkpoints && ln -s nowhere w/checkpoints/epoch_2 && code=2 text=w/checkpoints/epoch_2 ;;
  esac
  ends $code "$text"
  early
done
name='checkpoints of another user'
rm -rf w && mkdir -p w/checkpoints && chmod 500 w w/checkpoints
if [ "$(id -u)" -eq 0 ]; then # whom no mode stops: a mount does
  chmod 700 w
  mounts='unshare -m --propagation unchanged'
  ! unshare -Ur true 2>/dev/null || mounts='unshare -Urm'
  $mounts sh -c "mount --bind w/checkpoints w/checkpoints && mount -o remount,ro,bind w/checkpoints
    timeout 60 '$host' '$tiny' --work-dir w >out 2>&1; rc=\$?; umount w/checkpoints; exit \$rc"
else
  run
fi
rc=$?
chmod -R 700 w
[ $rc -eq 5 ] || fail "$name: exit $rc"
grep -qE 'w/checkpoints|w: ' out || fail "$name: not named"
early
name='a path of 4,080 characters'
deep=$(python3 -c 'import os; n = 4080 - len(os.getcwd()) - 1; print("/".join(["d" * 99] * (n // 100)) + "/" + "d" * (n % 100 or 1))')
python3 limited.py "$host" "$tiny" --work-dir "$PWD/$deep" >memory
rc=$?
[ $rc -eq 5 ] || fail "$name: exit $rc"
grep -q 'File name too long' out || fail "$name: does not say so"
early
[ ! -e "$(echo "$deep" | cut -c1-99)" ] || fail "$name: folders are left"

# Files without end, and of garbage.
rm -rf w
run || fail "a run"
for kind in sparse zeros lines no_end brackets; do
  name="metrics.jsonl: $kind"
  case $kind in
    sparse) truncate -s 20G w/metrics.jsonl ;;
    zeros) head -c 100000000 /dev/zero >w/metrics.jsonl ;;
    lines) yes '{"step": "x", "loss": 1e999}' | head -c 20000000 >w/metrics.jsonl ;;
    no_end) yes 'x' | tr -d '\n' | head -c 100000000 >w/metrics.jsonl ;;
    brackets) yes '[' | tr -d '\n' | head -c 200000 >w/metrics.jsonl ;;
  esac
  ends 0 'resuming from' --resume
done
name='config.json of garbage, and no checkpoint'
rm -rf w/checkpoints && truncate -s 3G w/config.json
ends 0 'starting fresh' --resume
name='a manifest without end'
truncate -s 3G w/checkpoints/epoch_2/manifest.json
ends 0 'w/checkpoints/epoch_1' --resume
name='ten thousand ruins'
(cd w/checkpoints && rm -rf ./* && seq 10000 | sed 's/^/epoch_/' | xargs mkdir)
ends 6 'and 9990 more' --resume
[ "$(wc -l <out)" -lt 50 ] || fail "$name: $(wc -l <out) lines"

# A limit on the size of files: reached by a save, or before.
for blocks in 0 1 100; do
  name="ulimit -f $blocks"
  rm -rf w
  (ulimit -f $blocks && timeout 60 "$host" "$tiny" --work-dir w 2>&1) | cat >out
  sh -c "ulimit -f $blocks && exec timeout 60 '$host' '$tiny' --work-dir w" 2>/dev/null
  rc=$?
  [ $rc -eq 5 ] || fail "$name: exit $rc"
done
grep -q 'ulimit -f' out || fail "$name: the limit is not named"
exit $failed
