#!/bin/sh
# A work folder belongs to one run: a used one is not overwritten, and two jobs do not share one. work_dir_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
pid=
trap '[ -z "$pid" ] || kill -9 "$pid"; rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
run() { "$host" "$tiny" --work-dir "$@" >out 2>&1; }
# What a run has left, without the lock, which names its last holder.
contents() { (cd "$1" && find . -type f ! -name .lock -exec sha256sum {} + | sort); }
# says NAME TEXT...
says() {
  name=$1
  shift
  for text in "$@"; do
    grep -qF -- "$text" out || fail "$name: the message lacks '$text'"
  done
}

run used || fail "a run"
contents used >before
run used --seed 4
[ $? -eq 2 ] || fail "a used folder: not exit 2"
says "a used folder" used --resume --work-dir --overwrite
contents used | cmp -s before - || fail "a used folder: something is changed"

run used --seed 4 --overwrite || fail "--overwrite: exit $?"
says "--overwrite" used/old-1
contents used/old-1 | cmp -s before - || fail "--overwrite: the old run is not whole"
grep -q '"seed": 4' used/config.json || fail "--overwrite: the new run is not there"

# Of a run that cannot begin no folder is left, named or by default.
for words in '--work-dir x/y/z' ''; do
  # shellcheck disable=SC2086
  CUDA_VISIBLE_DEVICES=-1 "$host" "$tiny" --device cuda $words >out 2>&1
  [ $? -eq 2 ] || fail "no device: not exit 2"
done
for left in x work_dirs; do [ ! -e $left ] || fail "a run that could not begin left $left"; done

# The first job goes on until it is told to stop.
"$host" "$tiny" --work-dir shared --cfg-options train_cfg.max_epochs=100000000 >first 2>&1 &
pid=$!
until grep -q '^Epoch(train)' first || grep -q '^State:.*Z' "/proc/$pid/status"; do sleep 0.1; done
for flag in '' --resume --overwrite; do
  run shared $flag
  [ $? -eq 2 ] || fail "two jobs, $flag: not exit 2"
  says "two jobs, $flag" shared "process $pid" "$(hostname)"
done
kill -TERM $pid
wait $pid
rc=$?
pid=
[ $rc -eq 75 ] || fail "the first of two jobs: exit $rc: $(tail -n 3 first)"
contents shared | grep -q old- && fail "the second of two jobs moved the first one's files"

# The checkpoint that a run goes on from costs no disk once retention has deleted it.
"$host" "$tiny" --work-dir shared --resume --cfg-options train_cfg.max_epochs=100000000 default_hooks.checkpoint.max_keep_ckpts=1 >out 2>&1 &
pid=$!
until [ "$(grep -c '^saved' out)" -ge 2 ] || grep -q '^State:.*Z' "/proc/$pid/status"; do sleep 0.1; done
grep -q '^resuming from' out || fail "the first of two jobs does not go on"
find "/proc/$pid/fd" -lname '*/checkpoints/*(deleted)' | grep . && fail "a deleted checkpoint is still open"
kill -TERM $pid
wait $pid
pid=
exit $failed
