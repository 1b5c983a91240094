"""Compares the definitions in nets/ with recorded outputs of the public implementations.

    python check_reference.py FOLDER      # <model>/<case>/{case.json,weights.safetensors,io.safetensors}
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

import degradation
import evaluate
from nets import (dasr, distilled_unet, hq_ssl, masked_denoising, neighbor2neighbor, noise2noise, noise2noise_nvlabs, noise2void,
                  rednet, sasl, tbsn)
from objectives import blind_spot_nll as nll
from objectives import neighbor2neighbor as pairing
from objectives import sasl as three_stages

TOLERANCE = 1e-4


def blind(case, weights):
    key = "output_block.4.weight"
    outputs, features = weights[key].shape[:2]
    shift = int(weights["output_block.0.weight"].shape[0] != features)
    return hq_ssl.BlindUNet(features // 2, outputs, weights["encode_block_1.0.weight"].shape[1], shift)


def neighbours(case, weights):
    features, channels = weights["enc_conv0.weight"].shape[:2]
    last, wide = weights["nin_c.weight"].shape[1], weights["nin_a.weight"].shape[0]
    return neighbor2neighbor.UNet(features, last, channels, wide != last)


def void(case, weights):
    channels, features = weights["final_conv.weight"].shape[:2]
    return noise2void.UNet(features, case["config"]["depth"], [0.0] * channels, [1.0] * channels)


def student(case, weights):
    channels, wide = weights["output_conv.weight"].shape[:2]
    return distilled_unet.UNet(wide // 2, channels)


def swin(case, weights):
    blocks = "layers.{}.residual_group.blocks.{}.attn.relative_position_bias_table"
    count = range(sum(key.startswith("layers.") and ".blocks.0.norm1.weight" in key for key in weights))
    depths = [sum(blocks.format(layer, i) in weights for i in range(99)) for layer in count]
    heads = [weights[blocks.format(layer, 0)].shape[1] for layer in count]
    side = (int(weights[blocks.format(0, 0)].shape[0] ** 0.5) + 1) // 2
    hidden = weights["layers.0.residual_group.blocks.0.mlp.fc1.weight"].shape[0]
    return masked_denoising.SwinIr(weights["conv_first.weight"].shape[0], depths, heads, hidden, side, masked=False)


def blind_transformer(case, weights):
    def count(level):
        return sum(key.startswith(level) and key.endswith(".norm1.body.weight") for key in weights)

    levels = ("encoder_level1", "encoder_level2", "latent")
    dim_head = weights["latent.0.spatial_attn.rel_pos_emb.rel_height"].shape[1]
    dim, channels = weights["patch_embed.proj.weight"].shape[:2]
    channel_heads = [len(weights[f"{level}.0.channel_attn.temperature"]) for level in levels]
    spatial_heads = [weights[f"{level}.0.spatial_attn.project_out.weight"].shape[1] // dim_head for level in levels]
    return tbsn.Tbsn(dim, [count(level) for level in levels], count("refinement"), channel_heads, spatial_heads, dim_head,
                     channels)


def pairs(case, weights):
    encoder, channels = weights["enc_conv0.weight"].shape[:2]
    last = [len(weights[f"dec_conv{name}.bias"]) for name in ("1a", "1b")]
    return noise2noise_nvlabs.UNet(encoder, len(weights["dec_conv5.bias"]), last, channels)


def shared(case, weights):
    encoder, channels = weights["_block1.0.weight"].shape[:2]
    head = [len(weights[f"_block6.{i}.bias"]) for i in (0, 2)]
    return noise2noise.UNet(encoder, len(weights["_block5.0.bias"]), head, channels)


def local(case, weights):
    features, channels = weights["conv.0.weight"].shape[:2]
    neighbours = sum(key.endswith(".weight") and weights[key].shape[-1] == 3 for key in weights)
    blocks = sum(key.endswith(".conv1.weight") for key in weights)
    return sasl.Lan(features, neighbours, blocks, channels)


def blind_square(case, weights):
    side = case["config"].get("blindspot", case["config"].get("blind_spot", 9))
    return sasl.Bnn(weights["encode_block_1.0.weight"].shape[0], side)


def enlarging(case, weights):
    config = case["config"]
    return dasr.Dasr(config["scale"], config["n_groups"], config["n_blocks"], config["n_feats"],
                     config["encoder_channels"], config["reduction"])


def red(case, weights):
    features, channels = weights["conv_layers.0.0.weight"].shape[:2]
    layers = sum(key.startswith("conv_layers.") and key.endswith(".weight") for key in weights)
    return rednet.RedNet(layers, features, channels, case["config"].get("stride", 2))


# Model and start of the case name; builder of the network.
CASES = [
    ("dasr", "tiny_x", enlarging),
    ("laine19", "bsn_tiny", blind),
    ("laine19", "unet_tiny", blind),
    ("masked_denoising", "tiny_13x19_odd_eval", swin),
    ("masked_denoising", "tiny_16x16_eval", swin),
    ("masked_denoising", "tiny_24x20_eval", swin),
    ("n2v", "unet_published_d2_c32_rgb", void),
    ("n2v", "unet_tiny_d2_c8_gray", void),
    ("n2v", "unet_tiny_d2_c8_rgb", void),
    ("neighbor2neighbor", "unet_tiny", neighbours),
    ("noise2noise", "nvlabs", pairs),
    ("noise2noise", "unet_tiny", shared),
    ("rednet", "rednet", red),
    ("sasl", "bnn", blind_square),
    ("sasl", "lan_tiny", local),
    ("sasl", "unet_tiny", student),
    ("tbsn", "distill_unet_published", student),
    ("tbsn", "distill_unet_tiny_train", student),
    ("tbsn", "tbsn_tiny", blind_transformer),
]
# Options of the public implementations that no recipe uses.
SKIPPED = ("independent",)


def clean(weights):
    """Without constants, and without the tensor that HQ-SSL's files hold twice."""
    constant = ("num_batches_tracked", "attention_mask", "attn_mask", "relative_position_index", "proj.mask")
    twice = "output_conv." if "output_block.4.weight" in weights else "no such"
    return {k: v for k, v in weights.items() if not k.endswith(constant) and not k.startswith(twice)}


