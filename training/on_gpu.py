"""Train on one GPU: `python -m training.on_gpu PHOTOGRAPHS RUN --channels 3 1 --seconds 600`, the networks side by side.

The network, the loss, the optimiser and the kinds of noise are those of `training.train`, with the exposures and the repeating textures of
`training.fine_tune` beside them. What differs is where a batch comes from (`training.device_batches`). One step, its batch included, is
recorded as a CUDA graph and then replayed, because starting its several hundred kernels one by one takes longer than they run; and the two
networks run on streams of their own, because few of the kernels are large enough to fill the device.

The weights are computed with in bfloat16 and kept in float32. Micikevicius et al. 2018, ICLR ("Mixed precision training").
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import torch
from torch.utils.data import DataLoader

from training.device_batches import ROOM, DeviceBatches, Fresh, FromCPU
from training.photographs import Photographs
from training.train import AVERAGING, VALIDATION, VALIDATION_SIDE, Training, loss, rate_at, validate

__all__ = ["main", "train"]

#: Steps between two lines of the log, and between two states written.
REPORT, WRITE = 2000, 20000
#: Steps after which the program waits for the device; a divisor of `REPORT`.
AHEAD = 40
#: Samples in the store before the first step.
FIRST = 512
NAMES = {1: "grey", 3: "colour"}


class Step:
    """One step of the optimiser over a batch that it makes itself, recorded as a CUDA graph where there is a GPU."""

    def __init__(self, run: Training, source: DeviceBatches) -> None:
        self.run, self.source, device = run, source, run.device
        self.on_gpu = device == "cuda"
        self.stream = torch.cuda.Stream() if self.on_gpu else None
        self.parameters = list(run.network.parameters())
        for parameter in self.parameters:
            parameter.grad = torch.zeros_like(parameter)
        self.precision = torch.bfloat16 if self.on_gpu else torch.float32
        self.network = copy.deepcopy(run.network).to(self.precision)
        self.computed_with = list(self.network.parameters())
        self.rate = torch.zeros((), device=device)
        fused = torch.optim.AdamW(self.parameters, self.rate, weight_decay=1e-4, fused=True, capturable=self.on_gpu)
        fused.load_state_dict(run.optimiser.state_dict())
        for group in fused.param_groups:
            group["lr"], group["capturable"] = self.rate, self.on_gpu
        run.optimiser = fused
        self.total = torch.zeros((), device=device)
        self.graph: torch.cuda.CUDAGraph | None = None

    def mine(self) -> contextlib.AbstractContextManager[object]:
        """The stream that everything of this network happens on."""
        return torch.cuda.stream(self.stream) if self.on_gpu else contextlib.nullcontext()

    def record(self) -> None:
        """Warm up and record. The rate is zero meanwhile, so that the weights stay; the optimiser's averages are put back."""
        held = {key: {name: value.clone() for name, value in averages.items()} for key, averages in self.run.optimiser.state.items()}
        torch.cuda.synchronize()
        with self.mine():
            for _ in range(3):
                self.once()
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        self.graph.register_generator_state(self.source.random)
        with torch.cuda.graph(self.graph, stream=self.stream):
            self.once()
        with self.mine():
            for key, averages in self.run.optimiser.state.items():
                for name, value in averages.items():
                    value.copy_(held[key][name]) if key in held else value.zero_()
            self.total.zero_()

    def once(self) -> None:
        picture, level, target = (part.contiguous(memory_format=torch.channels_last) for part in self.source.batch())
        correction = self.network.correction(picture.to(self.precision), level.to(self.precision))
        value = loss(picture - correction.float(), target)
        found = torch.autograd.grad(value, self.computed_with)
        torch._foreach_copy_([parameter.grad for parameter in self.parameters], found)
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.run.optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.run.averaged.parameters()), self.parameters, 1 - AVERAGING)
            torch._foreach_copy_(self.computed_with, self.parameters)
            self.total += value.detach()

    def __call__(self, rate: float) -> None:
        with self.mine():
            self.rate.fill_(rate)
            if self.graph is None:
                self.once()
            else:
                self.graph.replay()
        self.run.step += 1

    def put(self, fresh: Fresh) -> None:
        samples, textures = (part.to(self.run.device) for part in fresh)
        with self.mine():
            if self.stream is not None:
                self.stream.wait_stream(torch.cuda.default_stream())
                samples.record_stream(self.stream)
                textures.record_stream(self.stream)
            self.source.put((samples, textures))


