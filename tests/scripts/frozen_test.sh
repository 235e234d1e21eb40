#!/bin/sh
# lr_mult 0 freezes what it is for: nothing of it changes, nothing of it is saved beside its values, and the log says so. The keys that
# a plugin brings by itself give way. frozen_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
cd "$scratch" || exit 1
key=optim_wrapper.paramwise_cfg.custom_keys

run() {
  folder=$1
  shift
  "$host" "$tiny" --work-dir "$folder" "$@" >out 2>&1
}
# same FOLDER: what has changed from its first checkpoint to its last, and whose state is kept.
looks() {
  python3 - "$1" <<'END_OF_FILE'
import json, struct, sys
from pathlib import Path

def tensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    names = json.loads(data[8:8 + size])
    return {n: data[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]] for n, t in names.items() if n != "__metadata__"}

folder = Path(sys.argv[1]) / "checkpoints"
first, last = (tensors(folder / name / "model.safetensors") for name in ("epoch_1", "epoch_2"))
kept = {name.rsplit("/", 1)[0] for name in tensors(folder / "epoch_2/optimizer.safetensors")}
part = lambda names: " ".join(sorted({name.split(".")[0] for name in names}))
print("changed:", part(n for n in first if first[n] != last[n]))
print("state:", part(kept))
print("token:", "moves" if first["backbone.cls_token"] != last["backbone.cls_token"] else "stands")
END_OF_FILE
}

run plain || fail "the run without rules"
grep -q "frozen by" out && fail "a run without rules has something frozen"
looks plain >seen
grep -qx "changed: backbone neck" seen || fail "without rules: $(cat seen)"
grep -qx "state: backbone neck" seen || fail "without rules: $(cat seen)"

run frozen --cfg-options "$key.backbone.lr_mult=0" || fail "the run with a frozen backbone"
grep -q "frozen by lr_mult 0 (optim_wrapper.paramwise_cfg): .* tensors with .* numbers: backbone (" out || fail "the log does not say what is frozen"
frozen=$(sed -n 's/.*model: .* parameters, \([0-9]*\) of them frozen.*/\1/p' out)
[ "${frozen:-0}" -gt 5000 ] || fail "the table of parameters has $frozen frozen"
looks frozen >seen
grep -qx "changed: neck" seen || fail "a frozen backbone: $(cat seen)"
grep -qx "state: neck" seen || fail "a frozen backbone: $(cat seen)"
grep -qx "token: stands" seen || fail "the default rule for the class token wins: $(cat seen)"

# The resolved file, in which all keys are the user's, is the same run; a longer key of the user's own is not.
"$host" frozen/config.json --work-dir again >out 2>&1 || fail "the run of the resolved file"
cmp -s frozen/checkpoints/epoch_2/model.safetensors again/checkpoints/epoch_2/model.safetensors || fail "the resolved file is another run"
run token --cfg-options "$key.backbone.lr_mult=0" "$key.cls_token.lr_mult=1" || fail "the run with a trained token"
looks token >seen
grep -qx "token: moves" seen || fail "the user's longer key does not win: $(cat seen)"

# Stopped and resumed it is the same. What was trained until now may be frozen from now on, and the other way round.
cp -R frozen half
run half --resume=half/checkpoints/epoch_1 --cfg-options "$key.backbone.lr_mult=0" || fail "the second half"
cmp -s frozen/checkpoints/epoch_2/optimizer.safetensors half/checkpoints/epoch_2/optimizer.safetensors || fail "resumed, it is another run"
run plain --resume --cfg-options "$key.backbone.lr_mult=0" train_cfg.max_epochs=3 || fail "a state of what is frozen now"
grep -q "tensors of the optimizer's state are left: their parameters are frozen now" out || fail "a state of what is frozen now: not said"
cmp -s plain/checkpoints/epoch_2/model.safetensors plain/checkpoints/epoch_3/model.safetensors && fail "freezing one part stops all"
run half --resume --cfg-options train_cfg.max_epochs=3 || fail "training what was frozen"
grep -q "tensors of the optimizer's state begin anew" out || fail "a state that was not there: not said"
exit $failed
