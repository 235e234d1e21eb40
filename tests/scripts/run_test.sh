#!/bin/sh
# What a run does beside training: it scales the learning rate, keeps the seed that it drew, takes transforms from plugins, probes without a trace in the weights,
# lists bad images also when it ends because of them, and keeps its messages off the progress bar.
#   run_test.sh BUILD_FOLDER PROBE_PLUGIN ANOTHER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
probe=$2
another=$3
ranks=$1/tests/plugins/sdk_ranks.so
picture=$(cd "$(dirname "$0")/../../docs/images" && pwd)/reconstruction.png
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
run run.json --work-dir seeded --seed 5 || fail "a run with a seed"
run run.json --work-dir seeded --resume || fail "resuming without the seed"
grep 'changed since' out && fail "a run whose seed is given at one start only thinks that it changed"
run --plugin mae.so run.json --work-dir twice || fail "a plugin given twice"
grep -q '"plugins": \["mae.so"\]' twice/config.json || fail "a plugin given twice is in the resolved file twice"

# Scaling counts the images of an optimizer step, accumulated batches included: 8 x 2 of 64, so a quarter of the rate.
run run.json --work-dir scaled --auto-scale-lr --cfg-options auto_scale_lr.base_batch_size=64 optim_wrapper.accumulative_counts=2 \
  optim_wrapper.optimizer.lr=0.02 param_scheduler=None default_hooks.logger.interval=1 || fail "--auto-scale-lr"
grep -q 'auto_scale_lr: lr 0.02 x 16 / 64 = 0.005 (16 images an optimizer step: 8 a rank x 1 ranks x 2 accumulated' out ||
  fail "the arithmetic of --auto-scale-lr: $(grep auto_scale_lr out)"
[ "$(sed -n 's/.*"lr": *\([0-9.e-]*\).*/\1/p' scaled/metrics.jsonl | sort -u)" = 0.005 ] || fail "the rate of --auto-scale-lr: $(cat scaled/metrics.jsonl)"

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

# Probes in mid-run and at the end, with their baselines, change no bit of what is saved.
shapes='{"type": "shapes", "size": 40, "image_size": 32'
run run.json --work-dir unprobed --seed 5 || fail "a run without probes"
run run.json --work-dir probed --seed 5 \
  --cfg-options "probe={\"dataset\": $shapes, \"seed\": 1}, \"test_dataset\": $shapes, \"seed\": 2}, \"few_labels\": 16, \"interval\": 1}" ||
  fail "a run with probes"
[ "$(grep -c '^Probe \[' out)" -eq 2 ] || fail "a run of two epochs does not probe twice"
digest() { (cd "$1/checkpoints" && sha256sum ./*/*.safetensors); }
[ "$(digest unprobed)" = "$(digest probed)" ] || fail "probes change what is saved"
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
grep -q 'images/.*\.jpg.*not an image' out || fail "the message does not name the bad images"
[ ! -e bad ] || fail "a set of bad images is seen only once the work folder is made"

# Those of the probe's sets are listed too, and the limit holds for them.
mkdir -p labelled/a labelled/b
for i in 1 2 3 4 5 6 7 8; do cp "$picture" "labelled/a/$i.png" && cp "$picture" "labelled/b/$i.png"; done
for i in 1 2 3; do echo "not an image" >"labelled/a/bad_$i.png"; done
set -- --cfg-options 'probe={"dataset": {"type": "image_folder", "data_root": "labelled"}, "test_dataset": {"type": "image_folder", "data_root": "labelled"}}'
run run.json --work-dir listed "$@" || fail "a probe of sets with few bad images"
[ "$(grep -c 'labelled/a/bad_' listed/bad_files.txt)" -eq 6 ] || fail "bad_files.txt does not list the probe's bad images"
run run.json --work-dir limited "$@" train_dataloader.max_bad_fraction=0
[ $? -eq 4 ] || fail "a probe of sets with more bad images than allowed does not end with 4"
grep -q 'probe.dataset: .*bad_' out || fail "the message does not say that the probe's images are bad"

# features and reconstruct are told where the run stands: before its first batch, between its epochs, at its end.
cat >ranks.json <<'END'
{
  "train_dataloader": { "batch_size": 8, "dataset": { "type": "shapes", "size": 16, "image_size": 8 } },
  "optim_wrapper": { "optimizer": { "type": "SGD", "lr": 0.001 }, "accumulative_counts": 2 },
  "train_cfg": { "max_epochs": 2 },
  "randomness": { "seed": 1 },
  "probe": {
    "dataset": { "type": "shapes", "size": 16, "image_size": 8 }, "test_dataset": { "type": "shapes", "size": 16, "image_size": 8 },
    "interval": 1, "k": 3, "baselines": false
  }
}
END
places() { grep -o '\(features\|reconstruct\)\( in training\)\{0,1\} at .*' "$1" | uniq | tr '\n' ';'; }
"$host" --plugin "$ranks" ranks.json --work-dir told >out 2>&1 || fail "a run whose plugin says where it stands"
want='features at 0/4, update 0, epoch 0, origin 0;features at 2/4, update 1, epoch 1, origin 0;'
want="${want}features at 4/4, update 2, epoch 2, origin 0;reconstruct at 4/4, update 2, epoch 2, origin 0;"
[ "$(places out)" = "$want" ] || fail "features and reconstruct are told: $(places out)"
"$host" --plugin "$ranks" ranks.json --work-dir told_again --resume told/checkpoints/epoch_1 >out 2>&1 || fail "the same run, resumed"
want='features at 2/4, update 1, epoch 1, origin 2;features at 4/4, update 2, epoch 2, origin 2;reconstruct at 4/4, update 2, epoch 2, origin 2;'
[ "$(places out)" = "$want" ] || fail "resumed, they are told: $(places out)"

# On a terminal, three bad images among good ones, one image to a batch: the bar is there when the later ones are found.
rm images/*.jpg
for i in 4 5 6 7 8 9; do cp "$picture" "images/$i.png"; done
for i in 1 2 3; do head -c 2000 "$picture" >"images/$i.jpg"; done # bad behind their first bytes
NO_COLOR=1 TERM=xterm python3 - "$host" <<'END' >out || fail "on a terminal"
import os, pty, re, sys
text = b""
def read(fd):
    global text
    data = os.read(fd, 4096)
    text += data
    return data
status = pty.spawn([sys.argv[1], "--plugin", "mae.so", "bad.json", "--work-dir", "terminal", "--seed", "1", "--cfg-options", "train_dataloader.batch_size=1",
                    "train_dataloader.max_bad_fraction=0.5", "default_hooks.logger.interval=1000"], read)
assert os.waitstatus_to_exitcode(status) == 0, status
assert re.search(rb"epoch 1 .*%", text), "no progress bar"
before = re.findall(rb"([^\r\n]*[\r\n]+(?:\x1b\[K)?)warning: images/.*another image", text)
assert len(before) == 3, before
assert all(b.endswith((b"\n", b"\r\x1b[K")) for b in before), before
assert before[-1].endswith(b"\r\x1b[K"), before
END
exit $failed