class Supply:
    """What the CPU makes for the stores: by `loaders` processes, handed out as it comes; without them, one item each time it is asked."""

    def __init__(self, source: FromCPU, first: int, loaders: int) -> None:
        self.loader = DataLoader(source, batch_size=None, sampler=range(first, first + 10**7), num_workers=loaders)
        self.waiting: queue.Queue[Fresh] | None = queue.Queue(8) if loaders else None
        self.coming = iter(self.loader)
        if self.waiting is not None:
            threading.Thread(target=self._fetch, daemon=True).start()

    def _fetch(self) -> None:
        assert self.waiting is not None
        for fresh in self.coming:
            self.waiting.put(fresh)

    def __iter__(self) -> Iterator[Fresh]:
        """What has come since the last time."""
        if self.waiting is None:
            yield next(self.coming)
            return
        with contextlib.suppress(queue.Empty):
            while True:
                yield self.waiting.get_nowait()

    def one(self) -> Fresh:
        return next(self.coming) if self.waiting is None else self.waiting.get()


def train(
    photographs: Photographs, runs: list[Training], *, size: int, rate: float, seed: int, loaders: int, seconds: float = 0, steps: int = 0,
    halt: float | None = None, room: int = ROOM, first: int = FIRST,
) -> None:  # fmt: skip
    """Train all `runs` side by side for `seconds`, or for `steps`, with the learning rate of `training.train`.

    `halt` stops after so many seconds, without changing the plan of the learning rate: to go on later, with other samples than without
    the interruption. `room` and `first` are the samples that the store has room for, and that it holds before the first step.
    """
    began = time.monotonic() - runs[0].seconds
    cv2.setNumThreads(1)  # a process that is forked while OpenCV holds threads waits for them for ever
    device = runs[0].device
    supplies = [Supply(FromCPU(photographs, run.network.channels, size, seed), run.step, loaders // len(runs)) for run in runs]
    torch.backends.cudnn.benchmark = True
    trainers = []
    for run, supply in zip(runs, supplies, strict=True):
        run.say(
            f"# from step {run.step}, {len(photographs.training)} photographs, {len(photographs.held_back)} held back, {size}², "
            f"rate {rate:g}, seed {seed}, {torch.cuda.get_device_name() if device == 'cuda' else device}"
        )
        step = Step(run, DeviceBatches(photographs, run.network.channels, size, seed + run.step, device, room))
        trainers.append(step)
        while step.source.store.put_so_far < first:
            step.put(supply.one())
        if device == "cuda":
            step.record()
        if not run.step:  # what recording moved
            run.averaged.load_state_dict(run.network.state_dict())
        run.say(f"# ready after {time.monotonic() - began:.0f}s")
    run = runs[0]
    while True:
        now = time.monotonic() - began
        done = run.step / steps if steps else now / seconds
        if done >= 1 or (halt is not None and now >= halt):
            break
        for step, supply in zip(trainers, supplies, strict=True):
            for fresh in supply:
                step.put(fresh)
            step(rate_at(done, run.step, rate))
        if run.step % AHEAD == 0 and device == "cuda":
            torch.cuda.synchronize()
        if run.step % REPORT == 0:
            for step in trainers:
                fed = step.source.store.put_so_far
                step.run.say(f"{run.step} {now:.0f}s rate {float(step.rate):.1e} loss {float(step.total) / REPORT:.4f}, {fed} samples made")
                with step.mine():
                    step.total.zero_()
                step.run.seconds = now
                if run.step % WRITE == 0:
                    step.run.write()
    if device == "cuda":
        torch.cuda.synchronize()
    for run in runs:
        run.seconds = time.monotonic() - began
        run.write()
        validation = photographs.validation(VALIDATION_SIDE, run.network.channels, VALIDATION)
        run.say(f"# done: step {run.step}, {run.seconds:.0f}s {json.dumps(validate(run.averaged, validation, device))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path, help="folder of pictures")
    parser.add_argument("run", type=Path, help="folder for colour/ and grey/, each with state.pt, weights.pt and log.txt")
    parser.add_argument("--channels", type=int, choices=(1, 3), nargs="+", default=[3, 1])
    parser.add_argument("--start", type=Path, nargs="+", help="weights.pt to start from, one for each of --channels")
    parser.add_argument("--seconds", type=float, required=True, help="all together, with the start")
    parser.add_argument("--halt", type=float, help="seconds after which to stop, to go on later with the same command")
    parser.add_argument("--size", type=int, default=160, help="side of a patch, a multiple of 8")
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--loaders", type=int, default=14, help="processes that make the noise of cameras")
    words = vars(parser.parse_args())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    channels, starts, folder = words.pop("channels"), words.pop("start"), words.pop("run")
    runs = [Training(folder / NAMES[count], count, starts and starts[index], device) for index, count in enumerate(channels)]
    train(Photographs(words.pop("photographs")), runs, **words)


if __name__ == "__main__":
    main()
