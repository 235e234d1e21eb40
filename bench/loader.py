"""The peers of bench/loader: decode and augment a folder's JPEGs with one thread, into batches of 32 images of u8, as the host does.

  loader.py SIDE FOLDER RECIPE

SIDE: pillow, torchvision (transforms.v2 on u8 tensors), torchvision-pil, opencv, dali. Commands and answers as in loader.cpp: run, quit.
Nothing is normalised: the host does that on the device, a batch at a time, and so can every peer.
"""
import json
import math
import random
import resource
import sys
import time
from pathlib import Path

import numpy

BATCH, SIDE = 32, 224


def draw_box(width, height, low):
    for _ in range(10):
        area = random.uniform(low, 1) * width * height
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return random.randint(0, height - h), random.randint(0, width - w), h, w
    return 0, 0, height, width


def draw_colours():
    """Names and factors, in order."""
    colours = []
    if random.random() < 0.8:
        colours = [(name, random.uniform(0.2, 1.8)) for name in ("brightness", "contrast", "saturation")] + [("hue", random.uniform(-0.2, 0.2))]
        random.shuffle(colours)
    if random.random() < 0.2:
        colours.append(("grey", None))
    if random.random() < 0.5:
        colours.append(("blur", random.uniform(0.1, 2)))
    return colours


class PerImage:
    """Images one by one into a batch's memory. A side has open, size, crop, flip, colours (by name), and array."""

    def __init__(self, folder, recipe):
        self.files = sorted(Path(folder).iterdir())
        self.views, self.low, self.cubic = (1, 0.2, True) if recipe == "mae" else (2, 0.08, False)
        self.recipe = recipe

    def epoch(self):
        random.shuffle(self.files)
        for start in range(0, len(self.files), BATCH):
            files = self.files[start:start + BATCH]
            batches = [numpy.empty((len(files), *self.shape), numpy.uint8) for _ in range(self.views)]
            for i, file in enumerate(files):
                whole = self.open(file)
                width, height = self.size(whole)
                for batch in batches:
                    image = self.crop(whole, *draw_box(width, height, self.low))
                    if random.random() < 0.5:
                        image = self.flip(image)
                    for name, value in draw_colours() if self.recipe == "simclr" else ():
                        image = self.colours[name](image, value)
                    batch[i] = self.array(image)
        return len(self.files)


class Pillow(PerImage):
    shape = (SIDE, SIDE, 3)

    def __init__(self, folder, recipe):
        super().__init__(folder, recipe)
        from PIL import Image, ImageEnhance, ImageFilter
        filters = Image.BICUBIC if self.cubic else Image.BILINEAR
        self.open = lambda file: Image.open(file).convert("RGB")
        self.size = lambda image: image.size
        self.crop = lambda image, top, left, h, w: image.resize((SIDE, SIDE), filters, (left, top, left + w, top + h))
        self.flip = lambda image: image.transpose(Image.FLIP_LEFT_RIGHT)
        self.array = numpy.asarray

        def hue(image, v):
            h, s, value = image.convert("HSV").split()
            moved = numpy.asarray(h) + numpy.uint8(int(v * 255) & 255)
            return Image.merge("HSV", (Image.fromarray(moved, "L"), s, value)).convert("RGB")

        self.colours = {
            "brightness": lambda image, v: ImageEnhance.Brightness(image).enhance(v),
            "contrast": lambda image, v: ImageEnhance.Contrast(image).enhance(v),
            "saturation": lambda image, v: ImageEnhance.Color(image).enhance(v),
            "hue": hue,
            "grey": lambda image, v: image.convert("L").convert("RGB"),
            "blur": lambda image, v: image.filter(ImageFilter.GaussianBlur(v)),
        }


class Torchvision(PerImage):
    def __init__(self, folder, recipe, pil):
        super().__init__(folder, recipe)
        import torch
        from PIL import Image
        from torchvision.io import ImageReadMode, decode_jpeg, read_file
        from torchvision.transforms.v2 import InterpolationMode
        from torchvision.transforms.v2 import functional as f
        torch.set_num_threads(1)
        filters = InterpolationMode.BICUBIC if self.cubic else InterpolationMode.BILINEAR
        self.shape = (SIDE, SIDE, 3) if pil else (3, SIDE, SIDE)
        self.open = (lambda file: Image.open(file).convert("RGB")) if pil else (lambda file: decode_jpeg(read_file(str(file)), ImageReadMode.RGB))
        self.size = (lambda image: image.size) if pil else (lambda image: (image.shape[2], image.shape[1]))
        self.crop = lambda image, top, left, h, w: f.resized_crop(image, top, left, h, w, [SIDE, SIDE], filters, True)
        self.flip = f.horizontal_flip
        self.array = numpy.asarray
        self.colours = {
            "brightness": f.adjust_brightness,
            "contrast": f.adjust_contrast,
            "saturation": f.adjust_saturation,
            "hue": f.adjust_hue,
            "grey": lambda image, v: f.rgb_to_grayscale(image, 3),
            "blur": lambda image, v: f.gaussian_blur(image, [23, 23], [v, v]),
        }


