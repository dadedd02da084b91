"""Consoles and pipes that have no λ (Windows code pages, LANG=C), disks that are full: replaced letters or one line, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COMMANDS = [
    ("--help",), ("path", "--help"), ("info", "a.png"), ("info", "--json", "a.png"), ("noise", "a.png"), ("noise", "--json", "a.png"),
    ("a.png", "--dry-run"), ("path", "a.png", "--steps", "2", "--overwrite"), ("a.png", "--json", "--overwrite", "-v"),
    ("compare", "a.png", "b.png"), ("compare", "a.png", "b.png", "--json"), ("benchmark", "a.png", "--gaussian", "0.1"),
    ("--show-completion", "bash"),
]  # fmt: skip
# Click writes the help of commands as UTF-8 where it finds ASCII.
IN_ASCII = [("--help",), ("noise", "a.png"), ("info", "--json", "a.png"), ("a.png", "--json", "--overwrite")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    for seed, name in enumerate((b"a.png", b"b.png", "λ→画.png".encode())):
        Image.fromarray(np.random.default_rng(seed).integers(80, 160, (40, 36), dtype=np.uint8)).save(folder / os.fsdecode(name))
    return folder


def program(desk: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """With file names in UTF-8, whatever the locale of these tests; what is printed has the encoding that `environment` names."""
    command = [sys.executable, "-m", "denoise_cli", *(word.encode() for word in words)]
    told = {**os.environ, "LC_ALL": "C.UTF-8", **environment}
    return subprocess.run(command, cwd=desk, capture_output=True, timeout=120, env=told)


@pytest.mark.parametrize(
    ("words", "encoding"),
    [*((words, "cp1252") for words in COMMANDS), *((words, "ascii") for words in IN_ASCII)],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_everything_can_be_said_on_any_console(desk, words, encoding):
    done = program(desk, *words, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert b"Traceback" not in done.stderr
    done.stdout.decode(encoding)
    if "--json" in words:
        for line in done.stdout.decode(encoding).splitlines():
            json.loads(line)


def test_letters_that_a_console_lacks_are_spelled_where_they_have_a_spelling(desk):
    said = program(desk, "a.png", "--dry-run", "-o", "λ.png", PYTHONIOENCODING="ascii").stdout
    assert said == b"a.png -> lambda.png\n"
    assert program(desk, "a.png", "--dry-run", "-o", "λ.png", PYTHONIOENCODING="utf-8").stdout.decode() == "a.png → λ.png\n"


def test_json_keeps_every_letter_on_every_console(desk):
    rows = [program(desk, "info", "--json", "λ→画.png", PYTHONIOENCODING=encoding).stdout for encoding in ("cp1252", "ascii", "utf-8")]
    assert [json.loads(row)["file"] for row in rows] == ["λ→画.png"] * 3


def test_files_that_are_written_are_utf8_on_every_console(desk):
    words = ("λ→画.png", "a.png", "--lambda", "0.1", "--iterations", "3", "-o", "out", "--log", "log.csv", "--save-config", "c.toml")
    done = program(desk, *words, "--overwrite", PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    assert "λ→画.png" in (desk / "log.csv").read_text(encoding="utf-8")
    assert "λ→画.png" in (desk / "out" / ".denoise-done.jsonl").read_text(encoding="utf-8")
    assert "PICTURE…" in (desk / "c.toml").read_text(encoding="utf-8")
    table = program(desk, "compare", "a.png", "λ→画.png", "--csv", "t.csv", "--overwrite", PYTHONIOENCODING="cp1252")
    assert table.returncode == 0, table.stderr
    assert "λ→画.png" in (desk / "t.csv").read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize(
    "words",
    [
        ("denoise_cli", "--help"),
        ("denoise_cli", "--version"),
        ("denoise_cli", "info", "a.png"),
        ("denoise_cli.extras", "batch-norm", "--help"),
    ],
    ids=" ".join,
)
def test_a_full_disk_behind_what_is_printed_is_one_line(desk, words):
    quiet = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-m", *words], cwd=desk, stdout=full, stderr=subprocess.PIPE, env=quiet, timeout=60)
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert b"No space left" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("words", [(), ("--dry-run",), ("info",), ("noise",), ("compare",)], ids=" ".join)
def test_a_terminal_does_not_obey_the_name_of_a_file(desk: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    """\\x1b begins the words that colour, clear and retitle a terminal; \\r would hide the beginning of a line."""
    name = "a\x1b[2J\rb\x9b.png"
    (tmp_path / os.fsdecode(name.encode())).write_bytes((desk / "a.png").read_bytes())
    (tmp_path / "bad\x1b.png").write_bytes(b"not a picture")
    for each in (name, "bad\x1b.png"):
        seen = program(tmp_path, *words, each, *([each] if "compare" in words else []))
        assert not set((seen.stdout + seen.stderr).decode()) & set("\x1b\x9b\r")
        assert b"\\x1b" in seen.stdout + seen.stderr


class _Interrupted:
    """A standard input at which Ctrl-C is pressed."""

    @property
    def buffer(self) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "words", [("info", "-"), ("noise", "-"), ("compare", "-", "a.png"), ("path", "-"), ("plot", "-"), ("add-noise", "-")]
)
def test_every_interrupted_command_says_so(denoise, desk, monkeypatch, words):
    monkeypatch.chdir(desk)
    monkeypatch.setattr(sys, "stdin", _Interrupted())
    extra = {"add-noise": ("--gaussian", "0.1"), "path": ("-o", "sheet.png")}.get(words[0], ())
    outcome = denoise(*words, *extra)
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "denoise: interrupted"


@pytest.mark.skipif(os.name == "nt", reason="a pipe that is closed is another error there")
@pytest.mark.parametrize(
    "words", [("info", *["a.png"] * 3), ("compare", "a.png", "b.png"), ("a.png", "--dry-run"), ("noise", "a.png", "--json")]
)
def test_a_reader_who_has_seen_enough_is_no_error(desk, words):
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run([sys.executable, "-m", "denoise_cli", *words], cwd=desk, stdout=theirs, stderr=subprocess.PIPE, timeout=120)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_name_of_a_file_ends_no_line(desk, tmp_path):
    (tmp_path / "two\nlines.png").write_bytes((desk / "a.png").read_bytes())
    for words in (("--dry-run",), ("--lambda", "0.1"), ("--lambda", "0.1")):
        seen = program(tmp_path, "two\nlines.png", "-o", "out.png", *words)
        assert (seen.stdout + seen.stderr).decode().count("\n") == 1


def test_help_of_a_group_keeps_its_lines(denoise):
    outcome = denoise("extras")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) > 10
