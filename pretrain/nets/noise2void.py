"""`noise2void`: the U-Net that Noise2Void (Krull, Buchholz, Jug, CVPR 2019) is trained with in its authors' PyTorch
library: bilinear upsampling and batch normalisation."""

import torch
import torch.nn.functional as F
from torch import nn

from .base import Network, exact, init_he


class Block(nn.Module):
    """Twice 3x3 convolution, normalisation and ReLU."""

    def __init__(self, channels_in, between, channels_out):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, between, 3, padding=1)
        self.batch_norm1 = nn.BatchNorm2d(between)
        self.conv2 = nn.Conv2d(between, channels_out, 3, padding=1)
        self.batch_norm2 = nn.BatchNorm2d(channels_out)

    def forward(self, x):
        x = F.relu(self.batch_norm1(self.conv1(x)))
        return F.relu(self.batch_norm2(self.conv2(x)))


class UNet(Network):
    """Standardised colours to the same. `mean` and `std` are those of the training pictures, channel by channel."""

    outer = ("encoder.encoder_blocks.0.conv1.", "final_conv.")

    def __init__(self, features, depth, mean, std):
        super().__init__()
        self.config = {"features": features, "depth": depth, "mean": mean, "std": std}
        self.multiple = 2 ** depth
        channels, widths = len(mean), [features * 2 ** level for level in range(depth + 1)]
        # Poolings and upsamplings count in the official keys.
        encoder = [Block(channels if level == 0 else widths[level - 1], widths[level], widths[level])
                   for level in range(depth)]
        decoder = []
        for level in reversed(range(depth)):
            output = widths[level] // (2 if level else 1)
            decoder.append(Block(2 * widths[level], 2 * output if level else output, output))
        bottleneck = Block(widths[depth - 1], widths[depth], widths[depth - 1])
        self.encoder = nn.ModuleDict({"encoder_blocks": nn.ModuleDict({str(2 * i): b for i, b in enumerate(encoder)})})
        self.decoder = nn.ModuleDict({
            "bottleneck": bottleneck,
            "decoder_blocks": nn.ModuleDict({str(2 * i + 1): b for i, b in enumerate(decoder)})})
        self.final_conv = nn.Conv2d(features, channels, 1)
        for name, values in (("mean", mean), ("deviation", std)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)
        init_he(self, 0)

    @property
    def notes(self):
        return {"batch_norm": True, "residual": False, "mean": self.config["mean"], "std": self.config["std"]}

    def forward(self, x):
        skips, h = [], x
        for block in self.encoder["encoder_blocks"].values():
            skips.append(block(h))
            h = F.max_pool2d(skips[-1], 2)
        h = self.decoder["bottleneck"](h)
        for block in self.decoder["decoder_blocks"].values():
            h = F.interpolate(h, scale_factor=2, mode="bilinear", align_corners=False)
            h = block(torch.cat([h, skips.pop().to(h.dtype)], 1))
        return exact(self.final_conv, h)

    def enter(self, x):
        return (x - self.mean) / (self.deviation + 1e-6)

    def leave(self, y):
        return y * (self.deviation + 1e-6) + self.mean
