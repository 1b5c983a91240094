"""`unet`: the bias-free residual U-Net that unnoise starts with. SPEC.md describes it layer by layer."""

import torch
import torch.nn.functional as F
from torch import nn

from .base import Network


class Block(nn.Module):
    """x + conv2(relu(conv1(x))), both 3x3, zero padding 1, no bias."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(x)))


class UNet(Network):
    """RGB image [N,3,H,W] in 0..1 (H and W multiples of `multiple`) to the denoised image, same shape, unclamped."""

    outer = ("head.", "tail.")

    def __init__(self, widths, enc_blocks, mid_blocks, dec_blocks):
        super().__init__()
        downs = len(widths) - 1
        if len(enc_blocks) != downs or len(dec_blocks) != downs:
            raise ValueError("enc_blocks and dec_blocks need one entry for each level above the lowest")
        self.config = {"widths": list(widths), "enc_blocks": list(enc_blocks),
                       "mid_blocks": mid_blocks, "dec_blocks": list(dec_blocks)}
        self.multiple = 2 * 2 ** downs

        def blocks(width, count):
            return nn.ModuleList([Block(width) for _ in range(count)])

        self.head = nn.Conv2d(12, widths[0], 3, padding=1, bias=False)
        self.enc = nn.ModuleList([blocks(widths[l], enc_blocks[l]) for l in range(downs)])
        self.down = nn.ModuleList([nn.Conv2d(widths[l], widths[l + 1], 2, stride=2, bias=False)
                                   for l in range(downs)])
        self.mid = blocks(widths[-1], mid_blocks)
        self.up = nn.ModuleList([nn.ConvTranspose2d(widths[l + 1], widths[l], 2, stride=2, bias=False)
                                 for l in range(downs)])
        self.dec = nn.ModuleList([blocks(widths[l], dec_blocks[l]) for l in range(downs)])
        self.tail = nn.Conv2d(widths[0], 12, 3, padding=1, bias=False)
        self._init()

    def _init(self):
        """He for what a ReLU follows, variance-keeping for the rest; residual branches start small, the tail near zero."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            elif isinstance(module, nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=module.in_channels ** -0.5)
            elif isinstance(module, Block):
                nn.init.kaiming_normal_(module.conv1.weight, nonlinearity="relu")
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, Block):
                    nn.init.kaiming_normal_(module.conv1.weight, nonlinearity="relu")
                    module.conv2.weight.mul_(0.3)
            self.tail.weight.mul_(0.1)

    def forward(self, x):
        h = self.head(F.pixel_unshuffle(x, 2))
        skips = []
        for enc, down in zip(self.enc, self.down):
            for block in enc:
                h = block(h)
            skips.append(h)
            h = down(h)
        for block in self.mid:
            h = block(h)
        for dec, up in zip(reversed(self.dec), reversed(self.up)):
            h = up(h) + skips.pop()
            for block in dec:
                h = block(h)
        return x + F.pixel_shuffle(self.tail(h), 2).float()

    def macs_per_pixel(self):
        """Multiply-accumulates for one pixel of the input image."""
        w, downs = self.config["widths"], len(self.down)
        total = 9 * 12 * w[0] * 2 / 4
        for l in range(downs):
            total += 18 * w[l] ** 2 * (len(self.enc[l]) + len(self.dec[l])) / 4 ** (l + 1)
            total += 2 * 4 * w[l] * w[l + 1] / 4 ** (l + 2)
        return total + 18 * w[-1] ** 2 * len(self.mid) / 4 ** (downs + 1)

    def receptive_radius(self):
        """Furthest input pixel, in px along an axis, that can change an output pixel (an upper bound)."""
        downs = len(self.down)
        radius = 2 * 2
        for l in range(downs):
            radius += 2 ** (l + 1) * 2 * (len(self.enc[l]) + len(self.dec[l]))
        radius += 2 ** (downs + 1) * 2 * len(self.mid)
        return radius + self.multiple - 1
