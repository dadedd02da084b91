"""Batches on the device: white noise made there from photographs in its memory, everything else drawn from stores that the CPU fills.

JPEG, demosaicking and a camera's noise reduction need the CPU, which makes a thousand samples a second where a GPU wants five thousand.
So those samples stay on the device for a while and are drawn several times, each time turned or mirrored in another way. Repeating
textures come from a store, too, as clean patches whose noise is new each time.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from training.exposures import exposed
from training.noise import BLIND, STRONGEST, camera, smooth, untouched
from training.photographs import LUMA, Photographs
from training.textures import woven

__all__ = ["GROWING", "STORED", "WHITE", "DeviceBatches", "Fresh", "FromCPU", "Store"]

#: Samples of each kind in a batch: white noise, noise that grows with brightness, and those from the store.
WHITE, GROWING, STORED = 16, 2, 14
#: Samples with white noise whose patch is a repeating texture.
WOVEN = 4
#: Samples that one call of the CPU adds to the store: exposures, noise of cameras, noise in clumps, and pictures without noise.
EXPOSURES, CAMERA, SMOOTH, UNTOUCHED = 12, 6, 4, 4
#: Repeating textures that one call of the CPU makes, and the share of them among the pictures without noise.
TEXTURES, UNTOUCHED_WOVEN = 6, 0.25
#: Samples that a store has room for (460 kB each in colour, with a side of 160).
ROOM = 6144
#: A reduced copy of every photograph is drawn this often in place of the photograph, reduced by a factor in this range.
REDUCED, FACTORS = 0.2, (1.2, 2.0)
#: Ways of turning and mirroring a square.
ORIENTATIONS = 8

#: Samples, (samples, size, size, 3, channels) with picture, level and target side by side, and clean textures, (textures, size, size, 1,
#: channels); in half precision.
Fresh = tuple[Tensor, Tensor]


def half(parts: list[list[NDArray[np.float32]]]) -> Tensor:
    """(samples, size, size, parts, channels)."""
    return torch.from_numpy(np.array([np.stack(sample, 2) for sample in parts], np.float16))


class FromCPU(Dataset[Fresh]):
    """Item n: what one call of the CPU adds to the stores."""

    def __init__(self, photographs: Photographs, channels: int, size: int, seed: int) -> None:
        self.photographs, self.channels, self.size, self.seed = photographs, channels, size, seed

    def __getitem__(self, number: int) -> Fresh:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, number])

        def patch(texture: bool) -> NDArray[np.float32]:
            clean = self.photographs.patch(rng, self.size, self.channels)
            return woven(clean, rng) if texture else clean

        samples = [list(exposed(self.photographs, self.size, self.channels, rng)) for _ in range(EXPOSURES)]
        for kind in [camera] * CAMERA + [smooth] * SMOOTH + [untouched] * UNTOUCHED:
            clean = patch(kind is untouched and rng.random() < UNTOUCHED_WOVEN)
            samples.append([*kind(clean, rng), clean])
        return half(samples), half([[patch(True)] for _ in range(TEXTURES)])


class Store:
    """Samples of so many parts on the device, the oldest of which make room for new ones."""

    def __init__(self, parts: int, channels: int, size: int, device: str, room: int = ROOM) -> None:
        self.samples = torch.zeros((room, size, size, parts, channels), dtype=torch.half, device=device)
        #: How many there are, on the device, so that a recorded step sees it grow.
        self.filled = torch.zeros((), device=device)
        self.put_so_far = 0

    def put(self, fresh: Tensor) -> None:
        room = len(self.samples)
        places = torch.arange(self.put_so_far, self.put_so_far + len(fresh), device=fresh.device) % room
        self.samples.index_copy_(0, places, fresh)
        self.put_so_far += len(fresh)
        self.filled.fill_(min(self.put_so_far, room))


class DeviceBatches:
    """All photographs in the memory of a device, two stores, and batches of patches from all three."""

    def __init__(self, photographs: Photographs, channels: int, size: int, seed: int, device: str, room: int = ROOM) -> None:
        self.channels, self.size, self.device = channels, size, device
        self.store, self.textures = Store(3, channels, size, device, room), Store(1, channels, size, device, room)
        rng = np.random.default_rng(seed)
        pictures, shares = [], []
        for picture, share in zip(photographs.training, photographs.share, strict=True):
            factor = rng.uniform(*FACTORS)
            height, width = (round(side / factor) for side in picture.shape[:2])
            fits = min(height, width) >= size
            pictures.append(picture)
            shares.append(share * (1 - REDUCED * fits))
            if fits:
                pictures.append(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
                shares.append(share * REDUCED)
        sides = np.array([picture.shape[:2] for picture in pictures])
        self.heights, self.widths = (torch.from_numpy(side.copy()).to(device) for side in sides.T)
        self.starts = torch.from_numpy(np.concatenate([[0], np.cumsum(sides.prod(1))[:-1]])).to(device)
        self.values = torch.from_numpy(np.concatenate([picture.reshape(-1, 3) for picture in pictures])).to(device)
        self.shares = torch.tensor(np.cumsum(shares), dtype=torch.float32, device=device)
        self.mixes, self.mix_shares = self._mixes(rng)
        self.random = torch.Generator(device)
        self.random.manual_seed(seed)

    def _mixes(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Matrices that make the channels of a patch from red, green and blue, and how often each is drawn, as in photographs.py."""
        one = np.eye(3, dtype=np.float32)
        if self.channels == 3:
            orders = [one[[0, 2, 1]], one[[1, 0, 2]], one[[1, 2, 0]], one[[2, 0, 1]], one[[2, 1, 0]]]
            table, share = [one, np.tile(LUMA, (3, 1)), *orders], [0.70, 0.08, *[0.22 / 5] * 5]
        else:
            drawn = list(rng.dirichlet(np.ones(3), (64, 1)))
            table, share = [LUMA[None], *one[:, None], *drawn], [0.70, *[0.05] * 3, *[0.15 / 64] * 64]
        shares = torch.tensor(np.cumsum(share), dtype=torch.float32, device=self.device)
        return torch.tensor(np.array(table, np.float32), device=self.device), shares

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.random, device=self.device)

    def normal(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self.random, device=self.device)

    def drawn(self, shares: Tensor, count: int) -> Tensor:
        """Numbers of what is drawn, given how often in sum each and all before it are."""
        return torch.searchsorted(shares, self.uniform((count,))).clamp(max=len(shares) - 1)

    def turns(self, count: int) -> tuple[Tensor, Tensor]:
        """Rows and columns, (count, size, size), that turn and mirror a square, each sample in a way of its own."""
        last = self.size - 1
        way = (self.uniform((count, 1, 1)) * ORIENTATIONS).long().clamp(max=ORIENTATIONS - 1)
        down, across = torch.meshgrid(*[torch.arange(self.size, device=self.device)] * 2, indexing="ij")
        y, x = torch.where(way >= 4, across, down), torch.where(way >= 4, down, across)
        return torch.where(way % 2 == 1, last - y, y), torch.where(way // 2 % 2 == 1, last - x, x)

    def patches(self, count: int) -> Tensor:
        """(count, channels, size, size), from 0 to 1: squares of random photographs, turned and mirrored."""
        which = self.drawn(self.shares, count)
        width = self.widths[which]
        top = (self.uniform((count,)) * (self.heights[which] - self.size + 1)).long()
        left = (self.uniform((count,)) * (width - self.size + 1)).long()
        y, x = self.turns(count)
        place = self.starts[which, None, None] + (top[:, None, None] + y) * width[:, None, None] + left[:, None, None] + x
        cut = self.values[place].float() / 255
        mix = self.mixes[self.drawn(self.mix_shares, count)]
        return torch.einsum("nhwk,nck->nchw", cut, mix)

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Noisy pictures, levels and targets."""
        clean = torch.cat([*self.stored(self.textures, WOVEN), self.patches(WHITE + GROWING - WOVEN)])
        parts = [self.white(clean[:WHITE]), self.growing(clean[WHITE:])]
        picture, level = (torch.cat([part[index] for part in parts]) for index in range(2))
        rounded = torch.round(picture.clamp(0, 1) * 255) / 255
        picture = torch.where(self.uniform((len(clean), 1, 1, 1)) < 0.25, rounded, picture)
        stored = self.stored(self.store, STORED)
        picture, level, target = (torch.cat([made, kept]) for made, kept in zip((picture, level, clean), stored, strict=True))
        return picture, level * (self.uniform((len(target), 1, 1, 1)) >= BLIND), target

    def put(self, fresh: Fresh) -> None:
        for store, part in zip((self.store, self.textures), fresh, strict=True):
            store.put(part)

    def stored(self, store: Store, count: int) -> tuple[Tensor, ...]:
        """Pictures, levels and targets from a store; or whatever parts it has."""
        which = (self.uniform((count,)) * store.filled).long().clamp(max=len(store.samples) - 1)
        y, x = self.turns(count)
        return store.samples[which[:, None, None], y, x].float().permute(3, 0, 4, 1, 2).unbind()

    def white(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """As training.noise.white."""
        count, channels = clean.shape[:2]
        level = self.uniform((count, 1, 1, 1), 0, STRONGEST).expand(count, channels, 1, 1)
        if channels > 1:
            each = self.uniform((count, channels, 1, 1), 0.4, 1.6)
            level = torch.where(self.uniform((count, 1, 1, 1)) < 0.35, level * each, level)
        uneven = functional.interpolate(self.uniform((count, 1, 3, 3), 0.3, 1.7), clean.shape[2:], mode="bicubic").clamp(min=0.05)
        level = torch.where(self.uniform((count, 1, 1, 1)) < 0.15, level * uneven, level).expand_as(clean)
        return clean + level * self.normal(clean), level

    def growing(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """As training.noise.growing."""
        count = len(clean)
        a, b = 10 ** self.uniform((count, 1, 1, 1), -4, -1.3), self.uniform((count, 1, 1, 1), 0, 10 / 255)

        def level(picture: Tensor) -> Tensor:
            return (a * picture.clamp(0, 1) + b * b).sqrt()

        picture = clean + level(clean) * self.normal(clean)
        return picture, level(blurred(picture))


def blurred(picture: Tensor, sigma: float = 2.0, reach: int = 7) -> Tensor:
    """Gaussian blur with mirrored borders; sigma and reach in pixels."""
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=picture.device) / sigma) ** 2)
    kernel = (kernel / kernel.sum())[None, None]
    flat = functional.pad(picture.flatten(0, 1)[:, None], [reach] * 4, mode="reflect")
    return functional.conv2d(functional.conv2d(flat, kernel[..., None, :]), kernel[..., None]).reshape(picture.shape)
