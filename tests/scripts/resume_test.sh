#!/bin/sh
# A run that is killed with SIGKILL twenty times, at moments spread over it, before its first save and inside saves too, and resumed with
# other numbers of workers ends with the bytes of the run that nobody killed. Accumulation over a partial last batch; a save every
# fourth iteration.
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
  "default_hooks": { "logger": { "interval": 1 }, "checkpoint": { "interval": 4, "by_epoch": false } },
  "randomness": { "seed": 7 },
  "env_cfg": { "num_threads": 1 }
}
END

fail() {
  echo "resume_test: $*"
  tail -n 20 log
  exit 1
}

# run FOLDER WORKERS [SECONDS until SIGKILL]
run() {
  set -- "$1" "$2" "${3:-600}"
  timeout -s KILL "$3" "$host" --plugin mae.so run.json --work-dir "$1" --resume --cfg-options "train_dataloader.num_workers=$2" \
    >>log 2>&1
}

appeared() { # PATTERN: a file, or a folder with something in it
  for path in $1; do
    [ ! -s "$path" ] || return 0
  done
  return 1
}

# run_until PATTERN FOLDER WORKERS: SIGKILL as soon as that appears; what an earlier run left is first cleared away by this one. Polls
# without a fork: what it waits for may be there for a millisecond. Z: the run has ended before.
run_until() {
  "$host" --plugin mae.so run.json --work-dir "$2" --resume --cfg-options "train_dataloader.num_workers=$3" >>log 2>&1 &
  pid=$! state=
  while appeared "$1" && [ "$state" != Z ]; do read -r _ _ state _ <"/proc/$pid/stat"; done
  until appeared "$1" || [ "$state" = Z ]; do read -r _ _ state _ <"/proc/$pid/stat"; done
  kill -KILL "$pid"
  wait "$pid"
}

# The tensors of the finished run, without its folder's name.
digest() { (cd "$1/checkpoints/iter_30" && sha256sum ./*.safetensors) }

same_bytes() {
  digest killed >got
  cmp -s expected got || fail "a run that was killed $kills times ended with other tensors than the one that was not"
}

begin=$(date +%s.%N)
run straight 0 || fail "the run that nobody kills failed"
digest straight >expected
kills=0 round=0 resumes=0 saves=0
early=0  # kills of a run that had saved nothing yet
inside=0 # kills that left a save unfinished
# How long the run takes, on this machine as busy as it is now: the kills are spread over that, not over fixed seconds.
length=$(awk -v a="$begin" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')

while [ "$kills" -lt 20 ] || [ "$resumes" -lt 5 ] || [ "$early" -lt 1 ] || [ "$inside" -lt 1 ]; do
  round=$((round + 1))
  [ "$round" -le 200 ] ||
    fail "only $kills kills (of 20), $early before the first save (of 1), $inside inside a save (of 1), $resumes resumes (of 5) in 200 starts"
  rc=0 unfinished=
  ! appeared 'killed/checkpoints/.tmp-*' || unfinished=1
  if [ ! -e killed ] && [ "$early" -eq 0 ]; then
    run_until killed/metrics.jsonl killed 2 || rc=$?
  elif [ $((round % 4)) -eq 0 ]; then
    run_until 'killed/checkpoints/.tmp-*' killed $((round % 3)) || rc=$?
  else
    delay=$(awk -v n="$round" -v l="$length" 'BEGIN { srand(n * 7919); printf "%.3f", l * (0.1 + rand()) }')
    run killed $((round % 3)) "$delay" || rc=$?
  fi
  case $rc in
    0) # finished before the kill: begin again
      same_bytes
      rm -rf killed
      length=$(awk -v l="$length" 'BEGIN { print l * 0.9 }')
      ;;
    137)
      kills=$((kills + 1))
      appeared 'killed/checkpoints/iter_*' || early=$((early + 1))
      [ -n "$unfinished" ] || ! appeared 'killed/checkpoints/.tmp-*' || inside=$((inside + 1))
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
echo "$kills kills, $early before the first save and $inside inside one, and $resumes resumes in $round starts: every saved tensor equal"
