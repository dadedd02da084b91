"""`denoise benchmark`: the numbers it tabulates are those that one gets by hand, and the peers are set as they say."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from denoise_cli import denoise as solve
from denoise_cli.methods.peers import PEERS
from denoise_cli.variational import psnr_db, ssim


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").mkdir()
    (tmp_path / "empty").mkdir()
    camera = np.asarray(Image.open(samples / "camera.png"))
    Image.fromarray(camera[60:124, 100:180]).save("set/a.png")
    Image.fromarray(camera[130:200, 100:164]).save("set/b.png")
    coffee = np.asarray(Image.open(samples / "coffee.png"))
    Image.fromarray(coffee[100:160, 100:160]).save("colour.png")
    np.save("two.npy", coffee[100:160, 100:160, :2])
    return tmp_path


def table(denoise: Callable[..., Any], *words: object) -> dict[str, Any]:
    outcome = denoise("benchmark", *words, "--json")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out, parse_constant=pytest.fail)
    return told | {"by_name": {row["method"]: row for row in told["methods"]}, "said": outcome.err}


def test_the_peak_of_signed_integers_is_what_they_span(denoise: Callable[..., Any], desk: Path) -> None:
    """They have no white: Hounsfield units, elevations below the sea."""
    clean = np.rint(8 * np.asarray(Image.open(desk / "set" / "a.png"))).astype(np.int16) - 1000
    np.save("ct.npy", clean)
    told = table(denoise, "ct.npy", "--gaussian", "60", "--methods", "optimal:40")["by_name"]
    assert told["noisy"]["psnr_db"] == pytest.approx(20 * math.log10(float(np.ptp(clean)) / 60), abs=0.2)


def test_the_figures_are_those_of_add_noise_denoise_and_compare(denoise: Callable[..., Any], desk: Path) -> None:
    told = table(denoise, "set", "--gaussian", "25/255", "--methods", "optimal:0.1,matlab:0.05")
    assert denoise("add-noise", "set", "-o", "noisy", "--gaussian", "25/255").code == 0
    psnrs: dict[str, list[float]] = {"noisy": [], "optimal:0.1": [], "matlab:0.05": []}
    for name in ("a.png", "b.png"):
        clean, noisy = (np.asarray(Image.open(desk / folder / name)) / 255 for folder in ("set", "noisy"))
        psnrs["noisy"].append(psnr_db(noisy, clean))
        psnrs["optimal:0.1"].append(psnr_db(solve(noisy, 0.1, method="optimal", dtype="float32").image, clean))
        psnrs["matlab:0.05"].append(psnr_db(solve(noisy, 0.05, dtype="float32").image, clean))
    for method, values in psnrs.items():
        assert told["by_name"][method]["psnr_db"] == pytest.approx(np.mean(values), abs=1e-6), method
    assert told["by_name"]["noisy"]["pictures"] == 2
    row = next(row for row in told["rows"] if row["method"] == "noisy" and row["file"].endswith("b.png"))
    assert row["ssim"] == pytest.approx(ssim(noisy, clean), abs=1e-9)


def test_lambda_follows_sigma_and_the_oracle_is_at_least_as_good(denoise: Callable[..., Any], desk: Path) -> None:  # noqa: ARG001
    told = table(denoise, "set/a.png", "--gaussian", "0.1", "--methods", "optimal,optimal:1.4s,optimal:0.14,optimal:0.3,oracle")
    weights = {row["method"]: row["weight"] for row in told["rows"]}
    assert weights["optimal"] == weights["optimal:1.4s"] == pytest.approx(0.14)
    by_name = told["by_name"]
    assert by_name["optimal"]["psnr_db"] == by_name["optimal:0.14"]["psnr_db"] == by_name["optimal:1.4s"]["psnr_db"]
    best = by_name["oracle"]["psnr_db"]
    assert best >= max(row["psnr_db"] for row in told["methods"]) - 0.01
    grid = [table(denoise, "set/a.png", "--gaussian", "0.1", "--methods", f"optimal:{weight}") for weight in (0.11, 0.14, 0.18, 0.22)]
    assert best >= max(each["methods"][1]["psnr_db"] for each in grid) - 0.01


def test_impulses_are_removed_with_l1_unless_told(denoise: Callable[..., Any], desk: Path) -> None:  # noqa: ARG001
    words = ("set/a.png", "--salt-pepper", "0.2", "--methods", "optimal:1,optimal")
    told = table(denoise, *words)
    assert told["fidelity"] == "l1"
    assert told["methods"][1]["psnr_db"] == told["methods"][2]["psnr_db"]
    assert table(denoise, *words, "--l2")["methods"][1]["psnr_db"] < told["methods"][1]["psnr_db"]


def test_noise_that_is_not_clipped_has_its_sigma(denoise: Callable[..., Any], desk: Path) -> None:  # noqa: ARG001
    told = table(denoise, "set", "--gaussian", "0.2", "--methods", "noisy", "--no-clip")
    assert told["methods"][0]["psnr_db"] == pytest.approx(-20 * math.log10(0.2), abs=0.1)
    assert table(denoise, "set", "--gaussian", "0.2", "--methods", "noisy")["methods"][0]["psnr_db"] > told["methods"][0]["psnr_db"] + 0.2


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_removes_noise_from_grey_and_colour(name: str, samples: Path) -> None:
    peer = PEERS[name]
    if peer.missing:
        pytest.skip(f"needs {peer.missing}")
    for picture, box in (("camera.png", np.s_[60:188, 60:188]), ("coffee.png", np.s_[60:188, 60:188])):
        clean = np.asarray(Image.open(samples / picture))[box] / 255
        noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape)
        result = peer.denoise(noisy, 0.1)
        assert result.shape == clean.shape
        assert psnr_db(result, clean) > psnr_db(noisy, clean) + 4.5, (name, picture)


def test_chambolle_is_given_the_problem_of_optimal(samples: Path) -> None:
    restoration = pytest.importorskip("skimage.restoration")
    noisy = np.asarray(Image.open(samples / "camera_gaussian.png"))[60:124, 60:124] / 255
    exact = solve(noisy, 1.4 * 0.1, method="optimal", gap=1e-8).image
    theirs = restoration.denoise_tv_chambolle(noisy, weight=0.7 * 0.1, eps=0, max_num_iter=3000)
    assert np.abs(theirs - exact).max() < 2e-3
    assert np.abs(PEERS["tv-chambolle"].denoise(noisy, 0.1) - exact).max() < 0.05


@pytest.mark.usefixtures("desk")
def test_what_is_missing_is_one_line_and_the_others_go_on(denoise: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in ("cv2", "pywt") else find(name, *rest))
    told = table(denoise, "set/a.png", "--gaussian", "0.1", "--methods", "optimal,opencv-nlm,wavelet")
    assert list(told["by_name"]) == ["noisy", "optimal"]
    lines = told["said"].strip().splitlines()
    assert len(lines) == 2
    assert "pip install opencv-python-headless" in lines[0]
    assert "pip install PyWavelets" in lines[1]


def test_two_channels_are_left_to_those_who_take_them(denoise: Callable[..., Any], desk: Path) -> None:  # noqa: ARG001
    if PEERS["tv-chambolle"].missing:
        pytest.skip("needs scikit-image")
    told = table(denoise, "two.npy", "colour.png", "--gaussian", "0.1", "--methods", "optimal,tv-chambolle")
    assert told["by_name"]["optimal"]["pictures"] == 2
    assert told["by_name"]["tv-chambolle"]["pictures"] == 1
    assert "two.npy" in told["said"]


def test_pictures_of_a_few_pixels_have_a_row(denoise: Callable[..., Any], desk: Path) -> None:
    for side in (1, 3, 12):
        Image.fromarray(np.full((side, side), 100, np.uint8)).save(desk / f"{side}.png")
        methods = ["matlab", "optimal", "oracle", *(name for name, peer in PEERS.items() if not peer.missing)]
        outcome = denoise("benchmark", f"{side}.png", "--gaussian", "0.1", "--methods", ",".join(methods), "--csv", "-")
        rows = list(csv.DictReader(io.StringIO(outcome.out)))
        # A peer may refuse such a picture; that is a line, and the others are measured.
        assert {"matlab", "optimal", "oracle"} <= {row["method"] for row in rows}
        refused = outcome.err.strip().splitlines()
        assert len(rows) + len(refused) == 1 + len(methods)
        assert outcome.code == (1 if refused else 0)


def test_csv_has_a_row_a_picture_and_method(denoise: Callable[..., Any], desk: Path) -> None:
    outcome = denoise("benchmark", "set", "--gaussian", "0.1", "--methods", "optimal", "--csv", "rows.csv")
    assert outcome.code == 0
    assert "| method" in outcome.out
    rows = list(csv.DictReader(io.StringIO((desk / "rows.csv").read_text(encoding="utf-8"))))
    assert [(Path(row["file"]).name, row["method"]) for row in rows] == [
        ("a.png", "noisy"), ("a.png", "optimal"), ("b.png", "noisy"), ("b.png", "optimal"),
    ]  # fmt: skip
    assert float(rows[1]["weight"]) == pytest.approx(0.14)
    assert rows[0]["weight"] == ""


def test_the_numbers_of_one_seed_come_again(denoise: Callable[..., Any], desk: Path) -> None:  # noqa: ARG001
    words = ("set/a.png", "--gaussian", "0.1", "--methods", "optimal")
    first, again, other = (table(denoise, *words, "--seed", seed)["methods"][1]["psnr_db"] for seed in (3, 3, 4))
    assert first == again != other


CASES = {
    "no noise": (["set"], 2, ["no noise given"]),
    "no picture in the folder": (["empty", "--gaussian", "0.1"], 2, ["empty", "no picture"]),
    "no folder": (["none", "--gaussian", "0.1"], 1, ["none", "no such file"]),
    "an unknown method": (["set", "--gaussian", "0.1", "--methods", "bm4d"], 2, ["bm4d", "nl-means"]),
    "a strength that is none": (["set", "--gaussian", "0.1", "--methods", "optimal:strong"], 2, ["optimal:strong", "1.4s"]),
    "a strength for a peer": (["set", "--gaussian", "0.1", "--methods", "wavelet:3"], 2, ["wavelet:3"]),
    "lambda zero": (["set", "--gaussian", "0.1", "--methods", "optimal:0"], 2, ["positive"]),
    "two fidelities": (["set", "--gaussian", "0.1", "--l1", "--l2"], 2, ["--l1"]),
    "two things on stdout": (["set", "--gaussian", "0.1", "--json", "--csv", "-"], 2, ["--csv"]),
    "a CSV over an input": (["set", "--gaussian", "0.1", "--csv", "set/a.png", "--overwrite"], 1, ["never overwrites"]),
    "noise that vanishes": (["set/a.png", "--gaussian", "1e-9", "--methods", "optimal:1.4s"], 1, []),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line(case: str, denoise: Callable[..., Any], desk: Path) -> None:
    words, code, said = CASES[case]
    before = (desk / "set" / "a.png").read_bytes()
    outcome = denoise("benchmark", *words)
    assert outcome.code == code, outcome.err
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    assert all(word in outcome.err for word in said), outcome.err
    assert (desk / "set" / "a.png").read_bytes() == before


def test_the_commands_load_nothing_heavy_before_they_run() -> None:
    import subprocess

    code = (
        "import sys; from denoise_cli.cli.commands import add_noise, benchmark, compare; "
        "print([name for name in ('numpy', 'scipy', 'PIL', 'skimage', 'cv2') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_somebody_elses_network_takes_part_by_the_name_of_its_file(denoise: Callable[..., Any], desk: Path) -> None:
    from denoise_cli.methods.learned.network import GREY

    (desk / "mine.onnx").write_bytes(GREY.read_bytes())
    told = table(denoise, "set/a.png", "--gaussian", "0.1", "--methods", "learned,learned:mine.onnx")
    ours, theirs = ({row["method"]: row["psnr_db"] for row in told["methods"]}[name] for name in ("learned", "learned:mine.onnx"))
    assert ours == pytest.approx(theirs, abs=0.5)
    run = denoise("benchmark", "set/a.png", "--gaussian", "0.1", "--methods", "learned:other.onnx")
    assert run.code == 2
    assert "other.onnx is no file" in run.err


def test_pairs_of_files_are_measured_as_they_are(denoise: Callable[..., Any], desk: Path) -> None:
    (desk / "pairs").mkdir()
    clean = np.asarray(Image.open("set/a.png"))
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 12, clean.shape), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save("pairs/one_noisy.png")
    Image.fromarray(clean).save("pairs/one_clean.tif")
    told = table(denoise, "--real", "pairs", "--pairs", "_noisy,_clean", "--methods", "optimal:0.05,optimal:1.4s")
    pixels, true = noisy / 255, clean / 255
    assert told["by_name"]["noisy"]["psnr_db"] == pytest.approx(psnr_db(pixels, true), abs=1e-6)
    by_hand = solve(pixels, 0.05, method="optimal", dtype="float32").image
    assert told["by_name"]["optimal:0.05"]["psnr_db"] == pytest.approx(psnr_db(by_hand, true), abs=1e-6)
    weights = {row["method"]: row["weight"] for row in told["rows"]}
    assert weights["optimal:1.4s"] == pytest.approx(1.4 * np.sqrt(np.mean((pixels - true) ** 2)))
    assert "one_noisy.png" in told["rows"][0]["file"]
    assert "_noisy" in told["noise"]


def test_a_result_of_a_pair_is_measured_as_the_file_that_it_would_be(denoise: Callable[..., Any], desk: Path) -> None:
    """Beyond black and white, where this picture is half of the time, there is no difference in a file."""
    (desk / "ends").mkdir()
    clean = np.where(np.indices((48, 48)).sum(0) // 24 % 2, 255, 0).astype(np.uint8)
    noisy = np.clip(clean + np.random.default_rng(2).normal(0, 40, clean.shape), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save("ends/one_noisy.png")
    Image.fromarray(clean).save("ends/one_clean.png")
    told = table(denoise, "--real", "ends", "--pairs", "_noisy,_clean", "--methods", "learned")
    denoise("ends/one_noisy.png", "--method", "learned", "-o", "made.png")
    written = np.asarray(Image.open("made.png")) / 255
    assert told["by_name"]["learned"]["psnr_db"] == pytest.approx(psnr_db(written, clean / 255), abs=0.05)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--real", "set"), "holds no picture NAME_real"),
        (("--real", "set", "--gaussian", "0.1"), "leave out the noise to add"),
        (("set", "--pairs", "_a,_b", "--gaussian", "0.1"), "give --real with it"),
        (("--real", "set", "--pairs", "_a"), "give the endings"),
        (("--real", "alone"), "there is no clean picture named x_mean"),
        (("--real", "unequal"), "differ in number or size"),
    ],
)
def test_what_is_no_pair_is_one_line(words: tuple[str, ...], said: str, denoise: Callable[..., Any], desk: Path) -> None:
    for folder in ("alone", "unequal"):
        (desk / folder).mkdir()
        Image.open("set/a.png").save(f"{folder}/x_real.png")
    Image.open("set/b.png").save("unequal/x_mean.png")
    outcome = denoise("benchmark", *words, "--methods", "optimal:0.05")
    assert outcome.code != 0
    assert said in outcome.err
    assert "Traceback" not in outcome.err
