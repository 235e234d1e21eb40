#!/usr/bin/env python3
"""Compares the features of an export with those that the host wrote.

  python3 compare_features.py timm|torchvision EXPORT.safetensors CONFIG.json FEATURES.npy

CONFIG.json is the resolved configuration of the run: it says how images are normalised, and the sizes of a timm network. The images have the
size that training has seen. Exits with 1 where a number differs by more than 1e-5 of the largest.
"""
import csv
import json
import sys
from pathlib import Path

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file

library, export, config_file, features = sys.argv[1:]
config = json.loads(Path(config_file).read_text())
weights = load_file(export)


def timm_network():
    """Tokens of timm's vision transformer: the mean of the patches', which is what the host writes."""
    from timm.models.vision_transformer import VisionTransformer

    backbone = config["model"]["backbone"]
    arch = backbone["arch"]
    network = VisionTransformer(img_size=pixels[0].shape[-1], patch_size=backbone["patch_size"], embed_dim=arch["embed_dims"], depth=arch["num_layers"],
                                num_heads=arch["num_heads"], mlp_ratio=arch["feedforward_channels"] / arch["embed_dims"], num_classes=0)
    network.load_state_dict(weights)  # strict
    return lambda x: network.eval().forward_features(x)[:, 1:].mean(1)


def torchvision_network():
    from torchvision.models import resnet

    network = getattr(resnet, f"resnet{config['model']['backbone']['depth']}")()
    left = network.load_state_dict(weights, strict=False)
    assert not left.unexpected_keys and left.missing_keys == ["fc.weight", "fc.bias"], left
    network.fc = torch.nn.Identity()
    return network.eval()


preprocessing = config.get("data_preprocessor") or config["model"]["data_preprocessor"]
mean, std = (torch.tensor(preprocessing[k]).reshape(-1, 1, 1) for k in ("mean", "std"))
rows = list(csv.DictReader(Path(features).with_suffix(".csv").open()))
pixels = [torch.from_numpy(numpy.asarray(Image.open(row["path"]).convert("RGB")).copy()).permute(2, 0, 1).float() for row in rows]
host = torch.from_numpy(numpy.load(features))
with torch.no_grad():
    theirs = {"timm": timm_network, "torchvision": torchvision_network}[library]()(torch.stack([(p - mean) / std for p in pixels]))
difference = ((host - theirs).abs().max() / theirs.abs().max()).item()
print(f"{library}: {len(rows)} images, {host.shape[1]} features, largest difference {difference:.2g} of the largest")
assert host.shape == theirs.shape and host.shape[0] > 1 and host.std() > 0, (host.shape, theirs.shape)
sys.exit(difference > 1e-5)
