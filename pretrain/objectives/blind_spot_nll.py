"""HQ-SSL (Laine et al., NeurIPS 2019): the noisy pixel's likelihood under the predicted distribution and the noise."""

import torch
from torch import nn

import noise
from nets.hq_ssl import split


class BlindSpotNll(nn.Module):
    """Negative log-likelihood for white Gaussian noise of known strength.

    A gray picture has one value and one noise in three channels. There, the covariance is learned along (1,1,1)/sqrt(3)
    as if it were the variance of that value: so the posterior mean, which believes in three independent channels, gives
    value and prediction the weights they should have.
    """

    def forward(self, net, noisy, clean, progress):
        # Photos are clipped; the value whose likelihood is asked for is not. The strength is known: it was added.
        prediction = net(noisy.clamp(0, 1).contiguous(memory_format=torch.channels_last))
        sigma = (noisy - clean).square().mean((1, 2, 3)).sqrt().clamp_min(1e-3)
        mean, covariance = split(prediction.float())
        total = covariance + sigma.square().view(-1, 1, 1, 1, 1) * torch.eye(3)
        along = total.sum((-1, -2)) / 3
        single = 1.5 * ((noisy[:, :1] - mean).mean(1).square() / along + along.log())
        return torch.where(noise.is_gray(noisy).squeeze(1), single, likelihood(noisy - mean, total)).mean()


def likelihood(difference, total):
    """Half of d^T total^-1 d + log det(total), by Cholesky's factor written out: [N,3,H,W], [N,H,W,3,3] to [N,H,W]."""
    d = difference.unbind(1)
    a = total[..., 0, 0].sqrt()
    b, c = total[..., 1, 0] / a, total[..., 2, 0] / a
    e = (total[..., 1, 1] - b * b).clamp_min(1e-9).sqrt()
    f = (total[..., 2, 1] - b * c) / e
    g = (total[..., 2, 2] - c * c - f * f).clamp_min(1e-9).sqrt()
    u = d[0] / a
    v = (d[1] - b * u) / e
    w = (d[2] - c * u - f * v) / g
    return 0.5 * (u * u + v * v + w * w) + (a * e * g).log()
