"""Optimisers: AdamW for everything, or Muon for the inner convolutions and AdamW for the first and last layer."""

import torch


def _orthogonalise(g):
    """Pushes the singular values of a matrix towards 1 by five Newton-Schulz steps (quintic, in bf16)."""
    x = g.bfloat16()
    if wide := x.shape[0] > x.shape[1]:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.T if wide else x).to(g.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum whose update, as an (out, in*k*k) matrix, is made orthogonal: every direction learns at one pace."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:  # a part that is not in use yet
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                m = state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = _orthogonalise(p.grad.lerp(m, group["momentum"]).reshape(p.shape[0], -1))
                scale = max(1, update.shape[0] / update.shape[1]) ** 0.5
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update.view_as(p), alpha=-group["lr"] * scale)


def build(net, recipe):
    """A list of optimisers; each group's `peak` is the rate that the schedule scales."""
    if recipe["optimiser"] == "adamw":
        optimisers = [torch.optim.AdamW(net.parameters(), recipe["lr"], weight_decay=recipe["weight_decay"])]
    else:
        learned = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
        outer = [p for n, p in learned if p.ndim < 2 or n.startswith(net.outer)]
        ids = {id(p) for p in outer}
        inner = [p for _, p in learned if id(p) not in ids]
        optimisers = [Muon(inner, recipe["lr"], weight_decay=recipe["weight_decay"]),
                      torch.optim.AdamW(outer, recipe["adam_lr"], weight_decay=0)]
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return optimisers
