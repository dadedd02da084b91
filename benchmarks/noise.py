"""What `tuning.estimate` finds in pictures with noise of known kind and level, against other estimators of the level.

Every picture of the folders (clean ones) gets every noise, from a seed that depends on its name. "8 bit": clipped and rounded, as in a
user's file; "float": neither. Colour pictures count by their green channel, unless --colour. A cell of the first table is the mean error
and the worst, in percent of the true level; for clean pictures, the mean estimate and the largest, in 1/255.

The others: MAD of diagonal differences (Donoho's, with the shortest filter); Immerkær 1996; the smallest principal component of patches of
weak texture (Liu, Tanaka & Okutomi 2013, simplified); the eigenvalues of the patch covariance (Chen, Zhu & Heng 2015).
"""

from __future__ import annotations

import argparse
import functools
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.common import Array, machine, seconds, table
from denoise_cli.formats.files import FORMATS, read_picture
from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Subject
from denoise_cli.noise.estimate import Noise, estimate
from denoise_cli.pipeline.plan import make_plan
from denoise_cli.settings import Settings
from denoise_cli.variational import as_float

Recipe = Callable[[Array, np.random.Generator], Array]
LEVELS = (5, 10, 15, 25, 50)
SHARES = (0.01, 0.05, 0.1, 0.2, 0.4)
PEAKS = (10, 30, 100, 255)


def gaussian(level: float) -> Recipe:
    return lambda clean, rng: clean + rng.normal(0, level / 255, clean.shape)


def salt_pepper(share: float, level: float = 0) -> Recipe:
    def add(clean: Array, rng: np.random.Generator) -> Array:
        noisy = np.clip(clean + rng.normal(0, level / 255, clean.shape), 0, 1)
        dice = rng.random(clean.shape)
        return np.where(dice < share / 2, 0, np.where(dice > 1 - share / 2, 1, noisy))

    return add


def random_valued(share: float, level: float = 0) -> Recipe:
    def add(clean: Array, rng: np.random.Generator) -> Array:
        noisy = np.clip(clean + rng.normal(0, level / 255, clean.shape), 0, 1)
        return np.where(rng.random(clean.shape) < share, rng.random(clean.shape), noisy)

    return add


def poisson(peak: float, level: float = 0) -> Recipe:
    return lambda clean, rng: rng.poisson(clean * peak) / peak + rng.normal(0, level / 255, clean.shape)


def eight_bit(image: Array) -> Array:
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


# ── The others ──


def mad(z: Array) -> float:
    diagonal = (z[:-1, :-1] - z[1:, :-1] - z[:-1, 1:] + z[1:, 1:]) / 2
    return float(np.median(np.abs(diagonal))) / 0.6745


def immerkaer(z: Array) -> float:
    rows = z[:-2] - 2 * z[1:-1] + z[2:]
    both = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.abs(both).mean()) * math.sqrt(math.pi / 2) / 6


def _patches(z: Array, side: int) -> Array:
    return np.lib.stride_tricks.sliding_window_view(z, (side, side)).reshape(-1, side * side)


def weak_texture(z: Array) -> float:
    patches = _patches(z, 7)
    gradients = np.diff(patches.reshape(-1, 7, 7), axis=1), np.diff(patches.reshape(-1, 7, 7), axis=2)
    texture = sum((g**2).sum(axis=(1, 2)) for g in gradients)
    variance = float(np.linalg.eigvalsh(np.cov(patches.T))[0])
    # The gradients' energy under noise alone: 84 differences, each of variance 2σ².
    for _ in range(5):
        weak = texture < variance * 2 * 84 * (1 + 3.1 * math.sqrt(3 / 84))
        if weak.sum() < 100:
            break
        variance = float(np.linalg.eigvalsh(np.cov(patches[weak].T))[0])
    return math.sqrt(max(0.0, variance))


def eigenvalues(z: Array) -> float:
    values = np.linalg.eigvalsh(np.cov(_patches(z, 8).T))
    for last in range(len(values), 0, -1):
        if values[:last].mean() <= np.median(values[:last]):
            return math.sqrt(max(0.0, float(np.median(values[:last]))))
    return math.sqrt(max(0.0, float(values[0])))


OTHERS: dict[str, Callable[[Array], float]] = {
    "MAD of diagonal differences": mad,
    "Immerkær": immerkaer,
    "weak textures (after Liu)": weak_texture,
    "patch eigenvalues (Chen)": eigenvalues,
}


# ── Tables ──


