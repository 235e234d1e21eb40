#!/bin/sh
# What a run does beside training: it keeps the seed that it drew, takes transforms from plugins, and lists bad images also when it ends
# because of them. run_test.sh BUILD_FOLDER PROBE_PLUGIN ANOTHER
set -u
host=$1/bin/selfsup-host
probe=$2
another=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() {
  echo "FAILED: $*"
  tail -n 5 "$scratch/out"
  failed=1
}
cd "$scratch" || exit 1

cat >run.json <<'END'
{
  "model": {
    "backbone": { "arch": { "embed_dims": 32, "num_layers": 1, "num_heads": 2, "feedforward_channels": 64 }, "patch_size": 8 },
    "neck": { "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2 }
  },
  "train_dataloader": { "batch_size": 8, "dataset": { "type": "shapes", "size": 16, "image_size": 32 } },
  "train_cfg": { "max_epochs": 2 }
}
END

# run ARGUMENTS...: the host on run.json; its messages are in out.
run() { "$host" --plugin mae.so "$@" >out 2>&1; }
seed() { sed -n 's/^ *"seed": \([0-9]\{3,\}\).*/\1/p' drawn/config.json; }

run run.json --work-dir drawn || fail "a run without a seed"
first=$(seed)
run run.json --work-dir drawn --resume || fail "resuming a run without a seed"
[ "${first:-none}" = "$(seed)" ] || fail "resumed with seed $(seed), begun with $first"
grep 'changed since' out && fail "a resumed run thinks that it changed"
run run.json --work-dir from_path --resume drawn/checkpoints/epoch_1 || fail "resuming from a path"
grep 'changed since' out && fail "a run resumed from a path thinks that it changed"

loss() { sed -n 's/.*"loss": *\([0-9.]*\).*/\1/p' "$1/metrics.jsonl" | head -n 1; }
# The probe's transform adds a grey view, so the images are grey.
cat >grey.json <<'END'
{
  "train_dataloader": {
    "batch_size": 64,
    "pipeline": [],
    "dataset": { "type": "idx", "data_root": "/usr/share/datasets/fashion-mnist", "split": "test" }
  },
  "train_cfg": { "max_iters": 2 },
  "default_hooks": { "logger": { "interval": 1 } },
  "randomness": { "seed": 1 }
}
END
run grey.json --work-dir plain || fail "a run without transforms"
# It brings an encoder too; that of the defaults, which nobody names, is found beside it.
run --plugin "$probe" grey.json --work-dir inverted \
  --cfg-options 'train_dataloader.pipeline=[{"type":"ProbeInvert"}]' || fail "a plugin's transform in the pipeline"
[ "$(loss plain)" != "$(loss inverted)" ] || fail "the plugin's transform changed nothing"
case $(loss plain),$(loss inverted) in [0-9]*,[0-9]*) ;; *) fail "a run wrote no loss" ;; esac

mkdir more && cp "$another" more/more.so
run grey.json --plugin-dir more --cfg-options 'train_dataloader.pipeline=[{"type":"FixtureTransform"}]'
[ $? -eq 2 ] || fail "an unknown transform does not end with 2"
grep -q "no transform named 'FixtureTransform'.*; more.so provides it: add --plugin more.so$" out || fail "its plugin is not named"
run grey.json --plugin-dir more --cfg-options model.type=Fixture
grep -q '"Fixture".*; more.so provides it: add --plugin more.so$' out || fail "the plugin of an algorithm is not named"

mkdir images
for i in 1 2 3 4 5 6 7 8 9; do echo "not an image" >"images/$i.jpg"; done
sed 's/{ "type": "shapes".*32 } }/{ "type": "image_folder", "data_root": "images", "pipeline": [{ "type": "RandomCrop", "size": 32, "padding": 2 }] } }/' \
  run.json >bad.json
run bad.json --work-dir bad
[ $? -eq 4 ] || fail "a set of bad images does not end with 4"
grep -q 'images/.*\.jpg.*not an image' bad/bad_files.txt || fail "bad_files.txt does not list the bad images"
exit $failed
