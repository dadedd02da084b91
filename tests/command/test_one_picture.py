"""`denoise PICTURE --lambda X`: where the result goes, what is said, what is logged."""

from __future__ import annotations

import csv
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_cli import denoise as solve
from denoise_cli.formats.files import quantise


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def noisy(tmp_path: Path, samples: Path) -> Path:
    return Path(shutil.copy(samples / "camera_gaussian.png", tmp_path / "input.png"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_result_lies_beside_the_input_and_is_the_solver_s(denoise, noisy):
    outcome = denoise(noisy, "--lambda", 0.1, "--l1")
    assert outcome.code == 0
    expected = solve(read(noisy), 0.1, fidelity="l1", dtype="float32").image
    result = read(noisy.with_name("input_denoised.png"))
    assert result.dtype == np.uint8
    assert np.array_equal(result, np.rint(np.clip(expected.astype(float), 0, 1) * 255))


def test_the_closing_line_says_method_iterations_reason_time_psnr_and_place(denoise, noisy, samples):
    outcome = denoise(noisy, "--lambda", 0.14, "--method", "optimal", "--reference", samples / "camera.png")
    (line,) = outcome.err.splitlines()
    assert outcome.out == ""
    for part in ("optimal", "L2", "λ 0.14", "iterations", "certified: gap", " s", "PSNR 28.", "input_denoised.png"):
        assert part in line


def test_quiet_says_nothing_and_verbose_says_more(denoise, noisy, tmp_path):
    assert denoise(noisy, "--lambda", 0.1, "-q", "-o", tmp_path / "q.png").err == ""
    assert "256 × 256, uint8" in denoise(noisy, "--lambda", 0.1, "-v", "-o", tmp_path / "v.png").err


def test_a_hit_iteration_limit_is_not_hidden(denoise, noisy):
    outcome = denoise(noisy, "--lambda", 0.5, "--method", "optimal", "--iterations", 3)
    assert outcome.code == 0
    assert "NOT at the optimum" in outcome.err


@pytest.mark.parametrize("words", [(), ("--method", "optimal"), ("--method", "optimal", "--gap", "0.99")])
def test_one_iteration_is_no_iterations(denoise, noisy, words):
    said = denoise(noisy, "--lambda", 0.2, "--iterations", 1, *words).err
    assert "1 iteration," in said
    assert "1 iterations" not in said


def test_a_lambda_in_hounsfield_units_is_not_large(denoise, noisy, tmp_path):
    np.save(tmp_path / "ct.npy", (read(noisy) * 8.0 - 1000).astype(np.int16))
    assert "times white" not in denoise(tmp_path / "ct.npy", "--lambda", 50, "-o", tmp_path / "out.npy").err


@pytest.mark.parametrize("method", ["matlab", "optimal"])
@pytest.mark.parametrize(("weight", "said"), [(12, True), (2, False)])
def test_a_lambda_in_levels_of_255_is_said_to_be_large(denoise, noisy, method, weight, said):
    outcome = denoise(noisy, "--lambda", weight, "--method", method)
    assert outcome.code == 0
    assert ("times white: only large areas are left. White counts as 1 here; a usual λ is 0.1" in outcome.err) == said


@pytest.mark.parametrize("method", ["matlab", "optimal"])
def test_a_threshold_lambda_under_l1_is_explained(denoise, noisy, method):
    line = denoise(noisy, "--lambda", 0.2, "--l1", "--method", method).err.splitlines()[0]
    assert ("depends on --iterations" in line) == (method == "matlab")
    assert ("the exact answer is the input" in line) == (method == "optimal")


def test_sixteen_bits_stay_sixteen_bits(denoise, tmp_path, samples):
    target = tmp_path / "out.png"
    assert denoise(samples / "camera_gaussian_16bit.png", "--lambda", 0.14, "-o", target).code == 0
    result = read(target)
    assert result.dtype == np.uint16
    assert len(np.unique(result & 0xFF)) > 200  # not 8 bits times 257


def test_floats_come_back_unclipped(denoise, tmp_path):
    ramp = np.linspace(-3, 5, 40 * 30).reshape(40, 30)
    np.save(tmp_path / "ramp.npy", ramp)
    assert denoise(tmp_path / "ramp.npy", "--lambda", 1e-6, "--method", "optimal", "--dtype", "float64").code == 0
    result = np.load(tmp_path / "ramp_denoised.npy")
    assert np.abs(result - ramp).max() < 1e-3


def test_values_beyond_black_and_white_are_clipped_not_wrapped():
    values = np.array([[-0.3, 0.0, 0.5, 1.0, 1.7]])
    assert quantise(values, np.uint8).tolist() == [[0, 0, 128, 255, 255]]
    assert quantise(values, np.uint16).tolist() == [[0, 0, 32768, 65535, 65535]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 5, 3)])
