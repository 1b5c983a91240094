"""`tbsn`: the transformer with a blind spot (Li, Zhang, Zuo, AAAI 2025).

After a first convolution without its centre, everything joins only pixels an even number of rows and columns apart, so
that no pixel reaches itself; the channel attention's statistics are the exception.
"""

import torch
import torch.nn.functional as F
from torch import nn

from .base import Network, exact

WINDOW, OVERLAP, TABLE = 8, 2, 23
# The same among the pixels of one phase, every second row and column.
SIDE, KEYS = WINDOW // 2, (WINDOW + 2 * OVERLAP) // 2


def patch_unshuffle(x):
    """Half the size, four times the channels; moves 2x2 patches, whose pixels stay together."""
    n, c, h, w = x.shape
    x = x.view(n, c, h // 4, 2, 2, w // 4, 2, 2)
    return x.permute(0, 1, 3, 6, 2, 4, 5, 7).reshape(n, 4 * c, h // 2, w // 2)


def patch_shuffle(x):
    """The inverse."""
    n, c, h, w = x.shape
    x = x.view(n, c // 4, 2, 2, h // 2, 2, w // 2, 2)
    return x.permute(0, 1, 4, 2, 5, 6, 3, 7).reshape(n, c // 4, 2 * h, 2 * w)


def conv1x1(channels_in, channels_out):
    return nn.Conv2d(channels_in, channels_out, 1, bias=False)


def dilated(channels_in, channels_out, groups=1):
    return nn.Conv2d(channels_in, channels_out, 3, padding=2, dilation=2, groups=groups, bias=False)


class Norm(nn.Module):
    """Divides by the deviation over channels, without taking the mean away."""

    def __init__(self, dim):
        super().__init__()
        self.body = nn.ParameterDict({"weight": nn.Parameter(torch.ones(dim))})

    def forward(self, x):
        deviation = (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
        return x / deviation * self.body["weight"].view(1, -1, 1, 1)


class FeedForward(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.project_in, self.project_out = dilated(dim, dim), dilated(dim, dim)

    def forward(self, x):
        return self.project_out(F.gelu(self.project_in(x)))


class ChannelAttention(nn.Module):
    """Of channels to the others of their group, over all pixels."""

    def __init__(self, dim, heads):
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv, self.qkv_dwconv = conv1x1(dim, 3 * dim), dilated(3 * dim, 3 * dim, 3 * dim)
        self.project_out = conv1x1(dim, dim)

    def forward(self, x):
        n, dim, h, w = x.shape
        q, k, v = self.qkv_dwconv(self.qkv(x)).reshape(n, 3, len(self.temperature), -1, h * w).unbind(1)
        q, k = F.normalize(q.float(), dim=-1), F.normalize(k.float(), dim=-1)
        attention = (q @ k.transpose(-1, -2) * self.temperature).softmax(-1)
        return self.project_out((attention @ v).reshape(n, dim, h, w))


class SpatialAttention(nn.Module):
    """Of pixels to those of a larger window around theirs, an even distance away: ordinary attention in each phase."""

    def __init__(self, dim, heads, dim_head):
        super().__init__()
        self.heads, self.dim_head = heads, dim_head
        self.qkv, self.project_out = conv1x1(dim, 3 * heads * dim_head), conv1x1(heads * dim_head, dim)
        table = {name: nn.Parameter(torch.randn(TABLE, dim_head) * dim_head ** -0.5) for name in ("rel_height", "rel_width")}
        self.rel_pos_emb = nn.ParameterDict(table)
        distance = 2 * (torch.arange(KEYS) - torch.arange(SIDE)[:, None]) + TABLE // 2
        self.register_buffer("distance", distance, persistent=False)

    def forward(self, x):
        n, _, h, w = x.shape
        qkv = F.pixel_unshuffle(self.qkv(x), 2)
        # Phases become pictures of their own, heads too: [n, 3, heads, dim_head, 4, rows, columns].
        qkv = qkv.view(n, 3, self.heads, self.dim_head, 4, h // 2, w // 2).permute(1, 0, 2, 4, 3, 5, 6)
        q, k, v = qkv.reshape(3, -1, self.dim_head, h // 2, w // 2)
        q = self._windows(q * self.dim_head ** -0.5, SIDE, 0)
        k, v = self._windows(k, KEYS, OVERLAP // 2), self._windows(v, KEYS, OVERLAP // 2)
        logits = q @ k.transpose(-1, -2) + self._relative(q)
        out = logits.softmax(-1).to(v.dtype) @ v
        out = out.view(-1, h // WINDOW, w // WINDOW, SIDE, SIDE, self.dim_head).permute(0, 5, 1, 3, 2, 4)
        out = out.reshape(n, self.heads, 4, self.dim_head, h // 2, w // 2).transpose(2, 3)
        return self.project_out(F.pixel_shuffle(out.reshape(n, -1, h // 2, w // 2), 2))

    def _windows(self, x, side, padding):
        """[pictures, dim_head, rows, columns] to [pictures * windows, side * side, dim_head], zero beyond the border."""
        x = F.unfold(x, side, padding=padding, stride=SIDE)
        return x.view(len(x), self.dim_head, side * side, -1).permute(0, 3, 2, 1).flatten(0, 1)

    def _relative(self, q):
        """What distances add to the logits: [windows, SIDE², KEYS²]."""
        q = q.view(-1, SIDE, SIDE, self.dim_head)
        by_row, by_column = (self.rel_pos_emb[name][self.distance].to(q.dtype) for name in ("rel_height", "rel_width"))
        by_row = torch.einsum("wijd,iad->wija", q, by_row).unsqueeze(-1)
        by_column = torch.einsum("wijd,jbd->wijb", q, by_column).unsqueeze(-2)
        return (by_row + by_column).reshape(len(q), SIDE * SIDE, KEYS * KEYS)


class Block(nn.Module):
    def __init__(self, dim, channel_heads, spatial_heads, dim_head):
        super().__init__()
        self.norm1, self.norm2, self.norm3, self.norm4 = (Norm(dim) for _ in range(4))
        self.channel_attn = ChannelAttention(dim, channel_heads)
        self.spatial_attn = SpatialAttention(dim, spatial_heads, dim_head)
        self.channel_ffn, self.spatial_ffn = FeedForward(dim), FeedForward(dim)

    def forward(self, x):
        x = x + self.channel_attn(self.norm1(x))
        x = x + self.channel_ffn(self.norm2(x))
        x = x + self.spatial_attn(self.norm3(x))
        return x + self.spatial_ffn(self.norm4(x))


class BlindConv(nn.Conv2d):
    """3x3 convolution that does not see its centre."""

    def __init__(self, channels_in, channels_out):
        super().__init__(channels_in, channels_out, 3, padding=1, bias=False)
        mask = torch.ones(1, 1, 3, 3)
        mask[..., 1, 1] = 0
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, padding=1)


class Tbsn(Network):
    """RGB in 0..255 to the same."""

    multiple = 32
    peak = 255

    def __init__(self, dim, blocks, refinement, channel_heads=(1, 2, 4), spatial_heads=(2, 2, 3), dim_head=16, channels=3):
        super().__init__()
        self.config = {"dim": dim, "blocks": blocks, "refinement": refinement, "channel_heads": channel_heads,
                       "spatial_heads": spatial_heads, "dim_head": dim_head, "channels": channels}

        def level(count, at, width):
            return nn.Sequential(*(Block(width, channel_heads[at], spatial_heads[at], dim_head) for _ in range(count)))

        self.patch_embed = nn.ModuleDict({"proj": BlindConv(channels, dim)})
        self.encoder_level1 = level(blocks[0], 0, dim)
        self.down1_2 = nn.ModuleDict({"body": nn.Sequential(conv1x1(dim, dim // 2))})
        self.encoder_level2 = level(blocks[1], 1, 2 * dim)
        self.down2_3 = nn.ModuleDict({"body": nn.Sequential(conv1x1(2 * dim, dim))})
        self.latent = level(blocks[2], 2, 4 * dim)
        self.up3_2 = nn.ModuleDict({"body": nn.Sequential(conv1x1(4 * dim, 8 * dim))})
        self.reduce_chan_level2 = conv1x1(4 * dim, 2 * dim)
        self.decoder_level2 = level(blocks[1], 1, 2 * dim)
        self.up2_1 = nn.ModuleDict({"body": nn.Sequential(conv1x1(2 * dim, 4 * dim))})
        # Here the features of the skip and of what came up stay side by side.
        self.decoder_level1 = level(blocks[0], 0, 2 * dim)
        self.refinement = level(refinement, 0, 2 * dim)
        self.output = conv1x1(2 * dim, channels)
        tables = (name for name, _ in self.named_parameters() if ".rel_" in name or "dwconv" in name)
        self.outer = ("patch_embed.", "output.", *tables)

    def forward(self, x):
        skip1 = self.encoder_level1(self.patch_embed["proj"](x))
        skip2 = self.encoder_level2(patch_unshuffle(self.down1_2["body"](skip1)))
        h = self.latent(patch_unshuffle(self.down2_3["body"](skip2)))
        h = torch.cat([patch_shuffle(self.up3_2["body"](h)), skip2], 1)
        h = self.decoder_level2(self.reduce_chan_level2(h))
        h = torch.cat([patch_shuffle(self.up2_1["body"](h)), skip1], 1)
        return exact(self.output, self.refinement(self.decoder_level1(h)))
