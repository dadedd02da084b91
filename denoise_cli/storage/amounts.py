"""Amounts of memory in words."""

from __future__ import annotations

from denoise_cli.errors import UsageError

__all__ = ["bytes_of"]


def bytes_of(text: str, name: str) -> int:
    """2GB, 500MB, 1.5 TiB (which is taken for TB) or plain bytes, as typed for the option `name`. Raises UsageError."""
    number = text.strip().upper().rstrip("B").rstrip("I")
    unit = number[-1:] if number[-1:] in tuple("KMGT") else ""
    try:
        amount = int(float(number.removesuffix(unit)) * 1000 ** " KMGT".index(unit or " "))
    except (ValueError, OverflowError):
        amount = 0
    if amount <= 0:
        raise UsageError(f"--{name} must be an amount such as 2GB or 500MB, not {text!r}")
    return amount
