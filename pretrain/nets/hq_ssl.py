"""`hq-ssl`: the blind-spot U-Net of Laine et al. (NeurIPS 2019), and the posterior mean of what it predicts."""

import torch
import torch.nn.functional as F
from torch import nn

from . import five_level
from .base import Network, exact, init_he

SLOPE = 0.1


class BlindUNet(Network):
    """Colours to `outputs` numbers for each pixel that do not depend on the pixel itself: nor, with `shift` above 1, on
    the square of 2 * shift - 1 pixels around it. With `shift` 0 it sees all."""

    multiple = five_level.MULTIPLE
    outer = ("encode_block_1.0.", "output_block.4.")

    def __init__(self, features, outputs, channels=3, shift=1):
        super().__init__()
        self.config = {"features": features, "outputs": outputs, "channels": channels, "shift": shift}
        self.shift = shift
        decoder_width = 2 * features
        encoder, decoder = five_level.convolutions(channels, features, decoder_width, (decoder_width,) * 2, shift > 0)
        # Sequential, because the official keys count the activations between the convolutions.
        self.encode_block_1 = nn.Sequential(encoder[0], nn.Identity(), encoder[1])
        for i, conv in enumerate(encoder[2:], 2):
            self.add_module(f"encode_block_{i}", nn.Sequential(conv))
        for level, (a, b) in zip(range(five_level.LEVELS, 0, -1), decoder):
            self.add_module(f"decode_block_{level}", nn.Sequential(a, nn.Identity(), b))
        wide = 4 * decoder_width if shift else decoder_width
        self.output_block = nn.Sequential(nn.Conv2d(wide, wide, 1), nn.Identity(), nn.Conv2d(wide, decoder_width, 1),
                                          nn.Identity(), nn.Conv2d(decoder_width, outputs, 1))
        init_he(self, SLOPE)
        nn.init.normal_(self.output_block[4].weight, std=decoder_width ** -0.5)

    def _body(self, x):
        encoder = [self.encode_block_1[0], self.encode_block_1[2]]
        encoder += [self.get_submodule(f"encode_block_{i}.0") for i in range(2, five_level.LEVELS + 2)]
        blocks = [self.get_submodule(f"decode_block_{level}") for level in range(five_level.LEVELS, 0, -1)]
        return five_level.body(x, encoder, [(block[0], block[2]) for block in blocks], SLOPE, upwards=self.shift > 0)

    def forward(self, x):
        h = five_level.in_four_directions(x, self.shift, self._body, 1) if self.shift else self._body(x)
        h = F.leaky_relu(self.output_block[0](h), SLOPE)
        h = F.leaky_relu(self.output_block[2](h), SLOPE)
        return exact(self.output_block[4], h)


def split(prediction):
    """Mean [N,3,H,W] and covariance [N,H,W,3,3] of the predicted normal distribution: A A^T of an upper-triangular A."""
    mean, a = prediction[:, :3], prediction[:, 3:].permute(0, 2, 3, 1)
    zero = torch.zeros_like(a[..., 0])
    rows = [torch.stack(row, -1) for row in ((a[..., 0], a[..., 1], a[..., 2]), (zero, a[..., 3], a[..., 4]),
                                            (zero, zero, a[..., 5]))]
    factor = torch.stack(rows, -2)
    return mean, factor @ factor.transpose(-1, -2)


class HqSsl(BlindUNet):
    """RGB in 0..1 to mean and covariance of each clean pixel; `denoise` weighs them against the noisy value."""

    prefix = "_models.denoiser_model."

    def __init__(self, features):
        super().__init__(features, 9)
        self.config = {"features": features}

    @property
    def notes(self):
        return {"noise": "gaussian"}

    def denoise(self, x, sigma=None):
        """Posterior mean: mu + S (S + N)^-1 (x - mu)."""
        sigma = 25 / 255 if sigma is None else sigma
        mean, covariance = split(self(x).float())
        total = covariance + sigma ** 2 * torch.eye(3)
        difference = (x - mean).permute(0, 2, 3, 1).unsqueeze(-1)
        return mean + (covariance @ torch.linalg.solve(total, difference)).squeeze(-1).permute(0, 3, 1, 2)
