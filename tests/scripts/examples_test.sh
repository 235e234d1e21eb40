#!/bin/sh
# Each of sdk/examples trains: its loss falls or stays finite, as it should; its metrics say what it did; and a run that goes on from the
# middle, with other workers, ends with the bytes of the one that was not stopped. examples_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
plugins=$1/tests/plugins
cd "$scratch" || exit 1

cat >run.json <<'END'
{
  "train_dataloader": { "dataset": { "type": "shapes", "size": 40, "image_size": 16 } },
  "train_cfg": { "max_iters": 8 },
  "default_hooks": { "logger": { "interval": 1 }, "checkpoint": { "interval": 1, "by_epoch": false, "max_keep_ckpts": -1 } },
  "randomness": { "seed": 5 },
  "env_cfg": { "num_threads": 1 }
}
END

# The files of the last checkpoint, without its folder's name.
digest() { (cd "$1/checkpoints/iter_8" && find . -name '*.safetensors' -o -path './state/*' -type f | LC_ALL=C sort | xargs sha256sum); }

# train NAME PLUGIN... : a run, and one that goes on from its middle.
train() {
  name=$1
  shift
  set -- "$host" --plugin "$@" "${config:-run.json}" --cfg-options
  "$@" train_dataloader.num_workers=0 --work-dir "$name" >"$scratch/out" 2>&1 || fail "$name does not train"
  mkdir -p "$name.resumed/checkpoints"
  cp -R "$name/checkpoints/iter_4" "$name.resumed/checkpoints/iter_4"
  "$@" train_dataloader.num_workers=2 --work-dir "$name.resumed" --resume >"$scratch/out" 2>&1 || fail "$name does not go on"
  grep -q 'resuming from .*iter_4' "$scratch/out" || fail "$name: the second run did not go on from iteration 4"
  digest "$name" >expected
  digest "$name.resumed" >got
  [ -s expected ] || fail "$name: the last checkpoint holds nothing"
  cmp -s expected got || fail "$name: the run that went on from its middle ended with other tensors"
}
plugin() { echo "$plugins/sdk_$1.so"; }

train masked_image "$(plugin masked_image)"
train multi_crop "$(plugin multi_crop)"
train swapped_assignment "$(plugin swapped_assignment)"
train adversarial "$(plugin adversarial)"
train token_prediction "$(plugin token_prediction)" --plugin "$(plugin tokenizer)"
train linear_autoencoder "$(plugin linear_autoencoder)"

# Views whose policies are plugins that describe edits.
view='{ "type": "RandomResizedCrop", "size": 16 }, { "type": "RandomFlip" }'
both="[$view, { \"type\": \"ContrastivePolicy\" }], [$view, { \"type\": \"SolarizedPolicy\" }]"
sed "s/\"train_dataloader\": {/& \"pipeline\": [{ \"type\": \"MultiView\", \"num_views\": [1, 1], \"transforms\": [$both] }],/" run.json >policies.json
config=policies.json train view_policies "$(plugin swapped_assignment)" --plugin "$(plugin view_policies)"

python3 - <<'END' || fail "what an algorithm says and does in its steps"
import array, glob, json, math, struct

def steps(name):
    lines = [json.loads(line) for line in open(f"{name}/metrics.jsonl")]
    found = [line for line in lines if "loss" in line]
    assert len(found) == 8 and all(math.isfinite(step["loss"]) for step in found), name
    return found

def load(name, step, file="model"):
    with open(f"{name}/checkpoints/iter_{step}/{file}.safetensors", "rb") as opened:
        data = opened.read()
    size, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    return {key: data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]]
            for key, entry in header.items() if key != "__metadata__"}

assert all(step["hidden"] == 9 / 16 for step in steps("masked_image")), "9 of 16 cells are hidden"
assert glob.glob("masked_image/**/*.png", recursive=True), "no picture of the mask and what was made of it"
assert all(step["terms"] == 2 * 5 - 2 for step in steps("multi_crop")), "each teacher view meets every other view"
assert load("multi_crop", 1)["centre"] != load("multi_crop", 2)["centre"], "the centre rests"

swapped = steps("swapped_assignment")
assert [step["queue"] for step in swapped] == [0] * 4 + [1] * 4, "the queue joins with the fifth update"
assert [step["frozen"] for step in swapped] == [1] * 3 + [0] * 5, "prototypes rest for three updates"
prototypes = [array.array("f", load("swapped_assignment", step)["prototypes.weight"]) for step in range(1, 9)]
moved = [max(abs(x - y) for x, y in zip(a, b)) for a, b in zip(prototypes, prototypes[1:])]
assert all(step < 1e-6 for step in moved[:2]) and all(step > 1e-4 for step in moved[2:]), f"prototypes moved by {moved}"
rows = prototypes[2]
lengths = [math.sqrt(sum(x * x for x in rows[i:i + 16])) for i in range(0, len(rows), 16)]
assert len(lengths) == 12 and all(abs(length - 1) < 1e-5 for length in lengths), "prototypes are unit vectors"

assert any(step["clipped"] > 0 for step in steps("adversarial")), "no parameter was clipped"
first, last, names = load("token_prediction", 1), load("token_prediction", 8), steps("token_prediction")
resting = {name for name in first if first[name] == last[name]}
assert resting == {"backbone.patch_embed.projection.weight", "tokenizer.codes"}, resting
trained = {name.rsplit("/", 1)[0] for name in load("token_prediction", 8, "optimizer")}
assert trained == first.keys() - resting, trained
assert steps("linear_autoencoder")[-1]["loss"] < steps("linear_autoencoder")[0]["loss"], "the loss of the C plugin"
END
exit $failed
