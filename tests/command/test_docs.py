"""docs/cli.md is what the code says; every command's help fits a screen and shows how to call it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from denoise_cli.cli.app import COMMANDS, COMPLETION, DEFAULT, app

DOCS = Path(__file__).parents[2] / "docs"
SCREEN = 52


def commands() -> dict[str, Any]:
    """Every command by what is typed for it."""
    root: Any = get_command(app)
    context = root.context_class(root, info_name="denoise")
    found: dict[str, Any] = {"denoise": root.commands[DEFAULT]}

    def walk(command: Any, name: str) -> None:
        found[name] = command
        for word, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {word}")

    for word in COMMANDS:
        walk(root.get_command(context, word), f"denoise {word}")
    return found


ALL = commands()


def help_of(name: str) -> str:
    command = ALL[name]
    context = command.context_class(command, info_name=name, **command.context_settings, terminal_width=80)
    return str(command.get_help(context))


@pytest.fixture(scope="module")
def maker() -> Any:
    return script("make_cli")


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("columns", ["40", "200"])
def test_the_document_is_what_the_code_says(maker: Any, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == maker.document(), "stale: run python docs/make_cli.py"


def test_the_table_of_formats_is_what_the_code_says() -> None:
    assert (DOCS / "formats.md").read_text(encoding="utf-8") == script("make_formats").document(), "stale: run python docs/make_formats.py"


def test_the_document_holds_every_command_and_option(maker: Any) -> None:
    sections = re.split(r"^## ", maker.document(), flags=re.MULTILINE)[1:]
    titles = [section.partition("\n")[0] for section in sections]
    assert titles == list(ALL)
    for section, command in zip(sections, ALL.values(), strict=True):
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert all(f"{option} " in section or f"{option}`" in section or f"{option}," in section for option in parameter.opts)
    assert all(option in sections[0] for option in COMPLETION)


@pytest.mark.parametrize("name", list(ALL))
def test_help_shows_an_example(name: str) -> None:
    word = re.escape(name.removesuffix(" fit"))  # "fit" may be left out
    assert re.search(rf"^ +(\$ (.*\| )?)?{word} (?!\[)\S", help_of(name), re.MULTILINE), help_of(name)


@pytest.mark.parametrize("name", [name for name in ALL if name != "denoise"])
def test_help_fits_a_screen(name: str) -> None:
    lines = help_of(name).splitlines()
    assert len(lines) <= SCREEN
    assert max(map(len, lines)) <= (100 if "extras" in name else 80)  # what extras print is wider


def test_links_in_the_document_lead_somewhere(maker: Any) -> None:
    document = maker.document()
    places = {title.replace(" ", "-") for title in re.findall(r"^## (.+)$", document, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", document)) <= places
