"""Words on a drawing, in the letters that Pillow's own font has."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

from PIL import ImageDraw, ImageFont

__all__ = ["INK", "PALE_INK", "font_of", "write"]

INK, PALE_INK = (26, 26, 26), (110, 110, 110)
# Pillow's own font, the same everywhere, has no more than these.
BEYOND_ASCII = "…±°·’"
SPELLED = {
    "λ": "lambda",
    "σ": "sigma",
    "μ": "mu",
    "µ": "u",
    "α": "alpha",
    "β": "beta",
    "×": "x",
    "−": "-",
    "–": "-",
    "²": "2",
    "≈": "~",
    "→": "->",
    "∞": "inf",
}


@cache
def font_of(size: int) -> Any:
    """The font with letters of so many pixels."""
    try:
        return ImageFont.load_default(size)
    except ImportError:  # a Pillow built without FreeType
        return ImageFont.load_default()


def write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, room: int, colour: tuple[int, int, int] = INK) -> None:
    """`text` in one line; its middle left out where it is longer than `room` pixels."""
    font, text = font_of(size), _spelled(text)
    kept = len(text)
    shown = text
    while kept > 1 and draw.textlength(shown, font) > room:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    draw.text(at, shown, colour, font)


def _spelled(text: str) -> str:
    """In the letters that the font has: λ becomes lambda, é becomes e, what is left becomes a question mark."""
    spelled = "".join(SPELLED.get(letter, letter) for letter in text)
    plain = (letter for letter in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(letter))
    return "".join(letter if " " <= letter <= "~" or letter in BEYOND_ASCII else "?" for letter in plain)
