"""Numbers in messages: plain digits where they are short, and as many as the ends of a range need to be told apart."""

from __future__ import annotations

import math
from decimal import Decimal

__all__ = ["between", "plain"]

#: So many characters are read as plain digits; longer numbers have an exponent.
LONGEST = 10
#: The ends of a range are told to this share of it.
NEAR = 0.005
#: More digits hold every float64.
EVERY_DIGIT = 17


def plain(value: float, digits: int = 6) -> str:
    """`value` in so many significant digits; "1000005", where these would be "1e+06"."""
    told = f"{value:.{digits}g}"
    if "e" not in told:
        return told
    written = f"{value:.0f}" if abs(value) >= 1 else f"{Decimal(told):f}"
    return written if len(written.lstrip("-")) <= LONGEST else told


def between(low: float, high: float, digits: int = 6) -> tuple[str, str]:
    """Both ends of a range, in so many significant digits, or in more where these do not tell them, and their difference, well enough."""
    ends, span = (plain(low, digits), plain(high, digits)), abs(high - low)
    if span == 0 or not math.isfinite(span):
        return ends
    for enough in range(digits, EVERY_DIGIT + 1):
        ends = plain(low, enough), plain(high, enough)
        if all(abs(float(told) - end) <= NEAR * span for told, end in zip(ends, (low, high), strict=True)):
            break
    return ends
