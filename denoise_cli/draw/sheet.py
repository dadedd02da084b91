"""Contact sheets: many pictures side by side, magnified, captioned, with maps of what differs on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from denoise_cli.draw.lettering import INK, PALE_INK, font_of, write
from denoise_cli.draw.views import Array, averaged, shared_scale

__all__ = ["MOST_TILES", "Tile", "contact_sheet"]

MOST_TILES = 200
# Neither side of a sheet is longer, unless captions alone need it.
LONGEST_SIDE = 4096
# What a tile is magnified to, about.
COMFORTABLE = 256
NARROWEST = 168
MARGIN, GAP, FRAME, TEXT, LINE, TITLE = 16, 14, 4, 14, 19, 18
PALE, MARK = (200, 200, 200), (213, 94, 0)
# Blue, white, red (ColorBrewer's RdBu): told apart by the colour-blind, and light where nothing differs.
DIVERGING = np.array([(33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43)], float)


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
        write(draw, (MARGIN + FRAME, MARGIN), title, TITLE, width - 2 * MARGIN)
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
    write(draw, (MARGIN + FRAME, y), size, TEXT, width - 2 * MARGIN, PALE_INK)
    return np.asarray(sheet)


class _Sized:
    """A tile at its final size: pixels, and the room that its words need."""

    def __init__(self, tile: Tile, magnification: int, block: int, scale: float) -> None:
        self.tile = tile
        self.picture = _magnify(_as_bytes(averaged(tile.picture, block)), magnification)
        self.below = None if tile.below is None else _magnify(_coloured(averaged(tile.below, block), scale), magnification)
        self.words = len(tile.caption)

    @property
    def height(self) -> int:
        maps = 0 if self.below is None else GAP + self.below.shape[0]
        return int(self.words * LINE + 2 * FRAME + self.picture.shape[0] + maps)

    def draw(self, sheet: Image.Image, draw: ImageDraw.ImageDraw, left: int, top: int, slot: int, words: int) -> None:
        for at, line in enumerate(self.tile.caption):
            write(draw, (left + FRAME, top + at * LINE), line, TEXT, slot - FRAME, MARK if self.tile.marked else INK)
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


def _as_bytes(picture: Array) -> Array:
    """(height, width, 3), uint8."""
    levels = np.rint(np.clip(np.nan_to_num(picture, nan=0.5), 0, 1) * 255).astype(np.uint8)
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
        draw.text((place, y + TEXT + 3), text, INK, font_of(TEXT - 2), anchor=anchor)
    if room > length + GAP:
        write(draw, (x + length + GAP, y), legend, TEXT, room - length - GAP)
