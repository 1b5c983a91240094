"""Noise2Void (Krull, Buchholz, Jug, CVPR 2019): restore pixels that were replaced by one from their neighbourhood."""

import torch
from torch import nn

import noise


def places(shape, box):
    """One random pixel in each box of each plane: a mask of `shape`."""
    n, c, h, w = shape
    rows, columns = -(-h // box), -(-w // box)
    inside = torch.randint(box * box, (n, c, rows, columns))
    y = torch.arange(rows).view(-1, 1) * box + inside // box
    x = torch.arange(columns) * box + inside % box
    mask = torch.zeros(n, c, rows * box, columns * box, dtype=torch.bool)
    mask.view(n, c, -1).scatter_(2, (y * columns * box + x).view(n, c, -1), True)
    return mask[:, :, :h, :w]


def replaced(x, mask, radius):
    """`x` with each masked pixel exchanged for a random one of its window that is not itself."""
    n, c, h, w = x.shape
    at = mask.nonzero().T
    offset = torch.randint(1, (2 * radius + 1) ** 2, (at.shape[1],))
    centre = (2 * radius + 1) ** 2 // 2
    offset = (offset + centre) % (2 * radius + 1) ** 2
    # Beyond the border, the window is mirrored.
    y = _mirror(at[2] + offset // (2 * radius + 1) - radius, h)
    column = _mirror(at[3] + offset % (2 * radius + 1) - radius, w)
    result = x.clone()
    result[mask] = x[at[0], at[1], y, column]
    return result


def _mirror(i, size):
    i = i.abs()
    return torch.where(i >= size, 2 * (size - 1) - i, i)


class Noise2Void(nn.Module):
    """Squared error of standardised values at the masked pixels, each colour with a mask of its own."""

    def __init__(self, box, radius, balance):
        super().__init__()
        self.box, self.radius, self.balance = box, radius, balance

    def forward(self, net, noisy, clean, progress):
        mask = places(noisy.shape, self.box)
        seen = replaced(noisy.clamp(0, 1), mask, self.radius)  # photos are clipped; the target is not
        output = net(net.enter(seen).contiguous(memory_format=torch.channels_last))
        error = (output - net.enter(noisy)).square() * mask
        per_patch = error.sum((1, 2, 3)) / mask.sum((1, 2, 3))
        return (noise.weight_by_level(noisy, self.balance) * per_patch).mean()
