"""Standard output and error that take any text on any console, and a polite end on SIGTERM."""

from __future__ import annotations

import codecs
import math
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

__all__ = ["ending_on_sigterm", "prepare_streams", "print_json", "visible"]

# What a console that has no such letter (a Windows code page, LANG=C) shows in its place.
SPELLED = {
    "λ": "lambda", "σ": "sigma", "ρ": "rho", "π": "pi", "φ": "phi", "ŵ": "w", "Σ": "sum ", "√": "sqrt ", "∂": "d", "∞": "inf",
    "→": "->", "←": "<-", "−": "-", "–": "-", "─": "-", "×": "x", "·": "*", "≈": "~", "≤": "<=", "≥": ">=", "±": "+-", "…": "...",
    "²": "^2", "³": "^3", "½": "1/2", "¼": "1/4", "‖": "|", "│": "|",
}  # fmt: skip

#: What a terminal obeys instead of showing it: the control characters of ASCII and of Latin-1, but for tab and line end.
OBEYED = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}


def visible(text: str, *, lines: bool = False) -> str:
    """The text with control characters spelled, as in \\x1b: the name of a file must not colour, clear or retitle a terminal.

    Nor must it end a line, unless the text is made of `lines`.
    """
    return text.translate(OBEYED) if lines else text.translate(OBEYED).replace("\n", "\\n")


def _spell(error: UnicodeError) -> tuple[str, int]:
    """For codecs: the letters that could not be encoded in ASCII; bytes of a file name that are no text as \\xE9."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    spelled = (SPELLED.get(letter) or (f"\\x{ord(letter) - 0xDC00:02x}" if "\udc80" <= letter <= "\udcff" else "?") for letter in letters)
    return "".join(spelled), error.end


def prepare_streams() -> None:
    """Let standard output and error spell what their encoding does not have, where they would raise UnicodeEncodeError."""
    codecs.register_error("spelled", _spell)
    streams: list[Any] = [sys.stdout, sys.stderr]
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="spelled")


def print_json(record: dict[str, Any]) -> None:
    """One line of JSON on standard output; in ASCII where its encoding does not have all the letters, so that nothing is lost.

    JSON has no infinities and no NaN: null in their place.
    """
    import json

    finite = _finite(record)
    text = json.dumps(finite, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        text = json.dumps(finite, allow_nan=False)
    print(text, flush=True)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Within, SIGTERM does what Ctrl-C does: temporary files go, the summary is said, the exit code is that of an interrupted run."""

    def interrupt(number: int, frame: object) -> NoReturn:  # noqa: ARG001
        raise KeyboardInterrupt

    try:
        before = signal.getsignal(signal.SIGTERM)
        if before == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread: somebody else decides about signals
        yield
        return
    try:
        yield
    finally:
        if before == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, before)
