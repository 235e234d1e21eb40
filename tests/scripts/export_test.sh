#!/bin/sh
# Weights out and in: what the host exports gives timm the same features, comes back as the same tensors, and is refused where it cannot be right;
# and knn, probe and embed of a trained model. export_test.sh BUILD_FOLDER SOURCE_FOLDER TORCH
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
source=$2
tiny=$source/tests/scripts/tiny.json
torch=$3
cd "$scratch" || exit 1

# run CODE ARGUMENTS...: the host, which must end with that code; its words in out, its messages in err.
run() {
  wanted=$1
  shift
  "$host" "$@" >out 2>err
  code=$?
  [ $code -eq "$wanted" ] || fail "selfsup-host $* ended with $code, not $wanted"
}
says() { grep -q -- "$1" err || fail "no word of: $1"; }

run 0 "$tiny" --work-dir trained
before=$(find trained -type f -exec sha256sum {} + | sort)
last=trained/checkpoints/epoch_2

# --- export, and back
run 0 export --format mmselfsup $last all.safetensors
[ "$(cat out)" = all.safetensors ] || fail "export prints $(cat out)"
run 0 export --format safetensors trained own.safetensors
run 0 export --format timm $last timm.safetensors
says 'left out: .* of neck'
run 2 export --format torchvision $last none.safetensors
says 'no names in that format; it has mmselfsup, timm, safetensors'
run 2 export --format tim $last none.safetensors
run 2 export --format timm $last none.pth
says 'NAME.safetensors'
run 2 export $last none.safetensors
run 2 export --format timm nowhere none.safetensors
says 'no checkpoint at nowhere'
run 2 export --format timm "$tiny" none.safetensors
run 5 export --format timm $last no/folder/none.safetensors
[ -z "$(ls none* 2>/dev/null)" ] || fail "an export that failed left something"

# loaded WEIGHTS: the digest of the model of a run that begins with them and makes no step worth the name.
loaded() {
  rm -rf again
  run 0 "$tiny" --work-dir again --load-from "$1" --cfg-options train_cfg.max_epochs=1 optim_wrapper.optimizer.lr=0 param_scheduler=None >&2
  cat err >&2
  sha256sum <again/checkpoints/epoch_1/model.safetensors
}
saved=$(sha256sum <$last/model.safetensors)
[ "$(loaded all.safetensors 2>log)" = "$saved" ] || fail "an export to mmselfsup comes back as other weights"
[ "$(loaded own.safetensors 2>log)" = "$saved" ] || fail "an export under own names comes back as other weights"
[ "$(loaded timm.safetensors 2>log)" != "$saved" ] || fail "a file of the backbone alone brings the decoder"
grep -q 'by the names of timm' log || fail "the names of timm are not said"
grep -q 'not in the file, so as they were made: neck' log || fail "it is not said that the decoder is new"
run 0 export --format timm again back.safetensors
cmp -s back.safetensors timm.safetensors || python3 - "$source" <<'PYTHON' || fail "timm's names and back are other weights"
import sys
sys.path.insert(0, sys.argv[1] + "/.deps/test-packages")
from safetensors.numpy import load_file
a, b = load_file("timm.safetensors"), load_file("back.safetensors")
assert a.keys() == b.keys() and all((a[k] == b[k]).all() for k in a)
PYTHON

# --- another image size, and another model
larger() { run "$1" "$tiny" --work-dir larger --overwrite --cfg-options train_dataloader.dataset.image_size=48 train_cfg.max_epochs=1 "$2" load_from=$last; }
larger 0 randomness.seed=1
says 'fixed tables of another image size, made for this one instead: .*backbone.pos_embed'
run 6 "$tiny" --work-dir wider --load-from $last --cfg-options model.backbone.arch.embed_dims=64
says 'does not fit this model'
run 6 "$tiny" --work-dir resized --resume $last --cfg-options model.neck.decoder_embed_dim=64
says 'holds another model'
grep -q -- '--load-from' err && fail "--resume advises what will fail"
run 6 "$tiny" --work-dir foreign --load-from "$source/tests/data/torch_file.pth"
says 'does not fit this model'
run 6 "$tiny" --work-dir foreign --load-from "$source/README.md"
run 2 "$tiny" --work-dir foreign --load-from nowhere.pth

# --- a trained model is judged and used without a change to its folder
sets='{"type": "shapes", "size": 64, "image_size": 32'
run 0 knn "$tiny" --work-dir trained --cfg-options "probe={\"dataset\": $sets, \"seed\": 1}, \"test_dataset\": $sets, \"seed\": 2}, \"k\": 5, \"baselines\": false}" --out near.png
[ -s near.png ] || fail "knn --out draws nothing"
grep -q 'kNN (k=5, T=0.07)' out || fail "knn prints $(cat out)"
grep -q '^this run .* %$' out || fail "knn prints $(cat out)"
says 'epoch_2: MAE, iteration 4 of 4'
run 0 probe trained --checkpoint trained/checkpoints/epoch_1 --cfg-options "probe={\"dataset\": $sets, \"seed\": 1}, \"test_dataset\": $sets, \"seed\": 2}}"
grep -q 'raw pixels' out || fail "probe prints $(cat out)"
says 'epoch_1: MAE, iteration 2 of 4'
run 2 knn "$tiny" --work-dir trained
says 'the configuration has no .probe.'
run 2 knn "$tiny" --work-dir nothing
says 'holds no checkpoint'
run 2 knn "$tiny" --work-dir trained --checkpoint nowhere
run 6 knn "$tiny" --work-dir trained --cfg-options model.backbone.arch.num_layers=2
says 'model.backbone.arch.num_layers: 1 -> 2'

