#!/bin/sh
# A run goes on from an older checkpoint (--resume PATH) and is killed: before its first save the later checkpoints and every line of
# their metrics are as they were, and --resume goes on with them; from that save on the folder is the new run's alone.
#   branch_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
cd "$scratch" || exit 1

# run FOLDER WORDS...: 24 iterations, a save every fourth; 12 to begin with.
run() {
  folder=$1
  shift
  # shellcheck disable=SC2086 # words
  $before "$host" "$tiny" --work-dir "$folder" "$@" --cfg-options 'train_cfg={"_delete_": true, "max_iters": 24}' $other \
    default_hooks.checkpoint.interval=4 default_hooks.checkpoint.max_keep_ckpts=-1 \
    'visualizer.vis_backends=[{"type": "TensorboardVisBackend"}]' >out 2>&1
}
before='' other=''
# What is left of a run, but for the log and the lock.
contents() { (cd "$1" && find . -type f ! -name .lock ! -name run.log -exec sha256sum {} + | sort); }
# metrics FOLDER: its rows, but for times.
metrics() {
  python3 - "$1/metrics.jsonl" <<'PYTHON'
import json, sys
for line in open(sys.argv[1]):
    row = json.loads(line)
    print({key: value for key, value in row.items() if key not in ("time", "data_time", "memory")})
PYTHON
}

run old || fail "a run: exit $?"
contents old >whole
metrics old >old_rows

# Another rate, from iteration 4 on.
other='optim_wrapper.optimizer.lr=0.01'
cp -R old other_rate
run other_rate --resume=other_rate/checkpoints/iter_4 || fail "another rate: exit $?"
metrics other_rate >new_rows
cmp -s old_rows new_rows && fail "another rate changes nothing: the test can show nothing"
[ "$(head -n 4 new_rows)" = "$(head -n 4 old_rows)" ] || fail "the rows before the change have changed"
[ "$(wc -l <new_rows)" -eq 24 ] || fail "another rate: $(wc -l <new_rows) rows"
ls other_rate/checkpoints/iter_24.superseded other_rate/metrics.jsonl.superseded >/dev/null || fail "what was left behind is gone"
metrics_of_old=$(sha256sum <old/metrics.jsonl)
[ "$(sha256sum <other_rate/metrics.jsonl.superseded)" = "$metrics_of_old" ] || fail "the old rows are not whole"
[ ! -e other_rate/.branch ] || fail "the branch's folder is left"

# One that is stopped before its first batch, or has nothing left to do, is the folder's course from then on.
cp -R old ended
other='train_cfg.max_iters=4 optim_wrapper.optimizer.lr=0.01'
run ended --resume=ended/checkpoints/iter_4 || fail "nothing left to do: exit $?"
grep -q 'saved ended/checkpoints/iter_4' out || fail "nothing left to do: not saved"
[ ! -e ended/.branch ] || fail "nothing left to do: the branch's folder is left"
ls ended/checkpoints/iter_24.superseded ended/report.html >/dev/null || fail "nothing left to do: the folder is the old run's"
[ "$(metrics ended)" = "$(head -n 4 old_rows)" ] || fail "nothing left to do: other rows"

# What is in the way of the branch's folder goes; what is in the way of the names that it will take is refused by name.
other='optim_wrapper.optimizer.lr=0.01'
mkdir elsewhere
for kind in link file; do
  rm -rf odd && cp -R old odd
  [ $kind = link ] && ln -s ../elsewhere odd/.branch || echo x >odd/.branch
  run odd --resume=odd/checkpoints/iter_4 || fail "a $kind as .branch: exit $?"
  metrics odd | cmp -s new_rows - || fail "a $kind as .branch: the rows are not the new run's"
  [ -z "$(ls elsewhere)" ] || fail "a $kind as .branch: files are elsewhere"
done
rm -rf odd/vis_data && echo x >odd/vis_data
run odd --resume=odd/checkpoints/iter_4
[ $? -eq 2 ] || fail "a file as vis_data: not exit 2"
grep -q 'odd/vis_data: expected a folder' out || fail "a file as vis_data: not named"
mkdir odd/.renames.tmp && rm odd/vis_data
run odd --resume=odd/checkpoints/iter_4
[ $? -eq 2 ] || fail "a folder as .renames.tmp: not exit 2"
grep -q 'odd/.renames.tmp: expected a regular file' out || fail "a folder as .renames.tmp: not named"

# A kill before its row of iteration 7, and so before its first save.
cp -R old killed
before="strace -f -o /dev/null -P $scratch/killed/.branch/metrics.jsonl -e trace=write -e inject=write:signal=KILL:when=4"
run killed --resume=killed/checkpoints/iter_4
rc=$?
[ $rc -eq 137 ] || fail "no kill before the first save: exit $rc"
[ "$(wc -l <killed/.branch/metrics.jsonl)" -eq 6 ] || fail "the kill came elsewhere: $(wc -l killed/.branch/metrics.jsonl)"
mv killed/.branch branch
contents killed | cmp -s whole - || fail "before its first save the new run has changed something"
mv branch killed/.branch
before='' other=''
run killed --resume || fail "going on with the old run: exit $?"
grep -q "resuming from killed/checkpoints/iter_24" out || fail "the old run is not what --resume goes on with"
metrics killed | cmp -s old_rows - || fail "the rows are not the old run's"
[ ! -e killed/.branch ] || fail "the folder of the run that was killed is left"

# And as the first name is about to change: it is written down, and the new run is what goes on.
rm -rf killed && cp -R old killed
other='optim_wrapper.optimizer.lr=0.01'
before="strace -f -o /dev/null -P checkpoints/iter_12.superseded -e trace=renameat -e inject=renameat:signal=KILL"
run killed --resume=killed/checkpoints/iter_4
rc=$?
[ $rc -eq 137 ] || fail "no kill within the change: exit $rc"
[ -e killed/.renames ] || fail "the kill came elsewhere: nothing is written down"
[ -d killed/checkpoints/iter_24 ] || fail "the kill came elsewhere: the names have changed"
before=''
run killed --resume || fail "going on with the new run: exit $?"
grep -q "resuming from killed/checkpoints/iter_8" out || fail "the new run is not what --resume goes on with"
metrics killed | cmp -s new_rows - || fail "the rows are not the new run's"
ls killed/checkpoints/iter_24.superseded >/dev/null || fail "the old run's last checkpoint is gone"
exit $failed
