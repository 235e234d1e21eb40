#!/bin/sh
# env_cfg.fused: which way halves of transformer blocks run is in the log and in the manifest, a resumed run takes the way of its
# checkpoint and ends with the bytes of the run that nobody stopped, and "on" is an error where nothing can be fused.
#   fused_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"

host=$1/bin/selfsup-host
cd "$scratch" || exit 1
cat >run.json <<'END'
{
  "model": {
    "backbone": { "arch": { "embed_dims": 32, "num_layers": 2, "num_heads": 2, "feedforward_channels": 64 }, "drop_path_rate": 0.2, "patch_size": 8 },
    "neck": { "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2 }
  },
  "train_dataloader": { "batch_size": 16, "dataset": { "type": "shapes", "size": 40, "image_size": 32 } },
  "train_cfg": { "max_iters": 6 },
  "default_hooks": { "checkpoint": { "interval": 3, "by_epoch": false } },
  "randomness": { "seed": 7 },
  "env_cfg": { "num_threads": 1 },
  "report": false
}
END

# run FOLDER [ARGUMENTS...]
run() {
  folder=$1
  shift
  "$host" --plugin mae.so run.json --work-dir "$folder" "$@" >out 2>&1
}

# way FOLDER: what its last checkpoint says.
way() {
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1] + "/checkpoints/iter_6/manifest.json"))["extra"]["facts"]["fused"])' "$1"
}

same() { # A B WORDS
  cmp -s "$1/checkpoints/iter_6/model.safetensors" "$2/checkpoints/iter_6/model.safetensors" || fail "$3"
}

for amp in "" --amp; do
  # shellcheck disable=SC2086 # none or one
  run auto$amp $amp || fail "a run with fused half-blocks$amp"
  grep -q "run fused where the model has them" out || fail "the log does not say that half-blocks are fused"
  # shellcheck disable=SC2086
  run off$amp $amp --cfg-options env_cfg.fused=off || fail "a run in single operators$amp"
  grep -q 'in single operators: env_cfg.fused is "off"' out || fail "the log does not say that single operators run"
  [ "$(way off$amp)" = off ] || fail "the manifest of a run in single operators"
  [ "$(way auto$amp)" != off ] || fail "the manifest of a fused run"
  if cmp -s auto$amp/checkpoints/iter_6/model.safetensors off$amp/checkpoints/iter_6/model.safetensors; then
    fail "both ways gave the same bytes$amp: one of them did not run"
  fi

  # Each goes on the way that it went.
  for way in auto off; do
    # shellcheck disable=SC2086
    run resumed_$way$amp $amp --resume $way$amp/checkpoints/iter_3 || fail "a run resumed from one whose half-blocks were $way$amp"
    same $way$amp resumed_$way$amp "a run resumed from one whose half-blocks were $way$amp is another"
    ! grep -q "no longer exactly" out || fail "a resumed run says that something has changed: $(grep 'no longer exactly' out)"
  done
  [ "$(way resumed_off$amp)" = off ] || fail "a resumed run took another way than its checkpoint"
  grep -q "so did the run of the checkpoint" out || fail "a resumed run does not say why single operators run"
done

run on --cfg-options env_cfg.fused=on || fail "a run that is to be fused"
same auto on "auto and on are not the same"
run forced --resume off/checkpoints/iter_3 --cfg-options env_cfg.fused=on || fail "a resumed run that is to be fused"
grep -q "no longer exactly.*env_cfg.fused came to: off -> " out || fail "a run that changes its way does not say so"

# A network without transformer blocks that lies channel by channel has nothing to fuse.
cat >planar.json <<'END'
{
  "model": { "type": "SimCLR", "backbone": { "type": "ResNet", "depth": 18, "stem": "small", "stem_channels": 16, "base_channels": 16, "stage_blocks": [1, 1, 1, 1] },
    "neck": { "type": "NonLinearNeck", "in_channels": 128, "hid_channels": 32, "out_channels": 16 } },
  "train_dataloader": { "batch_size": 4, "num_workers": 1, "dataset": { "type": "shapes", "size": 8, "image_size": 32 } },
  "train_cfg": { "max_iters": 1 },
  "env_cfg": { "num_threads": 1, "fused": "on", "channels_last": false }
}
END
"$host" --plugin simclr.so planar.json --work-dir planar >out 2>&1
[ $? = 2 ] || fail "nothing to fuse is not exit 2"
grep -q 'env_cfg.fused is "on", and nothing of this model can be fused' out || fail "nothing to fuse: the message"
[ ! -e planar/checkpoints/iter_1 ] || fail "nothing to fuse, and yet a checkpoint"
"$host" --plugin simclr.so planar.json --work-dir rows --cfg-options env_cfg.channels_last=true >out 2>&1 || fail "a residual network in channels-last memory is not fused"
run wrong --cfg-options env_cfg.fused=fast
[ $? = 2 ] || fail "a value that is none is not exit 2"
grep -q "env_cfg.fused" out || fail "a value that is none: the message names no key"
"$host" env >out 2>&1
grep -q "^fused kernels: .*, products of " out || fail "env does not say the kernels"

exit $failed
