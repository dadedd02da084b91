"""Contact sheets: many pictures side by side, magnified, captioned, with maps of what differs on one scale."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

__all__ = ["MOST_TILES", "Box", "Tile", "contact_sheet", "crop_box", "difference", "drawable", "shared_scale"]

Array = npt.NDArray[Any]
Box = tuple[int, int, int, int]  # x, y, width, height

MOST_TILES = 200
# Neither side of a sheet is longer, unless captions alone need it.
LONGEST_SIDE = 4096
# What a tile is magnified to, about.
COMFORTABLE = 256
NARROWEST = 168
MARGIN, GAP, FRAME, TEXT, LINE, TITLE = 16, 14, 4, 14, 19, 18
INK, PALE_INK, PALE, MARK = (26, 26, 26), (110, 110, 110), (200, 200, 200), (213, 94, 0)
# Blue, white, red (ColorBrewer's RdBu): told apart by the colour-blind, and light where nothing differs.
DIVERGING = np.array([(33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43)], float)
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


@dataclass(frozen=True)
class Tile:
    """One picture of a sheet.

    picture: (height, width) or (height, width, 3), from 0 (black) to 1 (white); what lies beyond is clipped.
    caption: the lines above it.  marked: a coloured frame around it.
    below: signed differences, (height, width), drawn under it in blue (negative), white (0) and red (positive).
    """

    picture: Array
    caption: Sequence[str] = ()
    marked: bool = False
    below: Array | None = None


def contact_sheet(
    tiles: Sequence[Tile],
    *,
    columns: int | None = None,
    magnification: int | None = None,
    title: str | None = None,
    scale: float | None = None,
    legend: str = "difference",
) -> Array:
    """All `tiles` on white, row by row: uint8, (height, width, 3).

    columns : tiles in a row; all up to five of them, a balanced grid of more, unless told.
    magnification : screen pixels along a pixel, each drawn as a square; about 256 pixels a tile unless told. It becomes less, and pixels
        are averaged in blocks, where a side of the sheet would exceed 4096 pixels; a line at the foot says what it became.
    title : a line above all.
    scale : the maps below show ± this much, the same for all; what `shared_scale` finds unless told.
    legend : what the maps below show; stands beside their colour bar.

    Raises ValueError for no tiles, or more than 200.
    """
    if not 1 <= len(tiles) <= MOST_TILES:
        raise ValueError(f"a sheet holds 1 to {MOST_TILES} tiles, not {len(tiles)}")
    columns = min(columns or _balanced(len(tiles)), len(tiles))
    maps = [tile.below for tile in tiles if tile.below is not None]
    scale = scale or shared_scale(maps)
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    tall, wide = (max(tile.picture.shape[axis] for tile in tiles) for axis in (0, 1))
    magnification, block = _fit(tall, wide, rows, columns, magnification)

    sized = [[_Sized(tile, magnification, block, scale) for tile in row] for row in rows]
    slot = max(NARROWEST, -(-wide // block) * magnification + 2 * FRAME)
    width = 2 * MARGIN + columns * slot + (columns - 1) * GAP
    head = MARGIN + (TITLE + GAP if title else 0)
    foot = GAP + (2 * TEXT + GAP if maps else 0) + TEXT + MARGIN
    heights = [max(tile.height for tile in row) for row in sized]
    sheet = Image.new("RGB", (width, head + sum(heights) + GAP * (len(rows) - 1) + foot), "white")
    draw = ImageDraw.Draw(sheet)
    if title:
        _write(draw, (MARGIN + FRAME, MARGIN), title, TITLE, width - 2 * MARGIN)
    y = head
    for row, height in zip(sized, heights, strict=True):
        words = max(tile.words for tile in row)
        for column, tile in enumerate(row):
            tile.draw(sheet, draw, MARGIN + column * (slot + GAP), y, slot, words)
        y += height + GAP
    if maps:
        _draw_legend(sheet, draw, (MARGIN + FRAME, y), scale, legend, width - 2 * MARGIN)
        y += 2 * TEXT + GAP
    size = (
        f"magnified {magnification} ×"
        if magnification > 1
        else "not magnified"
        if block == 1
        else f"reduced: each pixel is the mean of {block} × {block}"
    )
    _write(draw, (MARGIN + FRAME, y), size, TEXT, width - 2 * MARGIN, PALE_INK)
    return np.asarray(sheet)


class _Sized:
    """A tile at its final size: pixels, and the room that its words need."""

    def __init__(self, tile: Tile, magnification: int, block: int, scale: float) -> None:
        self.tile = tile
        self.picture = _magnify(_as_bytes(_average(tile.picture, block)), magnification)
        self.below = None if tile.below is None else _magnify(_coloured(_average(tile.below, block), scale), magnification)
        self.words = len(tile.caption)

    @property
    def height(self) -> int:
        maps = 0 if self.below is None else GAP + self.below.shape[0]
        return int(self.words * LINE + 2 * FRAME + self.picture.shape[0] + maps)

    def draw(self, sheet: Image.Image, draw: ImageDraw.ImageDraw, left: int, top: int, slot: int, words: int) -> None:
        for at, line in enumerate(self.tile.caption):
            _write(draw, (left + FRAME, top + at * LINE), line, TEXT, slot - FRAME, MARK if self.tile.marked else INK)
        top += words * LINE + FRAME
        height, width = self.picture.shape[:2]
        outer = (left, top - FRAME, left + width + 2 * FRAME - 1, top + height + FRAME - 1)
        if self.tile.marked:
            draw.rectangle(outer, fill=MARK)
        else:
            draw.rectangle((left + FRAME - 1, top - 1, left + FRAME + width, top + height), outline=PALE)
        sheet.paste(Image.fromarray(self.picture), (left + FRAME, top))
        if self.below is not None:
            top += height + GAP
            draw.rectangle((left + FRAME - 1, top - 1, left + FRAME + width, top + self.below.shape[0]), outline=PALE)
            sheet.paste(Image.fromarray(self.below), (left + FRAME, top))


def _balanced(count: int) -> int:
    if count <= 5:
        return count
    rows = math.ceil(count / max(5, math.ceil(math.sqrt(1.5 * count))))
    return math.ceil(count / rows)


def _fit(tall: int, wide: int, rows: Sequence[Sequence[Tile]], columns: int, asked: int | None) -> tuple[int, int]:
    """Magnification, and the side of the blocks to average: the largest picture that is not larger than asked, and fits."""
    maps = sum(2 if any(tile.below is not None for tile in row) else 1 for row in rows)
    room = min((LONGEST_SIDE - 2 * MARGIN) // columns / wide, (LONGEST_SIDE - 10 * LINE - len(rows) * 4 * LINE) / maps / tall)
    if room < 1:
        return 1, math.ceil(1 / max(room, 1e-3))
    return max(1, min(asked or max(1, round(COMFORTABLE / max(tall, wide))), int(room))), 1


def _average(pixels: Array, block: int) -> Array:
    if block == 1:
        return pixels
    # The last rows and columns join a block of their own.
    for axis in (0, 1):
        starts = np.arange(0, pixels.shape[axis], block)
        counts = np.diff(np.append(starts, pixels.shape[axis]))
        shape = [-1 if at == axis else 1 for at in range(pixels.ndim)]
        pixels = np.add.reduceat(np.asarray(pixels, np.float32), starts, axis) / counts.reshape(shape)
    return pixels


def _as_bytes(picture: Array) -> Array:
    """(height, width, 3), uint8."""
    levels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    levels = levels.reshape(*levels.shape[:2], -1)
    return np.broadcast_to(levels, (*levels.shape[:2], 3))


def _magnify(pixels: Array, times: int) -> Array:
    return np.ascontiguousarray(pixels.repeat(times, 0).repeat(times, 1))


def _coloured(values: Array, scale: float) -> Array:
    stops = np.linspace(-scale, scale, len(DIVERGING))
    clipped = np.clip(values, -scale, scale)
    levels = np.stack([np.interp(clipped, stops, DIVERGING[:, at]) for at in range(3)], -1)
    coloured: Array = np.rint(levels).astype(np.uint8)
    return coloured


def _draw_legend(sheet: Image.Image, draw: ImageDraw.ImageDraw, at: tuple[int, int], scale: float, legend: str, room: int) -> None:
    x, y = at
    length = min(COMFORTABLE, room)
    bar = _coloured(np.broadcast_to(np.linspace(-scale, scale, length), (TEXT, length)), scale)
    draw.rectangle((x - 1, y - 1, x + length, y + TEXT), outline=PALE)
    sheet.paste(Image.fromarray(bar), (x, y))
    for text, place, anchor in ((f"-{scale:g}", x, "la"), ("0", x + length // 2, "ma"), (f"+{scale:g}", x + length, "ra")):
        draw.text((place, y + TEXT + 3), text, INK, _font(TEXT - 2), anchor=anchor)
    if room > length + GAP:
        _write(draw, (x + length + GAP, y), legend, TEXT, room - length - GAP)


@cache
def _font(size: int) -> Any:
    try:
        return ImageFont.load_default(size)
    except ImportError:  # a Pillow built without FreeType
        return ImageFont.load_default()


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, room: int, colour: tuple[int, int, int] = INK) -> None:
    """`text` in one line; its middle left out where it is longer than `room` pixels."""
    font, text = _font(size), _spelled(text)
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


# ── what to show ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def drawable(levels: Array, cmyk: bool = False) -> Array:
    """Floats of any channels as grey, (height, width), or RGB, (height, width, 3)."""
    if cmyk:
        return np.asarray((1 - levels[:, :, :3]) * (1 - levels[:, :, 3:4]))
    return levels if levels.ndim == 2 or levels.shape[2] == 3 else levels.mean(axis=2)


def difference(picture: Array, clean: Array) -> Array:
    """u − clean, (height, width); of colours, in each pixel that of the channel which differs most, so that nothing cancels."""
    signed = np.subtract(picture, clean, dtype=np.float64)
    if signed.ndim == 2:
        return signed
    strongest = np.abs(signed).argmax(axis=2)[:, :, None]
    return np.take_along_axis(signed, strongest, 2)[:, :, 0]


def shared_scale(maps: Iterable[Array]) -> float:
    """The value that 99 % of |differences| stay below, rounded up to one or two digits; 1 where nothing differs."""
    values = [np.abs(np.asarray(each, float)).ravel() for each in maps]
    high = float(np.quantile(np.concatenate(values), 0.99)) if values else 0.0
    high = high or max((float(each.max(initial=0)) for each in values), default=0.0)
    if not 0 < high < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(high))
    step = next(step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15) if step * power >= high * (1 - 1e-9))
    return float(f"{step * power:.6g}")


def crop_box(pictures: Iterable[Array], size: int = 64) -> Box:
    """Where to look: (x, y, width, height) of the window of `size` pixels, less where the picture ends, that tells `pictures` apart best.

    The score of a window is how much they differ in it, times how much there is to see (the gradient of their mean, with a floor). They
    are smoothed first, so that it is structure and not noise that differs. Where they do not differ at all, or there is only one: where
    there is most to see. Pictures are (height, width[, channels]), all of one size; large ones are looked at in blocks.
    """
    from scipy.ndimage import uniform_filter

    rest = iter(pictures)
    opening = next(rest)
    tall, wide = opening.shape[:2]
    block = max(1, math.isqrt(tall * wide >> 19))

    def smooth(picture: Array) -> Array:
        small = _average(picture, block)
        smoothed: Array = uniform_filter((small if small.ndim == 2 else small.mean(axis=2)).astype(float), 5, mode="nearest")
        return smoothed

    first, count = smooth(opening), 1
    total, squares = np.zeros_like(first), np.zeros_like(first)
    for picture in rest:
        count += 1
        change = smooth(picture) - first
        total += change
        squares += change * change
    interest = squares - total * total / count
    if interest.max() <= 1e-12 * float(np.abs(first).max()) ** 2:
        interest = np.ones_like(first)
    mean = first + total / count
    structure = sum((np.diff(mean, axis=axis, append=np.take(mean, [-1], axis)) ** 2 for axis in (0, 1)), np.zeros_like(mean))
    height, width = min(size, tall), min(size, wide)
    rows, columns = max(1, height // block), max(1, width // block)
    windows = _window_sums(structure, rows, columns)
    windows = (windows + (0.05 * windows.max() or 1.0)) * _window_sums(interest, rows, columns)
    # Rounded, so that equal windows tie, and the first of them is taken.
    y, x = np.unravel_index(np.round(windows / max(float(windows.max()), 1e-300), 9).argmax(), windows.shape)
    return min(int(x) * block, wide - width), min(int(y) * block, tall - height), width, height


def _window_sums(values: Array, rows: int, columns: int) -> Array:
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    windows: Array = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    return windows
