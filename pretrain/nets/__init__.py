"""The networks that are pre-trained here, by the id that the package knows them by."""

from . import (dasr, distilled_unet, hq_ssl, masked_denoising, neighbor2neighbor, noise2noise, noise2noise_nvlabs, noise2void,
               rednet, sasl, tbsn, unet)

BUILDERS = {
    "dasr-x2": dasr.Dasr,
    "dasr-x3": dasr.Dasr,
    "dasr-x4": dasr.Dasr,
    "distilled-unet": distilled_unet.UNet,
    "hq-ssl": hq_ssl.HqSsl,
    "masked-denoising": masked_denoising.SwinIr,
    "neighbor2neighbor": neighbor2neighbor.UNet,
    "noise2noise": noise2noise.UNet,
    "noise2noise-nvlabs": noise2noise_nvlabs.UNet,
    "noise2void": noise2void.UNet,
    "rednet": rednet.RedNet,
    "sasl-bnn": sasl.Bnn,
    "sasl-lan": sasl.Lan,
    "sasl-unet": distilled_unet.UNet,
    "tbsn": tbsn.Tbsn,
    "unet": unet.UNet,
}


def build(network, config):
    return BUILDERS[network](**config)
