"""`noise2noise-nvlabs`: the U-Net of Noise2Noise (Lehtinen et al., ICML 2018) itself."""

from torch import nn

from . import five_level
from .base import Network, exact, init_he

SLOPE = 0.1


class UNet(Network):
    """Colours in -0.5..0.5 to the same."""

    multiple = five_level.MULTIPLE
    outer = ("enc_conv0.", "dec_conv1.")

    def __init__(self, encoder, decoder, last, channels=3):
        super().__init__()
        self.config = {"encoder": encoder, "decoder": decoder, "last": last, "channels": channels}
        enc, dec = five_level.convolutions(channels, encoder, decoder, last)
        for i, conv in enumerate(enc):
            self.add_module(f"enc_conv{i}", conv)
        for level, (a, b) in zip(range(five_level.LEVELS, 0, -1), dec):
            # The last level's two have letters, those above none for the first.
            self.add_module(f"dec_conv{level}" if level > 1 else "dec_conv1a", a)
            self.add_module(f"dec_conv{level}b", b)
        self.dec_conv1 = nn.Conv2d(last[1], channels, 3, padding=1)
        init_he(self, SLOPE)
        self.dec_conv1.weight.data.mul_(0.3)

    def forward(self, x):
        part = self.get_submodule
        encoder = [part(f"enc_conv{i}") for i in range(five_level.LEVELS + 2)]
        decoder = [(part(f"dec_conv{level}" if level > 1 else "dec_conv1a"), part(f"dec_conv{level}b"))
                   for level in range(five_level.LEVELS, 0, -1)]
        return exact(self.dec_conv1, five_level.body(x, encoder, decoder, SLOPE))

    def enter(self, x):
        return x - 0.5

    def leave(self, y):
        return y + 0.5
