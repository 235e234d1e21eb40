#!/bin/sh
# A network with running statistics, whose images and parameters are channels-last: a run that is stopped and resumed, without the probes of
# the straight one, ends with its bytes; and its weights are those of a run that is not channels-last.
#   resnet_test.sh BUILD_FOLDER
set -eu

host=$1/bin/selfsup-host
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >run.json <<'END'
{
  "plugins": ["simclr.so"],
  "model": {
    "type": "SimCLR",
    "backbone": { "type": "ResNet", "depth": 50, "stem": "small", "stem_channels": 8, "base_channels": 4, "stage_blocks": [1, 2] },
    "neck": { "hid_channels": 16, "out_channels": 8 }
  },
  "train_dataloader": { "batch_size": 8, "dataset": { "type": "shapes", "size": 40, "image_size": 16 } },
  "optim_wrapper": { "optimizer": { "type": "SGD", "lr": 0.002, "momentum": 0.9 } },
  "param_scheduler": [],
  "train_cfg": { "max_iters": 6 },
  "default_hooks": { "logger": { "interval": 1 }, "checkpoint": { "interval": 3, "by_epoch": false } },
  "randomness": { "seed": 7 },
  "env_cfg": { "num_threads": 1 }
}
END
probe='{"dataset": {"type": "shapes", "size": 64, "image_size": 16, "seed": 1}, "test_dataset": {"type": "shapes", "size": 32, "image_size": 16, "seed": 2}, "interval": 2, "baselines": false, "few_labels": 20}'

fail() {
  echo "resnet_test: $*"
  tail -n 20 log
  exit 1
}
run() { # FOLDER [argument...]
  folder=$1
  shift
  "$host" run.json --work-dir "$folder" "$@" >>log 2>&1 || fail "the run in $folder failed"
}
digest() { (cd "$1/checkpoints/iter_$2" && sha256sum ./*.safetensors) }
losses() { grep -o '"loss": *[0-9.e+-]*' "$1/metrics.jsonl" | sed 's/.*: *//'; }

run straight --cfg-options "probe=$probe"
digest straight 6 >expected

run resumed
rm -r resumed/checkpoints/iter_6
run resumed --resume
digest resumed 6 | cmp -s expected - || fail "the resumed run ended with other tensors than the straight one with probes"
digest straight 3 | cmp -s expected - && fail "three more iterations changed nothing"

# The same numbers but for the order of sums, whatever the strides: from the seed, and from the weights of a file.
alike() { # A B
  losses "$1" >a
  losses "$2" >b
  [ -s a ] || fail "no losses in $1/metrics.jsonl"
  paste a b | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-3 * $1) exit 1 }' || fail "$1 and $2 have other losses: $(paste a b)"
}
run planar --cfg-options env_cfg.channels_last=false
alike straight planar
for last in true false; do
  run "loaded_$last" --load-from straight/checkpoints/iter_6 --cfg-options train_cfg.max_iters=1 env_cfg.channels_last=$last
done
grep -q ' 0 are missing, 0 are unexpected, 0 have another shape' log || fail "weights that were loaded do not match"
alike loaded_true loaded_false
[ "$(sed -n 1p a)" != "$(losses straight | sed -n 1p)" ] || fail "weights that were loaded changed nothing"
