"""How pictures get small and bad for super-resolution: a Gaussian blur, bicubic shrinking, noise, rounding."""

import math

import torch
import torch.nn.functional as F

KERNEL = 21


def gaussian_kernels(deviations, angles):
    """[N, KERNEL, KERNEL], each of sum 1, of two standard deviations in pixels each, [N,2]; the first points along the
    angle (radians), [N]."""
    y, x = torch.meshgrid(*(torch.arange(KERNEL).float() - KERNEL // 2,) * 2, indexing="ij")
    cos, sin = angles.cos().view(-1, 1, 1), angles.sin().view(-1, 1, 1)
    along, across = cos * x + sin * y, cos * y - sin * x
    first, second = deviations.view(-1, 2, 1, 1).unbind(1)
    kernels = torch.exp(-0.5 * ((along / first) ** 2 + (across / second) ** 2))
    return kernels / kernels.sum((1, 2), keepdim=True)


def blur(x, kernels):
    """Each picture of [N,C,H,W] by a kernel of its own, mirrored at the borders."""
    n, c, h, w = x.shape
    x = F.pad(x, (KERNEL // 2,) * 4, mode="reflect").reshape(1, n * c, h + KERNEL - 1, w + KERNEL - 1)
    return F.conv2d(x, kernels[:, None].repeat_interleave(c, 0), groups=n * c).view(n, c, h, w)


def _cubic(t):
    t = t.abs()
    near, far = (1.5 * t - 2.5) * t * t + 1, ((-0.5 * t + 2.5) * t - 4) * t + 2
    return torch.where(t <= 1, near, torch.where(t <= 2, far, torch.zeros_like(t)))


def _resizing(size, to):
    """[to, size]: Matlab's imresize along an axis, which widens the kernel when it shrinks."""
    scale = to / size
    widen = max(1.0, 1 / scale)
    centre = (torch.arange(to).double() + 0.5) / scale - 0.5
    taps = torch.arange(-math.ceil(2 * widen) - 1, math.ceil(2 * widen) + 2)
    at = centre.floor()[:, None].long() + taps
    weight = _cubic((at - centre[:, None]) / widen)
    weight = weight / weight.sum(1, keepdim=True)
    return torch.zeros(to, size, dtype=torch.float64).scatter_add_(1, at.clamp(0, size - 1), weight).float()


def resize(x, height, width):
    """Bicubic, [N,C,H,W] to [N,C,height,width], not rounded."""
    return _resizing(x.shape[-2], height) @ x @ _resizing(x.shape[-1], width).T


def degrade(x, kernels, scale, sigma, generator=None):
    """Pictures of 0..255 to whole numbers; `sigma` is the noise's standard deviation of each, [N] or a number."""
    small = resize(blur(x, kernels), x.shape[-2] // scale, x.shape[-1] // scale)
    sigma = torch.as_tensor(sigma, dtype=torch.float32).view(-1, 1, 1, 1)
    return (small + sigma * torch.randn(small.shape, generator=generator)).round().clamp(0, 255)
