"""Make the figures of README with the tool itself: python docs/make_figures.py. Each is one command, which is printed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
FIGURES, SAMPLES = DOCS / "figures", DOCS.parent / "sample_images"

COMMANDS = [
    # Noisy, denoised and what was removed, for Gaussian noise and for impulses.
    "denoise camera_gaussian.png -o gaussian.png --residual figures/gaussian_removed.png",
    "denoise compare camera.png camera_gaussian.png gaussian.png --sheet figures/gaussian.png --crop 90,40,80,80",
    "denoise camera_impulses.png -o impulses.png --residual figures/impulses_removed.png",
    "denoise compare camera.png camera_impulses.png impulses.png --sheet figures/impulses.png --crop 90,40,80,80",
    # `matlab` against `optimal`.
    "denoise camera_gaussian.png --lambda 0.14 --reference camera.png --log matlab.csv -o m.png",
    "denoise camera_gaussian.png --lambda 0.14 --method optimal --reference camera.png --log optimal.csv -o o.png",
    "denoise plot matlab.csv optimal.csv -o figures/convergence.svg",
    # A path of λ.
    "denoise path camera_gaussian.png --reference camera.png -o figures/path.png --csv path.csv",
    "denoise plot path.csv -o figures/path.svg",
]


def main() -> None:
    FIGURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        desk = Path(folder)
        (desk / "figures").mkdir()
        for name in ("camera", "camera_gaussian", "camera_impulses"):
            shutil.copy(SAMPLES / f"{name}.png", desk)
        for command in COMMANDS:
            print(f"$ {command}", flush=True)
            subprocess.run([sys.executable, "-m", *shlex.split(command.replace("denoise", "denoise_cli", 1))], cwd=desk, check=True)
        for figure in sorted((desk / "figures").iterdir()):
            shutil.copy(figure, FIGURES)
            print(f"{FIGURES.name}/{figure.name}: {figure.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