python3 - "$source" <<'PYTHON' || fail "making images"
import sys
sys.path.insert(0, sys.argv[1] + "/.deps/test-packages")
import numpy
from pathlib import Path
from PIL import Image
random = numpy.random.default_rng(1)
for i, name in enumerate(["a/1, one.png", "a/2.png", "b/3.png", "b/4.png", "b/5.png"]):
    path = Path("images") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random.integers(0, 256, (32, 32, 3), numpy.uint8)).save(path)
PYTHON
run 0 embed trained --images images --out features
printf 'features.npy\nfeatures.csv\n' | cmp -s - out || fail "embed prints $(cat out)"
run 0 embed trained --images images --out again_features
cmp -s features.npy again_features.npy || fail "embed is not the same twice"
printf 'index,path,label\n0,"images/a/1, one.png",0\n1,images/a/2.png,0\n2,images/b/3.png,1\n3,images/b/4.png,1\n4,images/b/5.png,1\n' |
  cmp -s - features.csv || fail "features.csv: $(cat features.csv)"
run 0 embed "$tiny" --work-dir trained --out training
[ "$(wc -l <training.csv)" -eq 17 ] || fail "embed of the training images writes $(wc -l <training.csv) lines"
run 2 embed trained
run 4 embed trained --images nowhere --out nothing
run 5 embed trained --images images --out no/folder/features
echo "not an image" >images/b/6.png
run 0 embed trained --images images --out with_bad
says 'row 5 is NaN: images/b/6.png'
rm images/b/6.png
[ -z "$(ls nothing* 2>/dev/null)" ] || fail "embed without images left something"
[ "$before" = "$(find trained -type f -exec sha256sum {} + | sort)" ] || fail "looking at a run changed its folder"
# It needs neither its configuration nor the images that it has learned from.
cp -r $last moved
run 0 embed moved --images images --out moved_features
cmp -s features.npy moved_features.npy || fail "a checkpoint by itself gives other features"

# --- PyTorch's own word. Its wheel is that of LibTorch; what it lacks of CUDA is stood in for.
[ $failed -eq 0 ] || exit 1
case $(python3 -c 'import sys; print(sys.version_info[:2])') in
  "(3, 11)") ;;
  *) echo "not compared with timm: LibTorch's wheel is for Python 3.11, and python3 is $(python3 --version)" && exit $failed ;;
esac
python3 "$source/tests/scripts/cuda_stand_ins.py" "$torch/lib" stand_ins >out 2>err || fail "the stand-ins"
export LD_LIBRARY_PATH="$scratch/stand_ins" PYTHONPATH="$source/.deps/test-packages:${torch%/torch}"
python3 "$source/tests/scripts/compare_features.py" timm timm.safetensors trained/config.json features.npy 2>err || fail "timm gives other features"
cat >residual.json <<'END'
{
  "plugins": ["simclr.so", "backbones.so"],
  "model": { "backbone": { "type": "ResNet", "depth": 18, "stem": "imagenet", "stem_channels": 64, "base_channels": 64, "stage_blocks": [2, 2, 2, 2] }, "neck": { "in_channels": 512 } },
  "train_dataloader": { "batch_size": 4, "num_workers": 1, "dataset": { "type": "shapes", "size": 8, "image_size": 32 } },
  "train_cfg": { "max_epochs": 1 },
  "randomness": { "seed": 3 }
}
END
(
  unset LD_LIBRARY_PATH PYTHONPATH
  run 0 residual.json --work-dir residual
  run 0 export --format torchvision residual residual.safetensors
  run 0 embed residual --images images --out residual_features
  exit $failed
) || failed=1
python3 "$source/tests/scripts/compare_features.py" torchvision residual.safetensors residual/config.json residual_features.npy 2>err ||
  fail "torchvision gives other features"
python3 - <<'PYTHON' 2>err || fail "torch reads the export"
import torch
from safetensors.torch import load_file
weights = load_file("all.safetensors")
torch.save({"meta": {"epoch": 2}, "state_dict": {"module." + k: v for k, v in weights.items()}}, "mm.pth")
torch.save({"model": {k: v for k, v in load_file("timm.safetensors").items()}}, "old.pth", _use_new_zipfile_serialization=False)
PYTHON
unset LD_LIBRARY_PATH PYTHONPATH
[ "$(loaded mm.pth 2>log)" = "$saved" ] || fail "a .pth of PyTorch comes back as other weights: $(cat log)"
grep -q 'without "module."' log || fail "the prefix is not said"
loaded old.pth >/dev/null 2>log
grep -q 'by the names of timm' log || fail "an old .pth by timm's names: $(cat log)"
exit $failed
