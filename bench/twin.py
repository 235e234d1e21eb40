"""The Python side of the benchmarks: the same masked autoencoder in eager PyTorch, with fused AdamW and fused attention.

One process, one task, one line of JSON on stdout. Weights, images and noise come from a safetensors file that the C++ side
wrote, so that both sides compute the same loss before anything is timed.
"""

import argparse
import json
import resource
import time


import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch import nn  # noqa: E402

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
    """Named as MMSelfSup names it: layers.0.0 and layers.1."""

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
    def __init__(self, s):
        super().__init__()
        length = (s["image"] // s["patch"]) ** 2
        self.patch_embed = Patches(s["channels"], s["dim"], s["patch"])
        self.cls_token = nn.Parameter(torch.zeros(1, 1, s["dim"]))
        self.pos_embed = nn.Parameter(torch.zeros(1, length + 1, s["dim"]), requires_grad=False)
        self.layers = nn.ModuleList(Block(s["dim"], s["heads"]) for _ in range(s["depth"]))
        self.ln1 = nn.LayerNorm(s["dim"], EPS)


class Decoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        length = (s["image"] // s["patch"]) ** 2
        dim = s["decoder_dim"]
        self.decoder_embed = nn.Linear(s["dim"], dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, length + 1, dim), requires_grad=False)
        self.decoder_blocks = nn.ModuleList(Block(dim, s["decoder_heads"]) for _ in range(s["decoder_depth"]))
        self.ln1 = nn.LayerNorm(dim, EPS)
        self.decoder_pred = nn.Linear(dim, s["patch"] ** 2 * s["channels"])


class MAE(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        self.backbone = Encoder(s)
        self.neck = Decoder(s)

    def target(self, images):
        b, c, h, w = images.shape
        p = self.s["patch"]
        t = images.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)
        return (t - t.mean(-1, True)) / (t.var(-1, keepdim=True) + EPS).sqrt()

    def forward(self, images, noise):
        e, d = self.backbone, self.neck
        x = e.patch_embed(images) + e.pos_embed[:, 1:]
        b, length, dim = x.shape
        keep = int(length * (1 - self.s["mask_ratio"]))
        shuffle = noise.argsort(1)
        restore = shuffle.argsort(1)
        mask = (restore >= keep).to(torch.float32)
        x = x.gather(1, shuffle[:, :keep, None].expand(-1, -1, dim))
        x = torch.cat([(e.cls_token + e.pos_embed[:, :1]).expand(b, -1, -1), x], 1)
        for layer in e.layers:
            x = layer(x)
        x = d.decoder_embed(e.ln1(x))
        hidden = d.mask_token.to(x.dtype).expand(b, length - keep, -1)
        y = torch.cat([x[:, 1:], hidden], 1).gather(1, restore[:, :, None].expand(-1, -1, x.shape[2]))
        x = torch.cat([x[:, :1], y], 1) + d.decoder_pos_embed
        for block in d.decoder_blocks:
            x = block(x)
        pred = d.decoder_pred(d.ln1(x))[:, 1:]
        with torch.autocast("cpu", enabled=False):
            error = (pred.float() - self.target(images)).square().mean(-1)
            return (error * mask).sum() / mask.sum()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", required=True, help="JSON object: image patch channels dim depth heads decoder_* mask_ratio")
    parser.add_argument("--state", required=True, help="safetensors with the weights, `images` and `noise`")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--first-step", action="store_true", help="stop after one step: what the start costs")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    state = load_file(args.state)
    images, noise = state.pop("images"), state.pop("noise")
    model = MAE(json.loads(args.sizes))
    model.load_state_dict(state, strict=True)
    decay = [p for n, p in model.named_parameters() if p.requires_grad and p.ndim > 1]
    rest = [p for n, p in model.named_parameters() if p.requires_grad and p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}],
        lr=1e-4, betas=(0.9, 0.95), fused=True)

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            loss = model(images, noise)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    first = step().item()
    if args.first_step:
        print(json.dumps({"loss": first, "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    for _ in range(args.warmup):
        step()
    times = []
    for _ in range(args.steps):
        start = time.perf_counter()
        last = step()
        times.append(time.perf_counter() - start)
    print(json.dumps({"loss": first, "last_loss": last.item(), "seconds": times, "torch": torch.__version__,
                      "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
