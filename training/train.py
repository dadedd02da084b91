"""Train one network: `python -m training.train PHOTOGRAPHS RUN --channels 3`. Run the same command again to go on where it stopped.

RUN/state.pt holds everything that training needs to continue, RUN/weights.pt the averaged weights that are used, RUN/log.txt what happened.
Every batch is drawn by a generator seeded with the seed and the number of the step: a run that was interrupted sees the same batches.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.model import Network, begin_with
from training.noise import camera, noisy
from training.photographs import Photographs

__all__ = ["main", "options", "train"]

#: Added to the mean square error before its logarithm, so that a nearly perfect result does not outweigh all others: (0.35/255)².
FLOOR = 2e-6
#: The averaged weights follow the trained ones at this rate, once there have been some steps to average.
AVERAGING = 0.999
#: Steps between two lines of the log, each with the state written, and between two validations.
REPORT, VALIDATE = 250, 2000
#: Steps over which the learning rate rises from zero.
WARM_UP = 200
#: Photographs in a validation, and the side of the square cut out of each.
VALIDATION, VALIDATION_SIDE = 12, 256
LEVELS = (15, 25, 50)


class Batches(Dataset[tuple[Tensor, ...]]):
    """Batch number n: noisy pictures, levels and clean pictures, each (batch, channels, size, size)."""

    def __init__(self, photographs: Photographs, channels: int, batch: int, size: int, seed: int) -> None:
        self.photographs, self.channels, self.batch, self.size, self.seed = photographs, channels, batch, size, seed

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, step])
        samples = []
        for _ in range(self.batch):
            clean = self.photographs.patch(rng, self.size, self.channels)
            samples.append((*noisy(clean, rng), clean))
        picture, level, clean_batch = (tensor([sample[part] for sample in samples]) for part in range(3))
        return picture, level, clean_batch


def tensor(patches: list[NDArray[np.float32]]) -> Tensor:
    """(height, width, channels) each → (batch, channels, height, width), in the order of memory that convolutions like."""
    return torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2)


def loss(result: Tensor, clean: Tensor) -> Tensor:
    """Mean over the batch of ½·log(mean square error + FLOOR): every sample counts by its decibels, whatever its noise.

    Chen, Chu, Zhang & Sun 2022, ECCV ("PSNR loss").
    """
    return 0.5 * torch.log((result - clean).square().mean((1, 2, 3)) + FLOOR).mean()


def half_precision(device: str) -> contextlib.AbstractContextManager[Any]:
    """bfloat16 where the device computes in it (three times as fast on processors that do); else nothing."""
    able = torch.cuda.is_bf16_supported() if device == "cuda" else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device, torch.bfloat16) if able else contextlib.nullcontext()


def psnr_db(result: Tensor, clean: Tensor) -> float:
    return float(-10 * torch.log10((result - clean).square().mean()))


@torch.no_grad()
def validate(network: Network, patches: list[NDArray[np.float32]], device: str) -> dict[str, float]:
    """Mean PSNR in dB on photographs that are not trained on: white noise with the level known and not, a camera's noise, no noise."""
    totals: dict[str, list[float]] = {}
    for index, patch in enumerate(patches):
        clean = tensor([patch]).to(device)
        blind = torch.zeros_like(clean)
        for level in LEVELS:
            grain = np.random.default_rng([level, index]).standard_normal(patch.shape, np.float32)
            picture = tensor([patch + np.float32(level / 255) * grain]).to(device)
            for word, told in (("known", torch.full_like(clean, level / 255)), ("blind", blind)):
                totals.setdefault(f"{level} {word}", []).append(psnr_db(network(picture, told), clean))
        raw = tensor([camera(patch, np.random.default_rng([1, index]))[0]]).to(device)
        totals.setdefault("camera before", []).append(psnr_db(raw, clean))
        totals.setdefault("camera blind", []).append(psnr_db(network(raw, blind), clean))
        totals.setdefault("clean blind", []).append(psnr_db(network(clean, blind), clean))
    return {key: round(float(np.mean(values)), 3) for key, values in totals.items()}


