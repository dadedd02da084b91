"""The network beside BM3D and non-local means on sample_images/, as a Markdown table:  python docs/make_learned_table.py

    --sigma 25                     standard deviation of the noise, white being 255 (floats, not clipped, seed 0)
    --methods bm3d,nl-means        which of the peers (`denoise benchmark --help`); those that are not installed are said and left out
    --model A.onnx --model B.onnx  networks of your own beside ours

The network is told nothing and finds the level itself, `optimal` likewise; the peers are told the true one. BM3D takes minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from denoise_cli import denoise
from denoise_cli.methods.peers import PEERS
from denoise_cli.variational import psnr_db

SAMPLES = Path(__file__).resolve().parents[1] / "sample_images"
PICTURES = ("camera.png", "coffee.png")
Way = Callable[[Any, float], Any]


def ours(method: str, model: Path | None = None) -> Way:
    return lambda noisy, _: denoise(noisy, method=method, model=model).image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sigma", type=float, default=25.0)
    parser.add_argument("--methods", default="bm3d,nl-means,opencv-nlm")
    parser.add_argument("--model", type=Path, action="append", default=[])
    options = parser.parse_args()
    ways: dict[str, Way] = {"denoise, `learned`": ours("learned"), "denoise, `optimal`": ours("optimal")}
    ways |= {f"denoise, `{model.name}`": ours("learned", model) for model in options.model}
    for name in filter(None, options.methods.split(",")):
        peer = PEERS[name]
        if peer.missing:
            print(f"{name}: left out; pip install {' '.join(peer.missing)}", file=sys.stderr)
        else:
            ways[f"{name} ({peer.setting})"] = peer.denoise
    pages = {}
    for name in PICTURES:
        with Image.open(SAMPLES / name) as picture:
            clean = np.asarray(picture, np.float32) / 255
        grain = np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
        pages[name] = clean, clean + np.float32(options.sigma / 255) * grain
    heads = [f"{name}, {' × '.join(str(side) for side in clean.shape[1::-1])}" for name, (clean, _) in pages.items()]
    print(f"| σ {options.sigma:g}/255 | " + " | ".join(f"{head}: dB | seconds" for head in heads) + " |")
    print("|---|" + "---:|" * 2 * len(heads))
    print("| with the noise | " + " |  | ".join(f"{psnr(noisy, clean):.2f}" for clean, noisy in pages.values()) + " |  |")
    for word, way in ways.items():
        cells = []
        for clean, noisy in pages.values():
            way(noisy[:64, :64], options.sigma / 255)  # what is imported and set up at the first call does not count
            began = time.perf_counter()
            found = way(noisy, options.sigma / 255)
            cells += [f"{psnr(found, clean):.2f}", f"{time.perf_counter() - began:.2f}"]
        print(f"| {word} | " + " | ".join(cells) + " |", flush=True)


def psnr(image: Any, clean: Any) -> float:
    return float(psnr_db(np.clip(image, 0, 1), clean))


if __name__ == "__main__":
    main()
