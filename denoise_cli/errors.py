"""What can go wrong, what to do about it, and the exit code it ends with."""

from __future__ import annotations

__all__ = ["FAILED", "INTERRUPTED", "OK", "USAGE", "DenoiseError", "UsageError"]

# Part of the interface: scripts rely on them.
OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class DenoiseError(Exception):
    """One line: the file, the trouble, the way out."""

    exit_code = FAILED


class UsageError(DenoiseError):
    """The command itself makes no sense, whatever the files hold."""

    exit_code = USAGE
