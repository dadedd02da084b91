"""The networks on white noise of a level that is known, found or not told, means of several runs, BM3D; and on pairs with real noise."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.common import machine, table
from denoise_cli import denoise
from denoise_cli.methods.learned import restore
from denoise_cli.methods.peers import PEERS
from training.evaluate import Method, Picture, bm3d_method, read, real, rows

LEVELS = (5.0, 15.0, 25.0, 50.0)
TOLD = (0.0, 4.0, 6.0, 8.0, 12.0)


def known(copies: int = 1) -> Method:
    return lambda picture, level: restore(picture, level, copies=copies)


def found_in_it(picture: Picture, _: float) -> Picture:
    """As somebody has it who types `--method learned` and nothing else."""
    made: Picture = denoise(picture, method="learned").image
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="pictures, or pairs NAME_real.png and NAME_mean.png")
    parser.add_argument("--every", type=int, default=1, help="BM3D and the means of several runs: only every Nth picture")
    options = parser.parse_args()
    print(machine())
    pairs = [folder for folder in options.folders if any(folder.glob("*_real.png"))]
    sets = {folder.name: sorted(folder.glob("*.png")) for folder in options.folders if folder not in pairs}

    found = []
    for name, files in sets.items():
        pictures = [(path.name, read(path)) for path in files]
        cells = []
        for level in LEVELS:
            told: dict[str, Method] = {"known": known(), "found": found_in_it, "blind": lambda picture, _: restore(picture)}
            scores = rows(pictures, told, [level])
            cells.append(" / ".join(f"{row['psnr_db']:.2f}" for row in scores))
        found.append([f"{name} ({len(files)})", *cells])
    print("\nWhite noise (floats, not clipped), results clipped: mean PSNR in dB, level known / found in the picture / not told.\n")
    print(table(["", *(f"σ {level:g}" for level in LEVELS)], found))

    ways = {"learned": known()} | {f"mean of {copies} runs": known(copies) for copies in (2, 4, 8)}
    if not PEERS["bm3d"].missing:
        ways = {"BM3D": bm3d_method} | ways
    found = []
    for name, files in sets.items():
        pictures = [(path.name, read(path)) for path in files[:: options.every]]
        scores = list(rows(pictures, ways, [25.0]))
        found.append([f"{name} ({len(pictures)})", *(f"{row['psnr_db']:.2f} in {row['seconds']:.0f} s" for row in scores)])
    print("\nWhite noise of σ 25, the level known to all.\n")
    print(table(["", *ways], found))

    for folder in pairs:
        scores = list(real(sorted(folder.glob("*_real.png")), list(TOLD), None))
        print(f"\nReal noise, {folder.name}: mean PSNR in dB with each level told for all alike.\n")
        print(table(["as it came", "not told", *(f"{level:g}/255" for level in TOLD[1:])], [[f"{row['psnr_db']:.2f}" for row in scores]]))


if __name__ == "__main__":
    main()
