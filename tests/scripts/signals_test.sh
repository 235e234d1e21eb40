#!/bin/sh
# A run that SIGTERM or SIGINT tells to stop finishes its optimizer step, saves, and goes on from there with --resume; a second signal
# ends it in the middle of that save, and what was saved before is whole. strace sends the signals where a save begins, with mkdirat;
# the first two are those of the start, which tries whether saves can be made.
#   signals_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
cd "$scratch" || exit 1

# run FOLDER [SIGNAL SAVES [DELAY]]: 24 iterations, saved after the twelfth; three to an optimizer step. SAVES: as strace's `when`; DELAY:
# microseconds of each fsync, of which a save makes several.
run() {
  folder=$1
  shift
  slowly=${3:+"-e inject=fsync:delay_enter=$3"}
  # shellcheck disable=SC2086 # words
  [ $# -eq 0 ] || set -- strace -o /dev/null -e trace=mkdirat,fsync -e "inject=mkdirat:signal=$1:when=$2" $slowly
  "$@" "$host" "$tiny" --work-dir "$folder" --resume --cfg-options 'train_cfg={"_delete_": true, "max_iters": 24}' \
    optim_wrapper.accumulative_counts=3 default_hooks.checkpoint.interval=12 >out 2>&1
}
digest() { (cd "$1/checkpoints/iter_24" && sha256sum ./*.safetensors); }
# finishes FOLDER FROM: goes on after iteration FROM and ends as the run that nobody stopped.
finishes() {
  run "$1" || fail "$1: going on: exit $?"
  grep -q "resuming from $1/checkpoints/iter_$2, iteration $2 of 24" out || fail "$1: does not go on from iteration $2"
  grep -q "^Iter(train) \[$(($2 + 1))/24\]" out || fail "$1: does not go on with iteration $(($2 + 1))"
  [ "$(digest "$1")" = "$straight" ] || fail "$1: ended with other tensors than the run that nobody stopped"
  sed -n 's/.*"step": *\([0-9]*\).*/\1/p' "$1/metrics.jsonl" >steps
  seq 24 | cmp -s - steps || fail "$1: metrics.jsonl holds the iterations $(tr '\n' ' ' <steps)"
}

run straight || fail "the run that nobody stops"
straight=$(digest straight)
for signal in TERM:75:143 INT:130:130; do
  name=${signal%%:*} codes=${signal#*:}

  # While iteration 12 is saved: the step of 13, 14 and 15 is finished.
  run "$name" "$name" 3
  rc=$?
  [ $rc -eq "${codes%:*}" ] || fail "SIG$name: exit $rc"
  grep -q "stopped at iteration 15 and saved; --resume" out || fail "SIG$name: does not say where it stopped"
  finishes "$name" 15

  # And once more when iteration 15 is saved; what comes within half a second is one wish.
  run "twice_$name" "$name" 3+ 400000
  rc=$?
  [ $rc -eq "${codes#*:}" ] || fail "SIG$name twice: exit $rc"
  [ -d "twice_$name/checkpoints/.tmp-iter_15" ] || fail "SIG$name twice: it did not end in the middle of a save"
  finishes "twice_$name" 12
  run "at_once_$name" "$name" 3+
  rc=$?
  [ $rc -eq "${codes%:*}" ] || fail "SIG$name twice at once: exit $rc"
  finishes "at_once_$name" 15
done

# Before the loop, while the work folder is made.
strace -f -o /dev/null -e trace=mkdir -e inject=mkdir:signal=TERM:when=1 "$host" "$tiny" --work-dir early >out 2>&1
rc=$?
[ $rc -eq 75 ] || fail "SIGTERM before the loop: exit $rc"
grep -q "stopped before the first iteration" out || fail "SIGTERM before the loop: does not say that nothing was done"
[ ! -e early ] || fail "SIGTERM before the loop: left a work folder"
exit $failed
