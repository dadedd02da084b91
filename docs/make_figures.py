"""Make the figures of README and of the site with the tool itself: python docs/make_figures.py. Each is one command, which is printed.

front.png needs `pip install bm3d` as well, which takes numbers of the machine with it: --front draws it alone, else it is left as it is.
report.png, a page in the browser, needs Chromium: --report draws it alone.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

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
#: left, top, width and height of what front.png shows of coffee_gaussian.png, and how many times as large.
CROP, MAGNIFIED = (96, 60, 144, 144), 2
#: σ of the noise in coffee_gaussian.png; BM3D is told it.
SIGMA = 0.1


def main() -> None:
    FIGURES.mkdir(exist_ok=True)
    if sys.argv[1:] == ["--front"]:
        front().save(FIGURES / "front.png", optimize=True)
        return
    if sys.argv[1:] == ["--report"]:
        report(FIGURES / "report.png")
        return
    with tempfile.TemporaryDirectory() as folder:
        desk = Path(folder)
        (desk / "figures").mkdir()
        for name in ("camera", "camera_gaussian", "camera_impulses"):
            shutil.copy(SAMPLES / f"{name}.png", desk)
        for command in COMMANDS:
            print(f"$ {command}", flush=True)
            run(command, desk)
        before_after(desk).save(desk / "figures" / "before_after.png", optimize=True)
        for figure in sorted((desk / "figures").iterdir()):
            shutil.copy(figure, FIGURES)
            print(f"{FIGURES.name}/{figure.name}: {figure.stat().st_size / 1000:.0f} kB")


def run(command: str, desk: Path) -> str:
    """Standard output of a command of ours."""
    words = [sys.executable, "-m", *shlex.split(command.replace("denoise", "denoise_cli", 1))]
    return subprocess.run(words, cwd=desk, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def before_after(desk: Path) -> Image.Image:
    """Noisy, matlab, optimal: for Gaussian noise (L2, λ 0.14) above, for impulses (L1, λ 0.7) below."""
    rows = []
    for name, options in (("camera_gaussian", "--lambda 0.14"), ("camera_impulses", "--lambda 0.7 --l1")):
        row = [np.asarray(Image.open(desk / f"{name}.png"))]
        for method in ("matlab", "optimal"):
            run(f"denoise {name}.png {options} --method {method} -o {name}_{method}.png", desk)
            row.append(np.asarray(Image.open(desk / f"{name}_{method}.png")))
        rows.append(np.hstack(row))
    return Image.fromarray(np.vstack(rows))


def front() -> Image.Image:
    """Noisy, ours, and the best peer, with dB to the clean picture and seconds."""
    import bm3d

    clean, noisy = (np.asarray(Image.open(SAMPLES / f"coffee{name}.png")) / 255 for name in ("", "_gaussian"))
    with tempfile.TemporaryDirectory() as folder:
        desk = Path(folder)
        shutil.copy(SAMPLES / "coffee_gaussian.png", desk)
        told = [json.loads(run("denoise coffee_gaussian.png --json --overwrite -q", desk).splitlines()[0]) for _ in range(3)]
        ours = np.asarray(Image.open(desk / "coffee_gaussian_denoised.png")) / 255
    start = time.perf_counter()
    theirs = bm3d.bm3d_rgb(noisy, SIGMA)
    seconds = time.perf_counter() - start
    shown = [
        ("noisy", noisy, ""),
        ("denoise photo.png", ours, f", {min(each['seconds'] for each in told):.1f} s"),
        ("BM3D, told σ", theirs, f", {seconds:.1f} s"),
    ]
    return beside(shown, clean)


def report(figure: Path) -> None:
    """The report on a folder of samples, as Chromium shows it."""
    browser = next(found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder:
        desk = Path(folder)
        (desk / "scans").mkdir()
        for name in ("camera_gaussian", "camera_impulses", "coffee_gaussian"):
            shutil.copy(SAMPLES / f"{name}.png", desk / "scans")
        (desk / "scans" / "broken.png").write_bytes((SAMPLES / "camera.png").read_bytes()[:9000])
        words = [sys.executable, "-m", "denoise_cli", "scans", "-o", "clean", "--report", "report.html", "-q"]
        subprocess.run(words, cwd=desk, check=False)  # one file is broken: exit code 1
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1280,800", f"--screenshot={desk / 'report.png'}"]
        subprocess.run([browser, *options, f"--user-data-dir={desk / 'profile'}", (desk / "report.html").as_uri()], check=True)
        Image.open(desk / "report.png").convert("RGB").quantize(128).save(figure, optimize=True)


def beside(shown: list[tuple[str, Any, str]], clean: Any) -> Image.Image:
    """Crops side by side, each under its name, its PSNR and what else is to be said."""
    left, top, width, height = CROP
    font = ImageFont.load_default(17)
    line, gap = 26, 6
    side = width * MAGNIFIED
    sheet = Image.new("RGB", (len(shown) * (side + gap) - gap, height * MAGNIFIED + line), "white")
    for k, (name, picture, more) in enumerate(shown):
        error = np.mean((np.clip(picture, 0, 1) - clean) ** 2)
        crop = np.rint(np.clip(picture, 0, 1)[top : top + height, left : left + width] * 255).astype(np.uint8)
        panel = Image.fromarray(crop).resize((side, height * MAGNIFIED), Image.Resampling.NEAREST)
        sheet.paste(panel, (k * (side + gap), line))
        words = f"{name}: {-10 * np.log10(error):.1f} dB{more}"
        ImageDraw.Draw(sheet).text((k * (side + gap) + 2, 2), plain(words), "black", font)
        print(words)
    return sheet


def plain(words: str) -> str:
    """Pillow's own font, which is the same everywhere, has no Greek."""
    return words.replace("σ", "sigma")


if __name__ == "__main__":
    main()
