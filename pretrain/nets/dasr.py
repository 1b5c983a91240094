"""`dasr-x2`: super-resolution that first looks at how a picture was degraded (Wang et al., CVPR 2021)."""

import torch
import torch.nn.functional as F
from torch import nn

from .base import Network, exact

MEAN = 255 * torch.tensor([0.4488, 0.4371, 0.4040])
SLOPE = 0.1


def conv3x3(channels_in, channels_out, stride=1):
    return nn.Conv2d(channels_in, channels_out, 3, stride, 1)


class Encoder(nn.Module):
    """A picture to a vector that describes its degradation, and to what the contrastive loss compares."""

    def __init__(self, widths):
        super().__init__()
        a, b, c = widths
        layers = []
        for i, o, stride in ((3, a, 1), (a, a, 1), (a, b, 2), (b, b, 1), (b, c, 2), (c, c, 1)):
            layers += [conv3x3(i, o, stride), nn.BatchNorm2d(o), nn.LeakyReLU(SLOPE)]
        self.E = nn.Sequential(*layers)
        self.mlp = nn.Sequential(nn.Linear(c, c), nn.LeakyReLU(SLOPE), nn.Linear(c, c))

    def forward(self, x):
        embedding = self.E(x).mean((2, 3))
        return embedding, self.mlp(embedding)


class DaConv(nn.Module):
    """Depthwise convolution by a kernel, and channels by weights, that the degradation chooses."""

    def __init__(self, features, reduction):
        super().__init__()
        self.kernel = nn.Sequential(nn.Linear(features, features, bias=False), nn.LeakyReLU(SLOPE),
                                    nn.Linear(features, 9 * features, bias=False))
        self.conv = nn.Conv2d(features, features, 1)
        self.ca = nn.ModuleDict({"conv_du": nn.Sequential(
            nn.Conv2d(features, features // reduction, 1, bias=False), nn.LeakyReLU(SLOPE),
            nn.Conv2d(features // reduction, features, 1, bias=False))})

    def forward(self, x, k):
        n, c, h, w = x.shape
        kernel = self.kernel(k).view(n * c, 1, 3, 3)
        y = F.conv2d(x.reshape(1, n * c, h, w), kernel, padding=1, groups=n * c).view(n, c, h, w)
        y = self.conv(F.leaky_relu(y.contiguous(memory_format=torch.channels_last), SLOPE))
        return y + x * self.ca["conv_du"](k[..., None, None]).sigmoid()


class Block(nn.Module):
    def __init__(self, features, reduction):
        super().__init__()
        self.da_conv1, self.da_conv2 = (DaConv(features, reduction) for _ in range(2))
        self.conv1, self.conv2 = (conv3x3(features, features) for _ in range(2))

    def forward(self, x, k):
        y = F.leaky_relu(self.da_conv1(x, k), SLOPE)
        y = F.leaky_relu(self.conv1(y), SLOPE)
        y = F.leaky_relu(self.da_conv2(y, k), SLOPE)
        return self.conv2(y) + x


class Group(nn.Module):
    def __init__(self, blocks, features, reduction):
        super().__init__()
        self.body = nn.ModuleList([*(Block(features, reduction) for _ in range(blocks)), conv3x3(features, features)])

    def forward(self, x, k):
        h = x
        for block in self.body[:-1]:
            h = block(h, k)
        return self.body[-1](h) + x


def shift(sign):
    """A frozen 1x1 convolution that adds the mean colour."""
    conv = nn.Conv2d(3, 3, 1).requires_grad_(False)
    conv.weight.copy_(torch.eye(3).view(3, 3, 1, 1))
    conv.bias.copy_(sign * MEAN)
    return conv


class Generator(nn.Module):
    def __init__(self, scale, groups, blocks, features, reduction, embedding):
        super().__init__()
        factor, stages = (3, 1) if scale == 3 else (2, scale.bit_length() - 1)
        self.sub_mean, self.add_mean = shift(-1), shift(1)
        self.head = nn.Sequential(conv3x3(3, features))
        self.compress = nn.Sequential(nn.Linear(embedding, features, bias=False), nn.LeakyReLU(SLOPE))
        self.body = nn.ModuleList([*(Group(blocks, features, reduction) for _ in range(groups)),
                                   conv3x3(features, features)])
        up = [part for _ in range(stages)
              for part in (conv3x3(features, features * factor ** 2), nn.PixelShuffle(factor))]
        self.tail = nn.Sequential(nn.Sequential(*up), conv3x3(features, 3))

    def forward(self, x, embedding):
        k = self.compress(embedding)
        x = self.head(self.sub_mean(x))
        h = x
        for group in self.body[:-1]:
            h = group(h, k)
        h = self.tail[0](self.body[-1](h) + x)
        return exact(self.add_mean, exact(self.tail[1], h))


class Dasr(Network):
    """RGB in 0..255 to the same, `scale` times as large."""

    peak = 255
    outer = ("G.head.", "G.tail.1.", "E.encoder_q.E.0.")

    def __init__(self, scale, groups, blocks, features, encoder, reduction=8):
        super().__init__()
        self.config = {"scale": scale, "groups": groups, "blocks": blocks, "features": features, "encoder": encoder,
                       "reduction": reduction}
        self.scale = scale
        self.E = nn.ModuleDict({"encoder_q": Encoder(encoder)})
        self.G = Generator(scale, groups, blocks, features, reduction, encoder[2])
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.weight.requires_grad:
                nn.init.kaiming_normal_(module.weight, a=SLOPE)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        with torch.no_grad():  # residual branches start small
            for module in self.modules():
                if isinstance(module, Block):
                    module.conv2.weight.mul_(0.2)
            self.G.tail[1].weight.mul_(0.1)

    def forward(self, x):
        return self.G(x, self.E["encoder_q"](x)[0])
