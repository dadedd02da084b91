"""Counts in words: one iteration, two iterations, 12,000 iterations."""

from __future__ import annotations

__all__ = ["counted"]


def counted(count: int, one: str, several: str = "") -> str:
    """ "1 iteration", "2 iterations", "12,000 iterations"."""
    return f"{count} {one}" if count == 1 else f"{count:,} {several or one + 's'}"
