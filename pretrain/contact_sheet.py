"""Contact sheets to look at: noisy | denoised | truth, a row for each picture, cut to the same small window.

    python contact_sheet.py WEIGHTS.safetensors OUT.jpg --white DIR --sigma 25
    python contact_sheet.py WEIGHTS.safetensors OUT.jpg --pairs DIR [--adapt pd2]
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import data
import degradation
import evaluate
import export
import noise


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--white", type=Path, help="folder of clean pictures")
    source.add_argument("--pairs", type=Path, help="folder of NAME_real.*, NAME_mean.*")
    parser.add_argument("--sigma", type=float, default=25)
    parser.add_argument("--adapt", choices=list(evaluate.ADAPT), default="plain")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--side", type=int, default=256, help="of the window, in pixels")
    return parser.parse_args()


def middle(image, side):
    """The middle of [3,H,W]."""
    h, w = image.shape[1:]
    y, x = max(0, h - side) // 2, max(0, w - side) // 2
    return image[:, y:y + side, x:x + side]


def samples(args, scale):
    """(noisy, truth) windows in 0..1; for networks that enlarge, the noisy one is blurred and smaller."""
    if args.pairs:
        for noisy, truth in evaluate.list_pairs(args.pairs)[:args.count]:
            yield tuple(middle(data.load_rgb(p).float() / 255, args.side) for p in (noisy, truth))
        return
    generator = torch.Generator().manual_seed(0)
    for path in data.list_images(args.white)[:args.count]:
        truth = middle(data.load_rgb(path).float() / 255, args.side // scale * scale)
        if scale == 1:
            yield noise.white(truth, args.sigma / 255, generator), truth
            continue
        kernel = degradation.gaussian_kernels(torch.tensor([[1.2, 1.2]]), torch.zeros(1))
        yield degradation.degrade(255 * truth[None], kernel, scale, args.sigma, generator)[0] / 255, truth


def main():
    args = parse()
    torch.set_num_threads(1)
    net = export.load(args.weights)
    rows = []
    for noisy, truth in samples(args, net.scale):
        denoised = evaluate.run(net, noisy, args.adapt, args.sigma)
        shown = degradation.resize(noisy, *truth.shape[1:]) if net.scale > 1 else noisy
        rows.append(torch.cat([shown.clamp(0, 1), denoised, truth], 2))
    sheet = torch.cat(rows, 1)
    half = sheet.shape[1] // 2  # two columns of rows
    sheet = torch.cat([sheet[:, :half], sheet[:, half:2 * half]], 2)
    pixels = (sheet.permute(1, 2, 0) * 255).round().numpy().astype(np.uint8)
    Image.fromarray(pixels).save(args.out, quality=80)


if __name__ == "__main__":
    main()
