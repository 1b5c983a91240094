"""Noise2Void from random weights on simulated micrographs: this project's, and careamics' own default.

    pip install careamics==0.3.5
    python compare_careamics.py --unnoise ../target/release/unnoise --steps 300

Both see one seeded stack of ten noisy frames of 512x512, learn on it for as many steps of batches of as many patches, and denoise
it. PSNR is over the range of the clean stack. careamics is run as `create_n2v_config` makes it, on the CPU.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from careamics import CAREamist
from careamics.config.factories import create_n2v_config

FRAMES, SIDE = 10, 512


def scene(rng):
    """Counts of photons without noise, [SIDE, SIDE]: filaments and round cells of several sizes, out of the dark."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    picture = np.full((SIDE, SIDE), 4, np.float32)
    for _ in range(25):
        centre, radius = rng.uniform(0, SIDE, 2), rng.uniform(6, 40)
        distance = np.hypot(x - centre[0], y - centre[1])
        picture += rng.uniform(5, 30) / (1 + np.exp((distance - radius) / 1.5))
    for _ in range(20):
        angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        along = np.cos(angle) * x + np.sin(angle) * y
        across = np.cos(angle) * y - np.sin(angle) * x - rng.uniform(-SIDE, SIDE)
        across += rng.uniform(5, 25) * np.sin(along / rng.uniform(25, 60) + phase)
        picture += rng.uniform(10, 40) * np.exp(-(across / rng.uniform(1.0, 2.5)) ** 2)
    return picture


def stack(seed):
    """The clean and the noisy stack: counted photons, and normal noise of what reads them."""
    rng = np.random.default_rng(seed)
    clean = np.stack([scene(rng) for _ in range(FRAMES)])
    noisy = rng.poisson(clean) + rng.normal(0, 2, clean.shape)
    return clean, noisy.astype(np.float32)


def psnr(result, clean):
    error = np.mean((result.astype(np.float64) - clean) ** 2)
    return 20 * np.log10(clean.max() - clean.min()) - 10 * np.log10(error)


def of_careamics(noisy, args, folder):
    config = create_n2v_config(
        experiment_name="micrographs", data_type="array", axes="SYX", patch_size=[args.patch] * 2,
        batch_size=args.batch, num_epochs=args.epochs, num_steps=args.steps // args.epochs)
    careamist = CAREamist(config, work_dir=folder, enable_progress_bar=False)
    careamist.train(train_data=noisy)
    result, _ = careamist.predict(noisy, tile_size=(256, 256))
    return np.concatenate([np.reshape(frame, (-1, SIDE, SIDE)) for frame in result])


def of_unnoise(noisy, args, folder):
    before, after, weights = (str(folder / name) for name in ("noisy.tif", "denoised.tif", "micrographs.safetensors"))
    tifffile.imwrite(before, noisy, photometric="minisblack")
    learn = ["fine-tune", before, "-o", weights, "--model", "noise2void", "--random", "published",
             "--objective", "noise2void", "--always", "--quiet"]
    sizes = ["--steps", str(args.steps), "--batch", str(args.batch), "--patch", str(args.patch)]
    # It says by its exit status that nothing was better for certain; the weights are written all the same.
    subprocess.run([args.unnoise, *learn, *sizes], check=False)
    subprocess.run([args.unnoise, "denoise", before, "-o", after, "--weights", weights, "--quiet"], check=True)
    return tifffile.imread(after)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unnoise", required=True, help="the program")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=10, help="of careamics, which share the steps")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    clean, noisy = stack(args.seed)
    print(json.dumps({"noisy": round(psnr(noisy, clean), 2)}), flush=True)
    for name, learn in (("unnoise", of_unnoise), ("careamics", of_careamics)):
        with tempfile.TemporaryDirectory() as folder:
            start = time.time()
            result = learn(noisy, args, Path(folder))
            figures = {"psnr": round(psnr(result, clean), 2), "seconds": round(time.time() - start)}
        print(json.dumps({name: figures}), flush=True)


if __name__ == "__main__":
    main()
