"""Writes docs/cli.md, every command and option, from the code:  python docs/make_cli.py"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from typer.main import get_command

from denoise_cli import errors
from denoise_cli.cli.app import COMMANDS, COMPLETION, DEFAULT, app
from denoise_cli.settings import ALGORITHM, FILES, PROBLEM, RUN

HERE = Path(__file__).parent
HEAD = """# Every command

Made from the code by `python docs/make_cli.py`; do not edit. `denoise COMMAND --help` says the same.
"""
EXIT_CODES = {
    errors.OK: "all was done",
    errors.FAILED: "some picture failed; a line on stderr says which, and why",
    errors.USAGE: "the command makes no sense, whatever the files hold; nothing was done",
    errors.INTERRUPTED: "interrupted (Ctrl-C); the same command goes on where it stopped",
}


def document() -> str:
    """The whole text."""
    root: Any = get_command(app)
    context = root.context_class(root, info_name="denoise")
    parts = [HEAD, "| | |\n|---|---|\n| [`denoise`](#denoise) | the default command: remove noise |"]
    parts[-1] += "".join(f"\n| [`denoise {word}`](#denoise-{word}) | {line} |" for word, (_, line) in COMMANDS.items())
    parts += ["\n".join(["", *(f"* exit code {code}: {text}" for code, text in EXIT_CODES.items())])]
    parts += section(root.commands[DEFAULT], "denoise")
    for word in COMMANDS:
        parts += walk(root.get_command(context, word), f"denoise {word}")
    return "\n".join(parts) + "\n"


def walk(command: Any, name: str) -> Iterator[str]:
    """A command, and those within it."""
    yield from section(command, name)
    for word, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, f"{name} {word}")


def section(command: Any, name: str) -> Iterator[str]:
    """Usage, help, arguments and options of one command."""
    context = command.context_class(command, info_name=name, **command.context_settings)
    parameters = command.get_params(context)
    arguments = [parameter for parameter in parameters if parameter.param_type_name == "argument"]
    options = [parameter for parameter in parameters if parameter.param_type_name == "option" and not parameter.hidden]
    inner = list(getattr(command, "commands", {}))
    pieces = [name, "[OPTIONS]", *map(shown, arguments), *(["COMMAND ..."] if inner else [])]
    yield f"\n## {name}\n\n```\n{' '.join(pieces)}\n```\n"
    yield from text(command.help or "")
    if inner:
        yield "Commands: " + ", ".join(f"[`{word}`](#{name.replace(' ', '-')}-{word})" for word in inner) + "\n"
    panels: dict[str, list[str]] = {}
    for parameter in arguments:
        panels.setdefault("", []).append(f"* `{shown(parameter)}` {told(parameter)}")
    for parameter in options:
        panel = (getattr(parameter, "rich_help_panel", None) or RUN) if name == "denoise" else ""
        values = [option.value for option in parameter.shell_complete(context, "")]
        value = "" if parameter.is_flag else f" {'|'.join(values) or parameter.metavar or 'VALUE'}"
        # Typer keeps -h and --help in a set, which has no order.
        names = ", ".join(sorted(parameter.opts, key=lambda option: (len(option), option))) + "".join(
            f" / {other}" for other in parameter.secondary_opts
        )
        panels.setdefault(panel, []).append(f"* `{names}{value}` {told(parameter)}")
    if name == "denoise":
        panels[RUN] += [f"* `{option} [SHELL]` {line}" for option, line in COMPLETION.items()]
    for panel in ("", PROBLEM, ALGORITHM, FILES, RUN):
        if panel in panels:
            yield (f"**{panel}**\n\n" if panel else "") + "\n".join(panels[panel]) + "\n"


def shown(argument: Any) -> str:
    """An argument as the usage line has it."""
    name = str(argument.metavar or argument.name.upper())
    return name if "..." in name or argument.nargs == 1 else f"{name}..."


def told(parameter: Any) -> str:
    """Its help, with the default where that does not say it."""
    words = " ".join((parameter.help or "").split())
    if "[default:" in words or parameter.name == "help":
        return words
    if isinstance(parameter.show_default, str):
        return f"{words} [default: {parameter.show_default}]"
    default = parameter.default
    if parameter.required:
        return f"{words} [required]"
    if parameter.secondary_opts:
        default = (parameter.opts if default else parameter.secondary_opts)[0].lstrip("-")
    if isinstance(default, Enum):
        default = default.value
    return words if default is None or default is False or not parameter.show_default else f"{words} [default: {default}]"


def text(help: str) -> Iterator[str]:
    """Paragraphs; those that keep their lines (\\b) as code."""
    for paragraph in re.split(r"\n\s*\n", help.strip()):
        if paragraph.startswith("\b\n"):
            yield "```\n" + paragraph[2:].rstrip() + "\n```\n"
        else:
            yield paragraph.replace("[", "\\[").replace("*", "\\*") + "\n"


if __name__ == "__main__":
    (HERE / "cli.md").write_text(document(), encoding="utf-8")
