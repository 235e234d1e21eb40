#!/bin/sh
# Wrong configurations are refused with exit 2 and the key's name before a device is touched: the device that all of these ask for is
# not there, and nobody hears of it. Then one typo of every key of the shipped configurations. refusal_test.sh BUILD_FOLDER SOURCE
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
source=$2
tiny=$source/tests/scripts/tiny.json
cd "$scratch" || exit 1
# refused NAME TEXT WORDS...: the host with these words ends with 2 and says TEXT.
refused() {
  name=$1 text=$2
  shift 2
  CUDA_VISIBLE_DEVICES=-1 "$host" "$@" --device cuda --work-dir run >out 2>&1
  rc=$?
  [ $rc -eq 2 ] || fail "$name: exit $rc"
  grep -qF -- "$text" out || fail "$name: the message lacks '$text'"
  [ ! -e run ] || fail "$name: the work folder is there"
}
# wrong NAME TEXT JSON: a file that says JSON, over tiny.json.
wrong() {
  printf '{ "_base_": "%s", %s }' "$tiny" "$3" >wrong.json
  refused "$1" "wrong.json:1:" wrong.json
  grep -qF -- "$2" out || fail "$1: the message lacks '$2'"
}

refused "no device" "cuda" "$tiny"
wrong "another type" "train_dataloader.batch_size: expected integer, found string" '"train_dataloader": { "batch_size": "8" }'
wrong "out of range" "env_cfg.num_threads: expected at least 1, found 0" '"env_cfg": { "num_threads": 0 }'
wrong "a plugin's range" "model.backbone.mask_ratio: expected at most" '"model": { "backbone": { "mask_ratio": 1.5 } }'
wrong "none of the choices" "'IterBasedTrainLoop'" '"train_cfg": { "type": "IterBasedTrainLop" }'
wrong "a component that nobody brings" "'AdamW'" '"optim_wrapper": { "optimizer": { "type": "AdmaW", "lr": 1 } }'
wrong "a transform's key" "train_dataloader.dataset.pipeline.0.siz" \
  '"train_dataloader": { "dataset": { "pipeline": [{ "type": "RandomCrop", "siz": 32 }] } }'
wrong "a key twice" 'found "max_epochs" again' '"train_cfg": { "max_epochs": 2, "max_epochs": 3 }'
wrong "trailing comma" "expected a key" '"train_cfg": { "max_epochs": 2, }'
wrong "bad UTF-8" "expected UTF-8" "\"work_dir\": \"$(printf '\377')\""
wrong "deep nesting" "at most 64 levels" "\"model\": $(printf '%5000s' '' | tr ' ' '[')"
for key in clip_grad.max_norm clip_grad.norm_type optimizer.lr optimizer.weight_decay optimizer.eps loss_scale; do
  refused "a number that no float holds" "optim_wrapper.$key: expected a number of single precision" "$tiny" --cfg-options "optim_wrapper.$key=1e39"
done
wrong "both lengths" "train_cfg.max_iters: excludes max_epochs" '"train_cfg": { "max_iters": 2 }'
head -c 1100000 /dev/zero | tr '\0' ' ' >long.json
refused "an over-long file" "long.json: expected at most" long.json
echo '{ "_base_": "b.json" }' >a.json
echo '{ "_base_": "a.json" }' >b.json
refused "a circle" "b.json:1:13: _base_: it goes in a circle: $PWD/a.json -> $PWD/b.json -> $PWD/a.json" a.json
echo '{ "_base_": "nowhere.json" }' >c.json
refused "a base that is missing" "c.json:1:13: _base_: there is no configuration file nowhere.json" c.json
refused "a file that is missing" "there is no configuration file nowhere.json" nowhere.json
refused "a plugin that is missing" "--plugin nowhere.so: no nowhere.so in" --plugin nowhere.so "$tiny"
wrong "a plugin of the file that is missing" "plugins.0: no nowhere.so in" '"plugins": ["nowhere.so"]'
wrong "a plugin that is no name" "plugins.0: expected string, found integer 3" '"plugins": [3]'
wrong "a model that is none" "model: expected object, found integer 3" '"model": 3'
wrong "a model that is null" "model: expected object, found null" '"model": null'
wrong "an algorithm with a typo" 'model.type: no loaded plugin provides ssp.algorithm/0 "MEA"' '"model": { "type": "MEA" }'
wrong "an answer to _delete_" "train_cfg._delete_: expected true or false, found 1" '"train_cfg": { "_delete_": 1 }'
wrong "no begin of a schedule" "param_scheduler.1.begin: expected less than end (2)" \
  '"param_scheduler": [{ "type": "ConstantLR" }, { "type": "LinearLR", "begin": 5, "end": 2 }]' # refused once the length is known
