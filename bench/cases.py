"""The rows of bench/run and bench/ranks: what each trains, on which images and how; and how much work a step of it is."""

VIT_TINY = {"patch": 4, "dim": 192, "depth": 12, "heads": 3, "decoder_dim": 192, "decoder_depth": 4, "decoder_heads": 3, "mask_ratio": 0.75}
ADAMW = {"type": "AdamW", "lr": 1e-4, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.05}
SGD = {"type": "SGD", "lr": 0.03, "momentum": 0.9, "weight_decay": 1e-4}


def mae(batch, image=32, channels=3, bf16=False, **other):
    s = {**VIT_TINY, **other}
    backbone = {"type": "MAEViT", "img_size": image, "patch_size": s["patch"], "in_channels": channels, "mask_ratio": s["mask_ratio"],
                "arch": {"embed_dims": s["dim"], "num_layers": s["depth"], "num_heads": s["heads"], "feedforward_channels": 4 * s["dim"]}}
    neck = {"type": "MAEPretrainDecoder", "decoder_embed_dim": s["decoder_dim"], "decoder_depth": s["decoder_depth"],
            "decoder_num_heads": s["decoder_heads"]}
    model = {"type": "MAE", "backbone": backbone, "neck": neck, "head": {"type": "MAEPretrainHead", "norm_pix": True}}
    return {"plugin": "mae.so", "model": model, "sizes": s, "image": image, "channels": channels, "views": 1, "batch": batch,
            "noise": (image // s["patch"]) ** 2, "bf16": bf16, "channels_last": True, "optimizer": ADAMW,
            "paramwise": {"norm_decay_mult": 0, "bias_decay_mult": 0}}


def simclr(depth, stem, image, batch, bf16=False):
    """The recipe of the paper: a head of two layers, temperature 0.1 as MMSelfSup has it."""
    width = 512 if depth < 50 else 2048
    sizes = {"depth": depth, "stem": stem, "width": width, "out": 128, "temperature": 0.1}
    model = {"type": "SimCLR", "backbone": {"type": "ResNet", "depth": depth, "stem": stem, "zero_init_residual": False},
             # Of each rank, if there are several: PyTorch has no synchronised batch norm on the CPU.
             "neck": {"type": "NonLinearNeck", "in_channels": width, "hid_channels": width, "out_channels": sizes["out"],
                      "norm_cfg": {"type": "BN"}},
             "head": {"type": "ContrastiveHead", "temperature": sizes["temperature"]}}
    return {"plugin": "simclr.so", "model": model, "sizes": sizes, "image": image, "channels": 3, "views": 2, "batch": batch, "noise": 0,
            "bf16": bf16, "channels_last": True, "optimizer": SGD, "paramwise": {}}


# As small as models get, and ViT-B/16 at 224 pixels with the decoder of the paper.
SMALL = {"image": 28, "channels": 1, "patch": 7, "dim": 64, "depth": 3, "heads": 4, "decoder_dim": 48, "decoder_depth": 1, "decoder_heads": 4}
VIT_B = {"image": 224, "patch": 16, "dim": 768, "depth": 12, "heads": 12, "decoder_dim": 512, "decoder_depth": 8, "decoder_heads": 16}
DEMO = mae(256, image=28, channels=1, patch=7, dim=96, depth=3, heads=4, decoder_dim=48, decoder_depth=1, decoder_heads=4, mask_ratio=0.6)
# name -> case, threads, warm-up steps, steps a turn
STEPS = {
    "tiny-b64": (mae(64), 2, 3, 3),
    "tiny-b256": (mae(256), 2, 2, 1),
    "tiny-b64-bf16": (mae(64, bf16=True), 2, 3, 3),
    "tiny-b256-bf16": (mae(256, bf16=True), 2, 2, 1),
    "small": (mae(256, **SMALL), 2, 10, 20),
    "small-bf16": (mae(256, bf16=True, **SMALL), 2, 10, 20),
    "vit-b": (mae(8, **VIT_B), 2, 1, 1),
    "vit-b-bf16": (mae(8, bf16=True, **VIT_B), 2, 1, 1),
    "demo": (DEMO, 2, 10, 20),
    "dispatch": (mae(1, dim=8, heads=2, decoder_dim=8, decoder_heads=2), 1, 50, 100),
    "simclr-r18": (simclr(18, "cifar", 32, 128), 2, 1, 1),
    "simclr-r50": (simclr(50, "imagenet", 224, 8), 2, 1, 1),
    "simclr-r18-bf16": (simclr(18, "cifar", 32, 128, bf16=True), 2, 1, 1),
    "simclr-r50-bf16": (simclr(50, "imagenet", 224, 8, bf16=True), 2, 1, 1),
}

# Of bench/ranks: name -> case of each rank, warm-up steps, steps a turn
RANKS = {"mae-tiny": (mae(32), 3, 3),
         # The first gradients of random images are large: at the recipe's rate two programs would part after an update or two.
         "simclr-r18": ({**simclr(18, "cifar", 32, 32), "optimizer": {**SGD, "lr": 1e-4}}, 2, 1)}


def mae_gflop(case):
    """Matrix products only, 2 a multiply-add, backward twice the forward but none for the pixels."""
    def block(n, d):
        return 12 * n * d * d + 2 * n * n * d
    s = case["sizes"]
    length, pixels = case["noise"], s["patch"] ** 2 * case["channels"]
    keep = int(length * (1 - s["mask_ratio"]))
    d, e = s["dim"], s["decoder_dim"]
    embed = length * pixels * d
    forward = (embed + s["depth"] * block(keep + 1, d) + (keep + 1) * d * e + s["decoder_depth"] * block(length + 1, e) +
               (length + 1) * e * pixels)
    return 2e-9 * (3 * forward - embed) * case["batch"]


def simclr_gflop(case):
    """Convolutions and the head, counted in the same way."""
    s = case["sizes"]
    wide = s["depth"] >= 50
    side = case["image"] // (2 if s["stem"] == "imagenet" else 1)
    stem = side * side * 64 * case["channels"] * (49 if s["stem"] == "imagenet" else 9)
    side //= 2 if s["stem"] == "imagenet" else 1
    forward, channels = stem, 64
    for stage, blocks in enumerate({18: [2, 2, 2, 2], 50: [3, 4, 6, 3]}[s["depth"]]):
        inner, out = 64 << stage, (64 << stage) * (4 if wide else 1)
        for i in range(blocks):
            before, side = side, side // 2 if stage > 0 and i == 0 else side
            if wide:
                forward += before ** 2 * channels * inner + side ** 2 * (9 * inner * inner + inner * out)
            else:
                forward += side ** 2 * 9 * (channels * inner + inner * out)
            if i == 0 and (stage > 0 or wide):
                forward += side ** 2 * channels * out
            channels = out
    forward += s["width"] * (s["width"] + s["out"])
    return 2e-9 * (3 * forward - stem) * case["batch"] * case["views"]


def gflop(case):
    return (mae_gflop if case["model"]["type"] == "MAE" else simclr_gflop)(case)
