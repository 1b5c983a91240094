"""`masked-denoising`: the SwinIR of masked image training (Chen et al., CVPR 2023). Most tokens of each attention are
hidden, at test time too."""

import torch
import torch.nn.functional as F
from torch import nn

from .base import Network, exact

MEAN = [0.4488, 0.4371, 0.4040]
KEPT_TOKENS = 0.25
APART = -100.0


def windows(x, side):
    """[N,H,W,C] to [N*count, side*side, C]."""
    n, h, w, c = x.shape
    x = x.reshape(n, h // side, side, w // side, side, c)
    return x.transpose(2, 3).reshape(-1, side * side, c)


def together(x, side, h, w):
    """The inverse."""
    x = x.view(-1, h // side, w // side, side, side, x.shape[-1])
    return x.transpose(2, 3).reshape(-1, h, w, x.shape[-1])


def positions(side):
    """Row of the bias table for each query and key of a window."""
    at = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")).flatten(1)
    difference = at[:, :, None] - at[:, None] + side - 1
    return difference[0] * (2 * side - 1) + difference[1]


def borders(h, w, side):
    """For each window of the picture rolled by half a window: logits that keep apart what lies at opposite sides."""
    region = [torch.arange(size) >= size - side // 2 for size in (h, w)]
    # Rows and columns that the roll brought round are regions of their own; only in the last windows are there both.
    region = (region[0][:, None] * 2 + region[1]).float().view(1, h, w, 1)
    region = windows(region, side).squeeze(-1)
    return (region[:, :, None] != region[:, None]).float() * APART


class Attention(nn.Module):
    def __init__(self, dim, heads, side):
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.randn((2 * side - 1) ** 2, heads) * 0.02)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.register_buffer("index", positions(side), persistent=False)

    def forward(self, x, apart):
        count, tokens, dim = x.shape
        q, k, v = self.qkv(x).view(count, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.index].permute(2, 0, 1)
        if apart is not None:
            bias = bias + apart.repeat(count // len(apart), 1, 1)[:, None]
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        logits = logits + bias.to(logits.dtype)
        return self.proj((logits.softmax(-1).to(v.dtype) @ v).transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, dim, heads, side, hidden, shift):
        super().__init__()
        self.side, self.shift = side, shift
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = Attention(dim, heads, side)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dim, hidden), "fc2": nn.Linear(hidden, dim)})

    def forward(self, x, masked):
        _, h, w, _ = x.shape
        seen = windows(self.norm1(x.roll((-self.shift, -self.shift), (1, 2))), self.side)
        if masked:  # a hidden token is zero; its query, key and value are the biases, and it stays in the softmax
            seen = seen * (torch.rand(seen.shape[:2]) < KEPT_TOKENS).unsqueeze(-1)
        seen = self.attn(seen, borders(h, w, self.side) if self.shift else None)
        x = x + together(seen, self.side, h, w).roll((self.shift, self.shift), (1, 2))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


def bottleneck(dim):
    return nn.Sequential(nn.Conv2d(dim, dim // 4, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(dim // 4, dim // 4, 1),
                         nn.LeakyReLU(0.2), nn.Conv2d(dim // 4, dim, 3, padding=1))


class Layer(nn.Module):
    def __init__(self, dim, depth, heads, side, hidden):
        super().__init__()
        blocks = [Block(dim, heads, side, hidden, side // 2 if i % 2 else 0) for i in range(depth)]
        self.residual_group = nn.ModuleDict({"blocks": nn.ModuleList(blocks)})
        self.conv = bottleneck(dim)

    def forward(self, x, masked):
        h = x
        for block in self.residual_group["blocks"]:
            h = block(h, masked)
        return x + self.conv(h.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class SwinIr(Network):
    """RGB in 0..1 to the same. `masked`: whether tokens are hidden, which is how it is trained and, as published, run."""

    def __init__(self, dim, depths, heads, hidden, window=8, masked=True):
        super().__init__()
        self.config = {"dim": dim, "depths": depths, "heads": heads, "hidden": hidden, "window": window, "masked": masked}
        self.multiple, self.masked = window, masked
        self.conv_first = nn.Conv2d(3, dim, 1)
        self.patch_embed = nn.ModuleDict({"norm": nn.LayerNorm(dim)})
        self.layers = nn.ModuleList([Layer(dim, d, h, window, hidden) for d, h in zip(depths, heads)])
        self.norm = nn.LayerNorm(dim)
        self.conv_after_body = bottleneck(dim)
        self.conv_last = nn.Conv2d(dim, 3, 3, padding=1)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.outer = ("conv_first.", "conv_last.", *(n for n, _ in self.named_parameters() if n.endswith("_table")))

    def forward(self, x):
        h = self.patch_embed["norm"](self.conv_first(x - self.mean).permute(0, 2, 3, 1))
        for layer in self.layers:
            h = layer(h, self.masked)
        h = self.conv_after_body(self.norm(h).permute(0, 3, 1, 2))
        return exact(self.conv_last, h) + self.mean
