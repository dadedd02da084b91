"""Words of the command line into values: numbers, fractions, pairs, lists and letters."""

from __future__ import annotations

import math

from denoise_cli.errors import UsageError

__all__ = ["axes_of", "copies", "distances", "limits_of", "number", "positive", "stored_value", "weight_of"]


def number(text: str, name: str, wanted: str = "a number, such as 0.04 or 10/255") -> float:
    """0.04, or a fraction as it is typed: 10/255, 20/4095. Raises UsageError."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"--{name} must be {wanted}, not {text!r}") from None


def weight_of(text: str, name: str) -> float:
    return number(text, name, "a number, or auto")


def positive(text: str, name: str) -> float:
    value = number(text, name, "a number above 0, such as 1.5")
    if not 0 < value < math.inf:
        raise UsageError(f"--{name} must be positive and finite, not {text}")
    return value


def limits_of(text: str, name: str) -> tuple[float, float]:
    wanted = "black and white with a comma between, such as 0,4095"
    low, comma, high = text.partition(",")
    if not comma:
        raise UsageError(f"--{name} must be {wanted}, not {text!r}")
    black, white = (number(word, name, wanted) for word in (low, high))
    if not -math.inf < black < white < math.inf:
        raise UsageError(f"--{name} must be {wanted}, the smaller one first, not {text!r}")
    return black, white


def stored_value(text: str, name: str) -> float:
    return number(text, name, "a value as the file stores it, such as 0, -9999 or nan")


def distances(text: str, name: str) -> tuple[float, ...]:
    wanted = "one distance for each axis of the volume with commas between, such as 2,1,1"
    found = tuple(number(word, name, wanted) for word in text.split(","))
    if not all(0 < distance < math.inf for distance in found):
        raise UsageError(f"--{name} must be {wanted}, all above 0, not {text!r}")
    return found


def copies(text: str, name: str) -> int:
    if text not in ("1", "2", "4", "8"):
        raise UsageError(f"--{name} must be 1, 2, 4 or 8, not {text!r}")
    return int(text)


def axes_of(text: str, name: str) -> str:
    """The letters of --axes, in capitals. Raises UsageError."""
    letters = text.upper()
    if not {"Y", "X"} <= set(letters) <= set("TZCYX") or len(set(letters)) < len(letters):
        raise UsageError(f"--{name} must name each axis once, by T, Z, C, Y or X, with Y and X among them (such as ZYX), not {text!r}")
    return letters
