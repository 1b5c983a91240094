"""Noise that is neither white nor a camera's, for batches of [N,3,H,W] in 0..1, on any device: what else people's photos
have. What is random is drawn from torch's generator of the device."""

import torch
import torch.nn.functional as F

import noise

BLUR = 9  # side of the kernel that makes noise coarse


def coarse(field, width):
    """Gaussian blur of each picture by a width of its own ([N,1,1,1], pixels), with the variance kept."""
    n, c, h, w = field.shape
    at = torch.arange(BLUR, device=field.device) - BLUR // 2
    row = torch.exp(-0.5 * (at.view(1, -1) / width.view(-1, 1)) ** 2)
    kernel = row[:, :, None] * row[:, None, :]
    kernel = kernel / kernel.square().sum((1, 2), keepdim=True).sqrt()
    padded = F.pad(field.reshape(1, n * c, h, w), [BLUR // 2] * 4, mode="circular")
    return F.conv2d(padded, kernel.repeat_interleave(c, 0)[:, None], groups=n * c).view(n, c, h, w)


def _uniform(x, low, high):
    return low + torch.rand(len(x), 1, 1, 1, device=x.device) * (high - low)


def _chance(x, share):
    return torch.rand(len(x), 1, 1, 1, device=x.device) < share


def _field(x, alike):
    """White noise of deviation 1, the same in all channels where `alike` ([N,1,1,1])."""
    field = torch.randn_like(x)
    return torch.where(alike, field[:, :1], field)


def grain(x):
    """Film grain: coarse, alike in all channels, strongest in the middle tones or the same everywhere."""
    field = coarse(torch.randn_like(x[:, :1]), _uniform(x, 0.5, 2.2))
    by_tone = torch.where(_chance(x, 0.5), 0.3 + 2.8 * x * (1 - x), torch.ones_like(x))
    return x, x + field * _uniform(x, 0.02, 0.2) * by_tone


def coarse_colour(x):
    """A small sensor in the dark: strong, spread over neighbours, growing with the light."""
    field = coarse(torch.randn_like(x), _uniform(x, 0.4, 1.5))
    return x, x + field * _uniform(x, 0.03, 0.35) * (x + 0.05).sqrt()


def bands(x):
    """Rows that are brighter or darker (turned patches give columns), in all channels or one, over white noise."""
    rows = x[..., :1]
    together = torch.randn_like(rows[:, :1]) * _uniform(x, 0, 0.12)
    apart = torch.randn_like(rows) * _uniform(x, 0, 0.04)
    return x, x + together + apart + torch.randn_like(x) * _uniform(x, 0, 0.08)


def _impulses(x, y, share):
    """`y` with a share of dead and hot pixels, in all channels at once or in one."""
    together = _chance(x, 0.5) | noise.is_gray(x)
    drawn = [torch.where(together, r[:, :1], r) for r in (torch.rand_like(x), torch.rand_like(x))]
    return torch.where(drawn[0] < share, (drawn[1] < _uniform(x, 0, 1)).float(), y)


def impulses(x):
    """Dead and hot pixels over white noise, a fifth of it gray."""
    x = torch.where(_chance(x, 0.2), noise.gray(x), x)
    return x, _impulses(x, x + _field(x, noise.is_gray(x)) * _uniform(x, 0, 0.1), _uniform(x, 0.001, 0.08))


def shot(x):
    """8 to 200 photons where it is brightest, and read-out noise."""
    gain = torch.exp(_uniform(x, -5.3, -2.1))
    return x, x + torch.randn_like(x) * (x * gain + _uniform(x, 0, 0.03) ** 2).sqrt()


def speckle(x):
    """Multiplied: in each channel, or coarse and alike in all."""
    alike = coarse(torch.randn_like(x[:, :1]), _uniform(x, 0.4, 1.2)).expand_as(x)
    field = torch.where(_chance(x, 0.5), torch.randn_like(x), alike)
    return x, x * (1 + field * _uniform(x, 0.05, 0.4))


def micrograph(x):
    """Fluorescence: dark and gray, 3 to 150 photons where it is brightest, counted one by one; half with read-out noise."""
    x = noise.gray(x)
    x = torch.where(_chance(x, 0.2), 1 - x, x).pow(_uniform(x, 1, 3.5)) * _uniform(x, 0.3, 1)
    photons = torch.exp(_uniform(x, 1.1, 5))
    read_out = torch.where(_chance(x, 0.5), _uniform(x, 0, 0.06), torch.zeros(()))
    y = torch.poisson(x * photons) / photons + torch.randn_like(x) * read_out
    return x.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1)


def mixture(x):
    """Photons, read-out noise and a few impulses, half of it gray."""
    x = torch.where(_chance(x, 0.5), noise.gray(x), x)
    deviation = (x * torch.exp(_uniform(x, -6, -2.5)) + _uniform(x, 0, 0.1) ** 2).sqrt()
    return x, _impulses(x, x + _field(x, noise.is_gray(x)) * deviation, _uniform(x, 0, 0.03))


KINDS = (grain, coarse_colour, bands, impulses, shot, speckle, micrograph, mixture)


def pairs(clean):
    """(noisy, clean) [N,2,3,H,W] of clean patches, an equal part of each kind (where there are fewer patches than kinds,
    some of them), mixed; 8 bits."""
    order = torch.randperm(len(KINDS), device="cpu").tolist()
    parts = [torch.stack([noise.quantise(noisy), truth], 1)
             for kind, part in zip(order, clean.tensor_split(len(KINDS))) if len(part)
             for truth, noisy in [KINDS[kind](part)]]
    return torch.cat(parts)[torch.randperm(len(clean), device=clean.device)]
