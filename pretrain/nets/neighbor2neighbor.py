"""`neighbor2neighbor`: the U-Net of Neighbor2Neighbor (Huang et al., CVPR 2021)."""

import torch.nn.functional as F
from torch import nn

from . import five_level
from .base import Network, exact, init_he

SLOPE = 0.2


class UNet(Network):
    """Colours in 0..1 to the same."""

    multiple = five_level.MULTIPLE
    outer = ("enc_conv0.", "nin_c.")

    def __init__(self, features, last, channels=3, blind=False):
        super().__init__()
        self.config = {"features": features, "last": last, "channels": channels, "blind": blind}
        self.blind = blind
        encoder, decoder = five_level.convolutions(channels, features, 2 * features, (last, last), blind)
        for i, conv in enumerate(encoder):
            self.add_module(f"enc_conv{i}", conv)
        for level, (a, b) in zip(range(five_level.LEVELS, 0, -1), decoder):
            below = features if level == five_level.LEVELS else 2 * features
            self.add_module(f"up{level}", nn.ModuleDict({"deconv": nn.ConvTranspose2d(below, below, 2, 2)}))
            self.add_module(f"dec_conv{level}a", a)
            self.add_module(f"dec_conv{level}b", b)
        wide = 4 * last if blind else last
        self.nin_a = nn.Conv2d(wide, wide, 1)
        self.nin_b = nn.Conv2d(wide, last, 1)
        self.nin_c = nn.Conv2d(last, channels, 1)
        init_he(self, SLOPE)
        self.nin_c.weight.data.mul_(0.3)

    def _body(self, x):
        levels = range(five_level.LEVELS, 0, -1)
        part = self.get_submodule
        return five_level.body(
            x, [part(f"enc_conv{i}") for i in range(five_level.LEVELS + 2)],
            [(part(f"dec_conv{level}a"), part(f"dec_conv{level}b")) for level in levels],
            SLOPE, [part(f"up{level}.deconv") for level in levels], self.blind)

    def forward(self, x):
        h = five_level.in_four_directions(x, 1, self._body, -1) if self.blind else self._body(x)
        h = F.leaky_relu(self.nin_a(h), SLOPE)
        return exact(self.nin_c, F.leaky_relu(self.nin_b(h), SLOPE))
