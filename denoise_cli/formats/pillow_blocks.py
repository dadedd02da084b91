"""What AVIF, HEIC and WebP have in common, because Pillow keeps it in one way: profile, EXIF and XMP, and pixels of 8 bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from denoise_cli.formats.picture import Metadata, Picture, quantise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["adopt", "blocks", "metadata", "with_colours"]

BLOCKS = ("icc_profile", "exif", "xmp")


def blocks(info: Mapping[Any, Any]) -> dict[str, Any]:
    """Those that a file has, as `save` takes them."""
    return {name: info[name] for name in BLOCKS if info.get(name)}


def metadata(picture: Picture) -> Metadata:
    extras = picture.extras
    exif = extras.get("exif")
    return Metadata(icc=extras.get("icc_profile"), exif=exif.removeprefix(b"Exif\0\0") if exif else None, xmp=extras.get("xmp"))


def adopt(metadata: Metadata) -> dict[str, Any]:
    return blocks({"icc_profile": metadata.icc, "exif": metadata.exif, "xmp": metadata.xmp})


def with_colours(samples: NDArray[np.generic]) -> NDArray[np.generic]:
    """Black and white as 8 bits, and grey with alpha as red, green, blue and alpha: these formats have neither."""
    if samples.dtype == bool:
        samples = quantise(samples, "uint8")
    return samples[:, :, [0, 0, 0, 1]] if samples.ndim == 3 and samples.shape[2] == 2 else samples
