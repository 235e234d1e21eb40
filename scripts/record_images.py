#!/usr/bin/env python3
"""Makes small images of every format, and records what Pillow decodes, for tests/data/codec_reference_test.cpp.

  python3 scripts/record_images.py [FOLDER]      writes images/, images_pillow.json and images_pillow.safetensors, into tests/data

Needs Pillow 11.3.0 and numpy. What Pillow cannot write is put together here from the formats' definitions. Pixels are those of
ImageOps.exif_transpose(...).convert("RGB"); of 16 bits of grey, which Pillow clips, the upper 8. Files of images/odd/ are no part of
this: they came from cameras and from damage.
"""
import io
import json
import struct
import sys
from pathlib import Path

import numpy
import PIL
from PIL import Image, ImageFile, ImageOps

WIDTH, HEIGHT = 29, 18


def picture(bands=3, smooth=True, seed=1):
    y, x, c = numpy.mgrid[0:HEIGHT, 0:WIDTH, 0:bands]
    base = x * 255 // (WIDTH - 1) * (1 - c % 2) + (HEIGHT - 1 - y) * 255 // (HEIGHT - 1) * (c % 2)
    if not smooth:
        base = base + numpy.random.RandomState(seed).randint(-60, 60, base.shape)
    return numpy.clip(base, 0, 255).astype(numpy.uint8)


NOISY, SMOOTH, ALPHA = picture(3, False), picture(3), picture(4, False)
GREY = picture(1, False)[..., 0]


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


# --- TIFF, by its definition --------------------------------------------------------------------------------------------

def bits_of(values, bits, order="<"):
    """Rows of samples, packed."""
    if bits == 16:
        return b"".join(struct.pack(f"{order}{row.size}H", *row.ravel().tolist()) for row in values)
    if bits == 8:
        return values.astype(numpy.uint8).tobytes()
    out = b""
    for row in values.reshape(values.shape[0], -1):
        padded = "".join(format(int(v), f"0{bits}b") for v in row)
        padded += "0" * (-len(padded) % 8)
        out += int(padded, 2).to_bytes(len(padded) // 8, "big")
    return out


def tiff(values, photometric, bits, order="<", planar=False, tile=None, rows_per_strip=None, extra=None, palette=None, orientation=None):
    height, width, samples = values.shape
    blocks = []
    planes = [values[..., s : s + 1] for s in range(samples)] if planar else [values]
    for plane in planes:
        if tile:
            for top in range(0, height, tile):
                for left in range(0, width, tile):
                    block = numpy.zeros((tile, tile, plane.shape[2]), plane.dtype)
                    part = plane[top : top + tile, left : left + tile]
                    block[: part.shape[0], : part.shape[1]] = part
                    blocks.append(bits_of(block, bits, order))
        else:
            step = rows_per_strip or height
            blocks += [bits_of(plane[top : top + step], bits, order) for top in range(0, height, step)]
    tags = {256: ("H", [width]), 257: ("H", [height]), 258: ("H", [bits] * samples), 259: ("H", [1]), 262: ("H", [photometric]),
            277: ("H", [samples]), 284: ("H", [2 if planar else 1])}
    data, offsets = b"", []
    for block in blocks:
        offsets.append(8 + len(data))
        data += block + b"\0" * (len(block) % 2)
    where, sizes = (324, 325) if tile else (273, 279)
    tags[where], tags[sizes] = ("I", offsets), ("I", [len(block) for block in blocks])
    if tile:
        tags[322], tags[323] = ("H", [tile]), ("H", [tile])
    else:
        tags[278] = ("H", [rows_per_strip or height])
    if extra is not None:
        tags[338] = ("H", [extra])
    if palette is not None:
        tags[320] = ("H", palette)
    if orientation is not None:
        tags[274] = ("H", [orientation])
    at = 8 + len(data)
    directory, behind = struct.pack(order + "H", len(tags)), b""
    rest = at + 2 + 12 * len(tags) + 4
    for tag, (kind, values_) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values_)}{kind}", *values_)
        directory += struct.pack(order + "HHI", tag, {"H": 3, "I": 4}[kind], len(values_))
        if len(packed) > 4:
            directory += struct.pack(order + "I", rest + len(behind))
            behind += packed + b"\0" * (len(packed) % 2)
        else:
            directory += packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    return head + data + directory + b"\0\0\0\0" + behind


# --- BMP, by its definition ---------------------------------------------------------------------------------------------

