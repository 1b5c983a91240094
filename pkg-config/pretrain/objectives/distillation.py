"""What another network makes of the noisy picture as the target."""

from collections import deque

import torch
from torch import nn

import evaluate
import export


class Distillation(nn.Module):
    """Absolute error against the teacher, which runs on pixel-shuffled phases and then once more on its own result.

    The teacher costs ten times as much as the student: of each batch it sees only the first `fresh` patches, which join
    a bank of the last `bank` ones; the student learns from a draw of these. `teacher`: an exported file, relative to
    this folder's parent.
    """

    def __init__(self, teacher, fresh, bank):
        super().__init__()
        self.teacher = export.teacher(teacher)
        self.fresh, self.bank = fresh, deque(maxlen=bank)

    @torch.no_grad()
    def label(self, noisy):
        target = torch.stack([evaluate.pixel_shuffle_downsampling(self.teacher, image) for image in noisy])
        return zip(noisy.clone(), self.teacher.denoise(target))  # a view would keep the whole batch alive

    def forward(self, net, noisy, clean, progress):
        first = len(noisy) if not self.bank else self.fresh
        self.bank.extend(self.label(noisy[:first]))
        drawn = [self.bank[i] for i in torch.randint(len(self.bank), (len(noisy),))]
        noisy, target = (torch.stack(x).contiguous(memory_format=torch.channels_last) for x in zip(*drawn))
        return (net.denoise(noisy) - target).abs().mean()
