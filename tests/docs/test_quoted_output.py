"""What README and the pages quote as the output of a command is what the command prints today, but for seconds and memory."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: Their console examples have a test of their own (tests/extras/test_docs.py), or are the output of --help.
OTHER_PAGES = ("cli.md", "extras.md", "changelog.md")
#: What differs from machine to machine: times, memory, and iterations that a forecast expects.
MACHINE = re.compile(r"(about )?[\d.]+ (s|minutes?|[kMG]B of memory|iterations?)(?![\w/])")
CLOSING = re.compile(r"^    (\S+) → \S+: .*$", re.MULTILINE)


def quotes() -> Iterator[tuple[Path, str, str]]:
    """(page, command, what it prints): blocks that begin with "$ denoise …", and closing lines of commands that stand on the same page."""
    for page in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))):
        if page.name in OTHER_PAGES:
            continue
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"(?:^    .*\n)+", text, re.MULTILINE):
            for step in re.split(r"^    \$ ", block, flags=re.MULTILINE)[1:]:
                command, _, printed = step.partition("\n")
                yield page, command, re.sub(r"^    ", "", printed, flags=re.MULTILINE)
            if "    $ " not in block:
                for found in CLOSING.finditer(block):
                    command = f"denoise {found[1]}"
                    assert re.search(rf"^{re.escape(command)}(\s|$)", text, re.MULTILINE), (
                        f"{page}: no command on the page prints {found[0]}"
                    )
                    yield page, command, found[0].strip() + "\n"


QUOTES = list(quotes())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, make_guide_pictures: Callable[..., object]) -> Path:
    """The pictures that the guides name, in their own size, and the samples."""
    folder = tmp_path_factory.mktemp("quotes")
    make_guide_pictures(folder)
    shutil.copytree(ROOT / "sample_images", folder / "sample_images")
    return folder


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What each command has printed: several pages quote the same."""
    return {}


def plain(printed: str) -> str:
    """Without what differs from machine to machine."""
    return MACHINE.sub(r"… \2", printed)


@pytest.mark.parametrize(("page", "command", "quoted"), QUOTES, ids=[f"{page.name}-{command}" for page, command, _ in QUOTES])
def test_what_a_page_quotes_is_what_the_command_prints(
    page: Path, command: str, quoted: str, desk: Path, said: dict[str, str], denoise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk)
    if command not in said:
        outcome = denoise(*shlex.split(command)[1:])
        assert outcome.code == 0, outcome.err
        said[command] = plain(outcome.out + outcome.err)
    printed, expected = said[command], plain(quoted)
    if expected.endswith("…\n"):  # the page leaves the end of the line out
        printed, expected = printed[: len(expected) - 2] + "\n", expected[:-2] + "\n"
    assert printed == expected, page


def test_pages_quote_closing_lines_and_blocks() -> None:
    assert len(QUOTES) >= 5
    assert {"README.md", "index.md", "model.md", "folders.md", "scans.md"} <= {page.name for page, _, _ in QUOTES}
