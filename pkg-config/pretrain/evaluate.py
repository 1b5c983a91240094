"""PSNR and SSIM of a network on test pictures: seeded white noise on clean ones, or noisy photos with their truth.

    python evaluate.py WEIGHTS.safetensors --white DIR --sigma 15 25 50 [--gray]
    python evaluate.py WEIGHTS.safetensors --pairs DIR --adapt plain pd2 r3
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import data
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


def white_noise(net, folder, sigma, gray=False, limit=None):
    """Mean PSNR and SSIM; picture i of the sorted list has the noise of seed i, clipped and rounded to 8 bit."""
    scores = []
    for index, path in enumerate(data.list_images(folder)[:limit]):
        clean = data.load_rgb(path).float() / 255
        channels = 1 if gray else 3
        shape = (*clean.shape[1:], channels)
        field = np.random.default_rng(index).standard_normal(shape, np.float32)
        noisy = noise.quantise(clean[:channels] + sigma / 255 * torch.from_numpy(field).permute(2, 0, 1))
        output = ADAPT["plain"](net, noisy.expand(3, -1, -1), sigma)
        if gray:
            output = output.mean(0, keepdim=True)
        output = noise.quantise(output)
        scores.append((psnr(output, clean[:channels]), ssim(output, clean[:channels])))
    return dict(zip(("psnr", "ssim"), np.mean(scores, 0).tolist()))


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
            output = run(net, noisy, adapt)
            scores[adapt].append((psnr(output, truth), ssim(output, truth)))
    if len(adapts) > 1:
        scores["best"] = [max(s) for s in zip(*scores.values())]
    return {a: dict(zip(("psnr", "ssim"), np.mean(s, 0).tolist())) for a, s in scores.items()}


def main():
    import export

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="an exported .safetensors")
    parser.add_argument("--white", type=Path, nargs="+", default=[], help="folders of clean pictures")
    parser.add_argument("--sigma", type=float, nargs="+", default=[25])
    parser.add_argument("--gray", action="store_true", help="gray noise on gray pictures")
    parser.add_argument("--pairs", type=Path, nargs="+", default=[], help="folders of NAME_real.*, NAME_mean.*")
    parser.add_argument("--adapt", nargs="+", choices=list(ADAPT), default=["plain"])
    parser.add_argument("--every", type=int, default=1, help="only every n-th pair")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    net = export.load(args.weights)
    for folder in args.white:
        for sigma in args.sigma:
            print(json.dumps({"set": folder.name, "sigma": sigma, **white_noise(net, folder, sigma, args.gray)}), flush=True)
    for folder in args.pairs:
        print(json.dumps({"set": folder.name, **pairs(net, folder, args.adapt, args.every)}), flush=True)


if __name__ == "__main__":
    main()
