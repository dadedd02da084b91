"""denoise --report: what stands in the page, when it appears, and what it never replaces."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_cli.cli import report_file
from denoise_cli.pipeline.preview import BYTES_PER_PIXEL, HEAD

Run = Callable[..., Any]
SCENE = np.add.outer(np.arange(48) * 2, np.arange(64) * 2).astype(np.uint8)


def noisy(seed: int = 0, shape: tuple[int, ...] = (48, 64)) -> Any:
    scene = SCENE if len(shape) == 2 else np.repeat(SCENE[:, :, None], shape[2], 2)
    return np.clip(scene + np.random.default_rng(seed).normal(0, 20, shape), 0, 255).astype(np.uint8)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(noisy(number)).save(folder / f"{number}.png")
    return folder


def element(page: Path, name: str) -> Any:
    """The data of a page that its script finds under this name."""
    found = re.search(f'^<script type="application/json" id="{name}">(.*)</script>$', page.read_text(encoding="utf-8"), re.MULTILINE)
    return json.loads(found[1]) if found else None


def pixels(url: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def crops(page: Path, name: str) -> Any:
    row = next(row for row in element(page, "run")["rows"] if row["name"] == name)
    return element(page, f"crops-{row['crops']}")


def test_the_page_holds_every_picture_before_and_after(denoise: Run, scans: Path, tmp_path: Path) -> None:
    (scans / "notes.txt").write_text("no picture")
    run = denoise(scans, "-o", tmp_path / "clean", "--report", tmp_path / "r.html", "--json")
    assert run.code == 0
    told = {
        Path(line["input"]).name: line for line in map(json.loads, run.out.splitlines()) if line.get("status") not in (None, "passed_over")
    }
    page = element(tmp_path / "r.html", "run")
    assert [row["name"] for row in page["rows"]] == ["0.png", "1.png", "2.png"]
    for row in page["rows"]:
        for name in ("method", "weight", "gap", "seconds", "sigma", "noise"):
            assert row[name] == told[row["name"]][name]
        shown = crops(tmp_path / "r.html", row["name"])
        assert np.array_equal(pixels(shown["before"]), np.asarray(Image.open(row["input"])))
        assert np.array_equal(pixels(shown["after"]), np.asarray(Image.open(row["output"])))
        assert shown["error"] == 0
    assert page["title"] == "denoise: 3 done"
    assert page["passed_over"] == [f"{scans / 'notes.txt'}: .txt"]
    assert "preview" not in run.out


def test_processes_and_single_pictures_report_alike(denoise: Run, scans: Path, tmp_path: Path) -> None:
    denoise(scans, "-o", tmp_path / "one", "--report", tmp_path / "one.html")
    denoise(scans, "-o", tmp_path / "two", "--report", tmp_path / "two.html", "--jobs", 2)
    denoise(scans / "1.png", "-o", tmp_path / "three.png", "--report", tmp_path / "three.html")
    expected = crops(tmp_path / "one.html", "1.png")
    assert crops(tmp_path / "two.html", "1.png") == expected
    assert crops(tmp_path / "three.html", "1.png") == expected
    assert len(element(tmp_path / "two.html", "run")["rows"]) == 3


def test_names_and_errors_are_text(denoise: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    name = "<script>alert(1)<!--.png"
    (folder / name).write_bytes(b"no picture")
    assert denoise(folder, "-o", tmp_path / "clean", "--report", tmp_path / "r.html").code == 1
    text = (tmp_path / "r.html").read_text()
    scripts = re.findall(r"<script", text)
    assert len(scripts) == 2  # the data and the program; what is between them has no "<"
    row = element(tmp_path / "r.html", "run")["rows"][0]
    assert row["name"] == name
    assert row["group"] == "failed"
    assert row["remark"].startswith("not a picture")


@pytest.mark.skipif(sys.platform != "linux", reason="names as bytes")
def test_a_name_that_is_no_text_is_reported(denoise: Run, scans: Path, tmp_path: Path) -> None:
    (scans / os.fsdecode(b"\xff.png")).write_bytes((scans / "0.png").read_bytes())
    assert denoise(scans, "-o", tmp_path / "clean", "--report", tmp_path / "r.html").code == 0
    assert len(element(tmp_path / "r.html", "run")["rows"]) == 4


def test_the_page_asks_for_nothing_and_runs_nothing_but_its_own_script(denoise: Run, scans: Path, tmp_path: Path) -> None:
    denoise(scans, "-o", tmp_path / "clean", "--report", tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert not re.search(r"""(src|href)=|https?://|@import|url\(""", text)
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in text
    assert "unsafe" not in text


