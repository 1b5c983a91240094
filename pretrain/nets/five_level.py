"""The body with five poolings that Noise2Noise, HQ-SSL, Neighbor2Neighbor, SASL and the distilled U-Net share.

They differ in the names of their layers, in upsampling and activation, and in whether the body looks upwards only,
which four turned copies of a picture make into a blind spot.
"""

import torch
import torch.nn.functional as F
from torch import nn

LEVELS = 5
MULTIPLE = 2 ** LEVELS


class UpwardsConv(nn.Conv2d):
    """3x3 convolution that sees no row below its own."""

    def __init__(self, channels_in, channels_out):
        super().__init__(channels_in, channels_out, 3, padding=(0, 1))

    def forward(self, x):
        return super().forward(F.pad(x, (0, 0, 2, 0)))


def conv3x3(channels_in, channels_out, upwards=False):
    return UpwardsConv(channels_in, channels_out) if upwards else nn.Conv2d(channels_in, channels_out, 3, padding=1)


def shift_down(x, rows):
    return F.pad(x, (0, 0, rows, -rows))


def convolutions(channels, encoder, decoder, last, upwards=False):
    """The encoder's seven, and the decoder's five pairs from the deepest level up."""
    enc = [conv3x3(channels if i == 0 else encoder, encoder, upwards) for i in range(LEVELS + 2)]
    dec = []
    for level in range(LEVELS):
        below = encoder if level == 0 else decoder
        skip, (a, b) = (channels, last) if level == LEVELS - 1 else (encoder, (decoder, decoder))
        dec.append((conv3x3(below + skip, a, upwards), conv3x3(a, b, upwards)))
    return enc, dec


def body(x, encoder, decoder, slope, up=None, upwards=False):
    """Activated features at full resolution. `up`: transposed convolutions; without them pixels are repeated."""

    def active(conv, h):
        return F.leaky_relu(conv(h), slope)

    skips, h = [x], active(encoder[0], x)
    for conv in encoder[1:-1]:
        h = active(conv, h)
        h = F.max_pool2d(shift_down(h, 1) if upwards else h, 2)
        skips.append(h)
    skips.pop()
    h = active(encoder[-1], h)
    for level, convs in enumerate(decoder):
        h = up[level](h) if up else F.interpolate(h, scale_factor=2)
        h = torch.cat([h, skips.pop().to(h.dtype)], 1)
        for conv in convs:
            h = active(conv, h)
    return h


def in_four_directions(x, shift, f, turn):
    """`f`, which looks upwards only, on the picture turned four ways; its results, moved down by `shift` rows, turned
    back and joined, see all but a square of 2 * shift - 1 pixels. `turn` is 1 for counter-clockwise, -1 for clockwise."""
    results = []
    for quarter in range(4):
        h = f(torch.rot90(x, turn * quarter, (2, 3)).contiguous(memory_format=torch.channels_last))
        results.append(torch.rot90(shift_down(h, shift), -turn * quarter, (2, 3)))
    return torch.cat(results, 1).contiguous(memory_format=torch.channels_last)
