"""The two kinds of noise the networks learn from: white Gaussian noise and a camera with its JPEG.

Both end as 8-bit pixels, as photos do. Nothing here depends on a network.
"""

import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

LUMA = torch.tensor([0.299, 0.587, 0.114])
TONE_STEPS = 4096


def quantise(x):
    """Values in 0..1 to the nearest of 256 levels, clipped, still 0..1."""
    return (x.clamp(0, 1) * 255).round() / 255


def luma(x):
    """Luma of [...,3,H,W], one channel."""
    return (x * LUMA.to(x.device)[:, None, None]).sum(-3, keepdim=True)


def gray(x):
    """Luma in 8 bits."""
    return quantise(luma(x))


def is_gray(x):
    """Whether the channels of each image of [N,C,H,W] are the same: [N,1,1,1]."""
    return (x[:, :1] == x).flatten(1).all(1).view(-1, 1, 1, 1)


def white(clean, sigma, generator=None):
    """Adds Gaussian noise of standard deviation `sigma` (0..1 scale; one value or one for each image) and quantises."""
    return quantise(clean + sigma * torch.randn(clean.shape, generator=generator))


def level(noisy):
    """Standard deviation of the noise of each image, estimated from its second differences [N]: texture counts too."""
    differences = noisy.diff(n=2, dim=2).diff(n=2, dim=3)
    return differences.abs().mean((1, 2, 3)) * (math.pi / 2) ** 0.5 / 6


def weight_by_level(noisy, balance):
    """A weight for each image, lower for strong noise, so that weak noise counts as much: by squared errors, `balance`
    of 1 makes them equal."""
    return ((level(noisy) + 2 / 255) / (15 / 255)) ** (-2 * balance)


def unseen(clean, kind, rnd):
    """Noise that a network for white noise has not seen, 8 bits; `rnd` is a numpy generator."""
    x = clean.numpy()
    if kind == "speckle":
        x = x + x * rnd.normal(0, 0.2, x.shape)
    elif kind == "poisson":  # of a sensor that counts 255 at full brightness, three times as strong
        x = x + 3 * (rnd.poisson(255 * x) / 255 - x)
    elif kind == "salt-and-pepper":
        x = np.where(rnd.random(x.shape) < 0.02, rnd.integers(0, 2, x.shape), x)
    elif kind == "mixture":
        x = x + x * rnd.normal(0, 0.1, x.shape) + 2 * (rnd.poisson(255 * x) / 255 - x) + rnd.normal(0, 10 / 255, x.shape)
        x = np.where(rnd.random(x.shape) < 0.01, rnd.integers(0, 2, x.shape), x)
    return quantise(torch.from_numpy(x.astype(np.float32)))


def log_uniform(rnd, low, high):
    return math.exp(rnd.uniform(math.log(low), math.log(high)))


def blur(x, sigma):
    """Gaussian blur of [C,H,W] with mirrored borders."""
    radius = max(1, math.ceil(3 * sigma))
    k = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    k = (k / k.sum()).expand(x.shape[0], 1, 1, -1)
    x = F.pad(x[None], (radius,) * 4, mode="reflect")
    x = F.conv2d(x, k, groups=x.shape[1])
    return F.conv2d(x, k.transpose(2, 3), groups=x.shape[1])[0]


class ToneCurve:
    """A monotone curve from linear light to display values: a gamma, bent by a random amount of S-curve."""

    def __init__(self, rnd):
        gamma, bend = rnd.uniform(1.8, 2.6), rnd.uniform(0, 1)
        root = np.linspace(0, 1, TONE_STEPS)  # the table is indexed by sqrt(linear), so that shadows are well resolved
        v = root ** (2 / gamma)
        tone = (1 - bend) * v + bend * v * v * (3 - 2 * v)
        self.forward_table = torch.from_numpy(tone.astype(np.float32))
        levels = np.interp(np.arange(256) / 255, tone, root) ** 2
        self.inverse_table = torch.from_numpy(levels.astype(np.float32))

    def to_linear(self, levels):
        """uint8 levels to linear light."""
        return self.inverse_table[levels.long()]

    def to_display(self, linear):
        """Linear light to display values, clipped to 0..1."""
        root = linear.clamp(0, 1).sqrt_()
        return self.forward_table[(root * (TONE_STEPS - 1)).round_().long()]


def _colour_matrix(rnd):
    """Sensor to display colours, rows sum to 1: the diagonal is above 1, so it amplifies and mixes noise."""
    m = np.eye(3)
    for i in range(3):
        for j in range(3):
            if i != j:
                a = rnd.uniform(0, 0.4)
                m[i, j] -= a
                m[i, i] += a
    return torch.tensor(m, dtype=torch.float32)


