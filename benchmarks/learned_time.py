"""How long the networks take for 512² pixels, by ONNX Runtime and by NumPy, beside `optimal` at a λ that is told."""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.common import interleaved, machine, noisy_picture, seconds, table
from denoise_cli import denoise
from denoise_cli.methods.learned.network import COLOUR, GREY, restore
from denoise_cli.methods.learned.numpy_engine import NumpyEngine
from denoise_cli.methods.learned.onnx_file import read_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="side of the picture, a multiple of 8")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = []
    for word, channels, network in (("grey", 1, GREY), ("colour", 3, COLOUR)):
        noisy = np.float32(noisy_picture(options.size, "l2", channels))
        planes = np.ascontiguousarray(np.moveaxis(noisy.reshape(*noisy.shape[:2], channels), 2, 0))
        level = np.full_like(planes, 0.1)
        plain = NumpyEngine(read_model(network), None)
        ways = {
            "ONNX Runtime": lambda noisy=noisy: seconds(lambda: restore(noisy, 0.1)),
            "NumPy": lambda planes=planes, level=level, plain=plain: seconds(lambda: plain(planes, level)),
            "`optimal`, λ 0.14": lambda noisy=noisy: seconds(lambda: denoise(noisy, 0.14, method="optimal")),
            "nothing told": lambda noisy=noisy: seconds(lambda: denoise(noisy)),
        }
        for way in ways.values():
            way()
        taken = interleaved(ways, options.rounds)
        rows.append([f"{options.size}², {word}", *(f"{taken[way]:.3f}" for way in ways)])
    print(machine())
    print("\nSeconds, median, in memory.\n")
    print(table(["", "network, ONNX Runtime", "network, NumPy", "`optimal`, λ 0.14", "nothing told"], rows))


if __name__ == "__main__":
    main()
