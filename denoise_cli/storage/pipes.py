"""Standard input and standard output as the source and the target of bytes; errors in one line."""

from __future__ import annotations

import sys
from pathlib import Path

from denoise_cli.errors import DenoiseError

__all__ = ["PIPE", "read_stdin", "write_stdout"]

# In the place of a path: standard input, standard output.
PIPE = Path("-")


def read_stdin() -> bytes:
    """All of standard input. Raises DenoiseError where there is none, or it cannot be read."""
    if sys.stdin is None:
        raise DenoiseError("stdin: is closed; send a picture to it, or name a file")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise DenoiseError(f"stdin: cannot be read ({error.strerror or error}); send a picture to it, or name a file") from error


def write_stdout(data: bytes) -> None:
    """Write all of `data` to standard output. Raises DenoiseError where that cannot be."""
    if sys.stdout is None:
        raise DenoiseError("stdout: is closed; send it to a file or a pipe, or name an output with -o")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is still in its buffer cannot go anywhere: Python would try once more at the end, and exit with 120.
        sys.stdout = None
        raise DenoiseError(f"stdout: cannot be written ({error.strerror or error}); name an output with -o") from error