@pytest.mark.parametrize("method", ["matlab", "optimal"])
def test_tiny_pictures_work(denoise, tmp_path, shape, method):
    Image.fromarray(np.full(shape, 77, np.uint8)).save(tmp_path / "tiny.png")
    assert denoise(tmp_path / "tiny.png", "--lambda", 0.3, "--method", method).code == 0
    assert (read(tmp_path / "tiny_denoised.png") == 77).all()


@pytest.mark.parametrize("name", ["tv04_grey64_L1_it100", "tv08_grey64_L2_small"])
def test_the_log_reproduces_the_original_through_the_command(denoise, golden, tmp_path, name):
    case = np.load(golden / "tv" / f"{name}.npz")
    np.save(tmp_path / "in.npy", case["input"])
    np.save(tmp_path / "clean.npy", case["ori"])
    words = ["--l1"] if case["label"] == 1 else []
    outcome = denoise(
        tmp_path / "in.npy", "--lambda", float(case["lambda"]), "--iterations", int(case["max_iter"]), "--dtype", "float64",
        "--log", tmp_path / "log.csv", "--reference", tmp_path / "clean.npy", *words,
    )  # fmt: skip
    assert outcome.code == 0
    log = rows(tmp_path / "log.csv")
    np.testing.assert_allclose([float(row["cost"]) for row in log], case["cost"], rtol=1e-10)
    np.testing.assert_allclose([float(row["rmse"]) for row in log], case["SNR"], rtol=1e-10)
    clean, error = np.linalg.norm(case["ori"]), float(log[-1]["rmse"]) * np.sqrt(case["ori"].size)
    assert float(log[-1]["snr_db"]) == pytest.approx(20 * np.log10(clean / error))
    result = np.load(tmp_path / "in_denoised.npy")
    assert result.dtype == np.float64
    assert np.abs(result - case["Result"]).max() <= 1e-10


def test_the_log_has_one_row_an_iteration_and_empty_cells_for_what_is_unknown(denoise, noisy, tmp_path):
    log = tmp_path / "log.csv"
    assert denoise(noisy, "--lambda", 0.1, "--iterations", 7, "--log", log).code == 0
    table = rows(log)
    assert list(table[0])[:6] == ["iteration", "cost", "rmse", "snr_db", "psnr_db", "seconds"]
    assert [row["iteration"] for row in table] == [str(k) for k in range(1, 8)]
    assert {row["rmse"] + row["snr_db"] + row["psnr_db"] + row["gap"] for row in table} == {""}


def test_the_optimal_log_proves_its_first_and_its_last_row(denoise, noisy, tmp_path):
    log = tmp_path / "log.csv"
    assert denoise(noisy, "--lambda", 0.2, "--method", "optimal", "--gap", 1e-4, "--log", log).code == 0
    table = rows(log)
    for row in (table[0], table[-1]):
        assert all(row[column] for column in ("bound", "gap", "primal_residual", "dual_residual"))
    assert float(table[-1]["gap"]) <= 1e-4
    best = min(float(row["cost"]) for row in table)
    assert max(float(row["bound"]) for row in table if row["bound"]) <= best


@pytest.mark.parametrize("words", [("--method", "learned"), ("--nodata", "nan", "--reference", "nosuch.png", "--method", "optimal")])
def test_a_log_without_a_row_is_not_left_behind(denoise, noisy, tmp_path, words):
    run = denoise(noisy, "-o", tmp_path / "o.png", "--log", tmp_path / "log.csv", *words)
    assert not (tmp_path / "log.csv").exists()
    assert (run.code == 0) == ("log.csv: not written" in run.err) == ("learned" in words)


def test_several_pictures_share_a_log_with_a_file_column(denoise, noisy, tmp_path, samples):
    log = tmp_path / "log.csv"
    other = shutil.copy(samples / "camera_impulses.png", tmp_path / "other.png")
    assert denoise(noisy, other, "--lambda", 0.1, "--iterations", 3, "--log", log).code == 0
    table = rows(log)
    assert next(iter(table[0])) == "file"
    assert [row["file"] for row in table] == [str(noisy)] * 3 + [str(other)] * 3
    assert (tmp_path / "other_denoised.png").exists()


