"""Trains the networks of denoise_cli/noise/outlier_network.py: python training/impulse_networks.py FOLDER OUTPUT.npz  (needs PyTorch).

FOLDER holds photographs without visible noise (training/photographs.tsv lists those that were used). Patches of them, and of drawings
and letters made here, are hit by impulses of any value; each round learns to find the impulses from single pixels, given what the
rounds before it found. Takes about five minutes on one core.
"""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from denoise_cli.noise.opponent_colours import WEIGHTS
from denoise_cli.noise.outlier_network import ROUNDS, _forward, inputs

Floats = NDArray[np.float32]

PATCHES, SIDE, PIXELS_OF_A_PATCH = 700, 128, 4500
HIDDEN = (48, 24)
EPOCHS, BATCH, FASTEST = 10, 4096, 6e-3
#: An impulse that changes its pixel by less than this counts for proportionally less: finding it gains nothing.
SEEN = 0.1
LUMA = np.array(WEIGHTS)


def drawing(rng: np.random.Generator) -> NDArray[np.float64]:
    """Letters, lines and shapes: what a detector that has seen photographs alone takes for impulses."""
    picture = Image.new("L", (SIDE, SIDE), int(rng.integers(0, 256)))
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.integers(3, 12)):
        x, y = rng.integers(-10, SIDE, 2)
        level, kind = int(rng.integers(0, 256)), rng.integers(0, 4)
        if kind == 0:
            letters = "".join(rng.choice(list("aegmRSW8%&ilTxkq.,:;"), 12))
            pen.text((x, y), letters, fill=level, font_size=int(rng.integers(8, 30)))
        elif kind == 1:
            pen.line((x, y, *rng.integers(0, SIDE, 2)), fill=level, width=int(rng.integers(1, 4)))
        elif kind == 2:
            pen.ellipse((x, y, x + rng.integers(2, 50), y + rng.integers(2, 50)), fill=level)
        else:
            pen.rectangle((x, y, x + rng.integers(2, 60), y + rng.integers(2, 60)), fill=level)
    return np.asarray(picture) / 255


def clean_patch(rng: np.random.Generator, paths: list[Path], turn: int) -> NDArray[np.float64]:
    if turn % 10 == 9:
        clean = drawing(rng)
    else:
        photograph = np.asarray(Image.open(paths[turn % len(paths)]).convert("RGB"))
        top, left = (rng.integers(length - SIDE + 1) for length in photograph.shape[:2])
        cut = photograph[top : top + SIDE, left : left + SIDE] / 255
        clean = cut[:, :, rng.integers(3)] if rng.random() < 0.4 else cut @ LUMA
    clean = np.rot90(clean, rng.integers(4))
    if rng.random() < 0.5:
        clean = clean.T
    if rng.random() < 0.5:
        clean = 1 - clean
    if rng.random() < 0.25:
        contrast = rng.uniform(0.3, 1)
        clean = clean * contrast + rng.uniform(0, 1 - contrast)
    if rng.random() < 0.35:
        clean = np.clip(clean + rng.normal(0, rng.uniform(0, 0.08), clean.shape), 0, 1)
    return clean


def examples(rng: np.random.Generator, folder: Path) -> list[tuple[Floats, Floats, NDArray[np.bool_], float]]:
    """(noisy, how much was changed, which were hit, log-odds of the share as they might be told)."""
    paths = sorted(path for suffix in ("png", "webp") for path in folder.glob(f"*.{suffix}"))
    found = []
    for turn in range(PATCHES):
        clean = clean_patch(rng, paths, turn)
        least = 0.001 if rng.random() < 0.25 else 0.03
        share = float(np.exp(rng.uniform(np.log(least), np.log(0.6))))
        hit = rng.random(clean.shape) < share
        noisy = np.where(hit, rng.random(clean.shape), clean)
        if rng.random() < 0.7:
            noisy = np.round(noisy * 255) / 255
        told = float(np.log(share / (1 - share)) + rng.normal(0, 0.15))
        found.append((noisy.astype(np.float32), np.abs(noisy - clean).astype(np.float32), hit, told))
    return found


def train(rows: Floats, hit: Floats, importance: Floats) -> list[tuple[Floats, Floats]]:
    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    samples, hits, weights = (torch.from_numpy(a) for a in ((rows - mean) / deviation, hit, importance))
    widths = (rows.shape[1], *HIDDEN, 1)
    layers: list[torch.nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    optimiser = torch.optim.Adam(network.parameters(), FASTEST)
    steps = EPOCHS * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, FASTEST, total_steps=steps, pct_start=0.15)
    for epoch in range(EPOCHS):
        loss_sum, start = 0.0, time.perf_counter()
        for batch in torch.randperm(len(rows)).split(BATCH):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                network(samples[batch]).squeeze(1), hits[batch], weight=weights[batch]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            loss_sum += float(loss.detach()) * len(batch)
        print(f"  epoch {epoch}: {loss_sum / len(rows):.5f}, {time.perf_counter() - start:.0f} s", flush=True)
    linear = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
    trained = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in linear]
    # Centring and scaling of the inputs go into the first layer.
    matrix, offset = trained[0]
    trained[0] = ((matrix / deviation).astype(np.float32), (offset - matrix @ (mean / deviation)).astype(np.float32))
    return trained


def main(folder: Path, output: Path) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(5)
    patches = examples(rng, folder)
    odds: list[Floats | None] = [None] * len(patches)
    stored: dict[str, Floats] = {}
    for turn in range(ROUNDS):
        rows, hits, importance = [], [], []
        for (noisy, changed, hit, told), so_far in zip(patches, odds, strict=True):
            read = inputs(noisy, told, so_far).reshape(-1, noisy.size).T
            pick = rng.permutation(noisy.size)[:PIXELS_OF_A_PATCH]
            rows.append(read[pick])
            hits.append(hit.reshape(-1)[pick].astype(np.float32))
            importance.append(np.where(hits[-1] > 0, np.clip(changed.reshape(-1)[pick] / SEEN, 0.03, 1), 1).astype(np.float32))
        print(f"round {turn + 1}", flush=True)
        layers = train(*(np.concatenate(part) for part in (rows, hits, importance)))
        odds = [_forward(inputs(noisy, told, so_far), tuple(layers)) for (noisy, _, _, told), so_far in zip(patches, odds, strict=True)]
        for layer, (matrix, offset) in enumerate(layers):
            stored |= {f"matrix_{turn}_{layer}": matrix, f"offset_{turn}_{layer}": offset}
    np.savez_compressed(output, **stored)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
