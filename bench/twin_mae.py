"""The masked autoencoder of mae.so in PyTorch, with fused attention. Parameters carry the same names."""
import torch
import torch.nn.functional as F
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
    def __init__(self, sizes, channels, length):
        super().__init__()
        dim = sizes["dim"]
        self.patch_embed = Patches(channels, dim, sizes["patch"])
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, length + 1, dim), requires_grad=False)
        self.layers = nn.ModuleList(Block(dim, sizes["heads"]) for _ in range(sizes["depth"]))
        self.ln1 = nn.LayerNorm(dim, EPS)


class Decoder(nn.Module):
    def __init__(self, sizes, channels, length):
        super().__init__()
        dim = sizes["decoder_dim"]
        self.decoder_embed = nn.Linear(sizes["dim"], dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, length + 1, dim), requires_grad=False)
        self.decoder_blocks = nn.ModuleList(Block(dim, sizes["decoder_heads"]) for _ in range(sizes["decoder_depth"]))
        self.ln1 = nn.LayerNorm(dim, EPS)
        self.decoder_pred = nn.Linear(dim, sizes["patch"] ** 2 * channels)


class MAE(nn.Module):
    def __init__(self, case):
        super().__init__()
        self.sizes = case["sizes"]
        self.backbone = Encoder(self.sizes, case["channels"], case["noise"])
        self.neck = Decoder(self.sizes, case["channels"], case["noise"])

    def target(self, images):
        b, c, h, w = images.shape
        p = self.sizes["patch"]
        t = images.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)
        variance, mean = torch.var_mean(t, -1, correction=1, keepdim=True)
        return (t - mean) / (variance + EPS).sqrt()

    def forward(self, images, noise=None):
        encoder, decoder = self.backbone, self.neck
        x = encoder.patch_embed(images) + encoder.pos_embed[:, 1:]
        b, length, dim = x.shape
        keep = int(length * (1 - self.sizes["mask_ratio"]))
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

    def load(self, state):
        self.load_state_dict(state, strict=True)
