"""Training pictures in memory, and the batches made of them."""

import math
import multiprocessing
import queue
import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import noise
import other_noise

SUFFIXES = {".jpg", ".jpeg", ".png"}


def list_images(folder):
    return sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in SUFFIXES)


def load_rgb(path):
    """[3,H,W] uint8."""
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).contiguous()


def _scaled(path, scale):
    image = Image.open(path).convert("RGB")
    if scale != 1:
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


class Pictures:
    """All pictures of the recipe's folders at all their scales; `crop` draws a folder by weight, then a picture."""

    def __init__(self, root, folders, held_out=False):
        self.weights, self.groups = [], []
        for folder in folders:
            paths = list_images(Path(root) / folder["path"])
            keep = folder["held_out"]
            paths = paths[-keep:] if held_out else paths[:-keep]
            self.groups.append([_scaled(p, s) for p in paths for s in folder["scales"]])
            self.weights.append(folder["weight"])

    def crop(self, rnd, size):
        image = rnd.choice(rnd.choices(self.groups, self.weights)[0])
        y = rnd.randrange(image.shape[1] - size + 1)
        x = rnd.randrange(image.shape[2] - size + 1)
        return image[:, y:y + size, x:x + size]


def _enlarged_crop(pictures, rnd, size, most, shrink=1):
    """A crop, three times in four enlarged by up to `most`: photos at a camera's full size are soft, pictures that were
    shrunk for the web are not. With `shrink` it is, nine times in ten, shrunk before, so that noise of the pictures' own is
    in no truth: where it is, networks learn to keep weak coarse noise."""
    if most == 1 or rnd.random() < (0.25 if shrink == 1 else 0.1):
        return pictures.crop(rnd, size)
    zoom = math.exp(rnd.uniform(math.log(shrink), math.log(most)))
    clean = F.avg_pool2d(pictures.crop(rnd, math.ceil(shrink * size / zoom))[None].float(), shrink)
    large = F.interpolate(clean, (size, size), mode="bicubic", align_corners=False)[0]
    return large.clamp(0, 255).round().to(torch.uint8)


def _byte(x):
    return (x.clamp(0, 1) * 255).round().to(torch.uint8)


def _jpeg_tile(pictures, rnd, generator, size):
    """White, shot or film-grain noise, a fifth of it gray, and then a JPEG of quality 50 to 97."""
    x = _enlarged_crop(pictures, rnd, size, 2.0).float() / 255
    gray = rnd.random() < 0.2
    if gray:
        x = noise.gray(x).expand(3, -1, -1)
    kind, alike = rnd.random(), gray or rnd.random() < 0.1
    field = torch.randn((1 if alike else 3, size, size), generator=generator).expand(3, -1, -1)
    if kind < 0.5:
        y = x + field * rnd.uniform(2, 40) / 255
    elif kind < 0.75:
        y = x + field * (x * noise.log_uniform(rnd, 0.001, 0.05) + rnd.uniform(0, 0.03) ** 2).sqrt()
    else:
        grain = noise.blur(field[:1], rnd.uniform(0.5, 1.6))
        y = x + grain / grain.std() * noise.log_uniform(rnd, 0.015, 0.12) * (0.3 + 2.8 * x * (1 - x))
    return torch.stack([noise.jpeg(_byte(y), rnd.randint(50, 97), rnd.choice((0, 2))), _byte(x)])


def camera_tile(pictures, recipe, seed):
    """A camera photo, or (`jpeg_share`) one with other noise and a JPEG after it, and the clean tile it shows,
    [2,3,T,T] uint8, from a seed alone."""
    rnd = random.Random(seed)
    if "jpeg_share" in recipe and rnd.random() < recipe["jpeg_share"]:
        return _jpeg_tile(pictures, rnd, torch.Generator().manual_seed(rnd.getrandbits(62)), recipe["tile"])
    generator = torch.Generator().manual_seed(rnd.getrandbits(62))
    clean = _enlarged_crop(pictures, rnd, recipe["tile"], recipe.get("camera_zoom", 1),
                           recipe.get("camera_shrink", 1))
    return torch.stack([noise.camera(clean, rnd, generator, recipe["camera_low"], recipe["camera_high"]), clean])


