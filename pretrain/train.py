"""Trains a network from a recipe: warm-up, a constant rate, then decay to zero at the end of the given time.

    python train.py recipes/unet.toml --data DIR --out DIR --minutes 100
"""

import argparse
import copy
import ctypes
import json
import multiprocessing
import random
import signal
import socket
import time
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors import safe_open

import data
import degradation
import evaluate
import gpu_batches
import nets
import noise
import objectives
import optim
from recipe import load_recipe

QUEUED = 4  # steps that a GPU is ahead of the schedule's clock, at most


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with the recipe's picture folders")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--log", type=Path, help="JSON lines, appended (default: OUT/log.jsonl)")
    end = parser.add_mutually_exclusive_group(required=True)
    end.add_argument("--minutes", type=float, help="length of the whole run, earlier parts included")
    end.add_argument("--steps", type=int, help="length of the whole run in steps")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--tile-processes", type=int, default=12, help="with a GPU: processes that make camera tiles")
    parser.add_argument("--init", type=Path, help="an exported file to begin with, for another round of training")
    parser.add_argument("--cpu-time", action="store_true", help="count minutes of processor time, not of the clock")
    parser.add_argument("--resume", type=Path, help="OUT/last.pt to go on, or a stable.pt to train longer")
    parser.add_argument("--kodak", type=Path, help="also report PSNR at sigma 25 on the first 4 pictures of this folder")
    parser.add_argument("--validate-every", type=int, default=1000, metavar="STEPS")
    parser.add_argument("--save-minutes", type=float, default=4)
    parser.add_argument("--processes", type=int, default=1, help="share each batch among so many, one thread each")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE",
                        help="override one entry of the recipe, value in JSON")
    return parser.parse_args(arguments)


def rate(progress, step, recipe):
    """Factor of the peak rate: warm-up by steps, constant, linear decay over the last share of the run."""
    warm = min(1.0, (step + 1) / recipe["warmup_steps"])
    return warm * min(1.0, max(0.0, (1 - progress) / recipe["decay_share"]))


class Validation:
    """Fixed noisy crops of the held-out training pictures: white noise of some levels, and the camera."""

    def __init__(self, root, recipe, scale, device):
        pictures = data.Pictures(root, recipe["folders"], held_out=True)
        rnd, generator = random.Random(0), torch.Generator().manual_seed(0)
        clean = torch.stack([pictures.crop(rnd, recipe["tile"]) for _ in range(12)]).float() / 255
        self.sets = {f"white{s}": (noise.white(clean, s / 255, generator), clean, s) for s in recipe["validate_sigma"]}
        if recipe["white_share"] < 1:
            tiles = torch.stack([data.camera_tile(pictures, recipe, f"validation/{i}") for i in range(12)]).float() / 255
            self.sets["camera"] = (tiles[:, 0], tiles[:, 1], None)
        if "validate_blur" in recipe:
            kernels = degradation.gaussian_kernels(torch.tensor([[recipe["validate_blur"]] * 2]), torch.zeros(1)).expand(len(clean), -1, -1)
            small = degradation.degrade(255 * clean, kernels, scale, recipe["validate_noise"], generator) / 255
            self.sets["enlarged"] = (small, clean, None)
        self.sets = {name: (noisy.to(device), clean.to(device), sigma) for name, (noisy, clean, sigma) in self.sets.items()}
        self.adapt = recipe.get("validate_adapt", "plain")

    def __call__(self, net):
        return {name: round(sum(evaluate.psnr(evaluate.run(net, n, self.adapt, sigma), c)
                                for n, c in zip(noisy, clean)) / len(clean), 3)
                for name, (noisy, clean, sigma) in self.sets.items()}


def keep_memory():
    """Tells glibc to keep freed memory: giving it back and faulting it in again took half of the time."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for option, value in ((-3, 32 << 20), (-1, 2 ** 31 - 1), (-2, 256 << 20)):  # mmap threshold, trim, top pad
            libc.mallopt(option, value)


class Group:
    """The processes of one run: each has its part of every batch, all make the same step."""

    def __init__(self, rank, size, port):
        self.rank, self.size = rank, size
        if size > 1:
            dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)

    def agree(self, *values):
        """The first process's numbers, for all."""
        if self.size == 1:
            return values
        numbers = torch.tensor(values, dtype=torch.float64)
        dist.broadcast(numbers, 0)
        return numbers.tolist()

    def average_gradients(self, net):
        if self.size == 1:
            return
        gradients = [p.grad for p in net.parameters()]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        for g, mean in zip(gradients, (flat / self.size).split([g.numel() for g in gradients])):
            g.copy_(mean.view_as(g))


