"""`denoise plot`: what a figure shows is what the log says, where the axes say it is."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from denoise_cli.choice.path import COLUMNS as PATH_COLUMNS
from denoise_cli.cli.commands.logs import read_logs
from denoise_cli.draw.plots import COLOURS, FORMATS, Panel, draw, encode, panels, text, thinned
from denoise_cli.variational.records import COLUMNS as LOG_COLUMNS

Run = Callable[..., Any]
LOG = "iteration,cost,psnr_db,seconds,gap\n1,50,20,0.5,0.1\n2,40,22,1.0,\n3,35,,1.5,0.01\n5,30,25,2.5,0.001\n"
PATH = "lambda,sigma_removed,psnr_db,automatic\n0.01,0.02,24.5,0\n0.1,0.06,28,1\n1,0.1,25,0\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "run.csv").write_text(LOG)
    return tmp_path / "run.csv"


@pytest.fixture
def path_table(tmp_path: Path) -> Path:
    (tmp_path / "path.csv").write_text(PATH)
    return tmp_path / "path.csv"


def shown(figure: Any) -> dict[tuple[str, str], list[Any]]:
    """(x, y) as the axes are labelled at the edge of the figure → their lines."""
    found = {}
    for axes in figure.axes:
        place = axes.get_subplotspec()
        x, y = (next(a for a in figure.axes if same(a.get_subplotspec(), place) and label(a)) for same, label in EDGES)
        found[x.get_xlabel(), y.get_ylabel()] = list(axes.lines)
    return found


EDGES = (
    (lambda a, b: a.colspan == b.colspan, lambda axes: axes.get_xlabel()),
    (lambda a, b: a.rowspan == b.rowspan, lambda axes: axes.get_ylabel()),
)


def vertices(svg: bytes, colour: str) -> list[np.ndarray]:
    """The lines of a colour in an SVG, as arrays (points, 2) in units of the viewBox."""
    found = re.findall(rf'<path d="([^"]+)"[^>]*style="fill: none; stroke: {colour.lower()}', svg.decode())
    return [np.array([[float(word) for word in pair.split()] for pair in re.split("[ML]", d)[1:]]) for d in found]


def test_the_lines_of_the_figure_are_the_columns_of_the_log_that_denoise_wrote(denoise: Run, samples: Path, tmp_path: Path) -> None:
    for name in ("camera", "camera_gaussian"):
        Image.open(samples / f"{name}.png").crop((60, 40, 124, 104)).save(tmp_path / f"{name}.png")
    log = tmp_path / "optimal.csv"
    # Split Bregman, which does not compute a certificate at every iteration.
    words = ("--lambda", 1, "--l1", "--method", "optimal", "--reference", tmp_path / "camera.png", "--log", log)
    assert denoise(tmp_path / "camera_gaussian.png", *words).code == 0
    with log.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == LOG_COLUMNS
    lines = shown(draw(read_logs([log])[0]))
    assert len(lines) == 6
    for x, x_label in (("iteration", "iteration"), ("seconds", "time / s")):
        for y, y_label in (("cost", "cost"), ("gap", "relative gap"), ("psnr_db", "PSNR / dB")):
            (line,) = lines[x_label, y_label]
            assert line.get_xydata().tolist() == [[float(row[x]), float(row[y])] for row in rows if row[y]]
    assert 1 < len(lines["iteration", "relative gap"][0].get_xdata()) < len(rows)


def test_a_path_that_denoise_wrote_is_drawn_and_its_automatic_choice_marked(denoise: Run, samples: Path, tmp_path: Path) -> None:
    Image.open(samples / "camera_gaussian.png").crop((60, 40, 124, 104)).save(tmp_path / "noisy.png")
    assert denoise("path", tmp_path / "noisy.png", "--steps", 3, "--csv", tmp_path / "path.csv").code == 0
    with (tmp_path / "path.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == PATH_COLUMNS
    lines = shown(draw(read_logs([tmp_path / "path.csv"])[0]))
    assert list(lines) == [("λ", "σ removed (pixels 0–1)")]  # no clean picture, no panel for PSNR
    curve, _, mark = lines["λ", "σ removed (pixels 0–1)"]
    assert curve.get_xydata().tolist() == [[float(row["lambda"]), float(row["sigma_removed"])] for row in rows]
    (chosen,) = [row for row in rows if row["automatic"] == "1"]
    assert mark.get_xydata().tolist() == [[float(chosen["lambda"]), float(chosen["sigma_removed"])]]


def test_what_was_not_computed_is_no_zero_and_joined_by_markers(log: Path) -> None:
    lines = shown(draw(read_logs([log])[0]))
    (gap,) = lines["iteration", "relative gap"]
    assert gap.get_xydata().tolist() == [[1, 0.1], [3, 0.01], [5, 0.001]]
    assert gap.get_marker() == "o"
    (psnr,) = lines["time / s", "PSNR / dB"]
    assert psnr.get_xydata().tolist() == [[0.5, 20], [1, 22], [2.5, 25]]
    (cost,) = lines["iteration", "cost"]
    assert cost.get_marker() == ""


def test_snr_stands_in_for_psnr_and_columns_without_numbers_get_no_panel(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("iteration,cost,seconds,gap,psnr_db,snr_db\n1,3,0.1,,,9\n2,2,0.2,,,10\n")
    curves, _ = read_logs([tmp_path / "a.csv"])
    assert [[panel.y for panel in row] for row in panels(curves)] == [["cost", "cost"], ["snr_db", "snr_db"]]
    assert panels(curves, "seconds") == [[Panel("seconds", "cost")], [Panel("seconds", "snr_db")]]


def test_in_an_svg_cost_is_linear_and_the_gap_logarithmic(log: Path) -> None:
    svg = encode(draw(read_logs([log])[0], against="iteration"), ".svg")
    cost, gap, _ = vertices(svg, COLOURS[0])
    # iteration 1, 2, 3, 5 and cost 50, 40, 35, 30; y points down.
    assert np.allclose((cost[:, 0] - cost[0, 0]) / (cost[-1, 0] - cost[0, 0]), [0, 1 / 4, 2 / 4, 1], atol=1e-4)
    assert np.allclose((cost[:, 1] - cost[0, 1]) / (cost[-1, 1] - cost[0, 1]), [0, 0.5, 0.75, 1], atol=1e-4)
    assert cost[0, 1] < cost[-1, 1]
    # iteration 1, 3, 5 and gap 1e-1, 1e-2, 1e-3: equal steps.
    assert np.allclose((gap[:, 1] - gap[0, 1]) / (gap[-1, 1] - gap[0, 1]), [0, 0.5, 1], atol=1e-4)
    assert np.allclose(gap[:, 0], cost[[0, 2, 3], 0], atol=1e-3)


def test_a_known_curve_lands_at_known_pixels(path_table: Path) -> None:
    figure = draw(read_logs([path_table])[0])
    pixels = np.asarray(Image.open(io.BytesIO(encode(figure, ".png"))).convert("RGB")).astype(int)
    height, width, _ = pixels.shape
    axes = next(axes for axes in figure.axes if axes.get_ylabel() == "PSNR / dB")
    box, (left, right), (low, high) = axes.get_position(), axes.get_xlim(), axes.get_ylim()
    blue = np.array([0x00, 0x72, 0xB2])

    def at(weight: float, psnr: float) -> np.ndarray:
        x = box.x0 + box.width * math.log(weight / left) / math.log(right / left)
        y = box.y0 + box.height * (psnr - low) / (high - low)
        row, column = round((1 - y) * height), round(x * width)
        return pixels[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3)

    # The ends, and half-way between λ 0.01 and 0.1 on a log axis: √0.001, and 26.25 dB between 24.5 and 28.
    for weight, psnr in ((0.01, 24.5), (1, 25), (math.sqrt(0.001), 26.25)):
        assert (abs(at(weight, psnr) - blue).max(axis=1) < 12).any()
    assert (at(0.1, 28) == 255).all()  # the automatic one is a hollow circle
    assert (at(math.sqrt(0.001), 27.5) > 200).all()  # beside the curve nothing but paper


@pytest.mark.parametrize(("words", "cm"), [((), 8.9), (("--width", 18.3), 18.3)])
def test_figures_are_as_wide_as_a_column(denoise: Run, log: Path, tmp_path: Path, words: tuple[Any, ...], cm: float) -> None:
    for suffix in (".png", ".svg", ".pdf"):
        assert denoise("plot", log, "-o", tmp_path / f"f{suffix}", *words).code == 0
    with Image.open(tmp_path / "f.png") as picture:
        assert picture.width == pytest.approx(cm / 2.54 * 300, abs=1)
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    found = re.search(r'<svg[^>]* width="([\d.]+)pt"', (tmp_path / "f.svg").read_text())
    assert found is not None
    assert float(found[1]) == pytest.approx(cm / 2.54 * 72, abs=0.01)
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ", (tmp_path / "f.pdf").read_bytes())
    assert box is not None
    assert float(box[1]) == pytest.approx(cm / 2.54 * 72, abs=0.01)


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_same_log_gives_the_same_bytes(log: Path, suffix: str) -> None:
    first, second = (encode(draw(read_logs([log])[0]), suffix) for _ in range(2))
    assert first == second


def test_a_page_needs_nothing_else(log: Path) -> None:
    page = encode(draw(read_logs([log])[0]), ".html").decode()
    assert page.startswith("<!DOCTYPE html>")
    assert "<svg" in page
    assert not re.search(r'<script|<img|<link|src=|url\((?!#)|href="(?!#)', page)


def test_several_runs_have_colours_and_names(log: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.csv").write_text(LOG)
    (tmp_path / "third.csv").write_text(LOG)
    curves, _ = read_logs([log, tmp_path / "other" / "run.csv", tmp_path / "third.csv", log])
    assert [curve.label for curve in curves] == [f"{tmp_path.name}/run.csv", "other/run.csv", "third", f"{tmp_path.name}/run.csv (2)"]
    figure = draw(curves)
    lines = shown(figure)["iteration", "cost"]
    assert [line.get_color() for line in lines] == list(COLOURS[:4])
    told = [entry.get_text() for entry in figure.legends[0].get_texts()]
    assert [word[-3:] for word in told] == ["csv", "csv", "ird", "(2)"]  # what is too long is cut at its beginning


def test_pictures_and_pages_of_one_log_are_lines_of_their_own(tmp_path: Path) -> None:
    rows = [("a.tif", 1), ("a.tif", 2), ("b.png", 1), ("a.tif", 1), ("b.png", 2), ("a.tif", 2), ("a.tif", 3)]
    written = [f"{name},{iteration},{10 + place},{iteration / 10}" for place, (name, iteration) in enumerate(rows)]
    (tmp_path / "all.csv").write_text("\n".join(["file,iteration,cost,seconds", *written, ""]))
    curves, _ = read_logs([tmp_path / "all.csv"])
    told = {curve.label: curve["cost"].tolist() for curve in curves}
    assert told == {"a, page 1": [10, 11], "b": [12, 14], "a, page 2": [13, 15, 16]}


def test_runs_of_very_different_length_share_a_log_axis(log: Path, tmp_path: Path) -> None:
    long = "".join(f"{k},{9 + 1 / k},{k / 2}\n" for k in range(1, 301))
    (tmp_path / "long.csv").write_text(f"iteration,cost,seconds\n{long}")
    assert not panels(read_logs([log])[0])[0][0].x_log
    assert panels(read_logs([log, tmp_path / "long.csv"])[0])[0][0].x_log


def test_fifty_thousand_rows_keep_their_ends_and_their_peaks(tmp_path: Path) -> None:
    rows = np.arange(1, 50_001)
    cost = 10 + 5 / rows
    cost[31_415], cost[27_182] = 14.5, 9.5
    table = "".join(f"{k},{float(c)!r},{k / 1000!r}\n" for k, c in zip(rows.tolist(), cost, strict=True))
    (tmp_path / "long.csv").write_text(f"iteration,cost,seconds\n{table}")
    curves, _ = read_logs([tmp_path / "long.csv"])
    assert np.array_equal(curves[0]["cost"], cost)
    x, y = thinned(curves[0]["iteration"], curves[0]["cost"])
    assert len(x) <= 2000
    assert {(1, 15.0), (31_416, 14.5), (27_183, 9.5), (50_000, cost[-1])} <= set(zip(x.tolist(), y.tolist(), strict=True))
    assert np.array_equal(y, cost[x.astype(int) - 1])


def test_infinite_values_and_gaps_of_zero_are_left_out_and_told(denoise: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("iteration,cost,seconds,gap,psnr_db\n1,3,0.1,0.5,20\n2,2,0.2,0.1,nan\n3,2,0.3,0,inf\n")
    run = denoise("plot", tmp_path / "a.csv", "-o", tmp_path / "a.svg")
    assert run.code == 0
    assert f"{tmp_path / 'a.csv'}: 1 infinite value left out" in run.err
    assert "1 value of gap ≤ 0 left out" in run.err
    lines = shown(draw(read_logs([tmp_path / "a.csv"])[0]))
    assert lines["iteration", "relative gap"][0].get_xydata().tolist() == [[1, 0.5], [2, 0.1]]
    assert lines["iteration", "PSNR / dB"][0].get_xydata().tolist() == [[1, 20]]


def test_names_are_not_taken_for_mathematics(tmp_path: Path) -> None:
    for name in ("_$x^2$", "$\\frac{"):
        (tmp_path / f"{name}.csv").write_text(LOG)
    curves, _ = read_logs(sorted(tmp_path.glob("*.csv")))
    figure = draw(curves)
    assert encode(figure, ".svg")
    assert len(figure.legends[0].get_texts()) == 2


# ── a terminal ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_terminal_shows_axes_and_a_curve_that_falls(denoise: Run, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "40")
    run = denoise("plot", log, "--terminal")
    assert run.code == 0
    for words in ("cost against iteration", "relative gap against iteration", "PSNR / dB against iteration"):
        assert words in run.out
    lines = run.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 40
    frame = [line.strip()[1:].partition("│")[0] for line in lines if line.startswith("│")][: (len(lines) // 3) - 4]
    columns = [next(k for k, letter in enumerate(line) if letter not in " ⠀") for line in frame if line.strip()]
    assert columns == sorted(columns)
    assert columns[-1] > columns[0] + 20


def test_letters_tell_runs_apart_where_there_is_no_colour(log: Path, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("iteration,cost,seconds\n1,100,0.5\n5,90,2.5\n")
    curves, _ = read_logs([log, tmp_path / "other.csv"])
    plain = text(curves, columns=80, lines=40)
    top, bottom = plain.find("bbbb"), plain.find("aaaa")
    assert 0 < top < bottom  # costs of 100 above costs of 50
    assert plain.splitlines()[-2:] == ["  a run", "  b other"]
    assert "\033[" in text(curves, columns=80, lines=40, colour=True)


def test_iteration_and_seconds_stand_side_by_side_in_a_wide_terminal(log: Path) -> None:
    curves, _ = read_logs([log])
    first = text(curves, columns=120, lines=40).splitlines()[0]
    assert "cost against iteration" in first
    assert "cost against time / s" in first
    assert "time / s" not in text(curves, columns=80)
    assert "cost against time / s" in text(curves, against="seconds", columns=80)


def test_a_path_in_a_terminal_says_which_is_automatic(path_table: Path) -> None:
    drawn = text(read_logs([path_table])[0], columns=80, lines=40)
    assert "PSNR / dB against λ" in drawn
    assert "automatic λ = 0.1" in drawn
    assert "10^" not in drawn


def test_a_terminal_without_unicode_gets_letters(path_table: Path) -> None:
    drawn = text(read_logs([path_table])[0], braille=False)
    assert not set(drawn) & set("│┌─") | {letter for letter in drawn if "\u2800" <= letter <= "\u28ff"}


def test_a_single_row_is_a_point(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("iteration,cost,seconds\n1,3,0.1\n")
    curves, _ = read_logs([tmp_path / "a.csv"])
    (line,) = shown(draw(curves))["iteration", "cost"]
    assert line.get_marker() == "o"
    assert "cost against iteration" in text(curves)