def test_one_unreadable_picture_does_not_stop_the_others(denoise, noisy, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(noisy.read_bytes()[:3000])
    outcome = denoise(broken, noisy, "--lambda", 0.1)
    assert outcome.code == 1
    assert (tmp_path / "input_denoised.png").exists()
    assert not (tmp_path / "broken_denoised.png").exists()


def test_a_mask_fills_in_what_it_hides(denoise, tmp_path):
    flat = np.full((24, 24), 120, np.uint8)
    flat[8:12, 8:12] = 255
    mask = np.full((24, 24), 255, np.uint8)
    mask[8:12, 8:12] = 0
    Image.fromarray(flat).save(tmp_path / "in.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    assert denoise(tmp_path / "in.png", "--lambda", 0.01, "--method", "optimal", "--mask", tmp_path / "mask.png").code == 0
    assert np.abs(read(tmp_path / "in_denoised.png").astype(int) - 120).max() <= 1


def test_a_lambda_map_smooths_where_it_is_bright(denoise, noisy, tmp_path):
    strength = np.zeros((256, 256), np.float32)
    strength[:, 128:] = 0.3
    np.save(tmp_path / "map.npy", strength)
    assert denoise(noisy, "--lambda-map", tmp_path / "map.npy", "--method", "optimal", "--gap", 1e-5).code == 0
    before, after = read(noisy).astype(float), read(tmp_path / "input_denoised.png").astype(float)
    assert np.abs(after - before)[:, :120].max() <= 1
    assert np.abs(np.diff(after[:, 140:])).mean() < 0.5 * np.abs(np.diff(before[:, 140:])).mean()


def test_a_colour_picture_keeps_its_format_and_shape(denoise, tmp_path, samples):
    with Image.open(samples / "coffee_gaussian.png") as image:
        image.save(tmp_path / "cup.jpg", quality=70)
    assert denoise(tmp_path / "cup.jpg", "--lambda", 0.1).code == 0
    with Image.open(tmp_path / "cup.jpg") as before, Image.open(tmp_path / "cup_denoised.jpg") as after:
        assert (after.format, after.mode, after.size) == ("JPEG", "RGB", before.size)
        assert after.quantization == before.quantization


def run_program(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "denoise_cli", *map(str, words)], capture_output=True, text=True, timeout=60, **options)


def test_the_program_itself_does_what_the_function_does(noisy):
    finished = run_program(noisy, "--lambda", "0.1", "--l1")
    assert finished.returncode == 0
    assert finished.stdout == ""
    assert "\r" not in finished.stderr  # no bar in a pipe
    assert noisy.with_name("input_denoised.png").exists()


def test_both_spellings_of_the_program_print_one_version():
    script = shutil.which("denoise", path=str(Path(sys.executable).parent))
    assert run_program("--version").stdout.startswith("denoise ")
    if script:
        assert subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60).stdout == run_program("--version").stdout


def test_a_bar_appears_on_a_terminal(noisy):
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "denoise_cli", str(noisy), "--lambda", "0.1", "--iterations", "400"],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert program.wait(60) == 0
    assert b"cost" in shown
    assert b"400/400" in shown


def test_an_interrupted_run_leaves_a_readable_log_and_no_picture(noisy, tmp_path):
    log = tmp_path / "log.csv"
    program = subprocess.Popen(
        [sys.executable, "-m", "denoise_cli", str(noisy), "--lambda", "0.1", "--iterations", "1000000", "--log", str(log)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (log.exists() and log.read_text().count("\n") > 5) and time.monotonic() < deadline:
        time.sleep(0.02)
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 130
    assert "Traceback" not in said
    table = rows(log)
    assert len(table) > 4
    assert [int(row["iteration"]) for row in table] == list(range(1, len(table) + 1))
    assert all(float(row["cost"]) > 0 for row in table)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input.png", "log.csv"]


def loaded_by(*words: str) -> set[str]:
    """Modules that the command loads."""
    code = (
        "import sys, json, contextlib, io\nfrom denoise_cli.cli.app import main\n"
        f"with contextlib.redirect_stdout(io.StringIO()): code = main({list(words)!r})\nassert code == 0, code\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(finished.stdout))


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_and_version_do_without_numpy(words):
    assert not {"numpy", "scipy", "PIL", "tifffile", "tqdm", "rich", "denoise_cli.extras"} & loaded_by(*words)


def test_a_picture_loads_only_what_it_needs(noisy):
    loaded = loaded_by(str(noisy), "--lambda", "0.1", "--iterations", "3", "-o", str(noisy.with_name("out.png")), "-q")
    assert "numpy" in loaded
    others = {"skimage", "matplotlib", "PIL", "tifffile", "tqdm", "rich", "scipy.special", "scipy.ndimage", "denoise_cli.extras"}
    others |= {"pydantic", "multiprocessing", "hashlib", "tomllib", "csv", "socket", "denoise_cli.formats.exif"}
    assert not others & loaded


@pytest.mark.parametrize("word", ["noise", "info"])
def test_commands_read_plain_words_without_pydantic(noisy, word):
    assert "pydantic" not in loaded_by(word, str(noisy))


def test_every_default_stands_in_the_help_under_a_heading(denoise):
    text = denoise("--help").out
    for heading in ("Problem:", "Algorithm:", "Files:", "Run:", "Other commands:"):
        assert heading in text
    flat = " ".join(text.split())
    for default in ("[default: matlab with --lambda X, else what suits]", "[default: auto, from the picture]",
                    "[default: matlab 100; optimal 50000]", "[default: 500]", "[default: 50]", "[default: float32]",
                    "[default: 0.001]", "[default: all cores, shared among --jobs]", "NAME_denoised beside the input"):  # fmt: skip
        assert default in flat
