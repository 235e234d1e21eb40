"""The Python peers of bench/views: each makes the same pairs of views of one JPEG with the same drawn numbers, on one thread.

  python views.py SIDE JPEG PAIRS.json        commands on stdin as bench/views.cpp takes them (run, views, quit)

An edit of PAIRS.json is [kind, flags, v…] with the numbers of ssp/edit.h; the kinds that appear are those of SimCLR's views.
"""
import io
import json
import resource
import sys
import time

BRIGHTNESS, CONTRAST, SATURATION, HUE, GREY, BLUR, CROP_RESIZE, FLIP = 1, 2, 3, 4, 5, 6, 13, 14


class Pillow:
    """Pillow's own functions; the hue as torchvision and mmcv shift it."""

    def __init__(self, jpeg):
        import numpy
        from PIL import Image, ImageEnhance, ImageFilter, ImageOps
        self.jpeg, self.numpy, self.image = jpeg, numpy, Image
        self.draw = {
            BRIGHTNESS: lambda image, v: ImageEnhance.Brightness(image).enhance(v[0]),
            CONTRAST: lambda image, v: ImageEnhance.Contrast(image).enhance(v[0]),
            SATURATION: lambda image, v: ImageEnhance.Color(image).enhance(v[0]),
            HUE: lambda image, v: self.hue(image, v[0]),
            GREY: lambda image, v: image.convert("L").convert("RGB"),
            BLUR: lambda image, v: image.filter(ImageFilter.GaussianBlur(v[0])),
            FLIP: lambda image, v: ImageOps.mirror(image),
            CROP_RESIZE: lambda image, v: image.crop((v[1], v[0], v[1] + v[3], v[0] + v[2])).resize(
                (v[5], v[4]), Image.Resampling.BILINEAR),
        }

    def hue(self, image, shift):
        h, s, v = image.convert("HSV").split()
        moved = self.numpy.array(h) + self.numpy.array(int(shift * 255)).astype(self.numpy.uint8)
        return self.image.merge("HSV", (self.image.fromarray(moved), s, v)).convert("RGB")

    def pair(self, views):
        whole = self.image.open(io.BytesIO(self.jpeg)).convert("RGB")
        out = []
        for edits in views:
            image = whole
            for kind, _, *v in edits:
                image = self.draw[kind](image, v)
            out.append(self.numpy.asarray(image))
        return out


class Torchvision:
    """transforms.v2.functional, on u8 tensors or on Pillow's images; the blur's kernel is SimCLR's, a tenth of the side."""

    def __init__(self, jpeg, pil):
        import numpy
        import torch
        from PIL import Image
        from torchvision.io import ImageReadMode, decode_jpeg
        from torchvision.transforms.v2 import InterpolationMode
        from torchvision.transforms.v2 import functional as f
        torch.set_num_threads(1)
        data = torch.frombuffer(bytearray(jpeg), dtype=torch.uint8)
        self.open = (lambda: Image.open(io.BytesIO(jpeg)).convert("RGB")) if pil else (lambda: decode_jpeg(data, ImageReadMode.RGB))
        self.array = numpy.asarray if pil else lambda image: image.permute(1, 2, 0).contiguous().numpy()
        self.draw = {
            BRIGHTNESS: lambda image, v: f.adjust_brightness(image, v[0]),
            CONTRAST: lambda image, v: f.adjust_contrast(image, v[0]),
            SATURATION: lambda image, v: f.adjust_saturation(image, v[0]),
            HUE: lambda image, v: f.adjust_hue(image, v[0]),
            GREY: lambda image, v: f.rgb_to_grayscale(image, 3),
            BLUR: lambda image, v: f.gaussian_blur(image, [23, 23], [v[0], v[0]]),
            FLIP: lambda image, v: f.horizontal_flip(image),
            CROP_RESIZE: lambda image, v: f.resized_crop(image, *v[:4], v[4:], InterpolationMode.BILINEAR, True),
        }

    def pair(self, views):
        whole = self.open()
        out = []
        for edits in views:
            image = whole
            for kind, _, *v in edits:
                image = self.draw[kind](image, v)
            out.append(self.array(image))
        return out


