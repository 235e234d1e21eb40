#!/bin/sh
# configs/shapes.json names data and nothing of an algorithm: any plugin trains on it, and the losses of ours fall.
#   shapes_test.sh BUILD_FOLDER SOURCE_FOLDER OTHER_PLUGIN
set -eu

host=$1/bin/selfsup-host
config=$2/configs/shapes.json
other=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 - "$config" <<'END_OF_FILE'
import json, re, sys
file = json.loads(re.sub(r"^\s*//.*$", "", open(sys.argv[1]).read(), flags=re.M))
shapes = {"type", "size", "image_size", "seed"}
assert set(file) == {"train_dataloader", "probe", "train_cfg"}, set(file)
assert set(file["train_dataloader"]) == {"dataset"} and set(file["train_dataloader"]["dataset"]) == shapes, file["train_dataloader"]
assert set(file["train_cfg"]) == {"max_epochs"}, file["train_cfg"]
assert set(file["probe"]) == {"dataset", "test_dataset", "few_labels"}, file["probe"]
assert all(set(file["probe"][part]) == shapes for part in ("dataset", "test_dataset")), file["probe"]
END_OF_FILE

# run FOLDER PLUGIN OPTION...: few images, a small network and no probe, so that it takes seconds.
run() {
  folder=$1 plugin=$2
  shift 2
  "$host" --plugin "$plugin" "$config" --work-dir "$work/$folder" --seed 0 --cfg-options train_dataloader.dataset.size=256 \
    train_dataloader.batch_size=32 train_cfg.max_epochs=3 probe=None default_hooks.logger.interval=1 env_cfg.num_threads=1 "$@" >"$work/log" 2>&1 || {
    echo "shapes_test: $plugin does not train on configs/shapes.json"
    tail -n 20 "$work/log"
    exit 1
  }
}

arch='model.backbone.arch={"embed_dims": 48, "num_layers": 2, "num_heads": 2, "feedforward_channels": 96}'
run mae mae.so "$arch"
run simclr simclr.so
run other "$other" "$arch"
python3 - "$work" <<'END_OF_FILE'
import json, math, sys
losses = {name: [json.loads(line)["loss"] for line in open(f"{sys.argv[1]}/{name}/metrics.jsonl")] for name in ("mae", "simclr", "other")}
for name, values in losses.items():
    assert len(values) == 24 and all(math.isfinite(loss) for loss in values), (name, values)
    first, last = sum(values[:3]) / 3, sum(values[-3:]) / 3
    assert name == "other" or last < 0.95 * first, f"the loss of {name} went from {first} to {last}"
END_OF_FILE

# An epoch of one iteration: the fitted warm-up ends, and the rate gets to where it is to be.
short="train_dataloader.dataset.size=32 train_cfg.max_epochs=10"
# shellcheck disable=SC2086 # words
run mae_short mae.so "$arch" $short
# shellcheck disable=SC2086
run simclr_short simclr.so $short
python3 - "$work" <<'END_OF_FILE'
import json, sys
for name, rate in (("mae_short", 0.002), ("simclr_short", 0.004)):
    rates = [json.loads(line)["lr"] for line in open(f"{sys.argv[1]}/{name}/metrics.jsonl")]
    assert len(rates) == 10 and rates[0] < 0.01 * rate and abs(max(rates) - rate) < 1e-9, (name, rates)
END_OF_FILE