echo '{ "plugin": ["mae.so"] }' >plugin.json
refused "a typo of plugins" "plugin.json:1:13: plugin: no such key; did you mean 'plugins'?" plugin.json
echo '{ "train_cfg": { "max_epochs": 1 } }' >no_data.json
refused "no data set" "no_data.json:1:1: train_dataloader: 'dataset' is missing" --plugin mae.so no_data.json
refused "plugins without an algorithm" "(backbones.so); name one that does with --plugin: here are mae.so" --plugin backbones.so no_data.json
refused "an empty work folder" "--work-dir needs a value" "$tiny" --work-dir ""
mkfifo pipe
refused "a pipe" "pipe is not a regular file, from which alone" pipe

# However many keys there are, and however long they are: soon, in few words.
python3 - <<'END_OF_FILE'
import json
def write(name, **members):
    json.dump({"plugins": ["mae.so"], **members}, open(name, "w"))
write("many.json", **{f"max_epoch{i}": i for i in range(20000)})
write("some.json", **{f"max_epoch{i}": i for i in range(900)})
write("long_key.json", **{"k" * 1000000: 1})
write("list.json", param_scheduler=[{"tpye": "LinearLR"}] * 40000)
END_OF_FILE
for file in many some long_key list; do
  CUDA_VISIBLE_DEVICES=-1 timeout 10 "$host" "$file.json" --device cuda --work-dir run >out 2>&1
  [ $? -eq 2 ] || fail "$file.json: not exit 2 within 10 seconds"
  [ "$(wc -c <out)" -lt 10000 ] || fail "$file.json: a message of $(wc -c <out) bytes"
done
refused "an option's key" "did you mean 'max_epochs'?" "$tiny" --cfg-options train_cfg.max_epoch=3
refused "an option's value" "train_cfg.max_epochs: expected integer" "$tiny" --cfg-options train_cfg.max_epochs=3.5
refused "nothing to scale by" "auto_scale_lr.base_batch_size" "$tiny" --auto-scale-lr --cfg-options 'auto_scale_lr={"_delete_": true}'

# Many typos a start, so that it takes seconds: none above another, and one to an object.
python3 - "$host" "$source"/configs/*.json <<'END_OF_FILE' || fail "typos"
import json, random, re, subprocess, sys

host, *configs = sys.argv[1:]
rng = random.Random(5)
made, missed = 0, []


def places(node, path=()):
    """(path of an object, key) wherever the spelling counts: not the names of parameters."""
    members = enumerate(node) if isinstance(node, list) else node.items() if isinstance(node, dict) else []
    for key, member in members:
        if isinstance(node, dict) and path[-1:] != ("custom_keys",):
            yield path, key
        yield from places(member, path + (key,))


def apart(a, b):
    """Neither typo hides the object of the other, or changes who checks it: no `plugins`, no plugin's schema."""
    for (path, key), (other, _) in ((a, b), (b, a)):
        if other[:len(path)] == path and (key in ("type", "plugins") or other == path or other[len(path)] == key):
            return False
    return True


def typo(key):
    at, letter = rng.randrange(len(key)), rng.choice("abcdefghijklmnopqrstuvwxyz")
    return rng.choice([key[:at] + key[at + 1:], key[:at] + letter + key[at:], key[:at] + letter + key[at + 1:],
                       key[:at] + key[at + 1:at + 2] + key[at:at + 1] + key[at + 2:]])


for path in configs:
    text = re.sub(r"^\s*//.*", "", open(path).read(), flags=re.M)
    waiting = list(places(json.loads(text)))
    assert len(waiting) > 5, path
    while waiting:
        batch = []
        for place in waiting:
            if len(batch) < 8 and all(apart(place, other) for other in batch):
                batch.append(place)
        waiting = [place for place in waiting if place not in batch]
        config, wanted = json.loads(text), []
        for where, key in sorted(batch, key=lambda place: -len(place[0])):
            node = config
            for part in where:
                node = node[part]
            wrong = typo(key)
            while not wrong or wrong in node:
                wrong = typo(key)
            node[wrong] = node.pop(key)
            wanted.append(f"{'.'.join(map(str, where + (wrong,)))}: no such key; did you mean '{key}'?")
        json.dump(config, open("typo.json", "w"))
        plugin = [] if "plugins" in json.loads(text) else ["--plugin", "mae.so"]
        run = subprocess.run([host, "config", *plugin, "typo.json"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert run.returncode == 2, (path, wanted, run.returncode, run.stderr)
        made += len(wanted)
        missed += [(want, run.stderr) for want in wanted if want not in run.stderr]
print(f"{made} typos, {len(missed)} of them not understood:", *(want for want, _ in missed), sep="\n  ")
sys.exit(made < 150 or len(missed) > 0.05 * made)
END_OF_FILE
exit $failed
