"""SASL's second and third stage (Li et al., CVPR 2023); its first is `blind-spot-l1`."""

import torch
import torch.nn.functional as F
from torch import nn

import export

WINDOW, FLAT, TEXTURE = 7, 1.0, 5.0


def texture(x):
    """[N,1,H,W] of [N,3,H,W] in 0..255: how much a pixel is texture, by the deviation of the mean colour in a window
    around it: below a half where flat, above where not, else a half."""
    gray = x.mean(1, keepdim=True).double()
    around = F.pad(gray, (WINDOW // 2,) * 4, mode="reflect")
    mean, square = F.avg_pool2d(around, WINDOW, 1), F.avg_pool2d(around ** 2, WINDOW, 1)
    deviation = (square - mean ** 2).clamp_min(0).sqrt().float()
    outer = torch.where(deviation < FLAT, (deviation - FLAT).sigmoid(), (deviation - TEXTURE).sigmoid())
    return torch.where((deviation < FLAT) | (deviation > TEXTURE), outer, 0.5)


class LocalTexture(nn.Module):
    """The local network learns what the blind one makes of the noisy picture; `flat` is the latter's exported file."""

    def __init__(self, flat):
        super().__init__()
        self.flat = export.teacher(flat)

    def forward(self, net, noisy, clean, progress):
        with torch.no_grad():
            target = self.flat.denoise(noisy)
        return (net.denoise(noisy) - target).abs().mean()


class SpatiallyAdaptive(nn.Module):
    """The U-Net learns flat areas from the blind network, texture from the local one."""

    def __init__(self, flat, local):
        super().__init__()
        self.flat, self.local = export.teacher(flat), export.teacher(local)

    def forward(self, net, noisy, clean, progress):
        with torch.no_grad():
            flat, local = self.flat.denoise(noisy), self.local.denoise(noisy)
            share = texture(255 * flat)
        output = net.denoise(noisy)
        return ((1 - share) * (flat - output)).abs().mean() + (share * (local - output)).abs().mean()
