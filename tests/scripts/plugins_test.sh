#!/bin/sh
# What the program does with the plugins that it is told to use: whom it runs, in which order, whom it blames.
# plugins_test.sh BUILD_FOLDER FIXTURE_PLUGINS
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
fixtures=$2
cd "$scratch" || exit 1
# The fixtures' constructors write here.
export SELFSUP_TEST_MARKER="$scratch/marker"
cat >run.json <<'END'
{
  "train_dataloader": { "batch_size": 8, "dataset": { "type": "shapes", "size": 16, "image_size": 32 } },
  "optim_wrapper": { "optimizer": { "type": "SGD", "lr": 0.1 } },
  "train_cfg": { "max_epochs": 1 }
}
END
echo 'not a plugin' >not_elf.so

# resolve PLUGIN...: `config` with these plugins; its exit code is in rc, its output in out and err.
resolve() {
  for plugin in "$@"; do set -- "$@" --plugin "$plugin" && shift; done
  rm -f marker
  "$host" config "$@" run.json >out 2>err
  rc=$?
}

# refused NAME EXPECTED PLUGIN...: the run ends with 3 and says EXPECTED, before any plugin's code has run.
refused() {
  name=$1
  text=$2
  shift 2
  resolve "$@"
  [ $rc -eq 3 ] || fail "$name: exit $rc, not 3"
  grep -q -- "$text" err || fail "$name: the message lacks '$text'"
  [ ! -e marker ] || fail "$name: code of a plugin ran: $(cat marker)"
}
refused "a needed component that is missing" "needs ssp.transform/0 FixtureTransform" "$fixtures/fixture_asker.so"
refused "a file that is no plugin, after one that is" "begins with 6e 6f 74 20" "$fixtures/fixture_good.so" ./not_elf.so
refused "two of one id" "two plugin files have one id" "$fixtures/fixture_good.so" "$fixtures/fixture_table_flags.so"

# What is needed is loaded first; what is named first is trained.
resolve "$fixtures/fixture_asker.so" "$fixtures/fixture_good.so"
[ $rc -eq 0 ] || fail "two plugins: exit $rc"
grep -q '"type": "Asker"' out || fail "the algorithm is not that of the first plugin"
[ -e marker ] || fail "the fixtures write no marker"

# What `config` prints, and a run leaves, names its plugins wherever it is read.
mkdir -p mine/elsewhere
cp "$fixtures/fixture_good.so" mine/local.so
sed 's,^{,{ "plugins": ["./mine/local.so"]\,,' run.json >relative.json
"$host" config relative.json >mine/elsewhere/resolved.json 2>err || fail "a plugin by a relative path: exit $?"
(cd mine/elsewhere && "$host" config resolved.json >again.json 2>../../err) || fail "the resolved configuration, read in another folder: exit $?"
cmp -s mine/elsewhere/resolved.json mine/elsewhere/again.json || fail "the resolved configuration resolves to another"
"$host" config relative.json --sources >out 2>err
grep -q '^plugins.*(relative.json:1:[0-9]*)$' out || fail "--sources does not say where the plugins come from: $(grep '^plugins' out)"

# --plugin takes the place of the configuration's algorithm, and leaves its other plugins.
sed 's,^{,{ "plugins": ["./mine/local.so"\, "backbones.so"]\,,' run.json >two.json
listed() { python3 -c 'import json; c = json.load(open("out")); print(c["model"]["type"], [p.rsplit("/")[-1] for p in c["plugins"]])'; }
"$host" config two.json >out 2>err || fail "two plugins in a configuration: exit $?"
[ "$(listed)" = "Fixture ['local.so', 'backbones.so']" ] || fail "two plugins in a configuration: $(listed)"
"$host" config two.json --plugin mae.so >out 2>err || fail "--plugin and two plugins in a configuration: exit $?"
[ "$(listed)" = "MAE ['mae.so', 'backbones.so']" ] || fail "--plugin and two plugins in a configuration: $(listed)"

