"""What every format is read into: pages of pixels, what lies beside them, and what a successor has to hold as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    from denoise_cli.measure.scale import Scale

    Array = npt.NDArray[Any]

__all__ = ["Metadata", "Page", "Picture", "PixelLimit", "Refused", "quantise", "with_beside"]


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

    @cached_property
    def scale(self) -> Scale:
        """What the numbers of the page mean; hidden pixels take part in nothing."""
        from denoise_cli.measure.scale import Scale

        return Scale.of(self.colour, None if self.hidden is None else ~self.hidden, levels=2**self.bits if self.bits < 8 else None)

    @property
    def hidden(self) -> Array | None:
        """Where the picture is fully transparent; None if it is nowhere, or everywhere."""
        if self.beside is None or self.alpha is None:
            return None
        hidden: Array = self.beside[:, :, self.alpha] == 0
        return hidden if hidden.any() and not hidden.all() else None

    @property
    def frame(self) -> Array:
        """What is to be denoised: the colours, with hidden pixels like their nearest visible neighbour, so that they do not bleed."""
        import numpy as np

        frame = self.colour
        if (hidden := self.hidden) is not None:
            from scipy.ndimage import distance_transform_edt

            rows, columns = distance_transform_edt(hidden, return_distances=False, return_indices=True)
            frame = frame.copy()
            frame[hidden] = frame[rows[hidden], columns[hidden]]
        # Unlike 8 and 16 bits, 32 have no agreed scale in `as_float`; here they are the same fraction of the whole range.
        return frame / np.float64(2**32 - 1) if frame.dtype == np.uint32 else frame

    def successor(self, image: Array) -> Page:
        import numpy as np

        colour = image.reshape(self.colour.shape)
        if self.colour.dtype == bool:
            colour = np.asarray(colour >= 0.5)
        elif self.colour.dtype.kind == "u":
            colour = quantise(colour, self.colour.dtype, self.bits)
        else:
            colour = colour.astype(self.colour.dtype)
        if (hidden := self.hidden) is not None:
            colour[hidden] = self.colour[hidden]
        return replace(self, colour=colour)


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

    def as_bytes(self) -> Picture:
        """The same file with 8 bits where it has fewer."""
        import numpy as np

        pages = [replace(page, colour=page.colour * np.uint8(255), bits=8) if page.colour.dtype == bool else page for page in self.pages]
        return replace(self, pages=tuple(replace(page, bits=8) for page in pages))

    def successor(self, images: Sequence[Array]) -> Picture:
        """The same file with other colours: `images` in floats, one a frame, clipped to [0, 1] and rounded to the depth of this one.

        1 bit: black below a half. Float pixels stay as they are, in the precision of the file (.npy: of the computation).
        """
        if self.format == "npy":
            pages = tuple(replace(page, colour=image) for page, image in zip(self.pages, images, strict=True))
        else:
            pages = tuple(page.successor(image) for page, image in zip(self.pages, images, strict=True))
        return replace(self, pages=pages)


@dataclass(frozen=True)
class Metadata:
    """What formats have in common beside pixels. `exif` starts with its byte order mark, without the "Exif\\0\\0" of JPEG."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: str | None = None


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
