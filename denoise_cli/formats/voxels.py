"""How far apart the voxels of a TIFF stack are, as ImageJ and OME write it down."""

from __future__ import annotations

import math
import re
from typing import Any

__all__ = ["spacing_of"]


def spacing_of(file: Any) -> dict[str, float]:
    """The distance along Z, Y and X, in one unit, of an open tifffile.TiffFile; empty where the file does not say."""
    try:
        found = _of_ome(file.ome_metadata) if file.is_ome else _of_imagej(file) if file.is_imagej else {}
    except Exception:
        return {}  # what makes no sense says nothing
    return found if all(0 < distance < math.inf for distance in found.values()) else {}


def _of_imagej(file: Any) -> dict[str, float]:
    """ImageJ: `spacing` for Z in its unit; the resolution tags have pixels a unit for X and Y."""
    told = file.imagej_metadata or {}
    if "spacing" not in told:
        return {}
    tags = file.pages.first.tags
    found = {"Z": float(told["spacing"])}
    for letter, name in (("X", "XResolution"), ("Y", "YResolution")):
        pixels, units = tags[name].value if name in tags else (1, 1)
        found[letter] = units / pixels
    return found


def _of_ome(description: str) -> dict[str, float]:
    """OME: PhysicalSizeX, Y and Z of the first image, if all are in one unit."""
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", description)
    if pixels is None:
        return {}
    words = dict(re.findall(r'\b(PhysicalSize[XYZ](?:Unit)?)="([^"]*)"', pixels[0]))
    units = {words.get(f"PhysicalSize{letter}Unit", "µm") for letter in "XYZ" if f"PhysicalSize{letter}" in words}
    return (
        {letter: float(words[f"PhysicalSize{letter}"]) for letter in "ZYX" if f"PhysicalSize{letter}" in words} if len(units) == 1 else {}
    )