# ── pictures of all kinds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def shown_of(denoise: Run, picture: Path) -> Any:
    page = picture.with_suffix(".html")
    run = denoise(picture, "-o", picture.with_name("out" + picture.suffix), "--report", page, "--lambda", "0.01")
    assert run.code == 0, run.err
    return crops(page, picture.name)


def test_twelve_bits_in_sixteen_are_stretched_and_it_is_said(denoise: Run, tmp_path: Path) -> None:
    stored = noisy().astype(np.uint16) * 16
    tifffile.imwrite(tmp_path / "a.tif", stored)
    shown = shown_of(denoise, tmp_path / "a.tif")
    black, white = (round(end * 65535) for end in shown["window"])
    assert black == np.percentile(stored, 0.5, method="inverted_cdf")
    assert white == np.percentile(stored, 99.5, method="inverted_cdf")
    expected = np.clip((stored.astype(float) - black) / (white - black), 0, 1) * 255
    assert np.abs(pixels(shown["before"]) - expected).max() <= 0.51


def test_floats_in_units_of_their_own_are_stretched(denoise: Run, tmp_path: Path) -> None:
    metres = (noisy() * 3.0 - 500).astype(np.float32)
    metres[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", metres)
    before = pixels(shown_of(denoise, tmp_path / "a.tif")["before"]).astype(int)
    assert before.min() == 0
    assert before.max() == 255
    assert before[3, 4] == round(0.55 * 255)  # nothing is there: the chequered ground


def test_what_is_transparent_shows_the_ground(denoise: Run, tmp_path: Path) -> None:
    opacity = np.full((48, 64), 255, np.uint8)
    opacity[:20] = 0
    Image.fromarray(np.dstack([noisy(), opacity])).save(tmp_path / "a.png")
    before = pixels(shown_of(denoise, tmp_path / "a.png")["before"])
    assert set(np.unique(before[:20])) == {round(0.55 * 255), round(0.7 * 255)}
    assert np.array_equal(before[20:], noisy()[20:])


def test_of_several_pages_the_middle_one_is_shown(denoise: Run, tmp_path: Path) -> None:
    pages = np.stack([noisy(number) for number in range(5)])
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    shown = shown_of(denoise, tmp_path / "a.tif")
    assert shown["page"].startswith("page 3 of 5")
    assert np.array_equal(pixels(shown["before"]), pages[2])


def test_a_picture_on_its_side_is_shown_upright(denoise: Run, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(noisy()).save(tmp_path / "a.png", exif=exif)
    shown = shown_of(denoise, tmp_path / "a.png")
    assert np.array_equal(pixels(shown["before"]), noisy().T[:, ::-1])
    assert shown["size"] == [48, 64]


def test_crops_stay_small_and_show_where_something_changed(denoise: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    big = np.full((600, 900, 3), 128, np.uint8)
    big[300:500, 600:800] = rng.integers(0, 256, (200, 200, 3))
    Image.fromarray(big).save(tmp_path / "a.png")
    page = tmp_path / "r.html"
    assert denoise(tmp_path / "a.png", "--report", page, "--report-crops", 128, "--lambda", "0.3").code == 0
    shown = crops(page, "a.png")
    x, y, width, height = shown["box"]
    assert (width, height) == (128, 128)
    assert 520 <= x <= 720
    assert 220 <= y <= 420
    told = pixels(shown["before"]).astype(float) - big[y : y + 128, x : x + 128]
    assert shown["error"] >= np.sqrt((told**2).mean()) - 1e-9
    assert 0 < shown["error"] < 74 / 3  # the noise has 74 levels
    assert len(shown["before"]) + len(shown["after"]) <= 4 / 3 * (128 * 128 * BYTES_PER_PIXEL + HEAD) + 100
    assert denoise(tmp_path / "a.png", "--report", page, "--report-crops", 0, "--lambda", "0.3", "--overwrite").code == 0
    assert element(page, "run")["rows"][0]["crops"] is None


# ── when it appears, and over what ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "said"),
    [("r.png", "name it .html"), ("none/r.html", "no directory"), ("folder.html", "is a directory"), ("other.html", "is no report")],
)
def test_a_report_that_cannot_be_is_refused_before_the_work(denoise: Run, scans: Path, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "other.html").write_text("<p>somebody's own page")
    run = denoise(scans, "-o", tmp_path / "clean", "--report", tmp_path / name)
    assert run.code != 0
    assert said in run.err
    assert run.err.count("\n") == 1
    assert not list((tmp_path / "clean").glob("*.png"))
    assert (tmp_path / "other.html").read_text() == "<p>somebody's own page"


def test_crops_without_a_report_are_refused(denoise: Run, scans: Path) -> None:
    run = denoise(scans, "--report-crops", 64)
    assert run.code == 2
    assert "name it with --report" in run.err


def test_a_report_never_replaces_an_input(denoise: Run, scans: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.html"
    picture.write_bytes((scans / "0.png").read_bytes())
    for more in ((), ("--overwrite",)):
        run = denoise(picture, "-o", tmp_path / "out.png", "--report", picture, *more)
        assert run.code == 1
        assert "is an input" in run.err
    assert picture.read_bytes() == (scans / "0.png").read_bytes()


def test_a_run_that_goes_on_keeps_what_the_earlier_report_says(
    denoise: Run, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, words = tmp_path / "r.html", (scans, "-o", tmp_path / "clean", "--report", tmp_path / "r.html")
    assert denoise(*words).code == 0
    first = element(page, "run")["rows"][1]
    expected = crops(page, "1.png")
    Image.fromarray(noisy(9)).save(scans / "3.png")
    monkeypatch.setattr(report_file, "preview_of_files", lambda *_: pytest.fail("read again"))
    assert denoise(*words).code == 0
    rows = element(page, "run")["rows"]
    assert [row["group"] for row in rows] == ["skipped"] * 3 + ["done"]
    for name in ("weight", "sigma", "seconds", "method", "thumbnail"):
        assert rows[1][name] == first[name]
    assert crops(page, "1.png") == expected


def test_without_an_earlier_report_finished_pictures_are_read_again(denoise: Run, scans: Path, tmp_path: Path) -> None:
    denoise(scans, "-o", tmp_path / "clean", "--report", tmp_path / "one.html")
    denoise(scans, "-o", tmp_path / "clean", "--report", tmp_path / "two.html")
    assert crops(tmp_path / "two.html", "2.png") == crops(tmp_path / "one.html", "2.png")


@pytest.mark.parametrize(
    "damage", [b"", b'<script type="application/json" id="run">{"rows": [1]}</script>\n', b'<script type="application/json" id="run">{']
)
def test_a_damaged_earlier_report_is_no_trouble(denoise: Run, scans: Path, tmp_path: Path, damage: bytes) -> None:
    page, words = tmp_path / "r.html", (scans, "-o", tmp_path / "clean", "--report", tmp_path / "r.html")
    denoise(*words)
    page.write_bytes(page.read_bytes()[:600] + damage)
    assert denoise(*words).code == 0
    assert len(element(page, "run")["rows"]) == 3


def test_an_error_that_ends_the_run_leaves_the_report_of_what_was_done(denoise: Run, scans: Path, tmp_path: Path) -> None:
    (scans / "1.png").write_bytes(b"no picture")
    run = denoise(scans, "-o", tmp_path / "clean", "--report", tmp_path / "r.html", "--fail-fast")
    assert run.code == 1
    page = element(tmp_path / "r.html", "run")
    assert [row["group"] for row in page["rows"]] == ["done", "failed"]
    assert "before 1 of its 3 pictures" in page["interrupted"]
    assert "goes on where it stopped" in page["interrupted"]


def test_a_run_that_ends_early_keeps_the_earlier_rows_of_what_it_did_not_reach(denoise: Run, scans: Path, tmp_path: Path) -> None:
    page, words = tmp_path / "r.html", (scans, "-o", tmp_path / "clean", "--report", tmp_path / "r.html")
    denoise(*words)
    weight = element(page, "run")["rows"][2]["sigma"]
    expected = crops(page, "2.png")
    (scans / "0.png").write_bytes(b"no picture any more")
    (tmp_path / "clean" / "0.png").unlink()
    assert denoise(*words, "--fail-fast").code == 1
    rows = element(page, "run")["rows"]
    assert [row["group"] for row in rows] == ["failed", "skipped", "skipped"]
    assert rows[2]["remark"].startswith("not reached")
    assert rows[2]["sigma"] == weight
    assert crops(page, "2.png") == expected


def test_a_run_that_does_nothing_leaves_the_earlier_report(denoise: Run, scans: Path, tmp_path: Path) -> None:
    page, words = tmp_path / "r.html", (scans, "-o", tmp_path / "clean", "--report", tmp_path / "r.html")
    denoise(*words)
    before = page.read_bytes()
    (tmp_path / "log.csv").write_text("mine")
    run = denoise(*words, "--log", tmp_path / "log.csv")
    assert run.code == 1
    assert "log.csv: exists already" in run.err
    assert page.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupted_run_reports_what_was_done(scans: Path, tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1500, 1500), dtype=np.uint8)).save(scans / "9.png")
    words = [scans, "-o", tmp_path / "clean", "--report", tmp_path / "r.html", "--lambda", "0.1", "--iterations", "4000"]
    process = subprocess.Popen([sys.executable, "-m", "denoise_cli", *map(str, words)], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (tmp_path / "clean" / "2.png").exists() and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(1)  # a result has its name a little before its row is in the report
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    page = element(tmp_path / "r.html", "run")
    assert [row["name"] for row in page["rows"]] == ["0.png", "1.png", "2.png"]
    assert "1 of its 4 pictures" in page["interrupted"]
    assert {path.name for path in tmp_path.iterdir()} == {"scans", "clean", "r.html"}


def test_the_commands_in_it_can_be_typed(denoise: Run, scans: Path, tmp_path: Path) -> None:
    config = tmp_path / "tuned.toml"
    (scans / "0.png").rename(scans / "it's 0.png")
    words = (
        scans,
        "-o",
        tmp_path / "clean",
        "--report",
        tmp_path / "r.html",
        "--method",
        "optimal",
        "--l2",
        "--sigma",
        "0.08",
        "--range",
        "0,250",
    )
    denoise(*words)
    page = element(tmp_path / "r.html", "run")
    typed = shlex.split(page["command"])[1:]
    assert denoise(*typed).code == 0  # the same: all is skipped
    assert element(tmp_path / "r.html", "run")["title"] == "denoise: 0 done, 3 skipped"
    config.write_text(page["settings"])
    assert denoise(scans, "-o", tmp_path / "again", "--config", config).code == 0
    assert (tmp_path / "again" / "2.png").read_bytes() == (tmp_path / "clean" / "2.png").read_bytes()
    row = next(row for row in page["rows"] if row["name"] == "it's 0.png")
    before = (tmp_path / "clean" / "it's 0.png").read_bytes()
    for (told, text), factor in zip(row["commands"], (0.5, 2), strict=False):
        run = denoise(*shlex.split(text)[1:], "--json")
        assert json.loads(run.out.splitlines()[0])["weight"] == pytest.approx(factor * row["weight"]), told
    assert (tmp_path / "clean" / "it's 0.png").read_bytes() != before


def test_a_full_disk_is_one_line(denoise: Run, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, *_: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(report_file.tempfile, "TemporaryFile", lambda **_: Full())
    run = denoise(scans, "-o", tmp_path / "clean", "--report", tmp_path / "r.html", "-q")
    assert run.code == 1
    assert run.err == f"{tmp_path / 'r.html'}: the report cannot be written (No space left on device); choose another place with --report\n"
