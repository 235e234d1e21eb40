#!/bin/sh
# `init_cfg` of type Pretrained, as MMSelfSup's configurations have it: the component begins with the file's weights, and the others as
# they are made. pretrained_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
cd "$scratch" || exit 1

# A run that changes nothing saves what it began with.
run() {
  folder=$1
  shift
  "$host" "$tiny" --work-dir "$folder" --cfg-options optim_wrapper.optimizer.lr=0 train_cfg.max_epochs=1 "$@" >out 2>&1
}
"$host" "$tiny" --work-dir teacher --seed 9 >out 2>&1 || fail "the run that makes the weights"
"$host" export --format mmselfsup teacher teacher.safetensors >out 2>&1 || fail "the export"
run fresh || fail "the run without weights"
run no_prefix 'model.backbone.init_cfg={"type": "Pretrained", "checkpoint": "teacher.safetensors", "prefix": null}' || fail "a prefix of None"
run begun 'model.backbone.init_cfg={"type": "Pretrained", "checkpoint": "teacher.safetensors", "prefix": "backbone."}' || fail "the run with weights"
grep -q "weights of teacher.safetensors: .* tensors match, 0 are missing, 0 are unexpected" out || fail "the log does not say what was taken"
run listed 'model.backbone.init_cfg=[{"type": "Pretrained", "checkpoint": "teacher"}]' || fail "a work folder, in a list"
run whole 'model.init_cfg={"type": "Pretrained", "checkpoint": "teacher.safetensors"}' || fail "weights of the whole model"
python3 - <<'END_OF_FILE' || fail "values"
import json, struct, sys
from pathlib import Path

def tensors(folder):
    data = next(Path(folder, "checkpoints").glob("epoch_*/model.safetensors")).read_bytes() if folder != "teacher" else \
        Path(folder, "checkpoints/epoch_2/model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return {n: data[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]] for n, t in json.loads(data[8:8 + size]).items() if n != "__metadata__"}

teacher, fresh = tensors("teacher"), tensors("fresh")
for folder, of_teacher in ("begun", ("backbone",)), ("listed", ("backbone",)), ("whole", ("backbone", "neck")):
    for name, value in tensors(folder).items():
        expected = teacher if name.split(".")[0] in of_teacher else fresh
        if value != expected[name]:
            sys.exit(f"{folder}: {name} is not that of the {'file' if expected is teacher else 'seed'}")
END_OF_FILE

# The resolved file says it too; who only looks at the result needs no file.
grep -q '"checkpoint": "teacher.safetensors"' begun/config.json || fail "config.json lacks it"
mv teacher.safetensors gone.safetensors
"$host" embed begun --out features >out 2>&1 || fail "a trained model asks for what it began with"
run again 'model.backbone.init_cfg={"type": "Pretrained", "checkpoint": "teacher.safetensors"}'
[ $? -eq 2 ] || fail "a file that is not there: not exit 2"
grep -q "model.backbone.init_cfg.checkpoint: there is no file or folder teacher.safetensors" out || fail "a file that is not there"
run prefix 'model.backbone.init_cfg={"type": "Pretrained", "checkpoint": "gone.safetensors", "prefix": "encoder."}'
[ $? -eq 2 ] || fail "a prefix of nothing: not exit 2"
grep -q 'model.backbone.init_cfg: no name in gone.safetensors begins with the prefix "encoder."' out || fail "a prefix of nothing"
exit $failed
