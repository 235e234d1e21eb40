#!/bin/sh
# A folder whose images differ in size: what the views are follows from the pipeline and from the images, and what cannot be is refused
# by the pipeline's key. mixed_sizes_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
cd "$scratch" || exit 1
python3 - <<'END_OF_FILE'
import pathlib, struct, zlib

def png(path, height, width):
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((x * 7 + y * 3 + c) % 256 for x in range(width) for c in range(3)) for y in range(height))
    pathlib.Path(path).parent.mkdir(exist_ok=True)
    pathlib.Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                                   chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))

for i in range(8):
    png(f"large/{i}.png", 600 + 8 * i, 640 + 16 * i)
    png(f"small/{i}.png", 40 + i, 60 + i)
    png(f"one/{i}.png", 24, 40)
for i in range(60):
    png(f"mostly/{i:02}.png", 24 if i < 20 else 80, 80)
END_OF_FILE

# validate FOLDER PIPELINE [OPTION...]
validate() {
  folder=$1 steps=$2
  shift 2
  "$host" validate "$tiny" --cfg-options "train_dataloader.dataset={\"_delete_\": true, \"data_root\": \"$folder\", \"pipeline\": [$steps]}" \
    train_dataloader.batch_size=2 "$@" >out 2>&1
}
refused() {
  what=$1
  grep -q "train_dataloader.dataset.pipeline: none of the 8 images of the data set can go through it" out || fail "$what: not by the key"
}

validate large '{"type": "RandomCrop", "size": 576}' || fail "crops of 576 of larger images"
validate large '{"type": "ResizeEdge", "scale": 64}, {"type": "CenterCrop", "crop_size": 48}' || fail "the centre of a short edge"
validate one '' || fail "images of one size, as they are"
validate small '{"type": "Resize", "scale": [64, 32]}' || fail "views that are no squares"
validate small '{"type": "RandomCrop", "size": 576}'
[ $? -eq 2 ] || fail "crops of more than there is: not exit 2"
refused "crops of more than there is"
grep -q "small/7.png: 67 x 47, too small for a RandomCrop of 576 x 576 (see pad_if_needed)" out || fail "the image and its size are not told"
"$host" validate "$tiny" --cfg-options 'train_dataloader.pipeline=[{"type": "RandomCrop", "size": 64}]' >out 2>&1
[ $? -eq 2 ] || fail "crops of 64 of shapes of 32: not exit 2"
grep -q "train_dataloader.pipeline: none of the 16 images .*: 32 x 32, too small" out || fail "crops of 64 of shapes of 32: not by the key"
validate small '' model.backbone.patch_size=4
[ $? -eq 2 ] || fail "batches of several sizes: not exit 2"
grep -q "end the pipeline with a resize or a crop to one size" out || fail "batches of several sizes"
# The first images are unfit, the others are not: the account of bad images judges that.
validate mostly '{"type": "RandomCrop", "size": 64}' train_dataloader.max_bad_fraction=0.5 || fail "twenty small images at the beginning of a set"
validate mostly '{"type": "RandomCrop", "size": 64}' train_dataloader.batch_size=60
[ $? -eq 4 ] || fail "more small images than are allowed: not exit 4"
# What no image can go through is refused by its key, also where none can be read.
mkdir broken && head -c 300 large/0.png >broken/0.png
validate broken '{"type": "ResizeEdge", "edge": "height", "scale": 32}, {"type": "RandomCrop", "size": 64}' train_dataloader.max_bad_fraction=1
[ $? -eq 2 ] || fail "crops of 64 of a height of 32: not exit 2"
grep -q "train_dataloader.dataset.pipeline: no image of any size can go through it: images of 32 pixels in height, too small" out || fail "crops of 64 of a height of 32: not by the key"
# Views within views.
views='{"type": "RandomResizedCrop", "size": 32}'
for _ in 1 2 3; do views="{\"type\": \"MultiView\", \"num_views\": 1000, \"transforms\": [[$views]]}"; done
validate large "$views"
[ $? -eq 2 ] || fail "10^9 views: not exit 2"
grep -q 'MultiView: its "num_views", 1000 in all, and those of the MultiViews in its "transforms" multiply to more than 1000' out || fail "10^9 views are not told of"
python3 - "$host" "$tiny" "train_dataloader.pipeline=[$views]" <<'END' || fail "a configuration of 10^9 views takes memory or time without end"
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
assert subprocess.run([sys.argv[1], "config", sys.argv[2], "--cfg-options", sys.argv[3]], capture_output=True, timeout=20).returncode in (0, 2)
END
exit $failed