class Dali:
    """DALI's operators of the CPU, one thread: decoded once, crop and resize in one, one colour twist in DALI's own order."""

    BATCH = 25

    def __init__(self, jpeg, pairs):
        import numpy
        from nvidia.dali import fn, pipeline_def, types
        keys = {"start": numpy.float32, "end": numpy.float32, "flip": numpy.int32, "jitter": numpy.bool_, "brightness": numpy.float32,
                "contrast": numpy.float32, "saturation": numpy.float32, "hue": numpy.float32, "blur": numpy.bool_, "sigma": numpy.float32}
        plan = [[self.numbers(edits) for edits in views] for views in pairs]
        data = numpy.frombuffer(jpeg, numpy.uint8)
        place = [0]

        def source():
            chosen = [plan[(place[0] + i) % len(plan)] for i in range(self.BATCH)]
            place[0] += self.BATCH
            return [[data] * self.BATCH] + [[numpy.array(views[v][key], kind) for views in chosen] for v in range(2) for key, kind in keys.items()]

        @pipeline_def(batch_size=self.BATCH, num_threads=1, device_id=None, enable_conditionals=True, prefetch_queue_depth=1)
        def graph():
            encoded, *rest = fn.external_source(source=source, num_outputs=1 + 2 * len(keys))
            whole = fn.decoders.image(encoded, device="cpu", output_type=types.RGB)
            out = []
            for v in range(2):
                n = dict(zip(keys, rest[v * len(keys):]))
                image = fn.resize(whole, size=[224, 224], roi_start=n["start"], roi_end=n["end"], interp_type=types.INTERP_LINEAR,
                                  antialias=True)
                image = fn.flip(image, horizontal=n["flip"])
                if n["jitter"]:
                    image = fn.color_twist(image, brightness=n["brightness"], contrast=n["contrast"], saturation=n["saturation"], hue=n["hue"])
                else:
                    image = image
                if n["blur"]:
                    image = fn.gaussian_blur(image, sigma=n["sigma"])
                else:
                    image = image
                out.append(image)
            return tuple(out)

        self.pipeline = graph()
        self.pipeline.build()

    @staticmethod
    def numbers(edits):
        n = {"start": [0, 0], "end": [0, 0], "flip": 0, "jitter": False, "brightness": 1, "contrast": 1, "saturation": 1, "hue": 0,
             "blur": False, "sigma": 1}
        for kind, _, *v in edits:
            if kind == CROP_RESIZE:
                n.update(start=v[:2], end=[v[0] + v[2], v[1] + v[3]])
            elif kind == FLIP:
                n["flip"] = 1
            elif kind == BLUR:
                n.update(blur=True, sigma=v[0])
            else:
                n["jitter"] = True
                if kind == HUE:
                    n["hue"] = 360 * v[0]
                else:
                    n[{BRIGHTNESS: "brightness", CONTRAST: "contrast", SATURATION: "saturation", GREY: "saturation"}[kind]] = v[0] if v else 0
        return n

    def batch(self):
        first, second = self.pipeline.run()
        return [image for i in range(self.BATCH) for image in (first.at(i), second.at(i))]


def main():
    name, jpeg_path, pairs_path = sys.argv[1:]
    with open(jpeg_path, "rb") as file:
        jpeg = file.read()
    with open(pairs_path, encoding="utf-8") as file:
        pairs = json.load(file)
    if name == "dali":
        side, size = Dali(jpeg, pairs), Dali.BATCH
    else:
        side, size = Pillow(jpeg) if name == "pillow" else Torchvision(jpeg, name == "torchvision-pil"), 1
    place = 0

    def some():  # `size` pairs
        nonlocal place
        place += 1
        return side.batch() if size > 1 else side.pair(pairs[(place - 1) % len(pairs)])

    for line in sys.stdin:
        command, *rest = line.split()
        if command == "run":
            start = time.process_time()
            for _ in range(int(rest[0]) // size):
                some()
            answer = {"cpu": time.process_time() - start}
        elif command == "views":
            place, written = 0, 0
            with open(rest[0], "wb") as file:
                for _ in range(len(pairs) // size):
                    for pixels in some():
                        written += file.write(pixels.tobytes())
            answer, place = {"bytes": written}, 0
        else:
            answer = {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
        print(json.dumps(answer), flush=True)
        if command == "quit":
            break


if __name__ == "__main__":
    main()
