"""Iterations that `optimal` needs, with the certificates it looks at on the way, over λ, scales and sizes, and against fixed penalties.

* To a gap: the iteration at which denoise(…, gap=…) stops, of its own accord and with its proof. It looks for a certificate at some
  iterations only, so the gap may have been small enough a little earlier.
* To the optimum: the first iteration whose cost is within 1e-3 of the lowest of a run to a much smaller gap; known only afterwards.
* Fixed penalties: the same loop and the same schedule of certificates with a constant penalty, the best of a grid: what hindsight could
  give. rule/best < 1 says that the rule, whose penalty grows, beats them all.

Pictures: camera, 512², top left corner or tiled to the size; Gaussian noise σ 0.1 for L2, 10 % impulses for L1; seed 0; isotropic TV,
symmetric boundary, float32. "centre" is a crop from the middle: the top left corner of camera is sky, hardly more than noise.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np

from benchmarks.common import Array, machine, mark, noisy_picture, picture_is_camera, table
from denoise_cli import denoise
from denoise_cli.variational.certificate import GapTarget
from denoise_cli.variational.engines import engine_for
from denoise_cli.variational.fidelities import FIDELITIES, L1
from denoise_cli.variational.operators import BOUNDARIES
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.regularisers import TotalVariation
from denoise_cli.variational.schedule import Anchors, Penalties, penalties_of
from denoise_cli.variational.split_bregman import SplitBregman
from denoise_cli.variational.strips import Strips

GAP = {"l2": 1e-3, "l1": 1e-2}
# λ from which on the mark of λ = 0.2 (L2) holds; under it that of λ = 0.1. Over the range they may be missed by 1.5 times.
MARKS = {"l2": 30, "l1": 60}
FACTORS = (2, 4, 8, 16, 32, 64, 128, 256)
LIMIT = 1000
TIGHT_LIMIT = 4000


@dataclass
class Run:
    iterations: int
    certificates: int
    gap: float


def run(picture: Array, weight: float, fidelity: str, gap: float | None = None) -> Run:
    checks = []

    def callback(state) -> None:
        checks.append(state.certificate is not None)

    solution = denoise(
        picture.astype(np.float32), weight, fidelity=fidelity, method="optimal", gap=gap or GAP[fidelity], iterations=LIMIT,
        records=False, callback=callback,
    )  # fmt: skip
    return Run(solution.iterations, sum(checks), solution.gap)


def limit(fidelity: str, weight: float, tolerance: float = 1.0) -> float:
    return (16 if fidelity == "l2" and weight <= 0.1 else MARKS[fidelity]) * tolerance


def row(name: str, picture: Array, weight: float, fidelity: str, scaled: float, tolerance: float) -> list[object]:
    """`scaled` is the λ, in units in which the picture spans [0, 1], whose mark applies."""
    done = run(picture, weight, fidelity)
    return [name, mark(done.iterations, limit(fidelity, scaled, tolerance)), done.certificates, f"{done.gap:.1e}"]


def fixed(picture: Array, weight: float, fidelity: str, factor: float, limit: int) -> int:
    """Iterations with the constant penalty factor·λ/contrast (L1: factor/contrast, for both)."""
    observed = picture.astype(np.float32)[None]
    problem = Problem(
        observed,
        FIDELITIES[fidelity](),
        TotalVariation(float(weight)),
        BOUNDARIES["symmetric"](Strips(observed.shape, observed.dtype)),
    )
    penalty = factor * (weight if fidelity == "l2" else 1.0) / (3.5 * float(np.std(observed)))
    split = problem.fidelity.curvature is None
    solver = SplitBregman(problem, Penalties(penalty, penalty), relaxation=1.8, split_fidelity=split, start_from_observed=True)
    *_, last = solver.states(limit, target=GapTarget(GAP[fidelity]))
    return last.iteration if last.certificate.gap <= GAP[fidelity] else limit + 1


def against_fixed(weight: float, fidelity: str, size: int, place: str = "corner") -> list[object]:
    picture = noisy_picture(size, fidelity, place=place)
    rule = run(picture, weight, fidelity).iterations
    counts = {factor: fixed(picture, weight, fidelity, factor, 4 * rule) for factor in FACTORS}
    best = min(counts, key=lambda factor: counts[factor])
    shown = [str(count) if count <= 4 * rule else f"> {4 * rule}" for count in counts.values()]
    return [f"{fidelity.upper()} λ {weight:g}, {size}² {place}", *shown, rule, f"{rule / counts[best]:.2f}"]


def to_the_optimum(weight: float, size: int, mark_at: float) -> list[object]:
    picture = noisy_picture(size, "l1").astype(np.float32)
    costs: list[float] = []
    tight = denoise(
        picture, weight, fidelity="l1", method="optimal", gap=2e-4, iterations=2000,
        callback=lambda state: costs.append(state.record.cost) if state.iteration <= 300 else None,
    )  # fmt: skip
    best = min(tight.cost, *costs)
    reached = next((k for k, cost in enumerate(costs, 1) if cost <= best * 1.001), len(costs))
    done = run(picture, weight, "l1")
    return [
        f"λ {weight:g}", mark(done.iterations, limit("l1", weight, 1 if weight == 1 else 1.5)), done.certificates, mark(reached, mark_at),
        f"{tight.iterations}", f"{tight.gap:.1e}",
    ]  # fmt: skip


class Unrepaired(SplitBregman):
    repairs = False


def ways_to_l1(weight: float, tv: str, size: int) -> list[object]:
    """Iterations to gaps of 1e-3, 1e-4 and 1e-6, plain, with repaired dual variables, and with anchors; float64."""
    observed = noisy_picture(size, "l1")[None]
    problem = Problem(observed, L1(), TotalVariation(weight, tv), BOUNDARIES["symmetric"](Strips(observed.shape, observed.dtype)))
    cells: list[object] = [f"{tv}, λ {weight:g}"]
    for solver, anchors in ((Unrepaired, None), (SplitBregman, None), (Unrepaired, Anchors())):
        counts = []
        for gap in (1e-3, 1e-4, 1e-6):
            way = solver(
                problem, penalties_of(problem, engine_for(problem).contrast()), relaxation=1.8, start_from_observed=True, anchors=anchors
            )
            *_, last = way.states(TIGHT_LIMIT, target=GapTarget(gap), watched=False)
            counts.append(str(last.iteration) if last.certificate.gap <= gap else f"> {TIGHT_LIMIT}")
        cells.append(", ".join(counts))
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="side of the pictures where the size is not the point (default %(default)s)")
    parser.add_argument("--sizes", default="32,64,128,256,512,1024,2048", help="sides where it is (default %(default)s)")
    parser.add_argument("--fixed-size", type=int, default=256, help="side of the pictures for the fixed penalties (default %(default)s)")
    options = parser.parse_args()
    if not picture_is_camera():
        print("scikit-image is not installed: the picture is a drawing, not camera. The marks were set for camera.\n")

    def show(title: str, header: list[str], rows) -> None:
        print(f"\n### {title}\n\n{table(header, rows)}", flush=True)

    columns = ["iterations", "certificates", "gap"]
    noisy = {fidelity: noisy_picture(options.size, fidelity) for fidelity in ("l2", "l1")}
    show(
        f"L2 to gap 1e-3, {options.size}², over λ",
        ["λ", *columns],
        (row(f"{w:g}", noisy["l2"], w, "l2", w, 1 if w in (0.1, 0.2) else 1.5) for w in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)),
    )
    show(
        f"L1 to gap 1e-2 and to within 1e-3 of the optimum, {options.size}², over λ",
        ["L1", "to gap 1e-2", "certificates", "to 1e-3 of the optimum", "tight run", "its gap"],
        (to_the_optimum(w, options.size, 80 if w == 1 else 120) for w in (0.35, 0.5, 1, 1.5, 2)),
    )
    show(
        f"Pictures times 255, {options.size}²",
        ["", *columns],
        [
            *(row(f"L2 255·f, λ {255 * w:g} (the same picture)", 255 * noisy["l2"], 255 * w, "l2", w, 1) for w in (0.1, 0.2)),
            *(row(f"L2 255·f, λ {w:g}", 255 * noisy["l2"], w, "l2", w / 255, 1.5) for w in (0.1, 0.2, 2.0)),
            *(row(f"L1 255·f, λ {w:g} (the same picture)", 255 * noisy["l1"], w, "l1", w, t) for w, t in ((1.0, 1), (2.0, 1.5))),
        ],
    )
    cases = [("l2", 0.1), ("l2", 0.2), ("l1", 1.0)]
    rows = []
    for size in map(int, options.sizes.split(",")):
        for place in ("corner", "centre") if size < 512 else ("corner",):
            line = [f"{size}² {place}" if size < 512 else f"{size}²"]
            for fidelity, w in cases:
                done = run(noisy_picture(size, fidelity, place=place), w, fidelity)
                line.append(mark(done.iterations, limit(fidelity, w, 1 if size == 512 else 1.5)))
            rows.append(line)
    show(
        "Iterations to the gap (L2 1e-3, L1 1e-2), over sizes",
        ["", *(f"{fidelity.upper()} λ {w:g}" for fidelity, w in cases)],
        rows,
    )
    show(
        "The rule against constant penalties factor·λ/contrast (L1: factor/contrast), contrast 3.5·std(f)",
        ["", *(f"factor {factor}" for factor in FACTORS), "rule", "rule/best"],
        (
            against_fixed(*case)
            for case in [
                *((w, "l2", options.fixed_size) for w in (0.02, 0.1, 0.2, 0.5, 1, 2)),
                *((w, "l1", options.fixed_size) for w in (0.5, 1, 2)),
                *((w, "l2", 64, place) for w in (0.1, 0.2) for place in ("corner", "centre")),
                *((1, "l1", 64, place) for place in ("corner", "centre")),
            ]
        ),
    )
    show(
        f"L1 to gaps of 1e-3, 1e-4 and 1e-6, {options.fixed_size}², float64",
        ["", "plain", "dual variable repaired", "anchors"],
        (ways_to_l1(w, tv, options.fixed_size) for tv in ("isotropic", "anisotropic") for w in (0.5, 1.0, 2.0)),
    )
    print(f"\n{machine()}.")


if __name__ == "__main__":
    main()
