#!/usr/bin/env python3
"""Makes a folder shaped like ImageNet-1k out of nothing, to try the configurations that name one: their files, not their results.

  python3 scripts/make_imagenet.py FOLDER [--classes N] [--images N] [--seed N]

FOLDER/train/n00000000/n00000000_0.JPEG and so on, and FOLDER/meta/train.txt with a line `path label` for each. FOLDER must not hold a list
yet. The images are colour JPEGs of the sizes that photographs there have, textured at random; a class has its own tint. The same seed
gives the same bytes. Needs nothing but Python.
"""
import argparse
import math
import random
import sys
from pathlib import Path

SIZES = [(500, 375), (375, 500), (500, 333), (333, 500), (500, 500), (400, 300)]  # width, height
QUANT = [8 + k for k in range(64)]  # in zigzag order, for all components
# Huffman tables in which all codes have one length: a symbol's code is its place.
DC = list(range(12))  # bits of a difference
AC = [0x00, 0xF0] + [run << 4 | size for run in range(16) for size in range(1, 11)]  # end of block, 16 zeros, zeros and bits


def segment(marker, *payload):
    body = b"".join(bytes(part) for part in payload)
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def huffman(kind, symbols, bits):
    return segment(0xC4, [kind], [len(symbols) if length == bits else 0 for length in range(1, 17)], symbols)


def number(value):
    """A coefficient: how many bits it has, and they themselves."""
    size = abs(value).bit_length()
    return size, f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""


def block(dc, before, texture, rng):
    """The code of a block of 8 x 8 pixels: its mean, and a few waves that get weaker as they get shorter."""
    size, bits = number(dc - before)
    out, run = [f"{DC.index(size):04b}{bits}"], 0
    for k in range(1, 12):
        wave = int(rng.gauss(0, texture / k))
        if wave == 0:
            run += 1
            continue
        size, bits = number(max(-1023, min(1023, wave)))
        out.append(f"{AC.index(run << 4 | size):08b}{bits}")
        run = 0
    return "".join(out) + f"{AC.index(0):08b}"


def jpeg(width, height, tint, rng):
    """A baseline JPEG, colour at half the resolution, drawn as the coefficients that it stores."""
    waves = [(rng.gauss(0, 0.3), rng.gauss(0, 0.3), rng.uniform(0, 6.3), rng.gauss(0, 25)) for _ in range(4)]
    mean, texture, before, code = rng.gauss(0, 20), rng.uniform(2, 20), [0, 0, 0], []
    for row in range(math.ceil(height / 16)):
        for column in range(math.ceil(width / 16)):
            light = mean + sum(a * math.sin(x * column + y * row + phase) for x, y, phase, a in waves)
            for component, value, strength in [(0, light, texture)] * 4 + [(1, tint[0], texture / 4), (2, tint[1], texture / 4)]:
                dc = round(max(-127, min(127, value + rng.gauss(0, 3))) * 8 / QUANT[0])
                code.append(block(dc, before[component], strength, rng))
                before[component] = dc
    bits = "".join(code)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    return b"".join([
        b"\xff\xd8", segment(0xDB, [0], QUANT),
        segment(0xC0, [8], height.to_bytes(2, "big"), width.to_bytes(2, "big"), [3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]),
        huffman(0x00, DC, 4), huffman(0x10, AC, 8), segment(0xDA, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0]), data, b"\xff\xd9"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--classes", type=int, default=4)
    parser.add_argument("--images", type=int, default=8, help="of a class")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.classes < 1 or args.images < 1:
        sys.exit("make_imagenet: --classes and --images are at least 1")
    listing = args.folder / "meta/train.txt"
    if listing.exists():
        sys.exit(f"make_imagenet: {listing} is there already; name another folder")
    listing.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for label in range(args.classes):
        name = f"n{label:08}"
        folder = args.folder / "train" / name
        folder.mkdir(parents=True, exist_ok=True)
        tint = random.Random(f"{args.seed} {label}")
        tint = tint.uniform(-60, 60), tint.uniform(-60, 60)
        for i in range(args.images):
            rng = random.Random(f"{args.seed} {label} {i}")
            (folder / f"{name}_{i}.JPEG").write_bytes(jpeg(*rng.choice(SIZES), tint, rng))
            lines.append(f"{name}/{name}_{i}.JPEG {label}\n")
    listing.write_text("".join(lines))  # last: a folder with a list is whole
    print(f"{len(lines)} images in {args.folder}")


if __name__ == "__main__":
    main()
