"""What another network makes of the noisy picture as the target."""

import torch
from torch import nn

import evaluate
import export


class Distillation(nn.Module):
    """Absolute error against the teacher, which runs on pixel-shuffled phases and then once more on its own result.

    The teacher costs ten times as much as the student: of each batch it sees only the first `fresh` patches, which take
    the place of the oldest in a bank of `bank`; the student learns from a draw of these. `teacher`: an exported file,
    relative to this folder's parent.
    """

    def __init__(self, teacher, fresh, bank):
        super().__init__()
        self.teacher = export.teacher(teacher)
        self.fresh, self.bank, self.seen = fresh, bank, None

    @torch.no_grad()
    def label(self, noisy):
        target = torch.stack([evaluate.pixel_shuffle_downsampling(self.teacher, image) for image in noisy])
        return self.teacher.denoise(target.contiguous(memory_format=torch.channels_last)).float()

    @torch.no_grad()
    def _keep(self, noisy):
        """The next places of the bank get new patches; the first batch is seen whole."""
        if self.seen is None:
            self.seen, self.target = (noisy.new_zeros(self.bank, *noisy.shape[1:]) for _ in range(2))
            self.count = torch.zeros((), dtype=torch.long)
            self._add(noisy)
        else:
            self._add(noisy[:self.fresh])

    def _add(self, noisy):
        at = (self.count + torch.arange(len(noisy))) % self.bank
        self.seen.index_copy_(0, at, noisy)
        self.target.index_copy_(0, at, self.label(noisy))
        self.count.add_(len(noisy))

    def forward(self, net, noisy, clean, progress):
        self._keep(noisy)
        drawn = (torch.rand(len(noisy)) * self.count.clamp(max=self.bank)).long()
        noisy = self.seen[drawn].contiguous(memory_format=torch.channels_last)
        return (net.denoise(noisy) - self.target[drawn]).abs().mean()
