"""Impulses by their positions: restored, against L1 at its best λ; and the verdict on clean pictures.

--salt-pepper         camera, coins, brick and coffee of scikit-image, 10, 30 and 50 % salt and pepper: L1, medians and adaptive medians,
                      each at the setting that a clean picture says is best, and the automatic mode, which gets the noisy one alone;
                      coffee also with the pixels left out that were hit in any channel, as (height, width) weights make it
--random FOLDER       pictures of the folder in grey, 10, 20, 30 and 40 % random values; one to three rounds, L1 at λ 0.25 to 0.35
--mixed               camera and coins, impulses beside Gaussian noise, against the best of ten λ with the true positions
--clean FOLDER ...    pictures without impulses: in how many they are found all the same
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.common import Array, machine, seconds, table
from denoise_cli.choice.impulse_plan import impulse_plan, solve_trusted
from denoise_cli.formats.files import FORMATS, read_picture
from denoise_cli.measure.scale import Scale
from denoise_cli.noise import impulse_detection, outlier_network
from denoise_cli.noise.impulse_detection import find_impulses, trust
from denoise_cli.noise.opponent_colours import WEIGHTS
from denoise_cli.variational import denoise

MEDIAN_SIDES, ADAPTIVE_SIDES = (3, 5, 7, 9), (3, 5, 7, 9, 11)
L1_WEIGHTS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0)


def eight_bit(picture: Array) -> Array:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def hit(clean: Array, share: float, kind: str, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    where = rng.random(clean.shape) < share
    values = rng.integers(0, 2, clean.shape) if kind == "salt and pepper" else rng.random(clean.shape)
    return np.where(where, values, clean), where


def psnr(picture: Array, clean: Array) -> float:
    return float(-10 * np.log10(np.mean((np.clip(picture, 0, 1) - clean) ** 2)))


def best_l1(pixels: Array, clean: Array) -> float:
    """L1 at its best λ: they are tried in order until it gets worse twice."""
    scores: list[float] = []
    for weight in L1_WEIGHTS:
        scores.append(psnr(denoise(pixels, weight, fidelity="l1", method="optimal", gap=3e-3, records=False).image, clean))
        if len(scores) > 2 and scores[-1] < scores[-2] < scores[-3]:
            break
    return max(scores)


def best_median(stored: Array, clean: Array) -> float:
    """The median of squares of the best size, each channel by itself."""
    from scipy.ndimage import median_filter

    window = (1,) * (stored.ndim - 2)
    return max(psnr(median_filter(stored, (side, side, *window)) / 255, clean) for side in MEDIAN_SIDES)


def best_adaptive_median(stored: Array, clean: Array) -> float:
    """The adaptive median with the largest window that is best: Hwang & Haddad 1995, IEEE Trans. Image Process. 4, 499–502.

    A pixel takes the median of the smallest square whose median is neither its least nor its largest value, if it is itself one of these.
    """
    from scipy.ndimage import maximum_filter, median_filter, minimum_filter

    scores, result, undecided = [], stored.copy(), np.ones(stored.shape, bool)
    for side in ADAPTIVE_SIDES:
        size = (side, side, *(1,) * (stored.ndim - 2))
        least, middle, largest = (each(stored, size) for each in (minimum_filter, median_filter, maximum_filter))
        sound = undecided & (least < middle) & (middle < largest)
        replaced = sound & ((stored <= least) | (stored >= largest))
        result[replaced] = middle[replaced]
        undecided &= ~sound
        scores.append(psnr(np.where(undecided, middle, result) / 255, clean))
    return max(scores)


def automatic(stored: Array, clean: Array) -> tuple[float, str, float]:
    """PSNR, what was assumed, and seconds for the plan."""
    scale = Scale.of(stored)
    pixels = scale.floats(stored)
    plans = []
    elapsed = seconds(lambda: plans.append(impulse_plan(pixels, scale)))
    plan = plans[0]
    if plan is None:
        return psnr(pixels, clean), "none found", elapsed
    return psnr(solve_trusted(pixels, plan, records=False).image, clean), plan.sentence, elapsed


def samples(*names: str) -> Iterator[tuple[str, Array]]:
    from skimage import data

    for name in names:
        yield name, getattr(data, name)() / 255


def pictures(folders: list[Path]) -> Iterator[tuple[str, Array]]:
    for path in sorted(p for folder in folders for p in (folder.rglob("*") if folder.is_dir() else [folder])):
        if path.suffix.lower() in FORMATS:
            yield path.stem, read_picture(path).frames[0]


def salt_pepper() -> str:
    rows = []
    for name, clean in samples("camera", "coins", "brick", "coffee"):
        for share in (0.1, 0.3, 0.5):
            stored = eight_bit(hit(clean, share, "salt and pepper", 0)[0])
            score, sentence, elapsed = automatic(stored, clean)
            pixels = stored / np.float32(255)
            others = (best_l1(pixels, clean), best_median(stored, clean), best_adaptive_median(stored, clean))
            rows.append([f"{name} {share:.0%}", *(f"{each:.2f}" for each in (*others, score)), f"{elapsed:.2f}", sentence])
            if clean.ndim == 3:
                known = ((stored > 0) & (stored < 255)).all(axis=2).astype(np.float32)
                left_out = denoise(pixels, 0.002, method="optimal", weights=known, records=False).image
                rows[-1][-1] += f" (one weight a pixel: {psnr(left_out, clean):.2f} dB)"
    header = ["salt and pepper, dB", "L1, best λ", "median, best size", "adaptive median, best", "automatic", "plan, s", "assumed"]
    return table(header, rows)


def random_values(folders: list[Path]) -> str:
    rows = []
    for share in (0.1, 0.2, 0.3, 0.4):
        scores = []
        for name, frame in pictures(folders):
            clean = (frame if frame.ndim == 2 else frame @ np.array(WEIGHTS)) / 255
            stored = eight_bit(hit(clean, share, "random values", zlib.crc32(name.encode()))[0])
            scale = Scale.of(stored)
            pixels = scale.floats(stored)
            found = find_impulses(pixels, scale)
            row = [best_l1(pixels, clean), automatic(stored, clean)[0], 100 * found.share]
            spanned = ((pixels - scale.bottom) / scale.unit).astype(np.float32)
            for rounds, weight in ((1, 0.3), (2, 0.3), (3, 0.25), (3, 0.35)):
                odds = outlier_network.log_odds(spanned, found.random_valued or 1e-3, rounds=rounds)
                weights = 1 / (1 + np.exp(np.clip(odds, -30, 30)))
                image = denoise(pixels, weight, fidelity="l1", method="optimal", weights=weights, gap=3e-3, records=False).image
                row.append(psnr(image, clean))
            scores.append(row)
        rows.append([f"{share:.0%}", *(f"{value:.2f}" for value in np.mean(scores, axis=0))])
    header = ["random values, mean dB", "L1, best λ", "automatic", "share found, %", "1 round", "2 rounds", "λ 0.25", "λ 0.35"]
    return table(header, rows)


def mixed() -> str:
    rows = []
    for name, clean in samples("camera", "coins"):
        for kind in ("salt and pepper", "random values"):
            for share, level in ((0.001, 8), (0.01, 15), (0.1, 5), (0.1, 15), (0.3, 15)):
                rng = np.random.default_rng(1)
                noisy, where = hit(clean + rng.normal(0, level / 255, clean.shape), share, kind, 2)
                stored = eight_bit(noisy)
                score, sentence, _ = automatic(stored, clean)
                known = (~where).astype(np.float32)
                pixels = stored / np.float32(255)
                best = max(
                    psnr(denoise(pixels, factor * level / 255, method="optimal", weights=known, gap=3e-3, records=False).image, clean)
                    for factor in np.geomspace(0.6, 2, 10)
                )
                rows.append([f"{name}, {share:.1%} {kind}, σ {level}/255", f"{best:.2f}", f"{score:.2f}", sentence])
    return table(["impulses and Gaussian noise, dB", "true positions, best λ", "automatic", "assumed"], rows)


def clean(folders: list[Path]) -> str:
    total, wrong, weights_off = 0, [], 0.0
    for name, frame in pictures(folders):
        scale = Scale.of(frame)
        pixels = scale.floats(frame)
        found = find_impulses(pixels, scale)
        total += 1
        if found.share:
            weights_off = float((trust(pixels, scale, found) < 0.5).mean())
            wrong.append([name, found.kind, f"{found.share:.3%}", f"{weights_off:.3%}"])
    return f"{len(wrong)} of {total} clean pictures.\n\n" + table(["found in", "kind", "share", "distrusted"], wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--salt-pepper", action="store_true")
    parser.add_argument("--random", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--clean", type=Path, nargs="+", metavar="FOLDER")
    told = parser.parse_args()
    if told.salt_pepper:
        print(salt_pepper() + "\n")
    if told.random:
        print(random_values(told.random) + "\n")
    if told.mixed:
        print(mixed() + "\n")
    if told.clean:
        print(clean(told.clean) + "\n")
    print(f"{machine()}; at least {impulse_detection.FEWEST} impulses seen.")


if __name__ == "__main__":
    main()
