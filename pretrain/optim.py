"""Optimisers: AdamW for everything, or Muon for the inner convolutions and AdamW for the first and last layer."""

import torch


def _orthogonalise(g):
    """Pushes the singular values of matrices [N,A,B] towards 1 by five Newton-Schulz steps (quintic, in bf16)."""
    x = g.bfloat16()
    if wide := x.shape[-2] > x.shape[-1]:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.mT if wide else x).to(g.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum whose update, as an (out, in*k*k) matrix, is made orthogonal: every direction learns at one pace.
    Weights of one shape are done together."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            alike = {}
            for p in group["params"]:
                if p.grad is not None:  # else a part that is not in use yet
                    alike.setdefault((p.shape[0], p[0].numel()), []).append(p)
            for (rows, columns), params in alike.items():
                moments = [self._momentum(p).lerp_(p.grad, 1 - group["momentum"]) for p in params]
                wanted = [p.grad.lerp(m, group["momentum"]).reshape(rows, columns) for p, m in zip(params, moments)]
                updates = _orthogonalise(torch.stack(wanted)) * (-group["lr"] * max(1, rows / columns) ** 0.5)
                if group["weight_decay"]:
                    torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(params, [u.view_as(p) for u, p in zip(updates, params)])

    def _momentum(self, p):
        state = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        return state["momentum"]


def build(net, recipe, device="cpu"):
    """A list of optimisers; each group's `peak` is the rate that the schedule scales. On a GPU the rates are tensors, so
    that a graph of the step follows them."""
    on_gpu = {} if device == "cpu" else {"capturable": True}
    if recipe["optimiser"] == "adamw":
        optimisers = [torch.optim.AdamW(net.parameters(), recipe["lr"], weight_decay=recipe["weight_decay"], **on_gpu)]
    else:
        learned = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
        outer = [p for n, p in learned if p.ndim < 2 or n.startswith(net.outer)]
        ids = {id(p) for p in outer}
        inner = [p for _, p in learned if id(p) not in ids]
        optimisers = [Muon(inner, recipe["lr"], weight_decay=recipe["weight_decay"]),
                      torch.optim.AdamW(outer, recipe["adam_lr"], weight_decay=0, **on_gpu)]
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
            if on_gpu:
                group["lr"] = torch.tensor(group["lr"], device=device)
    return optimisers
