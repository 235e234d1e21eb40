#!/bin/sh
# The newest checkpoint is damaged, in each of its files in turn: the run goes on from the one before, says so, and ends as it would
# have; when all are damaged it ends with 6 and changes nothing. damage_test.sh BUILD_FOLDER PLUGIN_THAT_SAVES_STATE
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
plugin=$2
cd "$scratch" || exit 1
cat >run.json <<'END'
{
  "model": { "queue_len": 16 },
  "train_dataloader": { "batch_size": 8, "dataset": { "type": "shapes", "size": 16, "image_size": 16 } },
  "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 0.01 } },
  "train_cfg": { "max_epochs": 2 },
  "randomness": { "seed": 3 },
  "env_cfg": { "num_threads": 1 }
}
END
run() { "$host" --plugin "$plugin" run.json --work-dir "$@" >out 2>&1; }
digest() { (cd "$1/checkpoints/epoch_2" && sha256sum ./*.safetensors state/*); }
# damage HOW FILE
damage() {
  case $1 in
    flip) python3 -c 'import sys; f = open(sys.argv[1], "r+b"); b = bytearray(f.read()); b[len(b) // 2] ^= 1; f.seek(0); f.write(b)' "$2" ;;
    truncate) truncate -s -1 "$2" ;;
    delete) rm "$2" ;;
  esac
}

run whole || fail "a run"
files=$(cd whole/checkpoints/epoch_2 && find . -type f | sed 's,^\./,,')
[ "$(echo "$files" | wc -l)" -eq 4 ] || fail "not weights, optimizer, state and manifest: $files"
for file in $files; do
  for how in flip truncate delete; do
    rm -rf hurt && cp -R whole hurt
    damage $how "hurt/checkpoints/epoch_2/$file"
    run hurt --resume || fail "$how $file: exit $?"
    grep -q "hurt/checkpoints/epoch_2/$file: damaged" out || fail "$how $file: the damage is not named"
    grep -q "resuming from hurt/checkpoints/epoch_1 at iteration 2" out || fail "$how $file: does not say where it goes on"
    grep -q "hurt/checkpoints/epoch_2.damaged" out || fail "$how $file: does not say where the damaged one is"
    [ "$(digest hurt)" = "$(digest whole)" ] || fail "$how $file: the run ended with other tensors"
  done
done

rm -rf hurt && cp -R whole hurt
damage flip hurt/checkpoints/epoch_1/model.safetensors
damage delete hurt/checkpoints/epoch_2/manifest.json
before=$(find hurt/checkpoints hurt/metrics.jsonl -type f -exec sha256sum {} +)
for how in --resume --resume=hurt/checkpoints/epoch_1; do
  run hurt $how
  [ $? -eq 6 ] || fail "$how with nothing whole: not exit 6"
  grep -q "hurt/checkpoints/epoch_1/model.safetensors: damaged" out || fail "$how with nothing whole: the damage is not named"
done
[ "$(find hurt/checkpoints hurt/metrics.jsonl -type f -exec sha256sum {} +)" = "$before" ] || fail "with nothing whole something is changed"
exit $failed
