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

import data
import degradation
import evaluate
import nets
import noise
import objectives
import optim
from recipe import load_recipe


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with the recipe's picture folders")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--log", type=Path, help="JSON lines, appended (default: OUT/log.jsonl)")
    end = parser.add_mutually_exclusive_group(required=True)
    end.add_argument("--minutes", type=float, help="length of the whole run, earlier parts included")
    end.add_argument("--steps", type=int, help="length of the whole run in steps")
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

    def __init__(self, root, recipe, scale):
        pictures = data.Pictures(root, recipe["folders"], held_out=True)
        rnd, generator = random.Random(0), torch.Generator().manual_seed(0)
        clean = torch.stack([pictures.crop(rnd, recipe["tile"]) for _ in range(12)]).float() / 255
        self.sets = {f"white{s}": (noise.white(clean, s / 255, generator), clean, s) for s in recipe["validate_sigma"]}
        if recipe["white_share"] < 1:
            tiles = torch.stack([data.camera_tile(pictures, recipe, f"validation/{i}") for i in range(12)]).float() / 255
            self.sets["camera"] = (tiles[:, 0], tiles[:, 1], None)
        if "validate_blur" in recipe:
            kernels = degradation.gaussian_kernel([recipe["validate_blur"]] * 2, 0).expand(len(clean), -1, -1)
            small = degradation.degrade(255 * clean, kernels, scale, recipe["validate_noise"], generator) / 255
            self.sets["enlarged"] = (small, clean, None)
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


def train(rank, args, recipe, pictures, port):
    keep_memory()
    torch.set_num_threads(1)
    group = Group(rank, args.processes, port)
    schedule = recipe["train"]
    torch.manual_seed(recipe["seed"])

    net = nets.build(recipe["network"], recipe["config"]).to(memory_format=torch.channels_last)
    ema = copy.deepcopy(net).eval().requires_grad_(False)
    objective = objectives.build(recipe["objective"])
    optimisers = optim.build(net, schedule)
    step, before = 0, 0.0
    if args.resume:
        state = torch.load(args.resume, weights_only=True)
        net.load_state_dict(state["net"])
        ema.load_state_dict(state["ema"])
        objective.load_state_dict(state.get("objective", {}))
        step, before = state["step"], state["seconds"]
        for optimiser, saved in zip(optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)

    share = recipe["data"] | {"batch": recipe["data"]["batch"] // group.size}
    batches = data.Batches(pictures, share, f"{recipe['seed']}/{rank}", step)
    validate = Validation(args.data, recipe["data"], net.scale) if rank == 0 else None
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
    losses, saved, decaying = [], seconds(), False
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
        for optimiser in optimisers:
            for param_group in optimiser.param_groups:
                param_group["lr"] = param_group["peak"] * factor
        noisy, clean = batches.batch(step)
        with torch.autocast("cpu", torch.bfloat16, enabled=schedule.get("bf16", True)):
            loss = objective(net, noisy.contiguous(memory_format=torch.channels_last), clean, progress)
        net.zero_grad()
        loss.backward()
        group.average_gradients(net)
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), schedule["clip"])
        if norm.isfinite():  # a patch without any contrast can make normalised features, and so gradients, explode
            for optimiser in optimisers:
                optimiser.step()
        step += 1
        keep = min(schedule["ema"], (1 + step) / (10 + step))
        with torch.no_grad():
            for a, b in zip(ema.parameters(), net.parameters()):
                a.lerp_(b, 1 - keep)
            for a, b in zip(ema.buffers(), net.buffers()):
                a.copy_(b)
        losses.append(loss.item())
        if rank == 0 and step % args.validate_every == 0:
            entry = {"loss": round(sum(losses) / len(losses), 6), "rate": round(factor, 4), **validate(ema)}
            if args.kodak:
                entry["kodak25"] = round(evaluate.white_noise(ema, args.kodak, 25, limit=4)["psnr"], 3)
            log(**entry)
            losses = []
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
