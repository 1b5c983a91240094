"""Noise2Noise (Lehtinen et al., ICML 2018): another noisy picture of the same as the target."""

import torch
from torch import nn

import noise


class Noise2Noise(nn.Module):
    """Squared error. Patches count by their noise as in `supervised`; the second picture has noise of the same level."""

    def __init__(self, balance):
        super().__init__()
        self.balance = balance

    def forward(self, net, noisy, clean, progress):
        sigma = (noisy - clean).square().mean((1, 2, 3), keepdim=True).sqrt()
        target = clean + sigma * torch.randn(clean.shape)  # not clipped, so that its mean is the clean value
        error = (net.denoise(noisy.clamp(0, 1)) - target).square().mean((1, 2, 3))
        return (noise.weight_by_level(noisy, self.balance) * error).mean()
