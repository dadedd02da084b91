"""A run as it could be typed again: every option that was told, by its longest flag, quoted for the shell."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.settings import Option, options_of

if TYPE_CHECKING:
    from denoise_cli.cli.planning import Run

__all__ = ["command_of", "quoted"]


def command_of(run: Run) -> str:
    """Such as `denoise scans -o clean/ --jobs 2`: what differs from the defaults, and nothing else."""
    words = ["denoise", *map(_as_operand, run.pictures)]
    for record in (run.settings, run.request):
        defaults = {each.name: None if each.default is MISSING else each.default for each in fields(record)}
        for option in options_of(record):
            value = getattr(record, option.name)
            if value != defaults[option.name] and value not in (None, False, ()):
                words += _typed(option, value)
    return quoted(words)


def quoted(words: Sequence[str]) -> str:
    """Words as one line that the shell takes apart again."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _as_operand(path: Path) -> str:
    """A path that cannot be taken for an option."""
    text = str(path)
    return f"./{text}" if text.startswith("-") and text != "-" else text


def _typed(option: Option, value: Any) -> Iterator[str]:
    flag = max(option.flags, key=len)
    if value is True:
        yield flag
    elif option.is_repeatable:
        for item in value:
            yield from (flag, _spelled(item))
    else:
        yield from (flag, ",".join(map(_spelled, value)) if isinstance(value, tuple) else _spelled(value))


def _spelled(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
