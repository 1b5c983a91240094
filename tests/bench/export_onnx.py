"""export_onnx.py PRETRAIN WEIGHTS OUT SIZE NAME...: networks of the package with their weights as OUT/NAME.onnx, for inputs of
SIZE x SIZE, and what PyTorch takes for them on one thread: JSON lines {"network", "forward", "step"}, milliseconds, the median of
seven. Needs torch, onnx, safetensors."""
import json, statistics, sys, time
from pathlib import Path

pretrain, weights, out, size, names = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5:]
sys.path.insert(0, str(pretrain))
import torch
import export

torch.set_num_threads(1)


def quarter_turns(x, k=1, dims=(0, 1)):
    """torch.rot90 by what ONNX has."""
    if k % 4 == 2:
        return x.flip(dims)
    if k % 4 == 0:
        return x
    turned = x.transpose(*dims)
    return turned.flip(dims[:1] if k % 4 == 1 else dims[1:])


torch.rot90 = torch.Tensor.rot90 = quarter_turns


def median(run, times=7):
    taken = []
    for _ in range(times + 1):
        start = time.perf_counter()
        run()
        taken.append(1e3 * (time.perf_counter() - start))
    return statistics.median(taken[1:])


def step(network):
    """A training step on four patches of 64x64: forward, backward, Adam."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    x = torch.rand(4, 3, 64, 64)
    y = torch.rand_like(network(x).detach())

    def run():
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(network(x), y).backward()
        optimizer.step()

    return run


for name in names:
    network = export.load(weights / f"{name}.safetensors")
    x = torch.rand(1, 3, size, size)
    network.eval()
    torch.onnx.export(network, x, out / f"{name}.onnx", input_names=["x"], output_names=["y"], dynamo=False)
    with torch.no_grad():
        forward = median(lambda: network(x))
    network.train().requires_grad_(True)
    print(json.dumps({"network": name, "forward": forward, "step": median(step(network))}), flush=True)
