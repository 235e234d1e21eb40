#!/bin/sh
# A run that is killed with SIGKILL twenty times, at moments spread over it, before its first save and inside saves too, and resumed with
# other numbers of workers ends with the bytes of the run that nobody killed, and has logged the same numbers. Accumulation over a partial
# last batch; a save every fourth iteration, a line every third, so that a line's numbers are from before a save and after it.
#   resume_test.sh BUILD_FOLDER
set -eu

host=$1/bin/selfsup-host
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >run.json <<'END'
{
  "model": {
    "backbone": { "arch": { "embed_dims": 32, "num_layers": 2, "num_heads": 2, "feedforward_channels": 64 }, "patch_size": 8 },
    "neck": { "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2 }
  },
  "train_dataloader": { "batch_size": 16, "dataset": { "type": "shapes", "size": 40, "image_size": 32 } },
  "optim_wrapper": { "accumulative_counts": 2 },
  "train_cfg": { "max_iters": 30 },
  "default_hooks": { "logger": { "interval": 3 }, "checkpoint": { "interval": 4, "by_epoch": false } },
  "randomness": { "seed": 7 },
  "env_cfg": { "num_threads": 1 }
}
END

fail() {
  echo "resume_test: $*"
  tail -n 20 log
  exit 1
}

# run FOLDER WORKERS [COMMAND that kills what it runs...]
interval=3
run() {
  folder=$1 workers=$2
  shift 2
  # strace ends a little before all threads of what it kills have.
  [ ! -e "$folder/.lock" ] || flock --timeout 60 "$folder/.lock" true || fail "a killed run still holds its lock after a minute"
  "$@" "$host" --plugin mae.so run.json --work-dir "$folder" --resume --cfg-options "train_dataloader.num_workers=$workers" \
    "default_hooks.logger.interval=$interval" >>log 2>&1
}

there() { # PATTERN
  for path in $1; do
    [ ! -e "$path" ] || return 0
  done
  return 1
}

# Kills at the second line of metrics.jsonl, two iterations before the first save.
before_a_save() {
  interval=1
  run killed "$1" strace -o /dev/null -P "$work/killed/metrics.jsonl" -e trace=write -e inject=write:signal=KILL:when=2 || rc=$?
  if [ ! -s killed/metrics.jsonl ] || there 'killed/checkpoints/iter_*'; then fail "no kill before the first save ($rc)"; fi
  interval=3
}

# Kills where a checkpoint that is written is about to get its name.
inside_a_save() {
  workers=$1
  set --
  for iter in 4 8 12 16 20 24 28 30; do set -- "$@" -P "iter_$iter"; done
  run killed "$workers" strace -o /dev/null "$@" -e trace=renameat,renameat2 -e inject=renameat,renameat2:signal=KILL || rc=$?
  [ "$rc" -eq 0 ] || there 'killed/checkpoints/.tmp-*' || fail "no kill inside a save ($rc)"
}

# The tensors of the finished run, without its folder's name.
digest() { (cd "$1/checkpoints/iter_30" && sha256sum ./*.safetensors) }

# metrics.jsonl without what no two runs have in common: times and memory.
numbers() { sed -E 's/"(time|data_time|memory)": *[^,}]*,? *//g' "$1/metrics.jsonl"; }

same_bytes() {
  digest killed >got
  cmp -s expected got || fail "a run that was killed $kills times ended with other tensors than the one that was not"
  numbers killed >got_numbers
  cmp -s expected_numbers got_numbers || fail "a run that was killed $kills times has logged: $(diff expected_numbers got_numbers)"
}

begin=$(date +%s.%N)
run straight 0 || fail "the run that nobody kills failed"
digest straight >expected
numbers straight >expected_numbers
[ "$(wc -l <expected_numbers)" -eq 10 ] || fail "not ten lines: $(cat expected_numbers)"
kills=0 round=0 resumes=0 saves=0
# How long the run takes, on this machine as busy as it is now: the kills are spread over that, not over fixed seconds.
length=$(awk -v a="$begin" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')

while [ "$kills" -lt 20 ] || [ "$resumes" -lt 5 ]; do
  round=$((round + 1))
  [ "$round" -le 200 ] || fail "only $kills kills (of 20) and $resumes resumes (of 5) in $round starts"
  rc=0 workers=$((round % 3))
  delay=$(awk -v n="$round" -v l="$length" 'BEGIN { srand(n * 7919); printf "%.3f", l * (0.1 + rand()) }')
  case $round in
    1) before_a_save $workers ;;
    2 | *5) inside_a_save $workers ;;
    *) run killed $workers timeout -s KILL "$delay" || rc=$? ;;
  esac
  case $rc in
    0) # finished before the kill: begin again
      same_bytes
      rm -rf killed
      length=$(awk -v l="$length" 'BEGIN { print l * 0.9 }')
      ;;
    137)
      kills=$((kills + 1))
      now=$(grep -c 'saved killed/' log || true)
      # The machine may have become busier: where a start came to no save, the next ones get more time.
      [ "$now" -gt "$saves" ] || length=$(awk -v l="$length" 'BEGIN { print l * 1.1 }')
      saves=$now
      ;;
    *) fail "a resumed run ended with $rc" ;;
  esac
  resumes=$(grep -c 'resuming from' log || true)
done
run killed 2 || fail "the last start failed"
same_bytes
echo "$kills kills and $resumes resumes in $round starts: every saved tensor equal"
