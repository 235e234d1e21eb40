#!/usr/bin/env python3
"""Records what Pillow makes of random chains of edits, for tests/data/edits_reference_test.cpp.

  python3 scripts/record_edits.py [FOLDER]       writes edits_pillow.json and edits_pillow.safetensors, into tests/data

Needs Pillow 9.5.0 and numpy. Each image is made of random numbers, each chain drawn edit after edit by Pillow. An edit is recorded
as [kind, flags, v…], with the numbers of ssp/edit.h.
"""
import json
import math
import random
import struct
import sys
from pathlib import Path

import numpy
import PIL
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

FILTERS = [Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC]


def hue(image, shift):
    if image.mode == "L":
        return image
    h, s, v = image.convert("HSV").split()
    moved = numpy.array(h) + numpy.array(int(shift * 255)).astype(numpy.uint8)
    return Image.merge("HSV", (Image.fromarray(moved), s, v)).convert("RGB")


def crop_resize(image, flags, v):
    top, left, height, width, out_height, out_width = v
    return image.crop((left, top, left + width, top + height)).resize((out_width, out_height), FILTERS[flags])


def erase(image, v):
    top, left, height, width, value = v
    image = image.copy()
    image.paste((value,) * 3 if image.mode == "RGB" else value, (max(left, 0), max(top, 0), left + width, top + height))
    return image


DRAW = {
    1: lambda image, flags, v: ImageEnhance.Brightness(image).enhance(v[0]),
    2: lambda image, flags, v: ImageEnhance.Contrast(image).enhance(v[0]),
    3: lambda image, flags, v: ImageEnhance.Color(image).enhance(v[0]),
    4: lambda image, flags, v: hue(image, v[0]),
    5: lambda image, flags, v: image if image.mode == "L" else image.convert("L").convert("RGB"),
    6: lambda image, flags, v: image.filter(ImageFilter.GaussianBlur(v[0])),
    7: lambda image, flags, v: ImageOps.solarize(image, v[0]),
    8: lambda image, flags, v: ImageOps.posterize(image, v[0]),
    9: lambda image, flags, v: ImageOps.invert(image),
    10: lambda image, flags, v: ImageOps.autocontrast(image),
    11: lambda image, flags, v: ImageOps.equalize(image),
    13: crop_resize,
    14: lambda image, flags, v: ImageOps.mirror(image),
    15: lambda image, flags, v: ImageOps.flip(image),
    16: lambda image, flags, v: image.transform(image.size, Image.Transform.AFFINE, v, FILTERS[flags]),
    17: lambda image, flags, v: erase(image, v),
}


def draw_edit(rng, height, width):
    kind = rng.choice(list(DRAW))
    flags, v = 0, []
    if kind in (1, 2, 3):
        v = [rng.choice([0, 1, rng.uniform(0, 1), rng.uniform(0, 2), rng.uniform(0, 8)])]
    elif kind == 4:
        v = [rng.uniform(-0.5, 0.5)]
    elif kind == 6:
        v = [rng.choice([rng.uniform(0.1, 2), rng.uniform(0.1, 2), rng.uniform(2, 9)])]
    elif kind == 7:
        v = [rng.randint(0, 256)]
    elif kind == 8:
        v = [rng.randint(1, 8)]
    elif kind == 13:
        box_height, box_width = rng.randint(1, height), rng.randint(1, width)
        flags = rng.randint(0, 2)
        size = rng.choice([(box_height, box_width), (rng.randint(1, 24), rng.randint(1, 24))])
        v = [rng.randint(0, height - box_height), rng.randint(0, width - box_width), box_height, box_width, *size]
    elif kind == 16:
        flags = rng.randint(0, 1)
        a = rng.choice([0, rng.uniform(-3, 3)])
        v = [math.cos(a), math.sin(a), rng.uniform(-5, 10), -math.sin(a), math.cos(a), rng.uniform(-5, 10)]
    elif kind == 17:
        top, left = rng.randint(-3, height), rng.randint(-3, width)
        v = [top, left, rng.randint(max(-top, 0), height + 3), rng.randint(max(-left, 0), width + 3), rng.randint(0, 255)]
    return kind, flags, v


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "tests/data"
    if PIL.__version__ != "9.5.0":
        sys.exit(f"record_edits: this is Pillow {PIL.__version__}; the values of the tests are those of 9.5.0")
    rng = random.Random(1)
    chains, tensors = [], {}
    for number in range(160):
        bands = rng.choice([1, 3, 3])
        height, width = rng.choice([(1, 1), (1, rng.randint(1, 40)), (rng.randint(1, 30), rng.randint(1, 30)), (20, 33), (31, 18)])
        pixels = numpy.random.RandomState(number).randint(0, 256, (height, width, bands)).astype(numpy.uint8)
        if rng.random() < 0.4:  # smooth
            y, x, c = numpy.mgrid[0:height, 0:width, 0:bands]
            pixels = ((y * 5 + x * 3 + c * 70) % 256).astype(numpy.uint8)
        image = Image.fromarray(pixels if bands == 3 else pixels[..., 0])
        edits = []
        for _ in range(rng.randint(1, 7)):
            kind, flags, v = draw_edit(rng, image.height, image.width)
            image = DRAW[kind](image, flags, v)
            edits.append([kind, flags, *v])
        out = numpy.asarray(image).reshape(image.height, image.width, bands)
        chains.append({"key": str(number), "edits": edits})
        tensors[f"{number}/in"] = pixels.transpose(2, 0, 1)
        tensors[f"{number}/out"] = out.transpose(2, 0, 1)
    header, data = {"__metadata__": {"pillow": PIL.__version__}}, b""
    for name, tensor in sorted(tensors.items()):
        header[name] = {"dtype": "U8", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + tensor.size]}
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "edits_pillow.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    about = "Pillow 9.5.0, by scripts/record_edits.py: `in` drawn by `edits` ([kind, flags, v...]) one after the other is `out`. Exact."
    lines = ",\n  ".join(json.dumps(chain) for chain in chains)
    (folder / "edits_pillow.json").write_text(f'{{\n "about": "{about}",\n "chains": [\n  {lines}\n ]\n}}\n')


if __name__ == "__main__":
    main()
