"""Figures of logs: curves in, the bytes of a picture file out."""

from __future__ import annotations

import io
import logging
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from denoise_cli.draw.curves import (
    AXES,
    COLOURS,
    DASHES,
    MOST_NAMED,
    MOST_POINTS,
    MOST_POINTS_OF_ALL,
    Curve,
    Panel,
    automatic_weights,
    panels,
    points,
    shortened,
    thinned,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLUMN_CM", "FORMATS", "draw", "encode"]

FORMATS = (".png", ".svg", ".pdf", ".html")
COLUMN_CM = 8.9  # a column of a journal
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
            labels = [shortened(str(handle.get_label()), room) for handle in handles]
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
    for chosen, value in automatic_weights(curve, panel):
        axes.axvline(chosen, color=colour, linewidth=0.6, linestyle=":", zorder=1)
        axes.plot([chosen], [value], marker="o", markersize=5, markerfacecolor="white", color=colour, linestyle="", zorder=3)


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
    chosen = [weight for curve in curves for weight, _ in automatic_weights(curve, rows[0][0])]
    if chosen:
        label = f"automatic λ = {chosen[0]:.3g}" if crowd == 1 else "automatic λ"
        colour = COLOURS[0] if crowd == 1 else "#000000"
        handles.append(
            Line2D([], [], color=colour, linewidth=0.6, linestyle=":", marker="o", markersize=5, markerfacecolor="white", label=label)
        )
    return handles
