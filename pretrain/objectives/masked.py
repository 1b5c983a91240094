"""Masked image training (Chen et al., CVPR 2023): the clean picture from a noisy one with most of its pixels hidden."""

import torch
from torch import nn

HIDDEN = -0.1


class Masked(nn.Module):
    """Absolute error. Of each patch a share of pixels between `least` and `most` is hidden; 0 and 0 hide none."""

    def __init__(self, least, most):
        super().__init__()
        self.least, self.most = least, most

    def forward(self, net, noisy, clean, progress):
        n, _, h, w = noisy.shape
        share = torch.empty(n, 1, 1, 1).uniform_(self.least, self.most)
        hidden = torch.rand(n, 1, h, w) < share
        return (net(noisy.masked_fill(hidden, HIDDEN)) - clean).abs().mean()
