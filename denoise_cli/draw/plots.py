"""Figures of what runs logged: curves in; a picture file, or lines of text for a terminal, out."""

from __future__ import annotations

import io
import logging
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLUMN_CM", "FORMATS", "Curve", "Panel", "draw", "encode", "hidden", "panels", "points", "text", "thinned"]

Array = npt.NDArray[np.float64]

FORMATS = (".png", ".svg", ".pdf", ".html")
COLUMN_CM = 8.9  # a column of a journal
AXES = {
    "iteration": "iteration", "seconds": "time / s", "cost": "cost", "gap": "relative gap", "psnr_db": "PSNR / dB", "snr_db": "SNR / dB",
    "lambda": "λ", "sigma_removed": "σ removed (pixels 0–1)",
}  # fmt: skip
# Okabe & Ito 2008, told apart by the colour-blind; without their yellow and sky blue, which white paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00")
DASHES = ("-", "--")
MOST_NAMED = len(COLOURS) * len(DASHES)
MOST_POINTS, MOST_POINTS_OF_ALL = 2000, 100_000
# Numbers that differ by more than this stand on a log axis: linear ones would show the largest alone.
LINEAR_RATIO = 10
STYLE = {
    "font.size": 7, "axes.labelsize": 7, "xtick.labelsize": 6.5, "ytick.labelsize": 6.5, "legend.fontsize": 6.5,
    "axes.linewidth": 0.5, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": "#dddddd", "grid.linewidth": 0.4, "lines.linewidth": 1.0, "lines.markersize": 3, "lines.markeredgewidth": 0.8,
    "xtick.major.width": 0.5, "ytick.major.width": 0.5, "xtick.minor.width": 0.3, "ytick.minor.width": 0.3,
    "xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.minor.size": 1.5, "ytick.minor.size": 1.5,
    "legend.frameon": False, "legend.handlelength": 1.8, "savefig.dpi": 300, "pdf.fonttype": 42, "svg.hashsalt": "denoise",
    "figure.constrained_layout.w_pad": 0.02, "figure.constrained_layout.h_pad": 0.02, "figure.constrained_layout.wspace": 0.05,
}  # fmt: skip
CM_PER_INCH, LETTERS_PER_CM = 2.54, 7.0
PANEL_CM, LEGEND_LINE_CM, MARGIN_CM = 3.0, 0.33, 0.7


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


# ── figures ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw(curves: Sequence[Curve], *, against: str = "both", width_cm: float = COLUMN_CM) -> Figure:
    """The panels as a Matplotlib figure, `width_cm` wide with letters of 7 pt; its lines carry the labels of the curves.

    Raises ValueError if there is nothing to draw, ImportError without Matplotlib.
    """
    rows = panels(curves, against)
    with _our_style():
        from matplotlib.figure import Figure

        handles = _handles(curves, rows)
        longest = max((len(str(handle.get_label())) for handle in handles), default=0)
        across = max(1, min(len(handles), int(width_cm * LETTERS_PER_CM / (longest + 7))))
        height_cm = len(rows) * PANEL_CM + MARGIN_CM + LEGEND_LINE_CM * math.ceil(len(handles) / across)
        figure = Figure(figsize=(width_cm / CM_PER_INCH, height_cm / CM_PER_INCH), layout="constrained")
        grid = figure.subplots(len(rows), max(map(len, rows)), sharex="col", sharey="row", squeeze=False)
        for row, line_of_axes in zip(rows, grid, strict=True):
            for panel, axes in zip(row, line_of_axes, strict=False):
                _draw_panel(axes, panel, curves)
                axes.set_xlabel(AXES[panel.x] if row is rows[-1] else "")
                axes.set_ylabel(AXES[panel.y] if axes is line_of_axes[0] else "")
            for axes in line_of_axes[len(row) :]:
                axes.set_visible(False)
        figure.align_ylabels(grid[:, 0])
        if handles:
            room = int(width_cm * LETTERS_PER_CM / across) - 7
            labels = [_shortened(str(handle.get_label()), room) for handle in handles]
            # Matplotlib leaves out what begins with _, and takes $ for mathematics.
            figure.legend(
                handles, [re.sub("^_", "\u200b_", label).replace("$", r"\$") for label in labels], loc="outside upper center", ncols=across
            )
        return figure


