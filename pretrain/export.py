"""Checkpoints to files: f16 weights as the package ships them; and to larger networks.

    python export.py weights RUN/last.pt OUT.safetensors [--figures FIGURES.json]
    python export.py grow RUN/last.pt RECIPE.toml GROWN.pt
    python export.py mean ONE.safetensors OTHER.safetensors OUT.safetensors --share 0.4
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

import nets
import optim
from recipe import load_recipe

HERE = Path(__file__).resolve().parent
LICENCE = "MIT OR Apache-2.0"
DATA = ("302 free pictures (public domain, CC0, CC BY, CC BY-SA: weights/CREDITS.tsv) and 25 photos (public domain or "
        "Creative Commons); no BSDS")


def save(path, network, config, weights, dtype=torch.float16, **metadata):
    """Weights by name, in `dtype`, with the network's id and config and whatever else as metadata."""
    meta = {"format": "pt", "model": network, "config": json.dumps(config)}
    meta |= {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
    counters = ".num_batches_tracked"  # of batch normalisation; nothing depends on them
    save_file({k: v.to(dtype).contiguous() for k, v in weights.items() if not k.endswith(counters)}, path, meta)
    path.chmod(0o644)


def load(path):
    """The network of an exported file, in f32."""
    with safe_open(path, "pt") as f:
        meta = f.metadata()
        weights = {name: f.get_tensor(name).float() for name in f.keys()}
    net = nets.build(meta["model"], json.loads(meta["config"]))
    net.load_state_dict({name.removeprefix(net.prefix): value for name, value in weights.items()})
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def teacher(path):
    """The network of an exported file that a recipe names, relative to this folder."""
    return load(HERE / path)


def weights(checkpoint, out, figures):
    """The averaged weights of a checkpoint, for the package."""
    state = torch.load(checkpoint, weights_only=True)
    recipe = state["recipe"]
    net = nets.build(recipe["network"], recipe["config"])
    said = recipe.get("export", {})
    config, peak = recipe["config"], said.get("peak", net.peak)
    if peak != net.peak:
        config = config | {"peak": peak}
    named = {net.prefix + name: value for name, value in net.for_peak(state["ema"], peak).items()}
    notes = {"licence": LICENCE} | net.notes | {k: v for k, v in said.items() if k in ("adapt", "licence", "source")}
    save(out, recipe["network"], config, named, **notes, data=DATA, recipe=recipe,
         seed=recipe["seed"], steps=state["step"], hours=round(state["seconds"] / 3600, 2),
         figures=json.loads(figures.read_text()) if figures else {})


def grow(checkpoint, recipe, grown):
    """A checkpoint with the residual blocks that a recipe has more; they start as the identity, the optimisers anew."""
    state = torch.load(checkpoint, weights_only=True)
    state["recipe"] = recipe = load_recipe(recipe)
    torch.manual_seed(recipe["seed"])
    net = nets.build(recipe["network"], recipe["config"])
    first = {k: torch.zeros_like(v) if k.endswith("conv2.weight") else v for k, v in net.state_dict().items()}
    for part in ("net", "ema"):
        state[part] = first | state[part]
    state["optimisers"] = [o.state_dict() for o in optim.build(net, recipe["train"])]
    torch.save(state, grown)


def mean(one, other, out, share):
    """Mean of the weights of two files of one run, with the notes of the first."""
    with safe_open(one, "pt") as f, safe_open(other, "pt") as g:
        notes = f.metadata() | {"mean": json.dumps({"steps": int(g.metadata()["steps"]), "share": share})}
        named = {name: f.get_tensor(name).float().lerp(g.get_tensor(name).float(), share) for name in f.keys()}
    network, config = notes.pop("model"), json.loads(notes.pop("config"))
    save(out, network, config, named, **notes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for function, *paths in ((weights, "checkpoint", "out"), (grow, "checkpoint", "recipe", "grown"),
                             (mean, "one", "other", "out")):
        kind = kinds.add_parser(function.__name__, help=function.__doc__)
        for path in paths:
            kind.add_argument(path, type=Path)
        kind.set_defaults(function=function)
        if function is weights:
            kind.add_argument("--figures", type=Path, help="JSON to put into the metadata")
        if function is mean:
            kind.add_argument("--share", type=float, required=True, help="of the other, 0 to 1")
    args = vars(parser.parse_args())
    del args["kind"]
    args.pop("function")(**args)


if __name__ == "__main__":
    main()
