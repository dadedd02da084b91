"""Pairs of noisy and clean photographs, NAME_real.png and NAME_mean.png: what the automatic mode makes of them, and the best single λ."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import Array, machine, table
from denoise_cli import denoise as by_itself
from denoise_cli.choice.choose import choose
from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Subject
from denoise_cli.pipeline.plan import make_plan
from denoise_cli.settings import Settings
from denoise_cli.variational import denoise, psnr_db

WEIGHTS = (0.01, 0.015, 0.02, 0.027, 0.035, 0.045, 0.06, 0.075, 0.09, 0.11, 0.135, 0.17, 0.22, 0.3)


def psnr(image: Array, clean: Array) -> float:
    return float(psnr_db(np.clip(image, 0, 1), clean))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--suffixes", nargs=2, default=["_real", "_mean"], help="of the noisy and of the clean picture")
    parser.add_argument("--grey", action="store_true", help="the same photographs in grey")
    options = parser.parse_args()
    mode = "L" if options.grey else "RGB"
    noisy_suffix, clean_suffix = options.suffixes
    rows, results = [], []
    for path in sorted(options.folder.glob(f"*{noisy_suffix}.png")):
        stored = np.asarray(Image.open(path).convert(mode))
        clean = np.asarray(Image.open(path.with_name(path.name.replace(noisy_suffix, clean_suffix))).convert(mode)) / 255
        pixels = stored.astype(np.float32) / 255
        subject = Subject(stored, Scale.of(stored))
        start = time.perf_counter()
        plan = make_plan(subject, Settings(method="optimal"))
        seconds = time.perf_counter() - start
        choice = plan.choice or choose(stored, noise=plan.noise)
        one = psnr(denoise(pixels, choice.weight, fidelity=choice.fidelity, method="optimal", records=False).image, clean)
        two = psnr(plan.method.run(subject, plan).image, clean)
        best = max(psnr(denoise(pixels, w, method="optimal", gap=1e-3, records=False).image, clean) for w in WEIGHTS)
        itself, network = by_itself(stored), by_itself(stored, method="learned")
        results.append((psnr(pixels, clean), one, two, best, psnr(network.image, clean), psnr(itself.image, clean)))
        told = [f"{best - two:+.2f}", choice.noise.model, f"{seconds:.1f}", itself.plan.method.name if itself.plan else ""]
        rows.append([path.stem, *(f"{value:.2f}" for value in results[-1]), *told])
    means = np.mean(results, axis=0)
    rows.append(["mean", *(f"{value:.2f}" for value in means), f"{means[3] - means[2]:+.2f}", "", "", ""])
    columns = [
        "as it is",
        "one λ",
        "luma and chroma",
        "best single λ",
        "learned",
        "nothing typed",
        "short of it",
        "noise",
        "s choosing",
        "method",
    ]
    print(table(["PSNR, dB", *columns], rows))
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
