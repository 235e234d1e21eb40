#!/bin/sh
# Several ranks train as one process does with the same global batch: the same loss, for both algorithms, with batch norm over all ranks;
# a run of three that is killed and resumed ends with the bytes of the one that was not; one that is resumed by another number of ranks
# says so; a signal to one rank stops all at one step, Ctrl-Z suspends all; two jobs share a machine; a mistake is told once.
#   ranks_test.sh BUILD_FOLDER PLUGIN, one that has tensors of each rank
. "$(dirname "$0")/common.sh"
set -e

host=$1/bin/selfsup-host
source=$1/../..
cd "$scratch"
unset CUDA_VISIBLE_DEVICES MASTER_PORT PORT RANK WORLD_SIZE
export CUDA_VISIBLE_DEVICES=-1

cat >mae.json <<'END'
{
  "plugins": ["mae.so"],
  "model": {
    "backbone": { "arch": { "embed_dims": 32, "num_layers": 2, "num_heads": 2, "feedforward_channels": 64 }, "patch_size": 8 },
    "neck": { "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2 }
  },
  "train_dataloader": { "batch_size": 12, "num_workers": 1, "dataset": { "type": "shapes", "size": 48, "image_size": 32 } },
  "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 1e-3 } },
  "param_scheduler": [],
  "train_cfg": { "max_iters": 20 },
  "default_hooks": { "logger": { "interval": 1 }, "checkpoint": { "interval": 4, "by_epoch": false } },
  "report": false,
  "randomness": { "seed": 7 },
  "env_cfg": { "num_threads": 1 }
}
END
cat >simclr.json <<'END'
{
  "plugins": ["simclr.so"],
  "model": {
    "backbone": { "type": "ResNet", "depth": 18, "base_channels": 8, "stem": "cifar" },
    "neck": { "in_channels": 64, "hid_channels": 32, "out_channels": 16 },
    "head": { "temperature": 1.0 }
  },
  "sync_bn": "torch",
  "train_dataloader": { "batch_size": 12, "num_workers": 1, "dataset": { "type": "shapes", "size": 48, "image_size": 32 } },
  "optim_wrapper": { "optimizer": { "type": "SGD", "lr": 1e-4, "momentum": 0.9 } },
  "param_scheduler": [],
  "train_cfg": { "max_iters": 20 },
  "default_hooks": { "logger": { "interval": 1 }, "checkpoint": { "interval": 20, "by_epoch": false } },
  "report": false,
  "randomness": { "seed": 7 },
  "env_cfg": { "num_threads": 1 }
}
END

# ranks N FOLDER CONFIG [args]: a run of N ranks.
ranks() {
  n=$1 folder=$2 config=$3
  shift 3
  "$host" --launcher local --nproc-per-node "$n" "$config" --work-dir "$folder" --device cpu "$@" >out 2>&1
}

losses() { sed -n 's/.*"loss": *\([0-9.e+-]*\).*/\1/p' "$1/metrics.jsonl"; }

# close A B EARLY ALL: the curves of two runs, 20 points each, relative; EARLY: of the first five, before channels that are nearly constant,
# which batch norm divides by their deviation, have made more of the last bits. Gradients of half the size would differ by 2e-4 there.
close() {
  losses "$1" >a
  losses "$2" >b
  paste a b | awk -v early="$3" -v all="$4" -v name="$2" '
    { n++; d = ($1 - $2) / $1; if (d < 0) d = -d; if (d > worst) worst = d; if (n <= 5 && d > first) first = d }
    END { if (n != 20 || first > early || worst > all) { printf "%s: %d points, the losses differ by %g, then by %g\n", name, n, first, worst; exit 1 } }' ||
    fail "$2 is not the run of one process"
}

# --- as one process ------------------------------------------------------------------------------------------------------
"$host" mae.json --work-dir mae1 >out 2>&1 || fail "one process"
"$host" simclr.json --work-dir simclr1 >out 2>&1 || fail "one process of SimCLR"
for n in 2 3 4; do
  ranks "$n" "mae$n" mae.json --cfg-options "train_dataloader.batch_size=$((12 / n))" || fail "$n ranks: exit code $?"
  close mae1 "mae$n" 1e-5 2e-4
  ranks "$n" "simclr$n" simclr.json --cfg-options "train_dataloader.batch_size=$((12 / n))" || fail "$n ranks of SimCLR: exit code $?"
  close simclr1 "simclr$n" 1e-5 2e-3
done
grep -q "12 images an optimizer step: 3 a rank x 4 ranks x 1 accumulated" simclr4/run.log || fail "the log does not tell the batch of all ranks"
[ "$(grep -c 'Iter(train)' mae4/run.log)" = 20 ] || fail "more than one rank writes the log"

# --- one rank, as every launcher may start it: the run of a process that nobody has started -----------------------------------------
wide="model.backbone.base_channels=16 model.neck.in_channels=128" # channels-last: 16 outputs or more
# shellcheck disable=SC2086 # words
"$host" simclr.json --work-dir wide --cfg-options train_cfg.max_iters=3 $wide >out 2>&1 || fail "one process, channels-last"
# shellcheck disable=SC2086
sh "$source/scripts/dist_train.sh" simclr.json 1 --work-dir wide1 --device cpu --cfg-options train_cfg.max_iters=3 $wide >out 2>&1 || fail "one rank of the launcher: $?"
cmp wide/checkpoints/iter_3/model.safetensors wide1/checkpoints/iter_3/model.safetensors || fail "one rank of the launcher: other bytes"

# --- killed and resumed by three -----------------------------------------------------------------------------------------
batch=train_dataloader.batch_size=4
strace -f -o /dev/null -P "$scratch/killed/metrics.jsonl" -e trace=write -e inject=write:signal=KILL:when=10 \
  "$host" --launcher local --nproc-per-node 3 mae.json --work-dir killed --device cpu --cfg-options $batch >out 2>&1 && fail "it was not killed"
[ -d killed/checkpoints/iter_8 ] || fail "the killed run has not saved"
ranks 3 killed mae.json --resume --cfg-options $batch || fail "it does not go on"
for part in model optimizer; do
  cmp "mae3/checkpoints/iter_20/$part.safetensors" "killed/checkpoints/iter_20/$part.safetensors" || fail "resumed by three: other bytes of $part"
done

# What three log, every third iteration, is the same where they go on from a save between two lines.
lines="$batch default_hooks.logger.interval=3 train_cfg.max_iters=12"
# shellcheck disable=SC2086
ranks 3 lines mae.json --cfg-options $lines || fail "a line every third iteration: $?"
cp -r lines lines_again
rm -rf lines_again/checkpoints/iter_12 lines_again/checkpoints/iter_8
# shellcheck disable=SC2086
ranks 3 lines_again mae.json --resume --cfg-options $lines || fail "a line every third iteration, resumed: $?"
for folder in lines lines_again; do sed -E 's/"(time|data_time|memory)": *[^,}]*,? *//g' $folder/metrics.jsonl >$folder.numbers; done
[ "$(wc -l <lines.numbers)" = 4 ] || fail "not four lines"
cmp lines.numbers lines_again.numbers || fail "resumed by three: other numbers in metrics.jsonl"

# --- tensors of which each rank has its own ------------------------------------------------------------------------------------
sed 's/"plugins": \["mae.so"\],//; /"model": {/,/^  },/d; /"optim_wrapper"/d' mae.json >own.json
own="train_cfg.max_iters=8 $batch"
# shellcheck disable=SC2086
ranks 3 own own.json --plugin "$2" --unstamped --cfg-options $own || fail "own tensors: $?"
cp -r own own_again
rm -rf own_again/checkpoints/iter_8
# shellcheck disable=SC2086
ranks 3 own_again own.json --plugin "$2" --unstamped --resume --cfg-options $own || fail "own tensors, resumed: $?"
for part in model optimizer ranks; do
  cmp "own/checkpoints/iter_8/$part.safetensors" "own_again/checkpoints/iter_8/$part.safetensors" || fail "resumed by three: other bytes of $part where ranks have their own"
done

# --- by another number of ranks --------------------------------------------------------------------------------------------
cp -r mae3 other
rm -rf other/checkpoints/iter_20 other/checkpoints/iter_16
ranks 2 other mae.json --resume --cfg-options train_dataloader.batch_size=6 || fail "resumed by two where there were three: $?"
grep -q "resumed by 2 ranks where the checkpoint's run had 3" other/run.log || fail "it does not say that the number of ranks has changed"
close mae1 other 1e-5 2e-4

# until_it_trains PROCESS LOG
# shellcheck disable=SC2317
trains_or_is_gone() { grep -qs 'Iter(train)' "$2" || ! kill -0 "$1"; }
until_it_trains() {
  until_true trains_or_is_gone "$@" && return
  fail "training does not begin"
  kill -9 "$1"
  exit 1
}

# --- a signal to one rank ----------------------------------------------------------------------------------------------------
for signal in TERM USR1 HUP; do
  rm -rf stopped out
  "$host" --launcher local --nproc-per-node 3 mae.json --work-dir stopped --device cpu --cfg-options $batch train_cfg.max_iters=100000 >out 2>&1 &
  launcher=$!
  until_it_trains $launcher out
  rank=$(pgrep -P $launcher | tail -n 1)
  kill -s $signal "$rank"
  rc=0
  wait $launcher || rc=$?
  [ $rc = 75 ] || fail "SIG$signal to one of three ranks: exit code $rc"
  iter=$(sed -n 's/.*stopped at iteration \([0-9]*\) and saved.*/\1/p' out)
  [ -d "stopped/checkpoints/iter_$iter" ] || fail "SIG$signal: no checkpoint of iteration $iter"
done

# --- a signal to a rank that is about to say which other one is lost, as launchers send it ---------------------------------------
port=$(free_ports 1)
for rank in 0 1; do
  RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port "$host" --launcher pytorch mae.json \
    --work-dir left --device cpu --cfg-options $batch train_cfg.max_iters=100000 >out$rank 2>&1 &
  [ $rank = 1 ] || zero=$!
done
one=$!
until_it_trains "$zero" out0
kill -9 "$zero"
for _ in $(seq 40); do # until well after it has noticed, and within the half second that counts as one wish
  kill "$one" 2>/dev/null || break
  sleep 0.005
done
rc=0
wait "$one" || rc=$?
wait "$zero" || true
[ $rc = 76 ] || fail "SIGTERM to a rank that has lost another: exit code $rc"
grep -q "^\[rank 1\] error: rank 0.* has \(gone\|ended\)" out1 || fail "SIGTERM to a rank that has lost another: it does not say which: $(tail -n 3 out1)"

# --- a signal to all at once, launcher and ranks, as a cgroup or a time limit sends it ------------------------------------------
rm -rf stopped out
"$host" --launcher local --nproc-per-node 2 mae.json --work-dir stopped --device cpu --cfg-options $batch train_cfg.max_iters=100000 >out 2>&1 &
launcher=$!
until_it_trains $launcher out
# shellcheck disable=SC2046
kill -s TERM $launcher $(pgrep -P $launcher)
rc=0
wait $launcher || rc=$?
[ $rc = 75 ] || fail "SIGTERM to launcher and ranks at once: exit code $rc"
iter=$(sed -n 's/.*stopped at iteration \([0-9]*\) and saved.*/\1/p' out)
[ -d "stopped/checkpoints/iter_$iter" ] || fail "SIGTERM to launcher and ranks at once: no checkpoint of iteration $iter"

# --- suspended as a whole, and continued --------------------------------------------------------------------------------------
rm -rf stopped out
# In a process group of its own, as a shell with job control starts it: one that this shell can continue.
python3 -c 'import os, sys; os.setpgid(0, 0); os.execv(sys.argv[1], sys.argv[1:])' "$host" --launcher local --nproc-per-node 2 mae.json --work-dir stopped --device cpu --cfg-options $batch train_cfg.max_iters=100000 >out 2>&1 &
launcher=$!
until_longer_than() { # LINES
  until [ -e stopped/metrics.jsonl ] && [ "$(wc -l <stopped/metrics.jsonl)" -gt "$1" ]; do
    kill -0 $launcher || break
    sleep 0.1
  done
}
until_longer_than 3
kill -s TSTP $launcher
for process in $launcher $(pgrep -P $launcher); do
  until grep -q '^State:.*stopped' "/proc/$process/status"; do sleep 0.1; done
done
lines=$(wc -l <stopped/metrics.jsonl)
sleep 1
[ "$(wc -l <stopped/metrics.jsonl)" = "$lines" ] || fail "suspended, it trains on"
kill -s CONT $launcher
until_longer_than "$lines"
kill -s TERM $launcher
rc=0
wait $launcher || rc=$?
[ $rc = 75 ] || fail "suspended, continued and told to stop: exit code $rc"
# Where no shell could continue it, as at the end of `ssh -t`, Ctrl-Z does nothing.
rm -rf stopped out
setsid "$host" --launcher local --nproc-per-node 2 mae.json --work-dir stopped --device cpu --cfg-options $batch train_cfg.max_iters=100000 >out 2>&1 &
launcher=$!
until_longer_than 3
kill -s TSTP $launcher
sleep 0.5
until_longer_than "$(wc -l <stopped/metrics.jsonl)"
kill -s TERM $launcher
rc=0
wait $launcher || rc=$?
[ $rc = 75 ] || fail "Ctrl-Z without a shell, and told to stop: exit code $rc"

# --- two jobs on one machine, by both methods --------------------------------------------------------------------------------
# two_jobs PORT PORT: their exit codes in `first` and `second`.
two_jobs() {
  rm -rf first second
  PORT=$1 sh "$source/scripts/dist_train.sh" mae.json 2 --work-dir first --device cpu >out1 2>&1 &
  job=$!
  first=0 second=0
  ranks 2 second mae.json --cfg-options env_cfg.dist_cfg.port="$2" || second=$?
  wait $job || first=$?
}
# Whoever has taken one of the ports meanwhile may have it.
for _ in 1 2 3; do
  ports=$(free_ports 2)
  one=${ports% *} two=${ports#* }
  two_jobs "$one" "$two"
  grep -qE "port ($one|$two) is in use" out1 out || break
done
[ "$first" = 0 ] || fail "a first job on the machine: $first"
[ "$second" = 0 ] || fail "a second job on the machine: $second"
grep -q "$one" out1 || fail "the log does not tell the port of PORT"
grep -q "$two.*dist_cfg" out || fail "the log does not tell the port of the configuration"

# --- what is wrong for all ranks is told once, and what is wrong for one by that one ---------------------------------------------
typo=train_cfg.max_iterations=4
"$host" mae.json --cfg-options $typo >one 2>&1 && fail "a key that nobody knows"
grep max_iterations one >told
ranks 3 wrong mae.json --cfg-options $typo && rc=0 || rc=$?
[ $rc = 2 ] || fail "a key that nobody knows: exit code $rc"
grep max_iterations out | cmp -s told - || fail "a key that nobody knows is told in other words than by one process, or more than once"
ranks 3 wrong mae.json --cfg-options 'train_dataloader.dataset={"_delete_":true,"type":"image_folder","data_root":"nowhere"}' && rc=0 || rc=$?
[ $rc = 4 ] || fail "images that are nowhere: exit code $rc"
[ "$(grep -c 'folder nowhere' out)" = 1 ] || fail "images that are nowhere are told $(grep -c 'folder nowhere' out) times"
RANK=1 WORLD_SIZE=2 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT="$one" "$host" mae.json --cfg-options $typo >out 2>&1 && rc=0 || rc=$?
[ $rc = 2 ] || fail "a key that one rank does not know: exit code $rc"
sed 's/^/[rank 1] /' told | cmp -s - out || fail "a key that one rank does not know: it does not say so"

exit "$failed"
