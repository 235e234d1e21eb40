#!/bin/sh
# A momentum teacher with a queue of keys and two views trains 20 steps. After each of them the checkpoint shows what teacher and queue
# did; and a run that SIGTERM stops half-way and that goes on with another number of workers ends with the same bytes.
#   momentum_test.sh BUILD_FOLDER MOMENTUM_CONTRAST_PLUGIN
set -eu

host=$1/bin/selfsup-host
plugin=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# Epochs end in a batch of 4, so the queue of 32 wraps in the middle of a batch.
cat >run.json <<'END_OF_FILE'
{
  "model": { "queue_len": 32, "momentum": 0.9 },
  "train_dataloader": { "batch_size": 12, "dataset": { "type": "shapes", "size": 40, "image_size": 16 } },
  "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 0.01, "weight_decay": 0.05 } },
  "train_cfg": { "max_iters": 20 },
  "default_hooks": { "logger": { "interval": 1 }, "checkpoint": { "interval": 1, "by_epoch": false, "max_keep_ckpts": -1 } },
  "randomness": { "seed": 3 },
  "env_cfg": { "num_threads": 1 }
}
END_OF_FILE

fail() {
  echo "momentum_test: $*"
  tail -n 20 log
  exit 1
}

# run FOLDER WORKERS [COMMAND that runs the host…]
run() {
  folder=$1 workers=$2
  shift 2
  "$@" "$host" --plugin "$plugin" run.json --work-dir "$folder" --resume --cfg-options "train_dataloader.num_workers=$workers" >>log 2>&1
}

digest() { (cd "$1/checkpoints/iter_20" && sha256sum ./*.safetensors state/*) }

run straight 0 || fail "the run that nobody stops failed"
digest straight >expected || fail "a file of the checkpoint is missing"
python3 - straight <<'END_OF_FILE' || fail "the teacher or its queue did not do what they should"
import array, json, math, struct, sys

def load(path):
    with open(path, "rb") as file:
        data = file.read()
    size, = struct.unpack_from("<Q", data)
    values = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            values[name] = array.array({"F32": "f", "I64": "q"}[entry["dtype"]], data[8 + size + first:8 + size + last])
    return values

def apart(a, b):
    assert len(a) == len(b)
    return max(abs(x - y) for x, y in zip(a, b))

folder, dim, queue, batches = sys.argv[1] + "/checkpoints/iter_", 16, 32, [12, 12, 12, 4]
momentum, lr, weight_decay = 0.9, 0.01, 0.05
trained = {name.rsplit("/", 1)[0] for name in load(folder + "20/optimizer.safetensors")}
assert any(name.startswith("backbone.") for name in trained) and any(name.startswith("neck.") for name in trained), trained
assert not any(name.startswith("teacher.") for name in trained), "the teacher has an optimizer state"

place, old = 0, None
for step in range(1, 21):
    now = load(f"{folder}{step}/model.safetensors")
    teacher = {name[8:]: values for name, values in now.items() if name.startswith("teacher.")}
    student = {name: values for name, values in now.items() if name in teacher}
    assert len(student) == len(teacher) == len(now) // 2, "every tensor of the student has a twin"
    for name, values in teacher.items():
        if name not in trained:  # what gradients do not move is copied
            assert values == student[name], (step, name)
        elif old:
            moved = [momentum * t + (1 - momentum) * s for t, s in zip(old["teacher." + name], student[name])]
            assert apart(values, moved) < 1e-6, (step, name, apart(values, moved))
        else:  # it began as the student, who went no further in its first step than AdamW goes
            assert apart(values, student[name]) <= 1.1 * momentum * lr * (1 + weight_decay), (name, apart(values, student[name]))

    keys = [now["queue"][i * dim:(i + 1) * dim] for i in range(queue)]
    assert all(abs(sum(x * x for x in key) - 1) < 1e-5 for key in keys), f"step {step}: a key is no unit vector"
    fresh = {(place + i) % queue for i in range(batches[(step - 1) % 4])}
    place = (place + batches[(step - 1) % 4]) % queue
    if old:
        changed = {i for i in range(queue) if keys[i] != old["queue"][i * dim:(i + 1) * dim]}
        assert changed == fresh, f"step {step}: the keys {sorted(changed)} changed, expected {sorted(fresh)}"
    old = now
assert max(apart(old["teacher." + name], old[name]) for name in trained) > 1e-2, "the teacher is the student"

steps = [json.loads(line) for line in open(sys.argv[1] + "/metrics.jsonl")]
assert len(steps) == 20 and all(math.isfinite(s["loss"]) for s in steps)
assert all(0 < s["gain_gap"] < 0.8 for s in steps), "the views' fields"
END_OF_FILE

# SIGTERM comes while the seventh iteration is saved; the eighth is finished, saved, and the last.
rc=0
run stopped 1 strace -o /dev/null -P iter_7 -e trace=renameat,renameat2 -e inject=renameat,renameat2:signal=TERM || rc=$?
[ "$rc" -eq 75 ] || fail "SIGTERM ends a run with $rc, not 75"
run stopped 2 || fail "the resumed run failed"
grep -q 'resuming from stopped/checkpoints/iter_8' log || fail "the run was not resumed from iteration 8"
digest stopped >got
cmp -s expected got || fail "a run that was stopped ended with other tensors than the one that was not"
