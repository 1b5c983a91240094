"""Puts a trained network into the package: parity case, figures, model card, and size and SHA-256 in `src/models`.

    python ship.py NAME --sets DIR --photo PHOTO [--every N]

`../pkg-config/weights/NAME.safetensors` is there already (export.py, train_all.py). What stands in the model card under
"What it looks like" is written by hand and kept. Format the sources afterwards (`cargo fmt`).
"""

import argparse
import hashlib
import json
import re
from pathlib import Path

import torch
from safetensors import safe_open

import evaluate
import export
import fixtures

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WEIGHTS = ROOT / "pkg-config/weights"
LOOKS = "\n## What it looks like\n"

# Folder and name of the parity case, and the file of the card.
PLACES = {
    "unet": ("unet/default_64x48", "unet"),
    "unet-large": ("unet/large_64x48", "unet"),
    "dasr-x2": ("dasr/shipped", "dasr"),
    "dasr-x3": ("dasr/x3_shipped", "dasr"),
    "dasr-x4": ("dasr/x4_shipped", "dasr"),
    "distilled-unet": ("tbsn/distill_unet_shipped", "distilled_unet"),
    "hq-ssl": ("laine19/shipped", "hq_ssl"),
    "masked-denoising": ("masked_denoising/shipped", "masked_denoising"),
    "neighbor2neighbor": ("neighbor2neighbor/shipped", "neighbor2neighbor"),
    "noise2noise": ("noise2noise/shipped", "noise2noise"),
    "noise2noise-nvlabs": ("noise2noise/nvlabs_shipped", "noise2noise_nvlabs"),
    "noise2void": ("n2v/shipped", "noise2void"),
    "rednet": ("rednet/shipped", "rednet"),
    "sasl-bnn": ("sasl/bnn_shipped", "sasl"),
    "sasl-lan": ("sasl/lan_shipped", "sasl"),
    "sasl-unet": ("sasl/unet_shipped", "sasl"),
    "tbsn": ("tbsn/shipped", "tbsn"),
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(PLACES))
    parser.add_argument("--sets", type=Path, required=True, help="folder with Kodak24, CBSD68, Set12, CC15, PolyU100")
    parser.add_argument("--photo", type=Path, required=True, help="the parity case is cut from its middle")
    parser.add_argument("--every", type=int, default=1, help="only every n-th picture for the figures")
    return parser.parse_args()


def figures(net, name, sets, every):
    """Rows of the model card's table: set, noise, noisy and denoised PSNR, SSIM."""
    def row(folder, kind, scores):
        return folder, kind, scores.get("psnr_noisy"), scores["psnr"], scores["ssim"]

    if net.scale > 1:
        return [row("Kodak24", f"blurred (1.2 pixels), shrunk, sigma {sigma}; beside bicubic",
                    evaluate.enlarged(net, sets / "Kodak24", sigma, every)) for sigma in (0, 10)]
    if name == "masked-denoising":
        rows = [row("Kodak24", kind, evaluate.unseen_noise(net, sets / "Kodak24", kind, every))
                for kind in evaluate.UNSEEN]
        return rows + [row("Kodak24", "sigma 15", evaluate.white_noise(net, sets / "Kodak24", 15, every=every))]
    if name in ("tbsn", "distilled-unet") or name.startswith("sasl-"):
        adapts = ("plain", "r3") if name == "tbsn" else ("plain",)
        return [row(label, f"camera, {adapt}", scores)
                for folder, part, label in (("CC15", every, "CC15"), ("PolyU100", 5 * every, f"PolyU100, every {5 * every}th"))
                for adapt, scores in evaluate.pairs(net, sets / folder, adapts, part).items() if adapt != "best"]
    cameras = [row(label, "camera, plain", scores) for folder, part, label in
               (("CC15", every, "CC15"), ("PolyU100", 5 * every, f"PolyU100, every {5 * every}th"))
               for scores in [evaluate.pairs(net, sets / folder, every=part)["plain"]]] if name.startswith("unet") else []
    rows = [row("Kodak24", f"sigma {sigma}", evaluate.white_noise(net, sets / "Kodak24", sigma, every=every))
            for sigma in (15, 25, 50)]
    rows.append(row("CBSD68", "sigma 25", evaluate.white_noise(net, sets / "CBSD68", 25, every=every)))
    return rows + [row("Set12, gray", "sigma 25", evaluate.white_noise(net, sets / "Set12", 25, True, every=every)), *cameras]


def card(name, net, rows, every):
    """The model card's text, but for what is written by hand."""
    with safe_open(WEIGHTS / f"{name}.safetensors", "pt") as f:
        meta = f.metadata()
    minutes = float(meta["hours"]) * 60
    count = sum(p.numel() for p in net.parameters())
    part = "" if every == 1 else f", one picture in {every}"
    lines = [f"# {name}.safetensors", "",
             f"{count:,} weights in f16; configuration `{json.dumps(net.config)}`.", "",
             "- Data: 302 free pictures (public domain, CC0, CC BY, CC BY-SA; authors and sources in `CREDITS.tsv`) and 25 photos",
             "  in the public domain or under Creative Commons (authors in `README.md`). No test picture.",
             f"- Recipe: `pretrain/recipes/{name}.toml`, seed {meta['seed']}; log `pretrain/logs/{name}.jsonl`.",
             f"- Last run: {int(meta['steps']):,} steps in {minutes:.1f} minutes on a quarter of an H200; those before are in the log too.",
             "- Noise is made anew for every patch, so a picture is seen with many noises, as in the articles' trainings.", "",
             f"Figures, public halves{part}, f16 weights as shipped, 8-bit input and output (`pretrain/evaluate.py`, its own",
             "noise seeds):", "", "| set | noise | without | with it, PSNR | SSIM |", "|---|---|---|---|---|"]
    for folder, kind, plain, psnr, ssim in rows:
        lines.append(f"| {folder} | {kind} | {'' if plain is None else f'{plain:.2f}'} | {psnr:.2f} | {ssim:.3f} |")
    return "\n".join(lines) + "\n"


def write_card(name, text):
    path = WEIGHTS / f"{name}.md"
    old = path.read_text() if path.exists() else ""
    looks = old[old.index(LOOKS):] if LOOKS in old else ""
    path.write_text(text + looks)


def note_weights(name, source):
    """Size and SHA-256 into the network's card in the sources."""
    file = WEIGHTS / f"{name}.safetensors"
    data = file.read_bytes()
    with safe_open(file, "pt") as f:
        licence = f.metadata()["licence"]
    path = ROOT / "src/models" / f"{source}.rs"
    text = path.read_text()
    start = text.index(f'id: "{name}"')
    bundled = (f'weights: Some(Bundled {{ file: "{name}.safetensors", bytes: {len(data):_}, '
               f'sha256: "{hashlib.sha256(data).hexdigest()}", licence: "{licence}" }}),')
    text = text[:start] + re.sub(r"weights: (None|Some\(Bundled \{.*?\}\)),", bundled, text[start:], count=1, flags=re.S)
    path.write_text(text.replace("use super::{Card,", "use super::{Bundled, Card,"))


def main():
    args = parse()
    torch.set_num_threads(1)
    case, source = PLACES[args.name]
    weights = WEIGHTS / f"{args.name}.safetensors"
    fixtures.shipped(weights, args.photo, ROOT / "tests/fixtures" / case)
    note_weights(args.name, source)
    net = export.load(weights)
    text = card(args.name, net, figures(net, args.name, args.sets, args.every), args.every)
    write_card(args.name, text)
    print(text)


if __name__ == "__main__":
    main()
