"""What a network is trained by. Each objective is called with the network, noisy and clean patches in 0..1, and the
progress of the run from 0 to 1; it gives the loss. Those of noisy pictures only do not look at the clean ones."""

from . import (blind_spot_l1, blind_spot_nll, contrastive_super_resolution, distillation, masked, neighbor2neighbor,
               noise2noise, noise2void, sasl, supervised)

OBJECTIVES = {
    "blind-spot-l1": blind_spot_l1.BlindSpotL1,
    "blind-spot-nll": blind_spot_nll.BlindSpotNll,
    "contrastive-super-resolution": contrastive_super_resolution.ContrastiveSuperResolution,
    "distillation": distillation.Distillation,
    "masked": masked.Masked,
    "neighbor2neighbor": neighbor2neighbor.Neighbor2Neighbor,
    "noise2noise": noise2noise.Noise2Noise,
    "noise2void": noise2void.Noise2Void,
    "sasl-local": sasl.LocalTexture,
    "sasl-adaptive": sasl.SpatiallyAdaptive,
    "supervised": supervised.Supervised,
}


def build(recipe):
    options = dict(recipe)
    return OBJECTIVES[options.pop("name")](**options)
