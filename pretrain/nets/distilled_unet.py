"""`distilled-unet`: the plain U-Net that large blind-spot networks of camera noise are distilled into; TBSN's student
takes 0..1, SASL's last stage (`sasl-unet`) 0..255."""

from torch import nn

from .base import exact, init_he
from .hq_ssl import SLOPE, BlindUNet


class UNet(BlindUNet):
    """Colours in 0..`peak` to the same."""

    outer = ("encode_block_1.0.", "output_conv.")

    def __init__(self, features, channels=3, peak=1):
        super().__init__(features, channels, channels, shift=0)
        self.config = {"features": features, "channels": channels, "peak": peak}
        self.peak = peak
        del self.output_block
        self.output_conv = nn.Conv2d(2 * features, channels, 1)
        init_he(self, SLOPE)

    def forward(self, x):
        return exact(self.output_conv, self._body(x))
