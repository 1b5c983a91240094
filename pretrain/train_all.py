"""Trains recipes one after another, each for the steps or the time it names, and exports their weights.

    python train_all.py --data DIR --out RUNS [--weights DIR] NAME...

Pictures are read once. A run that was stopped goes on from its last checkpoint; one that is complete is not repeated.
"""

import argparse
import json
import multiprocessing
from pathlib import Path

import torch

import data
import export
import train
from recipe import load_recipe

HERE = Path(__file__).resolve().parent


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME", help="of recipes/NAME.toml")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a folder of checkpoints for each NAME in here")
    parser.add_argument("--weights", type=Path, default=HERE.parent / "pkg-config/weights")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--scale", type=float, default=1, help="times as long as the recipes say")
    return parser.parse_args()


def is_complete(log):
    return log.exists() and '"end": "complete"' in log.read_text()


def main():
    args = parse()
    torch.set_num_threads(1)
    pictures = {}
    for name in args.names:
        recipe = load_recipe(HERE / f"recipes/{name}.toml")
        folders, log = recipe["data"]["folders"], HERE / f"logs/{name}.jsonl"
        key = json.dumps(folders)
        if not is_complete(log):
            if key not in pictures:
                pictures[key] = data.Pictures(args.data, folders)
            run = args.out / name
            run.mkdir(parents=True, exist_ok=True)
            options = ["--data", str(args.data), "--out", str(run), "--log", str(log), "--device", args.device]
            if args.device == "cpu":
                options.append("--cpu-time")
            if "steps" in recipe:
                options += ["--steps", str(round(recipe["steps"] * args.scale))]
            else:
                options += ["--minutes", str(recipe["minutes"] * args.scale)]
            if (run / "last.pt").exists():
                options += ["--resume", str(run / "last.pt")]
            options = train.parse([str(HERE / f"recipes/{name}.toml"), *options])
            # A process of its own shares the pictures, and leaves nothing behind.
            child = multiprocessing.get_context("fork").Process(
                target=train.train, args=(0, options, recipe, pictures[key], 0))
            child.start()
            child.join()
        if is_complete(log):
            folder = args.weights if recipe.get("shipped", True) else args.out / name
            export.weights(args.out / name / "last.pt", folder / f"{name}.safetensors", None)


if __name__ == "__main__":
    main()
