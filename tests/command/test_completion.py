"""What TAB offers, asked as the shells ask: through Typer's environment variables, and once through bash itself."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from denoise_cli.cli.app import COMMANDS, main
from denoise_cli.cli.completion import files

Run = Callable[..., object]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one, with pictures, a folder, and what is no picture."""
    for name in ("coffee.png", "plate.tif", "notes.txt", "com ma.png", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "composites").mkdir()
    (tmp_path / "composites" / "one.png").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """The answers to TAB at the end of a line, in bash."""

    def press(line: str) -> list[str]:
        monkeypatch.setenv("_DENOISE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([])
        assert exit_.value.code == 0
        return [word for word in capsys.readouterr().out.splitlines() if word]

    return press


def test_options_of_the_default_command_after_a_picture(tab: Callable[[str], list[str]]) -> None:
    assert tab("denoise pic.png --la") == ["--lambda", "--lambda-map"]


def test_options_of_the_default_command_as_the_first_word(tab: Callable[[str], list[str]]) -> None:
    assert tab("denoise --lambda-") == ["--lambda-map"]
    assert tab("denoise --install") == ["--install-completion"]


@pytest.mark.parametrize(("option", "begun", "values"), [
    ("--method", "", ["matlab", "optimal", "learned"]), ("--method", "o", ["optimal"]), ("--tv", "", ["isotropic", "anisotropic"]),
    ("--boundary", "p", ["periodic"]), ("--format", "ti", ["tiff"]), ("--format", "p", ["png", "pnm", "pfm"]),
])  # fmt: skip
def test_values_of_an_option(tab: Callable[[str], list[str]], option: str, begun: str, values: list[str]) -> None:
    assert tab(f"denoise pic.png {option} {begun}") == values


def test_names_of_commands_and_of_pictures_that_begin_alike(tab: Callable[[str], list[str]], folder: Path) -> None:  # noqa: ARG001
    assert tab("denoise com") == ["compare", "composites/"]
    assert tab("denoise co") == ["compare", "coffee.png", "composites/"]
    assert tab("denoise ")[: len(COMMANDS)] == list(COMMANDS)
    assert tab("denoise ")[len(COMMANDS) :] == ["coffee.png", "composites/", "plate.tif"]


@pytest.mark.parametrize(
    "line", ["denoise cof", "denoise a.png cof", "denoise compare cof", "denoise a.png --config ", "denoise a.png -o "]
)
def test_where_only_a_file_is_meant_the_shell_completes(tab: Callable[[str], list[str]], folder: Path, line: str) -> None:  # noqa: ARG001
    assert tab(line) == []


@pytest.mark.parametrize("command", [word for word in COMMANDS if word != "extras"])
def test_every_command_completes_its_options(tab: Callable[[str], list[str]], command: str) -> None:
    assert "--help" in tab(f"denoise {command} --")
    assert "--lambda-map" not in tab(f"denoise {command} --")


def test_commands_within_extras(tab: Callable[[str], list[str]]) -> None:
    assert {"batch-norm", "ldam", "regression"} <= set(tab("denoise extras "))
    assert tab("denoise extras batch-norm --ba") == ["--backward"]


def test_an_option_that_is_typed_does_nothing_yet(tab: Callable[[str], list[str]]) -> None:
    assert tab("denoise --version --confi") == ["--config"]


def test_files_within_a_folder_as_they_were_typed(folder: Path) -> None:
    assert list(files("composites/")) == ["composites/one.png"]
    assert list(files(f"{folder}/pl")) == [f"{folder}/plate.tif"]
    assert list(files(".hid")) == [".hidden.png"]
    assert list(files("nowhere/x")) == []


def test_zsh_and_fish_get_the_help_as_well(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "denoise a.png --lambda-m")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    for shell in ("zsh", "fish"):
        monkeypatch.setenv("_DENOISE_COMPLETE", f"complete_{shell}")
        with pytest.raises(SystemExit):
            main([])
        said = capsys.readouterr().out
        assert "--lambda-map" in said
        assert "λ ≥ 0 of each pixel" in said


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_in_bash_itself(tmp_path: Path) -> None:
    command = tmp_path / "denoise"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m denoise_cli "$@"\n')
    command.chmod(0o755)
    script = """source <(denoise --show-completion bash)
        COMP_WORDS=(denoise a.png --met); COMP_CWORD=2; _denoise_completion denoise; echo "${COMPREPLY[@]}"
        complete -p denoise"""
    places = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": places}
    run = subprocess.run(["bash", "--norc", "-c", script], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["--method", "complete -o default -F _denoise_completion denoise"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_named_shell_asks_denoise(denoise: Run, shell: str) -> None:
    run = denoise("--show-completion", shell)
    assert run.code == 0
    assert f"_DENOISE_COMPLETE=complete_{shell}" in run.out


def test_installing_writes_where_the_shell_reads_and_says_so(denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".bashrc").write_text("# mine\n")
    run = denoise("--install-completion", "bash")
    assert run.code == 0
    script = tmp_path / ".bash_completions" / "denoise.sh"
    assert str(script) in run.out
    assert script.read_text() == denoise("--show-completion", "bash").out.rstrip("\n")
    settings = (tmp_path / ".bashrc").read_text()
    assert settings.startswith("# mine\n")
    assert str(script) in settings


@pytest.mark.parametrize("words", [["csh"], ["bash", "zsh"]])
def test_an_unknown_shell_is_one_line(denoise: Run, words: list[str]) -> None:
    run = denoise("--show-completion", *words)
    assert run.code == 2
    assert "bash, zsh, fish" in run.err
    assert len(run.err.splitlines()) == 1


def test_a_home_that_cannot_be_written_is_one_line(denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    run = denoise("--install-completion", "fish")
    assert run.code == 1
    assert "--show-completion fish" in run.err
    assert len(run.err.splitlines()) == 1
