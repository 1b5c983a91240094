"""What all networks here have in common."""

import torch
from torch import nn


class Network(nn.Module):
    """Takes [N,C,H,W], H and W multiples of `multiple`. `config` makes it again; `notes` go into an exported file,
    where the Rust side reads what shapes do not tell; the modules named in `outer` (first and last ones) do not learn
    by Muon."""

    config: dict
    multiple = 1
    scale = 1  # size of the output over that of the input
    peak = 1  # the largest value of a colour that `forward` takes and gives
    outer = ()
    prefix = ""  # of the keys in official files

    @property
    def notes(self):
        return {}

    def enter(self, x):
        """Images in 0..1 to what `forward` takes."""
        return x * self.peak

    def leave(self, y):
        """What `forward` gives to images in 0..1."""
        return y / self.peak

    def for_peak(self, weights, peak):
        """Weights of this network, changed so that it takes and gives values up to `peak`: as ReLUs pass a factor on,
        the biases alone have to grow. (At 255, their own steps of the optimiser would be next to nothing.)"""
        return {name: value * (peak / self.peak) if name.endswith("bias") else value for name, value in weights.items()}

    def denoise(self, x, sigma=None):
        """Images in 0..1 to the denoised ones, as the package runs the network. `sigma` (0..1) is the noise's standard
        deviation, for networks that must know it."""
        return self.leave(self(self.enter(x)))


def exact(module, x):
    """In f32 whatever the autocast: for last layers, whose outputs would else be rounded to 8 bits of mantissa."""
    with torch.autocast(x.device.type, enabled=False):
        return module(x.float())


def init_he(net, slope):
    """He's initialisation for LeakyReLU, zero biases."""
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            # A transposed convolution of stride 1 has the fan-in of its first dimension, as its twin has of the second.
            fan_in = module.weight[0].numel() if isinstance(module, nn.Conv2d) else (
                module.weight[:, 0].numel() / module.stride[0] ** 2)
            nn.init.normal_(module.weight, std=(2 / (1 + slope ** 2) / fan_in) ** 0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