def encode(figure: Figure, suffix: str) -> bytes:
    """The figure as one of FORMATS: .png with 300 dpi; .html is a page with the SVG in it, that needs nothing else.

    The same figure gives the same bytes: there are no dates in them.
    """
    dates = {
        ".png": {"Software": None},
        ".svg": {"Date": None, "Creator": None},
        ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    }
    kind = ".svg" if suffix == ".html" else suffix
    stream = io.BytesIO()
    with _our_style():
        figure.savefig(stream, format=kind[1:], metadata=dates[kind])
    if suffix != ".html":
        return stream.getvalue()
    svg = stream.getvalue().decode()
    named = {axis.get_label_text() for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)} - {""}
    title = escape(f"denoise plot: {', '.join(sorted(named))}")
    return PAGE.replace("@TITLE@", title).replace("@SVG@", svg[svg.index("<svg") :]).encode()


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>@TITLE@</title>
<style>body { margin: 1em auto; max-width: 60em; background: #fff } svg { width: 100%; height: auto }</style></head>
<body>
@SVG@</body></html>
"""


@contextmanager
def _our_style() -> Iterator[None]:
    """Our style and no other, whatever a user's own settings are; a letter that the font lacks is a box, not a warning."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            settings: Any = matplotlib.rcParams
            settings.update(STYLE)
            yield


def _draw_panel(axes: Any, panel: Panel, curves: Sequence[Curve]) -> None:
    if panel.x_log:
        axes.set_xscale("log")
    if panel.y_log:
        axes.set_yscale("log")
    most = max(50, min(MOST_POINTS, MOST_POINTS_OF_ALL // len(curves)))
    for place, curve in enumerate(curves):
        x, y = points(curve, panel)
        if not len(x):
            continue
        # Between markers nothing was computed, and the line only joins them.
        sparse = curve.kind == "path" or len(x) < 3 or len(x) < 0.9 * len(curve[panel.y])
        line = axes.plot(
            *thinned(x, y, most), label=curve.label, **_look(place, len(curves)), marker="o" if sparse and len(x) < 100 else ""
        )[0]
        if curve.kind == "path":
            _mark_automatic(axes, curve, panel, line.get_color())
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    if not panel.x_log:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10], integer=panel.x == "iteration"))
    if panel.x == "lambda":
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _mark_automatic(axes: Any, curve: Curve, panel: Panel, colour: str) -> None:
    """A line at the λ that is chosen without being told, and a hollow circle where the curve meets it."""
    for chosen, value in _automatic(curve, panel):
        axes.axvline(chosen, color=colour, linewidth=0.6, linestyle=":", zorder=1)
        axes.plot([chosen], [value], marker="o", markersize=5, markerfacecolor="white", color=colour, linestyle="", zorder=3)


def _automatic(curve: Curve, panel: Panel) -> list[tuple[float, float]]:
    chosen = curve["automatic"] == 1
    values = zip(curve["lambda"][chosen].tolist(), curve[panel.y][chosen].tolist(), strict=True)
    return [(weight, value) for weight, value in values if 0 < weight < math.inf and math.isfinite(value)]


def _look(place: int, crowd: int) -> dict[str, Any]:
    """Colours, then the same with dashes; a crowd is a cloud."""
    if crowd > MOST_NAMED:
        return {"color": COLOURS[0], "linewidth": 0.5, "alpha": max(0.08, min(0.6, 12 / crowd)), "rasterized": True}
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": DASHES[place // len(COLOURS)]}


def _handles(curves: Sequence[Curve], rows: list[list[Panel]]) -> list[Any]:
    from matplotlib.lines import Line2D

    crowd = len(curves)
    handles = []
    if crowd > MOST_NAMED:
        handles.append(Line2D([], [], color=COLOURS[0], linewidth=0.5, label=f"{crowd} runs"))
    elif crowd > 1:
        handles += [Line2D([], [], **_look(place, crowd), label=curve.label) for place, curve in enumerate(curves)]
    chosen = [weight for curve in curves for weight, _ in _automatic(curve, rows[0][0])]
    if chosen:
        label = f"automatic λ = {chosen[0]:.3g}" if crowd == 1 else "automatic λ"
        colour = COLOURS[0] if crowd == 1 else "#000000"
        handles.append(
            Line2D([], [], color=colour, linewidth=0.6, linestyle=":", marker="o", markersize=5, markerfacecolor="white", label=label)
        )
    return handles


def _shortened(label: str, most: int) -> str:
    """With its middle left out: names differ at their ends."""
    most = max(most, 8)
    head = (most - 1) // 2
    return label if len(label) <= most else f"{label[:head]}…{label[len(label) - (most - 1 - head) :]}"


# ── a terminal ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

COLUMNS_FOR_TWO, TICK_LETTERS = 100, 10
LETTERS = "abcdefghijkl"
ASCII_FRAME = str.maketrans("┌┐└┘─│", "++++-|")
POWER = re.compile(r"10\^(-?\d+(?:\.\d+)?)")
ESCAPE = re.compile(r"\033\[[\d;]*m")