class Step:
    """One step of learning: loss, gradients, weights and their running mean. On a GPU all of it becomes one CUDA graph
    after some steps of warming up, unless the recipe says `graph = false` (for objectives that decide on the CPU)."""

    WARM_UP = 12

    def __init__(self, net, ema, objective, optimisers, recipe, group, device):
        self.net, self.ema, self.objective, self.optimisers = net, ema, objective, optimisers
        self.schedule, self.group, self.device = recipe["train"], group, device
        self.keep = torch.zeros(())
        self.graph, self.static, self.done = None, None, 0
        self.wants_graph = device.type == "cuda" and recipe.get("graph", True)

    def set_rates(self, factor, step):
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                if isinstance(group["lr"], torch.Tensor):
                    group["lr"].fill_(group["peak"] * factor)
                else:
                    group["lr"] = group["peak"] * factor
        self.keep.fill_(min(self.schedule["ema"], (2 + step) / (11 + step)))

    def __call__(self, noisy, clean, progress):
        """The loss, a tensor. `progress` of the run: a graph has it as a tensor."""
        if not self.wants_graph:
            return self._learn(noisy, clean, progress)
        if self.static is None:
            self.static = [noisy.clone(), clean.clone(), torch.zeros(())]
        for static, value in zip(self.static, (noisy, clean, progress)):
            static.copy_(value) if isinstance(value, torch.Tensor) else static.fill_(value)
        self.done += 1
        if self.done <= self.WARM_UP:
            return self._on_the_side()
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            torch.cuda.synchronize()
            # Other threads copy camera tiles meanwhile.
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                self.loss = self._learn(*self.static)
        self.graph.replay()
        return self.loss

    def _on_the_side(self):
        """A step on another stream, as a capture wants it of those before."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            loss = self._learn(*self.static)
        torch.cuda.current_stream().wait_stream(side)
        return loss

    def _learn(self, noisy, clean, progress):
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.schedule.get("bf16", True)):
            loss = self.objective(self.net, noisy.contiguous(memory_format=torch.channels_last), clean, progress)
        self.net.zero_grad(set_to_none=not self.wants_graph)
        loss.backward()
        self.group.average_gradients(self.net)
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.schedule["clip"])
        # A patch without any contrast can make normalised features, and so gradients, explode: such a step counts as none.
        if self.wants_graph:
            for p in self.net.parameters():
                if p.grad is not None:
                    p.grad.copy_(torch.where(norm.isfinite(), p.grad, 0.0))
        if self.wants_graph or norm.isfinite():
            for optimiser in self.optimisers:
                optimiser.step()
        self._average()
        return loss.detach()

    @torch.no_grad()
    def _average(self):
        averages = list(self.ema.parameters())
        torch._foreach_mul_(averages, self.keep)
        torch._foreach_add_(averages, torch._foreach_mul(list(self.net.parameters()), 1 - self.keep))
        for a, b in zip(self.ema.buffers(), self.net.buffers()):
            a.copy_(b)


def start_from(net, path, peak):
    """The weights of an exported file, which may be for another peak than the one that the network learns with."""
    with safe_open(path, "pt") as f:
        weights = {name.removeprefix(net.prefix): f.get_tensor(name).float() for name in f.keys()}
    weights = net.for_peak(weights, net.peak ** 2 / peak)
    missing = net.load_state_dict(weights, strict=False)
    if missing.unexpected_keys or any(not k.endswith("num_batches_tracked") for k in missing.missing_keys):
        raise ValueError(f"{path} holds other weights: {missing}")


def train(rank, args, recipe, pictures, port):
    keep_memory()
    torch.set_num_threads(1)
    device = torch.device(args.device)
    group = Group(rank, args.processes, port)
    schedule = recipe["train"]
    share = recipe["data"] | {"batch": recipe["data"]["batch"] // group.size}
    seed = f"{recipe['seed']}/{rank}"
    ring = None
    if device.type == "cuda" and share["white_share"] < 1:
        ring = gpu_batches.TileRing(pictures, share, seed, args.tile_processes)
    validate = Validation(args.data, recipe["data"], recipe["config"].get("scale", 1), device) if rank == 0 else None
    if device.type == "cuda":
        torch.set_default_device(device)
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.manual_seed(recipe["seed"])

    net = nets.build(recipe["network"], recipe["config"]).to(device, memory_format=torch.channels_last)
    if args.init:
        start_from(net, args.init, recipe.get("export", {}).get("peak", net.peak))
    ema = copy.deepcopy(net).eval().requires_grad_(False)
    objective = objectives.build(recipe["objective"]).to(device)
    optimisers = optim.build(net, schedule, device.type)
    step, before = 0, 0.0
    if args.resume:
        state = torch.load(args.resume, weights_only=True, map_location=device)
        net.load_state_dict(state["net"])
        ema.load_state_dict(state["ema"])
        objective.load_state_dict(state.get("objective", {}))
        step, before = state["step"], state["seconds"]
        for optimiser, saved in zip(optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)

    if device.type == "cuda":
        batches = gpu_batches.GpuBatches(pictures, share, ring, device)
    else:
        batches = data.Batches(pictures, share, seed, step)
    learn = Step(net, ema, objective, optimisers, recipe, group, device)
    log_path = args.log or args.out / "log.jsonl"
    clock = time.process_time if args.cpu_time else time.monotonic
    start = clock()

    def seconds():
        return before + clock() - start

    def save(name):
        state = {"net": net.state_dict(), "ema": ema.state_dict(), "objective": objective.state_dict(), "step": step,
                 "seconds": seconds(), "optimisers": [o.state_dict() for o in optimisers], "recipe": recipe}
        torch.save(state, args.out / f"{name}.tmp")
        (args.out / f"{name}.tmp").replace(args.out / name)

    def log(**entry):
        entry = {"step": step, "minutes": round(seconds() / 60, 2), **entry}
        with log_path.open("a") as f:
            f.write(json.dumps(entry) + "\n")
        print(entry, flush=True)

    interrupted = []
    signal.signal(signal.SIGTERM, lambda *_: interrupted.append(True))
    total, counted, saved, decaying = 0.0, 0, seconds(), False
    while True:
        progress = seconds() / (args.minutes * 60) if args.minutes else step / args.steps
        progress, stop = group.agree(progress, len(interrupted))
        if progress >= 1 or stop:
            break
        if not decaying and progress >= 1 - schedule["decay_share"]:
            decaying = True
            if rank == 0:
                save("stable.pt")
        factor = rate(progress, step, schedule)
        learn.set_rates(factor, step)
        total = total + learn(*batches.batch(step), progress)
        step, counted = step + 1, counted + 1
        if device.type == "cuda" and step % QUEUED == 0:
            torch.cuda.current_stream().synchronize()
        if rank == 0 and step % args.validate_every == 0:
            entry = {"loss": round(total.item() / counted, 6), "rate": round(factor, 4), **validate(ema)}
            if args.kodak:
                entry["kodak25"] = round(evaluate.white_noise(ema, args.kodak, 25, limit=4)["psnr"], 3)
            log(**entry)
            total, counted = 0.0, 0
        if rank == 0 and seconds() - saved > args.save_minutes * 60:
            save("last.pt")
            saved = seconds()
    if rank == 0:
        save("last.pt")
        log(end="stopped" if stop else "complete", **validate(ema))
    batches.close()


def main():
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.device == "cuda" and args.processes > 1:
        raise SystemExit("--processes are for the CPU")
    recipe = load_recipe(args.recipe, args.set)
    pictures = data.Pictures(args.data, recipe["data"]["folders"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if args.processes == 1:
        train(0, args, recipe, pictures, port)
        return
    mp = multiprocessing.get_context("fork")  # the processes share the pictures' memory
    workers = [mp.Process(target=train, args=(rank, args, recipe, pictures, port)) for rank in range(args.processes)]
    for worker in workers:
        worker.start()
    signal.signal(signal.SIGTERM, lambda *_: workers[0].terminate())
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
