#!/bin/sh
# Where a run starts: --resume in all its forms, --load-from of a checkpoint and of a bare file. start_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
cd "$scratch" || exit 1
# run WORDS...: a run in `run`, which holds two checkpoints of an earlier one.
run() {
  rm -rf run && cp -R earlier run
  "$host" "$@" --work-dir run >out 2>&1
}
loss() { sed -n 's/.*"loss": *\([0-9.]*\).*/\1/p' "$1/metrics.jsonl" | head -n 1; }

"$host" "$tiny" --work-dir earlier >out 2>&1 || fail "a run"

# The word after --resume is the configuration, or any other file, unless it is `auto` or a checkpoint.
first=earlier/checkpoints/epoch_1
for words in "--resume $tiny" "$tiny --resume" "--resume auto $tiny" "--resume=auto $tiny"; do
  # shellcheck disable=SC2086
  run $words || fail "$words: exit $?"
  grep -q "resuming from run/checkpoints/epoch_2, iteration 4 of 4" out || fail "$words: does not take the newest"
done
for words in "--resume $first $tiny" "--resume=$first $tiny" "$tiny --resume $first/"; do
  # shellcheck disable=SC2086
  run $words || fail "$words: exit $?"
  grep -q "resuming from $first, iteration 2 of 4" out || fail "$words: does not take $first"
done
run "$tiny" --resume earlier
[ $? -eq 2 ] || fail "--resume and a folder that is no checkpoint: not exit 2"
grep -q "^error: --resume takes the next word only .*\"earlier\" is none; write --resume=PATH" out || fail "--resume and a folder that is no checkpoint: the word is not refused"
run "$tiny" --resume=earlier
[ $? -eq 6 ] || fail "--resume=FOLDER that is no checkpoint: not exit 6"

# A checkpoint's weights, and the same as a bare file, begin one and the same run, which is not that of fresh weights.
cp "$first/model.safetensors" bare.safetensors
for source in "$first" bare.safetensors earlier; do
  rm -rf loaded
  "$host" "$tiny" --work-dir loaded --load-from "$source" >out 2>&1 || fail "--load-from $source: exit $?"
  grep -q "weights of $source: [0-9]* tensors match, 0 are missing, 0 are unexpected" out || fail "--load-from $source: no report"
  [ "$(loss loaded)" != "$(loss earlier)" ] || fail "--load-from $source: the weights are fresh ones"
  sha256sum loaded/checkpoints/epoch_2/*.safetensors >"$(basename "$source").digest"
done
cmp -s epoch_1.digest bare.safetensors.digest || fail "a checkpoint and its bare file begin two runs"
cmp -s epoch_1.digest earlier.digest && fail "a work folder is its first checkpoint, not its newest"
"$host" "$tiny" --work-dir loaded --overwrite --load-from "$tiny" >out 2>&1
[ $? -eq 6 ] || fail "--load-from a file of another kind: not exit 6"
grep -q "^error: $tiny: not a valid safetensors file" out || fail "--load-from a file of another kind: not named"
for flag in --load-from --resume; do
  "$host" "$tiny" --work-dir nothing $flag=nowhere >out 2>&1
  [ $? -eq 2 ] || fail "$flag=nowhere: not exit 2"
  grep -q "^error: $flag: .*there is no file or folder nowhere" out || fail "$flag=nowhere: not named"
  [ ! -e nothing ] || fail "$flag=nowhere: there is a work folder"
done

# Closed standard descriptors do not let what is said fall into the run's files.
for closed in '<&-' '>&-' '2>&-' '<&- >&- 2>&-'; do
  rm -rf closed
  sh -c "exec \"\$0\" \"\$@\" $closed" "$host" "$tiny" --work-dir closed || fail "$closed: exit $?"
  python3 -c 'import json,sys; [json.loads(line) for line in open("closed/metrics.jsonl")]' || fail "$closed: metrics.jsonl is not whole"
  [ "$(wc -l <closed/.lock)" -le 1 ] || fail "$closed: the lock file holds messages"
done
exit $failed