def text(
    curves: Sequence[Curve], *, against: str = "both", columns: int = 80, lines: int = 24, colour: bool = False, braille: bool = True
) -> str:
    """The panels in Unicode, at most `columns` wide and about `lines` high, but no panel lower than 3 lines.

    From 100 columns on, iteration and seconds stand side by side; below, iteration alone. Without `colour` several curves are drawn in
    letters, without `braille` all. Raises ValueError if there is nothing to draw, ImportError without uniplot.
    """
    import uniplot

    rows = panels(curves, against)
    beside = max(map(len, rows)) if columns >= COLUMNS_FOR_TWO else 1
    crowd = len(curves)
    named = range(crowd) if 1 < crowd <= MOST_NAMED else range(0)
    chosen = [weight for curve in curves for weight, _ in _automatic(curve, rows[0][0])][:MOST_NAMED]
    # Title, edges and ticks are four lines of each panel.
    height = max(3, (lines - len(named) - bool(chosen)) // len(rows) - 4)
    width = columns // beside
    drawn: list[str] = []
    for row in rows:
        blocks = [
            _text_panel(uniplot, curves, panel, _ends(curves, rows, panel.x), width, height, colour, braille).split("\n")
            for panel in row[:beside]
        ]
        for parts in zip(*blocks, strict=True):
            drawn.append("".join(part + " " * (width - len(ESCAPE.sub("", part))) for part in parts).rstrip())
    drawn += [f"  {_sample(place, colour)} {_shortened(curves[place].label, columns - 6)}" for place in named]
    drawn += [f"  {crowd} runs"] if crowd > MOST_NAMED else []
    drawn += [f"  automatic λ = {', '.join(f'{weight:.3g}' for weight in chosen)}"] if chosen else []
    together = "\n".join(drawn)
    return together if braille else together.translate(ASCII_FRAME)


def _ends(curves: Sequence[Curve], rows: list[list[Panel]], x: str) -> dict[str, float]:
    """The range of x that all panels share, as uniplot takes it; nothing if it is a single point."""
    drawn = np.concatenate([points(curve, panel)[0] for row in rows for panel in row if panel.x == x for curve in curves])
    low, high = float(drawn.min()), float(drawn.max())
    # uniplot leaves out what lies on the upper end.
    return {"x_min": low, "x_max": high + 0.01 * (high - low)} if low < high else {}


def _text_panel(
    uniplot: Any, curves: Sequence[Curve], panel: Panel, ends: dict[str, float], width: int, height: int, colour: bool, braille: bool
) -> str:
    crowd = len(curves)
    shown = [(place, *thinned(*points(curve, panel), 4 * width)) for place, curve in enumerate(curves)]
    shown = [entry for entry in shown if len(entry[1])]
    style: dict[str, Any] = {"character_set": "braille"}
    if not braille or (1 < crowd <= MOST_NAMED and not colour):
        letters = [LETTERS[place] if crowd <= MOST_NAMED else "." for place, _, _ in shown]
        style = {"character_set": "ascii", "force_ascii_characters": letters}
    drawn: str = uniplot.plot_to_string(
        [y.tolist() for _, _, y in shown], [x.tolist() for _, x, _ in shown], lines=True, title=f"{AXES[panel.y]} against {AXES[panel.x]}",
        width=max(20, width - TICK_LETTERS), line_length_hard_cap=width, height=height, x_as_log=panel.x_log, y_as_log=panel.y_log,
        x_gridlines=[], y_gridlines=[], color=[_screen_colour(place, crowd) for place, _, _ in shown] if colour else False, **ends, **style,
    )  # fmt: skip
    return POWER.sub(_plain_number, drawn)


def _plain_number(power: re.Match[str]) -> str:
    """10^-0.8 in the same room as 0.16, unless that is longer."""
    number = f"{10 ** float(power[1]):.2g}"
    return f"{number:<{len(power[0])}}" if len(number) <= len(power[0]) else power[0]


def _screen_colour(place: int, crowd: int = 1) -> str:
    """Black is for paper; a terminal may be black itself."""
    return COLOURS[0 if crowd > MOST_NAMED else place % len(COLOURS)].replace("#000000", "#999999")


def _sample(place: int, colour: bool) -> str:
    if not colour:
        return LETTERS[place]
    red, green, blue = (int(_screen_colour(place)[at : at + 2], 16) for at in (1, 3, 5))
    return f"\033[38;2;{red};{green};{blue}m━━\033[0m"
