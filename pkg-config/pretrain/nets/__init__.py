"""The networks that are pre-trained here, by the id that the package knows them by."""

from . import unet

BUILDERS = {"unet": unet.UNet}


def build(network, config):
    return BUILDERS[network](**config)
