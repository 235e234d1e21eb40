#!/bin/sh
# A run that is killed with SIGKILL twenty times, at moments spread over it, and resumed with other numbers of workers ends with the
# bytes of the run that nobody killed. Accumulation over a partial last batch; a save every fourth iteration.
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

# run FOLDER WORKERS [SECONDS until SIGKILL]
run() {
  set -- "$1" "$2" "${3:-60}"
  timeout -s KILL "$3" "$host" --plugin mae.so run.json --work-dir "$1" --resume --cfg-options "train_dataloader.num_workers=$2" \
    >>log 2>&1
}

# The tensors of the finished run, without its folder's name.
digest() { (cd "$1/checkpoints/iter_30" && sha256sum ./*.safetensors) }

run straight 0 || {
  cat log
  exit 1
}
digest straight >expected

kills=0
round=0
while [ "$kills" -lt 20 ]; do
  round=$((round + 1))
  [ "$round" -le 200 ] || {
    echo "resume_test: only $kills of 20 kills hit a running process"
    exit 1
  }
  delay=$(awk -v n="$round" 'BEGIN { srand(n * 7919); printf "%.3f", 0.15 + rand() * 1.1 }')
  rc=0
  run killed $((round % 3)) "$delay" || rc=$?
  case $rc in
    0) # finished before the kill: begin again
      digest killed >got
      cmp expected got
      rm -rf killed
      ;;
    137) kills=$((kills + 1)) ;;
    *)
      echo "resume_test: a resumed run ended with $rc"
      tail -n 20 log
      exit 1
      ;;
  esac
done
run killed 2 || {
  tail -n 20 log
  exit 1
}
digest killed >got
cmp expected got
grep -q 'resuming from' log
echo "20 kills in $round starts: every saved tensor equal"
