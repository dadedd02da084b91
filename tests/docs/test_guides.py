"""Every command and every Python line of README and of the site's pages runs, on the pictures that docs/make_guide_pictures.py draws."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: Pixels; small, because what is tested is that commands run, not how well.
SIDE = 64
#: They install, build, measure for minutes, or need pictures that only their reader has. The start page says what its commands are.
NOT_RUN = ("python3 -m venv", "python -m", "pip install", "just ", "git ")
#: Pages of the developers, whose commands are those above, and pages whose examples have tests of their own.
OTHER_PAGES = ("cli.md", "extras.md")


def pages() -> list[Path]:
    found = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [page for page in found if page.name not in OTHER_PAGES]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """One a line, but for what installs and measures."""
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip("# ").startswith(NOT_RUN)]


WITH_COMMANDS = [page for page in pages() if commands(page)]
WITH_PYTHON = [page for page in pages() if blocks(page, "python")]


def identity(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory, make_guide_pictures: Callable[..., object]) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    make_guide_pictures(folder, SIDE)
    return folder


@pytest.fixture
def desk(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pictures, in a folder of its own for each page."""
    shutil.copytree(drawn, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=identity)
@pytest.mark.usefixtures("desk")
def test_every_command_of_a_page_runs(page: Path, denoise: Any, tmp_path: Path) -> None:
    for command in commands(page):
        words = shlex.split(command, comments=True)
        plain = words[0] == "denoise" and not set(words) & {"|", "<", ">", "&&"}
        if page.name != "folders.md":  # processes take their time to start; one page that starts them is enough
            words = shlex.split(command.replace("--jobs 2", "--jobs 1"), comments=True)
        if plain:
            outcome = denoise(*words[1:])
            assert outcome.code == 0, f"{command}\n{outcome.err}"
        elif os.name != "nt":  # pipes, redirections, find
            done = subprocess.run(["bash", "-ceuo", "pipefail", command], env=with_denoise(tmp_path), capture_output=True, encoding="utf-8")
            assert done.returncode == 0, f"{command}\n{done.stderr}"


def with_denoise(folder: Path) -> dict[str, str]:
    """An environment in which `denoise` is that of this Python, wherever it is installed."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "denoise").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m denoise_cli "$@"\n')
    (programs / "denoise").chmod(0o755)
    return {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("page", WITH_PYTHON, ids=identity)
@pytest.mark.usefixtures("desk")
def test_every_python_line_of_a_page_runs(page: Path) -> None:
    import numpy as np
    from PIL import Image

    with Image.open("photo.png") as photo:
        names: dict[str, Any] = {"image": np.asarray(photo)}
    for block in blocks(page, "python"):
        exec(compile(block, identity(page), "exec"), names)


def test_the_commands_that_are_looked_at_are_many() -> None:
    assert sum(len(commands(page)) for page in WITH_COMMANDS) > 70
    assert {"README.md", "docs/index.md", "docs/guides/folders.md", "docs/output.md"} <= set(map(identity, WITH_COMMANDS))


def test_readme_is_short_and_begins_with_the_commands_that_install_and_test() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.encode()) <= 8000
    install, test = blocks(ROOT / "README.md", "sh")[:2]
    assert "pip install -q . &&" in install
    assert test.rstrip().endswith("-m pytest")


@pytest.mark.parametrize("page", [*pages(), *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))], ids=identity)
def test_links_within_the_repository_lead_to_files(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)", text):
        assert (page.parent / target).exists(), target


def test_every_page_stands_in_the_table_of_contents() -> None:
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r": ([\w/-]+\.md)$", contents, re.MULTILINE))
    assert listed == {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}


def test_the_version_stands_in_one_place_and_the_citation_says_the_same() -> None:
    import denoise_cli

    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited is not None
    assert cited[1] == denoise_cli.__version__
    assert 'version = { attr = "denoise_cli.__version__" }' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
