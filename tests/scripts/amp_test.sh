#!/bin/sh
# Mixed precision in the program: --amp and its spelling in a configuration are one thing, the loss falls, what is saved is F32, and a
# resumed run ends with the bytes of the one that was not stopped. amp_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
cd "$scratch" || exit 1

# run FOLDER ARGUMENTS...: 30 iterations, ten of them an epoch.
run() {
  folder=$1
  shift
  "$host" "$tiny" --work-dir "$folder" --device cpu "$@" --cfg-options train_cfg.max_epochs=3 train_dataloader.dataset.size=80 \
    optim_wrapper.optimizer.lr=0.003 default_hooks.checkpoint.max_keep_ckpts=-1 >out 2>&1
}
digest() { (cd "$1/checkpoints/epoch_3" && sha256sum ./*.safetensors); }
echo "{ \"_base_\": \"$tiny\", \"optim_wrapper\": { \"type\": \"AmpOptimWrapper\", \"dtype\": \"bfloat16\" } }" >spelled.json

run full || fail "a run in full precision: exit $?"
run flag --amp || fail "--amp: exit $?"
tiny=$PWD/spelled.json
run spelled || fail "AmpOptimWrapper: exit $?"
[ "$(digest flag)" = "$(digest spelled)" ] || fail "--amp and AmpOptimWrapper with bfloat16 are two runs"
run resumed --resume flag/checkpoints/epoch_1 || fail "resuming: exit $?"
grep -q 'iteration 10 of 30' out || fail "resumed elsewhere: $(grep resuming out)"
[ "$(digest flag)" = "$(digest resumed)" ] || fail "a resumed run in mixed precision ends with other bytes"

python3 - <<'END' || fail "what the runs did"
import json, struct
full, amp = ([json.loads(line)["loss"] for line in open(name + "/metrics.jsonl")] for name in ("full", "flag"))
assert len(full) == len(amp) == 30
for loss in (full, amp):
    assert sum(loss[-5:]) < 0.9 * sum(loss[:5]), loss
apart = max(abs(a - b) / b for a, b in zip(amp, full))
assert 1e-6 < apart < 0.05, f"the losses of both precisions are {apart} apart"  # bfloat16 has 8 bits
for file in ("model", "optimizer"):
    with open(f"flag/checkpoints/epoch_3/{file}.safetensors", "rb") as data:
        header = json.loads(data.read(struct.unpack("<Q", data.read(8))[0]))
    header.pop("__metadata__", None)
    assert header and {entry["dtype"] for name, entry in header.items() if not name.endswith("/step")} == {"F32"}, header
END
exit $failed
