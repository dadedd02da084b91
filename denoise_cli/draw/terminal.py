"""Logs drawn in the terminal: curves in, lines of text out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from denoise_cli.draw.curves import AXES, COLOURS, MOST_NAMED, Curve, Panel, automatic_weights, panels, points, shortened, thinned

__all__ = ["text"]

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
    chosen = [weight for curve in curves for weight, _ in automatic_weights(curve, rows[0][0])][:MOST_NAMED]
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
    drawn += [f"  {_sample(place, colour)} {shortened(curves[place].label, columns - 6)}" for place in named]
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
