"""`rednet`: RED-Net (Mao, Shen, Yang, NIPS 2016), convolutions and as many transposed ones with symmetric skips."""

import torch
import torch.nn.functional as F
from torch import nn

from .base import Network, exact, init_he


class RedNet(Network):
    """RGB in 0..1 to the same, never negative. `layers` is 5, 10, 15 for RED10, RED20, RED30."""

    def __init__(self, layers, features, channels=3, stride=2):
        super().__init__()
        self.config = {"layers": layers, "features": features, "channels": channels, "stride": stride}
        self.multiple = stride
        self.outer = ("conv_layers.0.", f"deconv_layers.{layers - 1}.")
        widths = [channels] + [features] * layers
        self.conv_layers = nn.ModuleList([
            nn.Sequential(nn.Conv2d(widths[i], features, 3, stride if i == 0 else 1, 1), nn.ReLU())
            for i in range(layers)])
        inner = [nn.Sequential(nn.ConvTranspose2d(features, features, 3, 1, 1), nn.ReLU()) for _ in range(layers - 1)]
        last = nn.ConvTranspose2d(features, channels, 3, stride, 1, output_padding=stride - 1)
        self.deconv_layers = nn.ModuleList([*inner, last])
        # The features of every second convolution go to the mirrored transposed one, RED10 has the outer skip only.
        self.skips = range(2, layers, 2) if layers > 5 else ()
        init_he(self, 0)
        # The inner layers begin near the identity, else the noise is lost on its way through so many ReLUs, and with it
        # what the first steps could learn from.
        with torch.no_grad():
            for layer in (*self.conv_layers[1:], *self.deconv_layers[:-1]):
                layer[0].weight.mul_(0.3)
                layer[0].weight[..., 1, 1] += torch.eye(features)
        last.weight.data.mul_(0.03)

    @property
    def notes(self):
        return {"stride": self.config["stride"]}

    def forward(self, x):
        layers, h, kept = len(self.conv_layers), x, {}
        for number, conv in enumerate(self.conv_layers, 1):
            h = conv(h)
            kept[number] = h
        for number, deconv in enumerate(self.deconv_layers[:-1], 1):
            h = deconv(h)
            if layers - number in self.skips:
                h = F.relu(h + kept[layers - number])
        return F.relu(x + exact(self.deconv_layers[-1], h))