class Training:
    """The state of a run: network, averaged network, optimiser, steps and seconds so far."""

    def __init__(self, folder: Path, channels: int, start: Path | None, device: str) -> None:
        self.folder, self.device = folder, device
        self.step, self.seconds = 0, 0.0
        torch.manual_seed(channels)
        network = Network(channels)
        if start is not None:
            begin_with(network, torch.load(start, map_location="cpu"))
        self.network = network.to(device, memory_format=torch.channels_last)
        self.averaged = copy.deepcopy(self.network)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), 1e-3, weight_decay=1e-4, fused=True)
        folder.mkdir(parents=True, exist_ok=True)
        if self.state.exists():
            held = torch.load(self.state, map_location=device)
            self.network.load_state_dict(held["network"])
            self.averaged.load_state_dict(held["averaged"])
            self.optimiser.load_state_dict(held["optimiser"])
            self.step, self.seconds = held["step"], held["seconds"]

    @property
    def state(self) -> Path:
        return self.folder / "state.pt"

    def write(self) -> None:
        """Both files appear complete or not at all."""
        held = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        for path, content in ((self.state, held), (self.folder / "weights.pt", self.averaged.state_dict())):
            fresh = path.with_suffix(".new")
            torch.save(content, fresh)
            fresh.replace(path)

    def say(self, line: str) -> None:
        print(line, flush=True)
        with (self.folder / "log.txt").open("a") as log:
            log.write(line + "\n")

    def learn(self, batch: tuple[Tensor, ...], rate: float, pool: ThreadPoolExecutor | None = None) -> Tensor:
        """One step of the optimiser; returns the loss, in nats of the root mean square error.

        With a pool, the batch is shared among its threads. They meet once a step, where the threads within an operator would meet
        hundreds of times: on a machine that does other work, too, a step is then two to four times as fast.
        """
        parts = [in_order(part.to(self.device, non_blocking=True)) for part in batch]
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        if pool is None:
            value, gradients = self.gradients(parts)
        else:
            shares = list(zip(*(part.chunk(pool._max_workers) for part in parts), strict=True))
            found = list(pool.map(lambda share: self.gradients(list(share)), shares))
            value = torch.stack([one for one, _ in found]).mean()
            gradients = [torch.stack(alike).mean(0) for alike in zip(*(some for _, some in found), strict=True)]
        for parameter, gradient in zip(self.network.parameters(), gradients, strict=True):
            # The fused optimiser walks through memory: derivatives must lie in the order of their weights, which is not always so.
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        with torch.no_grad():
            rate_of_average = 1 - min(AVERAGING, self.step / (self.step + 10))
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.network.parameters()), rate_of_average)
        return value

    def gradients(self, parts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The loss of one share of a batch, and its derivatives by the weights."""
        picture, level, clean = parts
        with half_precision(self.device):
            result = self.network(picture, level)
        value = loss(result.float(), clean)
        return value.detach(), list(torch.autograd.grad(value, list(self.network.parameters())))


def in_order(part: Tensor) -> Tensor:
    """In the order of memory that convolutions like."""
    return part.contiguous(memory_format=torch.channels_last) if part.ndim == 4 else part


def rate_at(progress: float, step: int, highest: float) -> float:
    """A cosine from `highest` to a thousandth of it, after a short rise."""
    return highest * min(1.0, (step + 1) / WARM_UP) * (0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def train(
    photographs: Photographs,
    folder: Path,
    *,
    channels: int,
    steps: int = 0,
    seconds: float = 0,
    start: Path | None = None,
    batch: int = 8,
    size: int = 128,
    rate: float = 5e-4,
    seed: int = 1,
    device: str = "cpu",
    loaders: int = 0,
    halt: int | None = None,
    threads: int = 0,
    training: Training | None = None,
    data: Batches | None = None,
) -> Training:
    """Train until `steps` are done or `seconds` are over, whichever is given (the clock of earlier parts of the run counts).

    `halt` stops earlier, at that step, without changing the plan of the learning rate: to go on later. With
    `threads`, each batch is shared among so many threads, and no operator uses more than one. `training` and `data` are a
    state and batches of another kind than those that are made from `folder`, `channels`, `start`, `device`, `batch`, `size` and `seed`.
    """
    run = training or Training(folder, channels, start, device)
    source = data or Batches(photographs, channels, batch, size, seed)
    weights = sum(p.numel() for p in run.network.parameters())
    run.say(
        f"# {weights} weights, from step {run.step}, {len(photographs.training)} photographs, {len(photographs.held_back)} held back, "
        f"batch {batch} × {size}², rate {rate:g}, seed {seed}, {device}"
    )
    validation = photographs.validation(VALIDATION_SIDE, channels, VALIDATION)
    began, total = time.monotonic() - run.seconds, torch.zeros((), device=device)

    def progress() -> float:
        run.seconds = time.monotonic() - began
        return run.step / steps if steps else run.seconds / seconds

    if batch % max(threads, 1):
        raise ValueError(f"A batch of {batch} cannot be shared equally among {threads} threads.")
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) if threads else None
    for drawn in batches(source, run.step, loaders):
        done = progress()
        if done >= 1 or run.step == halt:
            break
        now = rate_at(done, run.step, rate)
        total += run.learn(drawn, now, pool)
        if run.step % REPORT == 0:
            scores = json.dumps(validate(run.averaged, validation, device)) if run.step % VALIDATE == 0 else ""
            run.write()
            run.say(f"{run.step} {run.seconds:.0f}s rate {now:.1e} loss {float(total) / REPORT:.4f} {scores}".rstrip())
            total.zero_()
    run.write()
    run.say(f"# done: step {run.step}, {run.seconds:.0f}s {json.dumps(validate(run.averaged, validation, device))}")
    return run


def batches(source: Batches, first: int, loaders: int) -> Iterator[tuple[Tensor, ...]]:
    """Batches from number `first` on, for ever; made by `loaders` processes ahead of time, or in this one."""
    if loaders:
        yield from DataLoader(
            source, batch_size=None, sampler=range(first, first + 10**7), num_workers=loaders, pin_memory=torch.cuda.is_available()
        )
    while True:
        yield source[first]
        first += 1


def options(description: str | None, rate: float) -> argparse.ArgumentParser:
    """What can be typed for every kind of training; `rate` is the highest learning rate unless told."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path, help="folder of .png or .webp")
    parser.add_argument("run", type=Path, help="folder for state.pt, weights.pt and log.txt")
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3)
    parser.add_argument("--start", type=Path, help="weights.pt of another run; those of a colour network are folded for --channels 1")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int, default=0)
    length.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=128, help="side of a patch, a multiple of 8")
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--loaders", type=int, default=0, help="processes that make batches (useful where there are more cores)")
    parser.add_argument("--threads", type=int, default=0, help="share each batch among so many threads (useful on a CPU with other work)")
    return parser


def main() -> None:
    words = vars(options(__doc__, 5e-4).parse_args())
    train(Photographs(words.pop("photographs")), words.pop("run"), **words)


if __name__ == "__main__":
    main()