class Bench:
    def __init__(self, folders: list[Path], colour: bool) -> None:
        self.pictures: dict[str, Array] = {}
        for path in sorted(p for folder in folders for p in (folder.rglob("*") if folder.is_dir() else [folder])):
            if path.suffix.lower() in FORMATS:
                clean = as_float(read_picture(path).frames[0]).astype(np.float64)
                if clean.ndim == 3 and not colour:
                    clean = clean[:, :, min(1, clean.shape[2] - 1)]
                self.pictures[f"{path.parent.name}/{path.stem}"] = clean

    def each(self, recipe: Recipe | None, *, floats: bool = False) -> Iterator[tuple[str, Array]]:
        for name, clean in self.pictures.items():
            noisy = clean if recipe is None else recipe(clean, np.random.default_rng(zlib.crc32(name.encode())))
            yield name, noisy if floats else eight_bit(noisy)

    def levels(self, others: bool) -> str:
        rows = []
        methods: dict[str, Callable[[Array], float]] = {"this": lambda z: estimate(z).sigma, "nothing typed": _planned}
        methods |= {name: _on_floats(method) for name, method in OTHERS.items()} if others else {}
        for name, method in methods.items():
            for floats in (False, True):
                cells, elapsed = [], 0.0
                for level in (0, *LEVELS):
                    found: list[float] = []
                    for _, noisy in self.each(gaussian(level) if level else None, floats=floats):
                        elapsed += seconds(functools.partial(_keep, found, method, noisy))
                    errors = np.array(found) if level == 0 else 100 * (np.array(found) / level - 1)
                    worst = errors[np.argmax(np.abs(errors))]
                    cells.append(f"{errors.mean():.2f} / {worst:.1f}" if level == 0 else f"{errors.mean():+.1f} / {worst:+.1f}")
                rows.append([name, "float" if floats else "8 bit", *cells, f"{1e3 * elapsed / len(self.pictures) / (1 + len(LEVELS)):.0f}"])
        return table(["σ·255, errors in %: mean / worst", "", "clean (1/255)", *map(str, LEVELS), "ms"], rows)

    def impulses(self) -> str:
        rows = []
        cases = [("salt and pepper", salt_pepper), ("random-valued", random_valued)]
        for name, make in cases:
            for level in (0, 10):
                for share in SHARES:
                    found = [estimate(z) for _, z in self.each(make(share, level))]
                    shares, levels = 100 * np.array([n.impulses for n in found]), 255 * np.array([n.sigma for n in found])
                    right = sum(n.model == "impulses" for n in found)
                    rows.append(
                        [f"{name} {100 * share:g} %, σ {level}/255", f"{right}/{len(found)}", f"{shares.mean():.2f}", f"{shares.min():.2f}",
                         f"{shares.max():.2f}", f"{levels.mean():.1f}", f"{levels.max():.1f}"]
                    )  # fmt: skip
        return table(["impulses", "recognised", "mean %", "least %", "most %", "σ of the rest·255", "most"], rows)

    def growth(self) -> str:
        rows = []
        for level in (0, 5):
            for peak in PEAKS:
                for floats in (False, True):
                    found = [n for _, z in self.each(poisson(peak, level), floats=floats) if (n := estimate(z)).model == "poisson"]
                    gains = np.array([n.gain * peak for n in found])
                    reads = 255 * np.array([n.read_noise for n in found])
                    quantiles = [f"{value:.2f}" for value in np.quantile(gains, (0.1, 0.5, 0.9))] if found else ["–"] * 3
                    rows.append(
                        [f"peak {peak}, read noise {level}/255, {'float' if floats else '8 bit'}", f"{len(found)}/{len(self.pictures)}",
                         *quantiles, f"{np.median(reads):.1f}" if found else "–"]
                    )  # fmt: skip
        return table(["variance that grows", "recognised", "gain/true: 10 %", "median", "90 %", "read noise·255, median"], rows)

    def verdicts(self) -> str:
        models = ("none", "gaussian", "poisson", "impulses")
        cases: list[tuple[str, Recipe | None, bool]] = [("clean", None, False)]
        cases += [(f"Gaussian {s}/255, {'float' if f else '8 bit'}", gaussian(s), f) for f in (False, True) for s in LEVELS]
        cases += [(f"Poisson, peak {p}, {'float' if f else '8 bit'}", poisson(p), f) for f in (False, True) for p in PEAKS]
        cases += [(f"Poisson, peak {p}, and Gaussian 5/255", poisson(p, 5), False) for p in (30, 100)]
        cases += [(f"salt and pepper {100 * p:g} %", salt_pepper(p), False) for p in (*SHARES, 0.5)]
        cases += [(f"random-valued {100 * p:g} %", random_valued(p), False) for p in (*SHARES, 0.5)]
        cases += [("10 % salt and pepper, Gaussian 10/255", salt_pepper(0.1, 10), False)]
        cases += [("10 % random-valued, Gaussian 10/255", random_valued(0.1, 10), False)]
        rows = []
        for name, recipe, floats in cases:
            found: dict[str, Noise] = {picture: estimate(z) for picture, z in self.each(recipe, floats=floats)}
            counts = Counter(noise.model for noise in found.values())
            rows.append([name, *(str(counts[model] or "") for model in models)])
        return table(["true noise \\ verdict", *models], rows)


def _keep(found: list[float], method: Callable[[Array], float], noisy: Array) -> None:
    found.append(255 * method(noisy))


def _planned(noisy: Array) -> float:
    """The level that a run with nothing typed tells: the network has been asked, where calm places leave it open."""
    noise = make_plan(Subject(noisy, Scale.of(noisy)), Settings()).noise
    return 0.0 if noise is None else noise.sigma


def _on_floats(method: Callable[[Array], float]) -> Callable[[Array], float]:
    return lambda z: method(as_float(z).astype(np.float64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="clean pictures")
    parser.add_argument("--only", choices=("levels", "impulses", "growth", "verdicts"), help="one table")
    parser.add_argument("--others", action="store_true", help="the other estimators of the level as well")
    parser.add_argument("--colour", action="store_true", help="colour pictures with all their channels")
    options = parser.parse_args()
    bench = Bench(options.folders, options.colour)
    if not bench.pictures:
        parser.error(f"no picture in {', '.join(map(str, options.folders))}")
    print(f"{len(bench.pictures)} pictures; {machine()}\n")
    tables = {
        "levels": lambda: bench.levels(options.others),
        "impulses": bench.impulses,
        "growth": bench.growth,
        "verdicts": bench.verdicts,
    }
    for name, make in tables.items():
        if options.only in (None, name):
            print(make(), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
