"""What another network makes of the noisy picture as the target."""

from pathlib import Path

import torch
from torch import nn

import evaluate
import export

HERE = Path(__file__).resolve().parent.parent


class Distillation(nn.Module):
    """Absolute error against the teacher, which runs on pixel-shuffled phases and then once more on its own result.
    `teacher`: an exported file, relative to this folder's parent."""

    def __init__(self, teacher):
        super().__init__()
        self.teacher = export.load(HERE / teacher)

    def forward(self, net, noisy, clean, progress):
        with torch.no_grad():
            target = torch.stack([evaluate.pixel_shuffle_downsampling(self.teacher, image) for image in noisy])
            target = self.teacher.denoise(target)
        return (net.denoise(noisy) - target).abs().mean()
