"""Each option is declared once: what is typed, what settings files hold, what ledgers record and what the help says agree."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from denoise_cli.cli.options import default_options, method_names
from denoise_cli.errors import UsageError
from denoise_cli.settings import Option, Settings, options_of
from denoise_cli.variational import METHODS

Run = Callable[..., Any]
ALL = {each.long_name: each for each in options_of(Settings)}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.png"
    path.parent.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32), dtype=np.uint8)).save(path)
    return path


# ── folders begun with version 0.1 ───────────────────────────────────────────────────────────────────────────────────────────────────

# What version 0.1 wrote into its ledger for these words; MAP stands for a map's name and digest.
LEDGER_LINES: list[tuple[str, dict[str, Any]]] = [
    ("", {"method": "optimal", "dtype": "float32"}),
    ("--lambda 0.1", {"weight": 0.1, "fidelity": "l2", "method": "matlab", "dtype": "float32"}),
    ("--lambda 0.1 --l1 --iterations 7 --alpha 300 --beta 20 --dtype float64",
     {"weight": 0.1, "fidelity": "l1", "method": "matlab", "iterations": 7, "alpha": 300.0, "beta": 20.0, "dtype": "float64"}),
    ("--lambda 0.5 --l1 --method optimal --tv anisotropic --channels separate --boundary periodic --gap 0.01 --mask map.png",
     {"weight": 0.5, "fidelity": "l1", "method": "optimal", "gap": 0.01, "tv": "anisotropic", "channels": "separate",
      "boundary": "periodic", "dtype": "float32", "mask": "MAP"}),
    ("--sigma 10/255 --l2", {"fidelity": "l2", "method": "optimal", "sigma": 10 / 255, "dtype": "float32"}),
    ("--lambda-map map.png --weights map.png",
     {"fidelity": "l2", "method": "optimal", "dtype": "float32", "lambda_map": "MAP", "weights": "MAP"}),
    ("--lambda auto --l1", {"fidelity": "l1", "method": "optimal", "dtype": "float32"}),
]  # fmt: skip


def identity(path: Path) -> dict[str, Any]:
    return {"name": str(path), "bytes": path.stat().st_size, "mtime_ns": 0, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


@pytest.mark.parametrize(("words", "settings"), LEDGER_LINES, ids=[words or "nothing" for words, _ in LEDGER_LINES])
def test_a_folder_that_version_0_1_finished_is_finished(
    denoise: Run, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, settings: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("map.png").write_bytes(b"anything")
    Path("out").mkdir()
    result = Path("out/a.png")
    result.write_bytes(b"a result")
    map_ = f"map.png {hashlib.sha256(b'anything').hexdigest()}"
    written = {name: map_ if value == "MAP" else value for name, value in settings.items()}
    entry = {"output": identity(result) | {"name": "a.png"}, "input": identity(picture), "settings": written}
    (Path("out") / ".denoise-done.jsonl").write_text(json.dumps(entry) + "\n")
    run = denoise("in", "-o", "out", "--dry-run", *words.split())
    if Settings(weight=0.1 if "lambda" in words and "auto" not in words else None).automatic and "lambda-map" not in words:
        # Its automatic mode chose otherwise, and that is said.
        assert run.code == 1
        assert "earlier version, whose automatic mode chose otherwise; redo it with --overwrite" in run.out
        return
    assert run.code == 0, run.err
    assert "skipped" in run.out
    entry["settings"] = written | {"dtype": "float16"}
    (Path("out") / ".denoise-done.jsonl").write_text(json.dumps(entry) + "\n")
    assert "skipped" not in denoise("in", "-o", "out", "--dry-run", *words.split()).out


def test_settings_that_leave_the_pixels_alone_leave_the_ledger_alone() -> None:
    plain = Settings(0.1)
    others = {"workers": 1, "overwrite": True, "preserve_times": True, "max_pixels": 5, "reference": Path("x"), "device": "cuda"}
    assert Settings(0.1, **others).fingerprint() == plain.fingerprint()
    assert Settings(0.1, nodata=(math.nan, 0.0)).fingerprint() == plain.fingerprint() | {"nodata": ["nan", 0.0]}
    assert Settings(0.1, fill=True).fingerprint() == plain.fingerprint() | {"fill": True}


def test_settings_travel_to_another_process() -> None:
    settings = Settings(0.1, mask=Path("m.png"), limits=(0.0, 4095.0), nodata=(1.0,))
    assert pickle.loads(pickle.dumps(settings)) == settings


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_methods_are_those_that_exist() -> None:
    assert [*METHODS, "learned"] == method_names()


def test_a_short_form_and_the_long_one_are_the_same(denoise: Run, picture: Path, tmp_path: Path) -> None:
    for at, words in enumerate((["--l1"], ["--fidelity", "l1"], ["--fidelity", "l1", "--l1"])):
        run = denoise(picture, "--lambda", 0.5, "--iterations", 3, *words, "-o", tmp_path / f"{at}.png", "--json")
        assert json.loads(run.out.splitlines()[0])["fidelity"] == "l1", run.err
    assert (tmp_path / "0.png").read_bytes() == (tmp_path / "1.png").read_bytes()


@pytest.mark.parametrize("words", [["--l1", "--l2"], ["--fidelity", "l2", "--l1"]])
def test_two_fidelities_are_refused_in_one_line(denoise: Run, picture: Path, words: list[str]) -> None:
    run = denoise(picture, *words)
    assert run.code == 2
    assert "two fidelities" in run.err
    assert len(run.err.splitlines()) == 1


@pytest.mark.parametrize("line", ["l1 = true", 'fidelity = "l1"'])
@pytest.mark.parametrize("words", [["--l2"], ["--fidelity", "l2"]])
def test_a_fidelity_that_is_typed_beats_a_settings_file(denoise: Run, picture: Path, tmp_path: Path, line: str, words: list[str]) -> None:
    settings = tmp_path / "s.toml"
    settings.write_text(f"{line}\nlambda = 0.5\niterations = 3\n")

    def fidelity(name: str, *more: str) -> Any:
        run = denoise(picture, "--config", settings, "-o", tmp_path / name, "--json", *more)
        assert run.code == 0, run.err
        return json.loads(run.out.splitlines()[0])["fidelity"]

    assert fidelity("1.png") == "l1"
    assert fidelity("2.png", *words) == "l2"


def test_a_fraction_may_have_any_denominator(denoise: Run, picture: Path, tmp_path: Path) -> None:
    run = denoise(picture, "--lambda", "20/4095", "--iterations", 3, "-o", tmp_path / "o.png", "--json")
    assert json.loads(run.out.splitlines()[0])["weight"] == 20 / 4095, run.err
    assert ALL["sigma"].understand("20/4095") == 20 / 4095
    settings = tmp_path / "s.toml"
    settings.write_text('lambda = "20/4095"\niterations = 3\n')
    run = denoise(picture, "--config", settings, "-o", tmp_path / "p.png")
    assert (tmp_path / "o.png").read_bytes() == (tmp_path / "p.png").read_bytes(), run.err


@pytest.mark.parametrize(("name", "typed", "value"), [
    ("lambda", "auto", None), ("sigma", "auto", None), ("strength", "1.5", 1.5), ("range", "0,4095", (0.0, 4095.0)),
    ("nodata", ["-9999", "0"], (-9999.0, 0.0)), ("axes", "zyx", "ZYX"), ("destripe", "none", None), ("destripe", "auto", "auto"),
    ("dtype", "float32", None), ("dtype", "float64", "float64"),
])  # fmt: skip
def test_what_is_typed_becomes_a_value(name: str, typed: Any, value: Any) -> None:
    assert ALL[name].understand(typed) == value


def test_nan_can_be_the_value_that_means_unknown() -> None:
    (value,) = ALL["nodata"].understand(["nan"])
    assert math.isnan(value)


@pytest.mark.parametrize(("name", "typed"), [
    ("lambda", "much"), ("sigma", "1/0"), ("strength", "0"), ("strength", "-1"), ("strength", "inf"), ("range", "4095"), ("range", "7,3"),
    ("range", "a,b"), ("range", "0,nan"), ("nodata", ["x"]), ("axes", "ZY"), ("axes", "YXY"), ("axes", "YXQ"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_by_the_name_of_its_option(name: str, typed: Any) -> None:
    with pytest.raises(UsageError, match=rf"^--{name} must be|^--{name} must name"):
        ALL[name].understand(typed)


def test_what_nothing_obeys_yet_can_neither_be_typed_nor_read(denoise: Run, picture: Path, tmp_path: Path) -> None:
    said = denoise("--help").out
    for each in options_of(Settings):
        assert bool(re.search(rf"{each.flags[0]}\b(?!-)", said)) == each.is_wired
        if not each.is_wired:
            assert denoise(picture, each.flags[0], "1").code == 2
            (tmp_path / "s.toml").write_text(f"{each.long_name} = 1\n")
            assert "no option" in denoise(picture, "--config", tmp_path / "s.toml").err


# ── settings files ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def a_value(each: Option) -> Any:
    """Something that a settings file may hold for an option."""
    plain = {bool: True, int: 3, float: 0.5}
    special = {"limits": "0,4095", "nodata": ["0.5"], "axes": "ZYX", "memory": "2GB", "self_ensemble": "4"}
    return (
        special[each.name]
        if each.name in special
        else "0.5"
        if each.parse is not None
        else each.values[0]
        if each.values
        else plain.get(each.kind, "word")
    )


def test_every_option_may_stand_in_a_settings_file_but_those_about_one_run(tmp_path: Path) -> None:
    from denoise_cli.cli.settings_file import format_config, read_config

    readable = [each for each in default_options() if each.in_file != "no"]
    assert {each.long_name for each in default_options()} - {each.long_name for each in readable} == {
        "include", "exclude", "residual", "save-config"
    }  # fmt: skip
    path = tmp_path / "s.toml"
    path.write_text(format_config({each.long_name: a_value(each) for each in readable}), encoding="utf-8")
    assert read_config(path, default_options()) == {each.name: a_value(each) for each in readable}


def test_what_save_config_writes_is_what_config_reads(tmp_path: Path) -> None:
    from denoise_cli.cli.options import Request, understand
    from denoise_cli.cli.settings_file import read_config, save_settings

    path = tmp_path / "s.toml"
    written = Settings(
        weight=20 / 4095, fidelity="l1", method="optimal", limits=(0.0, 4095.0), nodata=(math.inf, -9999.0), fill=True, axes="ZYX",
        tv="anisotropic", gap=0.01, mask=Path("m.png"), dtype="float64",
    )  # fmt: skip
    request = Request(suffix="_x", kind="tiff")
    save_settings(path, written, request)
    nothing = {each.name: False if each.kind is bool else None for each in default_options()} | {"l1": False, "l2": False}
    settings, again = understand(nothing | read_config(path, default_options()), is_typed=lambda _: False)
    # Defaults are spelled out, so that the file means the same under a later version.
    told = {each.name: getattr(written, each.name) for each in options_of(Settings) if getattr(written, each.name) is not None}
    assert {name: getattr(settings, name) for name in told} == told | {"mask": "m.png"}  # Typer makes it a path
    assert settings.iterations == METHODS["optimal"]["iterations"]
    assert (again.suffix, again.kind) == ("_x", "tiff")


def test_an_automatic_run_is_saved_as_one(tmp_path: Path) -> None:
    from denoise_cli.cli.options import Request
    from denoise_cli.cli.settings_file import read_config, save_settings

    save_settings(tmp_path / "s.toml", Settings(), Request())
    assert read_config(tmp_path / "s.toml", default_options())["weight"] == "auto"
