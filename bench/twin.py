"""The Python side of bench/run: the masked autoencoder of mae.so in PyTorch, eager or compiled, with fused attention and fused AdamW.

Serves the same commands on stdin as bench_step (see step.cpp). Weights, images and noise of the first answer come from the
safetensors file that bench_step wrote, so that both sides show the same loss and gradient before anything is timed.

  twin.py --case JSON --state FILE --threads N [--compile]
  twin.py --case JSON --idx FILE.gz --threads N --iterations N    a plain training script on a data set, as a user would write it
"""
import argparse
import gzip
import json
import resource
import sys
import time

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

EPS = 1e-6


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d))


class FeedForward(nn.Module):
    """Its parameters carry MMSelfSup's names: layers.0.0 and layers.1."""

    def __init__(self, dim, hidden):
        super().__init__()
        self.layers = nn.ModuleList([nn.ModuleList([nn.Linear(dim, hidden)]), nn.Linear(hidden, dim)])

    def forward(self, x):
        return self.layers[1](F.gelu(self.layers[0][0](x)))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.ln1 = nn.LayerNorm(dim, EPS)
        self.attn = Attention(dim, heads)
        self.ln2 = nn.LayerNorm(dim, EPS)
        self.ffn = FeedForward(dim, 4 * dim)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.ffn(self.ln2(x))


class Patches(nn.Module):
    def __init__(self, channels, dim, patch):
        super().__init__()
        self.projection = nn.Conv2d(channels, dim, patch, patch)

    def forward(self, x):
        return self.projection(x).flatten(2).transpose(1, 2)


class Encoder(nn.Module):
    def __init__(self, case):
        super().__init__()
        length = (case["image"] // case["patch"]) ** 2
        self.patch_embed = Patches(case["channels"], case["dim"], case["patch"])
        self.cls_token = nn.Parameter(torch.zeros(1, 1, case["dim"]))
        self.pos_embed = nn.Parameter(torch.zeros(1, length + 1, case["dim"]), requires_grad=False)
        self.layers = nn.ModuleList(Block(case["dim"], case["heads"]) for _ in range(case["depth"]))
        self.ln1 = nn.LayerNorm(case["dim"], EPS)


class Decoder(nn.Module):
    def __init__(self, case):
        super().__init__()
        length = (case["image"] // case["patch"]) ** 2
        dim = case["decoder_dim"]
        self.decoder_embed = nn.Linear(case["dim"], dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, length + 1, dim), requires_grad=False)
        self.decoder_blocks = nn.ModuleList(Block(dim, case["decoder_heads"]) for _ in range(case["decoder_depth"]))
        self.ln1 = nn.LayerNorm(dim, EPS)
        self.decoder_pred = nn.Linear(dim, case["patch"] ** 2 * case["channels"])


class MAE(nn.Module):
    def __init__(self, case):
        super().__init__()
        self.case = case
        self.backbone = Encoder(case)
        self.neck = Decoder(case)

    def target(self, images):
        b, c, h, w = images.shape
        p = self.case["patch"]
        t = images.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)
        variance, mean = torch.var_mean(t, -1, correction=1, keepdim=True)
        return (t - mean) / (variance + EPS).sqrt()

    def forward(self, images, noise=None):
        encoder, decoder = self.backbone, self.neck
        x = encoder.patch_embed(images) + encoder.pos_embed[:, 1:]
        b, length, dim = x.shape
        keep = int(length * (1 - self.case["mask_ratio"]))
        shuffle = (torch.rand(b, length) if noise is None else noise).argsort(1)
        restore = shuffle.argsort(1)
        mask = (restore >= keep).to(torch.float32)
        x = x.gather(1, shuffle[:, :keep, None].expand(-1, -1, dim))
        x = torch.cat([(encoder.cls_token + encoder.pos_embed[:, :1]).expand(b, -1, -1), x], 1)
        for layer in encoder.layers:
            x = layer(x)
        x = decoder.decoder_embed(encoder.ln1(x))
        hidden = decoder.mask_token.to(x.dtype).expand(b, length - keep, -1)
        y = torch.cat([x[:, 1:], hidden], 1).gather(1, restore[:, :, None].expand(-1, -1, x.shape[2]))
        x = torch.cat([x[:, :1], y], 1) + decoder.decoder_pos_embed
        for block in decoder.decoder_blocks:
            x = block(x)
        pred = decoder.decoder_pred(decoder.ln1(x))[:, 1:]
        with torch.autocast("cpu", enabled=False):
            error = (pred.float() - self.target(images)).square().mean(-1)
            return (error * mask).sum() / mask.sum()


def optimizer_of(model):
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [{"params": [p for p in trained if p.ndim > 1]},
              {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.05, fused=True)


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def say(answer):
    print(json.dumps(answer), flush=True)


def serve(case, state_path, compiled):
    state = load_file(state_path)
    images, noise = state.pop("images"), state.pop("noise")
    model = MAE(case)
    model.load_state_dict(state, strict=True)
    del state
    optimizer = optimizer_of(model)
    run = torch.compile(model) if compiled else model

    def forward_and_backward(noise=None):
        with torch.autocast("cpu", torch.bfloat16, enabled=case["bf16"]):
            loss = run(images, noise)
        loss.backward()
        return loss

    loss = forward_and_backward(noise).item()
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None]).item()
    optimizer.zero_grad()
    say({"loss": loss, "grad_norm": norm, "torch": torch.__version__})
    for line in sys.stdin:
        command = line.split()
        if command[0] == "run":
            walls, cpu, mark = [], cpu_seconds(), time.perf_counter()
            for _ in range(int(command[1])):
                forward_and_backward()
                optimizer.step()
                optimizer.zero_grad()
                now = time.perf_counter()
                walls.append(now - mark)
                mark = now
            say({"wall": walls, "cpu": cpu_seconds() - cpu})
        elif command[0] == "quit":
            say({"peak_mib": peak_mib()})
            return


def train(case, idx, iterations):
    with gzip.open(idx) as file:
        raw = numpy.frombuffer(file.read(), numpy.uint8, offset=16)
    pixels = torch.from_numpy(raw.reshape(-1, 1, case["image"], case["image"]).copy())
    model = MAE(case)
    nn.init.normal_(model.backbone.cls_token, std=0.02)
    optimizer = optimizer_of(model)
    batches = torch.randperm(len(pixels)).split(case["batch"])
    for i in range(iterations):
        images = (pixels[batches[i % len(batches)]].float() - 72.94) / 90.02
        loss = model(images)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"iteration {i + 1} loss {loss.item():.4f}", flush=True)
    say({"peak_mib": peak_mib()})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", required=True, type=json.loads)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--state")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--idx")
    parser.add_argument("--iterations", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.idx:
        train(args.case, args.idx, args.iterations)
    else:
        serve(args.case, args.state, args.compile)


if __name__ == "__main__":
    main()
