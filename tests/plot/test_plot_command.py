"""`denoise plot`: files that are no logs, figures that exist, packages that are missing, logs that still grow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from denoise_cli.cli.commands import plot

Run = Callable[..., Any]
HEADER = "iteration,cost,seconds\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "run.csv").write_text(f"{HEADER}1,5,0.1\n2,4,0.2\n")
    return tmp_path / "run.csv"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the log is empty"),
        (b"\n\n", "the log is empty"),
        (HEADER.encode(), "a header and no rows"),
        (b"a,b\n1,2\n", "without the columns iteration, cost, seconds (it has a, b)"),
        (b"iteration,seconds\n1,2\n", "without the column cost"),
        (b"lambda,psnr_db\n1,2\n", "without the column sigma_removed"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not a CSV"),
        (HEADER.encode() + b"1,x,0.1\n2,4,0.2\n", "line 2: cost is 'x', not a number"),
        (HEADER.encode() + b"1,2\n2,4,0.2\n", "line 2 has 2 cells, the header 3"),
        (HEADER.encode() + b"1,,0.1\n2,inf,0.2\n", "no finite number"),
    ],
)
def test_what_is_no_log_is_told_in_one_line(denoise: Run, tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    run = denoise("plot", tmp_path / "bad.csv", "-o", tmp_path / "x.png")
    assert run.code == 1
    assert run.err.count("\n") == 1
    assert run.err.startswith(f"{tmp_path / 'bad.csv'}: ")
    assert words in run.err
    assert not (tmp_path / "x.png").exists()


def test_a_log_that_is_not_there_or_is_a_folder(denoise: Run, tmp_path: Path) -> None:
    assert "no such file" in denoise("plot", tmp_path / "none.csv").err
    assert "is a directory" in denoise("plot", tmp_path).err


@pytest.mark.parametrize("name", ["x.gif", "x"])
def test_an_unknown_suffix_lists_the_known_ones(denoise: Run, log: Path, tmp_path: Path, name: str) -> None:
    run = denoise("plot", log, "-o", tmp_path / name)
    assert run.code == 2
    assert ".png, .svg, .pdf or .html" in run.err
    assert run.err.count("\n") == 1


def test_logs_and_paths_do_not_share_a_plot(denoise: Run, log: Path, tmp_path: Path) -> None:
    (tmp_path / "path.csv").write_text("lambda,sigma_removed\n0.1,0.05\n")
    run = denoise("plot", log, tmp_path / "path.csv")
    assert run.code == 2
    assert "draw them in two plots" in run.err


def test_a_figure_that_exists_is_kept_unless_told(denoise: Run, log: Path, tmp_path: Path) -> None:
    figure = tmp_path / "f.svg"
    figure.write_text("mine")
    run = denoise("plot", log, "-o", figure)
    assert run.code == 1
    assert "--overwrite" in run.err
    assert figure.read_text() == "mine"
    assert denoise("plot", log, "-o", figure, "--overwrite").code == 0
    assert "<svg" in figure.read_text()


def test_a_log_is_never_overwritten_by_its_figure(denoise: Run, log: Path, tmp_path: Path) -> None:
    odd = log.rename(tmp_path / "log.svg")
    before = odd.read_text()
    assert denoise("plot", odd, "-o", odd, "--overwrite").code == 1
    assert odd.read_text() == before


@pytest.mark.parametrize(("package", "words"), [("matplotlib", ("-o", "f.png")), ("uniplot", ("--terminal",))])
def test_without_its_packages_the_message_says_how_to_install_them(
    denoise: Run, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    run = denoise("plot", log, *words)
    assert run.code == 1
    assert run.err == f"denoise plot needs {package}, which is not installed: pip install 'denoise-cli[plot]'\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.csv"]


def test_a_last_line_that_is_still_being_written_is_left_out(denoise: Run, log: Path) -> None:
    from denoise_cli.cli.commands.logs import read_logs

    whole = log.read_text()
    for partial in ("3", "3,", "3,3.", '"3', "3,1e-,", "3,1,1e-"):
        log.write_text(whole + partial)
        assert read_logs([log])[0][0]["iteration"].tolist() == [1, 2], partial
        assert denoise("plot", log).code == 0
    log.write_text(f"{whole}3,3,0.3")  # whole but for its line end
    assert read_logs([log])[0][0]["iteration"].tolist() == [1, 2, 3]


# ── following ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_following_sees_new_rows_until_there_are_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(plot, "QUIET_SECONDS", 0.3)
    monkeypatch.setattr(plot, "QUIET_PAUSES", 1)
    log = tmp_path / "run.csv"
    steps = iter((HEADER, "1,5,0.1\n", "2,4,", "0.2\n3,3,0.3\n"))
    log.write_text(next(steps))

    def grow() -> None:
        for step in steps:
            time.sleep(0.1)
            with log.open("a") as stream:
                stream.write(step)

    writer = threading.Thread(target=grow)
    writer.start()
    seen = [curves[0]["iteration"].tolist() for curves, _ in plot._versions([log])]
    writer.join()
    assert seen[-1] == [1, 2, 3]
    assert all(iterations in ([1], [1, 2, 3]) for iterations in seen)  # never half a line


def test_following_standard_input_is_a_mistake(denoise: Run) -> None:
    run = denoise("plot", "-", "--follow")
    assert run.code == 2
    assert "name the file" in run.err


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_whoever_stops_following_made_no_mistake_and_gets_the_figure(log: Path, tmp_path: Path) -> None:
    figure = tmp_path / "f.svg"
    command = [sys.executable, "-m", "denoise_cli", "plot", str(log), "--follow", "-o", str(figure)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUTF8": "1"})
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.count("cost against iteration") == 1  # in a pipe, once
    assert "<svg" in figure.read_text()
