"""The choice of λ against the best λ that a clean picture would tell: PSNR lost, and the time that choosing takes.

FOLDER ...            clean pictures with noise of several kinds and levels
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.common import Array, machine, seconds, table
from denoise_cli.choice.choose import choose
from denoise_cli.choice.laws import gaussian_law, impulse_law
from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Subject
from denoise_cli.pipeline.plan import make_plan
from denoise_cli.settings import Settings
from denoise_cli.variational import denoise, psnr_db

SIGMAS, FRACTIONS = (5, 10, 15, 25, 50), (0.05, 0.1, 0.2, 0.4)
OPTIMAL = Settings(method="optimal")
SUFFIXES = (".png", ".tif", ".tiff", ".bmp")


def generator(*key: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def cases(clean: Array, name: str) -> Iterator[tuple[str, float, Array]]:
    """(kind of noise, level, noisy picture): "gaussian" as floats, "gaussian, 8 bit" cut off at 0 and 1 and rounded as a PNG holds it."""
    for level in SIGMAS:
        noisy = clean + level / 255 * generator(name, level).standard_normal(clean.shape)
        yield "gaussian", level, noisy
        yield "gaussian, 8 bit", level, eight_bits(noisy)
    for fraction in FRACTIONS:
        random = generator(name, fraction)
        hit = random.random(clean.shape[:2]) < fraction
        salt = (random.random(clean.shape[:2]) < 0.5).astype(float)
        whole = (hit, salt) if clean.ndim == 2 else (hit[:, :, None], salt[:, :, None])
        yield "salt and pepper", fraction, eight_bits(np.where(*whole, clean))
        yield "random values", fraction, eight_bits(np.where(random.random(clean.shape) < fraction, random.random(clean.shape), clean))


def eight_bits(picture: Array) -> Array:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


class Oracle:
    """PSNR as a function of λ."""

    def __init__(self, noisy: Array, clean: Array, fidelity: str) -> None:
        self.noisy, self.clean, self.fidelity = noisy, clean, fidelity
        self.seconds = 0.0
        self._known: dict[float, float] = {}

    def psnr(self, weight: float) -> float:
        if weight not in self._known:
            start = time.perf_counter()
            gap = {"l2": 1e-3, "l1": 5e-3}[self.fidelity]
            solution = denoise(self.noisy, weight, fidelity=self.fidelity, method="optimal", gap=gap, records=False, dtype=np.float32)
            self.seconds = time.perf_counter() - start
            self._known[weight] = psnr_db(np.clip(solution.image, 0, 1), self.clean)
        return self._known[weight]

    def best(self, start: float) -> tuple[float, float]:
        """The best λ and its PSNR: steps of 12 % uphill both ways, then a parabola."""
        step, weights = 1.12, [start]
        for factor in (step, 1 / step):
            weight = start
            while self.psnr(weight * factor) > self.psnr(weight) - 0.02:
                weight *= factor
            weights.append(weight * factor)
        known = sorted(self._known)
        top = max(range(1, len(known) - 1), key=lambda k: self._known[known[k]])
        near = np.log(known[top - 1 : top + 2])
        a, b, _ = np.polyfit(near - near[1], [self._known[w] for w in known[top - 1 : top + 2]], 2)
        if a < 0:
            self.psnr(float(np.exp(np.clip(near[1] - b / (2 * a), near[0], near[2]))))
        weight = max(self._known, key=lambda w: self._known[w])
        return weight, self._known[weight]


def discrepancy(noisy: Array, sigma: float, start: float) -> float:
    """λ with ‖u − f‖²/n = σ² (Morozov), by the secant rule in log λ."""

    def excess(weight: float) -> float:
        u = denoise(noisy, weight, method="optimal", gap=3e-3, records=False, dtype=np.float32).image
        return float(np.log(np.mean((u - noisy) ** 2) / sigma**2))

    places = [np.log(start), np.log(start) + 0.2]
    values = [excess(np.exp(place)) for place in places]
    for _ in range(6):
        slope = (values[-1] - values[-2]) / (places[-1] - places[-2])
        if abs(values[-1]) < 0.005 or slope == 0:
            break
        places.append(places[-1] + float(np.clip(-values[-1] / slope, -0.7, 0.7)))
        values.append(excess(np.exp(places[-1])))
    return float(np.exp(places[-1]))


def measure(path: Path, kinds: list[str]) -> Iterator[dict[str, Any]]:
    clean = np.asarray(Image.open(path)) / 255
    for kind, level, noisy in cases(clean, path.name):
        if kind not in kinds:
            continue
        gaussian = kind.startswith("gaussian")
        pixels = noisy / 255 if noisy.dtype == np.uint8 else noisy
        oracle = Oracle(pixels, clean, "l2" if gaussian else "l1")
        row: dict[str, Any] = {"picture": f"{path.parent.name}/{path.name}", "noise": kind, "level": level}
        blind = choose(noisy)
        row["seconds choosing"] = seconds(lambda: make_plan(Subject(noisy, Scale.of(noisy)), OPTIMAL))  # noqa: B023
        weights = {"nothing given": blind.weight}
        if gaussian:
            told = choose(noisy, sigma=level / 255)
            weights["σ given"] = told.weight
            weights["law"] = gaussian_law(level / 255, 1 if pixels.ndim == 2 else pixels.shape[2])
            weights["discrepancy"] = discrepancy(pixels, level / 255, told.weight)
            row["σ error"] = blind.noise.sigma * 255 / level - 1
        else:
            channels = 1 if pixels.ndim == 2 else pixels.shape[2]
            weights["law"] = impulse_law(blind.noise.impulses, channels, whole=kind == "salt and pepper")
            row["fraction error"] = blind.noise.impulses / level - 1
        psnrs = {name: oracle.psnr(weight) for name, weight in weights.items()}
        row["seconds solving"] = oracle.seconds
        right = blind.fidelity == oracle.fidelity
        best, top = oracle.best(weights["law" if not gaussian else "σ given"])
        row |= {"best λ": best, "best PSNR": top, "model": blind.noise.model, "right": int(right)}
        for name, weight in weights.items():
            row |= {f"λ {name}": weight, f"loss {name}": top - psnrs[name]}
        oracle.psnr(blind.weight * 1.0000001)  # timed by itself, the machine as it is now
        row["seconds solving"] = oracle.seconds
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="clean pictures, 8 bit")
    parser.add_argument("--noise", nargs="+", default=["gaussian", "gaussian, 8 bit", "salt and pepper", "random values"])
    parser.add_argument("--every", type=int, default=1, help="take every N-th picture of a folder")
    parser.add_argument("--csv", type=Path, help="a row a picture and noise")
    options = parser.parse_args()
    if options.folders:
        print(f"{losses(options)}\n")
    print(machine())


def losses(options: argparse.Namespace) -> str:
    rows = []
    for folder in options.folders:
        for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)[:: options.every]:
            rows += list(measure(path, options.noise))
            print(f"{path}", file=sys.stderr)
    if options.csv:
        with options.csv.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, sorted({name for row in rows for name in row}))
            writer.writeheader()
            writer.writerows(rows)
    groups = defaultdict(list)
    for row in rows:
        groups[row["noise"], row["level"]].append(row)
        groups[row["noise"], "all"].append(row)
    names = ("nothing given", "σ given", "law", "discrepancy")
    lines = []
    for (noise, level), group in sorted(groups.items(), key=lambda item: (item[0][0], str(item[0][1]).zfill(5))):
        lost = [[row[f"loss {name}"] for row in group if f"loss {name}" in row] for name in names]
        cells = [f"{statistics.fmean(values):.3f} / {max(values):.2f}" if values else "" for values in lost]
        errors = [abs(row.get("σ error", row.get("fraction error", 0.0))) for row in group]
        ratio = statistics.median(row["seconds choosing"] / row["seconds solving"] for row in group)
        right = statistics.fmean(row["right"] for row in group)
        lines.append(
            [noise, level, *cells, f"{100 * statistics.fmean(errors):.1f} / {100 * max(errors):.0f}", f"{100 * right:.0f}", f"{ratio:.1f}"]
        )
    header = ["noise", "level", *(f"loss, {name}" for name in names), "level error, %", "right fidelity, %", "choosing ÷ solving"]
    title = f"PSNR lost to the best λ, dB, mean / worst over {len({row['picture'] for row in rows})} pictures; level error mean / worst"
    return f"{title}\n\n{table(header, lines)}"


if __name__ == "__main__":
    main()