def _produce(pictures, recipe, seed, first, tiles):
    torch.set_num_threads(1)
    index = first
    while True:
        tiles.put(camera_tile(pictures, recipe, f"{seed}/tile/{index}").numpy())
        index += 1


def parts(recipe):
    """How many patches of a batch have other noise, white noise, and a camera's."""
    others = round(recipe["batch"] * recipe.get("other_share", 0))
    whites = round((recipe["batch"] - others) * recipe["white_share"])
    return others, whites, recipe["batch"] - others - whites


class Batches:
    """Noisy and clean batches for step after step: part white noise on fresh crops, part other noise, the rest crops of
    camera tiles.

    Camera tiles are costly, so another process makes them ahead and each stays in a bank for a while; how many
    are new at each step is fixed by the recipe, so a seed gives the same batches on any machine.
    """

    def __init__(self, pictures, recipe, seed, first_step=0):
        self.pictures, self.recipe, self.seed = pictures, recipe, seed
        self.bank, self.next = [], 0
        mp = multiprocessing.get_context("fork")  # the worker shares the pictures' memory
        self.queue, self.worker = mp.Queue(maxsize=64), None
        first = first_step * recipe["tiles_per_step"]
        if recipe["white_share"] < 1:
            self.worker = mp.Process(target=_produce, args=(pictures, recipe, seed, first, self.queue), daemon=True)
            self.worker.start()
        while len(self.bank) < recipe["bank_start"]:
            self._add_tile()

    def _next_tile(self):
        while True:
            try:
                return torch.from_numpy(self.queue.get(timeout=10))
            except queue.Empty:
                if not self.worker.is_alive():
                    raise RuntimeError("the process that makes camera tiles has ended") from None

    def _add_tile(self):
        tile = self._next_tile()
        if len(self.bank) < self.recipe["bank"]:
            self.bank.append(tile)
        else:
            self.bank[self.next] = tile
            self.next = (self.next + 1) % len(self.bank)

    def batch(self, step):
        """(noisy, clean), [N,3,P,P] in 0..1."""
        r = self.recipe
        rnd = random.Random(f"{self.seed}/step/{step}")
        generator = torch.Generator().manual_seed(rnd.getrandbits(62))
        for _ in range(r["tiles_per_step"]):
            self._add_tile()
        size = r["patch"]
        others, whites, cameras = parts(r)
        pairs = []
        for _ in range(whites):
            clean = self.pictures.crop(rnd, size).float() / 255
            sigma = rnd.uniform(r.get("white_low", 0), r["white_sigma"]) / 255
            if rnd.random() < r["gray_share"]:
                clean = noise.gray(clean)
            noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
            if r.get("clip", True):
                noisy = noise.quantise(noisy)
            pair = torch.stack([noisy, clean]).expand(-1, 3, -1, -1)
            pairs.append(self._turn(rnd, pair))
        if others:
            clean = torch.stack([self.pictures.crop(rnd, size) for _ in range(others)]).float() / 255
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(rnd.getrandbits(62))
                pairs += [self._turn(rnd, pair) for pair in other_noise.pairs(clean)]
        for _ in range(cameras):
            tile = rnd.choice(self.bank)
            y, x = (rnd.randrange(r["tile"] - size + 1) for _ in range(2))
            pairs.append(self._turn(rnd, tile[:, :, y:y + size, x:x + size]).float() / 255)
        pairs = torch.stack(pairs)
        return pairs[:, 0], pairs[:, 1]

    @staticmethod
    def _turn(rnd, pair):
        if rnd.random() < 0.5:
            pair = pair.flip(3)
        return pair.rot90(rnd.randrange(4), (2, 3))

    def close(self):
        if self.worker:
            self.worker.terminate()
            self.worker.join()
