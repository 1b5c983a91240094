"""Neighbor2Neighbor (Huang et al., CVPR 2021): two neighbouring pixels of each 2x2 cell are two noisy pictures of one."""

import torch
import torch.nn.functional as F
from torch import nn

import noise

# Row-major places in the cell; never the diagonal.
PAIRS = [[0, 1], [0, 2], [1, 3], [2, 3], [1, 0], [2, 0], [3, 1], [3, 2]]


def split(x, chosen):
    """Two half-size pictures; `chosen` [N,H/2,W/2,2] is one of PAIRS for each cell."""
    n, c, h, w = x.shape
    cells = F.pixel_unshuffle(x, 2).view(n, c, 4, h // 2, w // 2)
    index = chosen.permute(3, 0, 1, 2)[:, :, None, None].expand(2, n, c, 1, h // 2, w // 2)
    return tuple(cells.gather(2, i).squeeze(2) for i in index)


class Neighbor2Neighbor(nn.Module):
    """Squared error against the neighbour, and, with a weight that grows to `consistency` over the run, of how the
    errors differ from those of the whole denoised picture. Patches count by their noise as in `supervised`."""

    def __init__(self, consistency, balance):
        super().__init__()
        self.consistency, self.balance = consistency, balance
        self.register_buffer("pairs", torch.tensor(PAIRS), persistent=False)

    def forward(self, net, noisy, clean, progress):
        seen = noisy.clamp(0, 1)  # photos are clipped; the target is not, so that its mean is the clean value
        with torch.no_grad():
            whole = net(seen)
        chosen = self.pairs[torch.randint(len(PAIRS), (noisy.shape[0], noisy.shape[2] // 2, noisy.shape[3] // 2))]
        (source, _), (_, target) = split(seen, chosen), split(noisy, chosen)
        whole_source, whole_target = split(whole, chosen)
        difference = net(source.contiguous(memory_format=torch.channels_last)) - target
        wanted = whole_source - whole_target
        loss = difference.square() + progress * self.consistency * (difference - wanted).square()
        return (noise.weight_by_level(noisy, self.balance) * loss.mean((1, 2, 3))).mean()