def bmp(rows, bits, compression=0, palette=(), masks=(), top_down=False, header=40, width=WIDTH, height=HEIGHT, clear=0):
    """rows: the packed ones, from the bottom, or runs as they are."""
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
        colours = b"".join(struct.pack("BBB", b, g, r) for r, g, b in palette)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, compression, 0, 2835, 2835, clear, 0)
        fields = b"".join(struct.pack("<I", mask) for mask in masks)
        info += fields.ljust(header - 40, b"\0") if header > 40 else fields
        colours = b"".join(struct.pack("BBBB", b, g, r, 0) for r, g, b in palette)
    offset = 14 + len(info) + len(colours)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + info + colours + rows


def bmp_rows(values, bits, top_down=False):
    out = b""
    for row in values if top_down else values[::-1]:
        packed = bits_of(row[None], bits)
        out += packed + b"\0" * (-len(packed) % 4)
    return out


def runs8(values):
    out = b""
    for row in values[::-1]:
        x = 0
        while x < len(row):
            n = 1
            while x + n < len(row) and row[x + n] == row[x] and n < 255:
                n += 1
            if n == 1 and len(row) - x >= 3:
                take = min(5, len(row) - x)
                out += bytes([0, take, *row[x : x + take]]) + b"\0" * (take % 2)
                x += take
            else:
                out += bytes([n, row[x]])
                x += n
        out += b"\0\0"
    return out + b"\0\1"


def runs4(values):
    out = b""
    for row in values[::-1]:
        for x in range(0, len(row) - len(row) % 2, 2):
            out += bytes([2, row[x] << 4 | row[x + 1]])
        if len(row) % 2:
            out += bytes([1, row[-1] << 4])
        out += b"\0\0"
    return out + b"\0\1"


# --- all of them --------------------------------------------------------------------------------------------------------

def webps():
    yield "lossy.webp", saved(Image.fromarray(SMOOTH), "WEBP", quality=60)
    yield "lossless.webp", saved(Image.fromarray(NOISY), "WEBP", lossless=True)
    yield "lossy_alpha.webp", saved(Image.fromarray(ALPHA), "WEBP", quality=80, exact=True)
    yield "lossless_alpha.webp", saved(Image.fromarray(ALPHA), "WEBP", lossless=True, exact=True)
    yield "turned.webp", saved(Image.fromarray(NOISY), "WEBP", lossless=True, exif=exif(6))
    frames = [Image.fromarray(picture(3, False, seed)) for seed in (2, 3)]
    yield "animated.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    corner = Image.new("RGBA", (WIDTH, HEIGHT))
    corner.paste(Image.fromarray(NOISY).crop((0, 0, 9, 7)), (6, 4))
    yield "animated_corner.webp", saved(corner, "WEBP", save_all=True, append_images=[Image.fromarray(ALPHA)], lossless=True)


def avifs():
    yield "444.avif", saved(Image.fromarray(SMOOTH), "AVIF", quality=90, subsampling="4:4:4")
    yield "420.avif", saved(Image.fromarray(SMOOTH), "AVIF", quality=90, subsampling="4:2:0")
    yield "grey.avif", saved(Image.fromarray(GREY), "AVIF", quality=95, subsampling="4:0:0")
    yield "alpha.avif", saved(Image.fromarray(ALPHA), "AVIF", quality=95, subsampling="4:4:4")
    for orientation in range(2, 9):
        yield f"turned_{orientation}.avif", saved(Image.fromarray(SMOOTH), "AVIF", quality=90, subsampling="4:4:4", exif=exif(orientation))


def gifs():
    indexed = Image.fromarray(NOISY).quantize(32)
    plain = saved(indexed, "GIF", interlace=0)
    yield "plain.gif", plain
    yield "interlaced.gif", saved(indexed, "GIF", interlace=1)
    yield "transparent.gif", saved(indexed, "GIF", interlace=0, transparency=3)
    yield "grey.gif", saved(Image.fromarray(GREY), "GIF", interlace=0)
    frames = [Image.fromarray(picture(3, False, seed)).quantize(16) for seed in (2, 3)]
    yield "animated.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    for name, whole in (("corner.gif", plain), ("corner_transparent.gif", saved(indexed, "GIF", interlace=0, transparency=3))):
        at = whole.index(b",\0\0\0\0" + struct.pack("<HH", WIDTH, HEIGHT))
        moved = bytearray(whole)
        moved[6:10] = struct.pack("<HH", WIDTH + 9, HEIGHT + 5)
        moved[at + 1 : at + 5] = struct.pack("<HH", 4, 3)
        yield name, bytes(moved)
    beyond = bytearray(plain)
    beyond[6:10] = struct.pack("<HH", 5, 5)
    yield "beyond_screen.gif", bytes(beyond)