# A plugin that blames the configuration in the first step is right.
cat >sizes.json <<'END'
{
  "model": {
    "backbone": {
      "arch": { "embed_dims": 32, "num_layers": 1, "num_heads": 2, "feedforward_channels": 64 }, "patch_size": 8, "img_size": 24
    },
    "neck": { "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2 }
  },
  "train_dataloader": { "batch_size": 8, "dataset": { "type": "shapes", "size": 16, "image_size": 32 } },
  "train_cfg": { "max_epochs": 1 }
}
END
"$host" validate --plugin mae.so sizes.json >out 2>err
rc=$?
[ $rc -eq 2 ] || fail "images of 32 pixels for an encoder of 24: exit $rc, not 2"

# What several have is told apart by ids, wherever `type` stands; what one has is found alone.
cat >names.json <<'END'
{
  "model": {
    "type": "MODEL",
    "backbone": {
      "type": "BACKBONE", "patch_size": 8, "img_size": 32,
      "arch": { "embed_dims": 32, "num_layers": 1, "num_heads": 2, "feedforward_channels": 64 }
    },
    "neck": { "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2 }
  },
  "train_dataloader": {
    "batch_size": 8, "dataset": { "type": "shapes", "size": 16, "image_size": 32 }, "pipeline": [{ "type": "FLIP" }]
  },
  "train_cfg": { "max_epochs": 1 }
}
END
# named MODEL BACKBONE FLIP PLUGIN...: `validate` with these names; its exit code is in rc.
named() {
  sed "s/MODEL/$1/; s/BACKBONE/$2/; s/FLIP/$3/" names.json >named.json
  shift 3
  for plugin in "$@"; do set -- "$@" --plugin "$plugin" && shift; done
  "$host" validate "$@" named.json >out 2>err
  rc=$?
}
named MAE MAEViT RandomFlip mae.so
[ $rc -eq 0 ] || fail "plain names: exit $rc"
named selfsup.mae:MAE selfsup.backbones:MAEViT builtin:RandomFlip mae.so
[ $rc -eq 0 ] || fail "names with ids: exit $rc"
named MAE MAEViT RandomFlip mae.so "$fixtures/fixture_namesake.so"
[ $rc -eq 2 ] || fail "a transform of a plugin that is called as one of the host's: exit $rc, not 2"
grep -q 'named.json:.*pipeline.0.type: the host has a transform "RandomFlip", and so has Test.name-sake 1.2.3 (.*write "builtin:RandomFlip" or "Test.name-sake:RandomFlip"' \
  err || fail "a transform of a plugin that is called as one of the host's: not both are named"
for flip in builtin:RandomFlip Test.name-sake:RandomFlip; do
  named MAE MAEViT $flip mae.so "$fixtures/fixture_namesake.so"
  [ $rc -eq 0 ] || fail "$flip: exit $rc"
done
named MAE other.plugin:MAEViT RandomFlip mae.so
[ $rc -eq 2 ] || fail "a backbone of a plugin that is not here: exit $rc, not 2"
grep -q "there is no ssp.backbone.tokens/0 named 'other.plugin:MAEViT'; there are MAEViT, VisionTransformer" err ||
  fail "a backbone of a plugin that is not here: not said what there is"
named Fixture MAEViT RandomFlip "$fixtures/fixture_good.so" "$fixtures/fixture_namesake.so"
grep -q 'two plugins provide ssp.algorithm/0 "Fixture": .*write "test.fixture:Fixture" or "Test.name-sake:Fixture"' err ||
  fail "two algorithms of one name: not both are named"

# A plugin of a folder is loaded if the configuration names what it brings, and only then.
mkdir lazy
cp "$1"/lib/selfsup/plugins/backbones.so "$fixtures/fixture_namesake.so" lazy/
rm -f marker
"$host" config --plugin-dir lazy --plugin mae.so run.json >out 2>err || fail "a folder with more plugins than are needed: exit $?"
[ ! -e marker ] || fail "a plugin that nobody asked for was loaded"

# A digest that is wrong is refused whatever is said, one that is missing unless it is said.
python3 - "$fixtures/fixture_good.so" <<'END'
import sys
good = open(sys.argv[1], "rb").read()
open("bare.so", "wb").write(good.replace(b'"digest"', b'"digesT"'))
at = good.index(b'{"type": "object"}')  # a text in its data
open("hurt.so", "wb").write(good[:at + 2] + bytes([good[at + 2] ^ 1]) + good[at + 3:])
END
refused "a plugin without a digest" "its note has no digest, .*stamp on it, or take it as it is with --unstamped" ./bare.so
refused "a plugin with a flipped bit" "damaged: its digest is not that of its bytes" ./hurt.so
"$host" config --unstamped --plugin ./bare.so run.json >out 2>err || fail "--unstamped: exit $?"
"$host" config --unstamped --plugin ./hurt.so run.json >out 2>err
[ $? -eq 3 ] || fail "--unstamped and a wrong digest: not exit 3"
"$host" stamp hurt.so >out 2>err || fail "stamp: exit $?"
"$host" inspect ./hurt.so >out 2>err || fail "inspect of a stamped file: exit $?"
grep -q "digest      right" out || fail "stamp does not write the right digest"
"$host" stamp bare.so >out 2>err
[ $? -eq 3 ] || fail "stamp of a file with no place for a digest: not exit 3"
grep -q '"digest" must be there, with 64 zeros' err || fail "stamp of a file with no place for a digest: not said"
"$host" stamp not_elf.so >out 2>err
[ $? -eq 3 ] || fail "stamp of a text: not exit 3"

# In a container that sees the machine's /proc, where its processes have other numbers.
if unshare -Urpf true 2>/dev/null; then
  unshare -Urpf "$host" config --plugin "$fixtures/fixture_good.so" run.json >out 2>err || fail "numbers of processes that are not /proc's: exit $?"
fi

# A name of two kinds has two schemas.
"$host" inspect backbones.so --schema >out 2>err || fail "inspect --schema"
for kind in ssp.backbone/0 ssp.backbone.tokens/0; do
  grep -q "^  \"$kind:VisionTransformer\": {" out || fail "inspect --schema: no schema of $kind:VisionTransformer"
done
exit $failed
