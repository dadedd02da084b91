"""What the TAB key offers: `--install-completion`, `--show-completion`, and the words that may come first."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.formats.files import FORMATS

__all__ = ["Offer", "answer", "files"]

INSTALL, SHOW, VARIABLE = "--install-completion", "--show-completion", "_DENOISE_COMPLETE"
SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
# Others would have to be quoted, in each shell in another way; the shell itself completes them, once no command begins alike.
PLAIN = re.compile(r"[\w.,+@%/-]+")


@dataclass(frozen=True)
class Offer:
    """A word to choose, as Typer's completion takes it."""

    value: str
    help: str | None = None
    type: str = "plain"


def answer(words: Sequence[str]) -> str:
    """What `denoise --install-completion [SHELL]` did, or the script that `--show-completion [SHELL]` shows."""
    from typer.completion import get_completion_script, install  # type: ignore[attr-defined]

    option, *rest = words
    if len(rest) > 1 or any(word not in SHELLS for word in rest):
        raise UsageError(f"{option} takes one of {', '.join(SHELLS)}, not {' '.join(rest)}")
    shell = rest[0] if rest else _shell()
    if option == SHOW:
        return get_completion_script(prog_name="denoise", complete_var=VARIABLE, shell=shell)
    try:
        _, path = install(shell=shell, prog_name="denoise", complete_var=VARIABLE)
    except OSError as error:
        place = error.filename or "your shell's settings"
        raise DenoiseError(
            f"{place}: cannot be written ({error.strerror}); put the output of denoise {SHOW} {shell} where {shell} reads it"
        ) from error
    return f"{path}: completion for {shell}; it works in the next shell that you open"


def _shell() -> str:
    """The shell that denoise was started from."""
    import shellingham

    try:
        name = str(shellingham.detect_shell()[0])
    except (shellingham.ShellDetectionFailure, OSError):
        name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise UsageError(f"cannot tell which shell this is: name it, e.g. denoise {INSTALL} bash (or {', '.join(SHELLS[1:])})")
    return name


def files(beginning: str) -> Iterator[str]:
    """Pictures and folders whose names begin so, as they were typed."""
    folder, _, start = beginning.rpartition("/")
    place = Path(f"{folder}/") if folder or beginning.startswith("/") else Path()
    try:
        found = sorted(place.expanduser().iterdir())
    except (OSError, RuntimeError):
        return
    for path in found:
        name = f"{folder}/{path.name}" if "/" in beginning else path.name
        meant = path.name.startswith(start) and (start or not path.name.startswith("."))
        if meant and PLAIN.fullmatch(name.removeprefix("~")) and (path.is_dir() or path.suffix.lower() in FORMATS):
            yield name + "/" * path.is_dir()
