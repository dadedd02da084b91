"""What there is to draw of logs: curves, the panels that they are drawn in, and the points that can be seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

__all__ = [
    "AXES", "COLOURS", "DASHES", "MOST_NAMED", "MOST_POINTS", "MOST_POINTS_OF_ALL", "Curve", "Panel", "automatic_weights", "hidden",
    "panels", "points", "shortened", "thinned",
]  # fmt: skip

Array = npt.NDArray[np.float64]

AXES = {
    "iteration": "iteration", "seconds": "time / s", "cost": "cost", "gap": "relative gap", "psnr_db": "PSNR / dB", "snr_db": "SNR / dB",
    "lambda": "λ", "sigma_removed": "σ removed (pixels 0–1)",
}  # fmt: skip
# Okabe & Ito 2008, told apart by the colour-blind; without their yellow and sky blue, which white paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00")
DASHES = ("-", "--")
MOST_NAMED = len(COLOURS) * len(DASHES)
# Of one curve, and of all curves of a panel together.
MOST_POINTS, MOST_POINTS_OF_ALL = 2000, 100_000
# Numbers that differ by more than this stand on a log axis: linear ones would show the largest alone.
LINEAR_RATIO = 10


@dataclass(frozen=True)
class Curve:
    """One run: kind "log" (of iterations) or "path" (of λ), source to name in errors; columns of one length, NaN where unknown."""

    label: str
    kind: str
    source: str
    columns: Mapping[str, Array]

    def __getitem__(self, name: str) -> Array:
        """The column; all NaN if the log lacks it."""
        if name in self.columns:
            return self.columns[name]
        return np.full(len(next(iter(self.columns.values()))), math.nan)


@dataclass(frozen=True)
class Panel:
    """A pair of axes: one column against another; `*_log` are logarithmic."""

    x: str
    y: str
    x_log: bool = False
    y_log: bool = False


def panels(curves: Sequence[Curve], against: str = "both") -> list[list[Panel]]:
    """What there is to draw: rows of panels that share their y. A column without any number gets no panel.

    Logs: cost, gap (log axis), and PSNR, or SNR if there is no PSNR, each against iteration and seconds, or one of them.
    Paths: PSNR and σ of what was removed against λ (log axis).
    Raises ValueError if nothing is left.
    """
    if curves[0].kind == "path":
        rows = [[Panel("lambda", y, x_log=True)] for y in ("psnr_db", "sigma_removed")]
    else:
        xs = [x for x in ("iteration", "seconds") if against in (x, "both")]
        x_log = {x: _ratio([curve[x][-1:] for curve in curves]) > LINEAR_RATIO for x in xs}
        y_log = {"cost": _ratio([curve["cost"] for curve in curves]) > LINEAR_RATIO, "gap": True}
        quality = "psnr_db" if any(np.isfinite(curve["psnr_db"]).any() for curve in curves) else "snr_db"
        rows = [[Panel(x, y, x_log[x], y_log.get(y, False)) for x in xs] for y in ("cost", "gap", quality)]
    rows = [[panel for panel in row if any(len(points(curve, panel)[0]) for curve in curves)] for row in rows]
    rows = [row for row in rows if row]
    if not rows:
        raise ValueError("no finite number in the columns that are drawn")
    return rows


def points(curve: Curve, panel: Panel) -> tuple[Array, Array]:
    """The rows of `curve` where both numbers are there, and positive on a log axis: what was not computed leaves no dent."""
    x, y = curve[panel.x], curve[panel.y]
    drawn = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not panel.x_log)) & ((y > 0) | (not panel.y_log))
    return x[drawn], y[drawn]


def hidden(curves: Sequence[Curve], against: str = "both") -> dict[str, int]:
    """How many values ≤ 0 of each column cannot stand on its log axis."""
    if not curves:
        return {}
    drawn = [panel for row in panels(curves, against) for panel in row]
    names = {panel.x for panel in drawn if panel.x_log} | {panel.y for panel in drawn if panel.y_log}
    if curves[0].kind == "log":
        names.add("gap")  # it may have lost its panel by this
    counts = {name: sum(int((curve[name] <= 0).sum()) for curve in curves) for name in sorted(names)}
    return {name: count for name, count in counts.items() if count}


def thinned(x: Array, y: Array, most: int = MOST_POINTS) -> tuple[Array, Array]:
    """At most `most` (≥ 4) points that look the same: the ends, and the least and the greatest y of equal stretches between them."""
    if len(x) <= most:
        return x, y
    edges = np.linspace(0, len(x), most // 2, dtype=int)
    kept = {0, len(x) - 1}
    for a, b in pairwise(edges):
        kept |= {int(a + y[a:b].argmin()), int(a + y[a:b].argmax())}
    chosen = np.array(sorted(kept))
    return x[chosen], y[chosen]


def _ratio(values: Sequence[Array]) -> float:
    """Largest over smallest; 1 if they are not all positive."""
    together = np.concatenate(values)
    together = together[np.isfinite(together)]
    return float(together.max() / together.min()) if together.size and together.min() > 0 else 1.0


def automatic_weights(curve: Curve, panel: Panel) -> list[tuple[float, float]]:
    """The λ of a path that was chosen from the picture, and the curve's value there; nothing for logs of iterations."""
    chosen = curve["automatic"] == 1
    values = zip(curve["lambda"][chosen].tolist(), curve[panel.y][chosen].tolist(), strict=True)
    return [(weight, value) for weight, value in values if 0 < weight < math.inf and math.isfinite(value)]


def shortened(label: str, most: int) -> str:
    """With its middle left out: names differ at their ends."""
    most = max(most, 8)
    head = (most - 1) // 2
    return label if len(label) <= most else f"{label[:head]}…{label[len(label) - (most - 1 - head) :]}"
