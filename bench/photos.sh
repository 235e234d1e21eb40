#!/bin/sh
# Cuts photographs of 500 x 375 out of Debian's plasma-workspace-wallpapers, as JPEGs of about 60 and 110 KB: FOLDER/small and FOLDER/large
# with the same COUNT pictures. PYTHON is one with Pillow. Fetches 94 MB by apt-get; safe to run twice.
#
#   sh bench/photos.sh PYTHON FOLDER [COUNT]
set -eu

python=${1:?the python that has Pillow} folder=${2:?where the photographs go} count=${3:-240}
[ ! -e "$folder/complete" ] || exit 0
rm -rf "$folder"
mkdir -p "$folder/package"
folder=$(cd "$folder" && pwd)
echo "bench: fetching Debian's plasma-workspace-wallpapers (94 MB)" >&2
(cd "$folder/package" && apt-get download plasma-workspace-wallpapers >/dev/null 2>&1) || {
  echo "bench: apt-get download plasma-workspace-wallpapers failed; run apt-get update first" >&2
  exit 1
}
dpkg-deb -x "$folder"/package/*.deb "$folder/package/content"
"$python" - "$folder" "$count" <<'CUT'
import io, random, sys
from pathlib import Path
from PIL import Image

folder, count = Path(sys.argv[1]), int(sys.argv[2])
files = sorted({p.resolve() for p in (folder / "package/content").rglob("*") if p.suffix in (".jpg", ".png") and p.is_file()})
files = [p for p in files if min(Image.open(p).size) >= 1000]
rng = random.Random(0)


def encoded(image, quality):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling=2)
    return out.getvalue()


def of_size(image, want):
    """The quality that comes closest to `want` bytes."""
    low, high = 20, 98
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if len(encoded(image, middle)) < want else (low, middle)
    return encoded(image, low)


for kind in ("small", "large"):
    (folder / kind).mkdir()
made = 0
while made < count and files:  # one large picture in memory at a time; those of too little detail fall out, and the others make up for them
    for file in list(files):
        picture, share, misses = Image.open(file).convert("RGB"), made + max(1, count // len(files)), 0
        while made < min(share, count):
            scale = rng.uniform(1, min(picture.size[0] / 500, picture.size[1] / 375, 4))
            width, height = int(500 * scale), int(375 * scale)
            left, top = rng.randint(0, picture.size[0] - width), rng.randint(0, picture.size[1] - height)
            image = picture.resize((500, 375), Image.LANCZOS, (left, top, left + width, top + height))
            if len(encoded(image, 98)) < 110_000:  # sky
                misses += 1
                if misses == 40:
                    files.remove(file)
                    break
                continue
            misses = 0
            for kind, want in (("small", 60_000), ("large", 110_000)):
                (folder / kind / f"{made:04}.jpg").write_bytes(of_size(image, want))
            made += 1
if made < count:
    sys.exit(f"bench: the package has only {made} cuts with enough detail, of {count}")
CUT
rm -rf "$folder/package"
: >"$folder/complete"
