"""`sasl-bnn` and `sasl-lan`: the two teachers of SASL (Li et al., CVPR 2023). Its student is `distilled_unet.UNet`. All
take values in 0..255; they learn in 0..1 and are exported for 255."""

import torch.nn.functional as F
from torch import nn

from .base import Network, exact, init_he
from .hq_ssl import BlindUNet


class Bnn(BlindUNet):
    """RGB in 0..`peak` to its mean as told by all but a square of `blindspot` pixels around each."""

    def __init__(self, features, blindspot=9, peak=255):
        super().__init__(features, 3, 3, (blindspot + 1) // 2)
        self.config = {"features": features, "blindspot": blindspot, "peak": peak}
        self.peak = peak

    @property
    def notes(self):
        return {"blindspot": self.config["blindspot"]}


class Block(nn.Module):
    """Two 1x1 convolutions, each channel weighted by what its mean over the picture says."""

    def __init__(self, features):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(features, features, 1), nn.Conv2d(features, features, 1)
        self.cuca = nn.ModuleDict({"conv_du": nn.Sequential(
            nn.Conv2d(features, features // 16, 1), nn.ReLU(), nn.Conv2d(features // 16, features, 1), nn.Sigmoid())})

    def forward(self, x):
        h = self.conv2(F.relu(self.conv1(x)))
        return x + h * self.cuca["conv_du"](h.mean((2, 3), keepdim=True))


class Body(nn.Module):
    def __init__(self, features, blocks):
        super().__init__()
        self.body = nn.Sequential(*(Block(features) for _ in range(blocks)))
        self.tail = nn.Conv2d(features, features, 1)

    def forward(self, x):
        return x + self.tail(self.body(x))


class Lan(Network):
    """RGB in 0..`peak` to the same; each pixel from `2 * neighbours + 1` squared of them."""

    def __init__(self, features, neighbours, blocks, channels=3, peak=255):
        super().__init__()
        self.config = {"features": features, "neighbours": neighbours, "blocks": blocks, "channels": channels,
                       "peak": peak}
        self.peak = peak
        layers = [nn.Conv2d(channels, features, 1), nn.ReLU()]
        for _ in range(neighbours):
            layers += [nn.Conv2d(features, features, 3, padding=1), nn.ReLU()]
        self.conv = nn.Sequential(*layers, Body(features, blocks), nn.Conv2d(features, channels, 1))
        self.outer = ("conv.0.", f"conv.{len(self.conv) - 1}.")
        init_he(self, 0)

    def forward(self, x):
        return exact(self.conv[-1], self.conv[:-1](x))

    def for_peak(self, weights, peak):
        def gate(name, value):  # behind it a sigmoid, which passes no factor on
            return value * (self.peak / peak) if name.endswith("conv_du.0.weight") else value

        return {name: gate(name, weights[name]) if ".conv_du." in name else value
                for name, value in super().for_peak(weights, peak).items()}
