"""Noise2Void (Krull, Buchholz, Jug, CVPR 2019): restore pixels that were replaced by one from their neighbourhood."""

import torch
from torch import nn

import noise


def places(shape, box):
    """One random pixel in each box of each plane: a mask of `shape`."""
    n, c, h, w = shape
    rows, columns = -(-h // box), -(-w // box)
    inside = torch.randint(box * box, (n, c, rows, columns, 1))
    mask = (inside == torch.arange(box * box)).view(n, c, rows, columns, box, box)
    return mask.transpose(3, 4).reshape(n, c, rows * box, columns * box)[:, :, :h, :w]


def replaced(x, mask, radius):
    """`x` with each masked pixel exchanged for a random one of its window that is not itself."""
    n, c, h, w = x.shape
    side = 2 * radius + 1
    offset = (torch.randint(1, side ** 2, x.shape) + side ** 2 // 2) % side ** 2
    # Beyond the border, the window is mirrored.
    y = _mirror(torch.arange(h).view(-1, 1) + offset // side - radius, h)
    column = _mirror(torch.arange(w) + offset % side - radius, w)
    return torch.where(mask, x.reshape(n, c, -1).gather(2, (y * w + column).view(n, c, -1)).view_as(x), x)


def _mirror(i, size):
    i = i.abs()
    return torch.where(i >= size, 2 * (size - 1) - i, i)


class Noise2Void(nn.Module):
    """Squared error of standardised values at the masked pixels, each colour with a mask of its own; those of a gray
    picture, which tell each other, are masked and replaced together."""

    def __init__(self, box, radius, balance):
        super().__init__()
        self.box, self.radius, self.balance = box, radius, balance

    def forward(self, net, noisy, clean, progress):
        gray = noise.is_gray(noisy)
        mask = places(noisy.shape, self.box)
        mask = torch.where(gray, mask[:, :1], mask)
        seen = replaced(noisy.clamp(0, 1), mask, self.radius)  # photos are clipped; the target is not
        seen = torch.where(gray, seen[:, :1], seen)
        output = net(net.enter(seen).contiguous(memory_format=torch.channels_last))
        error = (output - net.enter(noisy)).square() * mask
        per_patch = error.sum((1, 2, 3)) / mask.sum((1, 2, 3))
        return (noise.weight_by_level(noisy, self.balance) * per_patch).mean()