@torch.no_grad()
def worst(folder, build):
    """Largest difference, relative to the reference's largest magnitude."""
    case = json.loads((folder / "case.json").read_text())
    weights, io = (load_file(folder / f"{name}.safetensors") for name in ("weights", "io"))
    weights = clean(weights)
    net = build(case, weights).eval()
    net.load_state_dict(weights)
    h, w = io["input"].shape[-2:]
    output = net(evaluate.padded(io["input"], net.multiple))
    output = output[..., :h * net.scale, :w * net.scale]
    wanted = io["sr"] if "sr" in io else io["output"]
    return off(output, wanted)


def off(output, wanted):
    return ((output - wanted).abs().max() / wanted.abs().max()).item()


def shrinking(io):
    hr = io["hr"][0, :1]
    scales = [int(key[-1]) for key in io if key.startswith("bicubic_only_x")]
    small = {s: degradation.resize(hr, hr.shape[-2] // s, hr.shape[-1] // s) for s in scales}
    return max(off(small[s], io[f"bicubic_only_x{s}"]) for s in scales)


def neighbour_pairs(io):
    halves = pairing.split(io["noisy"], torch.tensor(pairing.PAIRS)[io["pair_index"].long()])
    return max(off(half, io[name]) for half, name in zip(halves, ("sub1", "sub2")))


def likelihood(io):
    mean, covariance = hq_ssl.split(io["net_out"])
    total = covariance + io["noise_std"].view(-1, 1, 1, 1, 1) ** 2 * torch.eye(3)
    return off(nll.likelihood(io["noisy"] - mean, total).mean((1, 2)), io["loss_per_image"].flatten())


def flat_or_not(io):
    return off(three_stages.texture(io["bnn_out"]), io["alpha_of_bnn"])


# What has no weights, by the folder of the case.
PIECES = [
    ("dasr/degradation", shrinking),
    ("laine19/ssdn_gauss_known_rgb_tiny", likelihood),
    ("neighbor2neighbor/train_step_tiny", neighbour_pairs),
    ("sasl/three_stage_losses", flat_or_not),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    root = parser.parse_args().folder
    failed = 0
    for case, piece in PIECES:
        value = piece(load_file(root / case / "io.safetensors"))
        failed += not value < TOLERANCE
        print(f"{value:.1e}  {case}")
    for model, start, build in CASES:
        found = [f for f in sorted((root / model).iterdir()) if f.name.startswith(start)
                 and not any(s in f.name for s in SKIPPED)]
        for folder in found:
            value = worst(folder, build)
            failed += not value < TOLERANCE
            print(f"{value:.1e}  {model}/{folder.name}")
        failed += not found
    sys.exit(f"{failed} cases differ or are missing" if failed else 0)


if __name__ == "__main__":
    main()
