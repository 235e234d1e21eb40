#!/bin/sh
# What a second start in a used work folder does, and what is refused before anything in it is touched. restart_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
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

# run EXIT WORDS...: the host with these words; its messages are in out.
run() {
  want=$1
  shift
  "$host" --plugin mae.so "$@" >out 2>&1
  got=$?
  [ "$got" -eq "$want" ] || fail "$*: exit $got, not $want"
}
says() { grep -q -e "$1" out || fail "no \"$1\""; }
seed() { sed -n 's/^ *"seed": \([0-9]\{3,\}\).*/\1/p' "$1"; }

# A drawn seed comes back from the checkpoint, whatever has become of config.json.
run 0 run.json --work-dir a
first=$(seed a/checkpoints/epoch_2/manifest.json | head -n 1)
[ -n "$first" ] || fail "the manifest has no seed"
rm a/config.json
run 0 run.json --work-dir a --resume
[ "$(seed a/config.json)" = "$first" ] || fail "without config.json another seed is drawn"
: >a/config.json
run 0 run.json --work-dir a --resume
[ "$(seed a/config.json)" = "$first" ] || fail "beside an empty config.json another seed is drawn"

# --overwrite moves the old run only when the new one can begin.
refused() {
  run "$@" --work-dir a --overwrite
  if [ ! -d a/checkpoints/epoch_2 ] || [ ! -f a/metrics.jsonl ] || [ -e a/old-1 ]; then fail "$*: the old run was touched"; fi
}
refused 2 run.json --load-from nowhere.safetensors
refused 2 run.json --resume
refused 2 run.json --resume=a/checkpoints/epoch_1
refused 2 run.json --cfg-options default_hooks.checkpoint.max_keep_ckpts=0
refused 2 run.json --cfg-options 'optim_wrapper.clip_grad={"clip_value": 1}'
refused 4 run.json --cfg-options 'probe={"dataset": {"data_root": "nowhere"}, "test_dataset": {"data_root": "nowhere"}}'
refused 2 run.json --cfg-options probe.feature=nope \
  'probe.dataset={"type": "shapes", "size": 8, "image_size": 32}' 'probe.test_dataset={"type": "shapes", "size": 8, "image_size": 32}'
refused 6 run.json --cfg-options model.backbone.arch.embed_dims=64 --load-from a/checkpoints/epoch_2
run 0 run.json --work-dir a --overwrite --load-from a/checkpoints/epoch_2
says "weights of a/checkpoints/epoch_2"
for there in a/old-1/checkpoints/epoch_2 a/checkpoints/epoch_2; do [ -d "$there" ] || fail "--overwrite: no $there"; done

# resume with load_from begins with the weights and goes on with its own checkpoints.
run 0 run.json --work-dir b --resume --load-from a/checkpoints/epoch_2
says "weights of a/checkpoints/epoch_2"
run 0 run.json --work-dir b --resume --load-from a/checkpoints/epoch_2
says "resuming from b/checkpoints/epoch_2"

# A longer epoch: the third one is trained, and what changed is said.
run 0 run.json --work-dir b --resume --cfg-options train_cfg.max_epochs=3 train_dataloader.dataset.size=32
says "dataset_length: 16 -> 32"
says "resuming from b/checkpoints/epoch_2, iteration 4 of 8"
says "done: 8 iterations"
[ -d b/checkpoints/epoch_3 ] || fail "the third epoch was not trained"
grep -q '"num_workers":' b/checkpoints/epoch_3/manifest.json || fail "the manifest does not know the workers"

# What cannot run is refused by validate too, and before a device is asked for.
for option in 'optim_wrapper.clip_grad={"clip_value": 1}' 'optim_wrapper.optimizer.betas=[0.9,1]' \
  default_hooks.checkpoint.max_keep_ckpts=0 'param_scheduler={"type": "LinearLR", "start_factor": 2}' \
  'optim_wrapper={"type": "AmpOptimWrapper", "loss_scale": -1}'; do
  run 2 validate run.json --device cuda --cfg-options "$option"
  grep -q 'cuda cannot be had' out && fail "$option: the device was asked first"
done
run 4 validate run.json --device cuda --cfg-options \
  'probe={"dataset": {"data_root": "nowhere"}, "test_dataset": {"data_root": "nowhere"}}'
run 0 validate run.json

# A stop during the last save is granted before the picture, which the next start draws. The start
# makes two folders to see whether it can; the saves of the epochs make one each.
strace -o /dev/null -e trace=mkdirat -e inject=mkdirat:signal=TERM:when=4 \
  "$host" --plugin mae.so run.json --work-dir stopped >out 2>&1
[ $? -eq 75 ] || fail "a stop at the end of the run is not granted"
says "stopped at iteration 4 and saved"
[ ! -e stopped/reconstruction.png ] || fail "the picture was drawn after the stop"
run 0 run.json --work-dir stopped --resume
[ -e stopped/reconstruction.png ] || fail "the picture was not drawn by the next start"

# A reader of the messages that goes away ends nothing.
{
  "$host" --plugin mae.so run.json --work-dir piped 2>&1
  echo $? >rc
} | head -n 1 >out
[ "$(cat rc)" -eq 0 ] || fail "a closed pipe ends the run with $(cat rc)"
[ -d piped/checkpoints/epoch_2 ] || fail "a run into a closed pipe saves nothing"

# Bad images count over all processes of a run, but not those that have been repaired.
mkdir images
for i in $(seq 10 29); do cp a/reconstruction.png "images/$i.png"; done
for i in 10 11 12; do echo "not an image" >"images/$i.png"; done
sed 's/{ "type": "shapes".*32 } }/{ "type": "image_folder", "data_root": "images", "pipeline": [{ "type": "RandomCrop", "size": 32 }] } }/; s/"max_epochs": 2/"max_epochs": 1/' \
  run.json >images.json
run 0 images.json --work-dir bad
cmp -s bad/bad_files.txt bad/checkpoints/epoch_1/bad_files.txt || fail "bad_files.txt of the work folder is not the checkpoint's"
grep -qP '^0\timages/10\.png\t.*not an image' bad/bad_files.txt || fail "bad_files.txt does not name number, path and reason: $(cat bad/bad_files.txt)"
echo "not an image" >images/13.png
run 4 images.json --work-dir bad --resume --cfg-options train_cfg.max_epochs=2
for i in 10 11 12 13; do says "images/$i.png"; done
cp images/29.png images/10.png
run 0 images.json --work-dir bad --resume --cfg-options train_cfg.max_epochs=2
[ "$(cut -f 2 bad/bad_files.txt | tr '\n' ' ')" = "images/11.png images/12.png images/13.png " ] || fail "bad_files.txt lists $(cat bad/bad_files.txt)"
exit $failed