class OpenCv(PerImage):
    """Its resize does not antialias; INTER_AREA, which does, is what shrinks there."""

    shape = (SIDE, SIDE, 3)

    def __init__(self, folder, recipe):
        super().__init__(folder, recipe)
        import cv2
        cv2.setNumThreads(1)
        kind = cv2.INTER_CUBIC if self.cubic else cv2.INTER_LINEAR
        self.open = lambda file: cv2.cvtColor(cv2.imdecode(numpy.frombuffer(file.read_bytes(), numpy.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        self.size = lambda image: (image.shape[1], image.shape[0])
        self.crop = lambda image, top, left, h, w: cv2.resize(image[top:top + h, left:left + w], (SIDE, SIDE), interpolation=kind)
        self.flip = lambda image: cv2.flip(image, 1)
        self.array = lambda image: image

        def grey(image):
            return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)

        def hue(image, v):
            hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
            hsv[..., 0] += numpy.uint8(int(v * 255) & 255)
            return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)

        def contrast(image, v):
            return cv2.convertScaleAbs(image, alpha=v, beta=0) if v == 1 else cv2.addWeighted(
                image, v, numpy.full_like(image, int(cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0] + 0.5)), 1 - v, 0)

        self.colours = {
            "brightness": lambda image, v: cv2.convertScaleAbs(image, alpha=v),
            "contrast": contrast,
            "saturation": lambda image, v: cv2.addWeighted(image, v, grey(image), 1 - v, 0),
            "hue": hue,
            "grey": lambda image, v: grey(image),
            "blur": lambda image, v: cv2.GaussianBlur(image, (23, 23), v),
        }


class Dali:
    """Operators of the CPU, one thread, that decode the part needed of one view."""

    def __init__(self, folder, recipe):
        from nvidia.dali import fn, pipeline_def, types
        self.count = len(list(Path(folder).iterdir()))
        files = [str(file) for file in sorted(Path(folder).iterdir())]
        chance = fn.random.coin_flip

        def colours(image):
            if chance(probability=0.8, dtype=types.BOOL):
                image = fn.color_twist(image, brightness=fn.random.uniform(range=(0.2, 1.8)), contrast=fn.random.uniform(range=(0.2, 1.8)),
                                       saturation=fn.random.uniform(range=(0.2, 1.8)), hue=fn.random.uniform(range=(-72.0, 72.0)))
            else:
                image = image
            if chance(probability=0.2, dtype=types.BOOL):
                image = fn.saturation(image, saturation=0.0)
            else:
                image = image
            if chance(probability=0.5, dtype=types.BOOL):
                image = fn.gaussian_blur(image, sigma=fn.random.uniform(range=(0.1, 2.0)))
            else:
                image = image
            return image

        @pipeline_def(batch_size=BATCH, num_threads=1, device_id=None, enable_conditionals=True, prefetch_queue_depth=2)
        def graph():
            encoded, _ = fn.readers.file(files=files, random_shuffle=True, initial_fill=len(files), name="files")
            if recipe == "mae":
                image = fn.decoders.image_random_crop(encoded, device="cpu", random_area=[0.2, 1], random_aspect_ratio=[3 / 4, 4 / 3])
                image = fn.resize(image, size=[SIDE, SIDE], interp_type=types.INTERP_CUBIC, antialias=True)
                return fn.flip(image, horizontal=chance())
            whole = fn.decoders.image(encoded, device="cpu", output_type=types.RGB)
            views = []
            for _ in range(2):
                image = fn.random_resized_crop(whole, size=[SIDE, SIDE], interp_type=types.INTERP_LINEAR, antialias=True)
                views.append(colours(fn.flip(image, horizontal=chance())))
            return tuple(views)

        self.pipeline = graph()
        self.pipeline.build()

    def epoch(self):
        batches = -(-self.count // BATCH)
        for _ in range(batches):
            self.pipeline.run()
        return batches * BATCH


def main():
    name, folder, recipe = sys.argv[1:]
    side = {"pillow": Pillow, "opencv": OpenCv, "dali": Dali, "torchvision": lambda *a: Torchvision(*a, False),
            "torchvision-pil": lambda *a: Torchvision(*a, True)}[name](folder, recipe)
    for line in sys.stdin:
        if line.strip() == "quit":
            print(json.dumps({"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}), flush=True)
            break
        cpu, wall = time.process_time(), time.monotonic()
        images = side.epoch()
        print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall, "images": images}), flush=True)


if __name__ == "__main__":
    main()
