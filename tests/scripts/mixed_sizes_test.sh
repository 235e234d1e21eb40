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
END_OF_FILE

# validate FOLDER PIPELINE [OPTION...]
validate() {
  folder=$1 steps=$2
  shift 2
  "$host" validate "$tiny" --cfg-options "train_dataloader.dataset={\"_delete_\": true, \"data_root\": \"$folder\", \"pipeline\": [$steps]}" \
    model.backbone.patch_size=None train_dataloader.batch_size=2 "$@" >out 2>&1
}
refused() {
  what=$1
  grep -q "train_dataloader.dataset.pipeline: none of the first 8 images of the data set can go through it" out || fail "$what: not by the key"
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
grep -q "train_dataloader.pipeline: none of the first 16 images .*: 32 x 32, too small" out || fail "crops of 64 of shapes of 32: not by the key"
validate small ''
[ $? -eq 2 ] || fail "batches of several sizes: not exit 2"
grep -q "end the pipeline with a resize or a crop to one size" out || fail "batches of several sizes"
exit $failed
