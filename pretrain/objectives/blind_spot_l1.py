"""The noisy picture as the target of a network that does not see the pixel in question (AP-BSN, TBSN)."""

from torch import nn


class BlindSpotL1(nn.Module):
    """Absolute error on one phase of pixel-shuffle downsampling: every `phase`-th pixel, where the noise of cameras,
    which neighbours share, is independent. `peak`: the largest value the network takes."""

    def __init__(self, phase, peak):
        super().__init__()
        self.phase, self.peak = phase, peak

    def forward(self, net, noisy, clean, progress):
        apart = noisy[..., ::self.phase, ::self.phase] * self.peak
        return (net(apart) - apart).abs().mean()
