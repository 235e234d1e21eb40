#!/usr/bin/env python3
"""Records what torchvision's residual networks compute, for tests/plugins/resnet_reference_test.cpp.

  python3 scripts/record_resnet.py [FOLDER]       writes resnet_torchvision.json and .safetensors, into tests/data

Needs torch 2.11.0, torchvision 0.26.0 and safetensors. Networks have one block a stage. Their tensors and images are functions of
a name and an index (see `values`), so that only results are recorded: of each case the pooled features in eval mode, then of one
step of training a weighted sum of the features, its gradients, and the running statistics. A tensor of these is recorded as its
norm and its products with two vectors of the same kind of numbers.
"""
import json
import sys
import zlib
from pathlib import Path

import numpy
import torch
import torchvision
from safetensors.torch import save_file
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet


def values(name, shape):
    """Numbers in [-0.5, 0.5): an integer hash of the index, begun at the CRC-32 of the name."""
    n = numpy.arange(int(numpy.prod(shape)), dtype=numpy.uint64) + numpy.uint64(zlib.crc32(name.encode()))
    n = (n * numpy.uint64(2654435761)) & numpy.uint64(0xFFFFFFFF)
    n ^= n >> numpy.uint64(15)
    n = (n * numpy.uint64(2246822519)) & numpy.uint64(0xFFFFFFFF)
    n ^= n >> numpy.uint64(13)
    return torch.from_numpy(n.astype(numpy.float64) / 2**32 - 0.5).reshape(shape)


def fill(model):
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.zero_()
            elif tensor.dim() == 4:  # deviation sqrt(2 / fan_in)
                tensor.copy_(values(name, tensor.shape) * (24 / (tensor.shape[1] * tensor.shape[2] * tensor.shape[3])) ** 0.5)
            else:
                tensor.copy_(values(name, tensor.shape) + (0 if name.endswith(("bias", "running_mean")) else 1))


def digest(name, tensor):
    flat = tensor.detach().double().flatten()
    return [flat.norm().item(), (flat @ values(name + "/a", flat.shape)).item(), (flat @ values(name + "/b", flat.shape)).item()]


# name -> block, stem, batch, height, width
CASES = {"basic": (BasicBlock, "imagenet", 3, 33, 50), "bottleneck": (Bottleneck, "imagenet", 2, 64, 64),
         "cifar": (BasicBlock, "cifar", 2, 17, 16), "small": (Bottleneck, "small", 4, 16, 31)}


def record(name, block, stem, batch, height, width):
    model = ResNet(block, [1, 1, 1, 1])
    model.fc = torch.nn.Identity()
    if stem != "imagenet":
        model.conv1 = torch.nn.Conv2d(3, 64, 3, 1 if stem == "cifar" else 2, 1, bias=False)
        model.maxpool = torch.nn.Identity()
    fill(model)
    images = values(name + "/images", (batch, 3, height, width)).float() * 4
    tensors = {name: model.eval()(images).detach()}
    features = model.train()(images)
    loss = (features * values(name + "/weights", features.shape).float()).sum()
    loss.backward()
    case = {"bottleneck": block is Bottleneck, "stem": stem, "batch": batch, "height": height, "width": width, "loss": loss.item(),
            "gradients": {n: digest(n, p.grad) for n, p in model.named_parameters()},
            "buffers": {n: digest(n, b) for n, b in model.named_buffers() if not n.endswith("tracked")}}
    return case, tensors


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "tests/data"
    torch.manual_seed(0)
    cases, tensors = {}, {}
    for name, case in CASES.items():
        cases[name], more = record(name, *case)
        tensors.update(more)
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    (folder / "resnet_torchvision.json").write_text(json.dumps({"versions": versions, "cases": cases}, indent=1) + "\n")
    save_file(tensors, folder / "resnet_torchvision.safetensors")


if __name__ == "__main__":
    main()
