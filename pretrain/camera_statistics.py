"""The model of camera noise beside the noise of real photos, statistic by statistic.

    python camera_statistics.py PAIRS [--every N] [--draws N]

PAIRS has `NAME_real.*` and `NAME_mean.*`. The truth of each pair gets noise of the model as strong as its own, a few times. Printed
for both: the mean and the 10th, 50th and 90th percentile, and where among the model's values the real ones lie in the mean (0.5: in
the middle).
"""

import argparse
import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import data
import evaluate
import noise

DISTANCES = (1, 2, 4, 8)  # pixels
SLOW = 16                 # Gaussian width beyond which a difference is one of light, not noise
FLAT_ENOUGH = 0.04        # gradient of the blurred luma: beyond it lie edges, where photos of a pair never fit
LEAST = 500               # pixels that a deviation is told from


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--draws", type=int, default=6, help="noisy photos of the model for each pair")
    return parser.parse_args()


def _inside(brightness):
    """[H,W]: where no edge is."""
    smooth = noise.blur(brightness[None], 1.0)[0]
    dy, dx = (smooth[2:, 1:-1] - smooth[:-2, 1:-1]).abs(), (smooth[1:-1, 2:] - smooth[1:-1, :-2]).abs()
    return F.pad((dy + dx)[None], (1,) * 4, value=1.0)[0] < FLAT_ENOUGH


def _deviation(field, where):
    return field[..., where].square().mean().sqrt().item()


def _correlation(field, inside, dy, dx):
    h, w = inside.shape
    both = inside[:h - dy, :w - dx] & inside[dy:, dx:]
    a, b = field[..., :h - dy, :w - dx][..., both], field[..., dy:, dx:][..., both]
    return ((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt().clamp(min=1e-9)).item()


def _by_texture(fields, brightness, inside):
    """How much stronger each field is in the most textured parts than in the flattest ones, at equal brightness; and the first
    field's deviation in the darkest fifth to that in the brightest."""
    texture = noise.texture(brightness[None], 3)[0]
    low, high = np.quantile(texture[inside].numpy(), (0.3, 0.85))
    edges = np.quantile(brightness[inside].numpy(), np.linspace(0, 1, 6))
    fifths = [inside & (brightness >= a) & (brightness <= b) for a, b in zip(edges, edges[1:])]
    parts = [(fifth & (texture > high), fifth & (texture < low)) for fifth in fifths]
    parts = [(rough, flat) for rough, flat in parts if min(rough.sum(), flat.sum()) > LEAST]
    ratios = [np.median([_deviation(f, rough) / max(_deviation(f, flat), 1e-3) for rough, flat in parts]) if parts else np.nan
              for f in fields]
    return ratios, _deviation(fields[0], fifths[0]) / max(_deviation(fields[0], fifths[-1]), 1e-6)


def statistics(noisy, clean):
    """Of two [3,H,W] in 0..1: name to number."""
    field = noisy - clean
    field = field - noise.blur(field, SLOW)
    brightness = noise.luma(clean)[0]
    inside = _inside(brightness)
    light = noise.luma(field)[0]
    colour = field - light
    found = {"deviation": 255 * _deviation(field, inside), "colour / luma": _deviation(colour, inside) / _deviation(light, inside)}
    for name, plane in (("luma", light), ("colour", colour)):
        for d in DISTANCES:
            found[f"{name}, {d} px"] = (_correlation(plane, inside, 0, d) + _correlation(plane, inside, d, 0)) / 2
    (found["luma, textured / flat"], found["colour, textured / flat"]), found["luma, dark / bright"] = \
        _by_texture((light, colour), brightness, inside)
    red, green, blue = (_deviation(plane, inside) for plane in field)
    found |= {"red / green": red / green, "blue / green": blue / green}
    together = np.corrcoef(field[:, inside].numpy())
    return found | {"red with green": together[0, 1], "green with blue": together[1, 2], "red with blue": together[0, 2]}


def of_model(clean, strength, seed, draws):
    """`statistics` of the model's noise on [3,H,W] uint8, of about that deviation (of 255)."""
    for draw in range(draws):
        rnd, generator = random.Random(f"{seed}/{draw}"), torch.Generator().manual_seed(1000 * seed + draw)
        noisy = noise.camera(clean, rnd, generator, 0.8 * strength, 1.25 * strength)
        if not torch.equal(noisy, clean):
            yield statistics(noisy.float() / 255, clean.float() / 255)


def main():
    args = parse()
    torch.set_num_threads(1)
    real, model = [], []
    for seed, (noisy, truth) in enumerate(evaluate.list_pairs(args.pairs)[::args.every]):
        clean = data.load_rgb(truth)
        real.append(statistics(data.load_rgb(noisy).float() / 255, clean.float() / 255))
        model += of_model(clean, real[-1]["deviation"], seed, args.draws)
    print(f"{len(real)} pairs, {len(model)} of the model\n{'':24}  real: mean  10 %  50 %  90 %   model: mean  10 %  50 %  90 %   lies at")
    for name in real[0]:
        sides = [np.array([row[name] for row in rows if np.isfinite(row[name])]) for rows in (real, model)]
        texts = ["  ".join(f"{v:5.2f}" for v in (side.mean(), *np.percentile(side, (10, 50, 90)))) for side in sides]
        print(f"{name:24}       {texts[0]}          {texts[1]}      {np.mean([(sides[1] < v).mean() for v in sides[0]]):.2f}")


if __name__ == "__main__":
    main()
