#!/bin/sh
# simclr.so as users run it: it learns, goes on from its middle byte for byte, lends its transforms to others, and refuses what cannot be.
#   simclr_test.sh BUILD_FOLDER SWAPPED_ASSIGNMENT_PLUGIN
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
other=$2
cd "$scratch" || exit 1

# Odd sizes, and an epoch that ends in a smaller batch.
cat >run.json <<'END'
{
  "model": { "backbone": { "type": "ResNet", "depth": 18, "stem": "small", "stem_channels": 8, "base_channels": 8, "stage_blocks": [1, 1] } },
  "train_dataloader": { "batch_size": 16, "dataset": { "type": "shapes", "size": 42, "image_size": 21 } },
  "train_cfg": { "max_iters": 8 },
  "default_hooks": { "logger": { "interval": 1 }, "checkpoint": { "interval": 4, "by_epoch": false, "max_keep_ckpts": -1 } },
  "randomness": { "seed": 5 },
  "env_cfg": { "num_threads": 1 }
}
END
digest() { (cd "$1/checkpoints/iter_8" && sha256sum ./*.safetensors); }
train() { "$host" --plugin simclr.so run.json "$@" >out 2>&1; }

train --work-dir straight --cfg-options train_dataloader.num_workers=0 || fail "it does not train"
mkdir -p resumed/checkpoints
cp -R straight/checkpoints/iter_4 resumed/checkpoints/iter_4
train --work-dir resumed --resume --cfg-options train_dataloader.num_workers=2 || fail "it does not go on"
grep -q 'resuming from .*iter_4' out || fail "it did not go on from iteration 4"
digest straight >expected
digest resumed >got
cmp -s expected got || fail "the run that went on from its middle ended with other tensors"

# A probe looks on: in eval mode, so that neither weights nor running statistics move.
probe='{"dataset": {"type": "shapes", "size": 60, "image_size": 21, "seed": 1}, "test_dataset": {"type": "shapes", "size": 30, "image_size": 21, "seed": 2},
        "interval": 2, "few_labels": 16, "whitened_pixels": true}'
for feature in backbone neck; do
  train --work-dir "probed-$feature" --cfg-options "probe=$probe" probe.feature=$feature || fail "the probe of $feature"
  grep -q '^raw pixels, whitened  *[0-9]' out || fail "no row of whitened pixels: $(cat out)"
  digest "probed-$feature" >got
  cmp -s expected got || fail "a run with a probe of $feature has other tensors than one without"
done
train --work-dir unprobed --cfg-options "probe=$probe" probe.whitened_pixels=false || fail "the probe without whitening"
grep -q whitened out && fail "whitened pixels that nobody asked for"

# Its transforms in the pipeline of somebody else's algorithm, by name.
view='[{"type": "RandomResizedCrop", "size": 16}, {"type": "RandomApply", "prob": 0.8, "transforms": [{"type": "ColorJitter", "brightness": 0.4, "hue": [-0.1, 0.1]}]},
       {"type": "RandomGrayscale", "prob": 0.2}, {"type": "GaussianBlur", "sigma_min": 0.1, "sigma_max": 2}, {"type": "Solarize", "prob": 0.2}]'
sed '/"model":/d' run.json >any.json
borrow() {
  "$host" "$@" any.json --work-dir borrowed --overwrite --cfg-options \
    "train_dataloader.pipeline=[{\"type\": \"MultiView\", \"num_views\": 2, \"transforms\": [$view]}]" >out 2>&1
}
borrow --plugin "$other" --plugin simclr.so || fail "another algorithm with the transforms of simclr.so"
borrow --plugin "$other" && fail "the transforms of a plugin that nobody named"
grep -q 'simclr.so provides it: add --plugin' out || fail "where the transforms come from is not said"

# What a file drops of the defaults stays dropped, also where the resolved file or the checkpoint is read again.
cat >dropped.json <<'END'
{
  "model": { "backbone": { "_delete_": true, "type": "ResNet", "depth": 18, "base_channels": 8, "stem_channels": 8, "stem": "small" } },
  "train_dataloader": { "batch_size": 8, "num_workers": 0, "dataset": { "type": "shapes", "size": 16, "image_size": 16 } },
  "train_cfg": { "max_iters": 1 },
  "report": false,
  "env_cfg": { "num_threads": 1 }
}
END
"$host" config --plugin simclr.so dropped.json >out 2>err || fail "a file that drops defaults"
grep -q stage_blocks out && fail "_delete_ in a file leaves the plugin's defaults"
"$host" --plugin simclr.so dropped.json --work-dir drops >out 2>&1 || fail "a run without some of the defaults: $(cat out)"
"$host" config drops/config.json >again 2>err || fail "config.json of that run"
cmp -s drops/config.json again || fail "config.json of that run is another configuration: $(diff drops/config.json again)"
"$host" export drops drops.safetensors --format mmselfsup >out 2>&1 || fail "its checkpoint is not exported: $(cat out)"

# refused NAME TEXT OPTION...: exit 2, with TEXT, before a work folder is made.
refused() {
  name=$1 text=$2
  shift 2
  train --work-dir never --cfg-options "$@"
  rc=$?
  [ $rc -eq 2 ] || fail "$name: exit $rc"
  grep -qF -- "$text" out || fail "$name: the message lacks '$text'"
  [ ! -e never ] || fail "$name: the work folder is there"
}
refused "a batch of 1" 'is 1: an image is told from the others' train_dataloader.batch_size=1
refused "a last batch of 1" 'the last batch of an epoch has 1 image (49 images in batches of 16)' train_dataloader.dataset.size=49
train --work-dir dropped --cfg-options train_dataloader.dataset.size=49 train_dataloader.drop_last=true || fail "drop_last, as the message says"
refused "one view" '1 view of an image' 'train_dataloader.pipeline=[{"type": "RandomResizedCrop", "size": 16}]'
refused "three views" '"num_views": 2' 'train_dataloader.pipeline=[{"type": "MultiView", "num_views": 3, "transforms": [[{"type": "RandomFlip"}]]}]'
refused "views of two sizes" '16 x 16 and 12 x 12' \
  'train_dataloader.pipeline=[{"type": "MultiView", "num_views": [1, 1], "transforms": [[{"type": "RandomResizedCrop", "size": 16}], [{"type": "RandomResizedCrop", "size": 12}]]}]'
refused "a neck that does not fit" "is 99, but the backbone's" model.neck.in_channels=99
refused "a typo of the neck" "did you mean 'hid_channels'?" model.neck.hid_chanels=8

# The checkpoint of another algorithm is no start, and stays as it is.
cp -R straight mae
(cd mae && find . -type f -exec sha256sum {} +) | LC_ALL=C sort >before
"$host" --plugin mae.so any.json --work-dir mae --resume --cfg-options train_dataloader.dataset.image_size=28 >out 2>&1
rc=$?
[ $rc -ne 0 ] || fail "another algorithm's checkpoint was resumed"
echo "another algorithm's checkpoint: exit $rc"
(cd mae && find . -path ./checkpoints/\* -type f -exec sha256sum {} +) | LC_ALL=C sort >after
grep -F /checkpoints/ before | cmp -s - after || fail "another algorithm's checkpoint was changed"

for command in knn reconstruct; do
  "$host" $command --plugin mae.so any.json --checkpoint straight --cfg-options train_dataloader.dataset.image_size=28 >out 2>err
  [ $? -eq 6 ] || fail "$command: another algorithm's checkpoint: not exit 6: $(cat err)"
  grep -q 'is a checkpoint of SimCLR, and the configuration is one of MAE' err || fail "$command: another algorithm's checkpoint: $(cat err)"
done

# One channel: the defaults know no colours for it.
"$host" config --plugin simclr.so run.json --cfg-options 'train_dataloader.dataset={"_delete_": true, "type": "image_folder", "data_root": ".", "channels": 1}' \
  'optim_wrapper.optimizer={"type": "SGD", "lr": 1}' >out 2>err || fail "grey images"
grep -q RandomGrayscale out && fail "grey images are made grey"
exit $failed
