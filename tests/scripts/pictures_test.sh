#!/bin/sh
# What people look at: a run's curve, sheets and report.html; the event file; the commands views and reconstruct. None of it changes a
# byte of what is saved, and none of it ends a run.
#   pictures_test.sh BUILD_FOLDER PLUGIN_WITHOUT_RECONSTRUCTION
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
plain=$2
tests=$(cd "$(dirname "$0")" && pwd)
cp "$tests/tiny.json" "$scratch/"
cd "$scratch" || exit 1
export LC_ALL=C

shapes='{"type": "shapes", "size": 40, "image_size": 32'
probe="probe={\"dataset\": $shapes, \"seed\": 1}, \"test_dataset\": $shapes, \"seed\": 2}, \"few_labels\": 16, \"interval\": 1, \"baselines\": false}"
backends='visualizer={"type": "Visualizer", "vis_backends": [{"type": "LocalVisBackend"}, {"type": "TensorboardVisBackend"}]}'
run() { "$host" "$@" >out 2>err; }
digest() { (cd "$1/checkpoints" && sha256sum ./*/*.safetensors); }
numbers() { python3 -c 'import json, sys
for line in open(sys.argv[1]): print({k: v for k, v in json.loads(line).items() if k not in ("time", "data_time", "memory")})' "$1/metrics.jsonl"; }

run tiny.json --work-dir bare --cfg-options report=false "$probe" || fail "a run without report: exit $?"
for file in report.html curve.svg views.png neighbours.png reconstruction.png vis_data; do
  [ ! -e "bare/$file" ] || fail "report=false: $file is there"
done
run tiny.json --work-dir shown --cfg-options "$probe" "$backends" || fail "a run with all pictures: exit $?"
for file in report.html curve.svg views.png neighbours.png reconstruction.png; do
  [ -s "shown/$file" ] || fail "no $file"
done
[ "$(digest bare)" = "$(digest shown)" ] || fail "pictures change what is saved"
[ "$(numbers bare)" = "$(numbers shown)" ] || fail "pictures change metrics.jsonl"
cp err messages
grep -q '^ *loss .*o kNN$' messages || fail "the curve is not in the log"
grep -q '0 .* iterations$' messages || fail "the curve has no iterations"

# The page: well formed, with every picture in it, and nothing from anywhere else.
cat >page.py <<'END_OF_FILE'
import base64, html.parser, re, sys, xml.etree.ElementTree
text = open(sys.argv[1], encoding="utf-8").read()
open_tags, images, links = [], [], []
class Page(html.parser.HTMLParser):
    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img", "br"):
            open_tags.append(tag)
        assert tag != "script"
        for name, value in attributes:
            if name == "src":
                assert value.startswith("data:image/png;base64,"), value[:80]
                images.append(base64.b64decode(value.split(",")[1]))
            assert not name.startswith("on") and name != "href", name
    def handle_startendtag(self, tag, attributes):
        pass
    def handle_endtag(self, tag):
        assert open_tags.pop() == tag, tag
Page().feed(text)
assert not open_tags
assert images == [open(sys.argv[2] + "/" + name, "rb").read() for name in sys.argv[3:]], len(images)
assert not re.search(r"url\(|@import", text)
for svg in re.findall(r"<svg.*?</svg>", text, re.S):
    xml.etree.ElementTree.fromstring(svg)
xml.etree.ElementTree.parse(sys.argv[2] + "/curve.svg")
END_OF_FILE
python3 page.py shown/report.html shown reconstruction.png neighbours.png views.png || fail "report.html is not one whole page"
for words in 'done: 4 iterations' '&quot;batch_size&quot;: 8' 'feature std' 'MAE'; do
  grep -qF "$words" shown/report.html || fail "report.html lacks $words"
done

# The same seed gives the same curve, and a resumed run the curve of the run that nobody stopped.
run tiny.json --work-dir again --cfg-options "$probe" "$backends" || fail "the same run again: exit $?"
cmp -s shown/curve.svg again/curve.svg || fail "the same seed gives another curve"
cmp -s shown/neighbours.png again/neighbours.png || fail "the same seed gives other neighbours"
rm -r again/checkpoints/epoch_2
run tiny.json --work-dir again --resume --cfg-options "$probe" "$backends" || fail "resuming: exit $?"
cmp -s shown/curve.svg again/curve.svg || fail "a resumed run has another curve"

# What a reader of event files makes of them: the scalars of metrics.jsonl, none twice, the void ones gone.
cat >events.py <<'END_OF_FILE'
import glob, json, struct, sys
def varint(data, at):
    out = shift = 0
    while True:
        out |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return out, at
def fields(data):
    at, out = 0, []
    while at < len(data):
        key, at = varint(data, at)
        size = {1: 8, 5: 4}.get(key & 7)
        if size:
            value, at = data[at:at + size], at + size
        else:
            value, at = varint(data, at)
            if key & 7 == 2:
                value, at = data[at:at + value], at + value
        out.append((key >> 3, value))
    return out
scalars = []
for path in sorted(glob.glob(sys.argv[1] + "/vis_data/events.out.tfevents.*")):
    data, at = open(path, "rb").read(), 0
    while at < len(data):
        length, = struct.unpack_from("<Q", data, at)
        event = dict(fields(data[at + 12:at + 12 + length]))
        at += length + 16
        if 7 in event:
            scalars = [s for s in scalars if s[0] < event[2]]
        for _, value in fields(event.get(5, b"")):
            value = dict(fields(value))
            scalars.append((event[2], value[1].decode(), struct.unpack("<f", value[2])[0]))
loss = [(step, round(value, 5)) for step, name, value in scalars if name == "loss"]
knn = {step: round(value, 5) for step, name, value in scalars if name == "probe/knn"}
lines = [json.loads(line) for line in open(sys.argv[1] + "/metrics.jsonl")]
assert loss == [(line["step"], round(line["loss"], 5)) for line in lines if "loss" in line], loss
assert knn == {line["step"]: round(line["probe/knn"], 5) for line in lines if "probe/knn" in line}, knn
assert {name for _, name, _ in scalars} >= {"lr", "time", "data_time", "epoch", "iter", "memory"}
END_OF_FILE
for folder in shown again; do python3 events.py $folder || fail "the event files of $folder"; done
[ "$(find again/vis_data -type f | wc -l)" -eq 2 ] || fail "a resumed run has no event file of its own"
run config tiny.json --cfg-options 'visualizer={"vis_backends": [{"type": "WandbVisBackend"}]}'
[ $? -eq 2 ] || fail "a backend that is not there is accepted"
grep -q 'LocalVisBackend' err || fail "the backends that are there are not named: $(cat err)"

# What cannot be written is a warning.
strace -f -o /dev/null -P report.html.tmp -P blocked/views.png.tmp -P curve.svg.tmp -e trace=openat -e inject=openat:error=ENOSPC \
  "$host" tiny.json --work-dir blocked >out 2>err || fail "a run whose pictures cannot be written: exit $?"
[ "$(grep -c '^warning: no ' err)" -eq 3 ] || fail "not three warnings: $(cat err)"

# A run that diverges, or has bad images, still has its page.
mkdir images
for i in 1 2 3 4 5 6 7 8; do cp shown/views.png "images/$i.png"; done
printf 'not an image' >'images/<b>&"9".png'
crop='{"type": "RandomResizedCrop", "size": 32}'
set -- --cfg-options "train_dataloader.dataset={\"type\": \"image_folder\", \"data_root\": \"images\", \"pipeline\": [$crop]}"
run tiny.json --work-dir images_run "$@" || fail "a run with a bad image: exit $?"
grep -qF 'images/&lt;b&gt;&amp;&quot;9&quot;.png: ' images_run/report.html || fail "the bad image is not in the report"
run tiny.json --work-dir diverged --cfg-options optim_wrapper.optimizer.lr=1e30 optim_wrapper.optimizer.weight_decay=0 train_cfg.max_epochs=20
[ $? -eq 7 ] || fail "a run at an absurd rate does not diverge"
grep -q 'failed at iteration' diverged/report.html || fail "a run that diverges has no report"

# views: any pipeline; the path on stdout; nothing else is written.
run views tiny.json --work-dir v || fail "views: exit $?"
[ "$(cat out)" = v/views.png ] || fail "views prints $(cat out)"
[ "$(ls -A v)" = views.png ] || fail "views leaves $(ls -A v)"
cmp -s v/views.png shown/views.png || fail "views shows what the run does not see"
run views tiny.json --out some.png "$@" || fail "views of a folder: exit $?"
[ "$(cat out)" = some.png ] || fail "views --out prints $(cat out)"
[ -s some.png ] || fail "views --out draws nothing"
[ ! -e work_dirs ] || fail "views --out makes a work folder"
for views in 1 2 3 8 9 1000; do
  run views --out many.png tiny.json --cfg-options \
    "train_dataloader.pipeline=[{\"type\": \"MultiView\", \"num_views\": $views, \"transforms\": [[{\"type\": \"RandomResizedCrop\", \"size\": 24}]]}]" ||
    fail "$views views: exit $?"
done
grey='{"type": "idx", "data_root": "/usr/share/datasets/fashion-mnist", "split": "test"}'
run views tiny.json --out grey.png --cfg-options "train_dataloader.dataset=$grey" train_dataloader.pipeline=[] model.backbone.patch_size=7 || fail "views of grey images: exit $?"
rm images/[1-8].png
run views tiny.json --out none.png "$@"
[ $? -eq 4 ] || fail "views without a good image is not exit 4"
[ ! -e none.png ] || fail "views without a good image draws"
run views tiny.json --out absent/none.png
[ $? -eq 5 ] || fail "views into a folder that is not there is not exit 5"

# reconstruct: the picture of the run's own end.
cp shown/reconstruction.png expected.png
run reconstruct tiny.json --work-dir shown || fail "reconstruct: exit $?"
[ "$(cat out)" = shown/reconstruction.png ] || fail "reconstruct prints $(cat out)"
cmp -s expected.png shown/reconstruction.png || fail "reconstruct draws another picture than the run did"
run reconstruct tiny.json --checkpoint shown/checkpoints/epoch_1 --out first.png || fail "reconstruct --checkpoint: exit $?"
cmp -s expected.png first.png && fail "reconstruct --checkpoint draws the picture of another checkpoint"
run reconstruct tiny.json --work-dir nowhere && fail "reconstruct without a checkpoint"
[ ! -e nowhere ] || fail "reconstruct makes a work folder"
run reconstruct tiny.json --work-dir shown --cfg-options train_dataloader.dataset.image_size=40
[ $? -eq 2 ] || fail "reconstruct by a model for images of another size is not exit 2"
run reconstruct tiny.json --work-dir shown --cfg-options 'train_dataloader.pipeline=[{"type": "CenterCrop", "crop_size": 24}]' model.backbone.img_size=32
[ $? -eq 2 ] || fail "reconstruct of images of another size is not exit 2"
cat >other.json <<'END_OF_FILE'
{
  "train_dataloader": { "batch_size": 8, "dataset": { "type": "shapes", "size": 16, "image_size": 32 } },
  "train_cfg": { "max_iters": 2 }
}
END_OF_FILE
run other.json --plugin "$plain" --work-dir other || fail "a run of an algorithm without reconstruction: exit $?"
[ ! -e other/reconstruction.png ] || fail "an algorithm without reconstruction has a picture of it"
run reconstruct other.json --plugin "$plain" --work-dir other
[ $? -eq 2 ] || fail "reconstruct of an algorithm without it is not exit 2"
grep -q "^error: model (.*) offers no reconstruction" err || fail "reconstruct does not name the algorithm: $(cat err)"
exit $failed
