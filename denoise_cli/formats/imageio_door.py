"""Everything that has no module of its own, read by imageio: GIF, PCX, SGI, DDS, QOI, Sun raster, ICO. None of these is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["adopt", "decode", "metadata"]


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import imageio.v3 as iio
    import numpy as np
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the limit here is our own, and says so in our words
    with iio.imopen(data, "r", plugin="pillow") as file:
        properties = file.properties(index=0)
        height, width = properties.shape[:2]
        limit.take(width, height)
        frames = _frames(file)
        if frames > 1:
            raise Refused(f"an animation of {frames:,} pictures; take it apart first (ffmpeg -i IN frame%04d.png)")
        told = file.metadata(index=0, exclude_applied=False)
        # A GIF has a colour that stands for transparent.
        mode = {"P": "RGBA", "L": "LA"}.get(told.get("mode", "")) if "transparency" in told else None
        pixels = np.asarray(file.read(index=0, mode=mode))
    return Picture("", (_page(pixels),), {"icc": told.get("icc_profile"), "dpi": told.get("dpi")}, _notes(told, mode))


def _frames(file: Any) -> int:
    """How many pictures the file holds; those of an icon are one picture in several sizes."""
    if type(file._image).__name__ == "IcoImageFile":
        return 1
    return int(getattr(file._image, "n_frames", 1))


def _notes(told: dict[str, Any], mode: str | None) -> tuple[str, ...]:
    return (f"palette: comes back as {mode or 'RGB'}",) if told.get("mode") == "P" else ()


def _page(pixels: Array) -> Page:
    if pixels.dtype.kind not in "bu" or pixels.ndim not in (2, 3) or pixels.size == 0 or (pixels.ndim == 3 and pixels.shape[2] > 4):
        raise Refused(f"pixels of shape {pixels.shape} and type {pixels.dtype}; convert it to PNG or TIFF first (magick IN OUT.tif)")
    if pixels.ndim == 2:
        return Page(pixels)
    colours = 3 if pixels.shape[2] > 2 else 1
    colour = pixels[:, :, :3] if colours == 3 else pixels[:, :, 0]
    return Page(colour, pixels[:, :, colours:], 0) if pixels.shape[2] > colours else Page(colour)


def metadata(picture: Picture) -> Metadata:
    dpi = picture.extras.get("dpi")
    return Metadata(icc=picture.extras.get("icc"), dpi=(float(dpi[0]), float(dpi[1])) if dpi and all(dpi) else None)


def adopt(metadata: Metadata) -> dict[str, Any]:  # noqa: ARG001 - one signature for all formats
    return {}
