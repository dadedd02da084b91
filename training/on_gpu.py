"""Train on one GPU: `python -m training.on_gpu PHOTOGRAPHS RUN --channels 3 --seconds 300`, ten times as fast as `training.train`.

The network, the loss, the optimiser and the kinds of noise are those of `training.train`. What differs is where a batch comes from.
White and brightness-dependent noise (two thirds of the samples) are made on the GPU from photographs that lie in its memory. The noise
of cameras, enlarged noise and clean pictures (one third; JPEG and demosaicking) are made by processes on the CPU, meanwhile. One step of
the optimiser is recorded once as a CUDA graph and then replayed, because starting its several hundred kernels one by one takes longer
than they run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from training.noise import BLIND, STRONGEST, camera, smooth, untouched
from training.photographs import LUMA, Photographs
from training.train import AVERAGING, VALIDATION, VALIDATION_SIDE, Training, loss, rate_at, tensor, validate

__all__ = ["main"]

#: Samples of each kind in a batch, near the shares of training/noise.py.
WHITE, GROWING, CAMERA, SMOOTH, UNTOUCHED = 13, 2, 5, 2, 2
#: Steps between two lines of the log.
REPORT = 2000
#: A reduced copy of every photograph is drawn this often in place of the photograph, reduced by a factor in this range.
REDUCED, FACTORS = 0.2, (1.2, 2.0)


class FromCPU(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """The part of batch number n that needs JPEG, demosaicking and blurs; half precision, to have less to carry."""

    def __init__(self, photographs: Photographs, channels: int, size: int, seed: int) -> None:
        self.photographs, self.channels, self.size, self.seed = photographs, channels, size, seed

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, step])
        samples = []
        for kind in [camera] * CAMERA + [smooth] * SMOOTH + [untouched] * UNTOUCHED:
            clean = self.photographs.patch(rng, self.size, self.channels)
            picture, level = kind(clean, rng)
            samples.append((picture, level * np.float32(rng.random() >= BLIND), clean))
        picture, level, clean = (tensor([np.float32(sample[part]) for sample in samples]).half() for part in range(3))
        return picture, level, clean


class OnGPU:
    """All photographs in the memory of a device, and batches of patches with white or brightness-dependent noise from them."""

    def __init__(self, photographs: Photographs, channels: int, size: int, seed: int, device: str) -> None:
        self.channels, self.size, self.seed, self.device = channels, size, seed, device
        rng = np.random.default_rng(seed)
        pictures, shares = [], []
        for picture, share in zip(photographs.training, photographs.share, strict=True):
            factor = rng.uniform(*FACTORS)
            height, width = (round(side / factor) for side in picture.shape[:2])
            room = min(height, width) >= size
            pictures.append(picture)
            shares.append(share * (1 - REDUCED * room))
            if room:
                pictures.append(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
                shares.append(share * REDUCED)
        sides = np.array([picture.shape[:2] for picture in pictures])
        self.heights, self.widths = (torch.from_numpy(side.copy()).to(device) for side in sides.T)
        self.starts = torch.from_numpy(np.concatenate([[0], np.cumsum(sides.prod(1) * 3)[:-1]])).to(device)
        self.values = torch.from_numpy(np.concatenate([picture.reshape(-1) for picture in pictures])).to(device)
        self.share = torch.tensor(np.array(shares), dtype=torch.float32, device=device)
        self.mixes, self.mix_share = self._mixes(rng)
        self.random = torch.Generator(device)

    def _mixes(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Matrices that make the channels of a patch from red, green and blue, and how often each is drawn, as in photographs.py."""
        one = np.eye(3, dtype=np.float32)
        if self.channels == 3:
            orders = [one[[0, 2, 1]], one[[1, 0, 2]], one[[1, 2, 0]], one[[2, 0, 1]], one[[2, 1, 0]]]
            table, share = [one, np.tile(LUMA, (3, 1)), *orders], [0.70, 0.08, *[0.22 / 5] * 5]
        else:
            drawn = list(rng.dirichlet(np.ones(3), (64, 1)))
            table, share = [LUMA[None], *one[:, None], *drawn], [0.70, *[0.05] * 3, *[0.15 / 64] * 64]
        return torch.tensor(np.array(table, np.float32), device=self.device), torch.tensor(share, device=self.device)

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.random, device=self.device)

    def patches(self, count: int) -> Tensor:
        """(count, channels, size, size), from 0 to 1: squares of random photographs, turned and mirrored."""
        size = self.size
        which = torch.multinomial(self.share, count, replacement=True, generator=self.random)
        width = self.widths[which]
        top = (self.uniform((count,)) * (self.heights[which] - size + 1)).long()
        left = (self.uniform((count,)) * (width - size + 1)).long()
        turn = torch.randint(0, 8, (count, 1, 1), generator=self.random, device=self.device)
        down, across = torch.meshgrid(*[torch.arange(size, device=self.device)] * 2, indexing="ij")
        y, x = torch.where(turn >= 4, across, down), torch.where(turn >= 4, down, across)
        y, x = torch.where(turn % 2 == 1, size - 1 - y, y), torch.where(turn // 2 % 2 == 1, size - 1 - x, x)
        place = self.starts[which, None, None] + ((top[:, None, None] + y) * width[:, None, None] + left[:, None, None] + x) * 3
        cut = self.values[place[:, None] + torch.arange(3, device=self.device)[:, None, None]].float() / 255
        mix = self.mixes[torch.multinomial(self.mix_share, count, replacement=True, generator=self.random)]
        return (mix[..., None, None] * cut[:, None]).sum(2)

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """The noisy pictures, levels and clean pictures of batch number `step`."""
        self.random.manual_seed(self.seed * 10**9 + step)
        clean = self.patches(WHITE + GROWING)
        parts = [self.white(clean[:WHITE]), self.growing(clean[WHITE:])]
        picture, level = (torch.cat([part[index] for part in parts]) for index in range(2))
        count = len(clean)
        rounded = torch.round(picture.clamp(0, 1) * 255) / 255
        picture = torch.where(self.uniform((count, 1, 1, 1)) < 0.25, rounded, picture)
        return picture, level * (self.uniform((count, 1, 1, 1)) >= BLIND), clean

    def normal(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self.random, device=self.device)

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


class Step:
    """One step of the optimiser over a batch of fixed shape, recorded as a CUDA graph where there is a GPU."""

    def __init__(self, run: Training, shape: tuple[int, ...]) -> None:
        self.run, device = run, run.device
        self.parameters = list(run.network.parameters())
        self.rate = torch.zeros((), device=device)
        fused = torch.optim.AdamW(self.parameters, self.rate, weight_decay=1e-4, fused=True, capturable=device == "cuda")
        fused.load_state_dict(run.optimiser.state_dict())
        for group in fused.param_groups:
            group["lr"], group["capturable"] = self.rate, device == "cuda"
        run.optimiser = fused
        self.inputs = [torch.rand(shape, device=device).contiguous(memory_format=torch.channels_last) for _ in range(3)]
        self.total = torch.zeros((), device=device)
        self.forward: Callable[..., Tensor] = run.network
        self.graph: torch.cuda.CUDAGraph | None = None

    def record(self, *, compiled: bool) -> None:
        """Warm up and record. The rate is zero meanwhile, so that the weights stay; the optimiser's averages are put back."""
        held = {key: {name: value.clone() for name, value in averages.items()} for key, averages in self.run.optimiser.state.items()}
        self.forward = torch.compile(self.run.network) if compiled else self.run.network
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.once()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.once()
        for key, averages in self.run.optimiser.state.items():
            for name, value in averages.items():
                value.copy_(held[key][name]) if key in held else value.zero_()
        self.total.zero_()

    def once(self) -> None:
        picture, level, clean = self.inputs
        with torch.autocast(self.run.device, torch.bfloat16, cache_enabled=False):
            result = self.forward(picture, level)
        value = loss(result.float(), clean)
        for parameter, gradient in zip(self.parameters, torch.autograd.grad(value, self.parameters), strict=True):
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.run.optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.run.averaged.parameters()), self.parameters, 1 - AVERAGING)
            self.total += value.detach()

    def __call__(self, batch: list[tuple[Tensor, Tensor, Tensor]], rate: float) -> None:
        self.rate.fill_(rate)
        for index, target in enumerate(self.inputs):
            torch.cat([part[index].to(target.dtype) for part in batch], out=target)
        if self.graph is None:
            self.once()
        else:
            self.graph.replay()
        self.run.step += 1


