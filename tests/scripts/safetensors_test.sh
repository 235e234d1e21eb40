#!/bin/sh
# Python's `safetensors` reads what a run saved, and the run takes what it writes. safetensors_test.sh BUILD_FOLDER SOURCE_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$2/tests/scripts/tiny.json
cd "$scratch" || exit 1
export PYTHONPATH="$2/.deps/test-packages"
python3 -c 'import numpy, safetensors' 2>/dev/null || {
  echo "FAILED: python3 finds no numpy and safetensors in $PYTHONPATH; \`sh scripts/setup.sh --tests\` puts them there"
  exit 1
}

"$host" "$tiny" --work-dir run >out 2>&1 || fail "a run: $(tail -n 5 out)"
python3 - <<'END' || fail "reading with safetensors"
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

folder = "run/checkpoints/epoch_2/"
model, optimizer = load_file(folder + "model.safetensors"), load_file(folder + "optimizer.safetensors")
with safe_open(folder + "model.safetensors", framework="np") as file:
    assert file.metadata() == {"format": "pt"}, file.metadata()
    assert set(file.keys()) == set(model)

# The sizes of tiny.json: 16 patches of 8 x 8 x 3, 32 wide, one block on either side.
shapes = {"backbone.cls_token": (1, 1, 32), "backbone.pos_embed": (1, 17, 32), "backbone.patch_embed.projection.weight": (32, 3, 8, 8),
          "backbone.layers.0.attn.qkv.weight": (96, 32), "backbone.layers.0.ffn.layers.0.0.weight": (64, 32), "backbone.ln1.bias": (32,),
          "neck.mask_token": (1, 1, 32), "neck.decoder_pos_embed": (1, 17, 32), "neck.decoder_blocks.0.attn.proj.bias": (32,),
          "neck.decoder_pred.weight": (192, 32)}
for name, shape in shapes.items():
    assert model[name].shape == shape, (name, model[name].shape)
assert all(t.dtype == np.float32 and np.isfinite(t).all() for t in model.values())

state = {}
for name, tensor in optimizer.items():
    parameter, field = name.rsplit("/", 1)
    state.setdefault(parameter, {})[field] = tensor
assert set(state) == set(model) - {"backbone.pos_embed", "neck.decoder_pos_embed"}, set(model) ^ set(state)
for parameter, fields in state.items():
    assert {"exp_avg", "exp_avg_sq"} <= set(fields), (parameter, set(fields))
    for field in ("exp_avg", "exp_avg_sq"):
        assert fields[field].dtype == np.float32 and fields[field].shape == model[parameter].shape, (parameter, field)
    assert fields["exp_avg_sq"].max() > 0, parameter

save_file(dict(reversed(model.items())), "same.safetensors")
save_file({name: np.full_like(t, 0.01) for name, t in model.items()}, "other.safetensors")
END

# digest NAME WEIGHTS: of the run NAME that begins with them.
digest() {
  "$host" "$tiny" --work-dir "$1" --load-from "$2" >out 2>&1 || fail "--load-from $2: $(tail -n 5 out)"
  grep -q "weights of $2: [1-9][0-9]* tensors match, 0 are missing, 0 are unexpected" out || fail "--load-from $2: $(grep weights out)"
  (cd "$1/checkpoints/epoch_2" && sha256sum ./*.safetensors)
}
saved=$(digest from_checkpoint run/checkpoints/epoch_2)
[ "$(digest from_python same.safetensors)" = "$saved" ] || fail "the same weights, written by Python, begin another run"
[ "$(digest from_other other.safetensors)" != "$saved" ] || fail "other weights begin the same run"
exit $failed
