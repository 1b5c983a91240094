"""PSNR and SSIM of a network on test pictures: seeded noise on clean ones, or noisy photos with their truth.

    python evaluate.py WEIGHTS.safetensors --white DIR --sigma 15 25 50 [--gray]
    python evaluate.py WEIGHTS.safetensors --unseen DIR
    python evaluate.py WEIGHTS.safetensors --pairs DIR --adapt plain pd2 r3
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import data
import degradation
import noise


def psnr(x, y):
    """Of two images in 0..1."""
    return -10 * torch.log10((x - y).square().mean().clamp_min(1e-10)).item()


def ssim(x, y):
    """Of two [C,H,W] images in 0..1: 11x11 Gaussian window of sigma 1.5, no padding, mean over channels."""
    k = torch.exp(-0.5 * ((torch.arange(11) - 5) / 1.5) ** 2)
    k = (k / k.sum()).expand(x.shape[0], 1, 1, 11)

    def blur(a):
        return F.conv2d(F.conv2d(a[None], k, groups=a.shape[0]), k.transpose(2, 3), groups=a.shape[0])[0]

    mx, my = blur(x), blur(y)
    vx, vy, vxy = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    c1, c2 = 0.01 ** 2, 0.03 ** 2
    return ((2 * mx * my + c1) * (2 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean().item()


def padded(batch, multiple):
    """Mirrored at the right and at the bottom up to a multiple."""
    h, w = batch.shape[-2:]
    return F.pad(batch, (0, -w % multiple, 0, -h % multiple), mode="reflect")


@torch.no_grad()
def forward(net, batch, sigma=None):
    """Images of any size, denoised but not clamped. `sigma` of 0..255."""
    h, w = batch.shape[-2:]
    batch = padded(batch, net.multiple).contiguous(memory_format=torch.channels_last)
    return net.denoise(batch, None if sigma is None else sigma / 255)[..., :h * net.scale, :w * net.scale]


def pixel_shuffle_downsampling(net, image, sigma=None, factor=2):
    """Denoises the factor*factor sub-images of every factor-th pixel on their own and puts them together again."""
    c, h, w = image.shape
    image = F.pad(image[None], (0, -w % factor, 0, -h % factor), mode="reflect")
    subs = F.pixel_unshuffle(image, factor)
    size = subs.shape[-2:]
    subs = subs.view(c, factor ** 2, *size).transpose(0, 1)
    out = forward(net, subs, sigma).transpose(0, 1).reshape(1, c * factor ** 2, *size)
    return F.pixel_shuffle(out, factor)[0, :, :h, :w]


def random_replacement(net, image, sigma=None, rounds=6, share=0.16):
    """PD 2, then the mean of plain runs on its result with a share of the elements replaced by the noisy ones."""
    base = pixel_shuffle_downsampling(net, image, sigma).clamp(0, 1)
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros_like(image)
    for _ in range(rounds):
        replaced = torch.rand(image.shape, generator=generator) < share
        total += forward(net, torch.where(replaced, image, base)[None])[0]
    return total / rounds


ADAPT = {"plain": lambda net, image, sigma=None: forward(net, image[None], sigma)[0],
         "pd2": pixel_shuffle_downsampling, "r3": random_replacement}


def run(net, image, adapt="plain", sigma=None):
    """[3,H,W] in 0..1 to the denoised image, quantised to 8 bit."""
    return noise.quantise(ADAPT[adapt](net, image, sigma))


def white_noise(net, folder, sigma, gray=False, limit=None, every=1):
    """Mean PSNR and SSIM; picture i of the sorted list has the noise of seed i, clipped and rounded to 8 bit."""
    scores = []
    for index, path in _numbered(folder, every, limit):
        clean = data.load_rgb(path).float() / 255
        channels = 1 if gray else 3
        shape = (*clean.shape[1:], channels)
        field = np.random.default_rng(index).standard_normal(shape, np.float32)
        noisy = noise.quantise(clean[:channels] + sigma / 255 * torch.from_numpy(field).permute(2, 0, 1))
        output = ADAPT["plain"](net, noisy.expand(3, -1, -1), sigma)
        if gray:
            output = output.mean(0, keepdim=True)
        scores.append(_score(noisy, noise.quantise(output), clean[:channels]))
    return _mean(scores)


def _numbered(folder, every, limit=None):
    """Pictures with their numbers, which are the seeds of their noise."""
    return list(enumerate(data.list_images(folder)[:limit]))[::every]


def _score(plain, output, clean):
    return psnr(plain, clean), psnr(output, clean), ssim(output, clean)


def _mean(scores):
    return dict(zip(("psnr_noisy", "psnr", "ssim"), np.mean(scores, 0).tolist()))


def enlarged(net, folder, sigma, every=1):
    """For networks that enlarge: pictures blurred (1.2 pixels), shrunk, noisy; `psnr_noisy` is bicubic enlargement's."""
    scores = []
    kernel = degradation.gaussian_kernels(torch.tensor([[1.2, 1.2]]), torch.zeros(1))
    for index, path in _numbered(folder, every):
        clean = data.load_rgb(path)
        clean = clean[:, :clean.shape[1] // net.scale * net.scale, :clean.shape[2] // net.scale * net.scale].float()
        generator = torch.Generator().manual_seed(index)
        small = degradation.degrade(clean[None], kernel, net.scale, sigma, generator)[0] / 255
        plain = noise.quantise(degradation.resize(small, *clean.shape[1:]))
        scores.append(_score(plain, run(net, small), clean / 255))
    return _mean(scores)


UNSEEN = ("speckle", "poisson", "salt-and-pepper", "mixture")


def unseen_noise(net, folder, kind, every=1):
    """As `white_noise`, for other noise; the noisy pictures' PSNR too."""
    scores = []
    for index, path in _numbered(folder, every):
        clean = data.load_rgb(path).float() / 255
        noisy = noise.unseen(clean, kind, np.random.default_rng(index))
        scores.append(_score(noisy, run(net, noisy), clean))
    return _mean(scores)


def list_pairs(folder):
    """(noisy, truth) paths: NAME_real.* and NAME_mean.*, extensions in any case."""
    by_stem = {p.stem: p for p in data.list_images(folder)}
    return [(p, by_stem[s[:-5] + "_mean"]) for s, p in sorted(by_stem.items()) if s.endswith("_real")]


def pairs(net, folder, adapts=("plain",), every=1):
    """For each adapt mode, and for the better of them for each photo ("best"): mean PSNR and SSIM."""
    scores = {adapt: [] for adapt in adapts}
    for noisy, truth in list_pairs(folder)[::every]:
        noisy, truth = data.load_rgb(noisy).float() / 255, data.load_rgb(truth).float() / 255
        for adapt in adapts:
            scores[adapt].append(_score(noisy, run(net, noisy, adapt), truth))
    if len(adapts) > 1:
        scores["best"] = [max(s, key=lambda score: score[1]) for s in zip(*scores.values())]
    return {a: _mean(s) for a, s in scores.items()}


def main():
    import export

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="an exported .safetensors")
    parser.add_argument("--white", type=Path, nargs="+", default=[], help="folders of clean pictures")
    parser.add_argument("--sigma", type=float, nargs="+", default=[25])
    parser.add_argument("--gray", action="store_true", help="gray noise on gray pictures")
    parser.add_argument("--unseen", type=Path, nargs="+", default=[], help="folders of clean pictures; other noise")
    parser.add_argument("--pairs", type=Path, nargs="+", default=[], help="folders of NAME_real.*, NAME_mean.*")
    parser.add_argument("--adapt", nargs="+", choices=list(ADAPT), default=["plain"])
    parser.add_argument("--every", type=int, default=1, help="only every n-th picture")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    net = export.load(args.weights)
    for folder in args.white:
        for sigma in args.sigma:
            print(json.dumps({"set": folder.name, "sigma": sigma, **white_noise(net, folder, sigma, args.gray, every=args.every)}),
                  flush=True)
    for folder in args.unseen:
        for kind in UNSEEN:
            scores = unseen_noise(net, folder, kind, args.every)
            print(json.dumps({"set": folder.name, "noise": kind, **scores}), flush=True)
    for folder in args.pairs:
        print(json.dumps({"set": folder.name, **pairs(net, folder, args.adapt, args.every)}), flush=True)


if __name__ == "__main__":
    main()
