"""Outputs that are no ordinary files: devices and FIFOs are written into, links are followed, nothing of them is ever replaced."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FAST = ("--lambda", "0.1", "--iterations", "3")


def program(*words: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "denoise_cli", *map(str, words)], capture_output=True, timeout=60, **options)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(29).integers(80, 160, (24, 20), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def expected(scan: Path, denoise) -> bytes:
    target = scan.with_name("expected.png")
    assert denoise(scan, "-o", target, *FAST).code == 0
    return target.read_bytes()


def through_a_fifo(fifo: Path, *words: object) -> bytes:
    """What a reader of the FIFO gets from the program."""
    reader = subprocess.Popen(["cat", str(fifo)], stdout=subprocess.PIPE)
    try:
        ran = program(*words)
        assert ran.returncode == 0, ran.stderr
        return reader.communicate(timeout=30)[0]
    finally:
        reader.kill()


@pytest.mark.parametrize("words", [(), ("--overwrite",)])
def test_the_reader_of_a_fifo_gets_the_picture_and_the_fifo_stays(scan, expected, tmp_path, words):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert through_a_fifo(fifo, scan, "-o", fifo, *FAST, *words) == expected
    assert stat.S_ISFIFO(fifo.stat().st_mode)


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_a_large_picture_goes_into_a_fifo_as_well_and_behind_a_link_to_another_disk(denoise, tmp_path, name):
    np.save(tmp_path / "in.npy", np.random.default_rng(29).integers(80, 160, (150, 120), dtype=np.uint8))
    words = ("--method", "optimal", "--lambda", "0.1", "--memory", "300kB")
    expected, fifo, link = (tmp_path / folder / name for folder in ("expected", "fifo", "link"))
    for path in (expected, fifo, link):
        path.parent.mkdir()
    assert "tiles" in denoise(tmp_path / "in.npy", "-o", expected, *words).err
    os.mkfifo(fifo)
    assert through_a_fifo(fifo, tmp_path / "in.npy", "-o", fifo, *words) == expected.read_bytes()
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as elsewhere:
        behind = Path(elsewhere, name)
        behind.touch()
        link.symlink_to(behind)
        assert denoise(tmp_path / "in.npy", "-o", link, "--overwrite", *words).code == 0
        assert behind.read_bytes() == expected.read_bytes()
    assert link.is_symlink()
    assert sorted(path.name for path in (*fifo.parent.iterdir(), *link.parent.iterdir()) if "tiles" in path.name) == []


@pytest.mark.parametrize("option", ["--residual", "--log"])
def test_residuals_and_logs_go_into_a_fifo_as_well(scan, tmp_path, option):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got = through_a_fifo(fifo, scan, "-o", tmp_path / "out.png", option, fifo, *FAST)
    assert got.startswith(b"\x89PNG" if option == "--residual" else b"iteration,")
    assert stat.S_ISFIFO(fifo.stat().st_mode)


@pytest.mark.parametrize(
    "words",
    [
        ("SCAN", "-o", "NODE", *FAST),
        ("SCAN", "-o", "NODE", "--overwrite", *FAST),
        ("SCAN", "-o", "OUT", "--residual", "NODE", "--overwrite", *FAST),
        ("SCAN", "-o", "OUT", "--log", "NODE", "--overwrite", *FAST),
        ("SCAN", "-o", "OUT", "--save-config", "NODE", "--overwrite", *FAST),
        ("add-noise", "SCAN", "-o", "NODE", "--gaussian", "0.1", "--overwrite"),
        ("compare", "SCAN", "SCAN", "--csv", "NODE", "--overwrite"),
        ("path", "SCAN", "--steps", "2", "-o", "OUT", "--csv", "NODE", "--overwrite"),
        ("extras", "layer-norm", "TABLE", "-o", "NODE"),
    ],
    ids=lambda words: " ".join(words),
)
@pytest.mark.parametrize("behind_a_link", [False, True])
def test_a_device_stays_a_device_whatever_is_written_to_it(denoise, scan, tmp_path, words, behind_a_link):
    # A node of our own where we may make one; else the real one, which an ordinary user cannot replace in any case.
    node = tmp_path / "null"
    try:
        os.mknod(node, 0o20666, os.makedev(1, 3))
        with node.open("wb"):
            pass
    except PermissionError:
        node.unlink(missing_ok=True)
        if os.geteuid() == 0:
            pytest.skip("devices cannot be made here, and root must not try with the real one")
        node = Path("/dev/null")
    (tmp_path / "table.csv").write_text("1,2\n3,5\n")
    link = tmp_path / "link"
    link.symlink_to(node)
    places = {"SCAN": scan, "NODE": link if behind_a_link else node, "OUT": tmp_path / "out.png", "TABLE": tmp_path / "table.csv"}
    outcome = denoise(*(places.get(word, word) for word in words))
    assert outcome.code == 0, outcome.err
    assert stat.S_ISCHR(node.stat().st_mode)
    assert link.is_symlink()


def test_standard_output_by_its_name_gets_the_picture_and_keeps_what_was_there(scan, expected, tmp_path):
    assert program(scan, "-o", "/dev/stdout", *FAST).stdout == expected
    with (tmp_path / "all.bin").open("wb") as stream:
        stream.write(b"before")
    with (tmp_path / "all.bin").open("ab") as stream:
        subprocess.run([sys.executable, "-m", "denoise_cli", scan, "-o", "/dev/stdout", "-q", *FAST], stdout=stream, check=True, timeout=60)
    assert (tmp_path / "all.bin").read_bytes() == b"before" + expected


def test_an_output_that_is_a_link_is_written_through(denoise, scan, expected, tmp_path):
    (tmp_path / "disk").mkdir()
    behind, link = tmp_path / "disk" / "b.png", tmp_path / "link.png"
    link.symlink_to(behind)  # nothing is behind it yet
    assert denoise(scan, "-o", link, *FAST).code == 0
    assert denoise(scan, "-o", link, *FAST).code == 1
    behind.write_bytes(b"older")
    assert denoise(scan, "-o", link, "--overwrite", *FAST).code == 0
    assert behind.read_bytes() == expected
    assert link.is_symlink()
    assert [path.name for path in behind.parent.iterdir()] == ["b.png"]


def test_several_pictures_do_not_go_into_one_device(denoise, scan, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    outcome = denoise(scan, scan.parent, "-o", tmp_path / "fifo", *FAST)
    assert outcome.code == 2
    assert "cannot go into one file" in outcome.err


@pytest.mark.parametrize("words", [FAST, ("--gaussian", "0.1")], ids=["denoise", "add-noise"])
def test_a_full_disk_behind_standard_output_is_one_line(scan, words):
    with Path("/dev/full").open("wb") as full:
        name = [] if words == FAST else ["add-noise"]
        command = [sys.executable, "-m", "denoise_cli", *name, str(scan), "-o", "-", *words]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ran.returncode == 1, ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert "No space left" in ran.stderr


def test_closed_standard_streams_are_one_line(scan):
    for line in (f"- -o {scan.with_name('o.png')} <&-", f"{scan} -o - >&-"):
        ran = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m denoise_cli --lambda 0.1 {line}"], capture_output=True, text=True, timeout=60
        )
        assert ran.returncode == 1, ran.stderr
        assert len(ran.stderr.splitlines()) == 1
        assert "is closed" in ran.stderr
