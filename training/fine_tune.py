"""Teach a network photographs as cameras deliver them: `python -m training.fine_tune PHOTOGRAPHS RUN --teacher WEIGHTS.pt`.

A share of the samples (`--exposed`) are two exposures by a camera that reduces noise itself (`exposures`): the network is trained towards
the mean of exposures, by the logarithm of the mean square error, as in `training.train`. Another share (`--woven`) are repeating textures
(`textures`) with white or growing noise, trained towards the clean patch likewise, because no teacher knows them.

The others have the kinds of noise that the network knows already, and keeps it from forgetting them. Their target is
t = (1 − β)·T + β·clean, where T is the mean of what the teacher makes of the picture in two of eight orientations, and their loss is
‖result − t‖² / (‖T − clean‖² + FLOOR), so that every sample counts by its decibels. What nobody can know from the noisy picture is in
`clean` but not in T: the derivatives are much less noisy, and what was learned once is held with few steps.
Hinton, Vinyals & Dean 2015, arXiv:1503.02531 (distillation).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from training.exposures import exposed
from training.model import Network, begin_with
from training.noise import BLIND, GROWING, WHITE, noisy, of_a_camera
from training.photographs import Photographs
from training.textures import woven
from training.train import FLOOR, Batches, Training, half_precision, options, tensor, train

__all__ = ["FineTuning", "Mixed", "main", "turned", "turned_back"]

#: Share of the clean picture in the target of the other samples: β.
CLEAN = 0.15
#: Ways of turning and mirroring a square.
ORIENTATIONS = 8
#: What a sample is: white or growing noise, noise in clumps, or one without a teacher (exposures, textures).
KNOWN, CLUMPS, UNTAUGHT = 0, 1, 2


class Mixed(Batches):
    """Batch number n: pictures, levels, targets (clean pictures, or means of exposures), and what each sample is."""

    def __init__(
        self, photographs: Photographs, channels: int, batch: int, size: int, seed: int, *, exposed: float, woven: float
    ) -> None:  # fmt: skip
        super().__init__(photographs, channels, batch, size, seed)
        self.shares = exposed, woven

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, step])
        samples, kinds = [], []
        for _ in range(self.batch):
            share = rng.random()
            if share < self.shares[0]:
                picture, level, mean = exposed(self.photographs, self.size, self.channels, rng)
                samples.append((picture, level * np.float32(rng.random() >= BLIND), mean))
                kinds.append(UNTAUGHT)
            elif share < sum(self.shares):
                clean = woven(self.photographs.patch(rng, self.size, self.channels), rng)
                samples.append((*noisy(clean, rng, rng.uniform(0, WHITE + GROWING)), clean))
                kinds.append(UNTAUGHT)
            else:
                clean, kind = self.photographs.patch(rng, self.size, self.channels), rng.random()
                samples.append((*noisy(clean, rng, kind), clean))
                kinds.append(CLUMPS if of_a_camera(kind) else KNOWN)
        return *(tensor([np.ascontiguousarray(sample[part]) for sample in samples]) for part in range(3)), torch.tensor(kinds)


def turned(batch: Tensor, way: int) -> Tensor:
    """A batch of squares, mirrored if `way` is 4 or more, then turned by `way` quarters of a circle."""
    return torch.rot90(batch.flip(-1) if way & 4 else batch, way & 3, (-2, -1))


def turned_back(batch: Tensor, way: int) -> Tensor:
    """The inverse of `turned`."""
    back = torch.rot90(batch, -(way & 3), (-2, -1))
    return back.flip(-1) if way & 4 else back


class FineTuning(Training):
    """A training with two teachers: one for white and growing noise, one for noise in clumps."""

    def __init__(self, folder: Path, channels: int, start: Path, device: str, teachers: tuple[Path, Path]) -> None:
        super().__init__(folder, channels, start, device)
        self.teachers = []
        for path in teachers:
            teacher = Network(channels).requires_grad_(False)
            begin_with(teacher, torch.load(path, map_location="cpu"))
            self.teachers.append(teacher.to(device, memory_format=torch.channels_last))

    def ways(self) -> tuple[int, int]:
        """Two different orientations for this step; each pair comes once in 56 steps."""
        first, apart = self.step % ORIENTATIONS, 1 + self.step // ORIENTATIONS % (ORIENTATIONS - 1)
        return first, (first + apart) % ORIENTATIONS

    @torch.no_grad()
    def taught(self, picture: Tensor, level: Tensor, target: Tensor, kind: Tensor) -> Tensor:
        """The mean of two results of each sample's teacher; the target itself where it has none."""
        made = target.clone()
        for teacher, mine in zip(self.teachers, (kind == KNOWN, kind == CLUMPS), strict=True):
            if mine.any():
                results = [turned_back(teacher(turned(picture[mine], way), turned(level[mine], way)).float(), way) for way in self.ways()]
                made[mine] = torch.stack(results).mean(0)
        return made

    def gradients(self, parts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The loss of one share of a batch, and its derivatives by the weights."""
        picture, level, target, kind = parts
        with half_precision(self.device):
            taught = self.taught(picture, level, target, kind)
            result = self.network(picture, level)
        scale = (taught - target).square().mean((1, 2, 3)) + FLOOR
        error = (result.float() - torch.lerp(taught, target, CLEAN)).square().mean((1, 2, 3))
        value = torch.where(kind == UNTAUGHT, torch.log(error + FLOOR), error / scale).mean()
        return value.detach(), list(torch.autograd.grad(value, list(self.network.parameters())))


def main() -> None:
    parser = options(__doc__, 1.5e-4)
    parser.add_argument("--teacher", type=Path, required=True, help="weights.pt that teach white and growing noise")
    parser.add_argument("--clumps-teacher", type=Path, help="weights.pt that teach noise in clumps, and --start if that is not given")
    parser.add_argument("--exposed", type=float, default=0.5, help="share of the samples that are exposures by a camera")
    parser.add_argument("--woven", type=float, default=0.0, help="share of the samples that are repeating textures")
    words = vars(parser.parse_args())
    if not 0 <= words["exposed"] <= words["exposed"] + words["woven"] <= 1:
        parser.error("--exposed and --woven are shares of the samples: from 0 to 1, and together at most 1")
    teacher, clumps, start = words.pop("teacher"), words.pop("clumps_teacher"), words.pop("start")
    photographs, run, channels = Photographs(words.pop("photographs")), words.pop("run"), words.pop("channels")
    tuning = FineTuning(run, channels, start or clumps or teacher, words["device"], (teacher, clumps or teacher))
    shares = {kind: words.pop(kind) for kind in ("exposed", "woven")}
    data = Mixed(photographs, channels, words["batch"], words["size"], words["seed"], **shares)
    train(photographs, run, channels=channels, training=tuning, data=data, **words)


if __name__ == "__main__":
    main()