def bmps():
    colours = [(i * 16, 255 - i * 16, i * 9 % 256) for i in range(16)]
    indices = (GREY // 16).astype(numpy.uint8)
    yield "1.bmp", bmp(bmp_rows(GREY // 128, 1), 1, palette=[(10, 20, 30), (200, 100, 50)])
    yield "4.bmp", bmp(bmp_rows(indices, 4), 4, palette=colours)
    yield "8.bmp", bmp(bmp_rows(indices, 8), 8, palette=colours, clear=16)
    yield "8_grey.bmp", saved(Image.fromarray(GREY), "BMP")
    yield "8_os2.bmp", bmp(bmp_rows(indices, 8), 8, palette=colours + [(0, 0, 0)] * 240, header=12)
    number = (NOISY[..., 0].astype(int) >> 3 << 10) | (NOISY[..., 1].astype(int) >> 3 << 5) | NOISY[..., 2] >> 3
    yield "16.bmp", bmp(bmp_rows(number, 16), 16)
    number = (NOISY[..., 0].astype(int) >> 3 << 11) | (NOISY[..., 1].astype(int) >> 2 << 5) | NOISY[..., 2] >> 3
    yield "16_fields.bmp", bmp(bmp_rows(number, 16), 16, 3, masks=(0xF800, 0x7E0, 0x1F))
    yield "24.bmp", saved(Image.fromarray(NOISY), "BMP")
    yield "24_top_down.bmp", bmp(bmp_rows(NOISY[..., ::-1], 8, True), 24, top_down=True)
    wide = numpy.concatenate([NOISY[..., ::-1], GREY[..., None]], axis=2)
    yield "32.bmp", bmp(bmp_rows(wide, 8), 32)
    yield "32_fields.bmp", bmp(bmp_rows(wide[..., [3, 0, 1, 2]], 8), 32, 3, masks=(0xFF000000, 0xFF0000, 0xFF00, 0), header=56)
    smooth = (SMOOTH[..., 0] // 32).astype(numpy.uint8)
    yield "runs8.bmp", bmp(runs8(smooth), 8, 1, palette=colours, clear=16)
    yield "runs4.bmp", bmp(runs4(indices), 4, 2, palette=colours)


def tiffs():
    rgb, grey = Image.fromarray(NOISY), Image.fromarray(GREY)
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "lzma"):
        yield f"rgb_{compression}.tif", saved(rgb, "TIFF", compression=compression)
    yield "jpeg.tif", saved(Image.fromarray(SMOOTH), "TIFF", compression="jpeg", quality=95)
    yield "jpeg_ycbcr.tif", saved(Image.fromarray(SMOOTH).convert("YCbCr"), "TIFF", compression="jpeg", quality=95)
    yield "fax.tif", saved(grey.convert("1"), "TIFF", compression="group4")
    yield "big.tif", saved(rgb, "TIFF", big_tiff=True)
    yield "rgba.tif", saved(Image.fromarray(ALPHA), "TIFF", compression="tiff_lzw")
    yield "cmyk.tif", saved(Image.frombytes("CMYK", (WIDTH, HEIGHT), ALPHA.tobytes()), "TIFF", compression="tiff_lzw")
    yield "palette.tif", saved(rgb.quantize(200), "TIFF", compression="tiff_lzw")
    yield "turned.tif", tiff(NOISY, 2, 8, orientation=8)
    yield "1.tif", tiff(GREY[..., None] // 128, 1, 1)
    yield "1_white.tif", tiff(GREY[..., None] // 128, 0, 1)
    yield "2.tif", tiff(GREY[..., None] // 64, 1, 2)
    yield "4.tif", tiff(GREY[..., None] // 16, 1, 4)
    yield "4_palette.tif", tiff(GREY[..., None] // 16, 3, 4, palette=[(i * 4111) % 65536 for i in range(48)])
    yield "8_white.tif", tiff(GREY[..., None], 0, 8, rows_per_strip=5)
    deep = NOISY.astype(int) * 256 + numpy.random.RandomState(7).randint(0, 256, NOISY.shape)
    yield "rgb16.tif", tiff(deep, 2, 16)
    yield "rgb16_big_endian.tif", tiff(deep, 2, 16, order=">")
    yield "grey16.tif", tiff(deep[..., :1], 1, 16)
    yield "grey16_big_endian.tif", tiff(deep[..., :1], 1, 16, order=">")
    yield "planes.tif", tiff(NOISY, 2, 8, planar=True, rows_per_strip=7)
    yield "tiles.tif", tiff(NOISY, 2, 8, tile=16)
    yield "tiles_planes.tif", tiff(NOISY, 2, 8, tile=16, planar=True)
    multiplied = ALPHA.copy()
    multiplied[..., :3] = multiplied[..., :3].astype(int) * multiplied[..., 3:] // 255
    yield "multiplied.tif", tiff(multiplied, 2, 8, extra=1)


def pnms():
    bits = GREY // 128
    size = f"{WIDTH} {HEIGHT}\n".encode()
    yield "p1.pbm", b"P1\n# made\n" + size + b"\n".join("".join(map(str, row)).encode() for row in bits)
    yield "p2.pgm", b"P2 " + size + b"255\n" + b"\n".join(" ".join(map(str, row)).encode() for row in GREY)
    yield "p3.ppm", b"P3\n" + size + b"99 # the largest\n" + b"\n".join(
        " ".join(map(str, row.ravel() * 99 // 255)).encode() for row in NOISY.astype(int))
    yield "p4.pbm", b"P4\n" + size + bits_of(bits[..., None], 1)
    yield "p5.pgm", b"P5\n#a\n" + size + b"255\n" + GREY.tobytes()
    yield "p6.ppm", b"P6\n" + size + b"255\n" + NOISY.tobytes()
    yield "p6_100.ppm", b"P6\n" + size + b"100\n" + (NOISY.astype(int) * 100 // 255).astype(numpy.uint8).tobytes()
    deep = NOISY.astype(int) * 257 - 128 * (NOISY > 0)
    yield "p6_65535.ppm", b"P6\n" + size + b"65535\n" + bits_of(deep, 16, ">")


def cut(data, share):
    return data[: int(len(data) * share)]


def cuts():
    """Files that were cut, to be kept."""
    rgb, large = Image.fromarray(NOISY), Image.fromarray(numpy.kron(NOISY, numpy.ones((4, 4, 1), numpy.uint8)))
    yield "cut.jpg", cut(saved(large, "JPEG", quality=80), 0.6)
    yield "cut_progressive.jpg", cut(saved(large, "JPEG", quality=80, progressive=True), 0.4)
    yield "cut_end.jpg", saved(large, "JPEG", quality=80)[:-2]
    yield "cut.png", cut(saved(rgb, "PNG"), 0.6)
    yield "cut_palette.png", cut(saved(rgb.quantize(64), "PNG"), 0.9)
    yield "cut.bmp", cut(saved(rgb, "BMP"), 0.6)
    yield "cut.ppm", cut(saved(rgb, "PPM"), 0.6)
    yield "cut.tif", cut(saved(rgb, "TIFF", compression="raw"), 0.6)


def pixels_of(data):
    image = Image.open(io.BytesIO(data))
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        values = numpy.asarray(image)
        image = Image.fromarray((values >> 8).astype(numpy.uint8))
    return numpy.asarray(image.convert("RGB"))


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "tests/data"
    if PIL.__version__ != "11.3.0":
        sys.exit(f"record_images: this is Pillow {PIL.__version__}; the values of the tests are those of 11.3.0")
    images = folder / "images"
    images.mkdir(exist_ok=True)
    files = {}
    for made in (webps(), avifs(), gifs(), bmps(), tiffs(), pnms()):
        files.update(made)
    kept = dict(cuts())
    for name, data in {**files, **kept}.items():
        (images / name).write_bytes(data)
    for file in sorted((images / "odd").iterdir()):
        (kept if "cut" in file.name else files)[f"odd/{file.name}"] = file.read_bytes()
    tensors = {name: pixels_of(data) for name, data in files.items()}
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    tensors.update({name: pixels_of(data) for name, data in kept.items()})
    header, data = {"__metadata__": {"pillow": PIL.__version__}}, b""
    for name, tensor in sorted(tensors.items()):
        planes = numpy.ascontiguousarray(tensor.transpose(2, 0, 1))
        header[name] = {"dtype": "U8", "shape": list(planes.shape), "data_offsets": [len(data), len(data) + planes.size]}
        data += planes.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "images_pillow.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    about = "Pillow 11.3.0, by scripts/record_images.py: files of images/, and those that were cut, of which LOAD_TRUNCATED_IMAGES keeps what is there."
    listing = {"about": about, "files": sorted(files), "cut": sorted(kept)}
    (folder / "images_pillow.json").write_text(json.dumps(listing, indent=1) + "\n")


if __name__ == "__main__":
    main()
