"""One rule for every option that names a file to be written: no input is ever overwritten, and what exists only with --overwrite."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

from denoise_cli.cli.app import COMMANDS, DEFAULT, app

Run = Callable[..., Any]
# How options say that they name a file; and the one among them that is read.
READ = {"--config"}
WRITTEN = {"PATH", "FILE", "FILE.csv", "FILE.html", "FILE.toml", "FILE.png", "SHEET.png", "FIGURE", "FOLDER", "OUT", "CSV", "JSON"}
MODEL = "denoise extras regression, version 1"
QUICK = ["--lambda", "0.1", "--iterations", "1"]
FIT = ["extras", "regression", "t.csv", "--target", "b"]

# (command, option): what is typed around it, the name of the file, and an input of the command that such a file could be.
CASES: dict[tuple[str, str], tuple[list[str], str, str]] = {
    ("denoise", "-o"): (["a.png", *QUICK], "out.png", "a.png"),
    ("denoise", "--residual"): (["a.png", *QUICK, "-o", "o.png"], "out.png", "a.png"),
    ("denoise", "--log"): (["a.png", *QUICK, "-o", "o.png"], "out.csv", "settings.toml"),
    ("denoise", "--report"): (["a.html", *QUICK, "-o", "o.png"], "out.html", "a.html"),
    ("denoise", "--save-config"): (["a.png", *QUICK, "-o", "o.png"], "out.toml", "a.png"),
    ("denoise add-noise", "-o"): (["add-noise", "a.png", "--gaussian", "0.1"], "out.png", "a.png"),
    ("denoise benchmark", "--csv"): (["benchmark", "a.png", "--gaussian", "0.1", "--methods", "optimal"], "out.csv", "a.png"),
    ("denoise compare", "--csv"): (["compare", "a.png", "b.png"], "out.csv", "a.png"),
    ("denoise compare", "--sheet"): (["compare", "a.png", "b.png"], "out.png", "b.png"),
    ("denoise path", "-o"): (["path", "a.png", "--lambdas", "0.1"], "out.png", "a.png"),
    ("denoise path", "--csv"): (["path", "a.png", "--lambdas", "0.1", "-o", "o.png"], "out.csv", "a.png"),
    ("denoise path", "--html"): (["path", "a.html", "--lambdas", "0.1", "-o", "o.png"], "out.html", "a.html"),
    ("denoise path", "--save-config"): (["path", "a.png", "--lambdas", "0.1", "-o", "o.png"], "out.toml", "a.png"),
    ("denoise plot", "-o"): (["plot", "log.svg"], "out.svg", "log.svg"),
    ("denoise extras batch-norm", "-o"): (["extras", "batch-norm", "t.csv"], "out.csv", "t.csv"),
    ("denoise extras standardize-weight", "-o"): (["extras", "standardize-weight", "t.csv"], "out.json", "t.csv"),
    ("denoise extras scale-by-std", "-o"): (["extras", "scale-by-std", "t.csv"], "out.npz", "t.csv"),
    ("denoise extras layer-norm", "-o"): (["extras", "layer-norm", "t.csv"], "out.npy", "t.csv"),
    ("denoise extras ldam", "-o"): (["extras", "ldam", "t.csv", "--target", "l.csv", "--class-counts", "3,4"], "out.json", "t.csv"),
    ("denoise extras ldam", "--gradient"): (["extras", "ldam", "t.csv", "--target", "l.csv", "--class-counts", "3,4"], "out.csv", "l.csv"),
    ("denoise extras regression fit", "--log"): ([*FIT, "--steps", "3"], "out.csv", "t.csv"),
    ("denoise extras regression fit", "--save"): ([*FIT, "--closed-form"], "out.json", "t.csv"),
    ("denoise extras regression predict", "-o"): (["extras", "regression", "predict", "m.json", "t.csv"], "out.csv", "t.csv"),
}
# A folder, in which each λ has a file.
FOLDERS = {("denoise path", "--results")}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small files of every kind; a picture and a log have names that reports and figures could have."""
    random = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(random.integers(0, 255, (16, 16), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "a.html").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "settings.toml").write_text("boundary = 'periodic'\n")
    (tmp_path / "log.svg").write_text("iteration,cost,seconds\n1,2.0,0.1\n2,1.0,0.2\n")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n2,4.5\n4,7\n")
    (tmp_path / "l.csv").write_text("label\n0\n1\n1\n")
    (tmp_path / "m.json").write_text(json.dumps({"format": MODEL, "target": "b", "features": ["a"], "weight": [2.0], "bias": 0.0}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options() -> Iterator[tuple[str, str]]:
    """Every option of every command that names what is written."""
    root: Any = get_command(app)
    context = root.context_class(root, info_name="denoise")

    def walk(command: Any, name: str) -> Iterator[tuple[str, str]]:
        inner = command.context_class(command, info_name=name, **command.context_settings)
        for each in command.get_params(inner):
            option = each.opts[0]
            if each.param_type_name == "option" and each.metavar in WRITTEN and option not in READ:
                yield name, option
        for word, below in getattr(command, "commands", {}).items():
            yield from walk(below, f"{name} {word}")

    yield from walk(root.commands[DEFAULT], "denoise")
    for word in COMMANDS:
        yield from walk(root.get_command(context, word), f"denoise {word}")


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def test_every_option_that_names_a_file_to_be_written_is_among_the_cases() -> None:
    assert {(name, option) for name, option in options()} == {*CASES, *FOLDERS}


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_what_exists_is_replaced_with_overwrite_only(denoise: Run, desk: Path, case: tuple[str, str]) -> None:
    words, name, _ = CASES[case]
    (desk / name).write_text("of somebody else\n")
    before = digests(desk)
    refused = denoise(*words, case[1], name)
    assert refused.code == 1
    for part in (name, "exists already", f"choose another name with {case[1]}", "allow it with --overwrite"):
        assert part in refused.err.splitlines()[-1]
    assert len(refused.err.splitlines()) == 1
    assert digests(desk) == before
    replaced = denoise(*words, case[1], name, "--overwrite")
    assert replaced.code == 0, replaced.err
    assert digests(desk)[name] != before[name]


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_no_input_is_overwritten_even_with_overwrite(denoise: Run, desk: Path, case: tuple[str, str]) -> None:
    words, _, source = CASES[case]
    config = ["--config", "settings.toml"] if source == "settings.toml" else []
    before = digests(desk)
    refused = denoise(*words, *config, case[1], source, "--overwrite")
    assert refused.code in (1, 2)
    assert source in refused.err
    assert len(refused.err.splitlines()) == 1
    assert digests(desk) == before


@pytest.mark.parametrize("option", ["--log", "--save-config", "--report", "-o"])
def test_lists_and_settings_are_inputs_too(denoise: Run, desk: Path, option: str) -> None:
    (desk / "list.html").write_text("a.png\n")
    (desk / "settings.html").write_text("boundary = 'periodic'\n")
    before = digests(desk)
    for read, name in (("--files-from", "list.html"), ("--config", "settings.html")):
        words = [] if read == "--files-from" else ["a.png"]
        words += [] if option == "-o" else ["-o", "o.png"]
        refused = denoise(*words, "--lambda", 0.1, "--method", "optimal", read, name, option, name, "--overwrite")
        assert refused.code in (1, 2)
        assert name in refused.err
    assert digests(desk) == before


def test_two_options_never_share_a_file(denoise: Run, desk: Path) -> None:
    for one, other, name in (("-o", "--save-config", "o.png"), ("--log", "--save-config", "o.csv"), ("--log", "--report", "o.html")):
        words = [] if one == "-o" else ["-o", "result.png"]
        refused = denoise("a.png", *QUICK, *words, one, name, other, name)
        assert refused.code in (1, 2)
        assert name in refused.err
        assert not (desk / name).exists()


def test_a_folder_is_no_file_to_write_and_a_dash_no_name_for_a_log(denoise: Run, desk: Path) -> None:
    (desk / "folder").mkdir()
    for option in ("--log", "--save-config"):
        assert f"folder: is a directory; name a file with {option}" in denoise("a.png", *QUICK, "-o", "o.png", option, "folder").err
        assert f"{option} writes a file, not standard output" in denoise("a.png", *QUICK, "-o", "o.png", option, "-").err
    assert not (desk / "-").exists()
    assert not (desk / "o.png").exists()


def test_a_file_in_no_directory_is_refused_by_the_option_that_named_it(denoise: Run, desk: Path) -> None:
    for option in ("--log", "--save-config", "--residual"):
        assert f"choose another place with {option}" in denoise("a.png", *QUICK, "-o", "o.png", option, "none/x.png").err
    assert not (desk / "o.png").exists()
