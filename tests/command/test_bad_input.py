"""Bad input gets one line that names the file, the trouble and the way out; nothing is lost, nothing half-written."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def desk(tmp_path: Path, samples: Path) -> Path:
    """A folder with a good picture and many bad ones."""
    shutil.copy(samples / "camera_gaussian.png", tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("this is no picture\n")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "header.png").write_bytes(whole[:20])
    (tmp_path / "folder.png").mkdir()
    Image.fromarray(np.zeros((9, 11), np.uint8)).save(tmp_path / "small.png")
    Image.fromarray(np.zeros((9, 11, 3), np.uint8)).save(tmp_path / "colour.png")
    Image.fromarray(np.zeros((256, 256), np.uint8)).save(tmp_path / "black.png")
    Image.fromarray(np.full((9, 11), 9, np.uint8)).save(tmp_path / "good_denoised_before.png")
    np.save(tmp_path / "nan.npy", np.full((12, 12), np.nan))
    np.save(tmp_path / "negative.npy", np.full((256, 256), -1.0))
    np.save(tmp_path / "huge.npy", np.random.default_rng(0).random((64, 64)) * 1e300)
    np.save(tmp_path / "counts.npy", np.arange(12).reshape(3, 4) + 2**60)
    np.save(tmp_path / "complex.npy", np.ones((3, 4), complex))
    np.save(tmp_path / "volume.npy", np.ones((3, 4, 5)))
    np.save(tmp_path / "vector.npy", np.arange(12.0))
    np.save(tmp_path / "objects.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    (tmp_path / "log.csv").write_text("kept\n")
    return tmp_path


def fingerprint(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


OPTIMAL = ["--lambda", "0.1", "--method", "optimal"]

# words (files by name), exit code, what the line must say
CASES = {
    "a missing file": (["none.png", "--lambda", "0.1"], 1, ["none.png", "no such file"]),
    "a directory that is named like a picture": (["folder.png", "--lambda", "0.1"], 2, ["folder.png", "holds no picture"]),
    "an empty file": (["empty.png", "--lambda", "0.1"], 1, ["empty.png", "empty"]),
    "a text file": (["text.png", "--lambda", "0.1"], 1, ["text.png", "not a picture", "PNG, JPEG, TIFF"]),
    "a truncated picture": (["cut.png", "--lambda", "0.1"], 1, ["cut.png", "damaged"]),
    "a truncated header": (["header.png", "--lambda", "0.1"], 1, ["header.png", "damaged"]),
    "no pixel with a value": (["nan.npy", "--lambda", "0.1"], 1, ["nan.npy", "no pixel has a value"]),
    "complex numbers": (["complex.npy", "--lambda", "0.1"], 1, ["complex.npy", "complex128"]),
    "integers that no float holds": (["counts.npy", "--lambda", "0.1"], 1, ["counts.npy", "2^53", "offset"]),
    "an array that may be pages": (["volume.npy", "--lambda", "0.1"], 1, ["volume.npy", "--axes ZYX", "--axes YXC"]),
    "a vector": (["vector.npy", "--lambda", "0.1"], 1, ["vector.npy", "(12,)"]),
    "pickled objects": (["objects.npy", "--lambda", "0.1"], 1, ["objects.npy"]),
    "lambda zero": (["good.png", "--lambda", "0"], 2, ["--lambda", "positive"]),
    "lambda negative": (["good.png", "--lambda", "-1"], 2, ["--lambda", "positive"]),
    "lambda NaN": (["good.png", "--lambda", "nan"], 2, ["--lambda", "nan"]),
    "lambda infinite": (["good.png", "--lambda", "inf"], 2, ["--lambda", "inf"]),
    "lambda a word": (["good.png", "--lambda", "much"], 2, ["--lambda"]),
    "no iterations": (["good.png", "--lambda", "0.1", "--iterations", "0"], 2, ["--iterations", "at least 1"]),
    "alpha zero": (["good.png", "--lambda", "0.1", "--alpha", "0"], 2, ["--alpha", "positive"]),
    "no workers": (["good.png", "--lambda", "0.1", "--workers", "0"], 2, ["--workers", "at least 1"]),
    "no workers, and nothing else typed": (["good.png", "--workers", "0"], 2, ["--workers", "at least 1"]),
    "fewer workers than none, for the network": (["good.png", "--method", "learned", "--workers", "-1"], 2, ["--workers", "at least 1"]),
    "a strength beyond all sense": (["good.png", "--strength", "1e30"], 2, ["--strength", "at most"]),
    "values too large for the arithmetic": (["huge.npy"], 1, ["huge.npy", "too large", "divide"]),
    "both fidelities": (["good.png", "--lambda", "0.1", "--l1", "--l2"], 2, ["--l1", "--l2"]),
    "an unknown option": (["good.png", "--lamda", "0.1"], 2, ["--lamda"]),
    "no picture": (["--lambda", "0.1"], 2, ["PICTURE"]),
    "a gap for matlab": (["good.png", "--lambda", "0.1", "--gap", "1e-3"], 2, ["--gap", "optimal"]),
    "a tv for matlab": (["good.png", "--lambda", "0.1", "--tv", "isotropic"], 2, ["--tv", "optimal"]),
    "a mask for matlab": (["good.png", "--lambda", "0.1", "--mask", "black.png"], 2, ["--mask", "optimal"]),
    "alpha for optimal": (["good.png", *OPTIMAL, "--alpha", "3"], 2, ["--alpha", "matlab"]),
    "sum for optimal": (["good.png", *OPTIMAL, "--channels", "sum"], 2, ["no energy"]),
    "gap zero": (["good.png", *OPTIMAL, "--gap", "0"], 2, ["--gap"]),
    "a gap beyond float32": (["good.png", *OPTIMAL, "--gap", "1e-9"], 2, ["--gap", "dtype float64"]),
    "a mask and weights": (["good.png", *OPTIMAL, "--mask", "black.png", "--weights", "black.png"], 2, ["--mask"]),
    "a mask that hides all": (["good.png", *OPTIMAL, "--mask", "black.png"], 1, ["black.png", "hides every"]),
    "weights that hide all": (["good.png", *OPTIMAL, "--weights", "black.png"], 1, ["hide every"]),
    "weights of another size": (["good.png", *OPTIMAL, "--weights", "small.png"], 1, ["small.png", "11 × 9"]),
    "negative weights": (["good.png", *OPTIMAL, "--weights", "negative.npy"], 1, ["negative.npy", "negative"]),
    "a reference of another size": (["good.png", "--lambda", "0.1", "--reference", "small.png"], 1, ["small.png", "11 × 9", "256 × 256"]),
    "a reference in colour": (["small.png", "--lambda", "0.1", "--reference", "colour.png"], 1, ["colour.png", "3 channels"]),
    "a missing reference": (["good.png", "--lambda", "0.1", "--reference", "none.png"], 1, ["none.png", "no such file"]),
    "an output that exists": (["small.png", "--lambda", "0.1", "-o", "good_denoised_before.png"], 1, ["exists already", "--overwrite"]),
    "an output that is the input": (["good.png", "--lambda", "0.1", "-o", "good.png", "--overwrite"], 1, ["good.png", "never overwrites"]),
    "an output that is the reference": (
        ["good.png", "--lambda", "0.1", "--reference", "black.png", "-o", "black.png", "--overwrite"], 1, ["never overwrites"],
    ),
    "an output in no directory": (["good.png", "--lambda", "0.1", "-o", "nowhere/out.png"], 1, ["nowhere", "no directory"]),
    "one output for two pictures": (["good.png", "small.png", "--lambda", "0.1", "-o", "out.png"], 2, ["out.png", "2 inputs"]),
    "one picture twice": (["good.png", "good.png", "--lambda", "0.1"], 2, ["good.png", "once"]),
    "a log that exists": (["good.png", "--lambda", "0.1", "--log", "log.csv"], 1, ["log.csv", "exists already"]),
    "a log over the input": (["good.png", "--lambda", "0.1", "--log", "good.png", "--overwrite"], 1, ["good.png", "--log"]),
    "a log in no directory": (["good.png", "--lambda", "0.1", "--log", "nowhere/log.csv"], 1, ["nowhere/log.csv", "--log"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gets_one_line_and_nothing_is_touched(denoise, desk, monkeypatch, case):
    words, code, parts = CASES[case]
    monkeypatch.chdir(desk)
    before = fingerprint(desk)
    outcome = denoise(*words)
    assert outcome.code == code, outcome
    lines = outcome.err.splitlines()
    assert len(lines) == 1, outcome.err
    for part in parts:
        assert part in lines[0]
    assert outcome.out == ""
    assert fingerprint(desk) == before


def test_a_link_to_the_input_is_the_input(denoise, desk):
    (desk / "link.png").symlink_to(desk / "good.png")
    outcome = denoise(desk / "good.png", "--lambda", 0.1, "-o", desk / "link.png", "--overwrite")
    assert outcome.code == 1
    assert "never overwrites" in outcome.err


def test_overwrite_replaces_a_result_whole(denoise, desk):
    target = desk / "good_denoised_before.png"
    assert denoise(desk / "good.png", "--lambda", 0.1, "-o", target, "--overwrite").code == 0
    with Image.open(target) as image:
        assert image.size == (256, 256)
    assert not list(desk.glob(".*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_directory_is_refused_before_the_work(denoise, desk):
    shut = desk / "shut"
    shut.mkdir(mode=0o500)
    outcome = denoise(desk / "good.png", "--lambda", 0.1, "-o", shut / "out.png")
    assert outcome.code == 1
    assert "not writable" in outcome.err


def test_a_full_disk_leaves_nothing_behind(denoise, desk, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = fingerprint(desk)
    outcome = denoise(desk / "good.png", "--lambda", 0.1)
    assert outcome.code == 1
    assert "good_denoised.png" in outcome.err
    assert "No space left" in outcome.err
    assert fingerprint(desk) == before


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--csv", ("path", "good.png", "--steps", "1", "--csv", "FULL")),
        ("--html", ("path", "good.png", "--steps", "1", "--html", "FULL.html")),
        ("--save-config", ("good.png", "--lambda", "0.1", "--save-config", "FULL")),
        ("--report", ("good.png", "--lambda", "0.1", "--report", "FULL.html")),
        ("-o", ("path", "good.png", "--steps", "1", "-o", "FULL.png")),
        ("--sheet", ("compare", "good.png", "good.png", "--sheet", "FULL.png")),
        ("--residual", ("good.png", "--lambda", "0.1", "--residual", "FULL.png")),
        ("--results", ("path", "good.png", "--steps", "1", "--results", "FULL")),
    ],
)
def test_the_way_out_is_the_option_that_named_the_file(denoise, desk, monkeypatch, option, words):
    real = os.replace, os.link

    def full(temporary: Path, target: Path, how) -> None:
        if "FULL" in str(target):
            raise OSError(28, "No space left on device")
        how(temporary, target)

    monkeypatch.setattr(os, "link", lambda temporary, target: full(temporary, target, real[1]))
    monkeypatch.setattr(Path, "replace", lambda temporary, target: full(temporary, target, real[0]))
    monkeypatch.chdir(desk)
    outcome = denoise(*words, "--overwrite")
    assert outcome.code == 1
    assert next(line for line in outcome.err.splitlines() if "No space left" in line).endswith(f" Choose another place with {option}")


@pytest.mark.parametrize("words", [(), ("info",), ("noise",), ("path",), ("plot",), ("compare",), ("add-noise", "--gaussian", "0.1")])
def test_an_address_is_called_one(denoise, words):
    outcome = denoise(*words[:1], "https://example.com/a.png", *words[1:], *(["b.png"] if "compare" in words else []))
    assert outcome.code == 1
    (line,) = outcome.err.splitlines()
    assert line == "https://example.com/a.png: is an address, and denoise reads files; download it first"


@pytest.mark.parametrize(("word", "command"), [("comprae", "compare"), ("Noise", "noise"), ("benchmrk", "benchmark")])
def test_a_mistyped_command_is_recognised(denoise, tmp_path, monkeypatch, word, command):
    monkeypatch.chdir(tmp_path)
    outcome = denoise(word, "a.png", "b.png")
    assert (outcome.code, outcome.err) == (2, f"denoise: {word}: neither a file nor a command; did you mean denoise {command}?\n")
    (tmp_path / word).mkdir()
    assert "command" not in denoise(word).err


def test_the_folder_of_the_inputs_is_refused_in_one_line(denoise, desk):
    before = fingerprint(desk)
    outcome = denoise(desk, "-o", desk, "--lambda", 0.1, "--overwrite")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert "folder of the inputs" in outcome.err
    assert fingerprint(desk) == before


def test_numbers_that_float32_cannot_hold_are_not_called_nan(denoise, tmp_path):
    np.save(tmp_path / "huge.npy", np.linspace(0, 1e300, 64).reshape(8, 8))
    outcome = denoise(tmp_path / "huge.npy", "--lambda", "1e299")
    assert outcome.code == 1
    assert "beyond 3.4e+38, the largest of float32; divide it first" in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tv", "iso"), "denoise: Invalid value for '--tv': 'iso' is not one of 'isotropic', 'anisotropic'. (denoise --help)"),
        (("--range", "5"), "denoise: --range must be black and white with a comma between, such as 0,4095, not '5'"),
    ],
)
def test_a_wrong_value_is_named_as_it_was_typed(denoise, desk, words, said):
    outcome = denoise(desk / "good.png", *words)
    assert (outcome.code, outcome.err.strip()) == (2, said)
