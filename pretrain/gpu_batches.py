"""Batches made on the GPU: pictures and camera tiles lie in its memory, and everything random is drawn there.

Camera tiles need a CPU: processes make them ahead, from seeds, into a ring in shared memory (`TileRing`).
"""

import multiprocessing
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

import data
import noise
import other_noise

SHARED = Path("/dev/shm")
NICE = 5
TURNS = 8


def gather(flat, start, plane, width, y, x, size, channels):
    """Crops [N,channels,size,size] in 0..1 of pictures that lie in one array of bytes: where each begins, pixels of a
    plane, width, and the corner of the crop, [N] each."""
    at = torch.arange(size)
    rows = (y.view(-1, 1, 1, 1) + at.view(-1, 1)) * width.view(-1, 1, 1, 1)
    planes = torch.arange(channels).view(-1, 1, 1) * plane.view(-1, 1, 1, 1)
    return flat[start.view(-1, 1, 1, 1) + planes + rows + x.view(-1, 1, 1, 1) + at].float() / 255


class Pictures:
    """All pictures of a recipe in one array."""

    def __init__(self, pictures, device):
        images = [image for group in pictures.groups for image in group]
        self.flat = torch.cat([image.reshape(-1) for image in images]).to(device)
        starts = np.cumsum([0] + [image.numel() for image in images])
        self.table = torch.tensor([(start, *image.shape[1:]) for start, image in zip(starts.tolist(), images)])
        # A folder by weight, then any of its pictures.
        self.share = torch.cat([torch.full((len(group),), weight / len(group))
                                for group, weight in zip(pictures.groups, pictures.weights)])

    def crop(self, n, size):
        start, height, width = self.table[torch.multinomial(self.share, n, replacement=True)].unbind(1)
        y, x = ((torch.rand(n) * (side - size + 1)).long() for side in (height, width))
        return gather(self.flat, start, height * width, width, y, x, size, 3)


class TileRing:
    """Processes that make camera tiles without end; each has slots of its own, which it fills in turn. To be made before
    anything is on the GPU: a process that is forked later cannot use torch."""

    def __init__(self, pictures, recipe, seed, processes, slots=512):
        self.folder = tempfile.TemporaryDirectory(dir=SHARED if SHARED.is_dir() else None)
        shape = (processes, slots, 2, 3, recipe["tile"], recipe["tile"])
        self.tiles = np.memmap(f"{self.folder.name}/tiles", np.uint8, "w+", shape=shape)
        self.counts = np.memmap(f"{self.folder.name}/counts", np.int64, "w+", shape=(processes,))
        context = multiprocessing.get_context("fork")  # they share the pictures' memory
        self.workers = [context.Process(target=self._fill, args=(pictures, recipe, f"{seed}/tile/{p}", p), daemon=True)
                        for p in range(processes)]
        for worker in self.workers:
            worker.start()

    def _fill(self, pictures, recipe, seed, process):
        os.nice(NICE)
        torch.set_num_threads(1)
        slots, index = self.tiles.shape[1], 0
        while True:
            self.tiles[process, index % slots] = data.camera_tile(pictures, recipe, f"{seed}/{index}").numpy()
            index += 1
            self.counts[process] = index

    def check(self):
        """Raises RuntimeError when a process has ended."""
        if not all(worker.is_alive() for worker in self.workers):
            raise RuntimeError("a process that makes camera tiles has ended")

    def close(self):
        for worker in self.workers:
            worker.terminate()
            worker.join()
        self.folder.cleanup()


class Bank:
    """The last tiles of a ring, in the GPU's memory; a thread fetches new ones."""

    SPARE = 4  # slots of a process that it may be about to overwrite

    def __init__(self, ring, size, least, device):
        self.ring, self.size, self.filled, self.next = ring, size, 0, 0
        self.tile = ring.tiles.shape[-1]
        self.bytes = 6 * self.tile ** 2
        self.flat = torch.empty(size * self.bytes, dtype=torch.uint8, device=device)
        self.seen = np.zeros(len(ring.counts), np.int64)
        self.stream = torch.cuda.Stream() if device.type == "cuda" else None
        self.closed = threading.Event()
        while self.filled < least:
            self.ring.check()
            self._fetch()
            time.sleep(0.2)
        self.thread = threading.Thread(target=self._keep_fetching, daemon=True)
        self.thread.start()

    def _keep_fetching(self):
        while not self.closed.wait(0.1):
            self._fetch()

    def _fetch(self):
        slots = self.ring.tiles.shape[1]
        for process, count in enumerate(self.ring.counts.tolist()):
            for index in range(max(self.seen[process], count - slots + self.SPARE), count):
                self._add(torch.from_numpy(np.array(self.ring.tiles[process, index % slots])).view(-1))
            self.seen[process] = count

    def _add(self, tile):
        place = self.flat[self.next * self.bytes:(self.next + 1) * self.bytes]
        with torch.cuda.stream(self.stream):
            place.copy_(tile)
        self.next = (self.next + 1) % self.size
        self.filled = max(self.filled, self.next or self.size)

    def crop(self, n, size):
        """(noisy, clean) [N,2,3,size,size]."""
        self.ring.check()
        start = (torch.rand(n) * self.filled).long() * self.bytes
        y, x = ((torch.rand(n) * (self.tile - size + 1)).long() for _ in range(2))
        side = torch.full((n,), self.tile)
        return gather(self.flat, start, side ** 2, side, y, x, size, 6).view(n, 2, 3, size, size)

    def close(self):
        self.closed.set()
        self.thread.join()


def turned(pairs):
    """An eighth of the patches for each way to turn and mirror a picture."""
    parts = [(part.flip(-1) if turn % 2 else part).rot90(turn // 2, (-2, -1))
             for turn, part in enumerate(pairs.tensor_split(TURNS))]
    return torch.cat(parts)


class GpuBatches:
    """As `data.Batches`, with as many tiles as the CPU makes meanwhile: batches depend on the machine's speed. `ring`: a
    `TileRing`, for recipes with camera noise."""

    def __init__(self, pictures, recipe, ring, device):
        self.recipe, self.counts, self.ring = recipe, data.parts(recipe), ring
        self.bank = Bank(ring, recipe["bank"], recipe["bank_start"], device) if ring else None
        self.pictures = Pictures(pictures, device)

    def _white(self, n):
        r = self.recipe
        clean = self.pictures.crop(n, r["patch"])
        low = r.get("white_low", 0)
        sigma = (low + torch.rand(n, 1, 1, 1) * (r["white_sigma"] - low)) / 255
        gray = torch.rand(n, 1, 1, 1) < r["gray_share"]
        clean = torch.where(gray, noise.gray(clean), clean)
        field = torch.randn_like(clean)
        noisy = clean + sigma * torch.where(gray, field[:, :1], field)
        return torch.stack([noise.quantise(noisy) if r.get("clip", True) else noisy, clean], 1)

    def batch(self, step):
        """(noisy, clean), [N,3,P,P] in 0..1."""
        others, whites, cameras = self.counts
        size = self.recipe["patch"]
        pairs = []
        if whites:
            pairs.append(turned(self._white(whites)))
        if others:
            pairs.append(turned(other_noise.pairs(self.pictures.crop(others, size))))
        if cameras:
            pairs.append(turned(self.bank.crop(cameras, size)))
        return torch.cat(pairs).unbind(1)

    def close(self):
        if self.ring:
            self.bank.close()
            self.ring.close()