def carried(source: FromCPU, first: int, loaders: int, device: str) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The CPU's part of each batch from number `first` on, on the device, one batch ahead."""
    loader = DataLoader(
        source, batch_size=None, sampler=range(first, first + 10**7), num_workers=loaders, pin_memory=device == "cuda",
        prefetch_factor=8 if loaders else None,
    )  # fmt: skip
    ahead = None
    for parts in loader:
        coming = tuple(part.to(device, non_blocking=True) for part in parts)
        if ahead is not None:
            yield ahead
        ahead = coming


def train(
    photographs: Photographs, folder: Path, *, channels: int, seconds: float, start: Path | None, size: int, rate: float, seed: int,
    device: str, loaders: int, compiled: bool, steps: int = 0,
) -> Training:  # fmt: skip
    """Train for `seconds` after the start, or for `steps`, with the learning rate of `training.train`."""
    began = time.monotonic()
    torch.backends.cudnn.benchmark = True
    cv2.setNumThreads(1)  # a process that is forked while OpenCV holds threads waits for them for ever
    run = Training(folder, channels, start, device)
    run.say(
        f"# {sum(p.numel() for p in run.network.parameters())} weights, {len(photographs.training)} photographs, "
        f"{len(photographs.held_back)} held back, batch {WHITE + GROWING + CAMERA + SMOOTH + UNTOUCHED} × {size}², rate {rate:g}, "
        f"seed {seed}, {torch.cuda.get_device_name() if device == 'cuda' else device}"
    )
    coming = carried(FromCPU(photographs, channels, size, seed), run.step, loaders, device)
    source = OnGPU(photographs, channels, size, seed, device)
    step = Step(run, (WHITE + GROWING + CAMERA + SMOOTH + UNTOUCHED, channels, size, size))
    if device == "cuda":
        step.record(compiled=compiled)
    validation = photographs.validation(VALIDATION_SIDE, channels, VALIDATION)
    run.averaged.load_state_dict(run.network.state_dict()) if not run.step else None
    run.say(f"# ready after {time.monotonic() - began:.0f}s")
    ready = time.monotonic() - began
    for parts in coming:
        now = time.monotonic() - began
        done = run.step / steps if steps else (now - ready) / (seconds - ready)
        if done >= 1:
            break
        step([source.batch(run.step), parts], rate_at(done, run.step, rate))
        if run.step % REPORT == 0:
            run.say(f"{run.step} {now:.0f}s rate {float(step.rate):.1e} loss {float(step.total) / REPORT:.4f}")
            step.total.zero_()
            if run.step % (5 * REPORT) == 0:
                run.write()
    run.seconds = time.monotonic() - began
    run.write()
    run.say(f"# done: step {run.step}, {run.seconds:.0f}s {json.dumps(validate(run.averaged, validation, device))}")
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path, help="folder of pictures")
    parser.add_argument("run", type=Path, help="folder for state.pt, weights.pt and log.txt")
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3)
    parser.add_argument("--start", type=Path, help="weights.pt of another run; those of a colour network are folded for --channels 1")
    parser.add_argument("--seconds", type=float, required=True, help="all together, with the start")
    parser.add_argument("--size", type=int, default=160, help="side of a patch, a multiple of 8")
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--loaders", type=int, default=14, help="processes that make the noise of cameras")
    parser.add_argument("--not-compiled", dest="compiled", action="store_false", help="without torch.compile")
    words = vars(parser.parse_args())
    words["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    train(Photographs(words.pop("photographs")), words.pop("run"), **words)


if __name__ == "__main__":
    main()
