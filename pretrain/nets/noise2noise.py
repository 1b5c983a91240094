"""`noise2noise`: the U-Net for Noise2Noise (Lehtinen et al., ICML 2018) of joeylitalien/noise2noise-pytorch."""

import torch
import torch.nn.functional as F
from torch import nn

from .base import Network, exact, init_he
from .five_level import LEVELS, MULTIPLE, conv3x3

SLOPE = 0.1


def doubled(channels):
    """Twice the size."""
    return nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1)


class UNet(Network):
    """Colours in 0..1 to the same. Four levels of the encoder share a convolution, three of the decoder a block."""

    multiple = MULTIPLE
    outer = ("_block1.0.", "_block6.4.")

    def __init__(self, encoder, decoder, head, channels=3):
        super().__init__()
        self.config = {"encoder": encoder, "decoder": decoder, "head": head, "channels": channels}
        wide, narrow = head

        def block(*layers):
            # Official keys count the activations between the layers.
            return nn.ModuleDict({str(2 * i): layer for i, layer in enumerate(layers)})

        self._block1 = block(conv3x3(channels, encoder), conv3x3(encoder, encoder))
        self._block2 = block(conv3x3(encoder, encoder))
        self._block3 = block(conv3x3(encoder, encoder), doubled(encoder))
        self._block4 = block(conv3x3(2 * encoder, decoder), conv3x3(decoder, decoder), doubled(decoder))
        self._block5 = block(conv3x3(decoder + encoder, decoder), conv3x3(decoder, decoder), doubled(decoder))
        self._block6 = block(conv3x3(decoder + channels, wide), conv3x3(wide, narrow), conv3x3(narrow, channels))
        init_he(self, 0)

    def forward(self, x):
        h = F.relu(self._block1["2"](F.relu(self._block1["0"](x))))
        pools = [F.max_pool2d(h, 2)]
        for _ in range(LEVELS - 1):
            pools.append(F.max_pool2d(F.relu(self._block2["0"](pools[-1])), 2))
        h = self._block3["2"](F.relu(self._block3["0"](pools.pop())))
        for level, pool in enumerate(reversed(pools)):
            block = self._block5 if level else self._block4
            h = F.relu(block["2"](F.relu(block["0"](torch.cat([h, pool], 1)))))
            h = block["4"](h)
        h = F.relu(self._block6["2"](F.relu(self._block6["0"](torch.cat([h, x], 1)))))
        return F.leaky_relu(exact(self._block6["4"], h), SLOPE)
