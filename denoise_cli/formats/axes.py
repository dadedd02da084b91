"""What the axes of an array or a stack are: from letters such as TZCYX to pages, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from denoise_cli.formats.picture import Refused

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["MEANINGS", "Axes", "check_letters", "check_pages", "counted", "join", "split"]

#: What each letter stands for, as OME and ImageJ use them.
MEANINGS = {
    "T": "time", "Z": "depth", "C": "channel: a page each, but the samples of a pixel where it comes last", "S": "samples of a pixel",
    "Y": "rows", "X": "columns", "P": "position", "I": "any other sequence",
}  # fmt: skip


@dataclass(frozen=True)
class Axes:
    """The axes of a stack in the order in which the file has them: `letters` such as "TZCYX", and as many `sizes`.

    Y and X make the page. S, and C where it comes last, are the samples of a pixel. Every other letter counts pages.
    """

    letters: str
    sizes: tuple[int, ...]

    @property
    def counted(self) -> tuple[tuple[str, int], ...]:
        """The letters that count pages, with their sizes, slowest first."""
        return tuple((letter, size) for letter, size in zip(self.letters, self.sizes, strict=True) if letter in counted(self.letters))

    @property
    def count(self) -> int:
        """How many pages there are."""
        return math.prod(size for _, size in self.counted)

    def place(self, number: int) -> tuple[tuple[str, int], ...]:
        """Where page `number` stands: its index in each axis that counts pages, letter by letter."""
        indices = []
        for letter, size in reversed(self.counted):
            number, index = divmod(number, size)
            indices.append((letter, index))
        return tuple(reversed(indices))


def counted(letters: str) -> str:
    """The letters that count pages."""
    return "".join(letter for letter in letters if letter not in "YXS" and not (letter == "C" and letters.endswith("C")))


def check_letters(letters: str) -> None:
    """Raises Refused for letters that describe no picture."""
    if unknown := [letter for letter in letters if letter not in MEANINGS]:
        raise Refused(f"--axes {letters}: the letter {unknown[0]} is unknown; use {', '.join(MEANINGS)}, such as ZYX, YXC or TCYX")
    if len(set(letters)) < len(letters) or not {"Y", "X"} <= set(letters):
        raise Refused(f"--axes {letters}: Y and X must be among the letters, and each letter once, such as ZYX, YXC or TCYX")
    if "S" in letters and letters.endswith("C"):
        raise Refused(f"--axes {letters}: S and a last C both mean the samples of a pixel; give one of them")


def check_pages(letters: str, page: Array) -> None:
    """Raises Refused where `letters` cannot be those of a file that holds its pages one after the other, each like `page`, (height, width)
    or (height, width, samples)."""
    rows = counted(letters) + "YX"
    if not letters.startswith(rows):
        raise Refused(f"--axes {letters} does not fit: in files of pages, Y and X follow what counts the pages, as in {rows}")
    if page.ndim == 3 and letters == rows:
        raise Refused(f"--axes {letters} does not fit: a pixel has {page.shape[2]} samples; add a last C ({rows}C)")
    if page.ndim == 2 and letters != rows:
        raise Refused(f"--axes {letters} does not fit: a pixel has one sample; leave the last {letters[-1]} out ({rows})")


def split(array: Array, letters: str) -> list[Array]:
    """The pages of `array`, (height, width) or (height, width, samples), in the order of the axes that count them."""
    order = _order(letters)
    pages = array.transpose(order)
    count = len(counted(letters))
    return list(pages.reshape(math.prod(pages.shape[:count]), *pages.shape[count:]))


def join(pages: Sequence[Array], axes: Axes) -> Array:
    """The array again, from pages of one shape."""
    import numpy as np

    order = _order(axes.letters)
    stacked = np.stack(pages)
    sizes = tuple(size for _, size in axes.counted)
    whole = stacked.reshape(*sizes, *stacked.shape[1:])
    return np.ascontiguousarray(whole.transpose(np.argsort(order)))


def _order(letters: str) -> list[int]:
    """The positions of the axes in `letters`, those that count pages first, then rows, columns and samples."""
    pages = counted(letters)
    samples = "".join(letter for letter in letters if letter not in pages and letter not in "YX")
    return [letters.index(letter) for letter in pages + "YX" + samples]
