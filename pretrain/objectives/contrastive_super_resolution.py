"""DASR (Wang et al., CVPR 2021): first the encoder alone, which learns that two parts of one degraded picture have more
in common than those of different ones; then encoder and generator."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

import degradation
import nets

TEMPERATURE, MOMENTUM = 0.07, 0.999


def contrast(query, key, queue):
    """Logits: of each query against its own key first, then against the keys of others, [D,K]."""
    query, key = F.normalize(query), F.normalize(key)
    return torch.cat([(query * key).sum(1, keepdim=True), query @ queue], 1) / TEMPERATURE


class ContrastiveSuperResolution(nn.Module):
    """Patches of twice the side that the generator is to make: their opposite quarters are query and key. The first
    `encoder_share` of the run has the contrastive loss only. `clean_share` of the pictures get no noise."""

    def __init__(self, scale, encoder_share, queue, blur, noise, encoder, clean_share=0.0):
        super().__init__()
        self.scale, self.encoder_share, self.blur, self.noise = scale, encoder_share, blur, noise
        self.clean_share = clean_share
        self.key_encoder = nets.dasr.Encoder(encoder).requires_grad_(False)
        self.register_buffer("queue", F.normalize(torch.randn(encoder[2], queue), dim=0))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    def forward(self, net, noisy, clean, progress):
        small = self._degraded(255 * clean)
        side = small.shape[-1] // 2
        query, key = (part.contiguous(memory_format=torch.channels_last)
                      for part in (small[..., :side, :side], small[..., side:, side:]))
        embedding, projected = net.E["encoder_q"](query)
        loss = self._contrastive(net.E["encoder_q"], projected, key)
        if progress < self.encoder_share:
            return loss
        large = net.G(query, embedding)
        wanted = 255 * clean[..., :large.shape[-2], :large.shape[-1]]
        return loss + (large - wanted).abs().mean()

    def _degraded(self, x):
        n = len(x)
        deviations = torch.empty(n, 2).uniform_(*self.blur)
        round_ones = torch.rand(n, 1) < 0.5
        deviations = torch.where(round_ones, deviations[:, :1], deviations)
        kernels = degradation.gaussian_kernels(deviations, math.pi * torch.rand(n))
        noisy = torch.rand(n) >= self.clean_share
        return degradation.degrade(x, kernels, self.scale, self.noise * noisy * torch.rand(n))

    def _contrastive(self, encoder, projected, key):
        with torch.no_grad():
            if not self.started:
                self.key_encoder.load_state_dict(copy.deepcopy(encoder.state_dict()))
                self.started.fill_(True)
            for k, q in zip(self.key_encoder.parameters(), encoder.parameters()):
                k.lerp_(q, 1 - MOMENTUM)
            key = self.key_encoder(key)[1].float()
        logits = contrast(projected.float(), key, self.queue.clone())
        at = (int(self.place) + torch.arange(len(key))) % self.queue.shape[1]
        self.queue[:, at] = F.normalize(key).T
        self.place.fill_(int(at[-1]) + 1)
        return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))
