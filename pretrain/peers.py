"""What others reach on the photos of `cargo xtask quality`: BM3D (told sigma) and OpenCV's non-local means.

    python peers.py --sets SETS --every 6 --out peers.json
    cargo xtask quality --sets SETS --every 6 --peers pretrain/peers.json

Where a set has noise of its own, both are told the deviation that `estimate_sigma` (wavelets, median) finds. What was measured is
kept in the file, so a run that was stopped goes on.

BM3D: Dabov et al. 2007, by its authors' package `bm3d`, 4.0; non-local means: Buades et al. 2011, `opencv-python-headless`.
"""

import argparse
import json
from pathlib import Path

import bm3d
import cv2
import numpy as np
from PIL import Image
from skimage.restoration import estimate_sigma

PHOTOS = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}


def photos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTOS)


def read(path: Path, gray: bool) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L" if gray else "RGB"))


def noisy_ones(folder: Path, every: int, sigma: int, gray: bool):
    """Clean photos and their noisy twins of 8 bits, each with noise of its own."""
    for index, path in enumerate(photos(folder)[::every]):
        clean = read(path, gray)
        noise = np.random.default_rng(index).normal(0, sigma, clean.shape)
        yield clean, np.clip(np.round(clean + noise), 0, 255).astype(np.uint8), sigma


def pairs(folder: Path, every: int):
    """Noisy photos of cameras and what is taken for their truth."""
    for noisy in [path for path in photos(folder) if path.stem.endswith("_real")][::every]:
        clean = noisy.with_stem(noisy.stem.removesuffix("_real") + "_mean")
        picture = read(noisy, False)
        yield read(clean, False), picture, 255 * estimate_sigma(picture / 255, channel_axis=-1, average_sigmas=True)


def by_bm3d(noisy: np.ndarray, sigma: float) -> np.ndarray:
    run = bm3d.bm3d_rgb if noisy.ndim == 3 else bm3d.bm3d
    return run(noisy / 255, sigma / 255) * 255


def by_means(noisy: np.ndarray, sigma: float) -> np.ndarray:
    if noisy.ndim == 2:
        return cv2.fastNlMeansDenoising(noisy, None, h=sigma)
    # Its channels are only taken for those of BGR to find luma.
    return cv2.fastNlMeansDenoisingColored(noisy[..., ::-1], None, h=sigma, hColor=sigma)[..., ::-1]


PEERS = {"BM3D": by_bm3d, "OpenCV's non-local means": by_means}


def psnr(picture: np.ndarray, clean: np.ndarray) -> float:
    picture = np.clip(np.round(picture.astype(np.float64)), 0, 255)
    return 10 * np.log10(255**2 / np.mean((picture - clean) ** 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, required=True, help="folder with Kodak24, CBSD68, Set12, CC15 and PolyU100 in it")
    parser.add_argument("--every", type=int, default=1, help="only every n-th photo of each set")
    parser.add_argument("--out", type=Path, required=True, help="JSON: PSNR by peer and column")
    args = parser.parse_args()
    columns = {
        **{f"Kodak24, {sigma}": lambda sigma=sigma: noisy_ones(args.sets / "Kodak24", args.every, sigma, False) for sigma in (15, 25, 50)},
        "CBSD68, 25": lambda: noisy_ones(args.sets / "CBSD68", args.every, 25, False),
        "Set12 (gray), 25": lambda: noisy_ones(args.sets / "Set12", args.every, 25, True),
        "CC15": lambda: pairs(args.sets / "CC15", args.every),
        "PolyU100": lambda: pairs(args.sets / "PolyU100", args.every),
    }
    found = json.loads(args.out.read_text()) if args.out.exists() else {"every": args.every, "psnr": {}}
    if found["every"] != args.every:
        parser.error(f"{args.out} is of one photo in {found['every']}")
    for peer, denoise in PEERS.items():
        reached = found["psnr"].setdefault(peer, {})
        for title, samples in columns.items():
            if title not in reached:
                values = [psnr(denoise(noisy, sigma), clean) for clean, noisy, sigma in samples()]
                reached[title] = round(float(np.mean(values)), 2)
                args.out.write_text(json.dumps(found, indent=2) + "\n")
                print(f"{peer}, {title}: {reached[title]:.2f} dB of {len(values)} photos", flush=True)


if __name__ == "__main__":
    main()
