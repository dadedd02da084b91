"""What every format is read into: pages of pixels, what lies beside them, and what a successor has to hold as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from denoise_cli.digits import plain

if TYPE_CHECKING:
    import numpy.typing as npt

    from denoise_cli.measure.scale import Scale

    Array = npt.NDArray[Any]

__all__ = ["Metadata", "Page", "Picture", "PixelLimit", "Refused", "check_exact", "page_name", "quantise", "with_beside"]


#: The largest integer below which float64 holds every one.
MOST_EXACT = 2**53


class Refused(Exception):
    """The trouble and the way out; whoever knows the file's name puts it in front."""


@dataclass
class PixelLimit:
    """Counts pixels before they are decoded. Raises Refused when a file claims more than `most` of them."""

    most: int
    taken: int = 0

    def take(self, width: int, height: int, samples: int = 1) -> None:
        self.taken += width * height * max(1, samples // 4)
        if self.taken > self.most:
            raise Refused(
                f"{width} × {height} pixels{'' if samples <= 4 else f' × {samples} channels'} are more than the limit of {self.most:,}; "
                "if they are meant, allow them with --max-pixels, or cut the picture into tiles"
            )


@dataclass(frozen=True)
class Page:
    """One image of a file. `colour` is (height, width) or (height, width, channels), as stored."""

    colour: Array
    # Samples that are not colours, (height, width, n), untouched; `beside[:, :, alpha]` is the transparency, if any of them is.
    beside: Array | None = None
    alpha: int | None = None
    # "": grey or RGB; "cmyk"; "white is zero".
    model: str = ""
    # Grey levels 2**bits, stretched over uint8, where bits < 8.
    bits: int = 8
    extras: dict[str, Any] = field(default_factory=dict)
    # Stored values that stand for "no value here", as the file or the user says.
    nodata: tuple[float, ...] = ()
    # The stored values of black and white, where the user says them.
    limits: tuple[float, float] | None = None
    # The place in a stack, letter by letter: (("T", 0), ("Z", 3), ("C", 1)); empty where the file does not say.
    axes: tuple[tuple[str, int], ...] = ()

    @property
    def hidden(self) -> Array | None:
        """Where the picture is fully transparent; None if it is nowhere, or everywhere."""
        if self.beside is None or self.alpha is None:
            return None
        hidden: Array = self.beside[:, :, self.alpha] == 0
        return hidden if hidden.any() and not hidden.all() else None

    @cached_property
    def scale(self) -> Scale:
        """What the numbers of this page mean, and which pixels have a value. Measured once."""
        from denoise_cli.measure.scale import Scale

        return Scale.of(self.colour, self._visible, nodata=self.nodata, limits=self.limits, levels=self._levels)

    @cached_property
    def units(self) -> Scale:
        """The same without what has to be measured: enough for `floats`, `stored` and `known`, and quicker."""
        from denoise_cli.measure.scale import Scale

        return Scale.bare(self.colour, self._visible, nodata=self.nodata, limits=self.limits)

    @property
    def _visible(self) -> Array | None:
        hidden = self.hidden
        return None if hidden is None else ~hidden

    @property
    def _levels(self) -> int | None:
        """How many grey levels the file has, where they are fewer than its type has."""
        return 2**self.bits if self.bits < 8 else None

    @property
    def peak(self) -> float:
        """White in typed units: 1, or less where the file says that it is not the largest value of its type (4095 of 65535)."""
        return float(self.extras.get("white", self.units.white)) / self.units.white

    @property
    def filled(self) -> Array:
        """The stored colours, with unknown pixels like their nearest known neighbour: for methods that take no weights."""
        return self._filled(self.units.known)

    @property
    def frame(self) -> Array:
        """The stored colours, with what alpha hides like its nearest visible neighbour, so that it does not bleed.

        In typed units where a type has no other scale (signed integers, and integers of 32 and 64 bits).
        """
        frame = self._filled(self._visible)
        has_no_other = frame.dtype.kind == "i" or (frame.dtype.kind == "u" and frame.dtype.itemsize > 2)
        return self.units.floats(frame) if has_no_other else frame

    def _filled(self, known: Array | None) -> Array:
        if known is None or not known.any():
            return self.colour
        from scipy.ndimage import distance_transform_edt

        rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
        filled = self.colour.copy()
        filled[~known] = self.colour[rows[~known], columns[~known]]
        return filled

    def successor(self, image: Array, *, fill: bool | Array = False) -> Page:
        """The same page with the colours `image`, in typed units: rounded to its type, never beyond its range, never wrapped.

        Unknown pixels come back bit for bit, unless `fill` asks for those of `image`: for all of them, or, as a table (height, width), for
        those where it is True. What alpha hides always comes back. Where `image` is not finite, the pixel comes back as it was.
        """
        import numpy as np

        image = np.asarray(image).reshape(self.colour.shape)
        broken = None if _is_finite(image) else ~np.isfinite(image)
        if broken is not None:
            image = np.where(broken, 0, image)
        colour = self.units.stored(image, levels=self._levels)
        if broken is not None:
            colour[broken] = self.colour[broken]
        changes = self._visible if fill is True else self.units.known
        if changes is not None:
            if isinstance(fill, np.ndarray):
                changes = changes | (fill if self._visible is None else fill & self._visible)
            colour[~changes] = self.colour[~changes]
        if self.nodata:
            self._keep_off_nodata(colour)
        return replace(self, colour=colour)

    def _keep_off_nodata(self, colour: Array) -> None:
        """A value must not become one that means "no value here": there, the pixel keeps what it had."""
        for value in self.nodata:
            meant = colour.dtype.type(value) if colour.dtype.kind == "f" else value
            became = (colour == meant) & (self.colour != meant)
            colour[became] = self.colour[became]

    def with_nodata(self, values: Sequence[float]) -> Page:
        """The same page, where `values` stand for "no value here" as well."""
        return replace(self, nodata=tuple(dict.fromkeys((*self.nodata, *values)))) if values else self

    def with_limits(self, limits: tuple[float, float] | None) -> Page:
        """The same page with black and white at these stored values."""
        return replace(self, limits=limits)


@dataclass(frozen=True)
class Picture:
    """A picture file: its pages, what else it holds (`extras`, each format's own affair), and what is to be said about it."""

    format: str
    pages: tuple[Page, ...]
    extras: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> list[Array]:
        """The arrays to denoise, one a page: (height, width) or (height, width, channels)."""
        return [page.frame for page in self.pages]

    @property
    def depth(self) -> str:
        """The type of the pixels in the file: uint8, bool, float32 …"""
        return str(self.pages[0].colour.dtype.name)

    def page_name(self, number: int) -> str:
        """How errors and notes name the page `number`, counted from 0: "page 3 of 12 (T 0, C 2)"; nothing where it is the only one."""
        if len(self.pages) < 2:
            return ""
        return page_name(number, len(self.pages), self.pages[number].axes)

    def with_nodata(self, values: Sequence[float]) -> Picture:
        """The same picture, where `values` (stored values, or NaN) stand for "no value here" as well."""
        return replace(self, pages=tuple(page.with_nodata(values) for page in self.pages))

    def with_unmeasured(self) -> Picture:
        """The same picture, where values that obviously stand for "nothing was measured" mean "no value here", and a note says so.

        Pages that say themselves which values do are left as they are.
        """
        from denoise_cli.measure.unmeasured import unmeasured

        pages, found, count = [], set[float](), 0
        for page in self.pages:
            values = () if page.nodata else unmeasured(page.colour, page._visible)
            pages.append(page.with_nodata(values))
            if values:
                before, known = page.units.known, pages[-1].units.known
                found.update(values)
                count += 0 if known is None else int((known.size if before is None else before.sum()) - known.sum())
        if not found:
            return self
        named = " or ".join(plain(value, 9) for value in sorted(found))
        subject, them = ("1 pixel of value {} is", "it") if count == 1 else (f"{count:,} pixels of value {{}} are", "them")
        note = (
            f"{subject.format(named)} taken as unknown, because all others are far from it, and left as before "
            f"(--fill fills {them} in, --nodata nan counts {them} as known)"
        )
        return replace(self, pages=tuple(pages), notes=(*self.notes, note))

    def with_limits(self, limits: tuple[float, float] | None) -> Picture:
        """The same picture with black and white at these stored values."""
        return replace(self, pages=tuple(page.with_limits(limits) for page in self.pages))

    def as_bytes(self) -> Picture:
        """The same file with 8 bits where it has fewer."""
        import numpy as np

        pages = [replace(page, colour=page.colour * np.uint8(255), bits=8) if page.colour.dtype == bool else page for page in self.pages]
        return replace(self, pages=tuple(replace(page, bits=8) for page in pages))

    def successor(self, images: Sequence[Array], *, fill: bool | Sequence[bool | Array] = False) -> Picture:
        """The same file with other colours: `images` in typed units, one a page, each treated as `Page.successor` says.

        fill : one for all pages, or one a page.
        """
        fills = [fill] * len(self.pages) if isinstance(fill, bool) else fill
        pages = tuple(page.successor(image, fill=each) for page, image, each in zip(self.pages, images, fills, strict=True))
        return replace(self, pages=pages)


@dataclass(frozen=True)
class Metadata:
    """What formats have in common beside pixels. `exif` starts with its byte order mark, without the "Exif\\0\\0" of JPEG.

    `colours` names what else says how the samples are to be shown, where that is not sRGB: only the format itself can hold it.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: str | None = None
    colours: tuple[str, ...] = ()
    # A sentence on what the numbers lose in another format, such as their rescale slope.
    units: str = ""


def page_name(number: int, count: int, axes: Sequence[tuple[str, int]] = ()) -> str:
    """ "page 3 of 12", and its place in the stack where that is known; `number` is counted from 0."""
    place = ", ".join(f"{letter} {index}" for letter, index in axes)
    return f"page {number + 1} of {count}{f' ({place})' if place else ''}"


def check_exact(pixels: Array) -> None:
    """Refuse integers that float64 does not hold exactly: they could not come back as they were."""
    if pixels.dtype.kind in "iu" and pixels.dtype.itemsize == 8 and (int(pixels.max()) > MOST_EXACT or int(pixels.min()) < -MOST_EXACT):
        raise Refused(
            f"64-bit integers from {int(pixels.min()):,} to {int(pixels.max()):,}: beyond ±2^53 they are not exact in floating point; "
            "subtract an offset or divide them first"
        )


def _is_finite(values: Array) -> bool:
    """Whether all values are; without an array of booleans where they are."""
    import math

    import numpy as np

    if values.dtype.kind != "f":
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(float(values.sum(dtype=np.float64))) or bool(np.isfinite(values).all())


def quantise(image: Array, dtype: npt.DTypeLike, bits: int = 8) -> Array:
    """[0, 1] → the whole range of an unsigned integer: clipped, then rounded to nearest; never wrapped. bits < 8: to 2**bits levels."""
    import numpy as np

    top = np.iinfo(np.dtype(dtype)).max
    levels = top if bits >= 8 else 2**bits - 1
    scaled = np.clip(image, 0, 1).astype(np.float64)
    scaled *= levels
    np.rint(scaled, out=scaled)
    if levels != top:
        scaled *= top // levels
    return scaled.astype(dtype)


def with_beside(page: Page) -> Array:
    """Colours and what is beside them in one array: (height, width) or (height, width, samples)."""
    import numpy as np

    if page.beside is None:
        return page.colour
    colour = page.colour if page.colour.ndim == 3 else page.colour[:, :, None]
    return np.concatenate([colour, page.beside], axis=2)
