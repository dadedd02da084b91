"""How far a picture is from a clean one: two files in, figures and what is to be said about them out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.digits import plain
from denoise_cli.draw.views import three_views
from denoise_cli.errors import DenoiseError
from denoise_cli.formats.conversion import convert
from denoise_cli.formats.files import read_picture
from denoise_cli.measure.comparison import Figures, Mismatch, alike, figures, has_own_units, peak_of, pooled
from denoise_cli.plural import counted
from denoise_cli.storage.pipes import PIPE, STDIN
from denoise_cli.variational import as_float

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Picture

__all__ = ["Likeness", "Upright", "likeness", "read_upright"]


@dataclass(frozen=True)
class Upright:
    """A picture to be compared: its pages, upright, without transparency.

    known: for each page, which pixels have a value, (height, width), or None for all.
    white: the stored value that is white, where the file says one (a PGM of 12 bits); None where it is the largest of the type.
    slices: the numbers of the pages that are the slices of its (first) volume, in their order; none where no axis is Z.
    stretch: how many pixels those are apart.
    """

    name: str
    pages: list[Any]
    depth: str
    cmyk: bool
    notes: tuple[str, ...]
    white: float | None = None
    slices: tuple[int, ...] = ()
    stretch: float = 1.0
    known: tuple[Any, ...] = ()

    @property
    def valued(self) -> list[Any]:
        """The pages, without pixels that have no value."""
        return [_valued(page, known) for page, known in zip(self.pages, self.known, strict=True)]

    @property
    def peak(self) -> float:
        """White as a share of the largest value of the type."""
        return 1.0 if self.white is None else self.white / _white(np.dtype(self.depth))

    @property
    def has_own_units(self) -> bool:
        """Whether its type has no white."""
        return has_own_units(self.depth)


@dataclass(frozen=True)
class Likeness:
    """A result: its figures, those of its pages, and (for a sheet) its first page, or the middle of its first volume in three directions,
    beside that of the clean picture."""

    name: str
    figures: Figures
    pages: list[Figures]
    notes: tuple[str, ...] = ()
    first: tuple[Any, Any] | None = field(default=None, repr=False)
    cmyk: bool = False


def read_upright(path: Path, max_pixels: int, axes: str | None = None) -> Upright:
    """Read a picture to compare, "-" from standard input. Raises DenoiseError, also for pixels that have no distance."""
    name = STDIN if path == PIPE else path
    picture = read_picture(path, max_pixels=max_pixels, axes=axes)
    # A .npy holds anything, so this loses nothing, and makes pictures from different formats comparable: upright, black at zero.
    upright = [convert(replace(picture, pages=(page,)), "npy")[0].pages[0] for page in picture.pages]
    notes = ["transparency is not compared"] if any(page.alpha is not None for page in upright) else []
    pages = [page.frame if page.colour.dtype == np.uint32 else page.colour for page in upright]
    known = tuple(page.units.known for page in upright)
    if any(where is not None and not where.any() for where in known):
        raise DenoiseError(f"{name}: all pixels are NaN, or have no value otherwise; compare pictures that hold some")
    spacing = picture.extras.get("spacing") or {}
    apart = spacing.get("Z", 1.0) / min(spacing.get("Y", 1.0), spacing.get("X", 1.0))
    white = picture.pages[0].extras.get("white")
    return Upright(str(name), pages, picture.depth, upright[0].model == "cmyk", tuple(notes), white, _first_volume(picture), apart, known)


def _first_volume(picture: Picture) -> tuple[int, ...]:
    """The numbers of the pages that lie along Z, at the beginning of all other axes."""
    found = {}
    for number, page in enumerate(picture.pages):
        place = dict(page.axes)
        if "Z" in place and all(at == 0 for letter, at in place.items() if letter != "Z"):
            found[place["Z"]] = number
    return tuple(found[at] for at in sorted(found)) if len(found) > 1 else ()


def likeness(picture: Upright, clean: Upright, border: int, peak: float | None, *, keep: bool) -> Likeness:
    """The figures of a picture beside those of the clean one, all of its pages or each with the only page that there is.

    border: so many pixels at each edge do not count.  peak: the data range, in the units that the clean picture is stored in.
    keep: what a sheet shows stays with the result. Raises DenoiseError for pictures that cannot be compared.
    """
    references = clean.pages * len(picture.pages) if len(clean.pages) == 1 else clean.pages
    if len(references) != len(picture.pages):
        raise DenoiseError(
            f"{picture.name}: has {len(picture.pages):,} pages, {clean.name} has {len(references):,}; compare as many, or with one page"
        )
    notes = dict.fromkeys((*clean.notes, *picture.notes))
    if picture.depth != clean.depth:
        notes[_depths(picture, clean)] = None
    natural = peak_of(clean.valued) if clean.has_own_units else 1.0
    span = natural if peak is None else peak / _white(np.dtype(clean.depth), clean.white)
    pages, first, shown = [], None, list[tuple[Any, Any]]()
    slices = clean.slices or picture.slices
    left_out = 0
    for number, (ours, theirs) in enumerate(zip(picture.pages, references, strict=True)):
        try:
            one, other, note = alike(ours, theirs)
        except Mismatch as error:
            raise DenoiseError(f"{picture.name}: {error} ({clean.name}); compare pictures of one size") from error
        if note:
            notes[note] = None
        if min(one.shape[:2]) <= 2 * border:
            raise DenoiseError(f"{picture.name}: --crop-border {border} leaves nothing of {one.shape[1]} × {one.shape[0]} pixels")
        inner = slice(border, -border or None)
        one, other = one[inner, inner], other[inner, inner]
        known = _both(picture.known[number], clean.known[number if len(clean.pages) > 1 else 0])
        known = known if known is None else known[inner, inner]
        if keep and (number in slices if slices else not shown):
            shown.append((_filled(one, known), _filled(other, known)))
        if known is not None:
            left_out += known.size - np.count_nonzero(known)
            one, other = _valued(one, known), _valued(other, known)
            if not one.size:
                raise DenoiseError(f"{picture.name}: no pixel has a value here and in {clean.name}; compare pictures that share some")
        if one.dtype == other.dtype and one.dtype in (np.uint8, np.uint16) and picture.white == clean.white:
            # As stored: the same numbers as in floats, in an eighth of the memory.
            white = _white(one.dtype, clean.white)
            pages.append(figures(one, other, span * white, unit=white))
        else:
            pages.append(figures(_shares(one, picture.white), _shares(other, clean.white), span))
    if slices and keep:
        stretch = max(clean.stretch, picture.stretch)
        first = three_views([one for one, _ in shown], stretch), three_views([other for _, other in shown], stretch)
    elif shown:
        first = shown[0]
    together = pooled(pages)
    if left_out:
        notes[f"{counted(left_out, 'pixel has', 'pixels have')} no value, and are left out; SSIM needs all"] = None
    elif together.ssim is None and together.psnr_db is not None:
        notes["SSIM needs 11 × 11 pixels or more"] = None
    if together.psnr_db is None:
        notes[f"{clean.name} is constant and beyond [0, 1], so PSNR and SSIM have no data range; give --data-range"] = None
    if len(pages) > 1:
        notes[f"{len(pages):,} pages, pooled"] = None
    return Likeness(picture.name, together, pages, tuple(notes), first, clean.cmyk)


def _both(one: Any, other: Any) -> Any:
    """Which pixels have a value in both; None for all."""
    return other if one is None else one if other is None else one & other


def _valued(pixels: Any, known: Any) -> Any:
    """The pixels that have a value, as a picture that is one pixel wide; the picture itself where all have one."""
    return pixels if known is None else pixels[known][:, np.newaxis]


def _filled(pixels: Any, known: Any) -> Any:
    """For a sheet: the mean of the others in the place of pixels without a value."""
    if known is None:
        return pixels
    filled = pixels.copy()
    filled[~known] = pixels[known].mean(axis=0) if known.any() else 0
    return filled


def _shares(pixels: Any, white: float | None) -> Any:
    """Pixels as floats, white being 1 where the type has one."""
    return as_float(pixels) if white is None else as_float(pixels) * (_white(pixels.dtype) / white)


def _white(dtype: np.dtype[Any], told: float | None = None) -> float:
    """White, as it is stored; 1 for types that have none."""
    return told or (1.0 if has_own_units(dtype.name) or dtype == np.bool_ else float(np.iinfo(dtype).max))


def _depths(picture: Upright, clean: Upright) -> str:
    said = f"is {picture.depth}, {clean.name} {clean.depth}: compared from 0 to 1"
    for floats in (picture, clean):
        if floats.depth.startswith("float") and any(float(page.max()) > 2 for page in floats.valued):
            said += f"; but {floats.name} goes up to {plain(max(float(page.max()) for page in floats.valued))}: divide it by what is white"
    return said
