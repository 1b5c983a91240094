"""Writes parity cases for the Rust tests: an input and this definition's f32 output, and for the tiny case its weights.

    python fixtures.py tiny unet OUT_DIR
    python fixtures.py shipped WEIGHTS.safetensors PHOTO OUT_DIR
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

import data
import export
import nets

TINY = {"unet": {"widths": [8, 12, 16], "enc_blocks": [1, 2], "mid_blocks": 1, "dec_blocks": [2, 1]}}


def write(folder, net, image, config, notes, **more):
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        output = net(image)
    name = "sr" if net.scale > 1 else "output"
    save_file({"input": image.contiguous(), name: output.contiguous()}, folder / "io.safetensors")
    case = {"config": config, "notes": notes, "torch": torch.__version__.split("+")[0],
            "params": sum(p.numel() for p in net.parameters()), **more}
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")


def tiny(network, folder):
    torch.manual_seed(7)
    net = nets.build(network, TINY[network]).eval()
    with torch.no_grad():
        for parameter in net.parameters():  # no layer may be negligible in the output
            parameter.normal_(std=(1.5 / parameter[0].numel()) ** 0.5)
    image = torch.rand(2, 3, 24, 40)
    write(folder, net, image, TINY[network], "random weights, f32; random input, batch of 2")
    export.save(folder / "weights.safetensors", network, TINY[network], net.state_dict(), torch.float32)


def shipped(weights, photo, folder):
    net = export.load(weights)
    image = data.load_rgb(photo)
    y, x = image.shape[1] // 2, image.shape[2] // 2
    width = 48 + -48 % net.multiple
    crop = image[None, :, y:y + 64, x:x + width].float() / 255
    noisy = (crop + 25 / 255 * torch.randn(crop.shape, generator=torch.Generator().manual_seed(7))).clamp(0, 1)
    net.masked = False  # of masked-denoising; random masks of the two sides differ
    write(folder, net, net.enter(noisy), net.config,
          f"the shipped f16 weights ({weights.name}) widened to f32; crop of {photo.stem}, white noise of sigma 25",
          weights=weights.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    kind = kinds.add_parser("tiny")
    kind.add_argument("network", choices=list(TINY))
    kind.add_argument("folder", type=Path)
    kind = kinds.add_parser("shipped")
    kind.add_argument("weights", type=Path)
    kind.add_argument("photo", type=Path)
    kind.add_argument("folder", type=Path)
    args = vars(parser.parse_args())
    {"tiny": tiny, "shipped": shipped}[args.pop("kind")](**args)


if __name__ == "__main__":
    main()
