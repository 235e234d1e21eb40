#!/bin/sh
# What the commands beside training print: config, validate, env, list, inspect. commands_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tests=$(cd "$(dirname "$0")" && pwd)
cd "$scratch" || exit 1
run() { "$host" "$@" >out 2>err; }

# config: standard output is JSON alone, and training it gives the same; --sources says of each layer what came from it.
cat >child.json <<END_OF_FILE
{ "_base_": "$tests/tiny.json", "train_cfg": { "max_epochs": 3 },
  "default_scope": "mmselfsup" }
END_OF_FILE
run config child.json --seed 9 --cfg-options train_dataloader.batch_size=4 || fail "config: exit $?"
grep -q 'without effect here: default_scope' err || fail "config: does not name the key that is without effect"
cp out resolved.json
run config resolved.json || fail "config of its own output: exit $?"
cmp -s out resolved.json || fail "config of its own output gives another"
run config child.json --sources --seed 9 --cfg-options train_dataloader.batch_size=4 || fail "config --sources: exit $?"
# from KEY PATTERN: the key's line ends with its source in brackets.
from() { grep -q "^$1 = .*($2)\$" out || fail "--sources: $1 is not from $2: $(grep "^$1 = " out)"; }
from train_cfg.max_epochs 'child.json:1:.*'
from env_cfg.num_threads "base $tests/tiny.json:[0-9]*:.*"
from train_dataloader.batch_size '--cfg-options train_dataloader.batch_size=4'
from randomness.seed '--seed'
from model.head.norm_pix 'plugin .*'
from train_dataloader.drop_last 'the default'

# validate: everything up to the first batch, and nothing is written.
run validate child.json || fail "validate: exit $?"
grep -q 'child.json is valid; loss of the first batch: [0-9.]*$' err || fail "validate: does not say what it found"
mkdir images && echo "not an image" >images/a.jpg
# Its loss is the one that training starts with, mixed precision included, and the probe is asked too.
for amp in "" --amp; do
  run validate child.json $amp || fail "validate $amp: exit $?"
  validated=$(sed -n 's/.*loss of the first batch: //p' err)
  run child.json $amp --work-dir "rehearsed$amp" --cfg-options 'train_cfg={"_delete_": true, "max_iters": 1}' || fail "train $amp"
  grep -q "loss: $validated\$" err || fail "validate $amp: $validated is not the first loss of training"
  losses="${losses:-} $validated"
done
[ "${losses%% *}" != "${losses##* }" ] || fail "validate: the loss is the same with mixed precision:$losses"
set -- --cfg-options 'probe={"dataset": {"type": "shapes", "size": 8, "image_size": 32}, "test_dataset": {"type": "shapes", "size": 8, "image_size": 32}}'
run validate child.json "$@" probe.feature=nope && fail "validate: features that there are not are valid"
grep -q nope err || fail "validate: does not name the features that there are not"
run validate child.json --cfg-options 'train_dataloader.dataset={"type": "image_folder", "data_root": "images"}'
[ $? -eq 4 ] || fail "validate: a first batch of bad images is not exit 4"
run validate child.json --cfg-options 'train_dataloader.dataset={"type": "image_folder", "data_root": "nowhere"}'
[ $? -eq 4 ] || fail "validate: a data set that is not there is not exit 4"
grep -q nowhere err || fail "validate: does not name the data set that is not there"
run validate child.json --cfg-options model.backbone.patch_size=7 && fail "validate: patches that do not fit are valid"
[ ! -e work_dirs ] || fail "validate made a work folder"

run env || fail "env: exit $?"
for line in selfsup-host SDK LibTorch CPU 'cores allowed' threads; do
  grep -q "^$line: [^ ]" out || fail "env: no line '$line'"
done

# Threads that wait spin for a short while only, unless the environment says how long.
OMP_DISPLAY_ENV=verbose run env
grep -q "GOMP_SPINCOUNT = '10000'" out err || fail "env: libgomp spins as long as it likes"
OMP_DISPLAY_ENV=verbose GOMP_SPINCOUNT=77 run env
grep -q "GOMP_SPINCOUNT = '77'" out err || fail "env: GOMP_SPINCOUNT is not left to the user"

# The log of a run begins with it; the threads are that run's.
sed "/^ranks:/,\$d" out >environment # that of several ranks is in theirs
run train child.json --work-dir run --cfg-options train_cfg.max_epochs=1 || fail "a run: exit $?"
sed '1s/.* - INFO - //' run/run.log | head -n "$(wc -l <environment)" | sed 's/^threads: .*/threads: 1/' >logged
sed 's/^threads: .*/threads: 1/' environment | cmp -s - logged || fail "run.log does not begin with what env prints: $(cat logged)"

# threads WORDS...: the threads of `env` run with these words before it.
threads() { env -u OMP_NUM_THREADS "$@" "$host" env 2>err | sed -n 's/^threads: //p'; }
[ "$(threads taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')")" = 1 ] || fail "env: a process of one core has not one thread"
[ "$(threads OMP_NUM_THREADS=3)" = 3 ] || fail "env: OMP_NUM_THREADS is not honoured"
run validate child.json --cfg-options env_cfg.num_threads=$(($(nproc --all) + 1)) || fail "validate: exit $?"
[ "$(grep -c '^warning: .* lower env_cfg.num_threads$' err)" -eq 1 ] || fail "more threads than cores: not one warning"

# What cannot be written is an error.
for words in --version --help list "inspect mae.so" "inspect mae.so --schema" env "config child.json"; do
  # shellcheck disable=SC2086
  "$host" $words >/dev/full 2>err
  [ $? -eq 5 ] || fail "$words: standard output that is full is not exit 5"
  grep -q '^error: cannot write to standard output: No space left on device$' err || fail "$words: does not say what is full"
done

# The options of --help work with every configuration that is shipped.
options=$("$host" --help | sed -n 's/.*override keys: //p')
for config in "$tests"/../../configs/*.json; do
  plugin=$(grep -q '"plugins"' "$config" || echo "--plugin mae.so")
  # shellcheck disable=SC2086
  run config "$config" $plugin --cfg-options $options param_scheduler.0.begin=0 || fail "$options: refused with $config"
done

run list --json || fail "list --json: exit $?"
python3 - <<'END_OF_FILE' || fail "list --json: $(cat out)"
import json
listed = {plugin["id"]: plugin for plugin in json.load(open("out"))["plugins"]}
mae = next(plugin for plugin in listed.values() if ["ssp.algorithm/0", "MAE"] in plugin["provides"])
assert mae["loads_here"] is True and mae["problem"] is None
assert all(need["served_by"] for need in mae["needs"]) and mae["needs"]
END_OF_FILE
run inspect mae.so --json || fail "inspect --json: exit $?"
python3 -c 'import hashlib, json; plugin = json.load(open("out"))
assert plugin["sha256"] == hashlib.sha256(open(plugin["path"], "rb").read()).hexdigest()' || fail "inspect --json: $(cat out)"

# inspect --schema: the keys that a plugin takes.
run inspect mae.so --schema || fail "inspect --schema: exit $?"
python3 - <<'END_OF_FILE' || fail "inspect --schema: $(cat out)"
import json
keys = json.load(open("out"))["ssp.algorithm/0:MAE"]["properties"]
assert {"backbone", "neck", "head"} <= set(keys)
assert "mask_ratio" in keys["backbone"]["x-ssp-claims"]
END_OF_FILE
exit $failed