def _demosaic(noise, rnd):
    """Keeps of [3,H,W] sensor noise what a Bayer pattern samples and interpolates the rest, linearly."""
    mask = torch.zeros_like(noise)
    dy, dx = rnd.randrange(2), rnd.randrange(2)
    mask[0, dy::2, dx::2] = 1
    mask[2, 1 - dy::2, 1 - dx::2] = 1
    mask[1] = 1 - mask[0] - mask[2]
    cross = torch.tensor([[0., 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
    square = torch.tensor([[1., 2, 1], [2, 4, 2], [1, 2, 1]]) / 4

    def interpolate(plane, kernel):
        return F.conv2d(F.pad(plane[None, None], (1,) * 4, mode="reflect"), kernel[None, None])[0, 0]

    sampled = noise * mask
    green = interpolate(sampled[1], cross)
    if rnd.random() < 0.5:  # each colour on its own
        red, blue = (interpolate(sampled[c], square) for c in (0, 2))
    else:  # colour differences to green, the commoner way
        red, blue = (green + interpolate((sampled[c] - green) * mask[c], square) for c in (0, 2))
    return torch.stack([red, green, blue])


def _coarser(plane, rnd, finest, coarsest, least):
    """`plane` blurred by a random width and made as strong again, with some of what it was."""
    blurred = blur(plane, log_uniform(rnd, finest, coarsest))
    return plane.lerp(blurred * (plane.std() / blurred.std().clamp(min=1e-6)), rnd.uniform(least, 1))


def _process(noise, rnd):
    """What cameras and resizing do to noise in display values: coarser, with luma and chroma apart.

    Real photos (CC15, PolyU) have luma noise whose neighbours correlate by 0.6, and chroma blotches that still correlate
    by 0.4 to 0.6 at four pixels, 0.6 to 0.9 times as strong as the luma noise: the draws here lie around that.
    """
    if rnd.random() < 0.25:
        h, w = noise.shape[1:]
        zoom = rnd.uniform(1.0, 1.8)
        size = (math.ceil(h / zoom), math.ceil(w / zoom))
        noise = F.interpolate(noise[None, :, :size[0], :size[1]], (h, w), mode="bicubic", align_corners=False)[0]
    light = luma(noise)
    chroma = noise - light
    if rnd.random() < 0.6:
        light = _coarser(light, rnd, 0.4, 1.2, 0.5)
    if rnd.random() < 0.15:
        light = light + rnd.uniform(0.2, 0.8) * (light - blur(light, rnd.uniform(0.6, 1.2)))
    if rnd.random() < 0.8:
        fine = chroma
        chroma = _coarser(fine, rnd, 0.8, 4, 0.6)
        if rnd.random() < 0.35:
            chroma = chroma.lerp(_coarser(fine, rnd, 4, 10, 0.9), rnd.uniform(0.2, 0.7))
    share = log_uniform(rnd, 0.3, 1.6) * light.std() / chroma.std().clamp(min=1e-6)
    return light + share * chroma


def texture(light, width):
    """Local contrast of [1,H,W] luma, a standard deviation; `width` of the window in pixels."""
    return blur((light - blur(light, 1.5)).square(), width).sqrt()


def _reduced(noise, display, rnd):
    """What a camera's own noise reduction leaves: where there is no texture, noise is weaker and coarser.

    In photos of CC15 and PolyU of equal brightness, noise of textured parts is 1.0 to 3.5 times as strong as that of
    flat ones (median 1.2 and 1.5), of chroma more than of luma.
    """
    light = luma(noise)
    contrast = texture(luma(display), rnd.uniform(1.5, 4)).square()
    threshold = log_uniform(rnd, 0.2, 3) * light.std()
    flat = 1 - contrast / (contrast + threshold.square() + 1e-9)
    strength = rnd.uniform(0.2, 0.95)

    def smoothed(plane, strength, finest, coarsest):
        return plane.lerp(blur(plane, log_uniform(rnd, finest, coarsest)), strength * flat)

    return (smoothed(light, strength, 1, 10)
            + smoothed(noise - light, min(1, strength * rnd.uniform(0.8, 1.5)), 2, 12))


def jpeg(image, quality, subsampling):
    """[3,H,W] uint8 through a JPEG file and back."""
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)


def camera(clean, rnd, generator, low=1.0, high=30.0):
    """A noisy photo of `clean` ([3,H,W] uint8): sensor noise, demosaicing, tone curve, processing, most often JPEG.

    The noise's standard deviation in the 8-bit image is drawn log-uniformly from low..high; one in twelve has none.
    `rnd` (random.Random) draws the camera, `generator` (torch) the noise.
    """
    display = clean.float() / 255
    noisy = display
    if rnd.random() >= 1 / 12:
        target = log_uniform(rnd, low, high) / 255
        curve, matrix = ToneCurve(rnd), _colour_matrix(rnd)
        gains = torch.tensor([rnd.uniform(1.2, 2.4), 1.0, rnd.uniform(1.2, 2.4)])
        linear = curve.to_linear(clean)
        toned = curve.to_display(linear)
        to_linear = matrix * gains
        flat = linear.reshape(3, -1)
        raw = (torch.linalg.inv(to_linear) @ flat).clamp_(0, 1).view_as(linear)
        shot = (raw + log_uniform(rnd, 1e-3, 0.3)).sqrt_()
        noise = shot * torch.randn(shot.shape, generator=generator)
        if rnd.random() < 0.85:
            noise = _demosaic(noise, rnd)
        noise = (to_linear @ noise.reshape(3, -1)).view_as(linear)
        gain = target
        for _ in range(2):  # find the sensor gain that gives the wanted noise level after the curve
            change = curve.to_display(linear + gain * noise) - toned
            gain *= target / max(change.square().mean().sqrt().item(), 1e-4)
        # The odd part: a bent curve would shift the mean, but the truth of real photos, a mean of many shots, shifts with it.
        change = (curve.to_display(linear + gain * noise) - curve.to_display(linear - gain * noise)) / 2
        change = _process(change, rnd)
        if rnd.random() < 0.7:
            change = _reduced(change, display, rnd)
        noisy = display + change * (target / change.std().clamp(min=1e-4))
    noisy = (noisy.clamp(0, 1) * 255).round().to(torch.uint8)
    if rnd.random() < 0.75:
        low, high = (65, 90) if rnd.random() < 0.5 else (90, 100)  # sent or shown on the web; as the camera wrote it
        noisy = jpeg(noisy, rnd.randint(low, high), rnd.choice((0, 2)))
    return noisy
