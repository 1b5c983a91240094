"""The clean picture as the target."""

from torch import nn


class Supervised(nn.Module):
    """Charbonnier, each patch weighted by its noise, so that weak noise counts as much as strong."""

    def __init__(self, charbonnier, balance):
        super().__init__()
        self.charbonnier, self.balance = charbonnier, balance

    def forward(self, net, noisy, clean, progress):
        output = net(noisy)
        level = (noisy - clean).square().mean((1, 2, 3)).sqrt()
        weight = ((level + 2 / 255) / (15 / 255)) ** -self.balance
        eps = self.charbonnier
        error = ((output - clean).square() + eps * eps).sqrt() - eps
        return (weight * error.mean((1, 2, 3))).mean()
